/* ad_scorer: one image in, a score and a map out. Saving and loading is in scorer_file.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/objects.h"
#include "api/product_watch.h"
#include "api/read_options.h"
#include "core/number.h"
#include "core/view.h"
#include "model/score_map.h"

static void free_scorer(ad_scorer *s)
{
    ad_backbone *backbone = s->backbone;
    const adi_allocator *a = &backbone->context->allocator;
    for (int32_t i = 0; i < s->option_count; i++)
        adi_free(a, s->options[i].value);
    if (s->model)
        s->model->method->destroy_model(s->model);
    adi_extractor_destroy(s->extractor);
    adi_free(a, s);
    ad_backbone_destroy(backbone);
}

static ad_status take_option(ad_scorer *s, const char *key, const char *value)
{
    adi_option_pair *o = &s->options[s->option_count];
    o->key = key;
    o->value = adi_strdup(&s->backbone->context->allocator, value);
    if (!o->value)
        return adi_fail_memory();
    s->option_count++;
    return AD_OK;
}

/* How files are read, the method's, then what the weights file left open and was settled when it
 * was opened. */
static ad_status take_options(ad_scorer *s)
{
    char value[ADI_OPTION_TEXT];
    ADI_TRY(take_option(s, "orientation", adi_orientation_word(s->reading.files.orientation)));
    snprintf(value, sizeof value, "%d", s->reading.files.significant_bits);
    ADI_TRY(take_option(s, "significant_bits", value));
    ADI_TRY(take_option(s, "grey16", s->reading.rounded_16 ? "rounded" : "camera"));
    for (int32_t i = 0; i < ADI_MAX_OPTIONS - 5; i++) {
        const char *key = adi_settings_option(s->model->settings, i, value);
        if (!key)
            break;
        ADI_TRY(take_option(s, key, value));
    }
    const adi_graph *g = s->backbone->network->graph;
    if (g->padding == AD_PADDING_AUTO)
        return AD_OK;
    ADI_TRY(take_option(s, "padding", adi_padding_word(g->padding)));
    return take_option(s, "batchnorm_eps", adi_real_text(g->eps, value));
}

ad_status adi_scorer_wrap(ad_backbone *backbone, adi_model *model, const adi_facts *facts,
                          const char *digest, const adi_scorer_reading *reading,
                          ad_scorer **out_scorer)
{
    const adi_settings *settings = model->settings;
    ad_scorer *s = adi_calloc(&backbone->context->allocator, 1, sizeof *s);
    if (!s) {
        model->method->destroy_model(model);
        return adi_fail_memory();
    }
    atomic_init(&s->refs, 1);
    s->backbone = adi_backbone_retain(backbone);
    s->model = model;
    s->facts = *facts;
    memcpy(s->digest, digest, sizeof s->digest);
    s->reading = *reading;
    ad_status status =
        adi_extractor_create(backbone->context, backbone->network, &settings->preprocess,
                             settings->taps, settings->tap_count, &s->extractor);
    if (status == AD_OK) {
        s->extractor->preprocess.rounded_16 = reading->rounded_16;
        status = take_options(s);
    }
    if (status != AD_OK) {
        free_scorer(s);
        return status;
    }
    adi_model_reserve(model, s->extractor);
    adi_product_watch_begin(s);
    *out_scorer = s;
    return AD_OK;
}

ad_scorer *ad_scorer_retain(ad_scorer *scorer)
{
    if (scorer)
        atomic_fetch_add_explicit(&scorer->refs, 1, memory_order_relaxed);
    return scorer;
}

void ad_scorer_destroy(ad_scorer *scorer)
{
    if (scorer && atomic_fetch_sub_explicit(&scorer->refs, 1, memory_order_acq_rel) == 1)
        free_scorer(scorer);
}

ad_status adi_scorer_run(ad_scorer *scorer, const ad_image *image, const ad_map *map,
                         float *out_score)
{
    adi_extractor *x = scorer->extractor;
    adi_workspace *w = NULL;
    ADI_TRY(adi_extractor_borrow(x, &w));
    double value = 0.0;
    ad_status status = adi_extractor_begin(x, w, map != NULL);
    if (status == AD_OK)
        status = adi_extractor_run(x, w, image);
    if (status == AD_OK)
        status = adi_model_score(scorer->model, x, w, map != NULL, &value);
    if (status == AD_OK && !isfinite((float)value))
        status =
            adi_fail(AD_ERR_NUMERIC, "the image's score %g is beyond what a float holds", value);
    if (status == AD_OK && map)
        status = adi_score_map_write(x, w, map);
    adi_extractor_give_back(x, w);
    if (status == AD_OK)
        *out_score = (float)value;
    return adi_mem_explain(&x->context->device, status);
}

static ad_status score_and_watch(ad_scorer *scorer, const ad_image *image, const ad_map *map,
                                 float *out_score)
{
    float value = 0.0f;
    ADI_TRY(adi_scorer_run(scorer, image, map, &value));
    adi_product_watch_see(scorer, value);
    if (out_score)
        *out_score = value;
    return AD_OK;
}

/* An allocator or a log callback may destroy the scorer. */
static ad_status score(ad_scorer *scorer, const ad_image *image, const ad_map *map,
                       float *out_score)
{
    ad_scorer_retain(scorer);
    const ad_status status = score_and_watch(scorer, image, map, out_score);
    ad_scorer_destroy(scorer);
    return status;
}

ad_status ad_score_image(ad_scorer *scorer, const ad_image *image, float *out_score)
{
    ADI_CHECK_ARG(scorer && image && out_score, "ad_score_image: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    return score(scorer, image, NULL, out_score);
}

ad_status ad_anomaly_map(ad_scorer *scorer, const ad_image *image, const ad_map *map,
                         float *out_score)
{
    ADI_CHECK_ARG(scorer && image && map, "ad_anomaly_map: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_TRY(adi_map_check(map, ADI_IMAGE_MAX_SIDE));
    ADI_CHECK_ARG(map->row_bytes > 0, "map: row_bytes is %lld: a map is written downwards",
                  (long long)map->row_bytes);
    if (!scorer->model->has_map)
        return adi_fail(AD_ERR_UNSUPPORTED, "this %s scorer was fitted without maps",
                        scorer->model->method->name);
    return score(scorer, image, map, out_score);
}

ad_status ad_scorer_get_info(const ad_scorer *scorer, ad_scorer_info *out_info)
{
    ADI_CHECK_ARG(scorer, "ad_scorer_get_info: scorer is NULL");
    const ad_scorer_info info = {.has_map = scorer->model->has_map,
                                 .method = scorer->model->method->name,
                                 .architecture = scorer->backbone->network->graph->name,
                                 .backbone_digest = scorer->digest,
                                 .input_size = scorer->extractor->preprocess.crop,
                                 .option_count = scorer->option_count,
                                 .image_count = scorer->facts.images,
                                 .normal_score = scorer->facts.normal_score,
                                 .normal_map = scorer->facts.normal_map,
                                 .score_limit = scorer->watch.limit};
    return adi_struct_give(out_info, &info, sizeof info, "ad_scorer_info");
}

ad_status ad_scorer_read_options(const ad_scorer *scorer, ad_read_options *out_options)
{
    ADI_CHECK_ARG(scorer, "ad_scorer_read_options: scorer is NULL");
    return adi_struct_give(out_options, &scorer->reading.files, sizeof scorer->reading.files,
                           "ad_read_options");
}

ad_status ad_scorer_get_option(const ad_scorer *scorer, int32_t index, const char **out_key,
                               const char **out_value)
{
    ADI_CHECK_ARG(scorer && out_key && out_value, "ad_scorer_get_option: an argument is NULL");
    ADI_CHECK_ARG(index >= 0 && index < scorer->option_count, "option %d of %d", index,
                  scorer->option_count);
    *out_key = scorer->options[index].key;
    *out_value = scorer->options[index].value;
    return AD_OK;
}
