/* STFPM fitters, trainings and scorers on the tiny ResNet, for the tests of the method. */
#ifndef ADFEAT_TESTS_STFPM_CASE_H
#define ADFEAT_TESTS_STFPM_CASE_H

#include <sys/stat.h>

#include "harness/method_case.h"
#include "harness/student_case.h"
#include "methods/stfpm.h"

enum { INPUT = 32, FEW = 8 }; /* side of the network's input; images of most fits */

/* method_case's fixture, with the tiny ResNet in place of the tiny network. */
static int set_up_resnet(void **state)
{
    if (set_up(state))
        return 1;
    fixture *f = *state;
    st_memory m = mini_weights(mini_resnet);
    ad_backbone_destroy(f->net);
    f->net = NULL;
    const ad_status status = mini_open(f->context, mini_resnet, &m, &f->net);
    put_file(f->weights, m.bytes, m.size);
    st_memory_free(&m);
    return status != AD_OK;
}

static inline void set(ad_stfpm_options *o, const char *key, const char *value)
{
    if (ad_stfpm_options_set(o, key, value) != AD_OK)
        fail_msg("%s=%s: %s", key, value, ad_last_error_message());
}

/* Two epochs (with U-Nets one before them) of three steps: eight images, two held out, batches of two.
 * `settings`: "key=value key=value". */
static inline ad_stfpm_options mini_options(const char *settings)
{
    static char texts[8][256]; /* strings are not copied */
    static int next;
    ad_stfpm_options o;
    ad_stfpm_options_init(&o, sizeof o);
    o.preprocess.size = INPUT;
    o.epochs = 2;
    o.pretrain_epochs = 1;
    o.batch = 2;
    o.validation_share = 0.25;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0], "%s", settings);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value = '\0';
        set(&o, word, value + 1);
    }
    return o;
}

static inline ad_fitter *mini_fitter(ad_student *s, const char *settings)
{
    const ad_stfpm_options o = mini_options(settings);
    ad_fitter *out = NULL;
    if (ad_stfpm_fitter_create(s, &o, &out) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return out;
}

/* Images 0 .. count - 1, trained to the end. */
static inline ad_scorer *train_few(ad_student *s, const char *settings, int64_t count)
{
    ad_fitter *fit = mini_fitter(s, settings);
    ad_scorer *scorer = NULL;
    add_range(fit, 0, count);
    if (ad_fitter_finish(fit, &scorer) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    ad_fitter_destroy(fit);
    return scorer;
}

/* What a training tells, and when to stop it. */
typedef struct listener {
    const ad_student *student;
    float *values;           /* of the student after the latest batch */
    size_t count;
    long calls, cancel_at;
    int32_t steps;           /* questions since the latest batch or epoch */
    int32_t cancel_batch, cancel_step; /* behind so many batches, at this of the questions; step 0: never */
    double first_loss, last_loss, validation;
    int32_t batches, epochs, resumed;
} listener;

static inline int on_progress(void *user, double fraction)
{
    listener *l = user;
    assert_true(fraction >= 0.0 && fraction <= 1.0);
    l->steps++;
    return ++l->calls == l->cancel_at || (l->steps == l->cancel_step && l->batches == l->cancel_batch);
}

static inline int on_train(void *user, const ad_train_progress *p)
{
    listener *l = user;
    if (!p->epoch_done && !l->batches++)
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
    return ++l->calls == l->cancel_at;
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

static inline int set_up_folder(void **state)
{
    char *path = tiny_fast_path("stfpm");
    snprintf(folder, sizeof folder, "%s", path);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    free(path);
    return mkdir(folder, 0700) || set_up_resnet(state);
}

static inline int tear_down_folder(void **state)
{
    forget();
    return rmdir(folder) || tear_down(state);
}

#endif
