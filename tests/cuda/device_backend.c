/* A backend of the library whose kernels are those of a module: every call carries its host arrays
 * to the device and the results back. With it in the place of cpu, every test of tests/ops asks the
 * module what it asks cpu: the same shapes, and the same limits.
 *
 * ADFEAT_CUDA_MODULE names the module; the emulated one if it is not set. */
#include "device_kernels.h"

extern adi_backend adi_backend_on_device;

static const adi_kernels table = {
    .conv2d_fwd = on_device_conv2d_fwd,
    .dwconv2d_fwd = on_device_dwconv2d_fwd,
    .conv2d_bwd_data = on_device_conv2d_bwd_data,
    .conv2d_scratch = on_device_no_conv2d_scratch,
    .conv2d_bwd_data_scratch = on_device_no_conv2d_scratch,
    .conv2d_bwd_weight_scratch = on_device_no_conv2d_scratch,
    .conv2d_bwd_weight = on_device_conv2d_bwd_weight,
    .bias_bwd = on_device_bias_bwd,
    .conv2d_choose = on_device_conv2d_choose,
    .conv2d_packed_bytes = on_device_conv2d_packed_bytes,
    .conv2d_pack = on_device_conv2d_pack,
    .conv2d_packed_scratch = on_device_no_packed_scratch,
    .conv2d_packed_fwd = on_device_conv2d_packed_fwd,
    .batchnorm_fwd = on_device_batchnorm_fwd,
    .activation_fwd = on_device_activation_fwd,
    .activation_bwd = on_device_activation_bwd,
    .add_fwd = on_device_add_fwd,
    .mul_fwd = on_device_mul_fwd,
    .leaky_relu_fwd = on_device_leaky_relu_fwd,
    .clamp_fwd = on_device_clamp_fwd,
    .divide_fwd = on_device_divide_fwd,
    .gain_fwd = on_device_gain_fwd,
    .leaky_relu_bwd = on_device_leaky_relu_bwd,
    .clamp_bwd = on_device_clamp_bwd,
    .mask2d = on_device_mask2d,
    .scaled_difference = on_device_scaled_difference,
    .weighted_difference = on_device_weighted_difference,
    .copy_channels = on_device_copy_channels,
    .permute_fwd = on_device_permute_fwd,
    .pad2d_fwd = on_device_pad2d_fwd,
    .pad2d_bwd = on_device_pad2d_bwd,
    .posenc2d_fwd = on_device_posenc2d_fwd,
    .maxpool2d_fwd = on_device_maxpool2d_fwd,
    .maxpool2d_bwd = on_device_maxpool2d_bwd,
    .resize_fwd = on_device_resize_fwd,
    .resize_bwd = on_device_resize_bwd,
    .blur_scratch = on_device_no_blur_scratch,
    .blur = on_device_blur,
    .gather_channels = on_device_gather_channels,
    .zero = on_device_zero,
    .widen = on_device_widen,
    .narrow = on_device_narrow,
    .batchnorm_affine = on_device_batchnorm_affine,
    .batchnorm_running = on_device_batchnorm_running,
    .sruweight_fwd = on_device_sruweight_fwd,
    .sruweight_bwd = on_device_sruweight_bwd,
    .row_sums = on_device_row_sums,
    .globalavgpool2d_fwd = on_device_globalavgpool2d_fwd,
    .sum_scratch = on_device_no_sum_scratch,
    .sum = on_device_sum,
    .sum_squares = on_device_sum_squares,
    .sum_squared_error = on_device_sum_squared_error,
    .sum_products = on_device_sum_products,
    .weighted_sum = on_device_weighted_sum,
    .mean_fwd = on_device_mean_fwd,
    .batchnorm_train_scratch = on_device_no_pc_scratch,
    .batchnorm_stats = on_device_batchnorm_stats,
    .batchnorm_bwd = on_device_batchnorm_bwd,
    .groupnorm_scratch = on_device_no_npc_scratch,
    .softfuse_scratch = on_device_no_npc_scratch,
    .groupnorm_fwd = on_device_groupnorm_fwd,
    .groupnorm_bwd_add = on_device_groupnorm_bwd_add,
    .l2norm_fwd = on_device_l2norm_fwd,
    .l2norm_bwd = on_device_l2norm_bwd,
    .srugate_fwd = on_device_srugate_fwd,
    .srugate_bwd = on_device_srugate_bwd,
    .softfuse_fwd = on_device_softfuse_fwd,
    .softfuse_bwd = on_device_softfuse_bwd,
    .simam_fwd = on_device_simam_fwd,
    .simam_bwd = on_device_simam_bwd,
    .coupling_fwd = on_device_coupling_fwd,
    .coupling_bwd = on_device_coupling_bwd,
    .logdet_fwd = on_device_logdet_fwd,
    .logdet_bwd = on_device_logdet_bwd,
    .cosine_fwd = on_device_cosine_fwd,
    .cosdist_fwd = on_device_cosdist_fwd,
    .sqdist_fwd = on_device_sqdist_fwd,
    .cosine_bwd = on_device_cosine_bwd,
    .cosdist_bwd = on_device_cosdist_bwd,
    .mahalanobis_packed_bytes = on_device_mahalanobis_packed_bytes,
    .mahalanobis_pack = on_device_mahalanobis_pack,
    .mahalanobis_scratch = on_device_no_mahalanobis_scratch,
    .mahalanobis_fwd = on_device_mahalanobis_fwd,
    .position_gaussian_fwd_scratch = on_device_no_position_scratch,
    .position_gaussian_fwd = on_device_position_gaussian_fwd,
    .sgd_step = on_device_sgd_step,
    .adam_step = on_device_adam_step,
};

static int32_t one(void)
{
    return 1;
}

static int32_t begin_threads(int32_t num_threads)
{
    return num_threads;
}

static void end_threads(void)
{
}

adi_backend adi_backend_on_device = {
    .name = "on_device",
    .kernels = &table,
    .max_threads = one,
    .threads_begin = begin_threads,
    .threads_end = end_threads,
};

/* Kernels on host memory are those of another backend, as they are in a context on a device. */
__attribute__((constructor)) static void take_host_kernels(void)
{
    adi_backend_on_device.host = adi_backend_ref.host;
}
