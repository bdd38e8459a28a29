/* dwconv2d of the module against ref and the formula; the test of tests/ops is about the
 * instruction sets of cpu. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conv_case.h"

static const double ref_limit = 1.2e-7, limit = 1e-6;

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const adi_conv2d_dims d = conv_case_random(1, 20000);
        conv_case c = conv_case_new(&d, 1);
        conv_case_set(&c, i & 1, i >> 1 & 1, (adi_act)(i % OP_ACTS));
        conv_case_check(&c, ref_limit, limit);
        conv_case_free(&c);
    }
    op_report("dwconv2d", limit);
}

static void row_sums(void **state)
{
    (void)state;
    const adi_conv2d_dims d = {2, 9, 11, 5, 9, 11, 5, 3, 3, 1, 1, 1};
    conv_case c = conv_case_new(&d, 1);
    float *y = guarded_floats(c.outputs), *sums = guarded_floats(d.n * d.oh * d.k);
    const adi_exec ex = {1, NULL, NULL};
    c.e.row_sums = sums;
    assert_int_equal(adi_backend_cpu.kernels->dwconv2d_fwd(&ex, y, c.x, c.w, &c.e, &d), AD_OK);
    conv_case_check_row_sums("row sums", sums, y, &d);
    guarded_free(y, "y");
    guarded_free(sums, "sums");
    conv_case_free(&c);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(row_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
