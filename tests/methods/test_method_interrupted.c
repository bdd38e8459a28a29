/* Trainings that are cancelled anywhere and go on, in this process or from a checkpoint in another,
 * end with the same bits; checkpoints of other trainings are refused. For every method that trains
 * a student. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "method_contract.h"

/* ---- Cancelled and gone on ---- */

/* One place to cancel at: a call of either kind, or where `batch` is set a call after so many
 * batches and epochs. */
typedef struct place {
    long call, train_call;
} place;

static void arm(listener *l, place at, long trial)
{
    l->cancel_train = at.train_call;
    if (at.call > trial) { /* how many calls a trial has depends on how long it takes */
        l->trial = trial ? -1 : 0;
        l->cancel_behind = at.call - trial;
    } else {
        l->cancel_at = at.call;
    }
}

typedef struct whole {
    ad_student *student;
    ad_scorer *scorer;
    long calls, trial, train_calls;
} whole;

static whole train_whole(const fixture *f, const method_row *r)
{
    whole w = {.student = row_student(f->net, r, 3)};
    ad_fitter *fit = row_fitter(f->net, w.student, r, NULL);
    listener l;
    const ad_fit_options o = listen(&l, w.student, NULL);
    add_range(fit, 0, FEW);
    assert_int_equal(ad_fit(fit, NULL, &o, &w.scorer), AD_OK);
    w.calls = l.calls;
    w.trial = l.trial;
    w.train_calls = l.train_calls;
    free(l.values);
    ad_fitter_destroy(fit);
    return w;
}

/* In either case the parameters are as after the latest complete batch, and the end is that of a
 * training in one go. */
static void interrupt(const fixture *f, const method_row *r, const whole *w, place at, int resume)
{
    ad_student *s = row_student(f->net, r, 3);
    ad_fitter *fit = row_fitter(f->net, s, r, NULL);
    ad_scorer *scorer = NULL;
    listener l;
    forget();
    add_range(fit, 0, FEW);
    ad_fit_options o = listen(&l, s, folder);
    arm(&l, at, w->trial);
    refused(ad_fit(fit, NULL, &o, &scorer), AD_ERR_CANCELLED, "cancelled");
    assert_null(scorer);
    size_t count;
    float *now = student_values(s, &count);
    if (at.call <
        w->calls) { /* the very last call comes behind the training, whose best is in place */
        assert_int_equal(count, l.count);
        assert_memory_equal(now, l.values, count * sizeof *now);
    }
    free(now);
    free(l.values);
    if (resume) {
        ad_fitter_destroy(fit);
        ad_student_destroy(s);
        s = row_student(f->net, r, 99); /* other beginnings are of no consequence */
        fit = row_fitter(f->net, s, r, NULL);
        add_range(fit, 0, FEW);
    }
    o = listen(&l, s, resume ? folder : NULL);
    if (ad_fit(fit, NULL, &o, &scorer) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    assert_int_equal(l.resumed, resume && l.batches + l.epochs > 0);
    if (!same_student(s, w->student))
        fail_msg("%s '%s': cancelled at call %ld of %ld, and another student", r->method,
                 r->options, at.call ? at.call : at.train_call,
                 at.call ? w->calls : w->train_calls);
    check_same(scorer, w->scorer, 0.0);
    check_same_normal(scorer, w->scorer);
    assert_int_equal(epochs_trained(s), epochs_trained(w->student));
    free(l.values);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
}

/* After every batch and epoch, and within them at calls between layers. */
static void cancelled_and_gone_on(int resume)
{
    EACH_TRAINED(r)
    {
        fixture *f = open_row(r);
        const whole w = train_whole(f, r);
        for (long k = 1; k <= w.train_calls; k++)
            interrupt(f, r, &w, (place){.train_call = k}, resume);
        const long stride = w.calls / 11 + 1;
        for (long at = 1; at <= w.calls; at += at > w.calls - 4 ? 1 : stride)
            interrupt(f, r, &w, (place){.call = at}, resume);
        ad_scorer_destroy(w.scorer);
        ad_student_destroy(w.student);
        close_row(f);
    }
}

static void cancelled(void **state)
{
    (void)state;
    cancelled_and_gone_on(0);
}

static void resumed(void **state)
{
    (void)state;
    cancelled_and_gone_on(1);
}

/* Fewer epochs than were asked for, then the rest: as if all had been asked for. */
static void more_epochs_later(void **state)
{
    (void)state;
    EACH_TRAINED(r)
    {
        const int ast = strcmp(r->method, "ast") == 0;
        if (!strstr(r->options, "validation_share=0,"))
            continue; /* the best epoch would be in place instead of the last */
        char fewer[100], all[100];
        snprintf(fewer, sizeof fewer, "%s=2", ast ? "student_epochs" : "epochs");
        snprintf(all, sizeof all, "%s=4", ast ? "student_epochs" : "epochs");
        fixture *f = open_row(r);
        ad_student *want = row_student(f->net, r, 3), *s = row_student(f->net, r, 3);
        ad_scorer_destroy(row_finish(row_fitter(f->net, want, r, all), r));
        forget();
        for (int i = 0; i < 2; i++) {
            ad_fitter *fit = row_fitter(f->net, s, r, i ? all : fewer);
            ad_scorer *scorer = NULL;
            ad_fit_options o;
            ad_fit_options_init(&o, sizeof o);
            o.checkpoint_dir = folder;
            o.resume = 1;
            add_range(fit, 0, FEW);
            assert_int_equal(ad_fit(fit, NULL, &o, &scorer), AD_OK);
            ad_scorer_destroy(scorer);
            ad_fitter_destroy(fit);
        }
        assert_true(same_student(s, want));
        assert_int_equal(epochs_trained(s), 4);
        ad_student_destroy(s);
        ad_student_destroy(want);
        close_row(f);
    }
}

/* ---- Checkpoints of others ---- */

/* One of a training that was cancelled behind so many batches. */
static void checkpoint_for(const fixture *f, const method_row *r, const char *more, int batches)
{
    ad_student *s = row_student(f->net, r, 3);
    ad_fitter *fit = row_fitter(f->net, s, r, more);
    ad_scorer *scorer = NULL;
    listener l;
    const ad_fit_options o = listen(&l, s, folder);
    forget();
    l.cancel_batch = batches;
    l.cancel_step = 1;
    add_range(fit, 0, FEW);
    refused(ad_fit(fit, NULL, &o, &scorer), AD_ERR_CANCELLED, "");
    assert_int_equal(l.batches, batches);
    free(l.values);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
}

/* It in a training of `count` images from `first` on. Where it is refused the student stays as it
 * was. */
static void resume_from(const fixture *f, const method_row *r, const char *more, int64_t first,
                        int64_t count, ad_status want, const char *part)
{
    ad_student *s = row_student(f->net, r, 3), *untouched = row_student(f->net, r, 3);
    ad_fitter *fit = row_fitter(f->net, s, r, more);
    ad_scorer *scorer = NULL;
    listener l;
    const ad_fit_options o = listen(&l, s, folder);
    add_range(fit, first, first + count);
    const ad_status got = ad_fit(fit, NULL, &o, &scorer);
    if (got != want || (want && !strstr(ad_last_error_message(), part)))
        fail_msg("%s, '%s': %s, '%s', not %s, '%s'", r->method, more, ad_status_name(got),
                 got ? ad_last_error_message() : "", ad_status_name(want), part);
    if (want) {
        assert_true(same_student(s, untouched));
        assert_int_equal(l.batches, 0);
    }
    free(l.values);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(untouched);
    ad_student_destroy(s);
}

/* Options that must be those of the checkpoint, and options that may differ. */
typedef struct other {
    const char *method, *options, *sentence; /* NULL: it goes on */
} other;

static const other others[] = {
    {"stfpm", "lr=0.3", "lr is 0.05 in the checkpoint and 0.3 now"},
    {"stfpm", "seed=1", "seed is 0 in the checkpoint and 1 now"},
    {"stfpm", "layer_weights=1,1,0.5", "layer_weights is 1,1,1 in the checkpoint and 1,1,0.5 now"},
    {"stfpm", "size=40", "size is "},
    {"stfpm", "epochs=7, patience=5, feature_cache=0, memory_limit=100000000", NULL},
    {"stfpm_unet", "pretrain_epochs=2", "pretrain_epochs is 1 in the checkpoint and 2 now"},
    {"stfpm_unet", "rec_weight=0.5", "rec_weight is "},
    {"stfpm_unet", "epochs=3, feature_cache=0", NULL},
    {"ast", "teacher_epochs=3", "teacher_epochs is 2 in the checkpoint and 3 now"},
    {"ast", "lr=0.002", "lr is 0.001 in the checkpoint and 0.002 now"},
    {"ast", "size=40", "size is "},
    {"ast", "mask_norm=all", "mask_norm is foreground in the checkpoint and all now"},
    {"ast",
     "student_epochs=4, score=teacher, aggregate=mean, mask_twice=1, max_after_upsample=1, "
     "feature_cache=200000, "
     "memory_limit=100000000",
     NULL},
    {"masked_rd", "lr=0.002", "lr is 0.001 in the checkpoint and 0.002 now"},
    {"masked_rd", "beta1=0.9", "beta1 is 0.5 in the checkpoint and 0.9 now"},
    {"masked_rd", "loss=flat", "loss is position in the checkpoint and flat now"},
    {"masked_rd",
     "epochs=3, patience=2, feature_cache=0, memory_limit=100000000, combine=product, blur_sigma=0",
     NULL},
};

/* Rows whose options are those of the first row of a method, their students another: what is said
 * of it. */
static const other students[] = {
    {"ast", "mode=combi", "mode is combi in the checkpoint and rgb now"},
    {"masked_rd", "gate=soft", "gate is soft in the checkpoint and hard now"},
    {"masked_rd", "msff_out=concat, scsatt=0", "msff_out is concat in the checkpoint and conv now"},
};

static const method_row *first_row(const char *method)
{
    const method_row *r = method_rows;
    while (strcmp(r->method, method) != 0)
        r++;
    return r;
}

static void checkpoints_of_others(void **state)
{
    (void)state;
    const char *done = "";
    EACH_TRAINED(r)
    {
        if (strcmp(done, r->method) == 0)
            continue;
        done = r->method;
        fixture *f = open_row(r);
        for (int batches = 2; batches <= 8;
             batches += 6) { /* in the first phase, and behind it where there is another */
            if (batches == 8 && strcmp(r->method, "ast") != 0)
                break;
            checkpoint_for(f, r, NULL, batches);
            const char *digest = strcmp(r->method, "ast") == 0 ? "features is " : "images is ";
            resume_from(f, r, NULL, 1, FEW, AD_ERR_MISMATCH, digest);
            resume_from(f, r, NULL, 0, FEW + 1, AD_ERR_MISMATCH,
                        "image_count is 8 in the checkpoint and 9 now");
            for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                const other *o = &others[i];
                if (strcmp(o->method, r->method) != 0)
                    continue;
                if (!o->sentence) /* a training that went on left one of its own */
                    checkpoint_for(f, r, NULL, batches);
                resume_from(f, r, o->options, 0, FEW, o->sentence ? AD_ERR_MISMATCH : AD_OK,
                            o->sentence ? o->sentence : "");
            }
        }
        for (size_t i = 0; i < sizeof students / sizeof *students; i++) {
            if (strcmp(students[i].method, r->method) != 0)
                continue;
            const option_text student = options_over(r->student, students[i].options);
            const method_row changed = {r->method, r->network, student.text, r->options};
            checkpoint_for(f, &changed, NULL, 2);
            resume_from(f, r, NULL, 0, FEW, AD_ERR_MISMATCH, students[i].sentence);
        }
        put_file(checkpoint, "no checkpoint", 13);
        resume_from(f, r, NULL, 0, FEW, AD_ERR_FORMAT, checkpoint);
        checkpoint_for(f, r, NULL, 2);
        size_t size;
        uint8_t *bytes = file_bytes(checkpoint, &size);
        for (size_t at = 3; at < size;
             at += size / 23) { /* a flipped bit, and a file that ends too early */
            bytes[at] ^= 4;
            put_file(checkpoint, bytes, size);
            resume_from(f, r, NULL, 0, FEW, AD_ERR_FORMAT, checkpoint);
            bytes[at] ^= 4;
            put_file(checkpoint, bytes, at);
            resume_from(f, r, NULL, 0, FEW, AD_ERR_FORMAT, checkpoint);
        }
        free(bytes);
        forget();
        close_row(f);
    }
}

/* Of one method in a training of another. */
static void checkpoints_of_other_methods(void **state)
{
    (void)state;
    const method_row *a = first_row("stfpm"), *b = first_row("stfpm_unet");
    if (!is_asked(a))
        return;
    fixture *f = open_row(a);
    checkpoint_for(f, a, NULL, 2);
    resume_from(f, b, NULL, 0, FEW, AD_ERR_MISMATCH,
                "kind is stfpm in the checkpoint and stfpm_unet now");
    checkpoint_for(f, b, NULL, 2);
    resume_from(f, a, NULL, 0, FEW, AD_ERR_MISMATCH,
                "kind is stfpm_unet in the checkpoint and stfpm now");
    forget();
    close_row(f);
}

/* ---- Folders ---- */

static void folders(void **state)
{
    (void)state;
    EACH_TRAINED(r)
    {
        fixture *f = open_row(r);
        ad_student *s = row_student(f->net, r, 3), *untouched = row_student(f->net, r, 3);
        ad_fitter *fit = row_fitter(f->net, s, r, NULL);
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
        close_row(f);
    }
}

/* While one training is between two layers, another asks for its folder. */
typedef struct rival {
    const fixture *f;
    const method_row *row;
    int asked;
} rival;

static int ask_too(void *user, double fraction)
{
    rival *x = user;
    (void)fraction;
    if (x->asked++)
        return 0;
    ad_fitter *fit = row_fitter(x->f->net, NULL, x->row, NULL);
    ad_scorer *scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.checkpoint_dir = folder;
    refused(ad_fit(fit, x->f->good, &o, &scorer), AD_ERR_STATE, "is in use by another training");
    assert_int_equal(ad_fitter_count(fit), 0);
    ad_fitter_destroy(fit);
    return 0;
}

static void one_training_a_folder(void **state)
{
    (void)state;
    EACH_TRAINED(r)
    {
        fixture *f = open_row(r);
        rival x = {f, r, 0};
        ad_scorer *scorer = NULL;
        ad_fit_options o;
        ad_fit_options_init(&o, sizeof o);
        o.checkpoint_dir = folder;
        o.progress = ask_too;
        o.user = &x;
        for (int again = 0; again < 2; again++) { /* the folder is free when a training is over */
            forget();
            x.asked = 0;
            ad_fitter *fit = row_fitter(f->net, NULL, r, NULL);
            add_range(fit, 0, FEW);
            assert_int_equal(ad_fit(fit, NULL, &o, &scorer), AD_OK);
            assert_true(x.asked > 1);
            ad_scorer_destroy(scorer);
            ad_fitter_destroy(fit);
        }
        close_row(f);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled),
        cmocka_unit_test(resumed),
        cmocka_unit_test(more_epochs_later),
        cmocka_unit_test(checkpoints_of_others),
        cmocka_unit_test(checkpoints_of_other_methods),
        cmocka_unit_test(folders),
        cmocka_unit_test(one_training_a_folder),
    };
    asked_method = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests_name("method_interrupted", tests, set_up_checkpoints,
                                       tear_down_checkpoints);
}
