/* What depends on the instruction set: one table per set, chosen where the program runs. */
#ifndef ADI_ISA_CPU_H
#define ADI_ISA_CPU_H

#include "depthwise_cpu.h"
#include "panel_gemm_cpu.h"
#include "winograd_cpu.h"

struct adi_isa {
    const char *name;
    int32_t panels; /* of sums that a product keeps in registers */
    void (*panel_gemm)(const adi_panel_gemm *g);
    void (*depthwise_row)(const adi_depthwise_row *g);
    adi_winograd_kernels winograd;
};

extern const adi_isa adi_isa_plain_cpu;
#ifdef __x86_64__
extern const adi_isa adi_isa_avx2_cpu, adi_isa_avx512_cpu;
#endif

/* isa_cpu.c: those that this machine can run, the fastest first; NULL past the last. */
const adi_isa *adi_isa_cpu(int32_t index);

/* dwconv2d_cpu.c: on an instruction set of the caller's choice; kernels of up to ADI_DEPTHWISE_ROWS rows. */
ad_status adi_dwconv2d_with_cpu(const adi_isa *isa, const adi_exec *ex, float *y, const float *x, const float *w,
                                const adi_epilogue *e, const adi_conv2d_dims *d);

#endif
