/* core/mt19937.c against Python's random module:
 *   random.seed(S); words = [random.getrandbits(32) for _ in range(2000)]
 * and against NumPy's RandomState. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/mt19937.h"

typedef struct vector {
    uint64_t seed;
    uint32_t first[3], last; /* words[0:3], words[1999] */
} vector;

/* print(S, *words[:3], words[1999]) */
static const vector vectors[] = {
    {0u, {3626764237u, 1654615998u, 3255389356u}, 3908016617u},
    {1u, {577090037u, 2444712010u, 3639700191u}, 1058062369u},
    {99u, {1735072617u, 1635320116u, 859317502u}, 2706498745u},
    {1024u, {3423310448u, 82180047u, 2076611819u}, 2648325087u},
    {2147483648u, {1455117090u, 1620553392u, 2169224728u}, 3919396332u},
    {4294967295u, {2728839433u, 2661025012u, 872737089u}, 2640887251u},
    {4294967296ull, {485306839u, 1508871100u, 1794561286u}, 4134838374u},
    {9007199254753337ull, {2097896471u, 1650826520u, 2946338695u}, 1559503504u},
    {18446744073709551615ull, {93740670u, 1068495656u, 1452108352u}, 4117718281u},
};

static void words_of_python(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        adi_mt19937 mt;
        uint32_t word = 0;
        adi_mt19937_seed(&mt, vectors[i].seed);
        for (int k = 0; k < 2000; k++) {
            word = adi_mt19937_bits(&mt);
            if (k < 3)
                assert_int_equal(word, vectors[i].first[k]);
        }
        assert_int_equal(word, vectors[i].last);
    }
}

/* random.seed(99); [random.randrange(n) for n in (1, 2, 3, 7, 8, 9, 1000, 65536, 2**31) for _ in
 * range(4)] */
static void numbers_below(void **state)
{
    (void)state;
    static const uint32_t limits[] = {1, 2, 3, 7, 8, 9, 1000, 65536, 2147483648u};
    static const uint32_t want[] = {
        0,   0,     0,     0,     0,     0,          0,          0,         1,
        2,   1,     2,     5,     5,     4,          0,          7,         3,
        6,   3,     5,     6,     3,     2,          472,        676,       183,
        870, 44408, 10874, 11508, 61477, 1358836353, 1729251472, 183186681, 1157060813,
    };
    adi_mt19937 mt;
    adi_mt19937_seed(&mt, 99);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(adi_mt19937_below(&mt, limits[i / 4]), want[i]);
}

/* d = RandomState(S).random_sample(1000); print(S, d[0].hex(), d[1].hex(), d[999].hex()) */
static void doubles_of_numpy(void **state)
{
    (void)state;
    static const struct {
        uint32_t seed;
        double first[2], last;
    } want[] = {
        {0u, {0x1.18fe1565f12a8p-1, 0x1.6e2d4cf608733p-1}, 0x1.5ab23e79781c2p-1},
        {1u, {0x1.ab07d0ffa3c06p-2, 0x1.70ce5f3baf051p-1}, 0x1.8c8848c20f7e2p-1},
        {4294967295u, {0x1.8fe69a3924820p-4, 0x1.d323d824032b1p-1}, 0x1.1cfe321a42891p-1},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        adi_mt19937 mt;
        double d = 0.0;
        adi_mt19937_seed_numpy(&mt, want[i].seed);
        for (int k = 0; k < 1000; k++) {
            d = adi_mt19937_double(&mt);
            if (k < 2)
                assert_true(d == want[i].first[k]);
        }
        assert_true(d == want[i].last);
    }
}

/* p = RandomState(S).permutation(N); print(N, S, p[:4], sum((i + 1) * p[i])) */
static void permutations_of_numpy(void **state)
{
    (void)state;
    static const struct {
        int32_t n;
        uint32_t seed;
        int32_t first[4];
        int64_t sum;
    } want[] = {
        {1, 0u, {0, 0, 0, 0}, 0},
        {2, 0u, {1, 0, 0, 0}, 1},
        {10, 0u, {2, 8, 4, 9}, 230},
        {304, 0u, {66, 156, 247, 267}, 7068158},
        {304, 1u, {222, 159, 220, 175}, 6967408},
        {304, 2u, {99, 296, 89, 30}, 6966601},
        {304, 3u, {246, 162, 10, 161}, 7094621},
        {64, 0u, {45, 29, 43, 61}, 63498},
        {368, 0u, {106, 260, 45, 26}, 12611747},
        {4096, 4294967295u, {998, 2320, 2269, 1694}, 17148311468},
        {4097, 5u, {2484, 2425, 3880, 2629}, 17154453494},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        adi_mt19937 mt;
        int32_t p[4097];
        int64_t sum = 0;
        adi_mt19937_seed_numpy(&mt, want[i].seed);
        adi_mt19937_permutation(&mt, want[i].n, p);
        for (int32_t k = 0; k < want[i].n; k++)
            sum += (k + 1) * (int64_t)p[k];
        for (int32_t k = 0; k < 4 && k < want[i].n; k++)
            assert_int_equal(p[k], want[i].first[k]);
        assert_int_equal(sum, want[i].sum);
    }
    /* algorithms/backbones.md, 1.8: the whole of the shortest */
    static const int32_t ten[] = {2, 8, 4, 9, 1, 6, 7, 3, 0, 5};
    adi_mt19937 mt;
    int32_t p[10];
    adi_mt19937_seed_numpy(&mt, 0);
    adi_mt19937_permutation(&mt, 10, p);
    assert_memory_equal(p, ten, sizeof ten);
    adi_mt19937_permutation(&mt, 0, p); /* nothing is written */
    assert_memory_equal(p, ten, sizeof ten);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_python), cmocka_unit_test(numbers_below),
        cmocka_unit_test(doubles_of_numpy), cmocka_unit_test(permutations_of_numpy)};
    return cmocka_run_group_tests_name("mt19937", tests, NULL, NULL);
}
