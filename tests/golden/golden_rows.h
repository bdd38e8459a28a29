/* Rows of samples as training_golden.py stores them: many tensors under one key, named in the
 * metadata. */
#ifndef ADFEAT_TESTS_GOLDEN_ROWS_H
#define ADFEAT_TESTS_GOLDEN_ROWS_H

#include "golden_taps.h"

static inline double golden_real(const adi_safetensors *golden, const char *stem, const char *what,
                                 int64_t index)
{
    const adi_st_tensor *t = what ? golden_tensor(golden, stem, what) : adi_st_find(golden, stem);
    assert_non_null(t);
    assert_true(index < t->count);
    if (t->dtype == ADI_F32) {
        float v;
        memcpy(&v, t->data + 4 * index, sizeof v);
        return v;
    }
    double v;
    assert_int_equal(t->dtype, ADI_F64);
    memcpy(&v, t->data + 8 * index, sizeof v);
    return v;
}

/* Name `index` of a comma-separated list; 0 past the last. */
static inline int golden_name(const adi_safetensors *golden, const char *list, int64_t index,
                              char *out, size_t size)
{
    const char *at = adi_st_meta(golden, list);
    assert_non_null(at);
    for (; index > 0 && at; index--) {
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return 0;
    const size_t n = strcspn(at, ",");
    assert_true(n < size);
    memcpy(out, at, n);
    out[n] = '\0';
    return 1;
}

static inline int64_t golden_names(const adi_safetensors *golden, const char *list)
{
    char name[160];
    int64_t count = 0;
    while (golden_name(golden, list, count, name, sizeof name))
        count++;
    return count;
}

/* A scalar, relative. Returns the error. */
static inline double golden_scalar(const char *what, double got, double want, double limit)
{
    const double error = fabs(got - want) / fabs(want);
    if (!(error <= limit))
        fail_msg("%s is %.12g, not %.12g: %.3g, limit %.3g", what, got, want, error, limit);
    return error;
}

typedef struct golden_limits {
    double value; /* of samples and of the largest value, relative to that; of the norm, relative */
    double change; /* of samples, relative to the largest change since the start; 0: not asked */
    int steps;     /* for change: so many roundings of the value itself are let pass */
} golden_limits;

/* Row `row` of `key` against the whole tensor in the file's order. Adds to *worst the largest
 * error, and with limits.change to worst[1] that of the change. */
static inline void golden_row(const adi_safetensors *golden, const char *key, int64_t row,
                              const char *name, const float *got, int64_t count,
                              golden_limits limits, double *worst)
{
    const adi_st_tensor *values = golden_tensor(golden, key, "value");
    assert_int_equal(values->ndim, 2);
    assert_true(row < values->shape[0]);
    const int64_t samples = values->shape[1];
    const double absmax = golden_real(golden, key, "absmax", row),
                 norm = golden_real(golden, key, "norm", row);
    const double moved = limits.change > 0.0 ? golden_real(golden, key, "moved", row) : 0.0;
    assert_true(absmax > 0.0);
    for (int64_t i = 0; i < samples; i++) {
        const double want = golden_real(golden, key, "value", row * samples + i);
        const double have = got[i * (count - 1) / (samples - 1)], off = fabs(have - want),
                     error = off / absmax;
        if (!(error <= limits.value))
            fail_msg("%s of %s: sample %lld is %.9g, not %.9g: %.3g of the largest, limit %.3g",
                     key, name, (long long)i, have, want, error, limits.value);
        worst[0] = fmax(worst[0], error);
        if (limits.change <= 0.0)
            continue;
        const double change = (off - limits.steps * 0x1p-23 * fabs(want)) / moved;
        if (!(change <= limits.change))
            fail_msg("%s of %s: sample %lld is %.9g, not %.9g: %.3g of the largest change %.3g, "
                     "limit %.3g",
                     key, name, (long long)i, have, want, change, moved, limits.change);
        worst[1] = fmax(worst[1], change);
    }
    double most = 0.0, sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)got[i]));
        sum += got[i];
        squares += (double)got[i] * got[i];
    }
    const double errors[3] = {fabs(most - absmax) / absmax, fabs(sqrt(squares) - norm) / norm,
                              fabs(sum - golden_real(golden, key, "sum", row)) /
                                  (norm * sqrt((double)count))};
    static const char *const what[3] = {"largest value", "norm", "sum"};
    for (int k = 0; k < 3; k++) {
        if (!(errors[k] <= limits.value))
            fail_msg("%s of %s: the %s is off by %.3g, limit %.3g", key, name, what[k], errors[k],
                     limits.value);
        worst[0] = fmax(worst[0], errors[k]);
    }
}

#endif
