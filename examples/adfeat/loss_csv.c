/* Losses of a training in a CSV file; see loss_csv.h. */
#include "loss_csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const char header[] = "phase,epoch,loss,similarity,reconstruction,validation,best,seconds\n";

/* 1: begins with the header; 0: holds less, as a run that was killed at once leaves it; -1: is something
 * else. */
static int begins_well(FILE *file)
{
    char line[sizeof header] = "";
    const size_t n = fread(line, 1, sizeof header - 1, file);
    if (memcmp(line, header, n) != 0)
        return -1;
    return n == sizeof header - 1;
}

int loss_csv_check(const loss_csv *csv, int resume)
{
    if (!csv->path)
        return CLI_OK;
    const int code = cli_check_output(csv->path);
    if (code != CLI_OK)
        return code;
    if (access(csv->path, F_OK) == 0 && access(csv->path, W_OK) != 0)
        return cli_fail("cannot write '%s': %s", csv->path, strerror(errno));
    FILE *file = resume ? fopen(csv->path, "r") : NULL;
    const int foreign = file && begins_well(file) < 0;
    if (file)
        fclose(file);
    return foreign ? cli_fail("'%s' holds no losses: it does not begin with '%.*s'", csv->path,
                              (int)sizeof header - 2, header)
                   : CLI_OK;
}

/* Go to where the line that begins with `begin` is, or to the end. Seconds go on from the line before. */
static void find_place(loss_csv *csv, const char *begin)
{
    char line[256];
    long place = (long)sizeof header - 1;
    while (fgets(line, sizeof line, csv->file) && strchr(line, '\n')
           && strncmp(line, begin, strlen(begin)) != 0) {
        const char *comma = strrchr(line, ',');
        csv->before = comma ? strtod(comma + 1, NULL) : 0.0;
        place += (long)strlen(line);
    }
    if (fseek(csv->file, place, SEEK_SET) != 0 || ftruncate(fileno(csv->file), place) != 0)
        csv->error = errno;
}

static void open_file(loss_csv *csv, const ad_train_progress *p)
{
    char begin[64];
    snprintf(begin, sizeof begin, "%s,%d,", p->phase, p->epoch);
    csv->file = p->resumed ? fopen(csv->path, "r+") : NULL;
    if (csv->file && begins_well(csv->file) == 1) {
        find_place(csv, begin);
        return;
    }
    if (csv->file)
        fclose(csv->file);
    csv->file = fopen(csv->path, "w");
    if (!csv->file || fputs(header, csv->file) < 0)
        csv->error = errno;
}

static const char *number(char text[32], double value)
{
    if (isnan(value))
        return "nan"; /* printf gives some of them a sign */
    snprintf(text, 32, "%.9g", value);
    return text;
}

int loss_csv_add(loss_csv *csv, const ad_train_progress *p)
{
    if (!csv->path || csv->error)
        return CLI_OK;
    if (!csv->file)
        open_file(csv, p);
    if (csv->error)
        return CLI_FAILED;
    const double values[] = {p->loss, p->similarity, p->reconstruction, p->validation, p->best_validation};
    char text[32];
    fprintf(csv->file, "%s,%d", p->phase, p->epoch);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        fprintf(csv->file, ",%s", number(text, values[i]));
    fprintf(csv->file, ",%.3f\n", csv->before + p->seconds);
    if (fflush(csv->file) != 0 || ferror(csv->file))
        csv->error = errno;
    return csv->error ? CLI_FAILED : CLI_OK;
}

int loss_csv_end(loss_csv *csv)
{
    if (csv->file && fclose(csv->file) != 0 && !csv->error)
        csv->error = errno;
    csv->file = NULL;
    return csv->error ? cli_fail("cannot write '%s': %s", csv->path, strerror(csv->error)) : CLI_OK;
}
