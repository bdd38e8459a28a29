/* Fusing two maps by a softmax of their channels' means, from the channel reconstruction unit of
 * SCConv (Li et al., CVPR 2023), as in selective kernel networks (Li et al. 2019,
 * arXiv:1903.06586). For each image, S and T are the means of a and b over its P positions:
 *   two-way: beta[c] = exp(S[c]) / (exp(S[c]) + exp(T[c])), beta'[c] = 1 - beta[c]
 *   joint:   beta and beta' are one softmax over all 2C means
 *   y = beta a + beta' b
 *   da = beta dy + dS / P, where with e[c] = sum over positions of dy a, and e' of dy b,
 *   two-way: dS = beta beta' (e - e') = -dT
 *   joint:   dS = beta (e - k), dT = beta' (e' - k), k = sum of beta e + beta' e' */
#include "ref.h"

size_t adi_softfuse_scratch_ref(const adi_npc *d)
{
    return (size_t)(4 * d->c) * sizeof(double);
}

/* out[c] = sum over positions of x, or of x z. */
static void sums(double *out, const float *x, const float *z, const adi_npc *d)
{
    for (int64_t c = 0; c < d->c; c++) {
        out[c] = 0.0;
        for (int64_t p = 0; p < d->p; p++)
            out[c] += z ? (double)x[p * d->c + c] * z[p * d->c + c] : x[p * d->c + c];
    }
}

/* beta [2C] of one image. */
static void weigh(double *beta, const float *a, const float *b, int32_t joint, const adi_npc *d)
{
    const int64_t n = d->c;
    sums(beta, a, NULL, d);
    sums(beta + n, b, NULL, d);
    double most = -INFINITY, all = 0.0;
    for (int64_t c = 0; c < 2 * n; c++) {
        beta[c] /= (double)d->p;
        most = beta[c] > most || isnan(beta[c]) ? beta[c] : most;
    }
    for (int64_t c = 0; c < n; c++) {
        const double top = joint ? most : beta[c] > beta[n + c] ? beta[c] : beta[n + c];
        const double s = exp(beta[c] - top), t = exp(beta[n + c] - top);
        all += s + t;
        beta[c] = joint ? s : s / (s + t);
        beta[n + c] = joint ? t : t / (s + t);
    }
    for (int64_t c = 0; joint && c < 2 * n; c++)
        beta[c] /= all;
}

ad_status adi_softfuse_fwd_ref(const adi_exec *ex, float *y, const float *a, const float *b,
                               int32_t joint, const adi_npc *d)
{
    double *beta = ex->scratch;
    const int64_t image = d->p * d->c;
    for (int64_t n = 0; n < d->n; n++, y += image, a += image, b += image) {
        weigh(beta, a, b, joint, d);
        for (int64_t i = 0; i < image; i++)
            y[i] = (float)(beta[i % d->c] * a[i] + beta[d->c + i % d->c] * b[i]);
    }
    return AD_OK;
}

ad_status adi_softfuse_bwd_ref(const adi_exec *ex, float *da, float *db, const float *dy,
                               const float *a, const float *b, int32_t joint, const adi_npc *d)
{
    double *beta = ex->scratch, *e = beta + 2 * d->c;
    const int64_t image = d->p * d->c, c = d->c;
    for (int64_t n = 0; n < d->n; n++, dy += image, a += image, b += image) {
        double all = 0.0;
        weigh(beta, a, b, joint, d);
        sums(e, dy, a, d);
        sums(e + c, dy, b, d);
        for (int64_t i = 0; i < 2 * c; i++)
            all += beta[i] * e[i];
        for (int64_t i = 0; i < c; i++) { /* e becomes dS / P and dT / P */
            const double mine =
                joint ? beta[i] * (e[i] - all) : beta[i] * beta[c + i] * (e[i] - e[c + i]);
            const double its = joint ? beta[c + i] * (e[c + i] - all) : -mine;
            e[i] = mine / (double)d->p;
            e[c + i] = its / (double)d->p;
        }
        for (int64_t i = 0; i < image; i++) {
            if (da)
                da[n * image + i] = (float)(beta[i % c] * dy[i] + e[i % c]);
            if (db)
                db[n * image + i] = (float)(beta[c + i % c] * dy[i] + e[c + i % c]);
        }
    }
    return AD_OK;
}
