/* Scoring allocates nothing after the first call: counted in the context's allocator, and in malloc itself,
 * which OpenBLAS and the image libraries would use. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/tiny.h"
#include "harness/tiny_rd.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNT_MALLOC 0 /* the sanitizers have their own malloc, which must not be replaced */
#else
#define COUNT_MALLOC 1
#endif

static atomic_long mallocs;

#if COUNT_MALLOC
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void *aligned_alloc(size_t alignment, size_t n);
int posix_memalign(void **p, size_t alignment, size_t n);

void *malloc(size_t n)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    atomic_fetch_add(&mallocs, 1);
    *p = __libc_memalign(alignment, n);
    return *p ? 0 : 12;
}
#endif

static void scoring_allocates_nothing(void **state)
{
    (void)state;
    static const char *const kinds[][2] = {{"gaussian", "reduce=none, crop=0, blur_sigma=2"},
                                           {"gaussian", "reduce=npca:0.8, crop=24, blur_sigma=2"},
                                           {"padim", "crop=24"},
                                           {"stfpm", "size=16"},
                                           {"stfpm_unet", "size=16"},
                                           {"ast", "mode=rgb, size=16"},
                                           {"ast", "mode=depth, size=16"},
                                           {"ast", "mode=combi, size=16"},
                                           {"masked_rd", "masked_rd"},
                                           {"masked_rd", "rd4ad"}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    static float heat[TINY_SIDE * TINY_SIDE];
    char *weights = tiny_path("weights"), *resnet = tiny_path("resnet");
    assert_int_equal(tiny_weights(weights, ""), 0);
    assert_int_equal(tiny_rd_weights(resnet), 0);
    for (int t = 0; t < 2 * KINDS; t++) { /* with one thread, then with two */
        const int r = t % KINDS;
        fault_alloc counter = {0};
        ad_context_options co;
        ad_context_options_init(&co, sizeof co);
        co.num_threads = 1 + t / KINDS;
        co.alloc = fault_alloc_get;
        co.free = fault_alloc_put;
        co.alloc_user = &counter;
        ad_context *context = NULL;
        ad_backbone *net = NULL;
        ad_dataset *good = NULL;
        ad_fitter *fit = NULL;
        ad_scorer *scorer = NULL;
        static tiny_frame frame;
        const int rd = strcmp(kinds[r][0], "masked_rd") == 0;
        assert_int_equal(ad_context_create(&co, &context), AD_OK);
        assert_int_equal(
            rd ? tiny_rd_open(context, resnet, &net) : tiny_open(context, weights, &net), AD_OK);
        assert_int_equal(
            ad_dataset_from_callback(context, tiny_rgbd_callback, &frame, 20, &good), AD_OK);
        assert_int_equal(rd ? tiny_rd_fitter(net, kinds[r][1], &fit)
                            : tiny_fitter(net, kinds[r][0], kinds[r][1], &fit),
                         AD_OK);
        assert_int_equal(ad_fit(fit, good, NULL, &scorer), AD_OK);
        const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
        long ours = 0, theirs = 0;
        for (int64_t i = 0; i < 10; i++) {
            const ad_image image = tiny_rgbd(&frame, i, 0);
            float score;
            if (i == 1) { /* after the first call */
                ours = atomic_load(&counter.calls);
                theirs = atomic_load(&mallocs);
            }
            assert_int_equal(ad_anomaly_map(scorer, &image, &map, &score), AD_OK);
            assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
        }
        assert_int_equal(atomic_load(&counter.calls) - ours, 0);
        assert_int_equal(atomic_load(&mallocs) - theirs, 0);
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
        ad_dataset_destroy(good);
        ad_backbone_destroy(net);
        ad_context_destroy(context);
        assert_int_equal(atomic_load(&counter.live), 0);
    }
    unlink(weights);
    unlink(resnet);
    free(weights);
    free(resnet);
}

static void the_counter_counts(void **state)
{
    (void)state;
    const long before = atomic_load(&mallocs);
    void *volatile p = malloc(10);
    free(p);
    assert_int_equal(atomic_load(&mallocs) - before, COUNT_MALLOC);
}

int main(void)
{
    if (!COUNT_MALLOC)
        puts("malloc itself is not counted under a sanitizer; the context's allocator is");
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_counter_counts),
                                       cmocka_unit_test(scoring_allocates_nothing)};
    return cmocka_run_group_tests_name("no_allocation", tests, NULL, NULL);
}
