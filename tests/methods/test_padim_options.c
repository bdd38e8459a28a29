/* PaDiM's options: defaults, text, presets, ranges, and which layers a network gives by default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "padim_case.h"

static void options_as_text(void **state)
{
    (void)state;
    static const char *const bad[][3] = {{"dimensions", "0", "from 1 to 2048"},
                                         {"dimensions", "2049", "from 1 to 2048"},
                                         {"seed", "-1", "from 0 to 4294967295"},
                                         {"seed", "4294967296", "from 0 to 4294967295"},
                                         {"seed", "1e3", "not a whole number"},
                                         {"covariance", "oas", "none of ridge, ledoit_wolf"},
                                         {"ridge", "0", "number from"},
                                         {"ridge", "nan", "number from"},
                                         {"blur_sigma", "65", "from 0 to 64"},
                                         {"memory_limit", "0", "from 1"},
                                         {"memory_limit", "99999999999999999999", "from 1"},
                                         {"memory_limit", "", "from 1"},
                                         {"size", "0", "from 1 to 4096"},
                                         {"reduce", "none", "padim has no option 'reduce'"}};
    ad_padim_options o, before;
    ad_padim_options_init(&o, sizeof o);
    assert_true(o.seed == 1024 && o.ridge == 0.01 && o.blur_sigma == 4.0);
    assert_true(o.preprocess.size == 0 && o.preprocess.crop == 0 && o.preprocess.resize == AD_RESIZE_PIL_BILINEAR
                && o.memory_limit == (uint64_t)8 << 30);
    before = o;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(ad_padim_options_set(&o, bad[i][0], bad[i][1]), AD_ERR_INVALID_ARGUMENT, bad[i][2]);
        assert_memory_equal(&o, &before, sizeof o);
    }
    refused(ad_padim_options_set(&o, "preset", "resnet18"), AD_ERR_INVALID_ARGUMENT, "none of defard2020");
    set(&o, "ridge", "1");
    set(&o, "preset", "defard2020");
    assert_true(o.preprocess.size == 256 && o.preprocess.crop == 224 && o.preprocess.aspect == AD_ASPECT_SHORTER_SIDE
                && o.preprocess.resize == AD_RESIZE_PIL_LANCZOS && o.ridge == 0.01 && o.blur_sigma == 4.0);
    set(&o, "dimensions", "all");
    assert_int_equal(o.dimensions, -1);
    set(&o, "memory_limit", "18446744073709551615");
    assert_true(o.memory_limit == UINT64_MAX);
    refused(ad_padim_options_set(NULL, "seed", "1"), AD_ERR_INVALID_ARGUMENT, "NULL");
}

static void options_out_of_range(void **state)
{
    const fixture *f = *state;
    ad_fitter *fit = NULL;
    ad_padim_options o;
#define REFUSE(change, part)                                                                       \
    do {                                                                                           \
        o = tiny_options("ridge", "all");                                                          \
        change;                                                                                    \
        refused(ad_padim_fitter_create(f->net, &o, &fit), AD_ERR_INVALID_ARGUMENT, part);          \
        assert_null(fit);                                                                          \
    } while (0)
    REFUSE(o.layers = NULL,
           "tiny says no layers for padim and does not have all of layer1,layer2,layer3");
    REFUSE(o.layers = "deep,deep", "given twice");
    REFUSE(o.layers = "layer1", "there are shallow, deep");
    REFUSE(o.dimensions = 21, "dimensions is 21, the layers have 20 channels");
    REFUSE(o.dimensions = -2, "dimensions is -2");
    REFUSE(o.dimensions = 2049, "dimensions is 2049");
    REFUSE(o.covariance = 2, "no such ad_padim_covariance");
    REFUSE(o.seed = (uint64_t)1 << 32, "seed is 4294967296");
    REFUSE(o.ridge = 0.0, "ridge is 0");
    REFUSE(o.ridge = NAN, "ridge is nan");
    REFUSE(o.blur_sigma = -1.0, "blur_sigma is -1");
    REFUSE(o.memory_limit = 0, "memory_limit is 0");
    REFUSE(o.preprocess.crop = 99, "at most size 32");
    REFUSE(o.struct_size = 3, "struct_size is 3");
#undef REFUSE
}

/* Without layers in the options: the graph's own choice, or else layer1 to layer3; and the
 * published number of dimensions of as many channels as there are. */
static void layers_by_default(void **state)
{
    static const struct {
        const char *hint, *names[3], *outs[3], *layers, *dimensions;
    } cases[] = {
        {"", {"layer1", "layer2", "layer3"}, {"8", "16", "24"}, "layer1,layer2,layer3", "48"},
        {"", {"layer1", "layer2", "layer3"}, {"100", "200", "212"}, "layer1,layer2,layer3", "100"},
        {"", {"layer1", "layer2", "layer3"}, {"100", "200", "213"}, "layer1,layer2,layer3", "513"},
        {"", {"layer1", "layer2", "layer3"}, {"100", "200", "300"}, "layer1,layer2,layer3", "550"},
        {"hint padim.layers b,a\n", {"a", "b", "layer1"}, {"4", "5", "6"}, "b,a", "9"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "network some\ninput_size 8\nmean 0 0 0\nstd 1 1 1\n%sinput image : channels=3\n"
                 "conv2d c1 <- image : out=%s kernel=1\ntap %s <- c1\n"
                 "conv2d c2 <- c1 : out=%s kernel=1\ntap %s <- c2\n"
                 "conv2d c3 <- c2 : out=%s kernel=1\ntap %s <- c3\n",
                 cases[i].hint, cases[i].outs[0], cases[i].names[0], cases[i].outs[1],
                 cases[i].names[1], cases[i].outs[2], cases[i].names[2]);
        adi_graph *graph = NULL;
        assert_int_equal(adi_graph_read(&adi_default_allocator, text, strlen(text), &graph), AD_OK);
        ad_padim_options o;
        ad_padim_options_init(&o, sizeof o);
        adi_padim_config config;
        if (adi_padim_resolve(&o, graph, &config) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        char value[ADI_OPTION_TEXT];
        assert_string_equal(adi_padim_option(&config, graph, 6, value), "layers");
        assert_string_equal(value, cases[i].layers);
        assert_string_equal(adi_padim_option(&config, graph, 7, value), "dimensions");
        assert_string_equal(value, cases[i].dimensions);
        adi_graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_as_text),
        cmocka_unit_test(options_out_of_range),
        cmocka_unit_test(layers_by_default),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
