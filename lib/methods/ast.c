/* ast: asymmetric student-teacher networks (Rudolph et al., WACV 2023, arXiv:2210.07829).
 *   d(p) = mean over channels of (z(p) - s(p))^2,   or of the teacher alone   |z(p)|^2 / 2 - log det(p)
 * at every position p, with z and log det the flow's of (features, depth) and s the student's. Map: the foreground's d,
 * enlarged bicubically; score: the mean of d, or with a mask the maximum in the foreground. */
#include "methods/ast.h"

#include <math.h>
#include <string.h>

#include "methods/bicubic.h"

/* ---- Input ---- */

static float weight_of(const adi_ast_config *c, float share)
{
    if (c->o.mask == AD_AST_MASK_NONE)
        return 1.0f;
    return c->o.mask == AD_AST_MASK_SOFT ? share : share > 0.0f ? 1.0f : 0.0f;
}

ad_status adi_ast_gather(const adi_ast_config *config, const adi_extractor *e, const adi_workspace *w, float *x,
                         float *weights)
{
    const int64_t n = adi_ast_positions(config), features = config->features, depth = config->channels - features;
    const float *from = features ? adi_extractor_data(e, w, 0) : NULL, *shares = depth ? w->depth + n * depth : NULL;
    if (features)
        ADI_TRY(adi_extractor_check_finite(e, w, 0));
    for (int64_t p = 0; p < n; p++, x += config->channels) {
        if (features)
            memcpy(x, from + p * features, (size_t)features * sizeof *x);
        if (depth)
            memcpy(x + features, w->depth + p * depth, (size_t)depth * sizeof *x);
        weights[p] = depth ? weight_of(config, shares[p]) : 1.0f;
    }
    return AD_OK;
}

/* ---- Scores ---- */

ad_status adi_ast_distances(const adi_ast_config *config, const ad_context *context, const float *z, const float *logdet,
                            const float *student, float *distances)
{
    const adi_exec ex = {context->num_threads, NULL};
    const adi_pc d = {adi_ast_positions(config), config->channels};
    const int teacher = config->o.score == AD_AST_SCORE_TEACHER;
    const ad_status status = context->backend->kernels->sqdist_fwd(&ex, distances, z, teacher ? NULL : student, d);
    if (status != AD_OK)
        return adi_fail(status, "the distances failed in the backend");
    for (int64_t p = 0; p < d.p; p++) {
        distances[p] = teacher ? 0.5f * distances[p] - logdet[p] : distances[p] / (float)d.c;
        if (!isfinite(distances[p]))
            return adi_fail(AD_ERR_NUMERIC, "the distance at position (%lld, %lld) is not finite",
                            (long long)(p % config->w), (long long)(p / config->w));
    }
    return AD_OK;
}

static double maximum(const float *v, int64_t n)
{
    float most = v[0];
    for (int64_t i = 1; i < n; i++)
        most = v[i] > most ? v[i] : most;
    return most;
}

/* Likelihoods may be negative, above which a background of 0 would stand out: it takes the least of the foreground. */
static void lower_background(float *values, const float *weights, int64_t n)
{
    float least = INFINITY;
    for (int64_t p = 0; p < n; p++)
        least = weights[p] > 0.0f && values[p] < least ? values[p] : least;
    for (int64_t p = 0; p < n && isfinite(least); p++)
        if (!(weights[p] > 0.0f))
            values[p] = least;
}

void adi_ast_score(const adi_ast_config *config, float *distances, const float *weights, float *map, double *out_score)
{
    const int64_t n = adi_ast_positions(config);
    double sum = 0.0, weight = 0.0, most = -INFINITY;
    for (int64_t p = 0; p < n; p++) {
        distances[p] *= weights[p];
        sum += distances[p];
        weight += weights[p];
        const double v = (double)distances[p] * (config->o.mask_twice ? weights[p] : 1.0f);
        if (weights[p] > 0.0f && v > most)
            most = v;
    }
    if (config->o.score == AD_AST_SCORE_TEACHER)
        lower_background(distances, weights, n);
    if (map)
        adi_bicubic_enlarge(map, distances, config->h, config->w, ADI_AST_ENLARGE);
    if (config->o.aggregate == AD_AST_AGGREGATE_MEAN)
        *out_score = weight > 0.0 ? sum / weight : 0.0;
    else if (config->o.max_after_upsample)
        *out_score = maximum(map, n * ADI_AST_ENLARGE * ADI_AST_ENLARGE);
    else
        *out_score = weight > 0.0 ? most : 0.0;
}

/* ---- The model ---- */

static ad_status check_networks(const adi_ast_model *m)
{
    const adi_plan *flow = m->plan[ADI_AST_FLOW], *student = m->plan[ADI_AST_STUDENT];
    const int64_t n = m->config.channels;
    const adi_shape *shapes[] = {&flow->taps[0].shape, &student->taps[0].shape, &flow->taps[1].shape};
    if (flow->input[0].c != n || student->input[0].c != n)
        return adi_fail(AD_ERR_FORMAT, "the flow takes %lld channels and the student %lld of %lld", (long long)flow->input[0].c,
                        (long long)student->input[0].c, (long long)n);
    for (int i = 0; i < 3; i++)
        if (shapes[i]->h != m->config.h || shapes[i]->w != m->config.w || shapes[i]->c != (i < 2 ? n : 1))
            return adi_fail(AD_ERR_FORMAT, "result %d of the networks is %lldx%lldx%lld for %dx%dx%lld", i,
                            (long long)shapes[i]->h, (long long)shapes[i]->w, (long long)shapes[i]->c, m->config.h,
                            m->config.w, (long long)(i < 2 ? n : 1));
    return AD_OK;
}

static ad_status make_plans(adi_ast_model *m)
{
    const ad_context *c = m->context;
    static const int32_t taps[2] = {0, 1};
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        ADI_TRY(adi_plan_create(m->net[i], c->backend->kernels, c->num_threads, taps, i == ADI_AST_FLOW ? 2 : 1,
                                m->config.h, m->config.w, &m->plan[i]));
    return check_networks(m);
}

ad_status adi_ast_model_create(ad_context *context, const adi_graph *graph, const adi_ast_config *config,
                               adi_network *const *nets, adi_ast_model **out_model)
{
    adi_ast_model *m = adi_calloc(&context->allocator, 1, sizeof *m);
    if (!m) {
        for (int i = 0; i < ADI_AST_NETWORKS; i++)
            adi_network_destroy(nets[i]);
        return adi_fail_memory();
    }
    *m = (adi_ast_model){.context = context, .graph = graph, .config = *config};
    memcpy(m->net, nets, sizeof m->net);
    const ad_status status = make_plans(m);
    if (status == AD_OK)
        *out_model = m;
    else
        adi_ast_model_destroy(m);
    return status;
}

void adi_ast_model_destroy(void *model)
{
    adi_ast_model *m = model;
    if (!m)
        return;
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        adi_plan_destroy(m->plan[i]);
        adi_network_destroy(m->net[i]);
    }
    adi_free(&m->context->allocator, m);
}

/* ---- Scoring ---- */

/* A workspace's own floats: the blocks of both networks, the weights of positions, the distances. */
void adi_ast_reserve(const void *model, adi_extractor *x)
{
    const adi_ast_model *m = model;
    const size_t n = (size_t)adi_ast_positions(&m->config), enlarged = n * ADI_AST_ENLARGE * ADI_AST_ENLARGE;
    size_t scratch = 0, floats = 2 * n;
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        scratch = m->plan[i]->scratch_bytes > scratch ? m->plan[i]->scratch_bytes : scratch;
        floats += m->plan[i]->block_floats;
    }
    adi_ast_prepare(&m->config, x);
    adi_extractor_reserve(x, scratch, floats, enlarged);
}

/* Without a caller's map the workspace's own is used, where the score is of it. */
ad_status adi_ast_infer(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score, float *map)
{
    const adi_ast_model *m = model;
    const adi_plan *flow = m->plan[ADI_AST_FLOW], *student = m->plan[ADI_AST_STUDENT];
    const int64_t n = adi_ast_positions(&m->config);
    float *flow_block = w->extra, *student_block = flow_block + flow->block_floats;
    float *weights = student_block + student->block_floats, *distances = weights + n;
    float *const input = flow_block + flow->input_offset[0];
    ADI_TRY(adi_ast_gather(&m->config, x, w, input, weights));
    memcpy(student_block + student->input_offset[0], input, (size_t)(n * m->config.channels) * sizeof *input);
    ADI_TRY(adi_plan_run(flow, flow_block, w->scratch));
    if (m->config.o.score == AD_AST_SCORE_STUDENT)
        ADI_TRY(adi_plan_run(student, student_block, w->scratch));
    ADI_TRY(adi_ast_distances(&m->config, x->context, adi_plan_tap_data(flow, flow_block, 0),
                              adi_plan_tap_data(flow, flow_block, 1), adi_plan_tap_data(student, student_block, 0),
                              distances));
    adi_ast_score(&m->config, distances, weights, map || !m->config.o.max_after_upsample ? map : w->map, out_score);
    return AD_OK;
}

void adi_ast_info(const void *model, adi_model_info *out_info)
{
    const adi_ast_model *m = model;
    *out_info = (adi_model_info){1, m->images, m->normal_score, m->normal_map};
}

const adi_preprocess *adi_ast_preprocess(const void *model)
{
    return &((const adi_ast_model *)model)->config.preprocess;
}

const int32_t *adi_ast_taps(const void *model, int32_t *out_count)
{
    *out_count = 1;
    return &((const adi_ast_model *)model)->config.tap;
}

const char *adi_ast_model_option(const void *model, int32_t index, char *value)
{
    const adi_ast_model *m = model;
    return adi_ast_option(&m->config, m->graph, index, value);
}
