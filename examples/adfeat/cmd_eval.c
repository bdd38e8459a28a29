/* adfeat eval: how well a scorer tells good from bad on labelled images. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "cli.h"
#include "dataset_args.h"
#include "progress.h"
#include "whole_file.h"
#include "words.h"

static const char help[] =
    "usage: adfeat eval FILE --data DIR [options]\n"
    "\n"
    "Scores the test images of a data set and prints a line 'name value' for each of\n"
    "image_auroc, pixel_auroc, image_ap, f1_max, f1_threshold, au_pro, images and\n"
    "ms_per_image.\n"
    "\n"
    "  --data DIR          the labelled images\n"
    "  --weights W         the weights that FILE was fitted with; not needed if FILE\n"
    "                      embeds them\n"
    "  --json              one JSON object instead of lines; nan becomes null\n"
    "  --scores-csv F      also write path, group, label (1: anomalous) and score of\n"
    "                      every image to F, which is replaced when it is complete; a\n"
    "                      skipped image has no score\n"
    "  --eval-size N       compute pixel figures at NxN; default 0: at each image's\n"
    "                      own size, which is slower and takes about 8 bytes of\n"
    "                      memory for each pixel of all images\n"
    "  --skip-damaged      leave out images that are damaged, or whose mask is;\n"
    "                      'skipped N' says how many. Without it they end the\n"
    "                      evaluation, after all of them have been named\n"
    "\n"
    "f1_threshold is the score that gives f1_max; it was chosen on these images. A\n"
    "figure that the data does not define is nan, and a note on stderr says why\n"
    "(image_note and pixel_note of --json); so does a note if an AUROC is below 0.5,\n"
    "or if anomalous images have no mask. normal_ratio of --json is the median score\n"
    "of good images over the highest that is expected for the product that FILE was\n"
    "fitted on; above 1 a note says so.\n"
    "\n" DATASET_HELP "\n"
    "running:\n"
    "  --threads N         default 0: one for each core\n"
    "  --memory-limit B    bytes in all, such as 64M or 2G; default: no limit\n"
    "  --device D          auto (default), cpu, cuda or cuda:N (a GPU), or ref (slow)\n"
    "\n"
    "examples:\n"
    "  adfeat eval screws.safetensors --weights resnet18.safetensors --data screws\n"
    "  adfeat eval screws.safetensors --weights resnet18.safetensors --data screws \\\n"
    "      --eval-size 256 --json --scores-csv scores.csv\n"
    "  adfeat eval cats.safetensors --weights resnet18.safetensors --data cifar10 \\\n"
    "      --one-class cat\n";

typedef struct eval_state {
    const char *file, *weights, *csv, *device;
    dataset_args data;
    int32_t eval_size, json, threads, skip_damaged;
    uint64_t memory_limit;
    ad_context *context;
    ad_dataset *set;
    ad_scorer *scorer;
    float *scores;
} eval_state;

static int on_progress(void *user, double fraction)
{
    progress_update(user, fraction);
    return 0;
}

/* ---- Results ---- */

/* A CSV field, quoted as RFC 4180 asks. */
static void put_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static int put_rows(const eval_state *s, FILE *out)
{
    fputs("path,group,label,score\n", out);
    for (int64_t i = 0; i < ad_dataset_count(s->set); i++) {
        ad_sample sample = {.struct_size = sizeof sample};
        if (ad_dataset_get(s->set, i, &sample))
            return cli_fail_library();
        put_field(out, sample.name);
        fputc(',', out);
        put_field(out, sample.group);
        if (isnan(s->scores[i])) /* a skipped image */
            fprintf(out, ",%d,\n", sample.label);
        else
            fprintf(out, ",%d,%.9g\n", sample.label, (double)s->scores[i]);
    }
    return CLI_OK;
}

static int write_csv(const eval_state *s)
{
    whole_file file;
    const int code = whole_file_begin(&file, s->csv);
    return code == CLI_OK ? whole_file_end(&file, put_rows(s, file.out)) : code;
}

/* A wrong path is better said before the scoring than after it. */
static int check_csv(const eval_state *s)
{
    if (!s->csv)
        return CLI_OK;
    if (cli_same_file(s->csv, s->file))
        return cli_usage("--scores-csv and the scorer are one file, '%s'", s->csv);
    if (s->weights && cli_same_file(s->csv, s->weights))
        return cli_usage("--scores-csv and --weights are one file, '%s'", s->csv);
    return whole_file_check(s->csv);
}

static int print_json(const ad_evaluation *e)
{
    json_t *object = json_object();
    if (!object || json_object_set_new(object, "image_auroc", cli_json_real(e->image_auroc)) ||
        json_object_set_new(object, "pixel_auroc", cli_json_real(e->pixel_auroc)) ||
        json_object_set_new(object, "image_ap", cli_json_real(e->image_ap)) ||
        json_object_set_new(object, "f1_max", cli_json_real(e->f1_max)) ||
        json_object_set_new(object, "au_pro", cli_json_real(e->au_pro)) ||
        json_object_set_new(object, "images", json_integer(e->images)) ||
        json_object_set_new(object, "skipped", json_integer(e->skipped)) ||
        json_object_set_new(object, "ms_per_image", cli_json_real(e->ms_per_image)) ||
        json_object_set_new(object, "anomalous", json_integer(e->anomalous)) ||
        json_object_set_new(object, "f1_threshold", cli_json_real(e->f1_threshold)) ||
        json_object_set_new(object, "eval_size", json_integer(e->eval_size)) ||
        json_object_set_new(object, "masked", json_integer(e->masked)) ||
        json_object_set_new(object, "normal_ratio", cli_json_real(e->normal_ratio)) ||
        json_object_set_new(object, "image_note", cli_json_text(e->image_note)) ||
        json_object_set_new(object, "pixel_note", cli_json_text(e->pixel_note)) ||
        json_object_set_new(object, "scorer_note", cli_json_text(e->scorer_note))) {
        json_decref(object);
        object = NULL;
    }
    const int code = cli_print_json(object, JSON_INDENT(2));
    putchar('\n');
    return code;
}

/* printf would give a NaN its sign */
static void print_line(const char *name, double value)
{
    if (isnan(value))
        printf("%s nan\n", name);
    else
        printf("%s %.6f\n", name, value);
}

static void print_lines(const ad_evaluation *e)
{
    char text[2048];
    /* On stderr: every line of the output is a name and a value. */
    if (e->eval_size)
        fprintf(stderr, "# pixel figures at %dx%d\n", e->eval_size, e->eval_size);
    else
        fprintf(stderr, "# pixel figures at each image's own size\n");
    if (e->image_note[0])
        cli_note("%s", words_as_flags(e->image_note, text, sizeof text));
    if (e->pixel_note[0])
        cli_note("%s", words_as_flags(e->pixel_note, text, sizeof text));
    print_line("image_auroc", e->image_auroc);
    print_line("pixel_auroc", e->pixel_auroc);
    print_line("image_ap", e->image_ap);
    print_line("f1_max", e->f1_max);
    print_line("f1_threshold", e->f1_threshold);
    print_line("au_pro", e->au_pro);
    printf("images %lld\n", (long long)e->images);
    if (e->skipped)
        printf("skipped %lld\n", (long long)e->skipped);
    printf("ms_per_image %.2f\n", e->ms_per_image);
}

/* Worse than a coin toss has a reason that is not the scorer's. */
static void say_swapped(const ad_evaluation *e)
{
    if (e->image_auroc < 0.5)
        cli_note("image_auroc is %.4f, below 0.5: anomalous images score lower than good ones; are "
                 "the folders of good and anomalous images swapped?",
                 e->image_auroc);
    if (e->pixel_auroc < 0.5)
        cli_note("pixel_auroc is %.4f, below 0.5: pixels that masks mark score lower than others; "
                 "are the masks of these images?",
                 e->pixel_auroc);
}

/* ---- The command ---- */

static int run(eval_state *s)
{
    s->context = cli_context(s->threads, s->device, s->memory_limit);
    if (!s->context)
        return CLI_FAILED;
    int code = cli_load_scorer(s->context, s->file, s->weights, &s->scorer);
    if (code != CLI_OK)
        return code;
    code = dataset_args_open(s->context, &s->data, AD_SPLIT_TEST, &s->set);
    if (code != CLI_OK)
        return code;
    s->scores = calloc((size_t)ad_dataset_count(s->set), sizeof *s->scores);
    if (!s->scores)
        return cli_fail("out of memory");

    progress bar;
    progress_start(&bar, "scoring", 0);
    ad_evaluate_options options;
    ad_evaluate_options_init(&options, sizeof options);
    options.eval_size = s->eval_size;
    options.skip_damaged = s->skip_damaged;
    options.progress = on_progress;
    options.user = &bar;
    ad_evaluation result = {.struct_size = sizeof result};
    const ad_status status = ad_evaluate(s->scorer, s->set, &options, &result, s->scores);
    progress_end(&bar);
    if (status)
        return cli_fail_library_notes();
    cli_say_notes();
    if (s->csv)
        code = write_csv(s); /* where it fails, the figures are still worth having */
    int printed = CLI_OK;
    if (s->json)
        printed = print_json(&result);
    else
        print_lines(&result);
    say_swapped(&result);
    const int finished = cli_finish_output();
    if (code == CLI_OK)
        code = printed;
    return code != CLI_OK ? code : finished;
}

int cmd_eval(int argc, char **argv)
{
    eval_state s = {0};
    const arg_spec specs[] = {DATASET_SPECS(s.data),
                              {"--weights", NULL, ARG_TEXT, &s.weights, 0, 0},
                              {"--eval-size", NULL, ARG_NUMBER, &s.eval_size, 0, 8192},
                              {"--skip-damaged", NULL, ARG_FLAG, &s.skip_damaged, 0, 0},
                              {"--json", NULL, ARG_FLAG, &s.json, 0, 0},
                              {"--scores-csv", NULL, ARG_TEXT, &s.csv, 0, 0},
                              {"--threads", NULL, ARG_NUMBER, &s.threads, 0, 256},
                              {"--memory-limit", NULL, ARG_BYTES, &s.memory_limit, 0, 0},
                              {"--device", NULL, ARG_TEXT, &s.device, 0, 0},
                              {NULL, NULL, ARG_FLAG, NULL, 0, 0}};
    int operands = 0, done = 0;
    int code = args_parse(argc, argv, specs, help, &operands, &done);
    if (code != CLI_OK || done)
        return code;
    if (operands != 1)
        return cli_usage("eval needs one scorer FILE, %d were given; see 'adfeat eval --help'",
                         operands);
    if (!s.data.data)
        return cli_usage("eval needs --data, the labelled images; see 'adfeat eval --help'");
    s.file = argv[1];
    code = check_csv(&s);
    if (code == CLI_OK)
        code = run(&s);
    free(s.scores);
    ad_scorer_destroy(s.scorer);
    ad_dataset_destroy(s.set);
    ad_context_destroy(s.context);
    return code;
}
