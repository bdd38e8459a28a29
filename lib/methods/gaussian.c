/* gaussian: a multivariate Gaussian per layer over pooled features for the image score, and another
 * over all positions, or the same, for the map (Wang, Xu, Chen 2022; Rippel et al. 2020).
 *   score = sum over layers of M_l(pooled),  map = mean over layers of M_l(position), upsampled
 *   M(x)  = | whitening (x - mean) |
 * A fit keeps moments in double and a bounded sample, so its memory does not grow with the number
 * of images, and fits can be merged. */
#include "methods/gaussian.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "methods/method_list.h"
#include "stats/moments_file.h"

enum { IMAGE_SAMPLES = 65536 }; /* pooled vectors: exact shrinkage up to that many images */

typedef struct layer_fit {
    adi_moments image, pixel, spare; /* spare: where the other side of a merge is moved */
    adi_sample image_sample, pixel_sample;
} layer_fit;

typedef struct gaussian_fit {
    adi_fit head;
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

static void destroy_fit(adi_fit *fit)
{
    gaussian_fit *f = (gaussian_fit *)fit;
    if (!f)
        return;
    for (int32_t i = 0; i < f->config.settings.tap_count; i++) {
        adi_moments_free(&f->layers[i].image);
        adi_moments_free(&f->layers[i].pixel);
        adi_moments_free(&f->layers[i].spare);
        adi_sample_free(&f->layers[i].image_sample);
        adi_sample_free(&f->layers[i].pixel_sample);
    }
    const adi_allocator *a = &f->head.backbone->context->allocator;
    adi_free(a, f->pooled);
    adi_free(a, f);
}

static ad_status create(const adi_settings *settings, ad_backbone *backbone, ad_student *student,
                        adi_fit **out_fit)
{
    const adi_gaussian_config *config = (const adi_gaussian_config *)settings;
    const adi_allocator *a = &backbone->context->allocator;
    (void)student;
    gaussian_fit *f = adi_calloc(a, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    f->config = *config;
    f->head = (adi_fit){.method = &adi_method_gaussian, .backbone = backbone,
                        .settings = &f->config.settings};
    int64_t widest = 0;
    ad_status status = AD_OK;
    for (int32_t i = 0; i < config->settings.tap_count && status == AD_OK; i++) {
        const int64_t c = channels_of(backbone->network->graph, config->settings.taps[i]);
        layer_fit *l = &f->layers[i];
        widest = c > widest ? c : widest;
        adi_sample_init(&l->image_sample, a, c, IMAGE_SAMPLES);
        adi_sample_init(&l->pixel_sample, a, c, config->o.samples);
        status = adi_moments_init(&l->image, a, c);
        if (status == AD_OK && config->o.pixel != ADI_PIXEL_FIT_NONE)
            status = adi_moments_init(&l->pixel, a, c);
        if (status == AD_OK)
            status = adi_moments_init(&l->spare, a, c);
    }
    if (status == AD_OK) {
        f->pooled = adi_alloc(a, 2 * (size_t)(widest * config->settings.tap_count) *
                                     sizeof *f->pooled);
        if (!f->pooled)
            status = adi_fail_memory();
    }
    if (status != AD_OK) {
        destroy_fit(&f->head);
        return status;
    }
    *out_fit = &f->head;
    return AD_OK;
}

/* Global average pool of layer i into `pooled`, in the memory of the kernels. */
static ad_status pool(const adi_extractor *x, const adi_kernels *k, const adi_exec *ex, int32_t i,
                      const adi_f32 *features, adi_f64 *pooled)
{
    const adi_shape *s = adi_extractor_shape(x, i);
    const ad_status status = k->mean_fwd(ex, pooled, features, (adi_pc){s->h * s->w, s->c});
    if (status != AD_OK)
        return adi_fail(status, "pooling layer '%s' failed in the backend",
                        adi_extractor_layer(x, i));
    return AD_OK;
}

static ad_status check_pooled(const adi_extractor *x, int32_t i, const double *pooled)
{
    const int64_t c = adi_extractor_shape(x, i)->c;
    for (int64_t k = 0; k < c; k++)
        if (!isfinite(pooled[k]))
            return adi_extractor_not_finite(x, i);
    return AD_OK;
}

/* Everything that can fail comes first, so that a failure leaves the sums as they were. The
 * statistics are the host's, so that it pools the features, too. */
static ad_status prepare_add(gaussian_fit *f, const adi_extractor *x, adi_workspace *w,
                             const float **features)
{
    const ad_context *c = x->context;
    const adi_exec ex = {c->num_threads, NULL, NULL};
    double *pooled = f->pooled;
    for (int32_t i = 0; i < f->config.settings.tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        ADI_TRY(adi_extractor_fetch(x, w, i, &features[i]));
        ADI_TRY(pool(x, c->backend->kernels, &ex, i, adi_mem_host_f32(features[i]),
                     adi_mem_host_f64(pooled)));
        ADI_TRY(check_pooled(x, i, pooled));
        pooled += s->c;
        if (!needs_sample(&f->config))
            continue;
        ADI_TRY(adi_sample_reserve(&f->layers[i].image_sample, 1));
        if (f->config.o.pixel == ADI_PIXEL_FIT_DENSE)
            ADI_TRY(adi_sample_reserve(&f->layers[i].pixel_sample, s->h * s->w));
    }
    return AD_OK;
}

static ad_status add(adi_fit *fit, const adi_extractor *x, adi_workspace *w)
{
    gaussian_fit *f = (gaussian_fit *)fit;
    const adi_host_kernels *k = x->context->backend->host;
    const float *layers[ADI_MAX_LAYERS];
    ADI_TRY(prepare_add(f, x, w, layers));
    const double *pooled = f->pooled;
    for (int32_t i = 0; i < f->config.settings.tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        const float *features = layers[i];
        const int64_t positions = s->h * s->w;
        layer_fit *l = &f->layers[i];
        adi_moments_add_f64(&l->image, k, pooled, 1);
        if (f->config.o.pixel != ADI_PIXEL_FIT_NONE)
            adi_moments_add_f32(&l->pixel, k, features, positions);
        if (needs_sample(&f->config)) {
            uint64_t image = ADI_DIGEST_START;
            adi_digest_bytes(&image, features, (size_t)(positions * s->c) * sizeof *features);
            float *narrow = (float *)(void *)(l->spare.tile); /* free between merges */
            for (int64_t c = 0; c < s->c; c++)
                narrow[c] = (float)pooled[c];
            adi_sample_add(&l->image_sample, image, narrow, 1);
            if (f->config.o.pixel == ADI_PIXEL_FIT_DENSE)
                adi_sample_add(&l->pixel_sample, image, features, positions);
        }
        pooled += s->c;
    }
    f->head.count++;
    return AD_OK;
}

static ad_status merge(adi_fit *fit, adi_fit *other)
{
    gaussian_fit *f = (gaussian_fit *)fit;
    const gaussian_fit *o = (const gaussian_fit *)other;
    for (int32_t i = 0; i < f->config.settings.tap_count; i++) {
        ADI_TRY(adi_sample_reserve(&f->layers[i].image_sample, o->layers[i].image_sample.count));
        ADI_TRY(adi_sample_reserve(&f->layers[i].pixel_sample, o->layers[i].pixel_sample.count));
    }
    for (int32_t i = 0; i < f->config.settings.tap_count; i++) {
        layer_fit *l = &f->layers[i];
        adi_moments_merge(&l->image, &o->layers[i].image, &l->spare);
        if (f->config.o.pixel != ADI_PIXEL_FIT_NONE)
            adi_moments_merge(&l->pixel, &o->layers[i].pixel, &l->spare);
        adi_sample_merge(&l->image_sample, &o->layers[i].image_sample);
        adi_sample_merge(&l->pixel_sample, &o->layers[i].pixel_sample);
    }
    f->head.count += o->head.count;
    return AD_OK;
}

/* Sums and samples of a layer are called image.LAYER and pixel.LAYER in a file. */
static void name_part(char *out, size_t size, const gaussian_fit *f, const char *part, int32_t i)
{
    const adi_graph *g = f->head.backbone->network->graph;
    snprintf(out, size, "%s.%s", part, g->taps[f->config.settings.taps[i]].name);
}

static ad_status save_fit(adi_fit *fit, adi_st_writer *writer, adi_kept *keep)
{
    const gaussian_fit *f = (const gaussian_fit *)fit;
    char name[ADI_GRAPH_MAX_NAME + 16];
    (void)keep;
    for (int32_t i = 0; i < f->config.settings.tap_count; i++) {
        const layer_fit *l = &f->layers[i];
        name_part(name, sizeof name, f, "image", i);
        ADI_TRY(adi_moments_write(&l->image, name, writer));
        ADI_TRY(adi_sample_write(&l->image_sample, name, writer));
        if (f->config.o.pixel == ADI_PIXEL_FIT_NONE)
            continue;
        name_part(name, sizeof name, f, "pixel", i);
        ADI_TRY(adi_moments_write(&l->pixel, name, writer));
        ADI_TRY(adi_sample_write(&l->pixel_sample, name, writer));
    }
    return AD_OK;
}

/* A sample has every vector, or as many as it may. */
static ad_status load_sample(const gaussian_fit *f, const char *name, int64_t vectors,
                             const adi_safetensors *file, adi_sample *s)
{
    const int64_t most = needs_sample(&f->config) ? s->limit : 0;
    const int64_t wanted = vectors < most ? vectors : most;
    ADI_TRY(adi_sample_read(s, name, file));
    if (s->count != wanted)
        return adi_fail(AD_ERR_FORMAT, "the fit has %lld samples '%s' of %lld vectors, not %lld",
                        (long long)s->count, name, (long long)vectors, (long long)wanted);
    return AD_OK;
}

static ad_status load_layer(gaussian_fit *f, const adi_extractor *x, int32_t i,
                            const adi_safetensors *file)
{
    const adi_shape *s = adi_extractor_shape(x, i);
    const int64_t positions = s->h * s->w;
    layer_fit *l = &f->layers[i];
    char name[ADI_GRAPH_MAX_NAME + 16];
    name_part(name, sizeof name, f, "image", i);
    ADI_TRY(adi_moments_read(&l->image, name, file));
    ADI_TRY(load_sample(f, name, l->image.n, file, &l->image_sample));
    if (l->image.n != f->layers[0].image.n)
        return adi_fail(AD_ERR_FORMAT, "the fit has %lld images at layer '%s', %lld at the first",
                        (long long)l->image.n, name + 6, (long long)f->layers[0].image.n);
    if (f->config.o.pixel == ADI_PIXEL_FIT_NONE)
        return AD_OK;
    name_part(name, sizeof name, f, "pixel", i);
    ADI_TRY(adi_moments_read(&l->pixel, name, file));
    if (l->pixel.n % positions || l->pixel.n / positions != l->image.n)
        return adi_fail(AD_ERR_FORMAT,
                        "the fit has %lld positions of %lld images at layer '%s', of %lld an image",
                        (long long)l->pixel.n, (long long)l->image.n, name + 6,
                        (long long)positions);
    return f->config.o.pixel == ADI_PIXEL_FIT_DENSE
               ? load_sample(f, name, l->pixel.n, file, &l->pixel_sample)
               : AD_OK;
}

static ad_status load_fit(adi_fit *fit, const adi_extractor *x, const adi_safetensors *file)
{
    gaussian_fit *f = (gaussian_fit *)fit;
    for (int32_t i = 0; i < f->config.settings.tap_count; i++)
        ADI_TRY(load_layer(f, x, i, file));
    fit->count = f->layers[0].image.n;
    return AD_OK;
}

/* Fit both Gaussians of one layer. `centred` is scratch for moments about their mean. */
static ad_status finish_layer(const gaussian_fit *f, int32_t i, adi_moments *centred,
                              adi_gaussian_model *model, adi_facts *io_facts)
{
    const adi_allocator *a = &f->head.backbone->context->allocator;
    const adi_host_kernels *k = f->head.backbone->context->backend->host;
    const layer_fit *l = &f->layers[i];
    const char *layer = f->head.backbone->network->graph->taps[f->config.settings.taps[i]].name;
    char what[ADI_GRAPH_MAX_NAME + 32];
    adi_gaussian_layer *out = &model->layers[i];
    snprintf(what, sizeof what, "layer '%s', images", layer);
    adi_moments_copy(centred, &l->image);
    adi_moments_centre(centred);
    ADI_TRY(adi_mvg_fit(a, k, centred, &l->image_sample, &f->config.mvg, what, &out->image));
    double rms = out->image.stats[ADI_MVG_RMS];
    io_facts->normal_score += f->config.o.squared ? rms * rms : rms;
    if (f->config.o.pixel == ADI_PIXEL_FIT_NONE)
        return AD_OK;
    adi_moments_copy(centred, &l->pixel);
    adi_moments_centre(centred);
    if (f->config.o.pixel == ADI_PIXEL_FIT_DENSE) {
        snprintf(what, sizeof what, "layer '%s', positions", layer);
        ADI_TRY(adi_mvg_fit(a, k, centred, &l->pixel_sample, &f->config.mvg, what, &out->pixel));
        rms = out->pixel.stats[ADI_MVG_RMS];
    } else {
        rms = adi_mvg_rms(&out->image, centred, centred->tile);
    }
    io_facts->normal_map += (f->config.o.squared ? rms * rms : rms) / f->config.settings.tap_count;
    return AD_OK;
}

static ad_status finish(adi_fit *fit, adi_extractor *x, const struct adi_fit_control *control,
                        adi_model **out_model, adi_facts *out_facts)
{
    const gaussian_fit *f = (const gaussian_fit *)fit;
    (void)x;
    (void)control;
    const int64_t images = f->layers[0].image.n;
    if (images < 2)
        return adi_fail(AD_ERR_STATE, "gaussian needs at least 2 images, the fit has %lld",
                        (long long)images);
    adi_gaussian_model *model = NULL;
    ADI_TRY(adi_gaussian_model_create(f->head.backbone->context, f->head.backbone->network->graph,
                                      &f->config, &model));
    *out_facts = (adi_facts){.images = images};
    ad_status status = AD_OK;
    for (int32_t i = 0; i < f->config.settings.tap_count && status == AD_OK; i++) {
        adi_moments centred;
        status = adi_moments_init(&centred, &f->head.backbone->context->allocator,
                                  f->layers[i].image.c);
        if (status == AD_OK)
            status = finish_layer(f, i, &centred, model, out_facts);
        adi_moments_free(&centred);
    }
    if (status == AD_OK)
        status = adi_gaussian_model_place(model);
    if (status == AD_OK)
        *out_model = &model->head;
    else
        adi_gaussian_model_destroy(&model->head);
    return status;
}

static size_t memory(const adi_fit *fit)
{
    const gaussian_fit *f = (const gaussian_fit *)fit;
    size_t bytes = sizeof *f;
    int64_t widest = 0;
    for (int32_t i = 0; i < f->config.settings.tap_count; i++) {
        const int64_t c = f->layers[i].image.c;
        widest = c > widest ? c : widest;
        bytes += adi_moments_bytes(c) * (f->config.o.pixel == ADI_PIXEL_FIT_NONE ? 2 : 3);
        if (needs_sample(&f->config)) {
            bytes += adi_sample_bytes(c, IMAGE_SAMPLES);
            if (f->config.o.pixel == ADI_PIXEL_FIT_DENSE)
                bytes += adi_sample_bytes(c, f->config.o.samples);
        }
    }
    return bytes + 2 * (size_t)(widest * f->config.settings.tap_count) * sizeof *f->pooled;
}

/* ---- scoring ---- */

/* The results: the pooled doubles of all layers, then the layers' distances. */
static size_t pooled_floats(const adi_gaussian_model *m, const adi_extractor *x)
{
    size_t floats = 0;
    for (int32_t i = 0; i < m->config.settings.tap_count; i++)
        floats += 2 * (size_t)adi_extractor_shape(x, i)->c; /* doubles */
    return floats;
}

static void reserve(const adi_model *model, adi_extractor *x)
{
    const adi_gaussian_model *m = (const adi_gaussian_model *)model;
    const adi_device *d = &x->context->device;
    size_t positions = 0, scratch = 0;
    for (int32_t i = 0; i < m->config.settings.tap_count && model->has_map; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        const size_t n = d->kernels->mahalanobis_scratch((adi_pc){s->h * s->w, s->c},
                                                         adi_gaussian_pixel_mvg(m, i)->r,
                                                         d->num_threads);
        scratch = n > scratch ? n : scratch;
        positions += (size_t)(s->h * s->w);
    }
    adi_extractor_reserve(x, scratch, 0, pooled_floats(m, x) + positions);
}

static ad_status measure_layer(const adi_gaussian_model *m, const adi_extractor *x,
                               const adi_workspace *w, int32_t i, adi_f32 *distance)
{
    const adi_exec ex = adi_workspace_exec(x, w);
    const adi_shape *s = adi_extractor_shape(x, i);
    const adi_gaussian_layer *l = &m->layers[i];
    const ad_status status = x->context->device.kernels->mahalanobis_fwd(
        &ex, distance, adi_extractor_data(x, w, i), l->pixel_mean, l->pixel_whitening,
        (adi_pc){s->h * s->w, s->c}, adi_gaussian_pixel_mvg(m, i)->r);
    if (status != AD_OK)
        return adi_fail(status, "distances of layer '%s' failed in the backend",
                        adi_extractor_layer(x, i));
    return AD_OK;
}

/* Means and, where they are wanted, distances of all layers. Returns the floats that were
 * written. */
static ad_status measure(const adi_gaussian_model *m, const adi_extractor *x,
                         const adi_workspace *w, int32_t wants_map, adi_layer_maps *out,
                         size_t *out_floats)
{
    const adi_exec ex = adi_workspace_exec(x, w);
    adi_f64 *pooled = (adi_f64 *)(void *)w->results;
    *out_floats = pooled_floats(m, x);
    for (int32_t i = 0; i < m->config.settings.tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        ADI_TRY(pool(x, x->context->device.kernels, &ex, i, adi_extractor_data(x, w, i), pooled));
        pooled += s->c;
        if (!wants_map)
            continue;
        const float *distance = adi_layer_maps_add(out, s->h, s->w, adi_extractor_layer(x, i));
        ADI_TRY(measure_layer(m, x, w, i, adi_workspace_result(w, distance)));
        *out_floats += (size_t)(s->h * s->w);
    }
    return AD_OK;
}

static ad_status infer(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                       int32_t wants_map, adi_layer_maps *out)
{
    const adi_gaussian_model *m = (const adi_gaussian_model *)model;
    const double *pooled = (const double *)(void *)w->host_results;
    const size_t first = pooled_floats(m, x);
    size_t floats = 0;
    double score = 0.0;
    out->distance = w->host_results + first;
    ADI_TRY(measure(m, x, w, wants_map, out, &floats));
    ADI_TRY(adi_extractor_fetch_results(x, w, floats));
    for (int32_t i = 0; i < m->config.settings.tap_count; i++) {
        ADI_TRY(check_pooled(x, i, pooled));
        const double d2 = adi_mvg_distance2(&m->layers[i].image, pooled);
        score += m->config.o.squared ? d2 : sqrt(d2);
        pooled += adi_extractor_shape(x, i)->c;
    }
    if (!isfinite(score))
        return adi_fail(AD_ERR_NUMERIC, "the image's score is not finite");
    out->score = score;
    for (size_t p = first; !m->config.o.squared && p < floats; p++)
        w->host_results[p] = sqrtf(w->host_results[p]);
    return AD_OK;
}

const adi_method adi_method_gaussian = {
    .name = "gaussian",
    .source = "Rippel et al. 2020, arXiv:2005.14140; Wang, Xu, Chen 2022",
    .needs = "any backbone, about 10 good images or more; parts may lie anywhere",
    .caps = ADI_MAPS | ADI_MERGES,
    .config_size = sizeof(adi_gaussian_config),
    .options = &adi_gaussian_options_table,
    .settle = adi_gaussian_settle,
    .create = create,
    .add = add,
    .merge = merge,
    .finish = finish,
    .save_fit = save_fit,
    .load_fit = load_fit,
    .memory = memory,
    .destroy_fit = destroy_fit,
    .reserve = reserve,
    .infer = infer,
    .save = adi_gaussian_save,
    .load = adi_gaussian_load,
    .destroy_model = adi_gaussian_model_destroy,
};
