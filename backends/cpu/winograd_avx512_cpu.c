/* The Winograd kernels for AVX-512; compiled for it, and run only where it is. */
#define VECTOR_FLOATS 16
#define ROWS 8
#define PANELS 2
#define KERNELS adi_winograd_avx512_cpu
#define KERNELS_NAME "avx512"
#include "winograd_vector_cpu.h"
