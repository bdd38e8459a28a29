/* A tiny backbone and tiny images, so that the whole way from pixels to scores runs in milliseconds. */
#ifndef ADFEAT_TESTS_TINY_H
#define ADFEAT_TESTS_TINY_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/safetensors.h"
#include "harness/option_text.h"
#include "harness/seeded.h"

static const char tiny_graph[] =
    "network tiny\n"
    "input_size 32\n"
    "mean 0.485 0.456 0.406\n"
    "std 0.229 0.224 0.225\n"
    "hint gaussian.layers shallow,deep\n"
    "input image : channels=3\n"
    "conv2d stem <- image : out=8 kernel=3 stride=2 pad=1\n"
    "batchnorm stem_bn <- stem\n"
    "relu stem_act <- stem_bn\n"
    "tap shallow <- stem_act\n"
    "conv2d body <- stem_act : out=8 kernel=3 pad=1\n"
    "batchnorm body_bn <- body\n"
    "add sum <- body_bn stem_act\n"
    "relu sum_act <- sum\n"
    "dwconv2d depth <- sum_act : kernel=3 stride=2 pad=same\n"
    "batchnorm depth_bn <- depth : eps=1e-3\n"
    "relu6 depth_act <- depth_bn\n"
    "conv2d point <- depth_act : out=12 kernel=1\n"
    "batchnorm point_bn <- point\n"
    "tap deep <- point_bn\n";

enum { TINY_SIDE = 40, TINY_PIXELS = TINY_SIDE * TINY_SIDE * 3 };

static inline void tiny_values(float *out, int64_t count, const char *name, double scale, double offset)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(offset + scale * seeded_signed(name, (uint64_t)i));
}

/* A temporary file name of this test; the caller frees it and removes the file. */
static inline char *tiny_path(const char *name)
{
    const char *folder = getenv("TMPDIR");
    char *path = malloc(512);
    snprintf(path, 512, "%s/adfeat-%ld-%s", folder ? folder : "/tmp", (long)getpid(), name);
    return path;
}

/* The same in memory, where there is such a folder: for tests that save so often that waiting for the disk is
 * most of what they do. */
static inline char *tiny_fast_path(const char *name)
{
    static const char memory[] = "/dev/shm";
    char *path = tiny_path(name);
    if (access(memory, W_OK) == 0) {
        char end[256];
        snprintf(end, sizeof end, "%s", strrchr(path, '/'));
        snprintf(path, 512, "%s%s", memory, end);
    }
    return path;
}

/* Write the tiny network's weights; `seed` tells networks apart. 0 on success. */
static inline int tiny_weights(const char *path, const char *seed)
{
    static const struct {
        const char *conv, *bn;
        int64_t shape[4];
    } layers[] = {{"stem", "stem_bn", {8, 3, 3, 3}},
                  {"body", "body_bn", {8, 8, 3, 3}},
                  {"depth", "depth_bn", {8, 1, 3, 3}},
                  {"point", "point_bn", {12, 8, 1, 1}}};
    static float values[4][5][8 * 8 * 9];
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    adi_st_writer *w = NULL;
    int bad = adi_st_writer_create(&adi_default_allocator, &w) != AD_OK;
    for (int i = 0; i < 4 && !bad; i++) {
        char name[64], key[96];
        const int64_t *s = layers[i].shape;
        snprintf(name, sizeof name, "%s.weight", layers[i].conv);
        snprintf(key, sizeof key, "%s%s", seed, name);
        tiny_values(values[i][4], s[0] * s[1] * s[2] * s[3], key, 0.5, 0.0);
        bad |= adi_st_writer_tensor(w, name, ADI_F32, 4, s, values[i][4]) != AD_OK;
        for (int p = 0; p < 4; p++) {
            snprintf(name, sizeof name, "%s.%s", layers[i].bn, parts[p]);
            snprintf(key, sizeof key, "%s%s", seed, name);
            tiny_values(values[i][p], s[0], key, 0.3, p == 0 || p == 3 ? 1.0 : 0.0);
            bad |= adi_st_writer_tensor(w, name, ADI_F32, 1, s, values[i][p]) != AD_OK;
        }
    }
    bad = bad || adi_st_writer_save(w, path) != AD_OK;
    adi_st_writer_destroy(w);
    return bad;
}

/* A TINY_SIDE x TINY_SIDE RGB image: seeded texture, with a bright square where `defect`. */
static inline void tiny_image(uint8_t *pixels, int64_t index, int defect)
{
    char name[32];
    snprintf(name, sizeof name, "tiny.%lld", (long long)index);
    for (int64_t i = 0; i < TINY_PIXELS; i++) {
        const int64_t x = i / 3 % TINY_SIDE, y = i / 3 / TINY_SIDE;
        const double wave = 40.0 * sin(0.4 * (double)x) * cos(0.3 * (double)y + 0.01 * (double)index);
        pixels[i] = (uint8_t)(128.0 + wave + 20.0 * seeded_signed(name, (uint64_t)i));
        if (defect && x >= 20 && x < 28 && y >= 8 && y < 16)
            pixels[i] = 255;
    }
}

/* The same as a dataset callback; user: pixels of one image. */
static inline int tiny_callback(void *user, int64_t index, ad_image *out_image)
{
    tiny_image(user, index, 0);
    *out_image = (ad_image)AD_IMAGE_INIT(AD_PIXEL_RGB8, user, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    return 0;
}

/* A depth plane of the same size: a dome of 4 cm on a tilted table, half a metre away, with half a millimetre of noise;
 * where `defect`, a dent of 15 mm in the place of the bright square. */
static inline void tiny_depth(float *z, int64_t index, int defect)
{
    char name[32];
    snprintf(name, sizeof name, "tiny.depth.%lld", (long long)index);
    for (int64_t i = 0; i < TINY_SIDE * TINY_SIDE; i++) {
        const int64_t x = i % TINY_SIDE, y = i / TINY_SIDE;
        const double off_x = (double)x - 19.5, off_y = (double)y - 19.5, rest = 1.0 - (off_x * off_x + off_y * off_y) / 225.0;
        const double table = 0.5 + 1e-3 * (double)x + 5e-4 * (double)y;
        z[i] = (float)(table - (rest > 0.0 ? 0.04 * rest : 0.0) + 5e-4 * seeded_signed(name, (uint64_t)i));
        if (defect && x >= 20 && x < 28 && y >= 8 && y < 16)
            z[i] += 0.015f;
    }
}

typedef struct tiny_frame {
    uint8_t pixels[TINY_PIXELS];
    float depth[TINY_SIDE * TINY_SIDE];
} tiny_frame;

/* Pixels and depth as a view of `frame`. defect: 1 of the pixels, 2 of the depth, 3 of both. */
static inline ad_image tiny_rgbd(tiny_frame *frame, int64_t index, int defect)
{
    ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, frame->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    tiny_image(frame->pixels, index, defect & 1);
    tiny_depth(frame->depth, index, defect & 2);
    image.depth = frame->depth;
    image.depth_width = image.depth_height = TINY_SIDE;
    image.depth_row_bytes = TINY_SIDE * sizeof(float);
    image.depth_pixel_bytes = sizeof(float);
    return image;
}

/* The same as a dataset callback; user: a tiny_frame. */
static inline int tiny_rgbd_callback(void *user, int64_t index, ad_image *out_image)
{
    *out_image = tiny_rgbd(user, index, 0);
    return 0;
}

/* Open the tiny backbone from a weights file. */
static inline ad_status tiny_open(ad_context *context, const char *path, ad_backbone **out)
{
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = tiny_graph;
    return ad_backbone_open(context, path, &o, out);
}

/* The tiny network with its two layers at other nodes: the same parameters and names, the same digest. */
static inline ad_status tiny_open_tapped(ad_context *context, const char *path, const char *shallow,
                                         const char *deep, ad_backbone **out)
{
    char text[sizeof tiny_graph + 64] = "";
    for (const char *line = tiny_graph; *line; line = strchr(line, '\n') + 1)
        if (strncmp(line, "tap ", 4) != 0)
            strncat(text, line, strcspn(line, "\n") + 1);
    const size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "tap shallow <- %s\ntap deep <- %s\n", shallow, deep);
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = text;
    return ad_backbone_open(context, path, &o, out);
}

/* What each method needs on the tiny network: layers that it has, of students the one that can be
 * trained, narrow networks and short trainings of small batches. */
static inline const char *tiny_student_options(const char *method)
{
    return strcmp(method, "stfpm") == 0 ? "layers=shallow"
           : strcmp(method, "stfpm_unet") == 0
               ? "layers=shallow, unet_depth=1"
               : "layers=deep, flow_blocks=1, flow_hidden=6, student_blocks=1, "
                 "student_hidden=6, positions=4";
}

static inline const char *tiny_training_options(const char *method)
{
    return strcmp(method, "stfpm") == 0        ? "epochs=2, batch=2, lr=0.05"
           : strcmp(method, "stfpm_unet") == 0 ? "epochs=2, batch=2, lr=0.05, pretrain_epochs=1"
                                               : "epochs=2, batch=2, lr=1e-3";
}

static inline ad_status tiny_student(ad_backbone *net, const char *method, ad_student **out)
{
    return ad_student_create(net, method, tiny_student_options(method), out);
}

/* A fitter; of a method with a student its only owner. PaDiM's defaults are for 224 pixels. */
static inline ad_status tiny_fitter(ad_backbone *net, const char *method, const char *settings,
                                    ad_fitter **out)
{
    option_text defaults;
    if (strcmp(method, "gaussian") == 0)
        defaults = options("%s", "");
    else if (strcmp(method, "padim") == 0)
        defaults = options("layers=shallow,deep, size=32, crop=0, aspect=square, blur_sigma=1");
    else
        defaults =
            options("size=32, %s, %s", tiny_student_options(method), tiny_training_options(method));
    return ad_fitter_create(net, method, options_over(defaults.text, settings).text, out);
}

#endif
