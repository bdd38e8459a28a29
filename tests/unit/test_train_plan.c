/* nn/train_plan.c, nn/train_run.c: the gradient of a random linear functional of the taps, by every parameter
 * and by the input, against slopes that a second implementation carries along; that nothing is overwritten
 * while somebody still reads it; that a batch may be smaller than the plan's; that memory is what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train_plan_case.h"
#include "harness/host_device.h"

/* ---- The gradient ---- */

typedef struct gradient_case {
    const adi_backend *backend;
    int32_t threads;
    int64_t most, n; /* images of the plan, of the batch */
} gradient_case;

static double worst_slope, worst_value;

static double slope_of(const dual_network *d, const trained *t, float *const *v)
{
    double sum = 0.0;
    for (int32_t k = 0; k < d->module->tap_count; k++)
        for (int64_t i = 0; i < tap_count(t, k); i++)
            sum += v[k][i] * d->maps[d->module->graph->taps[d->module->taps[k]].node].x[i].d;
    return sum;
}

static void close_to(const char *what, double got, double want, double unit, double limit, double *worst,
                     const char *text)
{
    const double error = fabs(got - want) / unit;
    if (!(error <= limit) && got != want)
        fail_msg("%s is %.9g, should be %.9g: %.3g of its unit, limit %.3g\n%s", what, got, want, error, limit,
                 text);
    if (error > *worst && got != want)
        *worst = error;
}

static void compare_taps(const dual_network *d, const trained *t, const char *text)
{
    for (int32_t k = 0; k < d->module->tap_count; k++) {
        const dual_map *want = &d->maps[d->module->graph->taps[d->module->taps[k]].node];
        const float *got = adi_train_tap(t->plan, &t->run, k);
        double largest = 1e-3;
        for (int64_t i = 0; i < tap_count(t, k); i++)
            largest = fmax(largest, fabs(want->x[i].v));
        assert_int_equal(tap_count(t, k), dual_count(&want->s));
        for (int64_t i = 0; i < tap_count(t, k); i++)
            close_to("a tap's value", got[i], want->x[i].v, largest, 1e-4, &worst_value, text);
    }
}

/* The share of every parameter tensor, and of the input, in the slope along a random direction of its own. */
static void compare_gradients(dual_network *d, const trained *t, float *const *v, const char *text)
{
    const adi_module *m = d->module;
    const int64_t inputs = t->run.n * t->plan->input[0].h * t->plan->input[0].w * t->plan->input[0].c;
    double *along = calloc(m->total + (size_t)inputs, sizeof *along), *along_input = along + m->total;
    double *got = calloc((size_t)m->param_count + 1, sizeof *got),
           *want = calloc((size_t)m->param_count + 1, sizeof *want);
    double *unit = calloc((size_t)m->param_count + 1, sizeof *unit), largest = 1e-6;
    float *file = calloc(m->total + 1, sizeof *file);
    const adi_shape in = {t->run.n, t->plan->input[0].h, t->plan->input[0].w, t->plan->input[0].c};
    assert_true(along && got && want && unit && file);
    d->directions = along;
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        if (p->offset >= m->trainable)
            continue;
        adi_module_to_file(m, p, t->run.gradients + p->offset, file + p->offset);
        for (size_t k = p->offset; k < p->offset + p->count; k++) {
            along[k] = op_signed();
            got[i] += file[k] * along[k];
            unit[i] += fabs(file[k] * along[k]);
        }
        dual_run(d, &in, t->run.input[0], NULL);
        want[i] = slope_of(d, t, v);
        memset(along + p->offset, 0, p->count * sizeof *along);
        largest = fmax(largest, unit[i]);
    }
    const int32_t last = m->param_count;
    for (int64_t k = 0; k < inputs && t->plan->input_grad >= 0; k++) {
        const double g = adi_train_input_grad(t->plan, &t->run)[k];
        along_input[k] = op_signed();
        got[last] += g * along_input[k];
        unit[last] += fabs(g * along_input[k]);
    }
    dual_run(d, &in, t->run.input[0], along_input);
    want[last] = slope_of(d, t, v);
    for (int32_t i = 0; i <= last;
         i++) /* a bias in front of a batch norm has a slope of 0 and its share of rounding */
        close_to(i == last ? "the slope along the input" : m->graph->nodes[m->params[i].node].name, got[i],
                 want[i], fmax(unit[i], 0.01 * largest), 2e-4, &worst_slope, text);
    d->directions = NULL;
    free(along);
    free(got);
    free(want);
    free(unit);
    free(file);
}

/* The running statistics, which move a tenth of the way. */
static void compare_statistics(const dual_network *d, const float *before, const char *text)
{
    const adi_module *m = d->module;
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        for (size_t k = 0; k < p->count; k++) {
            const float old = before[p->offset + k], now = m->values[p->offset + k];
            if (p->offset < m->trainable) {
                assert_true(p->ndim == 4 || old == now);
                continue;
            }
            const size_t mean = adi_module_find(m, p->node, 2)->offset + k;
            const double batch = p->index == 2 ? d->batch_mean[mean] : d->batch_var[mean];
            close_to("a running statistic", now, 0.9 * old + 0.1 * batch, fmax(1.0, fabs(batch)), 1e-5,
                     &worst_value, text);
        }
    }
}

static void check_gradient(const char *text, const gradient_case *c)
{
    adi_module *m = module_of(heap, text);
    adi_train_plan *p = NULL;
    float *file = calloc(m->total + 1, sizeof *file);
    assert_non_null(file);
    const adi_shape input = {c->most, 8, 8, 3}, batch = {c->n, 8, 8, 3};
    const int wants = c->n % 2; /* the input's gradient */
    if (adi_train_plan_create(m, HOST_DEVICE(c->backend->kernels, c->threads), &input, wants, &p) != AD_OK)
        fail_msg("%s\n%s", ad_last_error_message(), text);
    check_lifetimes(p, text);
    check_scratch(p);
    trained t = trained_new(p, c->n);
    dual_network d = dual_new(m, file);
    for (int tries = 0;; tries++) { /* away from kinks, where float and double may take different sides */
        for (int64_t i = 0; i < dual_count(&batch); i++)
            t.input[i] = (float)op_signed();
        randomise(m, file);
        d.training = 1;
        dual_run(&d, &batch, t.input, NULL);
        if (d.margin > 2e-5)
            break;
        assert_true(tries < 100);
    }
    for (int round = 0; round < 2; round++) { /* the second finds what the first left */
        if (adi_train_forward(p, &t.run, 1) != AD_OK)
            fail_msg("%s\n%s", ad_last_error_message(), text);
        compare_taps(&d, &t, text);
        float *v[16];
        for (int32_t k = 0; k < m->tap_count; k++) {
            v[k] = op_floats(tap_count(&t, k), 1.0);
            memcpy(adi_train_tap_grad(p, &t.run, k), v[k], (size_t)tap_count(&t, k) * sizeof **v);
        }
        if (adi_train_backward(p, &t.run) != AD_OK)
            fail_msg("%s\n%s", ad_last_error_message(), text);
        compare_gradients(&d, &t, v, text);
        if (!wants)
            assert_null(adi_train_input_grad(p, &t.run));
        for (int32_t k = 0; k < m->tap_count; k++)
            guarded_free(v[k], "a tap's gradient");
    }
    assert_int_equal(adi_train_update_statistics(p, &t.run), AD_OK);
    compare_statistics(&d, file, text);
    for (int32_t i = 0; i < m->param_count; i++)
        adi_module_to_file(m, &m->params[i], m->values + m->params[i].offset, file + m->params[i].offset);
    d.training = 0;
    dual_run(&d, &batch, t.input, NULL);
    assert_int_equal(adi_train_forward(p, &t.run, 0), AD_OK);
    compare_taps(&d, &t, text);
    trained_free(&t);
    dual_free(&d);
    adi_train_plan_destroy(p);
    adi_module_destroy(m);
    free(file);
}

static void special_graphs(void **state)
{
    (void)state;
    op_seed();
    const gradient_case cases[] = {{&adi_backend_ref, 1, 3, 3},
                                   {&adi_backend_ref, 1, 3, 2},
                                   {&adi_backend_cpu, 2, 5, 3},
                                   {&adi_backend_cpu, 1, 2, 2}};
    for (int32_t g = 0; g < SPECIAL; g++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            check_gradient(special[g], &cases[c]);
    printf("worst value %.3g, worst slope %.3g\n", worst_value, worst_slope);
}

static void random_graphs(void **state)
{
    (void)state;
    op_seed();
    char text[4096];
    for (int i = 0; i < 60; i++) {
        random_graph(text, sizeof text);
        const gradient_case c = {i % 2 ? &adi_backend_cpu : &adi_backend_ref, 1 + i % 3, 2 + i % 4, 2 + i % 2};
        if (c.n <= c.most)
            check_gradient(text, &c);
    }
    printf("worst value %.3g, worst slope %.3g\n", worst_value, worst_slope);
}

/* ---- The same bits whatever the threads; a batch's gradient does not depend on what the plan could hold ----
 */

static void bits_of_threads(void **state)
{
    (void)state;
    const uint64_t begin = op_state;
    static const int32_t threads[] = {1, 2, 3, 5};
    for (int32_t g = 0; g < SPECIAL; g++) {
        adi_module *m = module_of(heap, special[g]);
        float *file = calloc(m->total + 1, sizeof *file), *first = calloc(m->trainable + 1, sizeof *first);
        op_state = begin;
        randomise(m, file);
        for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
            adi_train_plan *p = NULL;
            const adi_shape input = {4, 8, 8, 3};
            assert_int_equal(adi_train_plan_create(m, HOST_DEVICE(adi_backend_cpu.kernels, threads[i]), &input, 0, &p),
                             AD_OK);
            op_state = begin;
            trained t = trained_new(p, 3);
            assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
            for (int32_t k = 0; k < m->tap_count; k++)
                for (int64_t j = 0; j < tap_count(&t, k); j++)
                    adi_train_tap_grad(p, &t.run, k)[j] = (float)op_signed();
            assert_int_equal(adi_train_backward(p, &t.run), AD_OK);
            if (i)
                assert_memory_equal(t.run.gradients, first, m->trainable * sizeof *first);
            memcpy(first, t.run.gradients, m->trainable * sizeof *first);
            trained_free(&t);
            adi_train_plan_destroy(p);
        }
        free(file);
        free(first);
        adi_module_destroy(m);
    }
}

/* Kernels choose their way by the shape: here three images may need more than four. */
static void scratch_of_smaller_batches(void **state)
{
    (void)state;
    adi_module *m = module_of(heap, HEAD "conv2d a <- image : out=64 kernel=3 pad=1\ntap t <- a\n");
    float *file = calloc(m->total, sizeof *file);
    randomise(m, file);
    for (int64_t most = 1; most <= 8; most++) {
        adi_train_plan *p = NULL;
        const adi_shape input = {most, 4, 4, 3};
        assert_int_equal(adi_train_plan_create(m, HOST_DEVICE(adi_backend_cpu.kernels, 2), &input, 1, &p), AD_OK);
        check_scratch(p);
        for (int64_t n = 1; n <= most; n++) {
            trained t = trained_new(p, n);
            assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
            memset(adi_train_tap_grad(p, &t.run, 0), 0, (size_t)tap_count(&t, 0) * sizeof(float));
            assert_int_equal(adi_train_backward(p, &t.run), AD_OK);
            trained_free(&t);
        }
        adi_train_plan_destroy(p);
    }
    free(file);
    adi_module_destroy(m);
}

/* ---- What goes wrong ---- */

typedef struct countdown {
    long left, asked;
} countdown;

static int count_down(void *user)
{
    countdown *c = user;
    c->asked++;
    return c->left-- == 0;
}

static void cancelled_between_steps(void **state)
{
    (void)state;
    adi_module *m = module_of(heap, special[1]);
    adi_train_plan *p = NULL;
    const adi_shape input = {2, 8, 8, 3};
    float *file = calloc(m->total, sizeof *file), *before = calloc(m->total, sizeof *before);
    randomise(m, file);
    memcpy(before, m->values, m->total * sizeof *before);
    assert_int_equal(adi_train_plan_create(m, HOST_DEVICE(adi_backend_ref.kernels, 1), &input, 0, &p), AD_OK);
    trained t = trained_new(p, 2);
    countdown c;
    t.run.cancelled = count_down;
    t.run.user = &c;
    for (long i = 0; i < p->forward_count; i++) {
        c = (countdown){.left = i};
        assert_int_equal(adi_train_forward(p, &t.run, 1), AD_ERR_CANCELLED);
        assert_int_equal(c.asked, i + 1);
        assert_string_equal(ad_last_error_message(), "the training was cancelled within a batch");
    }
    c = (countdown){.left = 1000};
    assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
    assert_int_equal(c.asked, p->forward_count);
    memset(adi_train_tap_grad(p, &t.run, 0), 0, (size_t)tap_count(&t, 0) * sizeof(float));
    c = (countdown){.left = p->step_count - p->forward_count - 1};
    assert_int_equal(adi_train_backward(p, &t.run), AD_ERR_CANCELLED);
    assert_memory_equal(before, m->values, m->total * sizeof *before);
    trained_free(&t);
    adi_train_plan_destroy(p);
    adi_module_destroy(m);
    free(file);
    free(before);
}

static void refused(const char *text, adi_shape input, ad_status want, const char *sentence)
{
    adi_module *m = module_of(heap, text);
    adi_train_plan *p = (adi_train_plan *)(void *)m; /* must become NULL */
    assert_int_equal(adi_train_plan_create(m, HOST_DEVICE(adi_backend_ref.kernels, 1), &input, 1, &p), want);
    assert_null(p);
    assert_string_equal(ad_last_error_message(), sentence);
    adi_module_destroy(m);
}

static void impossible_shapes(void **state)
{
    (void)state;
    refused(HEAD "conv2d a <- image : out=2 kernel=3\ntap t <- a\n", (adi_shape){2, 2, 2, 3}, AD_ERR_SHAPE,
            "input of 2x2 does not fit g: conv2d 'a': input of 2x2 is smaller than its 3x3 window");
    refused(HEAD "conv2d a <- image : out=512 kernel=3\ntap t <- a\n", (adi_shape){1024, 4096, 4096, 3},
            AD_ERR_SHAPE, "g: the activations of 1024 inputs of 4096x4096 are too large");
    /* the input alone is too much, of which nothing is left after the first step */
    refused(HEAD "conv2d a <- image : out=1 kernel=1 stride=64\ntap t <- a\n", (adi_shape){1024, 4096, 4096, 3},
            AD_ERR_SHAPE, "g: the activations of 1024 inputs of 4096x4096 are too large");
}

/* One value a channel has no variance. */
static void one_value_a_channel(void **state)
{
    (void)state;
    adi_module *m = module_of(heap, HEAD "conv2d a <- image : out=2 kernel=8\nbatchnorm b <- a\ntap t <- b\n");
    adi_train_plan *p = NULL;
    const adi_shape input = {4, 8, 8, 3};
    float *file = calloc(m->total, sizeof *file);
    randomise(m, file);
    assert_int_equal(adi_train_plan_create(m, HOST_DEVICE(adi_backend_ref.kernels, 1), &input, 0, &p), AD_OK);
    trained t = trained_new(p, 2);
    t.run.n = 1;
    assert_int_equal(adi_train_forward(p, &t.run, 1), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(),
                        "batch norm 'b' has one value a channel in a batch of 1: more are needed to train it");
    assert_int_equal(adi_train_forward(p, &t.run, 0), AD_OK); /* with the running statistics it has enough */
    t.run.n = 2;
    assert_int_equal(adi_train_forward(p, &t.run, 1), AD_OK);
    trained_free(&t);
    adi_train_plan_destroy(p);
    adi_module_destroy(m);
    free(file);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        fault_alloc faults = {.fail_at = 0};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &faults};
        adi_graph *g = graph_of(&a, special[11]);
        adi_module *m = NULL;
        adi_train_plan *p = NULL;
        const adi_shape input = {2, 8, 8, 3};
        const int32_t tap = 0;
        adi_mt19937 mt;
        adi_mt19937_seed_numpy(&mt, 0);
        const long before = atomic_load(&faults.calls);
        faults.fail_at = before + n;
        ad_status status = adi_module_create(g, &tap, 1, &m);
        if (status == AD_OK)
            status = adi_module_init(m, &mt);
        if (status == AD_OK)
            status = adi_train_plan_create(m, HOST_DEVICE(adi_backend_ref.kernels, 1), &input, 1, &p);
        assert_true((status == AD_OK) == (p != NULL));
        if (status != AD_OK)
            assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        const long calls = atomic_load(&faults.calls);
        adi_train_plan_destroy(p);
        adi_module_destroy(m);
        assert_int_equal(atomic_load(&faults.live), 0);
        if (calls < before + n) {
            assert_int_equal(status, AD_OK);
            assert_true(n > 12);
            return;
        }
    }
}

/* What no backward leads through is refused when the module is made. */
static void not_trainable(void **state)
{
    (void)state;
    adi_graph *g =
        graph_of(heap, HEAD "conv2d a <- image : out=2 kernel=1\nsilu b <- a\nconv2d c <- b : out=2 kernel=1\n"
                            "tap t <- a\ntap u <- c\n");
    adi_graph *again = graph_of(heap, g->text);
    const int32_t both[] = {0, 1};
    adi_module *m = (adi_module *)(void *)g;
    assert_int_equal(adi_module_create(g, both, 2, &m), AD_ERR_UNSUPPORTED);
    assert_null(m);
    assert_string_equal(ad_last_error_message(), "silu 'b' of g cannot be trained");
    assert_int_equal(adi_module_create(again, both, 1, &m), AD_OK); /* in front of it all is well */
    assert_int_equal(m->param_count, 1);
    adi_module_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_graphs),          cmocka_unit_test(random_graphs),
        cmocka_unit_test(bits_of_threads),         cmocka_unit_test(scratch_of_smaller_batches),
        cmocka_unit_test(cancelled_between_steps),
        cmocka_unit_test(impossible_shapes),       cmocka_unit_test(one_value_a_channel),
        cmocka_unit_test(every_allocation_can_fail), cmocka_unit_test(not_trainable),
    };
    return cmocka_run_group_tests_name("train_plan", tests, NULL, NULL);
}
