/* mask2d: the mask of whole numbers, bit for bit, on every backend; the generator's published
 * numbers; what share is 0, and how much two masks have in common; in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"
#include "mix64.h"

typedef struct mask_case {
    adi_pc d;
    uint64_t key;
    double rate;
    int in_place;
    float *x; /* guarded */
    char name[100];
} mask_case;

static mask_case mask_case_new(adi_pc d, uint64_t key, double rate)
{
    mask_case c = {.d = d, .key = key, .rate = rate};
    snprintf(c.name, sizeof c.name, "%lldx%lld, key %llx, rate %.17g", (long long)d.p,
             (long long)d.c, (unsigned long long)key, rate);
    static const float list[] = {-0.0f, NAN, INFINITY, -INFINITY, 1e-45f};
    c.x = op_floats(d.p * d.c, 1.0);
    for (int64_t i = 0; i < d.p * d.c; i += 3)
        c.x[i] = list[op_int(0, sizeof list / sizeof *list - 1)];
    return c;
}

static float *run(const void *of, const adi_backend *be, int32_t threads)
{
    const mask_case *c = of;
    const adi_exec ex = {threads, NULL, NULL};
    float *x = op_copy(c->x, c->d.p * c->d.c),
          *y = c->in_place ? x : guarded_floats(c->d.p * c->d.c);
    assert_int_equal(be->kernels->mask2d(&ex, y, x, c->key, c->rate, c->d), AD_OK);
    if (!c->in_place)
        guarded_free(x, c->name);
    return y;
}

/* Whether position p is 0: the 24 upper bits of the p-th number that follow from the key,
 * op_bits()' step of the same generator, below rate in units of 2^-24. */
static int masked(const mask_case *c, int64_t p)
{
    const uint64_t kept = op_state;
    op_state = c->key + (uint64_t)p;
    const uint64_t bits = op_bits() / 0x10000000000u;
    op_state = kept;
    return bits < (uint64_t)ceil(c->rate * 0x1p24);
}

static void check(adi_pc d, uint64_t key, double rate)
{
    mask_case c = mask_case_new(d, key, rate);
    const size_t bytes = (size_t)(d.p * d.c) * sizeof(float);
    float *want = op_copy(c.x, d.p * d.c);
    for (int64_t i = 0; i < d.p * d.c; i++)
        if (masked(&c, i / d.c))
            want[i] = 0.0f;
    for (c.in_place = 0; c.in_place < 2; c.in_place++) {
        float *ref = run(&c, &adi_backend_ref, 1);
        op_same_bits(c.name, ref, want, bytes);
        guarded_free(ref, c.name);
        for (size_t t = 0; t < sizeof gradient_threads / sizeof *gradient_threads; t++) {
            float *cpu = run(&c, &adi_backend_cpu, gradient_threads[t]);
            op_same_bits(c.name, cpu, want, bytes);
            guarded_free(cpu, c.name);
        }
    }
    guarded_free(want, c.name);
    guarded_free(c.x, c.name);
}

static void masks(void **state)
{
    (void)state;
    static const double rates[] = {0.0, 0x1p-24, 0.2, 0.5, 1.0 / 3.0, 0.999, 1.0 - 0x1p-24};
    static const adi_pc sizes[] = {{0, 5},   {1, 1},   {1, 67},   {2, 3},
                                   {49, 17}, {64, 64}, {1000, 1}, {333, 33}};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check(sizes[i], op_bits(), rates[r]);
            check(sizes[i], UINT64_MAX - 20, rates[r]); /* runs over */
        }
    for (int64_t c = 1; c < 40; c++)
        check((adi_pc){op_int(1, 99), c}, op_bits(), 0.5 + 0.5 * op_signed());
}

/* SplitMix64 from 1234567: 6457827717110365317, 3203168211198807973, 9817491932198370423,
 * 4593380528125082431, 16408922859458223821; of which 24 bits count, so that any rate above them is
 * above the number. */
static void published_numbers(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {6457827717110365317u, 3203168211198807973u,
                                       9817491932198370423u, 4593380528125082431u,
                                       16408922859458223821u};
    for (int i = 0; i < 5; i++) {
        const uint64_t key = 1234567u + (uint64_t)i * 0x9E3779B97F4A7C15u;
        const double number = (double)(numbers[i] >> 40) * 0x1p-24;
        const adi_exec ex = {1, NULL, NULL};
        const float x = 1.0f;
        assert_true(adi_mix64(key) == numbers[i]);
        for (int b = 0; b < 2; b++)
            for (int above = 0; above < 2; above++) {
                float y;
                assert_int_equal((b ? &adi_backend_cpu : &adi_backend_ref)
                                     ->kernels->mask2d(&ex, &y, &x, key, number + above * 0x1p-50,
                                                       (adi_pc){1, 1}),
                                 AD_OK);
                assert_true(y == (above ? 0.0f : 1.0f));
            }
    }
}

/* Within five standard errors: the share of zeros is the rate; the masks of two keys, also of keys
 * that differ by one as adi_mix64() makes them of draws, have in common what chance gives them, and
 * so have a mask and itself one further. */
static void shares(void **state)
{
    (void)state;
    enum { P = 100000 };
    static const double rates[] = {0.05, 0.2, 0.65};
    float *ones = guarded_floats(P), *a = guarded_floats(P), *b = guarded_floats(P);
    for (int64_t i = 0; i < P; i++)
        ones[i] = 1.0f;
    for (int i = 0; i < 30; i++) {
        const double rate = rates[i % 3], both = rate * rate;
        const uint64_t key = adi_mix64((uint64_t)i);
        const uint64_t next = i % 2 ? op_bits() : adi_mix64((uint64_t)i + 1);
        const adi_exec ex = {2, NULL, NULL};
        const adi_pc d = {P, 1};
        assert_int_equal(adi_backend_cpu.kernels->mask2d(&ex, a, ones, key, rate, d), AD_OK);
        assert_int_equal(adi_backend_cpu.kernels->mask2d(&ex, b, ones, next, rate, d), AD_OK);
        double zeros = 0.0, common = 0.0, neighbours = 0.0;
        for (int64_t p = 0; p < P; p++) {
            zeros += a[p] == 0.0f;
            common += a[p] == 0.0f && b[p] == 0.0f;
            neighbours += a[p] == 0.0f && a[(p + 1) % P] == 0.0f;
        }
        assert_true(fabs(zeros / P - rate) <= 5.0 * sqrt(rate * (1.0 - rate) / P));
        assert_true(fabs(common / P - both) <= 5.0 * sqrt(both * (1.0 - both) / P));
        /* pairs share positions: covariances of rate^3 - rate^4 on either side */
        assert_true(fabs(neighbours / P - both) <=
                    5.0 * sqrt(both * (1.0 - both + 2.0 * rate * (1.0 - rate)) / P));
    }
    float *const all[] = {ones, a, b};
    for (int i = 0; i < 3; i++)
        guarded_free(all[i], "shares");
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks),
        cmocka_unit_test(published_numbers),
        cmocka_unit_test(shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
