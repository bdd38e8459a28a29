/* Losses of a training in a CSV file; see loss_csv.h. */
#include "loss_csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { HEADER = 320 };
static const char first_columns[] = "phase,epoch,loss,";

/* The terms of the loss, if it has several, are columns too. */
static void write_header(const ad_train_progress *p, char header[HEADER])
{
    int n = snprintf(header, HEADER, "%s", first_columns);
    for (int i = 0; i < 4 && p->loss_part_names[i]; i++)
        n += snprintf(header + n, HEADER - (size_t)n, "%.40s,", p->loss_part_names[i]);
    snprintf(header + n, HEADER - (size_t)n, "validation,best,seconds\n");
}

/* 1: begins with these columns; 0: holds less, as a run that was killed at once leaves it; -1: is
 * something else. */
static int begins_well(FILE *file, const char *columns)
{
    char line[HEADER] = "";
    const size_t length = strlen(columns), n = fread(line, 1, length, file);
    if (memcmp(line, columns, n) != 0)
        return -1;
    return n == length;
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
    const int foreign = file && begins_well(file, first_columns) < 0;
    if (file)
        fclose(file);
    return foreign ? cli_fail("'%s' holds no losses: it does not begin with '%s'", csv->path,
                              first_columns)
                   : CLI_OK;
}

/* Go to where the line that begins with `begin` is, or to the end. Seconds go on from the line
 * before. */
static void find_place(loss_csv *csv, const char *begin)
{
    char line[HEADER];
    long place = ftell(csv->file);
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
    char begin[64], header[HEADER];
    write_header(p, header);
    snprintf(begin, sizeof begin, "%s,%d,", p->phase, p->epoch);
    csv->file = p->resumed ? fopen(csv->path, "r+") : NULL;
    const int well = csv->file ? begins_well(csv->file, header) : 0;
    if (well == 1) {
        find_place(csv, begin);
        return;
    }
    csv->foreign = well < 0;
    if (csv->foreign)
        return;
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
    char text[3][32];
    if (!csv->path || csv->error || csv->foreign)
        return CLI_OK;
    if (!csv->file)
        open_file(csv, p);
    if (csv->error || csv->foreign)
        return CLI_FAILED;
    fprintf(csv->file, "%s,%d,%s", p->phase, p->epoch, number(text[0], p->loss));
    for (int i = 0; i < 4 && p->loss_part_names[i]; i++)
        fprintf(csv->file, ",%s", number(text[0], p->loss_parts[i]));
    fprintf(csv->file, ",%s,%s,%.3f\n", number(text[1], p->validation),
            number(text[2], p->best_validation), csv->before + p->seconds);
    if (fflush(csv->file) != 0 || ferror(csv->file))
        csv->error = errno;
    return csv->error ? CLI_FAILED : CLI_OK;
}

int loss_csv_end(loss_csv *csv)
{
    if (csv->file && fclose(csv->file) != 0 && !csv->error)
        csv->error = errno;
    csv->file = NULL;
    if (csv->foreign)
        return cli_fail("'%s' holds the losses of another method: this training has other columns; "
                        "name another file", csv->path);
    return csv->error ? cli_fail("cannot write '%s': %s", csv->path, strerror(csv->error)) : CLI_OK;
}
