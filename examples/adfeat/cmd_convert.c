/* adfeat convert: weights of other programs to safetensors. The work is done by convert.py, which
 * this finds beside the installed program or the built one, and becomes. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* From the program's folder: where it is installed, where it is built. */
static const char *const places[] = {ADFEAT_BIN_TO_DATA "/adfeat/convert.py",
                                     "share/adfeat/convert.py"};

/* The script's path, or NULL after saying why not. */
static const char *find_script(char path[PATH_MAX])
{
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) {
        cli_fail("cannot tell where this program is: /proc/self/exe: %s", strerror(errno));
        return NULL;
    }
    program[length] = 0;
    const char *folder = dirname(program);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const int n = snprintf(path, PATH_MAX, "%s/%s", folder, places[i]);
        if (n > 0 && n < PATH_MAX && access(path, R_OK) == 0)
            return path;
    }
    cli_fail("the converter is not installed: no '%s/%s'", folder, places[0]);
    return NULL;
}

int cmd_convert(int argc, char **argv)
{
    char script[PATH_MAX];
    if (!find_script(script))
        return CLI_FAILED;
    /* -B: the folder of the script is not ours to write bytecode into. */
    const char *const before[] = {"python3", "-B", script, "--program", "adfeat convert"};
    const size_t count = sizeof before / sizeof *before;
    const char **args = calloc(count + (size_t)argc, sizeof *args);
    if (!args)
        return cli_fail("out of memory");
    memcpy(args, before, sizeof before);
    memcpy(args + count, argv + 1, (size_t)(argc - 1) * sizeof *args); /* and a NULL behind */
    execvp(args[0], (char *const *)args);
    const int code = cli_fail("convert needs Python 3.9 or newer, and python3 cannot be run: %s",
                              strerror(errno));
    free(args);
    return code;
}
