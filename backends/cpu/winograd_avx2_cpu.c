/* The Winograd kernels for AVX2 with FMA; compiled for those, and run only where they are. */
#define VECTOR_FLOATS 8
#define ROWS 6
#define PANELS 1
#define KERNELS adi_winograd_avx2_cpu
#define KERNELS_NAME "avx2"
#include "winograd_vector_cpu.h"
