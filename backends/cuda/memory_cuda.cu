/* Memory and queues of a device, over CUDA's runtime. The module uses no default stream, leaves the
 * caller's current device as it was, and never resets a device: other code of the process may use
 * it, too. */
#include "memory_cuda.h"

#include <stdlib.h>
#include <unistd.h>

#include "queue_cuda.h"

/* ---- Failures ---- */

static void lose(adi_device_cuda *device, const char *doing, const char *why)
{
    int expected = 0;
    if (!__atomic_compare_exchange_n(&device->lost, &expected, 1, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return; /* the first failure is the cause */
    snprintf(device->sentence, sizeof device->sentence, "the device failed, %s: %s", doing, why);
    __atomic_store_n(&device->lost, 2, __ATOMIC_RELEASE);
}

ad_status adi_status_cuda(adi_device_cuda *device, cudaError_t e, const char *doing)
{
    if (e == cudaSuccess)
        return AD_OK;
    (void)cudaGetLastError(); /* so that the next call does not find it */
    if (e == cudaErrorMemoryAllocation)
        return AD_ERR_OUT_OF_MEMORY;
    lose(device, doing, cudaGetErrorString(e));
    return AD_ERR_BACKEND;
}

static const char *failure(void *device)
{
    adi_device_cuda *const d = (adi_device_cuda *)device;
    if (d->process != (long)getpid())
        return "the device was opened before fork(), and cannot be used after it";
    const int lost = __atomic_load_n(&d->lost, __ATOMIC_ACQUIRE);
    return lost == 2 ? d->sentence : lost == 1 ? "the device failed" : NULL;
}

/* ---- Calls ---- */

adi_call_cuda::adi_call_cuda(adi_device_cuda *device)
    : device_(device), stream_(device->stream), counters_(NULL), before_(-1), skips_(false),
      status_(AD_OK)
{
    enter();
}

adi_call_cuda::adi_call_cuda(const adi_exec *ex)
    : device_(NULL), stream_(NULL), counters_(NULL), before_(-1), skips_(false),
      status_(AD_ERR_INVALID_ARGUMENT)
{
    if (!ex->queue)
        return;
    device_ = ex->queue->device;
    stream_ = ex->queue->stream;
    counters_ = ex->queue->counters;
    status_ = AD_OK;
    skips_ = ex->queue->skips;
    if (!skips_)
        enter();
}

void adi_call_cuda::enter()
{
    int now = -1;
    if (failure(device_)) {
        status_ = AD_ERR_BACKEND;
        return;
    }
    cudaError_t e = cudaGetDevice(&now);
    if (e == cudaSuccess && now != device_->index)
        e = cudaSetDevice(device_->index);
    if (e == cudaSuccess && now != device_->index)
        before_ = now;
    status_ = adi_status_cuda(device_, e, "when it was chosen");
}

adi_call_cuda::~adi_call_cuda()
{
    if (before_ >= 0 && cudaSetDevice(before_) != cudaSuccess)
        (void)cudaGetLastError();
}

ad_status adi_call_cuda::end(cudaError_t e, const char *doing)
{
    if (ready())
        status_ = adi_status_cuda(device_, e, doing);
    return status_;
}

ad_status adi_call_cuda::launched()
{
    return ready() ? end(cudaGetLastError(), "when a kernel was started") : status_;
}

/* ---- Memory ---- */

static ad_status allocate(void *device, size_t bytes, void **out)
{
    adi_call_cuda on((adi_device_cuda *)device);
    void *p = NULL;
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    const ad_status status = on.end(cudaMalloc(&p, bytes ? bytes : 1), "when memory was allocated");
    if (status == AD_OK)
        *out = p;
    return status;
}

/* A lost device's memory is gone. */
static void release(void *device, void *p)
{
    adi_call_cuda on((adi_device_cuda *)device);
    if (on.ready())
        (void)on.end(cudaFree(p), "when memory was freed");
}

static ad_status allocate_staging(void *device, size_t bytes, void **out)
{
    adi_call_cuda on((adi_device_cuda *)device);
    void *p = NULL;
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    const ad_status status =
        on.end(cudaMallocHost(&p, bytes ? bytes : 1), "when staging memory was allocated");
    if (status == AD_OK)
        *out = p;
    return status;
}

static void release_staging(void *device, void *p)
{
    adi_call_cuda on((adi_device_cuda *)device);
    if (on.ready())
        (void)on.end(cudaFreeHost(p), "when staging memory was freed");
}

static void bytes_of(void *device, size_t *out_free, size_t *out_total)
{
    adi_call_cuda on((adi_device_cuda *)device);
    *out_free = *out_total = 0;
    if (on.ready())
        (void)on.end(cudaMemGetInfo(out_free, out_total), "when it was asked for its memory");
}

/* ---- Queues ---- */

/* A queue, or what there is of it. */
static void drop_queue(adi_queue *queue)
{
    if (queue->stream)
        (void)cudaStreamDestroy(queue->stream);
    if (queue->counters)
        (void)cudaFree(queue->counters);
    (void)cudaGetLastError();
    free(queue);
}

static ad_status create_queue(void *device, adi_queue **out)
{
    adi_call_cuda on((adi_device_cuda *)device);
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    adi_queue *queue = (adi_queue *)calloc(1, sizeof *queue);
    if (!queue)
        return AD_ERR_OUT_OF_MEMORY;
    const size_t counter_bytes = ADI_COUNTERS_CUDA * sizeof *queue->counters;
    queue->device = (adi_device_cuda *)device;
    ad_status status = on.end(cudaMalloc((void **)&queue->counters, counter_bytes),
                              "when a queue was created");
    if (status == AD_OK)
        status = on.end(cudaStreamCreateWithFlags(&queue->stream, cudaStreamNonBlocking),
                        "when a stream was created");
    if (status == AD_OK)
        status = on.end(cudaMemsetAsync(queue->counters, 0, counter_bytes, queue->stream),
                        "when a queue was cleared");
    if (status == AD_OK)
        *out = queue;
    else
        drop_queue(queue);
    return status;
}

static void destroy_queue(void *device, adi_queue *queue)
{
    if (!queue)
        return;
    adi_call_cuda on((adi_device_cuda *)device);
    if (on.ready()) {
        (void)cudaStreamSynchronize(queue->stream);
        drop_queue(queue);
        return;
    }
    free(queue); /* the rest is lost with the device */
}

static ad_status wait_for(void *device, adi_queue *queue)
{
    if (queue && queue->skips)
        return AD_OK;
    adi_call_cuda on((adi_device_cuda *)device);
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    return on.end(cudaStreamSynchronize(queue ? queue->stream : on.stream()),
                  "when it was waited for");
}

/* A copy in `queue`; waits for it where there is none, or if `waits`, unless it is recorded. */
static ad_status move(void *device, adi_queue *queue, void *to, const void *from, size_t bytes,
                      cudaMemcpyKind kind, bool waits)
{
    if (queue && queue->skips)
        return AD_OK;
    adi_call_cuda on((adi_device_cuda *)device);
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    const cudaStream_t stream = queue ? queue->stream : on.stream();
    cudaError_t e = bytes ? cudaMemcpyAsync(to, from, bytes, kind, stream) : cudaSuccess;
    if (e == cudaSuccess && (!queue || (waits && !queue->records)))
        e = cudaStreamSynchronize(stream);
    return on.end(e, "when memory was copied");
}

static ad_status upload(void *device, adi_queue *queue, void *to, const void *from, size_t bytes)
{
    return move(device, queue, to, from, bytes, cudaMemcpyHostToDevice, false);
}

static ad_status download(void *device, adi_queue *queue, void *to, const void *from, size_t bytes)
{
    return move(device, queue, to, from, bytes, cudaMemcpyDeviceToHost, true);
}

static ad_status copy(void *device, adi_queue *queue, void *to, const void *from, size_t bytes)
{
    return move(device, queue, to, from, bytes, cudaMemcpyDeviceToDevice, false);
}

static ad_status clear(void *device, adi_queue *queue, void *p, size_t bytes)
{
    if (queue && queue->skips)
        return AD_OK;
    adi_call_cuda on((adi_device_cuda *)device);
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    const cudaStream_t stream = queue ? queue->stream : on.stream();
    cudaError_t e = bytes ? cudaMemsetAsync(p, 0, bytes, stream) : cudaSuccess;
    if (e == cudaSuccess && !queue)
        e = cudaStreamSynchronize(stream);
    return on.end(e, "when memory was cleared");
}

/* ---- Recordings ---- */

struct adi_recording {
    cudaGraphExec_t graph;
};

/* Other threads may allocate meanwhile; this one must not. */
static ad_status begin_recording(void *device, adi_queue *queue)
{
    adi_call_cuda on((adi_device_cuda *)device);
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    const ad_status status =
        on.end(cudaStreamBeginCapture(queue->stream, cudaStreamCaptureModeThreadLocal),
               "when a recording was begun");
    queue->records = status == AD_OK;
    return status;
}

static ad_status end_recording(void *device, adi_queue *queue, adi_recording **out)
{
    adi_call_cuda on((adi_device_cuda *)device);
    queue->records = false;
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    cudaGraph_t graph = NULL;
    ad_status status =
        on.end(cudaStreamEndCapture(queue->stream, &graph), "when a recording was ended");
    if (status != AD_OK)
        return status;
    adi_recording *recording = (adi_recording *)calloc(1, sizeof *recording);
    status = recording ? on.end(cudaGraphInstantiate(&recording->graph, graph, 0),
                                "when a recording was made a graph")
                       : AD_ERR_OUT_OF_MEMORY;
    (void)cudaGraphDestroy(graph);
    if (status == AD_OK)
        *out = recording;
    else
        free(recording);
    return status;
}

static ad_status replay(void *device, adi_queue *queue, adi_recording *recording)
{
    adi_call_cuda on((adi_device_cuda *)device);
    if (!on.ready())
        return on.end(cudaSuccess, NULL);
    return on.end(cudaGraphLaunch(recording->graph, queue->stream), "when a recording was run");
}

static void skip(void *device, adi_queue *queue, int32_t on)
{
    (void)device;
    queue->skips = on != 0;
}

static void free_recording(void *device, adi_recording *recording)
{
    if (!recording)
        return;
    adi_call_cuda on((adi_device_cuda *)device);
    if (on.ready())
        (void)on.end(cudaGraphExecDestroy(recording->graph), "when a recording was freed");
    free(recording);
}

const adi_memory adi_memory_cuda = {
    allocate,      release,       allocate_staging, release_staging,
    create_queue,  destroy_queue, upload,           download,
    copy,          clear,         wait_for,         begin_recording,
    end_recording, replay,        skip,             free_recording,
    failure,       bytes_of,
};
