/* Memory of fits, for every method: it is known beforehand, a finished training gives it back, and
 * where there is none a call says so and can be made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>

#include "method_contract.h"

/* ---- ad_fitter_memory() is true ---- */

typedef struct watched {
    fault_alloc *counter;
    const ad_fitter *fitter;
    long before; /* bytes held when there was no fitter */
    size_t told; /* when all images were added */
    int calls;
} watched;

static void expect_within(const watched *w, const method_row *r, long bytes, const char *when)
{
    const size_t told = ad_fitter_memory(w->fitter);
    if ((size_t)(bytes - w->before) > told)
        fail_msg("%s '%s', %s: the fit says %zu bytes and holds %ld", r->method, r->options, when,
                 told, bytes - w->before);
}

/* In callbacks, where calls on the fitter are made. */
static int look(watched *w)
{
    const long held = atomic_load(&w->counter->bytes) - w->before;
    if ((size_t)held > ad_fitter_memory(w->fitter))
        fail_msg("in a callback the fit says %zu bytes and holds %ld", ad_fitter_memory(w->fitter),
                 held);
    if (ad_fitter_memory(w->fitter) < w->told)
        fail_msg("in a callback the fit says %zu bytes, before it %zu", ad_fitter_memory(w->fitter),
                 w->told);
    w->calls++;
    return 0;
}

static int on_part(void *user, double fraction)
{
    (void)fraction;
    return look(user);
}

static int on_batch(void *user, const ad_train_progress *p)
{
    (void)p;
    return look(user);
}

/* The Gaussian's says what its sums hold while images are added, and leaves out what it takes to
 * make a scorer of them. */
static int counts_the_end(const method_row *r)
{
    return strcmp(r->method, "gaussian") != 0;
}

/* With variants of what is kept of the images. */
static const char *const caches[] = {"", "feature_cache=0", "feature_cache=13000"};

static int has_cache(const method_row *r, int i)
{
    return i == 0 ||
           (r->student && strcmp(r->method, "ast") != 0); /* which refuses what does not fit */
}

static void memory_is_known(void **state)
{
    (void)state;
    EACH_ROW(r)
    for (int i = 0; i < 3 && has_cache(r, i); i++)
        for (int resume = 0; resume < 2; resume++) {
            fault_alloc counter = {0};
            ad_context *context = counted_context(&counter, 0);
            ad_backbone *net = row_network(context, r);
            ad_student *s = r->student ? row_student(net, r, 3) : NULL;
            ad_scorer *scorer = NULL;
            watched w = {.counter = &counter, .before = atomic_load(&counter.bytes)};
            if (!resume)
                forget();
            ad_fitter *fit = row_fitter(net, s, r, caches[i]);
            w.fitter = fit;
            ad_fit_options o;
            ad_fit_options_init(&o, sizeof o);
            o.progress = counts_the_end(r) ? on_part : NULL;
            o.train = on_batch;
            o.user = &w;
            o.checkpoint_dir = r->student ? folder : NULL;
            o.resume = r->student && resume;
            for (int64_t k = 0; k < row_images(r); k++) {
                atomic_store(&counter.peak, atomic_load(&counter.bytes));
                add_range(fit, k, k + 1);
                expect_within(&w, r, atomic_load(&counter.peak), "an image is added");
            }
            const size_t told = w.told = ad_fitter_memory(fit);
            const long added = atomic_load(&counter.bytes);
            atomic_store(&counter.peak, added);
            assert_int_equal(ad_fit(fit, NULL, &o, &scorer), AD_OK);
            const size_t held = (size_t)(atomic_load(&counter.peak) - w.before);
            if (held > told && counts_the_end(r))
                fail_msg("%s '%s, %s': the fit says %zu bytes and holds %zu", r->method, r->options,
                         caches[i], told, held);
            /* a device's memory is told, and not counted here */
            if (r->student && !test_device() && told > held + held / 4)
                fail_msg("%s '%s, %s': the fit says %zu bytes and holds only %zu", r->method,
                         r->options, caches[i], told, held);
            assert_true(!r->student || resume || w.calls > 6);
            if (counts_the_end(r))
                expect_within(&w, r, atomic_load(&counter.bytes), "it has finished");
            ad_scorer_destroy(scorer);
            const long after = atomic_load(&counter.bytes);
            if (after > added)
                fail_msg("%s '%s, %s': %ld bytes of the training stay", r->method, r->options,
                         caches[i], after - added);
            ad_fitter_destroy(fit);
            assert_int_equal(atomic_load(&counter.bytes), w.before);
            ad_student_destroy(s);
            ad_backbone_destroy(net);
            ad_context_destroy(context);
            assert_int_equal(atomic_load(&counter.live), 0);
        }
    forget();
}

/* What is needed is said, one byte less is refused, and nothing is kept of the attempt. */
static void memory_limit(void **state)
{
    (void)state;
    EACH_TRAINED(r)
    {
        fault_alloc counter = {0};
        ad_context *context = counted_context(&counter, 0);
        ad_backbone *net = row_network(context, r);
        ad_student *s = row_student(net, r, 3);
        ad_fitter *fit = NULL;
        char text[100];
        uint64_t needed = 0;
        const long before = atomic_load(&counter.bytes);
        refused(ad_fitter_create_with(s, options_of(r, "memory_limit=1000", 0).text, &fit),
                AD_ERR_OUT_OF_MEMORY, "bytes, memory_limit is 1000: raise it or lower batch");
        const char *said = strstr(ad_last_error_message(), " takes ");
        assert_non_null(said);
        assert_int_equal(sscanf(said, " takes %" SCNu64, &needed), 1);
        snprintf(text, sizeof text, "memory_limit=%" PRIu64, needed - 1);
        refused(ad_fitter_create_with(s, options_of(r, text, 0).text, &fit), AD_ERR_OUT_OF_MEMORY,
                "memory_limit is ");
        assert_null(fit);
        assert_int_equal(atomic_load(&counter.bytes), before);
        snprintf(text, sizeof text, "memory_limit=%" PRIu64, needed + 1000); /* and no image */
        assert_int_equal(ad_fitter_create_with(s, options_of(r, text, 0).text, &fit), AD_OK);
        tiny_frame frame;
        ad_status status = AD_OK;
        int64_t count = 0;
        for (; status == AD_OK && count < 1000; count += status == AD_OK) {
            const ad_image image = tiny_rgbd(&frame, count, 0);
            status = ad_fitter_add(fit, &image);
        }
        if (!strstr(r->options, "cache_file")) { /* whose images are not in memory */
            snprintf(text, sizeof text, "image %" PRId64, count + 1);
            refused(status, AD_ERR_OUT_OF_MEMORY, text);
            assert_int_equal(ad_fitter_count(fit), count);
        }
        ad_fitter_destroy(fit);
        assert_int_equal(atomic_load(&counter.bytes), before);
        ad_student_destroy(s);
        ad_backbone_destroy(net);
        ad_context_destroy(context);
        assert_int_equal(atomic_load(&counter.live), 0);
    }
}

/* Parents may go first. */
static void lifetimes(void **state)
{
    (void)state;
    EACH_ROW(r)
    {
        fault_alloc counter = {0};
        ad_context *context = counted_context(&counter, 0);
        ad_backbone *net = row_network(context, r);
        ad_student *s = r->student ? row_student(net, r, 3) : NULL;
        ad_fitter *fit = row_fitter(net, s, r, NULL);
        ad_student_destroy(s);
        ad_backbone_destroy(net);
        ad_context_destroy(context);
        ad_scorer *scorer = row_finish(fit, r);
        assert_true(isfinite(score_of(scorer, 3, 0, NULL)));
        ad_scorer_destroy(scorer);
        assert_int_equal(atomic_load(&counter.live), 0);
    }
}

/* ---- Every allocation can fail ---- */

/* One allocation of these calls fails. The call that meets it says so, changes nothing that lasts,
 * and succeeds when it is made again. */
typedef struct faulty {
    fault_alloc faults;
    long failures;
} faulty;

static void again(faulty *x, const method_row *r, ad_status status)
{
    if (status != AD_ERR_OUT_OF_MEMORY || !strstr(ad_last_error_message(), "out of memory"))
        fail_msg("%s '%s', allocation %ld: %s, '%s'", r->method, r->options,
                 atomic_load(&x->faults.calls), ad_status_name(status), ad_last_error_message());
    x->failures++;
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        ad_status status_ = call;                                                                  \
        if (status_ != AD_OK) {                                                                    \
            again(&x, r, status_);                                                                 \
            status_ = call;                                                                        \
        }                                                                                          \
        if (status_ != AD_OK)                                                                      \
            fail_msg("%s '%s', %s, a second time: %s", r->method, r->options, #call,               \
                     ad_last_error_message());                                                     \
    } while (0)

enum { IMAGES = 5, MORE_IMAGES = 12 };

/* The first row of each method, with short trainings of one layer: every allocation is a training.
 */
static int is_first(const method_row *r)
{
    return r == method_rows || strcmp(r[-1].method, r->method) != 0;
}

static const char *quick(const method_row *r)
{
    if (strcmp(r->method, "ast") == 0)
        return "teacher_epochs=1, student_epochs=1";
    if (strncmp(r->method, "stfpm", 5) == 0)
        return "epochs=1, lr=0.05"; /* with more one epoch leaves a student without activations */
    if (r->student) /* four to learn: an embedding of one position takes no batch of one */
        return "epochs=1, size=32, validation_share=0.2";
    return "";
}

static option_text one_layer(const method_row *r)
{
    return options_over(r->student, strcmp(r->method, "masked_rd") == 0 ? "" : "layers=layer2");
}

/* Drawing them would be a third of all the time. */
static ad_image prepared(int64_t i)
{
    static tiny_frame frames[IMAGES];
    static ad_image views[IMAGES];
    if (!views[i].pixels)
        views[i] = tiny_rgbd(&frames[i], i, 0);
    return views[i];
}

static int stop(void *user, const ad_train_progress *p)
{
    (void)user;
    return p->batch == 1;
}

typedef struct scored {
    float score, heat[MAP];
} scored;

/* Fit, score, save and load, with a checkpoint on the way; the n-th allocation fails. Returns
 * whether there was one. */
static int with_a_fault(const method_row *r, const char *path, const char *student_path, long n,
                        scored *out)
{
    faulty x = {0};
    ad_context *context =
        counted_context(&x.faults, 1); /* waking others is most of what such small networks do */
    ad_backbone *net = row_network(context, r);
    ad_student *s = NULL, *read = NULL;
    ad_fitter *fit = NULL, *other = NULL;
    ad_scorer *scorer = NULL, *loaded = NULL, *onto = NULL, *resumed = NULL;
    const ad_map map = AD_MAP_INIT(out->heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    const ad_image first = prepared(0), bad = prepared(IMAGES - 1);
    const option_text fit_options = options_of(r, quick(r), 0);
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.checkpoint_dir = r->student ? folder : NULL;
    ad_scorer_save_options embed;
    ad_scorer_save_options_init(&embed, sizeof embed);
    embed.embed_backbone = 1;
    forget();
    atomic_store(&x.faults.calls, 0);
    x.faults.fail_at = n;
    if (r->student) {
        TRY(ad_student_create(net, r->method, one_layer(r).text, &s));
        TRY(ad_fitter_create_with(s, fit_options.text, &fit));
    } else {
        TRY(ad_fitter_create(net, r->method, fit_options.text, &fit));
        TRY(ad_fitter_create(net, r->method, fit_options.text, &other));
        TRY(ad_fitter_add(other, &first));
        TRY(ad_fitter_merge(fit, other));
    }
    for (int64_t i = 0; i < (r->student ? IMAGES : MORE_IMAGES); i++) {
        const ad_image image = prepared(i % IMAGES);
        TRY(ad_fitter_add(fit, &image));
    }
    if (r->student) { /* with a checkpoint of its first batch */
        o.train = stop;
        const ad_status status = ad_fit(fit, NULL, &o, &scorer);
        if (status != AD_ERR_CANCELLED)
            again(&x, r, status);
        o.train = NULL;
    }
    TRY(ad_fit(fit, NULL, &o, &scorer));
    TRY(ad_anomaly_map(scorer, &bad, &map, &out->score));
    TRY(ad_scorer_save(scorer, path, &embed));
    TRY(ad_scorer_load(context, path, NULL, &loaded));
    TRY(ad_scorer_load_onto(net, path, &onto));
    if (s) {
        TRY(ad_student_save(s, student_path));
        TRY(ad_student_load(net, student_path, NULL, NULL, &read));
        assert_true(same_student(s, read));
    }
    if (s && access(checkpoint, R_OK) == 0) { /* else it was the writing of it that failed */
        o.resume = 1;                         /* at the end of the training */
        TRY(ad_fitter_create_with(read, fit_options.text, &other));
        for (int64_t i = 0; i < IMAGES; i++) {
            const ad_image image = prepared(i);
            TRY(ad_fitter_add(other, &image));
        }
        TRY(ad_fit(other, NULL, &o, &resumed));
    }
    const int reached = atomic_load(&x.faults.calls) >= n;
    x.faults.fail_at = 0;
    float score;
    assert_int_equal(ad_score_image(loaded, &bad, &score), AD_OK);
    assert_true(score == out->score);
    if (resumed) {
        assert_int_equal(ad_score_image(resumed, &bad, &score), AD_OK);
        if (score != out->score)
            fail_msg("%s '%s', allocation %ld fails: %g is scored, from the checkpoint %g",
                     r->method, r->options, n, (double)out->score, (double)score);
    }
    ad_student_destroy(read);
    ad_student_destroy(s);
    ad_context_destroy(context);
    ad_backbone_destroy(net);
    ad_fitter_destroy(other);
    ad_fitter_destroy(fit);
    ad_scorer_destroy(scorer);
    ad_scorer_destroy(onto);
    ad_scorer_destroy(loaded);
    ad_scorer_destroy(resumed);
    if (atomic_load(&x.faults.live))
        fail_msg("%s '%s', allocation %ld fails: %ld blocks leak", r->method, r->options, n,
                 atomic_load(&x.faults.live));
    return reached;
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    char *path = tiny_fast_path("scorer"), *student_path = tiny_fast_path("student");
    EACH_ROW(r)
    if (is_first(r)) {
        static scored want, got;
        with_a_fault(r, path, student_path, 0, &want);
        assert_true(want.heat[0] != want.heat[MAP / 2]); /* it looks at something */
        long n = 1;
        for (; with_a_fault(r, path, student_path, n, &got); n++)
            if (got.score != want.score || memcmp(got.heat, want.heat, sizeof got.heat) != 0)
                fail_msg("%s '%s': allocation %ld fails, and the scores are others", r->method,
                         r->options, n);
        assert_true(n > 50);
    }
    forget();
    unlink(path);
    unlink(student_path);
    free(path);
    free(student_path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_known),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(lifetimes),
        cmocka_unit_test(every_allocation_can_fail),
    };
    asked_method = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests_name("method_memory", tests, set_up_checkpoints,
                                       tear_down_checkpoints);
}
