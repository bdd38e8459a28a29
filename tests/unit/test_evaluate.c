/* ad_evaluate and the scoring calls: figures against a hand calculation, sizes, crops, callbacks, and every
 * wrong argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "harness/tiny.h"

typedef struct fixture {
    char *weights;
    ad_context *context;
    ad_backbone *net;
    ad_scorer *scorer;
    uint8_t pixels[TINY_PIXELS];
} fixture;

static ad_scorer *fit(fixture *f, const char *options)
{
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    if (ad_dataset_from_callback(f->context, tiny_callback, f->pixels, 30, &good)
        || ad_fitter_create(f->net, "gaussian", options, &fitter)
        || ad_fit(fitter, good, NULL, &scorer))
        fail_msg("%s", ad_last_error_message());
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    return scorer;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->weights = tiny_path("weights");
    *state = f;
    if (tiny_weights(f->weights, "") || ad_context_create(NULL, &f->context)
        || tiny_open(f->context, f->weights, &f->net))
        return 1;
    f->scorer = fit(f, NULL);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ad_scorer_destroy(f->scorer);
    ad_backbone_destroy(f->net);
    ad_context_destroy(f->context);
    unlink(f->weights);
    free(f->weights);
    free(f);
    return 0;
}

static int stop_at_half(void *user, double fraction)
{
    *(double *)user = fraction;
    return fraction >= 0.5;
}

/* Written images, labelled by a list: no masks, so pixel figures are undefined. */
static void image_figures(void **state)
{
    fixture *f = *state;
    enum { N = 8 };
    char *paths[N];
    int32_t labels[N];
    float scores[N];
    for (int i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "image%d", i);
        paths[i] = tiny_path(name);
        labels[i] = i & 1;
        tiny_image(f->pixels, 300 + i, i & 1);
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
        assert_int_equal(ad_image_write_png(f->context, &image, paths[i]), AD_OK);
    }
    ad_dataset *d = NULL;
    assert_int_equal(ad_dataset_open_list(f->context, (const char *const *)paths, labels, N, &d), AD_OK);
    ad_evaluation e = {.struct_size = sizeof e};
    assert_int_equal(ad_evaluate(f->scorer, d, NULL, &e, scores), AD_OK);
    assert_int_equal(e.images, N);
    assert_int_equal(e.anomalous, N / 2);
    assert_true(e.image_auroc == 1.0 && e.image_ap == 1.0 && e.f1_max == 1.0);
    assert_true(isnan(e.pixel_auroc) && isnan(e.au_pro));
    assert_true(e.ms_per_image > 0.0);
    float least = INFINITY;
    for (int i = 1; i < N; i += 2)
        least = fminf(least, scores[i]);
    assert_true(e.f1_threshold == (double)least);

    double reached = -1.0;
    ad_evaluate_options o;
    ad_evaluate_options_init(&o, sizeof o);
    o.progress = stop_at_half;
    o.user = &reached;
    const ad_evaluation before = e;
    assert_int_equal(ad_evaluate(f->scorer, d, &o, &e, scores), AD_ERR_CANCELLED);
    assert_true(reached == 0.5);
    assert_memory_equal(&e, &before, sizeof e);
    ad_dataset_destroy(d);
    for (int i = 0; i < N; i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
}

/* ---- Why a figure is undefined, and what it leaves out ---- */

static char root[300];

static char *under(const char *name)
{
    static char paths[8][400];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    return path;
}

static void put_part(fixture *f, const char *name, int number, int defect)
{
    tiny_image(f->pixels, number, defect);
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    assert_int_equal(ad_image_write_png(f->context, &image, under(name)), AD_OK);
}

/* Of w x h, `columns` of which are `value`, the others `rest`. */
static void put_mask(fixture *f, const char *name, int w, int h, int columns, int value, int rest)
{
    static uint8_t pixels[TINY_SIDE * TINY_SIDE];
    for (int i = 0; i < w * h; i++)
        pixels[i] = (uint8_t)(i % w < columns ? value : rest);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, w, h, w);
    assert_int_equal(ad_image_write_png(f->context, &image, under(name)), AD_OK);
}

static ad_evaluation evaluate_root(fixture *f, int32_t mask_good, int32_t eval_size, ad_status want)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = AD_SPLIT_TEST;
    o.mask_good = mask_good;
    ad_evaluate_options eo;
    ad_evaluate_options_init(&eo, sizeof eo);
    eo.eval_size = eval_size;
    ad_dataset *d = NULL;
    ad_evaluation e = {.struct_size = sizeof e};
    if (ad_dataset_open(f->context, root, &o, &d))
        fail_msg("%s", ad_last_error_message());
    const ad_status status = ad_evaluate(f->scorer, d, &eo, &e, NULL);
    if (status != want)
        fail_msg("%s: %s", ad_status_name(status), ad_last_error_message());
    ad_dataset_destroy(d);
    return e;
}

#define SAYS(text, part)                                                                           \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' does not say '%s'", text, part);                                        \
    } while (0)

static void notes(void **state)
{
    fixture *f = *state;
    char *path = tiny_path("notes"), command[400];
    snprintf(root, sizeof root, "%s", path);
    free(path);
    mkdir(root, 0755);
    put_part(f, "test/good/0.png", 300, 0);
    put_part(f, "test/good/1.png", 302, 0);
    put_part(f, "test/cut/0.png", 301, 1);
    ad_evaluation e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc) && isnan(e.au_pro) && e.image_auroc == 1.0);
    assert_string_equal(e.image_note, "");
    assert_string_equal(e.scorer_note, ""); /* whatever the anomalous ones score */
    assert_string_equal(e.pixel_note, "no anomalous image has a mask");
    assert_int_equal(e.masked, 0);
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 10, 255, 0);
    const ad_evaluation whole = evaluate_root(f, -1, 0, AD_OK);
    assert_false(isnan(whole.pixel_auroc) || isnan(whole.au_pro));
    assert_string_equal(whole.pixel_note, "");
    assert_int_equal(whole.masked, 1);

    /* A type without masks takes part in figures of images alone. */
    put_part(f, "test/stain/0.png", 303, 1);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(e.pixel_auroc == whole.pixel_auroc && e.au_pro == whole.au_pro);
    assert_int_equal(e.anomalous, 2);
    assert_string_equal(e.pixel_note,
                        "1 of 2 anomalous images have no mask and are not in pixel figures: stain");

    /* White background: no figures until the caller says what it means; then those of the other way
     * round. */
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 10, 0, 255);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc) && isnan(e.au_pro) && e.image_auroc == 1.0);
    SAYS(e.pixel_note, "1 of 1 masks mark more than half of their image, on average 75 %: is white "
                       "the background?");
    e = evaluate_root(f, 255, 0, AD_OK);
    assert_true(e.pixel_auroc == whole.pixel_auroc && e.au_pro == whole.au_pro);
    e = evaluate_root(f, 0, 0, AD_OK);
    assert_false(isnan(e.pixel_auroc));

    /* A value that no mask has, and one that few pixels have. */
    evaluate_root(f, 7, 0, AD_ERR_FORMAT);
    SAYS(ad_last_error_message(), "no pixel of the mask has the value 7, which mask_good says");
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 10, 7, 255);
    e = evaluate_root(f, 7, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc) && isnan(e.au_pro));
    SAYS(e.pixel_note, "1 of 1 masks mark more than half of their image");

    /* Half the size is scaled, another shape is not. */
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE / 2, TINY_SIDE / 2, 5, 255, 0);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(e.pixel_auroc == whole.pixel_auroc && e.au_pro == whole.au_pro);
    SAYS(e.pixel_note, "1 masks of another size than their image were scaled to it (nearest)");
    e = evaluate_root(f, -1, 18, AD_OK);
    assert_false(isnan(e.pixel_auroc));
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE / 2, 5, 255, 0);
    evaluate_root(f, -1, 0, AD_ERR_SHAPE);
    SAYS(ad_last_error_message(),
         "the mask is 40x20, the image 40x40: it cannot be scaled to that");
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 0, 255, 0);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc));
    SAYS(e.pixel_note, "no mask marks a pixel");
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

/* Labels of a list: one kind alone, and images of which nobody said what they are. */
static void labels(void **state)
{
    fixture *f = *state;
    char *paths[3];
    static const int32_t all[4][3] = {{1, 1, 1}, {0, 0, 0}, {-1, 0, 1}, {-1, -1, -1}};
    static const char *const says[4] = {
        "of 3 0 are good, 3 anomalous", "of 3 3 are good, 0 anomalous",
        "1 images of unknown label are in no figure", "of 3 0 are good, 0 anomalous; 3 images"};
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "labelled%d", i);
        paths[i] = tiny_path(name);
        tiny_image(f->pixels, 300 + i, i == 2);
        const ad_image image =
            AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
        assert_int_equal(ad_image_write_png(f->context, &image, paths[i]), AD_OK);
    }
    for (int k = 0; k < 4; k++) {
        ad_dataset *d = NULL;
        ad_evaluation e = {.struct_size = sizeof e};
        float scores[3] = {0};
        assert_int_equal(
            ad_dataset_open_list(f->context, (const char *const *)paths, all[k], 3, &d), AD_OK);
        assert_int_equal(ad_evaluate(f->scorer, d, NULL, &e, scores), AD_OK);
        SAYS(e.image_note, says[k]);
        assert_true(k == 2 ? e.image_auroc == 1.0
                           : isnan(e.image_auroc) && isnan(e.image_ap) && isnan(e.f1_max));
        assert_true(scores[0] > 0.0f && e.images == 3 && isnan(e.pixel_auroc) && e.pixel_note[0]);
        ad_dataset_destroy(d);
    }
    for (int i = 0; i < 3; i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
}

/* ---- Images of another product ---- */

static int warnings;

static void count_warnings(void *user, ad_log_level level, const char *text)
{
    (void)user;
    warnings +=
        level == AD_LOG_WARNING && strstr(text, "product that this scorer was fitted on") != NULL;
}

/* Labelled images tell it alike, and what was said is not said again. */
static void check_evaluation(fixture *f, ad_scorer *scorer, int strange)
{
    char *path = tiny_path("product");
    ad_dataset *d = NULL;
    ad_evaluation e = {.struct_size = sizeof e};
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    assert_int_equal(ad_image_write_png(f->context, &image, path), AD_OK);
    const char *const paths[] = {path};
    assert_int_equal(ad_dataset_open_list(f->context, paths, NULL, 1, &d), AD_OK);
    assert_int_equal(ad_evaluate(scorer, d, NULL, &e, NULL), AD_OK);
    assert_true((e.normal_ratio > 1.0) == strange && (e.scorer_note[0] != 0) == strange);
    assert_int_equal(warnings, strange);
    ad_dataset_destroy(d);
    unlink(path);
    free(path);
}

static void another_product(void **state)
{
    fixture *f = *state;
    fixture own = {.weights = f->weights};
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.log = count_warnings;
    assert_int_equal(ad_context_create(&co, &own.context), AD_OK);
    assert_int_equal(tiny_open(own.context, own.weights, &own.net), AD_OK);
    for (int strange = 0; strange < 2; strange++) {
        ad_scorer *scorer = fit(&own, NULL);
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
        assert_true(fabs(info.score_limit - 5.0 * (1.0 + 16.0 / 30.0) * info.normal_score) <
                    1e-9 * info.score_limit);
        warnings = 0;
        float score = 0.0f;
        for (int i = 0; i < 30; i++) {
            tiny_image(own.pixels, 700 + i, 0);
            for (int k = 0; strange && k < TINY_PIXELS; k++)
                own.pixels[k] = (uint8_t)(k * 151 % 256); /* nothing like a part */
            const ad_image image =
                AD_IMAGE_INIT(AD_PIXEL_RGB8, own.pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
            assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
            assert_int_equal(warnings, strange && i >= 7); /* one, with the eighth */
        }
        assert_true(((double)score > info.score_limit) == strange);
        check_evaluation(&own, scorer, strange);
        ad_scorer_destroy(scorer);
    }
    ad_backbone_destroy(own.net);
    ad_context_destroy(own.context);
}

static void cancelled_fit(void **state)
{
    fixture *f = *state;
    double reached = -1.0;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.progress = stop_at_half;
    o.user = &reached;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    assert_int_equal(ad_dataset_from_callback(f->context, tiny_callback, f->pixels, 10, &good),
                     AD_OK);
    assert_int_equal(ad_fitter_create(f->net, "gaussian", NULL, &fitter), AD_OK);
    assert_int_equal(ad_fit(fitter, good, &o, &scorer), AD_ERR_CANCELLED);
    assert_null(scorer);
    assert_int_equal(ad_fitter_count(fitter), 5);
    assert_non_null(strstr(ad_last_error_message(), "after 5 of 10 images"));
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
}

/* The map of a cropped scorer is 0 outside the crop, and the same inside whatever the map's stride.
 */
static void crop_and_stride(void **state)
{
    fixture *f = *state;
    ad_scorer *scorer = fit(f, "crop=16");
    tiny_image(f->pixels, 500, 1);
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    float packed[TINY_SIDE * TINY_SIDE], wide[TINY_SIDE * (TINY_SIDE + 3)], score;
    for (int i = 0; i < TINY_SIDE * (TINY_SIDE + 3); i++)
        wide[i] = -7.0f;
    const ad_map a = AD_MAP_INIT(packed, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    const ad_map b = AD_MAP_INIT(wide, TINY_SIDE, TINY_SIDE, (TINY_SIDE + 3) * sizeof(float));
    assert_int_equal(ad_anomaly_map(scorer, &image, &a, &score), AD_OK);
    assert_int_equal(ad_anomaly_map(scorer, &image, &b, NULL), AD_OK);
    for (int y = 0; y < TINY_SIDE; y++)
        for (int x = 0; x < TINY_SIDE; x++) {
            /* 40 px, resized to 32, the middle 16 kept: pixels 10 .. 29 */
            const int inside = x >= 10 && x < 30 && y >= 10 && y < 30;
            assert_true((packed[y * TINY_SIDE + x] > 0.0f) == inside);
            assert_true(packed[y * TINY_SIDE + x] == wide[y * (TINY_SIDE + 3) + x]);
        }
    for (int y = 0; y < TINY_SIDE; y++)
        for (int x = TINY_SIDE; x < TINY_SIDE + 3; x++)
            assert_true(wide[y * (TINY_SIDE + 3) + x] == -7.0f);
    ad_scorer_destroy(scorer);
}

/* All formats of one picture give one score; a bottom-up view too. */
static void formats_agree(void **state)
{
    fixture *f = *state;
    uint8_t grey[TINY_SIDE * TINY_SIDE], rgb[TINY_PIXELS], bgra[TINY_SIDE * TINY_SIDE * 4];
    uint16_t deep[TINY_SIDE * TINY_SIDE];
    for (int i = 0; i < TINY_SIDE * TINY_SIDE; i++) {
        grey[i] = seeded_byte("grey", (uint64_t)i);
        deep[i] = (uint16_t)(grey[i] * 257);
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = grey[i];
        bgra[4 * i] = bgra[4 * i + 1] = bgra[4 * i + 2] = grey[i];
        bgra[4 * i + 3] = (uint8_t)i;
    }
    const int64_t s = TINY_SIDE;
    const ad_image views[] = {
        AD_IMAGE_INIT(AD_PIXEL_MONO8, grey, s, s, s),      AD_IMAGE_INIT(AD_PIXEL_MONO16, deep, s, s, 2 * s),
        AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, s, s, 3 * s),    AD_IMAGE_INIT(AD_PIXEL_BGR8, rgb, s, s, 3 * s),
        AD_IMAGE_INIT(AD_PIXEL_RGBA8, bgra, s, s, 4 * s),  AD_IMAGE_INIT(AD_PIXEL_BGRA8, bgra, s, s, 4 * s)};
    float want, got;
    assert_int_equal(ad_score_image(f->scorer, &views[0], &want), AD_OK);
    for (int i = 1; i < 6; i++) {
        assert_int_equal(ad_score_image(f->scorer, &views[i], &got), AD_OK);
        assert_true(got == want);
    }
    uint8_t flipped[TINY_SIDE * TINY_SIDE];
    for (int y = 0; y < TINY_SIDE; y++)
        memcpy(flipped + y * TINY_SIDE, grey + (TINY_SIDE - 1 - y) * TINY_SIDE, TINY_SIDE);
    const ad_image up = AD_IMAGE_INIT(AD_PIXEL_MONO8, flipped + (TINY_SIDE - 1) * TINY_SIDE, s, s, -s);
    assert_int_equal(ad_score_image(f->scorer, &up, &got), AD_OK);
    assert_true(got == want);
    const ad_image dot = AD_IMAGE_INIT(AD_PIXEL_MONO8, grey, 1, 1, 1); /* a 1x1 image is an image */
    assert_int_equal(ad_score_image(f->scorer, &dot, &got), AD_OK);
}

static void wrong_arguments(void **state)
{
    fixture *f = *state;
    const ad_image good = AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    float heat[TINY_SIDE], score = 7.0f;
    ad_image image = good;
#define REFUSE(change, want, part)                                                                 \
    do {                                                                                           \
        image = good;                                                                              \
        change;                                                                                    \
        assert_string_equal(ad_status_name(ad_score_image(f->scorer, &image, &score)),             \
                            ad_status_name(want));                                                 \
        assert_true(score == 7.0f && strstr(ad_last_error_message(), part));                       \
    } while (0)
    REFUSE(image.struct_size = 8, AD_ERR_INVALID_ARGUMENT, "struct_size");
    REFUSE(image.format = 5, AD_ERR_INVALID_ARGUMENT, "format");
    REFUSE(image.pixels = NULL, AD_ERR_INVALID_ARGUMENT, "pixels");
    REFUSE(image.width = 0, AD_ERR_SHAPE, "0");
    REFUSE(image.height = 1048577, AD_ERR_SHAPE, "1048577");
    REFUSE(image.row_bytes = TINY_SIDE, AD_ERR_INVALID_ARGUMENT, "row_bytes");
#undef REFUSE
    ad_map map = AD_MAP_INIT(heat, TINY_SIDE, 1, TINY_SIDE * sizeof(float));
    map.row_bytes = 4;
    assert_int_equal(ad_anomaly_map(f->scorer, &good, &map, &score), AD_ERR_INVALID_ARGUMENT);
    map = (ad_map)AD_MAP_INIT(heat, 0, 1, 4);
    assert_int_equal(ad_anomaly_map(f->scorer, &good, &map, &score), AD_ERR_SHAPE);
    assert_int_equal(ad_score_image(NULL, &good, &score), AD_ERR_INVALID_ARGUMENT);
    ad_features small = {.struct_size = sizeof small, .layer = "deep", .data = heat, .capacity = TINY_SIDE};
    assert_int_equal(ad_extract_features(f->net, &good, NULL, &small, 1), AD_ERR_SHAPE);
    assert_non_null(strstr(ad_last_error_message(), "8x8x12 floats, capacity is 40"));
    ad_context_options co;
    ad_context *context = NULL;
    ad_context_options_init(&co, sizeof co);
    co.device = "cuda:0";
    assert_int_equal(ad_context_create(&co, &context), AD_ERR_BACKEND);
    assert_non_null(strstr(ad_last_error_message(), "no device 'cuda:0'"));
    co.device = NULL;
    co.num_threads = -1;
    assert_int_equal(ad_context_create(&co, &context), AD_ERR_INVALID_ARGUMENT);
    assert_null(context);
}

/* The reference backend gives the same scores as the fast one. */
static void devices_agree(void **state)
{
    fixture *f = *state;
    fixture r = {.weights = f->weights};
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.device = "ref";
    assert_int_equal(ad_context_create(&co, &r.context), AD_OK);
    assert_int_equal(tiny_open(r.context, r.weights, &r.net), AD_OK);
    static const char *const reduces[] = {"reduce=none", "reduce=pca:0.95", "reduce=npca:0.9"};
    for (int k = 0; k < 3; k++) {
        ad_scorer *a = fit(f, reduces[k]), *b = fit(&r, reduces[k]);
        tiny_image(f->pixels, 600, 1);
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
        float x, y;
        assert_int_equal(ad_score_image(a, &image, &x), AD_OK);
        assert_int_equal(ad_score_image(b, &image, &y), AD_OK);
        assert_true(fabsf(x - y) < 1e-3f * x); /* float features differ by 1e-7, whitening enlarges that */
        ad_scorer_destroy(a);
        ad_scorer_destroy(b);
    }
    ad_backbone_destroy(r.net);
    ad_context_destroy(r.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_figures), cmocka_unit_test(notes), cmocka_unit_test(labels),
        cmocka_unit_test(another_product), cmocka_unit_test(cancelled_fit), cmocka_unit_test(crop_and_stride),
        cmocka_unit_test(formats_agree), cmocka_unit_test(wrong_arguments), cmocka_unit_test(devices_agree),
    };
    return cmocka_run_group_tests_name("evaluate", tests, set_up, tear_down);
}
