/* Files of an older program: scorers give the scores and maps that they gave, students give the
 * scorers that were made of them, and trainings resume from their checkpoints. The same fits give
 * the same scorers. make_scorers.c wrote the files and old_scorers.h. */
#include "golden/scorer_cases.h"

#include <sys/stat.h>

#include "golden/old_scorers.h"
#include "harness/test_device.h"

typedef struct fixture {
    ad_context *ref, *cpu;
    char *folder, *checkpoint;
} fixture;

static ad_context *context_of(const char *device, int32_t threads)
{
    ad_context *context = NULL;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.device = device;
    o.num_threads = threads;
    if (ad_context_create(&o, &context) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return context;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->ref = context_of("ref", 1);
    f->cpu = context_of(test_device() ? test_device() : "cpu", 2);
    f->folder = tiny_path("old_scorers");
    f->checkpoint = malloc(600);
    snprintf(f->checkpoint, 600, "%s/checkpoint.safetensors", f->folder);
    return mkdir(f->folder, 0700);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    unlink(f->checkpoint);
    const int left = rmdir(f->folder);
    ad_context_destroy(f->ref);
    ad_context_destroy(f->cpu);
    free(f->checkpoint);
    free(f->folder);
    free(f);
    return left;
}

static const char *path_of(const old_case *c, const char *what)
{
    static char path[600];
    snprintf(path, sizeof path, ADFEAT_GOLDEN_DIR "/scorers/%s.%s.safetensors", c->name, what);
    return path;
}

static void must(const old_case *c, ad_status status)
{
    if (status)
        fail_msg("%s: %s, '%s'", c->name, ad_status_name(status), ad_last_error_message());
}

static void near(const old_case *c, int image, const char *what, float got, float want,
                 double limit)
{
    if (!(fabs((double)got - want) <= limit))
        fail_msg("%s, image %d: %s is %.9g, it was %.9g", c->name, image, what, (double)got,
                 (double)want);
}

/* limit: of a score, and of a map's highest value, the share that may differ; 0: every bit is the
 * same. */
static void gives(const old_case *c, ad_scorer *scorer, double limit)
{
    for (int i = 0; i < OLD_IMAGES; i++) {
        const old_result *want = &old_results[c - old_cases][i];
        old_result r;
        must(c, old_score(scorer, i, c->has_map, &r));
        near(c, i, "the score", r.score, want->score, limit * fabs((double)want->score));
        const double off = limit * fabs((double)want->highest);
        near(c, i, "the map's highest value", r.highest, want->highest, off);
        for (int k = 0; k < OLD_SAMPLES; k++)
            near(c, i, "a value of the map", r.samples[k], want->samples[k], off);
        if (limit == 0.0 && r.map_crc != want->map_crc)
            fail_msg("%s, image %d: the map has other bits than it had", c->name, i);
    }
}

/* ref adds in double and in a fixed order, and no compiler may join a product and a sum: its bits
 * are the same on every machine. (exp, pow and tanh are the C library's. Two of them may differ in
 * a double's last bit, which a float hides.) */
static const double exact = 0.0;
/* The order in which cpu adds is that of the machine's vectors. With AVX-512 the largest difference
 * is below 1e-6. */
static const double rounded = 1e-5;

static void scorers(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < OLD_CASES; i++) {
        const old_case *c = &old_cases[i];
        for (int cpu = 0; cpu < 2; cpu++) {
            ad_context *context = cpu ? f->cpu : f->ref;
            ad_backbone *net = old_backbone(context, c->network);
            ad_scorer *scorer = NULL, *again = NULL;
            must(c, ad_scorer_load_onto(net, path_of(c, "scorer"), &scorer));
            gives(c, scorer, cpu ? rounded : exact);
            must(c, ad_scorer_save(scorer, f->checkpoint, NULL)); /* in today's manner */
            must(c, ad_scorer_load_onto(net, f->checkpoint, &again));
            gives(c, again, cpu ? rounded : exact);
            ad_scorer_destroy(again);
            if (c->files & OLD_EMBEDS) {
                again = NULL;
                must(c, ad_scorer_load(context, path_of(c, "scorer"), NULL, &again));
                gives(c, again, cpu ? rounded : exact);
                ad_scorer_destroy(again);
            }
            ad_scorer_destroy(scorer);
            ad_backbone_destroy(net);
        }
    }
}

/* A fit on another device has features of other roundings, and these grow: samples are drawn by the
 * features' bits, and Adam makes much of gradients that are all but 0. cpu is up to 11 per cent off,
 * too. Kernels and gradients have tests of their own; here it is that fits and trainings run. */
static const double fitted = 0.2;

typedef struct where {
    ad_context *context;
    double limit;
} where;

/* Where a case is fitted: on ref, and on the device of the environment. */
static int places(const fixture *f, where out[2])
{
    out[0] = (where){f->ref, exact};
    out[1] = (where){f->cpu, fitted};
    return test_device() ? 2 : 1;
}

/* What is known of a scorer that was just made is what the old file says. */
static void is_the_old_one(const old_case *c, ad_backbone *net, ad_scorer *scorer, double limit)
{
    ad_scorer *old = NULL;
    ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
    gives(c, scorer, limit);
    must(c, ad_scorer_load_onto(net, path_of(c, "scorer"), &old));
    must(c, ad_scorer_get_info(old, &x));
    must(c, ad_scorer_get_info(scorer, &y));
    assert_string_equal(x.method, y.method);
    near(c, 0, "the normal score", (float)y.normal_score, (float)x.normal_score,
         limit * fabs(x.normal_score));
    near(c, 0, "the normal map", (float)y.normal_map, (float)x.normal_map,
         limit * fabs(x.normal_map));
    if (limit == 0.0)
        assert_true(x.normal_score == y.normal_score && x.normal_map == y.normal_map);
    assert_true(x.image_count == y.image_count && x.input_size == y.input_size);
    ad_scorer_destroy(old);
}

static void fit(const fixture *f, const old_case *c, const where *at)
{
    (void)f;
    ad_backbone *net = old_backbone(at->context, c->network);
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    must(c, ad_fitter_create(net, c->method, old_options(c), &fitter));
    old_add(fitter, c);
    must(c, ad_fitter_finish(fitter, &scorer));
    is_the_old_one(c, net, scorer, at->limit);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_backbone_destroy(net);
}

static void fits(void **state)
{
    where at[2];
    for (int i = 0; i < OLD_CASES; i++) {
        const old_case *c = &old_cases[i];
        for (int k = 0; k < places(*state, at); k++)
            fit(*state, c, &at[k]);
    }
}

static void take_student(const fixture *f, const old_case *c, const where *at)
{
    (void)f;
    ad_backbone *net = old_backbone(at->context, c->network);
    ad_student *student = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    must(c, ad_student_load(net, path_of(c, "student"), NULL, NULL, &student));
    must(c, ad_fitter_create_with(student, old_untrained(c), &fitter));
    old_add(fitter, c);
    must(c, ad_fitter_finish(fitter, &scorer));
    is_the_old_one(c, net, scorer, at->limit);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_student_destroy(student);
    ad_backbone_destroy(net);
}

static void students(void **state)
{
    where at[2];
    for (int i = 0; i < OLD_CASES; i++) {
        const old_case *c = &old_cases[i];
        if (!(c->files & OLD_STUDENT))
            continue;
        for (int k = 0; k < places(*state, at); k++)
            take_student(*state, c, &at[k]);
    }
}

typedef struct heard {
    int batches, resumed;
} heard;

static int listen(void *user, const ad_train_progress *p)
{
    heard *h = user;
    h->batches += !p->epoch_done && p->batch;
    h->resumed = p->resumed;
    return 0;
}

static void go_on(const fixture *f, const old_case *c, const where *at)
{
    ad_backbone *net = old_backbone(at->context, c->network);
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    ad_fit_options o;
    heard h = {0};
    size_t size;
    uint8_t *bytes = file_bytes(path_of(c, "checkpoint"), &size);
    put_file(f->checkpoint, bytes, size);
    free(bytes);
    ad_fit_options_init(&o, sizeof o);
    o.checkpoint_dir = f->folder;
    o.resume = 1;
    o.train = listen;
    o.user = &h;
    must(c, ad_fitter_create(net, c->method, old_options(c), &fitter));
    old_add(fitter, c);
    must(c, ad_fit(fitter, NULL, &o, &scorer));
    assert_int_equal(h.resumed, 1);
    const int phases = 1 + !strcmp(c->method, "ast");   /* two epochs of each */
    const int first = !strcmp(c->method, "stfpm_unet"); /* and one of the U-Nets */
    assert_int_equal(h.batches, 3 * (2 * phases + first) - OLD_BATCHES);
    is_the_old_one(c, net, scorer, at->limit);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_backbone_destroy(net);
}

static void checkpoints(void **state)
{
    where at[2];
    places(*state, at);
    for (int i = 0; i < OLD_CASES; i++) {
        const old_case *c = &old_cases[i];
        if (!(c->files & OLD_CHECKPOINT))
            continue;
        /* AST knows its images by their features, which are the device's. */
        const int devices = strcmp(c->method, "ast") == 0 ? 1 : places(*state, at);
        for (int k = 0; k < devices; k++)
            go_on(*state, c, &at[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scorers),
        cmocka_unit_test(fits),
        cmocka_unit_test(students),
        cmocka_unit_test(checkpoints),
    };
    return cmocka_run_group_tests_name("old_scorers", tests, set_up, tear_down);
}
