/* train/fit_loop.c, train/checkpoint.c, with a trainee of a few floats: the same bits wherever a training is
 * interrupted; order, best epoch, patience and progress as they are promised; what becomes of a loss that is not
 * finite, of a checkpoint that is damaged or of another training, of a folder that cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault_alloc.h"
#include "harness/tiny.h"
#include "train/fit_loop.h"

/* ---- A trainee: w learns to be the mean of what images say, with a momentum ---- */

enum { WEIGHTS = 5, IMAGES = 9, HELD_OUT = 2, TRAIN = IMAGES - HELD_OUT, BATCH = 3, BATCHES = 3, MOST_LOG = 1024,
       MOST_EPOCHS = 16 };

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

static double wanted(int32_t image, int32_t k)
{
    return sin(1.7 * image + 0.9 * k) + 0.3 * k;
}

static ad_status asks(const adi_cancel *cancel)
{
    return cancel->asked(cancel->user) ? adi_fail(AD_ERR_CANCELLED, "cancelled within a batch") : AD_OK;
}

static void fake_begin_phase(void *self, int32_t phase)
{
    fake *f = self;
    memset(f->velocity, 0, sizeof f->velocity);
    f->steps = 0;
    f->rate = phase ? 0.05f : 0.11f;
}

static ad_status fake_gradients(void *self, int32_t phase, const int32_t *images, int32_t count,
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
    *out_loss = (adi_batch_loss){loss, 2.0 * loss, 3.0 * loss};
    return AD_OK;
}

static ad_status fake_update(void *self, int32_t phase)
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

static ad_status fake_validate(void *self, int32_t phase, const int32_t *images, int32_t count,
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

static void fake_epoch_done(void *self, int32_t phase)
{
    (void)phase;
    ((fake *)self)->epochs_done++;
}

static const char *fake_describe(void *self, int32_t index, char *value, size_t size, int32_t *out_may_differ)
{
    const fake *f = self;
    *out_may_differ = index == 1;
    if (index == 0)
        snprintf(value, size, "%s", f->option);
    else
        snprintf(value, size, "%d", f->trainee.phases[0].epochs);
    return index == 0 ? "option" : index == 1 ? "epochs" : NULL;
}

static fake *fake_new(int32_t epochs, int32_t second)
{
    fake *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->option = "one";
    f->bad_step = f->poison_step = -1;
    for (int32_t k = 0; k < WEIGHTS; k++)
        f->w[k] = (float)(3.0 * seeded_signed("fit_loop", (uint64_t)k));
    f->trainee = (adi_trainee){.self = f, .phases = {{"first", epochs, 0, 1.0}, {"second", second, 0, 2.5}},
                               .phase_count = second ? 2 : 1, .array_count = 2, .counter_count = 2,
                               .arrays = {{"w", f->w, f->best, WEIGHTS}, {"velocity", f->velocity, NULL, WEIGHTS}},
                               .counters = {{"steps", &f->steps}, {"epochs", &f->epochs_done}},
                               .begin_phase = fake_begin_phase, .gradients = fake_gradients, .update = fake_update,
                               .validate = fake_validate, .epoch_done = fake_epoch_done, .describe = fake_describe};
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

static int on_progress(void *user, double fraction)
{
    watched *w = user;
    assert_true(fraction >= 0.02 && fraction <= 1.0 && fraction >= w->fraction);
    w->fraction = fraction;
    return ++w->calls == w->cancel_at;
}

static int on_train(void *user, const ad_train_progress *p)
{
    watched *w = user;
    assert_int_equal(p->struct_size, sizeof *p);
    if (w->each)
        w->each(w, p);
    return ++w->calls == w->cancel_at;
}

static watched *watch(fake *f, double share, const char *folder)
{
    watched *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->f = f;
    assert_int_equal(adi_fit_loop_init(&w->loop, &adi_default_allocator, &f->trainee, share > 0.0 ? IMAGES : TRAIN, share,
                                       11), AD_OK);
    w->loop.batch = BATCH;
    w->loop.seed = 5;
    ad_fit_options_init(&w->options, sizeof w->options);
    w->options.progress = on_progress;
    w->options.train = on_train;
    w->options.user = w;
    w->options.checkpoint_dir = folder;
    return w;
}

static ad_status go(watched *w)
{
    const adi_fit_control control = {&w->options, 0.02};
    w->fraction = 0.0;
    return adi_fit_loop_run(&w->loop, &control);
}

static void unwatch(watched *w)
{
    adi_fit_loop_free(&w->loop);
    free(w->f);
    free(w);
}

static char folder[600], checkpoint[700];

static void forget(void)
{
    unlink(checkpoint);
}

static int files_in_folder(void)
{
    DIR *d = opendir(folder);
    int count = -2; /* . and .. */
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

static void went(ad_status got, ad_status want, const char *part)
{
    if (got != want || (want && !strstr(ad_last_error_message(), part)))
        fail_msg("%s, '%s': not %s, '%s'", ad_status_name(got), got ? ad_last_error_message() : "", ad_status_name(want),
                 part);
}

/* An uninterrupted training. */
static fake *straight(int32_t epochs, int32_t second, double share, int32_t patience)
{
    watched *w = watch(fake_new(epochs, second), share, NULL);
    w->loop.patience = patience;
    went(go(w), AD_OK, "");
    fake *f = w->f;
    w->f = NULL;
    unwatch(w);
    return f;
}

static void same_result(const fake *a, const fake *b)
{
    assert_memory_equal(a->w, b->w, sizeof a->w);
    assert_memory_equal(a->best, b->best, sizeof a->best);
    assert_memory_equal(a->velocity, b->velocity, sizeof a->velocity);
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->epochs_done, b->epochs_done);
}

/* ---- Order ---- */

/* r = numpy.random.RandomState(11); split = r.permutation(9)
 * r = numpy.random.RandomState(5); [r.permutation(7) for _ in range(7)] */
static const int32_t split[IMAGES] = {7, 8, 2, 6, 4, 5, 1, 3, 0};
static const int32_t orders[7][TRAIN] = {{6, 2, 4, 1, 0, 5, 3}, {5, 1, 4, 2, 0, 3, 6}, {2, 5, 6, 3, 0, 1, 4},
                                         {6, 0, 5, 2, 4, 1, 3}, {0, 3, 4, 2, 5, 1, 6}, {5, 4, 0, 3, 2, 1, 6},
                                         {1, 6, 3, 4, 0, 2, 5}};

static void order_is_numpys(void **state)
{
    (void)state;
    fake *f = straight(3, 4, 0.2, 0);
    int32_t at = 0;
    for (int32_t epoch = 0; epoch < 7; epoch++)
        for (int32_t i = 0; i < TRAIN; i++) {
            assert_int_equal(f->log[at++], split[HELD_OUT + orders[epoch][i]]);
            if (i % BATCH == BATCH - 1 || i == TRAIN - 1)
                assert_int_equal(f->log[at++], epoch < 3 ? -1 : -2);
        }
    assert_int_equal(f->logged, at);
    free(f);
}

/* ---- Interrupted anywhere ---- */

static void interrupted_everywhere(int32_t epochs, int32_t second, double share, int32_t patience, const double *errors)
{
    watched *w = watch(fake_new(epochs, second), share, NULL);
    if (errors)
        memcpy(w->f->errors, errors, sizeof w->f->errors);
    w->loop.patience = patience;
    went(go(w), AD_OK, "");
    const long all = w->calls;
    for (int resumed = 0; resumed < 2; resumed++) /* from the folder by another process, or in this one */
        for (long at = 1; at <= all; at++) {
            forget();
            watched *v = watch(fake_new(epochs, second), share, folder);
            if (errors)
                memcpy(v->f->errors, errors, sizeof v->f->errors);
            v->loop.patience = patience;
            v->cancel_at = at;
            went(go(v), AD_ERR_CANCELLED, "cancelled");
            assert_int_equal(v->calls, at); /* nothing is asked after that */
            assert_int_equal(access(checkpoint, F_OK), 0);
            fake *first = v->f;
            if (resumed) {
                v->f = fake_new(epochs, second);
                memcpy(v->f->log, first->log, sizeof first->log);
                memcpy(v->f->errors, first->errors, sizeof first->errors);
                v->f->logged = first->logged;
                for (int32_t k = 0; k < WEIGHTS; k++)
                    v->f->w[k] = 77.0f; /* of no consequence */
                adi_fit_loop_free(&v->loop);
                watched *fresh = watch(v->f, share, folder);
                fresh->loop.patience = patience;
                fresh->options.resume = 1;
                free(first);
                free(v);
                v = fresh;
            }
            v->cancel_at = 0;
            went(go(v), AD_OK, "");
            same_result(v->f, w->f);
            assert_int_equal(v->f->logged, w->f->logged);
            assert_memory_equal(v->f->log, w->f->log, (size_t)w->f->logged * sizeof *w->f->log);
            unwatch(v);
        }
    unwatch(w);
}

static void same_bits_wherever_cancelled(void **state)
{
    (void)state;
    /* Low, then higher for ever: patience ends the phase; in the second phase the lowest is the third. */
    static const double errors[MOST_EPOCHS] = {5, 4, 6, 7, 8, 5, 4, 4, 2, 6, 7, 8, 9, 9, 9, 9};
    interrupted_everywhere(2, 0, 0.2, 0, NULL);
    interrupted_everywhere(2, 3, 0.2, 0, NULL);
    interrupted_everywhere(2, 2, 0.0, 0, NULL);
    interrupted_everywhere(5, 6, 0.2, 2, errors);
}

/* Cancelled and resumed again and again, each time a little later. */
static void cancelled_again_and_again(void **state)
{
    (void)state;
    fake *want = straight(3, 2, 0.2, 0);
    for (long stride = 5; stride < 9; stride++) {
        forget();
        for (int times = 0;; times++) {
            watched *w = watch(fake_new(3, 2), 0.2, folder);
            w->options.resume = 1;
            w->cancel_at = stride;
            const ad_status status = go(w);
            assert_true(times < 100);
            if (status == AD_OK) {
                same_result(w->f, want);
                assert_true(times > 3);
                unwatch(w);
                break;
            }
            went(status, AD_ERR_CANCELLED, "cancelled");
            unwatch(w);
        }
    }
    free(want);
}

/* ---- A checkpoint after every epoch: what a process that died leaves behind ---- */

static uint8_t saved[16][8192];
static size_t saved_size[16];
static int saved_count;

static size_t read_checkpoint(uint8_t *into)
{
    FILE *f = fopen(checkpoint, "rb");
    if (!f)
        return 0;
    const size_t n = fread(into, 1, sizeof saved[0], f);
    fclose(f);
    assert_true(n < sizeof saved[0]);
    return n;
}

static void write_checkpoint(const uint8_t *bytes, size_t size)
{
    FILE *f = fopen(checkpoint, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* The file that is there in the middle of an epoch is the last epoch's. */
static void keep_copies(watched *w, const ad_train_progress *p)
{
    (void)w;
    if (p->epoch_done || p->batch != 2)
        return;
    const size_t n = read_checkpoint(saved[saved_count]);
    assert_true((n > 0) == (p->epoch > 1 || p->phase_index > 0));
    if (n)
        saved_size[saved_count++] = n;
}

static void from_every_epoch(void **state)
{
    (void)state;
    fake *want = straight(3, 3, 0.2, 0);
    forget();
    watched *w = watch(fake_new(3, 3), 0.2, folder);
    w->each = keep_copies;
    saved_count = 0;
    went(go(w), AD_OK, "");
    same_result(w->f, want);
    unwatch(w);
    assert_int_equal(saved_count, 5);
    saved_size[saved_count] = read_checkpoint(saved[saved_count]); /* and that of the end */
    for (int i = 0; i <= saved_count; i++) {
        write_checkpoint(saved[i], saved_size[i]);
        w = watch(fake_new(3, 3), 0.2, folder);
        w->options.resume = 1;
        went(go(w), AD_OK, "");
        same_result(w->f, want);
        assert_int_equal(w->f->logged, (5 - i) * (TRAIN + BATCHES)); /* and did no more than was missing */
        unwatch(w);
    }
    free(want);
}

/* A training that was over goes on when it is given more epochs, from where it was and not from its best. */
static void more_epochs(void **state)
{
    (void)state;
    static const double errors[MOST_EPOCHS] = {3, 2, 4, 5, 1.5, 6};
    forget();
    watched *w = watch(fake_new(3, 0), 0.2, folder);
    memcpy(w->f->errors, errors, sizeof errors);
    went(go(w), AD_OK, "");
    assert_memory_equal(w->f->w, w->f->best, sizeof w->f->w); /* the second's */
    unwatch(w);
    w = watch(fake_new(6, 0), 0.2, folder);
    watched *whole = watch(fake_new(6, 0), 0.2, NULL);
    memcpy(w->f->errors, errors, sizeof errors);
    memcpy(whole->f->errors, errors, sizeof errors);
    w->options.resume = 1;
    went(go(w), AD_OK, "");
    went(go(whole), AD_OK, "");
    same_result(w->f, whole->f);
    const long calls = w->calls;
    went(go(w), AD_OK, ""); /* once more is nothing */
    assert_int_equal(w->calls, calls);
    same_result(w->f, whole->f);
    unwatch(w);
    w = watch(fake_new(2, 0), 0.2, folder);
    w->options.resume = 1;
    went(go(w), AD_ERR_MISMATCH, "is at epoch 6 of phase 0, this training has 2 epochs there");
    unwatch(w);
    unwatch(whole);
}

/* Without a checkpoint to go on from, a training begins. */
static void nothing_to_resume(void **state)
{
    (void)state;
    fake *want = straight(2, 0, 0.2, 0);
    forget();
    watched *w = watch(fake_new(2, 0), 0.2, folder);
    w->options.resume = 1;
    went(go(w), AD_OK, "");
    same_result(w->f, want);
    unwatch(w);
    free(want);
}

/* ---- The best epoch ---- */

static float after_epoch[MOST_EPOCHS][WEIGHTS];
static double last_best;
static int32_t last_best_epoch, epochs_run;

static void note_epochs(watched *w, const ad_train_progress *p)
{
    if (!p->epoch_done)
        return;
    memcpy(after_epoch[epochs_run++], w->f->w, sizeof w->f->w);
    last_best = p->best_validation;
    last_best_epoch = p->best_epoch;
}

static void run_with_errors(const double *errors, int32_t epochs, int32_t patience, double share, int32_t run,
                            int32_t best)
{
    watched *w = watch(fake_new(epochs, 0), share, NULL);
    memcpy(w->f->errors, errors, sizeof w->f->errors);
    w->loop.patience = patience;
    w->each = note_epochs;
    epochs_run = 0;
    went(go(w), AD_OK, "");
    assert_int_equal(epochs_run, run);
    assert_int_equal(last_best_epoch, best);
    if (share > 0.0)
        assert_true(last_best == errors[best - 1]);
    else
        assert_true(isnan(last_best));
    assert_memory_equal(w->f->w, after_epoch[best - 1], sizeof w->f->w);
    unwatch(w);
}

static void best_and_patience(void **state)
{
    (void)state;
    static const double flat[MOST_EPOCHS] = {4, 3, 3, 3, 3, 3}; /* an equal one is no better */
    static const double late[MOST_EPOCHS] = {4, 5, 5, 3, 5, 5, 5, 2};
    run_with_errors(flat, 6, 0, 0.2, 6, 2);
    run_with_errors(flat, 6, 3, 0.2, 5, 2);
    run_with_errors(flat, 6, 1, 0.2, 3, 2);
    run_with_errors(late, 8, 0, 0.2, 8, 8);
    run_with_errors(late, 8, 3, 0.2, 7, 4);
    run_with_errors(late, 8, 2, 0.2, 3, 1);
    run_with_errors(late, 5, 1, 0.0, 5, 5); /* without validation the last epoch, and patience means nothing */
}

/* ---- What is not finite ---- */

static void bad_loss(int64_t step, double loss, double share, int32_t best, const char *sentence)
{
    watched *w = watch(fake_new(4, 0), share, folder);
    static const double errors[MOST_EPOCHS] = {4, 3, 5, 2};
    float start[WEIGHTS];
    memcpy(start, w->f->w, sizeof start);
    memcpy(w->f->errors, errors, sizeof errors);
    w->f->bad_step = step;
    w->f->bad = loss;
    w->each = note_epochs;
    epochs_run = 0;
    forget();
    went(go(w), AD_ERR_NUMERIC, sentence);
    assert_memory_equal(w->f->w, best ? after_epoch[best - 1] : start, sizeof start);
    assert_int_equal(w->loop.finished, 0);
    /* The next run begins with what is good. */
    w->f->bad_step = -1;
    epochs_run = 0;
    went(go(w), AD_OK, "");
    assert_int_equal(epochs_run, 4);
    assert_int_equal(w->f->steps, 4 * BATCHES);
    unwatch(w);
}

static void not_finite(void **state)
{
    (void)state;
    bad_loss(0, -NAN, 0.2, 0, "the loss is nan at epoch 1, batch 1");
    bad_loss(2, INFINITY, 0.2, 0, "the loss is inf at epoch 1, batch 3");
    bad_loss(7, -INFINITY, 0.2, 2, "has the parameters of epoch 2 again");
    bad_loss(7, NAN, 0.0, 2, "at epoch 3, batch 2: a lower learning rate may help");
    watched *w = watch(fake_new(4, 0), 0.2, NULL);
    static const double errors[MOST_EPOCHS] = {4, 5, NAN};
    memcpy(w->f->errors, errors, sizeof errors);
    w->each = note_epochs;
    epochs_run = 0;
    went(go(w), AD_ERR_NUMERIC, "validation error is nan after epoch 3");
    assert_memory_equal(w->f->w, after_epoch[0], sizeof w->f->w);
    unwatch(w);
}

/* A parameter that a step made infinite, where no loss came after it to tell; validation does not see it either.
 * What is best, and what is on the disk, stays good. */
static void infinite_parameters(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++)
        for (int64_t step = 5; step <= 11; step += 6) { /* the last of the second epoch, and of all */
            watched *w = watch(fake_new(4, 0), held ? 0.2 : 0.0, folder);
            forget();
            w->f->poison_step = step;
            w->each = note_epochs;
            epochs_run = 0;
            const int32_t good = (int32_t)step / 3;
            went(go(w), AD_ERR_NUMERIC, "'w' is not finite after epoch");
            assert_int_equal(epochs_run, good);
            assert_memory_equal(w->f->w, held ? w->f->best : after_epoch[good - 1], sizeof w->f->w);
            for (int32_t k = 0; k < WEIGHTS; k++)
                assert_true(isfinite(w->f->w[k]));
            w->f->poison_step = -1;
            w->options.resume = 1; /* from the epoch before */
            went(go(w), AD_OK, "");
            fake *want = straight(4, 0, held ? 0.2 : 0.0, 0);
            same_result(w->f, want);
            free(want);
            unwatch(w);
        }
    /* Cancelled with it: the file of the epoch before stays. */
    forget();
    watched *w = watch(fake_new(4, 0), 0.2, folder);
    w->each = keep_copies;
    saved_count = 0;
    w->options.progress = NULL;
    w->f->poison_step = 4;
    w->cancel_at = 6; /* three batches, an epoch, two batches */
    went(go(w), AD_ERR_NUMERIC, "'w' is not finite");
    assert_int_equal(saved_count, 1);
    assert_int_equal(read_checkpoint(saved[1]), saved_size[0]);
    assert_memory_equal(saved[0], saved[1], saved_size[0]);
    unwatch(w);
}

/* ---- Damaged, or of another training ---- */

static void make_checkpoint(long cancel_at)
{
    forget();
    watched *w = watch(fake_new(3, 2), 0.2, folder);
    w->cancel_at = cancel_at;
    went(go(w), AD_ERR_CANCELLED, "cancelled");
    unwatch(w);
}

static void refused_by(fake *f, ad_status status, const char *part)
{
    watched *w = watch(f, 0.2, folder);
    const fake before = *w->f;
    const adi_train_position position = w->loop.position;
    w->options.resume = 1;
    went(go(w), status, part);
    assert_memory_equal(w->f, &before, sizeof before);
    assert_memory_equal(&w->loop.position, &position, sizeof position);
    assert_int_equal(w->calls, 0);
    unwatch(w);
}

static void of_another_training(void **state)
{
    (void)state;
    make_checkpoint(20);
    fake *f = fake_new(3, 2);
    f->option = "two";
    refused_by(f, AD_ERR_MISMATCH, "checkpoint.safetensors': option is one in the checkpoint and two now");
    f = fake_new(3, 2);
    f->trainee.arrays[0].count--;
    refused_by(f, AD_ERR_MISMATCH, "has no tensor 'w' of 4 values: it is of another training");
    f = fake_new(3, 2);
    f->trainee.arrays[1].name = "moment";
    refused_by(f, AD_ERR_MISMATCH, "has no tensor 'moment' of 5 values");
    f = fake_new(3, 2);
    f->trainee.counter_count = 1;
    refused_by(f, AD_ERR_MISMATCH, "has no tensor 'counters' of 1 values");
    f = fake_new(9, 2); /* epochs may be others */
    watched *w = watch(f, 0.2, folder);
    w->options.resume = 1;
    went(go(w), AD_OK, "");
    unwatch(w);
}

static void damaged(void **state)
{
    (void)state;
    static uint8_t good[8192], bad[8192];
    make_checkpoint(20);
    const size_t size = read_checkpoint(good);
    for (size_t i = 0; i < size; i++) {
        memcpy(bad, good, size);
        bad[i] ^= (uint8_t)(1u << i % 8);
        write_checkpoint(bad, size);
        watched *w = watch(fake_new(3, 2), 0.2, folder);
        const fake before = *w->f;
        w->options.resume = 1;
        if (go(w) == AD_OK)
            fail_msg("byte %zu of %zu was changed, and nothing was said", i, size);
        assert_non_null(strstr(ad_last_error_message(), "checkpoint.safetensors"));
        assert_memory_equal(w->f, &before, sizeof before);
        unwatch(w);
    }
    for (size_t n = 0; n < size; n += n < 64 ? 1 : 37) {
        write_checkpoint(good, n);
        refused_by(fake_new(3, 2), AD_ERR_FORMAT, "checkpoint.safetensors");
    }
    adi_st_writer *w = NULL;
    static const float nothing[1] = {1.0f};
    static const int64_t one = 1;
    static const char *const kinds[] = {NULL, "student", "checkpoint"};
    static const char *const says[] = {"this is no checkpoint but some other file", "this is no checkpoint but student",
                                       "format is missing, this version reads 1"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
        if (kinds[i])
            assert_int_equal(adi_st_writer_meta(w, "adfeat.kind", kinds[i]), AD_OK);
        assert_int_equal(adi_st_writer_tensor(w, "w", ADI_F32, 1, &one, nothing), AD_OK);
        assert_int_equal(adi_st_writer_save(w, checkpoint), AD_OK);
        adi_st_writer_destroy(w);
        refused_by(fake_new(3, 2), i < 2 ? AD_ERR_FORMAT : AD_ERR_UNSUPPORTED, says[i]);
    }
}

/* Checksums right, numbers impossible. */
static void impossible_positions(void **state)
{
    (void)state;
    static const struct {
        int at;
        double value;
    } cases[] = {{0, 2.0}, {0, -1.0}, {0, 0.5}, {0, 1e300}, {1, 4.0}, {1, 0.25}, {1, -1.0}, {2, 1.5}, {2, -1.0},
                 {2, 1e300}, {3, -0.5}, {3, 1e300}, {9, 0.5}, {9, 1e300}, {9, 4.0}, {9, -1.0}, {10, 0.5}, {10, 1e300},
                 {10, -1.0}};
    make_checkpoint(20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adi_safetensors *file = NULL;
        adi_st_writer *w = NULL;
        double position[11];
        assert_int_equal(sizeof position, sizeof(adi_train_position));
        const char *key, *value;
        assert_int_equal(adi_st_open(&adi_default_allocator, checkpoint, &file), AD_OK);
        assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
        for (size_t m = 0; adi_st_meta_at(file, m, &key, &value); m++)
            if (strncmp(key, "adfeat.crc32", 12) != 0)
                assert_int_equal(adi_st_writer_meta(w, key, value), AD_OK);
        for (int32_t t = 0; t < adi_st_count(file); t++) {
            const adi_st_tensor *tensor = adi_st_at(file, t);
            const int is_position = strcmp(tensor->name, "position") == 0;
            if (is_position) {
                assert_int_equal(adi_st_read_f64(file, tensor, position), AD_OK);
                position[cases[i].at] = cases[i].value;
            }
            assert_int_equal(adi_st_writer_tensor(w, tensor->name, tensor->dtype, tensor->ndim, tensor->shape,
                                                  is_position ? (const void *)position : tensor->data), AD_OK);
        }
        char other[720];
        snprintf(other, sizeof other, "%s.kept", checkpoint);
        assert_int_equal(rename(checkpoint, other), 0);
        assert_int_equal(adi_st_writer_save(w, checkpoint), AD_OK);
        adi_st_writer_destroy(w);
        adi_st_close(file);
        watched *v = watch(fake_new(3, 2), 0.2, folder);
        const fake before = *v->f;
        v->options.resume = 1;
        const ad_status status = go(v);
        if (status != AD_ERR_MISMATCH && status != AD_ERR_FORMAT)
            fail_msg("position[%d] = %g: %s", cases[i].at, cases[i].value, ad_status_name(status));
        assert_memory_equal(v->f, &before, sizeof before);
        unwatch(v);
        assert_int_equal(rename(other, checkpoint), 0);
    }
}

/* ---- A folder that cannot be written ---- */

static void take_folder_away(watched *w, const ad_train_progress *p)
{
    if (!p->epoch_done || p->epoch != 2 || w->epochs_seen++)
        return;
    forget();
    assert_int_equal(rmdir(folder), 0);
}

static void folder_goes_away(void **state)
{
    (void)state;
    fake *want = straight(4, 0, 0.2, 0);
    forget();
    watched *w = watch(fake_new(4, 0), 0.2, folder);
    w->each = take_folder_away;
    went(go(w), AD_ERR_IO, "the checkpoint could not be written, the training stands: ");
    assert_int_equal(w->f->epochs_done, 2);
    assert_int_equal(mkdir(folder, 0700), 0);
    went(go(w), AD_OK, "");
    same_result(w->f, want);
    assert_int_equal(w->f->logged, want->logged); /* no batch twice */
    assert_int_equal(files_in_folder(), 1);
    unwatch(w);
    free(want);
}

static rlim_t full_at; /* bytes a file may have from the second epoch on */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void fill_disk(watched *w, const ad_train_progress *p)
{
    if (p->epoch_done && p->epoch == 2 && !w->epochs_seen++)
        limit_files(full_at);
}

static void full_disk(void **state)
{
    (void)state;
    fake *want = straight(4, 0, 0.2, 0);
    make_checkpoint(20);
    const size_t size = read_checkpoint(saved[0]);
    for (int part = 0; part < 6; part++) { /* within the header, within the tensors, at the last byte */
        full_at = part < 5 ? 1 + size * (size_t)part / 5 : size - 1;
        forget();
        watched *w = watch(fake_new(4, 0), 0.2, folder);
        w->each = fill_disk;
        const ad_status status = go(w);
        limit_files(0);
        went(status, AD_ERR_IO, "the checkpoint could not be written, the training stands: ");
        assert_int_equal(files_in_folder(), 1); /* the first epoch's, and nothing half done beside it */
        watched *from_file = watch(fake_new(4, 0), 0.2, folder);
        from_file->options.resume = 1;
        went(go(from_file), AD_OK, "");
        same_result(from_file->f, want);
        assert_int_equal(from_file->f->logged, 3 * (TRAIN + BATCHES));
        unwatch(from_file);
        went(go(w), AD_OK, "");
        same_result(w->f, want);
        unwatch(w);
    }
    free(want);
}

/* ---- Progress ---- */

static int64_t expected_batch;
static double epoch_loss, epoch_images;

/* Every number of every call, against the batches counted here. */
static void check_progress(watched *w, const ad_train_progress *p)
{
    static const int32_t sizes[BATCHES] = {3, 3, 1};
    static const double cost[2] = {1.0, 2.5};
    const int32_t total[2] = {3 * BATCHES, 2 * BATCHES};
    expected_batch += !p->epoch_done;
    const int64_t done = expected_batch, phase = done > total[0] ? 1 : 0, within = done - (phase ? total[0] : 0);
    assert_int_equal(p->phase_index, phase);
    assert_string_equal(p->phase, phase ? "second" : "first");
    assert_int_equal(p->phases, 2);
    assert_int_equal(p->epochs, phase ? 2 : 3);
    assert_int_equal(p->epoch, (within + BATCHES - 1) / BATCHES);
    assert_int_equal(p->batches, BATCHES);
    assert_int_equal(p->batch, (within - 1) % BATCHES + 1);
    assert_int_equal(p->resumed, 0);
    const double loss = w->f->losses[w->f->logged - 1];
    if (!p->epoch_done) {
        const double images = sizes[p->batch - 1];
        epoch_loss = (p->batch == 1 ? 0.0 : epoch_loss) + images * loss;
        epoch_images = (p->batch == 1 ? 0.0 : epoch_images) + images;
    }
    const double told = p->epoch_done ? epoch_loss / epoch_images : loss;
    assert_true(fabs(p->loss - told) < 1e-12 && fabs(p->similarity - 2 * told) < 1e-12
                && fabs(p->reconstruction - 3 * told) < 1e-12);
    const int32_t complete = p->epoch - !p->epoch_done;
    assert_true(isnan(p->validation) == (complete == 0) && isnan(p->best_validation) == (complete == 0));
    assert_true(complete ? p->best_epoch >= 1 && p->best_epoch <= complete : p->best_epoch == 0);
    double spent = 0.0, left = 0.0;
    for (int64_t b = 1; b <= total[0] + total[1]; b++)
        *(b <= done ? &spent : &left) += cost[b > total[0]];
    assert_true(p->seconds > 0.0);
    if (fabs(p->seconds_left - p->seconds * left / spent) > 1e-9 * p->seconds * (1.0 + left / spent))
        fail_msg("phase %d epoch %d batch %d done %d: %g seconds left after %g, not %g", (int)phase, p->epoch, p->batch,
                 p->epoch_done, p->seconds_left, p->seconds, p->seconds * left / spent);
}

static void progress_numbers(void **state)
{
    (void)state;
    watched *w = watch(fake_new(3, 2), 0.2, NULL);
    expected_batch = 0;
    w->each = check_progress;
    went(go(w), AD_OK, "");
    assert_int_equal(expected_batch, 5 * BATCHES);
    assert_true(w->fraction > 0.95); /* the last question comes within the last validation */
    assert_int_equal(w->calls, 5 * (TRAIN + BATCHES + HELD_OUT + 1));
    unwatch(w);
}

static void say_resumed(watched *w, const ad_train_progress *p)
{
    w->epochs_seen += p->resumed ? 1 : 1000;
}

static void resumed_is_told(void **state)
{
    (void)state;
    make_checkpoint(12);
    watched *w = watch(fake_new(3, 2), 0.2, folder);
    w->options.resume = 1;
    w->each = say_resumed;
    went(go(w), AD_OK, "");
    assert_in_range(w->epochs_seen, 1, 999);
    unwatch(w);
}

/* ---- Memory ---- */

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        fault_alloc faults = {.fail_at = n};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &faults};
        fake *f = fake_new(2, 0);
        adi_fit_loop loop = {0};
        ad_fit_options o;
        ad_fit_options_init(&o, sizeof o);
        o.checkpoint_dir = folder;
        o.resume = 1;
        const adi_fit_control control = {&o, 0.0};
        forget();
        ad_status status = adi_fit_loop_init(&loop, &a, &f->trainee, IMAGES, 0.2, 11);
        if (status == AD_OK) {
            loop.batch = BATCH;
            status = adi_fit_loop_run(&loop, &control);
            if (status == AD_OK) {
                loop.finished = 0;
                status = adi_fit_loop_run(&loop, &control); /* reads what was written */
            }
        }
        if (status != AD_OK)
            went(status, AD_ERR_OUT_OF_MEMORY, "out of memory");
        adi_fit_loop_free(&loop);
        free(f);
        assert_int_equal(atomic_load(&faults.live), 0);
        if (atomic_load(&faults.calls) < n) {
            assert_int_equal(status, AD_OK);
            assert_true(n > 15);
            return;
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    char *path = tiny_fast_path("fit_loop");
    snprintf(folder, sizeof folder, "%s", path);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    free(path);
    signal(SIGXFSZ, SIG_IGN);
    return mkdir(folder, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    forget();
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_numpys),       cmocka_unit_test(same_bits_wherever_cancelled),
        cmocka_unit_test(cancelled_again_and_again), cmocka_unit_test(from_every_epoch),
        cmocka_unit_test(more_epochs),           cmocka_unit_test(nothing_to_resume),
        cmocka_unit_test(best_and_patience),     cmocka_unit_test(not_finite),
        cmocka_unit_test(infinite_parameters),   cmocka_unit_test(of_another_training),
        cmocka_unit_test(damaged),               cmocka_unit_test(impossible_positions),
        cmocka_unit_test(folder_goes_away),      cmocka_unit_test(full_disk),
        cmocka_unit_test(progress_numbers),      cmocka_unit_test(resumed_is_told),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests_name("fit_loop", tests, set_up, tear_down);
}
