/* The reference backend's kernel table. */
#include "ref.h"

static const adi_kernels kernels = {
    .conv2d_scratch = adi_conv2d_scratch_ref,
    .conv2d_fwd = adi_conv2d_fwd_ref,
    .dwconv2d_fwd = adi_dwconv2d_fwd_ref,
    .batchnorm_fwd = adi_batchnorm_fwd_ref,
    .activation_fwd = adi_activation_fwd_ref,
    .add_fwd = adi_add_fwd_ref,
    .mul_fwd = adi_mul_fwd_ref,
    .maxpool2d_fwd = adi_maxpool2d_fwd_ref,
    .resize_fwd = adi_resize_fwd_ref,
    .mean_fwd = adi_mean_fwd_ref,
    .mahalanobis_scratch = adi_mahalanobis_scratch_ref,
    .mahalanobis_fwd = adi_mahalanobis_fwd_ref,
    .syrk_f64 = adi_syrk_f64_ref,
    .cholesky_f64 = adi_cholesky_f64_ref,
    .trinv_f64 = adi_trinv_f64_ref,
    .eigen_work = adi_eigen_work_ref,
    .eigen_f64 = adi_eigen_f64_ref,
    .position_gaussian_add_scratch = adi_position_gaussian_add_scratch_ref,
    .position_gaussian_add = adi_position_gaussian_add_ref,
    .position_gaussian_factor_scratch = adi_position_gaussian_factor_scratch_ref,
    .position_gaussian_factor = adi_position_gaussian_factor_ref,
    .position_gaussian_fwd_scratch = adi_position_gaussian_fwd_scratch_ref,
    .position_gaussian_fwd = adi_position_gaussian_fwd_ref,
};

static int32_t one_thread(void)
{
    return 1;
}

static const char *describe(void)
{
    return "ref: plain loops";
}

static const char *no_warning(void)
{
    return NULL;
}

const adi_backend adi_backend_ref = {"ref", &kernels, one_thread, describe, no_warning};
