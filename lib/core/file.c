/* Reading and writing whole files. Writing goes to a temporary file in the same folder, which gets
 * the final name only when everything is on the disk. */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/leftover.h"

enum { NAME_ATTEMPTS = 100 };

static ad_status fail_errno(const char *verb, const char *path, int error)
{
    char text[128];
    return adi_fail(AD_ERR_IO, "cannot %s '%s': %s", verb, path,
                    strerror_r(error, text, sizeof text));
}

ad_status adi_file_read_at(int fd, const char *path, uint64_t offset, uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = pread(fd, bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno("read", path, errno);
        if (n == 0)
            return adi_fail(AD_ERR_IO, "cannot read '%s': it ended at byte %ju of %ju", path,
                            (uintmax_t)(offset + done), (uintmax_t)(offset + size));
        done += (size_t)n;
    }
    return AD_OK;
}

static ad_status check_opened(int fd, const char *path, size_t limit, size_t *out_size)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return fail_errno("read", path, errno);
    if (S_ISDIR(info.st_mode))
        return fail_errno("read", path, EISDIR);
    if (!S_ISREG(info.st_mode))
        return adi_fail(AD_ERR_IO, "cannot read '%s': not a regular file", path);
    if ((uintmax_t)info.st_size > limit || (uintmax_t)info.st_size > SSIZE_MAX)
        return adi_fail(AD_ERR_FORMAT, "'%s' has %jd bytes, the limit is %zu", path,
                        (intmax_t)info.st_size, limit);
    *out_size = (size_t)info.st_size;
    return AD_OK;
}

ad_status adi_file_open(const char *path, size_t limit, int *out_fd, size_t *out_size)
{
    int fd;
    do { /* O_NONBLOCK: opening a FIFO would wait; regular files ignore it */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return fail_errno("open", path, errno);
    const ad_status status = check_opened(fd, path, limit, out_size);
    if (status == AD_OK)
        *out_fd = fd;
    else
        close(fd);
    return status;
}

ad_status adi_file_read(const adi_allocator *a, const char *path, size_t limit, uint8_t **out_bytes,
                        size_t *out_size)
{
    int fd;
    size_t size = 0;
    ADI_TRY(adi_file_open(path, limit, &fd, &size));
    uint8_t *bytes = adi_alloc(a, size);
    const ad_status status = bytes ? adi_file_read_at(fd, path, 0, bytes, size) : adi_fail_memory();
    close(fd);
    if (status != AD_OK) {
        adi_free(a, bytes);
        return status;
    }
    *out_bytes = bytes;
    *out_size = size;
    return AD_OK;
}

/* Length of the folder part of a path, with its slash; 0 if there is none. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Find the file to replace: a symbolic link is followed, so that it stays a link. *out_mode is 0 if
 * there is no such file yet. */
static ad_status find_target(adi_file_writer *w, mode_t *out_mode)
{
    char resolved[PATH_MAX];
    const char *target = w->path;
    struct stat info;
    if (lstat(w->path, &info) == 0 && S_ISLNK(info.st_mode)) {
        target = realpath(w->path, resolved);
        if (!target)
            return fail_errno("write", w->path, errno);
    }
    *out_mode = 0;
    if (stat(target, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return fail_errno("write", w->path, EISDIR);
        if (!S_ISREG(info.st_mode)) /* never rename over /dev/null */
            return adi_fail(AD_ERR_IO, "cannot write '%s': not a regular file", w->path);
        *out_mode = S_IFREG | (info.st_mode & 0777);
    }
    w->target = adi_strdup(w->allocator, target);
    return w->target ? AD_OK : adi_fail_memory();
}

/* A number for a new name: it need not be secret, since O_EXCL refuses a name that is taken. */
static uint64_t unlikely_number(const void *salt)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t z = (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
    z += ((uint64_t)getpid() << 40) + (uint64_t)(uintptr_t)salt;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Copy the folder of `target` to folder[PATH_MAX]; 0 if it is too long. */
static int folder_of(const char *target, char *folder)
{
    const size_t length = folder_length(target);
    if (length >= PATH_MAX)
        return 0;
    memcpy(folder, length ? target : ".", length ? length : 1);
    folder[length ? length : 1] = 0;
    return 1;
}

/* Create and lock a file; -1 with the cause in *out_error. A file that replaces another is private
 * from the start, since the other may be. */
static int create_locked(const char *name, mode_t replaced_mode, int *out_error)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                        replaced_mode ? 0600 : 0666);
    *out_error = errno;
    if (fd < 0 || adi_temporary_hold(fd, name))
        return fd;
    close(fd); /* another process is removing it as a leftover */
    *out_error = EEXIST;
    return -1;
}

/* The name does not contain the final one, which may have the longest length possible. */
static ad_status create_temporary(adi_file_writer *w, mode_t replaced_mode)
{
    const size_t folder = folder_length(w->target);
    char *name = adi_alloc(w->allocator, folder + ADI_TEMPORARY_NAME);
    if (!name)
        return adi_fail_memory();
    memcpy(name, w->target, folder);
    const uint64_t number = unlikely_number(name);
    int error = EEXIST;
    for (uint64_t i = 0; i < NAME_ATTEMPTS && w->fd < 0; i++) {
        adi_temporary_name(name + folder, number + i);
        w->fd = create_locked(name, replaced_mode, &error);
        if (w->fd < 0 && error != EEXIST && error != EINTR)
            break;
    }
    if (w->fd < 0) {
        adi_free(w->allocator, name);
        return fail_errno("write", w->path, error);
    }
    w->temporary = name;
    w->lock = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
    if (w->lock < 0 || (replaced_mode && fchmod(w->fd, replaced_mode & 0777) != 0))
        return fail_errno("write", w->path, errno);
    return AD_OK;
}

ad_status adi_file_begin(adi_file_writer *w, const adi_allocator *a, const char *path,
                         int64_t clean_up)
{
    *w = (adi_file_writer){.allocator = a, .path = path, .fd = -1, .lock = -1};
    mode_t replaced_mode = 0;
    char folder[PATH_MAX];
    ad_status status = find_target(w, &replaced_mode);
    if (status == AD_OK && folder_of(w->target, folder))
        adi_leftovers_remove(folder, clean_up); /* first: the disk may be full of them */
    if (status == AD_OK)
        status = create_temporary(w, replaced_mode);
    if (status != AD_OK)
        adi_file_abort(w);
    return status;
}

ad_status adi_file_append(adi_file_writer *w, const void *bytes, size_t size)
{
    if (w->fd < 0)
        return adi_fail(AD_ERR_STATE, "cannot write '%s': the file is already closed", w->path);
    const uint8_t *next = bytes;
    while (size > 0) {
        const ssize_t n = write(w->fd, next, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            const int error = n < 0 ? errno : EIO;
            adi_file_abort(w);
            return fail_errno("write", w->path, error);
        }
        next += n;
        size -= (size_t)n;
    }
    return AD_OK;
}

static int sync_fully(int fd)
{
    int result;
    do {
        result = fsync(fd);
    } while (result != 0 && errno == EINTR);
    return result;
}

/* Make the new name survive a power cut. Some file systems cannot, and a folder may be writable but
 * not readable: the file is whole then too, so this is not a failure. */
static int sync_folder(const char *target)
{
    char folder[PATH_MAX];
    if (!folder_of(target, folder))
        return 0;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    int error = sync_fully(fd) == 0 ? 0 : errno;
    if (error == EINVAL || error == ENOTSUP || error == ENOSYS || error == EROFS)
        error = 0;
    close(fd);
    return error;
}

/* The new file has its name already: the message must not read like a failed write. */
static ad_status check_folder_sync(const adi_file_writer *w)
{
    char text[128];
    const int error = sync_folder(w->target);
    if (error == 0)
        return AD_OK;
    return adi_fail(AD_ERR_IO,
                    "'%s' is written and in place, but may not survive a power cut: cannot sync "
                    "its folder: %s",
                    w->path, strerror_r(error, text, sizeof text));
}

ad_status adi_file_commit(adi_file_writer *w)
{
    ad_status status;
    if (w->fd < 0)
        return adi_fail(AD_ERR_STATE, "cannot write '%s': the file is already closed", w->path);
    int error = sync_fully(w->fd) == 0 ? 0 : errno;
    /* The lock is held until the file has its name. Network file systems may report a full disk as
     * late as close(). After EINTR the descriptor is closed, and fsync() has succeeded. */
    if (close(w->fd) != 0 && error == 0 && errno != EINTR)
        error = errno;
    w->fd = -1;
    if (error == 0 && rename(w->temporary, w->target) != 0)
        error = errno;
    if (error == 0) {
        adi_free(w->allocator, w->temporary); /* it was renamed: nothing to remove */
        w->temporary = NULL;
        status = check_folder_sync(w);
    } else {
        status = fail_errno("write", w->path, error);
    }
    adi_file_abort(w);
    return status;
}

void adi_file_abort(adi_file_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    if (w->temporary) {
        unlink(w->temporary);
        adi_free(w->allocator, w->temporary);
        w->temporary = NULL;
    }
    if (w->lock >= 0)
        close(w->lock);
    w->lock = -1;
    if (w->target) {
        adi_free(w->allocator, w->target);
        w->target = NULL;
    }
}
