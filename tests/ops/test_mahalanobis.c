/* mahalanobis: squared distances through a whitening matrix; ref against the formula, cpu against
 * ref. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/op_case.h"

/* In units of sum over r of (sum over c of |a (x - mean)|)^2. ref sums in double and rounds once;
 * cpu whitens in float: each of the r inner sums carries a few float roundings, doubled by the
 * square. */
static const double ref_limit = 1.2e-7, cpu_limit = 1e-6;

typedef struct md_case {
    adi_pc d;
    int64_t r;
    float *x, *mean, *at; /* guarded */
    double *a;            /* at transposed, which is what is packed */
    char name[60];
} md_case;

/* lower: the matrix is a lower triangle, and what it does not reach is zero. */
static md_case md_case_new(int64_t p, int64_t c, int64_t r, double offset, int lower)
{
    md_case m = {.d = {p, c}, .r = r};
    m.x = op_floats(p * c, 1.0);
    m.mean = op_floats(c, 1.0);
    m.at = op_floats(c * r, 2.0);
    m.a = guarded_doubles(c * r);
    for (int64_t j = 0; j < r; j++)
        for (int64_t i = 0; i < c; i++) {
            if (lower && i > j)
                m.at[i * r + j] = 0.0f;
            m.a[j * c + i] = m.at[i * r + j];
        }
    for (int64_t i = 0; i < p * c; i++)
        m.x[i] += (float)offset;
    for (int64_t i = 0; i < c; i++)
        m.mean[i] += (float)offset;
    snprintf(m.name, sizeof m.name, "p %lld c %lld r %lld offset %g%s", (long long)p, (long long)c,
             (long long)r, offset, lower ? " lower" : "");
    return m;
}

static void md_case_free(md_case *m)
{
    guarded_free(m->x, m->name);
    guarded_free(m->mean, m->name);
    guarded_free(m->at, m->name);
    guarded_free(m->a, m->name);
}

static float *md_case_run(const md_case *m, const adi_backend *be, int32_t threads)
{
    float *dist = guarded_floats(m->d.p);
    void *scratch = guarded_alloc(be->kernels->mahalanobis_scratch(m->d, m->r, threads));
    const adi_exec ex = {threads, scratch, NULL};
    void *packed = guarded_alloc(be->kernels->mahalanobis_packed_bytes(m->a, m->d.c, m->r));
    be->kernels->mahalanobis_pack(packed, m->a, m->d.c, m->r);
    assert_int_equal(be->kernels->mahalanobis_fwd(&ex, dist, m->x, m->mean, packed, m->d, m->r),
                     AD_OK);
    guarded_free(scratch, m->name);
    guarded_free(packed, m->name);
    return dist;
}

static void md_case_check(const md_case *m)
{
    const int64_t c = m->d.c;
    float *want = guarded_floats(m->d.p), *unit = guarded_floats(m->d.p);
    for (int64_t p = 0; p < m->d.p; p++) {
        double sum = 0.0, size = 0.0;
        for (int64_t j = 0; j < m->r; j++) {
            double z = 0.0, s = 0.0;
            for (int64_t i = 0; i < c; i++) {
                const double term = ((double)m->x[p * c + i] - m->mean[i]) * m->at[i * m->r + j];
                z += term;
                s += fabs(term);
            }
            sum += z * z;
            size += s * s;
        }
        want[p] = (float)sum;
        unit[p] = (float)size;
    }
    float *ref = md_case_run(m, &adi_backend_ref, 1), *first = NULL;
    op_close_ref(m->name, ref, want, unit, m->d.p, ref_limit);
    for (int t = 0; t < OP_THREADS; t++) {
        float *y = md_case_run(m, &adi_backend_cpu, op_threads[t]);
        op_close(m->name, y, ref, unit, m->d.p, cpu_limit);
        for (int64_t p = 0; p < m->d.p; p++)
            assert_true(isnan(y[p]) || y[p] >= 0.0f);
        if (first) {
            op_same_bits(m->name, y, first, (size_t)m->d.p * sizeof *y);
            guarded_free(y, m->name);
        } else {
            first = y;
        }
    }
    guarded_free(first, m->name);
    guarded_free(ref, m->name);
    guarded_free(want, m->name);
    guarded_free(unit, m->name);
}

static void shapes(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {
        {1, 1, 1},    {1, 2, 3},   {2, 3, 2},     {127, 7, 5},   {128, 8, 8},  {129, 17, 1},
        {1, 257, 64}, {300, 1, 1}, {785, 64, 64}, {384, 33, 67}, {1000, 3, 3}, {196, 67, 31},
        {65, 300, 300}, /* more than one part of the depth */
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        /* an offset is taken off before anything is rounded */
        for (int kind = 0; kind < 4; kind++) {
            md_case m =
                md_case_new(sizes[i][0], sizes[i][1], sizes[i][2], kind & 1 ? 1e4 : 0.0, kind & 2);
            md_case_check(&m);
            md_case_free(&m);
        }
    for (int i = 0; i < 100; i++) {
        md_case m = md_case_new(op_int(1, 400), op_int(1, 67), op_int(1, 67), 0.0, i % 2);
        md_case_check(&m);
        md_case_free(&m);
    }
    op_report("mahalanobis", cpu_limit);
}

static void at_the_mean(void **state)
{
    (void)state;
    md_case m = md_case_new(130, 19, 19, 0.0, 0);
    for (int64_t i = 0; i < 130 * 19; i++)
        m.x[i] = m.mean[i % 19];
    float *y = md_case_run(&m, &adi_backend_cpu, 2);
    for (int64_t p = 0; p < 130; p++)
        assert_true(y[p] == 0.0f);
    guarded_free(y, m.name);
    md_case_free(&m);
}

/* A NaN position is NaN, its neighbours in the tile are not. */
static void nan_survives(void **state)
{
    (void)state;
    md_case m = md_case_new(260, 21, 13, 0.0, 0);
    m.x[5 * 21 + 20] = NAN;
    m.x[200 * 21] = -NAN;
    m.x[259 * 21 + 3] = INFINITY;
    float *y = md_case_run(&m, &adi_backend_cpu, 3), *ref = md_case_run(&m, &adi_backend_ref, 1);
    for (int64_t p = 0; p < 260; p++) {
        assert_int_equal(!!isnan(y[p]), p == 5 || p == 200);
        assert_int_equal(!!isnan(ref[p]), p == 5 || p == 200);
        assert_int_equal(!!isinf(y[p]), p == 259);
    }
    guarded_free(y, m.name);
    guarded_free(ref, m.name);
    md_case_free(&m);
}

/* A triangle takes half of the memory, and every channel still has its say: also one that no row
 * weighs. */
static void triangles(void **state)
{
    (void)state;
    const adi_kernels *k = adi_backend_cpu.kernels;
    md_case whole = md_case_new(70, 300, 300, 0.0, 0), half = md_case_new(70, 300, 300, 0.0, 1);
    const size_t all = k->mahalanobis_packed_bytes(whole.a, 300, 300);
    assert_true(k->mahalanobis_packed_bytes(half.a, 300, 300) < all * 6 / 10);
    md_case_free(&whole);
    static const int64_t channels[] = {0, 31, 32, 63, 64, 298, 299};
    for (int64_t i = 0; i < 300; i++) { /* nobody weighs the last channel */
        half.a[i * 300 + 299] = 0.0;
        half.at[299 * 300 + i] = 0.0f;
    }
    for (int64_t p = 0; p < 7; p++)
        half.x[p * 300 + channels[p]] = NAN;
    float *y = md_case_run(&half, &adi_backend_cpu, 2),
          *ref = md_case_run(&half, &adi_backend_ref, 1);
    for (int64_t p = 0; p < 70; p++) {
        assert_int_equal(!!isnan(y[p]), p < 7);
        assert_int_equal(!!isnan(ref[p]), p < 7);
    }
    guarded_free(y, half.name);
    guarded_free(ref, half.name);
    md_case_free(&half);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(at_the_mean),
        cmocka_unit_test(nan_survives),
        cmocka_unit_test(triangles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
