/* The module's entry: which devices there are, opening one, and the table of kernels. */
#include <stdlib.h>
#include <unistd.h>

#include "kernels_cuda.h"
#include "memory_cuda.h"
#include "queue_cuda.h"

/* ---- Devices ---- */

/* Why there is no device to use, as a sentence. */
static ad_status refuse(cudaError_t e, char *text, size_t size)
{
    int driver = 0;
    (void)cudaGetLastError();
    (void)cudaDriverGetVersion(&driver);
    const bool old = e == cudaErrorInsufficientDriver || e == cudaErrorCallRequiresNewerDriver;
    if (old && !driver)
        snprintf(text, size, "no driver (libcuda.so.1 was not found)");
    else if (old)
        snprintf(text, size, "the driver supports CUDA %d.%d, this module needs %d.0",
                 driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000);
    else if (e == cudaErrorStubLibrary)
        snprintf(text, size, "libcuda.so.1 is a stub for linking, not a driver");
    else if (e == cudaErrorNoDevice)
        snprintf(text, size, "no device");
    else
        snprintf(text, size, "%s", cudaGetErrorString(e));
    return AD_ERR_BACKEND;
}

static ad_status count(int32_t *out_count, char *text, size_t size)
{
    int found = 0;
    const cudaError_t e = cudaGetDeviceCount(&found);
    if (e != cudaSuccess || !found)
        return refuse(e == cudaSuccess ? cudaErrorNoDevice : e, text, size);
    *out_count = found;
    return AD_OK;
}

static ad_status check_index(int32_t index, char *text, size_t size)
{
    int32_t found = 0;
    const ad_status status = count(&found, text, size);
    if (status != AD_OK || (index >= 0 && index < found))
        return status;
    if (found == 1)
        snprintf(text, size, "there is one device, number 0");
    else
        snprintf(text, size, "there are %d devices, from number 0 on", (int)found);
    return AD_ERR_BACKEND;
}

/* The current device of the caller, to return to. */
class adi_caller_cuda
{
  public:
    adi_caller_cuda() : before_(-1)
    {
        if (cudaGetDevice(&before_) != cudaSuccess)
            before_ = -1;
    }
    ~adi_caller_cuda()
    {
        if (before_ >= 0)
            (void)cudaSetDevice(before_);
        (void)cudaGetLastError();
    }

  private:
    int before_;
};

static ad_status info(int32_t index, adi_plugin_device *out, char *text, size_t size)
{
    const ad_status status = check_index(index, text, size);
    if (status != AD_OK)
        return status;
    const adi_caller_cuda caller;
    adi_plugin_device facts = {};
    cudaDeviceProp properties;
    cudaError_t e = cudaGetDeviceProperties(&properties, index);
    if (e == cudaSuccess)
        e = cudaSetDevice(index);
    if (e == cudaSuccess)
        e = cudaMemGetInfo(&facts.free_bytes, &facts.total_bytes);
    if (e != cudaSuccess)
        return refuse(e, text, size);
    snprintf(facts.name, sizeof facts.name, "%.127s", properties.name);
    facts.major = properties.major;
    facts.minor = properties.minor;
    *out = facts;
    return AD_OK;
}

/* Whether the module has code for the device at all. */
static __global__ void probe_kernel(int *out)
{
    *out = 1;
}

static cudaError_t probe(cudaStream_t stream)
{
    int *p = NULL;
    cudaError_t e = cudaMalloc((void **)&p, sizeof *p);
    if (e != cudaSuccess)
        return e;
    ADI_LAUNCH(probe_kernel, dim3(1), dim3(1), stream, p);
    e = cudaGetLastError();
    if (e == cudaSuccess)
        e = cudaStreamSynchronize(stream);
    const cudaError_t freed = cudaFree(p);
    return e == cudaSuccess ? freed : e;
}

/* From sm_80 on tensor cores know TF32. */
static adi_product_cuda product_of(int major, int32_t precision)
{
    return major < 8 ? ADI_PRODUCT_FMA : precision ? ADI_PRODUCT_TF32 : ADI_PRODUCT_TF32X3;
}

static cudaError_t open_device(adi_device_cuda *device, int32_t precision)
{
    int major = 0;
    cudaError_t e = cudaSetDevice(device->index);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&device->units, cudaDevAttrMultiProcessorCount, device->index);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device->index);
    if (e == cudaSuccess)
        e = cudaStreamCreateWithFlags(&device->stream, cudaStreamNonBlocking);
    if (e == cudaSuccess && (e = probe(device->stream)) != cudaSuccess)
        (void)cudaStreamDestroy(device->stream);
    device->product = product_of(major, precision);
    device->process = (long)getpid();
    return e;
}

static ad_status open(int32_t index, int32_t precision, void **out_device, char *text, size_t size)
{
    const ad_status status = check_index(index, text, size);
    if (status != AD_OK)
        return status;
    adi_device_cuda *device = (adi_device_cuda *)calloc(1, sizeof *device);
    if (!device) {
        snprintf(text, size, "out of memory");
        return AD_ERR_OUT_OF_MEMORY;
    }
    const adi_caller_cuda caller;
    device->index = index;
    const cudaError_t e = open_device(device, precision);
    if (e == cudaSuccess) {
        *out_device = device;
        return AD_OK;
    }
    free(device);
    (void)refuse(e, text, size);
    return e == cudaErrorMemoryAllocation ? AD_ERR_OUT_OF_MEMORY : AD_ERR_BACKEND;
}

static void close(void *opened)
{
    adi_device_cuda *const device = (adi_device_cuda *)opened;
    if (!device)
        return;
    {
        adi_call_cuda on(device);
        if (on.ready())
            (void)on.end(cudaStreamDestroy(device->stream), "when it was closed");
    }
    free(device);
}

/* ---- The table ---- */

static constexpr adi_kernels make_table()
{
    adi_kernels t = {};
    t.conv2d_fwd = adi_conv2d_fwd_cuda;
    t.dwconv2d_fwd = adi_dwconv2d_fwd_cuda;
    t.conv2d_bwd_data = adi_conv2d_bwd_data_cuda;
    t.conv2d_scratch = adi_conv2d_scratch_cuda;
    t.conv2d_bwd_data_scratch = adi_conv2d_bwd_data_scratch_cuda;
    t.conv2d_bwd_weight_scratch = adi_conv2d_bwd_weight_scratch_cuda;
    t.conv2d_bwd_weight = adi_conv2d_bwd_weight_cuda;
    t.bias_bwd = adi_bias_bwd_cuda;
    t.conv2d_choose = adi_conv2d_choose_cuda;
    t.conv2d_packed_bytes = adi_conv2d_packed_bytes_cuda;
    t.conv2d_pack = adi_conv2d_pack_cuda;
    t.conv2d_packed_scratch = adi_conv2d_packed_scratch_cuda;
    t.conv2d_packed_fwd = adi_conv2d_packed_fwd_cuda;
    t.batchnorm_fwd = adi_batchnorm_fwd_cuda;
    t.activation_fwd = adi_activation_fwd_cuda;
    t.activation_bwd = adi_activation_bwd_cuda;
    t.add_fwd = adi_add_fwd_cuda;
    t.mul_fwd = adi_mul_fwd_cuda;
    t.leaky_relu_fwd = adi_leaky_relu_fwd_cuda;
    t.divide_fwd = adi_divide_fwd_cuda;
    t.clamp_fwd = adi_clamp_fwd_cuda;
    t.gain_fwd = adi_gain_fwd_cuda;
    t.leaky_relu_bwd = adi_leaky_relu_bwd_cuda;
    t.clamp_bwd = adi_clamp_bwd_cuda;
    t.mask2d = adi_mask2d_cuda;
    t.scaled_difference = adi_scaled_difference_cuda;
    t.weighted_difference = adi_weighted_difference_cuda;
    t.zero = adi_zero_cuda;
    t.widen = adi_widen_cuda;
    t.narrow = adi_narrow_cuda;
    t.copy_channels = adi_copy_channels_cuda;
    t.gather_channels = adi_gather_channels_cuda;
    t.permute_fwd = adi_permute_fwd_cuda;
    t.pad2d_fwd = adi_pad2d_fwd_cuda;
    t.pad2d_bwd = adi_pad2d_bwd_cuda;
    t.posenc2d_fwd = adi_posenc2d_fwd_cuda;
    t.maxpool2d_fwd = adi_maxpool2d_fwd_cuda;
    t.maxpool2d_bwd = adi_maxpool2d_bwd_cuda;
    t.resize_fwd = adi_resize_fwd_cuda;
    t.resize_bwd = adi_resize_bwd_cuda;
    t.blur_scratch = adi_blur_scratch_cuda;
    t.blur = adi_blur_cuda;
    t.row_sums = adi_row_sums_cuda;
    t.globalavgpool2d_fwd = adi_globalavgpool2d_fwd_cuda;
    t.mean_fwd = adi_mean_fwd_cuda;
    t.sum_scratch = adi_sum_scratch_cuda;
    t.sum = adi_sum_cuda;
    t.sum_squares = adi_sum_squares_cuda;
    t.sum_squared_error = adi_sum_squared_error_cuda;
    t.sum_products = adi_sum_products_cuda;
    t.weighted_sum = adi_weighted_sum_cuda;
    t.batchnorm_train_scratch = adi_batchnorm_train_scratch_cuda;
    t.batchnorm_stats = adi_batchnorm_stats_cuda;
    t.batchnorm_affine = adi_batchnorm_affine_cuda;
    t.batchnorm_running = adi_batchnorm_running_cuda;
    t.batchnorm_bwd = adi_batchnorm_bwd_cuda;
    t.groupnorm_scratch = adi_groupnorm_scratch_cuda;
    t.softfuse_scratch = adi_softfuse_scratch_cuda;
    t.groupnorm_fwd = adi_groupnorm_fwd_cuda;
    t.groupnorm_bwd_add = adi_groupnorm_bwd_add_cuda;
    t.l2norm_fwd = adi_l2norm_fwd_cuda;
    t.l2norm_bwd = adi_l2norm_bwd_cuda;
    t.srugate_fwd = adi_srugate_fwd_cuda;
    t.srugate_bwd = adi_srugate_bwd_cuda;
    t.sruweight_fwd = adi_sruweight_fwd_cuda;
    t.sruweight_bwd = adi_sruweight_bwd_cuda;
    t.softfuse_fwd = adi_softfuse_fwd_cuda;
    t.softfuse_bwd = adi_softfuse_bwd_cuda;
    t.simam_fwd = adi_simam_fwd_cuda;
    t.simam_bwd = adi_simam_bwd_cuda;
    t.coupling_fwd = adi_coupling_fwd_cuda;
    t.coupling_bwd = adi_coupling_bwd_cuda;
    t.logdet_fwd = adi_logdet_fwd_cuda;
    t.logdet_bwd = adi_logdet_bwd_cuda;
    t.cosine_fwd = adi_cosine_fwd_cuda;
    t.cosdist_fwd = adi_cosdist_fwd_cuda;
    t.sqdist_fwd = adi_sqdist_fwd_cuda;
    t.cosine_bwd = adi_cosine_bwd_cuda;
    t.cosdist_bwd = adi_cosdist_bwd_cuda;
    t.mahalanobis_packed_bytes = adi_mahalanobis_packed_bytes_cuda;
    t.mahalanobis_pack = adi_mahalanobis_pack_cuda;
    t.mahalanobis_scratch = adi_mahalanobis_scratch_cuda;
    t.mahalanobis_fwd = adi_mahalanobis_fwd_cuda;
    t.position_gaussian_fwd_scratch = adi_position_gaussian_fwd_scratch_cuda;
    t.position_gaussian_fwd = adi_position_gaussian_fwd_cuda;
    t.sgd_step = adi_sgd_step_cuda;
    t.adam_step = adi_adam_step_cuda;
    return t;
}

static constexpr adi_kernels kernels = make_table();

#ifdef ADI_EMULATED
#define ABOUT "cuda: an emulated device, for tests"
#else
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#define ABOUT    "cuda: runtime " TEXT(CUDART_VERSION) ", code for " ADI_TARGETS
#endif

extern "C" {
extern const adi_plugin adi_backend_plugin __attribute__((visibility("default")));
const adi_plugin adi_backend_plugin = {
    ADI_PLUGIN_ABI, 0, "cuda", ABOUT, &kernels, &adi_memory_cuda, count, info, open, close,
};
}
