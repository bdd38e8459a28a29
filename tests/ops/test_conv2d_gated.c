/* conv2d_gated: a pointwise convolution of gated channels against the definition; the same bits for
 * any number of threads; what it is not for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conv_case.h"
#include "cpu/isa_cpu.h"

/* In units of the sum of the terms' sizes. */
static const double limit = 1e-6;

static float *run(const conv_case *c, const float *gate, int32_t threads)
{
    const adi_kernels *k = adi_backend_cpu.kernels;
    void *packed = guarded_alloc(k->conv2d_packed_bytes(&c->d, ADI_CONV2D_PANELS));
    void *scratch = guarded_alloc(k->conv2d_gated_scratch(&c->d, threads));
    float *y = guarded_floats(c->outputs);
    const adi_exec ex = {threads, scratch, NULL};
    k->conv2d_pack(packed, c->w, &c->d, ADI_CONV2D_PANELS);
    assert_int_equal(k->conv2d_gated_fwd(&ex, y, c->x, gate, packed, &c->e, &c->d), AD_OK);
    guarded_free(packed, c->name);
    guarded_free(scratch, c->name);
    return y;
}

/* The definition is that of the convolution of gated values. */
static void check(conv_case *c)
{
    const int64_t channels = c->d.c;
    float *gate = op_floats(channels, 1.0), *gated = op_copy(c->x, c->inputs);
    float *want = guarded_floats(c->outputs), *unit = guarded_floats(c->outputs);
    for (int64_t i = 0; i < c->inputs; i++)
        gated[i] *= gate[i % channels];
    conv_case of_gated = *c;
    of_gated.x = gated;
    conv_case_formula(&of_gated, want, unit);
    float *first = run(c, gate, op_threads[0]);
    op_close(c->name, first, want, unit, c->outputs, 1.1 * limit + op_act_limit(c->e.act));
    for (int t = 1; t < OP_THREADS; t++) {
        float *y = run(c, gate, op_threads[t]);
        op_same_bits(c->name, y, first, (size_t)c->outputs * sizeof *y);
        guarded_free(y, c->name);
    }
    float *const all[] = {gate, gated, want, unit, first};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], c->name);
}

static void shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        const int64_t h = op_int(1, 20), w = op_int(1, 20);
        const adi_conv2d_dims d = {1, h, w, op_int(1, 130), h, w, op_int(1, 67), 1, 1, 1, 0, 0};
        conv_case c = conv_case_new(&d, 0);
        conv_case_set(&c, i & 1, i >> 1 & 1, (adi_act)(i % OP_ACTS));
        check(&c);
        conv_case_free(&c);
    }
    op_report("conv2d_gated", limit);
}

static void suits(void **state)
{
    (void)state;
    const adi_conv2d_dims d = {1, 24, 24, 672, 24, 24, 160, 1, 1, 1, 0, 0};
    adi_conv2d_dims other = d;
    assert_true(adi_conv2d_gated_suits_cpu(&d, ADI_CONV2D_PANELS));
    assert_false(adi_conv2d_gated_suits_cpu(&d, ADI_CONV2D_BLAS));
    other.k = 300; /* more filters to multiply than values */
    assert_false(adi_conv2d_gated_suits_cpu(&other, ADI_CONV2D_PANELS));
    other = d;
    other.n = 2; /* each image has a gate of its own */
    assert_false(adi_conv2d_gated_suits_cpu(&other, ADI_CONV2D_PANELS));
    other = d;
    other.kh = other.kw = 3;
    assert_false(adi_conv2d_gated_suits_cpu(&other, ADI_CONV2D_PANELS));
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(suits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
