/* expand_dw: a pointwise and a depthwise convolution in one, on every instruction set that this
 * machine has, against the two by their definitions; the same bits for any number of threads, and
 * for an image in a batch or alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conv_case.h"
#include "cpu/isa_cpu.h"

/* In units of the sum of the terms' sizes, those of the first convolution in place of its
 * results. */
static const double limit = 1e-6;

typedef struct expand_case {
    conv_case wide, narrow; /* the expansion, and the depthwise convolution of its result */
    float *want, *unit;
    int has_nan;
} expand_case;

/* Depthwise dims with `c` channels to expand from. */
static expand_case expand_case_new(const adi_conv2d_dims *d, int64_t c, int bias, adi_act first,
                                   adi_act second)
{
    const adi_conv2d_dims p = {d->n, d->h, d->w, c, d->h, d->w, d->c, 1, 1, 1, 0, 0};
    expand_case e = {conv_case_new(&p, 0), conv_case_new(d, 1), NULL, NULL, 0};
    conv_case_set(&e.wide, bias, 0, first);
    conv_case_set(&e.narrow, bias, bias, second);
    e.want = guarded_floats(e.narrow.outputs);
    e.unit = guarded_floats(e.narrow.outputs);
    float *sizes = guarded_floats(e.wide.outputs), *unit = guarded_floats(e.narrow.outputs);
    conv_case_formula(&e.wide, e.narrow.x, sizes);
    conv_case_formula(&e.narrow, e.want, unit);
    conv_case of_sizes = e.narrow;
    of_sizes.x = sizes;
    conv_case_formula(&of_sizes, unit, e.unit); /* `unit` alone is wanted of it */
    guarded_free(sizes, e.wide.name);
    guarded_free(unit, e.wide.name);
    return e;
}

static void expand_case_free(expand_case *e)
{
    guarded_free(e->want, e->wide.name);
    guarded_free(e->unit, e->wide.name);
    conv_case_free(&e->wide);
    conv_case_free(&e->narrow);
}

static float *run(const expand_case *e, const adi_isa *isa, const float *x, int64_t images,
                  int32_t threads)
{
    const conv_case *p = &e->wide;
    adi_conv2d_dims first = p->d, d = e->narrow.d;
    first.n = d.n = images;
    float *packed = guarded_floats(adi_panel_floats_cpu(first.c, first.k));
    void *scratch = guarded_alloc(adi_expand_dw_scratch_cpu(&d, threads));
    float *y = guarded_floats(d.n * d.oh * d.ow * d.c);
    const adi_exec ex = {threads, scratch, NULL};
    const adi_expansion expansion = {first, packed, p->e.bias, p->e.act};
    adi_epilogue epilogue = e->narrow.e;
    if (epilogue.residual)
        epilogue.residual += (e->narrow.d.n - images) * d.oh * d.ow * d.c;
    epilogue.row_sums = guarded_floats(d.n * d.oh * d.c);
    adi_panel_pack_cpu(packed, p->w, first.c, first.k);
    assert_int_equal(adi_expand_dw_with_cpu(isa, &ex, y, x, &expansion, e->narrow.w, &epilogue, &d),
                     AD_OK);
    if (!e->has_nan)
        conv_case_check_row_sums(p->name, epilogue.row_sums, y, &d);
    guarded_free(epilogue.row_sums, p->name);
    guarded_free(packed, p->name);
    guarded_free(scratch, p->name);
    return y;
}

static void check(const expand_case *e)
{
    const adi_conv2d_dims *d = &e->narrow.d;
    const double loose = 3.0 * fmax(op_act_limit(e->wide.e.act), op_act_limit(e->narrow.e.act));
    char what[480];
    const adi_isa *isa;
    for (int32_t i = 0; (isa = adi_isa_cpu(i)); i++) {
        float *first = run(e, isa, e->wide.x, d->n, op_threads[0]);
        snprintf(what, sizeof what, "%s, %s, then %s", isa->name, e->wide.name, e->narrow.name);
        op_close(what, first, e->want, e->unit, e->narrow.outputs, 1.3 * limit + loose);
        for (int t = 1; t < OP_THREADS; t++) {
            float *y = run(e, isa, e->wide.x, d->n, op_threads[t]);
            op_same_bits(what, y, first, (size_t)e->narrow.outputs * sizeof *y);
            guarded_free(y, what);
        }
        const int64_t per_image = e->narrow.outputs / d->n;
        float *alone = run(e, isa, e->wide.x + (d->n - 1) * (e->wide.inputs / d->n), 1, 2);
        op_same_bits(what, alone, first + (d->n - 1) * per_image,
                     (size_t)per_image * sizeof *alone);
        guarded_free(alone, what);
        guarded_free(first, what);
    }
}

static void fixed_shapes(void **state)
{
    (void)state;
    /* n h w c, oh ow k, kh kw, stride, pad top left */
    static const adi_conv2d_dims shapes[] = {
        {1, 1, 1, 1, 1, 1, 1, 3, 3, 1, 1, 1},
        {2, 40, 7, 33, 40, 7, 33, 3, 3, 1, 1, 1},   /* strips that meet */
        {1, 33, 20, 96, 17, 10, 96, 5, 5, 2, 2, 2}, /* with a stride */
        {1, 14, 14, 144, 7, 7, 144, 3, 3, 2, 0, 0}, /* padding after only */
        {1, 6, 5, 64, 6, 5, 64, 7, 7, 1, 3, 3},     /* a kernel larger than the image */
        {3, 9, 4, 17, 3, 2, 17, 3, 3, 3, 1, 1},     /* no row is read twice */
        {1, 4, 4, 32, 4, 4, 32, 3, 3, 3, 3, 3},     /* windows that lie outside altogether */
    };
    static const int64_t narrow[] = {1, 3, 16, 129, 300};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int a = 0; a < OP_ACTS; a++) {
            expand_case e = expand_case_new(&shapes[i], narrow[op_int(0, 4)], a != 1, (adi_act)a,
                                            (adi_act)((a + 2) % OP_ACTS));
            check(&e);
            expand_case_free(&e);
        }
    op_report("expand_dw, fixed", limit);
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        const adi_conv2d_dims d = conv_case_random(1, 200000);
        if (d.stride > d.kh)
            continue;
        expand_case e =
            expand_case_new(&d, op_int(1, 67), i % 3 > 0, (adi_act)op_int(0, OP_ACTS - 1),
                            (adi_act)op_int(0, OP_ACTS - 1));
        check(&e);
        expand_case_free(&e);
    }
    op_report("expand_dw, random", limit);
}

/* A NaN reaches what reads it, and no more. */
static void nan_survives(void **state)
{
    (void)state;
    const adi_conv2d_dims d = {2, 9, 7, 35, 9, 7, 35, 3, 3, 1, 1, 1};
    for (int a = 0; a < OP_ACTS; a++) {
        expand_case e = expand_case_new(&d, 19, 1, (adi_act)a, ADI_ACT_RELU);
        e.wide.x[op_int(0, e.wide.inputs - 1)] = NAN;
        e.has_nan = 1;
        conv_case_formula(&e.wide, e.narrow.x, NULL);
        conv_case_formula(&e.narrow, e.want, NULL);
        float *y = run(&e, adi_isa_cpu(0), e.wide.x, d.n, 2);
        int64_t reached = 0;
        for (int64_t i = 0; i < e.narrow.outputs; i++) {
            assert_int_equal(!!isnan(y[i]), !!isnan(e.want[i]));
            reached += isnan(y[i]);
        }
        assert_true(reached > 0 && reached < e.narrow.outputs);
        guarded_free(y, e.wide.name);
        expand_case_free(&e);
    }
}

/* Only what it can do. */
static void suits(void **state)
{
    (void)state;
    const adi_conv2d_dims first = {1, 24, 24, 24, 24, 24, 144, 1, 1, 1, 0, 0};
    const adi_conv2d_dims d = {1, 24, 24, 144, 24, 24, 144, 3, 3, 1, 1, 1};
    adi_conv2d_dims wide = first, strided = first, tall = d;
    wide.kh = 3;
    strided.stride = 2;
    tall.kh = ADI_DEPTHWISE_ROWS + 1;
    assert_int_equal(adi_expand_dw_suits_cpu(&first, &d, ADI_CONV2D_AUTO), adi_isa_cpu(1) != NULL);
    assert_false(adi_expand_dw_suits_cpu(&first, &d, ADI_CONV2D_BLAS));
    assert_false(adi_expand_dw_suits_cpu(&wide, &d, ADI_CONV2D_AUTO));
    assert_false(adi_expand_dw_suits_cpu(&strided, &d, ADI_CONV2D_AUTO));
    assert_false(adi_expand_dw_suits_cpu(&first, &tall, ADI_CONV2D_AUTO));
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_shapes),
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(nan_survives),
        cmocka_unit_test(suits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
