/* The kernels for any machine: vectors of four floats. */
#define VECTOR_FLOATS 4
#define ROWS 2
#define PANELS 1
#define ISA adi_isa_plain_cpu
#define ISA_NAME "plain"
#include "isa_vector_cpu.h"
