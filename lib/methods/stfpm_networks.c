/* STFPM's student is a network like the teacher. stfpm_unet adds for every layer a U-Net
 * auto-encoder that reconstructs the layer's maps of C channels. With CBR a 3x3 convolution without
 * bias, batch norm and ReLU, MP a 2x2 max-pool and UP a 2x2 transposed convolution with bias, both
 * of stride 2:
 *
 *                  head none                      head conv1x1
 *     e1           CBR(C -> C/2)                  CBR(C -> C)
 *     e2           MP, CBR(C/2 -> C)              MP, CBR(C -> 2C)
 *     b            MP, CBR(C -> 2C)               MP, CBR(2C -> 4C)
 *     u2, d2       UP(2C -> C), + e2: 2C          UP(4C -> 2C), + e2: 4C
 *     u1, d1       UP(2C -> C/2), + e1: C         UP(4C -> C), + e1: 2C
 *     head         -                              1x1 convolution with bias, 2C -> C
 *
 * where + concatenates the skip connection's channels. So level i is W 2^(i-1) wide, with W = C/2,
 * or W = C with a head. The bottleneck b is one level further down, and every UP has as many
 * channels as its skip connection. By that rule depth 1 is the same without e2, u2 and d2: the
 * bottleneck takes e2's place (its MP and its width, C, or 2C with a head), and u1 reads the
 * bottleneck, UP(C -> C/2) or UP(2C -> C); d1 and the head are the same. A block of two
 * convolutions repeats its width, CBR(A -> B), CBR(B -> B). Neither norm nor ReLU follows the last
 * step: without a head half of the result is u1's, of any sign, and half of it e1's, never
 * negative.
 *
 * Nodes have the names of their parameters: e1.0.conv, e1.0.bn, ..., u2, u1, head. */
#include <stdio.h>
#include <string.h>

#include "methods/stfpm.h"
#include "nn/text_writer.h"

/* ---- The U-Net as graph text ---- */

/* No node is wider than 4C. */
enum { MAX_UNET_CHANNELS = ADI_MAX_CHANNELS / 4 };

/* Convolutions NAME.0, NAME.1, ...; the result is NAME. */
static void put_block(adi_text_writer *w, const char *name, const char *from, int32_t width,
                      int32_t convs)
{
    char before[16];
    snprintf(before, sizeof before, "%s", from);
    for (int32_t i = 0; i < convs; i++) {
        adi_text_put(w, "conv2d %s.%d.conv <- %s : out=%d kernel=3 pad=1\n", name, i, before,
                     width);
        adi_text_put(w, "batchnorm %s.%d.bn <- %s.%d.conv\n", name, i, name, i);
        snprintf(before, sizeof before, i + 1 < convs ? "%s.%d" : "%s", name, i);
        adi_text_put(w, "relu %s <- %s.%d.bn\n", before, name, i);
    }
}

static int32_t convs_of(const adi_unet_options *o)
{
    if (o->convs)
        return o->convs;
    return o->head == ADI_UNET_HEAD_CONV1X1 ? 1 : 2;
}

static ad_status check(const adi_unet_options *o)
{
    ADI_CHECK_ARG(o->head == ADI_UNET_HEAD_NONE || o->head == ADI_UNET_HEAD_CONV1X1,
                  "a U-Net's head is %d, no such ad_unet_head", o->head);
    ADI_CHECK_ARG(o->depth == 1 || o->depth == 2, "a U-Net's depth is %d, 1 or 2 is possible",
                  o->depth);
    ADI_CHECK_ARG(o->convs >= 0 && o->convs <= 2,
                  "a U-Net's blocks have %d convolutions, 1 or 2 is possible", o->convs);
    ADI_CHECK_ARG(o->channels >= 1 && o->channels <= MAX_UNET_CHANNELS,
                  "a U-Net for maps of %d channels: 1 to %d is possible", o->channels,
                  MAX_UNET_CHANNELS);
    ADI_CHECK_ARG(o->head == ADI_UNET_HEAD_CONV1X1 || o->channels % 2 == 0,
                  "a U-Net for maps of %d channels needs a head: without one they are two equal "
                  "halves",
                  o->channels);
    return AD_OK;
}

ad_status adi_unet_graph_text(const adi_allocator *a, const adi_unet_options *o, char **out_text)
{
    ADI_TRY(check(o));
    const int32_t convs = convs_of(o);
    const int32_t width = o->head == ADI_UNET_HEAD_CONV1X1 ? o->channels : o->channels / 2;
    adi_text_writer w = {.allocator = a};
    adi_text_put(&w, "network unet\ninput f : channels=%d\n", o->channels);
    put_block(&w, "e1", "f", width, convs);
    for (int32_t i = 1; i <= o->depth; i++) { /* below the first level */
        char name[16] = "b", pool[32];
        if (i < o->depth)
            snprintf(name, sizeof name, "e%d", i + 1);
        snprintf(pool, sizeof pool, "%s.pool", name);
        adi_text_put(&w, "maxpool2d %s <- e%d : kernel=2 stride=2\n", pool, i);
        put_block(&w, name, pool, width << i, convs);
    }
    for (int32_t i = o->depth; i >= 1; i--) {
        char below[16] = "b";
        if (i < o->depth)
            snprintf(below, sizeof below, "d%d", i + 1);
        adi_text_put(&w, "deconv2d u%d <- %s : out=%d kernel=2 stride=2 bias=1\n", i, below,
                     width << (i - 1));
        adi_text_put(&w, "concat d%d <- u%d e%d\n", i, i, i);
    }
    if (o->head == ADI_UNET_HEAD_CONV1X1)
        adi_text_put(&w, "conv2d head <- d1 : out=%d kernel=1 bias=1\n", o->channels);
    adi_text_put(&w, "tap out <- %s\n", o->head == ADI_UNET_HEAD_CONV1X1 ? "head" : "d1");
    return adi_text_finish(&w, out_text);
}

ad_status adi_unet_check_size(const adi_unet_options *o, const char *layer, int64_t h, int64_t w)
{
    const int64_t step = (int64_t)1 << o->depth;
    if (h % step == 0 && w % step == 0)
        return AD_OK;
    return adi_fail(AD_ERR_SHAPE,
                    "layer '%s' has maps of %lldx%lld, a U-Net of depth %d needs multiples of %lld",
                    layer, (long long)w, (long long)h, o->depth, (long long)step);
}

/* ---- The networks of a student's settings ---- */

#define DEFAULT_LAYERS "layer1,layer2,layer3"

const char *const adi_stfpm_network_names[ADI_STUDENT_MAX_MODULES] = {
    "student", "ae.1", "ae.2", "ae.3", "ae.4", "ae.5", "ae.6", "ae.7", "ae.8"};

ad_status adi_stfpm_student_settle(adi_settings *settings, const ad_backbone *teacher)
{
    const adi_graph *g = teacher->network->graph;
    adi_stfpm_options *o = adi_settings_options(settings);
    const char *layers = adi_graph_hint(g, "stfpm.layers");
    if (!o->common.layers[0])
        snprintf(o->common.layers, sizeof o->common.layers, "%s", layers ? layers : DEFAULT_LAYERS);
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

ad_status adi_stfpm_network(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                            int64_t values, char **out_text)
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
