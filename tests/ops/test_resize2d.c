/* resize of a map: bilinear with half-pixel centres. ref against the definition written another
 * way, the golden interpolations of PyTorch, cpu against ref; nothing is written between the rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/safetensors.h"
#include "harness/op_case.h"
#include "harness/seeded.h"

/* On values in [-1, 1]. ref blends in double and rounds once; cpu blends in float: three roundings
 * of each of three sums, and the fraction rounded to float. */
static const double ref_limit = 6.1e-8, cpu_limit = 4e-7;

static float *run(const adi_backend *be, const float *x, const adi_resize_dims *d, int32_t threads)
{
    float *y =
        guarded_floats((d->oh - 1) * d->y_stride + d->ow * d->c); /* ends with the last value */
    const adi_exec ex = {threads, NULL, NULL};
    assert_int_equal(be->kernels->resize_fwd(&ex, y, x, d), AD_OK);
    return y;
}

/* Weight of input i in output o, as the tent of one sample's width around the clamped source; of a
 * part of a whole none where the source is more than half a sample outside. In whole numbers: 2 *
 * out * s. */
static double weight(int64_t o, int64_t i, int64_t in, int64_t out, int64_t whole, int64_t before)
{
    const int64_t doubled = (2 * o + 1) * (whole ? whole : in) - out - 2 * out * before;
    if (doubled < -out || doubled > (2 * in - 1) * out)
        return 0.0;
    double s = (double)doubled / (double)(2 * out);
    s = s < 0.0 ? 0.0 : s > (double)(in - 1) ? (double)(in - 1) : s;
    const double t = 1.0 - fabs(s - (double)i);
    return t > 0.0 ? t : 0.0;
}

static void check(const float *x, const adi_resize_dims *d)
{
    char name[120];
    snprintf(name, sizeof name, "%lldx%lldx%lld -> %lldx%lld, rows of %lld", (long long)d->h,
             (long long)d->w, (long long)d->c, (long long)d->oh, (long long)d->ow,
             (long long)d->y_stride);
    float *ref = run(&adi_backend_ref, x, d, 1), *first = NULL;
    const int64_t total = (d->oh - 1) * d->y_stride + d->ow * d->c;
    for (int t = 0; t < OP_THREADS; t++) {
        float *y = run(&adi_backend_cpu, x, d, op_threads[t]);
        op_close(name, y, ref, NULL, total, cpu_limit); /* NaN between the rows on both */
        if (first) {
            op_same_bits(name, y, first, (size_t)total * sizeof *y);
            guarded_free(y, name);
        } else {
            first = y;
        }
    }
    guarded_free(first, name);
    const double worst = op_worst;
    for (int64_t oy = 0; oy < d->oh; oy++)
        for (int64_t i = 0; i < (oy + 1 < d->oh ? d->y_stride : d->ow * d->c); i++) {
            const float *got = ref + oy * d->y_stride + i;
            if (i >= d->ow * d->c) {
                assert_true(isnan(*got)); /* as it was */
                continue;
            }
            const int64_t ox = i / d->c, c = i % d->c;
            double want = 0.0;
            for (int64_t y = 0; y < d->h; y++)
                for (int64_t k = 0; k < d->w; k++)
                    want += weight(oy, y, d->h, d->oh, d->whole_h, d->top) *
                            weight(ox, k, d->w, d->ow, d->whole_w, d->left) *
                            x[(y * d->w + k) * d->c + c];
            const float rounded = (float)want;
            op_close(name, got, &rounded, NULL, 1, ref_limit);
        }
    op_worst = worst;
    guarded_free(ref, name);
}

static void shapes(void **state)
{
    (void)state;
    static const int64_t sides[] = {1, 2, 3, 5, 7, 14, 16};
    for (int i = 0; i < 300; i++) {
        adi_resize_dims d = {.h = sides[op_int(0, 6)],
                             .w = sides[op_int(0, 6)],
                             .c = op_int(1, 5),
                             .oh = op_int(1, 33),
                             .ow = op_int(1, 33)};
        d.y_stride = d.ow * d.c + op_int(0, 1) * op_int(1, 9);
        float *x = op_floats(d.h * d.w * d.c, 1.0);
        check(x, &d);
        guarded_free(x, "input");
    }
    op_report("resize2d", cpu_limit);
}

/* Parts of a whole, also such as begin outside of it; and rows and columns in several parts. */
static void parts(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        adi_resize_dims d = {.h = op_int(1, 9),
                             .w = op_int(1, 9),
                             .c = i % 4 ? 1 : 3,
                             .oh = op_int(1, 70),
                             .ow = i % 20 ? op_int(1, 70) : op_int(250, 520)};
        d.whole_h = op_int(d.h, 14);
        d.whole_w = op_int(1, 14);
        d.top = op_int(0, d.whole_h - d.h);
        d.left = op_int(-3, 9);
        d.y_stride = d.ow * d.c + op_int(0, 1) * op_int(1, 9);
        float *x = op_floats(d.h * d.w * d.c, 1.0);
        check(x, &d);
        guarded_free(x, "input");
    }
    /* too far for one line */
    const adi_resize_dims wide = {.h = 2, .w = 1500, .c = 1, .oh = 3, .ow = 270, .y_stride = 270};
    float *x = op_floats(3000, 1.0);
    check(x, &wide);
    guarded_free(x, "input");
    op_report("resize2d, parts", cpu_limit);
}

/* Equal sizes copy, constants stay, one pixel fills everything. */
static void exact_cases(void **state)
{
    (void)state;
    for (int64_t side = 1; side < 40; side += 3) {
        const adi_resize_dims same = {.h = side, .w = side + 1, .c = 3, .oh = side, .ow = side + 1,
                                      .y_stride = 3 * (side + 1)};
        float *x = op_floats(side * (side + 1) * 3, 1.0);
        for (int b = 0; b < 2; b++) {
            float *y = run(b ? &adi_backend_cpu : &adi_backend_ref, x, &same, 2);
            op_same_bits("equal sizes", y, x, (size_t)(side * (side + 1) * 3) * sizeof *x);
            guarded_free(y, "equal sizes");
        }
        guarded_free(x, "input");
        const adi_resize_dims grow = {
            .h = 1, .w = 1, .c = 1, .oh = side, .ow = side, .y_stride = side};
        float one = 0.7f;
        for (int b = 0; b < 2; b++) {
            float *y = run(b ? &adi_backend_cpu : &adi_backend_ref, &one, &grow, 2);
            for (int64_t i = 0; i < side * side; i++)
                assert_true(fabs(y[i] - (double)one) <= cpu_limit);
            guarded_free(y, "one pixel");
        }
    }
}

/* A NaN spreads to the outputs whose weights touch it and stays out of the rest of the map. */
static void nan_survives(void **state)
{
    (void)state;
    const adi_resize_dims d = {.h = 7, .w = 7, .c = 1, .oh = 28, .ow = 28, .y_stride = 28};
    float *x = op_floats(49, 1.0);
    x[24] = NAN;
    float *ref = run(&adi_backend_ref, x, &d, 1), *cpu = run(&adi_backend_cpu, x, &d, 3);
    op_close("NaN", cpu, ref, NULL, 28 * 28, cpu_limit);
    assert_true(isnan(cpu[14 * 28 + 14]) && !isnan(cpu[0]) && !isnan(cpu[27 * 28 + 27]));
    guarded_free(ref, "NaN");
    guarded_free(cpu, "NaN");
    guarded_free(x, "NaN");
}

/* tests/golden/vision.safetensors: interp.bilinear_false.<h>x<w>_<oh>x<ow>.value, PyTorch's own;
 * large maps are stored as samples, with .index. */
static void golden(void **state)
{
    (void)state;
    adi_safetensors *file = NULL;
    assert_int_equal(
        adi_st_open(&adi_default_allocator, ADFEAT_GOLDEN_DIR "/vision.safetensors", &file), AD_OK);
    int compared = 0;
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        char name[128];
        long h, w, oh, ow;
        int end = 0;
        if (sscanf(t->name, "interp.bilinear_false.%ldx%ld_%ldx%ld.value%n", &h, &w, &oh, &ow,
                   &end) != 4 ||
            !end)
            continue;
        snprintf(name, sizeof name, "interp.bilinear_false.%ldx%ld_%ldx%ld.index", h, w, oh, ow);
        const adi_st_tensor *index = adi_st_find(file, name);
        snprintf(name, sizeof name, "interp.%ldx%ld", h, w);
        const adi_resize_dims d = {.h = h, .w = w, .c = 1, .oh = oh, .ow = ow, .y_stride = ow};
        float *x = guarded_floats(h * w), *want = guarded_floats(t->count);
        for (int64_t k = 0; k < h * w; k++)
            x[k] = (float)seeded_signed(name, (uint64_t)k);
        assert_int_equal(t->count, index ? index->count : oh * ow);
        assert_int_equal(adi_st_read_f32(file, t, want), AD_OK);
        for (int b = 0; b < 2; b++) {
            float *y = run(b ? &adi_backend_cpu : &adi_backend_ref, x, &d, 2);
            for (int64_t k = 0; k < t->count; k++) {
                int64_t at = k;
                if (index)
                    memcpy(&at, index->data + 8 * k, sizeof at);
                op_close(t->name, &y[at], &want[k], NULL, 1, cpu_limit);
            }
            guarded_free(y, t->name);
        }
        guarded_free(x, t->name);
        guarded_free(want, t->name);
        compared++;
    }
    adi_st_close(file);
    assert_int_equal(compared, 3);
    op_report("resize2d, golden", cpu_limit);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(parts),
        cmocka_unit_test(exact_cases),
        cmocka_unit_test(nan_survives),
        cmocka_unit_test(golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
