/* stfpm: student-teacher feature pyramid matching (Wang et al., BMVC 2021, arXiv:2103.04257).
 *   d_l(p) = | t/max(|t|, 1e-12) - g/max(|g|, 1e-12) |^2 / 2   at every position p of layer l
 *   map = product over layers of bilinear(d_l),  score = the map's maximum
 * t is the teacher's feature vector, g the student's, or with U-Nets what the layer's U-Net makes of it. */
#include "methods/stfpm.h"

#include <math.h>
#include <string.h>

#include "methods/score_map.h"

/* ---- Maps ---- */

int64_t adi_stfpm_combine_side(const adi_stfpm_config *config)
{
    return config->o.combine_at ? config->o.combine_at : config->preprocess.crop;
}

ad_status adi_stfpm_combine(const adi_stfpm_config *config, const ad_context *context, const adi_shape *shapes,
                            const float *distances, float *tmp, float *map)
{
    const int64_t side = adi_stfpm_combine_side(config), n = side * side;
    for (int32_t l = 0; l < config->tap_count; l++) {
        ADI_TRY(adi_score_map_resize(context, l ? tmp : map, side, side, side, distances, shapes[l].h, shapes[l].w));
        for (int64_t i = 0; l && i < n; i++)
            map[i] = config->o.combine == AD_COMBINE_SUM ? map[i] + tmp[i] : map[i] * tmp[i];
        distances += shapes[l].h * shapes[l].w;
    }
    return AD_OK;
}

ad_status adi_stfpm_map(const adi_stfpm_config *config, const ad_context *context, const adi_shape *shapes,
                        const float *distances, float *tmp, float *map, double *out_score)
{
    const int64_t side = config->preprocess.crop, at = adi_stfpm_combine_side(config);
    if (at == side) {
        ADI_TRY(adi_stfpm_combine(config, context, shapes, distances, tmp, map));
    } else {
        float *combined = tmp + at * at;
        ADI_TRY(adi_stfpm_combine(config, context, shapes, distances, tmp, combined));
        ADI_TRY(adi_score_map_resize(context, map, side, side, side, combined, at, at));
    }
    float score = map[0];
    for (int64_t i = 1; i < side * side; i++)
        score = fmaxf(score, map[i]);
    *out_score = score;
    return AD_OK;
}

/* ---- The model ---- */

static int64_t positions_of(const adi_stfpm_model *m)
{
    int64_t n = 0;
    for (int32_t l = 0; l < m->config.tap_count; l++)
        n += m->shapes[l].h * m->shapes[l].w;
    return n;
}

static ad_status make_plans(adi_stfpm_model *m)
{
    const adi_stfpm_config *c = &m->config;
    const ad_context *context = m->context;
    const adi_kernels *k = context->backend->kernels;
    const int32_t out = 0;
    ADI_TRY(adi_plan_create(m->net, k, context->num_threads, c->taps, c->tap_count, c->preprocess.crop,
                            c->preprocess.crop, &m->plan));
    for (int32_t l = 0; l < c->tap_count; l++) {
        m->shapes[l] = m->plan->taps[l].shape;
        if (!c->unets)
            continue;
        ADI_TRY(adi_plan_create(m->unets[l], k, context->num_threads, &out, 1, m->shapes[l].h, m->shapes[l].w,
                                &m->unet_plans[l]));
        const adi_shape *in = &m->unet_plans[l]->input[0], *o = &m->unet_plans[l]->taps[0].shape, *s = &m->shapes[l];
        if (in->c != s->c || o->c != s->c || o->h != s->h || o->w != s->w)
            return adi_fail(AD_ERR_FORMAT, "the U-Net of layer %d makes %lldx%lldx%lld of %lldx%lldx%lld", l + 1,
                            (long long)o->h, (long long)o->w, (long long)o->c, (long long)s->h, (long long)s->w,
                            (long long)s->c);
    }
    return AD_OK;
}

ad_status adi_stfpm_model_create(ad_context *context, const adi_graph *graph, const adi_stfpm_config *config,
                                 adi_network *net, adi_network *const *unets, adi_stfpm_model **out_model)
{
    adi_stfpm_model *m = adi_calloc(&context->allocator, 1, sizeof *m);
    if (!m) {
        adi_network_destroy(net);
        for (int32_t i = 0; i < ADI_STFPM_MAX_LAYERS; i++)
            adi_network_destroy(unets[i]);
        return adi_fail_memory();
    }
    *m = (adi_stfpm_model){.context = context, .graph = graph, .config = *config, .net = net};
    memcpy(m->unets, unets, sizeof m->unets);
    const ad_status status = make_plans(m);
    if (status == AD_OK)
        *out_model = m;
    else
        adi_stfpm_model_destroy(m);
    return status;
}

void adi_stfpm_model_destroy(void *model)
{
    adi_stfpm_model *m = model;
    if (!m)
        return;
    adi_plan_destroy(m->plan);
    adi_network_destroy(m->net);
    for (int32_t i = 0; i < ADI_STFPM_MAX_LAYERS; i++) {
        adi_plan_destroy(m->unet_plans[i]);
        adi_network_destroy(m->unets[i]);
    }
    adi_free(&m->context->allocator, m);
}

/* ---- Scoring ---- */

/* A workspace's own floats: the student's block, a U-Net's block, the distances, three maps of which
 * two hold the larger of both sides. */
typedef struct layout {
    size_t block, unet_block, distances, maps;
} layout;

static layout layout_of(const adi_stfpm_model *m)
{
    const size_t crop = (size_t)m->config.preprocess.crop, at = (size_t)adi_stfpm_combine_side(&m->config);
    layout l = {.block = m->plan->block_floats, .distances = (size_t)positions_of(m),
                .maps = 2 * (at > crop ? at * at : crop * crop)};
    for (int32_t i = 0; m->config.unets && i < m->config.tap_count; i++)
        if (m->unet_plans[i]->block_floats > l.unet_block)
            l.unet_block = m->unet_plans[i]->block_floats;
    return l;
}

void adi_stfpm_reserve(const void *model, adi_extractor *x)
{
    const adi_stfpm_model *m = model;
    const size_t crop = (size_t)m->config.preprocess.crop;
    const layout l = layout_of(m);
    size_t scratch = m->plan->scratch_bytes;
    for (int32_t i = 0; m->config.unets && i < m->config.tap_count; i++)
        if (m->unet_plans[i]->scratch_bytes > scratch)
            scratch = m->unet_plans[i]->scratch_bytes;
    adi_extractor_keep_rgb(x);
    adi_extractor_reserve(x, scratch, l.block + l.unet_block + l.distances + l.maps, crop * crop);
}

static ad_status find_distances(const adi_stfpm_model *m, const adi_extractor *x, adi_workspace *w, const layout *at)
{
    const adi_exec ex = {x->context->num_threads, w->scratch};
    float *block = w->extra, *unet_block = block + at->block, *out = unet_block + at->unet_block;
    adi_preprocess_from_bytes(&x->preprocess, block + m->plan->input_offset[0], w->rgb, (int64_t)x->rgb_bytes / 3);
    ADI_TRY(adi_plan_run(m->plan, block, w->scratch));
    for (int32_t l = 0; l < m->config.tap_count; l++) {
        const adi_shape *s = &m->shapes[l];
        const adi_pc d = {s->h * s->w, s->c};
        const float *g = adi_plan_tap_data(m->plan, block, l);
        if (m->config.unets) {
            memcpy(unet_block + m->unet_plans[l]->input_offset[0], g, (size_t)(d.p * d.c) * sizeof *g);
            ADI_TRY(adi_plan_run(m->unet_plans[l], unet_block, w->scratch));
            g = adi_plan_tap_data(m->unet_plans[l], unet_block, 0);
        }
        const ad_status status = x->context->backend->kernels->cosdist_fwd(&ex, out, g, adi_extractor_data(x, w, l), d);
        if (status != AD_OK)
            return adi_fail(status, "distances at layer '%s' failed in the backend", adi_extractor_layer(x, l));
        for (int64_t p = 0; p < d.p; p++)
            if (!isfinite(out[p]))
                return adi_fail(AD_ERR_NUMERIC, "layer '%s': the distance at position (%lld, %lld) is not finite",
                                adi_extractor_layer(x, l), (long long)(p % s->w), (long long)(p / s->w));
        out += d.p;
    }
    return AD_OK;
}

/* Without a caller's map the workspace's own is used: the score is the finished map's maximum. */
ad_status adi_stfpm_infer(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score,
                          float *map)
{
    const adi_stfpm_model *m = model;
    const layout at = layout_of(m);
    const float *distances = w->extra + at.block + at.unet_block;
    ADI_TRY(find_distances(m, x, w, &at));
    return adi_stfpm_map(&m->config, x->context, m->shapes, distances,
                         w->extra + at.block + at.unet_block + at.distances, map ? map : w->map, out_score);
}

void adi_stfpm_info(const void *model, adi_model_info *out_info)
{
    const adi_stfpm_model *m = model;
    *out_info = (adi_model_info){1, m->images, m->normal_score, m->normal_map};
}

const adi_preprocess *adi_stfpm_preprocess(const void *model)
{
    return &((const adi_stfpm_model *)model)->config.preprocess;
}

const int32_t *adi_stfpm_taps(const void *model, int32_t *out_count)
{
    const adi_stfpm_model *m = model;
    *out_count = m->config.tap_count;
    return m->config.taps;
}

const char *adi_stfpm_model_option(const void *model, int32_t index, char *value)
{
    const adi_stfpm_model *m = model;
    return adi_stfpm_option(&m->config, m->graph, index, value);
}
