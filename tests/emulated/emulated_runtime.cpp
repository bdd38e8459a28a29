/* The emulated device: streams, graphs, events, and the runtime's calls. */
#include <stdlib.h>

#include <set>
#include <vector>

#include "emulated_counts.h"
#include "emulated_internal.h"

using namespace adi_emu;

extern "C" __attribute__((visibility("default"))) adi_emulated_work adi_emulated_counts;
adi_emulated_work adi_emulated_counts;
static std::mutex counts_lock;

typedef std::vector<std::function<void()>> work_list;
struct adi_emu_stream {
    int device;
    work_list work;
    adi_emu_graph *capture;
};
struct adi_emu_graph {
    work_list work;
};
struct adi_emu_event {
    cudaStream_t recorded_in;
};

namespace
{

std::mutex lock;    /* of streams and of what the runtime remembers */
std::mutex running; /* the device does one thing at a time */
std::set<cudaStream_t> streams;
cudaError_t lost = cudaSuccess; /* and stays so */
long long launches;
thread_local cudaError_t last = cudaSuccess;
thread_local int current;

cudaError_t remember(cudaError_t e)
{
    if (e != cudaSuccess)
        last = e;
    return e;
}

cudaError_t state()
{
    std::lock_guard<std::mutex> g(lock);
    return remember(lost);
}

/* A thread that finds nothing to do still waits for the one that does it. */
void run_all(cudaStream_t s)
{
    std::lock_guard<std::mutex> r(running);
    work_list work;
    {
        std::lock_guard<std::mutex> g(lock);
        work.swap(s->work);
    }
    if (work.empty())
        return;
    open_memory opened_now;
    for (auto &w : work)
        w();
}

int device_count()
{
    return (int)setting_number("devices=", 1);
}

} // namespace

namespace adi_emu
{

const char *fault_of(const void *p, cudaStream_t s)
{
    allocation a;
    if (!p)
        return nullptr;
    if (!find_allocation(p, 0, &a))
        return "no device memory";
    return a.device == PINNED           ? "memory of the host"
           : s && a.device != s->device ? "memory of another device"
                                        : nullptr;
}

void count(work what)
{
    std::lock_guard<std::mutex> g(counts_lock);
    (what == KERNEL  ? adi_emulated_counts.kernels
     : what == GRAPH ? adi_emulated_counts.graphs
                     : adi_emulated_counts.copies)++;
}

static void copy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    {
        std::lock_guard<std::mutex> g(counts_lock);
        adi_emulated_work *const c = &adi_emulated_counts;
        (kind == cudaMemcpyHostToDevice   ? c->uploads
         : kind == cudaMemcpyDeviceToHost ? c->downloads
                                          : c->copies)++;
        c->bytes_up += kind == cudaMemcpyHostToDevice ? (int64_t)bytes : 0;
        c->bytes_down += kind == cudaMemcpyDeviceToHost ? (int64_t)bytes : 0;
    }
    memcpy(to, from, bytes);
}

void fail_launch(cudaError_t e)
{
    (void)remember(e);
}

cudaError_t enqueue(cudaStream_t s, std::function<void()> work)
{
    if (!s)
        die("the default stream: it waits for all others");
    if (s->device != current)
        return remember(cudaErrorInvalidResourceHandle);
    bool eager;
    {
        std::lock_guard<std::mutex> g(lock);
        const long long nth = setting_number("launch=", 0);
        if (lost == cudaSuccess && nth && ++launches >= nth)
            lost = cudaErrorIllegalAddress;
        if (lost != cudaSuccess)
            return remember(lost);
        eager = setting("eager") && !s->capture;
        (s->capture ? s->capture->work : s->work).push_back(std::move(work));
    }
    return eager ? cudaStreamSynchronize(s) : cudaSuccess;
}

} // namespace adi_emu

extern "C" {

const char *cudaGetErrorString(cudaError_t e)
{
    switch (e) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInsufficientDriver:
        return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
        return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
        return "invalid resource handle";
    case cudaErrorIllegalAddress:
        return "an illegal memory access was encountered";
    default:
        return "unspecified";
    }
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t now = state(), e = now != cudaSuccess ? now : last;
    last = cudaSuccess;
    return e;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = (int)setting_number("driver=", CUDART_VERSION);
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    int driver;
    cudaDriverGetVersion(&driver);
    *count = 0;
    if (driver < CUDART_VERSION / 1000 * 1000)
        return remember(cudaErrorInsufficientDriver);
    *count = device_count();
    return remember(*count ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaGetDevice(int *device)
{
    *device = current;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    if (device < 0 || device >= device_count())
        return remember(cudaErrorInvalidDevice);
    current = device;
    return state();
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
    if (device < 0 || device >= device_count())
        return remember(cudaErrorInvalidDevice);
    const int capability = (int)setting_number("capability=", 75);
    *value = attribute == cudaDevAttrMultiProcessorCount      ? 16
             : attribute == cudaDevAttrComputeCapabilityMajor ? capability / 10
                                                              : capability % 10;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device)
{
    size_t free_bytes;
    snprintf(out->name, sizeof out->name, "emulated device %d", device);
    memory_info(&free_bytes, &out->totalGlobalMem);
    cudaDeviceGetAttribute(&out->major, cudaDevAttrComputeCapabilityMajor, device);
    return cudaDeviceGetAttribute(&out->minor, cudaDevAttrComputeCapabilityMinor, device);
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    const cudaError_t now = state();
    return now != cudaSuccess ? now : remember(allocate(p, bytes, current));
}

cudaError_t cudaFree(void *p)
{
    std::set<cudaStream_t> all;
    {
        std::lock_guard<std::mutex> g(lock);
        all = streams;
    }
    for (cudaStream_t s : all)
        run_all(s);
    if (p)
        release(p);
    return state();
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    const cudaError_t now = state();
    return now != cudaSuccess ? now : remember(allocate(p, bytes, PINNED));
}

cudaError_t cudaFreeHost(void *p)
{
    return cudaFree(p);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    memory_info(free_bytes, total);
    return state();
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    const cudaError_t now = state();
    if (now != cudaSuccess)
        return now;
    std::lock_guard<std::mutex> g(lock);
    *s = new adi_emu_stream{current, {}, nullptr};
    streams.insert(*s);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    run_all(s);
    {
        std::lock_guard<std::mutex> g(lock);
        streams.erase(s);
    }
    delete s->capture;
    delete s;
    return state();
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    if (s->capture)
        return remember(cudaErrorStreamCaptureUnsupported);
    const cudaError_t now = state();
    if (now != cudaSuccess)
        return now;
    run_all(s);
    return state();
}

/* From memory that is not pinned a copy has been taken when the call returns; everything else
 * waits. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s)
{
    allocation a, b;
    const bool to_known = find_allocation(to, 0, &a), from_known = find_allocation(from, 0, &b);
    const bool to_device = to_known && a.device != PINNED;
    const bool from_device = from_known && b.device != PINNED;
    if (to_device != (kind != cudaMemcpyDeviceToHost) ||
        from_device != (kind != cudaMemcpyHostToDevice))
        die("a copy in a wrong direction, or of freed memory");
    if ((to_known && !find_allocation(to, bytes, &a)) ||
        (from_known && !find_allocation(from, bytes, &b)))
        die("a copy of %zu bytes beyond an allocation", bytes);
    if (to_device && from_device && (const char *)from < (char *)to + bytes &&
        (char *)to < (const char *)from + bytes && bytes)
        die("a copy onto itself");
    const bool pageable = kind == cudaMemcpyHostToDevice   ? !from_known
                          : kind == cudaMemcpyDeviceToHost ? !to_known
                                                           : false;
    if (pageable && s->capture)
        die("a copy from or to pageable memory in a graph");
    if (!pageable || kind == cudaMemcpyDeviceToHost) {
        const cudaError_t e = enqueue(s, [=] { copy(to, from, bytes, kind); });
        return e == cudaSuccess && pageable ? cudaStreamSynchronize(s) : e;
    }
    std::vector<unsigned char> kept((const unsigned char *)from,
                                    (const unsigned char *)from + bytes);
    return enqueue(s, [to, kept] {
        copy(to, kept.data(), kept.size(), cudaMemcpyHostToDevice);
    });
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s)
{
    allocation a;
    if (!find_allocation(p, bytes, &a) || a.device == PINNED)
        die("cudaMemsetAsync of what is no device memory");
    return enqueue(s, [=] {
        count(COPY);
        memset(p, value, bytes);
    });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    *e = new adi_emu_event{};
    return state();
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    delete e;
    return state();
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    if (s->capture)
        return remember(cudaErrorStreamCaptureUnsupported);
    e->recorded_in = s;
    return state();
}

/* That more was given to the stream since then makes no difference to who waits. */
cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    return e->recorded_in ? cudaStreamSynchronize(e->recorded_in) : state();
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode)
{
    const cudaError_t now = state();
    if (now == cudaSuccess)
        s->capture = new adi_emu_graph{};
    return now;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g)
{
    *g = s->capture;
    s->capture = nullptr;
    return state();
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *e, cudaGraph_t g, unsigned long long)
{
    *e = new adi_emu_graph(*g);
    return state();
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t e, cudaStream_t s)
{
    return enqueue(s, [e] {
        count(GRAPH);
        for (auto &w : e->work)
            w();
    });
}

cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    delete g;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t e)
{
    delete e;
    return cudaSuccess;
}

} // extern "C"
