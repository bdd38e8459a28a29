/* Deep features of one image: the shape of each named layer and a few statistics of it, and, where
 * a file is named, the values themselves: float32 in the machine's byte order, rows x columns x
 * channels, one layer after the other. NumPy reads them with numpy.fromfile(FILE, "float32").
 *     features WEIGHTS IMAGE LAYER[,LAYER...] [FILE] */
#include <adfeat.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 16 };

static const char usage[] = "usage: features WEIGHTS IMAGE LAYER[,LAYER...] [FILE]\n";

/* How many floats `layer` gives for the network's own input size; 0 where it has no such layer. */
static int64_t floats_of(const ad_backbone *net, const char *layer)
{
    ad_backbone_info info = {.struct_size = sizeof info};
    if (ad_backbone_get_info(net, &info))
        return 0;
    for (int32_t i = 0; i < ad_backbone_layer_count(net); i++) {
        ad_layer_info shape = {.struct_size = sizeof shape};
        if (ad_backbone_layer_info(net, i, info.input_size, info.input_size, &shape) == AD_OK
            && shape.available && strcmp(shape.name, layer) == 0)
            return shape.height * shape.width * shape.channels;
    }
    return 0;
}

static void print_statistics(const ad_features *f)
{
    const int64_t n = f->height * f->width * f->channels;
    double sum = 0.0, squares = 0.0;
    float low = f->data[0], high = f->data[0];
    for (int64_t i = 0; i < n; i++) {
        sum += f->data[i];
        low = fminf(low, f->data[i]);
        high = fmaxf(high, f->data[i]);
    }
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (f->data[i] - mean) * (f->data[i] - mean);
    printf("%s: %lldx%lld, %lld channels, mean %.6g, deviation %.6g, from %.6g to %.6g\n", f->layer,
           (long long)f->width, (long long)f->height, (long long)f->channels, mean,
           sqrt(squares / (double)n), (double)low, (double)high);
}

static int write_features(const ad_features *features, int32_t count, const char *path)
{
    FILE *file = fopen(path, "wb");
    int failed = !file;
    for (int32_t i = 0; i < count && !failed; i++) {
        const ad_features *f = &features[i];
        const size_t n = (size_t)(f->height * f->width * f->channels);
        failed = fwrite(f->data, sizeof *f->data, n, file) != n;
    }
    if (file && fclose(file))
        failed = 1;
    if (failed)
        fprintf(stderr, "cannot write '%s': %s\n", path, strerror(errno));
    return failed;
}

int main(int argc, char **argv)
{
    ad_context *ctx = NULL;
    ad_backbone *net = NULL;
    ad_image image = {0};
    ad_features features[MAX_LAYERS] = {{0}};
    int32_t count = 0;
    int failed = 1;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 4 && argc != 5) {
        fputs(usage, stderr);
        return 2;
    }
    if (ad_context_create(NULL, &ctx) || ad_backbone_open(ctx, argv[1], NULL, &net) ||
        ad_image_read(ctx, argv[2], NULL, &image))
        goto library_failed;

    /* The caller owns the memory: the layers say how much each of them needs. */
    for (char *name = strtok(argv[3], ","); name; name = strtok(NULL, ",")) {
        const int64_t floats = floats_of(net, name);
        if (floats == 0 || count == MAX_LAYERS) {
            fprintf(stderr, "'%s': %s\n", name, floats ? "one layer too many" : "no such layer");
            goto cleanup;
        }
        features[count] = (ad_features){.struct_size = sizeof *features,
                                        .layer = name,
                                        .data = malloc((size_t)floats * sizeof(float)),
                                        .capacity = floats};
        if (!features[count++].data) {
            fprintf(stderr, "out of memory: '%s' needs %lld floats\n", name, (long long)floats);
            goto cleanup;
        }
    }
    /* One call for all layers: the network runs once, and no further than the deepest of them. */
    if (ad_extract_features(net, &image, NULL, features, count))
        goto library_failed;
    for (int32_t i = 0; i < count; i++)
        print_statistics(&features[i]);
    failed = argc == 5 && write_features(features, count, argv[4]);
    goto cleanup;

library_failed:
    fprintf(stderr, "%s\n", ad_last_error_message());
cleanup:
    for (int32_t i = 0; i < count; i++)
        free(features[i].data);
    ad_image_release(&image);
    ad_backbone_destroy(net);
    ad_context_destroy(ctx);
    return failed;
}
