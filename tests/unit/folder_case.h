/* Folders of images made by a test, opened as datasets. */
#ifndef ADFEAT_TESTS_FOLDER_CASE_H
#define ADFEAT_TESTS_FOLDER_CASE_H

#include <errno.h>
#include <sys/stat.h>

#include "harness/tiny.h"

static char root[256];
static ad_context *context;
static char log_line[512];

static inline void keep_line(void *user, ad_log_level level, const char *text)
{
    (void)user;
    snprintf(log_line, sizeof log_line, "%d %s", (int)level, text);
}

static inline int set_up(void **state)
{
    (void)state;
    char *path = tiny_path("dataset");
    snprintf(root, sizeof root, "%s", path);
    free(path);
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.log = keep_line;
    return mkdir(root, 0755) || ad_context_create(&o, &context);
}

static inline int tear_down(void **state)
{
    (void)state;
    ad_context_destroy(context);
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static inline const char *in(const char *name)
{
    static char path[4][800];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", root, name);
    return p;
}

/* Make a folder and those above it. */
static inline void folder(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s", in(name));
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static inline void grey(const char *name, int64_t side)
{
    uint8_t pixels[64] = {0};
    pixels[0] = 200;
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, side, side, side);
    assert_int_equal(ad_image_write_png(context, &image, in(name)), AD_OK);
}

static inline void text_file(const char *name)
{
    FILE *f = fopen(in(name), "w");
    assert_non_null(f);
    fputs("not an image", f);
    fclose(f);
}

static inline ad_dataset *open_split(const char *name, ad_split split)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = split;
    ad_dataset *d = NULL;
    if (ad_dataset_open(context, in(name), &o, &d) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return d;
}

static inline void refused(const char *name, ad_split split, ad_status want, const char *part)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = split;
    ad_dataset *d = NULL;
    assert_string_equal(ad_status_name(ad_dataset_open(context, in(name), &o, &d)),
                        ad_status_name(want));
    assert_null(d);
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' does not say '%s'", ad_last_error_message(), part);
}

static inline ad_sample sample(const ad_dataset *d, int64_t index)
{
    ad_sample s = {.struct_size = sizeof s};
    assert_int_equal(ad_dataset_get(d, index, &s), AD_OK);
    return s;
}

static inline int ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

#endif
