/* Keep OpenBLAS on the calling thread for one call. */
#ifndef ADI_BLAS_SERIAL_CPU_H
#define ADI_BLAS_SERIAL_CPU_H

#ifdef _OPENMP
#include <omp.h>

static inline int adi_blas_serial_begin(void)
{
    const int threads = omp_get_max_threads();
    if (threads != 1)
        omp_set_num_threads(1);
    return threads;
}

static inline void adi_blas_serial_end(int threads)
{
    if (threads != 1)
        omp_set_num_threads(threads);
}
#else
static inline int adi_blas_serial_begin(void)
{
    return 1;
}

static inline void adi_blas_serial_end(int threads)
{
    (void)threads;
}
#endif

#endif
