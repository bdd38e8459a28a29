/* STFPM's options: their tables, and what they mean for a student. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "methods/stfpm.h"

#define ADI_OPTION_OWNER adi_stfpm_options
#define COMMON                                                                                     \
    ADI_COMMON_OPTIONS(ADI_COMMON_ROW, "256", "side in pixels",                                    \
                       AD_OPTION_STUDENT | AD_OPTION_SCORING,                                      \
                       "comma-separated, shallow to deep, at most 8; default: the teacher's own "  \
                       "choice, layer1,layer2,layer3 for ResNets")
static const adi_option_row plain_rows[] = {COMMON ADI_STFPM_OPTIONS(ADI_OPTION_ROW, "0")};
static const adi_option_row unet_rows[] = {
    COMMON ADI_STFPM_OPTIONS(ADI_OPTION_ROW, "1") ADI_STFPM_UNET_OPTIONS(ADI_OPTION_ROW)};
ADI_SETTINGS_CHECK(adi_stfpm_config);

static const adi_preset presets[] = {
    {"stfpm",
     "the paper's text: the defaults",
     {{"epochs", "100"},
      {"loss_half", "1"},
      {"loss_batch", "mean"},
      {"val", "distance"},
      {"combine_at", "0"}}},
    {"stfpm_official",
     "the authors' code: no half, product of 64x64 maps, validation by the product",
     {{"epochs", "100"},
      {"loss_half", "0"},
      {"loss_batch", "mean"},
      {"val", "product"},
      {"combine_at", "64"}}},
    {"stfpm_accurate",
     "the whole squared distance and 200 epochs: the most accurate that was measured",
     {{"epochs", "200"},
      {"loss_half", "0"},
      {"loss_batch", "mean"},
      {"val", "distance"},
      {"combine_at", "0"}}},
    {"stfpm_unet",
     "the U-Nets alone for 50 epochs, then all together for 100: the defaults",
     {{"epochs", "100"},
      {"pretrain_epochs", "50"},
      {"loss_half", "1"},
      {"loss_batch", "mean"},
      {"val", "distance"},
      {"combine_at", "0"},
      {"clip_norm", "1"}}},
};
enum { PRESETS = sizeof presets / sizeof *presets }; /* the last needs U-Nets */

const adi_option_table adi_stfpm_table = {
    .method = "stfpm",
    .size = sizeof(adi_stfpm_options),
    .rows = plain_rows,
    .row_count = sizeof plain_rows / sizeof *plain_rows,
    .presets = presets,
    .preset_count = PRESETS - 1,
};

const adi_option_table adi_stfpm_unet_table = {
    .method = "stfpm_unet",
    .size = sizeof(adi_stfpm_options),
    .rows = unet_rows,
    .row_count = sizeof unet_rows / sizeof *unet_rows,
    .presets = presets,
    .preset_count = PRESETS,
};

static ad_status read_weights(adi_stfpm_config *c)
{
    const char *text = c->o.layer_weights[0] ? c->o.layer_weights : NULL, *at = text;
    const int32_t count = c->settings.tap_count;
    double sum = 0.0;
    for (int32_t i = 0; i < count; i++)
        c->weights[i] = 1.0;
    for (int32_t i = 0; at; i++) {
        char *end = NULL;
        const double v = adi_strtod(at, &end);
        ADI_CHECK_ARG(i < count && end != at && isfinite(v) && v >= 0.0 &&
                          (*end == ',' || !*end) && (*end == ',') == (i + 1 < count),
                      "layer_weights: '%.60s' is not a number for each of %d layers", text, count);
        c->weights[i] = v;
        sum += v;
        at = *end ? end + 1 : NULL;
    }
    ADI_CHECK_ARG(!text || sum > 0.0, "layer_weights: '%.60s' leaves nothing to learn", text);
    return AD_OK;
}

static void print_weights(adi_stfpm_config *c)
{
    size_t n = 0;
    char text[ADI_REAL_TEXT];
    for (int32_t i = 0; i < c->settings.tap_count; i++)
        n += (size_t)snprintf(c->o.layer_weights + n, sizeof c->o.layer_weights - n, "%s%s",
                              i ? "," : "", adi_real_text(c->weights[i], text));
}

ad_status adi_stfpm_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph)
{
    adi_stfpm_config *c = (adi_stfpm_config *)settings;
    (void)a;
    ADI_TRY(adi_settings_settle(settings, graph, ""));
    ADI_CHECK_ARG(settings->tap_count <= ADI_STFPM_MAX_LAYERS, "%d layers, at most %d are possible",
                  settings->tap_count, ADI_STFPM_MAX_LAYERS);
    c->unets = settings->table == &adi_stfpm_unet_table;
    if (!c->unets) /* the U-Net's rows are not in the table: nothing has set them */
        c->o.sim_weight = 1.0;
    ADI_TRY(read_weights(c));
    print_weights(c);
    return AD_OK;
}

adi_map_recipe adi_stfpm_recipe(const adi_stfpm_config *config)
{
    const int32_t side = config->settings.preprocess.crop;
    return (adi_map_recipe){.join = config->o.combine == ADI_COMBINE_SUM ? ADI_JOIN_SUM
                                                                        : ADI_JOIN_PRODUCT,
                            .at = config->o.combine_at ? config->o.combine_at : side,
                            .side = side,
                            .score = ADI_SCORE_MAX_MAP};
}
