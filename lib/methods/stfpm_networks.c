/* STFPM's student: a network like the teacher, and for stfpm_unet a U-Net for every layer. */
#include <stdio.h>
#include <string.h>

#include "methods/stfpm.h"
#include "nn/arch_unet.h"

#define DEFAULT_LAYERS "layer1,layer2,layer3"

const char *const adi_stfpm_network_names[ADI_STUDENT_MAX_MODULES] = {
    "student", "ae.1", "ae.2", "ae.3", "ae.4", "ae.5", "ae.6", "ae.7", "ae.8"};

ad_status adi_stfpm_student_settle(adi_settings *settings, const ad_backbone *teacher)
{
    const adi_graph *g = teacher->network->graph;
    adi_stfpm_options *o = adi_settings_options(settings);
    const char *layers = adi_graph_hint(g, "stfpm.layers");
    if (!o->common.layers[0])
        snprintf(o->common.layers, sizeof o->common.layers, "%s",
                 layers ? layers : DEFAULT_LAYERS);
    if (!o->unet_convs)
        o->unet_convs = o->unet_head ? 1 : 2;
    return adi_layers_parse(g, o->common.layers, settings->taps, &settings->tap_count);
}

static adi_unet_options unet_of(const adi_settings *settings, const adi_graph *teacher,
                                int32_t layer)
{
    const adi_stfpm_options *o = adi_settings_options(settings);
    const adi_tap *tap = &teacher->taps[settings->taps[layer]];
    return (adi_unet_options){.channels = (int32_t)teacher->nodes[tap->node].out_channels,
                              .head = o->unet_head,
                              .depth = o->unet_depth,
                              .convs = o->unet_convs};
}

ad_status adi_stfpm_network(const adi_settings *settings, const ad_backbone *teacher,
                            int32_t index, int64_t values, char **out_text)
{
    (void)values; /* no more than the teacher has, which is there */
    if (index == 0)
        return AD_OK;
    const adi_unet_options o = unet_of(settings, teacher->network->graph, index - 1);
    return adi_unet_graph_text(&teacher->context->allocator, &o, out_text);
}

ad_status adi_stfpm_check_unet(const adi_settings *settings, const adi_graph *teacher,
                               int32_t layer, int64_t h, int64_t w)
{
    const adi_unet_options o = unet_of(settings, teacher, layer);
    return adi_unet_check_size(&o, teacher->taps[settings->taps[layer]].name, h, w);
}

/* ---- The authors' checkpoints ---- */

/* They wrapped the network in a sequence: model.0 is conv1, model.1 bn1, model.4 to model.7 layer1
 * to layer4. */
static int32_t sequence_name(const void *user, const char *node, const char *suffix, char *out,
                             size_t size)
{
    const char *prefix = user;
    int n = -1;
    if (strcmp(node, "conv1") == 0)
        n = snprintf(out, size, "%s0.%s", prefix, suffix);
    else if (strcmp(node, "bn1") == 0)
        n = snprintf(out, size, "%s1.%s", prefix, suffix);
    else if (strncmp(node, "layer", 5) == 0 && node[5] >= '1' && node[5] <= '4' && node[6] == '.')
        n = snprintf(out, size, "%s%d.%s.%s", prefix, node[5] - '0' + 3, node + 7, suffix);
    return n > 0 && (size_t)n < size;
}

static const char *const sequences[] = {"model.", "student.model.", "module.model.", NULL};
static const char *const prefixes[] = {"student.", "", "module.", NULL};
const adi_checkpoint_dialect adi_stfpm_dialects[2] = {
    {"student", "0.weight", sequences, sequence_name},
    {"student", "conv1.weight", prefixes, NULL},
};
