/* The kernels for AVX2 with FMA: compiled for these, and used only on machines that have them. */
#define VECTOR_FLOATS 8
#define ROWS 6
#define PANELS 1
#define ISA adi_isa_avx2_cpu
#define ISA_NAME "avx2"
#include "isa_vector_cpu.h"
