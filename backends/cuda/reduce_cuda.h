/* Sums in double, in an order that follows from the shape: over a warp, a block, or the columns of
 * a matrix. */
#ifndef ADI_REDUCE_CUDA_H
#define ADI_REDUCE_CUDA_H

#include "queue_cuda.h"

/* ---- A warp a position: the kernels of feature vectors ---- */

enum { ADI_WARPS_CUDA = ADI_THREADS_CUDA / 32 };

/* The position of a thread's warp, in a launch of adi_blocks_cuda(p, ADI_WARPS_CUDA). */
static __device__ __forceinline__ int64_t adi_position_cuda()
{
    return (int64_t)blockIdx.x * ADI_WARPS_CUDA + threadIdx.x / 32;
}

static __device__ __forceinline__ int adi_lane_cuda()
{
    return (int)threadIdx.x % 32;
}

/* The same sum in every lane. */
static __device__ __forceinline__ double adi_warp_sum_cuda(double v)
{
#pragma unroll
    for (int by = 16; by; by /= 2)
        v += __shfl_xor_sync(~0u, v, by);
    return v;
}

/* ---- A block ---- */

struct adi_block_room_cuda {
    double v[32];
};

/* The sum over all threads, whose number is a multiple of 32; the same in every one. */
static __device__ __forceinline__ double adi_block_sum_cuda(adi_block_room_cuda &room, double v)
{
    v = adi_warp_sum_cuda(v);
    if (threadIdx.x % 32 == 0)
        room.v[threadIdx.x / 32] = v;
    __syncthreads();
    double sum = 0.0;
    for (unsigned i = 0; i < blockDim.x / 32; i++)
        sum += room.v[i];
    __syncthreads(); /* before the room is used again */
    return sum;
}

/* ---- Columns: a block of 32 x 16 threads sums 32 columns of p rows, of image blockIdx.y ---- */

enum { ADI_COLUMNS_CUDA = 32, ADI_ROWS_CUDA = 16 };

static inline dim3 adi_columns_grid_cuda(int64_t columns, int64_t images)
{
    return dim3(adi_blocks_cuda(columns, ADI_COLUMNS_CUDA).x, (unsigned)images);
}

static inline dim3 adi_columns_block_cuda()
{
    return dim3(ADI_COLUMNS_CUDA, ADI_ROWS_CUDA);
}

struct adi_columns_room_cuda {
    double v[ADI_ROWS_CUDA][ADI_COLUMNS_CUDA];
};

static __device__ __forceinline__ int adi_column_cuda()
{
    return (int)(blockIdx.x * ADI_COLUMNS_CUDA + threadIdx.x);
}

/* The sum of f(row) over `rows` rows of the thread's column; the same in every thread of it. All
 * threads of the block come here; those with `inside` false have no column. */
template <class F>
static __device__ __forceinline__ double adi_column_sum_cuda(adi_columns_room_cuda &room,
                                                             bool inside, int64_t rows, F f)
{
    double sum = 0.0;
    for (int64_t row = threadIdx.y; inside && row < rows; row += ADI_ROWS_CUDA)
        sum += f(row);
    room.v[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    sum = 0.0;
    for (int i = 0; i < ADI_ROWS_CUDA; i++)
        sum += room.v[i][threadIdx.x];
    __syncthreads();
    return sum;
}

#endif
