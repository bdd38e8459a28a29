/* Distances of positions to one anomaly map and the score. */
#include "model/layer_maps.h"

#include <math.h>

#include "core/error.h"
#include "model/score_map.h"
#include "vision/aligned.h"
#include "vision/bicubic.h"
#include "vision/blur.h"

static size_t square(int32_t side)
{
    return (size_t)side * (size_t)side;
}

size_t adi_layer_maps_scratch(const adi_map_recipe *r, const ad_context *c)
{
    return adi_blur_scratch(c->backend->kernels, r->side, r->side, r->blur_sigma, c->num_threads);
}

size_t adi_layer_maps_floats(const adi_map_recipe *r)
{
    return r->at == r->side ? square(r->side) : 2 * square(r->at);
}

float *adi_layer_maps_add(adi_layer_maps *m, int64_t h, int64_t w, const char *name)
{
    float *distance = m->distance;
    for (int32_t i = 0; i < m->count; i++)
        distance += (int64_t)m->h[i] * m->w[i];
    m->h[m->count] = (int32_t)h;
    m->w[m->count] = (int32_t)w;
    m->name[m->count++] = name;
    return distance;
}

/* ---- Positions ---- */

static ad_status not_finite(const adi_layer_maps *m, int32_t layer, int64_t position)
{
    const long long x = position % m->w[layer], y = position / m->w[layer];
    if (m->name[layer])
        return adi_fail(AD_ERR_NUMERIC,
                        "layer '%s': the distance at position (%lld, %lld) is not finite",
                        m->name[layer], x, y);
    return adi_fail(AD_ERR_NUMERIC, "the distance at position (%lld, %lld) is not finite", x, y);
}

static ad_status check_finite(const adi_layer_maps *m)
{
    const float *d = m->distance;
    for (int32_t i = 0; i < m->count; i++)
        for (int64_t p = 0; p < (int64_t)m->h[i] * m->w[i]; p++)
            if (!isfinite(*d++))
                return not_finite(m, i, p);
    return AD_OK;
}

/* A weight of 0 takes a position out of the map and of the score. */
static void weigh(const adi_map_recipe *r, adi_layer_maps *m, double *out_mean, double *out_most)
{
    const int64_t n = (int64_t)m->h[0] * m->w[0];
    double sum = 0.0, weight = 0.0, most = -INFINITY;
    for (int64_t p = 0; p < n; p++) {
        const float w = m->weight ? m->weight[p] : 1.0f;
        m->distance[p] *= w;
        sum += m->distance[p];
        weight += w;
        const double v = (double)m->distance[p] * (r->weight_twice ? w : 1.0f);
        if (w > 0.0f && v > most)
            most = v;
    }
    *out_mean = weight > 0.0 ? sum / weight : 0.0;
    *out_most = weight > 0.0 ? most : 0.0;
}

/* A background of 0 would look anomalous beside negative distances. */
static void lower_background(adi_layer_maps *m)
{
    const int64_t n = (int64_t)m->h[0] * m->w[0];
    float least = INFINITY;
    for (int64_t p = 0; p < n; p++)
        least = m->weight[p] > 0.0f && m->distance[p] < least ? m->distance[p] : least;
    for (int64_t p = 0; p < n && isfinite(least); p++)
        if (!(m->weight[p] > 0.0f))
            m->distance[p] = least;
}

/* ---- The map ---- */

static ad_status upsample(const ad_context *c, const adi_map_recipe *r, const float *distance,
                          int32_t h, int32_t w, float *out)
{
    switch (r->up) {
    case ADI_UPSAMPLE_ALIGNED:
        adi_aligned_resize(out, r->at, distance, h, w);
        return AD_OK;
    case ADI_UPSAMPLE_BICUBIC:
        adi_bicubic_enlarge(out, distance, h, w, r->at / h);
        return AD_OK;
    default:
        return adi_score_map_resize(c, out, r->at, r->at, r->at, distance, h, w);
    }
}

static void join(adi_join how, float *map, const float *layer, size_t n, int32_t count, int first)
{
    const float share = 1.0f / (float)count;
    switch (how) {
    case ADI_JOIN_MEAN:
        for (size_t i = 0; i < n; i++)
            map[i] = (first ? 0.0f : map[i]) + share * layer[i];
        break;
    case ADI_JOIN_SUM:
        for (size_t i = 0; i < n; i++)
            map[i] += layer[i];
        break;
    default:
        for (size_t i = 0; i < n; i++)
            map[i] *= layer[i];
        break;
    }
}

ad_status adi_layer_maps_join(const ad_context *c, const adi_map_recipe *r,
                              const adi_layer_maps *m, float *tmp, float *map)
{
    const float *distance = m->distance;
    for (int32_t i = 0; i < m->count; i++) {
        const int direct = i == 0 && (r->join != ADI_JOIN_MEAN || m->count == 1);
        ADI_TRY(upsample(c, r, distance, m->h[i], m->w[i], direct ? map : tmp));
        if (!direct)
            join(r->join, map, tmp, square(r->at), m->count, i == 0);
        distance += (int64_t)m->h[i] * m->w[i];
    }
    return AD_OK;
}

static ad_status make_map(const ad_context *c, const adi_map_recipe *r, const adi_layer_maps *m,
                          void *scratch, float *tmp, float *map)
{
    const adi_exec ex = {c->num_threads, scratch, NULL};
    if (r->at == r->side) {
        ADI_TRY(adi_layer_maps_join(c, r, m, tmp, map));
    } else {
        float *joined = tmp + square(r->at);
        ADI_TRY(adi_layer_maps_join(c, r, m, tmp, joined));
        ADI_TRY(adi_score_map_resize(c, map, r->side, r->side, r->side, joined, r->at, r->at));
    }
    return adi_blur(c->backend->kernels, &ex, map, r->side, r->side, r->blur_sigma);
}

static double maximum(const float *v, size_t n)
{
    float most = v[0];
    for (size_t i = 1; i < n; i++)
        most = v[i] > most ? v[i] : most;
    return most;
}

ad_status adi_layer_maps_finish(const ad_context *c, const adi_map_recipe *r, adi_layer_maps *m,
                                void *scratch, float *tmp, int32_t wants_map, float *map,
                                double *out_score)
{
    const int by_position = r->score == ADI_SCORE_MAX_POSITION ||
                            r->score == ADI_SCORE_MEAN_POSITION || m->weight;
    double mean = 0.0, most = 0.0;
    ADI_TRY(check_finite(m));
    if (by_position)
        weigh(r, m, &mean, &most);
    if (r->low_background && m->weight)
        lower_background(m);
    if (wants_map || r->score == ADI_SCORE_MAX_MAP)
        ADI_TRY(make_map(c, r, m, scratch, tmp, map));
    *out_score = r->score == ADI_SCORE_GIVEN          ? m->score
                 : r->score == ADI_SCORE_MAX_MAP      ? maximum(map, square(r->side))
                 : r->score == ADI_SCORE_MAX_POSITION ? most
                                                      : mean;
    return AD_OK;
}
