/* What the commands share. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "words.h"

enum { SENTENCE = 2048, MAX_NOTES = 1 << 16 };

static char **notes;
static int note_count;

/* A name from outside may hold newlines or terminal commands: one sentence stays one line. */
static void say(const char *kind, const char *text)
{
    char line[SENTENCE];
    snprintf(line, sizeof line, "%s", text);
    for (unsigned char *c = (unsigned char *)line; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "adfeat: %s%s\n", kind, line);
}

int cli_fail(const char *format, ...)
{
    char text[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say("", text);
    return CLI_FAILED;
}

int cli_usage(const char *format, ...)
{
    char text[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say("", text);
    return CLI_USAGE;
}

const char *cli_library_sentence(void)
{
    static char text[SENTENCE];
    return words_as_flags(ad_last_error_message(), text, sizeof text);
}

int cli_fail_library(void)
{
    return cli_fail("%s", cli_library_sentence());
}

void cli_note(const char *format, ...)
{
    char text[SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say("note: ", text);
}

static void keep_note(void *user, ad_log_level level, const char *text)
{
    (void)user;
    if (level != AD_LOG_WARNING || note_count == MAX_NOTES)
        return;
    char *note = strdup(text);
    char **more = realloc(notes, (size_t)(note_count + 1) * sizeof *notes);
    notes = more ? more : notes;
    if (note && more)
        notes[note_count++] = note;
    else
        free(note);
}

/* But for those that `told` says already. */
static void say_notes(const char *told)
{
    char text[SENTENCE];
    for (int i = 0; i < note_count; i++) {
        if (!strstr(told, notes[i]))
            say("note: ", words_as_flags(notes[i], text, sizeof text));
        free(notes[i]);
    }
    free(notes);
    notes = NULL;
    note_count = 0;
}

void cli_say_notes(void)
{
    say_notes("");
}

int cli_fail_library_notes(void)
{
    say_notes(ad_last_error_message());
    return cli_fail_library();
}

ad_context *cli_context(int32_t threads, const char *device, uint64_t memory_limit)
{
    ad_context_options options;
    ad_context_options_init(&options, sizeof options);
    options.num_threads = threads;
    options.log = keep_note;
    options.memory_limit = memory_limit;
    if (device)
        options.device = device;
    ad_context *context = NULL;
    if (ad_context_create(&options, &context))
        cli_fail_library();
    return context;
}

int cli_open_backbone(ad_context *context, const network_request *request, const char *weights,
                      ad_backbone **out_backbone)
{
    ad_backbone_options options;
    ad_backbone_options_init(&options, sizeof options);
    if ((request->padding && ad_backbone_options_set(&options, "padding", request->padding)) ||
        (request->batchnorm_eps &&
         ad_backbone_options_set(&options, "batchnorm_eps", request->batchnorm_eps)) ||
        (request->convolution &&
         ad_backbone_options_set(&options, "convolution", request->convolution)) ||
        (request->prefix && ad_backbone_options_set(&options, "prefix", request->prefix)) ||
        (request->expected_digest &&
         ad_backbone_options_set(&options, "expected_digest", request->expected_digest)))
        return cli_usage("%s", cli_library_sentence());
    options.architecture = request->backbone;
    const ad_status status = ad_backbone_open(context, weights, &options, out_backbone);
    const char *sentence = status ? cli_library_sentence() : "";
    if (strstr(sentence, "the architecture is not given"))
        return cli_fail("%s: say it with --backbone", sentence);
    return status ? cli_fail_library() : CLI_OK;
}

int cli_load_scorer(ad_context *context, const char *file, const char *weights,
                    ad_scorer **out_scorer)
{
    const ad_status status = ad_scorer_load(context, file, weights, out_scorer);
    if (status == AD_ERR_INVALID_ARGUMENT && !weights) /* the sentence names network and digest */
        return cli_fail("%s; give them with --weights", cli_library_sentence());
    return status ? cli_fail_library() : CLI_OK;
}

/* The folder that a path is in, as "dir/", and the name in it; 0 where the path is too long. */
static int split(const char *path, char folder[4096], const char **out_name)
{
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 2;
    if (n >= 4096)
        return 0;
    memcpy(folder, slash ? path : "./", n);
    folder[n] = '\0';
    *out_name = slash ? slash + 1 : path;
    return 1;
}

int cli_check_output(const char *path)
{
    char folder[4096];
    const char *name;
    struct stat info;
    if (!split(path, folder, &name))
        return cli_fail("cannot write '%s': %s", path, strerror(ENAMETOOLONG));
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return cli_fail("cannot write '%s': %s", path, strerror(EISDIR));
    if (access(folder, W_OK | X_OK) != 0)
        return cli_fail("cannot write '%s': %s", path, strerror(errno));
    return CLI_OK;
}

int cli_check_file(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return cli_fail("cannot write '%s': it is no regular file", path);
    return cli_check_output(path);
}

int cli_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int cli_make_folder(const char *option, const char *path)
{
    if (access(path, F_OK) == 0 && !cli_is_folder(path))
        return cli_fail("option %s: '%s' is a file, and a folder to write in is needed", option,
                        path);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cli_fail("option %s: cannot make folder '%s': %s", option, path, strerror(errno));
    if (access(path, W_OK | X_OK) != 0)
        return cli_fail("option %s: cannot write in folder '%s': %s", option, path,
                        strerror(errno));
    return CLI_OK;
}

/* Of two files that are not there yet, what counts is where they would be. */
static int same_place(const char *a, const char *b, struct stat *x, struct stat *y)
{
    char folder[4096], other[4096];
    const char *name, *other_name;
    return split(a, folder, &name) && split(b, other, &other_name) && strcmp(name, other_name) == 0
           && stat(folder, x) == 0 && stat(other, y) == 0;
}

int cli_same_file(const char *a, const char *b)
{
    struct stat x, y;
    const int there = stat(a, &x) == 0, too = stat(b, &y) == 0;
    if (there != too || (!there && !same_place(a, b, &x, &y)))
        return 0;
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int cli_finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CLI_OK;
    return cli_fail("cannot write to the standard output: %s", strerror(errno));
}

double cli_seconds(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Bytes of the UTF-8 character at `c`, 0 where there is none: no overlong form, surrogate or
 * noncharacter of the block that stands for bytes below. */
static int utf8_bytes(const unsigned char *c)
{
    const int n = c[0] < 0x80                   ? 1
                  : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
                  : (c[0] & 0xf0) == 0xe0       ? 3
                  : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                                : 0;
    for (int i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90) ||
        (c[0] == 0xef && c[1] == 0xb7 && c[2] >= 0x90 && c[2] < 0xb0))
        return 0;
    return n;
}

/* jansson takes UTF-8 only, so the two digits of a byte are noncharacters, U+FDD0 to U+FDEF, until
 * it is printed. */
json_t *cli_json_text(const char *text)
{
    unsigned char *copy = malloc(6 * strlen(text) + 1), *to = copy;
    for (const unsigned char *c = (const unsigned char *)text; copy && *c;) {
        int n = utf8_bytes(c);
        if (n) {
            while (n--)
                *to++ = *c++;
            continue;
        }
        const unsigned char digits[6] = {0xef, 0xb7, 0x90 + (*c >> 4),
                                         0xef, 0xb7, 0xa0 + (*c & 15)};
        memcpy(to, digits, sizeof digits);
        to += sizeof digits;
        c++;
    }
    json_t *value = NULL;
    if (copy) {
        *to = 0;
        value = json_string((const char *)copy);
    }
    free(copy);
    return value;
}

/* Six bytes for six. */
static void print_bytes_as_escapes(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (c[0] == 0xef && c[1] == 0xb7 && c[2] >= 0x90 && c[2] < 0xa0) {
            char escape[7];
            snprintf(escape, sizeof escape, "\\udc%x%x", c[2] - 0x90u, c[5] - 0xa0u);
            memcpy(c, escape, 6);
            c += 5;
        }
}

json_t *cli_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

int cli_print_json(json_t *value, size_t flags)
{
    char *text = value ? json_dumps(value, flags | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (!text)
        return cli_fail("out of memory while writing JSON");
    print_bytes_as_escapes(text);
    fputs(text, stdout);
    free(text);
    return CLI_OK;
}

int cli_depth_scale(const char *text, double *out_scale)
{
    char *end = NULL;
    const double scale = text ? strtod(text, &end) : 0.0;
    if (text && (end == text || *end || !(scale > 0.0 && scale <= 1e6)))
        return cli_usage("option --depth-scale: '%s' is not a number above 0, at most 1e6", text);
    *out_scale = scale;
    return CLI_OK;
}

int cli_read_options(const char *orientation, const char *bits, ad_read_options *io_options)
{
    if ((orientation && ad_read_options_set(io_options, "orientation", orientation)) ||
        (bits && ad_read_options_set(io_options, "significant_bits", bits)))
        return cli_usage("%s", cli_library_sentence());
    return CLI_OK;
}

int cli_dataset_reading(const char *orientation, const char *bits, ad_dataset_options *out_options)
{
    ad_read_options read;
    ad_read_options_init(&read, sizeof read);
    const int code = cli_read_options(orientation, bits, &read);
    out_options->orientation = read.orientation;
    out_options->significant_bits = read.significant_bits;
    return code;
}
