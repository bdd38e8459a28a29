/* adfeat info: what a scorer, a student or a weights file holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "cli.h"

static const char help[] =
    "usage: adfeat info FILE [options]\n"
    "       adfeat info --devices\n"
    "\n"
    "Says what FILE holds, or which devices there are.\n"
    "\n"
    "- A scorer that 'adfeat fit' wrote: method, network, the number of images that\n"
    "  it was fitted on, what those very images score (root mean square; other good\n"
    "  images score higher), and every option.\n"
    "- A student: method, network, layers and epochs.\n"
    "- A checkpoint: what was asked of the training.\n"
    "- Weights: network, digest, origin, and the layers that features can be taken\n"
    "  from, with their sizes (WxH) and channels.\n"
    "\n"
    "  --weights W         check that a scorer or a student was fitted with these\n"
    "  --backbone B        the network of weights that do not say it\n"
    "  --padding P         of an EfficientNet's weights, as for 'adfeat fit'\n"
    "  --batchnorm-eps E   likewise\n"
    "  --prefix P          of the weights, as for 'adfeat fit'\n"
    "  --expected-digest D likewise\n"
    "  --devices           list the devices: the CPU and GPUs; and what the\n"
    "                      library was built with\n"
    "\n"
    "examples:\n"
    "  adfeat info screws.safetensors\n"
    "  adfeat info resnet18.safetensors --backbone resnet18\n";

typedef struct info_state {
    const char *file, *weights;
    int devices;
    network_request network;
    ad_context *context;
    ad_backbone *backbone;
    ad_student *student;
    ad_scorer *scorer;
} info_state;

/* Where 'adfeat convert', or whoever wrote the file, says that it came from. */
static int print_origin(void *user, const char *key, const char *value)
{
    (void)user;
    if (strcmp(key, "origin") == 0 || strcmp(key, "origin_names") == 0)
        printf("%-16s %s\n", key, value);
    return 0;
}

static int print_backbone(const info_state *s)
{
    ad_backbone_info info = {.struct_size = sizeof info};
    if (ad_backbone_get_info(s->backbone, &info))
        return cli_fail_library();
    printf("kind             weights\n");
    printf("architecture     %s\n", info.architecture);
    printf("digest           %s\n", info.digest);
    printf("parameters       %lld\n", (long long)info.parameter_count);
    printf("names            %s\n", info.dialect);
    printf("input_size       %d\n", info.input_size);
    if (info.padding != AD_PADDING_AUTO) {
        static const char *const words[] = {"", "same_dynamic", "same_static", "same_static_v063",
                                            "symmetric"};
        printf("padding          %s\n", words[info.padding]);
        printf("batchnorm_eps    %g\n", info.batchnorm_eps);
    }
    printf("mean             %g, %g, %g\n", (double)info.mean[0], (double)info.mean[1],
           (double)info.mean[2]);
    printf("std              %g, %g, %g\n", (double)info.std[0], (double)info.std[1],
           (double)info.std[2]);
    if (ad_file_metadata(s->context, s->file, print_origin, NULL))
        return cli_fail_library();
    for (int32_t i = 0; i < ad_backbone_layer_count(s->backbone); i++) {
        ad_layer_info layer = {.struct_size = sizeof layer};
        if (ad_backbone_layer_info(s->backbone, i, info.input_size, info.input_size, &layer))
            return cli_fail_library();
        printf("layer %-10s ", layer.name);
        if (layer.available)
            printf("%lldx%lld, %lld channels\n", (long long)layer.width, (long long)layer.height,
                   (long long)layer.channels);
        else
            printf("not in this file\n");
    }
    return cli_finish_output();
}

static int print_weights(info_state *s)
{
    const int code = cli_open_backbone(s->context, &s->network, s->file, &s->backbone);
    return code == CLI_OK ? print_backbone(s) : code;
}

/* What the file is, from its metadata. */
typedef struct file_kind {
    int scorer, student, checkpoint, embedded;
    char backbone[32]; /* digest */
} file_kind;

static int look_at(void *user, const char *key, const char *value)
{
    file_kind *kind = user;
    /* of this program; of 'adfeat convert' */
    if (strcmp(key, "adfeat.kind") == 0 || strcmp(key, "kind") == 0) {
        kind->scorer = strcmp(value, "scorer") == 0;
        kind->student = strcmp(value, "student") == 0;
        kind->checkpoint = strcmp(value, "checkpoint") == 0;
    } else if (strcmp(key, "adfeat.embedded") == 0) {
        kind->embedded = strcmp(value, "1") == 0;
    } else if (strcmp(key, "adfeat.backbone") == 0) {
        snprintf(kind->backbone, sizeof kind->backbone, "%s", value);
    }
    return 0;
}

/* A line of what a scorer says of itself. */
static int print_entry(void *user, const char *key, const char *value)
{
    static const char *const lines[][2] = {{"adfeat.method", "method"},
                                           {"adfeat.architecture", "architecture"},
                                           {"adfeat.images", "images"},
                                           {"adfeat.backbone", "backbone_digest"},
                                           {"adfeat.version", "version"}};
    static const char *const reals[][2] = {{"adfeat.normal_score", "normal_score"},
                                           {"adfeat.normal_map", "normal_map"}};
    (void)user;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strcmp(key, lines[i][0]) == 0)
            printf("%-16s %s\n", lines[i][1], value);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        const double real = strtod(value, NULL);
        if (strcmp(key, reals[i][0]) == 0 && real > 0.0)
            printf("%-16s %.6g\n", reals[i][1], real);
        else if (strcmp(key, reals[i][0]) == 0)
            printf("%-16s not known\n", reals[i][1]);
    }
    if (strncmp(key, "adfeat.option.", 14) == 0)
        printf("option %-9s %s\n", key + 14, value);
    return 0;
}

/* What the file says of itself, and with its weights what only a loaded scorer tells. */
static int print_scorer(const info_state *s, int embedded)
{
    printf("kind             scorer\n");
    printf("embedded         %s\n", embedded ? "yes" : "no");
    if (ad_file_metadata(s->context, s->file, print_entry, NULL))
        return cli_fail_library();
    ad_scorer_info info = {.struct_size = sizeof info};
    if (s->scorer && ad_scorer_get_info(s->scorer, &info))
        return cli_fail_library();
    if (s->scorer) {
        printf("input_size       %d\n", info.input_size);
        printf("maps             %s\n", info.has_map ? "yes" : "no");
    }
    return cli_finish_output();
}

/* A line of what a student says of itself: what is this program's has a prefix, what 'adfeat
 * convert' says has none. */
static int print_student_entry(void *user, const char *key, const char *value)
{
    static const char *const lines[][2] = {{"adfeat.architecture", "architecture"},
                                           {"adfeat.backbone", "backbone_digest"},
                                           {"adfeat.version", "version"},
                                           {"architecture", "architecture"},
                                           {"adfeat.student.kind", "method"}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strcmp(key, lines[i][0]) == 0)
            printf("%-16s %s\n", lines[i][1], value);
    if (strncmp(key, "adfeat.student.", 15) == 0 && strcmp(key + 15, "kind") != 0)
        printf("%-16s %s\n", key + 15, value);
    return print_origin(user, key, value);
}

static int print_student(info_state *s, const char *teacher)
{
    ad_student_info info = {.struct_size = sizeof info};
    if (s->weights) {
        const int code = cli_open_backbone(s->context, &s->network, s->weights, &s->backbone);
        if (code != CLI_OK)
            return code;
        if (ad_student_load(s->backbone, s->file, NULL, NULL, &s->student) ||
            ad_student_get_info(s->student, &info))
            return cli_fail_library();
        if (*teacher && strcmp(teacher, info.teacher_digest) != 0)
            return cli_fail("'%s' learned from other weights than '%s': digest %s, not %s", s->file,
                            s->weights, teacher, info.teacher_digest);
    }
    printf("kind             student\n");
    if (ad_file_metadata(s->context, s->file, print_student_entry, NULL))
        return cli_fail_library();
    if (s->weights)
        printf("parameters       %lld\n", (long long)info.parameter_count);
    return cli_finish_output();
}

/* A line of what a training in a checkpoint was begun with. */
static int print_checkpoint_entry(void *user, const char *key, const char *value)
{
    (void)user;
    if (strcmp(key, "adfeat.progress") == 0)
        printf("%-16s %s\n", "progress", value);
    if (strncmp(key, "adfeat.train.", 13) == 0)
        printf("%-16s %s\n", strcmp(key + 13, "kind") == 0 ? "method" : key + 13, value);
    return 0;
}

static int print_checkpoint(const info_state *s)
{
    printf("kind             checkpoint\n");
    if (ad_file_metadata(s->context, s->file, print_checkpoint_entry, NULL))
        return cli_fail_library();
    return cli_finish_output();
}

/* A machine without a GPU is no failure: its line says why there is none. */
static int print_devices(void)
{
    int32_t count = 0;
    printf("cpu      %s\n", ad_build_info());
    printf("ref      plain loops, slow: the reference\n");
    if (ad_device_count(&count) != AD_OK) {
        printf("cuda     none: %s\n", ad_last_error_message());
        return cli_finish_output();
    }
    for (int32_t i = 0; i < count; i++) {
        ad_device_info info = {.struct_size = sizeof info};
        if (ad_device_get_info(i, &info))
            return cli_fail_library();
        printf("cuda:%-3d %s, %.1f of %.1f GiB free\n", i, info.name,
               (double)info.free_bytes / (1 << 30), (double)info.total_bytes / (1 << 30));
    }
    return cli_finish_output();
}

static int run(info_state *s)
{
    file_kind kind = {0};
    s->context = cli_context(0, NULL, 0);
    if (!s->context)
        return CLI_FAILED;
    if (ad_file_metadata(s->context, s->file, look_at, &kind))
        return cli_fail_library();
    if (kind.student)
        return print_student(s, kind.backbone);
    if (kind.checkpoint && s->weights)
        return cli_usage(
            "option --weights: '%s' is a checkpoint, which only its training can check", s->file);
    if (kind.checkpoint)
        return print_checkpoint(s);
    if (!kind.scorer)
        return print_weights(s);
    const int code =
        kind.embedded || s->weights
            ? cli_load_scorer(s->context, s->file, kind.embedded ? NULL : s->weights, &s->scorer)
            : CLI_OK;
    return code == CLI_OK ? print_scorer(s, kind.embedded) : code;
}

int cmd_info(int argc, char **argv)
{
    info_state s = {0};
    const arg_spec specs[] = {
        {"--weights", NULL, ARG_TEXT, &s.weights, 0, 0},
        {"--backbone", NULL, ARG_TEXT, &s.network.backbone, 0, 0},
        {"--padding", NULL, ARG_TEXT, &s.network.padding, 0, 0},
        {"--batchnorm-eps", NULL, ARG_TEXT, &s.network.batchnorm_eps, 0, 0},
        {"--prefix", NULL, ARG_ANY, &s.network.prefix, 0, 0},
        {"--expected-digest", NULL, ARG_TEXT, &s.network.expected_digest, 0, 0},
        {"--devices", NULL, ARG_FLAG, &s.devices, 0, 0},
        {NULL, NULL, ARG_FLAG, NULL, 0, 0}};
    int operands = 0, done = 0;
    int code = args_parse(argc, argv, specs, help, &operands, &done);
    if (code != CLI_OK || done)
        return code;
    if (s.devices && operands == 0)
        return print_devices();
    if (operands != 1)
        return cli_usage("info needs one FILE, %d were given; see 'adfeat info --help'", operands);
    s.file = argv[1];
    code = run(&s);
    ad_scorer_destroy(s.scorer);
    ad_student_destroy(s.student);
    ad_backbone_destroy(s.backbone);
    ad_context_destroy(s.context);
    return code;
}
