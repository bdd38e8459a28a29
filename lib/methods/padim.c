/* padim: one Gaussian per position over the features of several layers (Defard et al. 2020,
 * arXiv:2011.08785).
 *   map = blur(bilinear(| W_p (x_p - mean_p) |)),  score = the map's maximum
 * W_p^T W_p is the inverse covariance of position p, which is C / (n - 1) + ridge I, C the
 * scatter of the n training images, or Ledoit and Wolf's. Fitting streams: sums in double per
 * position, so memory is known beforehand and fits made elsewhere can be merged. */
#include "methods/padim.h"

#include <inttypes.h>
#include <math.h>

#include "core/finite.h"
#include "methods/method_list.h"
#include "stats/moments_file.h"
#include "stats/subset.h"

typedef struct padim_fit {
    adi_fit head;
    adi_padim_config config;
    adi_padim_embedding embedding;
    adi_position_moments *moments;
} padim_fit;

static const adi_host_kernels *kernels_of(const padim_fit *f)
{
    return f->head.backbone->context->backend->host;
}

/* Adds the images that wait to the sums, which moves what was added and changes no result. */
static void flush(padim_fit *f)
{
    adi_position_moments_flush(f->moments, kernels_of(f), f->head.backbone->context->num_threads);
}

/* All that a fit holds at once: the sums, and while it finishes the model too. */
static size_t bytes_of(const ad_context *context, const adi_position_dims *d)
{
    return sizeof(padim_fit) + (size_t)d->d * (sizeof(int32_t) + 2 * sizeof(float)) +
           adi_position_moments_bytes(context->backend->host, context->num_threads, d) +
           adi_position_gaussian_bytes(d, context->num_threads) + adi_padim_model_bytes(d);
}

static void destroy_fit(adi_fit *fit)
{
    padim_fit *f = (padim_fit *)fit;
    if (!f)
        return;
    const adi_allocator *a = &f->head.backbone->context->allocator;
    adi_position_moments_destroy(f->moments);
    adi_padim_embedding_free(&f->embedding, f->head.backbone->context);
    adi_free(a, f);
}

static ad_status check_memory(const ad_context *context, const adi_padim_config *config,
                              const adi_padim_embedding *e)
{
    const adi_position_dims d = adi_padim_dims(e, config);
    const size_t bytes = bytes_of(context, &d);
    if (bytes > config->o.memory_limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY,
                        "padim needs %zu bytes for %" PRId64
                        " positions of %d dimensions, memory_limit is %" PRIu64
                        ": raise it or lower dimensions or size",
                        bytes, d.p, config->o.dimensions, config->o.memory_limit);
    return AD_OK;
}

static ad_status create(const adi_settings *settings, ad_backbone *backbone, ad_student *student,
                        adi_fit **out_fit)
{
    const adi_padim_config *config = (const adi_padim_config *)settings;
    const ad_context *context = backbone->context;
    const adi_allocator *a = &context->allocator;
    adi_padim_embedding e = {0};
    (void)student;
    ADI_TRY(adi_padim_grid(a, backbone->network->graph, config, &e.h, &e.w));
    ADI_TRY(check_memory(context, config, &e));
    padim_fit *f = adi_calloc(a, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    f->config = *config;
    f->head = (adi_fit){.method = &adi_method_padim, .backbone = backbone,
                        .settings = &f->config.settings};
    f->embedding = e;
    f->embedding.subset = adi_alloc(a, (size_t)config->o.dimensions * sizeof *f->embedding.subset);
    ad_status status = f->embedding.subset
                           ? adi_subset_draw(a, config->o.seed, config->channels,
                                             config->o.dimensions, f->embedding.subset)
                           : adi_fail_memory();
    if (status == AD_OK)
        status = adi_padim_embedding_fill(&f->embedding, context, backbone->network->graph, config);
    if (status == AD_OK) {
        const adi_position_dims d = adi_padim_dims(&e, config);
        status = adi_position_moments_create(a, context->backend->host, context->num_threads, &d,
                                             &f->moments);
    }
    if (status != AD_OK) {
        destroy_fit(&f->head);
        return status;
    }
    *out_fit = &f->head;
    return AD_OK;
}

/* The image's vectors in the host's memory. */
static ad_status embed(const padim_fit *f, const adi_extractor *x, adi_workspace *w, float *out)
{
    const adi_device *device = &x->context->device;
    const adi_position_dims d = adi_padim_dims(&f->embedding, &f->config);
    adi_f32 *const vectors = device->memory ? w->extra : adi_mem_host_f32(out);
    ADI_TRY(adi_padim_embed(&f->embedding, &f->config, x, w, vectors));
    ADI_TRY(adi_mem_download(device, w->queue, out, vectors,
                             (size_t)(d.p * d.d) * sizeof *out));
    if (adi_all_finite(out, d.p * d.d))
        return AD_OK;
    for (int32_t i = 0; i < x->tap_count; i++)
        ADI_TRY(adi_extractor_check_finite(x, w, i));
    return adi_fail(AD_ERR_NUMERIC, "the image gives vectors that are not finite");
}

/* A device has the vectors before the host. */
static void prepare(const adi_settings *settings, adi_extractor *x)
{
    const adi_padim_config *config = (const adi_padim_config *)settings;
    const adi_shape *grid = adi_extractor_shape(x, 0);
    if (x->context->device.memory)
        adi_extractor_reserve(x, 0, (size_t)(grid->h * grid->w * config->o.dimensions), 0);
}

static ad_status add(adi_fit *fit, const adi_extractor *x, adi_workspace *w)
{
    padim_fit *f = (padim_fit *)fit;
    ADI_TRY(embed(f, x, w, adi_position_moments_slot(f->moments)));
    adi_position_moments_push(f->moments, kernels_of(f), x->context->num_threads);
    f->head.count++;
    return AD_OK;
}

static ad_status merge(adi_fit *fit, adi_fit *other)
{
    padim_fit *f = (padim_fit *)fit, *o = (padim_fit *)other;
    adi_moments scratch;
    ADI_TRY(adi_moments_init(&scratch, &f->head.backbone->context->allocator,
                             f->config.o.dimensions));
    flush(f);
    flush(o);
    adi_position_moments_merge(f->moments, o->moments, &scratch);
    adi_moments_free(&scratch);
    f->head.count += o->head.count;
    return AD_OK;
}

static ad_status save_fit(adi_fit *fit, adi_st_writer *writer, adi_kept *keep)
{
    padim_fit *f = (padim_fit *)fit;
    (void)keep;
    flush(f);
    return adi_position_moments_write(f->moments, "positions", writer);
}

static ad_status load_fit(adi_fit *fit, const adi_extractor *x, const adi_safetensors *file)
{
    padim_fit *f = (padim_fit *)fit;
    (void)x;
    ADI_TRY(adi_position_moments_read(f->moments, "positions", file));
    fit->count = f->moments->n;
    return AD_OK;
}

static ad_status fit_model(padim_fit *f, adi_padim_model *model, double *out_normal_map)
{
    const ad_context *context = f->head.backbone->context;
    const adi_position_fit fit = {.shrink = f->config.o.covariance == ADI_PADIM_LEDOIT_WOLF,
                                  .ridge = f->config.o.ridge};
    int64_t p = 0;
    flush(f);
    const ad_status status = adi_position_gaussian_fit(
        &context->allocator, context->backend->host, context->num_threads, f->moments, &fit,
        model->host_mean, model->host_factor, out_normal_map, &p);
    if (status == AD_ERR_NUMERIC)
        return adi_fail(
            status,
            "position (%" PRId64 ", %" PRId64 ") of %" PRId64 "x%" PRId64
            ": the covariance of %" PRId64
            " vectors of %d dimensions is singular: the images are too few or too alike",
            p % f->embedding.w, p / f->embedding.w, f->embedding.w, f->embedding.h, f->moments->n,
            f->config.o.dimensions);
    return status;
}

static ad_status finish(adi_fit *fit, adi_extractor *x, const struct adi_fit_control *control,
                        adi_model **out_model, adi_facts *out_facts)
{
    padim_fit *f = (padim_fit *)fit;
    (void)x;
    (void)control;
    if (f->moments->n < 2)
        return adi_fail(AD_ERR_STATE, "padim needs at least 2 images, the fit has %" PRId64,
                        f->moments->n);
    adi_padim_model *model = NULL;
    ADI_TRY(adi_padim_model_create(f->head.backbone->context, f->head.backbone->network->graph,
                                   &f->config, f->embedding.h, f->embedding.w, &model));
    for (int32_t k = 0; k < f->config.o.dimensions; k++)
        model->embedding.subset[k] = f->embedding.subset[k];
    *out_facts = (adi_facts){.images = f->moments->n};
    ad_status status = fit_model(f, model, &out_facts->normal_map);
    if (status == AD_OK)
        status = adi_padim_model_place(model);
    if (status == AD_OK)
        *out_model = &model->head;
    else
        adi_padim_model_destroy(&model->head);
    return status;
}

static size_t memory(const adi_fit *fit)
{
    const padim_fit *f = (const padim_fit *)fit;
    return bytes_of(f->head.backbone->context, &f->moments->d);
}

/* ---- scoring ---- */

/* A workspace's own floats: the vectors. The results: their distances. */
static void reserve(const adi_model *model, adi_extractor *x)
{
    const adi_padim_model *m = (const adi_padim_model *)model;
    const adi_position_dims d = adi_padim_dims(&m->embedding, &m->config);
    const adi_device *device = &x->context->device;
    adi_extractor_reserve(x,
                          device->kernels->position_gaussian_fwd_scratch(&d, device->num_threads),
                          (size_t)(d.p * d.d), (size_t)d.p);
}

static ad_status infer(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                       int32_t wants_map, adi_layer_maps *out)
{
    const adi_padim_model *m = (const adi_padim_model *)model;
    const adi_position_dims d = adi_padim_dims(&m->embedding, &m->config);
    const adi_exec ex = adi_workspace_exec(x, w);
    (void)wants_map;
    out->distance = w->host_results;
    float *distance = adi_layer_maps_add(out, m->embedding.h, m->embedding.w, NULL);
    ADI_TRY(adi_padim_embed(&m->embedding, &m->config, x, w, w->extra));
    const ad_status status = x->context->device.kernels->position_gaussian_fwd(
        &ex, w->results, w->extra, m->mean, m->factor, &d);
    if (status != AD_OK)
        return adi_fail(status, "distances of %" PRId64 " positions failed in the backend", d.p);
    ADI_TRY(adi_extractor_fetch_results(x, w, (size_t)d.p));
    for (int64_t p = 0; p < d.p; p++)
        distance[p] = sqrtf(distance[p]);
    return AD_OK;
}

const adi_method adi_method_padim = {
    .name = "padim",
    .source = "Defard et al. 2020, arXiv:2011.08785",
    .needs = "any backbone; parts that always lie alike",
    .caps = ADI_MAPS | ADI_MERGES,
    .config_size = sizeof(adi_padim_config),
    .options = &adi_padim_options_table,
    .settle = adi_padim_settle,
    .create = create,
    .prepare = prepare,
    .add = add,
    .merge = merge,
    .finish = finish,
    .save_fit = save_fit,
    .load_fit = load_fit,
    .memory = memory,
    .destroy_fit = destroy_fit,
    .reserve = reserve,
    .infer = infer,
    .save = adi_padim_save,
    .load = adi_padim_load,
    .destroy_model = adi_padim_model_destroy,
};
