/* Reading and writing a trainable network, and freezing it for inference. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/module.h"

static int32_t plain_name(const void *user, const char *node, const char *suffix, char *out,
                          size_t size)
{
    const int n = snprintf(out, size, "%s%s.%s", (const char *)user, node, suffix);
    return n > 0 && (size_t)n < size;
}

/* Count the parameters that the file lacks: one missing is a slip, many are another network. */
static int32_t missing_params(const adi_module *m, const adi_safetensors *file,
                              adi_module_namer namer, const void *user)
{
    int32_t missing = 0;
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_node *node = &m->graph->nodes[m->params[i].node];
        char name[ADI_ST_MAX_NAME + 1];
        missing += !namer(user, node->name, node->op->param[m->params[i].index].suffix, name,
                          sizeof name) ||
                   !adi_st_find(file, name);
    }
    return missing;
}

static ad_status read_param(const adi_module *m, const adi_module_param *p,
                            const adi_safetensors *file, adi_module_namer namer, const void *user,
                            float *buffer, float *values)
{
    const adi_node *node = &m->graph->nodes[p->node];
    const char *suffix = node->op->param[p->index].suffix;
    char name[ADI_ST_MAX_NAME + 1];
    const adi_st_tensor *t =
        namer(user, node->name, suffix, name, sizeof name) ? adi_st_find(file, name) : NULL;
    if (!t && node->op->param[p->index].fresh == ADI_FRESH_ORDER) { /* follows from the seed */
        adi_permute_order(node->attrs.seed, (int64_t)p->count, values + p->offset);
        return AD_OK;
    }
    if (!t)
        return adi_fail(AD_ERR_MISMATCH,
                        "%s holds no tensor for '%s.%s' of the student's %s: of its %d parameters "
                        "%d are missing",
                        adi_st_what(file), node->name, suffix, m->graph->name, m->param_count,
                        missing_params(m, file, namer, user));
    char who[ADI_GRAPH_MAX_NAME + 32];
    snprintf(who, sizeof who, "the student's %s", m->graph->name);
    if (!node->op->param[p->index].scalar || t->count != 1)
        ADI_TRY(adi_st_check_shape(t, p->shape, p->ndim, who));
    ADI_TRY(adi_st_read_f32(file, t, buffer));
    for (size_t i = 0; node->op->statistics && p->index == 3 && i < p->count; i++)
        if (buffer[i] < 0.0f)
            return adi_fail(AD_ERR_NUMERIC, "tensor '%s': a running variance is %g", name,
                            (double)buffer[i]);
    if (node->op->check_param)
        ADI_TRY(node->op->check_param(node->name, p->index, buffer, (int64_t)p->count));
    adi_module_from_file(m, p, buffer, values + p->offset);
    return AD_OK;
}

ad_status adi_module_read(adi_module *module, const adi_safetensors *file, const char *prefix,
                          adi_module_namer namer, const void *user)
{
    const adi_allocator *a = module->allocator;
    /* Half for the values, half as a buffer for tensors as the file holds them. */
    float *values = adi_alloc(a, 2 * module->total * sizeof *values);
    if (!values)
        return adi_fail_memory();
    ad_status status = AD_OK;
    for (int32_t i = 0; i < module->param_count && status == AD_OK; i++)
        status = read_param(module, &module->params[i], file, namer ? namer : plain_name,
                            namer ? user : prefix, values + module->total, values);
    if (status == AD_OK)
        memcpy(module->values, values, module->total * sizeof *values);
    adi_free(a, values);
    return status;
}

ad_status adi_module_write(const adi_module *module, const char *prefix, adi_st_writer *writer,
                           adi_kept *keep)
{
    float *block = adi_kept_block(module->allocator, keep, module->total);
    if (!block)
        return adi_fail_memory();
    for (int32_t i = 0; i < module->param_count; i++) {
        const adi_module_param *p = &module->params[i];
        const adi_node *node = &module->graph->nodes[p->node];
        char name[ADI_ST_MAX_NAME + 1];
        adi_module_to_file(module, p, module->values + p->offset, block + p->offset);
        if (!plain_name(prefix, node->name, node->op->param[p->index].suffix, name, sizeof name))
            return adi_fail(AD_ERR_INVALID_ARGUMENT, "the name of '%s' is too long for a file",
                            node->name);
        ADI_TRY(adi_st_writer_tensor(writer, name, ADI_F32, p->ndim, p->shape, block + p->offset));
    }
    return AD_OK;
}

/* Goes through a file in memory, so that a frozen student runs exactly what a saved and loaded one
 * does, and folding is written once. */
ad_status adi_module_freeze(const adi_module *module, adi_network **out_network)
{
    const adi_allocator *a = module->allocator;
    adi_st_writer *writer = NULL;
    adi_safetensors *file = NULL;
    adi_graph *graph = NULL;
    adi_kept keep = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    ad_status status = AD_OK;
    *out_network = NULL;
    ADI_TRY_CLEANUP(adi_st_writer_create(a, &writer));
    ADI_TRY_CLEANUP(adi_module_write(module, "", writer, &keep));
    ADI_TRY_CLEANUP(adi_st_writer_bytes(writer, &bytes, &size));
    ADI_TRY_CLEANUP(adi_st_parse(a, bytes, size, "the student", &file));
    ADI_TRY_CLEANUP(adi_graph_read(a, module->graph->text, strlen(module->graph->text), &graph));
    ADI_TRY_CLEANUP(adi_network_create(graph, file, "", out_network));
cleanup:
    adi_st_close(file);
    adi_free(a, bytes);
    adi_kept_free(a, &keep);
    adi_st_writer_destroy(writer);
    return status;
}
