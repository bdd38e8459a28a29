/* Options of masked reverse distillation: their table, and what they mean for a student. */
#include <string.h>

#include "methods/masked_rd.h"

#define ADI_OPTION_OWNER adi_rd_options
static const adi_option_row rows[] = {
    ADI_COMMON_OPTIONS(ADI_COMMON_ROW, "256", "side in pixels; size and crop are multiples of 32",
                       AD_OPTION_STUDENT | AD_OPTION_SCORING,
                       "layer1,layer2,layer3: no others are possible")
    ADI_RD_OPTIONS(ADI_OPTION_ROW)};
ADI_SETTINGS_CHECK(adi_rd_config);

static const adi_preset presets[] = {
    {"masked_rd",
     "the text: the defaults",
     {{"loss", "position"},
      {"lr", "1e-3"},
      {"weight_decay", "1e-5"},
      {"validation_share", "0.1"},
      {"msff_out", "conv"},
      {"scsatt", "1"},
      {"fmm", "1"},
      {"fmm_align", "1"}}},
    {"rd4ad",
     "the code of reverse distillation: nothing between fusion and embedding, no generators, loss "
     "flat, lr 5e-3, no decay, nothing held out",
     {{"loss", "flat"},
      {"lr", "5e-3"},
      {"weight_decay", "0"},
      {"validation_share", "0"},
      {"msff_out", "concat"},
      {"scsatt", "0"},
      {"fmm", "0"}}},
    {"mrkd_flm",
     "the same with generators behind masks and no 1x1 convolution before them",
     {{"loss", "flat"},
      {"lr", "5e-3"},
      {"weight_decay", "0"},
      {"validation_share", "0"},
      {"msff_out", "concat"},
      {"scsatt", "0"},
      {"fmm", "1"},
      {"fmm_align", "0"}}},
};

static const adi_option_alias aliases[] = {
    {"scsatt", "sru, cru and simam, all three", {"sru", "cru", "simam"}}};

const adi_option_table adi_rd_table = {
    .method = "masked_rd",
    .size = sizeof(adi_rd_options),
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .presets = presets,
    .preset_count = sizeof presets / sizeof *presets,
    .aliases = aliases,
    .alias_count = sizeof aliases / sizeof *aliases,
};

/* The decoder doubles the sides that the bottleneck halves, so all must be even, and the teacher's
 * layers must have the strides of a ResNet's. */
static ad_status find_shapes(const adi_allocator *a, const adi_graph *graph, adi_rd_config *c)
{
    const int64_t crop = c->settings.preprocess.crop;
    if (crop % ADI_RD_STRIDE)
        return adi_fail(AD_ERR_SHAPE,
                        "an input of %lldx%lld for reverse distillation: multiples of %d are "
                        "possible",
                        (long long)crop, (long long)crop, ADI_RD_STRIDE);
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        adi_shape *s = &c->shapes[level];
        const int64_t side = crop / (4 << level);
        ADI_TRY(adi_plan_tap_shape(a, graph, c->settings.taps[level], crop, crop, s));
        if (s->h != side || s->w != side)
            return adi_fail(AD_ERR_UNSUPPORTED,
                            "layer '%s' has %lldx%lld positions at an input of %lldx%lld, reverse "
                            "distillation needs %lldx%lld",
                            graph->taps[c->settings.taps[level]].name, (long long)s->w,
                            (long long)s->h, (long long)crop, (long long)crop, (long long)side,
                            (long long)side);
    }
    return AD_OK;
}

ad_status adi_rd_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph)
{
    adi_rd_config *c = (adi_rd_config *)settings;
    ADI_TRY(adi_settings_settle(settings, graph, ""));
    ADI_CHECK_ARG(settings->tap_count == ADI_RD_LEVELS, "%d layers, masked_rd takes %d",
                  settings->tap_count, ADI_RD_LEVELS);
    c->o.levels = adi_rd_bits(c->o.levels);
    return find_shapes(a, graph, c);
}

adi_map_recipe adi_rd_recipe(const adi_rd_config *config)
{
    const int32_t side = config->settings.preprocess.crop;
    return (adi_map_recipe){.up = ADI_UPSAMPLE_ALIGNED,
                            .join = config->o.combine ? ADI_JOIN_SUM : ADI_JOIN_PRODUCT,
                            .at = side,
                            .side = side,
                            .blur_sigma = config->o.blur_sigma,
                            .score = ADI_SCORE_MAX_MAP};
}
