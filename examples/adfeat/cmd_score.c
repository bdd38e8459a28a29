/* adfeat score: how anomalous each image is, and heat maps of where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "cli.h"
#include "overlay.h"
#include "progress.h"

static const char help[] =
    "usage: adfeat score FILE IMAGE... [options]\n"
    "\n"
    "Prints a line for each image: its score, a tab, its path. Scores are unbounded\n"
    "and larger is more anomalous. For a limit, score good images that were not\n"
    "fitted on, and put it a little above their highest score.\n"
    "\n"
    "  --weights W         the weights that FILE was fitted with; not needed if FILE\n"
    "                      embeds them\n"
    "  --map-dir DIR       write DIR/NAME_overlay.png for each image: the image,\n"
    "                      coloured where it is anomalous, on one fixed scale, so\n"
    "                      that pictures of different images compare. DIR is made if\n"
    "                      it is not there; where two images have one name, their\n"
    "                      folder's name or a number is added\n"
    "  --json              an array of objects with path, score and overlay, or path\n"
    "                      and error\n"
    "  --skip-damaged      exit code 0 even if some images cannot be read; it is 1 if\n"
    "                      none could be scored\n"
    "\n"
    "An image that cannot be read is a sentence on stderr; the others are scored and\n"
    "the exit code is 1. A note says so if the median of the first 8 scores is higher\n"
    "than good images of the product that FILE was fitted on should score.\n"
    "\n"
    "  --depth-dir DIR     for a scorer that needs depth: DIR/NAME.tiff, .tif or .png\n"
    "                      (16 bits) for each image\n"
    "  --depth-scale S     metres that a value of 1 in a depth file means; default: 1\n"
    "                      in TIFF, 0.001 in PNG\n"
    "  --orientation O     upright: as EXIF says; raw: rows as they are stored.\n"
    "                      Default: as in the fit, or raw if FILE does not say\n"
    "  --bits N            of 16-bit images with values 0..2^N - 1: 8 to 15, or 16:\n"
    "                      the full range. Default: as in the fit, or as files say\n"
    "  --threads N         default 0: one for each core\n"
    "  --memory-limit B    bytes in all, such as 64M or 2G; default: no limit\n"
    "  --device D          auto (default), cpu, cuda or cuda:N (a GPU), or ref (slow)\n"
    "\n"
    "examples:\n"
    "  adfeat score screws.safetensors --weights resnet18.safetensors new/*.png\n"
    "  adfeat score embedded.safetensors --map-dir heat --json frame.jpg\n";

typedef struct score_state {
    const char *file, *weights, *map_dir, *depth_dir, *depth_scale, *device, *orientation, *bits;
    double metres; /* of depth_scale */
    int32_t json, threads, skip_damaged;
    uint64_t memory_limit;
    char **images;
    int count, printed, damaged;
    ad_context *context;
    ad_scorer *scorer;
    ad_scorer_info info;
    ad_read_options read;
    char **overlays; /* a path each; NULL without --map-dir */
} score_state;

/* ---- Names of the overlays ---- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Length of a file name without its ending; ".png" is all stem. */
static int stem_length(const char *base)
{
    const char *dot = strrchr(base, '.');
    return (int)(dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

static int same_stem(const char *a, const char *b)
{
    const int n = stem_length(base_of(a));
    return n == stem_length(base_of(b)) && strncmp(base_of(a), base_of(b), (size_t)n) == 0;
}

/* Name of the folder that a path is in, and its length. */
static const char *parent_of(const char *path, int *out_length)
{
    const char *end = base_of(path);
    while (end > path && end[-1] == '/')
        end--;
    const char *start = end;
    while (start > path && start[-1] != '/')
        start--;
    *out_length = (int)(end - start);
    return start;
}

/* DIR/stem; DIR/parent_stem where several images have that stem; a number where that is no help. */
static char *overlay_path(const score_state *s, int index)
{
    const char *image = s->images[index], *base = base_of(image);
    int parent_length = 0, shared = 0;
    const char *parent = parent_of(image, &parent_length);
    for (int i = 0; i < s->count && !shared; i++)
        shared = i != index && same_stem(s->images[i], image);
    const size_t bytes = strlen(s->map_dir) + strlen(image) + 64;
    char *path = malloc(bytes);
    for (int number = 1, taken = 1; path && taken; number++) {
        char suffix[16] = "";
        if (number > 1)
            snprintf(suffix, sizeof suffix, "_%d", number);
        snprintf(path, bytes, "%s/%.*s%s%.*s%s_overlay.png", s->map_dir, shared ? parent_length : 0,
                 parent, shared && parent_length ? "_" : "", stem_length(base), base, suffix);
        taken = 0;
        for (int i = 0; i < index && !taken; i++)
            taken = strcmp(s->overlays[i], path) == 0;
    }
    return path;
}

static int prepare_overlays(score_state *s)
{
    if (!s->info.has_map)
        return cli_fail("scorer '%s' was fitted without maps: --map-dir is not possible", s->file);
    const int code = cli_make_folder("--map-dir", s->map_dir);
    if (code != CLI_OK)
        return code;
    s->overlays = calloc((size_t)s->count, sizeof *s->overlays);
    for (int i = 0; s->overlays && i < s->count; i++)
        if (!(s->overlays[i] = overlay_path(s, i)))
            return cli_fail("out of memory");
    return s->overlays ? CLI_OK : cli_fail("out of memory");
}

/* ---- Scoring ---- */

static ad_status score_with_overlay(score_state *s, const ad_image *image, const char *path,
                                    float *score)
{
    float *data = malloc((size_t)image->width * (size_t)image->height * sizeof *data);
    if (!data)
        return AD_ERR_OUT_OF_MEMORY;
    const ad_map map =
        AD_MAP_INIT(data, image->width, image->height, image->width * (int64_t)sizeof *data);
    ad_status status = ad_anomaly_map(s->scorer, image, &map, score);
    if (status == AD_OK)
        status = overlay_write(s->context, image, &map, s->info.normal_map, path);
    free(data);
    return status;
}

/* DIR/<name> with the first ending that is there. */
static ad_status read_depth(const score_state *s, const char *path, ad_image *image)
{
    static const char *const endings[] = {".tiff", ".tif", ".png"};
    const char *base = base_of(path);
    char depth[4096] = "";
    for (int i = 0; i < 3; i++) {
        const int n = snprintf(depth, sizeof depth, "%s/%.*s%s", s->depth_dir, stem_length(base),
                               base, endings[i]);
        if (n > 0 && (size_t)n < sizeof depth && access(depth, F_OK) == 0)
            break;
    }
    /* the sentence names the last */
    return ad_image_read_depth(s->context, depth, s->metres, image);
}

/* AD_OK, or *out_sentence says what went wrong. */
static ad_status score_one(score_state *s, int index, float *out_score, const char **out_sentence)
{
    static char folder[2 * 4096];
    const char *path = s->images[index];
    ad_image image;
    if (cli_is_folder(path)) {
        const int slash = path[strlen(path) - 1] == '/';
        snprintf(folder, sizeof folder,
                 "'%s' is a folder, and score takes images: name those in it, as %s%s*", path, path,
                 slash ? "" : "/");
        *out_sentence = folder;
        return AD_ERR_IO;
    }
    ad_status status = ad_image_read(s->context, s->images[index], &s->read, &image);
    if (status == AD_OK && s->depth_dir) {
        status = read_depth(s, s->images[index], &image);
        if (status != AD_OK)
            ad_image_release(&image);
    }
    if (status == AD_OK) {
        status = s->overlays ? score_with_overlay(s, &image, s->overlays[index], out_score)
                             : ad_score_image(s->scorer, &image, out_score);
        ad_image_release(&image);
    }
    *out_sentence = status == AD_ERR_OUT_OF_MEMORY ? "out of memory" : cli_library_sentence();
    return status;
}

static int print_json(score_state *s, int index, const float *score, const char *sentence)
{
    json_t *object = json_object();
    int failed = !object || json_object_set_new(object, "path", cli_json_text(s->images[index]));
    if (score)
        failed |= json_object_set_new(object, "score", cli_json_real(*score));
    if (score && s->overlays)
        failed |= json_object_set_new(object, "overlay", cli_json_text(s->overlays[index]));
    if (!score)
        failed |= json_object_set_new(object, "error", cli_json_text(sentence));
    if (failed) {
        json_decref(object);
        object = NULL;
    }
    fputs(s->printed++ ? ",\n " : "[", stdout);
    return cli_print_json(object, 0);
}

/* One sentence that names the image, whether or not the library's already does. */
static void say_failure(const char *path, const char *sentence)
{
    if (strstr(sentence, path))
        cli_fail("%s", sentence);
    else
        cli_fail("image '%s': %s", path, sentence);
}

/* One file's failure, and no reason for the next to fail. */
static int is_damage(ad_status status)
{
    return status == AD_ERR_FORMAT || status == AD_ERR_UNSUPPORTED || status == AD_ERR_IO ||
           status == AD_ERR_SHAPE;
}

static int score_all(score_state *s)
{
    int code = CLI_OK;
    progress bar; /* only where the lines of the results do not go to the same terminal */
    progress_start(&bar, "scoring", isatty(STDOUT_FILENO));
    for (int i = 0; i < s->count; i++) {
        float score = 0.0f;
        const char *sentence = NULL;
        const ad_status status = score_one(s, i, &score, &sentence);
        int printed = CLI_OK;
        if (s->json)
            printed = print_json(s, i, status ? NULL : &score, sentence);
        else if (status == AD_OK)
            printf("%.7g\t%s\n", (double)score, s->images[i]);
        if (status) {
            const int shown = bar.shown;
            progress_end(&bar);
            say_failure(s->images[i], sentence);
            bar.shown = shown;
        }
        s->damaged += is_damage(status);
        if (printed != CLI_OK || (status && !(s->skip_damaged && is_damage(status))))
            code = CLI_FAILED;
        progress_update(&bar, (double)(i + 1) / s->count);
    }
    progress_end(&bar);
    cli_say_notes();
    if (s->json)
        fputs("]\n", stdout);
    const int finished = cli_finish_output();
    if (s->skip_damaged && s->damaged == s->count) /* that is no success, whatever is skipped */
        return cli_fail("no image could be scored: %d of %d are skipped", s->damaged, s->count);
    if (s->damaged > 1) /* one has its sentence */
        cli_note("%d of %d images could not be scored", s->damaged, s->count);
    return code != CLI_OK ? code : finished;
}

static int run(score_state *s)
{
    s->context = cli_context(s->threads, s->device, s->memory_limit);
    if (!s->context)
        return CLI_FAILED;
    int code = cli_load_scorer(s->context, s->file, s->weights, &s->scorer);
    if (code != CLI_OK)
        return code;
    s->info.struct_size = sizeof s->info;
    if (ad_scorer_get_info(s->scorer, &s->info))
        return cli_fail_library();
    s->read.struct_size = sizeof s->read;
    if (ad_scorer_read_options(s->scorer, &s->read))
        return cli_fail_library();
    code = cli_read_options(s->orientation, s->bits, &s->read);
    if (code != CLI_OK)
        return code;
    if (s->map_dir) {
        code = prepare_overlays(s);
        if (code != CLI_OK)
            return code;
    }
    return score_all(s);
}

int cmd_score(int argc, char **argv)
{
    score_state s = {0};
    const arg_spec specs[] = {{"--weights", NULL, ARG_TEXT, &s.weights, 0, 0},
                              {"--map-dir", NULL, ARG_TEXT, &s.map_dir, 0, 0},
                              {"--depth-dir", NULL, ARG_TEXT, &s.depth_dir, 0, 0},
                              {"--depth-scale", NULL, ARG_TEXT, &s.depth_scale, 0, 0},
                              {"--orientation", NULL, ARG_TEXT, &s.orientation, 0, 0},
                              {"--bits", NULL, ARG_TEXT, &s.bits, 0, 0},
                              {"--skip-damaged", NULL, ARG_FLAG, &s.skip_damaged, 0, 0},
                              {"--json", NULL, ARG_FLAG, &s.json, 0, 0},
                              {"--threads", NULL, ARG_NUMBER, &s.threads, 0, 256},
                              {"--memory-limit", NULL, ARG_BYTES, &s.memory_limit, 0, 0},
                              {"--device", NULL, ARG_TEXT, &s.device, 0, 0},
                              {NULL, NULL, ARG_FLAG, NULL, 0, 0}};
    int operands = 0, done = 0;
    int code = args_parse(argc, argv, specs, help, &operands, &done);
    if (code != CLI_OK || done)
        return code;
    if (operands < 2)
        return cli_usage("score needs %san IMAGE; see 'adfeat score --help'",
                         operands ? "" : "a scorer FILE and ");
    s.file = argv[1];
    s.images = argv + 2;
    s.count = operands - 1;
    if (cli_is_folder(s.file))
        return cli_usage("'%s' is a folder: score needs a scorer FILE, then images", s.file);
    if (s.depth_dir && !cli_is_folder(s.depth_dir))
        return cli_fail("option --depth-dir: '%s' is no folder", s.depth_dir);
    code = cli_depth_scale(s.depth_scale, &s.metres);
    if (code == CLI_OK)
        code = run(&s);
    for (int i = 0; s.overlays && i < s.count; i++)
        free(s.overlays[i]);
    free(s.overlays);
    ad_scorer_destroy(s.scorer);
    ad_context_destroy(s.context);
    return code;
}
