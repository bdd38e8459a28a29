/* What a host may call from a callback: what would corrupt the call that runs is AD_ERR_STATE, all else works, and the
 * call that runs ends with the bits that it has undisturbed. Every callback meets every call. Also run under the thread
 * sanitizer: calls from a second thread are told likewise. */
#include <pthread.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/tiny.h"

enum { IMAGES = 8 };

/* Where a call can come from. */
enum { FROM_IMAGE, FROM_PROGRESS, FROM_TRAIN, FROM_ALLOC, FROM_FREE, FROM_LOG, PLACES };
static const char *const places[PLACES] = {"image", "progress", "train", "alloc", "free", "log"};

enum { GAUSSIAN, STFPM, AST, METHODS };
static const char *const methods[METHODS] = {"gaussian", "stfpm", "ast"};

struct world;
typedef ad_status (*call_function)(struct world *w);

typedef struct world {
    int method;
    char *weights, *file;
    ad_context *context;
    ad_backbone *net;
    ad_student *student; /* of fitter and second; NULL for methods without */
    ad_fitter *fitter, *second;
    ad_scorer *scorer; /* another fit's */
    ad_dataset *good;
    tiny_frame frame, own;
    /* The call that callbacks of one place make, and what came of it. */
    int place, inside, training, destroyed;
    call_function call;
    long made, refused, others;
    char sentence[1024];
} world;

static void from(world *w, int place)
{
    if (!w->call || w->place != place || w->inside)
        return;
    w->inside = 1;
    const ad_status status = w->call(w);
    w->made++;
    w->refused += status == AD_ERR_STATE;
    w->others += status != AD_OK && status != AD_ERR_STATE;
    if (status != AD_OK)
        snprintf(w->sentence, sizeof w->sentence, "%s: %s", ad_status_name(status), ad_last_error_message());
    w->inside = 0;
}

static int on_image(void *user, int64_t index, ad_image *out_image)
{
    world *w = user;
    from(w, FROM_IMAGE);
    *out_image = tiny_rgbd(&w->frame, index, 0);
    return 0;
}

static int on_progress(void *user, double fraction)
{
    (void)fraction;
    from(user, FROM_PROGRESS);
    return 0;
}

static int on_train(void *user, const ad_train_progress *progress)
{
    (void)progress;
    from(user, FROM_TRAIN);
    return 0;
}

static void on_log(void *user, ad_log_level level, const char *text)
{
    (void)level;
    (void)text;
    from(user, FROM_LOG);
}

static void *on_alloc(void *user, size_t bytes, size_t alignment)
{
    from(user, FROM_ALLOC);
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void on_free(void *user, void *pointer)
{
    from(user, FROM_FREE);
    free(pointer);
}

static ad_fitter *new_fitter(world *w)
{
    ad_fitter *fitter = NULL;
    const char *method = methods[w->method];
    if (w->student ? ad_fitter_create_with(
            w->student, options("size=32, %s", tiny_training_options(method)).text, &fitter)
                   : ad_fitter_create(w->net, method, NULL, &fitter))
        fail_msg("%s", ad_last_error_message());
    return fitter;
}

static void add_two(ad_fitter *fitter)
{
    tiny_frame frame;
    for (int64_t i = 0; i < 4; i++) {
        const ad_image image = tiny_rgbd(&frame, 50 + i, 0);
        assert_int_equal(ad_fitter_add(fitter, &image), AD_OK);
    }
}

static void open_world(world *w, int method)
{
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    *w = (world){.method = method, .weights = tiny_fast_path("weights"), .file = tiny_fast_path("file")};
    o.alloc = on_alloc;
    o.free = on_free;
    o.log = on_log;
    o.alloc_user = o.log_user = w;
    o.num_threads = 2;
    assert_int_equal(tiny_weights(w->weights, ""), 0);
    assert_int_equal(ad_context_create(&o, &w->context), AD_OK);
    assert_int_equal(tiny_open(w->context, w->weights, &w->net), AD_OK);
    if (method != GAUSSIAN)
        assert_int_equal(tiny_student(w->net, methods[method], &w->student), AD_OK);
    assert_int_equal(ad_dataset_from_callback(w->context, on_image, w, IMAGES, &w->good), AD_OK);
    ad_fitter *plain = NULL;
    assert_int_equal(ad_fitter_create(w->net, "gaussian", NULL, &plain), AD_OK);
    assert_int_equal(ad_fit(plain, w->good, NULL, &w->scorer), AD_OK);
    ad_fitter_destroy(plain);
    w->fitter = new_fitter(w);
    w->second = new_fitter(w);
    add_two(w->second);
}

static void close_world(world *w)
{
    w->call = NULL;
    if (!(w->destroyed & 1))
        ad_fitter_destroy(w->fitter);
    ad_fitter_destroy(w->second);
    if (!(w->destroyed & 2))
        ad_scorer_destroy(w->scorer);
    ad_student_destroy(w->student);
    if (!(w->destroyed & 4))
        ad_dataset_destroy(w->good);
    ad_backbone_destroy(w->net);
    ad_context_destroy(w->context);
    unlink(w->weights);
    unlink(w->file);
    free(w->weights);
    free(w->file);
}

/* ---- The calls ---- */

static ad_status call_add(world *w)
{
    const ad_image image = tiny_rgbd(&w->own, 70, 0);
    return ad_fitter_add(w->fitter, &image);
}

static ad_status call_merge_into(world *w)
{
    return ad_fitter_merge(w->fitter, w->second);
}

static ad_status call_merge_from(world *w)
{
    return ad_fitter_merge(w->second, w->fitter);
}

static ad_status call_finish(world *w)
{
    ad_scorer *scorer = (ad_scorer *)(void *)w;
    const ad_status status = ad_fitter_finish(w->fitter, &scorer);
    assert_true((status == AD_OK) == (scorer != NULL));
    ad_scorer_destroy(scorer);
    return status;
}

static ad_status call_fit_on(world *w)
{
    ad_scorer *scorer = NULL;
    const ad_status status = ad_fit(w->fitter, NULL, NULL, &scorer);
    ad_scorer_destroy(scorer);
    return status;
}

static ad_status call_fit(world *w)
{
    ad_scorer *scorer = NULL;
    const ad_status status = ad_fit(w->fitter, w->good, NULL, &scorer);
    ad_scorer_destroy(scorer);
    return status;
}

static ad_status call_second_finish(world *w)
{
    ad_scorer *scorer = NULL;
    const ad_status status = ad_fitter_finish(w->second, &scorer);
    ad_scorer_destroy(scorer);
    return status;
}

static ad_status call_count(world *w)
{
    const int64_t count = ad_fitter_count(w->fitter);
    return count >= 0 && count <= IMAGES && ad_fitter_memory(w->fitter) > 0 ? AD_OK : AD_ERR_NUMERIC;
}

static ad_status call_destroy(world *w)
{
    if (!(w->destroyed & 1))
        ad_fitter_destroy(w->fitter);
    w->destroyed |= 1;
    return AD_OK;
}

static ad_status call_destroy_dataset(world *w)
{
    if (!(w->destroyed & 4))
        ad_dataset_destroy(w->good);
    w->destroyed |= 4;
    return AD_OK;
}

static ad_status call_read(world *w)
{
    ad_image image = {0};
    const ad_status status = ad_dataset_read_image(w->good, 5, NULL, &image);
    ad_image_release(&image);
    return status;
}

static ad_status call_sample(world *w)
{
    ad_sample sample = {.struct_size = sizeof sample};
    return ad_dataset_count(w->good) == IMAGES ? ad_dataset_get(w->good, 2, &sample) : AD_ERR_NUMERIC;
}

static ad_status call_score(world *w)
{
    float score;
    const ad_image image = tiny_rgbd(&w->own, 71, 0);
    return ad_score_image(w->scorer, &image, &score);
}

static ad_status call_evaluate(world *w)
{
    ad_evaluation e = {.struct_size = sizeof e};
    return ad_evaluate(w->scorer, w->good, NULL, &e, NULL);
}

static ad_status call_save(world *w)
{
    return w->student ? ad_student_save(w->student, w->file) : ad_scorer_save(w->scorer, w->file, NULL);
}

static ad_status call_info(world *w)
{
    ad_student_info info = {.struct_size = sizeof info};
    return w->student ? ad_student_get_info(w->student, &info) : AD_OK;
}

static ad_status call_create(world *w)
{
    ad_fitter_destroy(new_fitter(w));
    return AD_OK;
}

static ad_status call_features(world *w)
{
    static float data[8 * 16 * 16];
    const ad_image image = tiny_rgbd(&w->own, 72, 0);
    ad_features features = {.struct_size = sizeof features, .layer = "shallow", .data = data, .capacity = 8 * 16 * 16};
    return ad_extract_features(w->net, &image, NULL, &features, 1);
}

/* R: always refused. W: always works. H: refused while an image of the dataset is held. S: refused while the student is
 * trained (methods without one: works). E: either, since the place is met both in and out of that. N: never called. */
typedef struct pair_row {
    const char *name;
    call_function call;
    char expected[PLACES + 1]; /* image, progress, train, alloc, free, log */
} pair_row;

static const pair_row rows[] = {
    {"ad_fitter_add", call_add, "RRRRRR"},
    {"ad_fitter_merge into it", call_merge_into, "RRRRRR"},
    {"ad_fitter_merge from it", call_merge_from, "RRRRRR"},
    {"ad_fitter_finish", call_finish, "RRRRRR"},
    {"ad_fit without images", call_fit_on, "RRRRRR"},
    {"ad_fit", call_fit, "RRRRRR"},
    {"ad_fitter_count", call_count, "WWWWWW"},
    {"ad_fitter_destroy", call_destroy, "WWWWWW"},
    {"ad_dataset_destroy", call_destroy_dataset, "WWWWWW"},
    {"ad_dataset_read_image", call_read, "RWWEEE"},
    {"ad_dataset_get", call_sample, "WWWWWW"},
    {"ad_score_image", call_score, "WWWWWW"},
    {"ad_evaluate", call_evaluate, "RWWEEE"},
    {"ad_student_save", call_save, "WWWWWW"},
    {"ad_student_get_info", call_info, "WWWWWW"},
    {"ad_fitter_create_with", call_create, "WWWWWW"},
    {"ad_extract_features", call_features, "WWWWWW"},
};

static uint64_t bits_of(ad_scorer *scorer)
{
    tiny_frame frame;
    static float heat[TINY_SIDE * TINY_SIDE];
    uint64_t digest = 0;
    for (int64_t i = 0; i < 3; i++) {
        float score;
        const ad_image image = tiny_rgbd(&frame, 90 + i, 1);
        const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof *heat);
        assert_int_equal(ad_anomaly_map(scorer, &image, &map, &score), AD_OK);
        for (size_t k = 0; k < sizeof heat; k++)
            digest = digest * 31 + ((const unsigned char *)heat)[k];
        digest = digest * 31 + (uint64_t)(score * 1e6f);
    }
    return digest;
}

/* The fit that callbacks disturb; its scorer's bits. */
static uint64_t run_fit(world *w)
{
    ad_fit_options o;
    ad_scorer *scorer = NULL;
    ad_fit_options_init(&o, sizeof o);
    o.progress = on_progress;
    o.train = on_train;
    o.user = w;
    if (ad_fit(w->fitter, w->good, &o, &scorer) != AD_OK)
        fail_msg("%s: %s", methods[w->method], ad_last_error_message());
    w->call = NULL;
    const uint64_t bits = bits_of(scorer);
    ad_scorer_destroy(scorer);
    return bits;
}

static void check_pair(const pair_row *row, const world *w)
{
    const char expected = row->expected[w->place];
    const long worked = w->made - w->refused - w->others;
    if (w->others || (expected == 'R' && worked) || (expected == 'W' && w->refused))
        fail_msg("%s, %s from %s: %ld calls, %ld refused, %ld failed otherwise; %s", methods[w->method], row->name,
                 places[w->place], w->made, w->refused, w->others, w->sentence);
    if (w->refused && !strstr(w->sentence, "in use"))
        fail_msg("%s from %s: '%s'", row->name, places[w->place], w->sentence);
}

static void every_call_from_every_callback(void **state)
{
    (void)state;
    for (int method = 0; method < METHODS; method++) {
        world *w = calloc(1, sizeof *w);
        open_world(w, method);
        const uint64_t undisturbed = run_fit(w);
        close_world(w);
        for (int place = 0; place < PLACES; place++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                open_world(w, method);
                w->place = place;
                w->call = rows[r].call;
                const uint64_t bits = run_fit(w);
                check_pair(&rows[r], w);
                if (bits != undisturbed)
                    fail_msg("%s: %s from %s changed the result", methods[method], rows[r].name, places[place]);
                if (place == FROM_IMAGE || place == FROM_ALLOC || place == FROM_PROGRESS)
                    assert_true(w->made > 0);
                close_world(w);
            }
        free(w);
    }
}

/* Two fitters of one student: while one trains it the other may not. */
static void a_student_has_one_training(void **state)
{
    (void)state;
    for (int method = STFPM; method < METHODS; method++) {
        world *w = calloc(1, sizeof *w);
        open_world(w, method);
        const uint64_t undisturbed = run_fit(w);
        close_world(w);
        open_world(w, method);
        w->place = FROM_TRAIN;
        w->call = call_second_finish;
        assert_true(run_fit(w) == undisturbed);
        assert_true(w->made > 0);
        assert_int_equal(w->refused, w->made);
        assert_non_null(strstr(w->sentence, "the student is in use"));
        close_world(w);
        free(w);
    }
}

static int stop_training(void *user, const ad_train_progress *progress)
{
    (void)user;
    return progress->epoch_done;
}

/* One after the other: what a fit has left of a student that another has trained since fits nothing any more. */
static void a_changed_student_is_not_gone_on_with(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    ad_fit_options o;
    ad_scorer *scorer = NULL;
    ad_fit_options_init(&o, sizeof o);
    o.train = stop_training;
    open_world(w, STFPM);
    assert_int_equal(ad_fit(w->fitter, w->good, &o, &scorer), AD_ERR_CANCELLED);
    assert_int_equal(call_second_finish(w), AD_OK);
    assert_int_equal(call_finish(w), AD_ERR_STATE); /* half a training */
    assert_non_null(strstr(ad_last_error_message(), "another fitter has trained the student"));
    assert_int_equal(call_add(w), AD_OK); /* a new one, as the sentence says */
    assert_int_equal(call_finish(w), AD_OK);
    assert_int_equal(call_finish(w), AD_OK); /* the same again */
    assert_int_equal(call_second_finish(w), AD_ERR_STATE); /* a whole one */
    close_world(w);
    free(w);
}

/* ---- Evaluating, metadata, the steps of a plan ---- */

static ad_status call_batch(world *w)
{
    float scores[2];
    const ad_image image = tiny_rgbd(&w->own, 71, 0), images[2] = {image, image};
    return ad_score_batch(w->scorer, images, 2, NULL, scores);
}

static ad_status call_destroy_scorer(world *w)
{
    if (!(w->destroyed & 2))
        ad_scorer_destroy(w->scorer);
    w->destroyed |= 2;
    return AD_OK;
}

static const pair_row evaluate_rows[] = {
    {"ad_score_image", call_score, "WWNWWW"},       {"ad_score_batch", call_batch, "WWNWWW"},
    {"ad_evaluate", call_evaluate, "RWNEEE"},       {"ad_dataset_read_image", call_read, "RWNEEE"},
    {"ad_dataset_get", call_sample, "WWNWWW"},      {"ad_scorer_save", call_save, "WWNWWW"},
    {"ad_scorer_destroy", call_destroy_scorer, "WWNWWW"},
    {"ad_dataset_destroy", call_destroy_dataset, "WWNWWW"}};

static void every_call_while_evaluating(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    float undisturbed[IMAGES], scores[IMAGES];
    ad_evaluation e = {.struct_size = sizeof e};
    ad_evaluate_options o;
    ad_evaluate_options_init(&o, sizeof o);
    o.progress = on_progress;
    o.user = w;
    open_world(w, GAUSSIAN);
    assert_int_equal(ad_evaluate(w->scorer, w->good, &o, &e, undisturbed), AD_OK);
    close_world(w);
    for (int place = 0; place < PLACES; place++)
        for (size_t r = 0; place != FROM_TRAIN && r < sizeof evaluate_rows / sizeof *evaluate_rows; r++) {
            open_world(w, GAUSSIAN);
            w->place = place;
            w->call = evaluate_rows[r].call;
            assert_int_equal(ad_evaluate(w->scorer, w->good, &o, &e, scores), AD_OK);
            check_pair(&evaluate_rows[r], w);
            assert_memory_equal(scores, undisturbed, sizeof scores);
            close_world(w);
        }
    free(w);
}

static int on_step(void *user, const ad_step_info *step)
{
    world *w = user;
    (void)step;
    w->made++;
    if (w->net && w->made == 2) /* the caller's reference goes while the walk goes on */
        ad_backbone_destroy(w->net);
    else if (w->made == 1)
        assert_int_equal(call_features(w), AD_OK);
    return 0;
}

static int on_entry(void *user, const char *key, const char *value)
{
    world *w = user;
    (void)key;
    (void)value;
    w->made++;
    assert_int_equal(call_score(w), AD_OK);
    assert_int_equal(ad_scorer_save(w->scorer, w->file, NULL), AD_OK); /* over the file that is read */
    return 0;
}

static void steps_and_metadata(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    open_world(w, GAUSSIAN);
    assert_int_equal(ad_scorer_save(w->scorer, w->file, NULL), AD_OK);
    assert_int_equal(ad_file_metadata(w->context, w->file, on_entry, w), AD_OK);
    assert_true(w->made > 5);
    w->made = 0;
    assert_int_equal(ad_backbone_profile(w->net, NULL, NULL, 1, on_step, w), AD_OK);
    assert_true(w->made > 2);
    w->net = NULL;
    close_world(w);
    free(w);
}

/* ---- Two threads ---- */

typedef struct adder {
    ad_fitter *fitter;
    long added, refused, others;
} adder;

static void *add_many(void *user)
{
    adder *a = user;
    tiny_frame frame;
    for (int64_t i = 0; i < 200; i++) {
        const ad_image image = tiny_rgbd(&frame, i, 0);
        const ad_status status = ad_fitter_add(a->fitter, &image);
        a->added += status == AD_OK;
        a->refused += status == AD_ERR_STATE;
        a->others += status != AD_OK && status != AD_ERR_STATE;
    }
    return NULL;
}

static void two_threads_in_one_fitter(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    pthread_t threads[2];
    adder adders[2] = {{0}, {0}};
    open_world(w, GAUSSIAN);
    for (int t = 0; t < 2; t++) {
        adders[t].fitter = w->fitter;
        assert_int_equal(pthread_create(&threads[t], NULL, add_many, &adders[t]), 0);
    }
    for (int t = 0; t < 2; t++)
        pthread_join(threads[t], NULL);
    assert_int_equal(adders[0].others + adders[1].others, 0);
    assert_int_equal(ad_fitter_count(w->fitter), adders[0].added + adders[1].added); /* each once */
    close_world(w);
    free(w);
}

typedef struct saver {
    world *w;
    atomic_int stop;
    long saved, others;
} saver;

static void *save_many(void *user)
{
    saver *s = user;
    ad_student_info info = {.struct_size = sizeof info};
    while (!atomic_load(&s->stop)) {
        const ad_status status = ad_student_save(s->w->student, s->w->file);
        const ad_status asked = ad_student_get_info(s->w->student, &info);
        s->saved += status == AD_OK;
        s->others += (status != AD_OK && status != AD_ERR_STATE) || (asked != AD_OK && asked != AD_ERR_STATE);
    }
    return NULL;
}

/* A file of half an update would be a student that nobody trained. */
static void saving_from_another_thread(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    pthread_t thread;
    open_world(w, STFPM);
    saver s = {.w = w};
    assert_int_equal(pthread_create(&thread, NULL, save_many, &s), 0);
    ad_scorer *scorer = NULL;
    for (int i = 0; i < 5; i++) {
        ad_status status;
        do
            status = ad_fit(w->fitter, w->good, NULL, &scorer); /* refused while the student is being saved */
        while (status == AD_ERR_STATE);
        assert_int_equal(status, AD_OK);
        ad_scorer_destroy(scorer);
    }
    atomic_store(&s.stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(s.others, 0);
    close_world(w);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_from_every_callback),
        cmocka_unit_test(a_student_has_one_training),
        cmocka_unit_test(a_changed_student_is_not_gone_on_with),
        cmocka_unit_test(every_call_while_evaluating),
        cmocka_unit_test(steps_and_metadata),
        cmocka_unit_test(two_threads_in_one_fitter),
        cmocka_unit_test(saving_from_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
