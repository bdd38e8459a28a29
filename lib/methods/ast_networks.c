/* AST's networks as graph text (Rudolph et al. 2023, arXiv:2210.07829): a normalising flow as
 * teacher, and a convolutional student that learns from it.
 *
 * The flow is a chain of blocks. A block is a fixed permutation of the channels and a coupling of
 * their halves x1 and x2; x2 has the odd channel. With c the positional encoding and r a network of
 * two convolutions:
 *
 *     y1 = exp(e(s2)) x1 + t2,  (s2, t2) = r2(x2, c)
 *     y2 = exp(e(s1)) x2 + t1,  (s1, t1) = r1(y1, c)
 *
 * and (y1, y2) is clamped to +-1e6. r is convolution - ReLU - convolution - gain. Its kernels are
 * 3x3, in the fourth block 5x5, with replicate padding. The gain starts at 0, so that the flow
 * starts as a permutation. The log-determinant is the sum of all e(s), at every position.
 *
 * The student is convolution - leaky ReLU, blocks x + act(bn(conv(act(bn(conv(x)))))) and a last
 * convolution; all are 3x3 with zero padding and bias. The student reads (c, x), the flow's
 * networks read (x, c), as in the authors' files.
 *
 * Nodes have the names of their parameters: permute.0, coupling.0.r1.conv1, coupling.0.r1 (its
 * gamma), ...; conv1, res.0.l1, res.0.bn1, ..., conv2. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "methods/ast.h"
#include "nn/text_writer.h"

/* ---- Graph text ---- */

static ad_status check(const adi_ast_arch *a)
{
    ADI_CHECK_ARG(a->channels >= ADI_AST_MIN_CHANNELS && a->channels <= ADI_AST_MAX_CHANNELS,
                  "a flow of %d channels: %d to %d are possible", a->channels, ADI_AST_MIN_CHANNELS,
                  ADI_AST_MAX_CHANNELS);
    ADI_CHECK_ARG(a->positions >= 4 && a->positions <= ADI_AST_MAX_POSITIONS &&
                      a->positions % 4 == 0,
                  "a positional encoding of %d channels: multiples of 4 up to %d are possible",
                  a->positions, ADI_AST_MAX_POSITIONS);
    ADI_CHECK_ARG(a->flow_blocks >= 1 && a->flow_blocks <= ADI_AST_MAX_BLOCKS,
                  "a flow of %d blocks: 1 to %d are possible", a->flow_blocks, ADI_AST_MAX_BLOCKS);
    ADI_CHECK_ARG(a->student_blocks >= 1 && a->student_blocks <= ADI_AST_MAX_BLOCKS,
                  "a student of %d blocks: 1 to %d are possible", a->student_blocks,
                  ADI_AST_MAX_BLOCKS);
    ADI_CHECK_ARG(a->flow_hidden >= 1 && a->flow_hidden <= ADI_AST_MAX_HIDDEN,
                  "a flow's networks of %d channels: 1 to %d are possible", a->flow_hidden,
                  ADI_AST_MAX_HIDDEN);
    ADI_CHECK_ARG(a->student_hidden >= 1 && a->student_hidden <= ADI_AST_MAX_HIDDEN,
                  "a student of %d channels: 1 to %d are possible", a->student_hidden,
                  ADI_AST_MAX_HIDDEN);
    return AD_OK;
}

static int32_t kernel_of(int32_t block)
{
    return block == 3 ? 5 : 3;
}

/* Weights of all convolutions, nearly all parameters of both networks. */
static int64_t count_weights(const adi_ast_arch *a)
{
    const int64_t n = a->channels, d = a->positions, h = a->flow_hidden, wide = a->student_hidden;
    int64_t sum = 9 * ((n + d) * wide + wide * n + 2 * a->student_blocks * wide * wide);
    /* The two networks of a block have inputs of n channels together, and outputs of 2n. */
    for (int32_t i = 0; i < a->flow_blocks; i++)
        sum += (int64_t)kernel_of(i) * kernel_of(i) * ((n + 2 * d) * h + h * 2 * n);
    return sum;
}

/* The network r1 or r2 of a block reads `from` and the encoding c, and has `out` channels. */
static void put_subnet(adi_text_writer *w, const adi_ast_arch *a, int32_t block, int32_t which,
                       const char *from, int32_t out)
{
    char r[40];
    const int32_t kernel = kernel_of(block);
    snprintf(r, sizeof r, "coupling.%d.r%d", block, which);
    adi_text_put(w, "concat %s.in <- %s c\n", r, from);
    adi_text_put(w, "pad2d %s.pad1 <- %s.in : pad=%d\n", r, r, kernel / 2);
    adi_text_put(w, "conv2d %s.conv1 <- %s.pad1 : out=%d kernel=%d bias=1\n", r, r, a->flow_hidden,
                 kernel);
    adi_text_put(w, "relu %s.relu <- %s.conv1\n", r, r);
    adi_text_put(w, "pad2d %s.pad2 <- %s.relu : pad=%d\n", r, r, kernel / 2);
    adi_text_put(w, "conv2d %s.conv2 <- %s.pad2 : out=%d kernel=%d bias=1\n", r, r, out, kernel);
    adi_text_put(w, "gain %s <- %s.conv2\n", r, r);
}

ad_status adi_ast_flow_text(const adi_allocator *allocator, const adi_ast_arch *a, char **out_text)
{
    ADI_TRY(check(a));
    adi_text_writer w = {.allocator = allocator};
    const int32_t n1 = a->channels / 2, n2 = a->channels - n1;
    char from[40] = "x", sum[40] = "", part[40];
    adi_text_put(&w, "network ast_flow\ninput x : channels=%d\nposenc2d c <- x : out=%d\n",
                 a->channels, a->positions);
    for (int32_t i = 0; i < a->flow_blocks; i++) {
        adi_text_put(&w, "permute permute.%d <- %s : seed=%d\n", i, from, i);
        adi_text_put(&w, "slice coupling.%d.x1 <- permute.%d : out=%d\n", i, i, n1);
        adi_text_put(&w, "slice coupling.%d.x2 <- permute.%d : from=%d out=%d\n", i, i, n1, n2);
        snprintf(part, sizeof part, "coupling.%d.x2", i);
        put_subnet(&w, a, i, 2, part, 2 * n1);
        adi_text_put(&w, "coupling coupling.%d.y1 <- coupling.%d.x1 coupling.%d.r2 : alpha=%.17g\n",
                     i, i, i, a->alpha);
        snprintf(part, sizeof part, "coupling.%d.y1", i);
        put_subnet(&w, a, i, 1, part, 2 * n2);
        adi_text_put(&w, "coupling coupling.%d.y2 <- coupling.%d.x2 coupling.%d.r1 : alpha=%.17g\n",
                     i, i, i, a->alpha);
        adi_text_put(&w, "concat coupling.%d.y <- coupling.%d.y1 coupling.%d.y2\n", i, i, i);
        snprintf(from, sizeof from, "coupling.%d", i);
        adi_text_put(&w, "clamp %s <- %s.y : limit=1e6\n", from, from);
        for (int32_t j = 2; j >= 1; j--) {
            adi_text_put(&w, "logdet coupling.%d.logdet%d <- coupling.%d.r%d : alpha=%.17g\n", i, j,
                         i, j, a->alpha);
            snprintf(part, sizeof part, "coupling.%d.logdet%d", i, j);
            if (*sum)
                adi_text_put(&w, "add coupling.%d.sum%d <- %s %s\n", i, j, sum, part);
            snprintf(sum, sizeof sum, "coupling.%d.%s%d", i, *sum ? "sum" : "logdet", j);
        }
    }
    adi_text_put(&w, "tap z <- %s\ntap logdet <- %s\n", from, sum);
    return adi_text_finish(&w, out_text);
}

ad_status adi_ast_inverse_text(const adi_allocator *allocator, const adi_ast_arch *a,
                               char **out_text)
{
    ADI_TRY(check(a));
    adi_text_writer w = {.allocator = allocator};
    const int32_t n1 = a->channels / 2, n2 = a->channels - n1;
    char from[40] = "z", part[40];
    adi_text_put(&w, "network ast_flow_inverse\ninput z : channels=%d\nposenc2d c <- z : out=%d\n",
                 a->channels, a->positions);
    for (int32_t i = a->flow_blocks - 1; i >= 0; i--) {
        adi_text_put(&w, "slice coupling.%d.y1 <- %s : out=%d\n", i, from, n1);
        adi_text_put(&w, "slice coupling.%d.y2 <- %s : from=%d out=%d\n", i, from, n1, n2);
        snprintf(part, sizeof part, "coupling.%d.y1", i);
        put_subnet(&w, a, i, 1, part, 2 * n2);
        adi_text_put(&w, "coupling coupling.%d.x2 <- coupling.%d.y2 coupling.%d.r1", i, i, i);
        adi_text_put(&w, " : alpha=%.17g inverse=1\n", a->alpha);
        snprintf(part, sizeof part, "coupling.%d.x2", i);
        put_subnet(&w, a, i, 2, part, 2 * n1);
        adi_text_put(&w, "coupling coupling.%d.x1 <- coupling.%d.y1 coupling.%d.r2", i, i, i);
        adi_text_put(&w, " : alpha=%.17g inverse=1\n", a->alpha);
        adi_text_put(&w, "concat coupling.%d <- coupling.%d.x1 coupling.%d.x2\n", i, i, i);
        adi_text_put(&w, "permute permute.%d <- coupling.%d : seed=%d inverse=1\n", i, i, i);
        snprintf(from, sizeof from, "permute.%d", i);
    }
    adi_text_put(&w, "tap x <- %s\n", from);
    return adi_text_finish(&w, out_text);
}

ad_status adi_ast_student_text(const adi_allocator *allocator, const adi_ast_arch *a,
                               char **out_text)
{
    ADI_TRY(check(a));
    adi_text_writer w = {.allocator = allocator};
    char from[40] = "act";
    adi_text_put(&w, "network ast_student\ninput x : channels=%d\n", a->channels);
    adi_text_put(&w, "posenc2d c <- x : out=%d\nconcat cx <- c x\n", a->positions);
    adi_text_put(&w, "conv2d conv1 <- cx : out=%d kernel=3 pad=1 bias=1\n", a->student_hidden);
    adi_text_put(&w, "leaky_relu act <- conv1 : slope=%.17g\n", a->slope);
    for (int32_t i = 0; i < a->student_blocks; i++) {
        for (int32_t j = 1; j <= 2; j++) {
            char before[40] = "";
            if (j == 1)
                memcpy(before, from, sizeof from);
            else
                snprintf(before, sizeof before, "res.%d.act1", i);
            adi_text_put(&w, "conv2d res.%d.l%d <- %s : out=%d kernel=3 pad=1 bias=1\n", i, j,
                         before, a->student_hidden);
            adi_text_put(&w, "batchnorm res.%d.bn%d <- res.%d.l%d\n", i, j, i, j);
            adi_text_put(&w, "leaky_relu res.%d.act%d <- res.%d.bn%d : slope=%.17g\n", i, j, i, j,
                         a->slope);
        }
        adi_text_put(&w, "add res.%d <- %s res.%d.act2\n", i, from, i);
        snprintf(from, sizeof from, "res.%d", i);
    }
    adi_text_put(&w, "conv2d conv2 <- %s : out=%d kernel=3 pad=1 bias=1\ntap z <- conv2\n", from,
                 a->channels);
    return adi_text_finish(&w, out_text);
}

/* ---- The networks of a student's settings ---- */

const char *const adi_ast_network_names[ADI_AST_NETWORKS] = {"flow", "student"};

ad_status adi_ast_student_settle(adi_settings *settings, const ad_backbone *teacher)
{
    const adi_graph *g = teacher->network->graph;
    adi_ast_options *o = adi_settings_options(settings);
    const char *layers = adi_graph_hint(g, "ast.layers");
    const int depth = adi_ast_has_depth(o->mode);
    if (!o->common.layers[0])
        snprintf(o->common.layers, sizeof o->common.layers, "%s", layers ? layers : "layer3");
    if (!o->flow_hidden) /* of MVTec AD and of MVTec 3D-AD, as published */
        o->flow_hidden = depth ? 64 : 1024;
    if (o->alpha == 0.0)
        o->alpha = depth ? 1.9 : 3.0;
    ADI_CHECK_ARG(o->positions % 4 == 0, "positions is %d, a multiple of 4 is needed",
                  o->positions);
    ADI_CHECK_ARG(o->alpha >= 1e-3, "alpha is %g, 0.001 to 64 is possible", o->alpha);
    ADI_TRY(adi_layers_parse(g, o->common.layers, settings->taps, &settings->tap_count));
    ADI_CHECK_ARG(settings->tap_count == 1, "%d layers, a student of ast takes one",
                  settings->tap_count);
    return AD_OK;
}

static adi_ast_arch arch_of(const adi_settings *settings, const adi_graph *teacher)
{
    const adi_ast_options *o = adi_settings_options(settings);
    const int64_t features = teacher->nodes[teacher->taps[settings->taps[0]].node].out_channels;
    return (adi_ast_arch){.channels = (int32_t)adi_ast_channels(o->mode, features),
                          .positions = o->positions,
                          .flow_blocks = o->flow_blocks,
                          .flow_hidden = o->flow_hidden,
                          .student_blocks = o->student_blocks,
                          .student_hidden = o->student_hidden,
                          .alpha = o->alpha,
                          .slope = o->leaky};
}

ad_status adi_ast_network(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                          int64_t values, char **out_text)
{
    const adi_allocator *a = &teacher->context->allocator;
    const adi_ast_arch arch = arch_of(settings, teacher->network->graph);
    if (count_weights(&arch) > values)
        return adi_fail(AD_ERR_MISMATCH,
                        "the student's networks have %" PRId64 " weights, the file holds %" PRId64
                        " values",
                        count_weights(&arch), values);
    return index == ADI_AST_FLOW ? adi_ast_flow_text(a, &arch, out_text)
                                 : adi_ast_student_text(a, &arch, out_text);
}

/* ---- The authors' checkpoints ---- */

/* Their flow is a list of nodes; 3, 5, 7 and 9 are the couplings, with networks s1 and s2:
 * coupling.K.rN is module_list.(3 + 2K).sN. The list has no permutations: seeds draw them. */
static int32_t list_name(const void *user, const char *node, const char *suffix, char *out,
                         size_t size)
{
    const char *prefix = user;
    char *end;
    if (strncmp(node, "coupling.", 9) != 0)
        return 0;
    const long k = strtol(node + 9, &end, 10);
    if (end == node + 9 || strncmp(end, ".r", 2) != 0)
        return 0;
    const int n =
        snprintf(out, size, "%smodule_list.%ld.s%s.%s", prefix, 3 + 2 * k, end + 2, suffix);
    return n > 0 && (size_t)n < size;
}

static const char *const flow_prefixes[] = {
    "flow.", "teacher.", "", "net.", "teacher.net.", "module.", "model.", NULL};
static const char *const student_prefixes[] = {
    "student.", "", "net.", "student.net.", "module.", "model.", NULL};
const adi_checkpoint_dialect adi_ast_dialects[3] = {
    {"flow", "module_list.3.s1.conv1.weight", flow_prefixes, list_name},
    {"flow", "coupling.0.r1.conv1.weight", flow_prefixes, NULL},
    {"student", "res.0.l1.weight", student_prefixes, NULL},
};
