/* ad_evaluate: every image of a labelled set through a scorer, and what that says of it. */
#include <math.h>
#include <string.h>

#include "api/read_ahead.h"
#include "core/clock.h"
#include "core/options.h"
#include "methods/method.h"
#include "stats/metrics.h"

void ad_evaluate_options_init(ad_evaluate_options *options, size_t struct_size)
{
    const ad_evaluate_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

typedef struct evaluation {
    const adi_allocator *allocator;
    ad_scorer *scorer;
    const ad_dataset *dataset;
    int32_t eval_size, with_maps;
    int64_t count;
    float *scores;
    uint8_t *labels;
    double *times;
    float *map; /* of the largest image so far */
    size_t map_floats;
    uint8_t *mask; /* a resized mask */
    adi_pixel_metrics *pixels;
} evaluation;

static ad_status room_for_map(evaluation *e, int64_t width, int64_t height)
{
    const size_t n = (size_t)width * (size_t)height;
    if (n <= e->map_floats)
        return AD_OK;
    adi_free(e->allocator, e->map);
    e->map_floats = 0;
    e->map = adi_alloc(e->allocator, n * sizeof *e->map);
    if (!e->map)
        return adi_fail_memory();
    e->map_floats = n;
    return AD_OK;
}

/* Nearest, so that a mask stays a mask. */
static ad_status resize_mask(evaluation *e, ad_image *mask)
{
    const int64_t size = e->eval_size;
    if (!e->mask)
        e->mask = adi_alloc(e->allocator, (size_t)(size * size));
    if (!e->mask)
        return adi_fail_memory();
    for (int64_t y = 0; y < size; y++) {
        const uint8_t *row = (const uint8_t *)mask->pixels + y * mask->height / size * mask->row_bytes;
        for (int64_t x = 0; x < size; x++)
            e->mask[y * size + x] = row[x * mask->width / size];
    }
    ad_image_release(mask);
    *mask = (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO8, e->mask, size, size, size);
    return AD_OK;
}

static ad_status add_pixels(evaluation *e, int64_t index, const ad_sample *sample, const ad_image *image,
                            const ad_map *map)
{
    if (!sample->has_mask)
        return adi_pixel_metrics_add(e->pixels, map, NULL);
    ad_image mask = {0};
    ADI_TRY(ad_dataset_read_mask(e->dataset, index, &mask));
    ad_status status = AD_OK;
    if (mask.width != image->width || mask.height != image->height)
        status = adi_fail(AD_ERR_SHAPE, "the mask is %lldx%lld, the image %lldx%lld",
                          (long long)mask.width, (long long)mask.height, (long long)image->width,
                          (long long)image->height);
    else if (e->eval_size)
        status = resize_mask(e, &mask);
    if (status == AD_OK)
        status = adi_pixel_metrics_add(e->pixels, map, &mask);
    ad_image_release(&mask);
    return status;
}

static ad_status score_one(evaluation *e, int64_t index, const ad_sample *sample, const ad_image *image)
{
    const int64_t w = e->eval_size ? e->eval_size : image->width;
    const int64_t h = e->eval_size ? e->eval_size : image->height;
    if (e->with_maps)
        ADI_TRY(room_for_map(e, w, h));
    const ad_map map = AD_MAP_INIT(e->map, w, h, w * (int64_t)sizeof(float));
    const double before = adi_now_ms();
    ADI_TRY(e->with_maps ? ad_anomaly_map(e->scorer, image, &map, &e->scores[index])
                         : ad_score_image(e->scorer, image, &e->scores[index]));
    e->times[index] = adi_now_ms() - before;
    return e->with_maps ? add_pixels(e, index, sample, image, &map) : AD_OK;
}

static ad_status score_each(evaluation *e, adi_read_ahead *ahead, const ad_evaluate_options *o)
{
    for (int64_t i = 0; i < e->count; i++) {
        if (o->progress && o->progress(o->user, (double)i / (double)e->count))
            return adi_fail(AD_ERR_CANCELLED, "the evaluation was cancelled after %lld of %lld images",
                            (long long)i, (long long)e->count);
        ad_sample sample = {.struct_size = sizeof sample};
        ADI_TRY(ad_dataset_get(e->dataset, i, &sample));
        ad_image image = {0};
        ADI_TRY(adi_read_ahead_next(ahead, &image));
        const ad_status status = score_one(e, i, &sample, &image);
        ad_image_release(&image);
        if (status != AD_OK)
            return adi_fail_in_file(status, "image", sample.name);
        e->labels[i] = sample.label == 1;
    }
    if (o->progress)
        (void)o->progress(o->user, 1.0);
    return AD_OK;
}

static ad_status score_all(evaluation *e, const ad_evaluate_options *o)
{
    adi_read_ahead ahead;
    adi_read_ahead_begin(&ahead, e->dataset);
    const ad_status status = score_each(e, &ahead, o);
    adi_read_ahead_end(&ahead);
    return status;
}

/* 1 where pixel figures mean something: every anomalous image has a mask. */
static ad_status masks_complete(const ad_dataset *dataset, int32_t *out_complete)
{
    int64_t masks = 0, missing = 0;
    for (int64_t i = 0; i < ad_dataset_count(dataset); i++) {
        ad_sample sample = {.struct_size = sizeof sample};
        ADI_TRY(ad_dataset_get(dataset, i, &sample));
        masks += sample.has_mask;
        missing += sample.label == 1 && !sample.has_mask;
    }
    *out_complete = masks > 0 && missing == 0;
    return AD_OK;
}

/* A figure that needs both classes is NaN when there is one. */
static ad_status or_nan(ad_status status, double *figure)
{
    if (status != AD_ERR_INVALID_ARGUMENT)
        return status;
    *figure = NAN;
    return AD_OK;
}

static ad_status measure(evaluation *e, ad_evaluation *out)
{
    float threshold = NAN;
    const size_t n = (size_t)e->count;
    ADI_TRY(or_nan(adi_auroc(e->allocator, e->scores, e->labels, n, &out->image_auroc),
                   &out->image_auroc));
    ADI_TRY(or_nan(adi_average_precision(e->allocator, e->scores, e->labels, n, &out->image_ap),
                   &out->image_ap));
    ADI_TRY(or_nan(adi_f1_max(e->allocator, e->scores, e->labels, n, &out->f1_max, &threshold),
                   &out->f1_max));
    out->f1_threshold = (double)threshold;
    out->pixel_auroc = out->au_pro = NAN;
    if (e->with_maps) {
        ADI_TRY(or_nan(adi_pixel_metrics_auroc(e->pixels, &out->pixel_auroc), &out->pixel_auroc));
        ADI_TRY(or_nan(adi_pixel_metrics_aupro(e->pixels, 0.3, &out->au_pro), &out->au_pro));
    }
    out->ms_per_image = adi_median(e->times, n);
    out->images = e->count;
    out->eval_size = e->eval_size;
    for (size_t i = 0; i < n; i++)
        out->anomalous += e->labels[i];
    return AD_OK;
}

ad_status ad_evaluate(ad_scorer *scorer, const ad_dataset *dataset, const ad_evaluate_options *options,
                      ad_evaluation *out_evaluation, float *out_scores)
{
    ADI_CHECK_ARG(scorer && dataset && out_evaluation, "ad_evaluate: an argument is NULL");
    ad_evaluate_options o;
    ad_evaluate_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_evaluate_options"));
    ADI_CHECK_ARG(o.eval_size >= 0 && o.eval_size <= 8192, "eval_size is %d, 0 to 8192 is possible",
                  o.eval_size);
    ad_scorer_info info = {.struct_size = sizeof info};
    ADI_TRY(ad_scorer_get_info(scorer, &info));
    evaluation e = {.allocator = &scorer->backbone->context->allocator, .scorer = scorer,
                    .dataset = dataset, .eval_size = o.eval_size, .count = ad_dataset_count(dataset)};
    ADI_TRY(masks_complete(dataset, &e.with_maps));
    e.with_maps = e.with_maps && info.has_map;
    const size_t n = (size_t)e.count;
    ad_evaluation result = {0};
    e.scores = adi_calloc(e.allocator, n, sizeof *e.scores);
    e.labels = adi_calloc(e.allocator, n, 1);
    e.times = adi_calloc(e.allocator, n, sizeof *e.times);
    ad_status status = e.scores && e.labels && e.times
                           ? adi_pixel_metrics_create(e.allocator, 8, &e.pixels)
                           : adi_fail_memory();
    if (status == AD_OK)
        status = score_all(&e, &o);
    if (status == AD_OK)
        status = measure(&e, &result);
    if (status == AD_OK)
        status = adi_struct_give(out_evaluation, &result, sizeof result, "ad_evaluation");
    if (status == AD_OK && out_scores)
        memcpy(out_scores, e.scores, n * sizeof *out_scores);
    adi_pixel_metrics_destroy(e.pixels);
    adi_free(e.allocator, e.scores);
    adi_free(e.allocator, e.labels);
    adi_free(e.allocator, e.times);
    adi_free(e.allocator, e.map);
    adi_free(e.allocator, e.mask);
    return status;
}
