/* adfeat: fit on images of good parts, find defects in new ones. The commands are in cmd_*.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "words.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {{"fit", cmd_fit},
                {"score", cmd_score},
                {"eval", cmd_eval},
                {"info", cmd_info},
                {"convert", cmd_convert},
                {"bench", cmd_bench}};

static const char help[] =
    "usage: adfeat COMMAND ...\n"
    "\n"
    "Finds defects without ever having seen one: learns from images of good parts\n"
    "what is normal, then says of every new image how anomalous it is, and where.\n"
    "\n"
    "commands:\n"
    "  fit METHOD --weights W --data DIR -o FILE\n"
    "                       learn from good images, write a scorer file\n"
    "  score FILE IMAGE...  score images, with overlays if wanted\n"
    "  eval FILE --data DIR measure detection on labelled images\n"
    "  info FILE            say what a scorer or weights file holds\n"
    "  convert IN -o OUT    make a weights file of PyTorch's or NumPy's\n"
    "  bench FILE           measure time and memory on this machine\n"
    "\n"
    "examples:\n"
    "  adfeat convert resnet18-f37072fd.pth -o resnet18.safetensors\n"
    "  adfeat fit gaussian --weights resnet18.safetensors --data screws \\\n"
    "      --embed -o screws.safetensors\n"
    "  adfeat score screws.safetensors --map-dir heat new/*.png\n"
    "\n"
    "'adfeat COMMAND --help' explains a command, 'adfeat --version' says what was\n"
    "built and which kinds of images can be read. Exit codes: 0 done, 1 failed, 2\n"
    "used wrongly; a failure is one sentence.\n";

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow then fails like a full disk */
    if (argc < 2)
        return cli_usage(
            "no command: there are fit, score, eval, info, convert, bench; see 'adfeat --help'");
    if (strcmp(argv[1], "help") == 0 && argc > 2) { /* 'adfeat help fit' is 'adfeat fit --help' */
        static char long_help[] = "--help";
        argv[1] = argv[2];
        argv[2] = long_help;
        argc = 3;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        fputs(help, stdout);
        return cli_finish_output();
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("adfeat %s\n%s\n", ad_version_string(), ad_build_info());
        return cli_finish_output();
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    char meant[80];
    words_search search = {.wanted = argv[1]};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        words_compare(&search, commands[i].name);
    return cli_usage("unknown command '%s'%s there are fit, score, eval, info, convert, bench",
                     argv[1], *words_meant(&search, meant, sizeof meant) ? meant : ":");
}
