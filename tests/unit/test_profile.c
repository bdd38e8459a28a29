/* ad_backbone_profile: the steps of the tiny network, each way to compute a convolution, and wrong arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/tiny.h"

typedef struct seen {
    int steps, stop_at;
    char line[8][96];
    int64_t multiply_adds, weight_bytes;
} seen;

static int keep(void *user, const ad_step_info *s)
{
    seen *k = user;
    assert_true(k->steps < 8 && s->struct_size == sizeof *s);
    assert_true(s->ms >= 0.0 && s->ms < 1e4);
    snprintf(k->line[k->steps++], sizeof k->line[0], "%s %s '%s' %s %lldx%lldx%lld%s", s->name, s->op, s->kernel,
             s->activation, (long long)s->height, (long long)s->width, (long long)s->channels,
             s->residual ? " +" : "");
    k->multiply_adds += s->multiply_adds;
    k->weight_bytes += s->weight_bytes;
    return k->steps == k->stop_at;
}

static ad_backbone *open_tiny(ad_context *context, const char *weights, const char *convolution)
{
    ad_backbone_options o;
    ad_backbone *net = NULL;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = tiny_graph;
    if ((convolution && ad_backbone_options_set(&o, "convolution", convolution)) ||
        ad_backbone_open(context, weights, &o, &net))
        fail_msg("%s", ad_last_error_message());
    return net;
}

static ad_context *context_on(const char *device)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.device = device;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    return context;
}

static void steps_of_the_tiny_network(void **state)
{
    const char *weights = *state;
    static const char *const devices[] = {"ref", "cpu"};
    for (int d = 0; d < 2; d++) {
        ad_context *context = context_on(devices[d]);
        ad_backbone *net = open_tiny(context, weights, d ? "blas" : NULL);
        const char *kernel = d ? "blas" : "direct";
        const char *const wanted[] = {"stem conv2d '%s' relu 16x16x8", "body conv2d '%s' relu 16x16x8 +",
                                      "depth dwconv2d '' relu6 8x8x8", "point conv2d '%s'  8x8x12"};
        seen k = {0};
        assert_int_equal(ad_backbone_profile(net, NULL, NULL, 3, keep, &k), AD_OK);
        assert_int_equal(k.steps, 4);
        for (int i = 0; i < 4; i++) {
            char line[96];
            const char *hole = strchr(wanted[i], '%');
            if (hole)
                snprintf(line, sizeof line, "%.*s%s%s", (int)(hole - wanted[i]), wanted[i], kernel, hole + 2);
            assert_string_equal(k.line[i], hole ? line : wanted[i]);
        }
        assert_int_equal(k.multiply_adds, 16 * 16 * 8 * 27 + 16 * 16 * 8 * 72 + 8 * 8 * 8 * 9 + 8 * 8 * 12 * 8);
        assert_int_equal(k.weight_bytes, 4 * (8 * 27 + 8 * 72 + 8 * 9 + 12 * 8));
        k = (seen){0};
        assert_int_equal(ad_backbone_profile(net, NULL, "shallow", 1, keep, &k), AD_OK);
        assert_int_equal(k.steps, 1);
        k = (seen){0};
        assert_int_equal(ad_backbone_profile(net, "size=48", "deep,shallow", 2, keep, &k), AD_OK);
        assert_true(strstr(k.line[3], "12x12x12"));
        ad_backbone_destroy(net);
        ad_context_destroy(context);
    }
}

/* Whatever computes the convolutions, the features agree, and the network is the same one. */
static void every_convolution(void **state)
{
    const char *weights = *state;
    static const char *const words[] = {"auto", "blas", "panels", "winograd2", "winograd"};
    ad_context *context = context_on("cpu");
    uint8_t pixels[TINY_PIXELS];
    tiny_image(pixels, 3, 1);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    float data[5][8 * 8 * 12];
    char digest[17] = "";
    for (int i = 0; i < 5; i++) {
        ad_backbone *net = open_tiny(context, weights, words[i]);
        ad_features f = {.struct_size = sizeof f, .layer = "deep", .data = data[i], .capacity = 8 * 8 * 12};
        assert_int_equal(ad_extract_features(net, &image, NULL, &f, 1), AD_OK);
        seen k = {0};
        assert_int_equal(ad_backbone_profile(net, NULL, NULL, 1, keep, &k), AD_OK);
        char word[16];
        snprintf(word, sizeof word, "'%s'", words[i]);
        if (i > 0) /* all of them can do the middle one */
            assert_non_null(strstr(k.line[1], word));
        ad_backbone_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_backbone_get_info(net, &info), AD_OK);
        if (i > 0)
            assert_string_equal(info.digest, digest);
        strcpy(digest, info.digest);
        for (int j = 0; j < 8 * 8 * 12; j++)
            assert_true(fabsf(data[i][j] - data[0][j]) < 1e-5f);
        ad_backbone_destroy(net);
    }
    ad_context_destroy(context);
}

static void wrong_arguments(void **state)
{
    ad_context *context = context_on("cpu");
    ad_backbone *net = open_tiny(context, *state, NULL);
    seen k = {.stop_at = 2};
    assert_int_equal(ad_backbone_profile(NULL, NULL, NULL, 1, keep, &k), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_profile(net, NULL, NULL, 1, NULL, &k), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_profile(net, NULL, NULL, 0, keep, &k), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_backbone_profile(net, NULL, NULL, 1001, keep, &k), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(), "ad_backbone_profile: runs is 1001, 1 to 1000 is possible");
    assert_int_equal(ad_backbone_profile(net, NULL, "wide", 1, keep, &k), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(k.steps, 0);
    assert_int_equal(ad_backbone_profile(net, NULL, NULL, 1, keep, &k), AD_ERR_CANCELLED);
    assert_int_equal(k.steps, 2);
    ad_backbone_destroy(net);
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    assert_int_equal(ad_backbone_options_set(&o, "convolution", "fast"), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(),
                        "option convolution: 'fast' is none of auto, blas, panels, winograd, winograd2");
    o.graph = tiny_graph;
    o.convolution = 5;
    net = NULL;
    assert_int_equal(ad_backbone_open(context, *state, &o, &net), AD_ERR_INVALID_ARGUMENT);
    assert_true(strstr(ad_last_error_message(), "convolution is 5, no such ad_convolution"));
    assert_null(net);
    ad_context_destroy(context);
}

int main(void)
{
    char *weights = tiny_path("weights");
    if (tiny_weights(weights, ""))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(steps_of_the_tiny_network, weights),
        cmocka_unit_test_prestate(every_convolution, weights),
        cmocka_unit_test_prestate(wrong_arguments, weights),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(weights);
    free(weights);
    return failed;
}
