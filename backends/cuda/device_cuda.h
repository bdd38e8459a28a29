/* What a file of kernels includes instead of CUDA's headers, so that it compiles twice: by nvcc for
 * a GPU, and as plain C++ with a device made of fibers (tests/emulated), where every test runs
 * without a GPU.
 *
 * Kernels keep to CUDA C++ with five rules:
 *   - they are launched with ADI_LAUNCH, not <<< >>>;
 *   - pointers are arguments of their own, not in structs, so that a launch can check them;
 *   - shared memory is one struct a kernel, declared with ADI_SHARED, so that it can be poisoned
 *     and guarded;
 *   - vectors are loaded and stored by the functions of vector_cuda.h, which check alignment;
 *   - what has PTX stands in a function with both versions (ADI_EMULATED), in a header of its own.
 * Host code is C++17 without exceptions and without its library: the module links to libc alone. */
#ifndef ADI_DEVICE_CUDA_H
#define ADI_DEVICE_CUDA_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef ADI_EMULATED
#include "emulated_cuda.h"
#define ADI_LAUNCH(kernel, grid, block, stream, ...)                                               \
    adi_emu::launch(#kernel, (grid), (block), (stream), (kernel), __VA_ARGS__)
#define ADI_SHARED(type, name)                                                                     \
    type &name = *static_cast<type *>(adi_emu::shared(sizeof(type), alignof(type)))
#else
#include <cuda_runtime.h>
#define ADI_LAUNCH(kernel, grid, block, stream, ...)                                               \
    (kernel)<<<(grid), (block), 0, (stream)>>>(__VA_ARGS__)
#define ADI_SHARED(type, name) __shared__ type name
#endif

extern "C" {
#include "plugin.h"
}

#endif
