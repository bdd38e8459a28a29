/* Comparing the taps of a run with the sampled values of a golden file. */
#ifndef ADFEAT_TESTS_GOLDEN_TAPS_H
#define ADFEAT_TESTS_GOLDEN_TAPS_H

#include "harness/seeded_network.h"

static inline const adi_st_tensor *golden_tensor(const adi_safetensors *golden, const char *stem,
                                                 const char *what)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s", stem, what);
    const adi_st_tensor *t = adi_st_find(golden, name);
    if (!t)
        fail_msg("no golden tensor %s", name);
    return t;
}

static inline int64_t golden_integer(const adi_st_tensor *t, int64_t index)
{
    int64_t v;
    assert_int_equal(t->dtype, ADI_I64);
    assert_true(index < t->count);
    memcpy(&v, t->data + 8 * index, sizeof v);
    return v;
}

/* stem.shape, .index, .value and .absmax against h x w x c values. Returns the largest error,
 * relative to absmax; fails beyond the limit. */
static inline double golden_compare(const adi_safetensors *golden, const char *stem,
                                    const float *got, const adi_shape *shape, double limit)
{
    const adi_st_tensor *dims = golden_tensor(golden, stem, "shape");
    assert_int_equal(golden_integer(dims, 0), shape->h);
    assert_int_equal(golden_integer(dims, 1), shape->w);
    assert_int_equal(golden_integer(dims, 2), shape->c);
    const adi_st_tensor *index = golden_tensor(golden, stem, "index");
    const adi_st_tensor *value = golden_tensor(golden, stem, "value");
    float want[64], absmax, most = 0.0f;
    assert_int_equal(value->count, 64);
    assert_int_equal(adi_st_read_f32(golden, value, want), AD_OK);
    assert_int_equal(adi_st_read_f32(golden, golden_tensor(golden, stem, "absmax"), &absmax),
                     AD_OK);
    assert_true(absmax > 0.0f);
    const int64_t count = shape->h * shape->w * shape->c;
    double worst = 0.0;
    for (int64_t i = 0; i < 64; i++) {
        const int64_t at = golden_integer(index, i);
        assert_in_range(at, 0, count - 1);
        const double error = fabs((double)got[at] - want[i]) / absmax;
        if (!(error <= limit))
            fail_msg("%s: value %lld is %.9g, not %.9g: %.3g of absmax, limit %.3g", stem,
                     (long long)at, got[at], want[i], error, limit);
        worst = fmax(worst, error);
    }
    for (int64_t i = 0; i < count; i++) {
        assert_true(isfinite(got[i]));
        most = fmaxf(most, fabsf(got[i]));
    }
    const double error = fabs((double)most - absmax) / absmax;
    if (!(error <= limit))
        fail_msg("%s: largest value %.9g, not %.9g", stem, most, absmax);
    return fmax(worst, error);
}

#endif
