/* gaussian: one multivariate Gaussian per layer over pooled features for the image score, and one over
 * all positions (or the pooled one again) for the map (Wang, Xu, Chen 2022; Rippel et al. 2020).
 *   score = sum over layers of M_l(pooled),  map = mean over layers of M_l(position), upsampled
 *   M(x)  = | whitening (x - mean) |
 * Fitting streams: moments in double and a bounded sample, so memory does not depend on the number of
 * images, and fits made elsewhere can be merged. */
#include "methods/gaussian.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "core/options.h"
#include "methods/blur.h"
#include "methods/score_map.h"

enum { IMAGE_SAMPLES = 65536 }; /* pooled vectors: exact shrinkage up to that many images */

typedef struct layer_fit {
    adi_moments image, pixel, spare; /* spare: where the other side of a merge is moved */
    adi_sample image_sample, pixel_sample;
} layer_fit;

typedef struct gaussian_fit {
    ad_backbone *backbone; /* the fitter holds it */
    adi_gaussian_config config;
    double *pooled;        /* one vector of every layer, and its float copy behind it */
    layer_fit layers[ADI_MAX_LAYERS];
} gaussian_fit;

static int64_t channels_of(const adi_graph *g, int32_t tap)
{
    return g->nodes[g->taps[tap].node].out_channels;
}

static int needs_sample(const adi_gaussian_config *c)
{
    return c->mvg.reduce != ADI_REDUCE_NONE;
}

static void destroy_state(void *state)
{
    gaussian_fit *f = state;
    if (!f)
        return;
    for (int32_t i = 0; i < f->config.tap_count; i++) {
        adi_moments_free(&f->layers[i].image);
        adi_moments_free(&f->layers[i].pixel);
        adi_moments_free(&f->layers[i].spare);
        adi_sample_free(&f->layers[i].image_sample);
        adi_sample_free(&f->layers[i].pixel_sample);
    }
    const adi_allocator *a = &f->backbone->context->allocator;
    adi_free(a, f->pooled);
    adi_free(a, f);
}

static ad_status create_state(ad_backbone *backbone, const adi_gaussian_config *config,
                              gaussian_fit **out_fit)
{
    const adi_allocator *a = &backbone->context->allocator;
    gaussian_fit *f = adi_calloc(a, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    f->backbone = backbone;
    f->config = *config;
    int64_t widest = 0;
    ad_status status = AD_OK;
    for (int32_t i = 0; i < config->tap_count && status == AD_OK; i++) {
        const int64_t c = channels_of(backbone->network->graph, config->taps[i]);
        layer_fit *l = &f->layers[i];
        widest = c > widest ? c : widest;
        adi_sample_init(&l->image_sample, a, c, IMAGE_SAMPLES);
        adi_sample_init(&l->pixel_sample, a, c, config->samples);
        status = adi_moments_init(&l->image, a, c);
        if (status == AD_OK && config->pixel != AD_PIXEL_FIT_NONE)
            status = adi_moments_init(&l->pixel, a, c);
        if (status == AD_OK)
            status = adi_moments_init(&l->spare, a, c);
    }
    if (status == AD_OK) {
        f->pooled = adi_alloc(a, 2 * (size_t)(widest * config->tap_count) * sizeof *f->pooled);
        if (!f->pooled)
            status = adi_fail_memory();
    }
    if (status != AD_OK) {
        destroy_state(f);
        return status;
    }
    *out_fit = f;
    return AD_OK;
}

/* Global average pool of layer i into `pooled`. */
static ad_status pool(const adi_extractor *x, const adi_workspace *w, int32_t i, double *pooled)
{
    const adi_shape *s = adi_extractor_shape(x, i);
    const adi_exec ex = {x->context->num_threads, w->scratch};
    const ad_status status = x->context->backend->kernels->mean_fwd(
        &ex, pooled, adi_extractor_data(x, w, i), (adi_pc){s->h * s->w, s->c});
    if (status != AD_OK)
        return adi_fail(status, "pooling layer '%s' failed in the backend", adi_extractor_layer(x, i));
    for (int64_t c = 0; c < s->c; c++)
        if (!isfinite(pooled[c]))
            return adi_extractor_not_finite(x, i);
    return AD_OK;
}

/* Everything that can fail comes first, so that a failure leaves the sums as they were. */
static ad_status prepare_add(gaussian_fit *f, const adi_extractor *x, const adi_workspace *w)
{
    double *pooled = f->pooled;
    for (int32_t i = 0; i < f->config.tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        ADI_TRY(pool(x, w, i, pooled));
        pooled += s->c;
        if (!needs_sample(&f->config))
            continue;
        ADI_TRY(adi_sample_reserve(&f->layers[i].image_sample, 1));
        if (f->config.pixel == AD_PIXEL_FIT_DENSE)
            ADI_TRY(adi_sample_reserve(&f->layers[i].pixel_sample, s->h * s->w));
    }
    return AD_OK;
}

static ad_status add(void *state, const adi_extractor *x, adi_workspace *w)
{
    gaussian_fit *f = state;
    const adi_kernels *k = x->context->backend->kernels;
    ADI_TRY(prepare_add(f, x, w));
    const double *pooled = f->pooled;
    for (int32_t i = 0; i < f->config.tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        const float *features = adi_extractor_data(x, w, i);
        const int64_t positions = s->h * s->w;
        layer_fit *l = &f->layers[i];
        adi_moments_add_f64(&l->image, k, pooled, 1);
        if (f->config.pixel != AD_PIXEL_FIT_NONE)
            adi_moments_add_f32(&l->pixel, k, features, positions);
        if (needs_sample(&f->config)) {
            uint64_t image = ADI_DIGEST_START;
            adi_digest_bytes(&image, features, (size_t)(positions * s->c) * sizeof *features);
            float *narrow = (float *)(void *)(l->spare.tile); /* free between merges */
            for (int64_t c = 0; c < s->c; c++)
                narrow[c] = (float)pooled[c];
            adi_sample_add(&l->image_sample, image, narrow, 1);
            if (f->config.pixel == AD_PIXEL_FIT_DENSE)
                adi_sample_add(&l->pixel_sample, image, features, positions);
        }
        pooled += s->c;
    }
    return AD_OK;
}

static ad_status merge(void *state, const void *other_state)
{
    gaussian_fit *f = state;
    const gaussian_fit *o = other_state;
    ADI_TRY(adi_options_match(adi_gaussian_option, &f->config, f->backbone->network->graph, &o->config,
                              o->backbone->network->graph, NULL));
    for (int32_t i = 0; i < f->config.tap_count; i++) {
        ADI_TRY(adi_sample_reserve(&f->layers[i].image_sample, o->layers[i].image_sample.count));
        ADI_TRY(adi_sample_reserve(&f->layers[i].pixel_sample, o->layers[i].pixel_sample.count));
    }
    for (int32_t i = 0; i < f->config.tap_count; i++) {
        layer_fit *l = &f->layers[i];
        adi_moments_merge(&l->image, &o->layers[i].image, &l->spare);
        if (f->config.pixel != AD_PIXEL_FIT_NONE)
            adi_moments_merge(&l->pixel, &o->layers[i].pixel, &l->spare);
        adi_sample_merge(&l->image_sample, &o->layers[i].image_sample);
        adi_sample_merge(&l->pixel_sample, &o->layers[i].pixel_sample);
    }
    return AD_OK;
}

/* Fit both Gaussians of one layer. `centred` is scratch for moments about their mean. */
static ad_status finish_layer(const gaussian_fit *f, int32_t i, adi_moments *centred,
                              adi_gaussian_model *model)
{
    const adi_allocator *a = &f->backbone->context->allocator;
    const adi_kernels *k = f->backbone->context->backend->kernels;
    const layer_fit *l = &f->layers[i];
    const char *layer = f->backbone->network->graph->taps[f->config.taps[i]].name;
    char what[ADI_GRAPH_MAX_NAME + 32];
    adi_gaussian_layer *out = &model->layers[i];
    snprintf(what, sizeof what, "layer '%s', images", layer);
    adi_moments_copy(centred, &l->image);
    adi_moments_centre(centred);
    ADI_TRY(adi_mvg_fit(a, k, centred, &l->image_sample, &f->config.mvg, what, &out->image));
    double rms = out->image.stats[ADI_MVG_RMS];
    model->normal_score += f->config.squared ? rms * rms : rms;
    if (f->config.pixel == AD_PIXEL_FIT_NONE)
        return AD_OK;
    adi_moments_copy(centred, &l->pixel);
    adi_moments_centre(centred);
    if (f->config.pixel == AD_PIXEL_FIT_DENSE) {
        snprintf(what, sizeof what, "layer '%s', positions", layer);
        ADI_TRY(adi_mvg_fit(a, k, centred, &l->pixel_sample, &f->config.mvg, what, &out->pixel));
        rms = out->pixel.stats[ADI_MVG_RMS];
    } else {
        rms = adi_mvg_rms(&out->image, centred, centred->tile);
    }
    model->normal_map += (f->config.squared ? rms * rms : rms) / f->config.tap_count;
    return AD_OK;
}

static ad_status finish(const void *state, void **out_model)
{
    const gaussian_fit *f = state;
    const int64_t images = f->layers[0].image.n;
    if (images < 2)
        return adi_fail(AD_ERR_STATE, "gaussian needs at least 2 images, the fit has %lld",
                        (long long)images);
    adi_gaussian_model *model = NULL;
    ADI_TRY(adi_gaussian_model_create(f->backbone->context, f->backbone->network->graph, &f->config,
                                      &model));
    model->images = images;
    ad_status status = AD_OK;
    for (int32_t i = 0; i < f->config.tap_count && status == AD_OK; i++) {
        adi_moments centred;
        status = adi_moments_init(&centred, &f->backbone->context->allocator, f->layers[i].image.c);
        if (status == AD_OK)
            status = finish_layer(f, i, &centred, model);
        adi_moments_free(&centred);
    }
    if (status == AD_OK)
        status = adi_gaussian_model_prepare(model);
    if (status == AD_OK)
        *out_model = model;
    else
        adi_gaussian_model_destroy(model);
    return status;
}

static size_t memory(const void *state)
{
    const gaussian_fit *f = state;
    size_t bytes = sizeof *f;
    int64_t widest = 0;
    for (int32_t i = 0; i < f->config.tap_count; i++) {
        const int64_t c = f->layers[i].image.c;
        widest = c > widest ? c : widest;
        bytes += adi_moments_bytes(c) * (f->config.pixel == AD_PIXEL_FIT_NONE ? 2 : 3);
        if (needs_sample(&f->config)) {
            bytes += adi_sample_bytes(c, IMAGE_SAMPLES);
            if (f->config.pixel == AD_PIXEL_FIT_DENSE)
                bytes += adi_sample_bytes(c, f->config.samples);
        }
    }
    return bytes + 2 * (size_t)(widest * f->config.tap_count) * sizeof *f->pooled;
}

static int64_t count(const void *state)
{
    return ((const gaussian_fit *)state)->layers[0].image.n;
}

/* ---- scoring ---- */

/* A workspace's own floats: pooled doubles, then a layer's distances, then a map at input size. */
static size_t distance_floats(const adi_gaussian_model *m, const adi_extractor *x, size_t *out_pooled)
{
    size_t positions = 0, widest = 0;
    for (int32_t i = 0; i < m->config.tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        positions = (size_t)(s->h * s->w) > positions ? (size_t)(s->h * s->w) : positions;
        widest = (size_t)s->c > widest ? (size_t)s->c : widest;
    }
    *out_pooled = 2 * widest; /* doubles */
    return positions;
}

static void reserve(const void *model, adi_extractor *x)
{
    const adi_gaussian_model *m = model;
    const adi_kernels *k = x->context->backend->kernels;
    const size_t side = (size_t)x->preprocess.crop;
    const int32_t threads = x->context->num_threads;
    size_t pooled, scratch = adi_blur_scratch(k, x->preprocess.crop, x->preprocess.crop, m->config.blur_sigma, threads);
    const size_t positions = distance_floats(m, x, &pooled);
    for (int32_t i = 0; i < m->config.tap_count && m->config.pixel != AD_PIXEL_FIT_NONE; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        const size_t n = k->mahalanobis_scratch((adi_pc){s->h * s->w, s->c},
                                                adi_gaussian_pixel_mvg(m, i)->r, threads);
        scratch = n > scratch ? n : scratch;
    }
    if (m->config.pixel == AD_PIXEL_FIT_NONE)
        adi_extractor_reserve(x, scratch, pooled, 0);
    else
        adi_extractor_reserve(x, scratch, pooled + positions + side * side, side * side);
}

static ad_status infer_map(const adi_gaussian_model *m, const adi_extractor *x, adi_workspace *w,
                           float *map)
{
    const adi_kernels *k = x->context->backend->kernels;
    const adi_exec ex = {x->context->num_threads, w->scratch};
    size_t pooled;
    const size_t positions = distance_floats(m, x, &pooled);
    float *distance = w->extra + pooled, *tmp = distance + positions;
    for (int32_t i = 0; i < m->config.tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        const adi_gaussian_layer *l = &m->layers[i];
        const ad_status status = k->mahalanobis_fwd(&ex, distance, adi_extractor_data(x, w, i),
                                                    l->pixel_mean, l->pixel_whitening,
                                                    (adi_pc){s->h * s->w, s->c},
                                                    adi_gaussian_pixel_mvg(m, i)->r);
        if (status != AD_OK)
            return adi_fail(status, "distances of layer '%s' failed in the backend",
                            adi_extractor_layer(x, i));
        for (int64_t p = 0; p < s->h * s->w; p++) {
            if (!isfinite(distance[p]))
                return adi_extractor_not_finite(x, i);
            if (!m->config.squared)
                distance[p] = sqrtf(distance[p]);
        }
        ADI_TRY(adi_score_map_add(x, map, tmp, distance, s->h, s->w, 1.0f / (float)m->config.tap_count,
                                  i == 0));
    }
    return adi_blur(k, &ex, map, x->preprocess.crop, x->preprocess.crop, m->config.blur_sigma);
}

static ad_status infer(const void *model, const adi_extractor *x, adi_workspace *w, double *out_score,
                       float *map)
{
    const adi_gaussian_model *m = model;
    double *pooled = (double *)(void *)w->extra, score = 0.0;
    for (int32_t i = 0; i < m->config.tap_count; i++) {
        ADI_TRY(pool(x, w, i, pooled));
        const double d2 = adi_mvg_distance2(&m->layers[i].image, pooled);
        score += m->config.squared ? d2 : sqrt(d2);
    }
    if (!isfinite(score))
        return adi_fail(AD_ERR_NUMERIC, "the image's score is not finite");
    *out_score = score;
    return map ? infer_map(m, x, w, map) : AD_OK;
}

static void info(const void *model, adi_model_info *out_info)
{
    const adi_gaussian_model *m = model;
    *out_info = (adi_model_info){m->config.pixel != AD_PIXEL_FIT_NONE, m->images, m->normal_score,
                                 m->normal_map};
}

static const adi_preprocess *preprocess(const void *model)
{
    return &((const adi_gaussian_model *)model)->config.preprocess;
}

static const int32_t *taps(const void *model, int32_t *out_count)
{
    const adi_gaussian_model *m = model;
    *out_count = m->config.tap_count;
    return m->config.taps;
}

static const char *option(const void *model, int32_t index, char *value)
{
    const adi_gaussian_model *m = model;
    return adi_gaussian_option(&m->config, m->graph, index, value);
}

const adi_method adi_method_gaussian = {
    .name = "gaussian",
    .add = add,
    .merge = merge,
    .finish = finish,
    .memory = memory,
    .count = count,
    .destroy_state = destroy_state,
    .reserve = reserve,
    .infer = infer,
    .info = info,
    .save = adi_gaussian_save,
    .load = adi_gaussian_load,
    .destroy_model = adi_gaussian_model_destroy,
    .preprocess = preprocess,
    .taps = taps,
    .option = option,
};

ad_status ad_gaussian_fitter_create(ad_backbone *backbone, const ad_gaussian_options *options,
                                    ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(backbone && out_fitter, "ad_gaussian_fitter_create: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    ad_gaussian_options full;
    ad_gaussian_options_init(&full, sizeof full);
    ADI_TRY(adi_options_take(&full, sizeof full, options, "ad_gaussian_options"));
    adi_gaussian_config config;
    ADI_TRY(adi_gaussian_resolve(&full, backbone->network->graph, &config));
    gaussian_fit *fit = NULL;
    ADI_TRY(create_state(backbone, &config, &fit));
    return adi_fitter_wrap(backbone, &adi_method_gaussian, fit, &config.preprocess, config.taps,
                           config.tap_count, out_fitter);
}
