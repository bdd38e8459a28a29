/* A pointwise convolution with squeeze-excitation: the sum over c of gate[c] x[c] w[c, k]. The gate
 * multiplies the filters, which are fewer than the values of x. */
#include "panel_gemm_cpu.h"

int adi_conv2d_gated_suits_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    return algorithm == ADI_CONV2D_PANELS && adi_conv2d_is_pointwise_cpu(d) && d->n == 1 &&
           d->k * 2 <= d->h * d->w;
}

size_t adi_conv2d_gated_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    return adi_conv2d_panel_bytes_cpu(d) +
           adi_conv2d_packed_scratch_cpu(d, ADI_CONV2D_PANELS, num_threads);
}

ad_status adi_conv2d_gated_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *gate,
                                   const void *packed, const adi_epilogue *e,
                                   const adi_conv2d_dims *d)
{
    float *gated = ex->scratch;
    const float *panels = packed;
    for (int64_t row = 0; row < adi_panel_floats_cpu(d->c, d->k) / ADI_LANES; row++)
        for (int64_t i = 0; i < ADI_LANES; i++)
            gated[row * ADI_LANES + i] = panels[row * ADI_LANES + i] * gate[row % d->c];
    const adi_exec rest = {ex->num_threads, (char *)ex->scratch + adi_conv2d_panel_bytes_cpu(d),
                           NULL};
    return adi_conv2d_packed_fwd_cpu(&rest, y, x, gated, e, d, ADI_CONV2D_PANELS);
}
