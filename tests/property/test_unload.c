/* A host may unload the library after it was used: 60 times, in the main thread and in threads that end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "harness/tiny.h"

static char *weights, *scorer_file, *picture;
static double score;

/* The host's exit status, or 128 and the signal that ended it. */
static int run_host(const char *rounds, const char *threaded)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        execl(ADFEAT_PLUGIN_HOST, "plugin_host", ADFEAT_LIBRARY, scorer_file, picture, rounds, threaded, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    char text[64] = "";
    const ssize_t n = read(pipes[0], text, sizeof text - 1);
    close(pipes[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (n > 0)
        assert_true(strtod(text, NULL) == score);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void a_host_unloads_after_use(void **state)
{
    (void)state;
    assert_int_equal(run_host("60", "0"), 0);
}

static void in_threads_that_end(void **state)
{
    (void)state;
    assert_int_equal(run_host("20", "1"), 0);
}

/* A fitted scorer with its backbone, a picture, and its score. */
static int set_up(void **state)
{
    (void)state;
    static uint8_t pixels[TINY_PIXELS];
    weights = tiny_path("weights");
    scorer_file = tiny_path("scorer");
    picture = tiny_path("picture");
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fit = NULL;
    ad_scorer *scorer = NULL;
    ad_image view;
    ad_scorer_save_options embed;
    ad_scorer_save_options_init(&embed, sizeof embed);
    embed.embed_backbone = 1;
    float value = 0.0f;
    const int failed =
        tiny_weights(weights, "") || ad_context_create(NULL, &context) || tiny_open(context, weights, &net)
        || ad_dataset_from_callback(context, tiny_callback, pixels, 12, &good)
        || ad_fitter_create(net, "gaussian", NULL, &fit) || ad_fit(fit, good, NULL, &scorer)
        || ad_scorer_save(scorer, scorer_file, &embed) || tiny_callback(pixels, 3, &view)
        || ad_image_write_png(context, &view, picture) || ad_score_image(scorer, &view, &value);
    score = (double)value;
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    return failed;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(weights);
    unlink(scorer_file);
    unlink(picture);
    free(weights);
    free(scorer_file);
    free(picture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_host_unloads_after_use), cmocka_unit_test(in_threads_that_end)};
    return cmocka_run_group_tests_name("unload", tests, set_up, tear_down);
}
