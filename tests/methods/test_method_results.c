/* What a fit gives, for every method: it finds defects, in the same bits for any number of threads
 * and wherever features are kept, keeps them in files, and goes on with more images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "method_contract.h"

/* ---- It learns ---- */

/* Long enough to learn something; what a statistic needs are more images. The seed is one of a
 * student whose few channels are not dead from the beginning. */
static const char *longer(const method_row *r)
{
    static const char *const settings[][2] = {
        {"stfpm", "epochs=30, batch=8, optimizer=sgd, lr=0.2, patience=0, seed=2"},
        {"stfpm_unet",
         "epochs=40, pretrain_epochs=20, batch=8, lr=0.2, unet_lr=1e-2, pretrain_lr=1e-2"},
        {"ast", "teacher_epochs=30, student_epochs=30, batch=8, lr=5e-3, validation_share=0"},
        {"masked_rd", "epochs=20, batch=8, lr=0.01"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i][0], r->method) == 0)
            return settings[i][1];
    return NULL;
}

/* The mean over the defect's square. */
static double heat_inside(const float *heat)
{
    double sum = 0.0;
    for (int p = 0; p < MAP; p++)
        if (p % TINY_SIDE >= 20 && p % TINY_SIDE < 28 && p / TINY_SIDE >= 8 && p / TINY_SIDE < 16)
            sum += heat[p] / 64.0;
    return sum;
}

/* Where there is a defect, of the pixels and of the depth, the map becomes hotter. */
static void finds_defects(void **state)
{
    (void)state;
    EACH_ROW(r)
    {
        fixture *f = open_row(r);
        ad_fitter *fit = row_fitter(f->net, NULL, r, longer(r));
        ad_scorer *scorer = NULL;
        add_range(fit, 0, GOOD);
        assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
        double good = 0.0, bad = 0.0;
        for (int64_t i = 40; i < 50; i++) {
            float heat[MAP];
            assert_true(score_of(scorer, i, 0, heat) == score_of(scorer, i, 0, NULL));
            good += heat_inside(heat);
            score_of(scorer, i, 3, heat);
            bad += heat_inside(heat);
        }
        if (!(bad > 1.3 * good))
            fail_msg("%s '%s': the map of a defect has %g, without it %g", r->method, r->options,
                     bad, good);
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
        close_row(f);
    }
}

/* ---- The same bits ---- */

static uint8_t *scorer_bytes(const fixture *f, const ad_scorer *scorer, size_t *out_size)
{
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    return file_bytes(f->file, out_size);
}

/* A second fit, and fits with other numbers of threads, give the same file and the same scores. */
static void bits_of_threads(void **state)
{
    (void)state;
    static const int32_t threads[] = {2, 2, 1, 3, 5};
    EACH_ROW(r)
    {
        fixture *f = open_row(r);
        uint8_t *want = NULL;
        size_t want_size = 0;
        static float scores[2][6], maps[2][6][MAP];
        for (int t = 0; t < 5; t++) {
            fault_alloc counter = {0};
            ad_context *context = counted_context(&counter, threads[t]);
            ad_backbone *net = row_network(context, r);
            ad_scorer *scorer = row_finish(row_fitter(net, NULL, r, NULL), r);
            size_t size;
            uint8_t *bytes = scorer_bytes(f, scorer, &size);
            const int now = t > 0;
            for (int64_t i = 0; i < 6; i++)
                scores[now][i] = score_of(scorer, 300 + i, (int)i & 3, maps[now][i]);
            if (t) {
                if (size != want_size || memcmp(bytes, want, size) != 0)
                    fail_msg("%s '%s': %d threads give another scorer than 2", r->method,
                             r->options, threads[t]);
                assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
                assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
                free(bytes);
            } else {
                want = bytes;
                want_size = size;
            }
            ad_scorer_destroy(scorer);
            ad_backbone_destroy(net);
            ad_context_destroy(context);
        }
        free(want);
        close_row(f);
    }
}

/* Features that are kept in memory, in part, in a file, or computed again. */
static void bits_of_the_cache(void **state)
{
    (void)state;
    static const char *const kept[] = {"feature_cache=1000000", "feature_cache=0",
                                       "feature_cache=6143", "feature_cache=6144",
                                       "feature_cache=20000"};
    EACH_TRAINED(r)
    {
        fixture *f = open_row(r);
        ad_student *want = row_student(f->net, r, 3);
        ad_scorer *scorer = row_finish(row_fitter(f->net, want, r, NULL), r);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
            const int ast = strcmp(r->method, "ast") == 0; /* which computes none again */
            ad_student *s = row_student(f->net, r, 3);
            const option_text more = options("%s%s", kept[i], ast ? ", cache_file=1000000" : "");
            ad_scorer *same = row_finish(row_fitter(f->net, s, r, more.text), r);
            if (!same_student(s, want))
                fail_msg("%s '%s': another student with %s", r->method, r->options, more.text);
            check_same(scorer, same, 0.0);
            check_same_normal(scorer, same);
            assert_int_equal(rmdir(folder), 0); /* nothing is left there */
            assert_int_equal(mkdir(folder, 0700), 0);
            ad_scorer_destroy(same);
            ad_student_destroy(s);
        }
        ad_scorer_destroy(scorer);
        ad_student_destroy(want);
        close_row(f);
    }
}

/* ---- Files ---- */

static void a_file_keeps_its_bits(void **state)
{
    (void)state;
    EACH_ROW(r)
    for (int embed = 0; embed < 2; embed++) {
        fixture *f = open_row(r);
        ad_scorer *scorer = row_finish(row_fitter(f->net, NULL, r, NULL), r);
        ad_scorer *loaded = check_file(f, scorer, embed);
        for (int defect = 0; defect < 4; defect++)
            assert_true(score_of(scorer, 400, defect, NULL) == score_of(loaded, 400, defect, NULL));
        ad_scorer_destroy(loaded);
        ad_scorer_destroy(scorer);
        close_row(f);
    }
}

/* Of all phases. */
static const char *no_epochs(const method_row *r)
{
    return strcmp(r->method, "ast") == 0          ? "teacher_epochs=0, student_epochs=0"
           : strcmp(r->method, "stfpm_unet") == 0 ? "epochs=0, pretrain_epochs=0"
                                                  : "epochs=0";
}

/* A student that was saved and loaded goes where the other goes that was not. */
static void a_student_goes_on(void **state)
{
    (void)state;
    EACH_TRAINED(r)
    {
        fixture *f = open_row(r);
        ad_student *s = row_student(f->net, r, 3), *later = NULL;
        ad_scorer *scorer = row_finish(row_fitter(f->net, s, r, NULL), r);
        const int32_t epochs = epochs_trained(s);
        assert_in_range(epochs, 1, 3);
        assert_int_equal(ad_student_save(s, f->file), AD_OK);
        assert_int_equal(ad_student_load(f->net, f->file, NULL, NULL, &later), AD_OK);
        assert_true(same_student(s, later));
        assert_int_equal(epochs_trained(later), epochs);
        ad_scorer *same = row_finish(row_fitter(f->net, later, r, no_epochs(r)), r); /* as it is */
        assert_true(same_student(s, later));
        check_same(scorer, same, 0.0);
        check_same_normal(scorer, same);
        ad_scorer_destroy(same);
        ad_scorer_destroy(scorer);
        scorer = row_finish(row_fitter(f->net, s, r, "seed=6"), r);
        same = row_finish(row_fitter(f->net, later, r, "seed=6"), r);
        assert_true(same_student(s, later));
        check_same(scorer, same, 0.0);
        assert_true(epochs_trained(later) > epochs && epochs_trained(later) == epochs_trained(s));
        ad_scorer_destroy(same);
        ad_scorer_destroy(scorer);
        ad_student_destroy(later);
        ad_student_destroy(s);
        close_row(f);
    }
}

/* ---- More images, and too few ---- */

static void goes_on_with_more_images(void **state)
{
    (void)state;
    EACH_ROW(r)
    {
        fixture *f = open_row(r);
        ad_student *s = r->student ? row_student(f->net, r, 0) : NULL;
        ad_fitter *fit = row_fitter(f->net, s, r, NULL);
        ad_scorer *first = NULL, *again = NULL, *more = NULL;
        add_range(fit, 0, row_images(r));
        assert_int_equal(ad_fitter_finish(fit, &first), AD_OK);
        const int32_t epochs = s ? epochs_trained(s) : 0;
        assert_int_equal(ad_fitter_finish(fit, &again), AD_OK); /* nothing new, nothing to train */
        check_same(first, again, 0.0);
        check_same_normal(first, again);
        assert_int_equal(s ? epochs_trained(s) : 0, epochs);
        add_range(fit, 60, 65);
        assert_int_equal(ad_fitter_finish(fit, &more), AD_OK);
        assert_true(!s || epochs_trained(s) > epochs);
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(more, &info), AD_OK);
        assert_int_equal(info.image_count, row_images(r) + 5);
        assert_true(score_of(more, 300, 1, NULL) != score_of(first, 300, 1, NULL));
        /* The first scorer stands as it was: a student goes on, not what was made of it. */
        ad_scorer *as_first = row_finish(row_fitter(f->net, NULL, r, NULL), r);
        check_same(first, as_first, 0.0);
        ad_scorer_destroy(as_first);
        ad_scorer_destroy(first);
        ad_scorer_destroy(again);
        ad_scorer_destroy(more);
        ad_fitter_destroy(fit);
        ad_student_destroy(s);
        close_row(f);
    }
}

static void too_few_images(void **state)
{
    (void)state;
    static const char *const sentences[] = {
        "0 images leave 0 to train on beside 0 held out",
        "1 images leave 0 to train on beside 1 held out",
        "2 images leave 1 to train on beside 1 held out, at least 2"};
    EACH_ROW(r)
    {
        fixture *f = open_row(r);
        ad_student *s = r->student ? row_student(f->net, r, 3) : NULL;
        ad_student *untouched = r->student ? row_student(f->net, r, 3) : NULL;
        ad_fitter *fit = row_fitter(f->net, s, r, s ? "validation_share=0.2" : NULL);
        ad_scorer *scorer = NULL;
        for (int64_t i = 0; i < (s ? 3 : 2); i++) {
            refused(ad_fitter_finish(fit, &scorer), AD_ERR_STATE,
                    s ? sentences[i] : "needs at least 2");
            assert_null(scorer);
            add_range(fit, i, i + 1);
        }
        if (s) {
            assert_true(same_student(s, untouched));
            assert_int_equal(ad_fitter_finish(fit, &scorer),
                             AD_OK); /* two to train on, one held out */
            ad_scorer_destroy(scorer);
        }
        ad_fitter_destroy(fit);
        ad_student_destroy(untouched);
        ad_student_destroy(s);
        close_row(f);
    }
}

/* Statistics of several fits are those of one; a training takes all images itself. */
static void merged(void **state)
{
    (void)state;
    EACH_ROW(r)
    {
        fixture *f = open_row(r);
        ad_fitter *a = row_fitter(f->net, NULL, r, NULL), *b = row_fitter(f->net, NULL, r, NULL);
        if (r->student) {
            refused(ad_fitter_merge(a, b), AD_ERR_UNSUPPORTED,
                    "cannot be merged: add all images to one");
            ad_fitter_destroy(a);
            ad_fitter_destroy(b);
        } else {
            ad_scorer *whole = row_finish(row_fitter(f->net, NULL, r, NULL), r);
            ad_scorer *parts = merge_three(a, b, row_fitter(f->net, NULL, r, NULL));
            check_same(whole, parts, 1e-5); /* float results of statistics that agree to 1e-10 */
            ad_scorer_destroy(parts);
            ad_scorer_destroy(whole);
        }
        close_row(f);
    }
}

/* Cancelled while images are read: what was added stays, and the fit goes on with the rest. */
static void cancelled_while_adding(void **state)
{
    (void)state;
    EACH_ROW(r)
    {
        if (r->student && strstr(r->student, "mode=")) /* the dataset has no depth */
            continue;
        fixture *f = open_row(r);
        ad_fitter *fit = row_fitter(f->net, NULL, r, NULL);
        ad_scorer *scorer = NULL, *want = row_finish(row_fitter(f->net, NULL, r, NULL), r);
        listener l = {.cancel_at = 6};
        ad_fit_options o;
        ad_fit_options_init(&o, sizeof o);
        o.progress = on_progress;
        o.user = &l;
        refused(ad_fit(fit, f->good, &o, &scorer), AD_ERR_CANCELLED, "after 5 of 40 images");
        assert_null(scorer);
        assert_int_equal(ad_fitter_count(fit), 5);
        add_range(fit, 5, row_images(r));
        assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
        check_same(scorer, want, 0.0);
        ad_scorer_destroy(want);
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
        close_row(f);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_defects),          cmocka_unit_test(bits_of_threads),
        cmocka_unit_test(bits_of_the_cache),      cmocka_unit_test(a_file_keeps_its_bits),
        cmocka_unit_test(a_student_goes_on),      cmocka_unit_test(goes_on_with_more_images),
        cmocka_unit_test(too_few_images),         cmocka_unit_test(merged),
        cmocka_unit_test(cancelled_while_adding),
    };
    asked_method = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests_name("method_results", tests, set_up_checkpoints,
                                       tear_down_checkpoints);
}
