/* Ten steps of STFPM's training against PyTorch in float64 on the same seeded weights and images:
 * loss, every gradient, updated weights, running statistics, validation errors, and the map and
 * score of the student that comes out. make_stfpm.py says what the cases are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "training_case.h"

/* tolerances.csv, with the reasons; asked are 1e-4 after a step and 1e-3 after ten. */
static const golden_limits gradient_limit = {.value = 2e-5};
static const golden_limits weight_limits[2] = {{.value = 5e-6, .change = 5e-5, .steps = 1},
                                               {.value = 2e-5, .change = 1e-4, .steps = 10}};
static const golden_limits statistic_limits[2] = {{.value = 5e-6}, {.value = 2e-5}};
static const golden_limits map_limit = {.value = 2e-5};
static const double loss_limit = 5e-6, validation_limit = 1e-5, score_limit = 2e-5;

static const char *const keys[] = {"optimizer", "lr",         "momentum",      "weight_decay",
                                   "loss_half", "loss_batch", "layer_weights", NULL};

static void compare_step(training_case *c, int step)
{
    char what[40];
    const adi_batch_loss loss = training_gradients(c, step);
    snprintf(what, sizeof what, "loss of step %d", step);
    c->loss =
        fmax(c->loss, golden_scalar(what, loss.loss, golden_real(c->golden, "loss", NULL, step - 1),
                                    loss_limit));
    if (step == 1)
        training_compare(c, "gradient", "parameters", 1, gradient_limit, &c->gradient);
    training_ok(c->trainee->update(c->trainee->self, 0));
    if (step != 1 && step != TRAINING_STEPS)
        return;
    const char *weight = step == 1 ? "weight1" : "weight10",
               *statistic = step == 1 ? "statistic1" : "statistic10";
    training_compare(c, weight, "parameters", 0, weight_limits[step != 1], c->weight);
    training_compare(c, statistic, "statistics", 0, statistic_limits[step != 1], &c->statistic);
}

static void compare_case(const char *file, const char *device, int steps, size_t cache)
{
    training_case c = training_open(file, device, 0, keys, cache);
    training_begin(&c);
    training_check_all_listed(&c, 0);
    for (int step = 1; step <= steps; step++)
        compare_step(&c, step);
    printf("%-4s%-16s %2d steps, worst errors: loss %.1e gradient %.1e weight %.1e, of its change "
           "%.1e, statistic %.1e\n",
           device, file, steps, c.loss, c.gradient, c.weight[0], c.weight[1], c.statistic);
    fflush(stdout);
    if (steps == TRAINING_STEPS) {
        training_compare_validation(&c, validation_limit);
        training_compare_layers(&c, map_limit);
        training_compare_maps(&c, map_limit, score_limit);
    }
    training_close(&c);
}

static void default_recipe(void **state)
{
    (void)state;
    compare_case("stfpm_default", "cpu", TRAINING_STEPS, (size_t)1 << 30);
}

/* Teacher features computed anew for every batch. */
static void without_cache(void **state)
{
    (void)state;
    compare_case("stfpm_default", "cpu", 2, 0);
}

static void whole_distance_summed(void **state)
{
    (void)state;
    compare_case("stfpm_sum", "cpu", TRAINING_STEPS, (size_t)1 << 30);
}

static void adam(void **state)
{
    (void)state;
    compare_case("stfpm_adam", "cpu", TRAINING_STEPS, (size_t)1 << 30);
}

static void odd_sides_and_weights(void **state)
{
    (void)state;
    compare_case("stfpm_odd", "cpu", TRAINING_STEPS, (size_t)1 << 30);
}

/* It takes its time. */
static void reference_kernels(void **state)
{
    (void)state;
    compare_case("stfpm_odd", "ref", 1, (size_t)1 << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_recipe),        cmocka_unit_test(without_cache),
        cmocka_unit_test(whole_distance_summed), cmocka_unit_test(adam),
        cmocka_unit_test(odd_sides_and_weights), cmocka_unit_test(reference_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
