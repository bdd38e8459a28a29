/* Training as the command line has it; see training.h. */
#include "training.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { LINE = 256 };

/* ---- What was asked for ---- */

int training_check(const training *t, const char *method, int trains)
{
    const struct {
        const char *name;
        int given;
    } options[] = {{"--student", t->student != NULL},
                   {"--save-student", t->save_student != NULL},
                   {"--checkpoint-dir", t->checkpoint_dir != NULL},
                   {"--resume", t->resume},
                   {"--loss-csv", t->csv.path != NULL}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given && !trains)
            return cli_usage(
                "option %s: %s trains no student; stfpm, stfpm_unet, ast and masked_rd do",
                options[i].name, method);
    if (t->resume && !t->checkpoint_dir)
        return cli_usage("option --resume needs --checkpoint-dir: where the checkpoint is");
    const int code = t->save_student ? cli_check_file(t->save_student) : CLI_OK;
    return code == CLI_OK ? loss_csv_check(&t->csv, t->resume) : code;
}

/* The library's name for it; 0 where that is too long. */
static int checkpoint_path(const training *t, char path[4096])
{
    const int n = snprintf(path, 4096, "%s/checkpoint.safetensors", t->checkpoint_dir);
    return n > 0 && n < 4096;
}

int training_check_files(const training *t, const char *output, const char *weights)
{
    char checkpoint[4096];
    const struct {
        const char *name, *path;
    } files[] = {
        {"-o", output},
        {"--save-student", t->save_student},
        {"--loss-csv", t->csv.path},
        {"the checkpoint", t->checkpoint_dir && checkpoint_path(t, checkpoint) ? checkpoint : NULL},
        {"--weights", weights},
        {"--student", t->student}};
    enum { WRITTEN = 4, FILES = sizeof files / sizeof files[0], SAVED = 1, LOADED = FILES - 1 };
    for (int i = 0; i < WRITTEN; i++)
        for (int j = i + 1; j < FILES; j++)
            if (files[i].path && files[j].path && !(i == SAVED && j == LOADED)
                && cli_same_file(files[i].path, files[j].path))
                return cli_usage("%s and %s are one file, '%s'", files[i].name, files[j].name,
                                 files[j].path);
    return CLI_OK;
}

int training_prepare(training *t)
{
    char path[4096];
    if (!t->checkpoint_dir)
        return CLI_OK;
    const int code = cli_make_folder("--checkpoint-dir", t->checkpoint_dir);
    if (code != CLI_OK)
        return code;
    t->was_there = checkpoint_path(t, path) && access(path, F_OK) == 0;
    if (t->was_there && !t->resume)
        return cli_fail(
            "'%s' is of an earlier training: --resume goes on with it; to begin anew, delete it",
            path);
    if (!t->was_there && t->resume && !t->quiet)
        cli_note("there is no '%s' yet: the training begins anew", path);
    return CLI_OK;
}

/* ---- What is shown ---- */

static int append(char line[LINE], int n, const char *format, double value)
{
    return n + snprintf(line + n, LINE - (size_t)n, format, value);
}

static int append_time(char line[LINE], int n, double seconds)
{
    if (!(seconds > 0.0 && seconds < 1e7)) /* also what is no number */
        return n;
    if (seconds < 100.0)
        return append(line, n, ", %.0f s left", ceil(seconds));
    if (seconds < 6000.0)
        return append(line, n, ", %.0f min left", seconds / 60.0);
    return append(line, n, ", %.1f h left", seconds / 3600.0);
}

/* Phase, epoch, batch, losses, the best epoch and the time left, in one line. */
static void describe(char line[LINE], const ad_train_progress *p)
{
    int n = snprintf(line, LINE, "%.40s %d/%d", p->phase, p->epoch, p->epochs);
    if (!p->epoch_done)
        n += snprintf(line + n, LINE - (size_t)n, " batch %d/%d", p->batch, p->batches);
    n = append(line, n, " loss %.4g", p->loss);
    if (!isnan(p->validation))
        n = append(line, n, " val %.4g", p->validation);
    if (!isnan(p->best_validation)) {
        n = append(line, n, " best %.4g", p->best_validation);
        n += snprintf(line + n, LINE - (size_t)n, " @ %d", p->best_epoch);
    }
    append_time(line, n, p->seconds_left);
}

/* Before the first batch, where a method tells what is to come. */
static void show_plan(progress *bar, const ad_train_progress *p, size_t memory)
{
    char line[LINE];
    int n =
        snprintf(line, LINE, "to train: %d phases, the first of %d epochs of %d batches; %.1f GB",
                 p->phases, p->epochs, p->batches, (double)memory / 1e9);
    append_time(line, n, p->seconds_left);
    progress_wipe(bar);
    fprintf(stderr, "%s\n", line);
}

static void begin(training *t, progress *bar, const ad_train_progress *p)
{
    t->begun = 1;
    progress_wipe(bar);
    if (p->resumed && !t->quiet)
        cli_note("going on from the checkpoint in '%s'", t->checkpoint_dir);
}

void training_show(training *t, progress *bar, const ad_train_progress *p, size_t memory)
{
    char line[LINE];
    if (!p->batch) {
        if (!t->quiet)
            show_plan(bar, p, memory);
        return;
    }
    if (!t->begun)
        begin(t, bar, p);
    snprintf(t->phase, sizeof t->phase, "%s", p->phase);
    t->epoch = p->epoch;
    t->epochs = p->epochs;
    t->best_epoch = p->best_epoch;
    t->best_validation = p->best_validation;
    if (p->epoch_done && loss_csv_add(&t->csv, p) != CLI_OK && !t->quiet) {
        progress_wipe(bar);
        cli_note("cannot write '%s': the training goes on without it", t->csv.path);
    }
    if (t->quiet)
        return;
    describe(line, p);
    if (bar->shown)
        progress_text(bar, line, p->epoch_done);
    else if (p->epoch_done)
        fprintf(stderr, "%s\n", line);
}

void training_interrupted(const training *t)
{
    char path[4096], where[80] = "";
    if (t->begun)
        snprintf(where, sizeof where, " in %s %d/%d", t->phase, t->epoch, t->epochs);
    if (t->checkpoint_dir && (t->begun || t->was_there) && checkpoint_path(t, path) &&
        access(path, F_OK) == 0)
        cli_fail("interrupted%s; the same command%s goes on from '%s'", where,
                 t->resume ? "" : " with --resume", path);
    else
        cli_fail("interrupted%s, nothing was written%s", where,
                 t->begun && !t->checkpoint_dir ? "; with --checkpoint-dir it can go on" : "");
}
