/* Opening weights: each dialect, what metadata and options decide, what is refused rather than
 * guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backbone_case.h"
#include "harness/fault_alloc.h"
#include "model/extractor.h"

static const char timm_sentence[] =
    "efficientnet_b0 with timm's names can be tf_efficientnet_b0 (padding same_dynamic, "
    "eps 1e-3) or efficientnet_b0 (symmetric, 1e-5): the file does not say, so the options padding "
    "and batchnorm_eps must";

/* B4 in each dialect, with metadata and no option, and as far as that goes without either. */
static void b4_in_each_dialect(void **state)
{
    (void)state;
    ad_context *context = context_new();
    static const char *const words[] = {"efficientnet_pytorch", "torchvision", "timm"};
    char digests[ADI_DIALECTS][17];
    for (int d = 0; d < ADI_DIALECTS; d++) {
        st_memory m = weights_in("efficientnet_b4", (adi_dialect)d);
        m.metadata = "\"architecture\":\"efficientnet_b4\",\"padding\":\"same_static\",\"batchnorm_"
                     "eps\":\"0.002\"";
        check_open(context, &m, NULL, NULL, words[d], AD_PADDING_SAME_STATIC, 0.002, digests[d]);
        assert_string_equal(digests[d], digests[0]); /* the same network, whatever the names */
        m.metadata = NULL;
        if (d != ADI_DIALECT_TIMM) /* recognised, and the names leave one possibility */
            check_open(context, &m, NULL, NULL, words[d],
                       d ? AD_PADDING_SYMMETRIC : AD_PADDING_SAME_DYNAMIC, d ? 1e-5 : 1e-3, NULL);
        st_memory_free(&m);
    }
    ad_context_destroy(context);
}

static void timm_is_never_guessed(void **state)
{
    (void)state;
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_b0", ADI_DIALECT_TIMM);
    check_refused(context, &m, NULL, NULL, AD_ERR_INVALID_ARGUMENT, timm_sentence);
    check_refused(context, &m, "efficientnet_b0", NULL, AD_ERR_INVALID_ARGUMENT, timm_sentence);
    ad_backbone_options half = options_of("symmetric", NULL), other = options_of(NULL, "1e-5");
    check_refused(context, &m, NULL, &half, AD_ERR_INVALID_ARGUMENT, timm_sentence);
    check_refused(context, &m, NULL, &other, AD_ERR_INVALID_ARGUMENT, timm_sentence);
    const ad_backbone_options both = options_of("symmetric", "1e-5"),
                              tf = options_of("same_dynamic", "1e-3");
    char a[17], b[17];
    check_open(context, &m, NULL, &both, "timm", AD_PADDING_SYMMETRIC, 1e-5, a);
    check_open(context, &m, NULL, &tf, "timm", AD_PADDING_SAME_DYNAMIC, 1e-3, b);
    assert_string_not_equal(a, b);
    m.metadata = "\"batchnorm_eps\":\"1e-5\""; /* half from the file, half from the options */
    check_refused(context, &m, NULL, NULL, AD_ERR_INVALID_ARGUMENT, timm_sentence);
    check_open(context, &m, NULL, &half, "timm", AD_PADDING_SYMMETRIC, 1e-5, NULL);
    st_memory_free(&m);
    ad_context_destroy(context);
}

/* timm trained Lite anew, with other padding, eps and normalisation than TensorFlow. */
static void lite_of_timm(void **state)
{
    (void)state;
    static const struct {
        const char *padding, *eps, *metadata;
        float mean, std;
    } cases[] = {
        {"symmetric", "1e-5", NULL, 0.485f, 0.229f},
        {"same_dynamic", "1e-3", NULL, 0.498039216f, 0.501960784f},
        {"symmetric", "1e-5", "\"mean\":\"0.5,0.5,0.5\",\"std\":\"0.25,1,1\"", 0.5f, 0.25f}};
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_lite0", ADI_DIALECT_TIMM);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ad_backbone_options o = options_of(cases[i].padding, cases[i].eps);
        ad_backbone *b = NULL;
        m.metadata = cases[i].metadata;
        assert_int_equal(open_memory(context, &m, NULL, &o, &b), AD_OK);
        ad_backbone_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_backbone_get_info(b, &info), AD_OK);
        assert_true(info.mean[0] == cases[i].mean && info.std[0] == cases[i].std);
        ad_backbone_destroy(b);
    }
    st_memory_free(&m);
    ad_context_destroy(context);
}

static void torchvision_b5_has_its_own_eps(void **state)
{
    (void)state;
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_b5", ADI_DIALECT_TORCHVISION);
    check_open(context, &m, "efficientnet_b5", NULL, "torchvision", AD_PADDING_SYMMETRIC, 1e-3,
               NULL);
    st_memory_free(&m);
    ad_context_destroy(context);
}

static void options_win_and_are_logged(void **state)
{
    (void)state;
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_b0", ADI_DIALECT_GRAPH);
    m.metadata = "\"padding\":\"symmetric\",\"batchnorm_eps\":\"1e-5\"";
    const ad_backbone_options o = options_of("same_static_v063", "1e-3");
    warning_count = 0;
    check_open(context, &m, NULL, &o, "efficientnet_pytorch", AD_PADDING_SAME_STATIC_V063, 1e-3,
               NULL);
    assert_int_equal(warning_count, 2);
    assert_string_equal(warnings[0],
                        "padding same_static_v063 was asked for, the weights say symmetric");
    assert_string_equal(warnings[1], "batchnorm_eps 0.001 was asked for, the weights say 1e-05");
    const ad_backbone_options same = options_of("symmetric", "1e-5");
    warning_count = 0;
    check_open(context, &m, NULL, &same, "efficientnet_pytorch", AD_PADDING_SYMMETRIC, 1e-5, NULL);
    assert_int_equal(warning_count, 0);
    st_memory_free(&m);
    ad_context_destroy(context);
}

static void bad_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *sentence;
    } cases[] = {
        {"\"padding\":\"same\"", "metadata padding 'same' is none of same_dynamic, same_static, "
                                 "same_static_v063, symmetric"},
        {"\"padding\":\"auto\"", "metadata padding 'auto' is none of same_dynamic, same_static, "
                                 "same_static_v063, symmetric"},
        {"\"batchnorm_eps\":\"0\"",
         "metadata: option batchnorm_eps: '0' is not a number from 1e-12 to 0.999"},
        {"\"batchnorm_eps\":\"nan\"",
         "metadata: option batchnorm_eps: 'nan' is not a number from 1e-12 to 0.999"},
        {"\"mean\":\"0.5,0.5\"", "metadata: option mean: '0.5,0.5' is not three numbers r,g,b"},
        {"\"std\":\"0,1,1\"", "metadata std '0,1,1': 0 is not from 1e-06 to 1e+06"},
        {"\"mean\":\"0,1,-1e7\"", "metadata mean '0,1,-1e7': -1e+07 is not from -1e+06 to 1e+06"},
    };
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_lite0", ADI_DIALECT_GRAPH);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m.metadata = cases[i].metadata;
        check_refused(context, &m, "efficientnet_lite0", NULL, AD_ERR_FORMAT, cases[i].sentence);
    }
    m.metadata = "\"mean\":\"0.5,0.25,0.125\",\"std\":\"1,0.5,0.25\"";
    ad_backbone *b = NULL;
    assert_int_equal(open_memory(context, &m, NULL, NULL, &b), AD_OK);
    ad_backbone_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_backbone_get_info(b, &info), AD_OK);
    const float mean[3] = {0.5f, 0.25f, 0.125f}, std[3] = {1.0f, 0.5f, 0.25f};
    assert_memory_equal(info.mean, mean, sizeof mean);
    assert_memory_equal(info.std, std, sizeof std);
    ad_backbone_destroy(b);
    st_memory_free(&m);
    ad_context_destroy(context);
}

/* Names and shapes alone: every built-in network is recognised as itself, and a file that ends
 * where several networks begin alike is refused. */
static void recognised(void **state)
{
    (void)state;
    ad_context *context = context_new();
    for (int32_t i = 0; i < ad_architecture_count(); i++) {
        const char *arch = ad_architecture_name(i);
        st_memory m = weights_in(arch, ADI_DIALECT_GRAPH);
        ad_backbone *b = NULL;
        if (open_memory(context, &m, NULL, NULL, &b) != AD_OK)
            fail_msg("%s: %s", arch, ad_last_error_message());
        ad_backbone_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_backbone_get_info(b, &info), AD_OK);
        assert_string_equal(info.architecture, arch);
        ad_backbone_destroy(b);
        if (strcmp(arch, "resnet18") == 0) {
            st_memory_remove_all(&m, "layer");
            check_refused(
                context, &m, NULL, NULL, AD_ERR_INVALID_ARGUMENT,
                "the architecture is not given, the weights do not say it, and they fit resnet18, "
                "resnet34, resnet50, wide_resnet50_2");
            st_memory_remove(&m, "bn1.bias");
            check_refused(context, &m, NULL, NULL, AD_ERR_MISMATCH,
                          "the weights fit no known network; the nearest is resnet18, where 4 of 4 tensors fit, but "
                          "the weights hold no tensor 'bn1.bias', which resnet18 needs");
            const ad_backbone_options o = options_of("symmetric", NULL);
            check_refused(context, &m, "resnet18", &o, AD_ERR_INVALID_ARGUMENT,
                          "options padding and batchnorm_eps are not for resnet18");
        }
        st_memory_free(&m);
    }
    ad_context_destroy(context);
}

/* ad_extract_features() takes every layer of the deepest network in one call. */
static void every_layer_at_once(void **state)
{
    (void)state;
    ad_context *context = context_new();
    for (int32_t i = 0; i < ad_architecture_count(); i++) {
        adi_graph *g = graph_of(heap, adi_builtin_graph_text(ad_architecture_name(i)));
        assert_true(g->tap_count <= ADI_MAX_LAYERS);
        adi_graph_destroy(g);
    }
    st_memory m = weights_in("efficientnet_b5", ADI_DIALECT_GRAPH);
    ad_backbone *b = NULL;
    assert_int_equal(open_memory(context, &m, NULL, NULL, &b), AD_OK);
    const int32_t count = ad_backbone_layer_count(b);
    assert_int_equal(count, 9 + 39);
    uint8_t pixels[32 * 32] = {0};
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, 32, 32, 32);
    ad_features *f = calloc((size_t)count, sizeof *f);
    assert_non_null(f);
    for (int32_t i = 0; i < count; i++) {
        ad_layer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_backbone_layer_info(b, i, 32, 32, &info), AD_OK);
        const int64_t floats = info.height * info.width * info.channels;
        f[i] = (ad_features){.struct_size = sizeof *f,
                             .layer = info.name,
                             .capacity = floats,
                             .data = malloc((size_t)floats * sizeof(float))};
        assert_non_null(f[i].data);
    }
    assert_int_equal(ad_extract_features(b, &image, "size=32", f, count), AD_OK);
    for (int32_t i = 0; i < count; i++)
        free(f[i].data);
    free(f);
    ad_backbone_destroy(b);
    st_memory_free(&m);
    ad_context_destroy(context);
}

/* What belongs to a network and is not there is named as the file would name it. */
static void missing_is_named_in_the_dialect(void **state)
{
    (void)state;
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_b0", ADI_DIALECT_TORCHVISION);
    st_memory_remove(&m, "features.2.1.block.2.fc1.bias");
    check_refused(
        context, &m, "efficientnet_b0", NULL, AD_ERR_MISMATCH,
        "the weights hold no tensor 'features.2.1.block.2.fc1.bias', which efficientnet_b0 needs");
    st_memory_free(&m);
    m = weights_in("efficientnet_b1", ADI_DIALECT_TIMM);
    const ad_backbone_options o = options_of("symmetric", "1e-5");
    check_refused(context, &m, "efficientnet_b0", &o, AD_ERR_MISMATCH,
                  "the weights hold 'blocks.0.1.bn1.bias', which efficientnet_b0 does not have");
    st_memory_free(&m);
    ad_context_destroy(context);
}

static void options_as_text(void **state)
{
    (void)state;
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    assert_int_equal(ad_backbone_options_set(&o, "padding", "reflect"), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(),
                        "option padding: 'reflect' is none of auto, same_dynamic, "
                        "same_static, same_static_v063, symmetric");
    assert_int_equal(ad_backbone_options_set(&o, "batchnorm_eps", "1"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_options_set(&o, "colour", "red"), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(
        ad_last_error_message(),
        "a backbone has no option 'colour': there are padding, batchnorm_eps, prefix, convolution, "
        "expected_digest, architecture");
    assert_int_equal(ad_backbone_options_set(&o, "prefix", "net."), AD_OK);
    assert_string_equal(o.prefix, "net.");
    assert_int_equal(ad_backbone_options_set(&o, "architecture", "resnet18"), AD_OK);
    assert_string_equal(o.architecture, "resnet18");
    assert_int_equal(ad_backbone_options_set(NULL, "prefix", "x"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_options_set(&o, NULL, "x"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_options_set(&o, "prefix", NULL), AD_ERR_INVALID_ARGUMENT);
    o.struct_size = 8;
    assert_int_equal(ad_backbone_options_set(&o, "prefix", "x"), AD_ERR_INVALID_ARGUMENT);
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_lite0", ADI_DIALECT_GRAPH);
    ad_backbone_options_init(&o, sizeof o);
    o.padding = 5;
    check_refused(context, &m, NULL, &o, AD_ERR_INVALID_ARGUMENT,
                  "padding is 5, no such ad_padding");
    o.padding = 0;
    o.batchnorm_eps = -1.0;
    check_refused(context, &m, NULL, &o, AD_ERR_INVALID_ARGUMENT,
                  "batchnorm_eps is -1, 1e-12 to 0.999 is possible");
    st_memory_free(&m);
    ad_context_destroy(context);
}

/* Files of relatives, with all of a network's names and more, or with another normalisation: run as that network they would
 * give other features. */
static void relatives_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t ndim;
        int64_t shape[4];
    } more[] = {{"layer1.0.se.fc1.weight", 4, {4, 64, 1, 1}}, /* SE */
                {"layer1.0.se.conv.weight", 3, {1, 1, 5}},     /* ECA */
                {"layer1.2.conv1.weight", 4, {64, 64, 3, 3}}}; /* deeper */
    ad_context *context = context_new();
    ad_backbone *b = NULL;
    for (int named = 0; named < 2; named++)
        for (int i = 0; i < 3; i++) {
            st_memory m = weights_in("resnet18", ADI_DIALECT_GRAPH);
            st_memory_add(&m, more[i].name, ADI_F32, more[i].ndim, more[i].shape);
            assert_int_equal(open_memory(context, &m, named ? "resnet18" : NULL, NULL, &b),
                             AD_ERR_MISMATCH);
            assert_null(b);
            assert_true(!named || strstr(ad_last_error_message(), more[i].name));
            st_memory_free(&m);
        }
    st_memory m = weights_in("resnet18", ADI_DIALECT_GRAPH); /* group norm: no running statistics */
    for (int32_t i = m.count; i-- > 0;)
        if (strstr(m.entries[i].name, "running_"))
            st_memory_remove(&m, m.entries[i].name);
    assert_int_equal(open_memory(context, &m, "resnet18", NULL, &b), AD_ERR_MISMATCH);
    assert_non_null(strstr(ad_last_error_message(), "running_"));
    st_memory_free(&m);
    ad_context_destroy(context);
}

/* A graph of features runs in a method, but is no backbone. */
static void a_graph_without_images(void **state)
{
    (void)state;
#define REST "relu r <- x\nconv2d c <- r : out=2 kernel=1\ntap t <- c\n"
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"network n\ninput x : channels=3\n" REST,
         "graph: network, input_size, mean and std lines are needed"},
        {"network n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\ninput x : channels=4\n" REST,
         "graph 'n': the input has 4 channels, images have 3"},
        {"network n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\ninput x : channels=3\n" REST, NULL},
    };
    ad_context *context = context_new();
    for (int i = 0; i < 3; i++) {
        adi_graph *g = graph_of(heap, cases[i].text);
        st_memory m = seeded_weights(g, 1.0);
        adi_graph_destroy(g);
        ad_backbone_options o = options_of(NULL, NULL);
        o.graph = cases[i].text;
        ad_backbone *b = NULL;
        const ad_status status = open_memory(context, &m, NULL, &o, &b);
        if (cases[i].sentence) {
            assert_int_equal(status, AD_ERR_FORMAT);
            assert_string_equal(ad_last_error_message(), cases[i].sentence);
            assert_null(b);
        } else {
            assert_int_equal(status, AD_OK);
        }
        ad_backbone_destroy(b);
        st_memory_free(&m);
    }
    ad_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_without_images),
        cmocka_unit_test(b4_in_each_dialect),
        cmocka_unit_test(timm_is_never_guessed),
        cmocka_unit_test(lite_of_timm),
        cmocka_unit_test(torchvision_b5_has_its_own_eps),
        cmocka_unit_test(options_win_and_are_logged),
        cmocka_unit_test(bad_metadata),
        cmocka_unit_test(recognised),
        cmocka_unit_test(every_layer_at_once),
        cmocka_unit_test(missing_is_named_in_the_dialect),
        cmocka_unit_test(options_as_text),
        cmocka_unit_test(relatives_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
