/* A progress bar: label, bar, per cent, time left; or a line of text in its place. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

enum { BAR = 30 };
static const double interval = 0.1;  /* seconds between two drawings */
static const double settling = 1.0;  /* seconds before a guess at the time left is worth showing */

void progress_start(progress *bar, const char *label, int quiet)
{
    *bar = (progress){.label = label, .shown = !quiet && isatty(STDERR_FILENO)};
    bar->started = cli_seconds();
}

/* A line that the terminal breaks could not be drawn over. */
static int fitting(int n)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && n >= size.ws_col)
        return size.ws_col - 1;
    return n;
}

static void put(progress *bar, const char *line, double now)
{
    const int n = fitting((int)strlen(line));
    /* Blanks over what a longer line left behind: also terminals without escape codes can. */
    fprintf(stderr, "\r%.*s%*s", n, line, bar->drawn > n ? bar->drawn - n : 0, "");
    fflush(stderr);
    bar->drawn = n;
    bar->last = now;
}

static void draw(progress *bar, double fraction, double now)
{
    char line[128], cells[BAR + 1];
    const int filled = (int)(fraction * BAR);
    memset(cells, '.', BAR);
    memset(cells, '#', (size_t)filled);
    cells[BAR] = '\0';
    const int n =
        snprintf(line, sizeof line, "%s [%s] %3d%%", bar->label, cells, (int)(fraction * 100));
    const double spent = now - bar->started;
    if (spent > settling && fraction > 0.0 && !bar->uneven) {
        const long left = (long)(spent * (1.0 - fraction) / fraction + 0.5);
        if (left < 100L * 3600L)
            snprintf(line + n, sizeof line - (size_t)n, "  %ld:%02ld left", left / 60, left % 60);
    }
    put(bar, line, now);
}

void progress_update(progress *bar, double fraction)
{
    if (!bar->shown)
        return;
    const double now = cli_seconds();
    if (bar->drawn && now - bar->last < interval)
        return;
    draw(bar, fraction < 0.0 ? 0.0 : fraction > 1.0 ? 1.0 : fraction, now);
}

void progress_text(progress *bar, const char *text, int always)
{
    const double now = cli_seconds();
    if (bar->shown && (always || !bar->drawn || now - bar->last >= interval))
        put(bar, text, now);
}

void progress_wipe(progress *bar)
{
    if (bar->drawn)
        fprintf(stderr, "\r%*s\r", bar->drawn, "");
    bar->drawn = 0;
}

void progress_end(progress *bar)
{
    progress_wipe(bar);
    bar->shown = 0;
}
