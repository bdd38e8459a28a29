/* From feature maps of several layers to one vector per position. */
#include <math.h>
#include <stdatomic.h>

#include "methods/padim.h"

ad_status adi_padim_grid(const adi_allocator *a, const adi_graph *graph,
                         const adi_padim_config *config, int64_t *out_h, int64_t *out_w)
{
    adi_shape shape;
    ADI_TRY(adi_plan_tap_shape(a, graph, config->settings.taps[0], config->settings.preprocess.crop,
                               config->settings.preprocess.crop, &shape));
    *out_h = shape.h;
    *out_w = shape.w;
    return AD_OK;
}

/* A call: a row of the grid is a task. */
typedef struct embedding {
    const adi_padim_embedding *e;
    const adi_extractor *x;
    const adi_workspace *w;
    float *out;
    int64_t dimensions;
    _Atomic int32_t bad; /* the first layer with a value that is not finite, or INT32_MAX */
} embedding;

/* Writes one channel of one layer to component k of the vectors of grid row y. out: the row's first
 * such component. Returns whether all values were finite. */
static int embed_channel(const adi_padim_embedding *e, const adi_shape *s, const float *from,
                         int64_t stride, float *out)
{
    int finite = 1;
    for (int64_t i = 0, ahead = 0; i < e->w; i++, ahead += s->w) {
        for (; ahead >= e->w; ahead -= e->w) /* position floor(i * s->w / e->w) */
            from += s->c;
        finite &= isfinite(*from) != 0;
        out[i * stride] = *from;
    }
    return finite;
}

/* Its vectors and the features they come from stay in cache. */
static void embed_row(void *user, int64_t y)
{
    embedding *g = user;
    const adi_padim_embedding *e = g->e;
    for (int64_t k = 0; k < g->dimensions; k++) {
        int64_t channel = e->subset[k];
        int32_t layer = 0;
        while (channel >= adi_extractor_shape(g->x, layer)->c)
            channel -= adi_extractor_shape(g->x, layer++)->c;
        const adi_shape *s = adi_extractor_shape(g->x, layer);
        const float *from =
            adi_extractor_data(g->x, g->w, layer) + y * s->h / e->h * s->w * s->c + channel;
        if (embed_channel(e, s, from, g->dimensions, g->out + y * e->w * g->dimensions + k))
            continue;
        int32_t bad = atomic_load(&g->bad);
        while (layer < bad && !atomic_compare_exchange_weak(&g->bad, &bad, layer))
            continue;
    }
}

ad_status adi_padim_embed(const adi_padim_embedding *e, const adi_padim_config *config,
                          const adi_extractor *x, const adi_workspace *w, float *out)
{
    embedding g = {e, x, w, out, config->o.dimensions, INT32_MAX};
    x->context->backend->host->parallel_for(x->context->num_threads, e->h, embed_row, &g);
    const int32_t bad = atomic_load(&g.bad);
    return bad == INT32_MAX ? AD_OK : adi_extractor_not_finite(x, bad);
}
