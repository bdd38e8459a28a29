/* What AST refuses, each with a sentence, and leaves fitter and scorer as they were: frames without what the mode needs,
 * depth that is no plane or has no foreground, options out of range, students of another kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ast_case.h"

/* ---- Frames ---- */

/* Refused by every call that takes a frame. */
static void frame_refused(ad_fitter *fit, ad_scorer *scorer, const ad_image *image, ad_status want, const char *part)
{
    float score = -1.0f, heat[MAP], scores[2] = {-1.0f, -1.0f};
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    tiny_frame good;
    const ad_image two[2] = {tiny_rgbd(&good, 1, 0), *image};
    const int64_t before = ad_fitter_count(fit);
    says(ad_fitter_add(fit, image), want, part);
    assert_int_equal(ad_fitter_count(fit), before);
    says(ad_score_image(scorer, image, &score), want, part);
    says(ad_anomaly_map(scorer, image, &map, &score), want, part);
    assert_true(score == -1.0f);
    if (image->struct_size == sizeof *image) {
        says(ad_score_batch(scorer, two, 2, NULL, scores), want, part);
        assert_non_null(strstr(ad_last_error_message(), "image 1 of 2"));
    }
}

static void bad_frames(void **state)
{
    const fixture *f = *state;
    static tiny_frame frame; /* whose fields the views are of */
    for (int32_t mode = MODE_DEPTH; mode <= MODE_COMBI; mode++) {
        ad_student *s = ast_student(f->net, mode, 3);
        ad_scorer *scorer = ast_few(s, "epochs=1", FEW);
        ad_fitter *fit = ast_fitter(s, "epochs=1");
        const ad_image good = tiny_rgbd(&frame, 1, 0);
        ad_image v;
        const float want = score_of(scorer, 1, 0, NULL);
#define REFUSED(change, status, part)                                                                                     \
        do {                                                                                                              \
            v = good;                                                                                                     \
            change;                                                                                                       \
            frame_refused(fit, scorer, &v, status, part);                                                                 \
        } while (0)
        REFUSED(v.depth = NULL, AD_ERR_INVALID_ARGUMENT, "the image has no depth plane, which this scorer or fitter needs");
        REFUSED(v.struct_size = offsetof(ad_image, depth), AD_ERR_INVALID_ARGUMENT, "the image has no depth plane");
        REFUSED(v.struct_size = 8, AD_ERR_INVALID_ARGUMENT, "struct_size is 8");
        REFUSED(v.depth_width = 39, AD_ERR_SHAPE, "the image is 40x40, its depth plane 39x40");
        REFUSED(v.depth_height = 41, AD_ERR_SHAPE, "the image is 40x40, its depth plane 40x41");
        REFUSED(v.width = v.depth_width = 0, AD_ERR_SHAPE, "image is 0x40");
        REFUSED(v.depth_pixel_bytes = 0, AD_ERR_INVALID_ARGUMENT, "depth_pixel_bytes is 0");
        REFUSED(v.depth_pixel_bytes = 6, AD_ERR_INVALID_ARGUMENT, "depth_pixel_bytes is 6, a multiple of 4");
        REFUSED(v.depth_pixel_bytes = -4, AD_ERR_INVALID_ARGUMENT, "depth_pixel_bytes is -4");
        REFUSED(v.depth_row_bytes = 156, AD_ERR_INVALID_ARGUMENT, "depth_row_bytes is 156 for rows of 40 values");
        REFUSED(v.depth_row_bytes = -156, AD_ERR_INVALID_ARGUMENT, "depth_row_bytes is -156");
        REFUSED(v.depth_row_bytes = 162, AD_ERR_INVALID_ARGUMENT, "depth_row_bytes is 162");
        REFUSED(v.depth_row_bytes = INT64_MIN, AD_ERR_INVALID_ARGUMENT, "depth_row_bytes is ");
        REFUSED(v.depth_row_bytes = INT64_MAX - 3, AD_ERR_INVALID_ARGUMENT, "depth_row_bytes is ");
        REFUSED(v.width = v.depth_width = 1, AD_ERR_SHAPE, "a depth plane of 1x40: at least 2x2 is needed");
        REFUSED(v.depth = (const float *)(const void *)((const char *)frame.depth + 2), AD_ERR_INVALID_ARGUMENT,
                "the depth plane must be 4-byte aligned");
        if (mode == MODE_COMBI) {
            REFUSED(v.pixels = NULL, AD_ERR_INVALID_ARGUMENT, "pixels is NULL");
            REFUSED(v.format = 0, AD_ERR_INVALID_ARGUMENT, "format 0x00000000");
        }
#undef REFUSED
        assert_true(score_of(scorer, 1, 0, NULL) == want);
        ad_fitter_destroy(fit);
        ad_scorer_destroy(scorer);
        ad_student_destroy(s);
    }
}

static void fill(float *z, float value)
{
    for (int i = 0; i < TINY_SIDE * TINY_SIDE; i++)
        z[i] = value;
}

/* A corner's values are gone, and those around them from which they would be filled. */
static void remove_corner(float *z, int bottom, int right, float value)
{
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            z[(bottom ? TINY_SIDE - 1 - y : y) * TINY_SIDE + (right ? TINY_SIDE - 1 - x : x)] = value;
}

static void depth_without_meaning(void **state)
{
    const fixture *f = *state;
    static tiny_frame frame;
    static const float missing[] = {0.0f, -1.0f, NAN, INFINITY, -INFINITY};
    ad_student *s = ast_student(f->net, MODE_COMBI, 3);
    ad_scorer *strict = ast_few(s, "epochs=1", FEW),
              *kind = ast_few(s, "epochs=0, depth_corners=nearest", FEW);
    ad_fitter *fit = ast_fitter(s, ""), *other = ast_fitter(s, "depth_corners=nearest");
    for (int m = 0; m < 5; m++) {
        ad_image v = tiny_rgbd(&frame, 1, 0);
        float score;
        fill(frame.depth, missing[m]);
        frame_refused(fit, strict, &v, AD_ERR_NUMERIC, "the depth plane of 40x40 has no value at all");
        frame_refused(other, kind, &v, AD_ERR_NUMERIC, "the depth plane of 40x40 has no value at all");
        static const char *const corners[] = {"the upper left corner", "the upper right corner", "the lower left corner",
                                              "the lower right corner"};
        for (int c = 0; c < 4; c++) {
            v = tiny_rgbd(&frame, 1, 0);
            remove_corner(frame.depth, c >> 1, c & 1, missing[m]);
            frame_refused(fit, strict, &v, AD_ERR_NUMERIC, corners[c]);
            assert_non_null(strstr(ad_last_error_message(), "depth_corners=nearest takes the nearest value"));
            assert_int_equal(ad_score_image(kind, &v, &score), AD_OK);
            assert_true(isfinite(score));
            const int64_t before = ad_fitter_count(other);
            assert_int_equal(ad_fitter_add(other, &v), AD_OK);
            assert_int_equal(ad_fitter_count(other), before + 1);
        }
        v = tiny_rgbd(&frame, 1, 0); /* a few holes are no reason */
        for (int i = 30; i < TINY_SIDE * TINY_SIDE; i += 97)
            frame.depth[i] = missing[m];
        assert_int_equal(ad_score_image(strict, &v, &score), AD_OK);
    }
    ad_image v = tiny_rgbd(&frame, 1, 0);
    fill(frame.depth, 0.5f);
    frame_refused(fit, strict, &v, AD_ERR_NUMERIC,
                  "has no foreground: nothing is 0.007 m off the surface through its corners");
    frame_refused(other, kind, &v, AD_ERR_NUMERIC, "has no foreground");
    assert_int_equal(ad_fitter_count(fit), 0);
    ad_fitter_destroy(fit);
    ad_fitter_destroy(other);
    ad_scorer_destroy(strict);
    ad_scorer_destroy(kind);
    ad_student_destroy(s);
}

/* A foreground of one pixel, which no pixel of the network's input is made from. */
static void foreground_that_is_lost(void **state)
{
    const fixture *f = *state;
    enum { LARGE = 400 };
    float *z = malloc(LARGE * LARGE * sizeof *z), score;
    ad_scorer *scorer = ast_scorer(f->net, MODE_DEPTH, "epochs=1");
    ad_image v = AD_IMAGE_INIT(0, NULL, LARGE, LARGE, 0);
    v.depth = z;
    v.depth_width = v.depth_height = LARGE;
    v.depth_row_bytes = LARGE * sizeof *z;
    v.depth_pixel_bytes = sizeof *z;
    for (int i = 0; i < LARGE * LARGE; i++)
        z[i] = 0.5f;
    z[200 * LARGE + 200] = 0.4f; /* 64 a side are made of every sixth and the one behind it */
    says(ad_score_image(scorer, &v, &score), AD_ERR_NUMERIC, "the foreground of the depth plane of 400x400 is too small");
    for (int i = 200; i < 210; i++)
        z[200 * LARGE + i] = z[201 * LARGE + i] = z[203 * LARGE + i] = z[205 * LARGE + i] = 0.4f;
    assert_int_equal(ad_score_image(scorer, &v, &score), AD_OK);
    ad_scorer_destroy(scorer);
    free(z);
}

/* A caller that was compiled before there was depth. */
static void short_images(void **state)
{
    const fixture *f = *state;
    tiny_frame frame;
    ad_scorer *scorer = ast_scorer(f->net, MODE_RGB, "epochs=1");
    ad_image whole = tiny_rgbd(&frame, 3, 1);
    float want, got;
    assert_int_equal(ad_score_image(scorer, &whole, &want), AD_OK);
    void *old = malloc(offsetof(ad_image, depth)); /* so that a sanitizer sees who reads beyond */
    whole.struct_size = offsetof(ad_image, depth);
    memcpy(old, &whole, offsetof(ad_image, depth));
    assert_int_equal(ad_score_image(scorer, old, &got), AD_OK);
    assert_true(got == want);
    float heat[MAP];
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    assert_int_equal(ad_anomaly_map(scorer, old, &map, &got), AD_OK);
    assert_true(got == want);
    ad_scorer_destroy(scorer);
    scorer = ast_scorer(f->net, MODE_DEPTH, "epochs=1");
    says(ad_score_image(scorer, old, &got), AD_ERR_INVALID_ARGUMENT, "the image has no depth plane");
    ad_scorer_destroy(scorer);
    ad_image_release(old); /* a view */
    free(old);
}

/* ---- Options ---- */

static void bad_options(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *options, *part;
    } bad[] = {
        {"batch=0", "option batch: '0' is not a whole number from 1 to 1024"},
        {"batch=1025", "batch"},
        {"epochs=-2", "epochs"},
        {"teacher_epochs=-2", "teacher_epochs"},
        {"teacher_epochs=many", "teacher_epochs"},
        {"student_epochs=2000000", "student_epochs"},
        {"lr=0", "lr"},
        {"lr=nan", "lr"},
        {"weight_decay=-1", "weight_decay"},
        {"weight_decay=inf", "weight_decay"},
        {"clip_norm=-1", "clip_norm"},
        {"mask=hard", "option mask: 'hard' is none of auto, none, binary, soft"},
        {"mask_norm=none", "foreground, all"},
        {"score=flow", "student, teacher"},
        {"aggregate=median", "auto, mean, max"},
        {"max_after_upsample=2", "max_after_upsample"},
        {"mask_twice=-1", "mask_twice"},
        {"validation_share=1", "validation_share"},
        {"seed=4294967296", "seed"},
        {"feature_cache=-1", "feature_cache"},
        {"memory_limit=1.5", "memory_limit"},
        {"depth_threshold=0", "depth_threshold"},
        {"depth_fill=-1", "depth_fill"},
        {"depth_fill=65", "depth_fill"},
        {"depth_corners=zero", "reject, nearest"},
        {"depth_dilation=0", "depth_dilation"},
        {"depth_dilation=65", "depth_dilation"},
        {"size=-1", "size"},
        {"size=5000", "size"},
        {"preset=ast_unofficial", "ast_official"},
        {"learning_rate=0.1", "no option 'learning_rate'"},
        {"learning_rate=0.1", "teacher_epochs, student_epochs"}, /* all are listed */
        {"flow_blocks=1", "ad_student_create()"}, /* says what a student is */
        {"cache_file=1000", "cache_file says how large the file in cache_dir may be: give both"},
        {"cache_dir=/tmp", "give both"},
    };
    static const struct {
        int mode;
        const char *options, *part;
        ad_status status;
    } more[] = {
        {MODE_RGB, "mask=binary", "mask is binary, which needs depth: the mode is rgb",
         AD_ERR_INVALID_ARGUMENT},
        {MODE_RGB, "mask=soft", "mask is soft, which needs depth: the mode is rgb",
         AD_ERR_INVALID_ARGUMENT},
        {MODE_COMBI, "size=40, crop=32", "a crop or another aspect than square is not for depth",
         AD_ERR_INVALID_ARGUMENT},
        {MODE_COMBI, "aspect=shorter", "is not for depth, which is taken whole",
         AD_ERR_INVALID_ARGUMENT},
        {MODE_COMBI, "size=2100, memory_limit=16000000000000", "at most 512 a side are possible",
         AD_ERR_SHAPE},
        {MODE_RGB, "size=32, memory_limit=1", "memory_limit is 1: raise it", AD_ERR_OUT_OF_MEMORY},
        {MODE_COMBI, "size=32, memory_limit=1", "memory_limit is 1: raise it",
         AD_ERR_OUT_OF_MEMORY},
        {MODE_RGB, "size=32, cache_file=1000, cache_dir=no/such/folder",
         "cache_dir 'no/such/folder': no file can be made there: No such file or directory",
         AD_ERR_IO},
    };
    ad_student *students[MODES] = {ast_student(f->net, MODE_RGB, 3),
                                   ast_student(f->net, MODE_DEPTH, 3),
                                   ast_student(f->net, MODE_COMBI, 3)};
    ad_fitter *fit = NULL;
    for (int32_t mode = 0; mode < MODES; mode++)
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            says(ad_fitter_create_with(students[mode], bad[i].options, &fit),
                 AD_ERR_INVALID_ARGUMENT, bad[i].part);
            assert_null(fit);
        }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        says(ad_fitter_create_with(students[more[i].mode], more[i].options, &fit), more[i].status,
             more[i].part);
        assert_null(fit);
    }
    assert_int_equal(ad_fitter_create_with(NULL, NULL, &fit), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_fitter_create_with(students[0], NULL, NULL), AD_ERR_INVALID_ARGUMENT);
    for (int32_t mode = 0; mode < MODES; mode++)
        ad_student_destroy(students[mode]);
}

/* Presets set what they name, also what is for depth where there is none; an option for both
 * networks, and one of them. */
static void options_in_force(void **state)
{
    const fixture *f = *state;
    static const struct {
        int mode;
        const char *options, *want[5][2];
    } cases[] = {
        {MODE_COMBI,
         "preset=ast_official, epochs=1",
         {{"mask", "soft"},
          {"mask_norm", "all"},
          {"mask_twice", "1"},
          {"teacher_epochs", "1"},
          {"student_epochs", "1"}}},
        {MODE_COMBI,
         "preset=ast, epochs=1, student_epochs=0",
         {{"mask", "binary"},
          {"mask_norm", "foreground"},
          {"mask_twice", "0"},
          {"teacher_epochs", "1"},
          {"student_epochs", "0"}}},
        {MODE_RGB,
         "preset=ast, epochs=0",
         {{"mask", "none"},
          {"aggregate", "mean"},
          {"mask_twice", "0"},
          {"crop", "32"},
          {"score", "student"}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_scorer *scorer = ast_scorer(f->net, cases[i].mode, cases[i].options);
        for (int k = 0; k < 5; k++)
            assert_string_equal(option_of(scorer, cases[i].want[k][0]), cases[i].want[k][1]);
        ad_scorer_destroy(scorer);
    }
}

/* A crop is of the map, too: outside there is nothing. */
static void a_crop_of_pixels(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = ast_scorer(f->net, MODE_RGB, "size=40, crop=32, aggregate=max");
    float heat[MAP], largest = 0.0f;
    score_of(scorer, 4, 1, heat);
    for (int p = 0; p < MAP; p++) {
        const int x = p % TINY_SIDE, y = p / TINY_SIDE;
        if (x < 3 || x >= 37 || y < 3 || y >= 37)
            assert_true(heat[p] == 0.0f);
        largest = fmaxf(largest, heat[p]);
    }
    assert_true(largest > 0.0f);
    ad_scorer_destroy(scorer);
}

/* ---- Students ---- */

/* A student's kind is its fitter's: options of other methods are none of it. */
static void options_of_other_methods(void **state)
{
    const fixture *f = *state;
    ad_fitter *fit = NULL;
    for (int32_t kind = MINI_STFPM; kind <= MINI_UNET; kind++) {
        ad_student *s = mini_student(f->net, kind, 3);
        says(ad_fitter_create_with(s, "mask=none", &fit), AD_ERR_INVALID_ARGUMENT,
             "no option 'mask'");
        assert_null(fit);
        ad_student_destroy(s);
    }
    ad_student *s = ast_student(f->net, MODE_RGB, 3);
    says(ad_fitter_create_with(s, "momentum=0.9", &fit), AD_ERR_INVALID_ARGUMENT,
         "no option 'momentum'");
    assert_null(fit);
    ad_student_destroy(s);
}

/* A network of one layer, of `channels`. */
static ad_backbone *flat_network(const fixture *f, int channels)
{
    char text[300];
    ad_backbone *net = NULL;
    snprintf(text, sizeof text,
             "network flat\ninput_size 32\nmean 0.5 0.5 0.5\nstd 0.2 0.2 0.2\ninput image : channels=3\n"
             "conv2d l <- image : out=%d kernel=3 stride=4 pad=1\ntap layer3 <- l\n", channels);
    st_memory m = mini_weights(text);
    assert_int_equal(mini_open(f->context, text, &m, &net), AD_OK);
    st_memory_free(&m);
    return net;
}

/* Two channels are the fewest, and an odd number is halved unevenly. */
static void channels_of_a_layer(void **state)
{
    const fixture *f = *state;
    static const int counts[] = {1, 2, 3, 5, 7};
    for (int i = 0; i < 5; i++)
        for (int32_t mode = 0; mode < MODES; mode++) {
            ad_backbone *net = flat_network(f, counts[i]);
            ad_student *s = NULL; /* the last of four blocks has the larger kernel */
            const ad_status status = mini_create(
                net, MINI_AST, options("mode=%s, flow_blocks=4", mode_names[mode]).text, &s);
            if (counts[i] == 1 && mode == MODE_RGB) {
                says(status, AD_ERR_INVALID_ARGUMENT, "a flow of 1 channels: 2 to 8192 are possible");
                assert_null(s);
            } else {
                assert_int_equal(status, AD_OK);
                ad_scorer *scorer = ast_few(s, "", FEW), *loaded = NULL;
                assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
                if (ad_scorer_load_onto(net, f->file, &loaded) != AD_OK)
                    fail_msg("%s", ad_last_error_message());
                check_same(scorer, loaded, 0.0);
                ad_scorer_destroy(loaded);
                ad_scorer_destroy(scorer);
            }
            ad_student_destroy(s);
            ad_backbone_destroy(net);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_frames),       cmocka_unit_test(depth_without_meaning),
        cmocka_unit_test(foreground_that_is_lost),
        cmocka_unit_test(short_images),
        cmocka_unit_test(bad_options),      cmocka_unit_test(options_in_force),
        cmocka_unit_test(a_crop_of_pixels),
        cmocka_unit_test(options_of_other_methods),
        cmocka_unit_test(channels_of_a_layer),
    };
    return cmocka_run_group_tests_name("ast_input", tests, set_up_resnet, tear_down);
}
