/* Time and memory of one STFPM training step, through the public header alone: seeded noise for images, the time
 * between the callbacks of two batches, and the process' largest resident size less what it had before.
 *
 *     bench_stfpm_step WEIGHTS [teacher|features] [BATCH [SIZE [STEPS [THREADS]]]]
 *
 * "teacher": nothing is cached, so the teacher runs in every step, "features": it has run before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "adfeat.h"

typedef struct noise {
    int64_t side;
    uint8_t *pixels;
} noise;

typedef struct clock_of_steps {
    double last, *ms;
    int32_t count, room;
} clock_of_steps;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static double peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024.0;
}

static int make_noise(void *user, int64_t index, ad_image *out_image)
{
    const noise *n = user;
    uint32_t state = (uint32_t)index + 1;
    for (int64_t i = 0; i < 3 * n->side * n->side; i++) {
        state = state * 1664525u + 1013904223u;
        n->pixels[i] = (uint8_t)(state >> 24);
    }
    const ad_image view = AD_IMAGE_INIT(AD_PIXEL_RGB8, n->pixels, n->side, n->side, 3 * n->side);
    *out_image = view;
    return 0;
}

/* An epoch is one batch, and there is no validation between two. */
static int step_done(void *user, const ad_train_progress *progress)
{
    clock_of_steps *c = user;
    const double now = now_ms();
    if (progress->epoch_done)
        return 0;
    if (c->last > 0.0 && c->count < c->room)
        c->ms[c->count++] = now - c->last;
    c->last = now;
    return 0;
}

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static int number(int argc, char **argv, int index, int otherwise)
{
    return index < argc ? atoi(argv[index]) : otherwise;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[2] : "features";
    const int batch = number(argc, argv, 3, 32), size = number(argc, argv, 4, 256);
    const int steps = number(argc, argv, 5, 5), threads = number(argc, argv, 6, 0);
    if (argc < 2 || (strcmp(mode, "teacher") != 0 && strcmp(mode, "features") != 0) || batch < 2 || size < 32
        || steps < 1) {
        fprintf(stderr, "usage: bench_stfpm_step WEIGHTS [teacher|features] [BATCH [SIZE [STEPS [THREADS]]]]\n");
        return 2;
    }
    const double before = peak_mib();
    noise images = {size, malloc(3 * (size_t)size * (size_t)size)};
    clock_of_steps clock = {.ms = calloc((size_t)steps, sizeof(double)), .room = steps};
    ad_context_options context_options;
    ad_fit_options fit;
    ad_context_options_init(&context_options, sizeof context_options);
    ad_fit_options_init(&fit, sizeof fit);
    context_options.num_threads = threads;
    char options[200]; /* the first epoch is not counted: memory is touched for the first time */
    snprintf(options, sizeof options, "epochs=%d, batch=%d, size=%d, validation_share=0, lr=0.01%s",
             steps + 1, batch, size, strcmp(mode, "teacher") == 0 ? ", feature_cache=0" : "");
    fit.user = &clock;
    fit.train = step_done;

    ad_context *context = NULL;
    ad_backbone *teacher = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    int failed = !images.pixels || !clock.ms || ad_context_create(&context_options, &context)
                 || ad_backbone_open(context, argv[1], NULL, &teacher)
                 || ad_dataset_from_callback(context, make_noise, &images, batch, &good)
                 || ad_fitter_create(teacher, "stfpm", options, &fitter)
                 || ad_fit(fitter, good, &fit, &scorer);
    if (failed) {
        fprintf(stderr, "%s\n", ad_last_error_message());
    } else {
        qsort(clock.ms, (size_t)clock.count, sizeof *clock.ms, by_value);
        printf("bench %s batch %d size %d threads %d %s\n", mode, batch, size, threads, ad_version_string());
        printf("median_ms %.0f fastest_ms %.0f of %d\n", clock.ms[clock.count / 2], clock.ms[0], clock.count);
        printf("baseline_mib %.1f peak_mib %.1f above_baseline_mib %.1f told_mib %.1f\n", before, peak_mib(),
               peak_mib() - before, (double)ad_fitter_memory(fitter) / 1048576.0);
    }
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(teacher);
    ad_context_destroy(context);
    free(clock.ms);
    free(images.pixels);
    return failed;
}
