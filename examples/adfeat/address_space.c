/* Before anything of a library runs: OpenBLAS takes 128 MiB of address space for each thread of
 * OpenMP's when it is loaded, before main(), and where they cannot be had it tries again for ever.
 * So under a limit (ulimit -v, LimitAS) the program begins again with one of those threads, which
 * it has no use for, or says that it cannot run. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef __SANITIZE_ADDRESS__ /* which is not ready for code so early */

enum { MOST_VARIABLES = 4096 };

static const rlim_t buffer_bytes = (rlim_t)128 << 20,
                    rest_bytes = (rlim_t)64 << 20; /* the program and its libraries */

static const char *find(char *const *environment, const char *name)
{
    const size_t n = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, n) == 0)
            return *environment + n;
    return NULL;
}

static void begin_again(char **argv, char **environment)
{
    static char one[] = "OMP_NUM_THREADS=1";
    static char *with[MOST_VARIABLES + 2];
    size_t n = 0;
    for (; environment[n]; n++) {
        if (n == MOST_VARIABLES)
            return;
        with[n] = environment[n];
    }
    with[n] = one;
    execve("/proc/self/exe", argv, with);
}

static void look_at_limit(int argc, char **argv, char **environment)
{
    static const char sentence[] =
        "adfeat: out of memory: the limit of address space is below 192 MiB, which loading takes\n";
    struct rlimit limit;
    (void)argc;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    const char *chosen = find(environment, "OMP_NUM_THREADS=");
    const long threads = chosen ? atol(chosen) : sysconf(_SC_NPROCESSORS_ONLN);
    if (threads > 1 && limit.rlim_cur < (rlim_t)(threads + 1) * buffer_bytes + rest_bytes &&
        !chosen)
        begin_again(argv, environment);
    if (limit.rlim_cur < buffer_bytes + rest_bytes) {
        if (write(STDERR_FILENO, sentence, sizeof sentence - 1) < 0)
            _exit(2);
        _exit(1);
    }
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(int, char **, char **) = look_at_limit;

#endif
