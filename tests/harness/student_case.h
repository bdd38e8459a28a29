/* A tiny ResNet with seeded weights as a teacher, and students of it: what tests of students and of the methods
 * that train them share. */
#ifndef ADFEAT_TESTS_STUDENT_CASE_H
#define ADFEAT_TESTS_STUDENT_CASE_H

#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "harness/fault_alloc.h"
#include "harness/seeded_network.h"
#include "harness/tiny.h"
#include "api/objects.h"

/* Sides of 16, 8 and 4 for an input of 32. */
static const char mini_resnet[] =
    "network mini\ninput_size 32\nmean 0.485 0.456 0.406\nstd 0.229 0.224 0.225\n"
    "input image : channels=3\n"
    "conv2d conv1 <- image : out=4 kernel=3 stride=2 pad=1\n"
    "batchnorm bn1 <- conv1\n"
    "relu relu1 <- bn1\n"
    "maxpool2d maxpool <- relu1 : kernel=3 stride=1 pad=1\n"
    "conv2d layer1.0.conv1 <- maxpool : out=4 kernel=3 pad=1\n"
    "batchnorm layer1.0.bn1 <- layer1.0.conv1\n"
    "relu layer1.0.relu1 <- layer1.0.bn1\n"
    "conv2d layer1.0.conv2 <- layer1.0.relu1 : out=4 kernel=3 pad=1\n"
    "batchnorm layer1.0.bn2 <- layer1.0.conv2\n"
    "add layer1.0.add <- layer1.0.bn2 maxpool\n"
    "relu layer1.0.relu2 <- layer1.0.add\n"
    "tap layer1 <- layer1.0.relu2\n"
    "conv2d layer2.0.conv1 <- layer1.0.relu2 : out=6 kernel=3 stride=2 pad=1\n"
    "batchnorm layer2.0.bn1 <- layer2.0.conv1\n"
    "relu layer2.0.relu1 <- layer2.0.bn1\n"
    "conv2d layer2.0.conv2 <- layer2.0.relu1 : out=6 kernel=3 pad=1\n"
    "batchnorm layer2.0.bn2 <- layer2.0.conv2\n"
    "conv2d layer2.0.downsample.0 <- layer1.0.relu2 : out=6 kernel=1 stride=2\n"
    "batchnorm layer2.0.downsample.1 <- layer2.0.downsample.0\n"
    "add layer2.0.add <- layer2.0.bn2 layer2.0.downsample.1\n"
    "relu layer2.0.relu2 <- layer2.0.add\n"
    "tap layer2 <- layer2.0.relu2\n"
    "conv2d layer3.0.conv1 <- layer2.0.relu2 : out=8 kernel=3 stride=2 pad=1\n"
    "batchnorm layer3.0.bn1 <- layer3.0.conv1\n"
    "relu layer3.0.relu1 <- layer3.0.bn1\n"
    "tap layer3 <- layer3.0.relu1\n";

/* Network `index` of a student; NULL past the last. */
static inline adi_module *student_module(const ad_student *s, int32_t index)
{
    return index < s->module_count ? s->modules[index].module : NULL;
}

static inline st_memory mini_weights(const char *text)
{
    adi_graph *g = graph_of(&adi_default_allocator, text);
    st_memory m = seeded_weights(g, 1.0);
    adi_graph_destroy(g);
    return m;
}

static inline ad_status mini_open(ad_context *context, const char *text, st_memory *m, ad_backbone **out)
{
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = text;
    adi_st_close(st_memory_open(m, &adi_default_allocator)); /* lays out the bytes */
    return ad_backbone_from_memory(context, m->bytes, m->size, &o, out);
}

static inline ad_backbone *mini_teacher(ad_context *context)
{
    ad_backbone *net = NULL;
    st_memory m = mini_weights(mini_resnet);
    if (mini_open(context, mini_resnet, &m, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    st_memory_free(&m);
    return net;
}

/* Methods that tests ask for by a number: with U-Nets of one pooling, which layers of 4 x 4 take,
 * and AST's networks narrow. */
enum { MINI_STFPM, MINI_UNET, MINI_AST };
static const char *const mini_methods[] = {"stfpm", "stfpm_unet", "ast"};
static const char *const mini_options[] = {
    "", "unet_depth=1",
    "flow_blocks=2, flow_hidden=6, student_blocks=1, student_hidden=6, positions=4"};

static inline ad_status mini_create(ad_backbone *teacher, int32_t kind, const char *settings,
                                    ad_student **out)
{
    return ad_student_create(teacher, mini_methods[kind],
                             options_over(mini_options[kind], settings).text, out);
}

static inline ad_student *mini_student_of(ad_backbone *teacher, int32_t kind, const char *settings)
{
    ad_student *s = NULL;
    if (mini_create(teacher, kind, settings, &s) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return s;
}

static inline ad_student *mini_student(ad_backbone *teacher, int32_t kind, uint64_t seed)
{
    return mini_student_of(teacher, kind, options("seed=%" PRIu64, seed).text);
}

/* All values of a student one after the other; the caller frees them. */
static inline float *student_values(const ad_student *s, size_t *out_count)
{
    size_t count = 0, at = 0;
    assert_int_equal(adi_student_fetch_values(s), AD_OK);
    for (int32_t i = 0; student_module(s, i); i++)
        count += student_module(s, i)->total;
    float *all = malloc((count + 1) * sizeof *all);
    assert_non_null(all);
    for (int32_t i = 0; student_module(s, i); i++) {
        const adi_module *m = student_module(s, i);
        memcpy(all + at, m->values, m->total * sizeof *all);
        at += m->total;
    }
    *out_count = count;
    return all;
}

static inline int same_student(const ad_student *a, const ad_student *b)
{
    size_t n, m;
    float *x = student_values(a, &n), *y = student_values(b, &m);
    const int same = n == m && memcmp(x, y, n * sizeof *x) == 0;
    free(x);
    free(y);
    return same;
}

static inline uint8_t *file_bytes(const char *path, size_t *out_size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be opened", path);
    uint8_t *bytes = malloc(4 << 20);
    *out_size = fread(bytes, 1, 4 << 20, f);
    fclose(f);
    return bytes;
}

static inline void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static inline void says(ad_status got, ad_status want, const char *part)
{
    if (got != want || !strstr(ad_last_error_message(), part))
        fail_msg("%s, '%s': not %s, '%s'", ad_status_name(got), got ? ad_last_error_message() : "",
                 ad_status_name(want), part);
}

#endif
