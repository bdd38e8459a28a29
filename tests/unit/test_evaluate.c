/* ad_evaluate and the scoring calls: metrics against a hand calculation, sizes, crops, callbacks,
 * and every wrong argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "evaluate_case.h"

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
    co.device = "vulkan:0";
    assert_int_equal(ad_context_create(&co, &context), AD_ERR_BACKEND);
    assert_non_null(strstr(ad_last_error_message(), "no device 'vulkan:0'"));
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
        cmocka_unit_test(image_figures),   cmocka_unit_test(another_product),
        cmocka_unit_test(cancelled_fit),   cmocka_unit_test(crop_and_stride),
        cmocka_unit_test(formats_agree),   cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(devices_agree),
    };
    return cmocka_run_group_tests_name("evaluate", tests, set_up, tear_down);
}
