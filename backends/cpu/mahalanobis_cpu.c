/* mahalanobis: a tile of positions is centred, whitened by one GEMM, and its rows are summed. */
#include "cpu.h"

enum { TILE = 128 }; /* positions */

static size_t tile_bytes(adi_pc d, int64_t r)
{
    return ((size_t)(TILE * (d.c + r)) * sizeof(float) + 63) / 64 * 64;
}

size_t adi_mahalanobis_scratch_cpu(adi_pc d, int64_t r, int32_t num_threads)
{
    return tile_bytes(d, r) * (size_t)num_threads;
}

ad_status adi_mahalanobis_fwd_cpu(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                  const float *at, adi_pc d, int64_t r)
{
    const size_t stride = tile_bytes(d, r);
#pragma omp parallel for num_threads(ex->num_threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < adi_ceil_div(d.p, TILE); i++) {
        const int64_t p0 = i * TILE, rows = adi_min(TILE, d.p - p0);
        float *centred = (float *)(void *)((char *)ex->scratch + stride * (size_t)adi_thread_index());
        float *white = centred + TILE * d.c;
        for (int64_t p = 0; p < rows; p++)
            for (int64_t c = 0; c < d.c; c++)
                centred[p * d.c + c] = x[(p0 + p) * d.c + c] - mean[c];
        adi_sgemm_cpu(rows, r, d.c, centred, d.c, at, r, white, r);
        for (int64_t p = 0; p < rows; p++) {
            double sum = 0.0;
            for (int64_t j = 0; j < r; j++)
                sum += (double)white[p * r + j] * white[p * r + j];
            dist[p0 + p] = (float)sum;
        }
    }
    return AD_OK;
}
