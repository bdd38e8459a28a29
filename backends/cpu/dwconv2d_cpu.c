/* dwconv2d: an output row per task. */
#include "isa_cpu.h"

#include "ref/ref.h"

ad_status adi_dwconv2d_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x, const float *w,
                                const adi_epilogue *e, const adi_conv2d_dims *d)
{
#pragma omp parallel for num_threads(ex->num_threads) schedule(static)
    for (int64_t row = 0; row < d->n * d->oh; row++) {
        const float *rows[ADI_DEPTHWISE_ROWS];
        const int64_t n = row / d->oh, oy = row % d->oh, top = oy * d->stride - d->pad_top;
        for (int64_t ky = 0; ky < d->kh; ky++)
            rows[ky] = top + ky >= 0 && top + ky < d->h ? x + (n * d->h + top + ky) * d->w * d->c : NULL;
        const adi_depthwise_row g = adi_depthwise_row_cpu(d, rows, y, w, e, n, oy, 0, d->c, d->c);
        isa->depthwise_row(&g);
    }
    return AD_OK;
}

ad_status adi_dwconv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d)
{
    return d->kh > ADI_DEPTHWISE_ROWS ? adi_dwconv2d_fwd_ref(ex, y, x, w, e, d)
                                      : adi_dwconv2d_with_cpu(adi_isa_cpu(0), ex, y, x, w, e, d);
}
