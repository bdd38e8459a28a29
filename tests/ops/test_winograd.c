/* winograd: forward against ref, both gradients against the definition in double, for every
 * instruction set that this machine has, at sizes that no tile, panel or block divides; the same
 * bits for any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/winograd_cpu.h"
#include "harness/op_case.h"
#include "ref/ref.h"

/* The largest error, as a part of the largest result: a patch's rounding errors reach all outputs
 * of its tile, so that no result has an error of its own size. Measured: up to 4e-6, with
 * 256 channels. */
static const double limit = 8e-6;

static const int32_t thread_counts[] = {1, 2, 3, 5};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof *thread_counts };

typedef struct winograd_case {
    adi_conv2d_dims d;
    int64_t inputs, weights, outputs;
    float *x, *w, *dy, *bias, *residual; /* guarded; bias and residual serve y and dx */
    char name[160];
} winograd_case;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static winograd_case case_new(const adi_conv2d_dims *d)
{
    winograd_case c = {.d = *d};
    c.inputs = d->n * d->h * d->w * d->c;
    c.weights = d->kh * d->kw * d->c * d->k;
    c.outputs = d->n * d->oh * d->ow * d->k;
    c.x = op_floats(c.inputs, 2.0);
    c.w = op_floats(c.weights, 1.0);
    c.dy = op_floats(c.outputs, 2.0);
    c.bias = op_floats(larger(d->c, d->k), 2.0);
    c.residual = op_floats(larger(c.inputs, c.outputs), 6.0);
    snprintf(c.name, sizeof c.name, "%dx%d, n%lld %lldx%lldx%lld -> %lldx%lldx%lld pad %d,%d",
             d->kh, d->kw, (long long)d->n, (long long)d->h, (long long)d->w, (long long)d->c,
             (long long)d->oh, (long long)d->ow, (long long)d->k, d->pad_top, d->pad_left);
    return c;
}

static void case_free(winograd_case *c)
{
    guarded_free(c->x, c->name);
    guarded_free(c->w, c->name);
    guarded_free(c->dy, c->name);
    guarded_free(c->bias, c->name);
    guarded_free(c->residual, c->name);
}

/* ---- the three operations, as the kernels and as the definition have them ---- */

enum { FWD, BWD_DATA, BWD_WEIGHT, OPERATIONS };
static const char *const operation_names[] = {"forward", "data gradient", "weight gradient"};

static int64_t result_count(const winograd_case *c, int operation)
{
    return operation == FWD ? c->outputs : operation == BWD_DATA ? c->inputs : c->weights;
}

/* A fresh result; scratch is exactly what the kernel asked for. */
static float *run(const winograd_case *c, int operation, const adi_isa *isa,
                  const adi_epilogue *e, int32_t threads)
{
    float *y = guarded_floats(result_count(c, operation));
    void *scratch =
        guarded_alloc(operation == BWD_WEIGHT ? adi_winograd_wgrad_scratch_cpu(&c->d, threads)
                                              : adi_winograd_scratch_cpu(&c->d, threads));
    const adi_exec ex = {threads, scratch, NULL};
    ad_status status;
    if (operation == FWD)
        status = adi_winograd_fwd_with_cpu(isa, &ex, y, c->x, c->w, e, &c->d);
    else if (operation == BWD_DATA)
        status = adi_winograd_bwd_data_with_cpu(isa, &ex, y, c->dy, c->w, e, &c->d);
    else
        status = adi_winograd_bwd_weight_with_cpu(isa, &ex, y, c->x, c->dy, &c->d);
    assert_int_equal(status, AD_OK);
    guarded_free(scratch, c->name);
    return y;
}

/* Every product of the convolution goes to where the operation sums it. */
static double *definition(const winograd_case *c, int operation)
{
    const adi_conv2d_dims *d = &c->d;
    const int64_t count = result_count(c, operation);
    double *sum = guarded_doubles(count);
    memset(sum, 0, (size_t)count * sizeof *sum);
    for (int64_t o = 0; o < d->n * d->oh * d->ow; o++)
        for (int64_t tap = 0; tap < d->kh * d->kw; tap++) {
            const int64_t iy = o / d->ow % d->oh + tap / d->kw - d->pad_top;
            const int64_t ix = o % d->ow + tap % d->kw - d->pad_left;
            if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                continue;
            const int64_t i = (o / d->ow / d->oh * d->h + iy) * d->w + ix;
            for (int64_t in = 0; in < d->c; in++)
                for (int64_t out = 0; out < d->k; out++) {
                    const int64_t x = i * d->c + in, w = (tap * d->c + in) * d->k + out,
                                  y = o * d->k + out;
                    if (operation == FWD)
                        sum[y] += (double)c->x[x] * c->w[w];
                    else if (operation == BWD_DATA)
                        sum[x] += (double)c->dy[y] * c->w[w];
                    else
                        sum[w] += (double)c->x[x] * c->dy[y];
                }
        }
    return sum;
}

/* Of the sums, then of bias and residual and activation. */
static void check(const winograd_case *c, int operation, const double *sum, const float *y,
                  const adi_epilogue *e, const char *isa)
{
    const int64_t count = result_count(c, operation), channels = operation == FWD ? c->d.k : c->d.c;
    double largest = 0.0;
    for (int64_t i = 0; i < count; i++)
        largest = fabs(sum[i]) > largest ? fabs(sum[i]) : largest;
    float *want = guarded_floats(count), *unit = guarded_floats(count);
    for (int64_t i = 0; i < count; i++) {
        const double bias = operation != BWD_WEIGHT && e->bias ? e->bias[i % channels] : 0.0;
        const double residual = operation != BWD_WEIGHT && e->residual ? e->residual[i] : 0.0;
        want[i] = (float)op_act_formula(sum[i] + bias + residual,
                                        operation != BWD_WEIGHT ? e->act : ADI_ACT_NONE);
        unit[i] = (float)(largest + 0.05 * (fabs(bias) +
                                            fabs(residual))); /* these are rounded once or twice */
        unit[i] += e->act >= ADI_ACT_SILU ? 0.1f : 0.0f;      /* and exp() is a polynomial */
    }
    char what[240];
    snprintf(what, sizeof what, "%s %s, %s, bias %d residual %d act %s", isa,
             operation_names[operation], c->name, !!e->bias, !!e->residual, op_act_name(e->act));
    op_close(what, y, want, unit, count, limit);
    guarded_free(want, c->name);
    guarded_free(unit, c->name);
}

/* All that a shape has to fulfil. `epilogues`: of how many kinds. */
static void check_case(const winograd_case *c, int epilogues)
{
    const adi_isa *isa;
    for (int operation = 0; operation < OPERATIONS; operation++) {
        double *sum = definition(c, operation);
        for (int32_t i = 0; (isa = adi_isa_cpu(i)); i++)
            for (int kind = 0; kind < (operation == BWD_WEIGHT ? 1 : epilogues); kind++) {
                const adi_epilogue e = {kind & 1 ? c->bias : NULL, kind & 2 ? c->residual : NULL,
                                        (adi_act)((kind >> 2) % OP_ACTS), NULL};
                float *first = run(c, operation, isa, &e, thread_counts[0]);
                check(c, operation, sum, first, &e, isa->name);
                for (int t = 1; t < (kind == 0 ? THREAD_COUNTS : 1); t++) {
                    float *y = run(c, operation, isa, &e, thread_counts[t]);
                    op_same_bits(c->name, y, first, (size_t)result_count(c, operation) * sizeof *y);
                    guarded_free(y, c->name);
                }
                guarded_free(first, c->name);
            }
        guarded_free(sum, c->name);
    }
}

/* ---- tests ---- */

/* n images of h x w x c to k channels, with what lies between: padding before, and outputs. */
static adi_conv2d_dims dims(int64_t n, int64_t h, int64_t w, int64_t c, int64_t k, int32_t pad)
{
    return (adi_conv2d_dims){n, h, w, c, h + 2 * pad - 2, w + 2 * pad - 2, k, 3, 3, 1, pad, pad};
}

/* The same with a 5x5 kernel. */
static adi_conv2d_dims five(int64_t n, int64_t h, int64_t w, int64_t c, int64_t k, int32_t pad)
{
    return (adi_conv2d_dims){n, h, w, c, h + 2 * pad - 4, w + 2 * pad - 4, k, 5, 5, 1, pad, pad};
}

static void fixed_shapes(void **state)
{
    (void)state;
    const adi_conv2d_dims shapes[] = {
        dims(1, 1, 1, 1, 1, 1),   /* all but the centre outside */
        dims(2, 3, 3, 32, 32, 0), /* one output */
        dims(2, 4, 4, 16, 16, 1), /* one whole tile, one whole panel */
        dims(2, 6, 6, 16, 32, 0), /* a patch without an edge */
        dims(3, 5, 9, 33, 47, 1), /* a row and a column too many */
        dims(2, 13, 11, 67, 35, 1),
        dims(2, 13, 12, 48, 80, 0),             /* an odd number of panels */
        dims(3, 8, 12, 64, 64, 1),              /* all whole */
        dims(5, 18, 19, 19, 21, 1),             /* more than one block and than one chunk */
        {2, 5, 7, 32, 6, 7, 32, 3, 3, 1, 1, 0}, /* padding before in one direction, after in both */
        {2, 5, 7, 32, 4, 7, 32, 3, 3, 1, 0, 1},
        {2, 6, 5, 34, 6, 5, 36, 3, 3, 1, 0, 0}, /* padding after only */
        {2, 3, 2, 32, 5, 4, 33, 3, 3, 1, 2, 2}, /* full, as a data gradient of padding 0 has it */
        five(1, 1, 1, 1, 1, 2),
        five(2, 5, 5, 32, 32, 0),
        five(2, 6, 6, 16, 16, 0),
        five(2, 4, 4, 16, 32, 2),
        five(3, 5, 9, 33, 47, 2),
        five(2, 13, 11, 67, 35, 1),
        five(2, 14, 12, 48, 80, 0),
        five(3, 8, 12, 64, 64, 2),
        five(3, 18, 19, 19, 21, 2),
        {2, 5, 7, 32, 5, 7, 33, 5, 5, 1, 1, 2}, /* padding of several kinds */
        {2, 3, 2, 32, 7, 6, 33, 5, 5, 1, 4, 4},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        winograd_case c = case_new(&shapes[i]);
        check_case(&c, 4 * OP_ACTS);
        case_free(&c);
    }
    op_report("winograd, fixed", limit);
}

static void random_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const int32_t pad = (int32_t)op_int(0, 1);
        const adi_conv2d_dims d =
            i % 4 < 2 ? dims(op_int(2, 3), op_int(pad ? 1 : 3, 13), op_int(pad ? 1 : 3, 13),
                             op_int(i % 2 ? 32 : 1, 67), op_int(i % 2 ? 32 : 1, 67), pad)
                      : five(op_int(2, 3), op_int(5 - 2 * pad, 13), op_int(5 - 2 * pad, 13),
                             op_int(i % 2 ? 32 : 1, 67), op_int(i % 2 ? 32 : 1, 67), pad);
        winograd_case c = case_new(&d);
        check_case(&c, 1 + (int)op_int(1, 7));
        case_free(&c);
    }
    op_report("winograd, random", limit);
}

/* Where the sums are long: the channels of ResNet's third stage, and the positions of a whole
 * batch. */
static void long_sums(void **state)
{
    (void)state;
    const adi_conv2d_dims shapes[] = {dims(2, 16, 16, 256, 256, 1), dims(32, 32, 32, 32, 32, 1),
                                      five(2, 16, 16, 256, 128, 2), five(16, 32, 32, 32, 32, 2)};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        winograd_case c = case_new(&shapes[i]);
        check_case(&c, 1);
        case_free(&c);
        op_report(c.name, limit);
    }
}

/* The definition used here is ref's. */
static void definition_is_ref(void **state)
{
    (void)state;
    const adi_conv2d_dims d = dims(2, 7, 5, 33, 35, 1);
    winograd_case c = case_new(&d);
    double *sum = definition(&c, FWD);
    float *want = guarded_floats(c.outputs), *y = guarded_floats(c.outputs);
    for (int64_t i = 0; i < c.outputs; i++)
        want[i] = (float)sum[i];
    void *scratch = guarded_alloc(adi_conv2d_scratch_ref(&d, 1));
    const adi_exec ex = {1, scratch, NULL};
    const adi_epilogue none = {NULL, NULL, ADI_ACT_NONE, NULL};
    assert_int_equal(adi_conv2d_fwd_ref(&ex, y, c.x, c.w, &none, &d), AD_OK);
    op_close(c.name, y, want, NULL, c.outputs, 1e-5);
    guarded_free(scratch, c.name);
    guarded_free(want, c.name);
    guarded_free(y, c.name);
    guarded_free(sum, c.name);
    case_free(&c);
}

/* A NaN reaches every result that reads it. */
static void nan_survives(void **state)
{
    (void)state;
    const adi_conv2d_dims d = dims(2, 9, 7, 34, 33, 1);
    const adi_epilogue relu = {NULL, NULL, ADI_ACT_RELU, NULL};
    const adi_isa *isa;
    for (int operation = 0; operation < OPERATIONS; operation++)
        for (int32_t i = 0; (isa = adi_isa_cpu(i)); i++) {
            winograd_case c = case_new(&d);
            if (operation == BWD_DATA)
                c.dy[op_int(0, c.outputs - 1)] = NAN;
            else
                c.x[op_int(0, c.inputs - 1)] = NAN;
            double *sum = definition(&c, operation);
            float *y = run(&c, operation, isa, &relu, 2);
            int64_t wanted = 0;
            for (int64_t j = 0; j < result_count(&c, operation); j++)
                if (isnan(sum[j])) {
                    wanted++;
                    assert_true(isnan(y[j]));
                }
            assert_true(wanted > 0);
            guarded_free(sum, c.name);
            guarded_free(y, c.name);
            case_free(&c);
        }
}

/* Which shapes Winograd takes. */
static void suits(void **state)
{
    (void)state;
    const adi_conv2d_dims batch = dims(2, 64, 64, 64, 64, 1);
    adi_conv2d_dims single = batch, pointwise = batch, strided = batch, far_left = batch;
    single.n = 1; /* is scored with limits that were measured without it */
    pointwise.kh = 1;
    strided.stride = 2;
    far_left.pad_left = 2;
    const adi_conv2d_dims others[] = {
        single,
        pointwise,
        strided,
        far_left,
        dims(2, 64, 64, 31, 64, 1),     /* few channels in */
        dims(2, 64, 64, 64, 31, 1),     /* or out */
        dims(2, 7, 7, 64, 64, 1),       /* few tiles */
        dims(200, 5, 5, 64, 64, 1),     /* 25 of the 64 outputs that tiles would make */
        dims(2, 64, 64, 2048, 2049, 1), /* 604 MB of filters */
        five(2, 18, 18, 64, 64, 3),     /* wider than the kernel's half */
        five(2, 9, 9, 64, 64, 2),       /* few tiles of 2 x 2 */
    };
    const adi_conv2d_dims fives = five(2, 12, 12, 64, 64, 2), wide = dims(2, 64, 64, 1024, 1024, 1);
    assert_true(adi_winograd_suits_cpu(&batch));
    assert_true(adi_winograd_suits_cpu(&fives));
    assert_true(adi_winograd_suits_cpu(&wide));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(adi_winograd_suits_cpu(&others[i]));
}

/* The kernel table gives what Winograd takes to it. */
static void table_uses_it(void **state)
{
    (void)state;
    const adi_kernels *table = adi_backend_cpu.kernels;
    const adi_conv2d_dims d = dims(16, 16, 16, 64, 64, 1);
    winograd_case c = case_new(&d);
    const adi_epilogue e = {c.bias, c.residual, ADI_ACT_RELU, NULL};
    assert_int_equal(table->conv2d_scratch(&d, 3), adi_winograd_scratch_cpu(&d, 3));
    assert_int_equal(table->conv2d_bwd_data_scratch(&d, 3), adi_winograd_scratch_cpu(&d, 3));
    assert_int_equal(table->conv2d_bwd_weight_scratch(&d, 3),
                     adi_winograd_wgrad_scratch_cpu(&d, 3));
    for (int operation = 0; operation < OPERATIONS; operation++) {
        const int64_t count = result_count(&c, operation);
        float *want = run(&c, operation, adi_isa_cpu(0), &e, 2);
        float *y = guarded_floats(count);
        void *scratch =
            guarded_alloc(operation == BWD_WEIGHT ? table->conv2d_bwd_weight_scratch(&d, 2)
                                                  : table->conv2d_scratch(&d, 2));
        const adi_exec ex = {2, scratch, NULL};
        if (operation == FWD)
            assert_int_equal(table->conv2d_fwd(&ex, y, c.x, c.w, &e, &d), AD_OK);
        else if (operation == BWD_DATA)
            assert_int_equal(table->conv2d_bwd_data(&ex, y, c.dy, c.w, &e, &d), AD_OK);
        else
            assert_int_equal(table->conv2d_bwd_weight(&ex, y, c.x, c.dy, &d), AD_OK);
        op_same_bits(operation_names[operation], y, want, (size_t)count * sizeof *y);
        guarded_free(scratch, c.name);
        guarded_free(want, c.name);
        guarded_free(y, c.name);
    }
    case_free(&c);
}

static void scratch_grows_with_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        const adi_conv2d_dims d = dims(op_int(1, 40), op_int(3, 70), op_int(3, 70), op_int(1, 300),
                                       op_int(1, 300), (int32_t)op_int(0, 1));
        size_t last = 0;
        for (int32_t t = 1; t <= 16; t++) {
            const size_t bytes = adi_winograd_scratch_cpu(&d, t);
            assert_true(bytes >= last && bytes % 64 == 0 &&
                        adi_winograd_wgrad_scratch_cpu(&d, t) % 64 == 0);
            last = bytes;
        }
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_shapes),  cmocka_unit_test(random_shapes),
        cmocka_unit_test(long_sums),     cmocka_unit_test(definition_is_ref),
        cmocka_unit_test(nan_survives),  cmocka_unit_test(suits),
        cmocka_unit_test(table_uses_it), cmocka_unit_test(scratch_grows_with_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
