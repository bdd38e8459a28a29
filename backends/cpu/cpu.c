/* The cpu backend's kernel table. Kernels of few values, or of memory's speed, are ref's. */
#include "cpu.h"
#include "blas_cpu.h"

#include "ref/ref.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static const adi_host_kernels host = {
    .parallel_for = adi_parallel_for_cpu,
    .resample_row = adi_resample_row_cpu,
    .resample_rows = adi_resample_rows_cpu,
    .syrk_add_f64 = adi_syrk_add_f64_cpu,
    .cholesky_f64 = adi_cholesky_f64_cpu,
    .trinv_f64 = adi_trinv_f64_cpu,
    .eigen_work = adi_eigen_work_cpu,
    .eigen_f64 = adi_eigen_f64_cpu,
    .position_gaussian_add_scratch = adi_position_gaussian_add_scratch_cpu,
    .position_gaussian_add = adi_position_gaussian_add_cpu,
    .position_gaussian_factor_scratch = adi_position_gaussian_factor_scratch_cpu,
    .position_gaussian_factor = adi_position_gaussian_factor_cpu,
};

static const adi_kernels kernels = {
    .conv2d_fwd = adi_conv2d_fwd_cpu,
    .dwconv2d_fwd = adi_dwconv2d_fwd_cpu,
    .conv2d_bwd_data = adi_conv2d_bwd_data_cpu,
    .conv2d_scratch = adi_conv2d_scratch_cpu,
    .conv2d_bwd_data_scratch = adi_conv2d_bwd_data_scratch_cpu,
    .conv2d_bwd_weight_scratch = adi_conv2d_bwd_weight_scratch_cpu,
    .conv2d_bwd_weight = adi_conv2d_bwd_weight_cpu,
    .bias_bwd = adi_bias_bwd_cpu,
    .conv2d_choose = adi_conv2d_choose_cpu,
    .conv2d_packed_bytes = adi_conv2d_packed_bytes_cpu,
    .conv2d_pack = adi_conv2d_pack_cpu,
    .conv2d_packed_scratch = adi_conv2d_packed_scratch_cpu,
    .conv2d_packed_fwd = adi_conv2d_packed_fwd_cpu,
    .conv2d_gated_suits = adi_conv2d_gated_suits_cpu,
    .conv2d_gated_scratch = adi_conv2d_gated_scratch_cpu,
    .conv2d_gated_fwd = adi_conv2d_gated_fwd_cpu,
    .expand_dw_suits = adi_expand_dw_suits_cpu,
    .expand_dw_scratch = adi_expand_dw_scratch_cpu,
    .expand_dw_fwd = adi_expand_dw_fwd_cpu,
    .batchnorm_fwd = adi_batchnorm_fwd_cpu,
    .activation_fwd = adi_activation_fwd_cpu,
    .activation_bwd = adi_activation_bwd_cpu,
    .add_fwd = adi_add_fwd_cpu,
    .mul_fwd = adi_mul_fwd_cpu,
    .leaky_relu_fwd = adi_leaky_relu_fwd_cpu,
    .clamp_fwd = adi_clamp_fwd_cpu,
    .divide_fwd = adi_divide_fwd_ref,
    .gain_fwd = adi_gain_fwd_cpu,
    .leaky_relu_bwd = adi_leaky_relu_bwd_cpu,
    .clamp_bwd = adi_clamp_bwd_cpu,
    .mask2d = adi_mask2d_cpu,
    .scaled_difference = adi_scaled_difference_cpu,
    .weighted_difference = adi_weighted_difference_cpu,
    .zero = adi_zero_ref,
    .widen = adi_widen_ref,
    .narrow = adi_narrow_ref,
    .copy_channels = adi_copy_channels_cpu,
    .permute_fwd = adi_permute_fwd_cpu,
    .pad2d_fwd = adi_pad2d_fwd_cpu,
    .pad2d_bwd = adi_pad2d_bwd_cpu,
    .posenc2d_fwd = adi_posenc2d_fwd_cpu,
    .maxpool2d_fwd = adi_maxpool2d_fwd_cpu,
    .maxpool2d_bwd = adi_maxpool2d_bwd_cpu,
    .resize_fwd = adi_resize_fwd_cpu,
    .resize_bwd = adi_resize_bwd_cpu,
    .blur_scratch = adi_blur_scratch_cpu,
    .blur = adi_blur_cpu,
    .row_sums = adi_row_sums_cpu,
    .mean_fwd = adi_mean_fwd_cpu,
    .globalavgpool2d_fwd = adi_globalavgpool2d_fwd_cpu,
    .gather_channels = adi_gather_channels_cpu,
    .sum_scratch = adi_sum_scratch_cpu,
    .sum = adi_sum_cpu,
    .sum_squares = adi_sum_squares_cpu,
    .sum_squared_error = adi_sum_squared_error_cpu,
    .sum_products = adi_sum_products_cpu,
    .weighted_sum = adi_weighted_sum_ref,
    .batchnorm_train_scratch = adi_batchnorm_train_scratch_cpu,
    .batchnorm_stats = adi_batchnorm_stats_cpu,
    .batchnorm_affine = adi_batchnorm_affine_ref,
    .batchnorm_running = adi_batchnorm_running_ref,
    .batchnorm_bwd = adi_batchnorm_bwd_cpu,
    .groupnorm_scratch = adi_groupnorm_scratch_cpu,
    .softfuse_scratch = adi_softfuse_scratch_cpu,
    .groupnorm_fwd = adi_groupnorm_fwd_cpu,
    .groupnorm_bwd_add = adi_groupnorm_bwd_add_cpu,
    .l2norm_fwd = adi_l2norm_fwd_cpu,
    .l2norm_bwd = adi_l2norm_bwd_cpu,
    .srugate_fwd = adi_srugate_fwd_cpu,
    .srugate_bwd = adi_srugate_bwd_cpu,
    .sruweight_fwd = adi_sruweight_fwd_ref,
    .sruweight_bwd = adi_sruweight_bwd_ref,
    .softfuse_fwd = adi_softfuse_fwd_cpu,
    .softfuse_bwd = adi_softfuse_bwd_cpu,
    .simam_fwd = adi_simam_fwd_cpu,
    .simam_bwd = adi_simam_bwd_cpu,
    .coupling_fwd = adi_coupling_fwd_cpu,
    .coupling_bwd = adi_coupling_bwd_cpu,
    .logdet_fwd = adi_logdet_fwd_cpu,
    .logdet_bwd = adi_logdet_bwd_cpu,
    .cosine_fwd = adi_cosine_fwd_cpu,
    .cosdist_fwd = adi_cosdist_fwd_cpu,
    .sqdist_fwd = adi_sqdist_fwd_cpu,
    .cosine_bwd = adi_cosine_bwd_cpu,
    .cosdist_bwd = adi_cosdist_bwd_cpu,
    .mahalanobis_packed_bytes = adi_mahalanobis_packed_bytes_cpu,
    .mahalanobis_pack = adi_mahalanobis_pack_cpu,
    .mahalanobis_scratch = adi_mahalanobis_scratch_cpu,
    .mahalanobis_fwd = adi_mahalanobis_fwd_cpu,
    .position_gaussian_fwd_scratch = adi_position_gaussian_fwd_scratch_cpu,
    .position_gaussian_fwd = adi_position_gaussian_fwd_cpu,
    .sgd_step = adi_sgd_step_cpu,
    .adam_step = adi_adam_step_cpu,
};

static int32_t max_threads(void)
{
#ifdef _OPENMP
    const int threads = omp_get_max_threads();
    return threads < 1 ? 1 : threads;
#else
    return 1;
#endif
}

const adi_backend adi_backend_cpu = {
    .name = "cpu",
    .kernels = &kernels,
    .host = &host,
    .max_threads = max_threads,
    .threads_begin = adi_threads_begin_cpu,
    .threads_end = adi_threads_end_cpu,
    .algebra_ready = adi_blas_ready_cpu,
    .describe = adi_blas_describe_cpu,
    .warning = adi_blas_warning_cpu,
};
