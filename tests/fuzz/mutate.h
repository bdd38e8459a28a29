/* How libFuzzer changes a safetensors input: as a whole, or one part of it (header, one string of
 * the header, the graph's text, tensor data) with the lengths that depend on it put right. */
#ifndef ADFEAT_TESTS_FUZZ_MUTATE_H
#define ADFEAT_TESTS_FUZZ_MUTATE_H
#ifdef ADFEAT_LIBFUZZER

#include "fuzz.h"
#include "repair.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { MUTATE_FRONT = FUZZ_CONTROL_BYTES + 8 };

/* Replace `length` bytes of the header at `at` by `count` others; the new size, 0 where there is no
 * room. */
static size_t mutate_splice(uint8_t *data, size_t size, size_t max_size, size_t at, size_t length,
                            const uint8_t *bytes, size_t count)
{
    if (size - length + count > max_size)
        return 0;
    const uint64_t header =
        repair_header_size(data + FUZZ_CONTROL_BYTES, size - FUZZ_CONTROL_BYTES) - length + count;
    memmove(data + at + count, data + at + length, size - at - length);
    memcpy(data + at, bytes, count);
    for (int i = 0; i < 8; i++)
        data[FUZZ_CONTROL_BYTES + i] = (uint8_t)(header >> 8 * i);
    return size - length + count;
}

/* Mutate a copy of a stretch of the header and put it back. */
static size_t mutate_stretch(uint8_t *data, size_t size, size_t max_size, size_t at, size_t length)
{
    const size_t room = length + (max_size - size);
    uint8_t *copy = malloc(room + 1);
    if (!copy)
        return 0;
    memcpy(copy, data + at, length);
    const size_t count = LLVMFuzzerMutate(copy, length, room);
    const size_t made = mutate_splice(data, size, max_size, at, length, copy, count);
    free(copy);
    return made;
}

/* The same for the inside of a JSON string, which is mutated as the text that it means. */
static size_t mutate_text(uint8_t *data, size_t size, size_t max_size, size_t at, size_t length)
{
    const size_t room = length + (max_size - size);
    uint8_t *text = malloc(room + 1), *json = malloc(6 * room + 1);
    size_t n = 0, made = 0;
    for (size_t i = 0; text && json && i < length; i++) {
        unsigned code = data[at + i];
        char hex[5] = "";
        if (code == '\\' && i + 5 < length && data[at + i + 1] == 'u') {
            memcpy(hex, data + at + i + 2, 4);
            code = (unsigned)strtoul(hex, NULL, 16);
            i += 5;
        } else if (code == '\\' && i + 1 < length) {
            i++;
            code = data[at + i] == 'n' ? '\n' : data[at + i];
        }
        text[n++] = (uint8_t)code;
    }
    if (text && json) {
        n = LLVMFuzzerMutate(text, n, room);
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            if (text[i] < 0x20 || text[i] == '"' || text[i] == '\\')
                count += (size_t)snprintf((char *)json + count, 7, "\\u%04x", text[i]);
            else
                json[count++] = text[i] < 0x7f ? text[i] : '?';
        made = mutate_splice(data, size, max_size, at, length, json, count);
    }
    free(text);
    free(json);
    return made;
}

/* The string of the header that begins at or after `from`: its place without quotes; 0 where none.
 */
static size_t mutate_find_string(const uint8_t *data, size_t end, size_t from, size_t *out_length)
{
    size_t at = from;
    while (at < end && data[at] != '"')
        at++;
    size_t stop = ++at;
    while (stop < end && data[stop] != '"')
        stop += data[stop] == '\\' ? 2 : 1;
    *out_length = stop - at;
    return stop < end ? at : 0;
}

static size_t mutate_named(uint8_t *data, size_t size, size_t max_size, size_t end,
                           const char *marker)
{
    const size_t n = strlen(marker);
    for (size_t i = MUTATE_FRONT; i + n < end; i++) {
        size_t length;
        if (memcmp(data + i, marker, n) != 0)
            continue;
        const size_t at = mutate_find_string(data, end, i + n, &length);
        return at ? mutate_text(data, size, max_size, at, length) : 0;
    }
    return 0;
}

static size_t mutate_values(uint8_t *data, size_t size, size_t begin, unsigned random)
{
    static const double wide[] = {0.0, -1.0, 1e308, -1e308, 5e-324, 1e-300, 1e20, 0x1p62};
    const size_t n = size - begin;
    const size_t at = begin + (n ? random % n : 0) / 4 * 4;
    const double d = wide[random / 7 % (sizeof wide / sizeof *wide)];
    const float f = (float)(d > 3e38 ? 3e38 : d < -3e38 ? -3e38 : d);
    const uint64_t odd = random & 64 ? 0x7ff0000000000000u : 0x7ff8000000000001u;
    if (random & 32 && at + 8 <= size)
        memcpy(data + at, random & 128 ? (const void *)&odd : &d, 8);
    else if (at + 4 <= size)
        memcpy(data + at, &f, 4);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    unsigned random = seed * 2654435761u >> 8;
    const unsigned how = random % 10;
    random /= 10;
    uint64_t header = 0;
    if (size > MUTATE_FRONT)
        header = repair_header_size(data + FUZZ_CONTROL_BYTES, size - FUZZ_CONTROL_BYTES);
    const size_t end = MUTATE_FRONT + (size_t)header;
    size_t made = 0, length = 0;
    if (header && how < 2)
        made = mutate_stretch(data, size, max_size, MUTATE_FRONT, (size_t)header);
    else if (header && how < 4)
        made = mutate_named(data, size, max_size, end, "\"adfeat.graph\":");
    else if (header && how < 5)
        made = mutate_named(data, size, max_size, end, "\"adfeat.option.");
    else if (header && how < 7) {
        const size_t at = mutate_find_string(data, end, MUTATE_FRONT + random % header, &length);
        made = at ? mutate_text(data, size, max_size, at, length) : 0;
    } else if (header && how < 8 && size > end)
        made = mutate_values(data, size, end, random);
    return made ? made : LLVMFuzzerMutate(data, size, max_size);
}

#endif
#endif
