/* adfeat fit: learn from good images, write a scorer file. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fit_list.h"
#include "fit_method.h"

static const char help[] =
    "usage: adfeat fit METHOD --weights W --data DIR -o FILE [options]\n"
    "\n"
    "Learns from images of good parts and writes a scorer file.\n"
    "\n"
    "  --weights W         the network's weights, a safetensors file; README.md says\n"
    "                      where to get them, 'adfeat convert' makes one of .pth\n"
    "  --data DIR          a folder of good images, or a data set in a known layout,\n"
    "                      such as MVTec AD's\n"
    "  -o, --output FILE   the scorer file to write; it is replaced only when the fit\n"
    "                      has succeeded\n"
    "  --embed             put the weights into FILE too: scoring then needs no other\n"
    "                      file\n"
    "\n"
    "METHOD is one of these. The first two take one pass; the others, 'students'\n"
    "below, train a network for many epochs.\n"
    "\n"
    "  gaussian    one Gaussian of deep features for each layer; parts may lie\n"
    "              anywhere\n"
    "  padim       a Gaussian at every position: for parts that always lie alike;\n"
    "              localises better; needs memory that is known beforehand\n"
    "  stfpm       a student learns a ResNet's features of good images; where it\n"
    "              fails is a defect\n"
    "  stfpm_unet  the same, with a small U-Net at every layer\n"
    "  ast         a normalising flow learns features, depth or both of good images,\n"
    "              and a student learns the flow; for images with depth in MVTec\n"
    "              3D-AD's layout\n"
    "  masked_rd   reverse distillation: a decoder re-creates a ResNet's features\n"
    "              from what a bottleneck lets through, some masked while it learns;\n"
    "              where it fails is a defect\n"
    "\n"
    "'adfeat fit METHOD --help' lists the method's own options and presets, with\n"
    "their defaults.\n"
    "\n"
    "method:\n"
    "  --size N            resize images to NxN\n"
    "  --layers A,B,...    where features are taken ('adfeat info W' lists them);\n"
    "                      default: the network's own choice\n"
    "  --preset P          options of a publication; other options change it,\n"
    "                      wherever they stand\n"
    "  --set KEY=VALUE     any option of the method; may be given more than once\n"
    "  --reduce R          gaussian: none, pca:T, npca:T (T: share of the variance, 0\n"
    "                      to 1) or auto: none for ResNets, npca:0.95 for\n"
    "                      EfficientNets\n"
    "  --pixel P           gaussian: anomaly maps from statistics of their own\n"
    "                      (dense), from the image's (gap), or none\n"
    "  --list              where each method is from and what it needs\n"
    "\n"
    "students:\n"
    "  --epochs N          passes over the images; 0: take --student as it is\n"
    "  --batch N           images of a training step\n"
    "  --student FILE      train this student further: of --save-student, or the\n"
    "                      authors' checkpoint after 'adfeat convert'\n"
    "  --save-student FILE write the student too\n"
    "  --checkpoint-dir D  write a checkpoint to folder D after every epoch and on\n"
    "                      Ctrl-C or SIGTERM; D is made if it is not there\n"
    "  --resume            go on from the checkpoint; the result is that of one\n"
    "                      uninterrupted run\n"
    "  --loss-csv FILE     write a line for every epoch: phase, epoch, loss, its\n"
    "                      terms, validation, best, seconds; --resume adds to it\n"
    "\n"
    "network:\n"
    "  --backbone B        such as resnet18 or efficientnet_b4; default: what the\n"
    "                      weights file says, or what its tensors fit\n"
    "  --padding P         of an EfficientNet: same_dynamic, same_static,\n"
    "                      same_static_v063 or symmetric; default: as the weights\n"
    "                      file says or its names imply\n"
    "  --batchnorm-eps E   of an EfficientNet: 1e-3 or 1e-5; default: likewise\n"
    "  --prefix P          take the network whose tensors' names begin with this, for\n"
    "                      a file that holds two; '' is no prefix\n"
    "  --expected-digest D fail if the weights' digest, as 'adfeat info W' says it,\n"
    "                      is another\n"
    "\n" DATASET_HELP "\n"
    "running:\n"
    "  --skip-damaged      leave out files that cannot be read or are damaged, and\n"
    "                      say how many; without it they end the fit, after all of\n"
    "                      them have been named\n"
    "  --threads N         default 0: one for each core\n"
    "  --memory-limit B    bytes in all, such as 64M or 2G; default: no limit\n"
    "  --device D          auto (default), cpu, cuda or cuda:N (a GPU), or ref (slow)\n"
    "  --quiet             no progress and no summary\n"
    "\n"
    "examples:\n"
    "  adfeat fit gaussian --weights resnet18.safetensors --data screws \\\n"
    "      -o screws.safetensors\n"
    "  adfeat fit padim --weights w.safetensors --layers layer1,layer2 --size 320 \\\n"
    "      --set blur_sigma=4 --embed --data good_parts -o parts.safetensors\n"
    "  adfeat fit stfpm --weights resnet18.safetensors --data screws \\\n"
    "      -o screws.safetensors --checkpoint-dir training --resume\n"
    "  adfeat fit ast --weights efficientnet_b5.safetensors --data bagel \\\n"
    "      --set mode=combi -o bagel.safetensors\n";

/* ---- Interruption: callbacks cancel, so nothing half-done is left; a second signal kills ---- */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void catch_interrupt(void)
{
    struct sigaction old;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    /* What a shell's '&' or nohup ignores stays ignored. */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

/* Saving is short, and a signal amid it would leave a temporary file. */
static void ignore_signals(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_IGN);
}

static int on_progress(void *user, double fraction)
{
    fit_state *s = user;
    if (!s->train.begun)
        progress_update(&s->bar, fraction);
    return caught != 0;
}

static int on_train(void *user, const ad_train_progress *p)
{
    fit_state *s = user;
    training_show(&s->train, &s->bar, p, ad_fitter_memory(s->fitter));
    return caught != 0;
}

/* ---- The command ---- */

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

/* What the summary of a scorer does not say of a student. */
static int say_student(const fit_state *s)
{
    const training *t = &s->train;
    ad_student_info info = {.struct_size = sizeof info};
    if (ad_student_get_info(s->student, &info))
        return cli_fail_library();
    if (!t->begun)
        printf(t->resume ? "nothing was left to train: the checkpoint is of a complete training\n"
                         : "nothing was trained: the student was used as it is\n");
    else if (!isnan(t->best_validation)) /* some images were held out */
        printf("kept epoch %d of %d: validation error %.4g\n", t->best_epoch, t->epoch,
               t->best_validation);
    if (t->save_student)
        printf("wrote %s: the student, trained for %lld epochs\n", t->save_student,
               (long long)info.epochs_trained);
    return cli_finish_output();
}

static int save_scorer(const fit_state *s, double start)
{
    ad_scorer_save_options options;
    ad_scorer_save_options_init(&options, sizeof options);
    options.embed_backbone = s->r.embed;
    if (ad_scorer_save(s->scorer, s->r.output, &options))
        return cli_fail_library();
    return s->r.quiet ? CLI_OK : say_summary(s, cli_seconds() - start);
}

static int save_student(const fit_state *s)
{
    if (s->train.save_student && ad_student_save(s->student, s->train.save_student))
        return cli_fail_library();
    return s->r.quiet ? CLI_OK : say_student(s);
}

/* A training is long: what can be written of it is, and what cannot is said. */
static int finish(fit_state *s, double start)
{
    if (!s->r.quiet || ad_fitter_skipped(s->fitter))
        cli_say_notes();
    int code = save_scorer(s, start);
    if (s->method.trains && save_student(s) != CLI_OK)
        code = CLI_FAILED;
    return loss_csv_end(&s->train.csv) == CLI_OK ? code : CLI_FAILED;
}

static int fit(fit_state *s)
{
    ad_fit_options options;
    ad_fit_options_init(&options, sizeof options);
    options.progress = on_progress;
    options.train = on_train;
    options.user = s;
    options.checkpoint_dir = s->train.checkpoint_dir;
    options.resume = (uint32_t)s->train.resume;
    options.skip_damaged = s->r.skip_damaged;
    const double start = cli_seconds();
    progress_start(&s->bar, "fitting", s->r.quiet);
    s->bar.uneven = s->method.trains; /* until the first batch, when there is more to show */
    const ad_status status = ad_fit(s->fitter, s->data, &options, &s->scorer);
    progress_end(&s->bar);
    ignore_signals();
    if (caught && (status == AD_OK || status == AD_ERR_CANCELLED)) {
        training_interrupted(&s->train);
        return CLI_SIGNAL + caught;
    }
    return status ? cli_fail_library_notes() : finish(s, start);
}

static int run(fit_state *s, const char *name)
{
    if (!fit_method_find(name, &s->method))
        return fit_method_unknown(name);
    s->train.quiet = s->r.quiet;
    int code = training_check(&s->train, name, s->method.trains);
    if (code == CLI_OK)
        code = cli_check_file(s->r.output);
    if (code == CLI_OK)
        code = training_check_files(&s->train, s->r.output, s->r.weights);
    if (code != CLI_OK)
        return code;
    catch_interrupt();
    s->context = cli_context(s->r.threads, s->r.device, s->r.memory_limit);
    if (!s->context)
        return CLI_FAILED;
    code = fit_method_make(s);
    if (code != CLI_OK)
        return code;
    code = dataset_args_open(s->context, &s->r.data, AD_SPLIT_TRAIN, &s->data);
    if (code != CLI_OK)
        return code;
    code = training_prepare(&s->train);
    return code == CLI_OK ? fit(s) : code;
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

/* 'adfeat fit METHOD ... --help' */
static int wants_help(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
    return 0;
}

/* What is missing, and no more; and of weights where they come from. */
static int check_needs(const request *r)
{
    const char *const names[] = {"--weights", "--data", "-o"};
    const char *const given[] = {r->weights, r->data.data, r->output};
    char list[64] = "";
    int missing = !given[0] + !given[1] + !given[2];
    if (!missing)
        return CLI_OK;
    for (int i = 0; i < 3; i++)
        if (!given[i]) {
            strcat(list, *list ? missing == 1 ? " and " : ", " : "");
            strcat(list, names[i]);
            missing--;
        }
    if (!r->weights)
        return cli_usage("fit needs %s; weights are a network's, trained by others: README.md "
                         "(Weights) says where to get them and what 'adfeat convert' makes of them",
                         list);
    return cli_usage("fit needs %s; see 'adfeat fit --help'", list);
}

int cmd_fit(int argc, char **argv)
{
    fit_state s = {0};
    const arg_spec specs[] = {
        {"--weights", NULL, ARG_TEXT, &s.r.weights, 0, 0},
        {"--output", "-o", ARG_TEXT, &s.r.output, 0, 0},
        {"--preset", NULL, ARG_TEXT, &s.r.preset, 0, 0},
        {"--backbone", NULL, ARG_TEXT, &s.r.network.backbone, 0, 0},
        {"--padding", NULL, ARG_TEXT, &s.r.network.padding, 0, 0},
        {"--batchnorm-eps", NULL, ARG_TEXT, &s.r.network.batchnorm_eps, 0, 0},
        {"--prefix", NULL, ARG_ANY, &s.r.network.prefix, 0, 0},
        {"--expected-digest", NULL, ARG_TEXT, &s.r.network.expected_digest, 0, 0},
        {"--layers", NULL, ARG_SETTING, &s.r.set, 0, 0},
        {"--size", NULL, ARG_SETTING, &s.r.set, 0, 0},
        {"--reduce", NULL, ARG_SETTING, &s.r.set, 0, 0},
        {"--pixel", NULL, ARG_SETTING, &s.r.set, 0, 0},
        {"--epochs", NULL, ARG_SETTING, &s.r.set, 0, 0},
        {"--batch", NULL, ARG_SETTING, &s.r.set, 0, 0},
        {"--student", NULL, ARG_TEXT, &s.train.student, 0, 0},
        {"--save-student", NULL, ARG_TEXT, &s.train.save_student, 0, 0},
        {"--checkpoint-dir", NULL, ARG_TEXT, &s.train.checkpoint_dir, 0, 0},
        {"--resume", NULL, ARG_FLAG, &s.train.resume, 0, 0},
        {"--loss-csv", NULL, ARG_TEXT, &s.train.csv.path, 0, 0},
        {"--set", NULL, ARG_SET, &s.r.set, 0, 0},
        DATASET_SPECS(s.r.data),
        {"--skip-damaged", NULL, ARG_FLAG, &s.r.skip_damaged, 0, 0},
        {"--embed", NULL, ARG_FLAG, &s.r.embed, 0, 0},
        {"--threads", NULL, ARG_NUMBER, &s.r.threads, 0, 256},
        {"--memory-limit", NULL, ARG_BYTES, &s.r.memory_limit, 0, 0},
        {"--device", NULL, ARG_TEXT, &s.r.device, 0, 0},
        {"--quiet", NULL, ARG_FLAG, &s.r.quiet, 0, 0},
        {"--list", NULL, ARG_FLAG, &s.r.list, 0, 0},
        {NULL, NULL, ARG_FLAG, NULL, 0, 0}};
    int operands = 0, done = 0, code = CLI_OK;
    if (wants_help(argc, argv) && fit_list_options(argv[1], &code))
        return code;
    code = args_parse(argc, argv, specs, help, &operands, &done);
    if (code != CLI_OK || done)
        return code;
    if (s.r.list)
        return fit_list_print();
    if (operands != 1)
        return cli_usage("fit needs one METHOD, %d were given; see 'adfeat fit --help'", operands);
    code = check_needs(&s.r);
    if (code != CLI_OK)
        return code;
    code = s.r.preset ? put_first(&s.r.set, s.r.preset) : CLI_OK;
    if (code == CLI_OK)
        code = run(&s, argv[1]);
    if (s.train.csv.file)
        fclose(s.train.csv.file);
    ad_scorer_destroy(s.scorer);
    ad_fitter_destroy(s.fitter);
    ad_student_destroy(s.loaded);
    ad_dataset_destroy(s.data);
    ad_backbone_destroy(s.backbone);
    ad_context_destroy(s.context);
    return code;
}
