/* AST's options: defaults, text, and what they mean for a student. */
#include <stdio.h>
#include <string.h>

#include "core/options.h"
#include "methods/ast.h"
#include "methods/option_rows.h"
#include "nn/plan.h"

enum {
    MAX_EPOCHS = 1000000,
    MAX_BATCH = 1024,
    GRID = 24,                               /* positions along a side by default, as published */
    RGB_EPOCHS = 240, DEPTH_EPOCHS = 72,     /* of MVTec AD and of MVTec 3D-AD */
    MAX_SIZE = 4096
};
#define MAX_RATE 1e12

const char *const adi_ast_mode_words[3] = {"rgb", "depth", "combi"};
static const char *const mask_words[] = {"auto", "none", "binary", "soft"};
static const char *const norm_words[] = {"foreground", "all"};
static const char *const score_words[] = {"student", "teacher"};
static const char *const aggregate_words[] = {"auto", "mean", "max"};
static const char *const corner_words[] = {"reject", "nearest"};

void ad_ast_options_init(ad_ast_options *options, size_t struct_size)
{
    ad_ast_options defaults = {.struct_size = sizeof defaults,
                               .teacher_epochs = -1,
                               .student_epochs = -1,
                               .batch = 8,
                               .lr = 2e-4,
                               .weight_decay = 1e-5,
                               .feature_cache = UINT64_C(2) << 30,
                               .memory_limit = UINT64_C(16) << 30,
                               .depth_threshold = 0.007,
                               .depth_fill = 3,
                               .depth_dilation = 8};
    ad_preprocess_init(&defaults.preprocess, sizeof defaults.preprocess);
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

/* group 1: where only modes with depth have it */
#define AT(field) offsetof(ad_ast_options, field)
static const adi_option_row rows[] = {
    {"teacher_epochs", ADI_INTEGER, AT(teacher_epochs), -1, MAX_EPOCHS, NULL, 0, 0},
    {"student_epochs", ADI_INTEGER, AT(student_epochs), -1, MAX_EPOCHS, NULL, 0, 0},
    {"batch", ADI_INTEGER, AT(batch), 1, MAX_BATCH, NULL, 0, 0},
    {"lr", ADI_REAL, AT(lr), 1e-12, MAX_RATE, NULL, 0, 0},
    {"weight_decay", ADI_REAL, AT(weight_decay), 0, MAX_RATE, NULL, 0, 0},
    {"clip_norm", ADI_REAL, AT(clip_norm), 0, MAX_RATE, NULL, 0, 0},
    {"seed", ADI_SEED, AT(seed), 0, UINT32_MAX, NULL, 0, 0},
    {"mask", ADI_CHOICE, AT(mask), 0, 3, mask_words, 4, 0},
    {"mask_norm", ADI_CHOICE, AT(mask_norm), 0, 1, norm_words, 2, 0},
    {"score", ADI_CHOICE, AT(score), 0, 1, score_words, 2, 0},
    {"aggregate", ADI_CHOICE, AT(aggregate), 0, 2, aggregate_words, 3, 0},
    {"max_after_upsample", ADI_INTEGER, AT(max_after_upsample), 0, 1, NULL, 0, 0},
    {"mask_twice", ADI_INTEGER, AT(mask_twice), 0, 1, NULL, 0, 0},
    {"validation_share", ADI_REAL, AT(validation_share), 0, 0.99, NULL, 0, 0},
    {"split_seed", ADI_SEED, AT(split_seed), 0, UINT32_MAX, NULL, 0, 0},
    {"feature_cache", ADI_BYTES, AT(feature_cache), 0, 0, NULL, 0, 0},
    {"cache_file", ADI_BYTES, AT(cache_file), 0, 0, NULL, 0, 0},
    {"memory_limit", ADI_BYTES, AT(memory_limit), 0, 0, NULL, 0, 0},
    {"depth_threshold", ADI_REAL, AT(depth_threshold), 1e-12, 1e6, NULL, 0, 1},
    {"depth_fill", ADI_INTEGER, AT(depth_fill), 0, 64, NULL, 0, 1},
    {"depth_fill_border", ADI_INTEGER, AT(depth_fill_border), 0, 1, NULL, 0, 1},
    {"depth_corners", ADI_CHOICE, AT(depth_corners), 0, 1, corner_words, 2, 1},
    {"depth_dilation", ADI_INTEGER, AT(depth_dilation), 1, 64, NULL, 0, 1},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const adi_preset presets[] = {
    {"ast", {{"mask", "auto"}, {"mask_norm", "foreground"}, {"mask_twice", "0"}, {"max_after_upsample", "0"}}},
    {"ast_official", {{"mask", "soft"}, {"mask_norm", "all"}, {"mask_twice", "1"}, {"max_after_upsample", "0"}}},
};

ad_status adi_ast_set(void *full, const char *key, const char *value)
{
    ad_ast_options *o = full;
    if (strcmp(key, "preset") == 0)
        return adi_preset_apply(value, presets, sizeof presets / sizeof *presets, adi_ast_set, o);
    if (strcmp(key, "epochs") == 0) {
        ADI_TRY(adi_text_int(key, value, -1, MAX_EPOCHS, &o->teacher_epochs));
        o->student_epochs = o->teacher_epochs;
        return AD_OK;
    }
    if (strcmp(key, "cache_dir") == 0) {
        o->cache_dir = value;
        return AD_OK;
    }
    int32_t known;
    ADI_TRY(adi_preprocess_set(&o->preprocess, key, value, &known));
    if (known)
        return AD_OK;
    const adi_option_row *row = adi_row_find(rows, ROWS, key);
    if (row)
        return adi_row_set(row, o, value);
    return adi_rows_unknown(rows, ROWS, key, "preset, epochs, ", "cache_dir, size, crop, resize, aspect, mean, std");
}

ad_status ad_ast_options_set(ad_ast_options *options, const char *key, const char *value)
{
    ADI_CHECK_ARG(options && key && value, "ad_ast_options_set: an argument is NULL");
    ad_ast_options full;
    ad_ast_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_ast_options", adi_ast_set, key, value);
}

/* A size at which the layer has GRID x GRID positions; what the layer makes of 1024 pixels tells its stride. */
static ad_status default_size(const adi_allocator *a, const adi_graph *graph, int32_t tap, int32_t *out_size)
{
    adi_shape s;
    ADI_TRY(adi_plan_tap_shape(a, graph, tap, 1024, 1024, &s));
    const int64_t size = GRID * ((1024 + s.h / 2) / s.h);
    *out_size = (int32_t)(size < MAX_SIZE ? size : MAX_SIZE);
    return AD_OK;
}

static ad_status resolve_grid(const adi_allocator *a, const adi_graph *graph, adi_ast_config *c)
{
    adi_shape s;
    ADI_TRY(adi_plan_tap_shape(a, graph, c->tap, c->preprocess.crop, c->preprocess.crop, &s));
    c->h = (int32_t)s.h;
    c->w = (int32_t)s.w;
    c->features = (int32_t)adi_ast_features(c->mode, s.c);
    c->channels = (int32_t)adi_ast_channels(c->mode, s.c);
    if (c->h * ADI_AST_ENLARGE > MAX_SIZE)
        return adi_fail(AD_ERR_SHAPE, "layer '%s' has %lld x %lld positions at size %d, at most %d a side are possible",
                        graph->taps[c->tap].name, (long long)s.w, (long long)s.h, c->preprocess.size,
                        MAX_SIZE / ADI_AST_ENLARGE);
    return AD_OK;
}

ad_status adi_ast_resolve(const ad_ast_options *options, const adi_allocator *a, const adi_graph *graph, int32_t tap,
                          int32_t mode, adi_ast_config *out_config)
{
    adi_ast_config c = {.o = *options, .mode = mode, .tap = tap};
    const int32_t depth = adi_ast_has_depth(mode), epochs = depth ? DEPTH_EPOCHS : RGB_EPOCHS;
    ad_preprocess preprocess = options->preprocess;
    if (!preprocess.size)
        ADI_TRY(default_size(a, graph, tap, &preprocess.size));
    ADI_TRY(adi_rows_check(rows, ROWS, options));
    ADI_TRY(adi_preprocess_resolve(&preprocess, graph, &c.preprocess));
    ADI_CHECK_ARG(depth || options->mask <= AD_AST_MASK_NONE, "mask is %s, which needs depth: the mode is %s",
                  mask_words[options->mask], adi_ast_mode_words[mode]);
    ADI_CHECK_ARG(!depth || (c.preprocess.crop == c.preprocess.size && c.preprocess.aspect == AD_ASPECT_SQUARE),
                  "a crop or another aspect than square is not for depth, which is taken whole");
    if (c.o.teacher_epochs < 0)
        c.o.teacher_epochs = epochs;
    if (c.o.student_epochs < 0)
        c.o.student_epochs = epochs;
    if (c.o.mask == AD_AST_MASK_AUTO)
        c.o.mask = depth ? AD_AST_MASK_BINARY : AD_AST_MASK_NONE;
    if (c.o.aggregate == AD_AST_AGGREGATE_AUTO)
        c.o.aggregate = c.o.mask == AD_AST_MASK_NONE ? AD_AST_AGGREGATE_MEAN : AD_AST_AGGREGATE_MAX;
    c.o.cache_dir = NULL;
    ADI_TRY(resolve_grid(a, graph, &c));
    if (depth)
        c.depth = (adi_depth_options){c.h, c.o.depth_fill, c.o.depth_fill_border, c.o.depth_corners,
                                      c.o.depth_dilation, c.o.depth_threshold};
    *out_config = c;
    return AD_OK;
}

void adi_ast_prepare(const adi_ast_config *config, adi_extractor *x)
{
    if (adi_ast_has_depth(config->mode))
        adi_extractor_take_depth(x, config->mode == AD_AST_DEPTH ? ADI_DEPTH_ALONE : ADI_PIXELS_AND_DEPTH,
                                 &config->depth);
    adi_extractor_set_map_side(x, config->h * ADI_AST_ENLARGE);
}

const char *adi_ast_option(const void *config, const adi_graph *graph, int32_t index, char *value)
{
    const adi_ast_config *c = config;
    if (index < ADI_PREPROCESS_OPTIONS)
        return adi_preprocess_option(&c->preprocess, index, value, ADI_OPTION_TEXT);
    index -= ADI_PREPROCESS_OPTIONS;
    if (index == 0) {
        adi_layers_text(graph, &c->tap, 1, value, ADI_OPTION_TEXT);
        return "layers";
    }
    if (index == 1) {
        snprintf(value, ADI_OPTION_TEXT, "%s", adi_ast_mode_words[c->mode]);
        return "mode";
    }
    index -= 2;
    for (int32_t i = 0; i < ROWS; i++)
        if ((adi_ast_has_depth(c->mode) || !rows[i].group) && index-- == 0) {
            adi_row_text(&rows[i], &c->o, value, ADI_OPTION_TEXT);
            return rows[i].key;
        }
    return NULL;
}
