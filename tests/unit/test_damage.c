/* Damaged images in fits and evaluations: all of them are named, and with skip_damaged nothing else
 * is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder_case.h"

enum { GOOD = 8, BENT = 4, LINES = 64 };

static char *weights;
static ad_backbone *net;
static ad_context *watched; /* logs into lines */
static char lines[LINES][512];
static int line_count;

static void keep_each(void *user, ad_log_level level, const char *text)
{
    (void)user;
    if (level == AD_LOG_WARNING && line_count < LINES)
        snprintf(lines[line_count++], sizeof lines[0], "%s", text);
}

static int logged(const char *part)
{
    int found = 0;
    for (int i = 0; i < line_count; i++)
        found += strstr(lines[i], part) != NULL;
    return found;
}

static void part_image(const char *name, int seed, int bent)
{
    uint8_t pixels[TINY_PIXELS];
    tiny_image(pixels, (uint64_t)seed, bent);
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    assert_int_equal(ad_image_write_png(context, &image, in(name)), AD_OK);
}

static void mask_image(const char *name, int64_t side, int64_t height)
{
    static uint8_t pixels[TINY_SIDE * TINY_SIDE];
    memset(pixels, 0, sizeof pixels);
    memset(pixels + 3 * side, 255, 40);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, side, height, side);
    assert_int_equal(ad_image_write_png(context, &image, in(name)), AD_OK);
}

/* Cut in the middle of the pixels. */
static void cut_file(const char *name)
{
    struct stat info;
    assert_int_equal(stat(in(name), &info), 0);
    assert_int_equal(truncate(in(name), info.st_size / 2), 0);
}

/* part/ is whole; hurt/ the same with damaged files beside. */
static void make_set(const char *set, int hurt)
{
    char name[64];
    snprintf(name, sizeof name, "%s/train/good", set);
    folder(name);
    snprintf(name, sizeof name, "%s/test/good", set);
    folder(name);
    snprintf(name, sizeof name, "%s/test/bent", set);
    folder(name);
    snprintf(name, sizeof name, "%s/ground_truth/bent", set);
    folder(name);
    for (int i = 0; i < GOOD + (hurt ? 3 : 0); i++) {
        snprintf(name, sizeof name, "%s/train/good/%c.png", set, 'b' + i);
        part_image(name, 100 + i, 0);
    }
    for (int i = 0; i < BENT; i++) {
        snprintf(name, sizeof name, "%s/test/good/%c.png", set, 'b' + i);
        part_image(name, 200 + i, 0);
        snprintf(name, sizeof name, "%s/test/bent/%c.png", set, 'b' + i);
        part_image(name, 300 + i, 1);
        snprintf(name, sizeof name, "%s/ground_truth/bent/%c_mask.png", set, 'b' + i);
        mask_image(name, TINY_SIDE, TINY_SIDE);
    }
    if (!hurt)
        return;
    cut_file("hurt/train/good/j.png");
    text_file("hurt/train/good/k.png");
    assert_int_equal(unlink(in("hurt/train/good/l.png")), 0);
    assert_int_equal(symlink("nowhere.png", in("hurt/train/good/l.png")), 0);
    text_file("hurt/test/good/a.png");
    part_image("hurt/test/bent/x.png", 9, 1); /* its mask is of another shape */
    mask_image("hurt/ground_truth/bent/x_mask.png", TINY_SIDE, TINY_SIDE / 2);
    part_image("hurt/test/bent/y.png", 9, 1); /* its mask is cut */
    mask_image("hurt/ground_truth/bent/y_mask.png", TINY_SIDE, TINY_SIDE);
    cut_file("hurt/ground_truth/bent/y_mask.png");
}

static int prepare(void **state)
{
    if (set_up(state))
        return 1;
    weights = tiny_path("weights");
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.log = keep_each;
    o.num_threads = 3;
    if (tiny_weights(weights, "") || ad_context_create(&o, &watched) ||
        tiny_open(watched, weights, &net))
        return 1;
    make_set("part", 0);
    make_set("hurt", 1);
    return 0;
}

static int clean_up(void **state)
{
    ad_backbone_destroy(net);
    ad_context_destroy(watched);
    unlink(weights);
    free(weights);
    return tear_down(state);
}

static ad_dataset *open_watched(const char *name, int32_t split)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = split;
    ad_dataset *d = NULL;
    if (ad_dataset_open(watched, in(name), &o, &d) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    line_count = 0;
    return d;
}

static ad_status fit(const char *name, int32_t skip, ad_fitter *fitter, ad_scorer **out)
{
    ad_dataset *good = open_watched(name, AD_SPLIT_TRAIN);
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.skip_damaged = skip;
    const ad_status status = ad_fit(fitter, good, &o, out);
    ad_dataset_destroy(good);
    return status;
}

static ad_fitter *fitter(void)
{
    ad_fitter *f = NULL;
    assert_int_equal(ad_fitter_create(net, "gaussian", NULL, &f), AD_OK);
    return f;
}

static void says(const char *part)
{
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' does not say '%s'", ad_last_error_message(), part);
}

static void fit_names_all(void **state)
{
    (void)state;
    ad_fitter *f = fitter();
    ad_scorer *scorer = NULL;
    assert_int_equal(fit("hurt", 0, f, &scorer), AD_ERR_FORMAT);
    says("3 of 11 images cannot be used");
    says("good/j.png");
    says("good/k.png");
    says("good/l.png");
    says("No such file");
    assert_int_equal(line_count, 3);
    assert_int_equal(logged("/j.png") + logged("/k.png") + logged("/l.png"), 3);
    assert_null(scorer);
    assert_int_equal(ad_fitter_count(f), GOOD); /* those before the first damaged one */
    assert_int_equal(ad_fitter_skipped(f), 0);
    ad_fitter_destroy(f);
}

static void fit_skips(void **state)
{
    (void)state;
    ad_fitter *whole = fitter(), *f = fitter();
    ad_scorer *a = NULL, *b = NULL;
    assert_int_equal(fit("part", 0, whole, &a), AD_OK);
    assert_int_equal(fit("hurt", 1, f, &b), AD_OK);
    assert_int_equal(ad_fitter_skipped(f), 3);
    assert_int_equal(ad_fitter_count(f), GOOD);
    assert_int_equal(logged("without 3 of 11 images"), 1);
    ad_scorer_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_scorer_get_info(b, &info), AD_OK);
    assert_int_equal(info.image_count, GOOD);
    float x = 0.0f, y = 1.0f;
    ad_image image = {0};
    assert_int_equal(ad_image_read(watched, in("part/test/bent/b.png"), NULL, &image), AD_OK);
    assert_int_equal(ad_score_image(a, &image, &x), AD_OK);
    assert_int_equal(ad_score_image(b, &image, &y), AD_OK);
    assert_true(x == y);
    ad_image_release(&image);
    ad_scorer_destroy(a);
    ad_scorer_destroy(b);
    ad_fitter_destroy(whole);
    ad_fitter_destroy(f);
}

/* The figures are those of the set without the damaged images, and their scores are NaN. */
static void evaluation_skips(void **state)
{
    (void)state;
    enum { N = 2 * BENT + 3 };
    ad_fitter *f = fitter();
    ad_scorer *scorer = NULL;
    float scores[N];
    assert_int_equal(fit("part", 0, f, &scorer), AD_OK);
    ad_dataset *whole = open_watched("part", AD_SPLIT_TEST),
               *hurt = open_watched("hurt", AD_SPLIT_TEST);
    ad_evaluation a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    assert_int_equal(ad_evaluate(scorer, whole, NULL, &a, NULL), AD_OK);
    assert_int_equal(a.skipped, 0);
    assert_int_equal(ad_evaluate(scorer, hurt, NULL, &b, NULL),
                     AD_ERR_SHAPE); /* bent/x.png comes first */
    says("3 of 11 images cannot be used");
    says("bent/x.png");
    says("y_mask.png");
    says("good/a.png");
    assert_int_equal(line_count, 3);
    assert_int_equal(b.images, 0);
    ad_evaluate_options o;
    ad_evaluate_options_init(&o, sizeof o);
    o.skip_damaged = 1;
    assert_int_equal(ad_evaluate(scorer, hurt, &o, &b, scores), AD_OK);
    assert_int_equal(b.skipped, 3);
    assert_int_equal(b.images, a.images);
    assert_int_equal(b.anomalous, a.anomalous);
    assert_true(b.image_auroc == a.image_auroc && b.image_ap == a.image_ap && b.f1_max == a.f1_max);
    assert_true(b.f1_threshold == a.f1_threshold && b.pixel_auroc == a.pixel_auroc &&
                b.au_pro == a.au_pro);
    int missing = 0;
    for (int i = 0; i < N; i++) {
        const char *name = sample(hurt, i).name;
        const int bad = ends_with(name, "bent/x.png") || ends_with(name, "bent/y.png") ||
                        ends_with(name, "good/a.png");
        assert_int_equal(isnan(scores[i]) != 0, bad);
        missing += bad;
    }
    assert_int_equal(missing, 3);
    ad_dataset_destroy(whole);
    ad_dataset_destroy(hurt);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(f);
}

static void nothing_is_left(void **state)
{
    (void)state;
    ad_fitter *f = fitter();
    ad_scorer *scorer = NULL;
    folder("dregs");
    char name[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "dregs/a_rather_long_name_of_a_file_%02d.png", i);
        text_file(name);
    }
    assert_int_equal(fit("dregs", 1, f, &scorer), AD_ERR_FORMAT);
    says("40 of 40 images cannot be used: image '");
    says("_00.png");
    says(" more, all in the log");
    assert_int_equal(line_count, 40);
    assert_int_equal(ad_fitter_count(f), 0);
    ad_fitter_destroy(f);
}

/* What is not one file's fault ends the call at once; so does a callback's failure. */
static int give_none(void *user, int64_t index, ad_image *out_image)
{
    (void)out_image;
    *(int64_t *)user = index;
    return 1;
}

static void ends_at_once(void **state)
{
    (void)state;
    ad_fitter *f = fitter();
    ad_scorer *scorer = NULL;
    ad_dataset *d = NULL;
    int64_t asked = -1;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.skip_damaged = 1;
    assert_int_equal(ad_dataset_from_callback(watched, give_none, &asked, 9, &d), AD_OK);
    assert_int_equal(ad_fit(f, d, &o, &scorer), AD_ERR_IO);
    assert_int_equal(asked, 0);
    o.skip_damaged = 2;
    assert_int_equal(ad_fit(f, d, &o, &scorer), AD_ERR_INVALID_ARGUMENT);
    ad_dataset_destroy(d);
    ad_fitter_destroy(f);
    assert_int_equal(ad_fitter_skipped(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fit_names_all), cmocka_unit_test(fit_skips),
                                       cmocka_unit_test(evaluation_skips),
                                       cmocka_unit_test(nothing_is_left),
                                       cmocka_unit_test(ends_at_once)};
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
