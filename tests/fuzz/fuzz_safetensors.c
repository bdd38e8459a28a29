/* The safetensors reader. Flags: 1 checksums are repaired first. */
#include <math.h>

#include "core/safetensors.h"
#include "fuzz.h"
#include "mutate.h"
#include "repair.h"

enum { REPAIR = 1, CEILING = 64 << 20, MAX_READ = 1 << 20 };

static void check_tensor(const adi_safetensors *file, const adi_st_tensor *t, const fuzz_input *in)
{
    FUZZ_CHECK(t->name[0] && strlen(t->name) <= ADI_ST_MAX_NAME);
    FUZZ_CHECK(adi_st_find(file, t->name) == t);
    FUZZ_CHECK(t->ndim >= 0 && t->ndim <= ADI_ST_MAX_DIMS);
    FUZZ_CHECK((int)t->dtype >= 0 && t->dtype < ADI_DTYPE_COUNT);
    int64_t count = 1;
    for (int32_t i = 0; i < t->ndim; i++) {
        FUZZ_CHECK(t->shape[i] >= 0);
        count *= t->shape[i]; /* the undefined behaviour sanitizer watches */
    }
    FUZZ_CHECK(count == t->count);
    FUZZ_CHECK(t->data >= in->bytes && t->data <= in->bytes + in->size);
    FUZZ_CHECK((size_t)count <=
               (size_t)(in->bytes + in->size - t->data) / adi_dtype_bytes(t->dtype));
}

/* Both conversions into blocks of exactly the right size. */
static void read_tensor(const adi_safetensors *file, const adi_st_tensor *t, uint64_t *seen,
                        const fuzz_heap *heap)
{
    if (t->count > MAX_READ)
        return;
    const size_t n = (size_t)t->count;
    float *narrow = malloc(n ? n * sizeof *narrow : 1);
    double *wide = malloc(n ? n * sizeof *wide : 1);
    FUZZ_CHECK(narrow && wide);
    fuzz_forget_message();
    ad_status status = adi_st_read_f32(file, t, narrow);
    fuzz_check_status(status, heap->refused, heap);
    fuzz_digest_status(seen, status);
    for (size_t i = 0; i < n && status == AD_OK; i++)
        FUZZ_CHECK(isfinite(narrow[i]));
    if (status == AD_OK)
        fuzz_digest(seen, narrow, n * sizeof *narrow);
    fuzz_forget_message();
    status = adi_st_read_f64(file, t, wide);
    fuzz_check_status(status, heap->refused, heap);
    fuzz_digest_status(seen, status);
    for (size_t i = 0; i < n && status == AD_OK; i++)
        FUZZ_CHECK(isfinite(wide[i]));
    if (status == AD_OK)
        fuzz_digest(seen, wide, n * sizeof *wide);
    free(narrow);
    free(wide);
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    static const char *const keys[] = {"adfeat.crc32", "adfeat.kind", "architecture",
                                       "format",       "a",           ""};
    uint64_t seen = FUZZ_DIGEST_START;
    const adi_allocator a = fuzz_heap_allocator(heap);
    adi_safetensors *file = (adi_safetensors *)(void *)heap; /* must become NULL on failure */
    fuzz_forget_message();
    ad_status status = adi_st_parse(&a, in->bytes, in->size, "input", &file);
    fuzz_check_status(status, 0, heap);
    fuzz_digest_status(&seen, status);
    /* Nothing that the header claims may make us hold much more than the file itself. */
    FUZZ_CHECK((size_t)atomic_load(&heap->fault.peak) <= 4096 + 64 * in->size);
    if (status != AD_OK) {
        FUZZ_CHECK(!file);
        return seen;
    }
    FUZZ_CHECK(strcmp(adi_st_what(file), "input") == 0);
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        if (i)
            FUZZ_CHECK(strcmp(adi_st_at(file, i - 1)->name, t->name) < 0);
        check_tensor(file, t, in);
        read_tensor(file, t, &seen, heap);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = adi_st_meta(file, keys[i]);
        if (value)
            fuzz_digest(&seen, value, strlen(value));
    }
    FUZZ_CHECK(!adi_st_find(file, "") && !adi_st_find(file, "__metadata__"));
    fuzz_forget_message();
    status = adi_st_verify(file);
    fuzz_check_status(status, heap->refused, heap);
    fuzz_digest_status(&seen, status);
    adi_st_close(file);
    return seen;
}

static uint64_t run_repaired(const fuzz_input *in, fuzz_heap *heap)
{
    if (in->flags & REPAIR)
        repair_safetensors(in->bytes, in->size);
    return run(in, heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run_twice(run_repaired, data, size, CEILING);
    return 0;
}
