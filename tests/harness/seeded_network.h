/* Networks with the seeded weights and input of tests/golden/make_networks.py, and their plans with
 * guard zones around every byte that a run may touch. */
#ifndef ADFEAT_TESTS_SEEDED_NETWORK_H
#define ADFEAT_TESTS_SEEDED_NETWORK_H

#include <math.h>

#include "harness/guarded.h"
#include "harness/seeded.h"
#include "harness/st_memory.h"
#include "nn/plan.h"
#include "harness/host_device.h"

static inline adi_graph *graph_of(const adi_allocator *a, const char *text)
{
    adi_graph *g = NULL;
    if (adi_graph_read(a, text, strlen(text), &g) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return g;
}

/* The taps that are stages (maxpool, layer1, level0, ...), not blocks within one; returns how many. */
static inline int32_t stage_taps(const adi_graph *g, int32_t *taps)
{
    int32_t count = 0;
    for (int32_t t = 0; t < g->tap_count; t++)
        if (!strchr(g->taps[t].name, '.') && strncmp(g->taps[t].name, "block", 5) != 0)
            taps[count++] = t;
    return count;
}

/* data[i] = scale * u + offset with u in [0, 1): seeded_unit() with the checksum taken once. */
static inline void seeded_fill(float *data, int64_t count, const char *name, double scale,
                               double offset)
{
    const uint64_t key = (uint64_t)crc32(0, (const unsigned char *)name, (unsigned)strlen(name))
                         << 32;
    for (int64_t i = 0; i < count; i++) {
        uint64_t z = key + (uint64_t)i + 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        data[i] = (float)(scale * ((double)(z >> 11) * 0x1p-53) + offset);
    }
}

/* The last batch norm of a residual branch. */
static inline int is_last_of_branch(const adi_graph *g, const char *name)
{
    const char *dot = strrchr(name, '.');
    if (strncmp(name, "layer", 5) == 0)
        return strcmp(dot, adi_graph_find_node(g, "layer1.0.bn3") < 0 ? ".bn2" : ".bn3") == 0;
    return strncmp(name, "_blocks.", 8) == 0 && strcmp(dot, "._bn2") == 0;
}

/* Every tensor that the graph needs; optional ones (biases of convolutions) are left out. */
static inline st_memory seeded_weights(const adi_graph *g, double last_of_branch)
{
    st_memory m = {0};
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        for (int32_t p = 0; p < node->op->params; p++) {
            if (!adi_op_needs_param(node->op, &node->attrs, p))
                continue;
            char name[160];
            int64_t shape[ADI_ST_MAX_DIMS];
            snprintf(name, sizeof name, "%s.%s", node->name, node->op->param[p].suffix);
            const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, p, shape);
            float *data = st_memory_add(&m, name, ADI_F32, dims, shape);
            const int64_t count = m.entries[m.count - 1].count;
            const double last = p == 0 && is_last_of_branch(g, node->name) ? last_of_branch : 1.0;
            if (dims == 4) { /* (2u - 1) sqrt(6 / fan_in) */
                const double s = sqrt(6.0 / (double)(shape[1] * shape[2] * shape[3]));
                seeded_fill(data, count, name, 2 * s, -s);
            } else if (node->op->params == 4 && (p == 0 || p == 3)) { /* weight, running_var: 0.5 + u */
                seeded_fill(data, count, name, last, 0.5 * last);
            } else { /* bias and running_mean: 0.2 (2u - 1) */
                seeded_fill(data, count, name, 0.4, -0.2);
            }
        }
    }
    return m;
}

static inline adi_network *network_from(const adi_allocator *a, const char *text,
                                        st_memory *weights)
{
    adi_network *net = NULL;
    adi_safetensors *file = st_memory_open(weights, a);
    if (adi_network_create(graph_of(a, text), file, NULL, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    adi_st_close(file);
    return net;
}

/* NHWC from the generator's NCHW. */
static inline float *seeded_image(int64_t h, int64_t w)
{
    float *nchw = malloc((size_t)(3 * h * w) * sizeof *nchw), *x = guarded_floats(3 * h * w);
    assert_non_null(nchw);
    seeded_fill(nchw, 3 * h * w, "input", 4.0, -2.0);
    for (int64_t i = 0; i < h * w; i++)
        for (int64_t c = 0; c < 3; c++)
            x[3 * i + c] = nchw[c * h * w + i];
    free(nchw);
    return x;
}

typedef struct plan_run {
    adi_plan *plan;
    float *block;
    void *scratch;
} plan_run;

/* Plan, run on the input (left as it is), keep the block with the taps. */
static inline plan_run run_network(const adi_network *net, const adi_backend *be, int32_t threads,
                                   const int32_t *taps, int32_t tap_count, const float *input,
                                   int64_t h, int64_t w)
{
    plan_run r = {0};
    if (adi_plan_create(net, HOST_DEVICE(be->kernels, threads), taps, tap_count, h, w, &r.plan) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    r.block = guarded_floats((int64_t)r.plan->block_floats);
    r.scratch = guarded_alloc(r.plan->scratch_bytes);
    memcpy(r.block + r.plan->input_offset[0], input, (size_t)(r.plan->input[0].c * h * w) * sizeof *input);
    if (adi_plan_run(r.plan, NULL, r.block, r.scratch) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    guarded_check(r.block, "block");
    guarded_check(r.scratch, "scratch");
    return r;
}

static inline const float *run_tap(const plan_run *r, int32_t tap)
{
    return adi_plan_tap_data(r->plan, r->block, tap);
}

static inline int64_t run_tap_count(const plan_run *r, int32_t tap)
{
    const adi_shape *s = &r->plan->taps[tap].shape;
    return s->n * s->h * s->w * s->c;
}

static inline void run_free(plan_run *r)
{
    guarded_free(r->block, "block");
    guarded_free(r->scratch, "scratch");
    adi_plan_destroy(r->plan);
    *r = (plan_run){0};
}

#endif
