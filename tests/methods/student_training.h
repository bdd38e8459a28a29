/* What tests of every method with a student share: the tiny ResNet in method_case's fixture, a listener to trainings that
 * can cancel them anywhere, and a folder for checkpoints. */
#ifndef ADFEAT_TESTS_STUDENT_TRAINING_H
#define ADFEAT_TESTS_STUDENT_TRAINING_H

#include <sys/stat.h>

#include "harness/method_case.h"
#include "harness/student_case.h"

enum { INPUT = 32, FEW = 8 }; /* side of the network's input; images of most fits */

/* method_case's fixture, with another network in place of the tiny one. */
static inline int set_up_network(void **state, const char *text)
{
    if (set_up(state))
        return 1;
    fixture *f = *state;
    st_memory m = mini_weights(text);
    ad_backbone_destroy(f->net);
    f->net = NULL;
    const ad_status status = mini_open(f->context, text, &m, &f->net);
    put_file(f->weights, m.bytes, m.size);
    st_memory_free(&m);
    return status != AD_OK;
}

static inline int set_up_resnet(void **state)
{
    return set_up_network(state, mini_resnet);
}

/* What a training tells, and when to stop it. */
typedef struct listener {
    const ad_student *student;
    float *values;           /* of the student after the latest batch */
    size_t count;
    long calls, cancel_at;
    long trial;              /* calls before the training itself; -1: there will be some */
    long cancel_behind;      /* at this call behind them: how many a trial has depends on how long it takes */
    int32_t steps;           /* questions since the latest batch or epoch */
    int32_t cancel_batch, cancel_step; /* behind so many batches, at this of the questions; step 0: never */
    double first_loss, last_loss, validation;
    int32_t batches, epochs, resumed;
} listener;

static inline int is_time_to_cancel(listener *l)
{
    l->calls++;
    return l->calls == l->cancel_at || (l->trial >= 0 && l->cancel_behind && l->calls - l->trial == l->cancel_behind);
}

static inline int on_progress(void *user, double fraction)
{
    listener *l = user;
    assert_true(fraction >= 0.0 && fraction <= 1.0);
    l->steps++;
    return is_time_to_cancel(l) || (l->steps == l->cancel_step && l->batches == l->cancel_batch);
}

static inline int on_train(void *user, const ad_train_progress *p)
{
    listener *l = user;
    if (!p->epoch_done && p->batch && !l->batches++) /* batch 0: nothing is trained yet */
        l->first_loss = p->loss;
    l->steps = 0;
    l->last_loss = p->loss;
    l->resumed = p->resumed;
    if (p->epoch_done) {
        l->epochs++;
        l->validation = p->validation;
    }
    free(l->values);
    l->values = student_values(l->student, &l->count);
    const int cancel = is_time_to_cancel(l);
    if (!p->epoch_done && !p->batch)
        l->trial = l->calls;
    return cancel;
}

static inline ad_fit_options listen(listener *l, const ad_student *s, const char *folder)
{
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    *l = (listener){.student = s};
    l->values = student_values(s, &l->count);
    o.progress = on_progress;
    o.train = on_train;
    o.user = l;
    o.checkpoint_dir = folder;
    o.resume = folder != NULL;
    return o;
}

/* ---- A folder for checkpoints ---- */

static char folder[560], checkpoint[600];

static inline void forget(void)
{
    unlink(checkpoint);
}

static inline int make_folder(void)
{
    char *path = tiny_fast_path("training");
    snprintf(folder, sizeof folder, "%s", path);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    free(path);
    return mkdir(folder, 0700);
}

static inline int set_up_folder(void **state)
{
    return make_folder() || set_up_resnet(state);
}

static inline int tear_down_folder(void **state)
{
    forget();
    return rmdir(folder) || tear_down(state);
}

/* ---- Interrupted ---- */

/* How a method makes a student, of a kind or mode, and the fitter of one. */
typedef struct student_method {
    ad_student *(*student)(ad_backbone *net, int32_t kind, uint64_t seed);
    ad_fitter *(*fitter)(ad_student *s, const char *settings);
} student_method;

/* A training that is cancelled at one call after the other, and goes on in this process or, with `resume`, from
 * the folder in another. In either case parameters are as after the latest complete batch. */
static inline void interrupted(const fixture *f, const student_method *m, int32_t kind, const char *settings, int resume)
{
    ad_student *want = m->student(f->net, kind, 3);
    ad_fitter *fit = m->fitter(want, settings);
    ad_scorer *whole = NULL, *scorer = NULL;
    listener l;
    ad_fit_options o = listen(&l, want, NULL);
    add_range(fit, 0, FEW);
    assert_int_equal(ad_fit(fit, NULL, &o, &whole), AD_OK);
    const long calls = l.calls, trial = l.trial;
    free(l.values);
    ad_fitter_destroy(fit);
    const long stride = calls / 23 + 1;
    for (long at = 1; at <= calls; at += at > calls - 6 ? 1 : stride) {
        forget();
        ad_student *s = m->student(f->net, kind, 3);
        fit = m->fitter(s, settings);
        add_range(fit, 0, FEW);
        o = listen(&l, s, folder);
        if (at > trial) {
            l.trial = trial ? -1 : 0;
            l.cancel_behind = at - trial;
        } else {
            l.cancel_at = at;
        }
        refused(ad_fit(fit, NULL, &o, &scorer), AD_ERR_CANCELLED, "cancelled");
        assert_null(scorer);
        assert_int_equal(at > trial ? l.calls - l.trial : l.calls, at > trial ? at - trial : at);
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
            s = m->student(f->net, kind, 99); /* other beginnings are of no consequence */
            fit = m->fitter(s, settings);
            add_range(fit, 0, FEW);
        }
        o = listen(&l, s, resume ? folder : NULL);
        if (ad_fit(fit, NULL, &o, &scorer) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        assert_int_equal(l.resumed, resume && l.batches + l.epochs > 0);
        if (!same_student(s, want))
            fail_msg("kind %d '%s': cancelled at call %ld of %ld, and another student", kind, settings, at,
                     calls);
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

/* ---- Checkpoints of others ---- */

/* One of a training that was cancelled behind so many batches. */
static inline void checkpoint_for(const fixture *f, const student_method *m, int32_t kind, const char *settings, int batches)
{
    ad_student *s = m->student(f->net, kind, 3);
    ad_fitter *fit = m->fitter(s, settings);
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

/* It in a training of `count` images from `first` on: refused, the student stays as it was. */
static inline void resume_from(const fixture *f, const student_method *m, int32_t kind, const char *settings, int64_t first,
                               int64_t count, ad_status want, const char *part)
{
    ad_student *s = m->student(f->net, kind, 3), *untouched = m->student(f->net, kind, 3);
    ad_fitter *fit = m->fitter(s, settings);
    ad_scorer *scorer = NULL;
    listener l;
    const ad_fit_options o = listen(&l, s, folder);
    add_range(fit, first, first + count);
    const ad_status got = ad_fit(fit, NULL, &o, &scorer);
    if (got != want)
        fail_msg("'%s': %s, '%s'", settings, ad_status_name(got), got ? ad_last_error_message() : "");
    refused(got, want, part);
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

#endif
