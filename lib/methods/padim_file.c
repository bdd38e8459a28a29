/* A fitted PaDiM in memory and in a file: `subset` I32 [d], `mean` F32 [h, w, d], `factor` F32 [h
 * w, d (d + 1) / 2], every position's inverse Cholesky factor, the columns of its lower triangle
 * one after the other. */
#include <string.h>

#include "methods/padim.h"

adi_position_dims adi_padim_dims(const adi_padim_embedding *e, const adi_padim_config *config)
{
    return (adi_position_dims){e->h * e->w, config->o.dimensions,
                               config->o.covariance == ADI_PADIM_LEDOIT_WOLF};
}

static size_t mean_floats(const adi_position_dims *d)
{
    return (size_t)(d->p * d->d);
}

static size_t factor_floats(const adi_position_dims *d)
{
    return (size_t)(d->p * adi_triangle(d->d));
}

size_t adi_padim_model_bytes(const adi_position_dims *d)
{
    return sizeof(adi_padim_model) + (size_t)d->d * (sizeof(int32_t) + 2 * sizeof(float)) +
           (mean_floats(d) + factor_floats(d)) * sizeof(float);
}

ad_status adi_padim_model_create(ad_context *context, const adi_graph *graph,
                                 const adi_padim_config *config, int64_t h, int64_t w,
                                 adi_padim_model **out_model)
{
    const adi_allocator *a = &context->allocator;
    adi_padim_model *m = adi_calloc(a, 1, sizeof *m);
    if (!m)
        return adi_fail_memory();
    m->config = *config;
    m->head = (adi_model){.method = config->settings.method, .context = context, .graph = graph,
                          .settings = &m->config.settings, .has_map = 1,
                          .recipe = {.join = ADI_JOIN_MEAN,
                                     .at = config->settings.preprocess.crop,
                                     .side = config->settings.preprocess.crop,
                                     .blur_sigma = config->o.blur_sigma,
                                     .score = ADI_SCORE_MAX_MAP}};
    m->embedding = (adi_padim_embedding){.h = h, .w = w};
    const adi_position_dims d = adi_padim_dims(&m->embedding, config);
    m->embedding.subset = adi_alloc(a, (size_t)d.d * sizeof *m->embedding.subset);
    m->host_mean = adi_alloc(a, mean_floats(&d) * sizeof *m->host_mean);
    m->host_factor = adi_alloc(a, factor_floats(&d) * sizeof *m->host_factor);
    if (!m->embedding.subset || !m->host_mean || !m->host_factor) {
        adi_padim_model_destroy(&m->head);
        return adi_fail_memory();
    }
    *out_model = m;
    return AD_OK;
}

static ad_status place(const ad_context *c, float **io_host, size_t floats, adi_f32 **out)
{
    void *host = *io_host, *placed = NULL;
    const ad_status status =
        adi_mem_place(&c->device, &c->allocator, &host, floats * sizeof(float), &placed);
    *io_host = host;
    *out = placed;
    return status;
}

ad_status adi_padim_model_place(adi_padim_model *m)
{
    const adi_position_dims d = adi_padim_dims(&m->embedding, &m->config);
    ADI_TRY(place(m->head.context, &m->host_mean, mean_floats(&d), &m->mean));
    ADI_TRY(place(m->head.context, &m->host_factor, factor_floats(&d), &m->factor));
    return adi_padim_embedding_fill(&m->embedding, m->head.context, m->head.graph, &m->config);
}

void adi_padim_model_destroy(adi_model *model)
{
    adi_padim_model *m = (adi_padim_model *)model;
    if (!m)
        return;
    const adi_allocator *a = &m->head.context->allocator;
    const adi_device *d = &m->head.context->device;
    adi_padim_embedding_free(&m->embedding, m->head.context);
    adi_mem_free(d, a, m->mean);
    adi_mem_free(d, a, m->factor);
    adi_free(a, m->host_mean);
    adi_free(a, m->host_factor);
    adi_free(a, m);
}

ad_status adi_padim_save(const adi_model *model, adi_st_writer *writer, adi_kept *keep)
{
    const adi_padim_model *m = (const adi_padim_model *)model;
    const ad_context *c = model->context;
    const adi_position_dims dims = adi_padim_dims(&m->embedding, &m->config);
    const float *means = NULL, *factors = NULL;
    const int64_t d = m->config.o.dimensions, h = m->embedding.h, w = m->embedding.w;
    ADI_TRY(adi_kept_fetch(&c->device, &c->allocator, keep, m->mean, mean_floats(&dims), &means));
    ADI_TRY(adi_kept_fetch(&c->device, &c->allocator, keep, m->factor, factor_floats(&dims),
                           &factors));
    const int64_t subset[1] = {d}, mean[3] = {h, w, d}, factor[2] = {h * w, adi_triangle(d)};
    ADI_TRY(adi_st_writer_tensor(writer, "subset", ADI_I32, 1, subset, m->embedding.subset));
    ADI_TRY(adi_st_writer_tensor(writer, "mean", ADI_F32, 3, mean, means));
    return adi_st_writer_tensor(writer, "factor", ADI_F32, 2, factor, factors);
}

static ad_status find(const adi_safetensors *file, const char *name, adi_dtype dtype, int32_t ndim,
                      const int64_t *shape, const adi_st_tensor **out)
{
    const adi_st_tensor *t = adi_st_find(file, name);
    if (!t)
        return adi_fail(AD_ERR_FORMAT, "the scorer holds no tensor '%s'", name);
    if (t->dtype != dtype || t->ndim != ndim ||
        memcmp(t->shape, shape, (size_t)ndim * sizeof *shape) != 0)
        return adi_fail(AD_ERR_FORMAT,
                        "tensor '%s' of the scorer has another type or shape than %s of %lld, ...",
                        name, adi_dtype_name(dtype), (long long)shape[0]);
    *out = t;
    return AD_OK;
}

/* Each in range and none twice; `seen` holds a zero for every channel. */
static ad_status check_subset(const adi_padim_model *m, uint8_t *seen)
{
    for (int32_t k = 0; k < m->config.o.dimensions; k++) {
        const int32_t channel = m->embedding.subset[k];
        if (channel < 0 || channel >= m->config.channels)
            return adi_fail(AD_ERR_FORMAT, "tensor 'subset' of the scorer names channel %d of %d",
                            channel, m->config.channels);
        if (seen[channel]++)
            return adi_fail(AD_ERR_FORMAT, "tensor 'subset' of the scorer names channel %d twice",
                            channel);
    }
    return AD_OK;
}

static ad_status load_subset(const adi_safetensors *file, const adi_st_tensor *t,
                             const adi_padim_model *m)
{
    const adi_allocator *a = &m->head.context->allocator;
    ADI_TRY(adi_st_read_i32(file, t, m->embedding.subset));
    uint8_t *seen = adi_calloc(a, (size_t)m->config.channels, 1);
    if (!seen)
        return adi_fail_memory();
    const ad_status status = check_subset(m, seen);
    adi_free(a, seen);
    return status;
}

static ad_status check_diagonals(const adi_padim_model *m)
{
    const int64_t d = m->config.o.dimensions;
    const float *w = m->host_factor;
    for (int64_t p = 0; p < m->embedding.h * m->embedding.w; p++)
        for (int64_t c = 0; c < d; w += d - c++)
            if (!(*w > 0.0f))
                return adi_fail(
                    AD_ERR_FORMAT,
                    "tensor 'factor' of the scorer: the diagonal at position %lld is %g",
                    (long long)p, (double)*w);
    return AD_OK;
}

static ad_status load_tensors(const adi_safetensors *file, const adi_st_tensor *const *tensors,
                              adi_padim_model *m)
{
    ADI_TRY(load_subset(file, tensors[0], m));
    ADI_TRY(adi_st_read_f32(file, tensors[1], m->host_mean));
    ADI_TRY(adi_st_read_f32(file, tensors[2], m->host_factor));
    return check_diagonals(m);
}

ad_status adi_padim_load(ad_context *context, const adi_graph *graph,
                         const adi_settings *settings, const adi_safetensors *file,
                         adi_model **out_model)
{
    const adi_padim_config *config = (const adi_padim_config *)settings;
    int64_t h, w;
    ADI_TRY(adi_padim_grid(&context->allocator, graph, config, &h, &w));
    /* Every tensor is found, in full, before memory of its size is asked for. */
    const int64_t d = config->o.dimensions, subset[1] = {d}, mean[3] = {h, w, d},
                  factor[2] = {h * w, adi_triangle(d)};
    const adi_st_tensor *tensors[3] = {NULL};
    ADI_TRY(find(file, "subset", ADI_I32, 1, subset, &tensors[0]));
    ADI_TRY(find(file, "mean", ADI_F32, 3, mean, &tensors[1]));
    ADI_TRY(find(file, "factor", ADI_F32, 2, factor, &tensors[2]));
    adi_padim_model *m = NULL;
    ADI_TRY(adi_padim_model_create(context, graph, config, h, w, &m));
    ad_status status = load_tensors(file, tensors, m);
    if (status == AD_OK)
        status = adi_padim_model_place(m);
    if (status == AD_OK)
        *out_model = &m->head;
    else
        adi_padim_model_destroy(&m->head);
    return status;
}
