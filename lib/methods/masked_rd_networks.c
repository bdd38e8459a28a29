/* The student of masked reverse distillation as graph text: a bottleneck that fuses the teacher's
 * three feature maps into one embedding, a decoder that mirrors the teacher, and a generator for
 * each map that is compared (Deng and Li, CVPR 2022, arXiv:2201.10703). With C1, C2, C3 the
 * channels of the teacher's layer1 to layer3 and CBR a 3x3 convolution of stride 2 without bias,
 * batch norm and ReLU:
 *
 *     msff          concatenates CBR(CBR(e1: C1 -> C2) -> C3), CBR(e2: C2 -> C3) and e3 to 3 C3
 *                   channels; unless msff_out is concat, a 1x1 convolution, batch norm and ReLU
 *                   narrow them to C3
 *     scconv        SRU and CRU (Li et al., CVPR 2023); simam
 *     bn_layer      a copy of the teacher's layer4: the embedding, 2 C3 at half the side
 *     decoder       layer1, layer2, layer3: as wide as the teacher's layer3, layer2, layer1, with
 *                   as many blocks as its layer1, layer2, layer3; the first block of each enlarges
 *                   by a transposed 2x2 convolution
 *     generationK   of each map that is compared, K = 1 for the deepest: 1x1 with bias, a random
 *                   mask during training, 3x3, ReLU, 3x3, both with bias (MGD, Yang et al. 2022,
 *                   arXiv:2205.01529)
 *
 * The CRU of C channels, of halves u and l:
 *     u' = squeeze1(u: C/2 -> C/4),          l' = squeeze2(l: C/2 -> C/4)
 *     y1 = GWC(u' -> C) + PWC1(u' -> C),     y2 = PWC2(l' -> 3C/4), l'
 * and both are weighted by a softmax of their channels' means.
 *
 * Nodes have the names of their parameters: those of the authors' code behind "msff.", "scconv.",
 * "bn_layer." and "decoder.". */
#include <stdio.h>
#include <string.h>

#include "methods/masked_rd.h"
#include "nn/text_writer.h"

enum { NAME = 64, MAX_BLOCKS = 64 };
#define SIMAM_LAMBDA 1e-4

/* ---- The teacher ---- */

static const adi_node *node_of(const adi_graph *g, int32_t stage, int32_t block, const char *what)
{
    char name[NAME];
    snprintf(name, sizeof name, "layer%d.%d.%s", stage, block, what);
    const int32_t i = adi_graph_find_node(g, name);
    return i < 0 ? NULL : &g->nodes[i];
}

static ad_status no_resnet(const adi_graph *g, const char *why)
{
    return adi_fail(AD_ERR_UNSUPPORTED,
                    "reverse distillation needs a ResNet as teacher, which %s is not: it has no %s",
                    g->name, why);
}

ad_status adi_rd_teacher_of(const adi_graph *g, adi_rd_teacher *out_teacher)
{
    adi_rd_teacher t = {.bottleneck = node_of(g, 1, 0, "conv3") != NULL};
    char what[NAME];
    for (int32_t s = 0; s < ADI_RD_STAGES; s++) {
        while (t.blocks[s] < MAX_BLOCKS && node_of(g, s + 1, t.blocks[s], "conv1"))
            t.blocks[s]++;
        snprintf(what, sizeof what, "layer%d.0.conv1", s + 1);
        if (!t.blocks[s])
            return no_resnet(g, what);
        if (s == ADI_RD_LEVELS)
            break;
        snprintf(what, sizeof what, "layer%d", s + 1);
        const int32_t tap = adi_graph_find_tap(g, what);
        const adi_node *inner = node_of(g, s + 1, 0, "conv2");
        if (tap < 0 || !inner)
            return no_resnet(g, what);
        t.channels[s] = (int32_t)g->nodes[g->taps[tap].node].out_channels;
        t.inner[s] = (int32_t)inner->out_channels;
    }
    *out_teacher = t;
    return AD_OK;
}

/* ---- Parts: each reads the node `from`, and writes the name of its result there ---- */

/* A convolution without bias, named `conv`, its batch norm, named `bn`, and where `relu` a ReLU. */
static void put_conv(adi_text_writer *w, const char *prefix, const char *conv, const char *bn,
                     char *from, int32_t out, int32_t kernel, int32_t stride, int32_t relu)
{
    const int transposed = stride < 0;
    adi_text_put(w, "%s %s.%s <- %s : out=%d kernel=%d stride=%d%s\n",
                 transposed ? "deconv2d" : "conv2d", prefix, conv, from, out, kernel,
                 transposed ? -stride : stride, kernel == 3 ? " pad=1" : "");
    adi_text_put(w, "batchnorm %s.%s <- %s.%s\n", prefix, bn, prefix, conv);
    if (relu)
        adi_text_put(w, "relu %s.%s.relu <- %s.%s\n", prefix, bn, prefix, bn);
    snprintf(from, NAME, relu ? "%s.%s.relu" : "%s.%s", prefix, bn);
}

enum { DOWN = 2, SAME = 1, UP = -2 }; /* strides */

/* A residual block. The first of a stage changes sides and channels, so its shortcut is a
 * convolution. */
static void put_block(adi_text_writer *w, const adi_rd_teacher *t, const char *prefix, char *from,
                      int32_t inner, int32_t out, int32_t stride)
{
    const int32_t kernel = stride == UP ? 2 : 3;
    const char *const shortcut = stride == UP ? "upsample" : "downsample";
    char main[NAME], side[NAME];
    snprintf(main, sizeof main, "%s", from);
    snprintf(side, sizeof side, "%s", from);
    if (t->bottleneck) {
        put_conv(w, prefix, "conv1", "bn1", main, inner, 1, 1, 1);
        put_conv(w, prefix, "conv2", "bn2", main, inner, kernel, stride, 1);
        put_conv(w, prefix, "conv3", "bn3", main, out, 1, 1, 0);
    } else {
        put_conv(w, prefix, "conv1", "bn1", main, inner, kernel, stride, 1);
        put_conv(w, prefix, "conv2", "bn2", main, out, 3, 1, 0);
    }
    if (stride != SAME) {
        char conv[16], bn[16];
        snprintf(conv, sizeof conv, "%s.0", shortcut);
        snprintf(bn, sizeof bn, "%s.1", shortcut);
        put_conv(w, prefix, conv, bn, side, out, stride == UP ? 2 : 1, stride, 0);
    }
    adi_text_put(w, "add %s.add <- %s %s\nrelu %s.out <- %s.add\n", prefix, main, side, prefix,
                 prefix);
    snprintf(from, NAME, "%s.out", prefix);
}

static void put_stage(adi_text_writer *w, const adi_rd_teacher *t, const char *name, char *from,
                      int32_t inner, int32_t out, int32_t blocks, int32_t stride)
{
    for (int32_t i = 0; i < blocks; i++) {
        char prefix[NAME + 16];
        snprintf(prefix, sizeof prefix, "%s.%d", name, i);
        put_block(w, t, prefix, from, inner, out, i ? SAME : stride);
    }
}

static void put_msff(adi_text_writer *w, const adi_rd_arch *a, char *from)
{
    const adi_rd_teacher *t = &a->teacher;
    char deep[NAME] = "e1", middle[NAME] = "e2";
    put_conv(w, "msff", "conv1", "bn1", deep, t->channels[1], 3, DOWN, 1);
    put_conv(w, "msff", "conv2", "bn2", deep, t->channels[2], 3, DOWN, 1);
    put_conv(w, "msff", "conv3", "bn3", middle, t->channels[2], 3, DOWN, 1);
    adi_text_put(w, "concat msff.two <- %s %s\nconcat msff.three <- msff.two e3\n", deep, middle);
    snprintf(from, NAME, "msff.three");
    if (!a->concat)
        put_conv(w, "msff", "conv4", "bn4", from, t->channels[2], 1, 1, 1);
}

static void put_cru(adi_text_writer *w, const adi_rd_arch *a, char *from, int32_t c)
{
#define CRU "scconv.CRU."
    adi_text_put(w, "slice " CRU "up <- %s : out=%d\nslice " CRU "low <- %s : from=%d out=%d\n",
                 from, c / 2, from, c / 2, c / 2);
    adi_text_put(w, "conv2d " CRU "squeeze1 <- " CRU "up : out=%d kernel=1 init=%d\n", c / 4,
                 ADI_INIT_DEFAULT);
    adi_text_put(w, "conv2d " CRU "squeeze2 <- " CRU "low : out=%d kernel=1 init=%d\n", c / 4,
                 ADI_INIT_DEFAULT);
    adi_text_put(w, "gconv2d " CRU "GWC <- " CRU "squeeze1");
    adi_text_put(w, " : out=%d kernel=3 pad=1 groups=2 bias=1\n", c);
    adi_text_put(w, "conv2d " CRU "PWC1 <- " CRU "squeeze1 : out=%d kernel=1 init=%d\n", c,
                 ADI_INIT_DEFAULT);
    adi_text_put(w, "add " CRU "y1 <- " CRU "GWC " CRU "PWC1\n");
    adi_text_put(w, "conv2d " CRU "PWC2 <- " CRU "squeeze2 : out=%d kernel=1 init=%d\n", c - c / 4,
                 ADI_INIT_DEFAULT);
    adi_text_put(w, "concat " CRU "y2 <- " CRU "PWC2 " CRU "squeeze2\n");
    adi_text_put(w, "softfuse " CRU "y <- " CRU "y1 " CRU "y2 : joint=%d\n", a->joint);
    snprintf(from, NAME, CRU "y");
#undef CRU
}

static void put_attention(adi_text_writer *w, const adi_rd_arch *a, char *from)
{
    const int32_t c = (a->concat ? ADI_RD_LEVELS : 1) * a->teacher.channels[2];
    if (a->sru) {
        adi_text_put(w, "%s scconv.SRU.gn <- %s : groups=%d\n", a->soft ? "sru_soft" : "sru", from,
                     a->gn_groups);
        snprintf(from, NAME, "scconv.SRU.gn");
    }
    if (a->cru)
        put_cru(w, a, from, c);
    if (a->simam) {
        adi_text_put(w, "simam simam <- %s : lambda=%g\n", from, SIMAM_LAMBDA);
        snprintf(from, NAME, "simam");
    }
}

/* The generator of level `level`, counted from 0; `from` stays. */
static void put_generator(adi_text_writer *w, const adi_rd_arch *a, int32_t level, const char *from)
{
    const int32_t k = ADI_RD_LEVELS - level, c = a->teacher.channels[level];
    char before[NAME];
    snprintf(before, sizeof before, "%s", from);
    if (a->fmm && a->align) {
        adi_text_put(w, "conv2d generation%d.align <- %s : out=%d kernel=1 bias=1 init=%d\n", k,
                     before, c, ADI_INIT_FAN_OUT);
        snprintf(before, sizeof before, "generation%d.align", k);
    }
    if (a->fmm && a->mask_rate > 0.0) {
        adi_text_put(w, "randmask2d generation%d.mask <- %s : rate=%.17g seed=%d%s\n", k, before,
                     a->mask_rate, k, a->eval_mask ? " eval=1" : "");
        snprintf(before, sizeof before, "generation%d.mask", k);
    }
    if (a->fmm) {
        adi_text_put(w, "conv2d generation%d.0 <- %s : out=%d kernel=3 pad=1 bias=1 init=%d\n", k,
                     before, c, ADI_INIT_FAN_OUT);
        adi_text_put(w, "relu generation%d.1 <- generation%d.0\n", k, k);
        adi_text_put(w, "conv2d generation%d.2 <- generation%d.1", k, k);
        adi_text_put(w, " : out=%d kernel=3 pad=1 bias=1 init=%d\n", c, ADI_INIT_FAN_OUT);
        snprintf(before, sizeof before, "generation%d.2", k);
    }
    adi_text_put(w, "tap g%d <- %s\n", level + 1, before);
}

/* The decoder ends at the shallowest level that is compared. Taps come in the order of levels, so
 * the generators are behind all stages. */
static void put_decoder(adi_text_writer *w, const adi_rd_arch *a, char *from)
{
    const adi_rd_teacher *t = &a->teacher;
    char result[ADI_RD_LEVELS][NAME];
    int32_t first = 0;
    while (!(a->levels & 1 << first))
        first++;
    for (int32_t level = ADI_RD_LEVELS - 1; level >= first; level--) {
        char name[NAME];
        snprintf(name, sizeof name, "decoder.layer%d", ADI_RD_LEVELS - level);
        put_stage(w, t, name, from, t->inner[level], t->channels[level],
                  t->blocks[ADI_RD_LEVELS - 1 - level], UP);
        snprintf(result[level], NAME, "%s", from);
    }
    for (int32_t level = first; level < ADI_RD_LEVELS; level++)
        if (a->levels & 1 << level)
            put_generator(w, a, level, result[level]);
}

/* ---- The network ---- */

static ad_status check(const adi_rd_arch *a)
{
    const adi_rd_teacher *t = &a->teacher;
    const int32_t c = (a->concat ? ADI_RD_LEVELS : 1) * t->channels[2];
    ADI_CHECK_ARG(a->levels >= 1 && a->levels <= ADI_RD_ALL_LEVELS,
                  "levels is %d, no set of three levels", a->levels);
    ADI_CHECK_ARG(a->mask_rate >= 0.0 && a->mask_rate < 1.0,
                  "mask_rate is %g, at least 0 and less than 1 is possible", a->mask_rate);
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        if (t->channels[level] > ADI_MAX_CHANNELS / 4 ||
            (t->bottleneck ? 0 : t->channels[level] != t->inner[level]))
            return adi_fail(AD_ERR_UNSUPPORTED,
                            "a teacher whose layer%d has %d channels, and %d within, is not for "
                            "reverse distillation",
                            level + 1, t->channels[level], t->inner[level]);
    ADI_CHECK_ARG(!a->sru || (a->gn_groups >= 1 && c % a->gn_groups == 0 && c % 2 == 0),
                  "gn_groups is %d, which does not divide the %d channels, or they have no halves",
                  a->gn_groups, c);
    ADI_CHECK_ARG(!a->cru || c % 8 == 0,
                  "a channel reconstruction of %d channels: a multiple of 8 is possible", c);
    return AD_OK;
}

ad_status adi_rd_text(const adi_allocator *allocator, const adi_rd_arch *a, char **out_text)
{
    const adi_rd_teacher *t = &a->teacher;
    ADI_TRY(check(a));
    adi_text_writer w = {.allocator = allocator};
    char from[NAME];
    adi_text_put(&w, "network masked_rd\ninput e3 : channels=%d\n", t->channels[2]);
    adi_text_put(&w, "input e2 : channels=%d scale=2\n", t->channels[1]);
    adi_text_put(&w, "input e1 : channels=%d scale=4\n", t->channels[0]);
    put_msff(&w, a, from);
    put_attention(&w, a, from);
    put_stage(&w, t, "bn_layer", from, 2 * t->inner[2], 2 * t->channels[2], t->blocks[3], DOWN);
    put_decoder(&w, a, from);
    return adi_text_finish(&w, out_text);
}

/* ---- The network of a student's settings ---- */

#define LAYERS "layer1,layer2,layer3"

const char *const adi_rd_network_names[1] = {"student"};

ad_status adi_rd_student_settle(adi_settings *settings, const ad_backbone *teacher)
{
    const adi_graph *g = teacher->network->graph;
    adi_rd_options *o = adi_settings_options(settings);
    adi_rd_teacher known;
    ADI_TRY(adi_rd_teacher_of(g, &known)); /* its message, not that a layer is missing */
    if (!o->common.layers[0])
        snprintf(o->common.layers, sizeof o->common.layers, "%s", LAYERS);
    o->levels = adi_rd_bits(o->levels); /* one text for one network */
    ADI_CHECK_ARG(strcmp(o->common.layers, LAYERS) == 0,
                  "a student of masked_rd takes the layers " LAYERS ", not %.200s",
                  o->common.layers);
    return adi_layers_parse(g, o->common.layers, settings->taps, &settings->tap_count);
}

ad_status adi_rd_network(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                         int64_t values, char **out_text)
{
    const adi_rd_options *o = adi_settings_options(settings);
    adi_rd_arch arch = {.concat = o->msff_out,
                        .sru = o->sru,
                        .cru = o->cru,
                        .simam = o->simam,
                        .fmm = o->fmm,
                        .soft = o->gate,
                        .joint = o->cru_softmax,
                        .gn_groups = o->gn_groups,
                        .align = o->fmm_align,
                        .levels = adi_rd_bits(o->levels),
                        .eval_mask = o->eval_mask,
                        .mask_rate = o->mask_rate};
    (void)index;
    (void)values; /* as many as the teacher has, roughly, which is there */
    ADI_TRY(adi_rd_teacher_of(teacher->network->graph, &arch.teacher));
    return adi_rd_text(&teacher->context->allocator, &arch, out_text);
}

/* RD4AD's checkpoints name msff.X bn.X, and bn_layer.X bn.bn_layer.X; the decoder's names are the
 * same. */
static int32_t rd4ad_name(const void *user, const char *node, const char *suffix, char *out,
                          size_t size)
{
    const char *const prefix = user;
    const int is_fusion = strncmp(node, "msff.", 5) == 0;
    const int is_decoder = strncmp(node, "decoder.", 8) == 0;
    const int n = snprintf(out, size, "%s%s%s.%s", prefix, is_decoder ? "" : "bn.",
                           is_fusion ? node + 5 : node, suffix);
    return n > 0 && (size_t)n < size;
}

static const char *const prefixes[] = {"student.", "", "module.", "model.", NULL};
const adi_checkpoint_dialect adi_rd_dialects[2] = {
    {"student", "bn.conv1.weight", prefixes, rd4ad_name},
    {"student", "msff.conv1.weight", prefixes, NULL},
};
