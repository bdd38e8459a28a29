/* Training AST through the public calls: batches and phases as told, a disk that is full, caches that
 * are too small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>

#include "ast_case.h"

/* ---- Batches and phases ---- */

typedef struct teller {
    ad_train_progress seen[64];
    int count, cancel_at;
} teller;

static int keep(void *user, const ad_train_progress *p)
{
    teller *t = user;
    assert_in_range(t->count, 0, 63);
    t->seen[t->count++] = *p;
    return t->count == t->cancel_at;
}

static ad_status tell(ad_student *s, const char *settings, int64_t images, int cancel_at, teller *t)
{
    ad_fitter *fit = ast_fitter(s, settings);
    ad_scorer *scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    *t = (teller){.cancel_at = cancel_at};
    o.train = keep;
    o.user = t;
    add_range(fit, 0, images);
    const ad_status status = ad_fit(fit, NULL, &o, &scorer);
    assert_true((status == AD_OK) == (scorer != NULL));
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    return status;
}

/* What is left of an epoch is dropped, but where that is all. */
static void batches(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *settings;
        int64_t images;
        int32_t batches;
    } cases[] = {{"validation_share=0, batch=3", 7, 2}, {"validation_share=0, batch=3", 6, 2},
                 {"validation_share=0, batch=8", 7, 1}, {"validation_share=0, batch=7", 7, 1},
                 {"validation_share=0, batch=1", 3, 3}, {"validation_share=0.3, batch=2", 8, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_student *s = ast_student(f->net, MODE_RGB, 3);
        teller t;
        assert_int_equal(tell(s, cases[i].settings, cases[i].images, 0, &t), AD_OK);
        const int32_t n = cases[i].batches;
        assert_int_equal(t.count, 1 + 2 * 2 * (n + 1)); /* the trial; in both phases two epochs of batches and an end */
        for (int k = 0; k < t.count; k++) {
            const ad_train_progress *p = &t.seen[k];
            const int step = (k - 1) % (n + 1), student = k > 2 * (n + 1);
            assert_int_equal(p->batches, n);
            assert_int_equal(p->phases, 2);
            assert_int_equal(p->phase_index, student);
            assert_string_equal(p->phase, student ? "student" : "teacher");
            assert_int_equal(p->epochs, 2);
            assert_true(isfinite(p->seconds_left) && p->seconds_left >= 0.0 && p->seconds >= 0.0);
            if (k == 0) {
                assert_int_equal(p->batch, 0);
                assert_int_equal(p->epoch, 1);
                assert_true(p->seconds_left > 0.0);
                continue;
            }
            assert_int_equal(p->epoch_done, step == n);
            assert_int_equal(p->batch, step == n ? n : step + 1);
            assert_int_equal(p->epoch, (k - 1) / (n + 1) % 2 + 1);
            assert_null(p->loss_part_names[0]);
            assert_true(p->epoch_done && cases[i].images == 8 ? isfinite(p->validation) : 1);
        }
        ad_student_destroy(s);
    }
}

/* A phase without epochs is not there, and what it would have trained stays. */
static void phases(void **state)
{
    const fixture *f = *state;
    ad_student *s = ast_student(f->net, MODE_RGB, 3);
    teller t;
    assert_int_equal(tell(s, "teacher_epochs=0", FEW, 0, &t), AD_OK);
    for (int i = 0; i < t.count; i++) {
        assert_string_equal(t.seen[i].phase, "student");
        assert_int_equal(t.seen[i].phases, 1);
    }
    assert_int_equal(t.count, 1 + 2 * 4);
    assert_int_equal(s->epochs_trained, 2);
    float *before = malloc(s->modules[ADI_AST_STUDENT].module->total * sizeof *before);
    memcpy(before, s->modules[ADI_AST_STUDENT].module->values, s->modules[ADI_AST_STUDENT].module->total * sizeof *before);
    assert_int_equal(tell(s, "student_epochs=0", FEW, 0, &t), AD_OK);
    for (int i = 0; i < t.count; i++)
        assert_string_equal(t.seen[i].phase, "teacher");
    assert_memory_equal(before, s->modules[ADI_AST_STUDENT].module->values, s->modules[ADI_AST_STUDENT].module->total * sizeof *before); /* the student stays */
    assert_int_equal(s->epochs_trained, 2);
    assert_int_equal(tell(s, "epochs=0", FEW, 0, &t), AD_OK);
    assert_int_equal(t.count, 0);
    free(before);
    ad_student_destroy(s);
}

/* The first call comes behind a trial that has changed nothing; who does not listen gets the same student. */
static void cancelled_at_the_first_call(void **state)
{
    const fixture *f = *state;
    for (int32_t mode = 0; mode < MODES; mode++) {
        ad_student *s = ast_student(f->net, mode, 3), *untouched = ast_student(f->net, mode, 3);
        teller t;
        refused(tell(s, "", FEW, 1, &t), AD_ERR_CANCELLED, "the training was cancelled before its first batch");
        assert_int_equal(t.count, 1);
        assert_int_equal(t.seen[0].batch, 0);
        assert_string_equal(t.seen[0].phase, "teacher");
        assert_true(same_student(s, untouched));
        assert_int_equal(s->epochs_trained, 0);
        assert_int_equal(tell(s, "", FEW, 0, &t), AD_OK);
        ad_scorer_destroy(ast_few(untouched, "", FEW));
        assert_true(same_student(s, untouched));
        ad_student_destroy(s);
        ad_student_destroy(untouched);
    }
}

/* An image that is refused in between leaves the training as it was. */
static void refused_while_cancelled(void **state)
{
    const fixture *f = *state;
    ad_student *want = ast_student(f->net, MODE_COMBI, 3), *s = ast_student(f->net, MODE_COMBI, 3);
    ad_fitter *fit = ast_fitter(s, "");
    ad_scorer *scorer = NULL;
    listener l;
    ad_fit_options o = listen(&l, s, NULL);
    tiny_frame frame;
    ad_image image = tiny_rgbd(&frame, 500, 1);
    ad_scorer_destroy(ast_few(want, "", FEW));
    l.cancel_at = 100;
    add_range(fit, 0, FEW);
    refused(ad_fit(fit, NULL, &o, &scorer), AD_ERR_CANCELLED, "cancelled");
    free(l.values);
    image.depth = NULL;
    refused(ad_fitter_add(fit, &image), AD_ERR_INVALID_ARGUMENT, "no depth plane");
    assert_int_equal(ad_fitter_count(fit), FEW);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    assert_true(same_student(s, want));
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
    ad_student_destroy(want);
}

/* A learning rate that diverges leaves a student that is finite. */
static void diverges(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {
        "epochs=20, lr=1e12", "epochs=20, lr=1e12, validation_share=0",
        "teacher_epochs=0, student_epochs=20, lr=1e12, weight_decay=1e12"};
    for (int i = 0; i < 3; i++) {
        ad_student *s = ast_student(f->net, MODE_RGB, 3);
        ad_fitter *fit = ast_fitter(s, settings[i]);
        ad_scorer *scorer = NULL;
        add_range(fit, 0, FEW);
        const ad_status status = ad_fitter_finish(fit, &scorer);
        refused(status, AD_ERR_NUMERIC, "");
        assert_null(scorer);
        size_t count;
        float *values = student_values(s, &count);
        for (size_t k = 0; k < count; k++)
            assert_true(isfinite(values[k]));
        free(values);
        ad_fitter_destroy(fit);
        ad_student_destroy(s);
    }
}

/* ---- A full disk, and backends ---- */

/* A disk that is full while features are written, and has room again. */
static void a_full_disk(void **state)
{
    const fixture *f = *state;
    ad_student *s = ast_student(f->net, MODE_COMBI, 3), *want = ast_student(f->net, MODE_COMBI, 3);
    char text[700];
    snprintf(text, sizeof text, "feature_cache=0, cache_file=1000000, cache_dir=%s", folder);
    ad_fitter *fit = ast_fitter(s, text);
    ad_scorer *scorer = NULL;
    tiny_frame frame;
    struct rlimit limit;
    const ad_image image = tiny_rgbd(&frame, 3, 0);
    const struct rlimit small = {4 * POSITIONS * 71 * 3 + 1000, 0};
    ad_scorer_destroy(ast_few(want, "", FEW));
    add_range(fit, 0, 3);
    const size_t memory = ad_fitter_memory(fit);
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int again = 0; again < 2; again++) {
        const struct rlimit full = {small.rlim_cur, limit.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        const ad_status status = ad_fitter_add(fit, &image);
        char sentence[300];
        snprintf(sentence, sizeof sentence, "%s", ad_last_error_message());
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_string_equal(ad_status_name(status), "AD_ERR_IO");
        if (!strstr(sentence, "the cache file in cache_dir could not take image 4, after "))
            fail_msg("%s", sentence);
        assert_int_equal(ad_fitter_count(fit), 3);
        assert_int_equal(ad_fitter_memory(fit), memory);
    }
    signal(SIGXFSZ, handler);
    add_range(fit, 3, FEW);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    assert_true(same_student(s, want));
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
    ad_student_destroy(want);
}

static ad_context *context_of(const char *device, int32_t threads)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = threads;
    o.device = device;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    return context;
}

/* cpu goes where ref goes, as far as rounding lets it: Adam's first steps make much of gradients that are all but 0. */
static void backends_agree(void **state)
{
    (void)state;
    for (int32_t mode = 0; mode < MODES; mode++) {
        float scores[2][4];
        for (int b = 0; b < 2; b++) {
            ad_context *context = context_of(b ? "cpu" : "ref", 2);
            ad_backbone *net = mini_teacher(context);
            ad_scorer *scorer = ast_scorer(net, mode, "");
            for (int64_t i = 0; i < 4; i++)
                scores[b][i] = score_of(scorer, 300 + i, (int)i, NULL);
            ad_scorer_destroy(scorer);
            ad_backbone_destroy(net);
            ad_context_destroy(context);
        }
        for (int i = 0; i < 4; i++)
            if (!(fabsf(scores[0][i] - scores[1][i]) <= 1e-3f * fabsf(scores[0][i])))
                fail_msg("%s: ref scores %.9g, cpu %.9g", mode_names[mode], (double)scores[0][i], (double)scores[1][i]);
    }
}

/* ---- Memory ---- */

/* What neither memory nor the file takes. */
static void caches_that_are_full(void **state)
{
    const fixture *f = *state;
    ad_student *s = ast_student(f->net, MODE_RGB, 3);
    char text[700];
    tiny_frame frame;
    const ad_image image = tiny_rgbd(&frame, 9, 0);
    ad_fitter *fit = ast_fitter(s, "feature_cache=3600"); /* two of 1792 bytes */
    add_range(fit, 0, 2);
    refused(ad_fitter_add(fit, &image), AD_ERR_OUT_OF_MEMORY, "image 3: the features of 3 images take 5376 bytes; feature_cache "
            "is 3600");
    assert_int_equal(ad_fitter_count(fit), 2);
    ad_fitter_destroy(fit);
    snprintf(text, sizeof text, "feature_cache=3600, cache_file=5400, cache_dir=%s",
             folder); /* and three */
    fit = ast_fitter(s, text);
    add_range(fit, 0, 5);
    refused(ad_fitter_add(fit, &image), AD_ERR_OUT_OF_MEMORY, "and cache_file 5400: raise them");
    assert_int_equal(ad_fitter_count(fit), 5);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches),
        cmocka_unit_test(phases),
        cmocka_unit_test(cancelled_at_the_first_call),
        cmocka_unit_test(refused_while_cancelled),
        cmocka_unit_test(diverges),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(backends_agree),
        cmocka_unit_test(caches_that_are_full),
    };
    return cmocka_run_group_tests_name("ast_training", tests, set_up_folder, tear_down_folder);
}
