/* What depends on the instruction set: one table per set, chosen where the program runs. */
#ifndef ADI_ISA_CPU_H
#define ADI_ISA_CPU_H

#include "panel_gemm_cpu.h"
#include "winograd_cpu.h"

struct adi_isa {
    const char *name;
    int32_t panels; /* of sums that a product keeps in registers */
    void (*panel_gemm)(const adi_panel_gemm *g);
    adi_winograd_kernels winograd;
};

extern const adi_isa adi_isa_plain_cpu;
#ifdef __x86_64__
extern const adi_isa adi_isa_avx2_cpu, adi_isa_avx512_cpu;
#endif

/* isa_cpu.c: those that this machine can run, the fastest first; NULL past the last. */
const adi_isa *adi_isa_cpu(int32_t index);

#endif
