/* core/file.c: what is read back, what a failure leaves behind, whose mode a new file has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/leftover.h"
#include "harness/fault_alloc.h"

static const adi_allocator *const heap = &adi_default_allocator;
static char folder[] = "test_file_XXXXXX"; /* in the build folder; every test begins inside it */

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void expect_content(const char *path, const char *text)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(adi_file_read(heap, path, 1 << 20, &bytes, &size), AD_OK);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
    adi_free(heap, bytes);
}

static int entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static ad_status replace(const char *path, const char *text)
{
    adi_file_writer w;
    ADI_TRY(adi_file_begin(&w, heap, path, ADI_LEFTOVERS_FEW));
    ADI_TRY(adi_file_append(&w, text, strlen(text)));
    return adi_file_commit(&w);
}

static void expect_message(const char *part)
{
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' is not in '%s'", part, ad_last_error_message());
}

/* ---- Reading -------------------------------------------------------------------------------- */

static void reads_whole_files(void **state)
{
    (void)state;
    put_file("some", "a few bytes");
    expect_content("some", "a few bytes");
    put_file("empty", "");
    expect_content("empty", "");
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(adi_file_read(heap, "absent", 100, &bytes, &size), AD_ERR_IO);
    assert_string_equal(ad_last_error_message(), "cannot open 'absent': No such file or directory");
    assert_int_equal(mkdir("folder", 0777), 0);
    assert_int_equal(adi_file_read(heap, "folder", 100, &bytes, &size), AD_ERR_IO);
    assert_string_equal(ad_last_error_message(), "cannot read 'folder': Is a directory");
    assert_int_equal(mkfifo("pipe", 0666), 0); /* nobody writes: waiting would never end */
    assert_int_equal(adi_file_read(heap, "pipe", 100, &bytes, &size), AD_ERR_IO);
    assert_string_equal(ad_last_error_message(), "cannot read 'pipe': not a regular file");
    assert_null(bytes);
}

static void keeps_to_the_limit(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    put_file("ten", "0123456789");
    assert_int_equal(adi_file_read(heap, "ten", 9, &bytes, &size), AD_ERR_FORMAT);
    expect_message("'ten' has 10 bytes, the limit is 9");
    assert_null(bytes);
    assert_int_equal(adi_file_read(heap, "ten", 10, &bytes, &size), AD_OK);
    adi_free(heap, bytes);
}

/* ---- Writing -------------------------------------------------------------------------------- */

static void writes_new_files_with_the_umask(void **state)
{
    (void)state;
    const mode_t before = umask(027);
    assert_int_equal(replace("new", "text"), AD_OK);
    umask(before);
    expect_content("new", "text");
    assert_int_equal(mode_of("new"), 0640);
    assert_int_equal(entries("."), 1);
}

static void keeps_the_mode_of_what_it_replaces(void **state)
{
    (void)state;
    put_file("old", "old text");
    assert_int_equal(chmod("old", 0604), 0);
    assert_int_equal(replace("old", "new"), AD_OK);
    expect_content("old", "new");
    assert_int_equal(mode_of("old"), 0604);
    assert_int_equal(entries("."), 1);
}

static void nothing_is_seen_before_commit(void **state)
{
    (void)state;
    adi_file_writer w;
    put_file("old", "old text");
    assert_int_equal(adi_file_begin(&w, heap, "old", ADI_LEFTOVERS_FEW), AD_OK);
    assert_int_equal(adi_file_append(&w, "half", 4), AD_OK);
    assert_int_equal(adi_file_append(&w, NULL, 0), AD_OK);
    expect_content("old", "old text");
    adi_file_abort(&w);
    adi_file_abort(&w);
    expect_content("old", "old text");
    assert_int_equal(entries("."), 1);
    assert_int_equal(adi_file_append(&w, "more", 4), AD_ERR_STATE);
    assert_int_equal(adi_file_commit(&w), AD_ERR_STATE);
}

static void the_longest_name_can_be_written(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    assert_int_equal(replace(name, "text"), AD_OK);
    expect_content(name, "text");
}

static void follows_a_link(void **state)
{
    (void)state;
    assert_int_equal(mkdir("far", 0777), 0);
    put_file("far/real", "old");
    assert_int_equal(symlink("far/real", "link"), 0);
    assert_int_equal(replace("link", "new"), AD_OK);
    expect_content("far/real", "new");
    struct stat info;
    assert_int_equal(lstat("link", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(entries("far"), 1);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(replace("dangling", "new"), AD_ERR_IO);
    expect_message("cannot write 'dangling'");
}

static void refuses_impossible_targets(void **state)
{
    (void)state;
    assert_int_equal(mkdir("folder", 0777), 0);
    assert_int_equal(replace("folder", "x"), AD_ERR_IO);
    assert_string_equal(ad_last_error_message(), "cannot write 'folder': Is a directory");
    assert_int_equal(replace("absent/file", "x"), AD_ERR_IO);
    expect_message("cannot write 'absent/file': No such file or directory");
    assert_int_equal(mkfifo("pipe", 0666), 0);
    assert_int_equal(replace("pipe", "x"), AD_ERR_IO);
    expect_message("not a regular file");
    put_file("plain", "x");
    assert_int_equal(replace("plain/file", "x"), AD_ERR_IO);
    expect_message("Not a directory");
    assert_int_equal(replace("", "x"), AD_ERR_IO);
    assert_int_equal(entries("."), 3);
}

static void refuses_an_unwritable_folder(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root may write everywhere */
    assert_int_equal(mkdir("locked", 0777), 0);
    put_file("locked/old", "old");
    assert_int_equal(chmod("locked", 0555), 0);
    const ad_status status = replace("locked/old", "new");
    assert_int_equal(chmod("locked", 0777), 0);
    assert_int_equal(status, AD_ERR_IO);
    expect_content("locked/old", "old");
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    static char block[4096];
    put_file("old", "old text");
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {10000, before.rlim_max};
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    adi_file_writer w;
    ad_status status = adi_file_begin(&w, heap, "old", ADI_LEFTOVERS_FEW);
    for (int i = 0; i < 4 && status == AD_OK; i++)
        status = adi_file_append(&w, block, sizeof block);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, AD_ERR_IO);
    assert_string_equal(ad_last_error_message(), "cannot write 'old': File too large");
    assert_int_equal(w.fd, -1);
    expect_content("old", "old text");
    assert_int_equal(entries("."), 1);
}

static void a_target_that_becomes_a_folder_fails_at_commit(void **state)
{
    (void)state;
    adi_file_writer w;
    assert_int_equal(adi_file_begin(&w, heap, "late", ADI_LEFTOVERS_FEW), AD_OK);
    assert_int_equal(mkdir("late", 0777), 0);
    assert_int_equal(adi_file_commit(&w), AD_ERR_IO);
    assert_int_equal(entries("."), 1);
}

static void every_failed_allocation_is_clean(void **state)
{
    (void)state;
    put_file("old", "old");
    for (long n = 1;; n++) {
        fault_alloc fault = {.fail_at = n};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
        adi_file_writer w = {.fd = -1, .lock = -1};
        uint8_t *bytes = NULL;
        size_t size = 0;
        ad_status status = adi_file_begin(&w, &a, "old", ADI_LEFTOVERS_FEW);
        if (status == AD_OK)
            status = adi_file_commit(&w);
        if (status == AD_OK)
            status = adi_file_read(&a, "old", 100, &bytes, &size);
        adi_free(&a, bytes);
        assert_int_equal(fault.live, 0);
        assert_int_equal(entries("."), 1);
        if (status == AD_OK) {
            assert_true(n > 3);
            break;
        }
        assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        assert_string_equal(ad_last_error_message(), "out of memory");
    }
}

/* ---- Folder of one test --------------------------------------------------------------------- */

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

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reads_whole_files),
        IN_FOLDER(refuses_what_is_no_file),
        IN_FOLDER(keeps_to_the_limit),
        IN_FOLDER(writes_new_files_with_the_umask),
        IN_FOLDER(keeps_the_mode_of_what_it_replaces),
        IN_FOLDER(nothing_is_seen_before_commit),
        IN_FOLDER(the_longest_name_can_be_written),
        IN_FOLDER(follows_a_link),
        IN_FOLDER(refuses_impossible_targets),
        IN_FOLDER(refuses_an_unwritable_folder),
        IN_FOLDER(a_full_disk_leaves_the_old_file),
        IN_FOLDER(a_target_that_becomes_a_folder_fails_at_commit),
        IN_FOLDER(every_failed_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
