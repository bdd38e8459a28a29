/* The memory calls of the module, and whether a device still works. */
#ifndef ADI_MEMORY_CUDA_H
#define ADI_MEMORY_CUDA_H

#include "device_cuda.h"

extern const adi_memory adi_memory_cuda;

#endif
