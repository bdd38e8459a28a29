/* nn/weights.c: which files are a network's weights, and what is said of those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "small_network.h"
#include "harness/host_device.h"

/* ---- Which tensors -------------------------------------------------------------------------- */

static void each_tensor_is_missed(void **state)
{
    (void)state;
    st_memory all = small_weights();
    assert_int_equal(all.count, 4 * 1 + 4 * 4);
    for (int32_t i = 0; i < all.count; i++) {
        st_memory m = st_memory_copy(&all);
        char sentence[300];
        const char *name = all.entries[i].name;
        st_memory_remove(&m, name);
        if (strcmp(name, "conv1.weight") == 0)
            snprintf(sentence, sizeof sentence,
                     "the weights hold no tensor '%s', behind any prefix: not small",
                     name);
        else
            snprintf(sentence, sizeof sentence,
                     "the weights hold no tensor '%s', which small needs", name);
        refused_weights(&m, AD_ERR_MISMATCH, sentence);
        st_memory_free(&m);
    }
    st_memory_free(&all);
}

static void each_shape_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t ndim;
        int64_t shape[ADI_ST_MAX_DIMS];
        const char *sentence;
    } cases[] = {
        {"conv1.weight",
         4,
         {3, 4, 3, 3},
         "tensor 'conv1.weight' is [3,4,3,3], small expects [4,3,3,3]"},
        {"conv1.weight",
         4,
         {4, 3, 1, 9},
         "tensor 'conv1.weight' is [4,3,1,9], small expects [4,3,3,3]"},
        {"conv1.weight",
         5,
         {4, 3, 3, 3, 1},
         "tensor 'conv1.weight' is [4,3,3,3,1], small expects [4,3,3,3]"},
        {"conv1.weight", 1, {108}, "tensor 'conv1.weight' is [108], small expects [4,3,3,3]"},
        {"conv1.weight", 0, {0}, "tensor 'conv1.weight' is [], small expects [4,3,3,3]"},
        {"conv1.weight",
         4,
         {0, 3, 3, 3},
         "tensor 'conv1.weight' is [0,3,3,3], small expects [4,3,3,3]"},
        {"layer1.dw.weight",
         4,
         {1, 4, 3, 3},
         "tensor 'layer1.dw.weight' is [1,4,3,3], small expects [4,1,3,3]"},
        {"layer1.pw.weight",
         4,
         {6, 3, 1, 1},
         "tensor 'layer1.pw.weight' is [6,3,1,1], small expects [6,4,1,1]"},
        {"bn1.running_var", 1, {5}, "tensor 'bn1.running_var' is [5], small expects [4]"},
        {"layer2.bn.bias", 2, {6, 1}, "tensor 'layer2.bn.bias' is [6,1], small expects [6]"},
        {"layer3.bn.running_mean",
         1,
         {1},
         "tensor 'layer3.bn.running_mean' is [1], small expects [5]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        st_memory m = small_weights();
        st_memory_remove(&m, cases[i].name);
        st_memory_add(&m, cases[i].name, ADI_F32, cases[i].ndim, cases[i].shape);
        refused_weights(&m, AD_ERR_MISMATCH, cases[i].sentence);
        st_memory_free(&m);
    }
    /* Nothing there, all dimensions as long as they can be: the sentence has room. */
    st_memory m = small_weights();
    const int64_t long_shape[8] = {0,         INT32_MAX, INT32_MAX, INT32_MAX,
                                   INT32_MAX, INT32_MAX, INT32_MAX, 9};
    st_memory_remove(&m, "conv1.weight");
    st_memory_add(&m, "conv1.weight", ADI_F32, 8, long_shape);
    adi_network *net;
    assert_int_equal(try_network(heap, small, &m, NULL, &net), AD_ERR_MISMATCH);
    st_memory_free(&m);
}

/* A file may end before the deepest taps. */
static void files_that_end_early(void **state)
{
    (void)state;
    static const char *const parts[] = {"layer3.", "layer2.", "layer1."};
    st_memory m = small_weights();
    adi_network_destroy(accepted_weights(&m, 4));
    for (int i = 0; i < 3; i++) {
        st_memory_remove_all(&m, parts[i]);
        adi_network *net = accepted_weights(&m, 3 - i);
        const int32_t deep = 3 - i;
        adi_plan *plan = NULL;
        char sentence[100];
        assert_int_equal(adi_plan_create(net, HOST_DEVICE(adi_backend_cpu.kernels, 1), &deep, 1, 8, 8, &plan),
                         AD_ERR_MISMATCH);
        static const char *const left[] = {"t1", "t1, t2", "t1, t2, t3"};
        snprintf(sentence, sizeof sentence,
                 "layer 't%d' of small: the weights file ends before it and has %s", deep + 1,
                 left[deep - 1]);
        assert_string_equal(ad_last_error_message(), sentence);
        adi_network_destroy(net);
    }
    st_memory_remove_all(&m, "bn1.");
    refused_weights(&m, AD_ERR_MISMATCH,
                    "the weights hold no tensor 'bn1.weight', which small needs");
    st_memory_free(&m);
}

static void a_gap_in_the_middle(void **state)
{
    (void)state;
    static const char *const gaps[][2] = {{"layer1.", "layer1.dw.weight"},
                                          {"layer2.", "layer2.bn.weight"},
                                          {"layer1.bn.", "layer1.bn.weight"}};
    for (int i = 0; i < 3; i++) {
        st_memory m = small_weights();
        char sentence[120];
        st_memory_remove_all(&m, gaps[i][0]);
        snprintf(sentence, sizeof sentence, "the weights hold no tensor '%s', which small needs",
                 gaps[i][1]);
        refused_weights(&m, AD_ERR_MISMATCH, sentence);
        st_memory_free(&m);
    }
    /* An early end and one leftover of what follows it. */
    st_memory m = small_weights();
    st_memory_remove_all(&m, "layer3.");
    add_floats(&m, "layer3.bn.bias", 5);
    refused_weights(&m, AD_ERR_MISMATCH,
                    "the weights hold no tensor 'layer3.conv.weight', which small needs");
    st_memory_free(&m);
}

static void strangers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int refused;
    } cases[] = {
        {"layer1.2.conv1.weight", 1},
        {"layer1.dw.extra", 1},
        {"conv1.weight_g", 1},
        {"conv1", 1},
        {"bn1.weight2", 1},
        {"layer3.bias", 1},
        {"fc.weight", 0},
        {"fc", 0},
        {"layer10.conv1.weight", 0},
        {"layer.x", 0},
        {"Conv1.weight", 0},
        {"t1.weight", 0},
        {"bn1.num_batches_tracked", 0},
        {"layer1.7.bn.num_batches_tracked", 0},
        {"module.conv1.weight", 0},
        {"act1.weight", 0},
        {"image.mean", 0},
    };
    st_memory m = small_weights();
    adi_network *net = accepted_weights(&m, 4);
    const int32_t all[TAPS] = {0, 1, 2, 3};
    char digest[17], other[17], sentence[200];
    adi_network_digest(net, all, TAPS, digest);
    const int64_t parameters = net->parameter_count;
    adi_network_destroy(net);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t one = 1;
        st_memory_add(&m, cases[i].name, i % 2 ? ADI_I64 : ADI_F32, (int32_t)(i % 2), &one);
        if (cases[i].refused) {
            snprintf(sentence, sizeof sentence, "the weights hold '%s', which small does not have",
                     cases[i].name);
            refused_weights(&m, AD_ERR_MISMATCH, sentence);
        } else { /* heads and counters are ignored: same identity */
            net = accepted_weights(&m, 4);
            adi_network_digest(net, all, TAPS, other);
            assert_string_equal(other, digest);
            assert_int_equal(net->parameter_count, parameters);
            adi_network_destroy(net);
        }
        st_memory_remove(&m, cases[i].name);
    }
    st_memory_free(&m);
}

/* ResNet-18 itself: parameters as published (11,689,512 less the head's 513,000), a deeper
 * network's block refused, stem to layer3 accepted. */
static void resnet18(void **state)
{
    (void)state;
    const char *text = adi_builtin_graph_text("resnet18");
    adi_graph *g = graph_of(heap, text);
    st_memory m = seeded_weights(g, 0.25);
    adi_graph_destroy(g);
    m.architecture = "resnet18";
    add_floats(&m, "fc.weight", 1000);
    add_floats(&m, "bn1.num_batches_tracked", 1);
    adi_network *net;
    assert_int_equal(try_network(heap, text, &m, NULL, &net), AD_OK);
    assert_int_equal(net->parameter_count, 11689512 - 513000);
    adi_network_destroy(net);
    add_floats(&m, "layer1.2.conv1.weight", 9);
    assert_int_equal(try_network(heap, text, &m, NULL, &net), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(),
                        "the weights hold 'layer1.2.conv1.weight', which resnet18 does not have");
    st_memory_remove(&m, "layer1.2.conv1.weight");
    st_memory_remove_all(&m, "layer4.");
    assert_int_equal(try_network(heap, text, &m, NULL, &net), AD_OK);
    assert_int_equal(net->parameter_count, 2782784); /* conv1 to layer3 */
    for (int32_t t = 0; t < net->graph->tap_count; t++)
        assert_int_equal(adi_network_tap_available(net, t),
                         strncmp(net->graph->taps[t].name, "layer4", 6) != 0);
    adi_network_destroy(net);
    st_memory_remove_all(&m, "layer2.");
    assert_int_equal(try_network(heap, text, &m, NULL, &net), AD_ERR_MISMATCH);
    st_memory_free(&m);
}

/* A convolution with a bias of its own does not look folded when its batch norm is missing; only a scorer's
 * backbone is, and says so. */
static void a_bias_of_its_own_is_not_folding(void **state)
{
    (void)state;
    static const char text[] = "network n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\ninput image : channels=3\n"
                               "conv2d c <- image : out=4 kernel=1 bias=1\nbatchnorm b <- c\ntap t <- b\n";
    adi_graph *g = graph_of(heap, text);
    st_memory m = seeded_weights(g, 1.0);
    adi_graph_destroy(g);
    adi_network *net;
    assert_int_equal(try_network(heap, text, &m, NULL, &net), AD_OK);
    adi_network_destroy(net);
    st_memory_remove_all(&m, "b.");
    assert_int_equal(try_network(heap, text, &m, NULL, &net), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(), "the weights hold no tensor 'b.weight', which n needs");
    m.metadata = "\"adfeat.embedded\":\"1\"";
    assert_int_equal(try_network(heap, text, &m, NULL, &net), AD_OK);
    adi_network_destroy(net);
    st_memory_free(&m);
}

static void architecture_and_prefix(void **state)
{
    (void)state;
    st_memory m = small_weights();
    m.architecture = "resnet34";
    refused_weights(&m, AD_ERR_MISMATCH, "the weights are of architecture 'resnet34', not 'small'");
    m.architecture = "small";
    adi_network_destroy(accepted_weights(&m, 4));
    m.architecture = NULL;
    adi_network *net;
    assert_int_equal(try_network(heap, small, &m, "x.", &net), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(),
                        "the weights hold no tensor 'x.conv1.weight' that small begins with");
    st_memory_prefix(&m, "x.");
    assert_int_equal(try_network(heap, small, &m, "x.", &net), AD_OK);
    adi_network_destroy(net);
    adi_network_destroy(accepted_weights(&m, 4)); /* found, whatever the prefix */
    add_floats(&m, "x.layer1.9.weight", 1);
    assert_int_equal(try_network(heap, small, &m, "x.", &net), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(),
                        "the weights hold 'x.layer1.9.weight', which small does not have");
    st_memory_free(&m);
    st_memory empty = {0};
    refused_weights(
        &empty, AD_ERR_MISMATCH,
        "the weights hold no tensor 'conv1.weight', behind any prefix: not small");
    st_memory_free(&empty);
}

/* ---- Which values --------------------------------------------------------------------------- */

static void no_nan_no_infinity(void **state)
{
    (void)state;
    st_memory all = small_weights();
    for (int32_t i = 0; i < all.count; i++)
        for (int way = 0; way < 2; way++) {
            st_memory m = st_memory_copy(&all);
            st_entry *e = &m.entries[i];
            char sentence[250];
            ((float *)e->data)[e->count - 1] = way ? -INFINITY : NAN;
            snprintf(sentence, sizeof sentence, "memory: tensor '%s': element %lld is %s", e->name,
                     (long long)e->count - 1, way ? "infinite" : "NaN");
            refused_weights(&m, AD_ERR_NUMERIC, sentence);
            st_memory_free(&m);
        }
    st_memory_free(&all);
}

/* Overflow on the way to F32, and types that hold no weights. */
static void other_types(void **state)
{
    (void)state;
    const int64_t shape[4] = {4, 3, 3, 3};
    st_memory m = small_weights();
    st_memory_remove(&m, "conv1.weight");
    double *wide = st_memory_add(&m, "conv1.weight", ADI_F64, 4, shape);
    wide[7] = 3.5e38;
    refused_weights(&m, AD_ERR_NUMERIC,
                    "memory: tensor 'conv1.weight': element 7 is too large for F32");
    st_memory_remove(&m, "conv1.weight");
    uint16_t *half = st_memory_add(&m, "conv1.weight", ADI_F16, 4, shape);
    half[107] = 0x7C00; /* what 65520 becomes in F16 */
    refused_weights(&m, AD_ERR_NUMERIC, "memory: tensor 'conv1.weight': element 107 is infinite");
    half[107] = 0x7BFF; /* 65504: the largest */
    adi_network_destroy(accepted_weights(&m, 4));
    st_memory_remove(&m, "conv1.weight");
    st_memory_add(&m, "conv1.weight", ADI_I64, 4, shape);
    refused_weights(&m, AD_ERR_FORMAT,
                    "memory: tensor 'conv1.weight' is I64, expected F32, F16, BF16 or F64");
    st_memory_free(&m);
}

static void variances_are_positive(void **state)
{
    (void)state;
    static const char *const names[] = {"bn1", "layer1.bn", "layer2.bn", "layer3.bn"};
    for (int i = 0; i < 4; i++) {
        st_memory m = small_weights();
        char name[40], sentence[120];
        snprintf(name, sizeof name, "%s.running_var", names[i]);
        snprintf(sentence, sizeof sentence, "batch norm '%s': a running variance is not positive",
                 names[i]);
        float *variance = st_memory_find(&m, name)->data;
        variance[2] = -1.0f;
        refused_weights(&m, AD_ERR_NUMERIC, sentence);
        variance[2] = i == 1 ? -0.25f : -1.0f; /* with eps exactly 0 */
        refused_weights(&m, AD_ERR_NUMERIC, sentence);
        variance[2] = 0.0f; /* eps keeps it positive */
        adi_network_destroy(accepted_weights(&m, 4));
        st_memory_free(&m);
    }
}

/* ---- Memory -------------------------------------------------------------------------------- */

static void out_of_memory(void **state)
{
    (void)state;
    st_memory m = small_weights();
    long nth = 0;
    for (ad_status status = AD_ERR_OUT_OF_MEMORY; status != AD_OK;) {
        fault_alloc fault = {.fail_at = ++nth};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
        adi_network *net = NULL;
        status = try_network(&a, small, &m, NULL, &net);
        assert_true(status == AD_OK || status == AD_ERR_OUT_OF_MEMORY);
        if (status != AD_OK)
            assert_string_equal(ad_last_error_message(), "out of memory");
        adi_network_destroy(status == AD_OK ? net : NULL);
        assert_int_equal(atomic_load(&fault.live), 0);
    }
    assert_true(nth > 20);
    st_memory_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tensor_is_missed),
        cmocka_unit_test(each_shape_is_checked),
        cmocka_unit_test(files_that_end_early),
        cmocka_unit_test(a_gap_in_the_middle),
        cmocka_unit_test(strangers),
        cmocka_unit_test(resnet18),
        cmocka_unit_test(a_bias_of_its_own_is_not_folding),
        cmocka_unit_test(architecture_and_prefix),
        cmocka_unit_test(no_nan_no_infinity),
        cmocka_unit_test(other_types),
        cmocka_unit_test(variances_are_positive),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
