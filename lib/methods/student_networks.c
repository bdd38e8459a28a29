/* Students: what they consist of. */
#include "methods/student.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/options.h"

#define DEFAULT_LAYERS "layer1,layer2,layer3"

static const char *const kind_words[] = {"stfpm", "stfpm_unet"};
static const char *const head_words[] = {"none", "conv1x1"};

void ad_student_options_init(ad_student_options *options, size_t struct_size)
{
    const ad_student_options defaults = {.struct_size = sizeof defaults, .unet_depth = 2};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

ad_status adi_student_set(void *full, const char *key, const char *value)
{
    ad_student_options *o = full;
    if (strcmp(key, "kind") == 0)
        return adi_text_choice(key, value, kind_words, 2, &o->kind);
    if (strcmp(key, "layers") == 0) {
        o->layers = value;
        return AD_OK;
    }
    if (strcmp(key, "seed") == 0)
        return adi_text_uint64(key, value, 0, UINT32_MAX, &o->seed);
    if (strcmp(key, "unet_head") == 0)
        return adi_text_choice(key, value, head_words, 2, &o->unet_head);
    if (strcmp(key, "unet_depth") == 0)
        return adi_text_int(key, value, 1, 2, &o->unet_depth);
    if (strcmp(key, "unet_convs") == 0)
        return adi_text_int(key, value, 0, 2, &o->unet_convs);
    return adi_fail(AD_ERR_INVALID_ARGUMENT,
                    "no option '%s': there are kind, layers, seed, unet_head, unet_depth, unet_convs", key);
}

ad_status ad_student_options_set(ad_student_options *options, const char *key, const char *value)
{
    ADI_CHECK_ARG(options && key && value, "ad_student_options_set: an argument is NULL");
    ad_student_options full;
    ad_student_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_student_options", adi_student_set, key, value);
}

static ad_status check_options(const ad_student_options *o)
{
    ADI_CHECK_ARG(o->kind >= AD_STUDENT_STFPM && o->kind <= AD_STUDENT_STFPM_UNET,
                  "kind is %d, no such ad_student_kind", o->kind);
    ADI_CHECK_ARG(o->seed <= UINT32_MAX, "seed is %" PRIu64 ", at most 2^32 - 1 is possible", o->seed);
    ADI_CHECK_ARG(o->unet_head >= AD_UNET_HEAD_NONE && o->unet_head <= AD_UNET_HEAD_CONV1X1,
                  "unet_head is %d, no such ad_unet_head", o->unet_head);
    ADI_CHECK_ARG(o->unet_depth >= 1 && o->unet_depth <= 2, "unet_depth is %d, 1 or 2 is possible", o->unet_depth);
    ADI_CHECK_ARG(o->unet_convs >= 0 && o->unet_convs <= 2, "unet_convs is %d, 1 or 2 is possible", o->unet_convs);
    return AD_OK;
}

/* The options in full, with their strings copied. */
static ad_status settle(ad_student *s, const ad_student_options *options)
{
    const ad_context *context = s->teacher->context;
    const adi_graph *g = s->teacher->network->graph;
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    s->options = *options;
    if (!s->options.layers)
        s->options.layers = adi_graph_hint(g, "stfpm.layers");
    if (!s->options.layers)
        s->options.layers = DEFAULT_LAYERS;
    if (!s->options.unet_convs)
        s->options.unet_convs = s->options.unet_head == AD_UNET_HEAD_CONV1X1 ? 1 : 2;
    ADI_TRY(adi_layers_parse(g, s->options.layers, taps, &count));
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

static ad_status make_unet(const ad_student *s, int32_t index, adi_module **out_module)
{
    const adi_allocator *a = &s->teacher->context->allocator;
    const adi_unet_options options = adi_student_unet_options(s, index);
    char *text = NULL;
    adi_graph *graph = NULL;
    const int32_t out = 0;
    ADI_TRY(adi_unet_graph_text(a, &options, &text));
    ad_status status = adi_graph_read(a, text, strlen(text), &graph);
    adi_free(a, text);
    if (status == AD_OK)
        status = adi_module_create(graph, &out, 1, out_module);
    return status;
}

static ad_status make_modules(ad_student *s)
{
    const adi_graph *teacher = s->teacher->network->graph;
    adi_graph *graph = NULL;
    ADI_TRY(adi_graph_read(&s->teacher->context->allocator, teacher->text, strlen(teacher->text), &graph));
    ADI_TRY(adi_module_create(graph, s->taps, s->tap_count, &s->net));
    for (int32_t i = 0; s->options.kind == AD_STUDENT_STFPM_UNET && i < s->tap_count; i++)
        ADI_TRY(make_unet(s, i, &s->unets[i]));
    return AD_OK;
}

ad_status adi_student_make(ad_backbone *teacher, const ad_student_options *options, ad_student **out_student)
{
    ADI_TRY(check_options(options));
    ad_student *s = adi_calloc(&teacher->context->allocator, 1, sizeof *s);
    if (!s)
        return adi_fail_memory();
    atomic_init(&s->refs, 1);
    s->teacher = adi_backbone_retain(teacher);
    ad_status status = settle(s, options);
    if (status == AD_OK)
        status = make_modules(s);
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
    adi_module_destroy(student->net);
    for (int32_t i = 0; i < ADI_STUDENT_MAX_LAYERS; i++)
        adi_module_destroy(student->unets[i]);
    adi_free(a, student->layers);
    adi_free(a, student);
    ad_backbone_destroy(teacher);
}

const char *adi_student_option(const ad_student *student, int32_t index, char *value)
{
    static const char *const keys[] = {"kind", "layers", "unet_head", "unet_depth", "unet_convs"};
    const ad_student_options *o = &student->options;
    const int32_t count = o->kind == AD_STUDENT_STFPM_UNET ? 5 : 2; /* a plain student has no U-Nets to speak of */
    if (index >= count)
        return NULL;
    switch (index) {
    case 0:
        snprintf(value, ADI_OPTION_TEXT, "%s", kind_words[o->kind]);
        break;
    case 1:
        snprintf(value, ADI_OPTION_TEXT, "%s", o->layers);
        break;
    case 2:
        snprintf(value, ADI_OPTION_TEXT, "%s", head_words[o->unet_head]);
        break;
    default:
        snprintf(value, ADI_OPTION_TEXT, "%d", index == 3 ? o->unet_depth : o->unet_convs);
        break;
    }
    return keys[index];
}

adi_module *adi_student_module(const ad_student *student, int32_t index)
{
    if (index == 0)
        return student->net;
    return index <= ADI_STUDENT_MAX_LAYERS ? student->unets[index - 1] : NULL;
}

void adi_student_prefix(int32_t index, char *out, size_t size)
{
    if (index == 0)
        snprintf(out, size, "student.");
    else
        snprintf(out, size, "ae.%d.", index);
}
