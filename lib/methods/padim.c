/* padim: one Gaussian per position over the features of several layers (Defard et al. 2020,
 * arXiv:2011.08785).
 *   map = blur(bilinear(| W_p (x_p - mean_p) |)),  score = the map's maximum
 * W_p^T W_p is the inverse covariance of position p, which is C / (n - 1) + ridge I, C the
 * scatter of the n training images, or Ledoit and Wolf's. Fitting streams: sums in double per
 * position, so memory is known beforehand and fits made elsewhere can be merged. */
#include "methods/padim.h"

#include <inttypes.h>
#include <math.h>

#include "core/options.h"
#include "methods/blur.h"
#include "methods/score_map.h"
#include "stats/subset.h"

typedef struct padim_fit {
    ad_backbone *backbone; /* the fitter holds it */
    adi_padim_config config;
    adi_padim_embedding embedding;
    /* Behind a pointer: finish() and merge() add the waiting images of a const state to its sums,
     * which moves what was added and changes no result. */
    adi_position_moments *moments;
} padim_fit;

static const adi_kernels *kernels_of(const padim_fit *f)
{
    return f->backbone->context->backend->kernels;
}

static void flush(const padim_fit *f)
{
    adi_position_moments_flush(f->moments, kernels_of(f), f->backbone->context->num_threads);
}

/* All that a fit holds at once: the sums, and while it finishes the model too. */
static size_t bytes_of(const ad_context *context, const adi_position_dims *d)
{
    return sizeof(padim_fit) + (size_t)d->d * sizeof(int32_t) +
           adi_position_moments_bytes(context->backend->kernels, context->num_threads, d) +
           adi_position_gaussian_bytes(d, context->num_threads) + adi_padim_model_bytes(d);
}

static void destroy_state(void *state)
{
    padim_fit *f = state;
    if (!f)
        return;
    const adi_allocator *a = &f->backbone->context->allocator;
    adi_position_moments_destroy(f->moments);
    adi_free(a, f->embedding.subset);
    adi_free(a, f);
}

static ad_status check_memory(const ad_context *context, const adi_padim_config *config,
                              const adi_padim_embedding *e)
{
    const adi_position_dims d = adi_padim_dims(e, config);
    const size_t bytes = bytes_of(context, &d);
    if (bytes > config->memory_limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY,
                        "padim needs %zu bytes for %" PRId64
                        " positions of %d dimensions, memory_limit is %" PRIu64
                        ": raise it or lower dimensions or size",
                        bytes, d.p, config->dimensions, config->memory_limit);
    return AD_OK;
}

static ad_status create_state(ad_backbone *backbone, const adi_padim_config *config,
                              padim_fit **out_fit)
{
    const ad_context *context = backbone->context;
    const adi_allocator *a = &context->allocator;
    adi_padim_embedding e = {0};
    ADI_TRY(adi_padim_grid(a, backbone->network->graph, config, &e.h, &e.w));
    ADI_TRY(check_memory(context, config, &e));
    padim_fit *f = adi_calloc(a, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    f->backbone = backbone;
    f->config = *config;
    f->embedding = e;
    f->embedding.subset = adi_alloc(a, (size_t)config->dimensions * sizeof *f->embedding.subset);
    ad_status status = f->embedding.subset
                           ? adi_subset_draw(a, config->seed, config->channels, config->dimensions,
                                             f->embedding.subset)
                           : adi_fail_memory();
    if (status == AD_OK) {
        const adi_position_dims d = adi_padim_dims(&e, config);
        status = adi_position_moments_create(a, context->backend->kernels, context->num_threads, &d,
                                             &f->moments);
    }
    if (status != AD_OK) {
        destroy_state(f);
        return status;
    }
    *out_fit = f;
    return AD_OK;
}

static ad_status add(void *state, const adi_extractor *x, adi_workspace *w)
{
    padim_fit *f = state;
    ADI_TRY(
        adi_padim_embed(&f->embedding, &f->config, x, w, adi_position_moments_slot(f->moments)));
    adi_position_moments_push(f->moments, kernels_of(f), x->context->num_threads);
    return AD_OK;
}

static ad_status merge(void *state, const void *other_state)
{
    padim_fit *f = state;
    const padim_fit *o = other_state;
    ADI_TRY(adi_options_match(adi_padim_option, &f->config, f->backbone->network->graph, &o->config,
                              o->backbone->network->graph, "memory_limit"));
    adi_moments scratch;
    ADI_TRY(adi_moments_init(&scratch, &f->backbone->context->allocator, f->config.dimensions));
    flush(f);
    flush(o);
    adi_position_moments_merge(f->moments, o->moments, &scratch);
    adi_moments_free(&scratch);
    return AD_OK;
}

static ad_status fit_model(const padim_fit *f, adi_padim_model *model)
{
    const ad_context *context = f->backbone->context;
    const adi_position_fit fit = {.shrink = f->config.covariance == AD_PADIM_LEDOIT_WOLF,
                                  .ridge = f->config.ridge};
    int64_t p = 0;
    flush(f);
    const ad_status status = adi_position_gaussian_fit(
        &context->allocator, context->backend->kernels, context->num_threads, f->moments, &fit,
        model->mean, model->factor, &model->normal_map, &p);
    if (status == AD_ERR_NUMERIC)
        return adi_fail(
            status,
            "position (%" PRId64 ", %" PRId64 ") of %" PRId64 "x%" PRId64
            ": the covariance of %" PRId64
            " vectors of %d dimensions is singular: the images are too few or too alike",
            p % f->embedding.w, p / f->embedding.w, f->embedding.w, f->embedding.h, f->moments->n,
            f->config.dimensions);
    return status;
}

static ad_status finish(const void *state, void **out_model)
{
    const padim_fit *f = state;
    if (f->moments->n < 2)
        return adi_fail(AD_ERR_STATE, "padim needs at least 2 images, the fit has %" PRId64,
                        f->moments->n);
    adi_padim_model *model = NULL;
    ADI_TRY(adi_padim_model_create(f->backbone->context, f->backbone->network->graph, &f->config,
                                   f->embedding.h, f->embedding.w, &model));
    for (int32_t k = 0; k < f->config.dimensions; k++)
        model->embedding.subset[k] = f->embedding.subset[k];
    model->images = f->moments->n;
    const ad_status status = fit_model(f, model);
    if (status == AD_OK)
        *out_model = model;
    else
        adi_padim_model_destroy(model);
    return status;
}

static size_t memory(const void *state)
{
    const padim_fit *f = state;
    return bytes_of(f->backbone->context, &f->moments->d);
}

static int64_t count(const void *state)
{
    return ((const padim_fit *)state)->moments->n;
}

/* ---- scoring ---- */

/* A workspace's own floats: the vectors, their distances, then a map at input size. */
static void reserve(const void *model, adi_extractor *x)
{
    const adi_padim_model *m = model;
    const adi_position_dims d = adi_padim_dims(&m->embedding, &m->config);
    const adi_kernels *k = x->context->backend->kernels;
    const size_t side = (size_t)x->preprocess.crop, n = (size_t)(d.p * (d.d + 1));
    const size_t distances = k->position_gaussian_fwd_scratch(&d, x->context->num_threads);
    const size_t blur = adi_blur_scratch(k, x->preprocess.crop, x->preprocess.crop, m->config.blur_sigma,
                                         x->context->num_threads);
    adi_extractor_reserve(x, distances > blur ? distances : blur, n + side * side, side * side);
}

/* Without a caller's map the workspace's own is used: the score is the finished map's maximum. */
static ad_status infer(const void *model, const adi_extractor *x, adi_workspace *w,
                       double *out_score, float *map)
{
    const adi_padim_model *m = model;
    const adi_position_dims d = adi_padim_dims(&m->embedding, &m->config);
    const adi_exec ex = {x->context->num_threads, w->scratch};
    const int64_t side = x->preprocess.crop;
    float *vectors = w->extra, *distance = vectors + d.p * d.d, *tmp = distance + d.p;
    float *const out = map ? map : w->map;
    ADI_TRY(adi_padim_embed(&m->embedding, &m->config, x, w, vectors));
    const ad_status status = x->context->backend->kernels->position_gaussian_fwd(
        &ex, distance, vectors, m->mean, m->factor, &d);
    if (status != AD_OK)
        return adi_fail(status, "distances of %" PRId64 " positions failed in the backend", d.p);
    for (int64_t p = 0; p < d.p; p++) {
        if (!isfinite(distance[p]))
            return adi_fail(AD_ERR_NUMERIC,
                            "position (%" PRId64 ", %" PRId64 "): the distance is not finite",
                            p % m->embedding.w, p / m->embedding.w);
        distance[p] = sqrtf(distance[p]);
    }
    ADI_TRY(adi_score_map_add(x, out, tmp, distance, m->embedding.h, m->embedding.w, 1.0f, 1));
    ADI_TRY(adi_blur(x->context->backend->kernels, &ex, out, side, side, m->config.blur_sigma));
    float score = 0.0f;
    for (int64_t i = 0; i < side * side; i++)
        score = out[i] > score ? out[i] : score;
    *out_score = score;
    return AD_OK;
}

static void info(const void *model, adi_model_info *out_info)
{
    const adi_padim_model *m = model;
    *out_info = (adi_model_info){1, m->images, 0.0, m->normal_map};
}

static const adi_preprocess *preprocess(const void *model)
{
    return &((const adi_padim_model *)model)->config.preprocess;
}

static const int32_t *taps(const void *model, int32_t *out_count)
{
    const adi_padim_model *m = model;
    *out_count = m->config.tap_count;
    return m->config.taps;
}

static const char *option(const void *model, int32_t index, char *value)
{
    const adi_padim_model *m = model;
    return adi_padim_option(&m->config, m->graph, index, value);
}

const adi_method adi_method_padim = {
    .name = "padim",
    .add = add,
    .merge = merge,
    .finish = finish,
    .memory = memory,
    .count = count,
    .destroy_state = destroy_state,
    .reserve = reserve,
    .infer = infer,
    .info = info,
    .save = adi_padim_save,
    .load = adi_padim_load,
    .destroy_model = adi_padim_model_destroy,
    .preprocess = preprocess,
    .taps = taps,
    .option = option,
};

ad_status ad_padim_fitter_create(ad_backbone *backbone, const ad_padim_options *options,
                                 ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(backbone && out_fitter, "ad_padim_fitter_create: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    ad_padim_options full;
    ad_padim_options_init(&full, sizeof full);
    ADI_TRY(adi_options_take(&full, sizeof full, options, "ad_padim_options"));
    ADI_CHECK_RESERVED(full, reserved, "ad_padim_options");
    adi_padim_config config;
    ADI_TRY(adi_padim_resolve(&full, backbone->network->graph, &config));
    padim_fit *fit = NULL;
    ADI_TRY(create_state(backbone, &config, &fit));
    return adi_fitter_wrap(backbone, &adi_method_padim, fit, &config.preprocess, config.taps,
                           config.tap_count, out_fitter);
}
