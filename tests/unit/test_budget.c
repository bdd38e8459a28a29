/* core/budget.c and ad_context_options.memory_limit: never more than the limit is held, what is refused is said with both
 * numbers before it is asked for, and all is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/budget.h"
#include "core/error.h"
#include "harness/fault_alloc.h"
#include "harness/tiny.h"

static void sums_and_limits(void **state)
{
    (void)state;
    fault_alloc counts = {0};
    const adi_allocator inner = {fault_alloc_get, fault_alloc_put, &counts};
    adi_budget *b = adi_budget_create(&inner, 1000);
    const adi_allocator a = adi_budget_allocator(b);
    void *first = adi_alloc(&a, 600), *second = adi_alloc(&a, 400);
    assert_true(first && second && (uintptr_t)first % ADI_ALIGNMENT == 0);
    const long calls = atomic_load(&counts.calls);
    assert_null(adi_alloc(&a, 1));
    assert_int_equal(atomic_load(&counts.calls), calls); /* it was not asked for */
    assert_int_equal(adi_fail_memory(), AD_ERR_OUT_OF_MEMORY);
    assert_string_equal(ad_last_error_message(), "out of memory: 1 bytes beside the 1000 that are held pass the context's "
                                                 "memory_limit of 1000");
    assert_int_equal(adi_fail_memory(), AD_ERR_OUT_OF_MEMORY); /* said once: the next has another reason */
    assert_string_equal(ad_last_error_message(), "out of memory");
    assert_null(adi_alloc(&a, SIZE_MAX));
    assert_null(adi_alloc(&a, SIZE_MAX - 63));
    adi_free(&a, first);
    assert_null(adi_alloc(&a, 601));
    first = adi_alloc(&a, 600);
    assert_non_null(first);
    adi_budget_drop(b);
    adi_free(&a, first); /* blocks may outlive it */
    adi_free(&a, second);
    assert_int_equal(atomic_load(&counts.live), 0);
}

static void the_inner_allocator_fails(void **state)
{
    (void)state;
    fault_alloc counts = {.fail_at = 3};
    const adi_allocator inner = {fault_alloc_get, fault_alloc_put, &counts};
    adi_budget *b = adi_budget_create(&inner, 100);
    const adi_allocator a = adi_budget_allocator(b);
    void *first = adi_alloc(&a, 50);
    assert_null(adi_alloc(&a, 50));
    adi_fail_memory();
    assert_string_equal(ad_last_error_message(), "out of memory"); /* not the limit's fault */
    void *second = adi_alloc(&a, 50); /* what failed counts for nothing */
    assert_true(first && second);
    adi_free(&a, first);
    adi_free(&a, second);
    adi_budget_drop(b);
    adi_budget_drop(NULL);
    assert_int_equal(atomic_load(&counts.live), 0);
    fault_alloc none = {.fail_at = 1};
    const adi_allocator empty = {fault_alloc_get, fault_alloc_put, &none};
    assert_null(adi_budget_create(&empty, 100));
}

/* ---- Contexts ---- */

static ad_status fit_within(fault_alloc *counts, uint64_t limit, const char *weights, ad_image *out_image)
{
    tiny_frame frame;
    ad_context_options o;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    float score;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = 1;
    o.alloc = fault_alloc_get;
    o.free = fault_alloc_put;
    o.alloc_user = counts;
    o.memory_limit = limit;
    ad_status status = ad_context_create(&o, &context);
    if (status == AD_OK)
        status = tiny_open(context, weights, &net);
    if (status == AD_OK)
        status = ad_dataset_from_callback(context, tiny_rgbd_callback, &frame, 6, &good);
    if (status == AD_OK)
        status = ad_fitter_create(net, "gaussian", NULL, &fitter);
    if (status == AD_OK)
        status = ad_fit(fitter, good, NULL, &scorer);
    const ad_image image = tiny_rgbd(&frame, 9, 0);
    if (status == AD_OK)
        status = ad_score_image(scorer, &image, &score);
    if (status == AD_OK && out_image) {
        char *path = tiny_fast_path("png");
        status = ad_image_write_png(context, &image, path);
        if (status == AD_OK)
            status = ad_image_read(context, path, NULL, out_image);
        unlink(path);
        free(path);
    }
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    return status;
}

/* Every limit from nothing to enough: refused with the limit's sentence or done, never beyond it, nothing left. */
static void every_limit(void **state)
{
    (void)state;
    char *weights = tiny_fast_path("weights");
    assert_int_equal(tiny_weights(weights, ""), 0);
    fault_alloc counts = {0};
    assert_int_equal(fit_within(&counts, 0, weights, NULL), AD_OK);
    const uint64_t enough = (uint64_t)atomic_load(&counts.peak);
    int refused = 0, done = 0;
    for (uint64_t limit = 1; limit <= enough; limit += enough / 200 + 1) {
        counts = (fault_alloc){0};
        const ad_status status = fit_within(&counts, limit, weights, NULL);
        refused += status == AD_ERR_OUT_OF_MEMORY;
        done += status == AD_OK;
        if (status != AD_OK && (status != AD_ERR_OUT_OF_MEMORY || !strstr(ad_last_error_message(), "memory_limit of ")))
            fail_msg("limit %llu: %s, '%s'", (unsigned long long)limit, ad_status_name(status), ad_last_error_message());
        assert_int_equal(atomic_load(&counts.live), 0);
    }
    assert_true(refused > 100);
    counts = (fault_alloc){0};
    assert_int_equal(fit_within(&counts, enough, weights, NULL), AD_OK);
    unlink(weights);
    free(weights);
}

static void an_image_outlives_its_context(void **state)
{
    (void)state;
    char *weights = tiny_fast_path("weights");
    fault_alloc counts = {0};
    ad_image image = {0};
    assert_int_equal(tiny_weights(weights, ""), 0);
    assert_int_equal(fit_within(&counts, UINT64_C(1) << 30, weights, &image), AD_OK);
    assert_int_equal(image.width, TINY_SIDE);
    ad_image_release(&image);
    assert_int_equal(atomic_load(&counts.live), 0);
    unlink(weights);
    free(weights);
}

/* ---- Scorer files ---- */

static ad_status make_fitter(ad_backbone *net, const char *method, ad_fitter **out)
{
    /* of gaussian a small file that needs much for each frame */
    return tiny_fitter(net, method,
                       strcmp(method, "gaussian") == 0 ? "size=512"
                       : strcmp(method, "ast") == 0    ? "mode=combi"
                                                       : "",
                       out);
}

/* A scorer with its weights; how large the file is. */
static long save_scorer(const char *method, const char *weights, const char *path)
{
    static tiny_frame frame;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    struct stat info;
    ad_scorer_save_options o;
    ad_scorer_save_options_init(&o, sizeof o);
    o.embed_backbone = 1;
    if (ad_context_create(NULL, &context) || tiny_open(context, weights, &net)
        || ad_dataset_from_callback(context, tiny_rgbd_callback, &frame, 8, &good) || make_fitter(net, method, &fitter)
        || ad_fit(fitter, good, NULL, &scorer) || ad_scorer_save(scorer, path, &o) || stat(path, &info))
        fail_msg("%s: %s", method, ad_last_error_message());
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    return (long)info.st_size;
}

static ad_status load_within(fault_alloc *counts, uint64_t limit, const char *path)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_scorer *scorer = NULL;
    ad_context_options_init(&o, sizeof o);
    o.alloc = fault_alloc_get;
    o.free = fault_alloc_put;
    o.alloc_user = counts;
    o.memory_limit = limit;
    *counts = (fault_alloc){0};
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    const ad_status status = ad_scorer_load(context, path, NULL, &scorer);
    assert_true((status == AD_OK) == (scorer != NULL));
    ad_scorer_destroy(scorer);
    ad_context_destroy(context);
    assert_int_equal(atomic_load(&counts->live), 0);
    return status;
}

/* Loading holds a few times the file's bytes, whatever its header announces; what a frame would need beyond a limit is
 * said then, and not when the first frame comes. */
static void scorers_within_limits(void **state)
{
    (void)state;
    static const char *const methods[] = {"gaussian", "padim", "stfpm_unet", "ast"};
    char *weights = tiny_fast_path("weights"), *path = tiny_fast_path("scorer");
    fault_alloc counts;
    assert_int_equal(tiny_weights(weights, ""), 0);
    for (int i = 0; i < 4; i++) {
        const long size = save_scorer(methods[i], weights, path);
        assert_int_equal(load_within(&counts, 0, path), AD_OK);
        if (atomic_load(&counts.peak) > 8 * size + (200 << 10))
            fail_msg("%s: a file of %ld bytes takes %ld", methods[i], size, atomic_load(&counts.peak));
        assert_int_equal(load_within(&counts, UINT64_C(1) << 30, path), AD_OK);
        if (i > 0)
            continue;
        assert_int_equal(load_within(&counts, UINT64_C(4) << 20, path), AD_ERR_OUT_OF_MEMORY);
        assert_non_null(strstr(ad_last_error_message(), "memory_limit of 4194304"));
        assert_true(atomic_load(&counts.peak) < 8 * size + (200 << 10));
    }
    unlink(weights);
    unlink(path);
    free(weights);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_limits),
        cmocka_unit_test(the_inner_allocator_fails),
        cmocka_unit_test(every_limit),
        cmocka_unit_test(an_image_outlives_its_context),
        cmocka_unit_test(scorers_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
