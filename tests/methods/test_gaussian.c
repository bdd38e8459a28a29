/* The Gaussian method from pixels to scores on a tiny network: it separates, it survives a file, streamed,
 * merged and whole fits agree, and every wrong use gets its status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/method_case.h"

static void set(ad_gaussian_options *o, const char *key, const char *value)
{
    if (ad_gaussian_options_set(o, key, value) != AD_OK)
        fail_msg("%s=%s: %s", key, value, ad_last_error_message());
}

static ad_fitter *fitter(const fixture *f, const char *reduce, const char *pixel)
{
    ad_gaussian_options o;
    ad_gaussian_options_init(&o, sizeof o);
    set(&o, "reduce", reduce);
    set(&o, "pixel", pixel);
    ad_fitter *out = NULL;
    assert_int_equal(ad_gaussian_fitter_create(f->net, &o, &out), AD_OK);
    return out;
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
    static const char *const layers[] = {"shallow", "deep"};
    const fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        ad_gaussian_options o;
        ad_gaussian_options_init(&o, sizeof o);
        set(&o, "layers", layers[i]);
        ad_fitter *fit = NULL;
        ad_scorer *scorer = NULL;
        assert_int_equal(ad_gaussian_fitter_create(f->net, &o, &fit), AD_OK);
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

static void file_keeps_the_bits(void **state)
{
    const fixture *f = *state;
    for (int embed = 0; embed < 2; embed++)
        for (int npca = 0; npca < 2; npca++) {
            ad_scorer *scorer = fit(f, npca ? "npca:0.8" : "none", npca ? "gap" : "dense");
            ad_scorer_destroy(check_file(f, scorer, embed));
            ad_scorer_destroy(scorer);
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
    ad_fitter *mine = fitter(f, "none", "dense"), *other = NULL;
    ad_scorer *scorer = fit(f, "none", "dense"), *loaded = NULL;
    ad_gaussian_options o;
    ad_gaussian_options_init(&o, sizeof o);
    set(&o, "reduce", "none");
    assert_int_equal(tiny_open_tapped(f->context, f->weights, "point_bn", "stem_act", &exchanged), AD_OK);
    assert_int_equal(ad_gaussian_fitter_create(exchanged, &o, &other), AD_OK);
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

/* A preset sets what it names and leaves the rest; what is set afterwards wins. */
static void presets(void **state)
{
    (void)state;
    static const struct {
        const char *name, *layers;
        int32_t size, reduce, pixel;
    } all[] = {{"wang2022", "level3,level4,level5,level6,level7", 380, AD_REDUCE_NPCA, AD_PIXEL_FIT_DENSE},
               {"rippel2020", "level0,level1,level2,level3,level4,level5,level6,level7,level8", 380,
                AD_REDUCE_NONE, AD_PIXEL_FIT_NONE},
               {"resnet18", "maxpool,layer1,layer2,layer3", 224, AD_REDUCE_NONE, AD_PIXEL_FIT_DENSE}};
    ad_gaussian_options o;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ad_gaussian_options_init(&o, sizeof o);
        set(&o, "ddof", "1");
        set(&o, "crop", "10");
        set(&o, "preset", all[i].name);
        assert_string_equal(o.layers, all[i].layers);
        assert_int_equal(o.preprocess.size, all[i].size);
        assert_int_equal(o.preprocess.crop, 0);
        assert_int_equal(o.preprocess.resize, AD_RESIZE_CV_LINEAR);
        assert_int_equal(o.reduce, all[i].reduce);
        assert_int_equal(o.pixel, all[i].pixel);
        assert_true(o.reduce_threshold == 0.95 && o.ddof == 1);
        set(&o, "size", "64");
        assert_int_equal(o.preprocess.size, 64);
    }
    refused(ad_gaussian_options_set(&o, "preset", "best"), AD_ERR_INVALID_ARGUMENT,
            "option preset: 'best' is none of wang2022, rippel2020, resnet18");
}

static void options_as_text(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"reduce", "pca:1.5", "number"},   {"reduce", "none:0.9", "no threshold"},
        {"reduce", "nothing", "none of"},  {"pixel", "fine", "none of none, dense, gap"},
        {"size", "0", "from 1 to 4096"},   {"size", "64x", "not a whole number"},
        {"mean", "1,2", "three numbers"},  {"ddof", "2", "from 0 to 1"},
        {"blur_sigma", "-1", "number"},    {"samples", "5", "from 256"},
        {"resize", "nearest", "none of"},  {"sise", "64", "gaussian has no option 'sise'"},
        {"blur_sigma", "nan", "number"},   {"aspect", "", "none of square, shorter"}};
    ad_gaussian_options o, before;
    ad_gaussian_options_init(&o, sizeof o);
    before = o;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(ad_gaussian_options_set(&o, bad[i][0], bad[i][1]), AD_ERR_INVALID_ARGUMENT, bad[i][2]);
        assert_memory_equal(&o, &before, sizeof o);
    }
    set(&o, "reduce", "npca:0.99");
    assert_true(o.reduce == AD_REDUCE_NPCA && o.reduce_threshold == 0.99);
    set(&o, "std", "0.5,0.25,1");
    assert_true(o.preprocess.std[1] == 0.25f);
}

static void options_out_of_range(void **state)
{
    const fixture *f = *state;
    ad_fitter *fit = NULL;
    ad_gaussian_options o;
#define REFUSE(change, part)                                                                       \
    do {                                                                                           \
        ad_gaussian_options_init(&o, sizeof o);                                                    \
        change;                                                                                    \
        refused(ad_gaussian_fitter_create(f->net, &o, &fit), AD_ERR_INVALID_ARGUMENT, part);       \
        assert_null(fit);                                                                          \
    } while (0)
    REFUSE(o.layers = "deep,deep", "given twice");
    REFUSE(o.layers = "deeper", "there are shallow, deep");
    REFUSE(o.layers = "", "has no layer ''");
    REFUSE(o.reduce = 9, "no such ad_reduce");
    REFUSE(o.reduce = AD_REDUCE_PCA; o.reduce_threshold = NAN, "must be in (0, 1)");
    REFUSE(o.pixel = -1, "no such ad_pixel_fit");
    REFUSE(o.preprocess.crop = 99, "at most size 32");
    REFUSE(o.preprocess.std[0] = 1.0f, "std must be positive");
    REFUSE(o.blur_sigma = INFINITY, "blur_sigma");
    REFUSE(o.struct_size = 3, "struct_size is 3");
#undef REFUSE
}

/* A scorer that was loaded with a backbone of its own keeps no parameters behind its layers; on a backbone that others
 * have it changes nothing. */
static void a_loaded_scorer_keeps_what_it_needs(void **state)
{
    const fixture *f = *state;
    const long behind = (long)sizeof(float) * (8 * 8 * 9 + 8 + 8 * 9 + 8 + 12 * 8 + 12); /* body, depth, point */
    fault_alloc alloc = {0};
    ad_context_options c;
    ad_gaussian_options o;
    ad_fitter *fit = NULL;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_scorer *scorer = NULL, *onto = NULL, *own = NULL;
    ad_gaussian_options_init(&o, sizeof o);
    set(&o, "layers", "shallow");
    assert_int_equal(ad_gaussian_fitter_create(f->net, &o, &fit), AD_OK);
    assert_int_equal(ad_fit(fit, f->good, NULL, &scorer), AD_OK);
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    ad_context_options_init(&c, sizeof c);
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
        cmocka_unit_test(separates_and_localises), cmocka_unit_test(normal_score_is_the_rms),
        cmocka_unit_test(file_keeps_the_bits),     cmocka_unit_test(merged_equals_sequential),
        cmocka_unit_test(too_little_to_fit),       cmocka_unit_test(layers_of_the_same_name),
        cmocka_unit_test(belongs_together),
        cmocka_unit_test(a_loaded_scorer_keeps_what_it_needs),
        cmocka_unit_test(every_flipped_bit_is_found), cmocka_unit_test(presets),
        cmocka_unit_test(options_as_text),
        cmocka_unit_test(options_out_of_range),
    };
    return cmocka_run_group_tests_name("gaussian", tests, set_up, tear_down);
}
