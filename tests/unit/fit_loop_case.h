/* A trainee of a few floats, a loop around it that is watched, and a folder for its checkpoints: what tests of
 * the training loop and of its checkpoints share. */
#ifndef ADFEAT_TESTS_FIT_LOOP_CASE_H
#define ADFEAT_TESTS_FIT_LOOP_CASE_H

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault_alloc.h"
#include "harness/tiny.h"
#include "train/fit_loop.h"

/* ---- A trainee: w learns to be the mean of what images say, with a momentum ---- */

enum {
    WEIGHTS = 5,
    IMAGES = 9,
    HELD_OUT = 2,
    TRAIN = IMAGES - HELD_OUT,
    BATCH = 3,
    BATCHES = 3,
    MOST_LOG = 1024,
    MOST_EPOCHS = 16
};

typedef struct fake {
    adi_trainee trainee;
    float w[WEIGHTS], best[WEIGHTS], velocity[WEIGHTS], gradient[WEIGHTS];
    int64_t steps, epochs_done;
    float rate;                     /* set when a phase begins */
    const char *option;
    int32_t log[MOST_LOG], logged;  /* every image of every update, and -1 - phase behind each batch */
    double losses[MOST_LOG];        /* of every update, beside its -1 - phase */
    double errors[MOST_EPOCHS];     /* what validation says, epoch by epoch over all phases; 0: the truth */
    int64_t bad_step;               /* the loss of the step after so many is `bad`; -1: none is */
    double bad;
    int64_t poison_step;            /* the step after so many makes a parameter infinite; -1: none does */
} fake;

static inline double wanted(int32_t image, int32_t k)
{
    return sin(1.7 * image + 0.9 * k) + 0.3 * k;
}

static inline ad_status asks(const adi_cancel *cancel)
{
    return cancel->is_cancelled(cancel->user) ? adi_fail(AD_ERR_CANCELLED, "cancelled within a batch") : AD_OK;
}

static inline ad_status fake_begin_phase(void *self, int32_t phase)
{
    fake *f = self;
    memset(f->velocity, 0, sizeof f->velocity);
    f->steps = 0;
    f->rate = phase ? 0.05f : 0.11f;
    return AD_OK;
}

static inline ad_status fake_gradients(void *self, int32_t phase, const int32_t *images, int32_t count,
                                const adi_cancel *cancel, adi_batch_loss *out_loss)
{
    fake *f = self;
    double loss = 0.0;
    memset(f->gradient, 0, sizeof f->gradient);
    for (int32_t i = 0; i < count; i++) {
        ADI_TRY(asks(cancel));
        for (int32_t k = 0; k < WEIGHTS; k++) {
            const double off = f->w[k] - wanted(images[i], k);
            f->gradient[k] += (float)(off / count);
            loss += 0.5 * off * off / count;
        }
    }
    if (f->steps == f->bad_step)
        loss = f->bad;
    assert_true(f->logged + count + 1 < MOST_LOG);
    memcpy(f->log + f->logged, images, (size_t)count * sizeof *images); /* they count when update follows */
    f->log[f->logged + count] = -1 - phase;
    f->losses[f->logged + count] = loss;
    *out_loss = (adi_batch_loss){loss, {2.0 * loss, 3.0 * loss}};
    return AD_OK;
}

static inline ad_status fake_update(void *self, int32_t phase)
{
    fake *f = self;
    for (int32_t k = 0; k < WEIGHTS; k++) {
        f->velocity[k] = 0.9f * f->velocity[k] + f->gradient[k];
        f->w[k] -= f->rate * f->velocity[k];
    }
    if (f->steps == f->poison_step)
        f->w[2] = INFINITY;
    f->steps++;
    while (f->log[f->logged] >= 0)
        f->logged++;
    assert_int_equal(f->log[f->logged++], -1 - phase);
    return AD_OK;
}

static inline ad_status fake_validate(void *self, int32_t phase, const int32_t *images, int32_t count,
                               const adi_cancel *cancel, double *out_error)
{
    fake *f = self;
    double sum = 0.0;
    (void)phase;
    for (int32_t i = 0; i < count; i++) {
        ADI_TRY(asks(cancel));
        for (int32_t k = 0; k < WEIGHTS; k++)
            sum += fabs(fmin(f->w[k], 1e6) - wanted(images[i], k)); /* does not see the infinite */
    }
    *out_error = f->errors[f->epochs_done] != 0.0 ? f->errors[f->epochs_done] : sum;
    return AD_OK;
}

static inline void fake_epoch_done(void *self, int32_t phase)
{
    (void)phase;
    ((fake *)self)->epochs_done++;
}

static inline const char *fake_describe(void *self, int32_t index, char *value, size_t size,
                                        int32_t *out_may_differ)
{
    const fake *f = self;
    *out_may_differ = index == 1;
    if (index == 0)
        snprintf(value, size, "%s", f->option);
    else
        snprintf(value, size, "%d", f->trainee.phases[0].epochs);
    return index == 0 ? "option" : index == 1 ? "epochs" : NULL;
}

static inline fake *fake_new(int32_t epochs, int32_t second)
{
    fake *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->option = "one";
    f->bad_step = f->poison_step = -1;
    for (int32_t k = 0; k < WEIGHTS; k++)
        f->w[k] = (float)(3.0 * seeded_signed("fit_loop", (uint64_t)k));
    f->trainee =
        (adi_trainee){.self = f,
                      .phases = {{"first", epochs, 1.0}, {"second", second, 2.5}},
                      .phase_count = second ? 2 : 1,
                      .loss_part_count = 2,
                      .loss_part_names = {"twice", "thrice"},
                      .array_count = 2,
                      .counter_count = 2,
                      .arrays = {{"w", f->w, f->best, WEIGHTS, 0}, {"velocity", f->velocity, NULL, WEIGHTS, 0}},
                      .counters = {{"steps", &f->steps}, {"epochs", &f->epochs_done}},
                      .begin_phase = fake_begin_phase,
                      .gradients = fake_gradients,
                      .update = fake_update,
                      .validate = fake_validate,
                      .epoch_done = fake_epoch_done,
                      .describe = fake_describe};
    return f;
}

/* ---- A loop around it ---- */

typedef struct watched {
    adi_fit_loop loop;
    ad_fit_options options;
    fake *f;
    long calls, cancel_at;   /* of both callbacks, from 1; 0: never */
    double fraction;         /* the latest */
    int32_t batches_left, epochs_seen;
    void (*each)(struct watched *w, const ad_train_progress *p);
    const char *folder;
} watched;

static inline int on_progress(void *user, double fraction)
{
    watched *w = user;
    assert_true(fraction >= 0.02 && fraction <= 1.0 && fraction >= w->fraction);
    w->fraction = fraction;
    return ++w->calls == w->cancel_at;
}

static inline int on_train(void *user, const ad_train_progress *p)
{
    watched *w = user;
    assert_int_equal(p->struct_size, sizeof *p);
    if (w->each)
        w->each(w, p);
    return ++w->calls == w->cancel_at;
}

static inline watched *watch(fake *f, double share, const char *folder)
{
    watched *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->f = f;
    assert_int_equal(adi_fit_loop_init(&w->loop, &adi_default_allocator, &f->trainee,
                                       share > 0.0 ? IMAGES : TRAIN, share, 11),
                     AD_OK);
    w->loop.batch = BATCH;
    w->loop.seed = 5;
    ad_fit_options_init(&w->options, sizeof w->options);
    w->options.progress = on_progress;
    w->options.train = on_train;
    w->options.user = w;
    w->options.checkpoint_dir = folder;
    return w;
}

static inline ad_status go(watched *w)
{
    const adi_fit_control control = {&w->options, 0.02};
    w->fraction = 0.0;
    return adi_fit_loop_run(&w->loop, &control);
}

static inline void unwatch(watched *w)
{
    adi_fit_loop_free(&w->loop);
    free(w->f);
    free(w);
}

static char folder[600], checkpoint[700];

static inline void forget(void)
{
    unlink(checkpoint);
}

static inline int files_in_folder(void)
{
    DIR *d = opendir(folder);
    int count = -2; /* . and .. */
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

static inline void went(ad_status got, ad_status want, const char *part)
{
    if (got != want || (want && !strstr(ad_last_error_message(), part)))
        fail_msg("%s, '%s': not %s, '%s'", ad_status_name(got), got ? ad_last_error_message() : "",
                 ad_status_name(want), part);
}

/* An uninterrupted training. */
static inline fake *straight(int32_t epochs, int32_t second, double share, int32_t patience)
{
    watched *w = watch(fake_new(epochs, second), share, NULL);
    w->loop.patience = patience;
    went(go(w), AD_OK, "");
    fake *f = w->f;
    w->f = NULL;
    unwatch(w);
    return f;
}

static inline void same_result(const fake *a, const fake *b)
{
    assert_memory_equal(a->w, b->w, sizeof a->w);
    assert_memory_equal(a->best, b->best, sizeof a->best);
    assert_memory_equal(a->velocity, b->velocity, sizeof a->velocity);
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->epochs_done, b->epochs_done);
}

static uint8_t saved[16][8192];
static size_t saved_size[16];
static int saved_count;

static inline size_t read_checkpoint(uint8_t *into)
{
    FILE *f = fopen(checkpoint, "rb");
    if (!f)
        return 0;
    const size_t n = fread(into, 1, sizeof saved[0], f);
    fclose(f);
    assert_true(n < sizeof saved[0]);
    return n;
}

static inline void write_checkpoint(const uint8_t *bytes, size_t size)
{
    FILE *f = fopen(checkpoint, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* The file that is there in the middle of an epoch is the last epoch's. */
static inline void keep_copies(watched *w, const ad_train_progress *p)
{
    (void)w;
    if (p->epoch_done || p->batch != 2)
        return;
    const size_t n = read_checkpoint(saved[saved_count]);
    assert_true((n > 0) == (p->epoch > 1 || p->phase_index > 0));
    if (n)
        saved_size[saved_count++] = n;
}

static inline void make_checkpoint(long cancel_at)
{
    forget();
    watched *w = watch(fake_new(3, 2), 0.2, folder);
    w->cancel_at = cancel_at;
    went(go(w), AD_ERR_CANCELLED, "cancelled");
    unwatch(w);
}

static inline int set_up(void **state)
{
    (void)state;
    char *path = tiny_fast_path("fit_loop");
    snprintf(folder, sizeof folder, "%s", path);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    free(path);
    signal(SIGXFSZ, SIG_IGN);
    return mkdir(folder, 0700);
}

static inline int tear_down(void **state)
{
    (void)state;
    forget();
    return rmdir(folder);
}

#endif
