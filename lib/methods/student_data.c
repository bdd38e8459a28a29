/* The images of a fit: 8-bit pixels after resizing, which is all that the network's input is made from, and the
 * teacher's features as far as the cache goes. Images are not augmented, so the features never change. */
#include <inttypes.h>
#include <string.h>

#include "core/digest.h"
#include "methods/student_data.h"

void adi_student_data_free(adi_student_data *d)
{
    for (int32_t i = 0; i < d->count; i++)
        adi_free(d->allocator, d->images[i]);
    for (int32_t i = 0; i < d->cached_count; i++)
        adi_free(d->allocator, d->cache[i]);
    if (d->allocator) {
        adi_free(d->allocator, d->images);
        adi_free(d->allocator, d->cache);
    }
    *d = (adi_student_data){0};
}

size_t adi_student_data_bytes(const adi_student_data *d)
{
    const size_t in_order = 2 * sizeof(int32_t); /* of the loop's lists */
    return (size_t)d->count * (d->pixels + in_order) + d->cached + d->image_capacity * sizeof *d->images
           + d->cache_capacity * sizeof *d->cache;
}

static ad_status check_memory(const adi_student_data *d)
{
    const size_t bytes = d->others + adi_student_data_bytes(d) + d->pixels;
    if (bytes > d->memory_limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY, "image %d brings the fit to %zu bytes, memory_limit is %zu: raise it",
                        d->count + 1, bytes, d->memory_limit);
    return AD_OK;
}

/* What does not fit is left out: it can be computed again. */
static ad_status add_features(adi_student_data *d, const float *const *layers, const adi_shape *shapes,
                              int32_t layer_count)
{
    const size_t bytes = d->features * sizeof(float);
    if (d->cached_count < d->count || d->cached + bytes > d->cache_limit
        || d->others + adi_student_data_bytes(d) + d->pixels + bytes > d->memory_limit)
        return AD_OK;
    float **cache = adi_grow(d->allocator, d->cache, &d->cache_capacity, (size_t)d->cached_count + 1, sizeof *cache);
    if (!cache)
        return adi_fail_memory();
    d->cache = cache;
    float *features = adi_alloc(d->allocator, bytes);
    if (!features)
        return adi_fail_memory();
    d->cache[d->cached_count++] = features;
    d->cached += bytes;
    for (int32_t i = 0; i < layer_count; i++) {
        const size_t n = (size_t)(shapes[i].h * shapes[i].w * shapes[i].c);
        memcpy(features, layers[i], n * sizeof *features);
        features += n;
    }
    return AD_OK;
}

ad_status adi_student_data_add(adi_student_data *d, const uint8_t *rgb, const float *const *layers,
                             const adi_shape *shapes, int32_t layer_count)
{
    ADI_TRY(check_memory(d));
    uint8_t **images = adi_grow(d->allocator, d->images, &d->image_capacity, (size_t)d->count + 1, sizeof *images);
    if (!images)
        return adi_fail_memory();
    d->images = images;
    uint8_t *pixels = adi_alloc(d->allocator, d->pixels);
    if (!pixels)
        return adi_fail_memory();
    const ad_status status = add_features(d, layers, shapes, layer_count);
    if (status != AD_OK) {
        adi_free(d->allocator, pixels);
        return status;
    }
    memcpy(pixels, rgb, d->pixels);
    adi_digest_bytes(&d->digest, pixels, d->pixels);
    d->images[d->count++] = pixels;
    return AD_OK;
}

ad_status adi_student_data_take(adi_student_data *d, const adi_extractor *x, const adi_workspace *w)
{
    const float *layers[ADI_MAX_LAYERS];
    adi_shape shapes[ADI_MAX_LAYERS];
    ADI_CHECK_ARG(d->count < INT32_MAX / 2, "%d images are too many", d->count);
    for (int32_t i = 0; i < x->tap_count; i++) {
        layers[i] = adi_extractor_data(x, w, i);
        shapes[i] = *adi_extractor_shape(x, i);
        ADI_TRY(adi_extractor_check_finite(x, w, i));
    }
    return adi_student_data_add(d, w->rgb, layers, shapes, x->tap_count);
}

void adi_student_data_input(const adi_student_data *d, int32_t index, float *out)
{
    adi_preprocess_from_bytes(d->preprocess, out, d->images[index], (int64_t)d->pixels / 3);
}

ad_status adi_student_data_features(const adi_student_data *d, const adi_extractor *x, adi_workspace *w,
                                  int32_t index, const float **out_layers)
{
    if (index >= d->cached_count) {
        adi_student_data_input(d, index, w->block + x->plan->input_offset[0]);
        ADI_TRY(adi_plan_run(x->plan, w->block, w->scratch));
        for (int32_t i = 0; i < x->tap_count; i++)
            out_layers[i] = adi_extractor_data(x, w, i);
        return AD_OK;
    }
    const float *features = d->cache[index];
    for (int32_t i = 0; i < x->tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        out_layers[i] = features;
        features += s->h * s->w * s->c;
    }
    return AD_OK;
}
