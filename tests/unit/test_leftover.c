/* core/leftover.c: what a killed writer leaves is removed by the next one, what somebody holds or
 * what is none of ours is not; and what a save says when its last steps fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/leftover.h"

#define LEFT ".adfeat-0123456789abcdef.tmp"

static const adi_allocator *const heap = &adi_default_allocator;
static char folder[] =
    "test_leftover_XXXXXX"; /* in the build folder; every test begins inside it */

/* ---- fsync and rename that fail when they are told to: these stand before libc's ---- */

static int fail_sync_of_folders, fail_sync_of_files, fail_rename, fail_flock;

int fsync(int fd)
{
    struct stat info;
    if (fstat(fd, &info) == 0 &&
        (S_ISDIR(info.st_mode) ? fail_sync_of_folders : fail_sync_of_files)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    if (fail_rename) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int flock(int fd, int operation)
{
    if (fail_flock) {
        errno = ENOLCK;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

/* ---- Files ---- */

static void put_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static ad_status save(const char *path, const char *text)
{
    adi_file_writer w;
    ADI_TRY(adi_file_begin(&w, heap, path, ADI_LEFTOVERS_ALL));
    ADI_TRY(adi_file_append(&w, text, strlen(text)));
    return adi_file_commit(&w);
}

static void saved(const char *path, const char *text)
{
    if (save(path, text) != AD_OK)
        fail_msg("%s", ad_last_error_message());
}

static void has_content(const char *path, const char *text)
{
    char there[64] = "";
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, there, sizeof there - 1), strlen(text));
    assert_string_equal(there, text);
    close(fd);
}

static int is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static int temporaries(void)
{
    int n = 0;
    DIR *d = opendir(".");
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += strncmp(e->d_name, ".adfeat-", 8) == 0;
    closedir(d);
    return n;
}

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void make_older(const char *path, long seconds)
{
    const struct timespec then[2] = {{.tv_sec = time(NULL) - seconds},
                                     {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, then, AT_SYMLINK_NOFOLLOW), 0);
}

/* ---- Tests ---- */

static void what_nobody_holds_is_removed(void **state)
{
    (void)state;
    const int files = open_files();
    put_file(LEFT, "half");
    put_file(".adfeat-fedcba9876543210.tmp", "");
    saved("new", "text");
    assert_int_equal(temporaries(), 0);
    has_content("new", "text");
    put_file(LEFT, "half");
    adi_leftovers_remove(".", ADI_LEFTOVERS_ALL);
    assert_false(is_there(LEFT));
    adi_leftovers_remove("absent", ADI_LEFTOVERS_ALL); /* nothing to say */
    adi_leftovers_remove("new", ADI_LEFTOVERS_ALL);
    assert_int_equal(open_files(), files);
}

static void what_is_none_of_ours_stays(void **state)
{
    (void)state;
    static const char *const names[] = {".adfeat-0123456789abcdeF.tmp",
                                        ".adfeat-0123456789abcde.tmp",
                                        ".adfeat-0123456789abcdef0.tmp",
                                        ".adfeat-0123456789abcdef.tmq",
                                        "adfeat-0123456789abcdef.tmp",
                                        ".adfeat-.tmp",
                                        "x.tmp"};
    enum { NAMES = sizeof names / sizeof *names };
    for (int i = 0; i < NAMES; i++)
        put_file(names[i], "mine");
    put_file("target", "mine");
    assert_int_equal(symlink("target", LEFT), 0); /* nor what a link leads to */
    assert_int_equal(mkdir(".adfeat-1111111111111111.tmp", 0700), 0);
    assert_int_equal(mkfifo(".adfeat-2222222222222222.tmp", 0600), 0);
    saved("new", "text");
    for (int i = 0; i < NAMES; i++)
        assert_true(is_there(names[i]));
    assert_true(is_there(LEFT) && is_there(".adfeat-1111111111111111.tmp") &&
                is_there(".adfeat-2222222222222222.tmp"));
    has_content("target", "mine");
}

/* A second process in the middle of a save, then killed there. */
static void a_writer_that_lives_keeps_its_file(void **state)
{
    (void)state;
    int ready[2], go[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    for (int killed = 0; killed < 2; killed++) {
        const pid_t child = fork();
        if (child == 0) {
            adi_file_writer w;
            int bad = adi_file_begin(&w, heap, "theirs", ADI_LEFTOVERS_ALL) ||
                      adi_file_append(&w, "whole", 5);
            bad |= write(ready[1], "r", 1) != 1 || read(go[0], &byte, 1) != 1;
            _exit(bad || adi_file_commit(&w) != AD_OK);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        saved("mine", "text");
        assert_int_equal(temporaries(), 1);
        make_older(".", 0);
        if (killed)
            kill(child, SIGKILL);
        else
            assert_int_equal(write(go[1], "g", 1), 1);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(killed ? WIFSIGNALED(status) : status == 0);
        assert_int_equal(temporaries(), killed);
        saved("mine", "again");
        assert_int_equal(temporaries(), 0);
        has_content("theirs", "whole");
    }
    close(ready[0]);
    close(ready[1]);
    close(go[0]);
    close(go[1]);
}

/* Where there are no locks only age tells: a day. */
static void without_locks_age_decides(void **state)
{
    (void)state;
    put_file(LEFT, "half");
    fail_flock = 1;
    saved("new", "text");
    make_older(LEFT, 23 * 3600);
    saved("new", "text");
    assert_true(is_there(LEFT));
    make_older(LEFT, 25 * 3600);
    saved("new", "text");
    fail_flock = 0;
    assert_false(is_there(LEFT));
}

/* A file that was locked before its maker could is as good as gone. */
static void a_file_taken_for_a_leftover(void **state)
{
    (void)state;
    const int mine = open(LEFT, O_WRONLY | O_CREAT | O_EXCL, 0600), theirs = open(LEFT, O_RDONLY);
    assert_true(mine >= 0 && theirs >= 0);
    assert_int_equal(flock(theirs, LOCK_EX | LOCK_NB), 0);
    assert_false(adi_temporary_hold(mine, LEFT));
    unlink(LEFT);
    close(theirs);
    assert_false(adi_temporary_hold(mine, LEFT));
    close(mine);
    const int again = open(LEFT, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(adi_temporary_hold(again, LEFT));
    close(again);
}

static void only_so_many_entries(void **state)
{
    (void)state;
    put_file(LEFT, "half");
    adi_leftovers_remove(".", 0);
    assert_true(is_there(LEFT));
    adi_leftovers_remove(".", 3); /* . and .. are entries */
    assert_false(is_there(LEFT));
}

static void a_folder_that_may_not_be_written(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root may write everywhere */
    assert_int_equal(mkdir("locked", 0777), 0);
    put_file("locked/" LEFT, "half");
    assert_int_equal(chmod("locked", 0555), 0);
    adi_leftovers_remove("locked", ADI_LEFTOVERS_ALL);
    assert_int_equal(chmod("locked", 0777), 0);
    assert_true(is_there("locked/" LEFT));
}

static void the_last_steps_fail(void **state)
{
    (void)state;
    const int files = open_files();
    saved("file", "old");
    fail_sync_of_files = 1;
    assert_int_equal(save("file", "new"), AD_ERR_IO);
    assert_string_equal(ad_last_error_message(), "cannot write 'file': Input/output error");
    has_content("file", "old");
    fail_sync_of_files = 0;
    fail_rename = 1;
    assert_int_equal(save("file", "new"), AD_ERR_IO);
    assert_string_equal(ad_last_error_message(), "cannot write 'file': No space left on device");
    has_content("file", "old");
    fail_rename = 0;
    fail_sync_of_folders = 1;
    assert_int_equal(save("file", "new"), AD_ERR_IO);
    assert_string_equal(ad_last_error_message(),
                        "'file' is written and in place, but may not survive a power cut: cannot "
                        "sync its folder: Input/output error");
    has_content("file", "new");
    fail_sync_of_folders = 0;
    assert_int_equal(temporaries(), 0);
    assert_int_equal(open_files(), files);
}

static int enter(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
    return chdir("..") == 0 && system(command) == 0 ? 0 : -1;
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_nobody_holds_is_removed),       IN_FOLDER(what_is_none_of_ours_stays),
        IN_FOLDER(a_writer_that_lives_keeps_its_file), IN_FOLDER(without_locks_age_decides),
        IN_FOLDER(a_file_taken_for_a_leftover),        IN_FOLDER(only_so_many_entries),
        IN_FOLDER(a_folder_that_may_not_be_written),   IN_FOLDER(the_last_steps_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
