/* What must not change a network's results: folded batch norm, the storage type, prefixes, threads, which taps
 * are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/seeded_network.h"

static const adi_allocator *const heap = &adi_default_allocator;

typedef struct fixture {
    const char *text;
    adi_network *net;
    int32_t taps[16], tap_count;
    float *input;
    int64_t h, w;
} fixture;

static fixture fixture_from(const char *arch, st_memory *weights, int64_t h, int64_t w)
{
    fixture f = {.text = adi_builtin_graph_text(arch), .input = seeded_image(h, w), .h = h, .w = w};
    assert_non_null(f.text);
    f.net = network_from(heap, f.text, weights);
    f.tap_count = stage_taps(f.net->graph, f.taps);
    return f;
}

static st_memory weights_of(const char *arch, double last_of_branch)
{
    adi_graph *g = graph_of(heap, adi_builtin_graph_text(arch));
    st_memory m = seeded_weights(g, last_of_branch);
    adi_graph_destroy(g);
    return m;
}

static fixture fixture_new(const char *arch, int64_t h, int64_t w)
{
    st_memory m = weights_of(arch, 0.25);
    fixture f = fixture_from(arch, &m, h, w);
    st_memory_free(&m);
    return f;
}

static void fixture_free(fixture *f)
{
    adi_network_destroy(f->net);
    guarded_free(f->input, "input");
}

static plan_run run_all(const fixture *f, const adi_backend *be, int32_t threads)
{
    return run_network(f->net, be, threads, f->taps, f->tap_count, f->input, f->h, f->w);
}

/* ---- What must not matter ------------------------------------------------------------------- */

/* Relative to the tap's largest value; 0 asks for equal bits. */
static double compare_runs(const fixture *f, const plan_run *a, const plan_run *b, double allowed)
{
    double worst = 0.0;
    for (int32_t t = 0; t < f->tap_count; t++) {
        const float *x = run_tap(a, t), *y = run_tap(b, t);
        const int64_t n = run_tap_count(a, t);
        assert_int_equal(n, run_tap_count(b, t));
        if (allowed == 0.0) {
            assert_memory_equal(x, y, (size_t)n * sizeof *x);
            continue;
        }
        double most = 0.0, error = 0.0;
        for (int64_t i = 0; i < n; i++) {
            most = fmax(most, fabs(x[i]));
            error = fmax(error, fabs((double)x[i] - y[i]));
        }
        assert_true(error <= allowed * most);
        worst = fmax(worst, error / most);
    }
    return worst;
}

static const char *const names[] = {"resnet18", "efficientnet_lite0", "efficientnet_b0"};
enum { SOME = sizeof names / sizeof *names };

/* Batch norm folded into the file by the test: scale = weight / sqrt(var + eps), in double. */
static void fold_file(st_memory *m, const adi_graph *g)
{
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *bn = &g->nodes[i], *conv = &g->nodes[bn->input[0]];
        if (bn->op != &adi_op_batchnorm)
            continue;
        char name[160];
        const float *raw[4];
        for (int p = 0; p < 4; p++) {
            snprintf(name, sizeof name, "%s.%s", bn->name, bn->op->param[p].suffix);
            raw[p] = st_memory_find(m, name)->data;
        }
        snprintf(name, sizeof name, "%s.weight", conv->name);
        st_entry *w = st_memory_find(m, name);
        const int64_t k = w->shape[0], area = w->count / k;
        snprintf(name, sizeof name, "%s.bias", conv->name);
        float *weight = w->data, *bias = st_memory_add(m, name, ADI_F32, 1, &k);
        for (int64_t o = 0; o < k; o++) {
            const double scale = raw[0][o] / sqrt(raw[3][o] + bn->attrs.eps);
            for (int64_t j = 0; j < area; j++)
                weight[o * area + j] = (float)(weight[o * area + j] * scale);
            bias[o] = (float)(raw[1][o] - raw[2][o] * scale);
        }
        snprintf(name, sizeof name, "%s.", bn->name);
        st_memory_remove_all(m, name);
    }
}

static void folded_or_not(void **state)
{
    (void)state;
    for (int i = 0; i < SOME; i++) {
        st_memory m = weights_of(names[i], 0.25);
        fixture f = fixture_from(names[i], &m, 97, 131);
        fold_file(&m, f.net->graph);
        fixture folded = fixture_from(names[i], &m, 97, 131);
        plan_run a = run_all(&f, &adi_backend_cpu, 2), b = run_all(&folded, &adi_backend_cpu, 2);
        /* The same products rounded once: only a double rounding to the other side could differ. */
        printf("%s folded by the test: %.2g\n", names[i], compare_runs(&f, &a, &b, 1e-6));
        run_free(&a);
        run_free(&b);
        st_memory_free(&m);
        fixture_free(&f);
        fixture_free(&folded);
    }
}

/* Drop the bits that a 16-bit type has no room for; *half is the value in that type. F16 here is
 * only right for values between 2^-14 and 65504 and flushes smaller ones to zero. */
static float to_16_bits(float v, adi_dtype type, uint16_t *half)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (type == ADI_BF16) {
        *half = (uint16_t)(bits >> 16);
        bits &= 0xFFFF0000u;
    } else {
        const uint32_t exponent = bits >> 23 & 0xFF;
        assert_true(exponent <= 142);
        if (exponent < 113)
            bits &= 0x80000000u;
        bits &= ~0x1FFFu;
        *half = (uint16_t)(bits >> 16 & 0x8000);
        if (bits << 1)
            *half |= (uint16_t)((exponent - 112) << 10 | (bits >> 13 & 0x3FF));
    }
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* A file of 16-bit weights is the file of the same values in F32: same features, same identity. */
static void storage_type(void **state)
{
    (void)state;
    const adi_dtype types[] = {ADI_F16, ADI_BF16, ADI_F64};
    for (int k = 0; k < 3; k++) {
        st_memory m = weights_of("resnet18", 0.25), small = {0};
        for (int32_t i = 0; i < m.count; i++) {
            const st_entry *e = &m.entries[i];
            float *from = e->data;
            void *to = st_memory_add(&small, e->name, types[k], e->ndim, e->shape);
            for (int64_t j = 0; j < e->count; j++)
                if (types[k] == ADI_F64)
                    ((double *)to)[j] = from[j];
                else
                    from[j] = to_16_bits(from[j], types[k], &((uint16_t *)to)[j]);
        }
        fixture f = fixture_from("resnet18", &m, 97, 131);
        fixture g = fixture_from("resnet18", &small, 97, 131);
        plan_run a = run_all(&f, &adi_backend_cpu, 2), b = run_all(&g, &adi_backend_cpu, 2);
        compare_runs(&f, &a, &b, 0.0);
        char digest_a[17], digest_b[17];
        adi_network_digest(f.net, f.taps, f.tap_count, digest_a);
        adi_network_digest(g.net, g.taps, g.tap_count, digest_b);
        assert_string_equal(digest_a, digest_b);
        run_free(&a);
        run_free(&b);
        fixture_free(&f);
        fixture_free(&g);
        st_memory_free(&m);
        st_memory_free(&small);
    }
}

static void prefixed_names(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"module.", "model.", "backbone.", "encoder.",
                                           "feature_extractor."};
    fixture f = fixture_new("efficientnet_lite0", 33, 47);
    plan_run a = run_all(&f, &adi_backend_cpu, 2);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        st_memory m = weights_of("efficientnet_lite0", 0.25);
        st_memory_prefix(&m, prefixes[i]);
        fixture g = fixture_from("efficientnet_lite0", &m, 33, 47);
        plan_run b = run_all(&g, &adi_backend_cpu, 2);
        compare_runs(&f, &a, &b, 0.0);
        run_free(&b);
        fixture_free(&g);
        st_memory_free(&m);
    }
    run_free(&a);
    fixture_free(&f);
}

static void any_number_of_threads(void **state)
{
    (void)state;
    for (int i = 0; i < SOME; i++) {
        fixture f = fixture_new(names[i], 97, 131);
        plan_run one = run_all(&f, &adi_backend_cpu, 1);
        for (int32_t threads = 2; threads <= 5; threads += 3) {
            plan_run many = run_all(&f, &adi_backend_cpu, threads);
            compare_runs(&f, &one, &many, 0.0);
            run_free(&many);
        }
        run_free(&one);
        fixture_free(&f);
    }
}

#ifdef __SANITIZE_ADDRESS__
enum { SUBSET_STEP = 5 }; /* a run takes ten times as long */
#else
enum { SUBSET_STEP = 1 };
#endif

/* Memory planning and fusion: every subset of taps gives the bits that all of them together give.
 */
static void every_subset_of_taps(void **state)
{
    (void)state;
    for (int i = 0; i < SOME; i++) {
        fixture f = fixture_new(names[i], 97, 131);
        plan_run all = run_all(&f, &adi_backend_cpu, 2);
        size_t least = SIZE_MAX;
        const int32_t step = i < 2 ? SUBSET_STEP : 7; /* B0 takes longer */
        for (int32_t subset = 1; subset < 1 << f.tap_count; subset += step) {
            int32_t taps[16], place[16], count = 0;
            for (int32_t t = f.tap_count - 1; t >= 0;
                 t--) /* deep to shallow: the order asked for */
                if (subset >> t & 1) {
                    taps[count] = f.taps[t];
                    place[count++] = t;
                }
            plan_run some = run_network(f.net, &adi_backend_cpu, 1, taps, count, f.input, f.h, f.w);
            for (int32_t t = 0; t < count; t++) {
                const int64_t n = run_tap_count(&some, t);
                assert_int_equal(n, run_tap_count(&all, place[t]));
                assert_memory_equal(run_tap(&some, t), run_tap(&all, place[t]), (size_t)n * 4);
            }
            assert_true(some.plan->block_floats <= all.plan->block_floats);
            least = some.plan->block_floats < least ? some.plan->block_floats : least;
            run_free(&some);
        }
        printf("%s: %d subsets, block of %zu to %zu floats\n", names[i], (1 << f.tap_count) - 1,
               least, all.plan->block_floats);
        run_free(&all);
        fixture_free(&f);
    }
}

/* One plan run twice, and on a block with other leftovers, gives the same bits: nothing is read
 * that this run did not write. */
static void runs_again(void **state)
{
    (void)state;
    fixture f = fixture_new("efficientnet_lite0", 97, 131);
    plan_run a = run_all(&f, &adi_backend_cpu, 2), b = run_all(&f, &adi_backend_cpu, 2);
    memset(b.block, 0x55, b.plan->block_floats * sizeof *b.block);
    memset(b.scratch, 0x55, b.plan->scratch_bytes);
    memcpy(b.block + b.plan->input_offset[0], f.input, (size_t)(3 * f.h * f.w) * sizeof *f.input);
    assert_int_equal(adi_plan_run(b.plan, NULL, b.block, b.scratch), AD_OK);
    compare_runs(&f, &a, &b, 0.0);
    run_free(&a);
    run_free(&b);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_or_not),
        cmocka_unit_test(storage_type),
        cmocka_unit_test(prefixed_names),
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(every_subset_of_taps),
        cmocka_unit_test(runs_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
