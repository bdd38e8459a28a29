/* What the fuzz targets share. An input is two control bytes, then the file or text under test:
 * byte 0 holds flags of the target, byte 1 the number of the allocation that fails (0: none). */
#ifndef ADFEAT_TESTS_FUZZ_H
#define ADFEAT_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "harness/fault_alloc.h"

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif
#ifdef FUZZ_ASAN
#include <sanitizer/asan_interface.h>
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s (last message: '%s')\n", __FILE__, __LINE__, \
                    #condition, ad_last_error_message());                                          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { FUZZ_CONTROL_BYTES = 2 };

/* The harness's allocator with a ceiling on what is held at once. New memory is filled with `fill`,
 * so that two runs with different fills tell whether something uninitialised was used. */
typedef struct fuzz_heap {
    fault_alloc fault; /* first, since fault_alloc_put() is given the whole */
    size_t ceiling;
    long refused; /* requests answered with NULL */
    int fill;
} fuzz_heap;

static inline void *fuzz_heap_get(void *user, size_t bytes, size_t alignment)
{
    fuzz_heap *h = user;
    uint8_t *p = NULL;
    if (bytes <= h->ceiling && (size_t)atomic_load(&h->fault.bytes) <= h->ceiling - bytes)
        p = fault_alloc_get(&h->fault, bytes, alignment);
    else
        atomic_fetch_add(&h->fault.calls, 1);
    if (!p) {
        h->refused++;
        return NULL;
    }
    memset(p, h->fill, bytes);
#ifdef FUZZ_ASAN
    /* The harness rounds up and keeps the size in front; neither is the library's to touch. */
    const size_t block = (bytes + 2 * alignment - 1) / alignment * alignment;
    ASAN_POISON_MEMORY_REGION(p + bytes, block - alignment - bytes);
    ASAN_POISON_MEMORY_REGION(p - alignment + sizeof(size_t), alignment - sizeof(size_t));
#endif
    return p;
}

static inline adi_allocator fuzz_heap_allocator(fuzz_heap *h)
{
    return (adi_allocator){fuzz_heap_get, fault_alloc_put, h};
}

/* Everything given back, and the books are in order. */
static inline void fuzz_heap_check_empty(const fuzz_heap *h)
{
    FUZZ_CHECK(atomic_load(&h->fault.live) == 0);
    FUZZ_CHECK(atomic_load(&h->fault.bytes) == 0);
}

/* Before a call: no sentence, so that one found afterwards is the call's own. */
static inline void fuzz_forget_message(void)
{
    (void)adi_fail(AD_OK, "%s", "");
}

/* After a call: a failure has a sentence of one line, and memory that was refused means
 * AD_ERR_OUT_OF_MEMORY. */
static inline void fuzz_check_status(ad_status status, long refused_before, const fuzz_heap *h)
{
    if (h->refused != refused_before)
        FUZZ_CHECK(status == AD_ERR_OUT_OF_MEMORY);
    if (status == AD_OK)
        return;
    FUZZ_CHECK(status > AD_OK && status <= AD_ERR_BACKEND);
    FUZZ_CHECK(strcmp(ad_status_name(status), "") != 0);
    const char *message = ad_last_error_message();
    const size_t length = strlen(message);
    FUZZ_CHECK(length > 0 && length < 1024);
    for (size_t i = 0; i < length; i++)
        FUZZ_CHECK((unsigned char)message[i] >= 0x20);
    if (h->refused == refused_before)
        FUZZ_CHECK(status != AD_ERR_OUT_OF_MEMORY);
}

/* FNV-1a over all that a run let us see: two runs must agree. */
#define FUZZ_DIGEST_START ((uint64_t)0xcbf29ce484222325u)

static inline void fuzz_digest(uint64_t *digest, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *digest = (*digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
}

static inline void fuzz_digest_status(uint64_t *digest, ad_status status)
{
    fuzz_digest(digest, &status, sizeof status);
    if (status != AD_OK)
        fuzz_digest(digest, ad_last_error_message(), strlen(ad_last_error_message()));
}

typedef struct fuzz_input {
    uint8_t flags;
    uint8_t fail_at;
    uint8_t *bytes; /* a block of exactly `size` bytes */
    size_t size;
} fuzz_input;

/* 0 where there are no control bytes. */
static inline int fuzz_input_take(const uint8_t *data, size_t size, fuzz_input *out)
{
    if (size < FUZZ_CONTROL_BYTES)
        return 0;
    out->flags = data[0];
    out->fail_at = data[1];
    out->size = size - FUZZ_CONTROL_BYTES;
    out->bytes = malloc(out->size ? out->size : 1);
    if (!out->bytes)
        return 0;
    memcpy(out->bytes, data + FUZZ_CONTROL_BYTES, out->size);
    return 1;
}

/* Run twice, with memory that held other things before, and compare what was seen. */
static inline void fuzz_run_twice(uint64_t (*run)(const fuzz_input *in, fuzz_heap *heap),
                                  const uint8_t *data, size_t size, size_t ceiling)
{
    static const int fills[2] = {0x5a, 0xc3};
    uint64_t seen[2];
    fuzz_input in;
    if (!fuzz_input_take(data, size, &in))
        return;
    for (int i = 0; i < 2; i++) {
        fuzz_heap heap = {.ceiling = ceiling, .fill = fills[i], .fault = {.fail_at = in.fail_at}};
        seen[i] = run(&in, &heap);
        fuzz_heap_check_empty(&heap);
    }
    FUZZ_CHECK(seen[0] == seen[1]);
    free(in.bytes);
}

#endif
