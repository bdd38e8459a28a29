/* A file that takes its name when it is whole; see whole_file.h. */
#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static int fail(const char *path, int error)
{
    return cli_fail("cannot write '%s': %s", path, strerror(error));
}

/* Where a link leads to; a path that nothing is at stays as it is. 0, or an errno. */
static int resolve(const char *path, char target[4096])
{
    char resolved[PATH_MAX];
    struct stat info;
    const int link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
    if (link && !realpath(path, resolved))
        return errno;
    const char *found = link ? resolved : path;
    if (strlen(found) >= 4096)
        return ENAMETOOLONG;
    strcpy(target, found);
    return 0;
}

/* A device or a pipe: it cannot be replaced, and must not be removed. */
static int is_special(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

int whole_file_check(const char *path)
{
    char target[4096];
    const int special = is_special(path), error = special ? 0 : resolve(path, target);
    if (error)
        return fail(path, error);
    const int code = special ? CLI_OK : cli_check_output(target);
    if (code != CLI_OK)
        return code;
    if (access(path, F_OK) == 0 && access(path, W_OK) != 0)
        return fail(path, errno);
    return CLI_OK;
}

/* A new file beside the target, with the permissions of the one that it replaces. */
static FILE *open_temporary(whole_file *f)
{
    const char *slash = strrchr(f->target, '/');
    const int folder = slash ? (int)(slash - f->target) + 1 : 0;
    struct stat info;
    const int replaces = stat(f->target, &info) == 0;
    int fd = -1;
    errno = EEXIST;
    for (int i = 0; i < 100 && fd < 0 && errno == EEXIST; i++) {
        const int n = snprintf(f->temporary, sizeof f->temporary, "%.*s.adfeat-text-%ld-%d", folder,
                               f->target, (long)getpid(), i);
        errno = ENAMETOOLONG;
        if (n > 0 && (size_t)n < sizeof f->temporary)
            fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                      replaces ? 0600 : 0666);
    }
    if (fd < 0) {
        f->temporary[0] = '\0'; /* none of ours to remove */
        return NULL;
    }
    FILE *out = replaces && fchmod(fd, info.st_mode & 0777) != 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        const int error = errno;
        close(fd);
        unlink(f->temporary);
        errno = error;
    }
    return out;
}

int whole_file_begin(whole_file *f, const char *path)
{
    *f = (whole_file){.path = path};
    const int special = is_special(path), error = special ? 0 : resolve(path, f->target);
    if (error)
        return fail(path, error);
    f->out = special ? fopen(path, "w") : open_temporary(f);
    return f->out ? CLI_OK : fail(path, errno);
}

int whole_file_end(whole_file *f, int code)
{
    int error = fflush(f->out) != 0 || ferror(f->out) ? (errno ? errno : EIO) : 0;
    if (!error && f->temporary[0] && fsync(fileno(f->out)) != 0)
        error = errno;
    if (fclose(f->out) != 0 && !error)
        error = errno;
    f->out = NULL;
    if (f->temporary[0]) {
        if (code == CLI_OK && !error && rename(f->temporary, f->target) != 0)
            error = errno;
        if (code != CLI_OK || error)
            unlink(f->temporary);
    }
    return code == CLI_OK && error ? fail(f->path, error) : code;
}
