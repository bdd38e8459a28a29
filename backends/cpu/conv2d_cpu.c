/* Choosing the algorithm of a convolution, and running it. */
#include "winograd_cpu.h"

static adi_conv2d_layout dense_layout(const adi_conv2d_dims *d)
{
    return (adi_conv2d_layout){d->oh, d->ow, 0, 0, 1};
}

static adi_winograd_form form_of(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    if (algorithm == ADI_CONV2D_WINOGRAD2)
        return ADI_WINOGRAD_SMALL;
    return algorithm != ADI_CONV2D_WINOGRAD ? ADI_WINOGRAD_NONE
           : d->kh == 5                     ? ADI_WINOGRAD_FIVE
                                            : ADI_WINOGRAD_LARGE;
}

adi_conv2d_algorithm adi_conv2d_choose_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted)
{
    if (wanted == ADI_CONV2D_BLAS || wanted == ADI_CONV2D_PANELS)
        return wanted;
    switch (adi_winograd_form_cpu(d, form_of(d, wanted))) {
    case ADI_WINOGRAD_LARGE:
    case ADI_WINOGRAD_FIVE:
        return ADI_CONV2D_WINOGRAD;
    case ADI_WINOGRAD_SMALL:
        return ADI_CONV2D_WINOGRAD2;
    default:
        return adi_has_vectors_cpu() ? ADI_CONV2D_PANELS : ADI_CONV2D_BLAS;
    }
}

size_t adi_conv2d_packed_bytes_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    if (form_of(d, algorithm))
        return adi_winograd_filter_bytes_cpu(d, form_of(d, algorithm));
    if (algorithm == ADI_CONV2D_PANELS)
        return adi_conv2d_panel_bytes_cpu(d);
    return 0;
}

void adi_conv2d_pack_cpu(void *packed, const float *w, const adi_conv2d_dims *d,
                         adi_conv2d_algorithm algorithm)
{
    if (form_of(d, algorithm))
        adi_winograd_pack_cpu(adi_isa_cpu(0), packed, w, d, form_of(d, algorithm));
    else if (algorithm == ADI_CONV2D_PANELS)
        adi_panel_pack_cpu(packed, w, d->kh * d->kw * d->c, d->k);
}

size_t adi_conv2d_packed_scratch_cpu(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm,
                                     int32_t num_threads)
{
    const adi_conv2d_layout at = dense_layout(d);
    if (form_of(d, algorithm))
        return adi_winograd_packed_scratch_cpu(d, form_of(d, algorithm), num_threads);
    if (algorithm == ADI_CONV2D_PANELS)
        return adi_conv2d_panels_scratch_cpu(d, &at, num_threads);
    return adi_conv2d_blas_scratch_cpu(d, &at, num_threads);
}

ad_status adi_conv2d_packed_fwd_cpu(const adi_exec *ex, float *y, const float *x,
                                    const void *packed, const adi_epilogue *e,
                                    const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    const adi_conv2d_layout at = dense_layout(d);
    if (form_of(d, algorithm))
        return adi_winograd_packed_fwd_cpu(adi_isa_cpu(0), ex, y, x, packed, e, d,
                                           form_of(d, algorithm));
    if (algorithm == ADI_CONV2D_PANELS)
        return adi_conv2d_panels_cpu(adi_isa_cpu(0), ex, y, x, packed, e, d, &at);
    return adi_conv2d_blas_cpu(ex, y, x, packed, e, d, &at);
}

/* Filters that are used once are packed in the scratch, unless OpenBLAS packs them itself. */
size_t adi_conv2d_layout_scratch_cpu(const adi_conv2d_dims *d, const adi_conv2d_layout *at,
                                     int32_t num_threads)
{
    return adi_has_vectors_cpu()
               ? adi_conv2d_panel_bytes_cpu(d) + adi_conv2d_panels_scratch_cpu(d, at, num_threads)
               : adi_conv2d_blas_scratch_cpu(d, at, num_threads);
}

ad_status adi_conv2d_layout_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                                    const adi_epilogue *e, const adi_conv2d_dims *d,
                                    const adi_conv2d_layout *at)
{
    if (!adi_has_vectors_cpu())
        return adi_conv2d_blas_cpu(ex, y, x, w, e, d, at);
    float *panels = ex->scratch;
    adi_panel_pack_cpu(panels, w, d->kh * d->kw * d->c, d->k);
    const adi_exec rest = {ex->num_threads, (char *)ex->scratch + adi_conv2d_panel_bytes_cpu(d),
                           NULL};
    return adi_conv2d_panels_cpu(adi_isa_cpu(0), &rest, y, x, panels, e, d, at);
}

size_t adi_conv2d_scratch_cpu(const adi_conv2d_dims *d, int32_t num_threads)
{
    const adi_conv2d_layout at = dense_layout(d);
    return adi_winograd_suits_cpu(d) ? adi_winograd_scratch_cpu(d, num_threads)
                                     : adi_conv2d_layout_scratch_cpu(d, &at, num_threads);
}

ad_status adi_conv2d_fwd_cpu(const adi_exec *ex, float *y, const float *x, const float *w,
                             const adi_epilogue *e, const adi_conv2d_dims *d)
{
    if (adi_winograd_suits_cpu(d))
        return adi_winograd_fwd_cpu(ex, y, x, w, e, d);
    const adi_conv2d_layout at = dense_layout(d);
    return adi_conv2d_layout_fwd_cpu(ex, y, x, w, e, d, &at);
}
