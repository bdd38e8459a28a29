/* Score images with a saved scorer, and decide: the exit code is 0 where all are at or below the
 * limit, 3 where one is above it, 1 where something failed. --heat writes where the first image is
 * anomalous, as a grey PNG of 16 bits whose white is the map's maximum.
 *     score_image [--weights FILE] [--limit SCORE] [--heat PNG] SCORER IMAGE... */
#include <adfeat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GOOD = 0, FAILED = 1, USAGE = 2, ANOMALOUS = 3 };

static const char usage[] =
    "usage: score_image [--weights FILE] [--limit SCORE] [--heat PNG] SCORER IMAGE...\n";

/* The map as an image: 0 is black, its maximum is white. Both live in the caller's memory. */
static float to_grey(const float *heat, uint16_t *grey, int64_t count)
{
    float most = 0.0f;
    for (int64_t i = 0; i < count; i++)
        most = fmaxf(most, heat[i]);
    for (int64_t i = 0; i < count; i++)
        grey[i] = most > 0.0f ? (uint16_t)lrintf(fmaxf(heat[i], 0.0f) / most * 65535.0f) : 0;
    return most;
}

static int score_with_heat(ad_context *ctx, ad_scorer *scorer, const ad_image *image,
                           const char *png, float *out_score)
{
    const int64_t w = image->width, h = image->height;
    float *heat = malloc((size_t)(w * h) * sizeof *heat);
    uint16_t *grey = malloc((size_t)(w * h) * sizeof *grey);
    int code = FAILED;
    if (!heat || !grey) {
        fprintf(stderr, "out of memory: the map has %lldx%lld pixels\n", (long long)w,
                (long long)h);
        goto cleanup;
    }
    const ad_map map = AD_MAP_INIT(heat, w, h, w * (int64_t)sizeof *heat);
    const ad_image picture = AD_IMAGE_INIT(AD_PIXEL_MONO16, grey, w, h, w * (int64_t)sizeof *grey);
    if (ad_anomaly_map(scorer, image, &map, out_score)) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        goto cleanup;
    }
    const float most = to_grey(heat, grey, w * h);
    if (ad_image_write_png(ctx, &picture, png)) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        goto cleanup;
    }
    printf("%s: white is %.7g\n", png, (double)most);
    code = GOOD;
cleanup:
    free(grey);
    free(heat);
    return code;
}

/* @param png NULL: no map is wanted, which saves the work of making it */
static int score_file(ad_context *ctx, ad_scorer *scorer, const char *path, const char *png,
                      double limit)
{
    ad_image image;
    float score = 0.0f;
    if (ad_image_read(ctx, path, NULL, &image)) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        return FAILED;
    }
    int code = GOOD;
    if (png)
        code = score_with_heat(ctx, scorer, &image, png, &score);
    else if (ad_score_image(scorer, &image, &score)) {
        fprintf(stderr, "%s: %s\n", path, ad_last_error_message());
        code = FAILED;
    }
    ad_image_release(&image);
    if (code == FAILED)
        return FAILED;
    printf("%.7g\t%s\n", (double)score, path);
    return (double)score > limit ? ANOMALOUS : GOOD;
}

int main(int argc, char **argv)
{
    const char *weights = NULL, *heat = NULL, *limit_text = NULL;
    double limit = INFINITY;
    int first = 1;
    for (; first < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        const char **option = strcmp(argv[first], "--weights") == 0 ? &weights
                              : strcmp(argv[first], "--limit") == 0 ? &limit_text
                              : strcmp(argv[first], "--heat") == 0  ? &heat
                                                                    : NULL;
        if (!option || first + 1 == argc) {
            const int help = strcmp(argv[first], "--help") == 0;
            fputs(usage, help ? stdout : stderr);
            return help ? 0 : USAGE;
        }
        *option = argv[first + 1];
    }
    char *end = "";
    if (limit_text)
        limit = strtod(limit_text, &end);
    if (argc - first < 2 || *end || end == limit_text || isnan(limit)) {
        fputs(usage, stderr);
        return USAGE;
    }

    ad_context *ctx = NULL;
    ad_scorer *scorer = NULL;
    int code = GOOD;
    if (ad_context_create(NULL, &ctx) || ad_scorer_load(ctx, argv[first], weights, &scorer)) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        code = FAILED;
    }
    for (int i = first + 1; i < argc && scorer; i++) {
        const int one = score_file(ctx, scorer, argv[i], i == first + 1 ? heat : NULL, limit);
        if (code != FAILED && one != GOOD) /* a failure outweighs an anomaly: nobody looked there */
            code = one;
    }
    ad_scorer_destroy(scorer);
    ad_context_destroy(ctx);
    return code;
}
