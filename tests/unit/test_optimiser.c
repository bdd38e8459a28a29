/* train/optimiser.c: steps as PyTorch defines them, in double; a reset is a new beginning; state where there is
 * any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "device/device.h"
#include "harness/host_device.h"
#include "harness/fault_alloc.h"
#include "harness/op_case.h"
#include "train/optimiser.h"

enum { COUNT = 67, STEPS = 7 };

typedef struct reference {
    double w[COUNT], a[COUNT], b[COUNT]; /* velocity; or both moments */
} reference;

/* torch.optim.SGD(lr, momentum, weight_decay): the velocity begins as the first gradient. */
static void sgd(reference *r, const float *g, const adi_optimiser_options *o, double scale, int step)
{
    for (int i = 0; i < COUNT; i++) {
        const double d = scale * g[i] + o->weight_decay * r->w[i];
        r->a[i] = step == 1 ? d : o->momentum * r->a[i] + d;
        r->w[i] -= o->lr * (o->momentum > 0.0 ? r->a[i] : d);
    }
}

/* torch.optim.Adam(lr, weight_decay=...) */
static void adam(reference *r, const float *g, const adi_optimiser_options *o, double scale, int step)
{
    for (int i = 0; i < COUNT; i++) {
        const double d = scale * g[i] + o->weight_decay * r->w[i];
        r->a[i] = o->beta1 * r->a[i] + (1.0 - o->beta1) * d;
        r->b[i] = o->beta2 * r->b[i] + (1.0 - o->beta2) * d * d;
        const double m = r->a[i] / (1.0 - pow(o->beta1, step)), v = r->b[i] / (1.0 - pow(o->beta2, step));
        r->w[i] -= o->lr * m / (sqrt(v) + 1e-8);
    }
}

static void run(adi_optimiser *o, float *w, reference *r, float *const *gradients)
{
    for (int step = 1; step <= STEPS; step++) {
        const double scale = step % 3 ? 1.0 : 0.25;
        assert_int_equal(adi_optimiser_step(o, w, gradients[step - 1], scale), AD_OK);
        assert_int_equal(o->steps, step);
        if (r)
            (o->options.kind == ADI_OPTIMIZER_ADAM ? adam : sgd)(r, gradients[step - 1], &o->options, scale,
                                                                step);
    }
}

static void as_pytorch(void **state)
{
    (void)state;
    static const adi_optimiser_options options[] = {{ADI_OPTIMIZER_SGD, 0.4, 0.9, 1e-4, 0.0, 0.0},
                                                    {ADI_OPTIMIZER_SGD, 0.1, 0.0, 0.0, 0.0, 0.0},
                                                    {ADI_OPTIMIZER_SGD, 0.02, 0.5, 0.3, 0.0, 0.0},
                                                    {ADI_OPTIMIZER_ADAM, 1e-3, 0.9, 0.0, 0.9, 0.999},
                                                    {ADI_OPTIMIZER_ADAM, 0.2, 0.0, 0.1, 0.5, 0.99}};
    static const int states[] = {1, 0, 1, 2, 2};
    const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};
    op_seed();
    for (int b = 0; b < 2; b++)
        for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
            float *gradients[STEPS], *w = op_floats(COUNT, 1.0), *again = op_copy(w, COUNT);
            adi_optimiser o;
            reference r = {0};
            for (int i = 0; i < STEPS; i++)
                gradients[i] = op_floats(COUNT, 1.0);
            for (int i = 0; i < COUNT; i++)
                r.w[i] = w[i];
            const adi_device *host = HOST_DEVICE(backends[b]->kernels, 2);
            assert_int_equal(adi_optimiser_init(&o, host, NULL, &adi_default_allocator, &options[k], COUNT), AD_OK);
            for (int i = 0; i < 2; i++)
                assert_true((o.state[i] != NULL) == (i < states[k]));
            run(&o, w, &r, gradients);
            for (int i = 0; i < COUNT; i++)
                if (fabs(w[i] - r.w[i]) > 1e-5 * fmax(1.0, fabs(r.w[i])))
                    fail_msg("options %zu: parameter %d is %.9g, not %.9g", k, i, w[i], r.w[i]);
            assert_int_equal(adi_optimiser_reset(&o), AD_OK);
            assert_int_equal(o.steps, 0);
            run(&o, again, NULL, gradients);
            assert_memory_equal(w, again, COUNT * sizeof *w);
            adi_optimiser_free(&o);
            adi_optimiser_free(&o); /* once more does nothing */
            for (int i = 0; i < STEPS; i++)
                guarded_free(gradients[i], "gradients");
            guarded_free(w, "w");
            guarded_free(again, "again");
        }
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    const adi_optimiser_options options = {ADI_OPTIMIZER_ADAM, 0.1, 0.0, 0.0, 0.9, 0.999};
    for (long n = 1; n <= 2; n++) {
        fault_alloc faults = {.fail_at = n};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &faults};
        adi_optimiser o;
        assert_int_equal(adi_optimiser_init(&o, HOST_DEVICE(NULL, 1), NULL, &a, &options, COUNT),
                         AD_ERR_OUT_OF_MEMORY);
        assert_int_equal(atomic_load(&faults.live), 0);
        adi_optimiser_free(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_pytorch),
                                       cmocka_unit_test(every_allocation_can_fail)};
    return cmocka_run_group_tests_name("optimiser", tests, NULL, NULL);
}
