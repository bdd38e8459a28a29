/* nn/plan.c: sizes that are refused, shapes, fusion, and that nothing shares memory while both
 * live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/isa_cpu.h"
#include "harness/fault_alloc.h"
#include "small_network.h"
#include "harness/host_device.h"

static adi_network *network_of(const char *text)
{
    adi_graph *g = graph_of(heap, text);
    st_memory m = seeded_weights(g, 0.25);
    adi_graph_destroy(g);
    adi_network *net = network_from(heap, text, &m);
    st_memory_free(&m);
    return net;
}

static adi_plan *plan_of(const adi_network *net, const int32_t *taps, int32_t count, int64_t h,
                         int64_t w)
{
    adi_plan *plan = NULL;
    if (adi_plan_create(net, HOST_DEVICE(adi_backend_cpu.kernels, 3), taps, count, h, w, &plan) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return plan;
}

static void refused(const adi_network *net, int32_t tap, int64_t h, int64_t w, const char *sentence)
{
    adi_plan *plan = (adi_plan *)(void *)&tap;
    const ad_status status = adi_plan_create(net, HOST_DEVICE(adi_backend_cpu.kernels, 1), &tap, 1, h, w, &plan);
    if (status != AD_ERR_SHAPE || plan || strcmp(ad_last_error_message(), sentence) != 0)
        fail_msg("%lldx%lld: status %d '%s', not '%s'", (long long)w, (long long)h, status,
                 ad_last_error_message(), sentence);
}

#define HEAD "network n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\ninput image : channels=3\n"

static void inputs_that_are_too_small(void **state)
{
    (void)state;
    adi_network *net = network_of(HEAD "conv2d a <- image : out=2 kernel=5 stride=2\n"
                                       "tap t <- a\n"
                                       "maxpool2d b <- a : kernel=3\n"
                                       "tap u <- b\n");
    refused(net, 0, 4, 9,
            "input of 9x4 does not fit n: conv2d 'a': input of 9x4 is smaller than "
            "its 5x5 window");
    refused(net, 0, 9, 1,
            "input of 1x9 does not fit n: conv2d 'a': input of 1x9 is smaller than "
            "its 5x5 window");
    refused(net, 1, 8, 9,
            "input of 9x8 does not fit n: maxpool2d 'b': input of 3x2 is smaller than "
            "its 3x3 window");
    refused(net, 0, 0, 9, "network input of 9x0: 1 to 8192 a side is possible");
    refused(net, 0, 9, -1, "network input of -1x9: 1 to 8192 a side is possible");
    refused(net, 0, 8193, 9, "network input of 9x8193: 1 to 8192 a side is possible");
    refused(
        net, 0, INT64_MIN, INT64_MAX,
        "network input of 9223372036854775807x-9223372036854775808: 1 to 8192 a side is possible");
    const int32_t deep = 1, shallow = 0; /* what is deeper than asked for does not count */
    adi_plan_destroy(plan_of(net, &shallow, 1, 5, 5));
    adi_plan_destroy(plan_of(net, &deep, 1, 9, 9));
    adi_shape s;
    static const int64_t bad[] = {0, -1, 4};
    for (int i = 0; i < 3; i++)
        assert_int_equal(adi_plan_tap_shape(heap, net->graph, 0, bad[i], 9, &s), AD_ERR_SHAPE);
    adi_network_destroy(net);
}

static void sums_of_different_sizes(void **state)
{
    (void)state;
    adi_network *net = network_of(HEAD "conv2d a <- image : out=3 kernel=3\n"
                                       "add s <- a image\n"
                                       "tap t <- s\n");
    refused(net, 0, 8, 9, "input of 9x8 does not fit n: add 's': inputs are 7x6x3 and 9x8x3");
    adi_network_destroy(net);
}

/* What enlarges is bounded, however often it stands there. */
static void sides_that_are_too_large(void **state)
{
    (void)state;
    adi_network *net = network_of(HEAD "conv2d a <- image : out=1 kernel=1\n"
                                       "resize2d b <- a : scale=64\nresize2d c <- b : scale=64\n"
                                       "resize2d d <- c : scale=64\n"
                                       "deconv2d e <- b : out=1 kernel=2 stride=64\n"
                                       "deconv2d f <- a : out=1 kernel=3 pad=2\n"
                                       "tap d <- d\ntap e <- e\ntap f <- f\n");
    refused(net, 0, 8, 9, "input of 9x8 does not fit n: resize2d 'd': an input of 36864x32768 would become "
                          "2359296x2097152, 1 to 65536 a side is possible");
    refused(net, 1, 20, 9, "input of 9x20 does not fit n: deconv2d 'e': an input of 576x1280 would become "
                           "36802x81858, 1 to 65536 a side is possible");
    refused(net, 2, 2, 9, "input of 9x2 does not fit n: deconv2d 'f': an input of 9x2 would become "
                          "7x0, 1 to 65536 a side is possible");
    adi_network_destroy(net);
    net = network_of(HEAD "conv2d a <- image : out=2 kernel=2 stride=2\nconcat s <- a image\ntap t <- s\n");
    refused(net, 0, 8, 9, "input of 9x8 does not fit n: concat 's': inputs are 4x4x2 and 9x8x3");
    adi_network_destroy(net);
}

static void results_that_are_too_large(void **state)
{
    (void)state;
    adi_network *net = network_of(HEAD "conv2d a <- image : out=65536 kernel=1\n"
                                       "tap t <- a\n");
    refused(net, 0, 8192, 8192, "n: the activations of a 8192x8192 input are too large");
    const int32_t tap = 0;
    adi_plan *plan = plan_of(net, &tap, 1, 128, 128); /* 2^30 floats: the most */
    assert_true(plan->block_floats >= (size_t)1 << 30);
    adi_plan_destroy(plan);
    adi_network_destroy(net);
    /* Each of them fits; what lives at once does not. */
    net = network_of(HEAD "conv2d a <- image : out=65536 kernel=1\nrelu b <- a\nrelu c <- a\nrelu d <- a\n"
                          "tap a <- a\ntap b <- b\ntap c <- c\ntap d <- d\n");
    static const int32_t all[] = {0, 1, 2, 3};
    adi_plan_destroy(plan_of(net, all, 3, 128, 128));
    plan = NULL;
    assert_int_equal(adi_plan_create(net, HOST_DEVICE(adi_backend_ref.kernels, 1), all, 4, 128, 128, &plan), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(), "n: the activations of a 128x128 input are too large");
    assert_null(plan);
    adi_network_destroy(net);
}

/* ---- Shapes --------------------------------------------------------------------------------- */

static int64_t halved(int64_t n, int times)
{
    for (int i = 0; i < times; i++)
        n = (n + 1) / 2;
    return n;
}

/* Every layer of a ResNet and of Lite0 halves rounding up, whatever the size: 1 stays 1. */
static void builtin_shapes(void **state)
{
    (void)state;
    static const int64_t sides[][2] = {{224, 224}, {256, 256}, {97, 131},
                                       {1, 1},     {2, 3},     {8192, 31}};
    static const int halvings[2][9] = {{2, 2, 3, 4, 5}, {1, 1, 2, 3, 4, 4, 5, 5, 5}};
    static const int64_t channels[2][9] = {{64, 64, 128, 256, 512},
                                           {32, 16, 24, 40, 80, 112, 192, 320, 1280}};
    for (int k = 0; k < 2; k++) {
        adi_graph *g =
            graph_of(heap, adi_builtin_graph_text(k ? "efficientnet_lite0" : "resnet18"));
        int32_t taps[9];
        const int32_t count = stage_taps(g, taps);
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
            for (int32_t t = 0; t < count; t++) {
                adi_shape s;
                assert_int_equal(adi_plan_tap_shape(heap, g, taps[t], sides[i][0], sides[i][1], &s),
                                 AD_OK);
                assert_int_equal(s.n, 1);
                assert_int_equal(s.h, halved(sides[i][0], halvings[k][t]));
                assert_int_equal(s.w, halved(sides[i][1], halvings[k][t]));
                assert_int_equal(s.c, channels[k][t]);
            }
        adi_graph_destroy(g);
    }
}

/* ---- Fusion and memory ---------------------------------------------------------------------- */

/* Everything but convolutions and pooling disappears into them, and, where the kernels can, an expansion into the
 * depthwise convolution that reads it. */
static void steps_are_convolutions(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet18", "efficientnet_lite0", "efficientnet_b0"};
    static const int32_t expansions[] = {0, 15, 15}, squeezes[] = {0, 0, 16};
    for (int i = 0; i < 3; i++) {
        adi_network *net = network_of(adi_builtin_graph_text(names[i]));
        int32_t taps[ADI_GRAPH_MAX_TAPS], heavy = 0;
        for (int32_t t = 0; t < net->graph->tap_count; t++)
            taps[t] = t;
        for (int32_t n = 0; n < net->graph->node_count; n++) {
            const adi_op *op = net->graph->nodes[n].op;
            heavy += op == &adi_op_conv2d || op == &adi_op_dwconv2d || op == &adi_op_maxpool2d ||
                     op == &adi_op_globalavgpool2d || op == &adi_op_mul;
        }
        adi_plan *plan = plan_of(net, taps, net->graph->tap_count, 64, 64);
        int32_t inside = 0, gated = 0, summed = 0;
        for (int32_t s = 0; s < plan->step_count; s++) {
            inside += plan->steps[s].call.first != NULL;
            gated += plan->steps[s].call.gated;
            summed += plan->steps[s].node->op == &adi_op_globalavgpool2d && plan->steps[s].call.row_sums;
        }
        assert_int_equal(inside, adi_isa_cpu(1) ? expansions[i] : 0);
        assert_int_equal(summed, squeezes[i]);
        assert_true((gated > 0) == (squeezes[i] > 0 && adi_isa_cpu(1) != NULL));
        assert_int_equal(plan->step_count + inside + gated, heavy);
        adi_plan_destroy(plan);
        adi_network_destroy(net);
    }
}

/* Floats behind a step's result. */
static size_t row_sums_of(const adi_plan *plan, int32_t i)
{
    const adi_step *s = i < 0 ? NULL : &plan->steps[i];
    return s && s->node->op == &adi_op_dwconv2d && s->call.row_sums ? (size_t)(s->call.out.h * s->call.out.c) : 0;
}

/* Where check_memory() notes a result: the one input first. */
static int32_t place_of(int32_t step)
{
    return step == adi_step_input(0) ? 0 : step + 1;
}

/* From the steps alone: who lives when, and where. Lifetimes are worked out again here. */
static void check_memory(const adi_plan *plan)
{
    const int32_t n = plan->step_count;
    int32_t *last = calloc((size_t)n + 1, sizeof *last);
    assert_non_null(last);
    last[0] = -1;
    for (int32_t i = 0; i < n; i++) {
        const adi_step *s = &plan->steps[i];
        assert_true(s->x < i && s->x2 < i && s->x >= adi_step_input(0) && s->x != ADI_STEP_NONE);
        assert_true(s->x2 >= adi_step_input(0));
        last[i + 1] = i;
        last[place_of(s->x)] = i;
        if (s->x2 != ADI_STEP_NONE)
            last[place_of(s->x2)] = i;
        if (s->gate != ADI_STEP_NONE)
            last[place_of(s->gate)] = i;
        assert_true(s->gate < i && (s->gate != ADI_STEP_NONE) == s->call.gated);
    }
    for (int32_t t = 0; t < plan->tap_count; t++)
        last[plan->taps[t].step + 1] = n; /* until the caller has read it */
    size_t scratch = 0;
    for (int32_t i = -1; i < n; i++) {
        const size_t at = i < 0 ? plan->input_offset[0] : plan->steps[i].offset;
        const adi_shape *s = i < 0 ? &plan->input[0] : &plan->steps[i].call.out;
        const size_t end = at + (size_t)(s->h * s->w * s->c) + row_sums_of(plan, i);
        assert_true(at % (ADI_ALIGNMENT / sizeof(float)) == 0 && end <= plan->block_floats);
        for (int32_t j = i + 1; j < n && j <= last[i + 1]; j++) {
            const adi_shape *o = &plan->steps[j].call.out;
            const size_t from = plan->steps[j].offset;
            assert_true(from >= end || from + (size_t)(o->h * o->w * o->c) + row_sums_of(plan, j) <= at);
        }
        if (i >= 0 && plan->steps[i].node->op->scratch) {
            const size_t bytes = plan->steps[i].node->op->scratch(
                plan->device.kernels, &plan->steps[i].call, plan->device.num_threads);
            scratch = bytes > scratch ? bytes : scratch;
        }
    }
    assert_true(plan->scratch_bytes == scratch);
    free(last);
}

/* The first input has 2 channels, the second 3 at twice its side: the sum of the first and of what a strided convolution
 * makes of the second, once more by hand. */
static void two_inputs(void **state)
{
    (void)state;
    enum { H = 3, W = 5 };
    const char *const text = "network two\ninput a : channels=2\ninput b : channels=3 scale=2\n"
                             "conv2d c <- b : out=2 kernel=2 stride=2 bias=1\nadd s <- a c\ntap s <- s\ntap c <- c\n";
    adi_network *net = network_of(text);
    const int32_t both[] = {0, 1};
    adi_plan *plan = plan_of(net, both, 2, H, W);
    assert_true(plan->input_count == 2 && plan->input[1].h == 2 * H && plan->input[1].w == 2 * W && plan->input[1].c == 3);
    float *block = guarded_floats((int64_t)plan->block_floats), *a = block + plan->input_offset[0];
    float *b = block + plan->input_offset[1], b_before[3 * 4 * H * W], a_before[2 * H * W];
    void *scratch = guarded_alloc(plan->scratch_bytes);
    for (int i = 0; i < 2 * H * W; i++)
        a[i] = a_before[i] = (float)seeded_signed("a", (uint64_t)i);
    for (int i = 0; i < 3 * 4 * H * W; i++)
        b[i] = b_before[i] = (float)seeded_signed("b", (uint64_t)i);
    assert_int_equal(adi_plan_run(plan, NULL, block, scratch), AD_OK);
    const float *sum = adi_plan_tap_data(plan, block, 0), *weight = net->params[2].weight, *bias = net->params[2].bias;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int k = 0; k < 2; k++) {
                double want = a_before[2 * (y * W + x) + k] + bias[k];
                for (int i = 0; i < 12; i++) {
                    const int at = ((2 * y + i / 6) * 2 * W + 2 * x + i / 3 % 2) * 3 + i % 3;
                    want += (double)b_before[at] * weight[2 * i + k];
                }
                assert_true(fabs(sum[2 * (y * W + x) + k] - want) < 1e-6);
            }
    guarded_free(block, "block");
    guarded_free(scratch, "scratch");
    adi_plan_destroy(plan);
    const int32_t c = 1; /* which does not depend on the first input */
    plan = plan_of(net, &c, 1, H, W);
    assert_true(plan->input[0].n == 0 && plan->input[1].n == 1);
    adi_plan_destroy(plan);
    adi_network_destroy(net);
}

static void nothing_overlaps(void **state)
{
    (void)state;
    static const int64_t sides[][2] = {{224, 224}, {97, 131}, {1, 1}, {33, 7}};
    for (int32_t b = 0; b < adi_builtin_graph_count(); b++) {
        const char *name = adi_builtin_graph_name(b);
        if (strncmp(name, "wide", 4) == 0)
            continue; /* as resnet50, with more weights */
        adi_network *net = network_of(adi_builtin_graph_text(name));
        int32_t stages[9], taps[9];
        const int32_t count = stage_taps(net->graph, stages);
        for (int32_t subset = 1; subset < 1 << count; subset += count > 5 ? 31 : 1) {
            int32_t asked = 0;
            for (int32_t t = 0; t < count; t++)
                if (subset >> t & 1)
                    taps[asked++] = stages[t];
            for (int i = 0; i < 4; i++) {
                adi_plan *plan = plan_of(net, taps, asked, sides[i][0], sides[i][1]);
                check_memory(plan);
                adi_plan_destroy(plan);
            }
        }
        adi_network_destroy(net);
    }
}

/* Taps come in the order asked for, also twice. */
static void order_of_taps(void **state)
{
    (void)state;
    adi_network *net = network_of(small);
    const int32_t taps[6] = {3, 0, 2, 2, 1, 3};
    float *x = seeded_image(8, 7);
    plan_run all = run_network(net, &adi_backend_cpu, 2, (const int32_t[]){0, 1, 2, 3}, 4, x, 8, 7);
    plan_run some = run_network(net, &adi_backend_cpu, 2, taps, 6, x, 8, 7);
    assert_int_equal(some.plan->tap_count, 6);
    for (int t = 0; t < 6; t++) {
        const adi_shape *a = &some.plan->taps[t].shape, *b = &all.plan->taps[taps[t]].shape;
        assert_memory_equal(a, b, sizeof *a);
        assert_memory_equal(run_tap(&some, t), run_tap(&all, taps[t]),
                            (size_t)run_tap_count(&some, t) * sizeof(float));
    }
    run_free(&all);
    run_free(&some);
    guarded_free(x, "input");
    adi_network_destroy(net);
}

static void out_of_memory(void **state)
{
    (void)state;
    fault_alloc fault = {0};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
    adi_graph *g = graph_of(&a, small);
    st_memory m = seeded_weights(g, 1.0);
    adi_graph_destroy(g);
    adi_network *net = network_from(&a, small, &m);
    const int32_t taps[2] = {3, 1};
    const long before = atomic_load(&fault.live);
    for (long nth = 1, done = 0; !done; nth++) {
        adi_plan *plan = NULL;
        fault.fail_at = atomic_load(&fault.calls) + nth;
        const ad_status status =
            adi_plan_create(net, HOST_DEVICE(adi_backend_cpu.kernels, 1), taps, 2, 8, 8, &plan);
        done = status == AD_OK;
        if (!done) {
            assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
            assert_string_equal(ad_last_error_message(), "out of memory");
            assert_null(plan);
        }
        adi_plan_destroy(plan);
        assert_int_equal(atomic_load(&fault.live), before);
        assert_true(nth < 100);
    }
    fault.fail_at = atomic_load(&fault.calls) + 1;
    adi_shape s;
    assert_int_equal(adi_plan_tap_shape(&a, net->graph, 0, 8, 8, &s), AD_ERR_OUT_OF_MEMORY);
    fault.fail_at = 0;
    adi_network_destroy(net);
    assert_int_equal(atomic_load(&fault.live), 0);
    st_memory_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_that_are_too_small),
        cmocka_unit_test(sums_of_different_sizes),
        cmocka_unit_test(sides_that_are_too_large),
        cmocka_unit_test(results_that_are_too_large),
        cmocka_unit_test(builtin_shapes),
        cmocka_unit_test(steps_are_convolutions),
        cmocka_unit_test(nothing_overlaps),
        cmocka_unit_test(two_inputs),
        cmocka_unit_test(order_of_taps),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
