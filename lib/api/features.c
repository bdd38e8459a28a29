/* Features of one image, and what a backbone is. */
#include <string.h>

#include "core/options.h"
#include "api/objects.h"

void ad_backbone_destroy(ad_backbone *backbone)
{
    adi_backbone_release(backbone);
}

ad_status ad_backbone_get_info(const ad_backbone *backbone, ad_backbone_info *out_info)
{
    ADI_CHECK_ARG(backbone, "ad_backbone_get_info: backbone is NULL");
    const adi_graph *g = backbone->network->graph;
    ad_backbone_info info = {.input_size = g->input_size,
                             .architecture = g->name,
                             .digest = backbone->digest,
                             .parameter_count = backbone->network->parameter_count,
                             .dialect = adi_dialect_word(backbone->network->dialect, g),
                             .padding = g->padding,
                             .batchnorm_eps = g->eps};
    memcpy(info.mean, g->mean, sizeof info.mean);
    memcpy(info.std, g->std, sizeof info.std);
    return adi_struct_give(out_info, &info, sizeof info, "ad_backbone_info");
}

int32_t ad_backbone_layer_count(const ad_backbone *backbone)
{
    return backbone ? backbone->network->graph->tap_count : 0;
}

ad_status ad_backbone_layer_info(const ad_backbone *backbone, int32_t index, int64_t input_height,
                                 int64_t input_width, ad_layer_info *out_info)
{
    ADI_CHECK_ARG(backbone, "ad_backbone_layer_info: backbone is NULL");
    ADI_DEFAULT_FLOATS;
    const adi_graph *g = backbone->network->graph;
    ADI_CHECK_ARG(index >= 0 && index < g->tap_count, "layer %d of %d", index, g->tap_count);
    ADI_CHECK_ARG(input_height >= 1 && input_width >= 1 && input_height <= ADI_PLAN_MAX_SIDE
                      && input_width <= ADI_PLAN_MAX_SIDE,
                  "input of %lldx%lld: 1 to %d a side is possible", (long long)input_width,
                  (long long)input_height, ADI_PLAN_MAX_SIDE);
    adi_shape shape;
    ADI_TRY(adi_plan_tap_shape(&backbone->context->allocator, g, index, input_height, input_width,
                               &shape));
    const ad_layer_info info = {.available = adi_network_tap_available(backbone->network, index),
                                .name = g->taps[index].name,
                                .height = shape.h,
                                .width = shape.w,
                                .channels = shape.c};
    return adi_struct_give(out_info, &info, sizeof info, "ad_layer_info");
}

static int same_kind(const adi_extractor *x, const adi_preprocess *p, const int32_t *taps,
                     int32_t count)
{
    return x->tap_count == count && memcmp(x->taps, taps, (size_t)count * sizeof *taps) == 0
           && x->preprocess.resize == p->resize && x->preprocess.aspect == p->aspect
           && x->preprocess.size == p->size && x->preprocess.crop == p->crop
           && memcmp(x->preprocess.mean, p->mean, sizeof p->mean) == 0
           && memcmp(x->preprocess.std, p->std, sizeof p->std) == 0;
}

/* The kept extractor when it is of the kind asked for, or a new one that is kept from then on. */
static ad_status share_extractor(ad_backbone *b, const adi_preprocess *p, const int32_t *taps,
                                 int32_t count, adi_shared_extractor **out_shared)
{
    const adi_allocator *a = &b->context->allocator;
    pthread_mutex_lock(&b->lock);
    adi_shared_extractor *s =
        b->last && same_kind(b->last->extractor, p, taps, count) ? b->last : NULL;
    if (s)
        atomic_fetch_add(&s->refs, 1);
    pthread_mutex_unlock(&b->lock);
    if (s) {
        *out_shared = s;
        return AD_OK;
    }
    s = adi_calloc(a, 1, sizeof *s);
    if (!s)
        return adi_fail_memory();
    const ad_status status =
        adi_extractor_create(b->context, b->network, p, taps, count, &s->extractor);
    if (status != AD_OK) {
        adi_free(a, s);
        return status;
    }
    atomic_init(&s->refs, 2); /* the backbone's and the caller's */
    pthread_mutex_lock(&b->lock);
    adi_shared_extractor *before = b->last;
    b->last = s;
    pthread_mutex_unlock(&b->lock);
    adi_shared_extractor_release(a, before);
    *out_shared = s;
    return AD_OK;
}

static ad_status extract(const adi_extractor *x, adi_workspace *w, const ad_image *image,
                         ad_features *features, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        if (features[i].capacity < s->h * s->w * s->c)
            return adi_fail(AD_ERR_SHAPE,
                            "layer '%s' gives %lldx%lldx%lld floats, capacity is %lld",
                            features[i].layer, (long long)s->w, (long long)s->h, (long long)s->c,
                            (long long)features[i].capacity);
    }
    ADI_TRY(adi_extractor_run(x, w, image));
    for (int32_t i = 0; i < count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        ADI_TRY(adi_mem_download(&x->context->device, w->queue, features[i].data,
                                 adi_extractor_data(x, w, i),
                                 (size_t)(s->h * s->w * s->c) * sizeof(float)));
        features[i].height = s->h;
        features[i].width = s->w;
        features[i].channels = s->c;
    }
    return AD_OK;
}

ad_status ad_extract_features(ad_backbone *backbone, const ad_image *image,
                              const char *preprocess, ad_features *features, int32_t count)
{
    ADI_CHECK_ARG(backbone && image && features, "ad_extract_features: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_CHECK_ARG(count >= 1 && count <= ADI_MAX_LAYERS,
                  "ad_extract_features: count is %d, 1 to %d", count, ADI_MAX_LAYERS);
    const adi_graph *g = backbone->network->graph;
    int32_t taps[ADI_MAX_LAYERS];
    for (int32_t i = 0; i < count; i++) {
        ADI_CHECK_ARG(features[i].struct_size == sizeof *features,
                      "features[%d]: struct_size is %u, %zu is expected", i,
                      features[i].struct_size, sizeof *features);
        ADI_CHECK_RESERVED(features[i], reserved, "ad_features");
        ADI_CHECK_ARG((uintptr_t)features[i].data % sizeof(float) == 0,
                      "features[%d]: data must be aligned to %zu bytes", i, sizeof(float));
        ADI_CHECK_ARG(features[i].layer && features[i].data, "features[%d]: layer or data is NULL",
                      i);
        int32_t one;
        ADI_CHECK_ARG(!strchr(features[i].layer, ','), "features[%d]: one layer each, not '%s'", i,
                      features[i].layer);
        ADI_TRY(adi_layers_parse(g, features[i].layer, &taps[i], &one));
    }
    ADI_TRY(adi_image_check(image));
    adi_preprocess resolved;
    ADI_TRY(adi_preprocess_read(&backbone->context->allocator, preprocess, g, &resolved));
    adi_shared_extractor *shared = NULL;
    ADI_TRY(share_extractor(backbone, &resolved, taps, count, &shared));
    adi_workspace *w = NULL;
    ad_status status = adi_extractor_borrow(shared->extractor, &w);
    if (status == AD_OK) {
        status = extract(shared->extractor, w, image, features, count);
        adi_extractor_give_back(shared->extractor, w);
    }
    adi_shared_extractor_release(&backbone->context->allocator, shared);
    return adi_mem_explain(&backbone->context->device, status);
}
