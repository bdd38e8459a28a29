/* A device, its queues, and the call of a kernel. */
#ifndef ADI_QUEUE_CUDA_H
#define ADI_QUEUE_CUDA_H

#include "device_cuda.h"

/* How a product of matrices is made: float32 units, or tensor cores with three products of TF32
 * numbers, which is as exact, or with one. */
enum adi_product_cuda { ADI_PRODUCT_FMA, ADI_PRODUCT_TF32X3, ADI_PRODUCT_TF32 };

struct adi_device_cuda {
    int index;
    int units; /* multiprocessors */
    adi_product_cuda product;
    long process;        /* that opened it: a child of fork() cannot use it */
    cudaStream_t stream; /* of calls without a queue */
    int lost;            /* 0: no, 1: the sentence is being written, 2: yes */
    char sentence[192];
};

struct adi_queue {
    adi_device_cuda *device;
    cudaStream_t stream;
    unsigned *counters; /* [ADI_COUNTERS_CUDA], 0 between kernels: blocks that are done */
    bool records, skips;
};

/* Tiles of a product whose depth is split: as many blocks as fill a large device. */
enum { ADI_COUNTERS_CUDA = 132 };

/* A status for what the runtime says. All but a lack of memory means that the device is lost: then
 * `doing` begins its sentence. */
ad_status adi_status_cuda(adi_device_cuda *device, cudaError_t e, const char *doing);

/* A call on a device: while it lives, that device is the thread's current one. */
class adi_call_cuda
{
  public:
    explicit adi_call_cuda(adi_device_cuda *device);
    explicit adi_call_cuda(const adi_exec *ex); /* of a kernel, which needs a queue */
    ~adi_call_cuda();
    adi_call_cuda(const adi_call_cuda &) = delete;
    adi_call_cuda &operator=(const adi_call_cuda &) = delete;

    /* Whether to go on: the device works, the queue does not skip, and each `count` suits a
     * kernel's 32-bit indices. */
    bool ready() const
    {
        return status_ == AD_OK && !skips_;
    }
    bool suits(int64_t count)
    {
        if (ready() && count > INT32_MAX)
            status_ = AD_ERR_UNSUPPORTED;
        return ready();
    }
    adi_device_cuda *device() const
    {
        return device_;
    }
    cudaStream_t stream() const
    {
        return stream_;
    }
    unsigned *counters() const
    {
        return counters_;
    }
    /* The call's status. */
    ad_status end(cudaError_t e, const char *doing);
    ad_status launched(); /* of a kernel */

  private:
    void enter();

    adi_device_cuda *device_;
    cudaStream_t stream_;
    unsigned *counters_;
    int before_; /* the current device to return to, or -1 */
    bool skips_;
    ad_status status_;
};

enum { ADI_THREADS_CUDA = 256 }; /* of a block, where nothing speaks for another number */

/* Blocks of `each` threads for `count` of them; one at least, which finds nothing to do. */
static inline dim3 adi_blocks_cuda(int64_t count, int each = ADI_THREADS_CUDA)
{
    return dim3(count > 0 ? (unsigned)((count + each - 1) / each) : 1u);
}

/* The index of a thread in a launch with adi_blocks_cuda. */
static __device__ __forceinline__ int64_t adi_index_cuda()
{
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
