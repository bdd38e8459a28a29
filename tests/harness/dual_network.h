/* A network in training, written down a second time: every node by its definition, in double, on numbers that
 * carry their derivative along one direction with them. The slope of anything is then exact, kinks included. */
#ifndef ADFEAT_TESTS_DUAL_NETWORK_H
#define ADFEAT_TESTS_DUAL_NETWORK_H

#include <math.h>
#include <stdlib.h>

#include "nn/module.h"

typedef struct dual {
    double v, d;
} dual;

static inline dual dual_add(dual a, dual b)
{
    return (dual){a.v + b.v, a.d + b.d};
}

static inline dual dual_mul(dual a, dual b)
{
    return (dual){a.v * b.v, a.d * b.v + a.v * b.d};
}

static inline dual dual_scale(double s, dual a)
{
    return (dual){s * a.v, s * a.d};
}

/* 1 / sqrt(a) */
static inline dual dual_rsqrt(dual a)
{
    const double r = 1.0 / sqrt(a.v);
    return (dual){r, -0.5 * r / a.v * a.d};
}

typedef struct dual_map {
    adi_shape s;
    dual *x; /* NHWC */
} dual_map;

typedef struct dual_network {
    const adi_module *module;
    const float *values;      /* as module->values, but every tensor in the file's order */
    const double *directions; /* of them; NULL: none moves */
    int32_t training;         /* 1: batch norms take their statistics from the batch */
    dual_map *maps;           /* per node */
    double *batch_mean, *batch_var; /* per statistic of a batch norm, at the offset of its running mean */
    double margin;            /* how far the nearest value is from where a slope changes */
} dual_network;

static inline int64_t dual_count(const adi_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

static inline dual dual_at(const dual_map *m, int64_t n, int64_t y, int64_t x, int64_t c)
{
    return m->x[((n * m->s.h + y) * m->s.w + x) * m->s.c + c];
}

static inline dual dual_param(const dual_network *d, int32_t node, int32_t index, int64_t at)
{
    const adi_module_param *p = adi_module_find(d->module, node, index);
    if (!p)
        return (dual){0.0, 0.0};
    const size_t i = p->offset + (size_t)at;
    return (dual){d->values[i], d->directions ? d->directions[i] : 0.0};
}

static inline void dual_near(dual_network *d, double distance)
{
    if (fabs(distance) < d->margin)
        d->margin = fabs(distance);
}

/* y[n,i,j,o] = bias[o] + sum of x[n, i s + u - pad, j s + v - pad, c] weight[o,c,u,v] */
static inline void dual_conv(dual_network *d, int32_t node, const dual_map *in, dual_map *out)
{
    const adi_attrs *a = &d->module->graph->nodes[node].attrs;
    const int64_t k = a->kernel;
    int64_t at = 0;
    for (int64_t n = 0; n < out->s.n; n++)
        for (int64_t i = 0; i < out->s.h; i++)
            for (int64_t j = 0; j < out->s.w; j++)
                for (int64_t o = 0; o < out->s.c; o++, at++) {
                    dual sum = dual_param(d, node, 1, o);
                    for (int64_t c = 0; c < in->s.c; c++)
                        for (int64_t u = 0; u < k; u++)
                            for (int64_t v = 0; v < k; v++) {
                                const int64_t y = i * a->stride + u - a->pad, x = j * a->stride + v - a->pad;
                                if (y < 0 || x < 0 || y >= in->s.h || x >= in->s.w)
                                    continue;
                                const int64_t w = ((o * in->s.c + c) * k + u) * k + v;
                                sum = dual_add(sum, dual_mul(dual_at(in, n, y, x, c),
                                                             dual_param(d, node, 0, w)));
                            }
                    out->x[at] = sum;
                }
}

/* y[n, i s + u - pad, j s + v - pad, o] += x[n,i,j,c] weight[c,o,u,v], on the bias */
static inline void dual_deconv(dual_network *d, int32_t node, const dual_map *in, dual_map *out)
{
    const adi_attrs *a = &d->module->graph->nodes[node].attrs;
    const int64_t k = a->kernel;
    for (int64_t i = 0; i < dual_count(&out->s); i++)
        out->x[i] = dual_param(d, node, 1, i % out->s.c);
    for (int64_t n = 0; n < in->s.n; n++)
        for (int64_t i = 0; i < in->s.h; i++)
            for (int64_t j = 0; j < in->s.w; j++)
                for (int64_t c = 0; c < in->s.c; c++)
                    for (int64_t o = 0; o < out->s.c; o++)
                        for (int64_t u = 0; u < k; u++)
                            for (int64_t v = 0; v < k; v++) {
                                const int64_t y = i * a->stride + u - a->pad, x = j * a->stride + v - a->pad;
                                if (y < 0 || x < 0 || y >= out->s.h || x >= out->s.w)
                                    continue;
                                dual *to = &out->x[((n * out->s.h + y) * out->s.w + x) * out->s.c + o];
                                *to = dual_add(*to, dual_mul(dual_at(in, n, i, j, c),
                                                             dual_param(d, node, 0,
                                                                        ((c * out->s.c + o) * k + u) * k + v)));
                            }
}

static inline void dual_batchnorm(dual_network *d, int32_t node, const dual_map *in, dual_map *out)
{
    const int64_t count = dual_count(&in->s), channels = in->s.c;
    const double p = (double)(count / channels), eps = d->module->graph->nodes[node].attrs.eps;
    for (int64_t c = 0; c < channels; c++) {
        dual mean = dual_param(d, node, 2, c), var = dual_param(d, node, 3, c);
        if (d->training) {
            mean = var = (dual){0.0, 0.0};
            for (int64_t i = c; i < count; i += channels)
                mean = dual_add(mean, dual_scale(1.0 / p, in->x[i]));
            for (int64_t i = c; i < count; i += channels) {
                const dual off = dual_add(in->x[i], dual_scale(-1.0, mean));
                var = dual_add(var, dual_scale(1.0 / p, dual_mul(off, off)));
            }
            const size_t at = adi_module_find(d->module, node, 2)->offset + (size_t)c;
            d->batch_mean[at] = mean.v;
            d->batch_var[at] = var.v * p / (p - 1.0);
        }
        const dual scale = dual_mul(dual_param(d, node, 0, c), dual_rsqrt(dual_add(var, (dual){eps, 0.0})));
        for (int64_t i = c; i < count; i += channels) {
            const dual off = dual_add(in->x[i], dual_scale(-1.0, mean));
            out->x[i] = dual_add(dual_mul(off, scale), dual_param(d, node, 1, c));
        }
    }
}

static inline void dual_maxpool(dual_network *d, int32_t node, const dual_map *in, dual_map *out)
{
    const adi_attrs *a = &d->module->graph->nodes[node].attrs;
    int64_t at = 0;
    for (int64_t n = 0; n < out->s.n; n++)
        for (int64_t i = 0; i < out->s.h; i++)
            for (int64_t j = 0; j < out->s.w; j++)
                for (int64_t c = 0; c < out->s.c; c++, at++) {
                    dual most = {-INFINITY, 0.0}, second = most;
                    for (int64_t u = 0; u < a->kernel; u++)
                        for (int64_t v = 0; v < a->kernel; v++) {
                            const int64_t y = i * a->stride + u - a->pad, x = j * a->stride + v - a->pad;
                            if (y < 0 || x < 0 || y >= in->s.h || x >= in->s.w)
                                continue;
                            const dual it = dual_at(in, n, y, x, c);
                            if (it.v > most.v) {
                                second = most;
                                most = it;
                            } else if (it.v > second.v) {
                                second = it;
                            }
                        }
                    if (most.v != second.v || most.d != second.d) /* what ReLUs made 0 moves nowhere */
                        dual_near(d, most.v - second.v);
                    out->x[at] = most;
                }
}

/* Bilinear, half-pixel centres, the border repeated. */
static inline void dual_resize(const dual_map *in, dual_map *out)
{
    int64_t at = 0;
    for (int64_t n = 0; n < out->s.n; n++)
        for (int64_t i = 0; i < out->s.h; i++)
            for (int64_t j = 0; j < out->s.w; j++)
                for (int64_t c = 0; c < out->s.c; c++, at++) {
                    const double y = ((double)i + 0.5) * (double)in->s.h / (double)out->s.h - 0.5;
                    const double x = ((double)j + 0.5) * (double)in->s.w / (double)out->s.w - 0.5;
                    dual sum = {0.0, 0.0};
                    for (int64_t u = 0; u < 2; u++)
                        for (int64_t v = 0; v < 2; v++) {
                            const double fy = y - floor(y), fx = x - floor(x);
                            const int64_t sy = (int64_t)floor(y) + u, sx = (int64_t)floor(x) + v;
                            const double weight = (u ? fy : 1.0 - fy) * (v ? fx : 1.0 - fx);
                            const int64_t cy = sy < 0 ? 0 : sy < in->s.h ? sy : in->s.h - 1;
                            const int64_t cx = sx < 0 ? 0 : sx < in->s.w ? sx : in->s.w - 1;
                            sum = dual_add(sum, dual_scale(weight, dual_at(in, n, cy, cx, c)));
                        }
                    out->x[at] = sum;
                }
}

static inline void dual_l2norm(const dual_map *in, dual_map *out)
{
    for (int64_t p = 0; p < dual_count(&in->s); p += in->s.c) {
        dual sum = {0.0, 0.0};
        for (int64_t c = 0; c < in->s.c; c++)
            sum = dual_add(sum, dual_mul(in->x[p + c], in->x[p + c]));
        for (int64_t c = 0; c < in->s.c; c++)
            out->x[p + c] =
                sum.v > 1e-24 ? dual_mul(in->x[p + c], dual_rsqrt(sum)) : dual_scale(1e12, in->x[p + c]);
    }
}

static inline void dual_each(dual_network *d, const adi_op *op, const dual_map *a, const dual_map *b,
                             dual_map *out)
{
    for (int64_t i = 0; i < dual_count(&out->s); i++) {
        const dual x = a->x[i];
        if (op == &adi_op_add) {
            out->x[i] = dual_add(x, b->x[i]);
        } else if (op == &adi_op_sigmoid) {
            const double y = 1.0 / (1.0 + exp(-x.v));
            out->x[i] = (dual){y, y * (1.0 - y) * x.d};
        } else {
            const double top = op == &adi_op_relu6 ? 6.0 : INFINITY;
            if (x.v != 0.0 || x.d != 0.0)
                dual_near(d, x.v);
            if (x.v != top || x.d != 0.0)
                dual_near(d, x.v - top);
            out->x[i] = x.v <= 0.0 ? (dual){0.0, 0.0} : x.v >= top ? (dual){top, 0.0} : x;
        }
    }
}

/* All needed nodes for an input; maps are allocated once and overwritten after that. */
static inline void dual_run(dual_network *d, const adi_shape *input, const float *x, const double *direction)
{
    const adi_graph *g = d->module->graph;
    d->margin = INFINITY;
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        if (!d->module->needed[i])
            continue;
        const dual_map *in = node->op->inputs ? &d->maps[node->input[0]] : NULL;
        const dual_map *in2 = node->op->inputs > 1 ? &d->maps[node->input[1]] : NULL;
        const adi_shape shapes[2] = {in ? in->s : *input, in2 ? in2->s : *input};
        dual_map *out = &d->maps[i];
        out->s = *input;
        if (node->op != &adi_op_input)
            assert_int_equal(node->op->shape(node->name, &node->attrs, shapes, &out->s), AD_OK);
        out->x = realloc(out->x, (size_t)dual_count(&out->s) * sizeof *out->x);
        assert_non_null(out->x);
        if (node->op == &adi_op_input) {
            for (int64_t k = 0; k < dual_count(&out->s); k++)
                out->x[k] = (dual){x[k], direction ? direction[k] : 0.0};
        } else if (node->op == &adi_op_conv2d) {
            dual_conv(d, i, in, out);
        } else if (node->op == &adi_op_deconv2d) {
            dual_deconv(d, i, in, out);
        } else if (node->op == &adi_op_batchnorm) {
            dual_batchnorm(d, i, in, out);
        } else if (node->op == &adi_op_maxpool2d) {
            dual_maxpool(d, i, in, out);
        } else if (node->op == &adi_op_resize2d) {
            dual_resize(in, out);
        } else if (node->op == &adi_op_l2norm) {
            dual_l2norm(in, out);
        } else if (node->op == &adi_op_concat) {
            for (int64_t p = 0, at = 0; p < out->s.n * out->s.h * out->s.w; p++)
                for (int64_t c = 0; c < out->s.c; c++, at++)
                    out->x[at] = c < in->s.c ? in->x[p * in->s.c + c] : in2->x[p * in2->s.c + c - in->s.c];
        } else {
            dual_each(d, node->op, in, in2, out);
        }
    }
}

static inline void dual_free(dual_network *d)
{
    for (int32_t i = 0; d->maps && i < d->module->graph->node_count; i++)
        free(d->maps[i].x);
    free(d->maps);
    free(d->batch_mean);
    free(d->batch_var);
}

static inline dual_network dual_new(const adi_module *module, const float *values)
{
    dual_network d = {.module = module, .values = values};
    d.maps = calloc((size_t)module->graph->node_count, sizeof *d.maps);
    d.batch_mean = calloc(module->total, sizeof *d.batch_mean);
    d.batch_var = calloc(module->total, sizeof *d.batch_var);
    assert_true(d.maps && d.batch_mean && d.batch_var);
    return d;
}

#endif
