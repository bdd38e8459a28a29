/* A progress bar on stderr, where that is a terminal; nothing where it is not. */
#ifndef ADFEAT_PROGRESS_H
#define ADFEAT_PROGRESS_H

typedef struct progress {
    const char *label; /* "fitting" */
    int shown;         /* whether there is a terminal to show it on */
    int uneven;        /* the work does not go evenly: no guess at the time left */
    int drawn;         /* characters on the line now */
    double started, last;
} progress;

/* @param quiet non-zero: never shown */
void progress_start(progress *bar, const char *label, int quiet);
/* @param fraction 0 .. 1 of the work done; draws at most ten times a second */
void progress_update(progress *bar, double fraction);
/* A line of text in the bar's place, cut at the terminal's width; as often, or whenever `always`.
 */
void progress_text(progress *bar, const char *text, int always);
/* Wipe the line, so that what is said next starts on a clean one. */
void progress_wipe(progress *bar);
/* The same, and draw no more. */
void progress_end(progress *bar);

#endif /* ADFEAT_PROGRESS_H */
