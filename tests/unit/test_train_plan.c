/* nn/train_plan.c, nn/train_run.c: the gradient of a random linear functional of the taps, by every parameter and
 * by the input, against slopes that a second implementation carries along; that nothing is overwritten while
 * somebody still reads it; that a batch may be smaller than the plan's; that memory is what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/dual_network.h"
#include "harness/fault_alloc.h"
#include "harness/op_case.h"
#include "harness/seeded_network.h"
#include "nn/train_plan.h"

static const adi_allocator *const heap = &adi_default_allocator;

/* ---- Graphs ---- */

#define HEAD "network g\ninput_size 8\nmean 0 0 0\nstd 1 1 1\ninput image : channels=3\n"

/* Every way in which a result can be read, tapped and fused. */
static const char *const special[] = {
    HEAD "conv2d a <- image : out=4 kernel=3 pad=1\ntap t <- a\n",
    /* read three times; an addition of a result and what was made from it */
    HEAD "conv2d a <- image : out=4 kernel=3 pad=1\nbatchnorm b <- a : eps=0.1\nrelu c <- b\n"
         "conv2d d <- c : out=4 kernel=3 pad=1\nconv2d e <- c : out=4 kernel=1\nadd f <- d c\nadd g <- f e\n"
         "relu h <- g\ntap t <- h\n",
    /* x + x, with and without a ReLU in it */
    HEAD "conv2d a <- image : out=3 kernel=1\nadd b <- a a\nrelu c <- b\nadd d <- c c\ntap t <- d\n",
    /* tapped in the middle: the ReLU cannot become part of the batch norm */
    HEAD "conv2d a <- image : out=4 kernel=3\nbatchnorm b <- a : eps=0.1\nrelu c <- b\nconv2d d <- c : out=2 kernel=1\n"
         "tap t <- b\ntap u <- d\n",
    /* read by two, one of them a ReLU */
    HEAD "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nrelu c <- b\nadd d <- b c\ntap t <- d\n",
    /* two taps of one node, a third of what is made from it */
    HEAD "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nrelu c <- b\nconv2d d <- c : out=4 kernel=1\n"
         "tap t <- c\ntap u <- c\ntap v <- d\n",
    /* two taps of one batch norm that a convolution and an addition read */
    HEAD "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nconv2d c <- b : out=4 kernel=1\nadd d <- b c\n"
         "tap t <- b\ntap u <- b\ntap v <- d\n",
    /* batch norms and ReLUs in a row */
    HEAD "conv2d a <- image : out=4 kernel=3 pad=1\nbatchnorm b <- a : eps=0.1\nbatchnorm c <- b : eps=0.1\nrelu d <- c\n"
         "relu e <- d\nbatchnorm f <- e : eps=0.1\nconv2d g <- f : out=2 kernel=1\ntap t <- g\n",
    /* of the input: a batch norm, a pool, a sum, both ways of a concatenation */
    HEAD "batchnorm a <- image : eps=0.1\nrelu b <- a\nadd c <- b image\nconcat d <- c image\nmaxpool2d e <- image : kernel=2 "
         "stride=1\nconv2d f <- d : out=2 kernel=2\nconcat g <- f e\ntap t <- g\n",
    HEAD "relu a <- image\nconv2d b <- a : out=3 kernel=1 bias=1\nadd c <- b image\nrelu d <- c\ntap t <- d\ntap u <- c\n",
    /* a concatenation of one result with itself, pooled with overlap, enlarged in two ways */
    HEAD "conv2d a <- image : out=3 kernel=3 pad=1 bias=1\nconcat b <- a a\nmaxpool2d c <- b : kernel=3 stride=2 pad=1\n"
         "deconv2d d <- c : out=3 kernel=2 stride=2 bias=1\nresize2d e <- c : scale=2\nconcat f <- d e\n"
         "conv2d g <- f : out=2 kernel=3 pad=1\nl2norm h <- g\ntap t <- h\ntap u <- c\n",
    /* a U-Net's way back, and its skip read before and after */
    HEAD "conv2d a <- image : out=3 kernel=3 pad=1 bias=1\nbatchnorm b <- a : eps=0.1\nrelu c <- b\n"
         "maxpool2d d <- c : kernel=2 stride=2\nconv2d e <- d : out=6 kernel=3 pad=1\nrelu f <- e\n"
         "deconv2d g <- f : out=3 kernel=2 stride=2 bias=1\nconcat h <- g c\nconv2d i <- h : out=3 kernel=1\n"
         "sigmoid j <- i\nadd k <- j c\ntap t <- k\n",
    /* gradients given on by reference through additions, with in-place readers behind them */
    HEAD "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nconv2d c <- image : out=4 kernel=1\n"
         "batchnorm d <- c : eps=0.1\nadd e <- b d\nadd f <- e b\nrelu6 g <- f\nadd h <- g e\ntap t <- h\ntap u <- e\n",
    /* a tap that nothing trained leads to, and nodes that no tap needs */
    HEAD "maxpool2d a <- image : kernel=2 stride=2\nconv2d b <- image : out=2 kernel=1\nconv2d unused <- b : out=9 "
         "kernel=1\ntap t <- a\ntap u <- b\n",
};
enum { SPECIAL = sizeof special / sizeof *special, NODES = 14 };

typedef struct live {
    int64_t c, h; /* a square */
} live;

/* A random graph: every op, results of any node before. */
static void random_graph(char *text, size_t size)
{
    live all[NODES + 1] = {{3, 8}};
    size_t n = (size_t)snprintf(text, size, "%s", HEAD);
    int32_t count = 1;
    while (count <= NODES) {
        const int32_t from = (int32_t)op_int(count > 4 ? count - 4 : 0, count - 1), other = (int32_t)op_int(0, count - 1);
        const live in = all[from], second = all[other];
        live out = in;
        char name[2][16], line[160] = "";
        for (int i = 0; i < 2; i++)
            snprintf(name[i], sizeof name[i], (i ? other : from) ? "n%d" : "image", i ? other : from);
        switch (op_int(0, 11)) {
        case 0:
        case 1:
            out.c = op_int(1, 5);
            snprintf(line, sizeof line, "conv2d n%d <- %s : out=%lld kernel=3 pad=1%s", count, name[0], (long long)out.c,
                     op_int(0, 1) ? " bias=1" : "");
            break;
        case 2:
            if (in.h < 4)
                continue;
            out = (live){op_int(1, 5), (in.h - 2) / 2 + 1};
            snprintf(line, sizeof line, "conv2d n%d <- %s : out=%lld kernel=2 stride=2", count, name[0], (long long)out.c);
            break;
        case 3:
        case 4:
            snprintf(line, sizeof line, "batchnorm n%d <- %s : eps=0.1", count, name[0]);
            break;
        case 5:
            snprintf(line, sizeof line, "relu n%d <- %s", count, name[0]);
            break;
        case 6:
        case 7:
            if (in.c != second.c || in.h != second.h)
                continue;
            snprintf(line, sizeof line, "add n%d <- %s %s", count, name[0], name[1]);
            break;
        case 8:
            if (in.h != second.h || in.c + second.c > 12)
                continue;
            out.c = in.c + second.c;
            snprintf(line, sizeof line, "concat n%d <- %s %s", count, name[0], name[1]);
            break;
        case 9:
            if (in.h < 4)
                continue;
            snprintf(line, sizeof line, "maxpool2d n%d <- %s : kernel=3 stride=2 pad=1", count, name[0]);
            out.h = (in.h + 2 - 3) / 2 + 1;
            break;
        case 10:
            if (in.h > 4)
                continue;
            out = (live){op_int(1, 4), 2 * in.h};
            snprintf(line, sizeof line, "deconv2d n%d <- %s : out=%lld kernel=2 stride=2 bias=1", count, name[0],
                     (long long)out.c);
            break;
        default:
            if (in.h > 4)
                continue;
            out.h = 2 * in.h;
            snprintf(line, sizeof line, "resize2d n%d <- %s : scale=2", count, name[0]);
            break;
        }
        n += (size_t)snprintf(text + n, size - n, "%s\n", line);
        all[count++] = out;
    }
    n += (size_t)snprintf(text + n, size - n, "tap last <- n%d\n", NODES);
    for (int64_t i = op_int(0, 3); i > 0; i--)
        n += (size_t)snprintf(text + n, size - n, "tap t%lld <- n%lld\n", (long long)i, (long long)op_int(1, NODES));
    assert_true(n < size);
}

/* ---- A module with random parameters ---- */

static adi_module *module_of(const adi_allocator *a, const char *text)
{
    adi_graph *g = graph_of(a, text);
    int32_t taps[16];
    adi_module *m = NULL;
    for (int32_t t = 0; t < g->tap_count; t++)
        taps[t] = t;
    if (adi_module_create(g, taps, g->tap_count, &m) != AD_OK)
        fail_msg("%s\n%s", ad_last_error_message(), text);
    return m;
}

/* Into the module, and in the file's order into `file`. */
static void randomise(adi_module *m, float *file)
{
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        const int norm = m->graph->nodes[p->node].op == &adi_op_batchnorm;
        const double fan = p->ndim == 4 ? (double)(p->shape[1] * p->shape[2] * p->shape[3]) : 4.0;
        for (size_t k = 0; k < p->count; k++)
            file[p->offset + k] = (float)(norm && p->index % 3 == 0 ? 1.0 + 0.5 * op_signed()
                                                                    : 1.5 / sqrt(fan) * op_signed());
        adi_module_from_file(m, p, file + p->offset, m->values + p->offset);
    }
}

/* ---- A run in memory with guards around it ---- */

typedef struct trained {
    const adi_train_plan *plan;
    adi_train_run run;
    float *input;
} trained;

static trained trained_new(const adi_train_plan *p, int64_t n)
{
    trained t = {.plan = p, .run = {.n = n}};
    t.run.block = guarded_floats((int64_t)p->block_floats); /* all of it NaN */
    t.run.scratch = guarded_alloc(p->scratch_bytes);
    t.run.statistics = guarded_doubles((int64_t)p->statistics_doubles);
    t.run.gradients = guarded_floats((int64_t)p->module->trainable);
    t.run.input = t.input = op_floats(n * p->input.h * p->input.w * p->input.c, 1.0);
    return t;
}

static void trained_free(trained *t)
{
    guarded_free(t->run.block, "block");
    guarded_free(t->run.scratch, "scratch");
    guarded_free(t->run.statistics, "statistics");
    guarded_free(t->run.gradients, "gradients");
    guarded_free(t->input, "input");
}

static int64_t tap_count(const trained *t, int32_t tap)
{
    const adi_shape *s = adi_train_tap_shape(t->plan, tap);
    return t->run.n * s->h * s->w * s->c;
}

/* ---- Lifetimes ---- */

/* Every float of the block knows whose it is, as steps write it; whoever reads must find his own. */
typedef struct owners {
    const adi_train_plan *plan;
    int32_t *of;
    const char *text;
} owners;

static void owners_write(owners *o, int32_t value)
{
    for (size_t i = 0; value >= 0 && i < o->plan->values[value].floats; i++)
        o->of[o->plan->values[value].offset + i] = value;
}

static void owners_read(const owners *o, int32_t value, int32_t step)
{
    if (value < 0)
        return;
    const adi_lifetime *v = &o->plan->values[value];
    for (size_t i = 0; i < v->floats; i++)
        if (o->of[v->offset + i] != value)
            fail_msg("step %d reads value %d where value %d is\n%s", step, value, o->of[v->offset + i], o->text);
}

/* What a step reads, while it writes: only a result that takes an operand's very place may be there as well. */
static void owners_step(owners *o, int32_t at)
{
    const adi_train_step *s = &o->plan->steps[at];
    const int backward = s->kind == ADI_TRAIN_BACKWARD;
    const int32_t reads[] = {s->x[0], s->x[1], backward ? s->y : -1, s->dy, s->dx_add};
    const int32_t writes[] = {backward ? s->dx[0] : s->y, backward ? s->dx[1] : -1};
    for (int i = 0; i < 5; i++)
        owners_read(o, reads[i], at);
    for (int i = 0; i < 2; i++)
        owners_write(o, writes[i]);
    for (int i = 0; i < 5; i++)
        if (reads[i] != writes[0] && reads[i] != writes[1])
            owners_read(o, reads[i], at);
    owners_read(o, writes[0], at); /* two results do not meet either */
}

static void check_lifetimes(const adi_train_plan *p, const char *text)
{
    owners o = {.plan = p, .text = text};
    size_t top = 0;
    o.of = malloc((p->block_floats + 1) * sizeof *o.of);
    assert_non_null(o.of);
    memset(o.of, 0xff, p->block_floats * sizeof *o.of);
    for (int32_t i = 0; i < p->forward_count; i++)
        owners_step(&o, i);
    for (int32_t t = 0; t < p->module->tap_count; t++) { /* the loss */
        owners_write(&o, p->tap_grads[t]);
        owners_read(&o, p->taps[t], p->forward_count);
    }
    for (int32_t t = 0; t < p->module->tap_count; t++) {
        owners_read(&o, p->taps[t], p->forward_count);
        owners_read(&o, p->tap_grads[t], p->forward_count);
    }
    for (int32_t i = p->forward_count; i < p->step_count; i++)
        owners_step(&o, i);
    owners_read(&o, p->input_grad, p->step_count);
    free(o.of);
    for (int32_t i = 0; i < p->value_count; i++) {
        const adi_lifetime *a = &p->values[i];
        const adi_shape *s = &p->shapes[i];
        assert_true(a->floats >= (size_t)(s->n * s->h * s->w * s->c) && s->n == p->input.n);
        assert_int_equal(a->offset % (ADI_ALIGNMENT / sizeof(float)), 0);
        top = a->offset + a->floats > top ? a->offset + a->floats : top;
        for (int32_t j = 0; j < i; j++) {
            const adi_lifetime *b = &p->values[j];
            const int meet = a->from <= b->to && b->from <= a->to;
            if (meet && a->offset < b->offset + b->floats && b->offset < a->offset + a->floats)
                fail_msg("values %d and %d live at the same time in the same place\n%s", i, j, text);
        }
    }
    assert_int_equal(top, p->block_floats); /* no float too many */
    assert_int_equal(adi_train_plan_bytes(p),
                     p->block_floats * sizeof(float) + p->scratch_bytes + p->statistics_doubles * sizeof(double));
}

/* No step needs more scratch than there is, however many images the batch has. */
static void check_scratch(const adi_train_plan *p)
{
    size_t most = 0;
    for (int32_t i = 0; i < p->step_count; i++)
        for (int64_t n = 1; n <= p->input.n; n++) {
            adi_op_call call = p->steps[i].call;
            const adi_op *op = p->steps[i].op;
            call.in.n = call.out.n = n;
            const size_t forward = op->scratch ? op->scratch(p->kernels, &call, p->num_threads) : 0;
            const size_t train = op->train_scratch ? op->train_scratch(p->kernels, &call, p->num_threads) : 0;
            most = forward > most ? forward : most;
            most = train > most ? train : most;
        }
    assert_int_equal(most, p->scratch_bytes);
}

/* ---- The gradient ---- */

typedef struct gradient_case {
    const adi_backend *backend;
    int32_t threads;
    int64_t most, n; /* images of the plan, of the batch */
} gradient_case;

static double worst_slope, worst_value;

static double slope_of(const dual_network *d, const trained *t, float *const *v)
{
    double sum = 0.0;
    for (int32_t k = 0; k < d->module->tap_count; k++)
        for (int64_t i = 0; i < tap_count(t, k); i++)
            sum += v[k][i] * d->maps[d->module->graph->taps[d->module->taps[k]].node].x[i].d;
    return sum;
}

static void close_to(const char *what, double got, double want, double unit, double limit, double *worst,
                     const char *text)
{
    const double error = fabs(got - want) / unit;
    if (!(error <= limit) && got != want)
        fail_msg("%s is %.9g, should be %.9g: %.3g of its unit, limit %.3g\n%s", what, got, want, error, limit, text);
    if (error > *worst && got != want)
        *worst = error;
}

static void compare_taps(const dual_network *d, const trained *t, const char *text)
{
    for (int32_t k = 0; k < d->module->tap_count; k++) {
        const dual_map *want = &d->maps[d->module->graph->taps[d->module->taps[k]].node];
        const float *got = adi_train_tap(t->plan, &t->run, k);
        double largest = 1e-3;
        for (int64_t i = 0; i < tap_count(t, k); i++)
            largest = fmax(largest, fabs(want->x[i].v));
        assert_int_equal(tap_count(t, k), dual_count(&want->s));
        for (int64_t i = 0; i < tap_count(t, k); i++)
            close_to("a tap's value", got[i], want->x[i].v, largest, 1e-4, &worst_value, text);
    }
}

/* The share of every parameter tensor, and of the input, in the slope along a random direction of its own. */
static void compare_gradients(dual_network *d, const trained *t, float *const *v, const char *text)
{
    const adi_module *m = d->module;
    const int64_t inputs = t->run.n * t->plan->input.h * t->plan->input.w * t->plan->input.c;
    double *along = calloc(m->total + (size_t)inputs, sizeof *along), *along_input = along + m->total;
    double *got = calloc((size_t)m->param_count + 1, sizeof *got), *want = calloc((size_t)m->param_count + 1, sizeof *want);
    double *unit = calloc((size_t)m->param_count + 1, sizeof *unit), largest = 1e-6;
    float *file = calloc(m->total + 1, sizeof *file);
    const adi_shape in = {t->run.n, t->plan->input.h, t->plan->input.w, t->plan->input.c};
    assert_true(along && got && want && unit && file);
    d->directions = along;
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        if (p->offset >= m->trainable)
            continue;
        adi_module_to_file(m, p, t->run.gradients + p->offset, file + p->offset);
        for (size_t k = p->offset; k < p->offset + p->count; k++) {
            along[k] = op_signed();
            got[i] += file[k] * along[k];
            unit[i] += fabs(file[k] * along[k]);
        }
        dual_run(d, &in, t->run.input, NULL);
        want[i] = slope_of(d, t, v);
        memset(along + p->offset, 0, p->count * sizeof *along);
        largest = fmax(largest, unit[i]);
    }
    const int32_t last = m->param_count;
    for (int64_t k = 0; k < inputs && t->plan->input_grad >= 0; k++) {
        const double g = adi_train_input_grad(t->plan, &t->run)[k];
        along_input[k] = op_signed();
        got[last] += g * along_input[k];
        unit[last] += fabs(g * along_input[k]);
    }
    dual_run(d, &in, t->run.input, along_input);
    want[last] = slope_of(d, t, v);
    for (int32_t i = 0; i <= last; i++) /* a bias in front of a batch norm has a slope of 0 and its share of rounding */
        close_to(i == last ? "the slope along the input" : m->graph->nodes[m->params[i].node].name, got[i], want[i],
                 fmax(unit[i], 0.01 * largest), 2e-4, &worst_slope, text);
    d->directions = NULL;
    free(along);
    free(got);
    free(want);
    free(unit);
    free(file);
}

/* The running statistics, which move a tenth of the way. */
static void compare_statistics(const dual_network *d, const float *before, const char *text)
{
    const adi_module *m = d->module;
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        for (size_t k = 0; k < p->count; k++) {
            const float old = before[p->offset + k], now = m->values[p->offset + k];
            if (p->offset < m->trainable) {
                assert_true(p->ndim == 4 || old == now);
                continue;
            }
            const size_t mean = adi_module_find(m, p->node, 2)->offset + k;
            const double batch = p->index == 2 ? d->batch_mean[mean] : d->batch_var[mean];
            close_to("a running statistic", now, 0.9 * old + 0.1 * batch, fmax(1.0, fabs(batch)), 1e-5, &worst_value, text);
        }
    }
}

static void check_gradient(const char *text, const gradient_case *c)
{
    adi_module *m = module_of(heap, text);
    adi_train_plan *p = NULL;
    float *file = calloc(m->total + 1, sizeof *file);
    assert_non_null(file);
    const adi_shape input = {c->most, 8, 8, 3}, batch = {c->n, 8, 8, 3};
    const int wants = c->n % 2; /* the input's gradient */
    if (adi_train_plan_create(m, c->backend->kernels, c->threads, &input, wants, &p) != AD_OK)
        fail_msg("%s\n%s", ad_last_error_message(), text);
    check_lifetimes(p, text);
    check_scratch(p);
    trained t = trained_new(p, c->n);
    dual_network d = dual_new(m, file);
    for (int tries = 0;; tries++) { /* away from kinks, where float and double may take different sides */
        for (int64_t i = 0; i < dual_count(&batch); i++)
            t.input[i] = (float)op_signed();
        randomise(m, file);
        d.training = 1;
        dual_run(&d, &batch, t.input, NULL);
        if (d.margin > 2e-5)
            break;
        assert_true(tries < 100);
    }
    for (int round = 0; round < 2; round++) { /* the second finds what the first left */
        if (adi_train_forward(p, &t.run, 1) != AD_OK)
            fail_msg("%s\n%s", ad_last_error_message(), text);
        compare_taps(&d, &t, text);
        float *v[16];
        for (int32_t k = 0; k < m->tap_count; k++) {
            v[k] = op_floats(tap_count(&t, k), 1.0);
            memcpy(adi_train_tap_grad(p, &t.run, k), v[k], (size_t)tap_count(&t, k) * sizeof **v);
        }
        if (adi_train_backward(p, &t.run) != AD_OK)
            fail_msg("%s\n%s", ad_last_error_message(), text);
        compare_gradients(&d, &t, v, text);
        if (!wants)
            assert_null(adi_train_input_grad(p, &t.run));
        for (int32_t k = 0; k < m->tap_count; k++)
            guarded_free(v[k], "a tap's gradient");
    }
    adi_train_update_statistics(p, &t.run);
    compare_statistics(&d, file, text);
    for (int32_t i = 0; i < m->param_count; i++)
        adi_module_to_file(m, &m->params[i], m->values + m->params[i].offset, file + m->params[i].offset);
    d.training = 0;
    dual_run(&d, &batch, t.input, NULL);
    assert_int_equal(adi_train_forward(p, &t.run, 0), AD_OK);
    compare_taps(&d, &t, text);
    trained_free(&t);
    dual_free(&d);
    adi_train_plan_destroy(p);
    adi_module_destroy(m);
    free(file);
}

static void special_graphs(void **state)
{
    (void)state;
    op_seed();
    const gradient_case cases[] = {{&adi_backend_ref, 1, 3, 3}, {&adi_backend_ref, 1, 3, 2}, {&adi_backend_cpu, 2, 5, 3},
                                   {&adi_backend_cpu, 1, 2, 2}};
    for (int32_t g = 0; g < SPECIAL; g++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            check_gradient(special[g], &cases[c]);
    printf("worst value %.3g, worst slope %.3g\n", worst_value, worst_slope);
}

static void random_graphs(void **state)
{
    (void)state;
    op_seed();
    char text[4096];
    for (int i = 0; i < 60; i++) {
        random_graph(text, sizeof text);
        const gradient_case c = {i % 2 ? &adi_backend_cpu : &adi_backend_ref, 1 + i % 3, 2 + i % 4, 2 + i % 2};
        if (c.n <= c.most)
            check_gradient(text, &c);
    }
    printf("worst value %.3g, worst slope %.3g\n", worst_value, worst_slope);
}

/* ---- The same bits whatever the threads; a batch's gradient does not depend on what the plan could hold ---- */

static void bits_of_threads(void **state)
{
    (void)state;
    const uint64_t begin = op_state;
    static const int32_t threads[] = {1, 2, 3, 5};
    for (int32_t g = 0; g < SPECIAL; g++) {
        adi_module *m = module_of(heap, special[g]);
        float *file = calloc(m->total + 1, sizeof *file), *first = calloc(m->trainable + 1, sizeof *first);
        op_state = begin;
        randomise(m, file);
        for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
            adi_train_plan *p = NULL;
            const adi_shape input = {4, 8, 8, 3};
            assert_int_equal(adi_train_plan_create(m, adi_backend_cpu.kernels, threads[i], &input, 0, &p), AD_OK);
            op_state = begin;
            trained t = trained_new(p, 3);
            assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
            for (int32_t k = 0; k < m->tap_count; k++)
                for (int64_t j = 0; j < tap_count(&t, k); j++)
                    adi_train_tap_grad(p, &t.run, k)[j] = (float)op_signed();
            assert_int_equal(adi_train_backward(p, &t.run), AD_OK);
            if (i)
                assert_memory_equal(t.run.gradients, first, m->trainable * sizeof *first);
            memcpy(first, t.run.gradients, m->trainable * sizeof *first);
            trained_free(&t);
            adi_train_plan_destroy(p);
        }
        free(file);
        free(first);
        adi_module_destroy(m);
    }
}

/* Kernels choose their way by the shape: here three images may need more than four. */
static void scratch_of_smaller_batches(void **state)
{
    (void)state;
    adi_module *m = module_of(heap, HEAD "conv2d a <- image : out=64 kernel=3 pad=1\ntap t <- a\n");
    float *file = calloc(m->total, sizeof *file);
    randomise(m, file);
    for (int64_t most = 1; most <= 8; most++) {
        adi_train_plan *p = NULL;
        const adi_shape input = {most, 4, 4, 3};
        assert_int_equal(adi_train_plan_create(m, adi_backend_cpu.kernels, 2, &input, 1, &p), AD_OK);
        check_scratch(p);
        for (int64_t n = 1; n <= most; n++) {
            trained t = trained_new(p, n);
            assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
            memset(adi_train_tap_grad(p, &t.run, 0), 0, (size_t)tap_count(&t, 0) * sizeof(float));
            assert_int_equal(adi_train_backward(p, &t.run), AD_OK);
            trained_free(&t);
        }
        adi_train_plan_destroy(p);
    }
    free(file);
    adi_module_destroy(m);
}

/* ---- What goes wrong ---- */

typedef struct countdown {
    long left, asked;
} countdown;

static int count_down(void *user)
{
    countdown *c = user;
    c->asked++;
    return c->left-- == 0;
}

static void cancelled_between_steps(void **state)
{
    (void)state;
    adi_module *m = module_of(heap, special[1]);
    adi_train_plan *p = NULL;
    const adi_shape input = {2, 8, 8, 3};
    float *file = calloc(m->total, sizeof *file), *before = calloc(m->total, sizeof *before);
    randomise(m, file);
    memcpy(before, m->values, m->total * sizeof *before);
    assert_int_equal(adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 0, &p), AD_OK);
    trained t = trained_new(p, 2);
    countdown c;
    t.run.cancelled = count_down;
    t.run.user = &c;
    for (long i = 0; i < p->forward_count; i++) {
        c = (countdown){.left = i};
        assert_int_equal(adi_train_forward(p, &t.run, 1), AD_ERR_CANCELLED);
        assert_int_equal(c.asked, i + 1);
        assert_string_equal(ad_last_error_message(), "the training was cancelled within a batch");
    }
    c = (countdown){.left = 1000};
    assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
    assert_int_equal(c.asked, p->forward_count);
    memset(adi_train_tap_grad(p, &t.run, 0), 0, (size_t)tap_count(&t, 0) * sizeof(float));
    c = (countdown){.left = p->step_count - p->forward_count - 1};
    assert_int_equal(adi_train_backward(p, &t.run), AD_ERR_CANCELLED);
    assert_memory_equal(before, m->values, m->total * sizeof *before);
    trained_free(&t);
    adi_train_plan_destroy(p);
    adi_module_destroy(m);
    free(file);
    free(before);
}

static void refused(const char *text, adi_shape input, ad_status want, const char *sentence)
{
    adi_module *m = module_of(heap, text);
    adi_train_plan *p = (adi_train_plan *)(void *)m; /* must become NULL */
    assert_int_equal(adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 1, &p), want);
    assert_null(p);
    assert_string_equal(ad_last_error_message(), sentence);
    adi_module_destroy(m);
}

static void impossible_shapes(void **state)
{
    (void)state;
    refused(HEAD "conv2d a <- image : out=2 kernel=3\ntap t <- a\n", (adi_shape){2, 2, 2, 3}, AD_ERR_SHAPE,
            "input of 2x2 does not fit g: conv2d 'a': input of 2x2 is smaller than its 3x3 window");
    refused(HEAD "conv2d a <- image : out=512 kernel=3\ntap t <- a\n", (adi_shape){1024, 4096, 4096, 3}, AD_ERR_SHAPE,
            "g: the activations of 1024 inputs of 4096x4096 are too large");
    /* the input alone is too much, of which nothing is left after the first step */
    refused(HEAD "conv2d a <- image : out=1 kernel=1 stride=64\ntap t <- a\n", (adi_shape){1024, 4096, 4096, 3},
            AD_ERR_SHAPE, "g: the activations of 1024 inputs of 4096x4096 are too large");
}

/* One value a channel has no variance. */
static void one_value_a_channel(void **state)
{
    (void)state;
    adi_module *m = module_of(heap, HEAD "conv2d a <- image : out=2 kernel=8\nbatchnorm b <- a\ntap t <- b\n");
    adi_train_plan *p = NULL;
    const adi_shape input = {4, 8, 8, 3};
    float *file = calloc(m->total, sizeof *file);
    randomise(m, file);
    assert_int_equal(adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 0, &p), AD_OK);
    trained t = trained_new(p, 2);
    t.run.n = 1;
    assert_int_equal(adi_train_forward(p, &t.run, 1), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(),
                        "batch norm 'b' has one value a channel in a batch of 1: more are needed to train it");
    assert_int_equal(adi_train_forward(p, &t.run, 0), AD_OK); /* with the running statistics it has enough */
    t.run.n = 2;
    assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
    trained_free(&t);
    adi_train_plan_destroy(p);
    adi_module_destroy(m);
    free(file);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        fault_alloc faults = {.fail_at = 0};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &faults};
        adi_graph *g = graph_of(&a, special[11]);
        adi_module *m = NULL;
        adi_train_plan *p = NULL;
        const adi_shape input = {2, 8, 8, 3};
        const int32_t tap = 0;
        adi_mt19937 mt;
        adi_mt19937_seed_numpy(&mt, 0);
        const long before = atomic_load(&faults.calls);
        faults.fail_at = before + n;
        ad_status status = adi_module_create(g, &tap, 1, &m);
        if (status == AD_OK)
            status = adi_module_init(m, &mt);
        if (status == AD_OK)
            status = adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 1, &p);
        assert_true((status == AD_OK) == (p != NULL));
        if (status != AD_OK)
            assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        const long calls = atomic_load(&faults.calls);
        adi_train_plan_destroy(p);
        adi_module_destroy(m);
        assert_int_equal(atomic_load(&faults.live), 0);
        if (calls < before + n) {
            assert_int_equal(status, AD_OK);
            assert_true(n > 12);
            return;
        }
    }
}

/* What no backward leads through is refused when the module is made. */
static void not_trainable(void **state)
{
    (void)state;
    adi_graph *g = graph_of(heap, HEAD "conv2d a <- image : out=2 kernel=1\nsilu b <- a\nconv2d c <- b : out=2 kernel=1\n"
                                       "tap t <- a\ntap u <- c\n");
    adi_graph *again = graph_of(heap, g->text);
    const int32_t both[] = {0, 1};
    adi_module *m = (adi_module *)(void *)g;
    assert_int_equal(adi_module_create(g, both, 2, &m), AD_ERR_UNSUPPORTED);
    assert_null(m);
    assert_string_equal(ad_last_error_message(), "silu 'b' of g cannot be trained");
    assert_int_equal(adi_module_create(again, both, 1, &m), AD_OK); /* in front of it all is well */
    assert_int_equal(m->param_count, 1);
    adi_module_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_graphs),          cmocka_unit_test(random_graphs),
        cmocka_unit_test(bits_of_threads),         cmocka_unit_test(scratch_of_smaller_batches),
        cmocka_unit_test(cancelled_between_steps),
        cmocka_unit_test(impossible_shapes),       cmocka_unit_test(one_value_a_channel),
        cmocka_unit_test(every_allocation_can_fail), cmocka_unit_test(not_trainable),
    };
    return cmocka_run_group_tests_name("train_plan", tests, NULL, NULL);
}
