/* The U-Net of methods/stfpm_networks.c: the card's table, names and shapes; what every option
 * leaves; sizes and options that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/seeded_network.h"
#include "methods/stfpm.h"

static const adi_allocator *const heap = &adi_default_allocator;

static adi_graph *unet_of(int32_t channels, int32_t head, int32_t depth, int32_t convs)
{
    char *text = NULL;
    const adi_unet_options o = {channels, head, depth, convs};
    if (adi_unet_graph_text(heap, &o, &text) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    adi_graph *g = graph_of(heap, text);
    adi_free(heap, text);
    return g;
}

/* Of all that is trained: running statistics are no parameters. */
static int64_t parameters_of(const adi_graph *g)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        for (int32_t j = 0; j < node->op->params && j < 2; j++) {
            int64_t shape[ADI_ST_MAX_DIMS], count = 1;
            if (!adi_op_needs_param(node->op, &node->attrs, j))
                continue;
            const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, j, shape);
            for (int32_t d = 0; d < dims; d++)
                count *= shape[d];
            sum += count;
        }
    }
    return sum;
}

/* Multiplications of all convolutions for maps of side x side, in millions. */
static double mmac_of(const adi_graph *g, int64_t side)
{
    double sum = 0.0;
    int64_t sides[ADI_GRAPH_MAX_NODES] = {side};
    for (int32_t i = 1; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        const int64_t before = sides[node->input[0]], k = node->attrs.kernel;
        adi_shape in[2] = {{1, before, before, node->in_channels}, {0, 0, 0, 0}}, out;
        if (node->op->inputs == 2)
            in[1] = (adi_shape){1, sides[node->input[1]], sides[node->input[1]],
                                g->nodes[node->input[1]].out_channels};
        assert_int_equal(node->op->shape(node->name, &node->attrs, in, &out), AD_OK);
        assert_int_equal(out.c, node->out_channels);
        sides[i] = out.h;
        if (node->op == &adi_op_conv2d)
            sum += (double)(out.h * out.w * out.c * in[0].c * k * k);
        if (node->op == &adi_op_deconv2d)
            sum += (double)(in[0].h * in[0].w * out.c * in[0].c * k * k);
    }
    return sum / 1e6;
}

/* The table of algorithms/stfpm_unet.md: parameters exactly, millions of multiplications rounded. */
static void the_table(void **state)
{
    (void)state;
    static const struct {
        int32_t channels;
        int64_t side, plain, with_head;
    } levels[] = {{64, 64, 354272, 611456}, {128, 32, 1415104, 2443520}, {256, 16, 5656448, 9769472}};
    for (int l = 0; l < 3; l++)
        for (int32_t head = 0; head < 2; head++) {
            adi_graph *g = unet_of(levels[l].channels, head, 2, 0);
            assert_int_equal(parameters_of(g), head ? levels[l].with_head : levels[l].plain);
            assert_int_equal((int)(mmac_of(g, levels[l].side) + 0.5), head ? 436 : 252);
            adi_shape s;
            assert_int_equal(adi_plan_tap_shape(heap, g, adi_graph_find_tap(g, "out"), levels[l].side,
                                                levels[l].side, &s), AD_OK);
            assert_true(s.n == 1 && s.h == levels[l].side && s.w == s.h && s.c == levels[l].channels);
            adi_graph_destroy(g);
        }
}

/* Every option, counted by its formula: CBR(a -> b) has 9ab + 2b, UP(a -> b) 4ab + b. */
static void every_option(void **state)
{
    (void)state;
    for (int32_t head = 0; head < 2; head++)
        for (int32_t depth = 1; depth <= 2; depth++)
            for (int32_t convs = 1; convs <= 2; convs++)
                for (int64_t c = 2; c <= 38; c += 12) {
                    const int64_t w = head ? c : c / 2, down = depth == 2 ? 4 * w : 2 * w;
                    int64_t want = 9 * c * w + 2 * w + 9 * w * 2 * w + 4 * w; /* e1, and e2 or b */
                    if (depth == 2)
                        want += 9 * 2 * w * 4 * w + 8 * w + 4 * 4 * w * 2 * w + 2 * w; /* b, u2 */
                    want += 4 * down * w + w;                                         /* u1 */
                    if (convs == 2)
                        want += 9 * w * w + 2 * w + 9 * 4 * w * w + 4 * w;
                    if (convs == 2 && depth == 2)
                        want += 9 * 16 * w * w + 8 * w;
                    if (head)
                        want += 2 * c * c + c;
                    adi_graph *g = unet_of((int32_t)c, head, depth, convs);
                    assert_int_equal(parameters_of(g), want);
                    adi_shape s;
                    assert_int_equal(adi_plan_tap_shape(heap, g, 0, 12, 20, &s), AD_OK);
                    assert_true(s.h == 12 && s.w == 20 && s.c == c);
                    adi_graph_destroy(g);
                }
    adi_graph *a = unet_of(8, ADI_UNET_HEAD_NONE, 2, 0), *b = unet_of(8, ADI_UNET_HEAD_NONE, 2, 2);
    assert_string_equal(a->text, b->text);
    adi_graph_destroy(a);
    adi_graph_destroy(b);
    a = unet_of(8, ADI_UNET_HEAD_CONV1X1, 2, 0);
    b = unet_of(8, ADI_UNET_HEAD_CONV1X1, 2, 1);
    assert_string_equal(a->text, b->text);
    adi_graph_destroy(a);
    adi_graph_destroy(b);
}

/* The names of the card, "ae.1." in front; and that nothing else is asked for. */
static void names(void **state)
{
    (void)state;
    static const char *const plain[] = {"e1.0.conv.weight", "e1.0.bn.weight", "e1.0.bn.bias",
                                        "e1.0.bn.running_mean", "e1.0.bn.running_var", "e1.1.conv.weight",
                                        "e1.1.bn.weight", "e2.0.conv.weight", "e2.1.bn.running_var",
                                        "b.0.conv.weight", "b.1.bn.bias", "u2.weight", "u2.bias",
                                        "u1.weight", "u1.bias"};
    static const char *const headed[] = {"e1.0.conv.weight", "e2.0.conv.weight", "b.0.conv.weight",
                                         "u2.weight", "u1.bias", "head.weight", "head.bias"};
    for (int32_t head = 0; head < 2; head++) {
        adi_graph *g = unet_of(6, head, 2, 0);
        st_memory m = seeded_weights(g, 1.0);
        const char *const *want = head ? headed : plain;
        const int count = head ? 7 : 15;
        for (int i = 0; i < count; i++)
            if (!st_memory_find(&m, want[i]))
                fail_msg("no parameter is named %s", want[i]);
        assert_int_equal(m.count, head ? 3 * 5 + 4 + 2 : 6 * 5 + 4);
        st_memory_prefix(&m, "ae.1.");
        adi_safetensors *file = st_memory_open(&m, heap);
        adi_network *net = NULL;
        assert_int_equal(adi_network_create(g, file, "ae.1.", &net), AD_OK);
        assert_true(net->params[adi_graph_find_node(net->graph, "b.0.bn")].folded);
        assert_int_equal(net->parameter_count, parameters_of(net->graph));
        adi_network_destroy(net);
        adi_st_close(file);
        st_memory_free(&m);
    }
}

/* Without a head, what comes out is u1's result and then the first block's. */
static void decoder_first_skip_second(void **state)
{
    (void)state;
    enum { C = 6, H = 4, W = 8 };
    adi_graph *g = unet_of(C, ADI_UNET_HEAD_NONE, 2, 1);
    char text[2048];
    snprintf(text, sizeof text, "%stap e1 <- e1\ntap u1 <- u1\n", g->text);
    st_memory m = seeded_weights(g, 1.0);
    adi_graph_destroy(g);
    adi_network *net = network_from(heap, text, &m);
    float *x = guarded_floats(H * W * C);
    seeded_fill(x, H * W * C, "features", 2.0, -1.0);
    plan_run r = run_network(net, &adi_backend_ref, 1, (const int32_t[]){0, 1, 2}, 3, x, H, W);
    int negative = 0;
    for (int p = 0; p < H * W; p++)
        for (int c = 0; c < C; c++) {
            const float y = run_tap(&r, 0)[p * C + c];
            assert_true(y == run_tap(&r, c < 3 ? 2 : 1)[p * 3 + c % 3]);
            assert_true(c < 3 || y >= 0.0f);
            negative += y < 0.0f;
        }
    assert_true(negative > 0);
    run_free(&r);
    guarded_free(x, "features");
    adi_network_destroy(net);
    st_memory_free(&m);
}

static void sizes(void **state)
{
    (void)state;
    const adi_unet_options twice = {64, ADI_UNET_HEAD_NONE, 2, 0}, once = {64, ADI_UNET_HEAD_NONE, 1, 0};
    assert_int_equal(adi_unet_check_size(&twice, "layer1", 64, 8), AD_OK);
    assert_int_equal(adi_unet_check_size(&once, "layer1", 66, 8), AD_OK);
    assert_int_equal(adi_unet_check_size(&twice, "layer1", 64, 66), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(),
                        "layer 'layer1' has maps of 66x64, a U-Net of depth 2 needs multiples of 4");
    assert_int_equal(adi_unet_check_size(&once, "layer3", 15, 16), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(),
                        "layer 'layer3' has maps of 16x15, a U-Net of depth 1 needs multiples of 2");
    /* The check is what the shapes say. */
    for (int32_t depth = 1; depth <= 2; depth++) {
        const adi_unet_options o = {6, ADI_UNET_HEAD_NONE, depth, 1};
        adi_graph *g = unet_of(6, ADI_UNET_HEAD_NONE, depth, 1);
        for (int64_t h = 1; h <= 17; h++)
            for (int64_t w = 1; w <= 17; w++) {
                adi_shape s;
                assert_int_equal(adi_unet_check_size(&o, "l", h, w),
                                 adi_plan_tap_shape(heap, g, 0, h, w, &s));
            }
        adi_graph_destroy(g);
    }
}

static void refused(adi_unet_options o, const char *sentence)
{
    char *text = (char *)&o;
    assert_int_equal(adi_unet_graph_text(heap, &o, &text), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(), sentence);
    assert_ptr_equal(text, &o);
}

static void options(void **state)
{
    (void)state;
    refused((adi_unet_options){64, 2, 2, 0}, "a U-Net's head is 2, no such ad_unet_head");
    refused((adi_unet_options){64, 0, 0, 0}, "a U-Net's depth is 0, 1 or 2 is possible");
    refused((adi_unet_options){64, 0, 3, 0}, "a U-Net's depth is 3, 1 or 2 is possible");
    refused((adi_unet_options){64, 0, 2, 3}, "a U-Net's blocks have 3 convolutions, 1 or 2 is possible");
    refused((adi_unet_options){64, 0, 2, -1}, "a U-Net's blocks have -1 convolutions, 1 or 2 is possible");
    refused((adi_unet_options){0, 1, 2, 0}, "a U-Net for maps of 0 channels: 1 to 16384 is possible");
    refused((adi_unet_options){16385, 1, 2, 0}, "a U-Net for maps of 16385 channels: 1 to 16384 is possible");
    refused((adi_unet_options){7, 0, 2, 0},
            "a U-Net for maps of 7 channels needs a head: without one they are two equal halves");
    adi_graph_destroy(unet_of(7, ADI_UNET_HEAD_CONV1X1, 2, 2));
    for (int32_t head = 0; head < 2; head++) { /* the widest of all is still a graph */
        adi_graph *g = unet_of(16384, head, 2, 2);
        adi_graph_destroy(g);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    fault_alloc fault = {.fail_at = 1};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
    const adi_unet_options o = {64, ADI_UNET_HEAD_NONE, 2, 0};
    char *text = NULL;
    assert_int_equal(adi_unet_graph_text(&a, &o, &text), AD_ERR_OUT_OF_MEMORY);
    assert_null(text);
    fault.fail_at = 0;
    assert_int_equal(adi_unet_graph_text(&a, &o, &text), AD_OK);
    adi_free(&a, text);
    assert_int_equal(atomic_load(&fault.live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(every_option),
        cmocka_unit_test(names),
        cmocka_unit_test(decoder_first_skip_second),
        cmocka_unit_test(sizes),
        cmocka_unit_test(options),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
