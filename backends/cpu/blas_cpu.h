/* Preparing calls of BLAS and LAPACK; see blas_cpu.c. */
#ifndef ADI_BLAS_CPU_H
#define ADI_BLAS_CPU_H

#include "backend.h"

/* Make sure that at least one call has memory from now on; later calls wait for it instead of
 * failing. AD_ERR_OUT_OF_MEMORY. */
ad_status adi_blas_ready_cpu(void);
/* Begin and end one call, which has memory and runs on the calling thread alone. Pass what begin
 * returns to end. */
int adi_blas_begin_cpu(void);
void adi_blas_end_cpu(int threads);
/* For pthread_atfork(). */
void adi_blas_before_fork_cpu(void);
void adi_blas_after_fork_cpu(void);
void adi_blas_in_child_cpu(void);

#endif
