/* A trainable network's parameters. */
#include "nn/module.h"

#include <string.h>

#include "nn/init.h"

static int is_untrained(const adi_op *op, int32_t index)
{
    return index >= op->params - op->untrained;
}

static ad_status check_trainable(const adi_graph *g, const uint8_t *needed)
{
    for (int32_t i = 0; i < g->node_count; i++)
        if (needed[i] && !adi_op_is_input(g->nodes[i].op) && !g->nodes[i].op->backward)
            return adi_fail(AD_ERR_UNSUPPORTED, "%s '%s' of %s cannot be trained",
                            g->nodes[i].op->name, g->nodes[i].name, g->name);
    return AD_OK;
}

/* Place the parameters; called twice, so that the untrained ones come after all others. */
static void place_params(adi_module *m, int32_t untrained)
{
    for (int32_t i = 0; i < m->param_count; i++) {
        adi_module_param *p = &m->params[i];
        if (is_untrained(m->graph->nodes[p->node].op, p->index) != untrained)
            continue;
        p->offset = m->total;
        m->total += p->count;
    }
    if (!untrained)
        m->trainable = m->total;
}

static void list_params(adi_module *m)
{
    const adi_graph *g = m->graph;
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        m->first_param[i] = -1;
        for (int32_t j = 0; m->needed[i] && j < node->op->params; j++) {
            if (!adi_op_needs_param(node->op, &node->attrs, j))
                continue;
            adi_module_param *p = &m->params[m->param_count];
            *p = (adi_module_param){.node = i, .index = j, .count = 1};
            p->ndim = node->op->param_shape(&node->attrs, node->in_channels, j, p->shape);
            for (int32_t k = 0; k < p->ndim; k++)
                p->count *= (size_t)p->shape[k];
            if (m->first_param[i] < 0)
                m->first_param[i] = m->param_count;
            m->param_count++;
        }
    }
    place_params(m, 0);
    place_params(m, 1);
}

ad_status adi_module_create(adi_graph *graph, const int32_t *taps, int32_t tap_count,
                            adi_module **out_module)
{
    const adi_allocator *a = graph->allocator;
    const size_t nodes = (size_t)graph->node_count;
    *out_module = NULL;
    adi_module *m = adi_calloc(a, 1, sizeof *m);
    if (!m) {
        adi_graph_destroy(graph);
        return adi_fail_memory();
    }
    *m = (adi_module){.allocator = a, .graph = graph, .tap_count = tap_count};
    ad_status status = AD_OK;
    m->taps = adi_calloc(a, (size_t)tap_count, sizeof *m->taps);
    m->needed = adi_calloc(a, nodes, 1);
    m->params = adi_calloc(a, nodes * ADI_OP_MAX_PARAMS, sizeof *m->params);
    m->first_param = adi_calloc(a, nodes, sizeof *m->first_param);
    if (!m->taps || !m->needed || !m->params || !m->first_param) {
        status = adi_fail_memory();
        goto cleanup;
    }
    memcpy(m->taps, taps, (size_t)tap_count * sizeof *taps);
    adi_network_needed(graph, taps, tap_count, m->needed);
    ADI_TRY_CLEANUP(check_trainable(graph, m->needed));
    list_params(m);
    m->values = adi_calloc(a, m->total, sizeof *m->values);
    if (!m->values) {
        status = adi_fail_memory();
        goto cleanup;
    }
    *out_module = m;
    return AD_OK;
cleanup:
    adi_module_destroy(m);
    return status;
}

void adi_module_destroy(adi_module *module)
{
    if (!module)
        return;
    const adi_allocator *a = module->allocator;
    adi_free(a, module->taps);
    adi_free(a, module->needed);
    adi_free(a, module->params);
    adi_free(a, module->first_param);
    adi_free(a, module->values);
    adi_graph_destroy(module->graph);
    adi_free(a, module);
}

const adi_module_param *adi_module_find(const adi_module *module, int32_t node, int32_t index)
{
    for (int32_t i = module->first_param[node]; i >= 0 && i < module->param_count; i++) {
        const adi_module_param *p = &module->params[i];
        if (p->node != node)
            return NULL;
        if (p->index == index)
            return p;
    }
    return NULL;
}

/* Four dimensions are a convolution's weight; a depthwise one has one input channel a group. */
static int is_depthwise(const adi_module *m, const adi_module_param *p)
{
    return m->graph->nodes[p->node].op->layout == ADI_WEIGHT_DEPTHWISE;
}

void adi_module_to_file(const adi_module *module, const adi_module_param *param,
                        const float *values, float *out)
{
    if (param->ndim == 4)
        adi_unfold_weight(out, values, param->shape, is_depthwise(module, param));
    else
        memcpy(out, values, param->count * sizeof *out);
}

void adi_module_from_file(const adi_module *module, const adi_module_param *param, const float *in,
                          float *values)
{
    if (param->ndim == 4)
        adi_fold_weight(values, in, param->shape, is_depthwise(module, param), NULL);
    else
        memcpy(values, in, param->count * sizeof *values);
}

ad_status adi_module_init(adi_module *module, adi_mt19937 *mt)
{
    const adi_graph *g = module->graph;
    size_t most = 0;
    for (int32_t i = 0; i < module->param_count; i++)
        most = module->params[i].count > most ? module->params[i].count : most;
    float *drawn = adi_alloc(module->allocator, most * sizeof *drawn);
    if (!drawn)
        return adi_fail_memory();
    for (int32_t i = 0; i < module->param_count; i++) {
        const adi_module_param *p = &module->params[i];
        adi_init_param(mt, &g->nodes[p->node], p->index, drawn);
        adi_module_from_file(module, p, drawn, module->values + p->offset);
    }
    adi_free(module->allocator, drawn);
    return AD_OK;
}
