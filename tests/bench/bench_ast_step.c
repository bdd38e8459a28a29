/* Time and memory of one training step of AST's flow or student, through the public header alone: features of seeded noise
 * by a network of one convolution, with as many channels and positions as asked; the time between the callbacks of two
 * batches, and the process' largest resident size less what it had before.
 *
 *     bench_ast_step teacher|student [CHANNELS [HIDDEN [STUDENT_HIDDEN [BATCH [STEPS [THREADS]]]]]]
 *
 * By default what the paper has for MVTec AD: 304 channels (EfficientNet-B5's level 6) at 24 x 24, 1024, 1024, batches of 8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "adfeat.h"

enum { STRIDE = 8, SIZE = 24 * STRIDE };

typedef struct bench {
    const char *phase;
    double last, *ms;
    int32_t count, room;
    double promised; /* seconds that the trial batches say */
    uint8_t pixels[3 * SIZE * SIZE];
} bench;

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

static uint32_t next(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

static int make_noise(void *user, int64_t index, ad_image *out_image)
{
    bench *b = user;
    uint32_t state = (uint32_t)index + 1;
    for (size_t i = 0; i < sizeof b->pixels; i++)
        b->pixels[i] = (uint8_t)(next(&state) >> 24);
    const ad_image view = AD_IMAGE_INIT(AD_PIXEL_RGB8, b->pixels, SIZE, SIZE, 3 * SIZE);
    *out_image = view;
    return 0;
}

/* All batches are of one epoch. */
static int step_done(void *user, const ad_train_progress *progress)
{
    bench *b = user;
    const double now = now_ms();
    if (!progress->batch)
        b->promised = progress->seconds_left;
    if (progress->epoch_done || !progress->batch || strcmp(progress->phase, b->phase) != 0)
        return 0;
    if (b->last > 0.0 && b->count < b->room)
        b->ms[b->count++] = now - b->last;
    b->last = now;
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

/* A weights file of one tensor, "layer.weight" [channels, 3, 1, 1]. The caller frees it. */
static char *make_weights(int channels, size_t *out_size)
{
    char header[200];
    const size_t bytes = (size_t)channels * 3 * sizeof(float);
    int n = snprintf(header, sizeof header, "{\"layer.weight\":{\"dtype\":\"F32\",\"shape\":[%d,3,1,1],\"data_offsets\":[0,%zu]}}",
                     channels, bytes);
    while (n % 8)
        header[n++] = ' ';
    const uint64_t length = (uint64_t)n;
    char *file = malloc(8 + (size_t)n + bytes);
    uint32_t state = 1;
    if (!file)
        return NULL;
    memcpy(file, &length, 8);
    memcpy(file + 8, header, (size_t)n);
    for (int i = 0; i < 3 * channels; i++) {
        const float v = (float)(next(&state) >> 8) * 0x1p-23f - 1.0f;
        memcpy(file + 8 + n + (size_t)i * sizeof v, &v, sizeof v);
    }
    *out_size = 8 + (size_t)n + bytes;
    return file;
}

int main(int argc, char **argv)
{
    const int channels = number(argc, argv, 2, 304), hidden = number(argc, argv, 3, 1024), wide = number(argc, argv, 4, 1024);
    const int batch = number(argc, argv, 5, 8), steps = number(argc, argv, 6, 3), threads = number(argc, argv, 7, 0);
    if (argc < 2 || (strcmp(argv[1], "teacher") != 0 && strcmp(argv[1], "student") != 0) || steps < 1) {
        fprintf(stderr, "usage: bench_ast_step teacher|student [CHANNELS [HIDDEN [STUDENT_HIDDEN [BATCH [STEPS [THREADS]]]]]]\n");
        return 2;
    }
    static bench b;
    char graph[400];
    size_t size = 0;
    const int trains_teacher = strcmp(argv[1], "teacher") == 0;
    snprintf(graph, sizeof graph,
             "network noise\ninput_size %d\nmean 0.5 0.5 0.5\nstd 0.3 0.3 0.3\ninput image : channels=3\n"
             "conv2d layer <- image : out=%d kernel=1 stride=%d\ntap layer3 <- layer\n", SIZE, channels, STRIDE);
    b.phase = argv[1];
    b.ms = calloc((size_t)steps, sizeof *b.ms);
    b.room = steps;
    char *weights = make_weights(channels, &size);
    const double before = peak_mib();
    ad_context_options context_options;
    ad_backbone_options net_options;
    ad_fit_options fit;
    ad_context_options_init(&context_options, sizeof context_options);
    ad_backbone_options_init(&net_options, sizeof net_options);
    ad_fit_options_init(&fit, sizeof fit);
    context_options.num_threads = threads;
    net_options.graph = graph;
    char options[200];
    snprintf(options, sizeof options,
             "flow_hidden=%d, student_hidden=%d, teacher_epochs=%d, student_epochs=%d, batch=%d, "
             "size=%d",
             hidden, wide, trains_teacher, !trains_teacher, batch, SIZE);
    fit.user = &b;
    fit.train = step_done;

    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    int failed = !weights || !b.ms || ad_context_create(&context_options, &context)
                 || ad_backbone_from_memory(context, weights, size, &net_options, &net)
                 || ad_dataset_from_callback(context, make_noise, &b, (int64_t)batch * (steps + 1),
                                             &good) /* the first is not counted */
                 || ad_fitter_create(net, "ast", options, &fitter)
                 || ad_fit(fitter, good, &fit, &scorer);
    if (failed) {
        fprintf(stderr, "%s\n", ad_last_error_message());
    } else {
        qsort(b.ms, (size_t)b.count, sizeof *b.ms, by_value);
        printf("bench %s channels %d batch %d threads %d %s\n", argv[1], channels, batch, threads, ad_version_string());
        printf("median_ms %.0f fastest_ms %.0f of %d promised_ms %.0f\n", b.ms[b.count / 2], b.ms[0], b.count,
               1e3 * b.promised / (steps + 1));
        printf("baseline_mib %.1f peak_mib %.1f above_baseline_mib %.1f told_mib %.1f\n", before, peak_mib(),
               peak_mib() - before, (double)ad_fitter_memory(fitter) / 1048576.0);
    }
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    free(weights);
    free(b.ms);
    return failed;
}
