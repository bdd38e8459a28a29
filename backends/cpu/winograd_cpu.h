/* The Winograd convolutions of winograd_cpu.c and winograd_wgrad_cpu.c, on a given instruction set.
 * What they compute is in winograd_tiles_cpu.h. */
#ifndef ADI_WINOGRAD_CPU_H
#define ADI_WINOGRAD_CPU_H

#include "isa_cpu.h"

/* With packed filters. The form that suits a shape or, if one is `wanted`, that form wherever it is
 * possible (large tiles mean ADI_WINOGRAD_FIVE for a 5x5 kernel). It does not depend on the number
 * of images: an image has the same bits in a batch and alone. */
adi_winograd_form adi_winograd_form_cpu(const adi_conv2d_dims *d, adi_winograd_form wanted);
size_t adi_winograd_filter_bytes_cpu(const adi_conv2d_dims *d, adi_winograd_form form);
void adi_winograd_pack_cpu(const adi_isa *isa, float *packed, const float *w,
                           const adi_conv2d_dims *d, adi_winograd_form form);
size_t adi_winograd_packed_scratch_cpu(const adi_conv2d_dims *d, adi_winograd_form form,
                                       int32_t num_threads);
ad_status adi_winograd_packed_fwd_cpu(const adi_isa *isa, const adi_exec *ex, float *y,
                                      const float *x, const float *packed, const adi_epilogue *e,
                                      const adi_conv2d_dims *d, adi_winograd_form form);
/* With filters that are used once. */
ad_status adi_winograd_fwd_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y,
                                    const float *x, const float *w, const adi_epilogue *e,
                                    const adi_conv2d_dims *d);
ad_status adi_winograd_bwd_data_with_cpu(const adi_isa *isa, const adi_exec *ex,
                                         float *dx, const float *dy, const float *w,
                                         const adi_epilogue *e, const adi_conv2d_dims *d);
ad_status adi_winograd_bwd_weight_with_cpu(const adi_isa *isa, const adi_exec *ex,
                                           float *dw, const float *x, const float *dy,
                                           const adi_conv2d_dims *d);

#endif
