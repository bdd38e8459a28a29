/* srugate: threads share the positions. The soft gate's sigmoid is that of the activations. */
#include "cpu.h"

enum { BLOCK = 64 }; /* channels whose sigmoids are taken at once */

/* 1 where t is above 0, else 0, or NaN; t may be infinite. */
static inline float hard_gate(float t)
{
    const float told = t > 0.0f ? 1.0f : 0.0f;
    return t != t ? t : told;
}

/* Of channels c and c + half of one position. Multiplied, so that what is not finite is seen as in
 * ref. */
static void hard(float *restrict y, float *restrict z, const float *restrict x,
                 const float *restrict u, const float *restrict h, const float *restrict w,
                 int64_t half)
{
    for (int64_t c = 0; c < half; c++) {
        const float a = hard_gate(w[c] * h[c]), b = hard_gate(w[half + c] * h[half + c]);
        y[c] = a * x[c] + (1.0f - b) * u[c];
        z[c] = b * u[c] + (1.0f - a) * x[c];
    }
}

/* keep and cross of n channels. */
static void soft_gates(float *restrict keep, float *restrict cross, const float *restrict h,
                       const float *restrict w, int64_t n)
{
    float r[BLOCK], t[BLOCK];
    for (int64_t c = 0; c < n; c++)
        r[c] = t[c] = w[c] * h[c];
    adi_activate_cpu(r, n, ADI_ACT_SIGMOID);
    for (int64_t c = 0; c < n; c++) {
        keep[c] = t[c] > 0.0f ? 1.0f : r[c];
        cross[c] = t[c] > 0.0f ? 0.0f : r[c];
    }
}

static void soft_fwd(float *y, const float *x, const float *h, const float *w, int64_t half)
{
    float a[BLOCK], b[BLOCK], e[BLOCK], f[BLOCK];
    for (int64_t first = 0; first < half; first += BLOCK) {
        const int64_t n = adi_min(BLOCK, half - first), other = half + first;
        soft_gates(a, b, h + first, w + first, n);
        soft_gates(e, f, h + other, w + other, n);
        for (int64_t c = 0; c < n; c++) {
            const float mine = x[first + c], its = x[other + c];
            y[first + c] = a[c] * mine + f[c] * its;
            y[other + c] = e[c] * its + b[c] * mine;
        }
    }
}

typedef struct gate_positions_call {
    float *y;
    const float *x, *h, *w;
    int32_t soft;
    adi_pc d;
    int64_t half;
} gate_positions_call;

static void gate_positions(void *call, adi_share s)
{
    const gate_positions_call *k = call;
    float *y = k->y;
    const float *x = k->x;
    const int64_t half = k->half;
    for (int64_t p = s.begin; p < s.end; p++) {
        const int64_t at = p * k->d.c;
        if (k->soft)
            soft_fwd(y + at, x + at, k->h + at, k->w, half);
        else
            hard(y + at, y + at + half, x + at, x + at + half, k->h + at, k->w, half);
    }
}

ad_status adi_srugate_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *h,
                              const float *w, int32_t soft, adi_pc d)
{
    const int64_t half = d.c / 2;
    adi_parallel_cpu(ex->num_threads, d.p, 0, gate_positions,
                     &(gate_positions_call){y, x, h, w, soft, d, half});
    return AD_OK;
}

/* n channels from `first` on, whose partners begin at `other`. */
static void bwd(float *dx, float *dt, const float *dy, const float *x, const float *h,
                const float *w, int32_t soft, int64_t first, int64_t other, int64_t n)
{
    float keep[BLOCK], cross[BLOCK];
    if (soft)
        soft_gates(keep, cross, h + first, w + first, n);
    for (int64_t c = 0; c < n && !soft; c++) {
        keep[c] = hard_gate(w[first + c] * h[first + c]);
        cross[c] = 1.0f - keep[c];
    }
    for (int64_t c = 0; c < n; c++)
        dx[first + c] = keep[c] * dy[first + c] + cross[c] * dy[other + c];
    /* cross is 0 where there is no slope, whatever x and dy are */
    for (int64_t c = 0; soft && c < n; c++) {
        const float slope =
            cross[c] * (1.0f - cross[c]) * x[first + c] * (dy[first + c] + dy[other + c]);
        dt[first + c] = cross[c] == 0.0f ? 0.0f : slope;
    }
}

typedef struct gate_bwd_positions_call {
    float *dx, *dt;
    const float *dy, *x, *h, *w;
    int32_t soft;
    adi_pc d;
    int64_t half;
} gate_bwd_positions_call;

static void gate_bwd_positions(void *call, adi_share s)
{
    const gate_bwd_positions_call *k = call;
    const int32_t soft = k->soft;
    const int64_t half = k->half;
    for (int64_t p = s.begin; p < s.end; p++)
        for (int64_t c = 0; c < half; c += BLOCK) {
            const int64_t n = adi_min(BLOCK, half - c), at = p * k->d.c;
            float *const slope = soft ? k->dt + at : NULL;
            bwd(k->dx + at, slope, k->dy + at, k->x + at, k->h + at, k->w, soft, c, half + c, n);
            bwd(k->dx + at, slope, k->dy + at, k->x + at, k->h + at, k->w, soft, half + c, c, n);
        }
}

ad_status adi_srugate_bwd_cpu(const adi_exec *ex, float *dx, float *dt, const float *dy,
                              const float *x, const float *h, const float *w, int32_t soft,
                              adi_pc d)
{
    const int64_t half = d.c / 2;
    adi_parallel_cpu(ex->num_threads, d.p, 0, gate_bwd_positions,
                     &(gate_bwd_positions_call){dx, dt, dy, x, h, w, soft, d, half});
    return AD_OK;
}
