/* Time of a network's features of one image, through the public header alone: seeded noise, the image at the network's
 * own size, so that hardly anything but the network runs.
 *
 *     bench_network ARCH WEIGHTS LAYER SIZE THREADS RUNS [FEATURES]
 *
 * Prints the fastest and the median run in ms, and the process' largest resident size; writes the features, raw floats
 * in NHWC, to FEATURES. The image is the one of peer_networks.py: byte i is the high byte of a linear congruential
 * generator's state i + 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "adfeat.h"

enum { MOST_RUNS = 10000 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static uint8_t *make_noise(int32_t side)
{
    const size_t bytes = 3 * (size_t)side * (size_t)side;
    uint8_t *pixels = malloc(bytes);
    uint32_t state = 1;
    for (size_t i = 0; pixels && i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(state >> 24);
    }
    return pixels;
}

/* 1 and a sentence on stderr where something failed. */
static int measure(ad_backbone *net, int side, const uint8_t *pixels, const char *layer, int runs,
                   const char *path)
{
    static double ms[MOST_RUNS];
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, side, side, 3 * side);
    char text[32];
    snprintf(text, sizeof text, "size=%d", side);
    ad_features f = {.struct_size = sizeof f, .layer = layer, .capacity = 1 << 26};
    f.data = malloc((size_t)f.capacity * sizeof *f.data); /* untouched pages cost nothing */
    if (!f.data)
        return 1;
    for (int i = -2; i < runs; i++) { /* two to warm up */
        const double before = now_ms();
        if (ad_extract_features(net, &image, text, &f, 1)) {
            fprintf(stderr, "%s\n", ad_last_error_message());
            free(f.data);
            return 1;
        }
        if (i >= 0)
            ms[i] = now_ms() - before;
    }
    qsort(ms, (size_t)runs, sizeof *ms, by_value);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("fastest_ms %.3f median_ms %.3f peak_mib %.1f shape %lldx%lldx%lld\n", ms[0], ms[runs / 2],
           (double)usage.ru_maxrss / 1024.0, (long long)f.height, (long long)f.width, (long long)f.channels);
    int failed = 0;
    if (path) {
        FILE *file = fopen(path, "wb");
        const size_t count = (size_t)(f.height * f.width * f.channels);
        failed = !file || fwrite(f.data, sizeof *f.data, count, file) != count;
        failed |= file && fclose(file) != 0;
        if (failed)
            perror(path);
    }
    free(f.data);
    return failed;
}

int main(int argc, char **argv)
{
    const int size = argc > 4 ? atoi(argv[4]) : 0, runs = argc > 6 ? atoi(argv[6]) : 0;
    if (size < 1 || runs < 1 || runs > MOST_RUNS) {
        fprintf(stderr, "usage: bench_network ARCH WEIGHTS LAYER SIZE THREADS RUNS [FEATURES]\n");
        return 2;
    }
    ad_context_options options;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_backbone_options network;
    ad_context_options_init(&options, sizeof options);
    ad_backbone_options_init(&network, sizeof network);
    options.num_threads = atoi(argv[5]);
    network.architecture = argv[1];
    uint8_t *pixels = make_noise(size);
    int failed = 1;
    if (!pixels || ad_context_create(&options, &context) || ad_backbone_open(context, argv[2], &network, &net))
        fprintf(stderr, "%s\n", ad_last_error_message());
    else
        failed = measure(net, size, pixels, argv[3], runs, argc > 7 ? argv[7] : NULL);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    free(pixels);
    return failed;
}
