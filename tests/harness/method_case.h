/* What the tests of every method share: a tiny backbone with good images, scores of single
 * images, and the questions that are the same for all: does it separate and localise, does a
 * file keep its bits, do merged fits agree. */
#ifndef ADFEAT_TESTS_METHOD_CASE_H
#define ADFEAT_TESTS_METHOD_CASE_H

#include "harness/tiny.h"
#include "harness/test_device.h"

enum { GOOD = 40, MAP = TINY_SIDE * TINY_SIDE };

typedef struct fixture {
    char *weights, *other_weights, *file;
    ad_context *context;
    ad_backbone *net;
    ad_dataset *good;
    uint8_t pixels[TINY_PIXELS];
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->weights = tiny_path("weights");
    f->other_weights = tiny_path("other");
    f->file = tiny_path("scorer");
    *state = f;
    return tiny_weights(f->weights, "") || tiny_weights(f->other_weights, "other.")
           || test_context(&f->context) || tiny_open(f->context, f->weights, &f->net)
           || ad_dataset_from_callback(f->context, tiny_callback, f->pixels, GOOD, &f->good);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ad_dataset_destroy(f->good);
    ad_backbone_destroy(f->net);
    ad_context_destroy(f->context);
    unlink(f->weights);
    unlink(f->other_weights);
    unlink(f->file);
    free(f->weights);
    free(f->other_weights);
    free(f->file);
    free(f);
    return 0;
}

/* Fit on all good images; the fitter is destroyed. */
static inline ad_scorer *fit_all(const fixture *f, ad_fitter *fitter)
{
    ad_scorer *scorer = NULL;
    if (ad_fit(fitter, f->good, NULL, &scorer) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    assert_int_equal(ad_fitter_count(fitter), GOOD);
    ad_fitter_destroy(fitter);
    return scorer;
}

/* Image `index`, with a defect as tiny_rgbd() has it or without; heat: MAP floats, or NULL. It has depth, for methods that
 * take it. */
static inline float score_of(ad_scorer *scorer, int64_t index, int defect, float *heat)
{
    tiny_frame frame;
    const ad_image image = tiny_rgbd(&frame, index, defect);
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    float score = -1.0f;
    const ad_status status = heat ? ad_anomaly_map(scorer, &image, &map, &score)
                                  : ad_score_image(scorer, &image, &score);
    if (status != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return score;
}

static inline void refused(ad_status got, ad_status want, const char *part)
{
    assert_string_equal(ad_status_name(got), ad_status_name(want));
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' does not say '%s'", ad_last_error_message(), part);
}

static inline void add_range(ad_fitter *fit, int64_t from, int64_t to)
{
    tiny_frame frame;
    for (int64_t i = from; i < to; i++) {
        const ad_image image = tiny_rgbd(&frame, i, 0);
        if (ad_fitter_add(fit, &image) != AD_OK)
            fail_msg("image %lld: %s", (long long)i, ad_last_error_message());
    }
}

/* Every defect scores above every good image, and the hottest spot of the map is within `slack`
 * pixels of the defect's square. The scorer is destroyed. */
static inline void check_separates(ad_scorer *scorer, int slack)
{
    float worst_good = 0.0f, best_bad = INFINITY;
    for (int64_t i = 100; i < 110; i++) {
        worst_good = fmaxf(worst_good, score_of(scorer, i, 0, NULL));
        best_bad = fminf(best_bad, score_of(scorer, i, 1, NULL));
    }
    assert_true(best_bad > worst_good);
    float heat[MAP];
    const float with_map = score_of(scorer, 100, 1, heat);
    assert_true(with_map == score_of(scorer, 100, 1, NULL));
    int hottest = 0;
    for (int i = 0; i < MAP; i++)
        hottest = heat[i] > heat[hottest] ? i : hottest;
    assert_in_range(hottest % TINY_SIDE, 20 - slack, 27 + slack);
    assert_in_range(hottest / TINY_SIDE, 8 - slack, 15 + slack);
    ad_scorer_destroy(scorer);
}

static inline void check_same(ad_scorer *a, ad_scorer *b, double limit)
{
    float heat_a[MAP], heat_b[MAP];
    for (int64_t i = 200; i < 205; i++) {
        const double x = score_of(a, i, i & 1, heat_a), y = score_of(b, i, i & 1, heat_b);
        assert_true(fabs(x - y) <= limit * fabs(x));
        for (int p = 0; p < MAP; p++)
            assert_true(fabs((double)heat_a[p] - heat_b[p]) <= limit * fabs((double)heat_a[p]));
    }
}

static inline const char *option_of(ad_scorer *s, const char *wanted)
{
    ad_scorer_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_scorer_get_info(s, &info), AD_OK);
    const char *key, *value;
    for (int32_t i = 0; i < info.option_count; i++) {
        assert_int_equal(ad_scorer_get_option(s, i, &key, &value), AD_OK);
        if (strcmp(key, wanted) == 0)
            return value;
    }
    fail_msg("no option %s", wanted);
    return NULL;
}

/* Saved and loaded, alone and onto an open backbone: same bits, same options, same things known
 * of it. Returns what was loaded. */
static inline ad_scorer *check_file(const fixture *f, ad_scorer *scorer, int embed)
{
    ad_scorer_save_options o;
    ad_scorer_save_options_init(&o, sizeof o);
    o.embed_backbone = embed;
    assert_int_equal(ad_scorer_save(scorer, f->file, &o), AD_OK);
    ad_scorer *loaded = NULL, *onto = NULL;
    if (ad_scorer_load(f->context, f->file, embed ? NULL : f->weights, &loaded) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    check_same(scorer, loaded, 0.0);
    assert_int_equal(ad_scorer_load_onto(f->net, f->file, &onto), AD_OK);
    check_same(scorer, onto, 0.0);
    ad_scorer_destroy(onto);
    ad_scorer_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    assert_int_equal(ad_scorer_get_info(scorer, &a), AD_OK);
    assert_int_equal(ad_scorer_get_info(loaded, &b), AD_OK);
    assert_string_equal(a.backbone_digest, b.backbone_digest);
    assert_int_equal(a.option_count, b.option_count);
    assert_int_equal(a.image_count, b.image_count);
    assert_true(a.normal_score == b.normal_score && a.normal_map == b.normal_map);
    for (int32_t i = 0; i < a.option_count; i++) {
        const char *key_a, *key_b, *value_a, *value_b;
        assert_int_equal(ad_scorer_get_option(scorer, i, &key_a, &value_a), AD_OK);
        assert_int_equal(ad_scorer_get_option(loaded, i, &key_b, &value_b), AD_OK);
        assert_string_equal(key_a, key_b);
        assert_string_equal(value_a, value_b);
    }
    return loaded;
}

/* Three parts fitted apart, by empty fitters of one kind, and merged in an order that is not the
 * sequential one. All but the merged scorer are destroyed. */
static inline ad_scorer *merge_three(ad_fitter *a, ad_fitter *b, ad_fitter *c)
{
    ad_scorer *merged = NULL;
    add_range(c, 30, GOOD);
    add_range(a, 11, 30);
    add_range(b, 0, 11);
    assert_int_equal(ad_fitter_merge(c, a), AD_OK);
    assert_int_equal(ad_fitter_merge(c, b), AD_OK);
    assert_int_equal(ad_fitter_count(c), GOOD);
    assert_int_equal(ad_fitter_count(a), 19);
    assert_int_equal(ad_fitter_finish(c, &merged), AD_OK);
    ad_fitter_destroy(a);
    ad_fitter_destroy(b);
    ad_fitter_destroy(c);
    return merged;
}

#endif
