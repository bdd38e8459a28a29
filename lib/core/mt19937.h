/* The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded as Python's random.seed()
 * or numpy.random.seed() does: for random choices that must equal those of published code. */
#ifndef ADI_CORE_MT19937_H
#define ADI_CORE_MT19937_H

#include <stdint.h>

enum { ADI_MT19937_WORDS = 624 };

typedef struct adi_mt19937 {
    uint32_t state[ADI_MT19937_WORDS];
    int32_t next; /* index of the next word; ADI_MT19937_WORDS: none is left */
} adi_mt19937;

/* random.seed(seed): init_by_array of the seed's 32-bit words, the lowest first. */
void adi_mt19937_seed(adi_mt19937 *mt, uint64_t seed);
/* numpy.random.seed(seed), RandomState(seed): the generator's own rule, init_genrand of the
 * authors' code. */
void adi_mt19937_seed_numpy(adi_mt19937 *mt, uint32_t seed);
/* 32 random bits: genrand_uint32 of the authors' code, getrandbits(32) of Python. */
uint32_t adi_mt19937_bits(adi_mt19937 *mt);
/* Uniform in 0 .. n - 1, n from 1 to 2^31: Python's randrange(n), which draws as many bits as n has
 * and repeats while the result is n or more. */
uint32_t adi_mt19937_below(adi_mt19937 *mt, uint32_t n);
/* Uniform in [0, 1) with 53 bits of two words: genrand_res53 of the authors' code, random() of
 * Python, random_sample() of NumPy. */
double adi_mt19937_double(adi_mt19937 *mt);
/* Uniform in 0 .. last: the low bits of a word, drawn again while the result is larger. */
uint32_t adi_mt19937_up_to(adi_mt19937 *mt, uint32_t last);
/* 0 .. n - 1 in random order: permutation(n) of NumPy's RandomState, which swaps each place from
 * the last with one at or before it, drawn by adi_mt19937_up_to(). */
void adi_mt19937_permutation(adi_mt19937 *mt, int32_t n, int32_t *out);

#endif
