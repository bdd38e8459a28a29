/* Graphs of every kind, modules with random parameters, runs with guards around them, and what must hold of the
 * memory of any training plan. */
#ifndef ADFEAT_TESTS_TRAIN_PLAN_CASE_H
#define ADFEAT_TESTS_TRAIN_PLAN_CASE_H

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
    HEAD "conv2d a <- image : out=4 kernel=3\nbatchnorm b <- a : eps=0.1\nrelu c <- b\nconv2d d <- c : out=2 "
         "kernel=1\n"
         "tap t <- b\ntap u <- d\n",
    /* read by two, one of them a ReLU */
    HEAD
    "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nrelu c <- b\nadd d <- b c\ntap t <- d\n",
    /* two taps of one node, a third of what is made from it */
    HEAD "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nrelu c <- b\nconv2d d <- c : out=4 "
         "kernel=1\n"
         "tap t <- c\ntap u <- c\ntap v <- d\n",
    /* two taps of one batch norm that a convolution and an addition read */
    HEAD "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nconv2d c <- b : out=4 kernel=1\nadd "
         "d <- b c\n"
         "tap t <- b\ntap u <- b\ntap v <- d\n",
    /* batch norms and ReLUs in a row */
    HEAD "conv2d a <- image : out=4 kernel=3 pad=1\nbatchnorm b <- a : eps=0.1\nbatchnorm c <- b : "
         "eps=0.1\nrelu d <- c\n"
         "relu e <- d\nbatchnorm f <- e : eps=0.1\nconv2d g <- f : out=2 kernel=1\ntap t <- g\n",
    /* of the input: a batch norm, a pool, a sum, both ways of a concatenation */
    HEAD "batchnorm a <- image : eps=0.1\nrelu b <- a\nadd c <- b image\nconcat d <- c image\nmaxpool2d e <- "
         "image : kernel=2 "
         "stride=1\nconv2d f <- d : out=2 kernel=2\nconcat g <- f e\ntap t <- g\n",
    HEAD "relu a <- image\nconv2d b <- a : out=3 kernel=1 bias=1\nadd c <- b image\nrelu d <- c\ntap t <- "
         "d\ntap u <- c\n",
    /* a concatenation of one result with itself, pooled with overlap, enlarged in two ways */
    HEAD "conv2d a <- image : out=3 kernel=3 pad=1 bias=1\nconcat b <- a a\nmaxpool2d c <- b : kernel=3 "
         "stride=2 pad=1\n"
         "deconv2d d <- c : out=3 kernel=2 stride=2 bias=1\nresize2d e <- c : scale=2\nconcat f <- d e\n"
         "conv2d g <- f : out=2 kernel=3 pad=1\nl2norm h <- g\ntap t <- h\ntap u <- c\n",
    /* a U-Net's way back, and its skip read before and after */
    HEAD "conv2d a <- image : out=3 kernel=3 pad=1 bias=1\nbatchnorm b <- a : eps=0.1\nrelu c <- b\n"
         "maxpool2d d <- c : kernel=2 stride=2\nconv2d e <- d : out=6 kernel=3 pad=1\nrelu f <- e\n"
         "deconv2d g <- f : out=3 kernel=2 stride=2 bias=1\nconcat h <- g c\nconv2d i <- h : out=3 kernel=1\n"
         "sigmoid j <- i\nadd k <- j c\ntap t <- k\n",
    /* gradients given on by reference through additions, with in-place readers behind them */
    HEAD "conv2d a <- image : out=4 kernel=1\nbatchnorm b <- a : eps=0.1\nconv2d c <- image : out=4 kernel=1\n"
         "batchnorm d <- c : eps=0.1\nadd e <- b d\nadd f <- e b\nrelu6 g <- f\nadd h <- g e\ntap t <- h\ntap "
         "u <- e\n",
    /* a tap that nothing trained leads to, and nodes that no tap needs */
    HEAD
    "maxpool2d a <- image : kernel=2 stride=2\nconv2d b <- image : out=2 kernel=1\nconv2d unused <- b : out=9 "
    "kernel=1\ntap t <- a\ntap u <- b\n",
};
enum { SPECIAL = sizeof special / sizeof *special, NODES = 14 };

typedef struct live {
    int64_t c, h; /* a square */
} live;

/* A random graph: every op, results of any node before. */
static inline void random_graph(char *text, size_t size)
{
    live all[NODES + 1] = {{3, 8}};
    size_t n = (size_t)snprintf(text, size, "%s", HEAD);
    int32_t count = 1;
    while (count <= NODES) {
        const int32_t from = (int32_t)op_int(count > 4 ? count - 4 : 0, count - 1),
                      other = (int32_t)op_int(0, count - 1);
        const live in = all[from], second = all[other];
        live out = in;
        char name[2][16], line[160] = "";
        for (int i = 0; i < 2; i++)
            snprintf(name[i], sizeof name[i], (i ? other : from) ? "n%d" : "image", i ? other : from);
        switch (op_int(0, 11)) {
        case 0:
        case 1:
            out.c = op_int(1, 5);
            snprintf(line, sizeof line, "conv2d n%d <- %s : out=%lld kernel=3 pad=1%s", count, name[0],
                     (long long)out.c, op_int(0, 1) ? " bias=1" : "");
            break;
        case 2:
            if (in.h < 4)
                continue;
            out = (live){op_int(1, 5), (in.h - 2) / 2 + 1};
            snprintf(line, sizeof line, "conv2d n%d <- %s : out=%lld kernel=2 stride=2", count, name[0],
                     (long long)out.c);
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
            snprintf(line, sizeof line, "deconv2d n%d <- %s : out=%lld kernel=2 stride=2 bias=1", count,
                     name[0], (long long)out.c);
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
        n += (size_t)snprintf(text + n, size - n, "tap t%lld <- n%lld\n", (long long)i,
                              (long long)op_int(1, NODES));
    assert_true(n < size);
}

/* ---- A module with random parameters ---- */

static inline adi_module *module_of(const adi_allocator *a, const char *text)
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
static inline void randomise(adi_module *m, float *file)
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

static inline trained trained_new(const adi_train_plan *p, int64_t n)
{
    trained t = {.plan = p, .run = {.n = n, .values = p->module->values}};
    t.run.block = guarded_floats((int64_t)p->block_floats); /* all of it NaN */
    t.run.scratch = guarded_alloc(p->scratch_bytes);
    t.run.statistics = guarded_doubles((int64_t)p->statistics_doubles);
    t.run.gradients = guarded_floats((int64_t)p->module->trainable);
    t.run.input[0] = t.input = op_floats(n * p->input[0].h * p->input[0].w * p->input[0].c, 1.0);
    return t;
}

static inline void trained_free(trained *t)
{
    guarded_free(t->run.block, "block");
    guarded_free(t->run.scratch, "scratch");
    guarded_free(t->run.statistics, "statistics");
    guarded_free(t->run.gradients, "gradients");
    guarded_free(t->input, "input");
}

static inline int64_t tap_count(const trained *t, int32_t tap)
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

static inline void owners_write(owners *o, int32_t value)
{
    for (size_t i = 0; value >= 0 && i < o->plan->values[value].floats; i++)
        o->of[o->plan->values[value].offset + i] = value;
}

static inline void owners_read(const owners *o, int32_t value, int32_t step)
{
    if (value < 0)
        return;
    const adi_lifetime *v = &o->plan->values[value];
    for (size_t i = 0; i < v->floats; i++)
        if (o->of[v->offset + i] != value)
            fail_msg("step %d reads value %d where value %d is\n%s", step, value, o->of[v->offset + i],
                     o->text);
}

/* What a step reads, while it writes: only a result that takes an operand's very place may be there as well. */
static inline void owners_step(owners *o, int32_t at)
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

static inline void check_lifetimes(const adi_train_plan *p, const char *text)
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
        assert_true(a->floats >= (size_t)(s->n * s->h * s->w * s->c) && s->n == p->input[0].n);
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
    assert_int_equal(adi_train_plan_bytes(p), p->block_floats * sizeof(float) + p->scratch_bytes +
                                                  p->statistics_doubles * sizeof(double));
}

/* No step needs more scratch than there is, however many images the batch has. */
static inline void check_scratch(const adi_train_plan *p)
{
    size_t most = 0;
    for (int32_t i = 0; i < p->step_count; i++)
        for (int64_t n = 1; n <= p->input[0].n; n++) {
            adi_op_call call = p->steps[i].call;
            const adi_op *op = p->steps[i].op;
            call.in.n = call.out.n = n;
            const size_t forward = op->scratch ? op->scratch(p->device.kernels, &call, p->device.num_threads) : 0;
            const size_t train = op->train_scratch ? op->train_scratch(p->device.kernels, &call, p->device.num_threads) : 0;
            most = forward > most ? forward : most;
            most = train > most ? train : most;
        }
    assert_int_equal(most, p->scratch_bytes);
}

#endif
