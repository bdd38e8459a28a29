/* What every kernel test needs: seeded numbers, comparison under a bound, the thread counts to try.
 */
#ifndef ADFEAT_TESTS_OP_CASE_H
#define ADFEAT_TESTS_OP_CASE_H

#include <math.h>
#include <stdio.h>

#include "backend.h"
#include "cpu/isa_cpu.h"
#include "harness/guarded.h"

/* splitmix64; one stream per test program. ADFEAT_SEED in the environment begins another, and ADFEAT_TEST_ISA says
 * which instruction set to run on; ADFEAT_TEST_SKIP names a test of the program to leave out. */
static uint64_t op_state;

static inline void op_seed(void)
{
    const char *given = getenv("ADFEAT_SEED");
    op_state = given ? strtoull(given, NULL, 0) : 20240607;
    printf("seed %llu\n", (unsigned long long)op_state);
    const char *skip = getenv("ADFEAT_TEST_SKIP");
    if (skip)
        cmocka_set_skip_filter(skip);
    const char *isa = getenv("ADFEAT_TEST_ISA");
    if (isa && !adi_isa_begin_with_cpu(isa)) {
        printf("skipped: this machine has no %s\n", isa);
        exit(77);
    }
    fflush(stdout);
}

static inline uint64_t op_bits(void)
{
    uint64_t z = op_state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Uniform in [-1, 1). */
static inline double op_signed(void)
{
    return (double)(op_bits() >> 11) * 0x1p-52 - 1.0;
}

/* From low to high, both included. */
static inline int64_t op_int(int64_t low, int64_t high)
{
    return low + (int64_t)(op_bits() % (uint64_t)(high - low + 1));
}

static inline float *op_floats(int64_t count, double scale)
{
    float *x = guarded_floats(count);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(scale * op_signed());
    return x;
}

static inline float *op_copy(const float *x, int64_t count)
{
    float *copy = guarded_floats(count);
    memcpy(copy, x, (size_t)count * sizeof *x);
    return copy;
}

static const int32_t op_threads[] = {1, 2, 3, 8};
enum { OP_THREADS = sizeof op_threads / sizeof *op_threads };

static double op_worst; /* the largest error seen, as a part of its bound's unit */

/* |got - want| <= limit * unit[i] (unit NULL: 1), and NaN exactly where NaN is wanted. */
static inline void op_close(const char *what, const float *got, const float *want,
                            const float *unit, int64_t count, double limit)
{
    for (int64_t i = 0; i < count; i++) {
        if (isnan(want[i]) || isnan(got[i])) {
            if (!isnan(want[i]) || !isnan(got[i]))
                fail_msg("%s: element %lld is %g, not %g", what, (long long)i, got[i], want[i]);
            continue;
        }
        if (got[i] == want[i])
            continue;
        const double u = unit ? unit[i] : 1.0;
        const double error = fabs((double)got[i] - want[i]) / (u > 0.0 ? u : 1.0);
        if (!(error <= limit))
            fail_msg("%s: element %lld is %.9g, not %.9g: %.3g of its unit, limit %.3g", what,
                     (long long)i, got[i], want[i], error, limit);
        if (error > op_worst)
            op_worst = error;
    }
}

/* The same of ref's result against the definition: what is reported is cpu's error alone. */
static inline void op_close_ref(const char *what, const float *got, const float *want,
                                const float *unit, int64_t count, double limit)
{
    const double worst = op_worst;
    op_close(what, got, want, unit, count, limit);
    op_worst = worst;
}

static inline void op_same_bits(const char *what, const void *got, const void *want, size_t bytes)
{
    if (memcmp(got, want, bytes) != 0) {
        size_t i = 0;
        while (((const char *)got)[i] == ((const char *)want)[i])
            i++;
        fail_msg("%s: bits differ, first at byte %zu of %zu", what, i, bytes);
    }
}

static inline void op_report(const char *what, double limit)
{
    printf("%s: worst error %.3g, limit %.3g\n", what, op_worst, limit);
    fflush(stdout);
    op_worst = 0.0;
}

enum { OP_ACTS = ADI_ACT_SIGMOID + 1 };

/* cpu takes exp() from a polynomial: within 1.5e-7 of it, relative, and three more roundings to
 * the result. A result of at most 1 is measured against 1. */
static inline double op_act_limit(adi_act act)
{
    return act == ADI_ACT_SILU || act == ADI_ACT_SIGMOID ? 4e-7 : 0.0;
}

static inline double op_act_formula(double v, adi_act act)
{
    if (isnan(v) || act == ADI_ACT_NONE)
        return v;
    if (act == ADI_ACT_SILU || act == ADI_ACT_SIGMOID)
        return (act == ADI_ACT_SILU ? v : 1.0) / (1.0 + exp(-v));
    v = v > 0.0 ? v : 0.0;
    return act == ADI_ACT_RELU6 && v > 6.0 ? 6.0 : v;
}

static inline const char *op_act_name(adi_act act)
{
    static const char *const names[] = {"none", "relu", "relu6", "silu", "sigmoid"};
    return names[act];
}

#endif
