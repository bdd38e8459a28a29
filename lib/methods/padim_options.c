/* PaDiM's options: defaults, text, and what they mean for a backbone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "core/options.h"
#include "methods/blur.h"
#include "methods/padim.h"

#define MIN_RIDGE      1e-12
#define MAX_RIDGE      1e12
#define MAX_SEED       UINT32_MAX
#define DEFAULT_LAYERS "layer1,layer2,layer3"
enum {
    MAX_DIMENSIONS = 2048,
    MAX_BLUR = ADI_BLUR_MAX_SIGMA,
    /* The published choices: 100 of ResNet-18's 448 channels, 550 of WideResNet-50-2's 1792. */
    FEW_CHANNELS = 512,
    FEW_DIMENSIONS = 100,
    MANY_DIMENSIONS = 550
};

static const char *const covariance_words[] = {"ridge", "ledoit_wolf"};

void ad_padim_options_init(ad_padim_options *options, size_t struct_size)
{
    ad_padim_options defaults = {.struct_size = sizeof defaults,
                                 .seed = 1024,
                                 .covariance = AD_PADIM_RIDGE,
                                 .ridge = 0.01,
                                 .blur_sigma = 4.0,
                                 .memory_limit = UINT64_C(8) << 30};
    ad_preprocess_init(&defaults.preprocess, sizeof defaults.preprocess);
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

/* The paper's public code. Its crop leaves the borders out, where nothing is found then: it is no default. */
static const adi_preset presets[] = {{"defard2020",
                                      {{"size", "256"},
                                       {"crop", "224"},
                                       {"resize", "pil_lanczos"},
                                       {"aspect", "shorter"},
                                       {"covariance", "ridge"},
                                       {"ridge", "0.01"},
                                       {"blur_sigma", "4"}}}};

ad_status adi_padim_set(void *full, const char *key, const char *value)
{
    ad_padim_options *options = full;
    if (strcmp(key, "preset") == 0)
        return adi_preset_apply(value, presets, sizeof presets / sizeof *presets, adi_padim_set, options);
    int32_t known;
    ADI_TRY(adi_preprocess_set(&options->preprocess, key, value, &known));
    if (known)
        return AD_OK;
    if (strcmp(key, "layers") == 0) {
        options->layers = value;
        return AD_OK;
    }
    if (strcmp(key, "dimensions") == 0) {
        if (strcmp(value, "all") != 0)
            return adi_text_int(key, value, 1, MAX_DIMENSIONS, &options->dimensions);
        options->dimensions = -1;
        return AD_OK;
    }
    if (strcmp(key, "seed") == 0)
        return adi_text_uint64(key, value, 0, MAX_SEED, &options->seed);
    if (strcmp(key, "covariance") == 0)
        return adi_text_choice(key, value, covariance_words, 2, &options->covariance);
    if (strcmp(key, "ridge") == 0)
        return adi_text_real(key, value, MIN_RIDGE, MAX_RIDGE, &options->ridge);
    if (strcmp(key, "blur_sigma") == 0)
        return adi_text_real(key, value, 0.0, MAX_BLUR, &options->blur_sigma);
    if (strcmp(key, "memory_limit") == 0)
        return adi_text_uint64(key, value, 1, UINT64_MAX, &options->memory_limit);
    return adi_fail(
        AD_ERR_INVALID_ARGUMENT,
        "padim has no option '%s': there are preset, layers, dimensions, seed, covariance, ridge, "
        "blur_sigma, memory_limit, size, crop, resize, aspect, mean, std",
        key);
}

ad_status ad_padim_options_set(ad_padim_options *options, const char *key, const char *value)
{
    ad_padim_options full;
    ad_padim_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_padim_options", adi_padim_set, key, value);
}

/* The caller's, or the backbone's own choice, or the published ones where the network has them. */
static ad_status resolve_layers(const char *asked, const adi_graph *graph, adi_padim_config *c)
{
    const char *layers = asked ? asked : adi_graph_hint(graph, "padim.layers");
    if (!layers) {
        ADI_CHECK_ARG(adi_graph_find_tap(graph, "layer1") >= 0 &&
                          adi_graph_find_tap(graph, "layer2") >= 0 &&
                          adi_graph_find_tap(graph, "layer3") >= 0,
                      "%s says no layers for padim and does not have all of " DEFAULT_LAYERS
                      ": name the layers, from the finest ('%s') on",
                      graph->name, graph->taps[0].name);
        layers = DEFAULT_LAYERS;
    }
    ADI_TRY(adi_layers_parse(graph, layers, c->taps, &c->tap_count));
    int64_t channels = 0;
    for (int32_t i = 0; i < c->tap_count; i++)
        channels += graph->nodes[graph->taps[c->taps[i]].node].out_channels;
    ADI_CHECK_ARG(channels <= INT32_MAX, "the layers have %lld channels, too many to choose from",
                  (long long)channels);
    c->channels = (int32_t)channels;
    return AD_OK;
}

static ad_status resolve_dimensions(int32_t asked, adi_padim_config *c)
{
    ADI_CHECK_ARG(asked >= -1 && asked <= MAX_DIMENSIONS,
                  "dimensions is %d: 1 to %d, 0 for the default or -1 for all is possible", asked,
                  MAX_DIMENSIONS);
    ADI_CHECK_ARG(asked <= c->channels, "dimensions is %d, the layers have %d channels", asked,
                  c->channels);
    c->dimensions = asked;
    if (asked == 0)
        c->dimensions = c->channels <= FEW_CHANNELS ? FEW_DIMENSIONS : MANY_DIMENSIONS;
    if (asked == -1 || c->dimensions > c->channels)
        c->dimensions = c->channels;
    ADI_CHECK_ARG(c->dimensions <= MAX_DIMENSIONS,
                  "dimensions is all, which is %d of these layers; at most %d is possible",
                  c->dimensions, MAX_DIMENSIONS);
    return AD_OK;
}

ad_status adi_padim_resolve(const ad_padim_options *options, const adi_graph *graph,
                            adi_padim_config *out_config)
{
    adi_padim_config c = {0};
    ADI_TRY(adi_preprocess_resolve(&options->preprocess, graph, &c.preprocess));
    ADI_TRY(resolve_layers(options->layers, graph, &c));
    ADI_TRY(resolve_dimensions(options->dimensions, &c));
    ADI_CHECK_ARG(options->seed <= MAX_SEED, "seed is %" PRIu64 ", 0 to %u is possible",
                  options->seed, MAX_SEED);
    c.seed = options->seed;
    ADI_CHECK_ARG(options->covariance == AD_PADIM_RIDGE ||
                      options->covariance == AD_PADIM_LEDOIT_WOLF,
                  "covariance is %d, no such ad_padim_covariance", options->covariance);
    c.covariance = options->covariance;
    ADI_CHECK_ARG(options->ridge >= MIN_RIDGE && options->ridge <= MAX_RIDGE,
                  "ridge is %g, %g to %g is possible", options->ridge, MIN_RIDGE, MAX_RIDGE);
    c.ridge = options->ridge;
    ADI_CHECK_ARG(options->blur_sigma >= 0.0 && options->blur_sigma <= MAX_BLUR,
                  "blur_sigma is %g, 0 to %d is possible", options->blur_sigma, MAX_BLUR);
    c.blur_sigma = options->blur_sigma;
    ADI_CHECK_ARG(options->memory_limit > 0, "memory_limit is 0 bytes");
    c.memory_limit = options->memory_limit;
    *out_config = c;
    return AD_OK;
}

const char *adi_padim_option(const void *padim_config, const adi_graph *graph, int32_t index,
                             char *value)
{
    const adi_padim_config *config = padim_config;
    const size_t size = ADI_OPTION_TEXT;
    if (index < ADI_PREPROCESS_OPTIONS)
        return adi_preprocess_option(&config->preprocess, index, value, size);
    char text[ADI_REAL_TEXT];
    switch (index - ADI_PREPROCESS_OPTIONS) {
    case 0:
        adi_layers_text(graph, config->taps, config->tap_count, value, size);
        return "layers";
    case 1:
        snprintf(value, size, "%d", config->dimensions);
        return "dimensions";
    case 2:
        snprintf(value, size, "%" PRIu64, config->seed);
        return "seed";
    case 3:
        snprintf(value, size, "%s", covariance_words[config->covariance]);
        return "covariance";
    case 4:
        snprintf(value, size, "%s", adi_real_text(config->ridge, text));
        return "ridge";
    case 5:
        snprintf(value, size, "%s", adi_real_text(config->blur_sigma, text));
        return "blur_sigma";
    case 6:
        snprintf(value, size, "%" PRIu64, config->memory_limit);
        return "memory_limit";
    default:
        return NULL;
    }
}
