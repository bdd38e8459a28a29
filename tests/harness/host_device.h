/* A kernel table as a device whose memory is the host's. */
#ifndef ADFEAT_TESTS_HOST_DEVICE_H
#define ADFEAT_TESTS_HOST_DEVICE_H

#include "device/memory.h"

#define HOST_DEVICE(KERNELS, THREADS)                                                              \
    (&(const adi_device){.kernels = (KERNELS), .name = "host", .num_threads = (THREADS)})

#endif
