/* AST from pixels, depth or both to scores on a tiny ResNet: it learns and separates, scores and maps are the definition's
 * under every option, a file keeps its bits and a damaged one is refused; the same bits whatever the threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ast_case.h"
#include "vision/bicubic.h"

/* ---- It learns ---- */

/* What is odd in the pixels is found in the pixels, what is in the depth in the depth, and by both together either. */
static void learns_and_separates(void **state)
{
    const fixture *f = *state;
    static const int odd[MODES][2] = {{1, 3}, {2, 3}, {1, 2}};
    for (int32_t mode = 0; mode < MODES; mode++) {
        ad_student *s = ast_student(f->net, mode, 1);
        ad_scorer *scorer = ast_few(s, "epochs=30, batch=8, lr=5e-3, validation_share=0", GOOD);
        float worst_good = 0.0f, best_bad = INFINITY;
        double inside = 0.0, all = 0.0;
        for (int64_t i = 100; i < 110; i++) {
            float heat[MAP];
            worst_good = fmaxf(worst_good, score_of(scorer, i, 0, NULL));
            for (int k = 0; k < 2; k++)
                best_bad = fminf(best_bad, score_of(scorer, i, odd[mode][k], heat));
            for (int p = 0; p < MAP; p++) {
                const int column = p % TINY_SIDE, row = p / TINY_SIDE;
                inside += column >= 20 && column < 28 && row >= 8 && row < 16 ? heat[p] / 64.0 : 0.0;
                all += heat[p] / MAP;
            }
        }
        if (!(best_bad > worst_good && inside > 1.5 * all))
            fail_msg("%s: the best of the bad is %g, the worst of the good %g; %g on the defect, %g everywhere",
                     mode_names[mode], (double)best_bad, (double)worst_good, inside, all);
        ad_scorer_destroy(scorer);
        ad_student_destroy(s);
    }
}

/* Training the flow lowers its likelihood's loss, training the student its distance from the flow. */
static void losses_fall(void **state)
{
    const fixture *f = *state;
    static const char *const settings[2][2] = {
        {"teacher_epochs=1, student_epochs=0, lr=1e-12, score=teacher",
         "teacher_epochs=20, student_epochs=0, score=teacher"},
        {"teacher_epochs=0, student_epochs=1, lr=1e-12", "teacher_epochs=0, student_epochs=20"}};
    for (int32_t mode = 0; mode < MODES; mode++)
        for (int phase = 0; phase < 2; phase++) {
            double loss[2];
            for (int after = 0; after < 2; after++) {
                ad_student *s = ast_student(f->net, mode, 3);
                ad_fitter *fit = ast_fitter(s, settings[phase][after]);
                ad_scorer *scorer = NULL;
                listener l;
                const ad_fit_options o = listen(&l, s, NULL);
                add_range(fit, 0, FEW);
                assert_int_equal(ad_fit(fit, NULL, &o, &scorer), AD_OK);
                loss[after] = l.validation;
                free(l.values);
                ad_scorer_destroy(scorer);
                ad_fitter_destroy(fit);
                ad_student_destroy(s);
            }
            if (!(loss[1] < loss[0]))
                fail_msg("%s, phase %d: %g becomes %g", mode_names[mode], phase, loss[0], loss[1]);
        }
}

/* Pixels are not looked at where depth is all that is asked for, nor depth where it is not. */
static void what_is_not_looked_at(void **state)
{
    const fixture *f = *state;
    tiny_frame frame;
    ad_scorer *scorer = ast_scorer(f->net, MODE_DEPTH, "");
    ad_image image = tiny_rgbd(&frame, 7, 0);
    float with = 0.0f, without = 1.0f, other = 2.0f, heat[MAP];
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    assert_int_equal(ad_score_image(scorer, &image, &with), AD_OK);
    image.pixels = NULL;
    image.format = 0;
    image.row_bytes = 0;
    assert_int_equal(ad_score_image(scorer, &image, &without), AD_OK);
    assert_int_equal(ad_anomaly_map(scorer, &image, &map, &other), AD_OK);
    assert_true(with == without && with == other);
    ad_scorer_destroy(scorer);
    ad_student *s = ast_student(f->net, MODE_DEPTH, 3);
    ad_fitter *fit = ast_fitter(s, "");
    for (int64_t i = 0; i < FEW; i++) {
        image = tiny_rgbd(&frame, i, 0);
        image.pixels = NULL;
        image.format = 0;
        assert_int_equal(ad_fitter_add(fit, &image), AD_OK);
    }
    scorer = NULL;
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    assert_true(score_of(scorer, 7, 0, NULL) == with);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
    scorer = ast_scorer(f->net, MODE_RGB, "");
    image = tiny_rgbd(&frame, 7, 0);
    assert_int_equal(ad_score_image(scorer, &image, &with), AD_OK);
    image.depth_width = -5; /* nonsense that nobody reads */
    assert_int_equal(ad_score_image(scorer, &image, &without), AD_OK);
    image.depth = NULL;
    assert_int_equal(ad_score_image(scorer, &image, &other), AD_OK);
    assert_true(with == without && with == other);
    ad_scorer_destroy(scorer);
}

/* Rows from the bottom, and the z of a point cloud, are the same depth. */
static void layouts_of_depth(void **state)
{
    const fixture *f = *state;
    static float cloud[TINY_SIDE][TINY_SIDE + 2][3];
    tiny_frame frame;
    ad_scorer *scorer = ast_scorer(f->net, MODE_COMBI, "");
    ad_image image = tiny_rgbd(&frame, 7, 0);
    float want, got;
    assert_int_equal(ad_score_image(scorer, &image, &want), AD_OK);
    for (int up = 0; up < 2; up++) {
        for (int y = 0; y < TINY_SIDE; y++)
            for (int x = 0; x < TINY_SIDE; x++) {
                float *p = cloud[up ? TINY_SIDE - 1 - y : y][x];
                p[0] = p[1] = NAN;
                p[2] = frame.depth[y * TINY_SIDE + x];
            }
        image.depth = &cloud[up ? TINY_SIDE - 1 : 0][0][2];
        image.depth_pixel_bytes = sizeof cloud[0][0];
        image.depth_row_bytes = up ? -(int64_t)sizeof cloud[0] : (int64_t)sizeof cloud[0];
        assert_int_equal(ad_score_image(scorer, &image, &got), AD_OK);
        assert_true(got == want);
    }
    ad_scorer_destroy(scorer);
}

/* ---- Scores and maps by their definition ---- */

typedef struct definition {
    double d[POSITIONS], weight[POSITIONS]; /* before weighing */
    float map[64 * POSITIONS];
    double score;
} definition;

/* Features as the public call gives them, and depth behind them. */
static void input_of(const ad_scorer *s, const ad_image *image, float *x, float *shares)
{
    const adi_ast_config *c = (const adi_ast_config *)s->model->settings;
    static float layer[POSITIONS * 6], depth[POSITIONS * 64];
    adi_depth_scratch scratch = {.allocator = &adi_default_allocator};
    const option_text size = options("size=%d", INPUT);
    ad_features features = {.struct_size = sizeof features, .layer = "layer2", .data = layer, .capacity = POSITIONS * 6};
    const int32_t n = c->features, m = c->channels - n;
    assert_int_equal(ad_extract_features(s->backbone, image, size.text, &features, 1), AD_OK);
    if (m)
        assert_int_equal(adi_depth_run(&c->depth, image, &scratch, depth, shares), AD_OK);
    adi_depth_scratch_free(&scratch);
    for (int64_t i = 0; i < POSITIONS; i++) {
        memcpy(x + i * (n + m), layer + i * 6, (size_t)n * sizeof *x);
        memcpy(x + i * (n + m) + n, depth + i * 64, (size_t)m * sizeof *x);
    }
}

static void define(ad_scorer *s, const ad_image *image, definition *out)
{
    const adi_model *m = s->model;
    const char *mask = option_of(s, "mask"), *aggregate = option_of(s, "aggregate");
    const int by_teacher = strcmp(option_of(s, "score"), "teacher") == 0;
    const int twice = strcmp(option_of(s, "mask_twice"), "1") == 0;
    const int enlarged = strcmp(option_of(s, "max_after_upsample"), "1") == 0;
    static const int32_t taps[2] = {0, 1};
    static float x[POSITIONS * 70], shares[POSITIONS];
    const int64_t channels = ((const adi_ast_config *)m->settings)->channels;
    input_of(s, image, x, shares);
    plan_run flow = run_network(m->networks->items[ADI_AST_FLOW].net, s->backbone->context->backend, 2, taps, 2, x, SIDE, SIDE);
    plan_run student = run_network(m->networks->items[ADI_AST_STUDENT].net, s->backbone->context->backend, 2, taps, 1, x, SIDE, SIDE);
    const float *z = run_tap(&flow, 0), *logdet = run_tap(&flow, 1), *t = run_tap(&student, 0);
    float weighted[POSITIONS];
    double sum = 0.0, weight = 0.0, most = -INFINITY, least = INFINITY;
    for (int64_t p = 0; p < POSITIONS; p++) {
        double d = 0.0, likelihood = -logdet[p];
        for (int64_t k = p * channels; k < (p + 1) * channels; k++) {
            d += ((double)z[k] - t[k]) * ((double)z[k] - t[k]) / (double)channels;
            likelihood += 0.5 * z[k] * z[k];
        }
        const double w = strcmp(mask, "none") == 0     ? 1.0
                         : strcmp(mask, "binary") == 0 ? shares[p] > 0.0f
                                                       : shares[p];
        out->d[p] = by_teacher ? likelihood : d;
        out->weight[p] = w;
        sum += w * out->d[p];
        weight += w;
        if (w > 0.0) {
            most = fmax(most, (twice ? w : 1.0) * w * out->d[p]);
            least = fmin(least, w * out->d[p]);
        }
    }
    run_free(&flow);
    run_free(&student);
    for (int64_t p = 0; p < POSITIONS; p++) /* a background of likelihoods is as good as the best of the foreground */
        weighted[p] =
            (float)(out->weight[p] > 0.0 || !by_teacher ? out->weight[p] * out->d[p] : least);
    adi_bicubic_enlarge(out->map, weighted, SIDE, SIDE, 8);
    const int mean = strcmp(aggregate, "mean") == 0;
    out->score = mean ? sum / weight : most;
    if (!mean && enlarged) {
        out->score = -INFINITY;
        for (int i = 0; i < 64 * POSITIONS; i++)
            out->score = fmax(out->score, (double)out->map[i]);
    }
}

static void check_definition(const fixture *f, int32_t mode, const char *settings)
{
    static definition d;
    static float map_data[64 * POSITIONS];
    const ad_map map = AD_MAP_INIT(map_data, 8 * SIDE, 8 * SIDE, 8 * SIDE * sizeof(float));
    char text[200];
    snprintf(text, sizeof text, "epochs=1, %s", settings);
    ad_scorer *scorer = ast_scorer(f->net, mode, text);
    int background = 0;
    for (int64_t i = 300; i < 304; i++) {
        tiny_frame frame;
        float score, alone;
        double most = 0.0;
        const ad_image image = tiny_rgbd(&frame, i, (int)(i & 3));
        if (ad_anomaly_map(scorer, &image, &map, &score) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        assert_int_equal(ad_score_image(scorer, &image, &alone), AD_OK);
        assert_true(score == alone);
        define(scorer, &image, &d);
        for (int p = 0; p < 64 * POSITIONS; p++)
            most = fmax(most, fabs((double)d.map[p]));
        for (int p = 0; p < 64 * POSITIONS; p++)
            if (!(fabs((double)d.map[p] - map_data[p]) <= 1e-5 * most))
                fail_msg("%s '%s': the map is %.9g at %d, not %.9g", mode_names[mode], settings, (double)map_data[p], p,
                         (double)d.map[p]);
        if (!(fabs(score - d.score) <= 1e-5 * fabs(d.score)))
            fail_msg("%s '%s': the score is %.9g, not %.9g", mode_names[mode], settings, (double)score, d.score);
        for (int p = 0; p < POSITIONS; p++)
            background += d.weight[p] == 0.0;
    }
    const char *mask = option_of(scorer, "mask");
    assert_true((background > 0) == (strcmp(mask, "none") != 0)); /* the images have some, so that masks matter */
    ad_scorer_destroy(scorer);
}

static void scores_are_the_definition(void **state)
{
    const fixture *f = *state;
    static const char *const plain[] = {"",
                                        "aggregate=max",
                                        "aggregate=max, max_after_upsample=1",
                                        "score=teacher",
                                        "score=teacher, aggregate=max",
                                        "mask=none, mask_twice=1",
                                        "aggregate=mean, max_after_upsample=1",
                                        "mask_norm=all"};
    static const char *const masked[] = {
        "mask=binary, aggregate=mean",
        "mask=soft",
        "mask=soft, mask_twice=1",
        "mask=soft, aggregate=mean",
        "mask=soft, max_after_upsample=1",
        "mask=soft, score=teacher, mask_twice=1",
        "mask=binary, score=teacher",
        "mask=soft, score=teacher, aggregate=max, max_after_upsample=1",
        "preset=ast_official",
        "depth_dilation=1, depth_fill=0",
        "depth_threshold=0.02, depth_dilation=3"};
    for (int32_t mode = 0; mode < MODES; mode++) {
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            check_definition(f, mode, plain[i]);
        for (size_t i = 0; mode && i < sizeof masked / sizeof *masked; i++)
            check_definition(f, mode, masked[i]);
    }
}

/* One training, scored in every way: what must hold between the results. */
static void relations_of_scores(void **state)
{
    const fixture *f = *state;
    ad_scorer *mean = ast_scorer(f->net, MODE_COMBI, "mask=soft, aggregate=mean");
    ad_scorer *most = ast_scorer(f->net, MODE_COMBI, "mask=soft, aggregate=max");
    ad_scorer *twice = ast_scorer(f->net, MODE_COMBI, "mask=soft, aggregate=max, mask_twice=1");
    ad_scorer *sharp =
        ast_scorer(f->net, MODE_COMBI, "mask=soft, aggregate=max, max_after_upsample=1");
    for (int64_t i = 200; i < 206; i++) {
        float heat[64 * POSITIONS], same[64 * POSITIONS], largest = 0.0f;
        const ad_map map = AD_MAP_INIT(heat, 64, 64, 64 * sizeof(float)), other = AD_MAP_INIT(same, 64, 64, 64 * sizeof(float));
        tiny_frame frame;
        const ad_image image = tiny_rgbd(&frame, i, (int)(i & 3));
        const float m = score_of(most, i, (int)(i & 3), NULL);
        assert_true(score_of(twice, i, (int)(i & 3), NULL) <= m); /* shares of the foreground are at most 1 */
        float score;
        assert_int_equal(ad_anomaly_map(sharp, &image, &map, &score), AD_OK);
        assert_int_equal(ad_anomaly_map(mean, &image, &other, NULL), AD_OK);
        assert_memory_equal(heat, same, sizeof heat); /* the map is the same however the score is taken of it */
        for (int p = 0; p < 64 * POSITIONS; p++)
            largest = fmaxf(largest, heat[p]);
        assert_true(score == largest);
    }
    ad_scorer_destroy(mean);
    ad_scorer_destroy(most);
    ad_scorer_destroy(twice);
    ad_scorer_destroy(sharp);
    ad_scorer *a = ast_scorer(f->net, MODE_RGB, "aggregate=mean"),
              *b = ast_scorer(f->net, MODE_RGB, "aggregate=max");
    for (int64_t i = 200; i < 206; i++)
        assert_true(score_of(a, i, 0, NULL) <= score_of(b, i, 0, NULL));
    ad_scorer_destroy(a);
    ad_scorer_destroy(b);
}

/* What the scorer calls normal is the root mean square of what it gives for the images that were learned, where none were
 * held out: of batches that are not full as well. */
static void normal_is_what_images_score(void **state)
{
    const fixture *f = *state;
    /* steps so large that determinants matter, and foregrounds that differ from image to image */
    static const char *const settings[] = {
        "batch=3", "batch=3, score=teacher, lr=0.1", "batch=8, aggregate=max",
        "batch=3, mask=soft, depth_threshold=0.001, depth_dilation=1"};
    static float heat[64 * POSITIONS];
    const ad_map map = AD_MAP_INIT(heat, 8 * SIDE, 8 * SIDE, 8 * SIDE * sizeof(float));
    for (int32_t mode = 0; mode < MODES; mode++)
        for (size_t i = 0; i < sizeof settings / sizeof *settings - (mode == MODE_RGB); i++) {
            char text[100];
            double scores = 0.0, values = 0.0;
            snprintf(text, sizeof text, "validation_share=0, %s", settings[i]);
            ad_scorer *scorer = ast_scorer(f->net, mode, text);
            for (int64_t k = 0; k < FEW; k++) {
                tiny_frame frame;
                float score;
                const ad_image image = tiny_rgbd(&frame, k, 0);
                assert_int_equal(ad_anomaly_map(scorer, &image, &map, &score), AD_OK);
                scores += (double)score * score / FEW;
                for (int p = 0; p < 64 * POSITIONS; p++)
                    values += (double)heat[p] * heat[p] / (64 * POSITIONS * FEW);
            }
            ad_scorer_info info = {.struct_size = sizeof info};
            assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
            if (!(fabs(info.normal_score - sqrt(scores)) <= 1e-4 * sqrt(scores))
                || !(fabs(info.normal_map - sqrt(values)) <= 1e-4 * sqrt(values)))
                fail_msg("%s '%s': normal are %g and %g, images score %g and %g", mode_names[mode], settings[i],
                         info.normal_score, info.normal_map, sqrt(scores), sqrt(values));
            ad_scorer_destroy(scorer);
        }
}

/* Of what training depends on, each leads somewhere else; what is of scoring alone does not. */
static void options_matter(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"", "lr=2e-3", "weight_decay=0.1", "clip_norm=0.01", "seed=2", "split_seed=2",
                                           "validation_share=0", "batch=3", "teacher_epochs=3", "student_epochs=3", "size=40",
                                           "mask=none", "mask=soft", "mask_norm=all", "depth_threshold=0.02",
                                           "depth_dilation=1"};
    static const char *const alike[] = {"score=teacher", "aggregate=mean", "max_after_upsample=1", "mask_twice=1",
                                        "memory_limit=100000000", "feature_cache=100000000", "depth_corners=nearest"};
    enum { COUNT = sizeof settings / sizeof *settings };
    ad_student *all[COUNT] = {NULL};
    for (int i = 0; i < COUNT; i++) {
        all[i] = ast_student(f->net, MODE_COMBI, 3);
        ad_scorer_destroy(ast_few(all[i], settings[i], FEW));
        for (int j = 0; j < i; j++)
            if (same_student(all[i], all[j]))
                fail_msg("'%s' and '%s' end with the same student", settings[i], settings[j]);
    }
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        ad_student *s = ast_student(f->net, MODE_COMBI, 3);
        ad_scorer_destroy(ast_few(s, alike[i], FEW));
        if (!same_student(s, all[0]))
            fail_msg("'%s' ends with another student", alike[i]);
        ad_student_destroy(s);
    }
    for (int i = 0; i < COUNT; i++)
        ad_student_destroy(all[i]);
}

/* ---- Maps ---- */

static void maps_of_any_size(void **state)
{
    const fixture *f = *state;
    static const int sides[][2] = {{1, 1}, {8, 8}, {17, 5}, {64, 64}, {90, 130}};
    for (int32_t mode = 0; mode < MODES; mode++) {
        ad_scorer *scorer = ast_scorer(f->net, mode, "");
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
        assert_string_equal(info.method, "ast");
        assert_int_equal(info.has_map, 1);
        assert_int_equal(info.image_count, FEW);
        assert_true(info.normal_score > 0.0 && info.normal_map > 0.0);
        assert_string_equal(option_of(scorer, "mode"), mode_names[mode]);
        assert_string_equal(option_of(scorer, "layers"), "layer2");
        assert_string_equal(option_of(scorer, "aggregate"), mode ? "max" : "mean");
        assert_string_equal(option_of(scorer, "mask"), mode ? "binary" : "none");
        tiny_frame frame;
        const ad_image image = tiny_rgbd(&frame, 5, 3);
        float first = 0.0f;
        for (int i = 0; i < 5; i++) {
            static float room[90 * 130 + 130];
            const int w = sides[i][0], h = sides[i][1];
            const ad_map map = AD_MAP_INIT(room, w, h, (w + 1) * sizeof(float));
            float score;
            for (int p = 0; p < (w + 1) * h; p++)
                room[p] = -77.0f;
            assert_int_equal(ad_anomaly_map(scorer, &image, &map, &score), AD_OK);
            assert_true(i == 0 || score == first);
            first = score;
            for (int y = 0; y < h; y++)
                assert_true(room[y * (w + 1) + w] == -77.0f); /* between rows */
            for (int p = 0; p < (w + 1) * h; p++)
                assert_true(p % (w + 1) == w || (room[p] != -77.0f && isfinite(room[p])));
        }
        ad_scorer_destroy(scorer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_and_separates),      cmocka_unit_test(losses_fall),
        cmocka_unit_test(what_is_not_looked_at),     cmocka_unit_test(layouts_of_depth),
        cmocka_unit_test(scores_are_the_definition), cmocka_unit_test(relations_of_scores),
        cmocka_unit_test(normal_is_what_images_score),
        cmocka_unit_test(options_matter),            cmocka_unit_test(maps_of_any_size),
    };
    return cmocka_run_group_tests_name("ast", tests, set_up_resnet, tear_down);
}
