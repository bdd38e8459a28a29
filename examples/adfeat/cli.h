/* What the commands share: exit codes, the one sentence of a failure, contexts, JSON text. */
#ifndef ADFEAT_CLI_H
#define ADFEAT_CLI_H

#include <adfeat.h>
#include <jansson.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_SIGNAL = 128 /* plus the signal's number */ };

/* The commands: argv[0] is the command's name. Each returns the program's exit code. */
int cmd_fit(int argc, char **argv);
int cmd_score(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_bench(int argc, char **argv);

/* Say one sentence on stderr, one line whatever is in the names it quotes; return the exit code. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The library's sentence about what just failed on this thread, with flags for names of options. It
 * stays until the next call. */
const char *cli_library_sentence(void);
int cli_fail_library(void);
/* The same, after the notes that its sentence does not hold: damaged files are one each. */
int cli_fail_library_notes(void);
/* Something worth knowing, no failure: a line on stderr that begins with "adfeat: note: ". */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A context, or NULL after saying why not. What the library logs is kept for cli_say_notes(), since
 * a failure is to be one sentence and no more. */
ad_context *cli_context(int32_t threads, const char *device, uint64_t memory_limit);
void cli_say_notes(void);

/* What a weights file may leave open, as given by --padding and --batchnorm-eps, and how
 * convolutions are computed; NULL where not given. */
typedef struct network_request {
    const char *backbone, *padding, *batchnorm_eps, *convolution, *prefix, *expected_digest;
} network_request;
/* Open a backbone, or say why not and return the exit code. */
int cli_open_backbone(ad_context *context, const network_request *request, const char *weights,
                      ad_backbone **out_backbone);

/* Load a scorer, or say why not and return the exit code. @param weights NULL: not given */
int cli_load_scorer(ad_context *context, const char *file, const char *weights,
                    ad_scorer **out_scorer);

/* The value of --depth-scale, NULL where it was not given: CLI_OK, or says why not. */
int cli_depth_scale(const char *text, double *out_scale);

/* The values of --orientation and --bits, NULL where not given, over what *io_options says: CLI_OK,
 * or says why not. */
int cli_read_options(const char *orientation, const char *bits, ad_read_options *io_options);

/* The same into a dataset's options. */
int cli_dataset_reading(const char *orientation, const char *bits, ad_dataset_options *out_options);

/* A wrong output path is better said before the work than after it. */
int cli_check_output(const char *path);
/* The same of a file that the library replaces as a whole, which a device cannot be. */
int cli_check_file(const char *path);
int cli_is_folder(const char *path);
/* Make the folder of an option such as --map-dir where it is not there, or say why not. */
int cli_make_folder(const char *option, const char *path);
/* Whether two paths, of which none, one or both exist, name one file. */
int cli_same_file(const char *a, const char *b);

/* CLI_OK when all of the standard output has been written, otherwise says so. */
int cli_finish_output(void);

double cli_seconds(void); /* of a clock that never jumps */

/* A JSON string of any bytes: where they are no UTF-8 (a path may be anything) a byte 0xNN is
 * printed as \udcNN, Python's "surrogateescape", so that its json and os.fsencode() give back the
 * path. For cli_print_json() only. */
json_t *cli_json_text(const char *text);
json_t *cli_json_real(double value); /* null where it is not finite */
/* Print without a newline and release; on failure prints nothing and says so. */
int cli_print_json(json_t *value, size_t flags);

#endif /* ADFEAT_CLI_H */
