/* A fit's memory does not grow with the number of images, and stays within what ad_fitter_memory() says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/tiny.h"

/* Peak bytes above what was held before, for a fit of `images` images. kind: how gaussian reduces, or
 * "padim". */
static long peak_of_fit(const char *weights, int64_t images, const char *kind, size_t *out_stated)
{
    fault_alloc counter = {0};
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.alloc = fault_alloc_get;
    co.free = fault_alloc_put;
    co.alloc_user = &counter;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_fitter *fit = NULL;
    const int padim = strcmp(kind, "padim") == 0;
    assert_int_equal(ad_context_create(&co, &context), AD_OK);
    assert_int_equal(tiny_open(context, weights, &net), AD_OK);
    const long before = atomic_load(&counter.bytes);
    assert_int_equal(
        padim ? tiny_fitter(net, "padim", "covariance=ledoit_wolf", &fit)
              : tiny_fitter(net, "gaussian", options("samples=256, reduce=%s", kind).text, &fit),
        AD_OK);
    uint8_t pixels[TINY_PIXELS];
    for (int64_t i = 0; i < images; i++) {
        ad_image image;
        tiny_callback(pixels, i, &image);
        assert_int_equal(ad_fitter_add(fit, &image), AD_OK);
    }
    ad_scorer *scorer = NULL; /* PaDiM states what finishing takes, too */
    if (padim)
        assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    *out_stated = ad_fitter_memory(fit);
    const long peak = atomic_load(&counter.peak) - before;
    ad_fitter_destroy(fit);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    assert_int_equal(atomic_load(&counter.live), 0);
    return peak;
}

static void memory_is_bounded(void **state)
{
    (void)state;
    char *weights = tiny_path("weights");
    assert_int_equal(tiny_weights(weights, ""), 0);
    size_t stated;
    /* without reduction no sample is kept: not one byte more for eight times the images */
    const long few = peak_of_fit(weights, 40, "none", &stated);
    assert_int_equal(peak_of_fit(weights, 320, "none", &stated), few);
    print_message("peak %ld bytes, stated %zu\n", few, stated);
    assert_true((size_t)few <= stated);
    /* with reduction the sample of pooled vectors grows to its limit, which the statement includes */
    assert_true((size_t)peak_of_fit(weights, 320, "npca:0.8", &stated) <= stated);
    const long padim = peak_of_fit(weights, 40, "padim", &stated);
    assert_int_equal(peak_of_fit(weights, 320, "padim", &stated), padim);
    print_message("padim: peak %ld bytes, stated %zu\n", padim, stated);
    assert_true((size_t)padim <= stated);
    unlink(weights);
    free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_is_bounded)};
    return cmocka_run_group_tests_name("bounded_memory", tests, NULL, NULL);
}
