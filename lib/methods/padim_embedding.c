/* From feature maps of several layers to one vector per position. */
#include <math.h>

#include "methods/padim.h"

ad_status adi_padim_grid(const adi_allocator *a, const adi_graph *graph,
                         const adi_padim_config *config, int64_t *out_h, int64_t *out_w)
{
    adi_shape shape;
    ADI_TRY(adi_plan_tap_shape(a, graph, config->taps[0], config->preprocess.crop,
                               config->preprocess.crop, &shape));
    *out_h = shape.h;
    *out_w = shape.w;
    return AD_OK;
}

/* One channel of one layer into component k of the vectors of grid row y. out: the row's first such
 * component. */
static ad_status embed_row(const adi_padim_embedding *e, const adi_extractor *x,
                           const adi_workspace *w, int64_t y, int64_t channel, int64_t stride,
                           float *out)
{
    int32_t layer = 0;
    while (channel >= adi_extractor_shape(x, layer)->c)
        channel -= adi_extractor_shape(x, layer++)->c;
    const adi_shape *s = adi_extractor_shape(x, layer);
    const float *row = adi_extractor_data(x, w, layer) + y * s->h / e->h * s->w * s->c + channel;
    for (int64_t i = 0; i < e->w; i++) {
        const float v = row[i * s->w / e->w * s->c];
        if (!isfinite(v))
            return adi_extractor_not_finite(x, layer);
        out[i * stride] = v;
    }
    return AD_OK;
}

/* A row at a time: its vectors and the features they come from stay in cache. */
ad_status adi_padim_embed(const adi_padim_embedding *e, const adi_padim_config *config,
                          const adi_extractor *x, const adi_workspace *w, float *out)
{
    const int64_t d = config->dimensions;
    for (int64_t y = 0; y < e->h; y++)
        for (int64_t k = 0; k < d; k++)
            ADI_TRY(embed_row(e, x, w, y, e->subset[k], d, out + y * e->w * d + k));
    return AD_OK;
}
