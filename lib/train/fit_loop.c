/* The training loop. */
#include "train/fit_loop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/finite.h"
#include "train/split.h"

/* One call of adi_fit_loop_run(). */
typedef struct fit_run {
    adi_fit_loop *loop;
    const adi_fit_control *control;
    double began; /* seconds */
    double done;  /* cost of the batches that this call has run */
    int32_t resumed, measured;
    int32_t is_trial; /* batches are timed, not trained: progress does not move */
    adi_batch_loss latest;
} fit_run;

static int32_t batches_of(const adi_fit_loop *loop)
{
    if (loop->trainee->drop_last && loop->train_count >= loop->batch)
        return loop->train_count / loop->batch;
    return (loop->train_count + loop->batch - 1) / loop->batch;
}

static const adi_phase *phase_of(const adi_fit_loop *loop)
{
    return &loop->trainee->phases[(int32_t)loop->position.phase];
}

/* ---- Best values ---- */

static ad_status save_best(const adi_trainee *t, int32_t phase)
{
    for (int32_t i = 0; i < t->array_count; i++) {
        const adi_train_array *x = &t->arrays[i];
        if (adi_train_has(x, phase, 1))
            ADI_TRY(adi_mem_copy(&t->device, t->queue, x->best, x->values,
                                 x->count * sizeof(float)));
    }
    return AD_OK;
}

static ad_status restore_best(const adi_trainee *t, int32_t phase)
{
    for (int32_t i = 0; i < t->array_count; i++) {
        const adi_train_array *x = &t->arrays[i];
        if (adi_train_has(x, phase, 1))
            ADI_TRY(adi_mem_copy(&t->device, t->queue, x->values, x->best,
                                 x->count * sizeof(float)));
    }
    return AD_OK;
}

static ad_status begin_phase(adi_fit_loop *loop, int32_t phase)
{
    loop->position =
        (adi_train_position){.phase = phase, .validation = NAN, .best_validation = NAN};
    ADI_TRY(save_best(loop->trainee, phase));
    return loop->trainee->begin_phase(loop->trainee->self, phase);
}

/* ---- Life ---- */

ad_status adi_fit_loop_init(adi_fit_loop *loop, const adi_allocator *a, adi_trainee *trainee,
                            int32_t images, double validation_share, uint64_t split_seed)
{
    *loop = (adi_fit_loop){.allocator = a, .trainee = trainee};
    const int copies = trainee->device.memory != NULL;
    loop->held_out = adi_calloc(a, 2 * (size_t)images, sizeof *loop->held_out);
    loop->fetched = copies ? adi_alloc(a, ADI_TRAIN_FETCHED * sizeof *loop->fetched) : NULL;
    if (!loop->held_out || (copies && !loop->fetched)) {
        adi_fit_loop_free(loop);
        return adi_fail_memory();
    }
    ad_status status = adi_train_test_split(images, validation_share, (uint32_t)split_seed,
                                                  loop->held_out, &loop->held_out_count);
    if (status != AD_OK) {
        adi_fit_loop_free(loop);
        return status;
    }
    loop->train = loop->held_out + loop->held_out_count;
    loop->train_count = images - loop->held_out_count;
    loop->order = loop->held_out + images;
    status = begin_phase(loop, 0);
    if (status != AD_OK)
        adi_fit_loop_free(loop);
    return status;
}

void adi_fit_loop_free(adi_fit_loop *loop)
{
    if (!loop->allocator)
        return;
    adi_free(loop->allocator, loop->held_out);
    adi_free(loop->allocator, loop->fetched);
    *loop = (adi_fit_loop){0};
}

/* ---- Progress ---- */

static double remaining_cost(const adi_fit_loop *loop)
{
    const adi_trainee *t = loop->trainee;
    const adi_train_position *p = &loop->position;
    double left = 0.0;
    for (int32_t i = (int32_t)p->phase; i < t->phase_count; i++) {
        const double behind = i == (int32_t)p->phase ? p->epoch * batches_of(loop) + p->batch : 0.0;
        left += t->phases[i].cost * ((double)t->phases[i].epochs * batches_of(loop) - behind);
    }
    return left > 0.0 ? left : 0.0;
}

static double fraction(const fit_run *r)
{
    double total = 0.0;
    if (r->is_trial)
        return r->control->from;
    for (int32_t i = 0; i < r->loop->trainee->phase_count; i++)
        total += r->loop->trainee->phases[i].cost * r->loop->trainee->phases[i].epochs *
                 batches_of(r->loop);
    const double from = r->control->from;
    return total > 0.0 ? from + (1.0 - from) * (1.0 - remaining_cost(r->loop) / total) : from;
}

static int is_cancelled(void *user)
{
    const fit_run *r = user;
    const ad_fit_options *o = r->control->options;
    return o->progress && o->progress(o->user, fraction(r));
}

static int report_progress(const fit_run *r, int32_t epoch_done)
{
    const adi_fit_loop *loop = r->loop;
    const adi_train_position *p = &loop->position;
    const ad_fit_options *o = r->control->options;
    if (!o->train)
        return 0;
    const double seconds = 1e-3 * adi_now_ms() - r->began;
    const double images = p->images > 0.0 ? p->images : 1.0;
    ad_train_progress progress = {
        .struct_size = sizeof progress,
        .epoch_done = epoch_done,
        .phase = phase_of(loop)->name,
        .phase_index = (int32_t)p->phase,
        .phases = loop->trainee->phase_count,
        .epoch = (int32_t)fmin(p->epoch + !epoch_done, phase_of(loop)->epochs),
        .epochs = phase_of(loop)->epochs,
        .batch = epoch_done    ? batches_of(loop)
                 : r->is_trial ? 0
                               : (int32_t)p->batch,
        .batches = batches_of(loop),
        .loss = epoch_done ? p->loss / images : r->latest.loss,
        .validation = p->validation,
        .best_validation = p->best_validation,
        .best_epoch = (int32_t)p->best_epoch,
        .resumed = r->resumed,
        .seconds = seconds,
        .seconds_left = r->done > 0.0 ? seconds / r->done * remaining_cost(loop)
                        : r->measured ? remaining_cost(loop)
                                      : 0.0,
    };
    for (int32_t i = 0; i < loop->trainee->loss_part_count; i++) {
        progress.loss_part_names[i] = loop->trainee->loss_part_names[i];
        progress.loss_parts[i] = epoch_done ? p->parts[i] / images : r->latest.parts[i];
    }
    return o->train(o->user, &progress);
}

/* ---- An epoch ---- */

/* The order depends on the seed and the epoch's number, counted over all phases, and on nothing
 * else. */
static void draw_order(adi_fit_loop *loop)
{
    int32_t number = (int32_t)loop->position.epoch;
    for (int32_t i = 0; i < (int32_t)loop->position.phase; i++)
        number += loop->trainee->phases[i].epochs;
    if (!loop->drawn || number < loop->drawn - 1) {
        adi_mt19937_seed_numpy(&loop->mt, (uint32_t)loop->seed);
        loop->drawn = 0;
    }
    if (loop->drawn > number)
        return; /* order holds this epoch already */
    for (; loop->drawn <= number; loop->drawn++)
        adi_mt19937_permutation(&loop->mt, loop->train_count, loop->order);
    for (int32_t i = 0; i < loop->train_count; i++)
        loop->order[i] = loop->train[loop->order[i]];
}

/* Restore the best values, from which the next run starts. `what` begins the message. */
static ad_status not_finite(adi_fit_loop *loop, const char *what)
{
    const adi_train_position *p = &loop->position;
    const ad_status status = adi_fail(
        AD_ERR_NUMERIC,
        "%s: a lower learning rate may help; the student is back at its parameters of %s %d", what,
        p->best_epoch > 0.0 ? "epoch" : "its start, epoch", (int)p->best_epoch);
    const ad_status restored = restore_best(loop->trainee, (int32_t)p->phase);
    const ad_status begun = begin_phase(loop, 0);
    return restored != AD_OK ? restored : begun != AD_OK ? begun : status;
}

static ad_status bad_loss(adi_fit_loop *loop, double loss)
{
    char what[100];
    snprintf(what, sizeof what, "the loss is %g at epoch %d, batch %d", isnan(loss) ? NAN : loss,
             (int)loop->position.epoch + 1, (int)loop->position.batch + 1);
    return not_finite(loop, what);
}

static ad_status bad_validation(adi_fit_loop *loop, double error)
{
    char what[100];
    snprintf(what, sizeof what, "the validation error is %g after epoch %d",
             isnan(error) ? NAN : error, (int)loop->position.epoch + 1);
    return not_finite(loop, what);
}

/* Whether all values of an array of the trainee are finite. */
static ad_status check_array(adi_fit_loop *loop, const adi_train_array *x, int *out_finite)
{
    const adi_trainee *t = loop->trainee;
    *out_finite = 1;
    if (!t->device.memory) {
        *out_finite = adi_all_finite(adi_mem_on_host(x->values), (int64_t)x->count);
        return AD_OK;
    }
    for (size_t first = 0; first < x->count && *out_finite; first += ADI_TRAIN_FETCHED) {
        const size_t left = x->count - first;
        const size_t n = left < ADI_TRAIN_FETCHED ? left : ADI_TRAIN_FETCHED;
        ADI_TRY(adi_mem_download(&t->device, t->queue, loop->fetched, x->values + first,
                                 n * sizeof(float)));
        *out_finite = adi_all_finite(loop->fetched, (int64_t)n);
    }
    return AD_OK;
}

/* The loss says nothing about the latest step, and a ReLU may hide a NaN of an earlier one. */
static ad_status check_values(adi_fit_loop *loop)
{
    const adi_trainee *t = loop->trainee;
    char what[100];
    for (int32_t i = 0; i < t->array_count; i++) {
        int finite = 1;
        if (adi_train_has(&t->arrays[i], (int32_t)loop->position.phase, 0))
            ADI_TRY(check_array(loop, &t->arrays[i], &finite));
        if (finite)
            continue;
        snprintf(what, sizeof what, "'%.40s' is not finite after epoch %d, batch %d",
                 t->arrays[i].name, (int)loop->position.epoch + 1, (int)loop->position.batch);
        return not_finite(loop, what);
    }
    return AD_OK;
}

static ad_status run_batch(fit_run *r)
{
    adi_fit_loop *loop = r->loop;
    adi_trainee *t = loop->trainee;
    adi_train_position *p = &loop->position;
    const adi_cancel cancel = {is_cancelled, r};
    const int32_t phase = (int32_t)p->phase, first = (int32_t)p->batch * loop->batch;
    const int32_t count =
        loop->train_count - first < loop->batch ? loop->train_count - first : loop->batch;
    adi_batch_loss loss = {0};
    ADI_TRY(t->gradients(t->self, phase, loop->order + first, count, &cancel, &loss));
    if (!isfinite(loss.loss))
        return bad_loss(loop, loss.loss);
    ADI_TRY(t->update(t->self, phase));
    p->batch++;
    p->images += count;
    p->loss += count * loss.loss;
    for (int i = 0; i < ADI_LOSS_PARTS; i++)
        p->parts[i] += count * loss.parts[i];
    r->latest = loss;
    r->done += t->phases[phase].cost;
    return report_progress(r, 0) ? adi_fail(AD_ERR_CANCELLED,
                                 "the training was cancelled in epoch %d after batch %d of %d",
                                 (int)p->epoch + 1, (int)p->batch, batches_of(loop))
                      : AD_OK;
}

static ad_status end_epoch(fit_run *r)
{
    adi_fit_loop *loop = r->loop;
    adi_trainee *t = loop->trainee;
    adi_train_position *p = &loop->position;
    const adi_cancel cancel = {is_cancelled, r};
    double error = NAN;
    if (loop->held_out_count) {
        ADI_TRY(t->validate(t->self, (int32_t)p->phase, loop->held_out, loop->held_out_count,
                            &cancel, &error));
        if (!isfinite(error))
            return bad_validation(loop, error);
    }
    ADI_TRY(check_values(loop));
    p->epoch++;
    p->validation = error;
    t->epoch_done(t->self, (int32_t)p->phase);
    if (!loop->held_out_count || !(p->best_validation <= error)) {
        ADI_TRY(save_best(t, (int32_t)p->phase));
        p->best_validation = error;
        p->best_epoch = p->epoch;
        p->stale = 0.0;
    } else {
        p->stale++;
    }
    return AD_OK;
}

/* Time a batch of each remaining phase without an update, so that costs are in seconds. The second
 * batch counts, since the first touches fresh memory; a slow one (WARM_UP / 2 seconds) is not
 * repeated. */
static ad_status measure(fit_run *r)
{
    enum { WARM_UP = 5 };
    adi_fit_loop *loop = r->loop;
    adi_trainee *t = loop->trainee;
    const adi_cancel cancel = {is_cancelled, r};
    const int32_t count = loop->train_count < loop->batch ? loop->train_count : loop->batch;
    r->is_trial = 1;
    for (int32_t phase = (int32_t)loop->position.phase; phase < t->phase_count; phase++)
        for (int round = 0; round < 2; round++) {
            adi_batch_loss loss = {0};
            const double began = 1e-3 * adi_now_ms();
            ADI_TRY(t->gradients(t->self, phase, loop->train, count, &cancel, &loss));
            t->phases[phase].cost = 1e-3 * adi_now_ms() - began;
            if (t->phases[phase].cost > 0.5 * WARM_UP)
                break;
        }
    r->measured = 1;
    r->began = 1e-3 * adi_now_ms();
    const int stop = report_progress(r, 0);
    r->is_trial = 0;
    return stop ? adi_fail(AD_ERR_CANCELLED, "the training was cancelled before its first batch")
                : AD_OK;
}

static ad_status save(adi_fit_loop *loop, const fit_run *r)
{
    const char *dir = r->control->options->checkpoint_dir;
    loop->unsaved = 1; /* also if it fails: the next run saves before it goes on */
    if (dir)
        ADI_TRY(adi_checkpoint_save(loop->allocator, dir, loop->trainee, &loop->position));
    loop->unsaved = 0;
    return AD_OK;
}

static ad_status run_epoch(fit_run *r)
{
    adi_fit_loop *loop = r->loop;
    adi_train_position *p = &loop->position;
    draw_order(loop);
    while ((int32_t)p->batch < batches_of(loop))
        ADI_TRY(run_batch(r));
    ADI_TRY(end_epoch(r));
    p->batch = 0.0;
    const int stop = report_progress(r, 1);
    p->images = p->loss = 0.0;
    memset(p->parts, 0, sizeof p->parts);
    ADI_TRY(save(loop, r));
    return stop ? adi_fail(AD_ERR_CANCELLED, "the training was cancelled after epoch %d of %d",
                           (int)p->epoch, phase_of(loop)->epochs)
                : AD_OK;
}

/* ---- The whole ---- */

static int phase_is_over(const adi_fit_loop *loop)
{
    const adi_train_position *p = &loop->position;
    return p->epoch >= phase_of(loop)->epochs || (loop->patience > 0 && p->stale >= loop->patience);
}

static ad_status run_phases(fit_run *r)
{
    adi_fit_loop *loop = r->loop;
    const int32_t last = loop->trainee->phase_count - 1;
    if (loop->unsaved)
        ADI_TRY(save(loop, r));
    while (!phase_is_over(loop) || (int32_t)loop->position.phase < last) {
        if (!phase_is_over(loop)) {
            ADI_TRY(run_epoch(r));
            continue;
        }
        ADI_TRY(restore_best(loop->trainee, (int32_t)loop->position.phase));
        ADI_TRY(begin_phase(loop, (int32_t)loop->position.phase + 1));
    }
    return AD_OK;
}

ad_status adi_fit_loop_run(adi_fit_loop *loop, const adi_fit_control *control)
{
    if (loop->finished)
        return AD_OK;
    fit_run r = {.loop = loop, .control = control, .began = 1e-3 * adi_now_ms()};
    const ad_fit_options *o = control->options;
    if (o->checkpoint_dir && o->resume)
        ADI_TRY(adi_checkpoint_load(loop->allocator, o->checkpoint_dir, loop->trainee,
                                    &loop->position, &r.resumed));
    ad_status status =
        loop->trainee->measured && o->train && remaining_cost(loop) > 0.0 ? measure(&r) : AD_OK;
    if (status == AD_OK)
        status = run_phases(&r);
    if (status == AD_ERR_CANCELLED && o->checkpoint_dir) {
        char sentence[512]; /* saving must not replace the message of the cancelled call */
        snprintf(sentence, sizeof sentence, "%s", ad_last_error_message());
        ADI_TRY(check_values(loop)); /* keep the last checkpoint if these could not be loaded */
        ADI_TRY(save(loop, &r));
        return adi_fail(AD_ERR_CANCELLED, "%s", sentence);
    }
    if (status == AD_OK)
        status = restore_best(loop->trainee, (int32_t)loop->position.phase);
    loop->finished = status == AD_OK;
    return status;
}
