/* Cosine distance, of reverse distillation (Deng and Li, CVPR 2022, arXiv:2201.10703, eq. 1), as
 * PyTorch's cosine_similarity computes it: if one vector is 0 it is 1, unlike cosdist's.
 *   dist = 1 - <a, b> / m,  m = max(|a| |b|, 1e-8)
 *   da = scale (a <a, b> / (|a|^2 m) - b / m), without the first term where m is 1e-8
 * a b da: [P,C]. */
#include "ref.h"

typedef struct products {
    double ab, aa, m;
    int clamped;
} products;

static products products_of(const float *a, const float *b, int64_t c)
{
    products s = {0};
    double bb = 0.0;
    for (int64_t i = 0; i < c; i++) {
        s.ab += (double)a[i] * b[i];
        s.aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    s.m = sqrt(s.aa) * sqrt(bb);
    s.clamped = s.m < 1e-8;
    s.m = s.clamped ? 1e-8 : s.m;
    return s;
}

ad_status adi_cosine_fwd_ref(const adi_exec *ex, float *dist, const float *a, const float *b,
                             adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++) {
        const products s = products_of(a + p * d.c, b + p * d.c, d.c);
        dist[p] = (float)(1.0 - s.ab / s.m);
    }
    return AD_OK;
}

ad_status adi_cosine_bwd_ref(const adi_exec *ex, float *da, const float *a, const float *b,
                             float scale, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++) {
        const products s = products_of(a + p * d.c, b + p * d.c, d.c);
        const double by = s.clamped ? 0.0 : scale * s.ab / s.aa / s.m;
        for (int64_t c = p * d.c; c < (p + 1) * d.c; c++)
            da[c] = (float)(by * a[c] - scale / s.m * b[c]);
    }
    return AD_OK;
}
