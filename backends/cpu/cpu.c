/* The cpu backend's kernel table: ref, overridden where something faster exists. */
#include "cpu.h"

#include "ref/ref.h"

static const adi_kernels kernels = {
    .conv2d_scratch = adi_conv2d_scratch_cpu,
    .conv2d_fwd = adi_conv2d_fwd_cpu,
    .dwconv2d_fwd = adi_dwconv2d_fwd_cpu,
    .batchnorm_fwd = adi_batchnorm_fwd_cpu,
    .activation_fwd = adi_activation_fwd_cpu,
    .add_fwd = adi_add_fwd_cpu,
    .mul_fwd = adi_mul_fwd_cpu,
    .maxpool2d_fwd = adi_maxpool2d_fwd_cpu,
    .resize_fwd = adi_resize_fwd_cpu,
    .mean_fwd = adi_mean_fwd_cpu,
    .mahalanobis_scratch = adi_mahalanobis_scratch_cpu,
    .mahalanobis_fwd = adi_mahalanobis_fwd_cpu,
    .syrk_f64 = adi_syrk_f64_cpu,
    .cholesky_f64 = adi_cholesky_f64_cpu,
    .trinv_f64 = adi_trinv_f64_cpu,
    .eigen_work = adi_eigen_work_cpu,
    .eigen_f64 = adi_eigen_f64_cpu,
    .position_gaussian_add_scratch = adi_position_gaussian_add_scratch_cpu,
    .position_gaussian_add = adi_position_gaussian_add_cpu,
    .position_gaussian_factor_scratch = adi_position_gaussian_factor_scratch_cpu,
    .position_gaussian_factor = adi_position_gaussian_factor_cpu,
    .position_gaussian_fwd_scratch = adi_position_gaussian_fwd_scratch_cpu,
    .position_gaussian_fwd = adi_position_gaussian_fwd_cpu,
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

const adi_backend adi_backend_cpu = {"cpu", &kernels, max_threads, adi_blas_describe_cpu,
                                     adi_blas_warning_cpu};
