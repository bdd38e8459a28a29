/* The Gaussian method from pixels to scores on a tiny network: it separates, streamed, merged and whole
 * fits agree, and every wrong use gets its status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/method_case.h"

static ad_fitter *fitter_of(ad_backbone *net, const char *settings)
{
    ad_fitter *out = NULL;
    if (ad_fitter_create(net, "gaussian", settings, &out) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return out;
}

static ad_fitter *fitter(const fixture *f, const char *reduce, const char *pixel)
{
    return fitter_of(f->net, options("reduce=%s, pixel=%s", reduce, pixel).text);
}

static ad_scorer *fit(const fixture *f, const char *reduce, const char *pixel)
{
    return fit_all(f, fitter(f, reduce, pixel));
}

static void separates_and_localises(void **state)
{
    static const char *const reduces[] = {"none", "pca:0.95", "npca:0.8"};
    static const char *const pixels[] = {"dense", "gap"};
    for (int r = 0; r < 3; r++)
        for (int p = 0; p < 2; p++)
            check_separates(fit(*state, reduces[r], pixels[p]), 4);
}

/* On the training images themselves the mean square distance of the fit is known in closed form. */
static void normal_score_is_the_rms(void **state)
{
    static const char *const layers[] = {"layers=shallow", "layers=deep"};
    const fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        ad_fitter *fit = fitter_of(f->net, layers[i]);
        ad_scorer *scorer = NULL;
        assert_int_equal(ad_fit(fit, f->good, NULL, &scorer), AD_OK);
        double sum = 0.0;
        for (int64_t n = 0; n < GOOD; n++) {
            const float s = score_of(scorer, n, 0, NULL);
            sum += (double)s * s / GOOD;
        }
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
        assert_true(fabs(sqrt(sum) - info.normal_score) < 1e-4 * info.normal_score);
        assert_true(info.normal_map > 0.0);
        assert_int_equal(info.image_count, GOOD);
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
    }
}

/* Three fits merged, in an order that is not the sequential one, agree with one over all. */
static void merged_equals_sequential(void **state)
{
    static const char *const reduces[] = {"none", "pca:0.9", "npca:0.8"};
    const fixture *f = *state;
    for (int r = 0; r < 3; r++) {
        ad_scorer *whole = fit(f, reduces[r], "dense");
        ad_scorer *merged = merge_three(fitter(f, reduces[r], "dense"), fitter(f, reduces[r], "dense"),
                                        fitter(f, reduces[r], "dense"));
        check_same(whole, merged, 1e-6); /* float results of statistics that agree to 1e-10 */
        ad_scorer_destroy(whole);
        ad_scorer_destroy(merged);
    }
}

static void too_little_to_fit(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = NULL;
    ad_fitter *fit = fitter(f, "none", "dense");
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_STATE, "at least 2 images, the fit has 0");
    add_range(fit, 0, 1);
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_STATE, "the fit has 1");
    add_range(fit, 0, 1);
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_NUMERIC, "too few or too alike");
    assert_null(scorer);
    add_range(fit, 1, GOOD); /* and the fitter can go on */
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    refused(ad_fitter_merge(fit, fit), AD_ERR_INVALID_ARGUMENT, "itself");
    ad_fitter *other = fitter(f, "npca:0.8", "dense");
    refused(ad_fitter_merge(fit, other), AD_ERR_MISMATCH, "option reduce is none in one fit");
    ad_fitter_destroy(other);
    ad_fitter_destroy(fit);
}

/* A layer is a place in the network, not a name: the digest of two networks that differ in names only is one,
 * and so is every option. */
static void layers_of_the_same_name(void **state)
{
    const fixture *f = *state;
    ad_backbone *exchanged = NULL, *moved = NULL;
    ad_fitter *mine = fitter(f, "none", "dense");
    ad_scorer *scorer = fit(f, "none", "dense"), *loaded = NULL;
    assert_int_equal(tiny_open_tapped(f->context, f->weights, "point_bn", "stem_act", &exchanged), AD_OK);
    ad_fitter *other = fitter_of(exchanged, "reduce=none");
    add_range(mine, 0, 2);
    add_range(other, 2, 4);
    refused(ad_fitter_merge(mine, other), AD_ERR_MISMATCH, "layer 'shallow'");
    refused(ad_fitter_merge(other, mine), AD_ERR_MISMATCH, "layer 'shallow'");
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

static void belongs_together(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = fit(f, "none", "none"), *loaded = NULL;
    uint8_t pixels[TINY_PIXELS] = {0};
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    float heat[4] = {7, 7, 7, 7}, score = 7;
    const ad_map map = AD_MAP_INIT(heat, 2, 2, 2 * sizeof(float));
    refused(ad_anomaly_map(scorer, &image, &map, &score), AD_ERR_UNSUPPORTED, "without maps");
    assert_true(heat[0] == 7 && score == 7);
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    refused(ad_scorer_load(f->context, f->file, f->other_weights, &loaded), AD_ERR_MISMATCH, "digest");
    refused(ad_scorer_load(f->context, f->file, NULL, &loaded), AD_ERR_INVALID_ARGUMENT, "needs the weights");
    refused(ad_scorer_load(f->context, f->weights, f->weights, &loaded), AD_ERR_FORMAT, "not a scorer");
    assert_null(loaded);
    ad_backbone *other = NULL;
    assert_int_equal(tiny_open(f->context, f->other_weights, &other), AD_OK);
    refused(ad_scorer_load_onto(other, f->file, &loaded), AD_ERR_MISMATCH, "digest");
    ad_backbone_destroy(other);
    ad_scorer_destroy(scorer);
}

/* Every single bit of a saved scorer is under a CRC-32 or checked otherwise. */
static void every_flipped_bit_is_found(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = fit(f, "none", "none"), *loaded = NULL;
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    ad_scorer_destroy(scorer);
    FILE *in = fopen(f->file, "rb");
    uint8_t bytes[16384];
    const size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_in_range(size, 1000, sizeof bytes - 1);
    for (size_t bit = 0; bit < 8 * size; bit += 5) { /* 5 meets every bit position of a byte */
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        FILE *out = fopen(f->file, "wb");
        fwrite(bytes, 1, size, out);
        fclose(out);
        if (ad_scorer_load_onto(f->net, f->file, &loaded) == AD_OK)
            fail_msg("bit %zu flipped, and the scorer loads", bit);
        assert_null(loaded);
        assert_true(ad_last_error_message()[0]);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* A preset sets what it names and leaves the rest; what the text itself sets wins. */
static void presets(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *name, *layer, *reduce, *pixel;
    } all[] = {{"wang2022", "level3", "npca:0.95", "dense"},
               {"rippel2020", "level0", "none", "none"},
               {"resnet18", "maxpool", "none", "dense"}};
    ad_fitter *fit = NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        refused(ad_fitter_create(f->net, "gaussian", options("preset=%s", all[i].name).text, &fit),
                AD_ERR_INVALID_ARGUMENT, all[i].layer); /* which the tiny network does not have */
        const option_text text =
            options("preset=%s, ddof=1, layers=shallow,deep, size=24", all[i].name);
        ad_scorer *scorer = fit_all(f, fitter_of(f->net, text.text));
        assert_string_equal(option_of(scorer, "layers"), "shallow,deep");
        assert_string_equal(option_of(scorer, "size"), "24");
        assert_string_equal(option_of(scorer, "crop"), "24");
        assert_string_equal(option_of(scorer, "resize"), "cv_linear");
        assert_string_equal(option_of(scorer, "reduce"), all[i].reduce);
        assert_string_equal(option_of(scorer, "pixel"), all[i].pixel);
        assert_string_equal(option_of(scorer, "ddof"), "1");
        ad_scorer_destroy(scorer);
    }
}

static void wrong_options(void **state)
{
    const fixture *f = *state;
    static const char *const bad[][2] = {
        {"reduce=pca:1.5", "number"},
        {"reduce=pca:nan", "number"},
        {"reduce=none:0.9", "no threshold"},
        {"reduce=nothing", "none of"},
        {"pixel=fine", "none of none, dense, gap"},
        {"size=0", "from 1 to 4096"},
        {"size=64x", "not a whole number"},
        {"mean=1,2", "three numbers"},
        {"ddof=2", "from 0 to 1"},
        {"blur_sigma=-1", "number"},
        {"samples=5", "from 256"},
        {"blur_sigma=inf", "number"},
        {"resize=nearest", "none of"},
        {"sise=64", "gaussian has no option 'sise'"},
        {"blur_sigma=nan", "number"},
        {"aspect=", "none of square, shorter"},
        {"layers=deep,deep", "given twice"},
        {"layers=deeper", "there are shallow, deep"},
        {"layers=", "empty"},
        {"crop=99", "at most size 32"},
        {"std=1,0,1", "std must be positive"},
        {"size=8, size=8", "size stands twice"},
        {"size", "no value"},
        {"preset=best", "'best' is none of wang2022, rippel2020, resnet18"}};
    ad_fitter *fit = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(ad_fitter_create(f->net, "gaussian", bad[i][0], &fit), AD_ERR_INVALID_ARGUMENT,
                bad[i][1]);
        assert_null(fit);
    }
    ad_scorer *scorer = fit_all(f, fitter_of(f->net, "reduce=npca:0.99, std=0.5,0.25,1"));
    assert_string_equal(option_of(scorer, "reduce"), "npca:0.99");
    assert_string_equal(option_of(scorer, "std"), "0.5,0.25,1");
    ad_scorer_destroy(scorer);
}

/* A scorer that was loaded with a backbone of its own keeps no parameters behind its layers; on a backbone that others
 * have it changes nothing. */
static void a_loaded_scorer_keeps_what_it_needs(void **state)
{
    const fixture *f = *state;
    const long behind = (long)sizeof(float) * (8 * 8 * 9 + 8 + 8 * 9 + 8 + 12 * 8 + 12); /* body, depth, point */
    fault_alloc alloc = {0};
    ad_context_options c;
    ad_fitter *fit = fitter_of(f->net, "layers=shallow");
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_scorer *scorer = NULL, *onto = NULL, *own = NULL;
    assert_int_equal(ad_fit(fit, f->good, NULL, &scorer), AD_OK);
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    ad_context_options_init(&c, sizeof c);
    c.device = test_device();
    c.alloc = fault_alloc_get;
    c.free = fault_alloc_put;
    c.alloc_user = &alloc;
    assert_int_equal(ad_context_create(&c, &context), AD_OK);
    const long before = atomic_load(&alloc.bytes);
    assert_int_equal(tiny_open(context, f->weights, &net), AD_OK);
    assert_int_equal(ad_scorer_load_onto(net, f->file, &onto), AD_OK);
    const long whole = atomic_load(&alloc.bytes) - before;
    float deep[TINY_SIDE * TINY_SIDE];
    uint8_t pixels[TINY_PIXELS];
    tiny_image(pixels, 1, 0);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    ad_features features = {.struct_size = sizeof features, .layer = "deep", .data = deep, .capacity = 8 * 8 * 12};
    assert_int_equal(ad_extract_features(net, &image, NULL, &features, 1), AD_OK);
    ad_backbone_destroy(net);
    ad_scorer_destroy(onto);
    assert_int_equal(ad_scorer_load(context, f->file, f->weights, &own), AD_OK);
    const long kept = atomic_load(&alloc.bytes) - before;
    if (whole - kept < behind)
        fail_msg("%ld bytes kept of %ld, which has %ld behind its layer", kept, whole, behind);
    assert_true(score_of(own, 100, 1, NULL) == score_of(scorer, 100, 1, NULL));
    const ad_scorer_save_options embed = {.struct_size = sizeof embed, .embed_backbone = 1};
    assert_int_equal(ad_scorer_save(own, f->file, &embed), AD_OK);
    ad_scorer_destroy(own);
    assert_int_equal(ad_scorer_load(context, f->file, NULL, &own), AD_OK);
    assert_true(score_of(own, 100, 1, NULL) == score_of(scorer, 100, 1, NULL));
    ad_scorer_destroy(own);
    ad_context_destroy(context);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates_and_localises),
        cmocka_unit_test(normal_score_is_the_rms),
        cmocka_unit_test(merged_equals_sequential),
        cmocka_unit_test(too_little_to_fit),
        cmocka_unit_test(layers_of_the_same_name),
        cmocka_unit_test(belongs_together),
        cmocka_unit_test(a_loaded_scorer_keeps_what_it_needs),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(presets),
        cmocka_unit_test(wrong_options),
    };
    return cmocka_run_group_tests_name("gaussian", tests, set_up, tear_down);
}
