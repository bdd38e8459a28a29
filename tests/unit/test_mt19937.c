/* core/mt19937.c against Python's random module:
 *   random.seed(S); words = [random.getrandbits(32) for _ in range(2000)] */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_of_python),
                                       cmocka_unit_test(numbers_below)};
    return cmocka_run_group_tests_name("mt19937", tests, NULL, NULL);
}
