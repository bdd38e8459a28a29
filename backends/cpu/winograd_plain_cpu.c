/* The Winograd kernels for any machine: vectors of four floats. */
#define VECTOR_FLOATS 4
#define ROWS 2
#define PANELS 1
#define KERNELS adi_winograd_plain_cpu
#define KERNELS_NAME "plain"
#include "winograd_vector_cpu.h"
