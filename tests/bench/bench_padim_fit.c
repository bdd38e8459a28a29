/* Time of PaDiM's statistics alone: sums over images of seeded noise, Ledoit and Wolf's shrinkage, and the factors.
 *
 *     bench_padim_fit DIMENSIONS POSITIONS IMAGES THREADS
 *
 * Prints the seconds from the first image's vectors to the last factor. Making the noise is not timed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/alloc.h"
#include "stats/position_gaussian.h"

static double now(void)
{
    struct timespec t = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Between -1 and 1, no two images alike. */
static void fill(float *x, int64_t n, uint32_t state)
{
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-23f - 1.0f;
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_padim_fit DIMENSIONS POSITIONS IMAGES THREADS\n");
        return 2;
    }
    const adi_position_dims d = {atoll(argv[2]), atoll(argv[1]), 1};
    const int32_t images = atoi(argv[3]), threads = atoi(argv[4]);
    const adi_host_kernels *k = adi_backend_cpu.host;
    adi_position_moments *m = NULL;
    float *mean = malloc((size_t)(d.p * d.d) * sizeof *mean);
    float *factor = malloc((size_t)(d.p * adi_triangle(d.d)) * sizeof *factor);
    if (!mean || !factor || adi_position_moments_create(&adi_default_allocator, k, threads, &d, &m)) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }
    double seconds = 0.0, rms = 0.0;
    for (int32_t i = 0; i < images; i++) {
        fill(adi_position_moments_slot(m), d.p * d.d, (uint32_t)i * 2654435761u);
        const double before = now();
        adi_position_moments_push(m, k, threads);
        seconds += now() - before;
    }
    const double before = now();
    const adi_position_fit fit = {.shrink = 1, .ridge = 0.0};
    int64_t position = 0;
    adi_position_moments_flush(m, k, threads);
    if (adi_position_gaussian_fit(&adi_default_allocator, k, threads, m, &fit, mean, factor, &rms, &position)) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        return 1;
    }
    printf("%.4f\n", seconds + now() - before);
    adi_position_moments_destroy(m);
    free(mean);
    free(factor);
    return 0;
}
