/* How many float operations a second this machine's cores do at most, just now: chains of fused multiply-adds in
 * registers, of the widest vectors there are.
 *
 *     fma_peak [THREADS]
 *
 * Prints GFLOP/s. What is measured between two such probes that agree was measured on an undisturbed machine. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHAINS = 10, STEPS = 1 << 20, ROUNDS = 20 }; /* more chains than an operation takes cycles times two */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Operations done; `seed` and the sum keep the compiler from working it out. */
#define DEFINE_CHAINS(name, floats, attributes)                                                                        \
    attributes static double name(float seed, float *sum)                                                              \
    {                                                                                                                  \
        typedef float vec __attribute__((vector_size(4 * (floats))));                                                  \
        const vec a = (vec){0} + seed, b = (vec){0} + 1e-7f;                                                           \
        vec s[CHAINS];                                                                                                 \
        for (int c = 0; c < CHAINS; c++)                                                                               \
            s[c] = (vec){0} + (float)c;                                                                                \
        for (int i = 0; i < STEPS; i++)                                                                                \
            for (int c = 0; c < CHAINS; c++)                                                                           \
                s[c] = s[c] * a + b;                                                                                   \
        for (int c = 0; c < CHAINS; c++)                                                                               \
            for (int l = 0; l < (floats); l++)                                                                         \
                *sum += s[c][l];                                                                                       \
        return 2.0 * (floats)*CHAINS * STEPS;                                                                          \
    }

#ifdef __x86_64__
DEFINE_CHAINS(chains_avx512, 16, __attribute__((target("avx512f"))))
DEFINE_CHAINS(chains_avx2, 8, __attribute__((target("avx2,fma"))))
#endif
DEFINE_CHAINS(chains_plain, 4, )

static double chains(float seed, float *sum)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return chains_avx512(seed, sum);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return chains_avx2(seed, sum);
#endif
    return chains_plain(seed, sum);
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (threads < 1 || threads > 1024) {
        fprintf(stderr, "usage: fma_peak [THREADS]\n");
        return 2;
    }
    double fastest = 0.0;
    float sum = 0.0f;
    for (int r = 0; r < ROUNDS; r++) {
        double operations = 0.0;
        const double before = now();
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : operations, sum)
        for (int t = 0; t < threads; t++)
            operations += chains(1.0f - 1e-6f * (float)argc, &sum);
        const double speed = 1e-9 * operations / (now() - before);
        fastest = speed > fastest ? speed : fastest;
    }
    printf("%.1f\n", fastest);
    return sum == 0.125f; /* never */
}
