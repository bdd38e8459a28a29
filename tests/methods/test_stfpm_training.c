/* Training STFPM through the public calls: cancelled anywhere and resumed with the same bits; finished, and going on; a
 * learning rate that diverges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stfpm_folder.h"

/* ---- Interrupted ---- */

/* A training that is cancelled at one call after the other, and goes on in this process or, with `resume`, from
 * the folder in another. In either case parameters are as after the latest complete batch. */
static void interrupted(const fixture *f, int32_t kind, const char *settings, int resume)
{
    ad_student *want = mini_student(f->net, kind, 3);
    ad_fitter *fit = mini_fitter(want, settings);
    ad_scorer *whole = NULL, *scorer = NULL;
    listener l;
    ad_fit_options o = listen(&l, want, NULL);
    add_range(fit, 0, FEW);
    assert_int_equal(ad_fit(fit, NULL, &o, &whole), AD_OK);
    const long calls = l.calls;
    free(l.values);
    ad_fitter_destroy(fit);
    const long stride = calls / 23 + 1;
    for (long at = 1; at <= calls; at += at > calls - 6 ? 1 : stride) {
        forget();
        ad_student *s = mini_student(f->net, kind, 3);
        fit = mini_fitter(s, settings);
        add_range(fit, 0, FEW);
        o = listen(&l, s, folder);
        l.cancel_at = at;
        refused(ad_fit(fit, NULL, &o, &scorer), AD_ERR_CANCELLED, "cancelled");
        assert_null(scorer);
        assert_int_equal(l.calls, at);
        size_t count;
        float *now = student_values(s, &count);
        if (at < calls) { /* the very last call comes behind the training, whose best is in place */
            assert_int_equal(count, l.count);
            assert_memory_equal(now, l.values, count * sizeof *now);
        }
        free(now);
        free(l.values);
        if (resume) {
            ad_fitter_destroy(fit);
            ad_student_destroy(s);
            s = mini_student(f->net, kind, 99); /* other beginnings are of no consequence */
            fit = mini_fitter(s, settings);
            add_range(fit, 0, FEW);
        }
        o = listen(&l, s, resume ? folder : NULL);
        if (ad_fit(fit, NULL, &o, &scorer) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        assert_int_equal(l.resumed, resume && l.batches + l.epochs > 0);
        if (!same_student(s, want))
            fail_msg("kind %d '%s': cancelled at call %ld of %ld, and another student", kind, settings, at, calls);
        check_same(scorer, whole, 0.0);
        ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_scorer_get_info(scorer, &x), AD_OK);
        assert_int_equal(ad_scorer_get_info(whole, &y), AD_OK);
        assert_true(x.normal_score == y.normal_score && x.normal_map == y.normal_map);
        assert_int_equal(s->epochs_trained, want->epochs_trained);
        free(l.values);
        ad_scorer_destroy(scorer);
        scorer = NULL;
        ad_fitter_destroy(fit);
        ad_student_destroy(s);
    }
    ad_scorer_destroy(whole);
    ad_student_destroy(want);
}

static void cancelled_and_resumed(void **state)
{
    for (int resume = 0; resume < 2; resume++) {
        interrupted(*state, AD_STUDENT_STFPM, "", resume);
        interrupted(*state, AD_STUDENT_STFPM, "optimizer=adam lr=0.01 feature_cache=0 patience=1 validation_share=0.3", resume);
        interrupted(*state, AD_STUDENT_STFPM_UNET, "pretrain_lr=1e-2 feature_cache=9000", resume);
        interrupted(*state, AD_STUDENT_STFPM_UNET, "validation_share=0 rec_target=teacher momentum=0", resume);
    }
}

/* Cancelled while images are read: what was added stays, and the fit goes on with the rest. */
static void cancelled_while_adding(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->net, 0, 3);
    ad_fitter *fit = mini_fitter(s, "epochs=1 batch=8");
    ad_scorer *scorer = NULL;
    listener l;
    ad_fit_options o = listen(&l, s, NULL);
    l.cancel_at = 6;
    refused(ad_fit(fit, f->good, &o, &scorer), AD_ERR_CANCELLED, "the fit was cancelled after 5 of 40 images");
    assert_int_equal(ad_fitter_count(fit), 5);
    add_range(fit, 5, FEW);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_student *other = mini_student(f->net, 0, 3);
    ad_scorer_destroy(train_few(other, "epochs=1 batch=8", FEW));
    assert_true(same_student(s, other));
    free(l.values);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(other);
    ad_student_destroy(s);
}

/* An image that is refused in between leaves the training as it was, though the teacher has looked at it: also
 * where the batch is of one image, whose features may still be there when it begins anew. */
static void refused_while_cancelled(void **state)
{
    const fixture *f = *state;
    static const char settings[] = "epochs=1 feature_cache=0 validation_share=0.3"; /* 2, 2 and 1 to learn from */
    ad_student *want = mini_student(f->net, 0, 3);
    ad_scorer_destroy(train_few(want, settings, FEW));
    for (int32_t step = 1;; step++) {
        ad_student *s = mini_student(f->net, 0, 3);
        ad_fitter *fit = NULL;
        ad_scorer *scorer = NULL;
        ad_stfpm_options o = mini_options(settings);
        uint64_t needed = 0;
        listener l;
        o.memory_limit = 1;
        refused(ad_stfpm_fitter_create(s, &o, &fit), AD_ERR_OUT_OF_MEMORY, "memory_limit is 1");
        assert_int_equal(sscanf(strstr(ad_last_error_message(), "takes "), "takes %" SCNu64, &needed), 1);
        o.memory_limit = needed + 26000; /* eight images */
        assert_int_equal(ad_stfpm_fitter_create(s, &o, &fit), AD_OK);
        add_range(fit, 0, FEW);
        ad_fit_options fo = listen(&l, s, NULL);
        l.cancel_batch = 2;
        l.cancel_step = step;
        const ad_status status = ad_fit(fit, NULL, &fo, &scorer);
        const int batches = l.batches;
        free(l.values);
        if (status == AD_ERR_CANCELLED && batches == 2) {
            uint8_t pixels[TINY_PIXELS];
            tiny_image(pixels, 500, 1);
            const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
            refused(ad_fitter_add(fit, &image), AD_ERR_OUT_OF_MEMORY, "image 9 brings the fit to");
            assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
            assert_true(same_student(s, want));
        }
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
        ad_student_destroy(s);
        if (status == AD_OK) { /* the batch does not ask so often */
            assert_true(step > 20);
            break;
        }
    }
    ad_student_destroy(want);
}

/* ---- Finished, and more ---- */

static void goes_on_with_more_images(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < 2; kind++) {
        ad_student *s = mini_student(f->net, kind, 3);
        ad_fitter *fit = mini_fitter(s, "");
        ad_scorer *first = NULL, *again = NULL, *more = NULL;
        add_range(fit, 0, FEW);
        assert_int_equal(ad_fitter_finish(fit, &first), AD_OK);
        size_t count;
        float *values = student_values(s, &count);
        assert_int_equal(ad_fitter_finish(fit, &again), AD_OK); /* nothing new, nothing to train */
        float *same = student_values(s, &count);
        assert_memory_equal(values, same, count * sizeof *same);
        check_same(first, again, 0.0);
        assert_int_equal(s->epochs_trained, 2);
        add_range(fit, 20, 25);
        assert_int_equal(ad_fitter_finish(fit, &more), AD_OK);
        assert_int_equal(s->epochs_trained, 4);
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(more, &info), AD_OK);
        assert_int_equal(info.image_count, FEW + 5);
        /* The first scorer stands as it was: training goes on in the student, not in what was made of it. */
        ad_student *twin = mini_student(f->net, kind, 3);
        ad_scorer *as_first = train_few(twin, "", FEW);
        check_same(first, as_first, 0.0);
        ad_student_destroy(twin);
        ad_scorer_destroy(as_first);
        ad_scorer_destroy(first);
        ad_scorer_destroy(again);
        ad_scorer_destroy(more);
        ad_fitter_destroy(fit);
        ad_student_destroy(s);
        free(values);
        free(same);
    }
}

/* Parents may go first. */
static void lifetimes(void **state)
{
    (void)state;
    fault_alloc counter = {0};
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.alloc = fault_alloc_get;
    co.free = fault_alloc_put;
    co.alloc_user = &counter;
    ad_context *context = NULL;
    ad_scorer *scorer = NULL;
    assert_int_equal(ad_context_create(&co, &context), AD_OK);
    ad_backbone *net = mini_teacher(context);
    ad_student *s = mini_student(net, 1, 3);
    ad_fitter *fit = mini_fitter(s, "");
    ad_student_destroy(s);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    add_range(fit, 0, FEW);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_fitter_destroy(fit);
    assert_true(isfinite(score_of(scorer, 3, 0, NULL)));
    ad_scorer_destroy(scorer);
    assert_int_equal(atomic_load(&counter.live), 0);
}

/* ---- A learning rate that diverges ---- */

static void diverges(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"lr=1e12", "lr=1e12 validation_share=0", "lr=1e12 validation_share=0 batch=8",
                                           "optimizer=adam lr=1e12 weight_decay=1e12",
                                           /* a single step, which no loss comes after */
                                           "lr=1e12 validation_share=0 batch=8 epochs=1"};
    for (int32_t kind = 0; kind < 2; kind++)
        for (int i = 0; i < 5; i++) {
            ad_student *s = mini_student(f->net, kind, 3), *untouched = mini_student(f->net, kind, 3);
            char text[200];
            snprintf(text, sizeof text, "epochs=40 clip_norm=0%s %s", kind ? " pretrain_epochs=0" : "", settings[i]);
            ad_fitter *fit = mini_fitter(s, text);
            ad_scorer *scorer = NULL;
            listener l;
            const ad_fit_options o = listen(&l, s, folder);
            forget();
            add_range(fit, 0, FEW);
            const ad_status status = ad_fit(fit, NULL, &o, &scorer);
            size_t count;
            float *values = student_values(s, &count);
            for (size_t k = 0; k < count; k++)
                if (!isfinite(values[k]))
                    fail_msg("'%s' leaves a student that is not finite", text);
            refused(status, AD_ERR_NUMERIC, i < 4 ? "a lower learning rate may help; the student has the parameters of"
                                                  : "the student's distances are not finite");
            assert_null(scorer);
            if (!l.epochs)
                assert_true(same_student(s, untouched));
            assert_int_equal(ad_student_save(s, f->file), AD_OK); /* which can be loaded again */
            ad_student *loaded = NULL;
            assert_int_equal(ad_student_load(f->net, f->file, NULL, &loaded), AD_OK);
            ad_student_destroy(loaded);
            free(values);
            free(l.values);
            ad_scorer_destroy(scorer);
            ad_fitter_destroy(fit);
            ad_student_destroy(untouched);
            ad_student_destroy(s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_and_resumed), cmocka_unit_test(cancelled_while_adding),
        cmocka_unit_test(refused_while_cancelled), cmocka_unit_test(goes_on_with_more_images),
        cmocka_unit_test(lifetimes), cmocka_unit_test(diverges),
    };
    return cmocka_run_group_tests_name("stfpm_training", tests, set_up_folder, tear_down_folder);
}
