/* train/checkpoint.c and resuming: the same bits wherever a training is interrupted; checkpoints that are
 * damaged or of another training; folders that cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "fit_loop_case.h"

/* ---- Interrupted anywhere ---- */

static void interrupted_everywhere(int32_t epochs, int32_t second, double share, int32_t patience,
                                   const double *errors)
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
    went(go(w), AD_ERR_MISMATCH, "is at epoch 6 of the first, this training has 2 epochs there");
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

/* ---- Damaged, or of another training ---- */

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
    refused_by(f, AD_ERR_MISMATCH, "has no tensor 'w' of 4 values: it belongs to another training");
    f = fake_new(3, 2);
    snprintf(f->trainee.arrays[1].name, sizeof f->trainee.arrays[1].name, "moment");
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
    static const char *const says[] = {"this is not a checkpoint but a file that does not say what it is",
                                       "this is not a checkpoint but a student",
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
    } cases[] = {{0, 2.0}, {0, -1.0}, {0, 0.5},   {0, 1e300},  {1, 4.0},   {1, 0.25}, {1, -1.0},
                 {2, 1.5}, {2, -1.0}, {2, 1e300}, {3, -0.5},   {3, 1e300}, {9, 0.5},  {9, 1e300},
                 {9, 4.0}, {9, -1.0}, {10, 0.5},  {10, 1e300}, {10, -1.0}};
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
    went(go(w), AD_ERR_IO, "checkpoint: cannot ");
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

static void fill_disk_at_the_end(watched *w, const ad_train_progress *p)
{
    if (p->epoch_done && p->epoch == p->epochs && !w->epochs_seen++)
        limit_files(1);
}

/* The training is over and its last checkpoint is not there: the next call writes it. */
static void full_disk_at_the_end(void **state)
{
    (void)state;
    fake *want = straight(4, 0, 0.2, 0);
    forget();
    watched *w = watch(fake_new(4, 0), 0.2, folder);
    w->each = fill_disk_at_the_end;
    const ad_status status = go(w);
    limit_files(0);
    went(status, AD_ERR_IO, "checkpoint: cannot ");
    went(go(w), AD_OK, "");
    same_result(w->f, want);
    unwatch(w);
    watched *from_file = watch(fake_new(4, 0), 0.2, folder);
    from_file->options.resume = 1;
    went(go(from_file), AD_OK, "");
    same_result(from_file->f, want);
    assert_int_equal(from_file->f->logged, 0); /* nothing was left to train */
    unwatch(from_file);
    free(want);
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
        went(status, AD_ERR_IO, "checkpoint: cannot ");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_wherever_cancelled),
        cmocka_unit_test(cancelled_again_and_again),
        cmocka_unit_test(from_every_epoch),
        cmocka_unit_test(more_epochs),
        cmocka_unit_test(nothing_to_resume),
        cmocka_unit_test(of_another_training),
        cmocka_unit_test(damaged),
        cmocka_unit_test(impossible_positions),
        cmocka_unit_test(folder_goes_away),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(full_disk_at_the_end),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, set_up, tear_down);
}
