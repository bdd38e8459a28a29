/* ad_score_batch: the bits of single calls whatever the threads and the count, the first failure in order, and wrong
 * arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/method_case.h"

enum { IMAGES = 7 };

typedef struct frames {
    uint8_t pixels[IMAGES][TINY_PIXELS];
    float heat[IMAGES][TINY_SIDE * TINY_SIDE], one[TINY_SIDE * TINY_SIDE];
    ad_image images[IMAGES];
    ad_map maps[IMAGES];
    float scores[IMAGES];
} frames;

static ad_scorer *fit_on(ad_context *context, const fixture *f, ad_backbone **out_net)
{
    ad_fitter *fitter = NULL;
    ad_dataset *good = NULL;
    ad_scorer *scorer = NULL;
    uint8_t pixels[TINY_PIXELS];
    if (tiny_open(context, f->weights, out_net)
        || ad_dataset_from_callback(context, tiny_callback, pixels, 30, &good)
        || ad_fitter_create(*out_net, "gaussian", NULL, &fitter)
        || ad_fit(fitter, good, NULL, &scorer))
        fail_msg("%s", ad_last_error_message());
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    return scorer;
}

/* Of different sizes: rows fewer by the index. */
static frames *make_frames(void)
{
    frames *s = calloc(1, sizeof *s);
    for (int i = 0; i < IMAGES; i++) {
        tiny_image(s->pixels[i], 900 + i, i & 1);
        s->images[i] = (ad_image)AD_IMAGE_INIT(AD_PIXEL_RGB8, s->pixels[i], TINY_SIDE, TINY_SIDE - i, TINY_SIDE * 3);
        s->maps[i] = (ad_map)AD_MAP_INIT(s->heat[i], TINY_SIDE, TINY_SIDE - i, TINY_SIDE * sizeof(float));
    }
    return s;
}

static void bits_of_single_calls(void **state)
{
    const fixture *f = *state;
    frames *s = make_frames();
    for (int32_t threads = 1; threads <= 4; threads++) {
        ad_context_options o;
        ad_context *context = NULL;
        ad_backbone *net = NULL;
        ad_context_options_init(&o, sizeof o);
        o.num_threads = threads;
        assert_int_equal(ad_context_create(&o, &context), AD_OK);
        ad_scorer *scorer = fit_on(context, f, &net);
        for (int count = 1; count <= IMAGES; count++) {
            memset(s->heat, 0, sizeof s->heat);
            memset(s->scores, 0, sizeof s->scores);
            if (ad_score_batch(scorer, s->images, count, s->maps, s->scores))
                fail_msg("%s", ad_last_error_message());
            for (int i = 0; i < count; i++) {
                float score = 0.0f;
                const int64_t h = TINY_SIDE - i;
                const ad_map map = AD_MAP_INIT(s->one, TINY_SIDE, h, TINY_SIDE * sizeof(float));
                assert_int_equal(ad_anomaly_map(scorer, &s->images[i], &map, &score), AD_OK);
                assert_memory_equal(&score, &s->scores[i], sizeof score);
                assert_memory_equal(s->one, s->heat[i], (size_t)(TINY_SIDE * h) * sizeof(float));
            }
            float scores[IMAGES];
            assert_int_equal(ad_score_batch(scorer, s->images, count, NULL, scores), AD_OK);
            assert_memory_equal(scores, s->scores, (size_t)count * sizeof *scores);
            float wanted[IMAGES][TINY_SIDE * TINY_SIDE];
            memcpy(wanted, s->heat, sizeof wanted);
            memset(s->heat, 0, sizeof s->heat);
            assert_int_equal(ad_score_batch(scorer, s->images, count, s->maps, NULL), AD_OK);
            assert_memory_equal(s->heat, wanted, sizeof wanted);
        }
        ad_scorer_destroy(scorer);
        ad_backbone_destroy(net);
        ad_context_destroy(context);
    }
    free(s);
}

static void the_first_failure_is_said(void **state)
{
    const fixture *f = *state;
    frames *s = make_frames();
    ad_backbone *net = NULL;
    ad_scorer *scorer = fit_on(f->context, f, &net);
    s->images[5].row_bytes = s->images[6].row_bytes = 1;
    s->images[3].row_bytes = 2;
    assert_int_equal(ad_score_batch(scorer, s->images, IMAGES, NULL, s->scores), AD_ERR_INVALID_ARGUMENT);
    assert_true(strncmp(ad_last_error_message(), "image 3 of 7: ", 14) == 0);
    assert_true(strstr(ad_last_error_message(), "row_bytes"));
    for (int i = 0; i < 3; i++) {
        float score;
        assert_int_equal(ad_score_image(scorer, &s->images[i], &score), AD_OK);
        assert_true(score == s->scores[i]);
    }
    s->images[3].row_bytes = s->images[5].row_bytes = s->images[6].row_bytes = TINY_SIDE * 3;
    s->maps[5].data = NULL;
    assert_int_equal(ad_score_batch(scorer, s->images, IMAGES, s->maps, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(), "image 5 of 7: map: data is NULL");
    assert_int_equal(ad_score_batch(NULL, s->images, 1, NULL, s->scores), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_score_batch(scorer, NULL, 1, NULL, s->scores), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_score_batch(scorer, s->images, 1, NULL, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_score_batch(scorer, s->images, 0, NULL, s->scores), AD_ERR_INVALID_ARGUMENT);
    ad_scorer_destroy(scorer);
    ad_backbone_destroy(net);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_of_single_calls),
        cmocka_unit_test(the_first_failure_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
