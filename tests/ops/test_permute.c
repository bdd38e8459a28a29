/* permute: every channel's bits where the index says, there and back; nothing else read or
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/gradient.h"

/* 0 .. c - 1 in a random order. */
static float *random_order(int64_t c)
{
    float *index = guarded_floats(c);
    for (int64_t i = 0; i < c; i++) {
        const int64_t j = op_int(0, i);
        index[i] = index[j];
        index[j] = (float)i;
    }
    return index;
}

static float *run(const adi_backend *be, int32_t threads, const float *x, const float *index,
                  int32_t inverse, adi_pc d)
{
    const adi_exec ex = {threads, NULL, NULL};
    float *y = guarded_floats(d.p * d.c);
    assert_int_equal(be->kernels->permute_fwd(&ex, y, x, index, inverse, d), AD_OK);
    return y;
}

static void check(adi_pc d, float *index)
{
    char name[80];
    snprintf(name, sizeof name, "%lldx%lld", (long long)d.p, (long long)d.c);
    const size_t bytes = (size_t)(d.p * d.c) * sizeof(float);
    float *x = op_floats(d.p * d.c, 1e30),
          *want[2] = {guarded_floats(d.p * d.c), guarded_floats(d.p * d.c)};
    for (int64_t i = 0; i < d.p * d.c; i += op_int(1, 20))
        x[i] = op_int(0, 1) ? NAN : -0.0f;
    for (int64_t i = 0; i < d.p * d.c; i++) {
        const int64_t row = i / d.c * d.c, other = row + lrintf(index[i - row]);
        memcpy(&want[0][i], &x[other], sizeof *x);
        memcpy(&want[1][other], &x[i], sizeof *x);
    }
    /* ref after the last */
    for (size_t t = 0; t <= sizeof gradient_threads / sizeof *gradient_threads; t++)
        for (int32_t inverse = 0; inverse < 2; inverse++) {
            const int is_ref = t == sizeof gradient_threads / sizeof *gradient_threads;
            const adi_backend *be = is_ref ? &adi_backend_ref : &adi_backend_cpu;
            const int32_t threads = is_ref ? 1 : gradient_threads[t];
            float *y = run(be, threads, x, index, inverse, d),
                  *back = run(be, threads, y, index, !inverse, d);
            op_same_bits(name, y, want[inverse], bytes);
            op_same_bits(name, back, x, bytes);
            guarded_free(y, name);
            guarded_free(back, name);
        }
    float *const all[] = {x, want[0], want[1], index};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i], name);
}

/* The last has as many channels as a network may have. */
static void sizes(void **state)
{
    (void)state;
    static const int64_t positions[] = {0, 1, 2, 5, 49};
    for (int i = 0; i < 5; i++)
        for (int64_t c = 1; c <= 40; c++)
            check((adi_pc){positions[i], c}, random_order(c));
    check((adi_pc){577, 304}, random_order(304));
    check((adi_pc){2, 65536}, random_order(65536));
}

/* A rotation, which is not its own inverse, and the order as it is. */
static void rotations(void **state)
{
    (void)state;
    for (int64_t c = 1; c <= 40; c++)
        for (int64_t by = 0; by < 3; by++) {
            float *index = guarded_floats(c);
            for (int64_t i = 0; i < c; i++)
                index[i] = (float)((i + by) % c);
            check((adi_pc){3, c}, index);
        }
    for (int b = 0; b < 2; b++) {
        const float x[] = {10, 11, 12, 20, 21, 22}, index[] = {1, 2, 0};
        const float there[] = {11, 12, 10, 21, 22, 20}, back[] = {12, 10, 11, 22, 20, 21};
        for (int32_t inverse = 0; inverse < 2; inverse++) {
            float *y =
                run(b ? &adi_backend_cpu : &adi_backend_ref, 2, x, index, inverse, (adi_pc){2, 3});
            op_same_bits("by one", y, inverse ? back : there, sizeof x);
            guarded_free(y, "by one");
        }
    }
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(rotations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
