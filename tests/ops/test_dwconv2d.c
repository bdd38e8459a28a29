/* dwconv2d: ref against the definition, cpu against ref, on every instruction set that this machine
 * has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conv_case.h"
#include "cpu/isa_cpu.h"

/* In units of the sum of the terms' sizes: cpu adds at most 49 products in float, one after
 * another. */
static const double ref_limit = 1.2e-7, cpu_limit = 1e-6;

static void check(conv_case *c)
{
    conv_case_check(c, ref_limit, cpu_limit);
    float *want = guarded_floats(c->outputs), *unit = guarded_floats(c->outputs);
    conv_case_formula(c, want, unit);
    const double loose = op_act_limit(c->e.act);
    const adi_isa *isa;
    for (int32_t i = 0; (isa = adi_isa_cpu(i)); i++) {
        float *y = guarded_floats(c->outputs), *sums = guarded_floats(c->d.n * c->d.oh * c->d.c);
        const adi_exec ex = {2, NULL, NULL};
        adi_epilogue e = c->e;
        e.row_sums = sums;
        assert_int_equal(adi_dwconv2d_with_cpu(isa, &ex, y, c->x, c->w, &e, &c->d), AD_OK);
        char what[240];
        snprintf(what, sizeof what, "%s, %s", isa->name, c->name);
        op_close(what, y, want, unit, c->outputs, (loose > 0.0 ? 1.1 : 1.0) * cpu_limit + loose);
        conv_case_check_row_sums(what, sums, y, &c->d);
        /* the same bits as from the result */
        float *apart = guarded_floats(c->d.n * c->d.oh * c->d.c);
        assert_int_equal(
            adi_backend_cpu.kernels->row_sums(&ex, apart, y, c->d.n * c->d.oh, c->d.ow, c->d.c),
            AD_OK);
        op_same_bits(what, sums, apart, (size_t)(c->d.n * c->d.oh * c->d.c) * sizeof *sums);
        guarded_free(apart, c->name);
        guarded_free(y, c->name);
        guarded_free(sums, c->name);
    }
    float *y = guarded_floats(c->outputs), *sums = guarded_floats(c->d.n * c->d.oh * c->d.c);
    const adi_exec one = {1, NULL, NULL};
    c->e.row_sums = sums;
    assert_int_equal(adi_backend_ref.kernels->dwconv2d_fwd(&one, y, c->x, c->w, &c->e, &c->d),
                     AD_OK);
    c->e.row_sums = NULL;
    conv_case_check_row_sums(c->name, sums, y, &c->d);
    guarded_free(y, c->name);
    guarded_free(sums, c->name);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

static void fixed_shapes(void **state)
{
    (void)state;
    /* n h w c, oh ow k, kh kw, stride, pad top left */
    static const adi_conv2d_dims shapes[] = {
        {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},       {1, 1, 1, 3, 1, 1, 3, 3, 3, 1, 1, 1},
        {1, 1, 1, 7, 1, 1, 7, 5, 5, 2, 2, 2},       {2, 7, 9, 32, 7, 9, 32, 3, 3, 1, 1, 1},
        {1, 14, 14, 67, 7, 7, 67, 5, 5, 2, 1, 1}, /* SAME: one more after than before */
        {1, 15, 13, 257, 8, 7, 257, 5, 5, 2, 2, 2}, {3, 5, 4, 17, 2, 2, 17, 3, 3, 3, 0, 0},
        {1, 4, 4, 3, 4, 4, 3, 3, 3, 3, 3, 3}, /* first and last windows outside altogether */
        {1, 2, 9, 31, 4, 7, 31, 1, 3, 1, 1, 0},     {1, 9, 2, 33, 9, 3, 33, 7, 1, 1, 3, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        conv_case c = conv_case_new(&shapes[i], 1);
        for (int bits = 0; bits < 4 * OP_ACTS; bits++) {
            conv_case_set(&c, bits & 1, bits >> 1 & 1, (adi_act)(bits / 4));
            check(&c);
        }
        conv_case_free(&c);
    }
    op_report("dwconv2d, fixed", cpu_limit);
}

/* Every number of channels up to 67: each way a vector's remainder can go. */
static void every_channel_count(void **state)
{
    (void)state;
    for (int64_t c = 1; c <= 67; c++) {
        const adi_conv2d_dims d = {1, 5, 3, c, 5, 3, c, 3, 3, 1, 1, 1};
        conv_case k = conv_case_new(&d, 1);
        conv_case_set(&k, (int)(c & 1), (int)(c >> 1 & 1), (adi_act)(c % OP_ACTS));
        check(&k);
        conv_case_free(&k);
    }
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        const adi_conv2d_dims d = conv_case_random(1, 200000);
        conv_case c = conv_case_new(&d, 1);
        conv_case_set(&c, (int)op_int(0, 1), (int)op_int(0, 1), (adi_act)op_int(0, OP_ACTS - 1));
        check(&c);
        conv_case_free(&c);
    }
    op_report("dwconv2d, random", cpu_limit);
}

static void nan_survives(void **state)
{
    (void)state;
    const adi_conv2d_dims d = {2, 9, 7, 35, 9, 7, 35, 3, 3, 1, 1, 1};
    conv_case c = conv_case_new(&d, 1);
    for (int i = 0; i < 20; i++)
        conv_case_check_nan(&c, cpu_limit);
    conv_case_free(&c);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_shapes),
        cmocka_unit_test(every_channel_count),
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
