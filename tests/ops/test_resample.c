/* resample: Pillow's sums of bytes in whole numbers, on every instruction set and to the byte, at
 * sizes that no vector divides; nothing outside the samples that are there is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/isa_cpu.h"
#include "harness/op_case.h"

static uint8_t *random_bytes(int64_t n)
{
    uint8_t *p = guarded_alloc((size_t)n);
    for (int64_t i = 0; i < n; i++)
        p[i] = (uint8_t)(op_int(0, 9) ? op_int(0, 255) : 255);
    return p;
}

/* Weights whose sums stay in 32 bits, some of them negative as Lanczos's, and 0 behind the
 * count. */
static void fill_weights(int32_t *w, int64_t count, int64_t taps)
{
    for (int64_t k = 0; k < taps; k++)
        w[k] = k < count ? (int32_t)op_int(-(1 << 21) / count, (2 << 22) / count - 1) : 0;
}

static uint8_t clipped(int64_t sum)
{
    const double v = floor((double)sum / (1 << 22) + 0.5);
    return (uint8_t)(v < 0.0 ? 0.0 : v > 255.0 ? 255.0 : v);
}

static void check_row(int64_t n, int64_t samples, int64_t most, int64_t channels)
{
    char name[80];
    snprintf(name, sizeof name, "%lld outputs of %lld samples, up to %lld taps, %lld channels",
             (long long)n, (long long)samples, (long long)most, (long long)channels);
    const int64_t taps = (most + ADI_RESAMPLE_TAPS - 1) / ADI_RESAMPLE_TAPS * ADI_RESAMPLE_TAPS;
    const int64_t first = op_int(0, 5);
    int32_t *start = guarded_alloc((size_t)n * 4), *count = guarded_alloc((size_t)n * 4);
    int32_t *weight = guarded_alloc((size_t)(n * taps + ADI_RESAMPLE_TAPS) * 4);
    uint8_t *in = random_bytes(samples * channels), *want = guarded_alloc((size_t)(n * channels));
    memset(weight, 0, (size_t)(n * taps + ADI_RESAMPLE_TAPS) * 4);
    for (int64_t o = 0; o < n; o++) {
        count[o] = (int32_t)op_int(1, most);
        start[o] = (int32_t)(first + op_int(0, samples - count[o]));
        fill_weights(weight + o * taps, count[o], taps);
        for (int64_t c = 0; c < channels; c++) {
            int64_t sum = 0;
            for (int64_t k = 0; k < count[o]; k++)
                sum += (int64_t)in[(start[o] - first + k) * channels + c] * weight[o * taps + k];
            want[o * channels + c] = clipped(sum);
        }
    }
    const adi_resample a = {start, count, weight, taps, first, first + samples};
    const adi_isa *isa = NULL;
    for (int32_t i = -2; i < 0 || (isa = adi_isa_cpu(i)); i++) {
        adi_resample_row_fn *const run = i == -2   ? adi_backend_ref.host->resample_row
                               : i == -1 ? adi_backend_cpu.host->resample_row
                                         : isa->resample_row;
        uint8_t *out = guarded_alloc((size_t)(n * channels));
        run(out, in, &a, n, channels);
        op_same_bits(name, out, want, (size_t)(n * channels));
        guarded_free(out, name);
    }
    guarded_free(start, name);
    guarded_free(count, name);
    guarded_free(weight, name);
    guarded_free(in, name);
    guarded_free(want, name);
}

static void along_rows(void **state)
{
    (void)state;
    for (int64_t channels = 1; channels <= 3; channels += 2) {
        check_row(1, 1, 1, channels);
        check_row(3, 2, 2, channels);
        for (int64_t samples = 3; samples < 40; samples++) /* every distance to the row's end */
            check_row(9, samples, op_int(1, samples), channels);
        for (int i = 0; i < 200; i++) {
            const int64_t samples = op_int(1, 300);
            check_row(op_int(1, 70), samples, op_int(1, samples < 67 ? samples : 67), channels);
        }
    }
}

static void check_rows(int64_t n, int64_t rows, int64_t count)
{
    char name[80];
    snprintf(name, sizeof name, "%lld bytes, %lld of %lld rows", (long long)n, (long long)count,
             (long long)rows);
    const int64_t stride = (n + ADI_RESAMPLE_BLOCK - 1) / ADI_RESAMPLE_BLOCK * ADI_RESAMPLE_BLOCK;
    const int64_t start = op_int(0, 99);
    uint8_t *ring_bytes = random_bytes(rows * stride);
    int32_t *weight = guarded_alloc((size_t)count * 4);
    fill_weights(weight, count, count);
    const adi_resample_ring ring = {ring_bytes, rows, stride};
    const adi_isa *isa = NULL;
    for (int32_t i = -2; i < 0 || (isa = adi_isa_cpu(i)); i++) {
        adi_resample_rows_fn *const run = i == -2   ? adi_backend_ref.host->resample_rows
                                : i == -1 ? adi_backend_cpu.host->resample_rows
                                          : isa->resample_rows;
        uint8_t *out = guarded_alloc((size_t)stride);
        run(out, &ring, start, count, weight, n);
        for (int64_t x = 0; x < n; x++) {
            int64_t sum = 0;
            for (int64_t k = 0; k < count; k++)
                sum += (int64_t)ring_bytes[(start + k) % rows * stride + x] * weight[k];
            if (out[x] != clipped(sum))
                fail_msg("%s: byte %lld is %d, not %d", name, (long long)x, out[x], clipped(sum));
        }
        guarded_free(out, name);
    }
    guarded_free(ring_bytes, name);
    guarded_free(weight, name);
}

static void down_columns(void **state)
{
    (void)state;
    check_rows(1, 1, 1);
    for (int i = 0; i < 200; i++) {
        const int64_t rows = op_int(1, 67);
        check_rows(op_int(1, 400), rows, op_int(1, rows));
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(along_rows),
                                       cmocka_unit_test(down_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
