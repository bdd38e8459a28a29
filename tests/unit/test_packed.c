/* packed: the plans of a network share the weights laid out for their kernels, and the last one frees them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "harness/fault_alloc.h"
#include "harness/seeded_network.h"
#include "harness/host_device.h"

/* At 64x64 the middle one has large tiles of Winograd's, at 12x12 small ones, at 4x4 none. */
static const char text[] = "network small\ninput_size 64\nmean 0 0 0\nstd 1 1 1\n"
                           "input image : channels=3\n"
                           "conv2d stem <- image : out=32 kernel=3 pad=1\n"
                           "conv2d middle <- stem : out=64 kernel=3 pad=1\n"
                           "tap early <- middle\n"
                           "conv2d expand <- middle : out=96 kernel=1\n"
                           "dwconv2d depth <- expand : kernel=3 stride=2 pad=1\n"
                           "tap late <- depth\n";

typedef struct fixture {
    fault_alloc fault;
    adi_allocator a;
    adi_network *net;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->a = (adi_allocator){fault_alloc_get, fault_alloc_put, &f->fault};
    adi_graph *g = graph_of(&f->a, text);
    st_memory m = seeded_weights(g, 1.0);
    adi_graph_destroy(g);
    f->net = network_from(&f->a, text, &m);
    st_memory_free(&m);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    adi_network_destroy(f->net);
    const long live = atomic_load(&f->fault.live);
    free(f);
    return live != 0;
}

static adi_plan *plan_of(const fixture *f, const adi_kernels *kernels, int32_t taps, int64_t side)
{
    static const int32_t both[] = {0, 1};
    adi_plan *plan = NULL;
    if (adi_plan_create(f->net, HOST_DEVICE(kernels, 2), taps == 2 ? both : &both[taps], taps == 2 ? 2 : 1, side, side, &plan) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return plan;
}

/* What a step reads; an expansion is in the step of the depthwise convolution. */
static const void *packed_of(const adi_plan *plan, const char *name)
{
    for (int32_t i = 0; i < plan->step_count; i++)
        if (strcmp(plan->steps[i].node->name, name) == 0)
            return plan->steps[i].call.first ? plan->steps[i].first.packed : plan->steps[i].call.packed;
    fail_msg("no step '%s'", name);
    return NULL;
}

static void plans_share(void **state)
{
    fixture *f = *state;
    const adi_kernels *k = adi_backend_cpu.kernels;
    const long before = atomic_load(&f->fault.bytes);
    adi_plan *first = plan_of(f, k, 2, 64);
    const long one = atomic_load(&f->fault.bytes) - before;
    assert_true(first->packed_bytes > 0 && one > (long)first->packed_bytes);
    adi_plan *again = plan_of(f, k, 2, 96), *early = plan_of(f, k, 0, 64);
    const long more = atomic_load(&f->fault.bytes) - before - one;
    assert_true(more <= 2 * (one - (long)first->packed_bytes) + 64); /* steps and taps, no weights */
    assert_int_equal(again->packed_bytes, first->packed_bytes);
    assert_true(early->packed_bytes < first->packed_bytes);
    assert_ptr_equal(packed_of(again, "middle"), packed_of(first, "middle"));
    assert_ptr_equal(packed_of(early, "middle"), packed_of(first, "middle"));
    assert_ptr_equal(packed_of(again, "depth"), packed_of(first, "depth"));
    adi_plan_destroy(first);
    adi_plan_destroy(early);
    const long left = atomic_load(&f->fault.bytes);
    adi_plan *third = plan_of(f, k, 2, 96);
    assert_ptr_equal(packed_of(third, "middle"), packed_of(again, "middle"));
    adi_plan_destroy(third);
    assert_int_equal(atomic_load(&f->fault.bytes), left);
    adi_plan_destroy(again);
    assert_int_equal(atomic_load(&f->fault.bytes), before);
}

/* Another kernel of a size, or of a backend, has weights of its own, and takes nobody else's. */
static void kinds_differ(void **state)
{
    fixture *f = *state;
    adi_plan *plans[] = {plan_of(f, adi_backend_cpu.kernels, 2, 64), plan_of(f, adi_backend_cpu.kernels, 2, 12),
                         plan_of(f, adi_backend_cpu.kernels, 2, 4), plan_of(f, adi_backend_ref.kernels, 2, 64)};
    const void *middle[4];
    for (int i = 0; i < 4; i++) {
        middle[i] = packed_of(plans[i], "middle");
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(middle[i], middle[j]);
    }
    assert_int_equal(plans[3]->packed_bytes, 0);
    for (int i = 0; i < 4; i++)
        adi_plan_destroy(plans[i]);
}

/* A plan's results are the same alone and among others, also when they go before it. */
static void results_stay(void **state)
{
    fixture *f = *state;
    static const int32_t taps[] = {0, 1};
    float *x = seeded_image(33, 33), *large = seeded_image(64, 64);
    plan_run alone = run_network(f->net, &adi_backend_cpu, 2, taps, 2, x, 33, 33);
    const size_t bytes = (size_t)run_tap_count(&alone, 1) * sizeof(float);
    float *want = malloc(bytes);
    assert_non_null(want);
    memcpy(want, run_tap(&alone, 1), bytes);
    run_free(&alone);
    plan_run other = run_network(f->net, &adi_backend_cpu, 2, taps, 2, large, 64, 64);
    plan_run mine = run_network(f->net, &adi_backend_cpu, 2, taps, 2, x, 33, 33);
    assert_memory_equal(run_tap(&mine, 1), want, bytes);
    run_free(&other);
    memcpy(mine.block + mine.plan->input_offset[0], x, 3 * 33 * 33 * sizeof *x); /* whose place others took */
    assert_int_equal(adi_plan_run(mine.plan, NULL, mine.block, mine.scratch), AD_OK);
    assert_memory_equal(run_tap(&mine, 1), want, bytes);
    run_free(&mine);
    free(want);
    guarded_free(x, "input");
    guarded_free(large, "input");
}

/* What one plan could not have, another still has. */
static void out_of_memory(void **state)
{
    fixture *f = *state;
    adi_plan *first = plan_of(f, adi_backend_cpu.kernels, 0, 64);
    const long before = atomic_load(&f->fault.live);
    for (long nth = 1, done = 0; !done; nth++) {
        static const int32_t tap = 1;
        adi_plan *plan = NULL;
        f->fault.fail_at = atomic_load(&f->fault.calls) + nth;
        done = adi_plan_create(f->net, HOST_DEVICE(adi_backend_cpu.kernels, 1), &tap, 1, 64, 64, &plan) == AD_OK;
        f->fault.fail_at = 0;
        if (done)
            assert_ptr_equal(packed_of(plan, "middle"), packed_of(first, "middle"));
        adi_plan_destroy(plan);
        assert_int_equal(atomic_load(&f->fault.live), before);
        assert_true(nth < 100);
    }
    adi_plan_destroy(first);
}

static void *make_and_destroy(void *argument)
{
    const fixture *f = argument;
    for (int i = 0; i < 50; i++) {
        static const int64_t sides[] = {64, 12, 4};
        static const int32_t tap = 1;
        adi_plan *plan = NULL;
        if (adi_plan_create(f->net, HOST_DEVICE(adi_backend_cpu.kernels, 1), &tap, 1, sides[i % 3], sides[i % 3], &plan) != AD_OK)
            return argument;
        adi_plan_destroy(plan);
    }
    return NULL;
}

static void threads(void **state)
{
    fixture *f = *state;
    const long before = atomic_load(&f->fault.live);
    pthread_t all[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&all[i], NULL, make_and_destroy, f), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(all[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(atomic_load(&f->fault.live), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plans_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kinds_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(out_of_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
