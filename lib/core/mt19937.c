/* MT19937 by its recurrence: x[k + 624] = x[k + 397] ^ twist(upper bit of x[k], lower bits of x[k +
 * 1]). */
#include "core/mt19937.h"

enum { N = ADI_MT19937_WORDS, M = 397 };

/* The generator's own way to fill its state from one word. */
static void fill(adi_mt19937 *mt, uint32_t word)
{
    for (int32_t i = 0; i < N; i++) {
        mt->state[i] = word;
        word = 1812433253u * (word ^ word >> 30) + (uint32_t)i + 1;
    }
    mt->next = N;
}

void adi_mt19937_seed(adi_mt19937 *mt, uint64_t seed)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const int32_t length = key[1] ? 2 : 1;
    uint32_t *const x = mt->state;
    fill(mt, 19650218u);
    int32_t i = 1;
    for (int32_t k = 0; k < N; k++) { /* the key is shorter than the state */
        x[i] = (x[i] ^ (x[i - 1] ^ x[i - 1] >> 30) * 1664525u) + key[k % length] +
               (uint32_t)(k % length);
        if (++i == N) {
            x[0] = x[N - 1];
            i = 1;
        }
    }
    for (int32_t k = 0; k < N - 1; k++) {
        x[i] = (x[i] ^ (x[i - 1] ^ x[i - 1] >> 30) * 1566083941u) - (uint32_t)i;
        if (++i == N) {
            x[0] = x[N - 1];
            i = 1;
        }
    }
    x[0] = 0x80000000u; /* never all zero */
}

void adi_mt19937_seed_numpy(adi_mt19937 *mt, uint32_t seed)
{
    fill(mt, seed);
}

static void refill(adi_mt19937 *mt)
{
    uint32_t *const x = mt->state;
    for (int32_t k = 0; k < N; k++) {
        const uint32_t joined = (x[k] & 0x80000000u) | (x[(k + 1) % N] & 0x7fffffffu);
        x[k] = x[(k + M) % N] ^ joined >> 1 ^ (joined & 1 ? 0x9908b0dfu : 0);
    }
    mt->next = 0;
}

uint32_t adi_mt19937_bits(adi_mt19937 *mt)
{
    if (mt->next == N)
        refill(mt);
    uint32_t y = mt->state[mt->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

double adi_mt19937_double(adi_mt19937 *mt)
{
    const uint32_t high = adi_mt19937_bits(mt) >> 5, low = adi_mt19937_bits(mt) >> 6;
    return (high * 0x1p26 + low) * 0x1p-53;
}

uint32_t adi_mt19937_below(adi_mt19937 *mt, uint32_t n)
{
    int32_t unused = 32; /* bits */
    for (uint32_t rest = n; rest; rest >>= 1)
        unused--;
    uint32_t r;
    do
        r = adi_mt19937_bits(mt) >> unused;
    while (r >= n);
    return r;
}

uint32_t adi_mt19937_up_to(adi_mt19937 *mt, uint32_t last)
{
    uint32_t mask = last, drawn; /* as few ones as hold last */
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    do
        drawn = adi_mt19937_bits(mt) & mask;
    while (drawn > last);
    return drawn;
}

void adi_mt19937_permutation(adi_mt19937 *mt, int32_t n, int32_t *out)
{
    for (int32_t i = 0; i < n; i++)
        out[i] = i;
    for (int32_t i = n - 1; i > 0; i--) {
        const uint32_t j = adi_mt19937_up_to(mt, (uint32_t)i);
        const int32_t moved = out[i];
        out[i] = out[j];
        out[j] = moved;
    }
}
