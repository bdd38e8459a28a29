/* Resizing of 8-bit images: Pillow's fixed-point filters bit for bit, and two-tap bilinear.
 *
 * Pillow (Resample.c) works along the rows first, rounds to 8 bits, then down the columns; weights
 * have 22 fractional bits. Here both passes run together: filtered rows are kept in a ring as long
 * as the column filter, so that an image of any height needs little memory and stays in the
 * cache. */
#include "vision/pixel_formats.h"
#include "vision/vision.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* One direction: the source samples of each output sample, and their weights. */
typedef struct axis {
    int64_t first; /* source samples used: first .. last - 1 */
    int64_t last;
    int64_t taps; /* weights per output, a multiple of ADI_RESAMPLE_TAPS; unused ones are 0 */
    int32_t *start;  /* per output: first source sample */
    int32_t *count;  /* per output: number of source samples */
    int32_t *weight; /* Pillow: taps weights per output */
    double *next;    /* two taps: weight of the second sample */
    bool copy;       /* the size does not change */
} axis;

/* Stands at the start of a scratch's block; the tables and rows follow. */
typedef struct plan {
    axis x, y;
    int64_t ring_rows;
    int64_t stride;      /* samples from one row of the ring to the next */
    int64_t made;        /* source rows before this one were put into the ring */
    uint8_t *source;     /* a source row converted to 8 bits, if needed */
    uint8_t *ring;       /* Pillow: rows for the column pass */
    double *linear_ring; /* two taps: the same, not rounded */
    uint8_t *row;        /* a finished row */
    uint8_t *rgb;        /* the same with grey replicated */
} plan;

/* ---- Filters and tables ----------------------------------------------------------------- */

static double triangle(double t)
{
    t = fabs(t);
    return t < 1.0 ? 1.0 - t : 0.0;
}

static double sinc(double t)
{
    static const double pi = 3.14159265358979323846;
    return t == 0.0 ? 1.0 : sin(t * pi) / (t * pi);
}

static double lanczos3(double t)
{
    return -3.0 <= t && t < 3.0 ? sinc(t) * sinc(t / 3.0) : 0.0;
}

static double kernel(int32_t filter, double t)
{
    return filter == ADI_RESIZE_PIL_LANCZOS ? lanczos3(t) : triangle(t);
}

static double support(int32_t filter, int64_t in, int64_t out)
{
    const double scale = (double)in / (double)out;
    return (filter == ADI_RESIZE_PIL_LANCZOS ? 3.0 : 1.0) * (scale < 1.0 ? 1.0 : scale);
}

static int64_t axis_taps(int32_t filter, int64_t in, int64_t out)
{
    if (filter == ADI_RESIZE_CV_LINEAR)
        return in < 2 ? in : 2;
    if (in == out)
        return 1;
    const int64_t taps = 2 * (int64_t)ceil(support(filter, in, out)) + 1;
    return taps < in ? taps : in;
}

static int64_t whole_taps(int64_t taps)
{
    return (taps + ADI_RESAMPLE_TAPS - 1) / ADI_RESAMPLE_TAPS * ADI_RESAMPLE_TAPS;
}

static int32_t fixed_point(double w)
{
    const double one = (double)(1 << ADI_RESAMPLE_BITS);
    return (int32_t)(w < 0.0 ? w * one - 0.5 : w * one + 0.5);
}

/* Pillow's precompute_coeffs() and normalize_coeffs_8bpc(), for outputs from .. from + n - 1. */
static void fill_pillow(axis *a, int32_t filter, int64_t in, int64_t out, int64_t from, int64_t n)
{
    const double scale = (double)in / (double)out;
    const double inverse = 1.0 / (scale < 1.0 ? 1.0 : scale);
    const double reach = support(filter, in, out);
    memset(a->weight, 0, (size_t)(n * a->taps + ADI_RESAMPLE_TAPS) * sizeof *a->weight);
    for (int64_t o = 0; o < n; o++) {
        const double centre = ((double)(from + o) + 0.5) * scale;
        int64_t low = (int64_t)(centre - reach + 0.5);
        int64_t high = (int64_t)(centre + reach + 0.5);
        low = low < 0 ? 0 : low;
        high = high > in ? in : high;
        double sum = 0.0;
        for (int64_t i = low; i < high; i++)
            sum += kernel(filter, ((double)i - centre + 0.5) * inverse);
        int32_t *weight = a->weight + o * a->taps;
        for (int64_t i = low; i < high; i++) {
            const double w = kernel(filter, ((double)i - centre + 0.5) * inverse);
            weight[i - low] = fixed_point(sum != 0.0 ? w / sum : w);
        }
        a->start[o] = (int32_t)low;
        a->count[o] = (int32_t)(high - low);
    }
}

static void fill_linear(axis *a, int64_t in, int64_t out, int64_t from, int64_t n)
{
    for (int64_t o = 0; o < n; o++) {
        double position = ((double)(from + o) + 0.5) * (double)in / (double)out - 0.5;
        position = fmin(fmax(position, 0.0), (double)(in - 1));
        const int64_t low = (int64_t)position;
        a->start[o] = (int32_t)low;
        a->count[o] = low + 1 < in ? 2 : 1;
        a->next[o] = position - (double)low;
    }
}

static void fill_copy(axis *a, int64_t from, int64_t n)
{
    for (int64_t o = 0; o < n; o++) {
        a->start[o] = (int32_t)(from + o);
        a->count[o] = 1;
    }
}

static void fill_axis(axis *a, int32_t filter, int64_t in, int64_t out, int64_t from, int64_t n)
{
    a->copy = in == out && filter != ADI_RESIZE_CV_LINEAR;
    if (a->copy)
        fill_copy(a, from, n);
    else if (filter == ADI_RESIZE_CV_LINEAR)
        fill_linear(a, in, out, from, n);
    else
        fill_pillow(a, filter, in, out, from, n);
    a->first = a->start[0];
    a->last = (int64_t)a->start[n - 1] + a->count[n - 1];
}

/* ---- The block -------------------------------------------------------------------------- */

/* Hands out aligned parts of a block; with a NULL block it only measures. */
typedef struct layout {
    uint8_t *block;
    size_t used;
} layout;

static void *take(layout *l, int64_t count, size_t size)
{
    void *p = l->block ? l->block + l->used : NULL;
    l->used += ((size_t)count * size + ADI_ALIGNMENT - 1) / ADI_ALIGNMENT * ADI_ALIGNMENT;
    return p;
}

static void lay_out_axis(layout *l, axis *a, bool linear, int64_t n)
{
    a->start = take(l, n, sizeof *a->start);
    a->count = take(l, n, sizeof *a->count);
    if (linear)
        a->next = take(l, n, sizeof *a->next);
    else
        a->weight = take(l, n * a->taps + ADI_RESAMPLE_TAPS, sizeof *a->weight);
}

static plan *lay_out(layout *l, const struct adi_resize_key *k, plan *p)
{
    const adi_frame *f = &k->frame;
    const int32_t filter = (int32_t)k->filter;
    const bool linear = filter == ADI_RESIZE_CV_LINEAR;
    plan *home = take(l, 1, sizeof *p);
    *p = (plan){.x.taps = whole_taps(axis_taps(filter, k->in_w, f->whole_w)),
                .y.taps = whole_taps(axis_taps(filter, k->in_h, f->whole_h)),
                .ring_rows = axis_taps(filter, k->in_h, f->whole_h)};
    p->stride = (3 * f->w + ADI_RESAMPLE_BLOCK - 1) / ADI_RESAMPLE_BLOCK * ADI_RESAMPLE_BLOCK;
    lay_out_axis(l, &p->x, linear, f->w);
    lay_out_axis(l, &p->y, linear, f->h);
    p->source = take(l, 3 * k->in_w, 1);
    if (linear)
        p->linear_ring = take(l, p->ring_rows * p->stride, sizeof *p->linear_ring);
    else
        p->ring = take(l, p->ring_rows * p->stride, 1);
    p->row = take(l, p->stride, 1);
    p->rgb = take(l, 3 * f->w, 1);
    return home;
}

ad_status adi_resize_begin(adi_resize_scratch *scratch, const ad_image *image,
                           const adi_frame *frame, int32_t filter)
{
    ADI_CHECK_ARG(filter == ADI_RESIZE_CV_LINEAR || filter == ADI_RESIZE_PIL_BILINEAR ||
                      filter == ADI_RESIZE_PIL_LANCZOS,
                  "resize: filter %d is not an ad_resize", (int)filter);
    const adi_frame f = *frame;
    ADI_CHECK_ARG(f.x >= 0 && f.y >= 0 && f.w >= 1 && f.h >= 1 && f.x <= f.whole_w - f.w &&
                      f.y <= f.whole_h - f.h && f.w <= ADI_IMAGE_MAX_SIDE &&
                      f.h <= ADI_IMAGE_MAX_SIDE,
                  "resize: a window of %lldx%lld at %lld, %lld is not inside %lldx%lld",
                  (long long)f.w, (long long)f.h, (long long)f.x, (long long)f.y,
                  (long long)f.whole_w, (long long)f.whole_h);
    const struct adi_resize_key key = {image->width, image->height, f, filter};
    if (scratch->block && !memcmp(&key, &scratch->key, sizeof key)) {
        ((plan *)(void *)scratch->block)->made = 0;
        return AD_OK;
    }
    plan p;
    layout measure = {NULL, 0};
    lay_out(&measure, &key, &p);
    if (measure.used > scratch->bytes) {
        uint8_t *block = adi_alloc(scratch->allocator, measure.used);
        if (!block)
            return adi_fail_memory();
        adi_free(scratch->allocator, scratch->block);
        scratch->block = block;
        scratch->bytes = measure.used;
    }
    layout real = {scratch->block, 0};
    plan *home = lay_out(&real, &key, &p);
    fill_axis(&p.x, filter, image->width, f.whole_w, f.x, f.w);
    fill_axis(&p.y, filter, image->height, f.whole_h, f.y, f.h);
    if (p.ring) /* the padding of rows is summed too, though the result is not used */
        memset(p.ring, 0, (size_t)(p.ring_rows * p.stride));
    *home = p;
    scratch->key = key;
    return AD_OK;
}

void adi_resize_scratch_free(adi_resize_scratch *scratch)
{
    adi_free(scratch->allocator, scratch->block);
    scratch->block = NULL;
    scratch->bytes = 0;
}

/* ---- Rows ------------------------------------------------------------------------------- */

static bool is_grey(const ad_image *image)
{
    const adi_pixel_format *format = adi_pixel_format_find(image->format);
    return format && format->grey;
}

/* Samples p->x.first .. p->x.last of source row s as grey or interleaved RGB, in the image's own
 * memory if no conversion is needed. */
static const uint8_t *source_row(const plan *p, const ad_image *image, int64_t s,
                                 int32_t rounded_16)
{
    const uint8_t *line = (const uint8_t *)image->pixels + s * image->row_bytes;
    const int64_t first = p->x.first, last = p->x.last;
    switch (image->format) {
    case AD_PIXEL_MONO8:
        return line + first;
    case AD_PIXEL_RGB8:
        return line + 3 * first;
    case AD_PIXEL_BGR8:
    case AD_PIXEL_RGBA8:
    case AD_PIXEL_BGRA8:
        adi_row_to_rgb8(p->source, image, s, first, last);
        return p->source;
    default:
        adi_row_to_grey8(p->source, image, s, first, last, rounded_16);
        return p->source;
    }
}

static void across_linear(double *restrict out, const uint8_t *restrict in, const axis *a,
                          int64_t n, int64_t channels)
{
    for (int64_t o = 0; o < n; o++) {
        const uint8_t *one = in + channels * (a->start[o] - a->first);
        const uint8_t *two = one + channels * (a->count[o] - 1);
        const double f = a->next[o];
        for (int64_t c = 0; c < channels; c++)
            *out++ = one[c] * (1.0 - f) + two[c] * f;
    }
}

/* Filter source row s and put it into the ring. */
static void make_row(const adi_resize_scratch *scratch, const plan *p, const ad_image *image,
                     int64_t s, int64_t channels)
{
    const adi_host_kernels *k = scratch->kernels;
    const int64_t w = scratch->key.frame.w;
    const uint8_t *in = source_row(p, image, s, scratch->rounded_16);
    const int64_t slot = s % p->ring_rows * p->stride;
    if (p->linear_ring)
        across_linear(p->linear_ring + slot, in, &p->x, w, channels);
    else if (p->x.copy)
        memcpy(p->ring + slot, in, (size_t)(w * channels));
    else
        k->resample_row(
            p->ring + slot, in,
            &(adi_resample){p->x.start, p->x.count, p->x.weight, p->x.taps, p->x.first, p->x.last},
            w, channels);
}

static void down_linear(uint8_t *restrict out, const double *one, const double *two, double f,
                        int64_t n)
{
    for (int64_t i = 0; i < n; i++) /* positive, so the conversion is a floor: rounds half up */
        out[i] = (uint8_t)(int32_t)(one[i] * (1.0 - f) + two[i] * f + 0.5);
}

const uint8_t *adi_resize_row(adi_resize_scratch *scratch, const ad_image *image, int64_t row)
{
    plan *p = (plan *)(void *)scratch->block;
    const adi_host_kernels *k = scratch->kernels;
    const int64_t w = scratch->key.frame.w;
    const int64_t channels = is_grey(image) ? 1 : 3;
    const int64_t start = p->y.start[row];
    const int64_t count = p->y.count[row];
    for (int64_t s = p->made > start ? p->made : start; s < start + count; s++)
        make_row(scratch, p, image, s, channels);
    p->made = start + count;

    const uint8_t *result = p->row;
    const int64_t n = w * channels;
    if (p->linear_ring) {
        const double *one = p->linear_ring + start % p->ring_rows * p->stride;
        const double *two = p->linear_ring + (start + count - 1) % p->ring_rows * p->stride;
        down_linear(p->row, one, two, p->y.next[row], n);
    } else if (p->y.copy) {
        result = p->ring; /* of one row */
    } else {
        k->resample_rows(p->row, &(adi_resample_ring){p->ring, p->ring_rows, p->stride}, start,
                         count, p->y.weight + row * p->y.taps, n);
    }
    if (channels == 3)
        return result;
    for (int64_t i = 0; i < w; i++)
        p->rgb[3 * i] = p->rgb[3 * i + 1] = p->rgb[3 * i + 2] = result[i];
    return p->rgb;
}

ad_status adi_resize_rgb8(uint8_t *dst, int64_t out_w, int64_t out_h, const ad_image *image,
                          int32_t filter, adi_resize_scratch *scratch)
{
    const adi_frame whole = {out_w, out_h, 0, 0, out_w, out_h};
    ADI_TRY(adi_resize_begin(scratch, image, &whole, filter));
    for (int64_t y = 0; y < out_h; y++)
        memcpy(dst + y * 3 * out_w, adi_resize_row(scratch, image, y), (size_t)(3 * out_w));
    return AD_OK;
}
