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
    long train_calls, cancel_train; /* calls after a batch, an epoch or a trial; cancel at this one; 0: never */
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
    const int cancel = is_time_to_cancel(l) | (++l->train_calls == l->cancel_train);
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

#endif
