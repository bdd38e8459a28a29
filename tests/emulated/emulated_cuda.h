/* An emulated CUDA device: what kernels and host code use of CUDA, on the CPU. For tests alone.
 *
 * A thread of a block is a fiber; it runs until it waits at a barrier. Blocks run one after the
 * other. What a GPU would let pass or only sometimes punish is an error here, at once and always:
 *   - device memory cannot be touched by the host: its pages are closed except while kernels and
 *     copies run;
 *   - pages around every allocation stay closed, its slack is checked, new memory is poison (NaN);
 *   - host pointers as kernel arguments, copies in a wrong direction, pointers into freed memory;
 *   - shared memory is poison at the start of a block and guarded at its end;
 *   - barriers that not all threads reach, and shuffles from lanes that are not there;
 *   - vectors loaded from addresses that are not aligned (vector_cuda.h);
 *   - work that nobody waited for is not done: a stream does its work when it is waited for.
 *
 * ADFEAT_EMULATED sets, comma-separated:
 *   order=reverse|shuffle  the turns of threads between barriers: a missing barrier shows
 *   capability=MAJORMINOR  75 if not given; from 80 on there are tensor cores, which are slow here
 *   memory=BYTES  malloc=N  launch=N   memory is full; the Nth allocation fails; from the Nth piece
 *                          of work on, counted from 1, the device is lost
 *   devices=N  driver=VERSION  runtime=VERSION
 *   eager                  work is done when it is given */
#ifndef ADI_EMULATED_CUDA_H
#define ADI_EMULATED_CUDA_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <functional>
#include <tuple>
#include <type_traits>

#define __global__ __attribute__((unused))
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

#define CUDART_VERSION 13000

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};
struct alignas(16) float4 {
    float x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}

/* ---- The host's side: names, values and habits of the runtime ---- */

typedef enum cudaError {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorStubLibrary = 34,
    cudaErrorInsufficientDriver = 35,
    cudaErrorCallRequiresNewerDriver = 36,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorIllegalAddress = 700,
    cudaErrorStreamCaptureUnsupported = 900
} cudaError_t;
typedef enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3
} cudaMemcpyKind;
typedef enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 } cudaStreamCaptureMode;
typedef struct adi_emu_stream *cudaStream_t;
typedef struct adi_emu_graph *cudaGraph_t, *cudaGraphExec_t;
typedef struct adi_emu_event *cudaEvent_t;
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
typedef enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76
} cudaDeviceAttr;
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor;
};

extern "C" {
const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaGetLastError(void);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device);
cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);                      /* waits for all work */
cudaError_t cudaMallocHost(void **p, size_t bytes); /* pinned */
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s);
cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *e, cudaGraph_t g, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t e, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t g);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t e);
}

/* ---- The device's side ---- */

namespace adi_emu
{

struct fiber { /* what a kernel sees of itself */
    struct {
        unsigned x, y, z;
    } thread, block;
    dim3 block_dim, grid_dim;
    unsigned lane, warp, rank; /* rank: of the thread in its block */
    unsigned collectives;      /* of its warp, done so far */
};
extern thread_local fiber *self __attribute__((tls_model("initial-exec")));

[[noreturn]] void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *shared(size_t bytes, size_t align);
void sync_block();
/* Every lane of `mask` gives `bytes`, at most SLOT. Returns the 32 places where they lie, until the
 * next but one. */
const unsigned char *gather(unsigned mask, const void *mine, size_t bytes);
enum { SLOT = 64 };
/* A copy into shared memory that is done when its group is waited for. */
void copy_async(void *to, const void *from, size_t bytes);
void commit_async();
void wait_async(int groups_left);

/* What is wrong with `p` as an argument of a kernel on the stream's device, or NULL. */
const char *fault_of(const void *p, cudaStream_t s);
void fail_launch(cudaError_t e);
cudaError_t enqueue(cudaStream_t s, std::function<void()> work);
enum work { KERNEL, GRAPH, COPY };
void count(work what);
void run_grid(const char *kernel, dim3 grid, dim3 block, const std::function<void()> &thread);

template <class T> void check_argument(const char *kernel, int index, const T &v, cudaStream_t s)
{
    if constexpr (std::is_pointer_v<T>)
        if (const char *fault = fault_of((const void *)v, s))
            die("kernel %s: argument %d, %p, is %s", kernel, index, (const void *)v, fault);
}

template <class... P, class... A>
void launch(const char *name, dim3 grid, dim3 block, cudaStream_t s, void (*kernel)(P...), A... a)
{
    std::tuple<P...> args(static_cast<P>(a)...);
    int index = 0;
    std::apply([&](const P &...p) { (check_argument(name, ++index, p, s), ...); }, args);
    fail_launch(
        enqueue(s, [=] {
            count(KERNEL);
            run_grid(name, grid, block, [&] { std::apply(kernel, args); });
        }));
}

} // namespace adi_emu

#define threadIdx (adi_emu::self->thread)
#define blockIdx  (adi_emu::self->block)
#define blockDim  (adi_emu::self->block_dim)
#define gridDim   (adi_emu::self->grid_dim)

static inline void __syncthreads()
{
    adi_emu::sync_block();
}
static inline void __syncwarp(unsigned mask = ~0u)
{
    char c = 0;
    (void)adi_emu::gather(mask, &c, 1);
}

template <class T> T __shfl_sync(unsigned mask, T v, int from, int width = 32)
{
    const unsigned inside = (unsigned)(width - 1), base = adi_emu::self->lane & ~inside;
    const unsigned char *all = adi_emu::gather(mask, &v, sizeof v);
    T out;
    memcpy(&out, all + adi_emu::SLOT * (base + ((unsigned)from & inside)), sizeof v);
    return out;
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int with, int width = 32)
{
    return __shfl_sync(mask, v, (int)(adi_emu::self->lane ^ (unsigned)with), width);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32)
{
    const unsigned in = adi_emu::self->lane & (unsigned)(width - 1);
    return __shfl_sync(mask, v, (int)(in + by < (unsigned)width ? in + by : in), width);
}

/* Fibers take turns only at barriers, and blocks run one after the other. */
static inline void __threadfence()
{
}
template <class T> T atomicAdd(T *p, T v)
{
    const T old = *p;
    *p += v;
    return old;
}
static inline unsigned __float_as_uint(float f)
{
    unsigned u;
    memcpy(&u, &f, 4);
    return u;
}
static inline float __uint_as_float(unsigned u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline int min(int a, int b)
{
    return a < b ? a : b;
}
static inline int max(int a, int b)
{
    return a > b ? a : b;
}
static inline int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
