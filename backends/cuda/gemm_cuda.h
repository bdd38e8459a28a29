/* Products of matrices that are convolutions and their gradients: y[rows, columns] = the sum over
 * `depth` of a[row, d] b[d, column], plus bias and residual, through an activation.
 *
 * Where a and b lie in memory says a source S, a struct without pointers that is passed by value:
 *   rows, columns, depth   its sizes
 *   A_ALONG_DEPTH          neighbours in memory: d and d + 1 of a row, or row and row + 1
 *   B_ALONG_DEPTH          the same of b: d and d + 1, or column and column + 1
 *   a<STEP>(out, x, row, d), b<STEP>(out, w, d, column)   STEP neighbours, 1 or 4
 * A block of 128 threads makes a tile of 64x64. Where tiles are few, the depth is split: the block
 * that is the last one to have its part of a tile adds all of them, in their order. */
#ifndef ADI_GEMM_CUDA_H
#define ADI_GEMM_CUDA_H

#include "epilogue_cuda.h"
#include "mma_cuda.h"
#include "queue_cuda.h"
#include "vector_cuda.h"

enum { ADI_TILE_CUDA = 64, ADI_TILE_DEPTH_CUDA = 16, ADI_TILE_THREADS_CUDA = 128 };

/* The rows are padded against bank conflicts; 16 bytes stay 16 bytes. */
struct alignas(16) adi_tiles_cuda {
    float a[2][ADI_TILE_DEPTH_CUDA][ADI_TILE_CUDA + 4];
    float b[2][ADI_TILE_DEPTH_CUDA][ADI_TILE_CUDA + 8];
    unsigned is_last;
};

/* One thread's part of a tile of an operand: `SIDE` by ADI_TILE_DEPTH_CUDA numbers. */
template <int STEP, bool ALONG_DEPTH> struct adi_part_cuda {
    enum {
        SIDE = ADI_TILE_CUDA,
        DEEP = ADI_TILE_DEPTH_CUDA,
        PIECES = SIDE * DEEP / STEP / ADI_TILE_THREADS_CUDA
    };
    float v[PIECES][STEP];

    /* The place of piece i in the tile. */
    static __device__ __forceinline__ void place(int i, int *at, int *d)
    {
        const int piece = (int)threadIdx.x + i * ADI_TILE_THREADS_CUDA;
        *d = ALONG_DEPTH ? piece % (DEEP / STEP) * STEP : piece / (SIDE / STEP);
        *at = ALONG_DEPTH ? piece / (DEEP / STEP) : piece % (SIDE / STEP) * STEP;
    }
    template <int WIDTH>
    __device__ __forceinline__ void store(float (&to)[ADI_TILE_DEPTH_CUDA][WIDTH]) const
    {
#pragma unroll
        for (int i = 0; i < PIECES; i++) {
            int at, d;
            place(i, &at, &d);
            if (!ALONG_DEPTH && STEP == 4)
                adi_store4_cuda(&to[d][at], make_float4(v[i][0], v[i][STEP > 1], v[i][STEP / 2],
                                                        v[i][STEP - 1]));
            else
#pragma unroll
                for (int j = 0; j < STEP; j++)
                    to[d + (ALONG_DEPTH ? j : 0)][at + (ALONG_DEPTH ? 0 : j)] = v[i][j];
        }
    }
};

/* STEP neighbours in memory. */
template <int STEP> static __device__ __forceinline__ void adi_load_cuda(float *out, const float *p)
{
    if (STEP == 4) {
        const float4 v = adi_load4_cuda(p);
        out[0] = v.x;
        out[STEP > 1] = v.y;
        out[STEP / 2] = v.z;
        out[STEP - 1] = v.w;
    } else {
        out[0] = *p;
    }
}

/* ---- What a thread makes of a tile: 32 sums ---- */

/* 8 x 4 neighbours. */
struct adi_fma_cuda {
    float sum[8][4];
    int row, column;

    __device__ __forceinline__ adi_fma_cuda()
    {
        row = (int)threadIdx.x / 16 * 8;
        column = (int)threadIdx.x % 16 * 4;
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
                sum[i][j] = 0.0f;
    }
    __device__ __forceinline__ void multiply(const adi_tiles_cuda &s, int stage)
    {
#pragma unroll
        for (int d = 0; d < ADI_TILE_DEPTH_CUDA; d++) {
            float a[8], b[4];
            adi_load_cuda<4>(a, &s.a[stage][d][row]);
            adi_load_cuda<4>(a + 4, &s.a[stage][d][row + 4]);
            adi_load_cuda<4>(b, &s.b[stage][d][column]);
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
        }
    }
    template <class F> __device__ __forceinline__ void each(F f) const
    {
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
                f(row + i, column + j, sum[i][j]);
    }
};

/* On tensor cores: a warp makes 32 x 32, 2 x 4 tiles of 16 x 8. PRECISE: every factor is the sum
 * of two TF32 numbers, and three of the four products are made. */
template <bool PRECISE> struct adi_tf32_cuda {
    float sum[2][4][4];
    int row, column, g, t;

    __device__ __forceinline__ adi_tf32_cuda()
    {
        const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
        g = lane / 4;
        t = lane % 4;
        row = warp / 2 * 32;
        column = warp % 2 * 32;
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int r = 0; r < 4; r++)
                    sum[i][j][r] = 0.0f;
    }
    static __device__ __forceinline__ void split(float f, uint32_t *high, uint32_t *low)
    {
        *high = adi_to_tf32_cuda(f);
        *low = PRECISE ? adi_to_tf32_cuda(f - __uint_as_float(*high)) : 0u;
    }
    __device__ __forceinline__ void multiply(const adi_tiles_cuda &s, int stage)
    {
#pragma unroll
        for (int d = 0; d < ADI_TILE_DEPTH_CUDA; d += 8) {
            uint32_t ah[2][4], al[2][4], bh[4][2], bl[4][2];
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int r = 0; r < 4; r++)
                    split(s.a[stage][d + t + r / 2 * 4][row + 16 * i + g + r % 2 * 8], &ah[i][r],
                          &al[i][r]);
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int r = 0; r < 2; r++)
                    split(s.b[stage][d + t + r * 4][column + 8 * j + g], &bh[j][r], &bl[j][r]);
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    if (PRECISE) { /* the small products first */
                        adi_mma_tf32_cuda(sum[i][j], al[i], bh[j]);
                        adi_mma_tf32_cuda(sum[i][j], ah[i], bl[j]);
                    }
                    adi_mma_tf32_cuda(sum[i][j], ah[i], bh[j]);
                }
        }
    }
    template <class F> __device__ __forceinline__ void each(F f) const
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int r = 0; r < 4; r++)
                    f(row + 16 * i + g + r / 2 * 8, column + 8 * j + 2 * t + r % 2, sum[i][j][r]);
    }
};

/* ---- The kernels ---- */

/* Whether this block is the last of a tile's parts. counter: 0, and 0 again afterwards. */
static __device__ __forceinline__ bool adi_is_last_part_cuda(unsigned *counter, unsigned parts,
                                                             unsigned *shared)
{
    __threadfence(); /* what this thread wrote is seen before the count */
    __syncthreads();
    if (threadIdx.x == 0) {
        *shared = atomicAdd(counter, 1u) == parts - 1;
        if (*shared)
            *counter = 0;
    }
    __syncthreads();
    __threadfence();
    return *shared != 0;
}

/* With `partial` not NULL the sums of part blockIdx.z of the depth go there. counters: one of every
 * tile. */
template <class S, class PRODUCT, int STEP>
static __global__ void __launch_bounds__(ADI_TILE_THREADS_CUDA)
    adi_gemm_kernel_cuda(float *y, float *partial, unsigned *counters, const float *x,
                         const float *w, const float *bias, const float *residual, int act, S v)
{
    enum { DEEP = ADI_TILE_DEPTH_CUDA };
    ADI_SHARED(adi_tiles_cuda, s);
    const int row0 = (int)blockIdx.x * ADI_TILE_CUDA, column0 = (int)blockIdx.y * ADI_TILE_CUDA;
    const int steps = (v.depth + DEEP - 1) / DEEP, parts = (int)gridDim.z;
    const int first = (steps + parts - 1) / parts * (int)blockIdx.z * DEEP;
    const int end = min(v.depth, first + (steps + parts - 1) / parts * DEEP);
    adi_part_cuda<STEP, S::A_ALONG_DEPTH> a;
    adi_part_cuda<STEP, S::B_ALONG_DEPTH> b;
    PRODUCT product;
    auto load = [&](int d0) {
#pragma unroll
        for (int i = 0; i < a.PIECES; i++) {
            int row, d;
            a.place(i, &row, &d);
#pragma unroll
            for (int j = 0; j < STEP; j++)
                a.v[i][j] = 0.0f;
            if (row0 + row < v.rows && d0 + d < end)
                v.template a<STEP>(a.v[i], x, row0 + row, d0 + d);
        }
#pragma unroll
        for (int i = 0; i < b.PIECES; i++) {
            int column, d;
            b.place(i, &column, &d);
#pragma unroll
            for (int j = 0; j < STEP; j++)
                b.v[i][j] = 0.0f;
            if (column0 + column < v.columns && d0 + d < end)
                v.template b<STEP>(b.v[i], w, d0 + d, column0 + column);
        }
    };
    load(first);
    a.store(s.a[0]);
    b.store(s.b[0]);
    __syncthreads();
    for (int d0 = first, stage = 0; d0 < end; d0 += DEEP, stage ^= 1) {
        const bool more = d0 + DEEP < end;
        if (more)
            load(d0 + DEEP);
        product.multiply(s, stage);
        if (more) {
            a.store(s.a[stage ^ 1]);
            b.store(s.b[stage ^ 1]);
        }
        __syncthreads();
    }
    product.each([&](int i, int j, float sum) {
        const int row = row0 + i, column = column0 + j;
        if (row >= v.rows || column >= v.columns)
            return;
        const int64_t at = (int64_t)row * v.columns + column;
        if (partial)
            partial[(int64_t)blockIdx.z * v.rows * v.columns + at] = sum;
        else
            y[at] = adi_epilogue_cuda(sum, bias, column, residual, at, act);
    });
    if (!partial || !adi_is_last_part_cuda(counters + blockIdx.y * gridDim.x + blockIdx.x,
                                           (unsigned)parts, &s.is_last))
        return;
    const int64_t n = (int64_t)v.rows * v.columns;
    for (int i = (int)threadIdx.x; i < ADI_TILE_CUDA * ADI_TILE_CUDA; i += ADI_TILE_THREADS_CUDA) {
        const int row = row0 + i / ADI_TILE_CUDA, column = column0 + i % ADI_TILE_CUDA;
        if (row >= v.rows || column >= v.columns)
            continue;
        const int64_t at = (int64_t)row * v.columns + column;
        float sum = 0.0f;
        for (int part = 0; part < parts; part++)
            sum += partial[part * n + at];
        y[at] = adi_epilogue_cuda(sum, bias, column, residual, at, act);
    }
}

/* ---- On the host ---- */

/* Enough blocks for a large device, from the shape alone: the bits do not depend on the device's
 * size. */
static inline int adi_gemm_parts_cuda(int64_t rows, int64_t columns, int64_t depth)
{
    enum { BLOCKS = ADI_COUNTERS_CUDA, MOST = 16, STEPS = 8 };
    const int64_t tile = ADI_TILE_CUDA;
    const int64_t blocks = (rows + tile - 1) / tile * ((columns + tile - 1) / tile);
    const int64_t steps = (depth + ADI_TILE_DEPTH_CUDA - 1) / ADI_TILE_DEPTH_CUDA;
    int parts = 1;
    while (blocks * parts < BLOCKS && parts * 2 <= steps / STEPS && parts < MOST)
        parts *= 2;
    return parts;
}

static inline size_t adi_gemm_scratch_cuda(int64_t rows, int64_t columns, int64_t depth)
{
    const int parts = adi_gemm_parts_cuda(rows, columns, depth);
    return parts > 1 ? (size_t)parts * (size_t)rows * (size_t)columns * sizeof(float) : 0;
}

template <class S, class PRODUCT, int STEP>
static void adi_gemm_launch_cuda(const adi_call_cuda &on, int parts, float *y, float *partial,
                                 const float *x, const float *w, const adi_epilogue *e, const S &v)
{
    const unsigned tile = ADI_TILE_CUDA;
    const dim3 grid(((unsigned)v.rows + tile - 1) / tile, ((unsigned)v.columns + tile - 1) / tile,
                    (unsigned)parts);
    ADI_LAUNCH((adi_gemm_kernel_cuda<S, PRODUCT, STEP>), grid, ADI_TILE_THREADS_CUDA, on.stream(),
               y, partial, on.counters(), x, w, e->bias, e->residual, (int)e->act, v);
}

template <class S, class PRODUCT>
static void adi_gemm_launch_cuda(const adi_call_cuda &on, int parts, bool wide, float *y,
                                 float *partial, const float *x, const float *w,
                                 const adi_epilogue *e, const S &v)
{
    if (wide)
        adi_gemm_launch_cuda<S, PRODUCT, 4>(on, parts, y, partial, x, w, e, v);
    else
        adi_gemm_launch_cuda<S, PRODUCT, 1>(on, parts, y, partial, x, w, e, v);
}

/* wide: whether neighbours come in fours, at addresses that suit. */
template <class S>
static void adi_gemm_cuda(const adi_call_cuda &on, void *scratch, bool wide, float *y,
                          const float *x, const float *w, const adi_epilogue *e, const S &v)
{
    const int parts = adi_gemm_parts_cuda(v.rows, v.columns, v.depth);
    float *const partial = parts > 1 ? (float *)scratch : NULL;
    const adi_product_cuda product = on.device()->product;
    if (!v.rows || !v.columns)
        return;
    if (product == ADI_PRODUCT_TF32X3)
        adi_gemm_launch_cuda<S, adi_tf32_cuda<true>>(on, parts, wide, y, partial, x, w, e, v);
    else if (product == ADI_PRODUCT_TF32)
        adi_gemm_launch_cuda<S, adi_tf32_cuda<false>>(on, parts, wide, y, partial, x, w, e, v);
    else
        adi_gemm_launch_cuda<S, adi_fma_cuda>(on, parts, wide, y, partial, x, w, e, v);
}

#endif
