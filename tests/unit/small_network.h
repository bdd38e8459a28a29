/* A small network whose weights are made, changed and refused by the tests of nn/. */
#ifndef ADFEAT_TESTS_SMALL_NETWORK_H
#define ADFEAT_TESTS_SMALL_NETWORK_H

#include "harness/seeded_network.h"

static const adi_allocator *const heap = &adi_default_allocator;

/* Every way a batch norm can stand: after a convolution, after a depthwise one, after a tapped one
 * (not foldable), after a convolution that somebody else reads too. */
static const char small[] = "network small\ninput_size 8\nmean 0 0 0\nstd 1 1 1\n"
                            "input image : channels=3\n"
                            "conv2d conv1 <- image : out=4 kernel=3 pad=1\n"
                            "batchnorm bn1 <- conv1\n"
                            "relu act1 <- bn1\n"
                            "tap t1 <- act1\n"
                            "dwconv2d layer1.dw <- act1 : kernel=3 pad=1\n"
                            "batchnorm layer1.bn <- layer1.dw : eps=0.25\n"
                            "conv2d layer1.pw <- layer1.bn : out=6 kernel=1\n"
                            "tap t2 <- layer1.pw\n"
                            "batchnorm layer2.bn <- layer1.pw\n"
                            "tap t3 <- layer2.bn\n"
                            "conv2d layer3.conv <- layer2.bn : out=5 kernel=1\n"
                            "batchnorm layer3.bn <- layer3.conv\n"
                            "tap t4 <- layer3.bn\n";
enum { TAPS = 4 };

static inline st_memory small_weights(void)
{
    adi_graph *g = graph_of(heap, small);
    st_memory m = seeded_weights(g, 1.0);
    adi_graph_destroy(g);
    return m;
}

/* Whether the file is taken; the network is NULL where it is not. */
static inline ad_status try_network(const adi_allocator *a, const char *text, st_memory *m,
                                    const char *prefix, adi_network **out)
{
    adi_graph *g = NULL;
    ADI_TRY(adi_graph_read(a, text, strlen(text), &g));
    adi_safetensors *file = st_memory_open(m, heap);
    *out = (adi_network *)(void *)m;
    const ad_status status = adi_network_create(g, file, prefix, out);
    assert_true((status == AD_OK) == (*out != NULL));
    adi_st_close(file);
    return status;
}

static inline void refused_weights(st_memory *m, ad_status expected, const char *sentence)
{
    adi_network *net;
    const ad_status status = try_network(heap, small, m, NULL, &net);
    if (status != expected || strcmp(ad_last_error_message(), sentence) != 0)
        fail_msg("status %d '%s', not %d '%s'", status, status ? ad_last_error_message() : "",
                 expected, sentence);
}

/* Taken, with so many taps available from the shallow end. */
static inline adi_network *accepted_weights(st_memory *m, int32_t available)
{
    adi_network *net;
    if (try_network(heap, small, m, NULL, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    for (int32_t t = 0; t < TAPS; t++)
        assert_int_equal(adi_network_tap_available(net, t), t < available);
    return net;
}

static inline void *add_floats(st_memory *m, const char *name, int64_t count)
{
    float *data = st_memory_add(m, name, ADI_F32, 1, &count);
    seeded_fill(data, count, name, 1.0, 0.0);
    return data;
}

#endif
