/* Around each call of BLAS and LAPACK; see blas_cpu.c. */
#ifndef ADI_BLAS_CPU_H
#define ADI_BLAS_CPU_H

#include "backend.h"

/* The memory of one call at least is there from now on; later ones wait for it rather than fail.
 * AD_ERR_OUT_OF_MEMORY. */
ad_status adi_blas_ready_cpu(void);
/* One call: it has memory, and runs on the calling thread alone. What begin returns goes to end. */
int adi_blas_begin_cpu(void);
void adi_blas_end_cpu(int threads);
/* For pthread_atfork(). */
void adi_blas_before_fork_cpu(void);
void adi_blas_after_fork_cpu(void);
void adi_blas_in_child_cpu(void);

#endif
