/* Temporary files of atomic writes. Each is locked (flock) while it is written: if the lock is
 * free, the process that wrote the file is gone. Where locks work, no process id or age has to be
 * trusted. */
#include "core/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define START ".adfeat-"
#define END   ".tmp"
enum { DIGITS = 16, DAY = 24 * 60 * 60 };

void adi_temporary_name(char name[ADI_TEMPORARY_NAME], uint64_t number)
{
    snprintf(name, ADI_TEMPORARY_NAME, START "%016jx" END, (uintmax_t)number);
}

static bool is_temporary_name(const char *name)
{
    const char *digits = name + sizeof START - 1;
    return strlen(name) == ADI_TEMPORARY_NAME - 1 && strncmp(name, START, sizeof START - 1) == 0 &&
           strspn(digits, "0123456789abcdef") == DIGITS && strcmp(digits + DIGITS, END) == 0;
}

bool adi_temporary_hold(int fd, const char *path)
{
    struct stat mine, there;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno != EWOULDBLOCK; /* without locks nobody else takes one either */
    return fstat(fd, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

/* Whether every process that may write the file sees the lock: on a network file system processes
 * of other machines may not. */
static bool is_local(int fd)
{
    static const long local[] = {EXT4_SUPER_MAGIC,  XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                 TMPFS_MAGIC,       RAMFS_MAGIC,           F2FS_SUPER_MAGIC,
                                 MSDOS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, 0x2011BAB0 /* exFAT */,
                                 0x2FC12FC1 /* ZFS */};
    struct statfs info;
    if (fstatfs(fd, &info) != 0)
        return false;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if ((unsigned long)info.f_type == (unsigned long)local[i])
            return true;
    return false;
}

static bool is_old(const struct stat *info)
{
    return info->st_mtime < time(NULL) - DAY;
}

static void remove_if_left(int folder, const char *name)
{
    const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = openat(folder, name, O_RDWR | flags); /* NFS locks only what may be written */
    if (fd < 0)
        fd = openat(folder, name, O_RDONLY | flags);
    if (fd < 0)
        return;
    struct stat mine, there;
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0, held = !locked && errno == EWOULDBLOCK;
    if (!held && fstat(fd, &mine) == 0 && S_ISREG(mine.st_mode) &&
        ((locked && is_local(fd)) || is_old(&mine)) &&
        fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == there.st_ino &&
        mine.st_dev == there.st_dev)
        unlinkat(folder, name, 0);
    close(fd); /* last: a process that waits for the lock must find the file removed */
}

void adi_leftovers_remove(const char *folder, int64_t most)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry;
    for (int64_t i = 0; i < most && (entry = readdir(entries)); i++)
        if (is_temporary_name(entry->d_name))
            remove_if_left(fd, entry->d_name);
    closedir(entries);
}
