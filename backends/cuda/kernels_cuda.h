/* The kernels of the module, in the order of the table. */
#ifndef ADI_KERNELS_CUDA_H
#define ADI_KERNELS_CUDA_H

#include "device_cuda.h"

extern "C" {

adi_conv2d_fn adi_conv2d_fwd_cuda, adi_dwconv2d_fwd_cuda, adi_conv2d_bwd_data_cuda;
adi_conv2d_scratch_fn adi_conv2d_scratch_cuda, adi_conv2d_bwd_data_scratch_cuda;
adi_conv2d_choose_fn adi_conv2d_choose_cuda;
adi_conv2d_packed_bytes_fn adi_conv2d_packed_bytes_cuda;
adi_conv2d_pack_fn adi_conv2d_pack_cuda;
adi_conv2d_packed_scratch_fn adi_conv2d_packed_scratch_cuda;
adi_conv2d_packed_fwd_fn adi_conv2d_packed_fwd_cuda;

adi_batchnorm_fwd_fn adi_batchnorm_fwd_cuda;
adi_activation_fwd_fn adi_activation_fwd_cuda;
adi_activation_bwd_fn adi_activation_bwd_cuda;
adi_add_fwd_fn adi_add_fwd_cuda;
adi_mul_fwd_fn adi_mul_fwd_cuda;
adi_scalar_fwd_fn adi_leaky_relu_fwd_cuda, adi_clamp_fwd_cuda, adi_gain_fwd_cuda;
adi_scalar_bwd_fn adi_leaky_relu_bwd_cuda, adi_clamp_bwd_cuda;
adi_copy_channels_fn adi_copy_channels_cuda;
}

#endif
