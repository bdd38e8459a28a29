/* Same input, same bits: from any thread, for any number of threads, on a tiny
 * network (larger ones are in golden/test_networks.c). Also run under the thread sanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "harness/tiny.h"
#include "harness/tiny_rd.h"

enum { THREADS = 4, IMAGES = 12, ROUNDS = 5, MAP = TINY_SIDE * TINY_SIDE };

typedef struct results {
    float scores[IMAGES];
    float maps[IMAGES][MAP];
} results;

typedef struct fixture {
    char *weights;
    ad_context *context;
    ad_backbone *net;
    ad_scorer *scorer;
    const char *method;
} fixture;

/* Which have a teacher of their own. */
static int is_rd(const char *method)
{
    return strcmp(method, "masked_rd") == 0 || strcmp(method, "rd4ad") == 0;
}

static ad_status make_fitter(ad_backbone *net, const char *method, ad_fitter **out)
{
    if (is_rd(method))
        return tiny_rd_fitter(net, method, out);
    if (strcmp(method, "ast_combi") == 0)
        return tiny_fitter(net, "ast", "mode=combi", out);
    return tiny_fitter(net, method, strcmp(method, "padim") == 0 ? "covariance=ledoit_wolf" : "",
                       out);
}

static ad_scorer *fit_with(const char *method, int32_t num_threads, const char *weights, ad_context **out_context,
                           ad_backbone **out_net)
{
    static tiny_frame frame;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = num_threads;
    ad_dataset *good = NULL;
    ad_fitter *fit = NULL;
    ad_scorer *scorer = NULL;
    assert_int_equal(ad_context_create(&o, out_context), AD_OK);
    assert_int_equal((is_rd(method) ? tiny_rd_open : tiny_open)(*out_context, weights, out_net), AD_OK);
    assert_int_equal(ad_dataset_from_callback(*out_context, tiny_rgbd_callback, &frame, 30, &good), AD_OK);
    assert_int_equal(make_fitter(*out_net, method, &fit), AD_OK);
    if (ad_fit(fit, good, NULL, &scorer) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    ad_fitter_destroy(fit);
    ad_dataset_destroy(good);
    return scorer;
}

static int set_up_method(void **state, const char *method)
{
    fixture *f = calloc(1, sizeof *f);
    f->method = method;
    f->weights = tiny_path("weights");
    *state = f;
    if (is_rd(method) ? tiny_rd_weights(f->weights) : tiny_weights(f->weights, ""))
        return 1;
    f->scorer = fit_with(method, 2, f->weights, &f->context, &f->net);
    return 0;
}

static int set_up(void **state)
{
    return set_up_method(state, "gaussian");
}

static int set_up_padim(void **state)
{
    return set_up_method(state, "padim");
}

static int set_up_stfpm(void **state)
{
    return set_up_method(state, "stfpm");
}

static int set_up_stfpm_unet(void **state)
{
    return set_up_method(state, "stfpm_unet");
}

static int set_up_ast(void **state)
{
    return set_up_method(state, "ast");
}

static int set_up_ast_combi(void **state)
{
    return set_up_method(state, "ast_combi");
}

static int set_up_masked_rd(void **state)
{
    return set_up_method(state, "masked_rd");
}

static int set_up_rd4ad(void **state)
{
    return set_up_method(state, "rd4ad");
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

static int score_image(ad_scorer *scorer, int64_t i, results *r)
{
    tiny_frame frame;
    const ad_image image = tiny_rgbd(&frame, 100 + i, (int)(i & 3));
    const ad_map map = AD_MAP_INIT(r->maps[i], TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    return ad_anomaly_map(scorer, &image, &map, &r->scores[i]) != AD_OK;
}

typedef struct job {
    pthread_t thread;
    ad_scorer *scorer;
    ad_backbone *net;
    int start, failures;
    results out;
    float features[12 * 10 * 10];
} job;

static void *score_all(void *user)
{
    job *j = user;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < IMAGES; i++) /* each thread in an order of its own */
            j->failures += score_image(j->scorer, (i + j->start) % IMAGES, &j->out);
    ad_scorer_destroy(j->scorer); /* every thread owns a reference */
    return NULL;
}

static void one_scorer_many_threads(void **state)
{
    const fixture *f = *state;
    results *alone = calloc(1, sizeof *alone);
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(score_image(f->scorer, i, alone), 0);
    job *jobs = calloc(THREADS, sizeof *jobs);
    for (int t = 0; t < THREADS; t++) {
        jobs[t].scorer = ad_scorer_retain(f->scorer);
        jobs[t].start = 3 * t;
        assert_int_equal(pthread_create(&jobs[t].thread, NULL, score_all, &jobs[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(jobs[t].thread, NULL);
        assert_int_equal(jobs[t].failures, 0);
        assert_memory_equal(&jobs[t].out, alone, sizeof *alone);
    }
    free(jobs);
    free(alone);
}

/* Different layers at once, so that the kept extractor is replaced while others still use it. */
static void *extract(void *user)
{
    job *j = user;
    static const char *const layers[] = {"shallow", "deep"};
    for (int round = 0; round < 20; round++) {
        uint8_t pixels[TINY_PIXELS];
        tiny_image(pixels, round, 0);
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
        ad_features features = {.struct_size = sizeof features, .layer = layers[(round + j->start) % 2],
                                .data = j->features, .capacity = 12 * 10 * 10};
        j->failures += ad_extract_features(j->net, &image, "size=20", &features, 1) != AD_OK;
    }
    return NULL;
}

static void features_from_many_threads(void **state)
{
    const fixture *f = *state;
    job *jobs = calloc(THREADS, sizeof *jobs);
    for (int t = 0; t < THREADS; t++) {
        jobs[t].net = f->net;
        jobs[t].start = t;
        assert_int_equal(pthread_create(&jobs[t].thread, NULL, extract, &jobs[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(jobs[t].thread, NULL);
        assert_int_equal(jobs[t].failures, 0);
    }
    assert_memory_equal(jobs[0].features, jobs[2].features, sizeof jobs[0].features);
    assert_memory_equal(jobs[1].features, jobs[3].features, sizeof jobs[0].features);
    free(jobs);
}

/* Fit and score again from nothing with other thread counts: the fit's bits are equal too. */
static void any_thread_count(void **state)
{
    const fixture *f = *state;
    static const int32_t counts[] = {1, 3, 8};
    results *want = calloc(1, sizeof *want), *got = calloc(1, sizeof *got);
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(score_image(f->scorer, i, want), 0);
    for (int c = 0; c < 3; c++) {
        ad_context *context = NULL;
        ad_backbone *net = NULL;
        ad_scorer *scorer = fit_with(f->method, counts[c], f->weights, &context, &net);
        ad_context_destroy(context); /* children keep it alive */
        ad_backbone_destroy(net);
        for (int i = 0; i < IMAGES; i++)
            assert_int_equal(score_image(scorer, i, got), 0);
        assert_memory_equal(got, want, sizeof *got);
        ad_scorer_destroy(scorer);
    }
    free(want);
    free(got);
}

/* A child has none of the threads that worked for its parent. */
static void forked_children(void **state)
{
    fixture *f = *state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it does not let a child make threads */
#endif
    static uint8_t pixels[TINY_PIXELS];
    ad_image image;
    float expected, score;
    tiny_callback(pixels, 3, &image);
    assert_int_equal(ad_score_image(f->scorer, &image, &expected), AD_OK);
    for (int i = 0; i < 20; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(ad_score_image(f->scorer, &image, &score) != AD_OK || score != expected);
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(ad_score_image(f->scorer, &image, &score), AD_OK);
        assert_true(score == expected);
    }
}

/* A message belongs to the thread that failed. */
static void *fail_here(void *user)
{
    const int bad = ad_score_image(NULL, NULL, NULL) != AD_ERR_INVALID_ARGUMENT;
    *(int *)user = bad || !strstr(ad_last_error_message(), "ad_score_image");
    return NULL;
}

static void messages_are_per_thread(void **state)
{
    (void)state;
    pthread_t thread;
    int bad = 1;
    assert_int_equal(ad_auroc(NULL, NULL, 0, NULL), AD_ERR_INVALID_ARGUMENT);
    char before[1024];
    snprintf(before, sizeof before, "%s", ad_last_error_message());
    assert_int_equal(pthread_create(&thread, NULL, fail_here, &bad), 0);
    pthread_join(thread, NULL);
    assert_int_equal(bad, 0);
    assert_string_equal(before, ad_last_error_message());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_scorer_many_threads), cmocka_unit_test(features_from_many_threads),
        cmocka_unit_test(any_thread_count),        cmocka_unit_test(messages_are_per_thread),
        cmocka_unit_test(forked_children),
    };
    const struct CMUnitTest scorer_tests[] = {cmocka_unit_test(one_scorer_many_threads),
                                              cmocka_unit_test(any_thread_count)};
    return cmocka_run_group_tests_name("threads", tests, set_up, tear_down)
           + cmocka_run_group_tests_name("threads with padim", scorer_tests, set_up_padim, tear_down)
           + cmocka_run_group_tests_name("threads with stfpm", scorer_tests, set_up_stfpm, tear_down)
           + cmocka_run_group_tests_name("threads with stfpm_unet", scorer_tests, set_up_stfpm_unet, tear_down)
           + cmocka_run_group_tests_name("threads with ast", scorer_tests, set_up_ast, tear_down)
           + cmocka_run_group_tests_name("threads with ast and depth", scorer_tests, set_up_ast_combi, tear_down)
           + cmocka_run_group_tests_name("threads with masked_rd", scorer_tests, set_up_masked_rd, tear_down)
           + cmocka_run_group_tests_name("threads with rd4ad", scorer_tests, set_up_rd4ad, tear_down);
}
