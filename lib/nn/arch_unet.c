/* The U-Net auto-encoder that re-creates feature maps of C channels. With CBR a 3x3 convolution without bias,
 * batch norm and ReLU, MP a 2x2 max-pool and UP a 2x2 transposed convolution with bias, both of stride 2:
 *
 *                  head none                      head conv1x1
 *     e1           CBR(C -> C/2)                  CBR(C -> C)
 *     e2           MP, CBR(C/2 -> C)              MP, CBR(C -> 2C)
 *     b            MP, CBR(C -> 2C)               MP, CBR(2C -> 4C)
 *     u2, d2       UP(2C -> C), + e2: 2C          UP(4C -> 2C), + e2: 4C
 *     u1, d1       UP(2C -> C/2), + e1: C         UP(4C -> C), + e1: 2C
 *     head         -                              1x1 convolution with bias, 2C -> C
 *
 * where + puts the skip connection's channels behind. So level i is W 2^(i-1) wide, with W = C/2, or C where
 * a head narrows the result again; the bottleneck is one level further down, and every UP gives as much as its
 * skip connection has. By that rule depth 1 is the same without e2, u2 and d2: the bottleneck takes e2's place
 * (its MP and its width, C, or 2C with a head), and u1 reads the bottleneck, UP(C -> C/2) or UP(2C -> C); what
 * d1 joins and the head sees is the same. A block of two convolutions repeats its width, CBR(A -> B),
 * CBR(B -> B). Nothing follows the last step, neither norm nor ReLU: without a head half of the result is u1's,
 * of any sign, and half of it the first block's, never negative.
 *
 * Names are the parameters': e1.0.conv, e1.0.bn, ..., u2, u1, head. */
#include "nn/arch_unet.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_TEXT = 4096,
    MAX_UNET_CHANNELS = ADI_MAX_CHANNELS / 4 /* no node is wider than 4C */
};

typedef struct writer {
    char text[MAX_TEXT];
    size_t used;
} writer;

__attribute__((format(printf, 2, 3))) static void put(writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(w->text + w->used, MAX_TEXT - w->used, format, args);
    va_end(args);
    assert(n > 0 && (size_t)n < MAX_TEXT - w->used);
    w->used += (size_t)n;
}

/* Convolutions NAME.0, NAME.1, ...; the result is NAME. */
static void put_block(writer *w, const char *name, const char *from, int32_t width, int32_t convs)
{
    char before[16];
    snprintf(before, sizeof before, "%s", from);
    for (int32_t i = 0; i < convs; i++) {
        put(w, "conv2d %s.%d.conv <- %s : out=%d kernel=3 pad=1\n", name, i, before, width);
        put(w, "batchnorm %s.%d.bn <- %s.%d.conv\n", name, i, name, i);
        snprintf(before, sizeof before, i + 1 < convs ? "%s.%d" : "%s", name, i);
        put(w, "relu %s <- %s.%d.bn\n", before, name, i);
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
    ADI_CHECK_ARG(o->depth == 1 || o->depth == 2, "a U-Net's depth is %d, 1 or 2 is possible", o->depth);
    ADI_CHECK_ARG(o->convs >= 0 && o->convs <= 2,
                  "a U-Net's blocks have %d convolutions, 1 or 2 is possible", o->convs);
    ADI_CHECK_ARG(o->channels >= 1 && o->channels <= MAX_UNET_CHANNELS,
                  "a U-Net for maps of %d channels: 1 to %d is possible", o->channels, MAX_UNET_CHANNELS);
    ADI_CHECK_ARG(o->head == ADI_UNET_HEAD_CONV1X1 || o->channels % 2 == 0,
                  "a U-Net for maps of %d channels needs a head: without one they are two equal halves",
                  o->channels);
    return AD_OK;
}

ad_status adi_unet_graph_text(const adi_allocator *a, const adi_unet_options *o, char **out_text)
{
    ADI_TRY(check(o));
    const int32_t convs = convs_of(o);
    const int32_t width = o->head == ADI_UNET_HEAD_CONV1X1 ? o->channels : o->channels / 2;
    writer w = {.used = 0};
    put(&w, "network unet\ninput f : channels=%d\n", o->channels);
    put_block(&w, "e1", "f", width, convs);
    for (int32_t i = 1; i <= o->depth; i++) { /* below the first level */
        char name[16] = "b", pool[32];
        if (i < o->depth)
            snprintf(name, sizeof name, "e%d", i + 1);
        snprintf(pool, sizeof pool, "%s.pool", name);
        put(&w, "maxpool2d %s <- e%d : kernel=2 stride=2\n", pool, i);
        put_block(&w, name, pool, width << i, convs);
    }
    for (int32_t i = o->depth; i >= 1; i--) {
        char below[16] = "b";
        if (i < o->depth)
            snprintf(below, sizeof below, "d%d", i + 1);
        put(&w, "deconv2d u%d <- %s : out=%d kernel=2 stride=2 bias=1\n", i, below, width << (i - 1));
        put(&w, "concat d%d <- u%d e%d\n", i, i, i);
    }
    if (o->head == ADI_UNET_HEAD_CONV1X1)
        put(&w, "conv2d head <- d1 : out=%d kernel=1 bias=1\n", o->channels);
    put(&w, "tap out <- %s\n", o->head == ADI_UNET_HEAD_CONV1X1 ? "head" : "d1");
    char *text = adi_alloc(a, w.used + 1);
    if (!text)
        return adi_fail_memory();
    memcpy(text, w.text, w.used + 1);
    *out_text = text;
    return AD_OK;
}

ad_status adi_unet_check_size(const adi_unet_options *o, const char *layer, int64_t h, int64_t w)
{
    const int64_t step = (int64_t)1 << o->depth;
    if (h % step == 0 && w % step == 0)
        return AD_OK;
    return adi_fail(AD_ERR_SHAPE,
                    "layer '%s' has maps of %lldx%lld, a U-Net of depth %d needs multiples of %lld", layer,
                    (long long)w, (long long)h, o->depth, (long long)step);
}
