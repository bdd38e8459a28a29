/* AST's options: their table, and what they mean for a student. */
#include <string.h>

#include "methods/ast.h"
#include "nn/plan.h"

enum {
    GRID = 24,                           /* positions along a side by default, as published */
    RGB_EPOCHS = 240, DEPTH_EPOCHS = 72, /* of MVTec AD and of MVTec 3D-AD */
    MAX_SIZE = 4096
};

#define ADI_OPTION_OWNER adi_ast_options
static const adi_option_row rows[] = {
    ADI_COMMON_OPTIONS(ADI_COMMON_ROW, "auto",
                       "side in pixels; auto: one that gives 24x24 positions, 768 for "
                       "EfficientNets' level6, 384 for ResNets' layer3",
                       AD_OPTION_STUDENT | AD_OPTION_SCORING,
                       "one layer; default: level6 for EfficientNets, layer3 for ResNets")
    ADI_AST_OPTIONS(ADI_OPTION_ROW)};
ADI_SETTINGS_CHECK(adi_ast_config);

static const adi_preset presets[] = {
    {"ast",
     "the paper's text: the defaults",
     {{"mask", "auto"},
      {"mask_norm", "foreground"},
      {"mask_twice", "0"},
      {"max_after_upsample", "0"},
      {"leaky", "0.2"}}},
    {"ast_official",
     "the authors' code: soft mask, mean over all positions, mask twice, slope 0.01",
     {{"mask", "soft"},
      {"mask_norm", "all"},
      {"mask_twice", "1"},
      {"max_after_upsample", "0"},
      {"leaky", "0.01"}}},
};

static const adi_option_alias aliases[] = {
    {"epochs", "both teacher_epochs and student_epochs", {"teacher_epochs", "student_epochs"}}};

static int applies(const void *values, const adi_option_row *row)
{
    const adi_ast_options *o = values;
    return adi_ast_has_depth(o->mode) || strncmp(row->key, "depth_", 6) != 0;
}

const adi_option_table adi_ast_table = {
    .method = "ast",
    .size = sizeof(adi_ast_options),
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .presets = presets,
    .preset_count = sizeof presets / sizeof *presets,
    .aliases = aliases,
    .alias_count = sizeof aliases / sizeof *aliases,
    .applies = applies,
};

/* Finds the size at which the layer has GRID x GRID positions. The layer's stride follows from its
 * side for an input of 1024 pixels. */
static ad_status default_size(adi_ast_config *c, const adi_allocator *a, const adi_graph *graph)
{
    adi_shape s;
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    ADI_TRY(adi_layers_parse(graph, c->o.common.layers, taps, &count));
    ADI_TRY(adi_plan_tap_shape(a, graph, taps[0], 1024, 1024, &s));
    const int64_t size = GRID * ((1024 + s.h / 2) / s.h);
    c->o.common.size = (int32_t)(size < MAX_SIZE ? size : MAX_SIZE);
    return AD_OK;
}

static ad_status settle_grid(adi_ast_config *c, const adi_allocator *a, const adi_graph *graph)
{
    const adi_preprocess *p = &c->settings.preprocess;
    adi_shape s;
    ADI_TRY(adi_plan_tap_shape(a, graph, c->settings.taps[0], p->crop, p->crop, &s));
    c->h = (int32_t)s.h;
    c->w = (int32_t)s.w;
    c->features = (int32_t)adi_ast_features(c->o.mode, s.c);
    c->channels = (int32_t)adi_ast_channels(c->o.mode, s.c);
    if (c->h * ADI_AST_ENLARGE > MAX_SIZE)
        return adi_fail(AD_ERR_SHAPE,
                        "layer '%s' has %dx%d positions at size %d, at most %d a side are possible",
                        graph->taps[c->settings.taps[0]].name, c->w, c->h, p->size,
                        MAX_SIZE / ADI_AST_ENLARGE);
    return AD_OK;
}

/* What depends on the mode. */
static ad_status settle_mode(adi_ast_config *c)
{
    adi_ast_options *o = &c->o;
    const adi_preprocess *p = &c->settings.preprocess;
    const int32_t depth = adi_ast_has_depth(o->mode), epochs = depth ? DEPTH_EPOCHS : RGB_EPOCHS;
    ADI_CHECK_ARG(depth || o->mask <= ADI_AST_MASK_NONE,
                  "mask is %s, which needs depth: the mode is rgb",
                  o->mask == ADI_AST_MASK_SOFT ? "soft" : "binary");
    ADI_CHECK_ARG(!depth || (p->crop == p->size && p->aspect == ADI_ASPECT_SQUARE),
                  "a crop or another aspect than square is not for depth, which is taken whole");
    if (o->teacher_epochs < 0)
        o->teacher_epochs = epochs;
    if (o->student_epochs < 0)
        o->student_epochs = epochs;
    if (o->mask == ADI_AST_MASK_AUTO)
        o->mask = depth ? ADI_AST_MASK_BINARY : ADI_AST_MASK_NONE;
    if (o->aggregate == ADI_AST_AGGREGATE_AUTO)
        o->aggregate = o->mask == ADI_AST_MASK_NONE ? ADI_AST_AGGREGATE_MEAN
                                                    : ADI_AST_AGGREGATE_MAX;
    return AD_OK;
}

ad_status adi_ast_settle(adi_settings *settings, const adi_allocator *a, const adi_graph *graph)
{
    adi_ast_config *c = (adi_ast_config *)settings;
    const adi_ast_options *o = &c->o;
    if (o->common.size < 0)
        ADI_TRY(default_size(c, a, graph));
    ADI_TRY(adi_settings_settle(settings, graph, ""));
    ADI_CHECK_ARG(settings->tap_count == 1, "%d layers, ast takes one", settings->tap_count);
    ADI_TRY(settle_mode(c));
    ADI_TRY(settle_grid(c, a, graph));
    if (adi_ast_has_depth(o->mode))
        c->depth = (adi_depth_options){c->h, o->depth_fill, o->depth_fill_border, o->depth_corners,
                                       o->depth_dilation, o->depth_threshold};
    return AD_OK;
}

void adi_ast_need(const adi_settings *settings, adi_extractor *x)
{
    const adi_ast_config *c = (const adi_ast_config *)settings;
    if (adi_ast_has_depth(c->o.mode))
        adi_extractor_take_depth(x, c->o.mode == ADI_AST_DEPTH ? ADI_DEPTH_ALONE
                                                              : ADI_PIXELS_AND_DEPTH, &c->depth);
}

adi_map_recipe adi_ast_recipe(const adi_ast_config *config)
{
    const adi_ast_options *o = &config->o;
    const int32_t side = config->h * ADI_AST_ENLARGE;
    return (adi_map_recipe){.up = ADI_UPSAMPLE_BICUBIC,
                            .join = ADI_JOIN_SUM,
                            .at = side,
                            .side = side,
                            .score = o->aggregate == ADI_AST_AGGREGATE_MEAN
                                         ? ADI_SCORE_MEAN_POSITION
                                     : o->max_after_upsample ? ADI_SCORE_MAX_MAP
                                                             : ADI_SCORE_MAX_POSITION,
                            .weight_twice = o->mask_twice,
                            .low_background = o->score == ADI_AST_SCORE_TEACHER};
}
