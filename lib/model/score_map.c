/* The finished map at the caller's size. */
#include "model/score_map.h"

#include <string.h>

static ad_status resize(const ad_context *context, float *out, const float *in,
                        const adi_resize_dims *d)
{
    const adi_exec ex = {context->num_threads, NULL, NULL};
    const ad_status status =
        context->backend->kernels->resize_fwd(&ex, adi_mem_host_f32(out), adi_mem_host_f32(in), d);
    if (status != AD_OK)
        return adi_fail(status, "resizing a %lldx%lld map to %lldx%lld failed in the backend",
                        (long long)d->w, (long long)d->h, (long long)d->ow, (long long)d->oh);
    return AD_OK;
}

ad_status adi_score_map_resize(const ad_context *context, float *out, int64_t oh, int64_t ow,
                               int64_t stride, const float *in, int64_t h, int64_t w)
{
    if (h == oh && w == ow) { /* bilinear weights would be 1 and 0 */
        for (int64_t y = 0; y < h; y++)
            memcpy(out + y * stride, in + y * w, (size_t)w * sizeof *out);
        return AD_OK;
    }
    const adi_resize_dims d = {.h = h, .w = w, .c = 1, .oh = oh, .ow = ow, .y_stride = stride};
    return resize(context, out, in, &d);
}

ad_status adi_score_map_write(const adi_extractor *x, const adi_workspace *w, const ad_map *out)
{
    const int64_t side = x->map_side, stride = out->row_bytes / (int64_t)sizeof(float);
    const adi_frame f = adi_frame_scaled(&w->frame, side);
    if (w->frame.whole_w == w->frame.w && w->frame.whole_h == w->frame.h)
        return adi_score_map_resize(x->context, out->data, out->height, out->width, stride, w->map,
                                    side, side);
    const adi_resize_dims d = {.h = side,
                               .w = side,
                               .c = 1,
                               .oh = out->height,
                               .ow = out->width,
                               .y_stride = stride,
                               .whole_h = f.whole_h,
                               .whole_w = f.whole_w,
                               .top = f.y,
                               .left = f.x};
    return resize(x->context, out->data, w->map, &d);
}
