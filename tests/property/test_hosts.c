/* Hosts as they are: threads with little stack, hundreds of them at once, thousands one after the other, and languages that
 * write numbers in other ways. */
#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/tiny.h"

enum { IMAGES = 10, SMALL_STACK = 128 << 10 };

typedef struct world {
    char *weights;
    fault_alloc heap;
    ad_context *context;
    ad_backbone *net;
    ad_scorer *scorer;
    float wanted; /* of image 70 */
} world;

static ad_status fit_one(ad_backbone *net, ad_context *context, ad_scorer **out)
{
    tiny_frame *frame = malloc(sizeof *frame); /* not on a small stack */
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_status status = ad_dataset_from_callback(context, tiny_rgbd_callback, frame, IMAGES, &good);
    if (status == AD_OK)
        status = ad_fitter_create(net, "gaussian", NULL, &fitter);
    if (status == AD_OK)
        status = ad_fit(fitter, good, NULL, out);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    free(frame);
    return status;
}

static ad_status score_one(ad_scorer *scorer, float *out)
{
    tiny_frame *frame = malloc(sizeof *frame);
    const ad_image image = tiny_rgbd(frame, 70, 1);
    const ad_status status = ad_score_image(scorer, &image, out);
    free(frame);
    return status;
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    *state = w;
    w->weights = tiny_fast_path("weights");
    o.alloc = fault_alloc_get;
    o.free = fault_alloc_put;
    o.alloc_user = &w->heap;
    o.num_threads = 2;
    return tiny_weights(w->weights, "") || ad_context_create(&o, &w->context) || tiny_open(w->context, w->weights, &w->net)
           || fit_one(w->net, w->context, &w->scorer) || score_one(w->scorer, &w->wanted);
}

static int tear_down(void **state)
{
    world *w = *state;
    ad_scorer_destroy(w->scorer);
    ad_backbone_destroy(w->net);
    ad_context_destroy(w->context);
    const long live = atomic_load(&w->heap.live);
    unlink(w->weights);
    free(w->weights);
    free(w);
    return live != 0;
}

typedef struct job {
    pthread_t thread;
    const world *w;
    int fits;
    ad_status status;
    float score;
    char sentence[256];
} job;

static void *work(void *user)
{
    job *j = user;
    ad_scorer *own = NULL;
    j->status = j->fits ? fit_one(j->w->net, j->w->context, &own) : AD_OK;
    if (j->status == AD_OK)
        j->status = score_one(own ? own : j->w->scorer, &j->score);
    if (j->status != AD_OK)
        snprintf(j->sentence, sizeof j->sentence, "%s", ad_last_error_message());
    ad_scorer_destroy(own);
    return NULL;
}

static void check(const job *j)
{
    if (j->status != AD_OK)
        fail_msg("%s, '%s'", ad_status_name(j->status), j->sentence);
    assert_true(j->score == j->w->wanted);
}

static void many_threads_at_once(void **state)
{
    enum { SCORE = 300, FIT = 100, ALL = SCORE + FIT };
    job *jobs = calloc(ALL, sizeof *jobs);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    for (int i = 0; i < ALL; i++) {
        jobs[i].w = *state;
        jobs[i].fits = i % 4 == 0;
        assert_int_equal(pthread_create(&jobs[i].thread, &small, work, &jobs[i]), 0);
    }
    for (int i = 0; i < ALL; i++)
        pthread_join(jobs[i].thread, NULL);
    for (int i = 0; i < ALL; i++)
        check(&jobs[i]);
    pthread_attr_destroy(&small);
    free(jobs);
}

static void a_small_stack(void **state)
{
    job j = {.w = *state, .fits = 1};
    pthread_attr_t small;
    pthread_attr_init(&small);
    assert_int_equal(pthread_attr_setstacksize(&small, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&j.thread, &small, work, &j), 0);
    pthread_join(j.thread, NULL);
    check(&j);
    pthread_attr_destroy(&small);
}

static long resident_pages(void)
{
    long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &size, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident;
}

/* What a thread leaves behind would be small, and be there a thousand times. */
static void a_thousand_threads_leave_nothing(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* a sanitizer keeps what was freed */
#endif
    world *w = *state;
    long before = 0, blocks = 0;
    for (int i = 0; i < 1000; i++) {
        job j = {.w = w};
        if (i == 200) {
            before = resident_pages();
            blocks = atomic_load(&w->heap.live);
        }
        assert_int_equal(pthread_create(&j.thread, NULL, work, &j), 0);
        pthread_join(j.thread, NULL);
        check(&j);
    }
    assert_int_equal(atomic_load(&w->heap.live), blocks);
    assert_true(resident_pages() - before < 1000); /* 4 MB: 5 kB a thread would be as much */
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

/* As any program's: by the umask, not those of the temporary file. */
static void modes_of_new_files(void **state)
{
    const world *w = *state;
    static const mode_t masks[] = {022, 077, 002};
    char *path = tiny_fast_path("new");
    ad_student *student = NULL;
    tiny_frame frame;
    const ad_image image = tiny_rgbd(&frame, 1, 0);
    assert_int_equal(tiny_student(w->net, "stfpm", &student), AD_OK);
    for (int i = 0; i < 3; i++) {
        const mode_t before = umask(masks[i]);
        for (int kind = 0; kind < 3; kind++) {
            const ad_status status = kind == 0   ? ad_scorer_save(w->scorer, path, NULL)
                                     : kind == 1 ? ad_student_save(student, path)
                                                 : ad_image_write_png(w->context, &image, path);
            assert_int_equal(status, AD_OK);
            assert_int_equal(mode_of(path), 0666 & ~masks[i]);
            unlink(path);
        }
        umask(before);
    }
    ad_student_destroy(student);
    free(path);
}

/* ---- Languages ---- */

static uint8_t *saved_bytes(const world *w, const char *path, size_t *out_size)
{
    ad_fitter *fitter = NULL;
    ad_dataset *good = NULL;
    ad_scorer *scorer = NULL;
    static tiny_frame frame;
    static const char options[] =
        "reduce=npca:0.875, blur_sigma=1.5, pixel=dense"; /* tr_TR: no i in capitals */
    assert_int_equal(ad_fitter_create(w->net, "gaussian", options, &fitter), AD_OK);
    assert_int_equal(ad_dataset_from_callback(w->context, tiny_rgbd_callback, &frame, IMAGES, &good), AD_OK);
    assert_int_equal(ad_fit(fitter, good, NULL, &scorer), AD_OK);
    assert_int_equal(ad_scorer_save(scorer, path, NULL), AD_OK);
    ad_scorer_destroy(scorer);
    assert_int_equal(ad_scorer_load(w->context, path, w->weights, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 20);
    *out_size = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

/* Made for the test where the machine has the sources of locales but not the locale. */
static int set_locale(const char *folder, const char *name, const char *source)
{
    char command[1024];
    unsetenv("LOCPATH"); /* a name that was not found in a folder once is not looked for there again */
    if (setlocale(LC_ALL, name))
        return 1;
    snprintf(command, sizeof command, "localedef -c -i %s -f UTF-8 '%s/%s' >/dev/null 2>&1", source, folder, name);
    if (system(command) > 256) /* 1: there were warnings */
        return 0;
    setenv("LOCPATH", folder, 1);
    return setlocale(LC_ALL, name) != NULL;
}

static void the_same_file_in_every_language(void **state)
{
    const world *w = *state;
    static const char *const names[][2] = {{"de_DE.UTF-8", "de_DE"}, {"tr_TR.UTF-8", "tr_TR"}};
    char *path = tiny_fast_path("scorer"), folder[] = "/tmp/adfeat-locales-XXXXXX", command[64];
    size_t size, other_size;
    uint8_t *plain = saved_bytes(w, path, &size);
    int tried = 0;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 2; i++) {
        if (!set_locale(folder, names[i][0], names[i][1])) {
            printf("no locale %s on this machine, and none can be made\n", names[i][0]);
            continue;
        }
        uint8_t *other = saved_bytes(w, path, &other_size);
        setlocale(LC_ALL, "C");
        assert_int_equal(other_size, size);
        assert_memory_equal(other, plain, size);
        free(other);
        tried++;
    }
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    unlink(path);
    free(path);
    free(plain);
    if (!tried)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_at_once),     cmocka_unit_test(a_small_stack),
        cmocka_unit_test(a_thousand_threads_leave_nothing), cmocka_unit_test(modes_of_new_files),
        cmocka_unit_test(the_same_file_in_every_language),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
