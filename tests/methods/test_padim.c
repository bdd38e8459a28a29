/* PaDiM from pixels to scores on a tiny network: its vectors and maps, it separates and localises,
 * merged and sequential fits agree, its memory is known beforehand, every wrong use gets its status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/objects.h"
#include "harness/fault_alloc.h"
#include "vision/blur.h"
#include "padim_case.h"

static void separates_and_localises(void **state)
{
    static const char *const covariances[] = {"ridge", "ledoit_wolf"};
    static const char *const dimensions[] = {"all", "7"};
    for (int c = 0; c < 2; c++)
        for (int d = 0; d < 2; d++)
            check_separates(fit(*state, covariances[c], dimensions[d]), 2);
}

/* Every component of every vector, where grids do not divide each other: the finer layer as the grid and the coarser. */
static void vectors_are_the_nearest_features(void **state)
{
    static const char *const layers[] = {"shallow,deep", "deep,shallow"};
    const fixture *f = *state;
    uint8_t pixels[TINY_PIXELS];
    tiny_image(pixels, 3, 1);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    for (int order = 0; order < 2; order++) {
        adi_padim_config c;
        adi_padim_embedding e = {0};
        adi_extractor *x = NULL;
        adi_workspace *w = NULL;
        int32_t subset[20];
        float vectors[15 * 15 * 20];
        adi_settings_begin(&c.settings, &adi_method_padim);
        snprintf(c.o.common.layers, sizeof c.o.common.layers, "%s", layers[order]);
        c.o.dimensions = -1;
        c.o.common.size = 29; /* grids of 15 and 8 */
        assert_int_equal(adi_padim_settle(&c.settings, &adi_default_allocator,
                                          f->net->network->graph),
                         AD_OK);
        assert_int_equal(c.o.dimensions, 20);
        assert_int_equal(adi_padim_grid(&adi_default_allocator, f->net->network->graph, &c, &e.h, &e.w), AD_OK);
        assert_int_equal(e.h, order ? 8 : 15);
        for (int32_t k = 0; k < 20; k++)
            subset[k] = (7 * k + 3) % 20; /* drawn in some order */
        e.subset = subset;
        assert_int_equal(adi_padim_embedding_fill(&e, f->context, f->net->network->graph, &c), AD_OK);
        assert_int_equal(adi_extractor_create(f->context, f->net->network, &c.settings.preprocess,
                                              c.settings.taps, c.settings.tap_count, &x),
                         AD_OK);
        adi_extractor_reserve(x, 0, 0, sizeof vectors / sizeof *vectors);
        assert_int_equal(adi_extractor_borrow(x, &w), AD_OK);
        assert_int_equal(adi_extractor_run(x, w, &image), AD_OK);
        assert_int_equal(adi_padim_embed(&e, &c, x, w, w->results), AD_OK);
        assert_int_equal(adi_extractor_fetch_results(x, w, sizeof vectors / sizeof *vectors), AD_OK);
        memcpy(vectors, w->host_results, sizeof vectors);
        for (int64_t p = 0; p < e.h * e.w; p++)
            for (int32_t k = 0; k < 20; k++) {
                const int32_t first = (int32_t)adi_extractor_shape(x, 0)->c;
                const int32_t layer = subset[k] >= first, channel = subset[k] - (layer ? first : 0);
                const adi_shape *s = adi_extractor_shape(x, layer);
                const int64_t y = (int64_t)floor((double)(p / e.w) * (double)s->h / (double)e.h);
                const int64_t z = (int64_t)floor((double)(p % e.w) * (double)s->w / (double)e.w);
                const float *data = NULL;
                assert_int_equal(adi_extractor_fetch(x, w, layer, &data), AD_OK);
                assert_true(vectors[p * 20 + k] == data[(y * s->w + z) * s->c + channel]);
            }
        adi_extractor_give_back(x, w);
        adi_extractor_destroy(x);
        e.subset = NULL;
        adi_padim_embedding_free(&e, f->context);
    }
}

/* The map with blur is the map without, blurred; and the score is its maximum. */
static void the_map_is_blurred(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {
        "size=40, blur_sigma=0", /* the map's own size: it is not resized after */
        "size=40, blur_sigma=2.5"};
    const adi_kernels *k = adi_backend_cpu.kernels;
    float heat[2][MAP];
    for (int i = 0; i < 2; i++) {
        ad_scorer *scorer = fit_all(f, fitter_of(f->net, settings[i]));
        const float score = score_of(scorer, 100, 1, heat[i]);
        float most = 0.0f;
        for (int p = 0; p < MAP; p++)
            most = fmaxf(most, heat[i][p]);
        assert_true(score == most);
        ad_scorer_destroy(scorer);
    }
    void *scratch = malloc(adi_blur_scratch(k, TINY_SIDE, TINY_SIDE, 2.5, 1));
    const adi_exec ex = {1, scratch, NULL};
    assert_int_equal(adi_blur(k, &ex, heat[0], TINY_SIDE, TINY_SIDE, 2.5), AD_OK);
    free(scratch);
    assert_memory_equal(heat[0], heat[1], sizeof heat[0]);
}

/* On the training images themselves the mean square distance is known in closed form: taken from
 * maps that are neither blurred nor resized, since the grid is as large as the image. */
static void normal_map_is_the_rms(void **state)
{
    static const char graph[] =
        "network flat\ninput_size 6\nmean 0 0 0\nstd 1 1 1\ninput image : channels=3\n"
        "dwconv2d d <- image : kernel=1\ntap t <- d\n";
    static float weight[3] = {1.0f, 2.0f, -1.5f};
    static const int64_t shape[4] = {3, 1, 1, 1};
    static uint8_t pixels[TINY_PIXELS];
    const fixture *f = *state;
    adi_st_writer *w = NULL;
    ad_backbone_options net;
    ad_backbone *flat = NULL;
    assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
    assert_int_equal(adi_st_writer_tensor(w, "d.weight", ADI_F32, 4, shape, weight), AD_OK);
    assert_int_equal(adi_st_writer_save(w, f->file), AD_OK);
    adi_st_writer_destroy(w);
    ad_backbone_options_init(&net, sizeof net);
    net.graph = graph;
    assert_int_equal(ad_backbone_open(f->context, f->file, &net, &flat), AD_OK);
    for (int lw = 0; lw < 2; lw++) {
        ad_fitter *fit = fitter_of(
            flat, lw ? "layers=t, size=40, blur_sigma=0, dimensions=all, covariance=ledoit_wolf"
                     : "layers=t, size=40, blur_sigma=0, dimensions=all");
        ad_scorer *scorer = NULL;
        assert_int_equal(ad_fit(fit, f->good, NULL, &scorer), AD_OK);
        double sum = 0.0;
        for (int64_t n = 0; n < GOOD; n++) {
            float heat[MAP];
            tiny_image(pixels, n, 0);
            const float score = score_of(scorer, n, 0, heat);
            float largest = 0.0f;
            for (int i = 0; i < MAP; i++) {
                sum += (double)heat[i] * heat[i] / (GOOD * MAP);
                largest = fmaxf(largest, heat[i]);
            }
            assert_true(score == largest);
        }
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
        assert_true(fabs(sqrt(sum) - info.normal_map) < 1e-4 * info.normal_map);
        assert_true(info.normal_score == 0.0);
        assert_int_equal(info.image_count, GOOD);
        assert_string_equal(info.method, "padim");
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
    }
    ad_backbone_destroy(flat);
}

/* Three fits merged, in an order that is not the sequential one, agree with one over all; and
 * finishing or merging in between changes nothing of what comes later. */
static void merged_equals_sequential(void **state)
{
    static const char *const covariances[] = {"ridge", "ledoit_wolf"};
    const fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        const char *kind = covariances[i];
        ad_scorer *whole = fit(f, kind, "12"), *halfway = NULL, *later = NULL;
        ad_scorer *merged = merge_three(fitter(f, kind, "12"), fitter(f, kind, "12"), fitter(f, kind, "12"));
        check_same(whole, merged, 1e-5); /* float results of statistics that agree to 1e-10 */
        ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_scorer_get_info(whole, &x), AD_OK);
        assert_int_equal(ad_scorer_get_info(merged, &y), AD_OK);
        assert_true(fabs(x.normal_map - y.normal_map) <= 1e-10 * x.normal_map);
        ad_fitter *b = fitter(f, kind, "12"), *c = fitter(f, kind, "12");
        add_range(b, 0, 11);
        add_range(c, 30, GOOD);
        assert_int_equal(ad_fitter_merge(c, b), AD_OK);
        assert_int_equal(ad_fitter_finish(b, &halfway), AD_OK);
        add_range(b, 11, GOOD);
        assert_int_equal(ad_fitter_finish(b, &later), AD_OK);
        check_same(whole, later, 0.0);
        ad_scorer_destroy(halfway);
        ad_scorer_destroy(later);
        ad_scorer_destroy(whole);
        ad_scorer_destroy(merged);
        ad_fitter_destroy(b);
        ad_fitter_destroy(c);
    }
}

static void too_little_to_fit(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = NULL;
    ad_fitter *fit = fitter(f, "ledoit_wolf", "all");
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_STATE,
            "padim needs at least 2 images, the fit has 0");
    add_range(fit, 0, 1);
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_STATE, "the fit has 1");
    add_range(fit, 0, 1);
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_NUMERIC,
            "position (0, 0) of 16x16: the covariance of 2");
    assert_null(scorer);
    add_range(fit, 1, GOOD); /* and the fitter can go on */
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    ad_fitter *other = fitter(f, "ledoit_wolf", "9");
    refused(ad_fitter_merge(fit, other), AD_ERR_MISMATCH,
            "option dimensions is 20 in one fit and 9");
    ad_fitter_destroy(other);
    other = fitter(f, "ridge", "all");
    refused(ad_fitter_merge(fit, other), AD_ERR_MISMATCH, "option covariance is ledoit_wolf");
    ad_fitter_destroy(other);
    /* memory_limit is no part of the result */
    other = fitter_of(f->net, "covariance=ledoit_wolf, dimensions=all, memory_limit=77777777");
    assert_int_equal(ad_fitter_merge(fit, other), AD_OK);
    ad_fitter_destroy(other);
    ad_fitter_destroy(fit);
    fit = fitter(f, "ridge", "all"); /* two images are enough where a ridge makes up for the rest */
    add_range(fit, 0, 2);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
}

/* A layer is a place in the network, not a name: the digest of two networks that differ in names only is one,
 * and so is every option. */
static void layers_of_the_same_name(void **state)
{
    const fixture *f = *state;
    ad_backbone *exchanged = NULL, *moved = NULL;
    ad_fitter *mine = fitter(f, "ridge", "9");
    ad_scorer *scorer = NULL, *loaded = NULL;
    assert_int_equal(tiny_open_tapped(f->context, f->weights, "point_bn", "stem_act", &exchanged), AD_OK);
    ad_fitter *other = fitter_of(exchanged, "dimensions=9");
    add_range(mine, 0, 9);
    add_range(other, 9, 20);
    refused(ad_fitter_merge(mine, other), AD_ERR_MISMATCH, "layer 'shallow'");
    refused(ad_fitter_merge(other, mine), AD_ERR_MISMATCH, "layer 'shallow'");
    assert_int_equal(ad_fitter_count(mine), 9);
    assert_int_equal(ad_fitter_finish(mine, &scorer), AD_OK);
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    assert_int_equal(tiny_open_tapped(f->context, f->weights, "sum_act", "point_bn", &moved), AD_OK);
    refused(ad_scorer_load_onto(moved, f->file, &loaded), AD_ERR_MISMATCH, "layer 'shallow'");
    assert_null(loaded);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(mine);
    ad_fitter_destroy(other);
    ad_backbone_destroy(exchanged);
    ad_backbone_destroy(moved);
}

/* Known before the first image, refused before anything of that size is asked for, and no less than
 * what is held at any time, finishing included. */
static void memory_is_known(void **state)
{
    const fixture *f = *state;
    fault_alloc counter = {0};
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.device = test_device();
    co.alloc = fault_alloc_get;
    co.free = fault_alloc_put;
    co.alloc_user = &counter;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_fitter *fit = NULL;
    ad_scorer *scorer = NULL;
    assert_int_equal(ad_context_create(&co, &context), AD_OK);
    assert_int_equal(tiny_open(context, f->weights, &net), AD_OK);
    static const char limited[] = "covariance=ledoit_wolf, dimensions=all, memory_limit=%llu";
    const long before = atomic_load(&counter.bytes);
    atomic_store(&counter.peak, before);
    refused(tiny_fitter(net, "padim", options(limited, 100000ULL).text, &fit), AD_ERR_OUT_OF_MEMORY,
            "bytes for 256 positions of 20 dimensions, memory_limit is 100000");
    assert_null(fit);
    assert_true(atomic_load(&counter.peak) - before < 4096);
    unsigned long long needed = 0;
    assert_int_equal(sscanf(ad_last_error_message(), "padim needs %llu bytes", &needed), 1);
    refused(tiny_fitter(net, "padim", options(limited, needed - 1).text, &fit),
            AD_ERR_OUT_OF_MEMORY, "memory_limit");
    fit = fitter_of(net, options(limited, needed).text);
    assert_true(ad_fitter_memory(fit) > needed); /* and the extractor */
    add_range(fit, 0, 20);
    atomic_store(&counter.peak, before);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    assert_true((size_t)(atomic_load(&counter.peak) - before) <= ad_fitter_memory(fit));
    ad_fitter_destroy(fit);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    assert_int_equal(atomic_load(&counter.live), 0);
}

/* An image whose features overflow is refused, and the fit is as if it had not come. */
static void not_finite(void **state)
{
    const fixture *f = *state;
    /* What no real preprocessing gives: pixels of 1e38. */
    ad_fitter *bad = fitter_of(f->net, "std=1e-38,1e-38,1e-38");
    ad_scorer *scorer = NULL;
    uint8_t pixels[TINY_PIXELS];
    memset(pixels, 255, sizeof pixels);
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    refused(ad_fitter_add(bad, &image), AD_ERR_NUMERIC, "features that are not finite");
    assert_int_equal(ad_fitter_count(bad), 0);
    refused(ad_fitter_finish(bad, &scorer), AD_ERR_STATE, "the fit has 0");
    ad_fitter_destroy(bad);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates_and_localises),
        cmocka_unit_test(vectors_are_the_nearest_features),
        cmocka_unit_test(the_map_is_blurred),
        cmocka_unit_test(normal_map_is_the_rms),
        cmocka_unit_test(merged_equals_sequential),
        cmocka_unit_test(too_little_to_fit),
        cmocka_unit_test(layers_of_the_same_name),
        cmocka_unit_test(memory_is_known),
        cmocka_unit_test(not_finite),
    };
    return cmocka_run_group_tests_name("padim", tests, set_up, tear_down);
}
