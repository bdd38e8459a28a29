/* Every allocation of the whole way fails once: the call gives AD_ERR_OUT_OF_MEMORY and a sentence,
 * no object is lost, and nothing leaks. Trainings are in tests/methods/test_method_memory.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/tiny.h"

static char *weights, *file, *picture;

typedef struct objects {
    ad_context *context;
    ad_backbone *net;
    ad_dataset *good, *list, *part;
    ad_fitter *fit, *other;
    ad_scorer *scorer, *loaded, *onto;
    ad_image image;
} objects;

/* Nothing after the first failure; s is the status of the whole way. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if (s == AD_OK)                                                                            \
            s = call;                                                                              \
    } while (0)

static ad_status make_context(fault_alloc *faults, ad_context **out)
{
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.num_threads = 1; /* waking others is most of what such small networks would do */
    co.alloc = fault_alloc_get;
    co.free = fault_alloc_put;
    co.alloc_user = faults;
    return ad_context_create(&co, out);
}

/* kind: how gaussian reduces, or "padim". */
static ad_status make_fitter(ad_backbone *net, const char *kind, ad_fitter **out)
{
    if (strcmp(kind, "padim") == 0)
        return tiny_fitter(net, "padim", "covariance=ledoit_wolf, dimensions=5", out);
    return tiny_fitter(net, "gaussian", options("samples=256, reduce=%s", kind).text, out);
}

/* The whole way; stops at the first failure. */
static ad_status run(objects *o, fault_alloc *faults, const char *kind)
{
    static float heat[TINY_SIDE * TINY_SIDE], data[16 * 16 * 8];
    static uint8_t pixels[TINY_PIXELS];
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    float score;
    ad_scorer_save_options embed;
    ad_scorer_save_options_init(&embed, sizeof embed);
    embed.embed_backbone = 1;
    ad_features features = {.struct_size = sizeof features, .layer = "shallow", .data = data,
                            .capacity = 16 * 16 * 8};
    const char *paths[] = {picture, picture};
    ad_evaluation evaluation = {.struct_size = sizeof evaluation};
    ad_status s = AD_OK;
    ad_image view;
    tiny_callback(pixels, 3, &view);
    TRY(make_context(faults, &o->context));
    TRY(tiny_open(o->context, weights, &o->net));
    TRY(ad_dataset_from_callback(o->context, tiny_callback, pixels, 12, &o->good));
    TRY(ad_dataset_open_list(o->context, paths, NULL, 2, &o->list));
    TRY(ad_dataset_select(o->list, (const int64_t[]){1}, 1, &o->part));
    TRY(make_fitter(o->net, kind, &o->fit));
    TRY(make_fitter(o->net, kind, &o->other));
    TRY(ad_fitter_add(o->other, &view));
    TRY(ad_fit(o->fit, o->good, NULL, &o->scorer));
    TRY(ad_fitter_merge(o->fit, o->other));
    TRY(ad_anomaly_map(o->scorer, &view, &map, &score));
    TRY(ad_scorer_save(o->scorer, file, &embed));
    TRY(ad_scorer_load(o->context, file, NULL, &o->loaded));
    TRY(ad_scorer_save(o->scorer, file, NULL));
    TRY(ad_scorer_load_onto(o->net, file, &o->onto));
    TRY(ad_image_write_png(o->context, &view, picture));
    TRY(ad_image_read(o->context, picture, NULL, &o->image));
    TRY(ad_extract_features(o->net, &view, NULL, &features, 1));
    TRY(ad_evaluate(o->loaded, o->list, NULL, &evaluation, NULL));
    return s;
}

static void release(objects *o)
{
    ad_image_release(&o->image);
    ad_context_destroy(o->context); /* parents first: the children keep them */
    ad_backbone_destroy(o->net);
    ad_dataset_destroy(o->good);
    ad_dataset_destroy(o->list);
    ad_dataset_destroy(o->part);
    ad_fitter_destroy(o->other);
    ad_fitter_destroy(o->fit);
    ad_scorer_destroy(o->scorer);
    ad_scorer_destroy(o->onto);
    ad_scorer_destroy(o->loaded);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    static const char *const kinds[] = {"none", "npca:0.8", "padim"};
    for (int r = 0; r < 3; r++) {
        long failures = 0;
        for (long n = 1;; n++) {
            fault_alloc faults = {.fail_at = n};
            objects o = {0};
            const ad_status status = run(&o, &faults, kinds[r]);
            if (status != AD_OK) {
                if (status != AD_ERR_OUT_OF_MEMORY || !strstr(ad_last_error_message(), "out of memory"))
                    fail_msg("allocation %ld: %s, '%s'", n, ad_status_name(status),
                             ad_last_error_message());
                failures++;
            }
            release(&o);
            if (atomic_load(&faults.live))
                fail_msg("allocation %ld fails: %ld blocks leak", n, atomic_load(&faults.live));
            if (atomic_load(&faults.calls) < n) { /* it was not reached: all were tried */
                assert_int_equal(status, AD_OK);
                break;
            }
        }
        assert_true(failures > 100);
    }
}

static int set_up(void **state)
{
    (void)state;
    weights = tiny_path("weights");
    file = tiny_path("scorer");
    picture = tiny_path("picture");
    return tiny_weights(weights, "");
}

static int tear_down(void **state)
{
    (void)state;
    unlink(weights);
    unlink(file);
    unlink(picture);
    free(weights);
    free(file);
    free(picture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_can_fail)};
    return cmocka_run_group_tests_name("allocation_failure", tests, set_up, tear_down);
}
