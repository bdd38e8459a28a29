/* Masked reverse distillation on the tiny ResNet, for tests that also run the other methods on the tiny network. */
#ifndef ADFEAT_TESTS_TINY_RD_H
#define ADFEAT_TESTS_TINY_RD_H

#include "harness/rd_network.h"
#include "harness/seeded_network.h"
#include "harness/tiny.h"

/* Write the ResNet's weights; 0 on success. */
static inline int tiny_rd_weights(const char *path)
{
    adi_graph *g = graph_of(&adi_default_allocator, rd_resnet);
    st_memory m = seeded_weights(g, 1.0);
    adi_st_close(st_memory_open(&m, &adi_default_allocator)); /* lays out the bytes */
    FILE *f = fopen(path, "wb");
    int bad = !f || fwrite(m.bytes, 1, m.size, f) != m.size;
    bad |= f && fclose(f) != 0;
    st_memory_free(&m);
    adi_graph_destroy(g);
    return bad;
}

static inline ad_status tiny_rd_open(ad_context *context, const char *path, ad_backbone **out)
{
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = rd_resnet;
    return ad_backbone_open(context, path, &o, out);
}

/* Inputs of 32 are the smallest there are, with an embedding of one position: batch norm takes no batch of one there,
 * so an even number of images is left to train. */
static const char tiny_rd_options[] =
    "epochs=2, batch=2, validation_share=0.2, size=32, blur_sigma=1.5";

/* A fitter that is its student's only owner. */
static inline ad_status tiny_rd_fitter(ad_backbone *net, const char *preset, ad_fitter **out)
{
    return ad_fitter_create(net, "masked_rd",
                            options("preset=%s, %s", preset, tiny_rd_options).text, out);
}

#endif
