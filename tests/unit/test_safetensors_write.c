/* core/safetensors_write.c: what is written comes back, damage is noticed, failures leave nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/file.h"
#include "core/safetensors.h"
#include "harness/fault_alloc.h"
#include "harness/seeded.h"

static const adi_allocator *const heap = &adi_default_allocator;
static char path[] = "test_safetensors_XXXXXX"; /* in the build folder */

static void expect_message(const char *part)
{
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' is not in '%s'", part, ad_last_error_message());
}

/* ---- Writing and reading back --------------------------------------------------------------- */

enum { ROUND_TRIP_BYTES = 8 * 6 };

static const struct {
    const char *name;
    int32_t ndim;
    int64_t shape[8];
    int64_t count;
} shapes[ADI_DTYPE_COUNT] = {
    {"weight", 2, {2, 3}, 6},
    {"bias", 1, {3}, 3},
    {"scalar", 0, {0}, 1},
    {"empty", 2, {0, 7}, 0},
    {"layer1.0.conv1.weight", 8, {1, 1, 1, 2, 1, 1, 1, 1}, 2},
    {"A", 1, {1}, 1},
    {"quote\"back\\slash\tcontrol\x01", 1, {5}, 5},
    {"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 1, {1}, 1},
    {"adfeat.crc32", 1, {3}, 3},
    {"z", 1, {1}, 1},
};

static ad_status write_all_dtypes(const adi_allocator *a, const char *to, int order)
{
    static uint8_t data[ADI_DTYPE_COUNT][ROUND_TRIP_BYTES];
    adi_st_writer *w = NULL;
    ADI_TRY(adi_st_writer_create(a, &w));
    ad_status status = AD_OK;
    for (int k = 0; k < ADI_DTYPE_COUNT && status == AD_OK; k++) {
        const int i = order > 0 ? k : ADI_DTYPE_COUNT - 1 - k;
        for (int b = 0; b < ROUND_TRIP_BYTES; b++)
            data[i][b] = seeded_byte(shapes[i].name, (uint64_t)b);
        status = adi_st_writer_tensor(w, shapes[i].name, (adi_dtype)i, shapes[i].ndim,
                                      shapes[i].shape, data[i]);
    }
    const char *const meta[][2] = {{"zebra", "\"quoted\" \\ \n \x7f"},
                                   {"adfeat.format", "1"},
                                   {"architecture", "resnet18"},
                                   {"\xc3\xa9", ""}};
    for (int k = 0; k < 4 && status == AD_OK; k++) {
        const int i = order > 0 ? k : 3 - k;
        status = adi_st_writer_meta(w, meta[i][0], meta[i][1]);
    }
    if (status == AD_OK)
        status = adi_st_writer_save(w, to);
    adi_st_writer_destroy(w);
    return status;
}

static void read_file(const char *from, uint8_t **bytes, size_t *size)
{
    assert_int_equal(adi_file_read(heap, from, 1 << 20, bytes, size), AD_OK);
}

static void round_trip(void **state)
{
    (void)state;
    assert_int_equal(write_all_dtypes(heap, path, 1), AD_OK);
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, path, &file), AD_OK);
    assert_int_equal(adi_st_verify(file), AD_OK);
    assert_int_equal(adi_st_count(file), ADI_DTYPE_COUNT);
    for (int32_t i = 1; i < adi_st_count(file); i++)
        assert_true(strcmp(adi_st_at(file, i - 1)->name, adi_st_at(file, i)->name) < 0);
    for (int i = 0; i < ADI_DTYPE_COUNT; i++) {
        const adi_st_tensor *t = adi_st_find(file, shapes[i].name);
        assert_non_null(t);
        assert_string_equal(t->name, shapes[i].name);
        assert_int_equal(t->dtype, i);
        assert_int_equal(t->ndim, shapes[i].ndim);
        assert_int_equal(t->count, shapes[i].count);
        for (int32_t k = 0; k < t->ndim; k++)
            assert_int_equal(t->shape[k], shapes[i].shape[k]);
        assert_int_equal((uintptr_t)t->data % adi_dtype_bytes(t->dtype), 0);
        for (size_t b = 0; b < (size_t)t->count * adi_dtype_bytes(t->dtype); b++)
            assert_int_equal(t->data[b], seeded_byte(t->name, b));
    }
    assert_null(adi_st_find(file, "absent"));
    assert_string_equal(adi_st_meta(file, "zebra"), "\"quoted\" \\ \n \x7f");
    assert_string_equal(adi_st_meta(file, "\xc3\xa9"), "");
    assert_string_equal(adi_st_meta(file, "architecture"), "resnet18");
    adi_st_close(file);
}

static void the_same_content_gives_the_same_bytes(void **state)
{
    (void)state;
    uint8_t *first = NULL;
    uint8_t *second = NULL;
    size_t first_size = 0;
    size_t second_size = 0;
    assert_int_equal(write_all_dtypes(heap, path, 1), AD_OK);
    read_file(path, &first, &first_size);
    assert_int_equal(write_all_dtypes(heap, path, -1), AD_OK);
    read_file(path, &second, &second_size);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    assert_int_equal(first[0] % 8, 0); /* the header's length */
    adi_free(heap, first);
    adi_free(heap, second);
}

static void nothing_at_all_can_be_written(void **state)
{
    (void)state;
    adi_st_writer *w = NULL;
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK); /* more than once */
    adi_st_writer_destroy(w);
    adi_st_writer_destroy(NULL);
    assert_int_equal(adi_st_open(heap, path, &file), AD_OK);
    assert_int_equal(adi_st_verify(file), AD_OK);
    assert_int_equal(adi_st_count(file), 0);
    assert_null(adi_st_find(file, "a"));
    adi_st_close(file);
}

static void the_writer_refuses_what_the_reader_would(void **state)
{
    (void)state;
    static const int64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const int64_t huge[2] = {INT64_MAX / 2, 3};
    static const int64_t negative[1] = {-1};
    const float value = 1.0f;
    char long_name[514];
    memset(long_name, 'n', 513);
    long_name[513] = 0;
    static const char *const not_utf8[] = {
        "\xff",     "\xc0\x80", "\xed\xa0\x80",    "\xf4\x90\x80\x80",
        "\xe2\x82", "\x80",     "\xf0\x80\x80\x80"};
    adi_st_writer *w = NULL;
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    const ad_status bad = AD_ERR_INVALID_ARGUMENT;
    assert_int_equal(adi_st_writer_tensor(w, "", ADI_F32, 1, shape, &value), bad);
    assert_int_equal(adi_st_writer_tensor(w, long_name, ADI_F32, 1, shape, &value), bad);
    assert_int_equal(adi_st_writer_tensor(w, "__metadata__", ADI_F32, 1, shape, &value), bad);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_F32, 9, shape, &value), bad);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_F32, -1, shape, &value), bad);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_U8, 2, huge, &value), bad);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_F32, 1, huge, &value), bad);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_F32, 1, negative, &value), bad);
    for (size_t i = 0; i < sizeof not_utf8 / sizeof *not_utf8; i++) {
        assert_int_equal(adi_st_writer_tensor(w, not_utf8[i], ADI_F32, 1, shape, &value), bad);
        assert_int_equal(adi_st_writer_meta(w, not_utf8[i], "x"), bad);
        assert_int_equal(adi_st_writer_meta(w, "x", not_utf8[i]), bad);
    }
    assert_int_equal(adi_st_writer_meta(w, "adfeat.crc32", "x"), bad);
    assert_int_equal(adi_st_writer_meta(w, "adfeat.crc32.a", "x"), bad);
    expect_message("writer's own");
    assert_int_equal(adi_st_writer_meta(w, "key", "x"), AD_OK);
    assert_int_equal(adi_st_writer_meta(w, "key", "y"), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), bad);
    expect_message("duplicate metadata 'key'");
    adi_st_writer_destroy(w);
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_F32, 1, shape, &value), AD_OK);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_F32, 1, shape, &value), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), bad);
    expect_message("duplicate tensor 'a'");
    adi_st_writer_destroy(w);
}

/* ---- Damage --------------------------------------------------------------------------------- */

/* Parse a copy of exactly that size; where it parses, also look at everything and verify. */
static ad_status parse_and_verify(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    adi_safetensors *file = NULL;
    ad_status status = adi_st_parse(heap, copy, size, "source", &file);
    if (status == AD_OK) {
        double values[64];
        for (int32_t i = 0; i < adi_st_count(file); i++) {
            const adi_st_tensor *t = adi_st_at(file, i);
            assert_true(t->count <= 64);
            if (t->dtype <= ADI_BF16)
                assert_in_range(adi_st_read_f64(file, t, values), AD_OK, AD_ERR_NUMERIC);
        }
        status = adi_st_verify(file);
    }
    adi_st_close(file);
    free(copy);
    return status;
}

static void every_truncation_fails(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    adi_safetensors *file = NULL;
    assert_int_equal(write_all_dtypes(heap, path, 1), AD_OK);
    read_file(path, &bytes, &size);
    assert_int_equal(parse_and_verify(bytes, size), AD_OK);
    for (size_t n = 0; n < size; n++) {
        uint8_t *copy = malloc(n + (n == 0));
        assert_non_null(copy);
        memcpy(copy, bytes, n);
        assert_int_equal(adi_st_parse(heap, copy, n, "source", &file), AD_ERR_FORMAT);
        free(copy);
    }
    adi_free(heap, bytes);
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(write_all_dtypes(heap, path, 1), AD_OK);
    read_file(path, &bytes, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (parse_and_verify(bytes, size) == AD_OK)
            fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    adi_free(heap, bytes);
}

/* The tensor data begins behind the header, whose length is in the first two bytes here. */
static void damaged_data_is_named(void **state)
{
    (void)state;
    const float values[2] = {1.0f, 2.0f};
    const int64_t shape[1] = {2};
    uint8_t *bytes = NULL;
    size_t size = 0;
    adi_st_writer *w = NULL;
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_st_writer_tensor(w, "some", ADI_F32, 1, shape, values), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    adi_st_writer_destroy(w);
    read_file(path, &bytes, &size);
    bytes[size - 1] ^= 1;
    assert_int_equal(adi_st_parse(heap, bytes, size, "source", &file), AD_OK);
    assert_int_equal(adi_st_verify(file), AD_ERR_FORMAT);
    expect_message("source: tensor 'some' is damaged");
    adi_st_close(file);
    adi_free(heap, bytes);
}

/* ---- Failures of the machine ---------------------------------------------------------------- */

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    static uint8_t block[1 << 16];
    const int64_t shape[1] = {sizeof block};
    assert_int_equal(write_all_dtypes(heap, path, 1), AD_OK);
    adi_st_writer *w = NULL;
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_st_writer_tensor(w, "a", ADI_U8, 1, shape, block), AD_OK);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {10000, before.rlim_max};
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const ad_status status = adi_st_writer_save(w, path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, AD_ERR_IO);
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, path, &file), AD_OK);
    assert_int_equal(adi_st_count(file), ADI_DTYPE_COUNT);
    adi_st_close(file);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK); /* there is room again */
    adi_st_writer_destroy(w);
}

static void every_failed_allocation_is_clean(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        fault_alloc fault = {.fail_at = n};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
        adi_safetensors *file = NULL;
        ad_status status = write_all_dtypes(&a, path, 1);
        if (status == AD_OK)
            status = adi_st_open(&a, path, &file);
        if (status == AD_OK)
            status = adi_st_verify(file);
        adi_st_close(file);
        assert_int_equal(fault.live, 0);
        if (status == AD_OK) {
            assert_true(n > 20);
            break;
        }
        assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        assert_string_equal(ad_last_error_message(), "out of memory");
    }
}

static int make_path(void **state)
{
    (void)state;
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(the_same_content_gives_the_same_bytes),
        cmocka_unit_test(nothing_at_all_can_be_written),
        cmocka_unit_test(the_writer_refuses_what_the_reader_would),
        cmocka_unit_test(every_truncation_fails),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(damaged_data_is_named),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(every_failed_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
