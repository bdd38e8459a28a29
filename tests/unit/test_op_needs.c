/* The kernels that an op needs: with these and no others it runs, in inference and in training, and
 * without any of them a plan is refused, by the names of op, node and kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "harness/guarded.h"
#include "harness/needed_kernels.h"
#include "harness/seeded_network.h"
#include "nn/plan.h"
#include "nn/train_plan.h"
#include "harness/host_device.h"

static const adi_allocator *const heap = &adi_default_allocator;

#define HEAD "network n\ninput image : channels=8\n"

/* Every op as the node x; a network has at least one parameter. */
static const char *const graphs[] = {
    HEAD "conv2d x <- image : out=4 kernel=3 pad=1 bias=1\ntap t <- x\n",
    HEAD "conv2d x <- image : out=4 kernel=1 stride=2\ntap t <- x\n",
    HEAD "dwconv2d x <- image : kernel=3 pad=1\ntap t <- x\n",
    HEAD "batchnorm x <- image\ntap t <- x\n",
    HEAD "relu x <- image\ngain w <- x\ntap t <- w\n",
    HEAD "relu6 x <- image\ngain w <- x\ntap t <- w\n",
    HEAD "silu x <- image\ngain w <- x\ntap t <- w\n",
    HEAD "sigmoid x <- image\ngain w <- x\ntap t <- w\n",
    HEAD "add x <- image image\ngain w <- x\ntap t <- w\n",
    HEAD "globalavgpool2d gate <- image\nmul x <- image gate\ngain w <- x\ntap t <- w\n",
    HEAD "maxpool2d x <- image : kernel=2 stride=2\ngain w <- x\ntap t <- w\n",
    HEAD "globalavgpool2d x <- image\ngain w <- x\ntap t <- w\n",
    HEAD "deconv2d x <- image : out=4 kernel=2 stride=2 bias=1\ntap t <- x\n",
    HEAD "deconv2d x <- image : out=8 kernel=3 pad=1\nadd y <- x image\ntap t <- y\n",
    HEAD "deconv2d x <- image : out=8 kernel=1\nadd y <- x image\ntap t <- y\n",
    HEAD "concat x <- image image\ngain w <- x\ntap t <- w\n",
    HEAD "l2norm x <- image\ngain w <- x\ntap t <- w\n",
    HEAD "resize2d x <- image : scale=2\ngain w <- x\ntap t <- w\n",
    HEAD "leaky_relu x <- image : slope=0.2\ngain w <- x\ntap t <- w\n",
    HEAD "clamp x <- image : limit=0.5\ngain w <- x\ntap t <- w\n",
    HEAD "gain x <- image\ntap t <- x\n",
    HEAD "slice x <- image : out=3 from=2\ngain w <- x\ntap t <- w\n",
    HEAD "permute x <- image : seed=3\ntap t <- x\n",
    HEAD "pad2d x <- image : pad=2\ngain w <- x\ntap t <- w\n",
    HEAD "posenc2d x <- image : out=8\ngain w <- x\ntap t <- w\n",
    HEAD "concat st <- image image\ncoupling x <- image st : alpha=1.9\ngain w <- x\ntap t <- w\n",
    HEAD "logdet x <- image : alpha=1.9\ngain w <- x\ntap t <- w\n",
    HEAD "gconv2d x <- image : out=6 kernel=3 pad=1 groups=2 bias=1\ntap t <- x\n",
    HEAD "sru x <- image : groups=2\ntap t <- x\n",
    HEAD "sru_soft x <- image : groups=2\ntap t <- x\n",
    HEAD "softfuse x <- image image\ngain w <- x\ntap t <- w\n",
    HEAD "simam x <- image : lambda=1e-4\ngain w <- x\ntap t <- w\n",
    HEAD "randmask2d x <- image : rate=0.5 seed=1\ngain w <- x\ntap t <- w\n",
    HEAD "randmask2d x <- image : rate=0.5 seed=1 eval=1\ngain w <- x\ntap t <- w\n",
};
enum { GRAPHS = sizeof graphs / sizeof *graphs, SIDE = 8, CHANNELS = 8 };

static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};

static adi_graph *read_graph(const char *text)
{
    adi_graph *g = NULL;
    if (adi_graph_read(heap, text, strlen(text), &g) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return g;
}

static const adi_node *node_x(const adi_graph *g)
{
    return &g->nodes[adi_graph_find_node(g, "x")];
}

static int is_trainable(const adi_graph *g)
{
    for (int32_t i = 0; i < g->node_count; i++)
        if (!adi_op_is_input(g->nodes[i].op) && !g->nodes[i].op->backward)
            return 0;
    return 1;
}

static adi_module *module_of(const char *text)
{
    static const int32_t tap = 0;
    adi_module *m = NULL;
    adi_mt19937 mt;
    adi_mt19937_seed(&mt, 5);
    if (adi_module_create(read_graph(text), &tap, 1, &m) != AD_OK ||
        adi_module_init(m, &mt) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return m;
}

/* By way of a module where there is one, since an order is not any numbers. */
static adi_network *network_of(const char *text)
{
    adi_network *network = NULL;
    adi_graph *g = read_graph(text);
    if (is_trainable(g)) {
        adi_module *m = module_of(text);
        if (adi_module_freeze(m, &network) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        adi_module_destroy(m);
    } else {
        st_memory m = seeded_weights(g, 0.25);
        network = network_from(heap, text, &m);
        st_memory_free(&m);
    }
    adi_graph_destroy(g);
    return network;
}

static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
}

/* Of all nodes; `training`: of what training calls, sums of gradients of one value among it. */
static adi_kernels kernels_of(const adi_graph *g, const adi_kernels *all, int training)
{
    adi_kernels k = {0};
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_op *op = g->nodes[i].op;
        needed_kernels_add(&k, all, training ? adi_op_train_needs(op) : op->needs);
        if (training && op->inputs == 2)
            needed_kernels_add(&k, all, adi_op_train_needs(&adi_op_add));
    }
    return k;
}

static void refused(const adi_graph *g, ad_status status, const char *kernel)
{
    char sentence[128];
    snprintf(sentence, sizeof sentence, "%s 'x' of n: the backend has no kernel %s",
             node_x(g)->op->name, kernel);
    if (status != AD_ERR_UNSUPPORTED || strcmp(ad_last_error_message(), sentence) != 0)
        fail_msg("status %d '%s', not '%s'", status, status ? ad_last_error_message() : "",
                 sentence);
}

static void inference(void **state)
{
    (void)state;
    static const int32_t tap = 0;
    int32_t missing = 0;
    for (int i = 0; i < GRAPHS; i++)
        for (int b = 0; b < 2; b++) {
            adi_network *net = network_of(graphs[i]);
            adi_kernels k = kernels_of(net->graph, backends[b]->kernels, 0);
            adi_plan *plan = NULL;
            if (adi_plan_create(net, HOST_DEVICE(&k, 2), &tap, 1, SIDE, SIDE, &plan) != AD_OK)
                fail_msg("%s%s", graphs[i], ad_last_error_message());
            float *block = guarded_floats((int64_t)plan->block_floats);
            void *scratch = guarded_alloc(plan->scratch_bytes);
            fill(block + plan->input_offset[0], SIDE * SIDE * CHANNELS);
            assert_int_equal(adi_plan_run(plan, NULL, block, scratch), AD_OK);
            guarded_free(block, graphs[i]);
            guarded_free(scratch, graphs[i]);
            adi_plan_destroy(plan);
            for (const adi_need *need = node_x(net->graph)->op->needs; need->kernel; need++) {
                adi_kernels fewer = k;
                needed_kernels_remove(&fewer, need);
                plan = NULL;
                refused(net->graph, adi_plan_create(net, HOST_DEVICE(&fewer, 2), &tap, 1, SIDE, SIDE, &plan),
                        need->kernel);
                assert_null(plan);
                missing++;
            }
            adi_network_destroy(net);
        }
    printf("%d plans refused\n", missing);
    assert_true(missing > 100);
}

static void run_training(const adi_train_plan *plan, const char *name)
{
    adi_train_run run = {.n = 2, .draw = 9, .values = plan->module->values};
    float *input = guarded_floats(2 * SIDE * SIDE * CHANNELS);
    fill(input, 2 * SIDE * SIDE * CHANNELS);
    run.block = guarded_floats((int64_t)plan->block_floats);
    run.scratch = guarded_alloc(plan->scratch_bytes);
    run.statistics = guarded_doubles((int64_t)plan->statistics_doubles);
    run.gradients = guarded_floats((int64_t)plan->module->trainable);
    run.input[0] = input;
    assert_int_equal(adi_train_forward(plan, &run, 0), AD_OK);
    assert_int_equal(adi_train_forward(plan, &run, 1), AD_OK);
    fill(adi_train_tap_grad(plan, &run, 0), 2 * adi_values(adi_train_tap_shape(plan, 0)) / 2);
    assert_int_equal(adi_train_backward(plan, &run), AD_OK);
    assert_int_equal(adi_train_update_statistics(plan, &run), AD_OK);
    guarded_free(run.block, name);
    guarded_free(run.scratch, name);
    guarded_free(run.statistics, name);
    guarded_free(run.gradients, name);
    guarded_free(input, name);
}

static void training(void **state)
{
    (void)state;
    const adi_shape input = {2, SIDE, SIDE, CHANNELS};
    int32_t missing = 0;
    for (int i = 0; i < GRAPHS; i++)
        for (int b = 0; b < 2; b++) {
            adi_graph *g = read_graph(graphs[i]);
            const int trainable = is_trainable(g);
            adi_graph_destroy(g);
            if (!trainable)
                continue;
            adi_module *m = module_of(graphs[i]);
            adi_kernels k = kernels_of(m->graph, backends[b]->kernels, 1);
            adi_train_plan *plan = NULL;
            if (adi_train_plan_create(m, HOST_DEVICE(&k, 2), &input, 1, &plan) != AD_OK)
                fail_msg("%s%s", graphs[i], ad_last_error_message());
            run_training(plan, graphs[i]);
            adi_train_plan_destroy(plan);
            const adi_need *need = adi_op_train_needs(node_x(m->graph)->op);
            for (; need->kernel; need++) {
                adi_kernels fewer = k;
                needed_kernels_remove(&fewer, need);
                plan = NULL;
                refused(m->graph, adi_train_plan_create(m, HOST_DEVICE(&fewer, 2), &input, 1, &plan),
                        need->kernel);
                assert_null(plan);
                missing++;
            }
            adi_module_destroy(m);
        }
    printf("%d training plans refused\n", missing);
    assert_true(missing > 100);
}

static void every_op_has_a_graph(void **state)
{
    (void)state;
    const adi_op *op;
    for (int32_t i = 0; (op = adi_op_at(i)); i++) {
        assert_ptr_equal(adi_op_find(op->name), op);
        int found = adi_op_is_input(op);
        for (int j = 0; j < GRAPHS; j++) {
            adi_graph *g = read_graph(graphs[j]);
            found |= node_x(g)->op == op;
            adi_graph_destroy(g);
        }
        if (!found)
            fail_msg("no graph has '%s' as x", op->name);
    }
}

/* A row for every attribute, a key that no other has, and an op that takes it. */
static void every_attribute_is_used(void **state)
{
    (void)state;
    const adi_op *op;
    for (int32_t i = ADI_ATTR_NONE + 1; i < ADI_ATTR_COUNT; i++) {
        int found = 0;
        assert_non_null(adi_attr_rows[i].key);
        assert_int_equal(adi_attr_find(adi_attr_rows[i].key), i);
        assert_true(adi_attr_rows[i].low < adi_attr_rows[i].high);
        for (int32_t j = 0; (op = adi_op_at(j)); j++)
            for (int32_t k = 0; k < ADI_OP_MAX_ATTRS; k++)
                found |= op->required[k] == i || op->optional[k] == i;
        if (!found)
            fail_msg("no op takes '%s'", adi_attr_rows[i].key);
    }
    assert_int_equal(adi_attr_find("nothing"), ADI_ATTR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_a_graph),
        cmocka_unit_test(every_attribute_is_used),
        cmocka_unit_test(inference),
        cmocka_unit_test(training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
