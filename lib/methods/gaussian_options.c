/* The Gaussian method's options: defaults, text, and what they mean for a backbone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"
#include "core/options.h"
#include "methods/gaussian.h"
#include "methods/option_text.h"

#define MIN_THRESHOLD 1e-9
#define MAX_THRESHOLD (1.0 - 1e-9)
enum { MIN_SAMPLES = 256, MAX_SAMPLES = 1 << 20, MAX_BLUR = 64 };

static const char *const reduce_words[] = {"none", "pca", "npca", "auto"};
static const char *const pixel_words[] = {"none", "dense", "gap"};

void ad_preprocess_init(ad_preprocess *preprocess, size_t struct_size)
{
    const ad_preprocess defaults = {.struct_size = sizeof defaults, .resize = AD_RESIZE_PIL_BILINEAR};
    adi_options_init(preprocess, struct_size, &defaults, sizeof defaults);
}

void ad_gaussian_options_init(ad_gaussian_options *options, size_t struct_size)
{
    ad_gaussian_options defaults = {.struct_size = sizeof defaults,
                                    .reduce = AD_REDUCE_AUTO,
                                    .reduce_threshold = 0.95,
                                    .pixel = AD_PIXEL_FIT_DENSE,
                                    .samples = 16384};
    ad_preprocess_init(&defaults.preprocess, sizeof defaults.preprocess);
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

/* "none", "auto", "pca" or "npca:0.95" */
static ad_status set_reduce(ad_gaussian_options *o, const char *value)
{
    char word[16];
    const size_t n = strcspn(value, ":");
    ADI_CHECK_ARG(n < sizeof word, "option reduce: '%s' is none of none, pca:T, npca:T, auto", value);
    memcpy(word, value, n);
    word[n] = '\0';
    int32_t reduce;
    ADI_TRY(adi_text_choice("reduce", word, reduce_words, 4, &reduce));
    if (value[n]) {
        ADI_CHECK_ARG(reduce == AD_REDUCE_PCA || reduce == AD_REDUCE_NPCA,
                      "option reduce: '%s' takes no threshold", word);
        ADI_TRY(adi_text_real("reduce", value + n + 1, MIN_THRESHOLD, MAX_THRESHOLD, &o->reduce_threshold));
    }
    o->reduce = reduce;
    return AD_OK;
}

/* What a publication did. The base code of both resizes by OpenCV's bilinear, so these do too,
 * although Pillow's filter, the default elsewhere, gives better scores. */
static const adi_preset presets[] = {
    {"wang2022",
     {{"size", "380"}, {"crop", "0"}, {"resize", "cv_linear"}, {"aspect", "square"},
      {"layers", "level3,level4,level5,level6,level7"}, {"reduce", "npca:0.95"}, {"pixel", "dense"}}},
    {"rippel2020",
     {{"size", "380"}, {"crop", "0"}, {"resize", "cv_linear"}, {"aspect", "square"},
      {"layers", "level0,level1,level2,level3,level4,level5,level6,level7,level8"}, {"reduce", "none"},
      {"pixel", "none"}}},
    {"resnet18",
     {{"size", "224"}, {"crop", "0"}, {"resize", "cv_linear"}, {"aspect", "square"},
      {"layers", "maxpool,layer1,layer2,layer3"}, {"reduce", "none"}, {"pixel", "dense"}}},
};

ad_status adi_gaussian_set(void *full, const char *key, const char *value)
{
    ad_gaussian_options *options = full;
    if (strcmp(key, "preset") == 0)
        return adi_preset_apply(value, presets, sizeof presets / sizeof *presets, adi_gaussian_set, options);
    int32_t known;
    ADI_TRY(adi_preprocess_set(&options->preprocess, key, value, &known));
    if (known)
        return AD_OK;
    if (strcmp(key, "layers") == 0) {
        options->layers = value;
        return AD_OK;
    }
    if (strcmp(key, "reduce") == 0)
        return set_reduce(options, value);
    if (strcmp(key, "pixel") == 0)
        return adi_text_choice(key, value, pixel_words, 3, &options->pixel);
    if (strcmp(key, "ddof") == 0)
        return adi_text_int(key, value, 0, 1, &options->ddof);
    if (strcmp(key, "squared") == 0)
        return adi_text_int(key, value, 0, 1, &options->squared);
    if (strcmp(key, "samples") == 0)
        return adi_text_int(key, value, MIN_SAMPLES, MAX_SAMPLES, &options->samples);
    if (strcmp(key, "blur_sigma") == 0)
        return adi_text_real(key, value, 0.0, MAX_BLUR, &options->blur_sigma);
    return adi_fail(AD_ERR_INVALID_ARGUMENT,
                    "gaussian has no option '%s': there are preset, layers, reduce, pixel, size, crop, resize, "
                    "aspect, mean, std, ddof, squared, samples, blur_sigma",
                    key);
}

ad_status ad_gaussian_options_set(ad_gaussian_options *options, const char *key, const char *value)
{
    ad_gaussian_options full;
    ad_gaussian_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_gaussian_options", adi_gaussian_set, key, value);
}

/* What AUTO means is a property of the backbone: its graph says. */
static ad_status resolve_reduce(const ad_gaussian_options *o, const adi_graph *graph,
                                adi_gaussian_config *c)
{
    ad_gaussian_options chosen = *o;
    const char *hint = adi_graph_hint(graph, "gaussian.reduce");
    if (o->reduce == AD_REDUCE_AUTO)
        ADI_TRY(set_reduce(&chosen, hint ? hint : "none"));
    ADI_CHECK_ARG(chosen.reduce >= AD_REDUCE_NONE && chosen.reduce <= AD_REDUCE_NPCA,
                  "reduce is %d, no such ad_reduce", o->reduce);
    c->mvg.reduce = (adi_reduce)chosen.reduce;
    c->mvg.threshold = chosen.reduce_threshold;
    ADI_CHECK_ARG(c->mvg.threshold >= MIN_THRESHOLD && c->mvg.threshold <= MAX_THRESHOLD,
                  "reduce_threshold is %g, it must be in (0, 1)", c->mvg.threshold);
    return AD_OK;
}

ad_status adi_gaussian_resolve(const ad_gaussian_options *options, const adi_graph *graph,
                               adi_gaussian_config *out_config)
{
    adi_gaussian_config c = {0};
    ADI_TRY(adi_preprocess_resolve(&options->preprocess, graph, &c.preprocess));
    const char *layers = options->layers ? options->layers : adi_graph_hint(graph, "gaussian.layers");
    if (!layers)
        layers = graph->taps[graph->tap_count - 1].name;
    ADI_TRY(adi_layers_parse(graph, layers, c.taps, &c.tap_count));
    ADI_TRY(resolve_reduce(options, graph, &c));
    ADI_CHECK_ARG(options->pixel >= AD_PIXEL_FIT_NONE && options->pixel <= AD_PIXEL_FIT_GAP,
                  "pixel is %d, no such ad_pixel_fit", options->pixel);
    c.pixel = options->pixel;
    ADI_CHECK_ARG(options->ddof == 0 || options->ddof == 1, "ddof is %d, 0 or 1 is possible",
                  options->ddof);
    c.mvg.ddof = options->ddof;
    ADI_CHECK_ARG(options->squared == 0 || options->squared == 1, "squared is %d, 0 or 1 is possible",
                  options->squared);
    c.squared = options->squared;
    ADI_CHECK_ARG(options->samples >= MIN_SAMPLES && options->samples <= MAX_SAMPLES,
                  "samples is %d, %d to %d is possible", options->samples, MIN_SAMPLES, MAX_SAMPLES);
    c.samples = options->samples;
    ADI_CHECK_ARG(options->blur_sigma >= 0.0 && options->blur_sigma <= MAX_BLUR,
                  "blur_sigma is %g, 0 to %d is possible", options->blur_sigma, MAX_BLUR);
    c.blur_sigma = options->blur_sigma;
    *out_config = c;
    return AD_OK;
}

const char *adi_gaussian_option(const void *gaussian_config, const adi_graph *graph, int32_t index,
                                char *value)
{
    const adi_gaussian_config *config = gaussian_config;
    const size_t size = ADI_OPTION_TEXT;
    if (index < ADI_PREPROCESS_OPTIONS)
        return adi_preprocess_option(&config->preprocess, index, value, size);
    char text[ADI_REAL_TEXT];
    switch (index - ADI_PREPROCESS_OPTIONS) {
    case 0:
        adi_layers_text(graph, config->taps, config->tap_count, value, size);
        return "layers";
    case 1:
        if (config->mvg.reduce == ADI_REDUCE_NONE)
            snprintf(value, size, "none");
        else
            snprintf(value, size, "%s:%s", reduce_words[config->mvg.reduce],
                     adi_real_text(config->mvg.threshold, text));
        return "reduce";
    case 2:
        snprintf(value, size, "%s", pixel_words[config->pixel]);
        return "pixel";
    case 3:
        snprintf(value, size, "%d", config->mvg.ddof);
        return "ddof";
    case 4:
        snprintf(value, size, "%d", config->squared);
        return "squared";
    case 5:
        snprintf(value, size, "%d", config->samples);
        return "samples";
    case 6:
        snprintf(value, size, "%s", adi_real_text(config->blur_sigma, text));
        return "blur_sigma";
    default:
        return NULL;
    }
}
