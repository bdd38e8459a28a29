/* conv2d with packed filters: every algorithm, and the panels on every instruction set that this
 * machine has, against the definition; the same bits for any number of threads, and, but for a
 * BLAS's own choices, for an image in a batch or alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conv_case.h"
#include "cpu/isa_cpu.h"

/* In units of the sum of the terms' sizes: one float sum of up to 7 * 7 * 257 terms in order.
 * Winograd's is another measure (test_winograd.c): errors reach a whole tile. Measured with 67
 * channels: 1e-6 of the largest. */
static const double limit = 2e-6, winograd_limit = 4e-6;

static const adi_conv2d_algorithm algorithms[] = {ADI_CONV2D_BLAS, ADI_CONV2D_PANELS,
                                                  ADI_CONV2D_WINOGRAD2, ADI_CONV2D_WINOGRAD};
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

/* The table's kernels for one algorithm; NULL where the shape is not for it. */
static float *run(const conv_case *c, adi_conv2d_algorithm algorithm, int32_t threads)
{
    const adi_kernels *k = adi_backend_cpu.kernels;
    if (k->conv2d_choose(&c->d, algorithm) != algorithm)
        return NULL;
    const size_t bytes = k->conv2d_packed_bytes(&c->d, algorithm);
    void *packed = guarded_alloc(bytes),
         *scratch = guarded_alloc(k->conv2d_packed_scratch(&c->d, algorithm, threads));
    float *y = guarded_floats(c->outputs);
    const adi_exec ex = {threads, scratch, NULL};
    k->conv2d_pack(packed, c->w, &c->d, algorithm);
    assert_int_equal(
        k->conv2d_packed_fwd(&ex, y, c->x, bytes ? packed : c->w, &c->e, &c->d, algorithm), AD_OK);
    guarded_free(packed, c->name);
    guarded_free(scratch, c->name);
    return y;
}

/* The panels of one instruction set. */
static float *run_panels(const conv_case *c, const adi_isa *isa)
{
    const adi_conv2d_layout at = {c->d.oh, c->d.ow, 0, 0, 1};
    float *packed = guarded_floats(adi_panel_floats_cpu(c->d.kh * c->d.kw * c->d.c, c->d.k));
    void *scratch = guarded_alloc(adi_conv2d_panels_scratch_cpu(&c->d, &at, 2));
    float *y = guarded_floats(c->outputs);
    const adi_exec ex = {2, scratch, NULL};
    adi_panel_pack_cpu(packed, c->w, c->d.kh * c->d.kw * c->d.c, c->d.k);
    assert_int_equal(adi_conv2d_panels_cpu(isa, &ex, y, c->x, packed, &c->e, &c->d, &at), AD_OK);
    guarded_free(packed, c->name);
    guarded_free(scratch, c->name);
    return y;
}

static double largest(const float *x, int64_t count)
{
    double most = 0.0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

static void check(const conv_case *c)
{
    float *want = guarded_floats(c->outputs), *unit = guarded_floats(c->outputs);
    conv_case_formula(c, want, unit);
    const double loose = op_act_limit(c->e.act);
    const double most = largest(unit, c->outputs);
    const adi_isa *isa;
    for (int32_t i = 0; (isa = adi_isa_cpu(i)); i++) {
        float *y = run_panels(c, isa);
        char what[240];
        snprintf(what, sizeof what, "panels %s, %s", isa->name, c->name);
        op_close(what, y, want, unit, c->outputs, (loose > 0.0 ? 1.1 : 1.0) * limit + loose);
        guarded_free(y, c->name);
    }
    for (int a = 0; a < ALGORITHMS; a++) {
        float *first = run(c, algorithms[a], 1);
        if (!first)
            continue;
        if (algorithms[a] >= ADI_CONV2D_WINOGRAD) {
            for (int64_t j = 0; j < c->outputs; j++)
                if (!(fabs((double)first[j] - want[j]) <=
                      1.1 * winograd_limit * most + loose * unit[j]))
                    fail_msg("winograd, %s: element %lld is %g, not %g", c->name, (long long)j,
                             first[j], want[j]);
        } else {
            op_close(c->name, first, want, unit, c->outputs,
                     (loose > 0.0 ? 1.1 : 1.0) * limit + loose);
        }
        for (int t = 1; t < OP_THREADS; t++) {
            float *y = run(c, algorithms[a], op_threads[t]);
            op_same_bits(c->name, y, first, (size_t)c->outputs * sizeof *y);
            guarded_free(y, c->name);
        }
        const int64_t per_image = c->outputs / c->d.n; /* the last image alone */
        conv_case alone = *c;
        alone.d.n = 1;
        alone.outputs = per_image;
        alone.x += (c->d.n - 1) * (c->inputs / c->d.n);
        if (alone.e.residual)
            alone.e.residual += (c->d.n - 1) * per_image;
        float *y = algorithms[a] == ADI_CONV2D_BLAS ? NULL : run(&alone, algorithms[a], 2);
        if (y) {
            op_same_bits(c->name, y, first + (c->d.n - 1) * per_image,
                         (size_t)per_image * sizeof *y);
            guarded_free(y, c->name);
        }
        guarded_free(first, c->name);
    }
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

static void fixed_shapes(void **state)
{
    (void)state;
    /* n h w c, oh ow k, kh kw, stride, pad top left */
    static const adi_conv2d_dims shapes[] = {
        {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},         /* the smallest */
        /* one position an image, as in squeeze-excitation */
        {2, 1, 1, 67, 1, 1, 33, 1, 1, 1, 0, 0},
        {2, 21, 19, 3, 11, 10, 64, 7, 7, 2, 3, 3},    /* a ResNet's stem */
        {1, 9, 9, 129, 9, 9, 35, 1, 1, 1, 0, 0},      /* depth in parts, no row a whole one */
        {1, 6, 5, 300, 6, 5, 17, 3, 3, 1, 1, 1},      /* parts of each kernel row */
        {2, 16, 16, 32, 16, 16, 48, 3, 3, 1, 1, 1},   /* whole panels and blocks */
        {1, 15, 14, 64, 8, 7, 130, 3, 3, 2, 1, 1},    /* columns are cut too */
        {3, 7, 5, 17, 4, 3, 31, 1, 1, 2, 0, 0},
        {1, 40, 3, 5, 40, 3, 7, 5, 5, 1, 2, 2},       /* wider than the image */
        {1, 2, 3, 8, 3, 4, 8, 3, 5, 1, 1, 2},
        {1, 4, 4, 3, 4, 4, 4, 3, 3, 3, 3, 3},         /* windows that lie outside altogether */
        {1, 5, 5, 4, 3, 3, 8, 3, 3, 2, 0, 0},         /* padding after only */
        {1, 33, 65, 24, 33, 65, 144, 1, 1, 1, 0, 0},  /* an expansion */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        conv_case c = conv_case_new(&shapes[i], 0);
        for (int bits = 0; bits < 4 * OP_ACTS; bits++) {
            conv_case_set(&c, bits & 1, bits >> 1 & 1, (adi_act)(bits / 4));
            check(&c);
        }
        conv_case_free(&c);
    }
    op_report("conv2d packed, fixed", limit);
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        const adi_conv2d_dims d = conv_case_random(0, i % 40 == 0 ? 6000000 : 150000);
        conv_case c = conv_case_new(&d, 0);
        conv_case_set(&c, (int)op_int(0, 1), (int)op_int(0, 1), (adi_act)op_int(0, OP_ACTS - 1));
        check(&c);
        conv_case_free(&c);
    }
    op_report("conv2d packed, random", limit);
}

/* Small whole numbers stay exact, also where filters become quarters. */
static void whole_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        const adi_conv2d_dims d = conv_case_random(0, 150000);
        conv_case c = conv_case_new(&d, 0);
        for (int64_t j = 0; j < c.inputs; j++)
            c.x[j] = (float)op_int(-8, 8);
        for (int64_t j = 0; j < c.weights; j++)
            c.w[j] = (float)op_int(-8, 8);
        conv_case_set(&c, 0, 0, (adi_act)(i % 3));
        float *want = guarded_floats(c.outputs);
        conv_case_formula(&c, want, NULL);
        for (int a = 0; a < 3; a++) {
            float *y = run(&c, algorithms[a], 2);
            if (!y)
                continue;
            op_close(c.name, y, want, NULL, c.outputs, 0.0);
            guarded_free(y, c.name);
        }
        guarded_free(want, c.name);
        conv_case_free(&c);
    }
}

/* A NaN reaches the outputs that read it, and with the panels no others; an infinity times zero is
 * NaN. */
static void nan_survives(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const adi_conv2d_dims d = conv_case_random(0, 150000);
        conv_case c = conv_case_new(&d, 0);
        c.x[op_int(0, c.inputs - 1)] = i % 2 ? NAN : INFINITY;
        if (i % 3 == 0)
            memset(c.w, 0, (size_t)c.weights * sizeof *c.w);
        conv_case_set(&c, 1, 1, (adi_act)(i % OP_ACTS));
        float *want = guarded_floats(c.outputs), *y = run(&c, ADI_CONV2D_PANELS, 2);
        conv_case_formula(&c, want, NULL);
        for (int64_t j = 0; j < c.outputs; j++)
            assert_int_equal(!!isnan(y[j]), !!isnan(want[j]));
        guarded_free(y, c.name);
        for (int a = 2; a < 4; a++) {
            y = run(&c, algorithms[a], 2);
            for (int64_t j = 0; y && j < c.outputs; j++)
                assert_true(isnan(y[j]) || !isnan(want[j]));
            if (y)
                guarded_free(y, c.name);
        }
        guarded_free(want, c.name);
        conv_case_free(&c);
    }
}

/* What is asked for is taken where it can be; and a plan may ask again for what it got. */
static void choices(void **state)
{
    (void)state;
    const adi_kernels *k = adi_backend_cpu.kernels;
    for (int i = 0; i < 200; i++) {
        const adi_conv2d_dims d = conv_case_random(0, 6000000);
        for (int wanted = ADI_CONV2D_AUTO; wanted <= ADI_CONV2D_WINOGRAD2; wanted++) {
            const adi_conv2d_algorithm got = k->conv2d_choose(&d, (adi_conv2d_algorithm)wanted);
            assert_true(got > ADI_CONV2D_DIRECT && got <= ADI_CONV2D_WINOGRAD2);
            assert_int_equal(k->conv2d_choose(&d, got), got);
            if (wanted == ADI_CONV2D_BLAS || wanted == ADI_CONV2D_PANELS)
                assert_int_equal(got, wanted);
            assert_int_equal(k->conv2d_packed_bytes(&d, got) == 0, got == ADI_CONV2D_BLAS);
            adi_conv2d_dims batch = d;
            batch.n += 7;
            assert_int_equal(k->conv2d_choose(&batch, (adi_conv2d_algorithm)wanted), got);
        }
    }
    const adi_conv2d_dims winograd = {1, 64, 64, 64, 64, 64, 64, 3, 3, 1, 1, 1};
    assert_int_equal(k->conv2d_choose(&winograd, ADI_CONV2D_AUTO), ADI_CONV2D_WINOGRAD);
    const adi_conv2d_dims few = {1, 8, 8, 64, 8, 8, 64, 3, 3, 1, 1, 1};
    assert_int_equal(k->conv2d_choose(&few, ADI_CONV2D_AUTO), ADI_CONV2D_WINOGRAD2);
    assert_true(k->conv2d_packed_bytes(&few, ADI_CONV2D_WINOGRAD2) <
                k->conv2d_packed_bytes(&few, ADI_CONV2D_WINOGRAD));
    const adi_conv2d_dims fewest = {1, 4, 4, 64, 4, 4, 64, 3, 3, 1, 1, 1};
    assert_true(k->conv2d_choose(&fewest, ADI_CONV2D_AUTO) < ADI_CONV2D_WINOGRAD);
    const adi_conv2d_dims strided = {1, 64, 64, 64, 32, 32, 64, 3, 3, 2, 1, 1};
    assert_int_not_equal(k->conv2d_choose(&strided, ADI_CONV2D_WINOGRAD), ADI_CONV2D_WINOGRAD);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_shapes),  cmocka_unit_test(random_shapes),
        cmocka_unit_test(whole_numbers), cmocka_unit_test(nan_survives),
        cmocka_unit_test(choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
