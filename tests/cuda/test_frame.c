/* What a frame costs on a device: calls of the driver, kernels, copies, bytes. ResNet-18's PaDiM, on
 * the emulated device, which counts them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adfeat.h"
#include "emulated/emulated_counts.h"

/* The side of the images, and of layer1, whose positions have a Gaussian each. */
enum { SIDE = 64, GRID = SIDE / 4, IMAGES = 3, FRAMES = 5 };

#define WEIGHTS ADFEAT_SHARED_DIR "/weights/resnet18_imagenet_folded.safetensors"

static uint8_t pixels[FRAMES][SIDE * SIDE * 3];

static void must(ad_status status)
{
    if (status)
        fail_msg("%s", ad_last_error_message());
}

static ad_image image_of(int i)
{
    for (int p = 0; p < SIDE * SIDE * 3; p++)
        pixels[i][p] = (uint8_t)((p * 31 + p / SIDE * (7 + i) + i * 50) % 256);
    return (ad_image)AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels[i], SIDE, SIDE, SIDE * 3);
}

static void padim_of_resnet18(void **state)
{
    (void)state;
    ad_context_options o;
    ad_context *context[2] = {NULL};
    ad_backbone *net[2] = {NULL};
    ad_fitter *fitter = NULL;
    ad_scorer *scorer[2] = {NULL};
    static const char options[] = "size=64, resize=cv_linear, dimensions=20, ridge=0.1";
    static const char *const devices[] = {"cuda", "cpu"};
    static float heat[2][SIDE * SIDE];
    for (int d = 0; d < 2; d++) {
        ad_context_options_init(&o, sizeof o);
        o.device = devices[d];
        must(ad_context_create(&o, &context[d]));
        must(ad_backbone_open(context[d], WEIGHTS, NULL, &net[d]));
        must(ad_fitter_create(net[d], "padim", options, &fitter));
        for (int i = 0; i < IMAGES; i++) {
            const ad_image image = image_of(i);
            must(ad_fitter_add(fitter, &image));
        }
        must(ad_fitter_finish(fitter, &scorer[d]));
        ad_fitter_destroy(fitter);
    }
    void *module = dlopen(ADFEAT_EMULATED_MODULE, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(module);
    adi_emulated_work *work = dlsym(module, "adi_emulated_counts"), before = {0};
    assert_non_null(work);
    for (int i = 0; i < FRAMES; i++) {
        const ad_image image = image_of(i);
        float score[2];
        memset(work, 0, sizeof *work);
        for (int d = 0; d < 2; d++) {
            const ad_map map = AD_MAP_INIT(heat[d], SIDE, SIDE, SIDE * sizeof(float));
            must(ad_anomaly_map(scorer[d], &image, &map, &score[d]));
        }
        assert_true(score[0] >= score[1] * (1 - 2e-5f) && score[0] <= score[1] * (1 + 2e-5f));
        assert_int_equal(work->uploads, 1);
        assert_int_equal(work->downloads, 1);
        assert_int_equal(work->copies, i == 0); /* a new queue is cleared */
        assert_int_equal(work->bytes_up, SIDE * SIDE * 3 * sizeof(float));
        assert_int_equal(work->bytes_down, GRID * GRID * sizeof(float));
        if (work->kernels > 27)
            fail_msg("%lld kernels, at most 27", (long long)work->kernels);
        assert_int_equal(work->graphs, i > 0); /* the second is recorded, and then run */
        if (i > 0)
            assert_int_equal(work->kernels, before.kernels);
        before = *work;
    }
    print_message("%lld kernels, %lld bytes up, %lld down\n", (long long)before.kernels,
                  (long long)before.bytes_up, (long long)before.bytes_down);
    for (int d = 0; d < 2; d++) {
        ad_scorer_destroy(scorer[d]);
        ad_backbone_destroy(net[d]);
        ad_context_destroy(context[d]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(padim_of_resnet18)};
    if (access(WEIGHTS, R_OK)) {
        printf("skipped: there is no " WEIGHTS "\n");
        return 77;
    }
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
