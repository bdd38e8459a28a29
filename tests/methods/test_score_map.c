/* score_map: where the pixels of a map on the image come from, for images that are wider than high and higher than
 * wide, with a crop and without. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/score_map.h"

static ad_context *context_on(const char *device)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.device = device;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    return context;
}

/* Output o of an axis: its place in a map that has `side` values for the crop, clamped; NAN where the crop left it out. */
static double place(int64_t o, int64_t out, int64_t resized, int64_t crop, int64_t side)
{
    const double scale = (double)side / (double)crop, before = rint((double)(resized - crop) / 2.0) * scale;
    const double s = ((double)o + 0.5) * (double)resized * scale / (double)out - 0.5 - before;
    return s < -0.5 || s > (double)side - 0.5 ? NAN : fmin(fmax(s, 0.0), (double)(side - 1));
}

/* A plane is what a bilinear resize leaves a plane; beside the crop the map is 0. */
static void check_aspect(ad_context *context, int32_t aspect, int32_t size, int32_t crop, int32_t side, int64_t image_w,
                         int64_t image_h, int64_t w, int64_t h)
{
    adi_extractor x = {.context = context, .map_side = side, .preprocess = {.aspect = aspect, .size = size, .crop = crop}};
    float *map = malloc((size_t)(side * side) * sizeof *map), *got = malloc((size_t)(w * h) * sizeof *got);
    assert_true(map && got);
    for (int32_t i = 0; i < side * side; i++)
        map[i] = (float)(1.0 + 0.5 * (i % side) + 0.03125 * (i / side));
    const ad_map out = AD_MAP_INIT(got, w, h, w * (int64_t)sizeof *got);
    const adi_workspace workspace = {.frame = adi_frame_of(&x.preprocess, image_w, image_h),
                                     .map = map};
    assert_int_equal(adi_score_map_write(&x, &workspace, &out), AD_OK);
    const int64_t resized_w = workspace.frame.whole_w, resized_h = workspace.frame.whole_h;
    int64_t inside = 0;
    for (int64_t i = 0; i < w * h; i++) {
        const double sx = place(i % w, w, resized_w, crop, side), sy = place(i / w, h, resized_h, crop, side);
        const double want = isnan(sx) || isnan(sy) ? 0.0 : 1.0 + 0.5 * sx + 0.03125 * sy;
        inside += want > 0.0;
        if (!(fabs(got[i] - want) < 1e-4))
            fail_msg("size %d crop %d side %d, image %lldx%lld, map %lldx%lld: pixel %lld is %g, not %g", size, crop, side,
                     (long long)image_w,
                     (long long)image_h, (long long)w, (long long)h, (long long)i, got[i], want);
    }
    assert_true(inside > 0);
    assert_int_equal(inside < w * h, crop < resized_w || crop < resized_h);
    free(map);
    free(got);
}

static void check(ad_context *context, int32_t size, int32_t crop, int32_t side, int64_t image_w, int64_t image_h, int64_t w,
                  int64_t h)
{
    check_aspect(context, ADI_ASPECT_SQUARE, size, crop, side, image_w, image_h, w, h);
    check_aspect(context, ADI_ASPECT_SHORTER_SIDE, size, crop, side, image_w, image_h, w, h);
}

static void pixels_come_from_their_places(void **state)
{
    (void)state;
    static const char *const devices[] = {"cpu", "ref"};
    for (int d = 0; d < 2; d++) {
        ad_context *context = context_on(devices[d]);
        check(context, 32, 32, 32, 64, 64, 64, 64);
        check(context, 32, 28, 28, 64, 64, 64, 64);
        check(context, 32, 27, 27, 64, 64, 33, 61); /* an odd rest; a map of another shape */
        check(context, 32, 28, 28, 100, 50, 100, 50);
        check(context, 32, 28, 28, 50, 100, 50, 100);
        check(context, 32, 32, 32, 90, 41, 90, 41);
        check(context, 32, 32, 32, 41, 90, 300, 70); /* more than one block of columns */
        check(context, 32, 28, 56, 64, 64, 64, 64); /* a map that is finer than the crop */
        check(context, 32, 28, 56, 100, 50, 33, 61);
        check(context, 32, 32, 8, 64, 32, 90, 41); /* and one that is coarser */
        ad_context_destroy(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pixels_come_from_their_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
