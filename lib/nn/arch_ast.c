/* The flow is a chain of blocks, each a fixed permutation of the channels and a coupling of its halves x1 and x2, of which
 * x2 has the odd channel. With c the positional encoding and r a network of two convolutions:
 *
 *     y1 = exp(e(s2)) x1 + t2,  (s2, t2) = r2(x2, c)        y2 = exp(e(s1)) x2 + t1,  (s1, t1) = r1(y1, c)
 *
 * and (y1, y2) is kept within +-1e6. r is convolution - ReLU - convolution - gain, of 3x3 kernels and in the fourth block
 * 5x5, with borders that repeat the edge. The gain is 0 at first, and the flow a permutation. The logarithm of the
 * determinant is the sum of all e(s), at every position.
 *
 * The student is convolution - leaky ReLU, blocks x + act(bn(conv(act(bn(conv(x)))))) and a last convolution, 3x3 with zero
 * padding and bias. It sees (c, x), the flow's networks (x, c): so the authors' files have it.
 *
 * Names are the parameters': permute.0, coupling.0.r1.conv1, coupling.0.r1 (its gamma), ...; conv1, res.0.l1, res.0.bn1,
 * ..., conv2. */
#include "nn/arch_ast.h"

#include <stdio.h>
#include <string.h>

#include "nn/text_writer.h"

static ad_status check(const adi_ast_arch *a)
{
    ADI_CHECK_ARG(a->channels >= ADI_AST_MIN_CHANNELS && a->channels <= ADI_AST_MAX_CHANNELS,
                  "a flow of %d channels: %d to %d are possible", a->channels, ADI_AST_MIN_CHANNELS,
                  ADI_AST_MAX_CHANNELS);
    ADI_CHECK_ARG(a->positions >= 4 && a->positions <= ADI_AST_MAX_POSITIONS && a->positions % 4 == 0,
                  "a positional encoding of %d channels: multiples of 4 up to %d are possible", a->positions,
                  ADI_AST_MAX_POSITIONS);
    ADI_CHECK_ARG(a->flow_blocks >= 1 && a->flow_blocks <= ADI_AST_MAX_BLOCKS,
                  "a flow of %d blocks: 1 to %d are possible", a->flow_blocks, ADI_AST_MAX_BLOCKS);
    ADI_CHECK_ARG(a->student_blocks >= 1 && a->student_blocks <= ADI_AST_MAX_BLOCKS,
                  "a student of %d blocks: 1 to %d are possible", a->student_blocks, ADI_AST_MAX_BLOCKS);
    ADI_CHECK_ARG(a->flow_hidden >= 1 && a->flow_hidden <= ADI_AST_MAX_HIDDEN,
                  "a flow's networks of %d channels: 1 to %d are possible", a->flow_hidden, ADI_AST_MAX_HIDDEN);
    ADI_CHECK_ARG(a->student_hidden >= 1 && a->student_hidden <= ADI_AST_MAX_HIDDEN,
                  "a student of %d channels: 1 to %d are possible", a->student_hidden, ADI_AST_MAX_HIDDEN);
    return AD_OK;
}

static int32_t kernel_of(int32_t block)
{
    return block == 3 ? 5 : 3;
}

int64_t adi_ast_weights(const adi_ast_arch *a)
{
    const int64_t n = a->channels, d = a->positions, h = a->flow_hidden, wide = a->student_hidden;
    int64_t sum = 9 * ((n + d) * wide + wide * n + 2 * a->student_blocks * wide * wide);
    for (int32_t i = 0; i < a->flow_blocks; i++) /* two networks, whose inputs have n channels together, outputs 2n */
        sum += (int64_t)kernel_of(i) * kernel_of(i) * ((n + 2 * d) * h + h * 2 * n);
    return sum;
}

/* The network r1 or r2 of a block, which reads `from` and the encoding c and gives `out` channels. */
static void put_subnet(adi_text_writer *w, const adi_ast_arch *a, int32_t block, int32_t which, const char *from, int32_t out)
{
    char r[40];
    const int32_t kernel = kernel_of(block);
    snprintf(r, sizeof r, "coupling.%d.r%d", block, which);
    adi_text_put(w, "concat %s.in <- %s c\n", r, from);
    adi_text_put(w, "pad2d %s.pad1 <- %s.in : pad=%d\n", r, r, kernel / 2);
    adi_text_put(w, "conv2d %s.conv1 <- %s.pad1 : out=%d kernel=%d bias=1\n", r, r, a->flow_hidden, kernel);
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
    adi_text_put(&w, "network ast_flow\ninput x : channels=%d\nposenc2d c <- x : out=%d\n", a->channels, a->positions);
    for (int32_t i = 0; i < a->flow_blocks; i++) {
        adi_text_put(&w, "permute permute.%d <- %s : seed=%d\n", i, from, i);
        adi_text_put(&w, "slice coupling.%d.x1 <- permute.%d : out=%d\n", i, i, n1);
        adi_text_put(&w, "slice coupling.%d.x2 <- permute.%d : from=%d out=%d\n", i, i, n1, n2);
        snprintf(part, sizeof part, "coupling.%d.x2", i);
        put_subnet(&w, a, i, 2, part, 2 * n1);
        adi_text_put(&w, "coupling coupling.%d.y1 <- coupling.%d.x1 coupling.%d.r2 : alpha=%.17g\n", i, i, i, a->alpha);
        snprintf(part, sizeof part, "coupling.%d.y1", i);
        put_subnet(&w, a, i, 1, part, 2 * n2);
        adi_text_put(&w, "coupling coupling.%d.y2 <- coupling.%d.x2 coupling.%d.r1 : alpha=%.17g\n", i, i, i, a->alpha);
        adi_text_put(&w, "concat coupling.%d.y <- coupling.%d.y1 coupling.%d.y2\n", i, i, i);
        snprintf(from, sizeof from, "coupling.%d", i);
        adi_text_put(&w, "clamp %s <- %s.y : limit=1e6\n", from, from);
        for (int32_t j = 2; j >= 1; j--) {
            adi_text_put(&w, "logdet coupling.%d.logdet%d <- coupling.%d.r%d : alpha=%.17g\n", i, j, i, j, a->alpha);
            snprintf(part, sizeof part, "coupling.%d.logdet%d", i, j);
            if (*sum)
                adi_text_put(&w, "add coupling.%d.sum%d <- %s %s\n", i, j, sum, part);
            snprintf(sum, sizeof sum, "coupling.%d.%s%d", i, *sum ? "sum" : "logdet", j);
        }
    }
    adi_text_put(&w, "tap z <- %s\ntap logdet <- %s\n", from, sum);
    return adi_text_finish(&w, out_text);
}

ad_status adi_ast_inverse_text(const adi_allocator *allocator, const adi_ast_arch *a, char **out_text)
{
    ADI_TRY(check(a));
    adi_text_writer w = {.allocator = allocator};
    const int32_t n1 = a->channels / 2, n2 = a->channels - n1;
    char from[40] = "z", part[40];
    adi_text_put(&w, "network ast_flow_inverse\ninput z : channels=%d\nposenc2d c <- z : out=%d\n", a->channels, a->positions);
    for (int32_t i = a->flow_blocks - 1; i >= 0; i--) {
        adi_text_put(&w, "slice coupling.%d.y1 <- %s : out=%d\n", i, from, n1);
        adi_text_put(&w, "slice coupling.%d.y2 <- %s : from=%d out=%d\n", i, from, n1, n2);
        snprintf(part, sizeof part, "coupling.%d.y1", i);
        put_subnet(&w, a, i, 1, part, 2 * n2);
        adi_text_put(&w, "coupling coupling.%d.x2 <- coupling.%d.y2 coupling.%d.r1 : alpha=%.17g inverse=1\n", i, i, i, a->alpha);
        snprintf(part, sizeof part, "coupling.%d.x2", i);
        put_subnet(&w, a, i, 2, part, 2 * n1);
        adi_text_put(&w, "coupling coupling.%d.x1 <- coupling.%d.y1 coupling.%d.r2 : alpha=%.17g inverse=1\n", i, i, i, a->alpha);
        adi_text_put(&w, "concat coupling.%d <- coupling.%d.x1 coupling.%d.x2\n", i, i, i);
        adi_text_put(&w, "permute permute.%d <- coupling.%d : seed=%d inverse=1\n", i, i, i);
        snprintf(from, sizeof from, "permute.%d", i);
    }
    adi_text_put(&w, "tap x <- %s\n", from);
    return adi_text_finish(&w, out_text);
}

ad_status adi_ast_student_text(const adi_allocator *allocator, const adi_ast_arch *a, char **out_text)
{
    ADI_TRY(check(a));
    adi_text_writer w = {.allocator = allocator};
    char from[40] = "act";
    adi_text_put(&w, "network ast_student\ninput x : channels=%d\nposenc2d c <- x : out=%d\nconcat cx <- c x\n", a->channels,
        a->positions);
    adi_text_put(&w, "conv2d conv1 <- cx : out=%d kernel=3 pad=1 bias=1\nleaky_relu act <- conv1 : slope=%.17g\n",
        a->student_hidden, a->slope);
    for (int32_t i = 0; i < a->student_blocks; i++) {
        for (int32_t j = 1; j <= 2; j++) {
            char before[40] = "";
            if (j == 1)
                memcpy(before, from, sizeof from);
            else
                snprintf(before, sizeof before, "res.%d.act1", i);
            adi_text_put(&w, "conv2d res.%d.l%d <- %s : out=%d kernel=3 pad=1 bias=1\n", i, j, before, a->student_hidden);
            adi_text_put(&w, "batchnorm res.%d.bn%d <- res.%d.l%d\n", i, j, i, j);
            adi_text_put(&w, "leaky_relu res.%d.act%d <- res.%d.bn%d : slope=%.17g\n", i, j, i, j, a->slope);
        }
        adi_text_put(&w, "add res.%d <- %s res.%d.act2\n", i, from, i);
        snprintf(from, sizeof from, "res.%d", i);
    }
    adi_text_put(&w, "conv2d conv2 <- %s : out=%d kernel=3 pad=1 bias=1\ntap z <- conv2\n", from, a->channels);
    return adi_text_finish(&w, out_text);
}
