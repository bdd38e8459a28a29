/* STFPM trainings that are cancelled anywhere and go on, in this process or from a checkpoint in another, end
 * with the same bits; checkpoints of other trainings are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>

#include "stfpm_case.h"

/* ---- Interrupted ---- */

static const student_method stfpm = {mini_student, mini_fitter};

static void cancelled_and_resumed(void **state)
{
    for (int resume = 0; resume < 2; resume++) {
        interrupted(*state, &stfpm, MINI_STFPM, "", resume);
        interrupted(*state, &stfpm, MINI_STFPM,
                    "optimizer=adam, lr=0.01, feature_cache=0, patience=1, validation_share=0.3",
                    resume);
        interrupted(*state, &stfpm, MINI_UNET, "pretrain_lr=1e-2, feature_cache=9000", resume);
        interrupted(*state, &stfpm, MINI_UNET, "validation_share=0, rec_target=teacher, momentum=0",
                    resume);
    }
}

/* Cancelled while images are read: what was added stays, and the fit goes on with the rest. */
static void cancelled_while_adding(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->net, 0, 3);
    ad_fitter *fit = mini_fitter(s, "epochs=1, batch=8");
    ad_scorer *scorer = NULL;
    listener l;
    ad_fit_options o = listen(&l, s, NULL);
    l.cancel_at = 6;
    refused(ad_fit(fit, f->good, &o, &scorer), AD_ERR_CANCELLED, "the fit was cancelled after 5 of 40 images");
    assert_int_equal(ad_fitter_count(fit), 5);
    add_range(fit, 5, FEW);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_student *other = mini_student(f->net, 0, 3);
    ad_scorer_destroy(train_few(other, "epochs=1, batch=8", FEW));
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
    static const char settings[] =
        "epochs=1, feature_cache=0, validation_share=0.3"; /* 2, 2 and 1 to learn from */
    ad_student *want = mini_student(f->net, 0, 3);
    ad_scorer_destroy(train_few(want, settings, FEW));
    for (int32_t step = 1;; step++) {
        ad_student *s = mini_student(f->net, 0, 3);
        ad_fitter *fit = NULL;
        ad_scorer *scorer = NULL;
        uint64_t needed = 0;
        listener l;
        const option_text all = mini_training(s, settings);
        refused(ad_fitter_create_with(s, options("%s, memory_limit=1", all.text).text, &fit),
                AD_ERR_OUT_OF_MEMORY, "memory_limit is 1");
        assert_int_equal(sscanf(strstr(ad_last_error_message(), "takes "), "takes %" SCNu64, &needed), 1);
        const option_text enough =
            options("%s, memory_limit=%" PRIu64, all.text, needed + 26000); /* eight images */
        assert_int_equal(ad_fitter_create_with(s, enough.text, &fit), AD_OK);
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

/* ---- Checkpoints of others ---- */

static void checkpoints_of_others(void **state)
{
    const fixture *f = *state;
    checkpoint_for(f, &stfpm, 0, "", 2);
    resume_from(f, &stfpm, 0, "lr=0.3", 0, FEW, AD_ERR_MISMATCH, "lr is 0.4 in the checkpoint and 0.3 now");
    resume_from(f, &stfpm, 0, "seed=1", 0, FEW, AD_ERR_MISMATCH, "seed is 0 in the checkpoint and 1 now");
    resume_from(f, &stfpm, 0, "", 1, FEW, AD_ERR_MISMATCH, "images is ");
    resume_from(f, &stfpm, 0, "", 0, FEW + 1, AD_ERR_MISMATCH, "image_count is 8 in the checkpoint and 9 now");
    resume_from(f, &stfpm, 0, "layer_weights=1,1,0.5", 0, FEW, AD_ERR_MISMATCH, "layer_weights is 1,1,1 in the");
    resume_from(f, &stfpm, 1, "", 0, FEW, AD_ERR_MISMATCH, "kind is stfpm in the checkpoint and stfpm_unet now");
    resume_from(f, &stfpm, 0, "size=40", 0, FEW, AD_ERR_MISMATCH, "images is ");
    resume_from(f, &stfpm, 0, "epochs=7, patience=5, feature_cache=0, memory_limit=100000000", 0,
                FEW, AD_OK, "");
    checkpoint_for(f, &stfpm, 1, "", 2);
    resume_from(f, &stfpm, 0, "", 0, FEW, AD_ERR_MISMATCH, "kind is stfpm_unet in the checkpoint and stfpm now");
    resume_from(f, &stfpm, 1, "pretrain_epochs=2", 0, FEW, AD_ERR_MISMATCH, "pretrain_epochs is 1");
    resume_from(f, &stfpm, 1, "", 0, FEW, AD_OK, "");
    put_file(checkpoint, "no checkpoint", 13);
    resume_from(f, &stfpm, 0, "", 0, FEW, AD_ERR_FORMAT, checkpoint);
    forget();
}

static void folders(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->net, 0, 3), *untouched = mini_student(f->net, 0, 3);
    ad_fitter *fit = mini_fitter(s, "");
    ad_scorer *scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.resume = 1;
    refused(ad_fit(fit, f->good, &o, &scorer), AD_ERR_INVALID_ARGUMENT,
            "to resume, checkpoint_dir says from where");
    o.checkpoint_dir = "no/such/folder";
    refused(ad_fit(fit, f->good, &o, &scorer), AD_ERR_IO,
            "checkpoint_dir 'no/such/folder': No such file or directory");
    o.checkpoint_dir = f->weights;
    refused(ad_fit(fit, f->good, &o, &scorer), AD_ERR_IO, "is not a folder");
    assert_int_equal(ad_fitter_count(fit), 0); /* said before anything is read */
    assert_true(same_student(s, untouched));
    ad_fitter_destroy(fit);
    ad_student_destroy(untouched);
    ad_student_destroy(s);
}

/* ---- Two trainings, one folder ---- */

typedef struct rival {
    const fixture *f;
    ad_student *student;
    int asked;
} rival;

/* While one training is between two layers, another asks for its folder. */
static int ask_too(void *user, double fraction)
{
    rival *r = user;
    (void)fraction;
    if (r->asked++)
        return 0;
    ad_fitter *fit = mini_fitter(r->student, "epochs=1");
    ad_scorer *scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.checkpoint_dir = folder;
    refused(ad_fit(fit, r->f->good, &o, &scorer), AD_ERR_STATE, "is in use by another training");
    assert_int_equal(ad_fitter_count(fit), 0);
    ad_fitter_destroy(fit);
    return 0;
}

static void one_training_a_folder(void **state)
{
    const fixture *f = *state;
    rival r = {f, mini_student(f->net, 0, 4), 0};
    ad_student *s = mini_student(f->net, 0, 3);
    ad_scorer *scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.checkpoint_dir = folder;
    o.progress = ask_too;
    o.user = &r;
    for (int again = 0; again < 2; again++) { /* the folder is free when a training is over */
        forget();
        r.asked = 0;
        ad_fitter *fit = mini_fitter(s, "epochs=1");
        add_range(fit, 0, FEW);
        assert_int_equal(ad_fit(fit, NULL, &o, &scorer), AD_OK);
        assert_true(r.asked > 1);
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
    }
    ad_student_destroy(s);
    ad_student_destroy(r.student);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_and_resumed),
        cmocka_unit_test(cancelled_while_adding),
        cmocka_unit_test(refused_while_cancelled),
        cmocka_unit_test(checkpoints_of_others),
        cmocka_unit_test(folders),
        cmocka_unit_test(one_training_a_folder),
    };
    return cmocka_run_group_tests_name("stfpm_resume", tests, set_up_folder, tear_down_folder);
}
