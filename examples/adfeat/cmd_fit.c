/* adfeat fit: learn from good images, write a scorer file. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "cli.h"
#include "progress.h"

static const char help[] =
    "usage: adfeat fit METHOD --weights W --data DIR -o FILE [options]\n"
    "\n"
    "Learns what is normal from images of good parts and writes a scorer file. DIR is a category in\n"
    "MVTec AD layout, of which train/good is used, or a flat folder of PNG and JPEG images, all of\n"
    "them good. METHOD is one of these; both fit in one pass and in memory that does not grow with the\n"
    "number of images:\n"
    "\n"
    "  gaussian    one Gaussian of deep features for each layer; parts may lie anywhere\n"
    "  padim       a Gaussian at every position; made for parts that always lie alike, localises\n"
    "              better, and needs memory: 0.2 GB with ResNet-18, 5.8 GB with 550 dimensions, known\n"
    "              beforehand\n"
    "\n"
    "  --weights W         the network's weights, a safetensors file\n"
    "  --data DIR          the good images\n"
    "  -o, --output FILE   the scorer file to write; replaced only when all went well\n"
    "  --preset P          what a publication did; other options change it, wherever they stand.\n"
    "                      wang2022: EfficientNet-B4 at 380, levels 3 to 7, npca:0.95, dense heat\n"
    "                      maps; rippel2020: the same network, levels 0 to 8, no reduction, no heat\n"
    "                      maps; resnet18: ResNet-18 at 224, maxpool to layer3, no reduction; all\n"
    "                      three resize by OpenCV's filter (cv_linear). padim has defard2020: shorter\n"
    "                      side to 256 by Lanczos (pil_lanczos), centre crop 224\n"
    "  --backbone B        the network, such as resnet18 or efficientnet_b4; default: what the weights\n"
    "                      file says it is, or what its tensors fit\n"
    "  --padding P         of an EfficientNet: same_dynamic, same_static, same_static_v063 or\n"
    "                      symmetric; default: what the weights file says, or its names imply\n"
    "  --batchnorm-eps E   of an EfficientNet, 1e-3 or 1e-5; default: likewise\n"
    "  --layers A,B,...    where features are taken; default: the network's own choice\n"
    "                      ('adfeat info W' lists them)\n"
    "  --size N            images are resized to N x N; default: what the network was trained at\n"
    "  --reduce R          gaussian: none, pca:T, npca:T (T from 0 to 1 of the variance) or auto; default\n"
    "                      auto: none for ResNets, npca:0.95 for EfficientNets\n"
    "  --pixel P           gaussian: heat maps dense (default, statistics of their own), gap (the image's\n"
    "                      statistics at every position) or none\n"
    "  --set KEY=VALUE     any other option; may be given more than once:\n"
    "                      crop=N (centre), resize=pil_bilinear (default), pil_lanczos or cv_linear,\n"
    "                      aspect=square (default) or shorter (side, then crop), mean=R,G,B,\n"
    "                      std=R,G,B, blur_sigma=0..64; gaussian: ddof=0 or 1, squared=0 or 1,\n"
    "                      samples=256..1048576; padim: dimensions=N or all, covariance=ridge\n"
    "                      or ledoit_wolf, ridge=R, seed=N, memory_limit=BYTES\n"
    "  --embed             put the weights into FILE too, so that scoring needs no other file\n"
    "  --threads N         default 0: as many as there are cores\n"
    "  --device D          auto (default), cpu, or ref: the slow reference\n"
    "  --quiet             no progress bar and no summary\n"
    "\n"
    "examples:\n"
    "  adfeat fit gaussian --weights resnet18.safetensors --data screws -o screws.safetensors\n"
    "  adfeat fit gaussian --weights w.safetensors --backbone resnet50 --layers layer2,layer3 \\\n"
    "      --size 320 --set blur_sigma=4 --embed --data good_parts -o parts.safetensors\n";

typedef struct request {
    const char *weights, *data, *output, *preset, *device;
    network_request network;
    int32_t threads, embed, quiet;
    settings set;
} request;

typedef struct fit_state {
    request r;
    ad_context *context;
    ad_backbone *backbone;
    ad_dataset *data;
    ad_fitter *fitter;
    ad_scorer *scorer;
    progress bar;
} fit_state;

/* ---- Methods ---- */

/* A preset for another network shows as a layer that nobody named. */
static int made(const fit_state *s, ad_status status)
{
    if (status && s->r.preset)
        return cli_fail("%s (with preset %s)", ad_last_error_message(), s->r.preset);
    return status ? cli_fail_library() : CLI_OK;
}

static int make_gaussian(fit_state *s)
{
    ad_gaussian_options options;
    ad_gaussian_options_init(&options, sizeof options);
    for (int i = 0; i < s->r.set.count; i++)
        if (ad_gaussian_options_set(&options, s->r.set.items[i].key, s->r.set.items[i].value))
            return cli_usage("%s", ad_last_error_message());
    const int code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code != CLI_OK)
        return code;
    return made(s, ad_gaussian_fitter_create(s->backbone, &options, &s->fitter));
}

static int make_padim(fit_state *s)
{
    ad_padim_options options;
    ad_padim_options_init(&options, sizeof options);
    for (int i = 0; i < s->r.set.count; i++)
        if (ad_padim_options_set(&options, s->r.set.items[i].key, s->r.set.items[i].value))
            return cli_usage("%s", ad_last_error_message());
    const int code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code != CLI_OK)
        return code;
    return made(s, ad_padim_fitter_create(s->backbone, &options, &s->fitter));
}

/* Opens the backbone and creates the fitter. */
static const struct {
    const char *name;
    int (*make)(fit_state *s);
} methods[] = {{"gaussian", make_gaussian}, {"padim", make_padim}};

/* ---- Interruption: the progress callback cancels, so nothing half-done is left ---- */

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void catch_interrupt(void)
{
    struct sigaction old, action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    /* What a shell's '&' ignores stays ignored. */
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
}

/* Saving is short, and a signal amid it would leave a temporary file. */
static void ignore_signals(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

static int on_progress(void *user, double fraction)
{
    progress_update(user, fraction);
    return caught != 0;
}

/* ---- The command ---- */

/* A wrong output path is better said before the fit than after it. */
static int check_output(const char *path)
{
    char folder[4096];
    struct stat info;
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 2;
    if (n >= sizeof folder)
        return cli_fail("cannot write '%s': %s", path, strerror(ENAMETOOLONG));
    memcpy(folder, slash ? path : "./", n);
    folder[n] = '\0';
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return cli_fail("cannot write '%s': %s", path, strerror(EISDIR));
    if (access(folder, W_OK | X_OK) != 0)
        return cli_fail("cannot write '%s': %s", path, strerror(errno));
    return CLI_OK;
}

static const char *option_of(const ad_scorer *scorer, int32_t count, const char *wanted)
{
    const char *key, *value;
    for (int32_t i = 0; i < count; i++)
        if (ad_scorer_get_option(scorer, i, &key, &value) == AD_OK && strcmp(key, wanted) == 0)
            return value;
    return "";
}

static int say_summary(const fit_state *s, double seconds)
{
    ad_scorer_info info = {.struct_size = sizeof info};
    if (ad_scorer_get_info(s->scorer, &info))
        return cli_fail_library();
    struct stat file;
    const double megabytes = stat(s->r.output, &file) == 0 ? (double)file.st_size / 1e6 : 0.0;
    printf("wrote %s: %s on %s, layers %s, %lld images in %.1f s, %.1f MB%s\n", s->r.output,
           info.method, info.architecture, option_of(s->scorer, info.option_count, "layers"),
           (long long)info.image_count, seconds, megabytes, s->r.embed ? " with weights" : "");
    return cli_finish_output();
}

static int save(const fit_state *s)
{
    ad_scorer_save_options options;
    ad_scorer_save_options_init(&options, sizeof options);
    options.embed_backbone = s->r.embed;
    return ad_scorer_save(s->scorer, s->r.output, &options) ? cli_fail_library() : CLI_OK;
}

static int fit(fit_state *s)
{
    ad_fit_options options;
    ad_fit_options_init(&options, sizeof options);
    options.progress = on_progress;
    options.user = &s->bar;
    const double start = cli_seconds();
    progress_start(&s->bar, "fitting", s->r.quiet);
    const ad_status status = ad_fit(s->fitter, s->data, &options, &s->scorer);
    progress_end(&s->bar);
    ignore_signals();
    if (caught) {
        cli_fail("interrupted, nothing was written");
        return CLI_SIGNAL + caught;
    }
    if (status)
        return cli_fail_library();
    const int code = save(s);
    if (code != CLI_OK)
        return code;
    if (s->r.quiet)
        return CLI_OK;
    cli_say_notes();
    return say_summary(s, cli_seconds() - start);
}

static int run(fit_state *s, const char *method)
{
    size_t m = 0;
    const size_t method_count = sizeof methods / sizeof methods[0];
    while (m < method_count && strcmp(methods[m].name, method) != 0)
        m++;
    if (m == method_count)
        return cli_usage("unknown method '%s': there are gaussian, padim", method);
    int code = check_output(s->r.output);
    if (code != CLI_OK)
        return code;
    catch_interrupt();
    s->context = cli_context(s->r.threads, s->r.device);
    if (!s->context)
        return CLI_FAILED;
    code = methods[m].make(s);
    if (code != CLI_OK)
        return code;
    if (ad_dataset_open_folder(s->context, s->r.data, NULL, &s->data))
        return cli_fail_library();
    return fit(s);
}

/* A preset comes before what changes it, wherever it stood. */
static int put_first(settings *set, const char *preset)
{
    if (set->count == (int)(sizeof set->items / sizeof set->items[0]))
        return cli_usage("more than %d settings", set->count);
    memmove(set->items + 1, set->items, (size_t)set->count * sizeof set->items[0]);
    set->items[0].key = "preset";
    set->items[0].value = preset;
    set->count++;
    return CLI_OK;
}

int cmd_fit(int argc, char **argv)
{
    fit_state s = {0};
    const arg_spec specs[] = {{"--weights", NULL, ARG_TEXT, &s.r.weights, 0, 0},
                              {"--data", NULL, ARG_TEXT, &s.r.data, 0, 0},
                              {"--output", "-o", ARG_TEXT, &s.r.output, 0, 0},
                              {"--preset", NULL, ARG_TEXT, &s.r.preset, 0, 0},
                              {"--backbone", NULL, ARG_TEXT, &s.r.network.backbone, 0, 0},
                              {"--padding", NULL, ARG_TEXT, &s.r.network.padding, 0, 0},
                              {"--batchnorm-eps", NULL, ARG_TEXT, &s.r.network.batchnorm_eps, 0, 0},
                              {"--layers", NULL, ARG_SETTING, &s.r.set, 0, 0},
                              {"--size", NULL, ARG_SETTING, &s.r.set, 0, 0},
                              {"--reduce", NULL, ARG_SETTING, &s.r.set, 0, 0},
                              {"--pixel", NULL, ARG_SETTING, &s.r.set, 0, 0},
                              {"--set", NULL, ARG_SET, &s.r.set, 0, 0},
                              {"--embed", NULL, ARG_FLAG, &s.r.embed, 0, 0},
                              {"--threads", NULL, ARG_NUMBER, &s.r.threads, 0, 256},
                              {"--device", NULL, ARG_TEXT, &s.r.device, 0, 0},
                              {"--quiet", NULL, ARG_FLAG, &s.r.quiet, 0, 0},
                              {NULL, NULL, ARG_FLAG, NULL, 0, 0}};
    int operands = 0, done = 0;
    int code = args_parse(argc, argv, specs, help, &operands, &done);
    if (code != CLI_OK || done)
        return code;
    if (operands != 1)
        return cli_usage("fit needs one METHOD, %d were given; see 'adfeat fit --help'", operands);
    if (!s.r.weights || !s.r.data || !s.r.output)
        return cli_usage("fit needs --weights, --data and -o; see 'adfeat fit --help'");
    code = s.r.preset ? put_first(&s.r.set, s.r.preset) : CLI_OK;
    if (code == CLI_OK)
        code = run(&s, argv[1]);
    ad_scorer_destroy(s.scorer);
    ad_fitter_destroy(s.fitter);
    ad_dataset_destroy(s.data);
    ad_backbone_destroy(s.backbone);
    ad_context_destroy(s.context);
    return code;
}
