/* nn/init.c: first values against NumPy, moments and bounds, which rule each parameter follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "harness/guarded.h"
#include "nn/init.h"

static adi_mt19937 seeded(uint32_t seed)
{
    adi_mt19937 mt;
    adi_mt19937_seed_numpy(&mt, seed);
    return mt;
}

/* u = RandomState(7).random_sample(6); r = 0.25 * sqrt(-2 * log(1 - u[0::2]))
 * z = stack([r * cos(2 * pi * u[1::2]), r * sin(2 * pi * u[1::2])], 1).ravel().astype(float32) */
static void normal_numbers(void **state)
{
    (void)state;
    static const float want[6] = {0.0186150894f, -0.097854957f, -0.0445674993f,
                                  -0.264832914f, -0.67056787f, -0.165433586f};
    float got[7] = {0};
    adi_mt19937 mt = seeded(7);
    adi_init_normal(&mt, 0.25, got, 6);
    for (int i = 0; i < 6; i++) /* the last bits of cos, sin and log are the C library's */
        assert_true(fabsf(got[i] - want[i]) <= 1.2e-7f * fabsf(want[i]));
    got[5] = 99.0f;
    mt = seeded(7);
    adi_init_normal(&mt, 0.25, got, 5);
    assert_true(got[5] == 99.0f && fabsf(got[4] - want[4]) <= 1.2e-7f * fabsf(want[4]));
    const adi_mt19937 odd = mt; /* of an odd count the generator stands where an even one leaves it */
    mt = seeded(7);
    adi_init_normal(&mt, 0.25, got, 6);
    assert_memory_equal(&mt, &odd, sizeof mt);
}

/* u = RandomState(7).random_sample(5); (0.5 * (2 * u - 1)).astype(float32) */
static void uniform_numbers(void **state)
{
    (void)state;
    static const float want[5] = {-0.42369172f, 0.27991879f, -0.0615907684f, 0.223465174f, 0.477989525f};
    float got[5];
    adi_mt19937 mt = seeded(7);
    adi_init_uniform(&mt, 0.5, got, 5);
    assert_memory_equal(got, want, sizeof got);
}

typedef struct moments {
    double mean, variance, fourth, least, most; /* fourth: over the variance squared */
} moments;

static moments moments_of(const float *x, int64_t n)
{
    moments m = {.least = INFINITY, .most = -INFINITY};
    for (int64_t i = 0; i < n; i++) {
        m.mean += x[i] / (double)n;
        m.least = fmin(m.least, x[i]);
        m.most = fmax(m.most, x[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        const double d = x[i] - m.mean;
        m.variance += d * d / (double)n;
        m.fourth += d * d * d * d / (double)n;
    }
    m.fourth /= m.variance * m.variance;
    return m;
}

/* Within five standard errors of the values that the distributions have. */
static void check_normal(const float *x, int64_t n, double std)
{
    const moments m = moments_of(x, n);
    assert_true(fabs(m.mean) <= 5.0 * std / sqrt((double)n));
    assert_true(fabs(m.variance / (std * std) - 1.0) <= 5.0 * sqrt(2.0 / (double)n));
    assert_true(fabs(m.fourth - 3.0) <= 5.0 * sqrt(24.0 / (double)n));
}

static void check_uniform(const float *x, int64_t n, double bound)
{
    const moments m = moments_of(x, n);
    assert_true(m.least >= -bound && m.most <= bound);
    assert_true(m.least < -bound * (1.0 - 20.0 / (double)n) && m.most > bound * (1.0 - 20.0 / (double)n));
    assert_true(fabs(m.mean) <= 5.0 * bound / sqrt(3.0 * (double)n));
    assert_true(fabs(m.variance * 3.0 / (bound * bound) - 1.0) <= 5.0 * sqrt(0.8 / (double)n));
}

static const char text[] = "network n\ninput f : channels=40\n"
                           "conv2d c <- f : out=96 kernel=3 stride=2 pad=1\n"
                           "batchnorm b <- c\n"
                           "deconv2d u <- b : out=80 kernel=2 stride=2 bias=1\n"
                           "conv2d head <- u : out=300 kernel=1 bias=1\n"
                           "deconv2d bare <- head : out=60 kernel=2 stride=2\n"
                           "sru s <- bare : groups=4\n"
                           "sru_soft ss <- s : groups=3\n"
                           "conv2d out1 <- ss : out=300 kernel=3 init=1 bias=1\n"
                           "conv2d bare1 <- ss : out=80 kernel=3 init=1\n"
                           "conv2d in2 <- ss : out=80 kernel=3 init=2\n"
                           "conv2d in2b <- ss : out=300 kernel=1 init=2 bias=1\n"
                           "gconv2d g <- ss : out=120 kernel=3 groups=4\n"
                           "gconv2d gb <- ss : out=300 kernel=3 groups=4 bias=1\n"
                           "gconv2d g1 <- ss : out=300 kernel=3 groups=4 init=1 bias=1\n"
                           "gconv2d g2 <- ss : out=120 kernel=3 groups=4 init=2\n"
                           "tap out <- g2\n";

/* Every parameter that the graph asks for, in its order, at the end of a block of its size. */
static void each_parameter(void **state)
{
    (void)state;
    const struct {
        const char *node;
        int32_t index;
        int64_t count;
        double normal, uniform, constant; /* the one that it follows; the others are 0, or -1 for constant */
    } cases[] = {
        {"c", 0, 96 * 40 * 9, sqrt(2.0 / (9 * 96)), 0.0, -1.0}, /* fan-out */
        {"b", 0, 96, 0.0, 0.0, 1.0},
        {"b", 1, 96, 0.0, 0.0, 0.0},
        {"b", 2, 96, 0.0, 0.0, 0.0},
        {"b", 3, 96, 0.0, 0.0, 1.0},
        {"u", 0, 96 * 80 * 4, 0.0, 1.0 / sqrt(4 * 80), -1.0},
        {"u", 1, 80, 0.0, 1.0 / sqrt(4 * 80), -1.0},
        {"head", 0, 300 * 80, 0.0, 1.0 / sqrt(80), -1.0}, /* fan-in */
        {"head", 1, 300, 0.0, 1.0 / sqrt(80), -1.0},
        {"bare", 0, 300 * 60 * 4, 0.0, 1.0 / sqrt(4 * 60), -1.0},
        {"s", 0, 60, 0.0, 0.0, 1.0}, /* a normalisation's weight and bias */
        {"s", 1, 60, 0.0, 0.0, 0.0},
        {"ss", 0, 60, 0.0, 0.0, 1.0},
        {"ss", 1, 60, 0.0, 0.0, 0.0},
        {"out1", 0, 300 * 60 * 9, sqrt(2.0 / (9 * 300)), 0.0, -1.0}, /* fan-out, but not of the bias */
        {"out1", 1, 300, 0.0, 1.0 / sqrt(9 * 60), -1.0},
        {"bare1", 0, 80 * 60 * 9, sqrt(2.0 / (9 * 80)), 0.0, -1.0},
        {"in2", 0, 80 * 60 * 9, 0.0, 1.0 / sqrt(9 * 60), -1.0}, /* fan-in, without a bias, too */
        {"in2b", 0, 300 * 60, 0.0, 1.0 / sqrt(60), -1.0},
        {"in2b", 1, 300, 0.0, 1.0 / sqrt(60), -1.0},
        {"g", 0, 120 * 15 * 9, sqrt(2.0 / (9 * 120)), 0.0, -1.0}, /* PyTorch's fan-out knows no groups */
        {"gb", 0, 300 * 15 * 9, 0.0, 1.0 / sqrt(9 * 15), -1.0},   /* its fan-in does */
        {"gb", 1, 300, 0.0, 1.0 / sqrt(9 * 15), -1.0},
        {"g1", 0, 300 * 15 * 9, sqrt(2.0 / (9 * 300)), 0.0, -1.0},
        {"g1", 1, 300, 0.0, 1.0 / sqrt(9 * 15), -1.0},
        {"g2", 0, 120 * 15 * 9, 0.0, 1.0 / sqrt(9 * 15), -1.0},
    };
    adi_graph *g = NULL;
    assert_int_equal(adi_graph_read(&adi_default_allocator, text, strlen(text), &g), AD_OK);
    adi_mt19937 mt = seeded(3), other = seeded(4);
    adi_mt19937 again = mt;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const adi_node *node = &g->nodes[adi_graph_find_node(g, cases[i].node)];
        float *x = guarded_floats(cases[i].count), *y = guarded_floats(cases[i].count);
        const adi_mt19937 before = mt;
        adi_init_param(&mt, node, cases[i].index, x);
        if (cases[i].normal > 0.0)
            check_normal(x, cases[i].count, cases[i].normal);
        if (cases[i].uniform > 0.0)
            check_uniform(x, cases[i].count, cases[i].uniform);
        for (int64_t k = 0; cases[i].constant >= 0.0 && k < cases[i].count; k++)
            assert_true(x[k] == cases[i].constant);
        assert_int_equal(memcmp(&before, &mt, sizeof mt) == 0, cases[i].constant >= 0.0);
        adi_init_param(&again, node, cases[i].index, y);
        assert_memory_equal(x, y, (size_t)cases[i].count * sizeof *x);
        adi_init_param(&other, node, cases[i].index, y);
        assert_int_equal(memcmp(x, y, (size_t)cases[i].count * sizeof *x) == 0, cases[i].constant >= 0.0);
        guarded_free(x, cases[i].node);
        guarded_free(y, cases[i].node);
    }
    adi_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_numbers),
        cmocka_unit_test(uniform_numbers),
        cmocka_unit_test(each_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
