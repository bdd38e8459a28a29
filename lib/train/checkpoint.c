/* Writing and reading checkpoints. */
#include "train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_kind.h"
#include "core/leftover.h"

#define FILE_NAME  "checkpoint.safetensors"
#define FORMAT     "1"
#define META       "adfeat.train."
enum { POSITION = sizeof(adi_train_position) / sizeof(double), TEXT = 8192 };

static ad_status check_folder(const char *dir)
{
    struct stat there;
    char text[128];
    if (stat(dir, &there) != 0)
        return adi_fail(AD_ERR_IO, "checkpoint_dir '%s': %s", dir,
                        strerror_r(errno, text, sizeof text));
    if (!S_ISDIR(there.st_mode))
        return adi_fail(AD_ERR_IO, "checkpoint_dir '%s' is not a folder", dir);
    if (access(dir, W_OK | X_OK) != 0)
        return adi_fail(AD_ERR_IO, "checkpoint_dir '%s' cannot be written: %s", dir,
                        strerror_r(errno, text, sizeof text));
    return AD_OK;
}

/* The lock belongs to the open folder, so that nothing is left of it when a process dies. Without
 * locks in the file system, or the right to read the folder, there is none. */
ad_status adi_checkpoint_enter(const char *dir, int *out_lock)
{
    *out_lock = -1;
    ADI_TRY(check_folder(dir));
    const int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(lock);
        return adi_fail(AD_ERR_STATE, "checkpoint_dir '%s' is in use by another training", dir);
    }
    adi_leftovers_remove(dir, ADI_LEFTOVERS_ALL);
    *out_lock = lock;
    return AD_OK;
}

void adi_checkpoint_leave(int lock)
{
    if (lock >= 0)
        close(lock);
}

static ad_status path_of(const adi_allocator *a, const char *dir, char **out_path)
{
    const size_t size = strlen(dir) + sizeof "/" FILE_NAME;
    char *path = adi_alloc(a, size);
    if (!path)
        return adi_fail_memory();
    snprintf(path, size, "%s/%s", dir, FILE_NAME);
    *out_path = path;
    return AD_OK;
}

/* A file with NaN would be refused, so that -1 stands for it: no validation error is negative. */
static void position_to_file(const adi_train_position *p, double *out)
{
    memcpy(out, p, sizeof *p);
    for (int i = 0; i < POSITION; i++)
        if (isnan(out[i]))
            out[i] = -1.0;
}

static void position_from_file(const double *in, adi_train_position *p)
{
    memcpy(p, in, sizeof *p);
    if (p->validation < 0.0)
        p->validation = NAN;
    if (p->best_validation < 0.0)
        p->best_validation = NAN;
}

/* Floats of all arrays, with their best values. */
static size_t floats_of(const adi_trainee *t, int32_t phase)
{
    size_t floats = 0;
    for (int32_t i = 0; i < t->array_count; i++)
        for (int best = 0; best < 2; best++)
            floats += adi_train_has(&t->arrays[i], phase, best) ? t->arrays[i].count : 0;
    return floats;
}

/* A tensor of values that the host can read, or which it fetches to *io_fetched, which moves behind
 * them. */
static ad_status put_array(adi_st_writer *w, const adi_trainee *t, const char *name,
                           const adi_f32 *values, size_t count, float **io_fetched)
{
    const int64_t shape = (int64_t)count;
    const float *there = adi_mem_host(&t->device, values);
    if (!there) {
        ADI_TRY(adi_mem_download(&t->device, t->queue, *io_fetched, values,
                                 count * sizeof *values));
        there = *io_fetched;
        *io_fetched += count;
    }
    return adi_st_writer_tensor(w, name, ADI_F32, 1, &shape, there);
}

static ad_status put_arrays(adi_st_writer *w, const adi_trainee *t, int32_t phase, float *fetched)
{
    char name[128];
    for (int32_t i = 0; i < t->array_count; i++) {
        const adi_train_array *x = &t->arrays[i];
        if (adi_train_has(x, phase, 0))
            ADI_TRY(put_array(w, t, x->name, x->values, x->count, &fetched));
        if (!adi_train_has(x, phase, 1))
            continue;
        snprintf(name, sizeof name, "best.%s", x->name);
        ADI_TRY(put_array(w, t, name, x->best, x->count, &fetched));
    }
    return AD_OK;
}

/* A line for people; the library reads position and counters. */
static ad_status put_progress(adi_st_writer *w, const adi_trainee *t, const adi_train_position *p)
{
    char value[128];
    const adi_phase *phase = &t->phases[(int32_t)p->phase];
    snprintf(value, sizeof value, "%s, %g of %d epochs and %g batches", phase->name, p->epoch,
             phase->epochs, p->batch);
    return adi_st_writer_meta(w, "adfeat.progress", value);
}

static ad_status put_description(adi_st_writer *w, const adi_trainee *t)
{
    char value[TEXT], key[128];
    int32_t may_differ;
    ADI_TRY(adi_st_writer_meta(w, "adfeat.format", FORMAT));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.kind", "checkpoint"));
    for (int32_t i = 0;; i++) {
        const char *name = t->describe(t->self, i, value, sizeof value, &may_differ);
        if (!name)
            return AD_OK;
        snprintf(key, sizeof key, META "%s", name);
        ADI_TRY(adi_st_writer_meta(w, key, value));
    }
}

ad_status adi_checkpoint_save(const adi_allocator *a, const char *dir, const adi_trainee *t,
                              const adi_train_position *position)
{
    adi_st_writer *w = NULL;
    char *path = NULL;
    float *fetched = NULL; /* lives until the file is saved */
    double numbers[POSITION], counters[ADI_TRAIN_MAX_COUNTERS];
    const int64_t position_count = POSITION, counter_count = t->counter_count;
    ad_status status = AD_OK;
    ADI_TRY_CLEANUP(path_of(a, dir, &path));
    ADI_TRY_CLEANUP(adi_st_writer_create(a, &w));
    ADI_TRY_CLEANUP(put_description(w, t));
    ADI_TRY_CLEANUP(put_progress(w, t, position));
    if (t->device.memory) {
        fetched = adi_alloc(a, floats_of(t, (int32_t)position->phase) * sizeof *fetched);
        ADI_TRY_CLEANUP(fetched ? AD_OK : adi_fail_memory());
    }
    ADI_TRY_CLEANUP(put_arrays(w, t, (int32_t)position->phase, fetched));
    position_to_file(position, numbers);
    for (int32_t i = 0; i < t->counter_count; i++)
        counters[i] = (double)*t->counters[i].value;
    ADI_TRY_CLEANUP(adi_st_writer_tensor(w, "position", ADI_F64, 1, &position_count, numbers));
    ADI_TRY_CLEANUP(adi_st_writer_tensor(w, "counters", ADI_F64, 1, &counter_count, counters));
    status = adi_st_writer_save(w, path);
    if (status != AD_OK)
        status = adi_fail_prefix(status, "checkpoint: ");
cleanup:
    adi_st_writer_destroy(w);
    adi_free(a, fetched);
    adi_free(a, path);
    return status;
}

static ad_status find(const adi_safetensors *file, const char *name, adi_dtype dtype, size_t count,
                      const adi_st_tensor **out)
{
    const adi_st_tensor *t = adi_st_find(file, name);
    if (!t || t->dtype != dtype || t->ndim != 1 || (size_t)t->count != count)
        return adi_fail(
            AD_ERR_MISMATCH,
            "the checkpoint has no tensor '%s' of %zu values: it belongs to another training", name,
            count);
    *out = t;
    return AD_OK;
}

static ad_status check_description(const adi_safetensors *file, const adi_trainee *t)
{
    char value[TEXT], key[128];
    int32_t may_differ;
    const char *kind = adi_file_kind(file), *format = adi_st_meta(file, "adfeat.format");
    if (!kind || strcmp(kind, "checkpoint") != 0)
        return adi_fail_other_kind(AD_ERR_FORMAT, file, "checkpoint");
    if (!format || strcmp(format, FORMAT) != 0)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "the checkpoint's format is %.20s, this version reads %s",
                        format ? format : "missing", FORMAT);
    for (int32_t i = 0;; i++) {
        const char *name = t->describe(t->self, i, value, sizeof value, &may_differ);
        if (!name)
            return AD_OK;
        snprintf(key, sizeof key, META "%s", name);
        const char *there = adi_st_meta(file, key);
        if (!may_differ && (!there || strcmp(there, value) != 0))
            return adi_fail(AD_ERR_MISMATCH, "%s is %.100s in the checkpoint and %.100s now", name,
                            there ? there : "missing", value);
    }
}

static ad_status check_finite(const adi_st_tensor *x)
{
    float v;
    for (int64_t i = 0; i < x->count; i++) {
        memcpy(&v, x->data + (size_t)i * sizeof v, sizeof v);
        if (!isfinite(v))
            return adi_fail(AD_ERR_NUMERIC, "tensor '%s': value %lld is %g", x->name, (long long)i,
                            v);
    }
    return AD_OK;
}

/* Reads an array, whose values were checked. */
static ad_status take(const adi_safetensors *file, const adi_st_tensor *x, const adi_trainee *t,
                      adi_f32 *values)
{
    adi_st_reader r;
    int64_t n = 0;
    if (!t->device.memory)
        return adi_st_read_f32(file, x, adi_mem_on_host(values));
    adi_st_read_begin(&r, file, x);
    do {
        ADI_TRY(adi_st_read_next(&r, &n));
        ADI_TRY(adi_mem_upload(&t->device, t->queue, values, r.bytes, (size_t)n * sizeof *values));
        values += n;
    } while (n > 0);
    return AD_OK;
}

/* Check all arrays (`taking` 0) or read them (1), each with its best values. Checking comes first,
 * so that a refused file changes nothing and no second copy is needed. */
static ad_status each_array(const adi_safetensors *file, const adi_trainee *t, int32_t phase,
                            int32_t taking)
{
    char name[128];
    const adi_st_tensor *x = NULL;
    for (int32_t i = 0; i < t->array_count; i++) {
        const adi_train_array *array = &t->arrays[i];
        for (int best = 0; best < 2; best++) {
            if (!adi_train_has(array, phase, best))
                continue;
            snprintf(name, sizeof name, "%s%s", best ? "best." : "", array->name);
            ADI_TRY(find(file, name, ADI_F32, array->count, &x));
            ADI_TRY(taking ? take(file, x, t, best ? array->best : array->values)
                           : check_finite(x));
        }
    }
    return AD_OK;
}

static int is_count(double v, double most)
{
    return v >= 0.0 && v <= most && v == floor(v);
}

/* The file is not trusted: counts must be whole numbers within this training. */
static ad_status check_position(const adi_train_position *p, const adi_trainee *t)
{
    if (!is_count(p->phase, t->phase_count - 1))
        return adi_fail(AD_ERR_MISMATCH, "the checkpoint is in phase %g, this training has %d",
                        p->phase + 1.0, t->phase_count);
    const adi_phase *phase = &t->phases[(int32_t)p->phase];
    if (!is_count(p->epoch, phase->epochs))
        return adi_fail(
            AD_ERR_MISMATCH,
            "the checkpoint is at epoch %g of the %s, this training has %d epochs there", p->epoch,
            phase->name, phase->epochs);
    if (!is_count(p->batch, INT32_MAX) || !is_count(p->images, INT32_MAX) ||
        !is_count(p->best_epoch, p->epoch) || !is_count(p->stale, p->epoch))
        return adi_fail(AD_ERR_FORMAT,
                        "the checkpoint's position is impossible: batch %g, best epoch %g of %g",
                        p->batch, p->best_epoch, p->epoch);
    return AD_OK;
}

ad_status adi_checkpoint_read(const adi_safetensors *file, const adi_trainee *t,
                              adi_train_position *position)
{
    double numbers[POSITION], counters[ADI_TRAIN_MAX_COUNTERS];
    adi_train_position there;
    const adi_st_tensor *x = NULL;
    ADI_TRY(adi_st_verify(file));
    ADI_TRY(check_description(file, t));
    ADI_TRY(find(file, "position", ADI_F64, POSITION, &x));
    ADI_TRY(adi_st_read_f64(file, x, numbers));
    position_from_file(numbers, &there);
    ADI_TRY(check_position(&there, t));
    ADI_TRY(find(file, "counters", ADI_F64, (size_t)t->counter_count, &x));
    ADI_TRY(adi_st_read_f64(file, x, counters));
    for (int32_t i = 0; i < t->counter_count; i++)
        if (!(counters[i] >= 0.0 && counters[i] < 9e15))
            return adi_fail(AD_ERR_FORMAT, "the checkpoint's counter '%s' is %g",
                            t->counters[i].name, counters[i]);
    ADI_TRY(each_array(file, t, (int32_t)there.phase, 0));
    /* Sets up the phase's other state. */
    ADI_TRY(t->begin_phase(t->self, (int32_t)there.phase));
    ADI_TRY(each_array(file, t, (int32_t)there.phase, 1));
    for (int32_t i = 0; i < t->counter_count; i++)
        *t->counters[i].value = (int64_t)counters[i];
    *position = there;
    return AD_OK;
}

ad_status adi_checkpoint_load(const adi_allocator *a, const char *dir, const adi_trainee *t,
                              adi_train_position *position, int32_t *out_found)
{
    char *path = NULL;
    adi_safetensors *file = NULL;
    struct stat there;
    *out_found = 0;
    ADI_TRY(path_of(a, dir, &path));
    if (stat(path, &there) != 0 && errno == ENOENT) {
        adi_free(a, path);
        return AD_OK;
    }
    ad_status status = adi_st_open(a, path, &file);
    if (status == AD_OK)
        status = adi_checkpoint_read(file, t, position);
    if (status == AD_OK)
        *out_found = 1;
    else
        status = adi_fail_in_file(status, "checkpoint", path);
    adi_st_close(file);
    adi_free(a, path);
    return status;
}
