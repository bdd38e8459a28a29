/* ad_evaluate: score every image of a labelled dataset and compute metrics. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "api/objects.h"
#include "api/damage.h"
#include "api/dataset.h"
#include "api/evaluation_notes.h"
#include "api/product_watch.h"
#include "api/read_ahead.h"
#include "core/clock.h"
#include "core/options.h"
#include "stats/pixel_metrics.h"
#include "stats/roc.h"

void ad_evaluate_options_init(ad_evaluate_options *options, size_t struct_size)
{
    const ad_evaluate_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

typedef struct evaluation {
    const adi_allocator *allocator;
    ad_scorer *scorer;
    const ad_dataset *dataset;
    ad_read_options read; /* the dataset's, with the scorer's for what it leaves open */
    int32_t eval_size, with_maps;
    int64_t count, kept; /* number of images, and of those scored so far */
    float *scores;
    float *known; /* of images with a known label, and their number: metrics use only these */
    uint8_t *labels;
    double *good; /* scores of good images */
    double *times;
    adi_census census;
    float *map; /* for the largest image so far */
    size_t map_floats;
    uint8_t *mask; /* a resized mask */
    size_t mask_bytes;
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

/* Nearest neighbour, so that a mask stays binary. */
static ad_status resize_mask(evaluation *e, ad_image *mask, int64_t width, int64_t height)
{
    const size_t bytes = (size_t)width * (size_t)height;
    if (bytes > e->mask_bytes) {
        adi_free(e->allocator, e->mask);
        e->mask_bytes = 0;
        e->mask = adi_alloc(e->allocator, bytes);
        if (!e->mask)
            return adi_fail_memory();
        e->mask_bytes = bytes;
    }
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *row =
            (const uint8_t *)mask->pixels + y * mask->height / height * mask->row_bytes;
        for (int64_t x = 0; x < width; x++)
            e->mask[y * width + x] = row[x * mask->width / width];
    }
    ad_image_release(mask);
    *mask = (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO8, e->mask, width, height, width);
    return AD_OK;
}

static ad_status add_pixels(evaluation *e, int64_t index, const ad_sample *sample,
                            const ad_image *image, const ad_map *map)
{
    if (!sample->has_mask)
        return adi_pixel_metrics_add(e->pixels, map, NULL);
    ad_image mask = {0};
    ADI_TRY(adi_dataset_read_mask(e->dataset, index, &e->read, &mask));
    ad_status status = adi_census_see(&e->census, sample, image, &mask);
    if (status == AD_OK && (mask.width != map->width || mask.height != map->height))
        status = resize_mask(e, &mask, map->width, map->height);
    if (status == AD_OK)
        status = adi_pixel_metrics_add(e->pixels, map, &mask);
    ad_image_release(&mask);
    return status;
}

/* The map is skipped if no mask tells which of its pixels are anomalous. */
static ad_status score_one(evaluation *e, int64_t index, const ad_sample *sample,
                           const ad_image *image)
{
    const int64_t w = e->eval_size ? e->eval_size : image->width;
    const int64_t h = e->eval_size ? e->eval_size : image->height;
    const int with_map = e->with_maps && (sample->label == 0 || sample->has_mask);
    if (with_map)
        ADI_TRY(room_for_map(e, w, h));
    const ad_map map = AD_MAP_INIT(e->map, w, h, w * (int64_t)sizeof(float));
    const double before = adi_now_ms();
    ADI_TRY(adi_scorer_run(e->scorer, image, with_map ? &map : NULL, &e->scores[index]));
    e->times[e->kept] = adi_now_ms() - before;
    return with_map ? add_pixels(e, index, sample, image, &map) : AD_OK;
}

/* An image with an unknown label is scored but not used for metrics. */
static void keep_score(evaluation *e, float score, int32_t label)
{
    adi_census *c = &e->census;
    if (label < 0)
        return;
    if (label == 0)
        e->good[c->good_scored++] = (double)score;
    e->known[c->scored] = score;
    e->labels[c->scored++] = label == 1;
}

/* scoring 0: only check that the files can be read. */
static ad_status take_one(evaluation *e, adi_read_ahead *ahead, int64_t index,
                          const ad_sample *sample, bool scoring)
{
    ad_image image = {0}, mask = {0};
    ADI_TRY(adi_read_ahead_next(ahead, &image));
    ad_status status;
    if (scoring) {
        status = score_one(e, index, sample, &image);
    } else {
        status = e->with_maps && sample->has_mask
                     ? adi_dataset_read_mask(e->dataset, index, &e->read, &mask)
                     : AD_OK;
        ad_image_release(&mask);
    }
    adi_read_ahead_release(ahead, &image);
    return adi_fail_in_file(status, "image", sample->name);
}

/* Continue after a damaged image, so that all of them are named. */
static ad_status score_each(evaluation *e, adi_read_ahead *ahead, const ad_evaluate_options *o)
{
    adi_damage damage = {.context = e->scorer->backbone->context};
    for (int64_t i = 0; i < e->count; i++) {
        if (o->progress && o->progress(o->user, (double)i / (double)e->count))
            return adi_fail(AD_ERR_CANCELLED,
                            "the evaluation was cancelled after %lld of %lld images", (long long)i,
                            (long long)e->count);
        ad_sample sample = {.struct_size = sizeof sample};
        ADI_TRY(ad_dataset_get(e->dataset, i, &sample));
        const ad_status status = take_one(e, ahead, i, &sample, !damage.count || o->skip_damaged);
        if (status != AD_OK && !adi_is_damage(e->dataset, status))
            return status;
        if (status != AD_OK) {
            adi_damage_add(&damage, e->dataset, i, status);
            adi_census_skip(&e->census, &sample);
            e->scores[i] = NAN;
        } else {
            e->kept++;
            keep_score(e, e->scores[i], sample.label);
        }
    }
    if (damage.count && (!o->skip_damaged || damage.count == e->count))
        return adi_damage_fail(&damage, e->count, o->skip_damaged != 0);
    if (o->progress)
        (void)o->progress(o->user, 1.0);
    return AD_OK;
}

static ad_status score_all(evaluation *e, const ad_evaluate_options *o)
{
    adi_read_ahead ahead;
    adi_read_ahead_begin(&ahead, e->dataset, &e->read, "ad_evaluate");
    const ad_status status = score_each(e, &ahead, o);
    adi_read_ahead_end(&ahead);
    return status;
}

/* The dataset's options hold. If the scorer's differ it may be a mistake, so it is logged. */
static ad_read_options reading(const ad_scorer *scorer, const ad_dataset *dataset)
{
    ad_read_options read = dataset->read;
    adi_read_options_fill(&read, &scorer->reading.files);
    if (read.orientation != scorer->reading.files.orientation && !dataset->callback)
        adi_log(scorer->backbone->context, AD_LOG_WARNING,
                "the images are read %s, those that the scorer was fitted on were read %s",
                adi_orientation_word(read.orientation),
                adi_orientation_word(scorer->reading.files.orientation));
    return read;
}

static ad_status measure_images(evaluation *e, ad_evaluation *out)
{
    float threshold = NAN;
    const size_t n = (size_t)e->census.scored;
    out->image_auroc = out->image_ap = out->f1_max = out->f1_threshold = NAN;
    if (!adi_census_say_images(&e->census, e->kept, out->image_note, sizeof out->image_note))
        return AD_OK;
    ADI_TRY(adi_auroc(e->allocator, e->known, e->labels, n, &out->image_auroc));
    ADI_TRY(adi_average_precision(e->allocator, e->known, e->labels, n, &out->image_ap));
    ADI_TRY(adi_f1_max(e->allocator, e->known, e->labels, n, &out->f1_max, &threshold));
    out->f1_threshold = (double)threshold;
    return AD_OK;
}

static ad_status measure_pixels(evaluation *e, int32_t has_map, ad_evaluation *out)
{
    double auroc = NAN, au_pro = NAN;
    out->pixel_auroc = out->au_pro = NAN;
    if (!adi_census_say_pixels(&e->census, has_map, out->pixel_note, sizeof out->pixel_note))
        return AD_OK;
    ad_status status = adi_pixel_metrics_auroc(e->pixels, &auroc);
    if (status == AD_OK)
        status = adi_pixel_metrics_aupro(e->pixels, 0.3, &au_pro);
    if (status ==
        AD_ERR_INVALID_ARGUMENT) { /* marked pixels may be lost when masks are scaled down */
        snprintf(out->pixel_note, sizeof out->pixel_note, "%s", ad_last_error_message());
        return AD_OK;
    }
    out->pixel_auroc = auroc;
    out->au_pro = au_pro;
    return status;
}

static ad_status measure(evaluation *e, const ad_scorer_info *info, ad_evaluation *out)
{
    out->images = e->kept;
    out->skipped = e->count - e->kept;
    out->anomalous = e->census.anomalous;
    out->masked = e->census.masked;
    out->eval_size = e->eval_size;
    out->ms_per_image = adi_median(e->times, (size_t)e->kept);
    ADI_TRY(measure_images(e, out));
    ADI_TRY(measure_pixels(e, info->has_map, out));
    const size_t good = (size_t)e->census.good_scored;
    out->normal_ratio = good ? adi_product_ratio(e->scorer, adi_median(e->good, good)) : NAN;
    adi_product_say(e->scorer, out->normal_ratio, out->scorer_note, sizeof out->scorer_note);
    return AD_OK;
}

static ad_status evaluate(ad_scorer *scorer, const ad_dataset *dataset,
                          const ad_evaluate_options *options, ad_evaluation *out_evaluation,
                          float *out_scores)
{
    ad_evaluate_options o;
    ad_evaluate_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_evaluate_options"));
    ADI_CHECK_ARG(o.eval_size >= 0 && o.eval_size <= 8192, "eval_size is %d, 0 to 8192 is possible",
                  o.eval_size);
    ADI_CHECK_ARG(o.skip_damaged == 0 || o.skip_damaged == 1,
                  "skip_damaged is %d, 0 and 1 are possible", o.skip_damaged);
    ad_scorer_info info = {.struct_size = sizeof info};
    ADI_TRY(ad_scorer_get_info(scorer, &info));
    evaluation e = {.allocator = &scorer->backbone->context->allocator,
                    .scorer = scorer,
                    .dataset = dataset,
                    .eval_size = o.eval_size,
                    .count = ad_dataset_count(dataset),
                    .read = reading(scorer, dataset)};
    ADI_TRY(adi_census_begin(&e.census, dataset));
    e.with_maps = e.census.masked > 0 && info.has_map;
    const size_t n = (size_t)e.count;
    ad_evaluation result = {0};
    e.scores = adi_calloc(e.allocator, n, sizeof *e.scores);
    e.known = adi_calloc(e.allocator, n, sizeof *e.known);
    e.labels = adi_calloc(e.allocator, n, 1);
    e.good = adi_calloc(e.allocator, n, sizeof *e.good);
    e.times = adi_calloc(e.allocator, n, sizeof *e.times);
    ad_status status = e.scores && e.known && e.labels && e.good && e.times
                           ? adi_pixel_metrics_create(e.allocator, 8, &e.pixels)
                           : adi_fail_memory();
    if (status == AD_OK)
        status = score_all(&e, &o);
    if (status == AD_OK)
        status = measure(&e, &info, &result);
    if (status == AD_OK)
        status = adi_struct_give(out_evaluation, &result, sizeof result, "ad_evaluation");
    if (status == AD_OK && out_scores)
        memcpy(out_scores, e.scores, n * sizeof *out_scores);
    adi_pixel_metrics_destroy(e.pixels);
    adi_free(e.allocator, e.scores);
    adi_free(e.allocator, e.known);
    adi_free(e.allocator, e.labels);
    adi_free(e.allocator, e.good);
    adi_free(e.allocator, e.times);
    adi_free(e.allocator, e.map);
    adi_free(e.allocator, e.mask);
    return status;
}

/* Callbacks may destroy both. */
ad_status ad_evaluate(ad_scorer *scorer, const ad_dataset *dataset,
                      const ad_evaluate_options *options, ad_evaluation *out_evaluation,
                      float *out_scores)
{
    ADI_CHECK_ARG(scorer && dataset && out_evaluation, "ad_evaluate: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ad_scorer_retain(scorer);
    ad_dataset *images = adi_dataset_retain(dataset);
    const ad_status status = evaluate(scorer, images, options, out_evaluation, out_scores);
    ad_dataset_destroy(images);
    ad_scorer_destroy(scorer);
    return status;
}
