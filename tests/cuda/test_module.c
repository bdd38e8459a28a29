/* The module's devices, memory and queues, and what it says when something is missing or lost. On
 * the emulated device, which makes faults on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin.h"

static const adi_plugin *module;
static char text[256];

static void expect_text(const char *want)
{
    if (!strstr(text, want))
        fail_msg("'%s', not '%s'", text, want);
}

static void devices(void **state)
{
    (void)state;
    int32_t count = 0;
    adi_plugin_device info;
    void *device = NULL;
    setenv("ADFEAT_EMULATED", "devices=2,memory=1000000", 1);
    assert_int_equal(module->count(&count, text, sizeof text), AD_OK);
    assert_int_equal(count, 2);
    assert_int_equal(module->info(1, &info, text, sizeof text), AD_OK);
    assert_string_equal(info.name, "emulated device 1");
    assert_true(info.total_bytes == 1000000 && info.free_bytes <= 1000000);
    assert_int_equal(info.major, 7);
    assert_int_equal(module->open(2, 0, &device, text, sizeof text), AD_ERR_BACKEND);
    expect_text("there are 2 devices");
    assert_null(device);
    unsetenv("ADFEAT_EMULATED");
}

static void drivers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"driver=0", "no driver (libcuda.so.1 was not found)"},
        {"driver=12020", "the driver supports CUDA 12.2, this module needs 13.0"},
        {"devices=0", "no device"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t count = 0;
        void *device = NULL;
        setenv("ADFEAT_EMULATED", cases[i][0], 1);
        assert_int_equal(module->count(&count, text, sizeof text), AD_ERR_BACKEND);
        expect_text(cases[i][1]);
        assert_int_equal(module->open(0, 0, &device, text, sizeof text), AD_ERR_BACKEND);
        expect_text(cases[i][1]);
    }
    unsetenv("ADFEAT_EMULATED");
}

/* The second device, so that the current one of the caller has to be left and returned to. */
static void copies(void **state)
{
    (void)state;
    const adi_memory *m = module->memory;
    const float from[4] = {1.0f, 2.0f, 3.0f, 4.0f};
    float to[4] = {0.0f};
    void *device = NULL, *a = NULL, *b = NULL;
    adi_queue *queue = NULL;
    setenv("ADFEAT_EMULATED", "devices=2", 1);
    assert_int_equal(module->open(1, 0, &device, text, sizeof text), AD_OK);
    assert_int_equal(m->alloc(device, sizeof from, &a), AD_OK);
    assert_int_equal(m->alloc(device, sizeof from, &b), AD_OK);
    assert_int_equal((uintptr_t)a % 256, 0);
    for (int queued = 0; queued < 2; queued++) {
        if (queued)
            assert_int_equal(m->queue_create(device, &queue), AD_OK);
        assert_int_equal(m->upload(device, queue, a, from, sizeof from), AD_OK);
        assert_int_equal(m->copy(device, queue, b, a, sizeof from), AD_OK);
        assert_int_equal(m->clear(device, queue, b, sizeof *from), AD_OK);
        assert_int_equal(m->download(device, queue, to, b, sizeof to), AD_OK);
        assert_true(to[0] == 0.0f && to[1] == 2.0f && to[3] == 4.0f);
    }
    m->queue_destroy(device, queue);
    m->free(device, a);
    m->free(device, b);
    assert_null(m->failure(device));
    module->close(device);
    unsetenv("ADFEAT_EMULATED");
}

/* A kernel needs a queue; a recording of it runs again on what is there then. */
static void recordings(void **state)
{
    (void)state;
    const adi_memory *m = module->memory;
    void *device = NULL, *x = NULL, *staging = NULL;
    adi_exec ex = {1, NULL, NULL};
    adi_recording *recording = NULL;
    assert_int_equal(module->open(0, 0, &device, text, sizeof text), AD_OK);
    assert_int_equal(m->alloc(device, sizeof(float), &x), AD_OK);
    assert_int_equal(m->staging_alloc(device, sizeof(float), &staging), AD_OK);
    assert_int_equal(module->kernels->leaky_relu_fwd(&ex, x, x, 2.0, 1), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(m->queue_create(device, &ex.queue), AD_OK);
    float *value = staging;
    assert_int_equal(m->record(device, ex.queue), AD_OK);
    assert_int_equal(m->upload(device, ex.queue, x, value, sizeof *value), AD_OK);
    assert_int_equal(module->kernels->leaky_relu_fwd(&ex, x, x, 2.0, 1), AD_OK);
    assert_int_equal(m->download(device, ex.queue, value, x, sizeof *value), AD_OK);
    assert_int_equal(m->recorded(device, ex.queue, &recording), AD_OK);
    for (int i = 1; i < 4; i++) {
        *value = (float)-i;
        assert_int_equal(m->replay(device, ex.queue, recording), AD_OK);
        assert_int_equal(m->wait(device, ex.queue), AD_OK);
        assert_true(*value == (float)(-2 * i));
    }
    m->recording_free(device, recording);
    m->queue_destroy(device, ex.queue);
    m->staging_free(device, staging);
    m->free(device, x);
    module->close(device);
}

static void out_of_memory(void **state)
{
    (void)state;
    const adi_memory *m = module->memory;
    void *device = NULL, *p = NULL;
    size_t left, total;
    setenv("ADFEAT_EMULATED", "memory=65536", 1);
    assert_int_equal(module->open(0, 0, &device, text, sizeof text), AD_OK);
    assert_int_equal(m->alloc(device, 1 << 20, &p), AD_ERR_OUT_OF_MEMORY);
    assert_null(p);
    assert_null(m->failure(device)); /* it goes on */
    assert_int_equal(m->alloc(device, 1024, &p), AD_OK);
    m->bytes(device, &left, &total);
    assert_true(total == 65536 && left == total - 1024);
    m->free(device, p);
    module->close(device);
    unsetenv("ADFEAT_EMULATED");
}

/* In a process of its own: what is lost there stays lost. */
static int lose(void *device)
{
    const adi_memory *m = module->memory;
    void *p = NULL, *q = NULL;
    adi_queue *queue = NULL;
    int bad = m->alloc(device, 64, &p) != AD_OK || m->queue_create(device, &queue) != AD_OK;
    setenv("ADFEAT_EMULATED", "launch=1", 1);
    bad |= m->clear(device, queue, p, 64) != AD_ERR_BACKEND;
    const char *why = m->failure(device);
    bad |= !why || !strstr(why, "illegal memory access");
    const adi_exec ex = {1, NULL, queue};
    bad |= module->kernels->leaky_relu_fwd(&ex, p, p, 2.0, 1) != AD_ERR_BACKEND;
    bad |= m->alloc(device, 64, &q) != AD_ERR_BACKEND || m->wait(device, queue) != AD_ERR_BACKEND;
    bad |= m->failure(device) != why;
    m->free(device, p);
    m->queue_destroy(device, queue);
    module->close(device);
    return bad;
}

static int use(void *device)
{
    void *p = NULL;
    return module->memory->alloc(device, 64, &p) != AD_ERR_BACKEND ||
           !strstr(module->memory->failure(device), "fork");
}

static int open_and_lose(void *unused)
{
    void *device = NULL;
    (void)unused;
    return module->open(0, 0, &device, text, sizeof text) != AD_OK || lose(device);
}

static int in_child(int (*call)(void *), void *device)
{
    int status = -1;
    const pid_t child = fork();
    if (!child)
        _exit(call(device));
    waitpid(child, &status, 0);
    return status;
}

static void a_lost_device(void **state)
{
    (void)state;
    assert_int_equal(in_child(open_and_lose, NULL), 0);
}

static void after_fork(void **state)
{
    (void)state;
    void *device = NULL;
    assert_int_equal(module->open(0, 0, &device, text, sizeof text), AD_OK);
    assert_int_equal(in_child(use, device), 0);
    assert_null(module->memory->failure(device));
    module->close(device);
}

int main(void)
{
    void *library = dlopen(ADFEAT_EMULATED_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        puts(dlerror());
        return 1;
    }
    module = dlsym(library, ADI_PLUGIN_SYMBOL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices),       cmocka_unit_test(drivers),
        cmocka_unit_test(copies),        cmocka_unit_test(recordings),
        cmocka_unit_test(out_of_memory), cmocka_unit_test(a_lost_device),
        cmocka_unit_test(after_fork),
    };
    return module ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
