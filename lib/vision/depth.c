/* Depth preprocessing in the order of the authors' code, and in double, since a threshold decides
 * what is foreground. */
#include "vision/depth.h"

#include <math.h>

#include "vision/vision.h"

void adi_depth_scratch_free(adi_depth_scratch *scratch)
{
    if (scratch->block)
        adi_free(scratch->allocator, scratch->block);
    scratch->block = NULL;
    scratch->doubles = 0;
}

ad_status adi_depth_check(const ad_image *image)
{
    const int64_t row = image->depth_row_bytes, pixel = image->depth_pixel_bytes;
    const int64_t most = INT64_MAX / ADI_IMAGE_MAX_SIDE, size = (int64_t)sizeof(float);
    ADI_CHECK_ARG(image->depth, "the image has no depth plane, which this scorer or fitter needs");
    if (image->depth_width != image->width || image->depth_height != image->height)
        return adi_fail(AD_ERR_SHAPE, "the image is %lldx%lld, its depth plane %lldx%lld",
                        (long long)image->width, (long long)image->height,
                        (long long)image->depth_width, (long long)image->depth_height);
    ADI_CHECK_ARG((uintptr_t)image->depth % sizeof(float) == 0,
                  "the depth plane must be %zu-byte aligned", sizeof(float));
    ADI_CHECK_ARG(pixel >= size && pixel % size == 0 && pixel <= 1024,
                  "depth_pixel_bytes is %lld, a multiple of %lld up to 1024 is possible",
                  (long long)pixel, (long long)size);
    ADI_CHECK_ARG(row <= most && row >= -most && row % size == 0 &&
                      (row < 0 ? -row : row) >= (image->width - 1) * pixel + size,
                  "depth_row_bytes is %lld for rows of %lld values, %lld bytes apart",
                  (long long)row, (long long)image->width, (long long)pixel);
    return AD_OK;
}

void adi_depth_read(const ad_image *image, double *z)
{
    for (int64_t y = 0; y < image->height; y++) {
        const char *row = (const char *)image->depth + y * image->depth_row_bytes;
        for (int64_t x = 0; x < image->width; x++) {
            const float v = *(const float *)(const void *)(row + x * image->depth_pixel_bytes);
            *z++ = isfinite(v) && v > 0.0f ? v : 0.0;
        }
    }
}

/* The mean of the known values around a hole; 0 if there is none. */
static double around(const double *z, int64_t h, int64_t w, int64_t y, int64_t x)
{
    double sum = 0.0;
    int count = 0;
    for (int64_t i = y - 1; i <= y + 1; i++)
        for (int64_t j = x - 1; j <= x + 1; j++)
            if (i >= 0 && i < h && j >= 0 && j < w && z[i * w + j] > 0.0) {
                sum += z[i * w + j];
                count++;
            }
    return count ? sum / count : 0.0;
}

/* Each round reads the result of the round before. */
void adi_depth_fill(const adi_depth_options *o, double *z, double *tmp, int64_t h, int64_t w)
{
    const int64_t first = o->fill_border ? 0 : 1;
    for (int32_t round = 0; round < o->fill; round++) {
        for (int64_t i = 0; i < h * w; i++)
            tmp[i] = z[i];
        for (int64_t y = first; y < h; y++)
            for (int64_t x = first; x < w; x++)
                if (tmp[y * w + x] == 0.0)
                    z[y * w + x] = around(tmp, h, w, y, x);
    }
}

/* The known value nearest to (y, x), the first of equals; 0 if there is none. */
static double nearest(const double *z, int64_t h, int64_t w, int64_t y, int64_t x)
{
    int64_t best = INT64_MAX;
    double value = 0.0;
    for (int64_t i = 0; i < h; i++)
        for (int64_t j = 0; j < w; j++) {
            const int64_t distance = (i - y) * (i - y) + (j - x) * (j - x);
            if (z[i * w + j] > 0.0 && distance < best) {
                best = distance;
                value = z[i * w + j];
            }
        }
    return value;
}

/* The mean of the known values in the 2x2 pixels of a corner. */
static ad_status corner(const adi_depth_options *o, const double *z, int64_t h, int64_t w,
                        int bottom, int right, double *out)
{
    const int64_t y0 = bottom ? h - 2 : 0, x0 = right ? w - 2 : 0;
    double sum = 0.0;
    int count = 0;
    for (int64_t i = y0; i < y0 + 2; i++)
        for (int64_t j = x0; j < x0 + 2; j++)
            if (z[i * w + j] > 0.0) {
                sum += z[i * w + j];
                count++;
            }
    if (count) {
        *out = sum / count;
        return AD_OK;
    }
    *out = nearest(z, h, w, bottom ? h - 1 : 0, right ? w - 1 : 0);
    if (*out == 0.0)
        return adi_fail(AD_ERR_NUMERIC, "the depth plane of %lldx%lld has no value at all",
                        (long long)w, (long long)h);
    if (o->corners == ADI_DEPTH_CORNERS_REJECT)
        return adi_fail(AD_ERR_NUMERIC,
                        "the %s %s corner of the depth plane of %lldx%lld has no value, so that "
                        "there is no background "
                        "surface; depth_corners=nearest takes the nearest value",
                        bottom ? "lower" : "upper", right ? "right" : "left", (long long)w,
                        (long long)h);
    return AD_OK;
}

ad_status adi_depth_centre(const adi_depth_options *o, double *z, double *mask, int64_t h,
                           int64_t w)
{
    double c[4] = {0.0}, sum = 0.0, count = 0.0;
    if (h < 2 || w < 2)
        return adi_fail(AD_ERR_SHAPE, "a depth plane of %lldx%lld: at least 2x2 is needed",
                        (long long)w, (long long)h);
    for (int i = 0; i < 4; i++)
        ADI_TRY(corner(o, z, h, w, i & 1, i >> 1, &c[i]));
    for (int64_t y = 0; y < h; y++) {
        const double u = (double)y / (double)(h - 1);
        const double left = (1.0 - u) * c[0] + u * c[1], right = (1.0 - u) * c[2] + u * c[3];
        for (int64_t x = 0; x < w; x++) {
            const double v = (double)x / (double)(w - 1), surface = (1.0 - v) * left + v * right;
            const double depth = z[y * w + x];
            const int fore = depth > 0.0 && fabs(surface - depth) > o->threshold;
            mask[y * w + x] = fore;
            sum += fore ? depth : 0.0;
            count += fore;
        }
    }
    if (count == 0.0)
        return adi_fail(AD_ERR_NUMERIC,
                        "the depth plane of %lldx%lld has no foreground: nothing is %g m off the "
                        "surface through its "
                        "corners",
                        (long long)w, (long long)h, o->threshold);
    const double mean = sum / count;
    for (int64_t i = 0; i < h * w; i++)
        z[i] = mask[i] > 0.0 ? (z[i] - mean) * 100.0 : 0.0;
    return AD_OK;
}

/* The position of output i between two inputs: the first, and the fraction towards the next. */
static int64_t between(int64_t i, int64_t out, int64_t in, double *out_share)
{
    const int64_t at = (2 * i + 1) * in - out; /* in units of 1 / (2 out) */
    if (at <= 0) {
        *out_share = 0.0;
        return 0;
    }
    *out_share = (double)(at % (2 * out)) / (double)(2 * out);
    return at / (2 * out);
}

void adi_depth_resize(double *out, int64_t oh, int64_t ow, const double *in, int64_t h, int64_t w)
{
    for (int64_t y = 0; y < oh; y++) {
        double sy, sx;
        const int64_t y0 = between(y, oh, h, &sy), y1 = y0 + 1 < h ? y0 + 1 : y0;
        for (int64_t x = 0; x < ow; x++) {
            const int64_t x0 = between(x, ow, w, &sx), x1 = x0 + 1 < w ? x0 + 1 : x0;
            const double upper = (1.0 - sx) * in[y0 * w + x0] + sx * in[y0 * w + x1];
            const double lower = (1.0 - sx) * in[y1 * w + x0] + sx * in[y1 * w + x1];
            *out++ = (1.0 - sy) * upper + sy * lower;
        }
    }
}

/* A set pixel sets the pixels from `square / 2` before it on, as scipy.ndimage.binary_dilation()
 * does: rows, then columns. */
static void dilate_line(double *out, const double *in, int64_t n, int64_t step, int64_t square)
{
    for (int64_t i = 0; i < n; i++)
        out[i * step] = 0.0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i - square / 2; in[i * step] > 0.0 && j < i - square / 2 + square; j++)
            if (j >= 0 && j < n)
                out[j * step] = 1.0;
}

void adi_depth_dilate(double *out, double *tmp, const double *mask, int64_t side, int64_t square)
{
    for (int64_t i = 0; i < side; i++)
        dilate_line(tmp + i * side, mask + i * side, side, 1, square);
    for (int64_t i = 0; i < side; i++)
        dilate_line(out + i, tmp + i, side, side, square);
}

static ad_status grow(adi_depth_scratch *s, size_t doubles)
{
    if (doubles <= s->doubles)
        return AD_OK;
    double *block = adi_alloc(s->allocator, doubles * sizeof *block);
    if (!block)
        return adi_fail_memory();
    adi_depth_scratch_free(s);
    s->block = block;
    s->doubles = doubles;
    return AD_OK;
}

static void unshuffle(float *out, const double *depth, int64_t grid)
{
    const int64_t k = ADI_DEPTH_UNSHUFFLE, side = grid * k;
    for (int64_t y = 0; y < grid; y++)
        for (int64_t x = 0; x < grid; x++)
            for (int64_t i = 0; i < k; i++)
                for (int64_t j = 0; j < k; j++)
                    *out++ = (float)depth[(y * k + i) * side + x * k + j];
}

ad_status adi_depth_run(const adi_depth_options *o, const ad_image *image,
                        adi_depth_scratch *scratch, float *depth, float *mask)
{
    const int64_t h = image->height, w = image->width,
                  side = (int64_t)o->grid * ADI_DEPTH_UNSHUFFLE;
    const size_t frame = (size_t)(h * w), square = (size_t)(side * side);
    ADI_TRY(grow(scratch, 2 * frame + 3 * square));
    double *z = scratch->block, *fore = z + frame, *small = fore + frame, *wide = small + square,
           *tmp = wide + square;
    adi_depth_read(image, z);
    adi_depth_fill(o, z, fore, h, w);
    ADI_TRY(adi_depth_centre(o, z, fore, h, w));
    adi_depth_resize(small, side, side, z, h, w);
    unshuffle(depth, small, o->grid);
    adi_depth_resize(small, side, side, fore, h, w);
    adi_depth_dilate(wide, tmp, small, side, o->dilation);
    adi_depth_resize(small, o->grid, o->grid, wide, side, side);
    int any = 0; /* as a maximum, this loop crashed GCC 12's vectoriser for aarch64 */
    for (int64_t i = 0; i < (int64_t)o->grid * o->grid; i++) {
        mask[i] = (float)small[i];
        any |= small[i] > 0.0;
    }
    if (!any)
        return adi_fail(
            AD_ERR_NUMERIC,
            "the foreground of the depth plane of %lldx%lld is too small: nothing is left of it "
            "at %lldx%lld",
            (long long)w, (long long)h, (long long)side, (long long)side);
    return AD_OK;
}
