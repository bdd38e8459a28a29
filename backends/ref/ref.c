/* The reference backend's kernel table. */
#include "ref.h"

void adi_parallel_for_ref(int32_t num_threads, int64_t count, void (*task)(void *user, int64_t i),
                          void *user)
{
    (void)num_threads;
    for (int64_t i = 0; i < count; i++)
        task(user, i);
}

static const adi_host_kernels host = {
    .parallel_for = adi_parallel_for_ref,
    .resample_row = adi_resample_row_ref,
    .resample_rows = adi_resample_rows_ref,
    .syrk_add_f64 = adi_syrk_add_f64_ref,
    .cholesky_f64 = adi_cholesky_f64_ref,
    .trinv_f64 = adi_trinv_f64_ref,
    .eigen_work = adi_eigen_work_ref,
    .eigen_f64 = adi_eigen_f64_ref,
    .position_gaussian_add_scratch = adi_position_gaussian_add_scratch_ref,
    .position_gaussian_add = adi_position_gaussian_add_ref,
    .position_gaussian_factor_scratch = adi_position_gaussian_factor_scratch_ref,
    .position_gaussian_factor = adi_position_gaussian_factor_ref,
};

static const adi_kernels kernels = {
    .conv2d_fwd = adi_conv2d_fwd_ref,
    .dwconv2d_fwd = adi_dwconv2d_fwd_ref,
    .conv2d_bwd_data = adi_conv2d_bwd_data_ref,
    .conv2d_scratch = adi_conv2d_scratch_ref,
    .conv2d_bwd_data_scratch = adi_conv2d_bwd_data_scratch_ref,
    .conv2d_bwd_weight_scratch = adi_conv2d_bwd_weight_scratch_ref,
    .conv2d_bwd_weight = adi_conv2d_bwd_weight_ref,
    .bias_bwd = adi_bias_bwd_ref,
    .conv2d_choose = adi_conv2d_choose_ref,
    .conv2d_packed_bytes = adi_conv2d_packed_bytes_ref,
    .conv2d_pack = adi_conv2d_pack_ref,
    .conv2d_packed_scratch = adi_conv2d_packed_scratch_ref,
    .conv2d_packed_fwd = adi_conv2d_packed_fwd_ref,
    .batchnorm_fwd = adi_batchnorm_fwd_ref,
    .activation_fwd = adi_activation_fwd_ref,
    .activation_bwd = adi_activation_bwd_ref,
    .add_fwd = adi_add_fwd_ref,
    .mul_fwd = adi_mul_fwd_ref,
    .leaky_relu_fwd = adi_leaky_relu_fwd_ref,
    .clamp_fwd = adi_clamp_fwd_ref,
    .divide_fwd = adi_divide_fwd_ref,
    .gain_fwd = adi_gain_fwd_ref,
    .leaky_relu_bwd = adi_leaky_relu_bwd_ref,
    .clamp_bwd = adi_clamp_bwd_ref,
    .mask2d = adi_mask2d_ref,
    .scaled_difference = adi_scaled_difference_ref,
    .weighted_difference = adi_weighted_difference_ref,
    .zero = adi_zero_ref,
    .widen = adi_widen_ref,
    .narrow = adi_narrow_ref,
    .copy_channels = adi_copy_channels_ref,
    .permute_fwd = adi_permute_fwd_ref,
    .pad2d_fwd = adi_pad2d_fwd_ref,
    .pad2d_bwd = adi_pad2d_bwd_ref,
    .posenc2d_fwd = adi_posenc2d_fwd_ref,
    .maxpool2d_fwd = adi_maxpool2d_fwd_ref,
    .maxpool2d_bwd = adi_maxpool2d_bwd_ref,
    .resize_fwd = adi_resize_fwd_ref,
    .resize_bwd = adi_resize_bwd_ref,
    .blur_scratch = adi_blur_scratch_ref,
    .blur = adi_blur_ref,
    .row_sums = adi_row_sums_ref,
    .mean_fwd = adi_mean_fwd_ref,
    .globalavgpool2d_fwd = adi_globalavgpool2d_fwd_ref,
    .gather_channels = adi_gather_channels_ref,
    .sum_scratch = adi_sum_scratch_ref,
    .sum = adi_sum_ref,
    .sum_squares = adi_sum_squares_ref,
    .sum_squared_error = adi_sum_squared_error_ref,
    .sum_products = adi_sum_products_ref,
    .weighted_sum = adi_weighted_sum_ref,
    .batchnorm_train_scratch = adi_batchnorm_train_scratch_ref,
    .batchnorm_stats = adi_batchnorm_stats_ref,
    .batchnorm_affine = adi_batchnorm_affine_ref,
    .batchnorm_running = adi_batchnorm_running_ref,
    .batchnorm_bwd = adi_batchnorm_bwd_ref,
    .groupnorm_scratch = adi_groupnorm_scratch_ref,
    .softfuse_scratch = adi_softfuse_scratch_ref,
    .groupnorm_fwd = adi_groupnorm_fwd_ref,
    .groupnorm_bwd_add = adi_groupnorm_bwd_add_ref,
    .l2norm_fwd = adi_l2norm_fwd_ref,
    .l2norm_bwd = adi_l2norm_bwd_ref,
    .srugate_fwd = adi_srugate_fwd_ref,
    .srugate_bwd = adi_srugate_bwd_ref,
    .sruweight_fwd = adi_sruweight_fwd_ref,
    .sruweight_bwd = adi_sruweight_bwd_ref,
    .softfuse_fwd = adi_softfuse_fwd_ref,
    .softfuse_bwd = adi_softfuse_bwd_ref,
    .simam_fwd = adi_simam_fwd_ref,
    .simam_bwd = adi_simam_bwd_ref,
    .coupling_fwd = adi_coupling_fwd_ref,
    .coupling_bwd = adi_coupling_bwd_ref,
    .logdet_fwd = adi_logdet_fwd_ref,
    .logdet_bwd = adi_logdet_bwd_ref,
    .cosine_fwd = adi_cosine_fwd_ref,
    .cosdist_fwd = adi_cosdist_fwd_ref,
    .sqdist_fwd = adi_sqdist_fwd_ref,
    .cosine_bwd = adi_cosine_bwd_ref,
    .cosdist_bwd = adi_cosdist_bwd_ref,
    .mahalanobis_packed_bytes = adi_mahalanobis_packed_bytes_ref,
    .mahalanobis_pack = adi_mahalanobis_pack_ref,
    .mahalanobis_scratch = adi_mahalanobis_scratch_ref,
    .mahalanobis_fwd = adi_mahalanobis_fwd_ref,
    .position_gaussian_fwd_scratch = adi_position_gaussian_fwd_scratch_ref,
    .position_gaussian_fwd = adi_position_gaussian_fwd_ref,
    .sgd_step = adi_sgd_step_ref,
    .adam_step = adi_adam_step_ref,
};

static int32_t one_thread(void)
{
    return 1;
}

static int32_t no_threads_begin(int32_t num_threads)
{
    return num_threads; /* which has no meaning here */
}

static void no_threads_end(void)
{
}

static ad_status algebra_ready(void)
{
    return AD_OK;
}

static const char *describe(void)
{
    return "ref: plain loops";
}

static const char *no_warning(void)
{
    return NULL;
}

const adi_backend adi_backend_ref = {
    .name = "ref",
    .kernels = &kernels,
    .host = &host,
    .max_threads = one_thread,
    .threads_begin = no_threads_begin,
    .threads_end = no_threads_end,
    .algebra_ready = algebra_ready,
    .describe = describe,
    .warning = no_warning,
};
