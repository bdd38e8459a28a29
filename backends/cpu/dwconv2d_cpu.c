/* dwconv2d: an output row per task. */
#include "isa_cpu.h"

#include "ref/ref.h"

typedef struct depthwise_rows_call {
    const adi_isa *isa;
    float *y;
    const float *x, *w;
    const adi_epilogue *e;
    const adi_conv2d_dims *d;
} depthwise_rows_call;

static void depthwise_rows(void *call, adi_share s)
{
    const depthwise_rows_call *k = call;
    const adi_conv2d_dims *d = k->d;
    for (int64_t row = s.begin; row < s.end; row++) {
        const float *rows[ADI_DEPTHWISE_ROWS];
        const int64_t n = row / d->oh, oy = row % d->oh, top = oy * d->stride - d->pad_top;
        for (int64_t ky = 0; ky < d->kh; ky++)
            rows[ky] = top + ky >= 0 && top + ky < d->h ? k->x + (n * d->h + top + ky) * d->w * d->c
                                                        : NULL;
        const adi_depthwise_row g =
            adi_depthwise_row_cpu(d, rows, k->y, k->w, k->e, n, oy, 0, d->c, d->c);
        k->isa->depthwise_row(&g);
    }
}

ad_status adi_dwconv2d_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x,
                                const float *w, const adi_epilogue *e, const adi_conv2d_dims *d)
{
    adi_parallel_cpu(ex->num_threads, d->n * d->oh, 0, depthwise_rows,
                     &(depthwise_rows_call){isa, y, x, w, e, d});
    return AD_OK;
}

ad_status adi_dwconv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                               const adi_epilogue *e, const adi_conv2d_dims *d)
{
    return d->kh > ADI_DEPTHWISE_ROWS ? adi_dwconv2d_fwd_ref(ex, y, x, w, e, d)
                                      : adi_dwconv2d_with_cpu(adi_isa_cpu(0), ex, y, x, w, e, d);
}
