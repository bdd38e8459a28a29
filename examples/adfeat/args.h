/* A small parser for the commands' options: a table in, values out, one sentence a mistake. */
#ifndef ADFEAT_ARGS_H
#define ADFEAT_ARGS_H

#include <stdint.h>

typedef enum arg_kind {
    ARG_FLAG,    /* --name              int32_t *target becomes 1 */
    ARG_TEXT,    /* --name VALUE        const char **target, not empty */
    ARG_ANY,     /* --name VALUE        the same, may be empty */
    ARG_NUMBER,  /* --name N            int32_t *target, low .. high */
    ARG_BYTES,   /* --name N[k|M|G]     uint64_t *target */
    ARG_SETTING, /* --name VALUE        appended to settings *target under the option's own name */
    ARG_SET      /* --name key=value    appended to settings *target */
} arg_kind;

typedef struct arg_spec {
    const char *name;  /* "--weights" */
    const char *brief; /* "-o", or NULL */
    arg_kind kind;
    void *target;
    int32_t low, high; /* of a number */
} arg_spec;

/* Options of the method, in the order given: the last one of a key wins. */
typedef struct settings {
    struct {
        const char *key, *value;
        int by_set; /* typed as --set KEY=VALUE, not as a flag of its own */
    } items[64];
    int count;
} settings;

/* Read argv[1] .. argv[argc - 1] into the targets of `specs`, which ends with a NULL name. Options
 * may stand anywhere, as "--name value" or "--name=value"; everything after "--" is an operand.
 * Operands move to argv[1] .. argv[*out_operands]. With --help or -h, prints `help` and sets
 * *out_done. Returns CLI_OK or, having said why, CLI_USAGE. */
int args_parse(int argc, char **argv, const arg_spec *specs, const char *help, int *out_operands,
               int *out_done);

#endif /* ADFEAT_ARGS_H */
