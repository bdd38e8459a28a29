/* core/safetensors_data.c: a file on the disk gives what it gives from memory, block by block; damage is told when a
 * tensor is read, and before anything that it makes of the values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <unistd.h>

#include "core/safetensors.h"
#include "harness/fault_alloc.h"
#include "harness/seeded.h"

static const adi_allocator *const heap = &adi_default_allocator;
static char path[] = "test_safetensors_data_XXXXXX"; /* in the build folder */

static void expect_message(const char *part)
{
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' is not in '%s'", part, ad_last_error_message());
}

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Elements around the ends of blocks. */
static const int64_t counts[] = {0, 1, 7, ADI_ST_BLOCK / 8, ADI_ST_BLOCK / 4 - 1, ADI_ST_BLOCK / 4, ADI_ST_BLOCK / 4 + 1,
                                 ADI_ST_BLOCK / 2, 3 * ADI_ST_BLOCK / 4 + 5, ADI_ST_BLOCK + 3};
static const adi_dtype dtypes[] = {ADI_F64, ADI_F32, ADI_F16, ADI_BF16};
enum { COUNTS = sizeof counts / sizeof *counts, DTYPES = sizeof dtypes / sizeof *dtypes, MOST = ADI_ST_BLOCK + 3 };

static void name_of(int dtype, int count, char name[32])
{
    snprintf(name, 32, "%s.%d", adi_dtype_name(dtypes[dtype]), count);
}

/* Every count of every type, with the bits of 0.5 .. 1.5 and the like; an I32 of the largest count and one of none. */
static void write_file(void)
{
    adi_st_writer *w = NULL;
    uint8_t *blocks[DTYPES * COUNTS + 1];
    int n = 0;
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    for (int d = 0; d < DTYPES; d++)
        for (int c = 0; c < COUNTS; c++) {
            const size_t size = adi_dtype_bytes(dtypes[d]);
            uint8_t *bytes = blocks[n++] = malloc((size_t)counts[c] * size + 1);
            assert_non_null(bytes);
            char name[32];
            name_of(d, c, name);
            for (int64_t i = 0; i < counts[c] * (int64_t)size; i++)
                bytes[i] = seeded_byte(name, (uint64_t)i);
            for (int64_t i = 0; i < counts[c]; i++) /* an exponent that every type has */
                bytes[(size_t)(i + 1) * size - 1] = 0x3b;
            assert_int_equal(adi_st_writer_tensor(w, name, dtypes[d], 1, &counts[c], bytes), AD_OK);
        }
    const int64_t count = MOST;
    int32_t *whole = malloc(MOST * sizeof *whole);
    assert_non_null(whole);
    for (int32_t i = 0; i < MOST; i++)
        whole[i] = 7 * i - 1000;
    assert_int_equal(adi_st_writer_tensor(w, "whole", ADI_I32, 1, &count, whole), AD_OK);
    assert_int_equal(adi_st_writer_tensor(w, "none", ADI_I32, 1, &counts[0], whole), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    adi_st_writer_destroy(w);
    free(whole);
    while (n > 0)
        free(blocks[--n]);
}

static int set_up(void **state)
{
    (void)state;
    const int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    write_file();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return remove(path);
}

static void same_as_in_memory(void **state)
{
    (void)state;
    adi_safetensors *there = NULL, *here = NULL;
    static float narrow[2][MOST];
    static double wide[2][MOST];
    static int32_t whole[2][MOST];
    const int files = open_files();
    assert_int_equal(adi_st_open_on_disk(heap, path, &there), AD_OK);
    assert_int_equal(adi_st_open(heap, path, &here), AD_OK);
    assert_int_equal(adi_st_verify(there), AD_OK);
    assert_string_equal(adi_st_what(there), path);
    assert_int_equal(adi_st_count(there), DTYPES * COUNTS + 2);
    for (int checked = 0; checked < 2; checked++) {
        memset(whole, 0, sizeof whole);
        for (int32_t i = 0; i < adi_st_count(there); i++) {
            const adi_st_tensor *a = adi_st_at(there, i), *b = adi_st_find(here, a->name);
            const size_t n = (size_t)a->count;
            assert_non_null(b);
            assert_null(a->data);
            assert_int_equal(a->offset, b->offset);
            if (a->dtype == ADI_I32) {
                assert_int_equal(adi_st_read_i32(there, a, whole[0]), AD_OK);
                assert_int_equal(adi_st_read_i32(here, b, whole[1]), AD_OK);
                assert_int_equal(whole[0][MOST - 1], n ? 7 * (MOST - 1) - 1000 : 0);
                assert_memory_equal(whole[0], whole[1], n * sizeof(int32_t));
                continue;
            }
            assert_int_equal(adi_st_read_f32(there, a, narrow[0]), AD_OK);
            assert_int_equal(adi_st_read_f32(here, b, narrow[1]), AD_OK);
            if (n)
                assert_memory_equal(narrow[0], narrow[1], n * sizeof(float));
            assert_int_equal(adi_st_read_f64(there, a, wide[0]), AD_OK);
            assert_int_equal(adi_st_read_f64(here, b, wide[1]), AD_OK);
            if (n)
                assert_memory_equal(wide[0], wide[1], n * sizeof(double));
            for (size_t e = 0; e < n; e++)
                assert_true(narrow[0][e] == (float)wide[0][e] && narrow[0][e] > 0.0f);
        }
        assert_int_equal(adi_st_verify_reads(there), AD_OK);
        assert_int_equal(adi_st_verify_reads(here), AD_OK);
    }
    adi_st_close(there);
    adi_st_close(here);
    assert_int_equal(open_files(), files);
}

static void put_byte(uint64_t at, int add)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    const int c = fgetc(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fputc((c + add) & 255, f), (c + add) & 255);
    assert_int_equal(fclose(f), 0);
}

static uint64_t header_bytes(void)
{
    uint64_t length = 0;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(&length, 8, 1, f), 1);
    fclose(f);
    return length + 8;
}

/* Wherever it is, also where it makes a value that is none; the other tensors are as they were. */
static void damage(void **state)
{
    (void)state;
    static float values[MOST];
    static double wide[MOST];
    const uint64_t data = header_bytes();
    for (int c = 1; c < COUNTS; c++) {
        adi_safetensors *file = NULL;
        char name[32], sentence[64];
        name_of(1, c, name);
        snprintf(sentence, sizeof sentence, "tensor '%s' is damaged", name);
        assert_int_equal(adi_st_open_on_disk(heap, path, &file), AD_OK);
        const adi_st_tensor *t = adi_st_find(file, name);
        const uint64_t places[] = {0, (uint64_t)t->count * 2, (uint64_t)t->count * 4 - 1};
        for (int p = 0; p < 3; p++)
            for (int add = 1; add < 256; add += 0xc3 - 1) { /* the last byte becomes an infinity's or a NaN's, 0xfe */
                put_byte(data + t->offset + places[p], add);
                assert_int_equal(adi_st_verify(file), AD_ERR_FORMAT);
                expect_message(sentence);
                assert_int_equal(adi_st_verify_reads(file), AD_OK);
                assert_int_equal(adi_st_read_f32(file, t, values), AD_ERR_FORMAT);
                expect_message(sentence);
                assert_int_equal(adi_st_read_f64(file, t, wide), AD_ERR_FORMAT);
                expect_message(sentence);
                assert_int_equal(adi_st_read_f32(file, adi_st_find(file, "F16.3"), values), AD_OK);
                put_byte(data + t->offset + places[p], -add);
                assert_int_equal(adi_st_read_f32(file, t, values), AD_OK);
            }
        adi_st_close(file);
    }
}

/* What is no value is told with its place, in whichever block, once the checksum agrees. */
static void values_that_are_none(void **state)
{
    (void)state;
    static float values[MOST];
    const int64_t count = MOST;
    static const int64_t places[] = {0, ADI_ST_BLOCK / 4 - 1, ADI_ST_BLOCK / 4, MOST - 1};
    for (int p = 0; p < 4; p++) {
        char other[] = "test_safetensors_data_nan_XXXXXX", sentence[64];
        const int fd = mkstemp(other);
        assert_true(fd >= 0);
        close(fd);
        memset(values, 0, sizeof values);
        values[places[p]] = NAN;
        values[MOST - 1] = NAN; /* the first is told */
        adi_st_writer *w = NULL;
        adi_safetensors *file = NULL;
        assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
        assert_int_equal(adi_st_writer_tensor(w, "x", ADI_F32, 1, &count, values), AD_OK);
        assert_int_equal(adi_st_writer_save(w, other), AD_OK);
        adi_st_writer_destroy(w);
        assert_int_equal(adi_st_open_on_disk(heap, other, &file), AD_OK);
        snprintf(sentence, sizeof sentence, "tensor 'x': element %lld is NaN", (long long)places[p]);
        for (int checked = 0; checked < 2; checked++) {
            assert_int_equal(adi_st_read_f32(file, adi_st_at(file, 0), values), AD_ERR_NUMERIC);
            expect_message(sentence);
            assert_int_equal(adi_st_verify_reads(file), AD_OK);
        }
        adi_st_close(file);
        remove(other);
    }
}

/* A file that becomes shorter while it is open. */
static void cut_off(void **state)
{
    (void)state;
    static float values[MOST];
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open_on_disk(heap, path, &file), AD_OK);
    const uint64_t data = header_bytes();
    const adi_st_tensor *last = adi_st_at(file, 0), *first = last;
    for (int32_t i = 1; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        last = t->offset >= last->offset && t->count ? t : last;
        first = t->offset <= first->offset && t->count ? t : first;
    }
    assert_int_equal(truncate(path, (off_t)(data + last->offset + 5)), 0);
    assert_int_equal(adi_st_read_f32(file, last, values), last->dtype == ADI_I32 ? AD_ERR_FORMAT : AD_ERR_IO);
    assert_int_equal(adi_st_verify(file), AD_ERR_IO);
    expect_message("it ended at byte ");
    expect_message(path);
    assert_int_equal(adi_st_read_f32(file, first, values), AD_OK);
    adi_st_close(file);
    assert_int_equal(adi_st_open_on_disk(heap, path, &file), AD_ERR_FORMAT);
    assert_null(file);
    write_file();
}

/* Memory for the header and the names, whatever the tensors take; every allocation can fail, and leaves nothing. */
static void memory(void **state)
{
    (void)state;
    fault_alloc fault = {0};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
    adi_safetensors *file = NULL;
    const int files = open_files();
    for (long nth = 1, done = 0; !done; nth++) {
        fault.fail_at = atomic_load(&fault.calls) + nth;
        const ad_status status = adi_st_open_on_disk(&a, path, &file);
        done = status == AD_OK;
        if (!done) {
            assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
            assert_null(file);
            assert_int_equal(atomic_load(&fault.live), 0);
            assert_int_equal(open_files(), files);
        }
        assert_true(nth < 20);
    }
    assert_true((uint64_t)atomic_load(&fault.peak) < 8 * header_bytes());
    adi_st_close(file);
    assert_int_equal(atomic_load(&fault.live), 0);
    assert_int_equal(adi_st_open_on_disk(heap, "absent.safetensors", &file), AD_ERR_IO);
    assert_int_equal(adi_st_open_on_disk(heap, ".", &file), AD_ERR_IO);
    assert_int_equal(adi_st_open_on_disk(heap, "/dev/null", &file), AD_ERR_IO);
    assert_null(file);
    assert_int_equal(open_files(), files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_in_memory), cmocka_unit_test(damage), cmocka_unit_test(values_that_are_none),
        cmocka_unit_test(cut_off), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
