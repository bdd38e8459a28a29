/* A small option parser; see args.h. getopt_long() would do, but for its own way of complaining. */
#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "words.h"

/* The option that `word` names, with what follows an '=' in *out_value (or NULL). */
static const arg_spec *find(const arg_spec *specs, const char *word, char **out_value)
{
    *out_value = NULL;
    for (; specs->name; specs++) {
        const size_t n = strlen(specs->name);
        if (specs->brief && strcmp(word, specs->brief) == 0)
            return specs;
        if (strncmp(word, specs->name, n) == 0 && (word[n] == '\0' || word[n] == '=')) {
            *out_value = word[n] ? (char *)word + n + 1 : NULL;
            return specs;
        }
    }
    return NULL;
}

static int append(settings *s, const arg_spec *spec, const char *key, const char *value)
{
    const int room = (int)(sizeof s->items / sizeof s->items[0]);
    if (s->count == room)
        return cli_usage("option %s: more than %d settings", spec->name, room);
    s->items[s->count].key = key;
    s->items[s->count].by_set = spec->kind == ARG_SET;
    s->items[s->count++].value = value;
    return CLI_OK;
}

/* "4096", "64M", "2G": of 1024 each. */
static int take_bytes(const arg_spec *spec, const char *value)
{
    static const char units[] = "kMG";
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    const int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (*value < '0' || *value > '9' || errno || n > UINT64_MAX >> shift || (unit ? end[1] : *end))
        return cli_usage("option %s: '%s' is not a number of bytes; 4096, 64M and 2G are",
                         spec->name, value);
    *(uint64_t *)spec->target = (uint64_t)n << shift;
    return CLI_OK;
}

static int take(const arg_spec *spec, char *value)
{
    if (spec->kind == ARG_TEXT || spec->kind == ARG_ANY) {
        if (!*value && spec->kind == ARG_TEXT)
            return cli_usage("option %s needs a value that is not empty", spec->name);
        *(const char **)spec->target = value;
        return CLI_OK;
    }
    if (spec->kind == ARG_NUMBER) {
        char *end;
        errno = 0;
        const long n = strtol(value, &end, 10);
        if (end == value || *end || errno || n < spec->low || n > spec->high)
            return cli_usage("option %s: '%s' is not a whole number from %d to %d", spec->name,
                             value, spec->low, spec->high);
        *(int32_t *)spec->target = (int32_t)n;
        return CLI_OK;
    }
    if (spec->kind == ARG_BYTES)
        return take_bytes(spec, value);
    if (spec->kind == ARG_SETTING)
        return append(spec->target, spec, spec->name + 2, value);
    char *equals = strchr(value, '=');
    if (!equals || equals == value)
        return cli_usage("option %s: '%s' is not key=value", spec->name, value);
    *equals = '\0';
    return append(spec->target, spec, value, equals + 1);
}

static const settings *settings_of(const arg_spec *specs)
{
    for (; specs->name; specs++)
        if (specs->kind == ARG_SET)
            return specs->target;
    return NULL;
}

int args_parse(int argc, char **argv, const arg_spec *specs, const char *help, int *out_operands,
               int *out_done)
{
    const char *command = argv[0];
    int operands = 0, options_end = 0;
    *out_done = 0;
    words_take_flags(specs, settings_of(specs));
    for (int i = 1; i < argc; i++) {
        char *word = argv[i], *value;
        if (options_end || word[0] != '-' || !word[1]) {
            argv[++operands] = word; /* never beyond i: what is overwritten has been read */
            continue;
        }
        if (strcmp(word, "--") == 0) {
            options_end = 1;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            fputs(help, stdout);
            *out_done = 1;
            return cli_finish_output();
        }
        const arg_spec *spec = find(specs, word, &value);
        if (!spec) {
            char meant[80];
            return cli_usage("unknown option '%s'%s See 'adfeat %s --help'", word,
                             *words_option_meant(word, meant, sizeof meant) ? meant : ".", command);
        }
        if (spec->kind == ARG_FLAG) {
            if (value)
                return cli_usage("option %s takes no value", spec->name);
            *(int32_t *)spec->target = 1;
            continue;
        }
        if (!value && i + 1 == argc)
            return cli_usage("option %s needs a value; see 'adfeat %s --help'", spec->name,
                             command);
        const int code = take(spec, value ? value : argv[++i]);
        if (code != CLI_OK)
            return code;
    }
    *out_operands = operands;
    return CLI_OK;
}
