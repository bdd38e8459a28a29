/* The kernels for AVX-512: compiled for it, and used only on machines that have it. */
#define VECTOR_FLOATS 16
#define ROWS 8
#define PANELS 2
#define ISA adi_isa_avx512_cpu
#define ISA_NAME "avx512"
#include "isa_vector_cpu.h"
