/* adfeat bench: how long a scorer or a network takes on this machine, and where the time goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "args.h"
#include "cli.h"

enum { MOST_RUNS = 1000, MOST_BATCH = 1024 };

static const char help[] =
    "usage: adfeat bench FILE [options]\n"
    "\n"
    "Measures time and memory on this machine. FILE is a scorer, of which a score and\n"
    "a map are timed, or weights, of which the features of a layer are. Prints the\n"
    "fastest and the median run in milliseconds for one image, from pixels to the\n"
    "result, and the largest memory that the process had.\n"
    "\n"
    "  --weights W         the weights of a scorer that does not embed them\n"
    "  --image I           an image to use instead of noise; reading is not timed\n"
    "  --runs N            timed runs; default: as many as fit into two seconds, 3 to\n"
    "                      1000\n"
    "  --batch N           images of one call, of a scorer; default 1\n"
    "  --threads N         default 0: one for each core\n"
    "  --memory-limit B    bytes in all, such as 64M or 2G; default: no limit\n"
    "  --device D          auto (default), cpu, cuda or cuda:N (a GPU), or ref (slow)\n"
    "\n"
    "of weights:\n"
    "  --plan              print each step, how it is computed, its work and time\n"
    "  --layer A,B,...     the layers; default: the deepest in the file\n"
    "  --size N            side of the network's input; default: the network's own\n"
    "  --convolution C     auto (default), blas, panels, winograd or winograd2\n"
    "  --backbone B        the network of weights that do not say it\n"
    "  --padding P         of an EfficientNet's weights, as for 'adfeat fit'\n"
    "  --batchnorm-eps E   likewise\n"
    "  --prefix P          of the weights, as for 'adfeat fit'\n"
    "  --expected-digest D likewise\n"
    "\n"
    "examples:\n"
    "  adfeat bench screws.safetensors --weights resnet18.safetensors --threads 1\n"
    "  adfeat bench resnet18.safetensors --layer layer3 --size 256 --plan\n";

typedef struct bench_state {
    const char *file, *weights, *image_path, *layer, *device;
    network_request network;
    int32_t runs, batch, threads, size, plan;
    uint64_t memory_limit;
    ad_context *context;
    ad_backbone *backbone;
    ad_scorer *scorer;
    ad_image image;
    uint8_t *pixels;
    char preprocess[32]; /* as the library takes it */
    ad_features *features;
    int32_t feature_count;
    ad_image *images; /* of a batch */
    ad_map *maps;
    float *scores, *map;
} bench_state;

/* ---- The image ---- */

static int make_noise(bench_state *s, int32_t side)
{
    const size_t bytes = 3 * (size_t)side * (size_t)side;
    s->pixels = malloc(bytes);
    if (!s->pixels)
        return cli_fail("out of memory");
    uint32_t state = 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        s->pixels[i] = (uint8_t)(state >> 24);
    }
    s->image = (ad_image)AD_IMAGE_INIT(AD_PIXEL_RGB8, s->pixels, side, side, 3 * (int64_t)side);
    return CLI_OK;
}

static int take_image(bench_state *s, int32_t side)
{
    if (!s->image_path)
        return make_noise(s, side);
    ad_read_options read;
    ad_read_options_init(&read, sizeof read);
    if ((s->scorer && ad_scorer_read_options(s->scorer, &read)) ||
        ad_image_read(s->context, s->image_path, &read, &s->image))
        return cli_fail_library();
    return CLI_OK;
}

/* ---- Runs ---- */

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Times `once` and prints lines of `what`; `images` of one run. */
static int measure(const bench_state *s, const char *what, int images,
                   int (*once)(const bench_state *s))
{
    static double ms[MOST_RUNS];
    int runs = 0;
    const double begin = cli_seconds();
    for (int warm = 2; warm > 0; warm--)
        if (once(s) != CLI_OK)
            return CLI_FAILED;
    const double start = cli_seconds(), each = (start - begin) / 2.0;
    while (s->runs ? runs < s->runs
                   : runs < 3 || (runs < MOST_RUNS && cli_seconds() - start < 2.0 - each)) {
        const double before = cli_seconds();
        if (once(s) != CLI_OK)
            return CLI_FAILED;
        ms[runs++] = 1e3 * (cli_seconds() - before) / images;
    }
    qsort(ms, (size_t)runs, sizeof *ms, by_value);
    printf("%-8s fastest_ms %.3f median_ms %.3f runs %d\n", what, ms[0],
           0.5 * (ms[(runs - 1) / 2] + ms[runs / 2]), runs);
    return CLI_OK;
}

static int print_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("peak_mib %.1f\n", (double)usage.ru_maxrss / 1024.0);
    return cli_finish_output();
}

/* ---- A network ---- */

static int extract(const bench_state *s)
{
    return ad_extract_features(s->backbone, &s->image, s->preprocess, s->features, s->feature_count)
               ? cli_fail_library()
               : CLI_OK;
}

typedef struct plan_sums {
    double ms, multiply_adds, bytes;
} plan_sums;

static int print_step(void *user, const ad_step_info *step)
{
    plan_sums *sums = user;
    char shape[48], rate[16] = "";
    snprintf(shape, sizeof shape, "%lldx%lldx%lld", (long long)step->height, (long long)step->width,
             (long long)step->channels);
    if (step->multiply_adds && step->ms > 0.0)
        snprintf(rate, sizeof rate, "%.0f", 2e-6 * (double)step->multiply_adds / step->ms);
    printf("%-28s %-14s %-9s %-8s %14s %9.3f %8s %9.2f\n", step->name, step->op, step->kernel,
           step->activation, shape, step->ms, rate, (double)step->weight_bytes / 1048576.0);
    sums->ms += step->ms;
    sums->multiply_adds += (double)step->multiply_adds;
    sums->bytes += (double)step->weight_bytes;
    return 0;
}

static int print_plan(const bench_state *s)
{
    plan_sums sums = {0.0, 0.0, 0.0};
    printf("%-28s %-14s %-9s %-8s %14s %9s %8s %9s\n", "step", "op", "kernel", "act", "result",
           "ms", "GFLOP/s", "weights/M");
    if (ad_backbone_profile(s->backbone, s->preprocess, s->layer, s->runs ? s->runs : 20,
                            print_step, &sums))
        return cli_fail_library();
    printf("%-28s %-14s %-9s %-8s %14s %9.3f %8.0f %9.2f\n", "sum", "", "", "", "", sums.ms,
           2e-6 * sums.multiply_adds / sums.ms, sums.bytes / 1048576.0);
    return cli_finish_output();
}

/* Room for the features of layer `i` of the network, under a name that lives as long as the
 * backbone. */
static int take_layer(bench_state *s, int32_t side, int32_t i)
{
    ad_layer_info info = {.struct_size = sizeof info};
    if (ad_backbone_layer_info(s->backbone, i, side, side, &info))
        return cli_fail_library();
    ad_features *f = &s->features[s->feature_count++];
    *f = (ad_features){.struct_size = sizeof *f, .layer = info.name,
                       .capacity = info.height * info.width * info.channels};
    f->data = malloc((size_t)f->capacity * sizeof *f->data);
    return f->data ? CLI_OK : cli_fail("out of memory");
}

static int wants_layer(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && strncmp(at, name, n) == 0)
            return 1;
    return 0;
}

/* Whether the file has the layer of these `n` characters; and, as far as there is room, the names
 * of those that it has. */
static int find_layer(const bench_state *s, const char *wanted, size_t n, int *out_found,
                      char *out_all, size_t size)
{
    ad_backbone_info info = {.struct_size = sizeof info};
    ad_status status = ad_backbone_get_info(s->backbone, &info);
    const int32_t side = info.input_size, count = ad_backbone_layer_count(s->backbone);
    *out_found = 0;
    out_all[0] = '\0';
    for (int32_t i = 0; i < count && status == AD_OK; i++) {
        ad_layer_info layer = {.struct_size = sizeof layer};
        status = ad_backbone_layer_info(s->backbone, i, side, side, &layer);
        if (status != AD_OK || !layer.available)
            continue;
        *out_found |= strlen(layer.name) == n && strncmp(layer.name, wanted, n) == 0;
        strncat(out_all, *out_all ? ", " : "", size - strlen(out_all) - 1);
        strncat(out_all, layer.name, size - strlen(out_all) - 1);
    }
    return status ? cli_fail_library() : CLI_OK;
}

/* Every name of --layer is one that the file has. */
static int check_layers(const bench_state *s)
{
    for (const char *at = s->layer; at;) {
        char all[1024];
        const size_t n = strcspn(at, ",");
        int found = 0;
        const int code = find_layer(s, at, n, &found, all, sizeof all);
        if (code != CLI_OK)
            return code;
        if (!found)
            return cli_usage("option --layer: '%s' has no layer '%.*s': there are %s", s->file,
                             (int)n, at, all);
        at = at[n] ? at + n + 1 : NULL;
    }
    return CLI_OK;
}

static int prepare_features(bench_state *s)
{
    ad_backbone_info info = {.struct_size = sizeof info};
    if (ad_backbone_get_info(s->backbone, &info))
        return cli_fail_library();
    const int32_t side = s->size ? s->size : info.input_size;
    const int32_t count = ad_backbone_layer_count(s->backbone);
    int32_t deepest = -1;
    s->features = calloc((size_t)count, sizeof *s->features);
    if (!s->features)
        return cli_fail("out of memory");
    for (int32_t i = 0; i < count; i++) {
        ad_layer_info layer = {.struct_size = sizeof layer};
        if (ad_backbone_layer_info(s->backbone, i, side, side, &layer))
            return cli_fail_library();
        deepest = layer.available ? i : deepest;
        if (s->layer && wants_layer(s->layer, layer.name) && take_layer(s, side, i) != CLI_OK)
            return CLI_FAILED;
    }
    if (!s->layer && deepest >= 0 && take_layer(s, side, deepest) != CLI_OK)
        return CLI_FAILED;
    return take_image(s, side);
}

static int bench_network(bench_state *s)
{
    int code = cli_open_backbone(s->context, &s->network, s->file, &s->backbone);
    if (code == CLI_OK)
        code = check_layers(s);
    if (code == CLI_OK)
        code = s->plan ? print_plan(s) : prepare_features(s);
    if (code != CLI_OK || s->plan)
        return code;
    code = measure(s, "features", 1, extract);
    return code == CLI_OK ? print_memory() : code;
}

/* ---- A scorer ---- */

static int score_batch(const bench_state *s)
{
    return ad_score_batch(s->scorer, s->images, s->batch, NULL, s->scores) ? cli_fail_library()
                                                                           : CLI_OK;
}

static int map_batch(const bench_state *s)
{
    return ad_score_batch(s->scorer, s->images, s->batch, s->maps, s->scores) ? cli_fail_library()
                                                                              : CLI_OK;
}

static int prepare_batch(bench_state *s)
{
    const size_t n = (size_t)s->batch, pixels = (size_t)s->image.width * (size_t)s->image.height;
    s->images = calloc(n, sizeof *s->images);
    s->maps = calloc(n, sizeof *s->maps);
    s->scores = calloc(n, sizeof *s->scores);
    s->map = calloc(n * pixels, sizeof *s->map);
    if (!s->images || !s->maps || !s->scores || !s->map)
        return cli_fail("out of memory");
    for (size_t i = 0; i < n; i++) {
        s->images[i] = s->image;
        s->maps[i] = (ad_map)AD_MAP_INIT(s->map + i * pixels, s->image.width, s->image.height,
                                         s->image.width * (int64_t)sizeof *s->map);
    }
    return CLI_OK;
}

static int bench_scorer(bench_state *s, int embedded)
{
    int code = cli_load_scorer(s->context, s->file, embedded ? NULL : s->weights, &s->scorer);
    ad_scorer_info info = {.struct_size = sizeof info};
    if (code == CLI_OK && ad_scorer_get_info(s->scorer, &info))
        code = cli_fail_library();
    if (code == CLI_OK)
        code = take_image(s, info.input_size);
    if (code == CLI_OK)
        code = prepare_batch(s);
    if (code == CLI_OK)
        code = measure(s, "score", s->batch, score_batch);
    if (code == CLI_OK && info.has_map)
        code = measure(s, "map", s->batch, map_batch);
    return code == CLI_OK ? print_memory() : code;
}

/* ---- The command ---- */

typedef struct file_kind {
    int scorer, other, embedded;
} file_kind;

static int look_at(void *user, const char *key, const char *value)
{
    file_kind *kind = user;
    if (strcmp(key, "adfeat.kind") == 0) {
        kind->scorer = strcmp(value, "scorer") == 0;
        kind->other = !kind->scorer;
    } else if (strcmp(key, "adfeat.embedded") == 0) {
        kind->embedded = strcmp(value, "1") == 0;
    }
    return 0;
}

static int run(bench_state *s)
{
    file_kind kind = {0, 0, 0};
    s->context = cli_context(s->threads, s->device, s->memory_limit);
    if (!s->context)
        return CLI_FAILED;
    if (ad_file_metadata(s->context, s->file, look_at, &kind))
        return cli_fail_library();
    if (kind.other)
        return cli_fail("'%s' is neither a scorer nor weights; see 'adfeat info'", s->file);
    if (!kind.scorer && (s->weights || s->batch > 1))
        return cli_usage("option %s is of scorers, '%s' holds weights",
                         s->weights ? "--weights" : "--batch", s->file);
    if (kind.scorer && (s->plan || s->layer || s->size || s->network.convolution))
        return cli_usage(
            "options --plan, --layer, --size and --convolution are of weights, '%s' is a scorer",
            s->file);
    if (s->size)
        snprintf(s->preprocess, sizeof s->preprocess, "size=%d", s->size);
    return kind.scorer ? bench_scorer(s, kind.embedded) : bench_network(s);
}

int cmd_bench(int argc, char **argv)
{
    bench_state s = {.batch = 1};
    const arg_spec specs[] = {
        {"--weights", NULL, ARG_TEXT, &s.weights, 0, 0},
        {"--image", NULL, ARG_TEXT, &s.image_path, 0, 0},
        {"--runs", NULL, ARG_NUMBER, &s.runs, 1, MOST_RUNS},
        {"--batch", NULL, ARG_NUMBER, &s.batch, 1, MOST_BATCH},
        {"--threads", NULL, ARG_NUMBER, &s.threads, 0, 256},
        {"--memory-limit", NULL, ARG_BYTES, &s.memory_limit, 0, 0},
        {"--device", NULL, ARG_TEXT, &s.device, 0, 0},
        {"--plan", NULL, ARG_FLAG, &s.plan, 0, 0},
        {"--layer", NULL, ARG_TEXT, &s.layer, 0, 0},
        {"--size", NULL, ARG_NUMBER, &s.size, 1, 4096},
        {"--convolution", NULL, ARG_TEXT, &s.network.convolution, 0, 0},
        {"--backbone", NULL, ARG_TEXT, &s.network.backbone, 0, 0},
        {"--padding", NULL, ARG_TEXT, &s.network.padding, 0, 0},
        {"--batchnorm-eps", NULL, ARG_TEXT, &s.network.batchnorm_eps, 0, 0},
        {"--prefix", NULL, ARG_ANY, &s.network.prefix, 0, 0},
        {"--expected-digest", NULL, ARG_TEXT, &s.network.expected_digest, 0, 0},
        {NULL, NULL, ARG_FLAG, NULL, 0, 0}};
    int operands = 0, done = 0;
    int code = args_parse(argc, argv, specs, help, &operands, &done);
    if (code != CLI_OK || done)
        return code;
    if (operands != 1)
        return cli_usage("bench needs one FILE, %d were given; see 'adfeat bench --help'",
                         operands);
    s.file = argv[1];
    code = run(&s);
    for (int32_t i = 0; i < s.feature_count; i++)
        free(s.features[i].data);
    free(s.features);
    free(s.images);
    free(s.maps);
    free(s.scores);
    free(s.map);
    if (s.image_path)
        ad_image_release(&s.image);
    free(s.pixels);
    ad_scorer_destroy(s.scorer);
    ad_backbone_destroy(s.backbone);
    ad_context_destroy(s.context);
    return code;
}
