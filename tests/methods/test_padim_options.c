/* PaDiM's options: defaults, presets, what is refused, which layers a network gives by default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/student_case.h"
#include "padim_case.h"

/* What two images fitted so have in force. */
static void in_force(ad_backbone *net, const char *settings, const char *const (*want)[2],
                     int count)
{
    ad_fitter *fit = NULL;
    ad_scorer *scorer = NULL;
    if (ad_fitter_create(net, "padim", settings, &fit) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    add_range(fit, 0, 2);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    for (int i = 0; i < count; i++)
        assert_string_equal(option_of(scorer, want[i][0]), want[i][1]);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
}

static void defaults_and_presets(void **state)
{
    const fixture *f = *state;
    static const char *const defaults[][2] = {
        {"size", "32"},  {"crop", "32"},         {"resize", "pil_bilinear"}, {"aspect", "square"},
        {"seed", "1024"}, {"covariance", "ridge"}, {"ridge", "0.01"},          {"blur_sigma", "4"},
        {"memory_limit", "8589934592"}};
    static const char *const published[][2] = {
        {"size", "256"},  {"crop", "224"},         {"resize", "pil_lanczos"}, {"aspect", "shorter"},
        {"seed", "7"}, {"covariance", "ridge"}, {"ridge", "0.5"},          {"blur_sigma", "4"},
        {"memory_limit", "18446744073709551615"}};
    in_force(f->net, "layers=deep", defaults, sizeof defaults / sizeof *defaults);
    in_force(f->net,
             "preset=defard2020, layers=deep, ridge=0.5, seed=7, memory_limit=18446744073709551615",
             published, sizeof published / sizeof *published);
}

static void wrong_options(void **state)
{
    const fixture *f = *state;
    static const char *const bad[][2] = {
        {"dimensions=0", "from 1 to 2048"},
        {"dimensions=-1", "from 1 to 2048"},
        {"dimensions=2049", "from 1 to 2048"},
        {"dimensions=21", "dimensions is 21, the layers have 20 channels"},
        {"seed=-1", "from 0 to 4294967295"},
        {"seed=4294967296", "from 0 to 4294967295"},
        {"seed=1e3", "not a whole number"},
        {"covariance=oas", "none of ridge, ledoit_wolf"},
        {"ridge=0", "number from"},
        {"ridge=nan", "number from"},
        {"blur_sigma=65", "from 0 to 64"},
        {"blur_sigma=-1", "from 0 to 64"},
        {"memory_limit=0", "from 1"},
        {"memory_limit=99999999999999999999", "from 1"},
        {"memory_limit=", "from 1"},
        {"size=0", "from 1 to 4096"},
        {"crop=99", "at most size 32"},
        {"reduce=none", "padim has no option 'reduce'"},
        {"preset=resnet18", "none of defard2020"},
        {"ridge=1, ridge=1", "ridge stands twice"},
        {"layers=deep,deep", "given twice"},
        {"layers=layer1", "there are shallow, deep"},
    };
    ad_fitter *fit = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(tiny_fitter(f->net, "padim", bad[i][0], &fit), AD_ERR_INVALID_ARGUMENT, bad[i][1]);
        assert_null(fit);
    }
    refused(ad_fitter_create(f->net, "padim", NULL, &fit), AD_ERR_INVALID_ARGUMENT,
            "tiny says no layers for padim and does not have all of layer1,layer2,layer3");
}

/* Without layers in the options: the graph's own choice, or else layer1 to layer3; and the
 * published number of dimensions of as many channels as there are. */
static void layers_by_default(void **state)
{
    static const struct {
        const char *hint, *names[3], *outs[3], *in_force[2][2];
    } cases[] = {
        {"",
         {"layer1", "layer2", "layer3"},
         {"8", "16", "24"},
         {{"layers", "layer1,layer2,layer3"}, {"dimensions", "48"}}},
        {"",
         {"layer1", "layer2", "layer3"},
         {"100", "200", "212"},
         {{"layers", "layer1,layer2,layer3"}, {"dimensions", "100"}}},
        {"",
         {"layer1", "layer2", "layer3"},
         {"100", "200", "213"},
         {{"layers", "layer1,layer2,layer3"}, {"dimensions", "513"}}},
        {"",
         {"layer1", "layer2", "layer3"},
         {"100", "200", "300"},
         {{"layers", "layer1,layer2,layer3"}, {"dimensions", "550"}}},
        {"hint padim.layers b,a\n",
         {"a", "b", "layer1"},
         {"4", "5", "6"},
         {{"layers", "b,a"}, {"dimensions", "9"}}},
    };
    const fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "network some\ninput_size 8\nmean 0 0 0\nstd 1 1 1\n%sinput image : channels=3\n"
                 "conv2d c1 <- image : out=%s kernel=1\ntap %s <- c1\n"
                 "conv2d c2 <- c1 : out=%s kernel=1\ntap %s <- c2\n"
                 "conv2d c3 <- c2 : out=%s kernel=1\ntap %s <- c3\n",
                 cases[i].hint, cases[i].outs[0], cases[i].names[0], cases[i].outs[1],
                 cases[i].names[1], cases[i].outs[2], cases[i].names[2]);
        st_memory weights = mini_weights(text);
        ad_backbone *net = NULL;
        assert_int_equal(mini_open(f->context, text, &weights, &net), AD_OK);
        in_force(net, "size=1", cases[i].in_force, 2);
        st_memory_free(&weights);
        ad_backbone_destroy(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_presets),
        cmocka_unit_test(wrong_options),
        cmocka_unit_test(layers_by_default),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
