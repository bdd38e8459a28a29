/* Depth preprocessing against NumPy and SciPy in float64: synthetic clouds with holes, odd sizes, unusable values, partly
 * missing corners, and those that must be refused. make_depth.py says what the cases are. Masks bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden_rows.h"
#include "vision/depth.h"
#include "vision/vision.h"

static const double limit = 1e-5; /* metres, centimetres and shares */

static adi_safetensors *golden;
static double worst;

static const adi_st_tensor *part(const char *name, const char *what)
{
    char full[100];
    snprintf(full, sizeof full, "%s.%s", name, what);
    return adi_st_find(golden, full);
}

static const char *setting(const char *name, const char *what)
{
    char full[100];
    snprintf(full, sizeof full, "%s.%s", name, what);
    const char *value = adi_st_meta(golden, full);
    assert_non_null(value);
    return value;
}

static float *floats(const adi_st_tensor *t)
{
    float *values = malloc((size_t)t->count * sizeof *values);
    assert_non_null(values);
    assert_int_equal(t->dtype, ADI_F32);
    memcpy(values, t->data, (size_t)t->count * sizeof *values); /* as they are: NaN too */
    return values;
}

/* Doubles against what the case has under that name; nothing where it has none. */
static void compare(const char *name, const char *what, const double *got, int64_t count)
{
    const adi_st_tensor *t = part(name, what);
    if (!t)
        return;
    assert_int_equal(t->count, count);
    if (t->dtype == ADI_U8) {
        for (int64_t i = 0; i < count; i++)
            if ((got[i] > 0.0) != (t->data[i] != 0))
                fail_msg("%s.%s[%lld] is %g, not %d", name, what, (long long)i, got[i], t->data[i]);
        return;
    }
    float *want = floats(t);
    for (int64_t i = 0; i < count; i++) {
        const double error = fabs(got[i] - want[i]);
        if (!(error <= limit))
            fail_msg("%s.%s[%lld] is %.9g, not %.9g", name, what, (long long)i, got[i], want[i]);
        worst = fmax(worst, error);
    }
    free(want);
}

static void compare_floats(const char *name, const char *what, const float *got, int64_t count)
{
    double *wide = malloc((size_t)count * sizeof *wide);
    for (int64_t i = 0; i < count; i++)
        wide[i] = got[i];
    compare(name, what, wide, count);
    free(wide);
}

static double *doubles(int64_t count)
{
    double *values = malloc((size_t)count * sizeof *values);
    assert_non_null(values);
    return values;
}

/* Step by step, as adi_depth_run() goes. */
static void check_steps(const char *name, const adi_depth_options *o, const ad_image *image)
{
    const int64_t h = image->height, w = image->width, side = 8 * (int64_t)o->grid, grid = o->grid;
    double *z = doubles(h * w), *tmp = doubles(h * w), *small = doubles(side * side), *wide = doubles(side * side),
           *line = doubles(side * side), *soft = doubles(grid * grid);
    adi_depth_read(image, z);
    adi_depth_fill(o, z, tmp, h, w);
    compare(name, "filled", z, h * w);
    assert_int_equal(adi_depth_centre(o, z, tmp, h, w), AD_OK);
    adi_depth_resize(small, side, side, z, h, w);
    compare(name, "depth", small, side * side);
    adi_depth_resize(small, side, side, tmp, h, w);
    compare(name, "mask", small, side * side);
    adi_depth_dilate(wide, line, small, side, o->dilation);
    compare(name, "dilated", wide, side * side);
    adi_depth_resize(soft, grid, grid, wide, side, side);
    compare(name, "soft", soft, grid * grid);
    double *const all[] = {z, tmp, small, wide, line, soft};
    for (int i = 0; i < 6; i++)
        free(all[i]);
}

/* The whole, of a plane and of the z of an organised cloud, bottom up. */
static void check_whole(const char *name, const adi_depth_options *o, ad_image image, const char *expect)
{
    const int64_t positions = (int64_t)o->grid * o->grid, count = image.width * image.height;
    float *depth = malloc((size_t)(64 * positions) * 4), *mask = malloc((size_t)positions * 4);
    float *cloud = malloc((size_t)(3 * count) * 4);
    adi_depth_scratch scratch = {.allocator = &adi_default_allocator};
    const char *const words[][2] = {{"corner", "corner of the"}, {"empty", "no foreground"}, {"nothing", "no value at all"}};
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(adi_depth_check(&image), AD_OK);
        memset(depth, 0xff, (size_t)(64 * positions) * 4);
        const ad_status status = adi_depth_run(o, &image, &scratch, depth, mask);
        if (strcmp(expect, "ok") == 0) {
            assert_int_equal(status, AD_OK);
            compare_floats(name, "unshuffled", depth, 64 * positions);
            compare_floats(name, "soft", mask, positions);
        } else {
            assert_int_equal(status, AD_ERR_NUMERIC);
            for (int i = 0; i < 3; i++)
                assert_int_equal(strcmp(expect, words[i][0]) == 0, strstr(ad_last_error_message(), words[i][1]) != NULL);
        }
        if (kind)
            break;
        for (int64_t i = 0; i < count; i++) {
            const int64_t y = image.height - 1 - i / image.width;
            cloud[3 * i] = cloud[3 * i + 1] = NAN;
            cloud[3 * i + 2] = image.depth[y * image.width + i % image.width];
        }
        image.depth = cloud + 3 * (image.height - 1) * image.width + 2;
        image.depth_pixel_bytes = 12;
        image.depth_row_bytes = -12 * image.width;
    }
    adi_depth_scratch_free(&scratch);
    free(depth);
    free(mask);
    free(cloud);
}

static void all_cases(void **state)
{
    (void)state;
    char name[40];
    int64_t count = 0;
    while (golden_name(golden, "cases", count, name, sizeof name)) {
        const adi_st_tensor *t = part(name, "z");
        float *z = floats(t);
        const int64_t h = t->shape[0], w = t->shape[1];
        const adi_depth_options o = {.grid = atoi(setting(name, "side")) / 8,
                                     .fill = atoi(adi_st_meta(golden, "fill_iterations")),
                                     .fill_border = atoi(setting(name, "fill_border")),
                                     .corners = strcmp(setting(name, "corners"), "nearest") == 0,
                                     .dilation = atoi(adi_st_meta(golden, "dilation")),
                                     .threshold = atof(adi_st_meta(golden, "threshold"))};
        ad_image image = {.struct_size = sizeof image, .width = w, .height = h, .depth = z, .depth_width = w,
                          .depth_height = h, .depth_row_bytes = 4 * w, .depth_pixel_bytes = 4};
        if (strcmp(setting(name, "expect"), "ok") == 0)
            check_steps(name, &o, &image);
        check_whole(name, &o, image, setting(name, "expect"));
        free(z);
        count++;
    }
    assert_true(count >= 13);
    printf("%lld cases, worst error %.1e, limit %.1e\n", (long long)count, worst, limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases)};
    if (adi_st_open(&adi_default_allocator, ADFEAT_GOLDEN_DIR "/depth.safetensors", &golden) != AD_OK)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    adi_st_close(golden);
    return failed;
}
