/* SimAM: attention without parameters (Yang et al., ICML 2021). For each channel of an image, over
 * its P positions, with the mean m, d = x - m and v = sum d^2 / n, n = max(P - 1, 1):
 *   s = sigmoid(d^2 / (4 (v + lambda)) + 1/2),   y = x s
 *   dx = dy s + e - sum e / P,   with a = dy x s (1 - s), k = 1 / (4 (v + lambda)) and
 *   e = 2 k d (a - 4 k sum(a d^2) / n) */
#include "ref.h"

typedef struct energy {
    double mean, k, n;
} energy;

static energy energy_of(const float *x, double lambda, const adi_npc *d)
{
    energy e = {.n = d->p > 1 ? (double)(d->p - 1) : 1.0};
    double squares = 0.0;
    for (int64_t p = 0; p < d->p; p++)
        e.mean += x[p * d->c];
    e.mean /= (double)d->p;
    for (int64_t p = 0; p < d->p; p++) {
        const double v = x[p * d->c] - e.mean;
        squares += v * v;
    }
    e.k = 1.0 / (4.0 * (squares / e.n + lambda));
    return e;
}

static double gate(double x, const energy *e)
{
    const double v = x - e->mean;
    return 1.0 / (1.0 + exp(-(v * v * e->k + 0.5)));
}

ad_status adi_simam_fwd_ref(const adi_exec *ex, float *y, const float *x, double lambda,
                            const adi_npc *d)
{
    (void)ex;
    for (int64_t i = 0; i < d->n * d->c; i++) {
        const int64_t first = i / d->c * d->p * d->c + i % d->c;
        const energy e = energy_of(x + first, lambda, d);
        for (int64_t p = 0; p < d->p; p++)
            y[first + p * d->c] = (float)(x[first + p * d->c] * gate(x[first + p * d->c], &e));
    }
    return AD_OK;
}

ad_status adi_simam_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *x,
                            double lambda, const adi_npc *d)
{
    (void)ex;
    for (int64_t i = 0; i < d->n * d->c; i++) {
        const int64_t first = i / d->c * d->p * d->c + i % d->c;
        const energy e = energy_of(x + first, lambda, d);
        double squares = 0.0, along = 0.0;
        for (int64_t p = 0; p < d->p; p++) {
            const int64_t at = first + p * d->c;
            const double v = x[at] - e.mean, s = gate(x[at], &e);
            const double a = dy[at] * (x[at] * (s * (1.0 - s)));
            squares += a * v * v;
            along += a * v;
        }
        /* the sum of d is 0, so that of e is that of 2 k a d */
        for (int64_t p = 0; p < d->p; p++) {
            const int64_t at = first + p * d->c;
            const double v = x[at] - e.mean, s = gate(x[at], &e);
            const double a = dy[at] * (x[at] * (s * (1.0 - s)));
            dx[at] =
                (float)(dy[at] * s +
                        2.0 * e.k * (v * (a - 4.0 * e.k * squares / e.n) - along / (double)d->p));
        }
    }
    return AD_OK;
}
