/* PaDiM's options: their table, and what they mean for a backbone. */
#include "methods/padim.h"

#define ADI_OPTION_OWNER adi_padim_options
static const adi_option_row rows[] = {
    ADI_COMMON_OPTIONS(ADI_COMMON_ROW, "auto", "side in pixels; auto: the backbone's",
                       AD_OPTION_SCORING,
                       "comma-separated, the first gives the grid of positions; default: the "
                       "backbone's own choice, layer1,layer2,layer3 for ResNets")
    ADI_PADIM_OPTIONS(ADI_OPTION_ROW)};
ADI_SETTINGS_CHECK(adi_padim_config);

static const adi_preset presets[] = {
    {"defard2020",
     "the paper's public code: the shorter side to 256 by Lanczos, centre crop 224x224; what lies "
     "outside the crop is never found",
     {{"size", "256"},
      {"crop", "224"},
      {"resize", "pil_lanczos"},
      {"aspect", "shorter"},
      {"covariance", "ridge"},
      {"ridge", "0.01"},
      {"blur_sigma", "4"}}}};

const adi_option_table adi_padim_options_table = {
    .method = "padim",
    .size = sizeof(adi_padim_options),
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .presets = presets,
    .preset_count = sizeof presets / sizeof *presets,
};

#define DEFAULT_LAYERS "layer1,layer2,layer3"
/* The published choices: 100 of ResNet-18's 448 channels, 550 of WideResNet-50-2's 1792. */
enum { FEW_CHANNELS = 512, FEW_DIMENSIONS = 100, MANY_DIMENSIONS = 550 };
enum { ALL = -1, AUTO = -2 }; /* the words of the option */

static ad_status check_default_layers(const adi_graph *graph)
{
    ADI_CHECK_ARG(adi_graph_find_tap(graph, "layer1") >= 0 &&
                      adi_graph_find_tap(graph, "layer2") >= 0 &&
                      adi_graph_find_tap(graph, "layer3") >= 0,
                  "%s says no layers for padim and does not have all of " DEFAULT_LAYERS
                  ": name the layers, from the finest ('%s') on",
                  graph->name, graph->taps[0].name);
    return AD_OK;
}

/* The caller's, or the backbone's own choice, or the published ones where the network has them. */
static ad_status settle_layers(adi_padim_config *c, const adi_graph *graph)
{
    const char *layers = adi_graph_hint(graph, "padim.layers");
    if (!c->o.common.layers[0] && !layers)
        ADI_TRY(check_default_layers(graph));
    ADI_TRY(adi_settings_settle(&c->settings, graph, layers ? layers : DEFAULT_LAYERS));
    int64_t channels = 0;
    for (int32_t i = 0; i < c->settings.tap_count; i++)
        channels += graph->nodes[graph->taps[c->settings.taps[i]].node].out_channels;
    ADI_CHECK_ARG(channels <= INT32_MAX, "the layers have %lld channels, too many to choose from",
                  (long long)channels);
    c->channels = (int32_t)channels;
    return AD_OK;
}

static ad_status settle_dimensions(adi_padim_config *c)
{
    const int32_t asked = c->o.dimensions;
    ADI_CHECK_ARG(asked <= c->channels, "dimensions is %d, the layers have %d channels", asked,
                  c->channels);
    if (asked == AUTO)
        c->o.dimensions = c->channels <= FEW_CHANNELS ? FEW_DIMENSIONS : MANY_DIMENSIONS;
    if (asked == ALL || c->o.dimensions > c->channels)
        c->o.dimensions = c->channels;
    ADI_CHECK_ARG(c->o.dimensions <= ADI_PADIM_MAX_DIMENSIONS,
                  "dimensions is all, which is %d of these layers; at most %d is possible",
                  c->o.dimensions, ADI_PADIM_MAX_DIMENSIONS);
    return AD_OK;
}

ad_status adi_padim_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph)
{
    adi_padim_config *c = (adi_padim_config *)settings;
    (void)a;
    ADI_TRY(settle_layers(c, graph));
    return settle_dimensions(c);
}
