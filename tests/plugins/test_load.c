/* What a context says when its device's module is not there, or is not one; that only one path is
 * looked at; that a context is of no use in a child of fork(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/tiny.h"

static void says(const char *folder, const char *device, ad_status status, const char *sentence)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.device = device;
    if (folder)
        setenv("ADFEAT_BACKEND_DIR", folder, 1);
    else
        unsetenv("ADFEAT_BACKEND_DIR");
    assert_int_equal(ad_context_create(&o, &context), status);
    assert_null(context);
    if (!strstr(ad_last_error_message(), sentence))
        fail_msg("'%s' does not say '%s'", ad_last_error_message(), sentence);
}

static void modules_that_are_none(void **state)
{
    (void)state;
    char *folder = tiny_path("modules"), file[600], want[1300];
    snprintf(file, sizeof file, "%s/libadfeat-cuda.so", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(want, sizeof want, "cuda: the module '%s': cannot open shared object file", file);
    says(folder, "cuda", AD_ERR_BACKEND, want);
    FILE *text = fopen(file, "w");
    assert_non_null(text);
    fputs("this is no library\n", text);
    fclose(text);
    snprintf(want, sizeof want, "cuda: the module '%s': file too short", file);
    says(folder, "cuda", AD_ERR_BACKEND, want);
    says(folder, "cuda:3", AD_ERR_BACKEND, want);
    unlink(file);
    rmdir(folder);
    free(folder);
    says(NO_SYMBOL_DIR, "cuda", AD_ERR_BACKEND,
         "cuda: '" NO_SYMBOL_DIR "/libadfeat-cuda.so' is no module of this library: it has no "
         "adi_backend_plugin");
    says(BAD_ABI_DIR, "cuda", AD_ERR_BACKEND, "install those of one build");
    says(INCOMPLETE_DIR, "cuda", AD_ERR_BACKEND, "cuda: the module lacks kernel 0 of ");
    says("modules", "cuda", AD_ERR_BACKEND, "ADFEAT_BACKEND_DIR is 'modules': it must be absolute");
    says("", "cuda", AD_ERR_BACKEND, "it must be absolute");
}

/* Beside the library, and not in the current directory or where a loader searches. */
static void one_path(void **state)
{
    (void)state;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(GUARDED_DIR), 0);
    setenv("LD_LIBRARY_PATH", GUARDED_DIR, 1);
    says(NULL, "cuda", AD_ERR_BACKEND, "/adfeat/libadfeat-cuda.so': cannot open");
    assert_int_equal(chdir(here), 0);
}

static void devices_that_are_none(void **state)
{
    (void)state;
    says(GUARDED_DIR, "cuda:1", AD_ERR_BACKEND, "cuda:1: there is 1 device");
    says(GUARDED_DIR, "cuda:x", AD_ERR_INVALID_ARGUMENT, "device 'cuda:x': it is cuda, or cuda:N");
    says(GUARDED_DIR, "cuda:", AD_ERR_INVALID_ARGUMENT, "device 'cuda:'");
    says(GUARDED_DIR, "cuda:-1", AD_ERR_INVALID_ARGUMENT, "device 'cuda:-1'");
    says(GUARDED_DIR, "cuda:1x", AD_ERR_INVALID_ARGUMENT, "device 'cuda:1x'");
    says(GUARDED_DIR, "cuda:99999", AD_ERR_INVALID_ARGUMENT, "device 'cuda:99999'");
    says(GUARDED_DIR, "cudas", AD_ERR_BACKEND, "no device 'cudas': there are auto, cpu, ref, cuda");
}

static void devices_that_are_there(void **state)
{
    (void)state;
    ad_device_info info = {.struct_size = sizeof info};
    int32_t count = -1;
    setenv("ADFEAT_BACKEND_DIR", GUARDED_DIR, 1);
    assert_int_equal(ad_device_count(&count), AD_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ad_device_get_info(0, &info), AD_OK);
    assert_string_equal(info.name, "guarded memory");
    assert_true(info.total_bytes > 0 && info.free_bytes <= info.total_bytes);
    info.name[0] = 'x';
    assert_int_equal(ad_device_get_info(1, &info), AD_ERR_BACKEND);
    assert_string_equal(ad_last_error_message(), "cuda:1: there is 1 device");
    assert_int_equal(info.name[0], 'x');
    assert_int_equal(ad_device_get_info(-1, &info), AD_ERR_INVALID_ARGUMENT);
    setenv("ADFEAT_BACKEND_DIR", BAD_ABI_DIR, 1);
    assert_int_equal(ad_device_count(&count), AD_ERR_BACKEND);
    assert_int_equal(count, 1);
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.precision = 2;
    assert_int_equal(ad_context_create(&o, &context), AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "precision is 2"));
}

/* Contexts of devices that fail leave the others as they were. */
static void other_contexts(void **state)
{
    (void)state;
    ad_context *context = NULL;
    assert_int_equal(ad_context_create(NULL, &context), AD_OK);
    says(BAD_ABI_DIR, "cuda", AD_ERR_BACKEND, "the ABI");
    char *weights = tiny_path("weights");
    ad_backbone *net = NULL;
    assert_int_equal(tiny_weights(weights, ""), 0);
    assert_int_equal(tiny_open(context, weights, &net), AD_OK);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    unlink(weights);
    free(weights);
}

static ad_status extract(ad_backbone *net)
{
    static uint8_t pixels[TINY_PIXELS];
    static float data[TINY_SIDE * TINY_SIDE * 16];
    tiny_image(pixels, 1, 0);
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    ad_features f = {.struct_size = sizeof f, .layer = "deep", .data = data,
                     .capacity = sizeof data / sizeof *data};
    return ad_extract_features(net, &image, NULL, &f, 1);
}

/* The child's first call is refused; the parent's go on. */
static void after_fork(void **state)
{
    (void)state;
    ad_context_options o;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    char *weights = tiny_path("weights");
    ad_context_options_init(&o, sizeof o);
    o.device = "cuda";
    setenv("ADFEAT_BACKEND_DIR", GUARDED_DIR, 1);
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    assert_int_equal(tiny_weights(weights, ""), 0);
    assert_int_equal(tiny_open(context, weights, &net), AD_OK);
    for (int warm = 0; warm < 2; warm++) { /* with and without a workspace that is there already */
        const pid_t child = fork();
        if (child == 0) {
            const int refused = extract(net) == AD_ERR_STATE &&
                                strstr(ad_last_error_message(), "was made before fork()");
            _exit(refused ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(extract(net), AD_OK);
    }
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    unlink(weights);
    free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_that_are_none), cmocka_unit_test(one_path),
        cmocka_unit_test(devices_that_are_none), cmocka_unit_test(devices_that_are_there),
        cmocka_unit_test(other_contexts),
        cmocka_unit_test(after_fork),
    };
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
