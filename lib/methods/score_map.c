/* Layer maps to one map, and that to the caller's. */
#include "methods/score_map.h"

#include <math.h>
#include <string.h>

ad_status adi_score_map_resize(const ad_context *context, float *out, int64_t oh, int64_t ow, int64_t stride,
                               const float *in, int64_t h, int64_t w)
{
    if (h == oh && w == ow) { /* what the weights 1 and 0 give */
        for (int64_t y = 0; y < h; y++)
            memcpy(out + y * stride, in + y * w, (size_t)w * sizeof *out);
        return AD_OK;
    }
    const adi_exec ex = {context->num_threads, NULL};
    const adi_resize_dims d = {.h = h, .w = w, .c = 1, .oh = oh, .ow = ow, .y_stride = stride};
    const ad_status status = context->backend->kernels->resize_fwd(&ex, out, in, &d);
    if (status != AD_OK)
        return adi_fail(status, "resizing a %lldx%lld map to %lldx%lld failed in the backend", (long long)w,
                        (long long)h, (long long)ow, (long long)oh);
    return AD_OK;
}

ad_status adi_score_map_add(const adi_extractor *x, float *map, float *tmp, const float *layer, int64_t h,
                            int64_t w, float weight, int first)
{
    const int64_t side = x->preprocess.crop;
    ADI_TRY(adi_score_map_resize(x->context, tmp, side, side, side, layer, h, w));
    for (int64_t i = 0; i < side * side; i++)
        map[i] = (first ? 0.0f : map[i]) + weight * tmp[i];
    return AD_OK;
}

/* One output pixel's place along an axis of the cropped map; 0 where the crop left it out. */
static int crop_position(int64_t o, int64_t out, int64_t resized, int64_t crop, int64_t *i0, int64_t *i1,
                         double *f)
{
    const double before = nearbyint((double)(resized - crop) / 2.0);
    const double s = ((double)o + 0.5) * (double)resized / (double)out - 0.5 - before;
    if (s < -0.5 || s > (double)crop - 0.5)
        return 0;
    const double clamped = fmin(fmax(s, 0.0), (double)(crop - 1));
    *i0 = (int64_t)clamped;
    *i1 = *i0 + 1 < crop ? *i0 + 1 : crop - 1;
    *f = clamped - (double)*i0;
    return 1;
}

static void write_cropped(const adi_extractor *x, const float *map, const ad_map *out, int64_t rw,
                          int64_t rh)
{
    const int64_t crop = x->preprocess.crop;
    for (int64_t y = 0; y < out->height; y++) {
        float *row = (float *)(void *)((char *)out->data + y * out->row_bytes);
        int64_t y0 = 0, y1 = 0, x0, x1;
        double fy = 0.0, fx;
        const int inside = crop_position(y, out->height, rh, crop, &y0, &y1, &fy);
        for (int64_t i = 0; i < out->width; i++) {
            row[i] = 0.0f;
            if (!inside || !crop_position(i, out->width, rw, crop, &x0, &x1, &fx))
                continue;
            const float *a = map + y0 * crop, *b = map + y1 * crop;
            row[i] = (float)((1 - fy) * ((1 - fx) * a[x0] + fx * a[x1])
                             + fy * ((1 - fx) * b[x0] + fx * b[x1]));
        }
    }
}

ad_status adi_score_map_write(const adi_extractor *x, const float *map, const ad_map *out,
                              int64_t width, int64_t height)
{
    const int64_t side = x->preprocess.crop;
    int64_t rw, rh;
    adi_preprocess_resized(&x->preprocess, width, height, &rw, &rh);
    if (rw != side || rh != side) {
        write_cropped(x, map, out, rw, rh);
        return AD_OK;
    }
    return adi_score_map_resize(x->context, out->data, out->height, out->width,
                                out->row_bytes / (int64_t)sizeof(float), map, side, side);
}
