/* train/fit_loop.c, with a trainee of a few floats: order, best epoch, patience and progress as they are
 * promised, and what becomes of a training that is not finite. Interruptions are for test_checkpoint.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fit_loop_case.h"

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
    bad_loss(7, -INFINITY, 0.2, 2, "is back at its parameters of epoch 2");
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

/* A parameter that a step made infinite, where no loss came after it to tell; validation does not see it
 * either. What is best, and what is on the disk, stays good. */
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
    const int64_t done = expected_batch, phase = done > total[0] ? 1 : 0,
                  within = done - (phase ? total[0] : 0);
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
    assert_true(fabs(p->loss - told) < 1e-12 && fabs(p->loss_parts[0] - 2 * told) < 1e-12 &&
                fabs(p->loss_parts[1] - 3 * told) < 1e-12);
    assert_string_equal(p->loss_part_names[0], "twice");
    assert_string_equal(p->loss_part_names[1], "thrice");
    assert_null(p->loss_part_names[2]);
    const int32_t complete = p->epoch - !p->epoch_done;
    assert_true(isnan(p->validation) == (complete == 0) && isnan(p->best_validation) == (complete == 0));
    assert_true(complete ? p->best_epoch >= 1 && p->best_epoch <= complete : p->best_epoch == 0);
    double spent = 0.0, left = 0.0;
    for (int64_t b = 1; b <= total[0] + total[1]; b++)
        *(b <= done ? &spent : &left) += cost[b > total[0]];
    assert_true(p->seconds > 0.0);
    if (fabs(p->seconds_left - p->seconds * left / spent) > 1e-9 * p->seconds * (1.0 + left / spent))
        fail_msg("phase %d epoch %d batch %d done %d: %g seconds left after %g, not %g", (int)phase, p->epoch,
                 p->batch, p->epoch_done, p->seconds_left, p->seconds, p->seconds * left / spent);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_numpys),
        cmocka_unit_test(best_and_patience),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(infinite_parameters),
        cmocka_unit_test(progress_numbers),
        cmocka_unit_test(resumed_is_told),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests_name("fit_loop", tests, set_up, tear_down);
}
