/* masked_rd: reverse distillation (Deng and Li, CVPR 2022, arXiv:2201.10703), with masks while it is trained.
 *   d_l(p) = 1 - <t, g> / max(|t| |g|, 1e-8) at every position p of level l
 *   map = blur(sum or product over levels of bilinear(d_l), corners aligned),  score = the map's maximum
 * t is the teacher's feature vector, g what the student makes of all that its bottleneck lets through. */
#include "methods/masked_rd.h"

#include <math.h>
#include <string.h>

#include "methods/aligned.h"
#include "methods/blur.h"

/* ---- Maps ---- */

size_t adi_rd_map_scratch(const adi_rd_config *config, const ad_context *context)
{
    const int64_t side = config->preprocess.crop;
    return adi_blur_scratch(context->backend->kernels, side, side, config->o.blur_sigma, context->num_threads);
}

ad_status adi_rd_map(const adi_rd_config *config, const ad_context *context, const float *distances, void *scratch,
                     float *map, double *out_score)
{
    const adi_exec ex = {context->num_threads, scratch};
    const int64_t side = config->preprocess.crop;
    adi_aligned how = ADI_ALIGNED_SET;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        const adi_shape *s = &config->shapes[level];
        if (!adi_rd_compares(config, level))
            continue;
        adi_aligned_resize(map, side, distances, s->h, s->w, how);
        distances += s->h * s->w;
        how = config->o.combine == AD_COMBINE_SUM ? ADI_ALIGNED_ADD : ADI_ALIGNED_MULTIPLY;
    }
    ADI_TRY(adi_blur(context->backend->kernels, &ex, map, side, side, config->o.blur_sigma));
    float score = map[0];
    for (int64_t i = 1; i < side * side; i++)
        score = fmaxf(score, map[i]);
    *out_score = score;
    return AD_OK;
}

/* ---- The model ---- */

static int same_shape(const adi_shape *a, const adi_shape *b)
{
    return a->h == b->h && a->w == b->w && a->c == b->c;
}

/* A file's graph is not believed: what goes in and comes out must be the teacher's maps. */
static ad_status check_plan(const adi_rd_model *m)
{
    const adi_rd_config *c = &m->config;
    if (m->plan->input_count != ADI_RD_LEVELS)
        return adi_fail(AD_ERR_FORMAT, "the student has %d inputs, not %d", m->plan->input_count, ADI_RD_LEVELS);
    for (int32_t level = 0, tap = 0; level < ADI_RD_LEVELS; level++) {
        const adi_shape *in = &m->plan->input[adi_rd_input(level)], *want = &c->shapes[level];
        if (!same_shape(in, want))
            return adi_fail(AD_ERR_FORMAT, "the student reads %lldx%lldx%lld where layer%d has %lldx%lldx%lld", (long long)in->h,
                            (long long)in->w, (long long)in->c, level + 1, (long long)want->h, (long long)want->w,
                            (long long)want->c);
        if (!adi_rd_compares(c, level))
            continue;
        const adi_shape *out = &m->plan->taps[tap++].shape;
        if (!same_shape(out, want))
            return adi_fail(AD_ERR_FORMAT, "the student makes %lldx%lldx%lld where layer%d has %lldx%lldx%lld", (long long)out->h,
                            (long long)out->w, (long long)out->c, level + 1, (long long)want->h, (long long)want->w,
                            (long long)want->c);
    }
    return AD_OK;
}

static ad_status make_plan(adi_rd_model *m)
{
    static const int32_t taps[ADI_RD_LEVELS] = {0, 1, 2};
    const adi_shape *deepest = &m->config.shapes[ADI_RD_LEVELS - 1];
    const ad_context *c = m->context;
    int32_t compared = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        compared += adi_rd_compares(&m->config, level);
    if (m->net->graph->tap_count != compared)
        return adi_fail(AD_ERR_FORMAT, "the student has %d results for %d levels", m->net->graph->tap_count, compared);
    ADI_TRY(adi_plan_create(m->net, c->backend->kernels, c->num_threads, taps, compared, deepest->h, deepest->w, &m->plan));
    return check_plan(m);
}

ad_status adi_rd_model_create(ad_context *context, const adi_graph *graph, const adi_rd_config *config, adi_network *net,
                              adi_rd_model **out_model)
{
    adi_rd_model *m = adi_calloc(&context->allocator, 1, sizeof *m);
    if (!m) {
        adi_network_destroy(net);
        return adi_fail_memory();
    }
    *m = (adi_rd_model){.context = context, .graph = graph, .config = *config, .net = net};
    const ad_status status = make_plan(m);
    if (status == AD_OK)
        *out_model = m;
    else
        adi_rd_model_destroy(m);
    return status;
}

void adi_rd_model_destroy(void *model)
{
    adi_rd_model *m = model;
    if (!m)
        return;
    adi_plan_destroy(m->plan);
    adi_network_destroy(m->net);
    adi_free(&m->context->allocator, m);
}

/* ---- Scoring ---- */

static size_t positions_of(const adi_rd_config *c)
{
    size_t n = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        if (adi_rd_compares(c, level))
            n += (size_t)(c->shapes[level].h * c->shapes[level].w);
    return n;
}

/* A workspace's own floats: the student's block, the distances. */
void adi_rd_reserve(const void *model, adi_extractor *x)
{
    const adi_rd_model *m = model;
    const size_t crop = (size_t)m->config.preprocess.crop, blur = adi_rd_map_scratch(&m->config, m->context);
    const size_t scratch = m->plan->scratch_bytes > blur ? m->plan->scratch_bytes : blur;
    adi_extractor_reserve(x, scratch, m->plan->block_floats + positions_of(&m->config), crop * crop);
}

static ad_status find_distances(const adi_rd_model *m, const adi_extractor *x, adi_workspace *w)
{
    const adi_exec ex = {x->context->num_threads, w->scratch};
    float *block = w->extra, *out = block + m->plan->block_floats;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        memcpy(block + m->plan->input_offset[adi_rd_input(level)], adi_extractor_data(x, w, level),
               (size_t)adi_rd_values(&m->config.shapes[level]) * sizeof *block);
    ADI_TRY(adi_plan_run(m->plan, block, w->scratch));
    for (int32_t level = 0, tap = 0; level < ADI_RD_LEVELS; level++) {
        const adi_shape *s = &m->config.shapes[level];
        const adi_pc d = {s->h * s->w, s->c};
        if (!adi_rd_compares(&m->config, level))
            continue;
        const float *made = adi_plan_tap_data(m->plan, block, tap++);
        const ad_status status = x->context->backend->kernels->cosine_fwd(&ex, out, made, adi_extractor_data(x, w, level), d);
        if (status != AD_OK)
            return adi_fail(status, "distances at layer '%s' failed in the backend", adi_extractor_layer(x, level));
        for (int64_t p = 0; p < d.p; p++)
            if (!isfinite(out[p]))
                return adi_fail(AD_ERR_NUMERIC, "layer '%s': the distance at position (%lld, %lld) is not finite",
                                adi_extractor_layer(x, level), (long long)(p % s->w), (long long)(p / s->w));
        out += d.p;
    }
    return AD_OK;
}

/* Without a caller's map the workspace's own is used: the score is the finished map's maximum. */
ad_status adi_rd_infer(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score, float *map)
{
    const adi_rd_model *m = model;
    ADI_TRY(find_distances(m, x, w));
    return adi_rd_map(&m->config, x->context, w->extra + m->plan->block_floats, w->scratch, map ? map : w->map, out_score);
}

void adi_rd_info(const void *model, adi_model_info *out_info)
{
    const adi_rd_model *m = model;
    *out_info = (adi_model_info){1, m->images, m->normal_score, m->normal_map};
}

const adi_preprocess *adi_rd_preprocess(const void *model)
{
    return &((const adi_rd_model *)model)->config.preprocess;
}

const int32_t *adi_rd_taps(const void *model, int32_t *out_count)
{
    *out_count = ADI_RD_LEVELS;
    return ((const adi_rd_model *)model)->config.taps;
}

const char *adi_rd_model_option(const void *model, int32_t index, char *value)
{
    const adi_rd_model *m = model;
    return adi_rd_option(&m->config, m->graph, index, value);
}
