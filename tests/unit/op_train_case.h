/* One op in training: whether every gradient is the one of what forward computes, along a random direction; whether
 * backward reads what it says it keeps and no more, and writes what is wanted and no more. On ref. */
#ifndef ADFEAT_TESTS_OP_TRAIN_CASE_H
#define ADFEAT_TESTS_OP_TRAIN_CASE_H

#include "harness/needed_kernels.h"
#include "harness/op_case.h"
#include "ops/op.h"

typedef struct op_train {
    const adi_op *op;
    adi_kernels needed; /* what training needs, and no other */
    adi_op_call call;
    int64_t counts[4];  /* of x, x2, weight, bias; 0: there is none */
    float *values[4];
    int64_t outputs;
    float *v;           /* the loss is the sum of v y, so dy = v */
    void *scratch, *train_scratch;
    double mean[16], var[16];
} op_train;

static inline const adi_kernels *kernels(void)
{
    return adi_backend_ref.kernels;
}

/* Whether values[i] has a gradient. */
static inline int has_gradient(const op_train *t, int i)
{
    return t->counts[i] && (i < 2 || i - 2 < t->op->params - t->op->untrained);
}

static inline op_train op_train_new(const adi_op *op, adi_attrs attrs, adi_shape in, adi_shape in2, adi_act act)
{
    op_train t = {.op = op, .call = {.attrs = attrs, .in = in, .act = act}};
    const adi_shape both[2] = {in, in2};
    if (op->shape("t", &attrs, both, &t.call.out) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    t.outputs = adi_values(&t.call.out);
    t.counts[0] = adi_values(&in);
    t.counts[1] = op->inputs == 2 ? adi_values(&in2) : 0;
    for (int32_t i = 0; i < op->params && i < 2; i++) {
        int64_t shape[8];
        const int32_t dims = op->param_shape(&attrs, in.c, i, shape);
        t.counts[2 + i] = 1;
        for (int32_t d = 0; d < dims; d++)
            t.counts[2 + i] *= shape[d];
    }
    for (int i = 0; i < 4; i++)
        if (t.counts[i]) {
            t.values[i] = op_floats(t.counts[i], 1.0);
            /* Away from kinks and ties by more than any step: 0.08 k + 0.04, in random order. */
            for (int64_t k = 0; i < 2 && k < t.counts[i]; k++)
                t.values[i][k] = (float)(0.08 * (double)(k - t.counts[i] / 2) + 0.04);
            for (int64_t k = t.counts[i] - 1; i < 2 && k > 0; k--) {
                const int64_t j = op_int(0, k);
                const float moved = t.values[i][k];
                t.values[i][k] = t.values[i][j];
                t.values[i][j] = moved;
            }
            for (int64_t k = 0; i == 2 && op->params == 4 && k < t.counts[i]; k++)
                t.values[i][k] += 2.0f; /* batch norm */
        }
    needed_kernels_add(&t.needed, kernels(), adi_op_train_needs(op));
    t.call.weight = t.values[2];
    t.call.bias = t.values[3];
    t.v = op_floats(t.outputs, 1.0);
    t.scratch = guarded_alloc(op->scratch ? op->scratch(&t.needed, &t.call, 1) : 0);
    t.train_scratch = guarded_alloc(op->train_scratch ? op->train_scratch(&t.needed, &t.call, 1) : 0);
    return t;
}

static inline void op_train_free(op_train *t)
{
    for (int i = 0; i < 4; i++)
        if (t->values[i])
            guarded_free(t->values[i], "value");
    guarded_free(t->v, "v");
    guarded_free(t->scratch, "scratch");
    guarded_free(t->train_scratch, "train_scratch");
}

static inline void run_forward(op_train *t, float *y)
{
    if (t->op->train_forward) {
        const adi_exec ex = {1, t->train_scratch, NULL};
        adi_op_grad g = {.mean = t->mean, .var = t->var};
        assert_int_equal(t->op->train_forward(&t->needed, &ex, &t->call, &g, 0, y, t->values[0]), AD_OK);
    } else {
        const adi_exec ex = {1, t->scratch, NULL};
        assert_int_equal(t->op->forward(&t->needed, &ex, &t->call, y, t->values[0], t->values[1]), AD_OK);
    }
}

/* And the sum of its terms' sizes, which rounding is a part of. */
static inline double loss(op_train *t, double *out_size)
{
    float *y = guarded_floats(t->outputs);
    double sum = 0.0;
    run_forward(t, y);
    *out_size = 0.0;
    for (int64_t i = 0; i < t->outputs; i++) {
        sum += (double)t->v[i] * y[i];
        *out_size += fabs((double)t->v[i] * y[i]);
    }
    guarded_free(y, "y");
    return sum;
}

/* Of x, x2, weight, bias, as far as `wanted` has their bits; guarded, and the others NULL. dy is a copy. */
static inline void run_backward(op_train *t, int wanted, const float *add, float *out[4])
{
    const adi_exec ex = {1, t->train_scratch, NULL};
    float *y = guarded_floats(t->outputs), *dy = op_copy(t->v, t->outputs);
    adi_op_grad g = {.dy = dy, .dx_add = add, .mean = t->mean, .var = t->var};
    run_forward(t, y);
    for (int i = 0; i < 4; i++)
        out[i] = has_gradient(t, i) && wanted >> i & 1 ? guarded_floats(t->counts[i]) : NULL;
    for (int i = 0; i < 2; i++) {
        g.x[i] = t->op->keeps & (i ? ADI_KEEPS_X2 : ADI_KEEPS_X) ? t->values[i] : NULL;
        g.dx[i] = out[i];
    }
    g.y = t->op->keeps & ADI_KEEPS_Y ? y : NULL;
    g.dweight = out[2];
    g.dbias = out[3];
    assert_int_equal(t->op->backward(&t->needed, &ex, &t->call, &g), AD_OK);
    op_same_bits("dy", dy, t->v, (size_t)t->outputs * sizeof *dy);
    for (int i = 0; i < 4; i++)
        if (out[i])
            guarded_check(out[i], "gradient");
    guarded_check(t->train_scratch, "train_scratch");
    guarded_free(y, "y");
    guarded_free(dy, "dy");
}

static inline void free_gradients(float *g[4])
{
    for (int i = 0; i < 4; i++)
        if (g[i])
            guarded_free(g[i], "gradient");
}

/* A parameter and its gradient are both in the kernels' layout. `limit` is of the sum of the gradient's terms;
 * what the rounding of results to float32 makes of the differences comes on top. */
static inline void check_gradients(op_train *t, double limit)
{
    static const char *const names[] = {"x", "x2", "weight", "bias"};
    const float step = 0x1p-7f;
    float *g[4];
    run_backward(t, 15, NULL, g);
    for (int i = 0; i < 4; i++) {
        if (!has_gradient(t, i))
            continue;
        float *u = op_floats(t->counts[i], 1.0), *was = op_copy(t->values[i], t->counts[i]);
        double analytic = 0.0, size = 0.0, results = 0.0, sides[2];
        for (int64_t k = 0; k < t->counts[i]; k++) {
            analytic += (double)g[i][k] * u[k];
            size += fabs((double)g[i][k] * u[k]);
        }
        for (int side = 0; side < 2; side++) {
            for (int64_t k = 0; k < t->counts[i]; k++)
                t->values[i][k] = was[k] + (side ? step : -step) * u[k];
            sides[side] = loss(t, &results);
        }
        memcpy(t->values[i], was, (size_t)t->counts[i] * sizeof *was);
        const double numeric = (sides[1] - sides[0]) / (2.0 * step);
        if (!(fabs(numeric - analytic) <= limit * size + 6e-8 * results / step))
            fail_msg("%s, d%s: %g along a direction, differences say %g (terms of %g)", t->op->name,
                     names[i], analytic, numeric, size);
        assert_true(size > 0.0);
        guarded_free(u, "direction");
        guarded_free(was, "values");
    }
    free_gradients(g);
}

/* Each gradient alone, as among the others, to the bit. Those of a normalisation's parameters come together. */
static inline void check_each_alone(op_train *t)
{
    const int together = t->op == &adi_op_sru_soft ? 12 : 0;
    float *all[4], *one[4];
    run_backward(t, 15, NULL, all);
    for (int i = 0; i < 4; i++) {
        run_backward(t, 1 << i | together, NULL, one);
        if (one[i])
            op_same_bits("a gradient alone", one[i], all[i], (size_t)t->counts[i] * sizeof(float));
        free_gradients(one);
    }
    free_gradients(all);
}

static inline void check_add(op_train *t)
{
    float *plain[4], *added[4], *add = op_floats(t->counts[0], 1.0);
    run_backward(t, 1, NULL, plain);
    run_backward(t, 1, add, added);
    for (int64_t i = 0; i < t->counts[0]; i++)
        assert_true(fabs((double)added[0][i] - ((double)plain[0][i] + add[i])) <=
                    2e-7 * (fabs(plain[0][i]) + fabs(add[i])));
    free_gradients(plain);
    free_gradients(added);
    guarded_free(add, "add");
}

/* dx in dy's place. */
static inline void check_in_place(op_train *t)
{
    const adi_exec ex = {1, t->train_scratch, NULL};
    float *apart[4], *y = guarded_floats(t->outputs), *d = op_copy(t->v, t->outputs);
    run_backward(t, 15, NULL, apart);
    run_forward(t, y);
    float unused[2][16];
    const adi_op_grad g = {.x = {t->values[0]}, .y = y, .dy = d, .dx = {d}, .dweight = unused[0],
                           .dbias = unused[1], .mean = t->mean, .var = t->var};
    assert_int_equal(t->op->backward(&t->needed, &ex, &t->call, &g), AD_OK);
    op_same_bits("dx in place", d, apart[0], (size_t)t->counts[0] * sizeof *d);
    free_gradients(apart);
    guarded_free(y, "y");
    guarded_free(d, "d");
}

static inline void check_all(op_train *t, double limit)
{
    check_gradients(t, limit);
    if (t->op != &adi_op_batchnorm) /* always all of its gradients */
        check_each_alone(t);
    if (t->op->adds_dx)
        check_add(t);
    if (t->op->in_place)
        check_in_place(t);
    op_train_free(t);
}

#define LINEAR 1e-6 /* differences are exact but for rounding; a wrong gradient is wrong by about 1 */

#endif
