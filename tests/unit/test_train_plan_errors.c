/* nn/train_plan.c, nn/train_run.c, nn/module.c: cancelling between two steps, shapes and ops that are refused, and
 * every allocation failing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/random_module.h"

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
    assert_int_equal(adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 0, &p), AD_OK);
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
    assert_int_equal(adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 1, &p), want);
    assert_null(p);
    assert_string_equal(ad_last_error_message(), sentence);
    adi_module_destroy(m);
}

static void impossible_shapes(void **state)
{
    (void)state;
    refused(HEAD "conv2d a <- image : out=2 kernel=3\ntap t <- a\n", (adi_shape){2, 2, 2, 3}, AD_ERR_SHAPE,
            "input of 2x2 does not fit g: conv2d 'a': input of 2x2 is smaller than its 3x3 window");
    refused(HEAD "conv2d a <- image : out=512 kernel=3\ntap t <- a\n", (adi_shape){1024, 4096, 4096, 3}, AD_ERR_SHAPE,
            "g: the activations of 1024 inputs of 4096x4096 are too large");
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
    assert_int_equal(adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 0, &p), AD_OK);
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
            status = adi_train_plan_create(m, adi_backend_ref.kernels, 1, &input, 1, &p);
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
    adi_graph *g = graph_of(heap, HEAD "conv2d a <- image : out=2 kernel=1\nsilu b <- a\nconv2d c <- b : out=2 kernel=1\n"
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
        cmocka_unit_test(cancelled_between_steps), cmocka_unit_test(impossible_shapes),
        cmocka_unit_test(one_value_a_channel), cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(not_trainable),
    };
    return cmocka_run_group_tests_name("train_plan_errors", tests, NULL, NULL);
}
