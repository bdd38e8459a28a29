/* ResNet-18 with trained weights on two photographs, against PyTorch: decoding, resizing,
 * normalising, features. Needs weights and images that are kept outside the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>
#include <zlib.h>

#include "core/file.h"
#include "golden_taps.h"
#include "harness/image_source.h"
#include "vision/vision.h"
#include "harness/host_device.h"

static const adi_allocator *const heap = &adi_default_allocator;

/* Relative to a tap's largest value: tolerances.csv, which allows 1e-5. The input is in units of
 * itself: two float roundings of values up to 2.7. */
static const double tap_limit = 1e-5, input_limit = 2e-7;
/* Relative to each channel: those that are nearly always zero lose digits. */
static const double pooled_limit = 5e-5;

static const char weights_path[] =
    ADFEAT_SHARED_DIR "/weights/resnet18_imagenet_folded.safetensors";
static const char resnet50_path[] =
    ADFEAT_SHARED_DIR "/weights/resnet50_imagenet_f16.safetensors";
static const char screw_path[] = ADFEAT_SHARED_DIR "/data/mvtec_screw/test/good/000.png";
static const char cookies_path[] = ADFEAT_SHARED_DIR "/data/cookies/test/broken/anomaly-1.jpg";

static ad_image decoded(const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    ad_image image = {0};
    if (adi_file_read(heap, path, (size_t)1 << 28, &bytes, &size) != AD_OK ||
        read_image(adi_image_decode, heap, bytes, size, &image) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    adi_free(heap, bytes);
    return image;
}

/* Network input of 224 x 224; the resized bytes are compared on the way. */
static float *network_input(const char *path, const adi_graph *g, int64_t want_crc)
{
    ad_image image = decoded(path);
    adi_resize_scratch scratch = {.allocator = heap, .kernels = adi_backend_ref.host};
    uint8_t *rgb = guarded_alloc(224 * 224 * 3);
    assert_int_equal(adi_resize_rgb8(rgb, 224, 224, &image, ADI_RESIZE_PIL_BILINEAR, &scratch),
                     AD_OK);
    assert_int_equal(crc32(0, rgb, 224 * 224 * 3), want_crc);
    adi_preprocess p = {
        .resize = ADI_RESIZE_PIL_BILINEAR, .aspect = ADI_ASPECT_SQUARE, .size = 224, .crop = 224};
    memcpy(p.mean, g->mean, sizeof p.mean);
    memcpy(p.std, g->std, sizeof p.std);
    float *x = guarded_floats(224 * 224 * 3);
    const adi_frame frame = adi_frame_of(&p, image.width, image.height);
    assert_int_equal(adi_preprocess_run(&p, &frame, x, NULL, &image, &scratch), AD_OK);
    guarded_free(rgb, "resized");
    adi_resize_scratch_free(&scratch);
    adi_image_free(&image);
    return x;
}

static void compare_pooled(const adi_safetensors *golden, const char *image, const adi_backend *be,
                           const float *layer3, const adi_shape *s)
{
    float want[256];
    double mean[256], worst = 0.0;
    const adi_exec ex = {1, NULL, NULL};
    const adi_st_tensor *t = golden_tensor(golden, image, "layer3.pooled");
    assert_int_equal(t->count, 256);
    assert_int_equal(s->c, 256);
    assert_int_equal(adi_st_read_f32(golden, t, want), AD_OK);
    assert_int_equal(be->kernels->mean_fwd(&ex, mean, layer3, (adi_pc){s->h * s->w, s->c}), AD_OK);
    for (int c = 0; c < 256; c++) {
        const double error = fabs(mean[c] - want[c]) / fmax(fabs(want[c]), 1e-30);
        if (want[c] == 0.0f ? mean[c] != 0.0 : !(error <= pooled_limit))
            fail_msg("%s: channel %d is %.9g, not %.9g", image, c, mean[c], want[c]);
        worst = fmax(worst, want[c] == 0.0f ? 0.0 : error);
    }
    printf("%s %s pooled: worst error %.2g, limit %.0e\n", be->name, image, worst, pooled_limit);
}

static void photographs(void **state)
{
    (void)state;
    static const char *const taps[] = {"maxpool", "layer1", "layer2", "layer3"};
    adi_safetensors *golden = NULL, *file = NULL;
    adi_network *net = NULL;
    if (adi_st_open(heap, ADFEAT_GOLDEN_DIR "/real_resnet18.safetensors", &golden) != AD_OK ||
        adi_st_open(heap, weights_path, &file) != AD_OK ||
        adi_network_create(graph_of(heap, adi_builtin_graph_text("resnet18")), file, NULL, &net) !=
            AD_OK)
        fail_msg("%s", ad_last_error_message());
    adi_st_close(file);
    int32_t indices[4];
    for (int t = 0; t < 4; t++)
        indices[t] = adi_graph_find_tap(net->graph, taps[t]);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "cookies" : "screw";
        char stem[80];
        const int64_t crc = golden_integer(golden_tensor(golden, name, "resized.crc32"), 0);
        float *x = network_input(i ? cookies_path : screw_path, net->graph, crc);
        snprintf(stem, sizeof stem, "%s.input", name);
        const adi_shape input = {1, 224, 224, 3};
        printf("%s: worst error %.2g\n", stem,
               golden_compare(golden, stem, x, &input, input_limit));
        for (int b = 0; b < 2; b++) {
            const adi_backend *be = b ? &adi_backend_ref : &adi_backend_cpu;
            if (b && i)
                continue; /* ref takes its time: one image is enough */
            plan_run r = run_network(net, be, 2, indices, 4, x, 224, 224);
            for (int t = 0; t < 4; t++) {
                snprintf(stem, sizeof stem, "%s.%s", name, taps[t]);
                printf(
                    "%s %s: worst error %.2g, limit %.0e\n", be->name, stem,
                    golden_compare(golden, stem, run_tap(&r, t), &r.plan->taps[t].shape, tap_limit),
                    tap_limit);
            }
            compare_pooled(golden, name, be, run_tap(&r, 3), &r.plan->taps[3].shape);
            run_free(&r);
        }
        guarded_free(x, "input");
    }
    adi_network_destroy(net);
    adi_st_close(golden);
}

/* The file ends after layer3: what is there works, what is not says so. */
static void the_file_ends_after_layer3(void **state)
{
    (void)state;
    adi_safetensors *file = NULL;
    adi_network *net = NULL;
    assert_int_equal(adi_st_open(heap, weights_path, &file), AD_OK);
    assert_int_equal(
        adi_network_create(graph_of(heap, adi_builtin_graph_text("resnet18")), file, NULL, &net),
        AD_OK);
    const int32_t layer4 = adi_graph_find_tap(net->graph, "layer4");
    for (int32_t t = 0; t < net->graph->tap_count; t++)
        assert_int_equal(adi_network_tap_available(net, t), strncmp(net->graph->taps[t].name, "layer4", 6) != 0);
    adi_plan *plan = NULL;
    assert_int_equal(adi_plan_create(net, HOST_DEVICE(adi_backend_cpu.kernels, 1), &layer4, 1, 224, 224, &plan),
                     AD_ERR_MISMATCH);
    assert_null(plan);
    adi_network_destroy(net);
    adi_st_close(file);
}

/* Files of others open with no option given: what they are is in their metadata, and once more in their names and
 * shapes. Parameters by the published counts; folding leaves one for two of every channel. */
static void open_without_options(void **state)
{
    (void)state;
    static const struct {
        const char *path, *architecture;
        int64_t parameters;
    } files[] = {{weights_path, "resnet18", 2782784 - (64 + 256 + 640 + 1280)},
                 {resnet50_path, "resnet50", 8543296}};
    ad_context *context = NULL;
    assert_int_equal(ad_context_create(NULL, &context), AD_OK);
    for (int i = 0; i < 2; i++) {
        ad_backbone *b = NULL;
        if (ad_backbone_open(context, files[i].path, NULL, &b) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        ad_backbone_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_backbone_get_info(b, &info), AD_OK);
        assert_string_equal(info.architecture, files[i].architecture);
        assert_int_equal(info.parameter_count, files[i].parameters);
        ad_backbone_destroy(b);
    }
    ad_context_destroy(context);
}

int main(void)
{
    const char *const needed[] = {weights_path, resnet50_path, screw_path, cookies_path};
    for (int i = 0; i < 4; i++)
        if (access(needed[i], R_OK) != 0) {
            printf("skipped: %s is not on this machine\n", needed[i]);
            return 77;
        }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photographs),
        cmocka_unit_test(the_file_ends_after_layer3),
        cmocka_unit_test(open_without_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
