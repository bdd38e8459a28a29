/* Saves that are killed anywhere, and saves of several processes to one path: under the name there
 * is always a whole file, old or new, and the next save leaves no other one in the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/safetensors.h"
#include "harness/seeded.h"
#include "harness/tiny.h"

enum { TENSORS = 6, VALUES = 20000, KILLS = 150, WRITERS = 3, SAVES = 40 };

static const adi_allocator *const heap = &adi_default_allocator;
static char folder[512], path[600];

static ad_status save(float value)
{
    static float values[VALUES];
    const int64_t count = VALUES;
    adi_st_writer *w = NULL;
    ADI_TRY(adi_st_writer_create(heap, &w));
    ad_status status = AD_OK;
    for (int i = 0; i < VALUES; i++)
        values[i] = value;
    for (int t = 0; t < TENSORS && status == AD_OK; t++) {
        char name[8];
        snprintf(name, sizeof name, "t%d", t);
        status = adi_st_writer_tensor(w, name, ADI_F32, 1, &count, values);
    }
    if (status == AD_OK)
        status = adi_st_writer_save(w, path);
    adi_st_writer_destroy(w);
    return status;
}

static void check_whole(void)
{
    adi_safetensors *file = NULL;
    if (adi_st_open(heap, path, &file) != AD_OK || adi_st_verify(file) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    assert_int_equal(adi_st_count(file), TENSORS);
    float first, last;
    memcpy(&first, adi_st_at(file, 0)->data, sizeof first);
    memcpy(&last, adi_st_at(file, TENSORS - 1)->data + (VALUES - 1) * sizeof last, sizeof last);
    assert_true(first == last); /* of one save */
    adi_st_close(file);
}

static int others(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] == '.' && strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

static void killed_anywhere(void **state)
{
    (void)state;
    int left = 0;
    assert_int_equal(save(0.0f), AD_OK);
    for (uint64_t i = 0; i < KILLS; i++) {
        const pid_t child = fork();
        if (child == 0)
            for (float v = 1.0f;; v += 1.0f)
                if (save(v) != AD_OK)
                    _exit(1);
        const struct timespec wait = {0, 100000 + 20000 * (long)seeded_byte("kill", i)};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not fail by itself */
        left += others() > 0;
        assert_true(others() <= 1); /* the one of the save before was removed by the next */
        check_whole();
    }
    print_message("%d kills left a file behind in %d cases\n", KILLS, left);
    assert_int_equal(save(1.0f), AD_OK);
    assert_int_equal(others(), 0);
}

static void several_at_once(void **state)
{
    (void)state;
    pid_t children[WRITERS];
    for (int c = 0; c < WRITERS; c++) {
        children[c] = fork();
        if (children[c] == 0) {
            for (int i = 0; i < SAVES; i++)
                if (save((float)(c * SAVES + i)) != AD_OK)
                    _exit(1);
            _exit(0);
        }
    }
    for (int i = 0; i < SAVES; i++)
        check_whole();
    for (int c = 0; c < WRITERS; c++) {
        int status;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_int_equal(status, 0);
    }
    check_whole();
    assert_int_equal(others(), 0);
}

static int set_up(void **state)
{
    (void)state;
    char *name = tiny_fast_path("killed");
    snprintf(folder, sizeof folder, "%s", name);
    snprintf(path, sizeof path, "%s/file.safetensors", folder);
    free(name);
    return mkdir(folder, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_anywhere),
                                       cmocka_unit_test(several_at_once)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
