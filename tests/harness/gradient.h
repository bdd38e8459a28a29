/* What every kernel of training is asked: is ref's gradient that of an independent forward in double, by
 * central differences? Is cpu near ref, with the same bits whatever the threads? */
#ifndef ADFEAT_TESTS_GRADIENT_H
#define ADFEAT_TESTS_GRADIENT_H

#include "harness/op_case.h"

static const int32_t gradient_threads[] = {1, 2, 3, 5};

/* One call of a kernel: its results one after the other in a guarded buffer. */
typedef float *(*gradient_run)(const void *c, const adi_backend *be, int32_t threads);

/* Returns what ref gives, to which cpu is near: |cpu - ref| <= limit * unit[i] (unit NULL: 1). */
static inline float *gradient_backends(const char *name, gradient_run run, const void *c,
                                       const float *unit, int64_t count, double limit)
{
    float *ref = run(c, &adi_backend_ref, 1), *first = NULL;
    for (size_t t = 0; t < sizeof gradient_threads / sizeof *gradient_threads; t++) {
        float *cpu = run(c, &adi_backend_cpu, gradient_threads[t]);
        op_close(name, cpu, ref, unit, count, limit);
        if (first) {
            op_same_bits(name, cpu, first, (size_t)count * sizeof *cpu);
            guarded_free(cpu, name);
        } else {
            first = cpu;
        }
    }
    guarded_free(first, name);
    return ref;
}

/* A loss in double, which reads the values that gradient_check moves. */
typedef double (*gradient_loss)(const void *c);

/* d loss / d *x, exact for polynomials up to degree 4: curvature leaves an error of h^4, rounding one of
 * 1e-16 loss / h. */
static inline double gradient_numeric(gradient_loss loss, const void *c, double *x, double h)
{
    static const double factors[] = {8.0, -1.0};
    const double old = *x;
    double sum = 0.0;
    for (int i = 0; i < 2; i++) {
        *x = old + (i + 1) * h;
        const double above = loss(c);
        *x = old - (i + 1) * h;
        sum += factors[i] * (above - loss(c)); /* exactly 0 where the loss does not move */
    }
    *x = old;
    return sum / (12.0 * h);
}

enum { GRADIENT_PROBES = 32 };

static double gradient_worst; /* the largest error of ref seen, in units */

/* got[i] = d loss / d x[i], in units of unit[i] or, since the differences have an error of their own, a
 * hundredth of the largest unit; of the largest gradient where unit is NULL. Looked at everywhere where there
 * are few, else at as many random places. */
static inline void gradient_check(const char *name, gradient_loss loss, const void *c, double *x,
                                  const float *got, const float *unit, int64_t count, double h,
                                  double limit)
{
    double want[GRADIENT_PROBES], largest = 0.0;
    int64_t at[GRADIENT_PROBES];
    const int64_t probes = count < GRADIENT_PROBES ? count : GRADIENT_PROBES;
    for (int64_t i = 0; i < probes; i++) {
        at[i] = probes == count ? i : op_int(0, count - 1);
        want[i] = gradient_numeric(loss, c, &x[at[i]], h);
        largest = fmax(largest, unit ? unit[at[i]] : fabs(want[i]));
    }
    for (int64_t i = 0; i < probes; i++) {
        const double u = unit ? fmax(unit[at[i]], 0.01 * largest) : largest;
        const double error = fabs(got[at[i]] - want[i]) / (u > 0.0 ? u : 1.0);
        if (!(error <= limit))
            fail_msg("%s: gradient %lld is %.9g, by differences %.9g: %.3g of its unit, limit %.3g", name,
                     (long long)at[i], got[at[i]], want[i], error, limit);
        gradient_worst = fmax(gradient_worst, error);
    }
}

/* The same against a formula, everywhere. */
static inline void gradient_close(const char *name, const float *got, const float *want, const float *unit,
                                  int64_t count, double limit)
{
    const double worst = op_worst;
    op_worst = 0.0;
    op_close(name, got, want, unit, count, limit);
    gradient_worst = fmax(gradient_worst, op_worst);
    op_worst = worst;
}

static inline void gradient_report(const char *what, double ref_limit, double cpu_limit)
{
    printf("%s: worst against the definition %.3g, limit %.3g\n", what, gradient_worst, ref_limit);
    op_report(what, cpu_limit);
    gradient_worst = 0.0;
}

static inline double *gradient_doubles(const float *x, int64_t count)
{
    double *y = guarded_doubles(count);
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i];
    return y;
}

/* A copy of a result's part, for which guard bytes were checked. */
static inline float *gradient_pack(float *to, float *part, int64_t count, const char *name)
{
    memcpy(to, part, (size_t)count * sizeof *to);
    guarded_free(part, name);
    return to + count;
}

#endif
