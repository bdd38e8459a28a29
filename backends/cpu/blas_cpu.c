/* Calls of BLAS and LAPACK: on one thread, and with memory. OpenBLAS maps a buffer for every
 * concurrent call and keeps it; if it cannot map one, it retries for ever. So a call first waits
 * for a buffer that is known to exist or that another call has left. */
#include "blas_cpu.h"

#include <cblas.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum {
    MOST_CALLS = 64
}; /* OpenBLAS has room for two to a processor that it was built for, and more */

static const size_t buffer_bytes =
    (size_t)129 << 20; /* 128 MiB on all but small machines, and something to spare */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int calls, buffers; /* that run, and that they may use */

/* The memory is unmapped before OpenBLAS maps its own, an instant later. */
static bool buffer_can_be_had(void)
{
    void *p = mmap(NULL, buffer_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && munmap(p, buffer_bytes) == 0;
}

static bool take_buffer(void)
{
    if (buffers == MOST_CALLS || !buffer_can_be_had())
        return false;
    buffers++;
    return true;
}

/* OpenBLAS's OpenMP build follows the caller's OpenMP setting, and a team of one thread does not
 * count as a parallel region, so the setting, which is a thread's own, is lowered. */
static int one_thread(void)
{
#ifdef _OPENMP
    const int threads = omp_get_max_threads();
    if (threads != 1)
        omp_set_num_threads(1);
    return threads;
#else
    return 1;
#endif
}

int adi_blas_begin_cpu(void)
{
    pthread_mutex_lock(&lock);
    while (calls >= buffers && !take_buffer() && calls > 0)
        pthread_cond_wait(&ended, &lock);
    calls++;
    pthread_mutex_unlock(&lock);
    return one_thread();
}

void adi_blas_end_cpu(int threads)
{
#ifdef _OPENMP
    if (threads != 1)
        omp_set_num_threads(threads);
#else
    (void)threads;
#endif
    pthread_mutex_lock(&lock);
    calls--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
}

/* Let OpenBLAS map its first buffer now, by a small product. */
ad_status adi_blas_ready_cpu(void)
{
    double a[4] = {1.0, 0.0, 0.0, 1.0}, s[4] = {0.0};
    pthread_mutex_lock(&lock);
    const bool first = buffers == 0, ready = !first || take_buffer();
    pthread_mutex_unlock(&lock);
    if (first && ready) {
        const int threads = adi_blas_begin_cpu();
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, 2, 2, 1.0, a, 2, 0.0, s, 2);
        adi_blas_end_cpu(threads);
    }
    return ready ? AD_OK : AD_ERR_OUT_OF_MEMORY;
}

void adi_blas_before_fork_cpu(void)
{
    pthread_mutex_lock(&lock);
}

void adi_blas_after_fork_cpu(void)
{
    pthread_mutex_unlock(&lock);
}

/* After fork() the calls of other threads do not go on; their buffers are lost. */
void adi_blas_in_child_cpu(void)
{
    calls = buffers = 0;
    pthread_cond_init(&ended, NULL);
    pthread_mutex_unlock(&lock);
}
