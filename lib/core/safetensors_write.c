/* Writing the safetensors container. The same content gives the same bytes: metadata is sorted by
 * key, tensors by descending element size (which aligns them) and then by name. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/file.h"
#include "core/leftover.h"
#include "core/safetensors.h"

#define CRC_KEY "adfeat.crc32"

enum { HEADER_ALIGNMENT = 8 };

typedef struct written_tensor {
    char *name;
    adi_dtype dtype;
    int32_t ndim;
    int64_t shape[ADI_ST_MAX_DIMS];
    const void *data;
    size_t bytes;
} written_tensor;

typedef struct written_meta {
    char *key;
    char *value;
} written_meta;

struct adi_st_writer {
    const adi_allocator *allocator;
    written_tensor *tensors;
    size_t count;
    size_t capacity;
    written_meta *meta;
    size_t meta_count;
    size_t meta_capacity;
};

/* ---- Text buffer ----------------------------------------------------------------------------- */

/* A failed allocation sets `failed`, which is checked once, at the end. */
typedef struct text_buffer {
    const adi_allocator *allocator;
    char *data;
    size_t size;
    size_t capacity;
    bool failed;
} text_buffer;

static void put_bytes(text_buffer *b, const char *bytes, size_t n)
{
    if (b->failed)
        return;
    char *data = adi_grow(b->allocator, b->data, &b->capacity, b->size + n, 1);
    if (!data) {
        b->failed = true;
        return;
    }
    b->data = data;
    memcpy(b->data + b->size, bytes, n);
    b->size += n;
}

static void put(text_buffer *b, const char *text)
{
    put_bytes(b, text, strlen(text));
}

static void put_integer(text_buffer *b, uintmax_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%ju", value);
    put(b, digits);
}

/* The inside of a JSON string. */
static void put_escaped(text_buffer *b, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            put(b, "\\");
            put_bytes(b, text, 1);
        } else if (c < 0x20) {
            char code[8];
            snprintf(code, sizeof code, "\\u%04x", (unsigned)c);
            put(b, code);
        } else {
            put_bytes(b, text, 1);
        }
    }
}

/* Well-formed UTF-8, as readers require it: no overlong form, no surrogate, nothing above
 * U+10FFFF. */
static bool is_utf8(const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    while (*p) {
        const uint32_t lead = *p++;
        if (lead < 0x80)
            continue;
        const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
        if (lead < 0xC2 || lead > 0xF4)
            return false;
        uint32_t code = lead & (0x3Fu >> more);
        for (int i = 0; i < more; i++, p++) {
            if ((*p & 0xC0) != 0x80) /* also where the text ends */
                return false;
            code = code << 6 | (*p & 0x3Fu);
        }
        static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
        if (code < smallest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
    }
    return true;
}

/* ---- Collecting ----------------------------------------------------------------------------- */

ad_status adi_st_writer_create(const adi_allocator *a, adi_st_writer **out_writer)
{
    *out_writer = NULL;
    adi_st_writer *w = adi_calloc(a, 1, sizeof *w);
    if (!w)
        return adi_fail_memory();
    w->allocator = a;
    *out_writer = w;
    return AD_OK;
}

ad_status adi_st_writer_meta(adi_st_writer *w, const char *key, const char *value)
{
    ADI_CHECK_ARG(is_utf8(key) && is_utf8(value), "metadata '%.80s' is not UTF-8", key);
    ADI_CHECK_ARG(strncmp(key, CRC_KEY, sizeof CRC_KEY - 1) != 0,
                  "metadata '%.80s': this key is the writer's own", key);
    written_meta *grown =
        adi_grow(w->allocator, w->meta, &w->meta_capacity, w->meta_count + 1, sizeof *w->meta);
    if (!grown)
        return adi_fail_memory();
    w->meta = grown;
    char *const key_copy = adi_strdup(w->allocator, key);
    char *const value_copy = adi_strdup(w->allocator, value);
    if (!key_copy || !value_copy) {
        adi_free(w->allocator, key_copy);
        adi_free(w->allocator, value_copy);
        return adi_fail_memory();
    }
    w->meta[w->meta_count++] = (written_meta){key_copy, value_copy};
    return AD_OK;
}

ad_status adi_st_writer_tensor(adi_st_writer *w, const char *name, adi_dtype dtype, int32_t ndim,
                               const int64_t *shape, const void *data)
{
    ADI_CHECK_ARG(name[0] && strlen(name) <= ADI_ST_MAX_NAME && is_utf8(name) &&
                      strcmp(name, "__metadata__") != 0,
                  "'%.80s' cannot name a tensor", name);
    ADI_CHECK_ARG(ndim >= 0 && ndim <= ADI_ST_MAX_DIMS, "tensor '%s' has %d dimensions, limit %d",
                  name, (int)ndim, ADI_ST_MAX_DIMS);
    ADI_CHECK_ARG(w->count < ADI_ST_MAX_TENSORS, "more than %d tensors", ADI_ST_MAX_TENSORS);
    written_tensor t = {.dtype = dtype, .ndim = ndim, .data = data};
    int64_t count = 1;
    const int64_t limit = INT64_MAX / (int64_t)adi_dtype_bytes(dtype);
    for (int32_t i = 0; i < ndim; i++) {
        ADI_CHECK_ARG(shape[i] >= 0 && (shape[i] == 0 || count <= limit / shape[i]),
                      "tensor '%s': dimension %d of %jd is impossible", name, (int)i,
                      (intmax_t)shape[i]);
        t.shape[i] = shape[i];
        count *= shape[i];
    }
    t.bytes = (size_t)count * adi_dtype_bytes(dtype);
    written_tensor *grown =
        adi_grow(w->allocator, w->tensors, &w->capacity, w->count + 1, sizeof *w->tensors);
    if (!grown)
        return adi_fail_memory();
    w->tensors = grown;
    t.name = adi_strdup(w->allocator, name);
    if (!t.name)
        return adi_fail_memory();
    w->tensors[w->count++] = t;
    return AD_OK;
}

void adi_st_writer_destroy(adi_st_writer *w)
{
    if (!w)
        return;
    const adi_allocator *a = w->allocator;
    for (size_t i = 0; i < w->count; i++)
        adi_free(a, w->tensors[i].name);
    for (size_t i = 0; i < w->meta_count; i++) {
        adi_free(a, w->meta[i].key);
        adi_free(a, w->meta[i].value);
    }
    adi_free(a, w->tensors);
    adi_free(a, w->meta);
    adi_free(a, w);
}

/* ---- Order ---------------------------------------------------------------------------------- */

static int by_name(const void *left, const void *right)
{
    return strcmp(((const written_tensor *)left)->name, ((const written_tensor *)right)->name);
}

static int by_place(const void *left, const void *right)
{
    const size_t a = adi_dtype_bytes(((const written_tensor *)left)->dtype);
    const size_t b = adi_dtype_bytes(((const written_tensor *)right)->dtype);
    return a != b ? (a > b ? -1 : 1) : by_name(left, right);
}

static int by_key(const void *left, const void *right)
{
    return strcmp(((const written_meta *)left)->key, ((const written_meta *)right)->key);
}

/* Refuse duplicates. Leaves the tensors sorted by name and the metadata by key. */
static ad_status check_names(adi_st_writer *w)
{
    if (w->count > 0)
        qsort(w->tensors, w->count, sizeof *w->tensors, by_name);
    for (size_t i = 1; i < w->count; i++)
        ADI_CHECK_ARG(by_name(&w->tensors[i - 1], &w->tensors[i]) != 0,
                      "duplicate tensor '%s'", w->tensors[i].name);
    if (w->meta_count > 0)
        qsort(w->meta, w->meta_count, sizeof *w->meta, by_key);
    for (size_t i = 1; i < w->meta_count; i++)
        ADI_CHECK_ARG(by_key(&w->meta[i - 1], &w->meta[i]) != 0, "duplicate metadata '%.80s'",
                      w->meta[i].key);
    return AD_OK;
}

/* ---- Header --------------------------------------------------------------------------------- */

static void put_meta(text_buffer *b, const char *prefix, const char *key, const char *value)
{
    if (!b->failed && b->data[b->size - 1] != '{')
        put(b, ",");
    put(b, "\"");
    put(b, prefix);
    put_escaped(b, key);
    put(b, "\":\"");
    put_escaped(b, value);
    put(b, "\"");
}

static void crc_text(char text[9], uint32_t crc)
{
    snprintf(text, 9, "%08x", (unsigned)crc);
}

/* Returns the offset of the eight digits of the header's own CRC, which are zeros until the header
 * is complete. The keys of checksums sort together, since no other key may begin like them. */
static size_t put_metadata(text_buffer *b, const adi_st_writer *w)
{
    size_t i = 0;
    put(b, "\"__metadata__\":{");
    for (; i < w->meta_count && strcmp(w->meta[i].key, CRC_KEY) < 0; i++)
        put_meta(b, "", w->meta[i].key, w->meta[i].value);
    put_meta(b, "", CRC_KEY, "00000000");
    const size_t digits = b->size - 9; /* and the closing quote */
    for (size_t k = 0; k < w->count; k++) {
        char text[9];
        const written_tensor *t = &w->tensors[k];
        crc_text(text, (uint32_t)crc32_z(0, t->data, t->bytes));
        put_meta(b, CRC_KEY ".", t->name, text);
    }
    for (; i < w->meta_count; i++)
        put_meta(b, "", w->meta[i].key, w->meta[i].value);
    put(b, "}");
    return digits;
}

static void put_tensor(text_buffer *b, const written_tensor *t, size_t begin)
{
    put(b, ",\"");
    put_escaped(b, t->name);
    put(b, "\":{\"dtype\":\"");
    put(b, adi_dtype_name(t->dtype));
    put(b, "\",\"shape\":[");
    for (int32_t i = 0; i < t->ndim; i++) {
        put(b, i ? "," : "");
        put_integer(b, (uintmax_t)t->shape[i]);
    }
    put(b, "],\"data_offsets\":[");
    put_integer(b, begin);
    put(b, ",");
    put_integer(b, begin + t->bytes);
    put(b, "]}");
}

/* Leaves the tensors sorted as their data is written. */
static ad_status make_header(adi_st_writer *w, text_buffer *b)
{
    ADI_TRY(check_names(w));
    put(b, "{");
    const size_t digits = put_metadata(b, w);
    if (w->count > 0)
        qsort(w->tensors, w->count, sizeof *w->tensors, by_place);
    size_t place = 0;
    for (size_t i = 0; i < w->count; i++) {
        const written_tensor *t = &w->tensors[i];
        ADI_CHECK_ARG(t->bytes <= (size_t)INT64_MAX - place, "the tensors' size overflows");
        put_tensor(b, t, place);
        place += t->bytes;
    }
    put(b, "}");
    while (!b->failed && b->size % HEADER_ALIGNMENT != 0)
        put(b, " ");
    if (b->failed)
        return adi_fail_memory();
    ADI_CHECK_ARG(b->size <= ADI_ST_MAX_HEADER, "a header of %zu bytes, limit %d", b->size,
                  ADI_ST_MAX_HEADER);
    char text[9];
    crc_text(text, (uint32_t)crc32_z(0, (const uint8_t *)b->data, b->size));
    memcpy(b->data + digits, text, 8);
    return AD_OK;
}

/* ---- File ----------------------------------------------------------------------------------- */

/* Make the header, and the length that stands in front of it. */
static ad_status begin(adi_st_writer *w, text_buffer *header, uint8_t length[8])
{
    ADI_TRY(make_header(w, header));
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)header->size >> 8 * i);
    return AD_OK;
}

ad_status adi_st_writer_save(adi_st_writer *w, const char *path)
{
    text_buffer header = {.allocator = w->allocator};
    adi_file_writer file = {.fd = -1, .lock = -1};
    uint8_t length[8];
    ad_status status = AD_OK;
    ADI_TRY_CLEANUP(begin(w, &header, length));
    ADI_TRY_CLEANUP(adi_file_begin(&file, w->allocator, path, ADI_LEFTOVERS_ALL));
    ADI_TRY_CLEANUP(adi_file_append(&file, length, sizeof length));
    ADI_TRY_CLEANUP(adi_file_append(&file, header.data, header.size));
    for (size_t i = 0; i < w->count; i++)
        ADI_TRY_CLEANUP(adi_file_append(&file, w->tensors[i].data, w->tensors[i].bytes));
    ADI_TRY_CLEANUP(adi_file_commit(&file));
cleanup:
    adi_file_abort(&file);
    adi_free(w->allocator, header.data);
    return status;
}

ad_status adi_st_writer_bytes(adi_st_writer *w, uint8_t **out_bytes, size_t *out_size)
{
    text_buffer header = {.allocator = w->allocator};
    uint8_t length[8];
    *out_bytes = NULL;
    ad_status status = begin(w, &header, length);
    if (status == AD_OK) {
        size_t size = sizeof length + header.size;
        for (size_t i = 0; i < w->count; i++)
            size += w->tensors[i].bytes;
        uint8_t *at = adi_alloc(w->allocator, size);
        *out_bytes = at;
        *out_size = size;
        status = at ? AD_OK : adi_fail_memory();
        if (at) {
            memcpy(at, length, sizeof length);
            memcpy(at + sizeof length, header.data, header.size);
            at += sizeof length + header.size;
        }
        for (size_t i = 0; at && i < w->count; at += w->tensors[i++].bytes)
            memcpy(at, w->tensors[i].data, w->tensors[i].bytes);
    }
    adi_free(w->allocator, header.data);
    return status;
}
