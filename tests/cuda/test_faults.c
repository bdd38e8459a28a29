/* A device that is lost, or has no memory, in the middle of a fit, of a training and of scoring: a
 * status and a sentence, at every call of the driver; nothing is lost of what was there, and other
 * contexts go on. On the emulated device, which is lost for its whole process: each fault is a child
 * of its own. */
#include "golden/scorer_cases.h"

#include <sys/wait.h>

enum { DONE = 0, REFUSED = 1, WRONG = 2 }; /* of a child */

typedef struct fault {
    const char *what; /* of ADFEAT_EMULATED */
    ad_status status;
    const char *sentence;
} fault;

/* Prints what is wrong. */
static int expect(const fault *f, ad_status status)
{
    if (status == AD_OK)
        return DONE;
    if (status == f->status && strstr(ad_last_error_message(), f->sentence))
        return REFUSED;
    fprintf(stderr, "%s: %s '%s'\n", f->what, ad_status_name(status), ad_last_error_message());
    return WRONG;
}

static ad_status fit(ad_context *context, const old_case *c, ad_fitter **fitter, ad_scorer **scorer)
{
    tiny_frame frame;
    ad_backbone *net = old_backbone(context, c->network);
    ad_status status = ad_fitter_create(net, c->method, old_options(c), fitter);
    for (int64_t i = 0; status == AD_OK && i < (old_trains(c) ? OLD_TRAINED : OLD_FIT); i++) {
        const ad_image image = tiny_rgbd(&frame, i, 0);
        status = ad_fitter_add(*fitter, &image);
    }
    if (status == AD_OK)
        status = ad_fitter_finish(*fitter, scorer);
    ad_backbone_destroy(net);
    return status;
}

static int run(const old_case *c, const fault *f, long nth)
{
    ad_context_options o;
    ad_context *context = NULL, *cpu = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    old_result result;
    char setting[60];
    ad_context_options_init(&o, sizeof o);
    o.device = "cuda";
    if (ad_context_create(&o, &context))
        return WRONG;
    snprintf(setting, sizeof setting, "%s=%ld", f->what, nth);
    setenv("ADFEAT_EMULATED", setting, 1);
    ad_status status = fit(context, c, &fitter, &scorer);
    for (int i = 0; i < 3 && status == AD_OK; i++) /* plain, recorded, replayed */
        status = old_score(scorer, 0, c->has_map, &result);
    const int outcome = expect(f, status);
    if (outcome == REFUSED && f->status == AD_ERR_BACKEND && scorer &&
        expect(f, old_score(scorer, 0, c->has_map, &result)) != REFUSED)
        return WRONG; /* lost for good */
    if (outcome == REFUSED && f->status == AD_ERR_OUT_OF_MEMORY && scorer &&
        old_score(scorer, 0, c->has_map, &result) != AD_OK)
        return WRONG; /* there is memory again, and the object is as before */
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_context_destroy(context);
    scorer = NULL;
    fitter = NULL;
    if (ad_context_create(NULL, &cpu) || fit(cpu, &old_cases[0], &fitter, &scorer))
        return WRONG;
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_context_destroy(cpu);
    return outcome;
}

static int in_child(const old_case *c, const fault *f, long nth)
{
    const pid_t child = fork();
    int status = 0;
    if (child == 0)
        _exit(run(c, f, nth));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == WRONG)
        fail_msg("%s, %s=%ld: status %x", c->name, f->what, nth, (unsigned)status);
    return WEXITSTATUS(status);
}

static const fault lost = {"launch", AD_ERR_BACKEND, "cuda:0: the device failed, "};
static const fault full = {"malloc", AD_ERR_OUT_OF_MEMORY, "out of memory"};

static const old_case *find(const char *method)
{
    for (int i = 0; i < OLD_CASES; i++)
        if (strcmp(old_cases[i].method, method) == 0)
            return &old_cases[i];
    return NULL;
}

/* Every call at first, then ever fewer of them, up to one that is never reached. */
static void each(const char *method, const fault *f)
{
    long nth = 1, faults = 0;
    while (in_child(find(method), f, nth) == REFUSED) {
        faults++;
        nth += 1 + nth / 12;
    }
    assert_true(faults > 12); /* they were there */
}

static void is_lost(void **state)
{
    (void)state;
    each("gaussian", &lost);
    each("padim", &lost);
    each("stfpm", &lost);
    each("ast", &lost);
}

static void is_full(void **state)
{
    (void)state;
    each("padim", &full);
    each("stfpm", &full);
    each("masked_rd", &full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_lost), cmocka_unit_test(is_full)};
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
