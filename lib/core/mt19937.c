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
