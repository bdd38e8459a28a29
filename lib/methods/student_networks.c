/* Students: what they consist of. */
#include "methods/student.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_LAYERS "layer1,layer2,layer3"
#define DEFAULT_LAYER  "layer3"

/* The options in full, with their strings copied. */
static ad_status settle(ad_student *s, const ad_student_options *options)
{
    const ad_context *context = s->teacher->context;
    const adi_graph *g = s->teacher->network->graph;
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    const int ast = options->kind == AD_STUDENT_AST, depth = ast && adi_ast_has_depth(options->mode);
    const int rd = options->kind == AD_STUDENT_MASKED_RD;
    s->options = *options;
    if (rd && !s->options.layers)
        s->options.layers = DEFAULT_LAYERS;
    if (!s->options.layers)
        s->options.layers = adi_graph_hint(g, ast ? "ast.layers" : "stfpm.layers");
    if (!s->options.layers)
        s->options.layers = ast ? DEFAULT_LAYER : DEFAULT_LAYERS;
    if (!s->options.unet_convs)
        s->options.unet_convs = s->options.unet_head == AD_UNET_HEAD_CONV1X1 ? 1 : 2;
    if (!s->options.flow_hidden) /* of MVTec AD and of MVTec 3D-AD, as published */
        s->options.flow_hidden = depth ? 64 : 1024;
    s->options.levels = adi_level_bits(s->options.levels); /* one text for one network */
    if (s->options.alpha == 0.0)
        s->options.alpha = depth ? 1.9 : 3.0;
    adi_rd_teacher teacher;
    if (rd) /* rather than that a layer is missing */
        ADI_TRY(adi_rd_teacher_of(g, &teacher));
    ADI_TRY(adi_layers_parse(g, s->options.layers, taps, &count));
    ADI_CHECK_ARG(!ast || count == 1, "%d layers, a student of kind ast takes one", count);
    ADI_CHECK_ARG(!rd || strcmp(s->options.layers, DEFAULT_LAYERS) == 0,
                  "a student of kind masked_rd takes the layers " DEFAULT_LAYERS ", not %s", s->options.layers);
    ADI_CHECK_ARG(count <= ADI_STUDENT_MAX_LAYERS, "%d layers, at most %d are possible", count,
                  ADI_STUDENT_MAX_LAYERS);
    for (int32_t i = 0; i < count; i++) {
        if (!adi_network_tap_available(s->teacher->network, taps[i]))
            return adi_fail(AD_ERR_MISMATCH, "layer '%s' of %s: the weights file ends before it",
                            g->taps[taps[i]].name, g->name);
        s->taps[i] = taps[i];
    }
    s->tap_count = count;
    s->layers = adi_strdup(&context->allocator, s->options.layers);
    if (!s->layers)
        return adi_fail_memory();
    s->options.layers = s->layers;
    adi_network_digest(s->teacher->network, s->taps, count, s->digest);
    return AD_OK;
}

adi_unet_options adi_student_unet_options(const ad_student *s, int32_t layer)
{
    const adi_graph *teacher = s->teacher->network->graph;
    return (adi_unet_options){.channels = (int32_t)teacher->nodes[teacher->taps[s->taps[layer]].node].out_channels,
                              .head = s->options.unet_head,
                              .depth = s->options.unet_depth,
                              .convs = s->options.unet_convs};
}

/* A module of a text, which is freed, with all of its taps. */
static ad_status module_of(const adi_allocator *a, char *text, adi_module **out_module)
{
    static const int32_t taps[ADI_RD_LEVELS] = {0, 1, 2};
    adi_graph *graph = NULL;
    ad_status status = adi_graph_read(a, text, strlen(text), &graph);
    adi_free(a, text);
    if (status == AD_OK)
        status = adi_module_create(graph, taps, graph->tap_count, out_module);
    return status;
}

static ad_status make_unet(const ad_student *s, int32_t index, adi_module **out_module)
{
    const adi_allocator *a = &s->teacher->context->allocator;
    const adi_unet_options options = adi_student_unet_options(s, index);
    char *text = NULL;
    ADI_TRY(adi_unet_graph_text(a, &options, &text));
    return module_of(a, text, out_module);
}

static ad_status make_ast(ad_student *s, int64_t values)
{
    const adi_allocator *a = &s->teacher->context->allocator;
    const adi_graph *teacher = s->teacher->network->graph;
    const ad_student_options *o = &s->options;
    const int64_t features = teacher->nodes[teacher->taps[s->taps[0]].node].out_channels;
    const adi_ast_arch arch = {.channels = (int32_t)adi_ast_channels(o->mode, features),
                               .positions = o->positions, .flow_blocks = o->flow_blocks,
                               .flow_hidden = o->flow_hidden, .student_blocks = o->student_blocks,
                               .student_hidden = o->student_hidden, .alpha = o->alpha, .slope = o->leaky};
    char *text = NULL;
    if (adi_ast_weights(&arch) > values)
        return adi_fail(AD_ERR_MISMATCH, "the student's networks have %" PRId64 " weights, the file holds %" PRId64 " values",
                        adi_ast_weights(&arch), values);
    ADI_TRY(adi_ast_flow_text(a, &arch, &text));
    ADI_TRY(module_of(a, text, &s->flow));
    ADI_TRY(adi_ast_student_text(a, &arch, &text));
    return module_of(a, text, &s->net);
}

static ad_status make_rd(ad_student *s)
{
    const adi_allocator *a = &s->teacher->context->allocator;
    const ad_student_options *o = &s->options;
    char *text = NULL;
    adi_rd_arch arch = {.concat = o->msff_out == AD_MSFF_CONCAT, .sru = o->sru, .cru = o->cru, .simam = o->simam,
                        .fmm = o->fmm, .soft = o->gate == AD_GATE_SOFT, .joint = o->cru_softmax == AD_CRU_SOFTMAX_JOINT,
                        .gn_groups = o->gn_groups, .align = o->fmm_align,
                        .levels = o->levels,
                        .eval_mask = o->eval_mask == AD_EVAL_MASK_SEEDED, .mask_rate = o->mask_rate};
    ADI_TRY(adi_rd_teacher_of(s->teacher->network->graph, &arch.teacher));
    ADI_TRY(adi_rd_text(a, &arch, &text));
    return module_of(a, text, &s->net);
}

static ad_status make_modules(ad_student *s, int64_t values)
{
    const adi_graph *teacher = s->teacher->network->graph;
    adi_graph *graph = NULL;
    if (s->options.kind == AD_STUDENT_AST)
        return make_ast(s, values);
    if (s->options.kind == AD_STUDENT_MASKED_RD)
        return make_rd(s);
    ADI_TRY(adi_graph_read(&s->teacher->context->allocator, teacher->text, strlen(teacher->text), &graph));
    ADI_TRY(adi_module_create(graph, s->taps, s->tap_count, &s->net));
    for (int32_t i = 0; s->options.kind == AD_STUDENT_STFPM_UNET && i < s->tap_count; i++)
        ADI_TRY(make_unet(s, i, &s->unets[i]));
    return AD_OK;
}

ad_status adi_student_make(ad_backbone *teacher, const ad_student_options *options, ad_student **out_student)
{
    return adi_student_make_within(teacher, options, INT64_MAX, out_student);
}

ad_status adi_student_make_within(ad_backbone *teacher, const ad_student_options *options, int64_t values,
                                  ad_student **out_student)
{
    ADI_TRY(adi_student_check(options));
    ad_student *s = adi_calloc(&teacher->context->allocator, 1, sizeof *s);
    if (!s)
        return adi_fail_memory();
    atomic_init(&s->refs, 1);
    s->teacher = adi_backbone_retain(teacher);
    ad_status status = settle(s, options);
    if (status == AD_OK)
        status = make_modules(s, values);
    if (status == AD_OK)
        *out_student = s;
    else
        adi_student_release(s);
    return status;
}

ad_student *adi_student_retain(ad_student *student)
{
    atomic_fetch_add_explicit(&student->refs, 1, memory_order_relaxed);
    return student;
}

void adi_student_release(ad_student *student)
{
    if (!student || atomic_fetch_sub_explicit(&student->refs, 1, memory_order_acq_rel) != 1)
        return;
    ad_backbone *teacher = student->teacher;
    const adi_allocator *a = &teacher->context->allocator;
    adi_module_destroy(student->flow);
    adi_module_destroy(student->net);
    for (int32_t i = 0; i < ADI_STUDENT_MAX_LAYERS; i++)
        adi_module_destroy(student->unets[i]);
    adi_free(a, student->layers);
    adi_free(a, student);
    ad_backbone_destroy(teacher);
}

adi_module *adi_student_module(const ad_student *student, int32_t index)
{
    if (student->flow)
        return index == 0 ? student->flow : index == 1 ? student->net : NULL;
    if (index == 0)
        return student->net;
    return index <= ADI_STUDENT_MAX_LAYERS ? student->unets[index - 1] : NULL;
}

void adi_student_prefix(int32_t kind, int32_t index, char *out, size_t size)
{
    if (kind == AD_STUDENT_AST)
        snprintf(out, size, index == 0 ? "flow." : "student.");
    else if (index == 0)
        snprintf(out, size, "student.");
    else
        snprintf(out, size, "ae.%d.", index);
}
