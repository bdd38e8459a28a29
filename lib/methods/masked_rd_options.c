/* Options of masked reverse distillation: defaults, text, and what they mean for a student. */
#include <stdio.h>
#include <string.h>

#include "core/options.h"
#include "methods/blur.h"
#include "methods/masked_rd.h"
#include "methods/option_rows.h"

enum { DEFAULT_SIZE = 256, MAX_EPOCHS = 1000000, MAX_BATCH = 1024 };
#define MAX_RATE 1e12

static const char *const loss_words[] = {"position", "flat"};
static const char *const combine_words[] = {"product", "sum"};

void ad_masked_rd_options_init(ad_masked_rd_options *options, size_t struct_size)
{
    ad_masked_rd_options defaults = {.struct_size = sizeof defaults,
                                     .epochs = 200,
                                     .batch = 16,
                                     .lr = 1e-3,
                                     .beta1 = 0.5,
                                     .beta2 = 0.999,
                                     .weight_decay = 1e-5,
                                     .validation_share = 0.1,
                                     .patience = 20,
                                     .combine = AD_COMBINE_SUM,
                                     .blur_sigma = 4.0,
                                     .feature_cache = UINT64_C(2) << 30,
                                     .memory_limit = UINT64_C(16) << 30};
    ad_preprocess_init(&defaults.preprocess, sizeof defaults.preprocess);
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

#define AT(field) offsetof(ad_masked_rd_options, field)
static const adi_option_row rows[] = {
    {"epochs", ADI_INTEGER, AT(epochs), 0, MAX_EPOCHS, NULL, 0, 0},
    {"batch", ADI_INTEGER, AT(batch), 2, MAX_BATCH, NULL, 0, 0},
    {"loss", ADI_CHOICE, AT(loss), 0, 1, loss_words, 2, 0},
    {"lr", ADI_REAL, AT(lr), 1e-12, MAX_RATE, NULL, 0, 0},
    {"beta1", ADI_REAL, AT(beta1), 0, 0.999999, NULL, 0, 0},
    {"beta2", ADI_REAL, AT(beta2), 0, 0.999999, NULL, 0, 0},
    {"weight_decay", ADI_REAL, AT(weight_decay), 0, MAX_RATE, NULL, 0, 0},
    {"seed", ADI_SEED, AT(seed), 0, UINT32_MAX, NULL, 0, 0},
    {"validation_share", ADI_REAL, AT(validation_share), 0, 0.99, NULL, 0, 0},
    {"split_seed", ADI_SEED, AT(split_seed), 0, UINT32_MAX, NULL, 0, 0},
    {"patience", ADI_INTEGER, AT(patience), 0, MAX_EPOCHS, NULL, 0, 0},
    {"combine", ADI_CHOICE, AT(combine), 0, 1, combine_words, 2, 0},
    {"blur_sigma", ADI_REAL, AT(blur_sigma), 0, ADI_BLUR_MAX_SIGMA, NULL, 0, 0},
    {"feature_cache", ADI_BYTES, AT(feature_cache), 0, 0, NULL, 0, 0},
    {"memory_limit", ADI_BYTES, AT(memory_limit), 0, 0, NULL, 0, 0},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const adi_preset presets[] = {
    {"masked_rd", {{"loss", "position"}, {"lr", "1e-3"}, {"weight_decay", "1e-5"}, {"validation_share", "0.1"}}},
    {"rd4ad", {{"loss", "flat"}, {"lr", "5e-3"}, {"weight_decay", "0"}, {"validation_share", "0"}}},
    {"mrkd_flm", {{"loss", "flat"}, {"lr", "5e-3"}, {"weight_decay", "0"}, {"validation_share", "0"}}},
};

ad_status adi_rd_set(void *full, const char *key, const char *value)
{
    ad_masked_rd_options *o = full;
    if (strcmp(key, "preset") == 0)
        return adi_preset_apply(value, presets, sizeof presets / sizeof *presets, adi_rd_set, o);
    int32_t known;
    ADI_TRY(adi_preprocess_set(&o->preprocess, key, value, &known));
    if (known)
        return AD_OK;
    const adi_option_row *row = adi_row_find(rows, ROWS, key);
    if (row)
        return adi_row_set(row, o, value);
    return adi_rows_unknown(rows, ROWS, key, "preset, ", "size, crop, resize, aspect, mean, std");
}

ad_status ad_masked_rd_options_set(ad_masked_rd_options *options, const char *key, const char *value)
{
    ADI_CHECK_ARG(options && key && value, "ad_masked_rd_options_set: an argument is NULL");
    ad_masked_rd_options full;
    ad_masked_rd_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_masked_rd_options", adi_rd_set, key, value);
}

/* The decoder doubles what the bottleneck halved, so every halving must come out even, and a teacher's layers must be where a
 * ResNet has them. */
static ad_status find_shapes(const adi_allocator *a, const adi_graph *graph, adi_rd_config *c)
{
    const int64_t crop = c->preprocess.crop;
    if (crop % ADI_RD_STRIDE)
        return adi_fail(AD_ERR_SHAPE, "an input of %lldx%lld for reverse distillation: multiples of %d are possible",
                        (long long)crop, (long long)crop, ADI_RD_STRIDE);
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        adi_shape *s = &c->shapes[level];
        const int64_t side = crop / (4 << level);
        ADI_TRY(adi_plan_tap_shape(a, graph, c->taps[level], crop, crop, s));
        if (s->h != side || s->w != side)
            return adi_fail(AD_ERR_UNSUPPORTED, "layer '%s' has %lldx%lld positions at an input of %lldx%lld, reverse "
                            "distillation needs %lldx%lld", graph->taps[c->taps[level]].name, (long long)s->w, (long long)s->h,
                            (long long)crop, (long long)crop, (long long)side, (long long)side);
    }
    return AD_OK;
}

ad_status adi_rd_resolve(const ad_masked_rd_options *options, const adi_allocator *a, const adi_graph *graph,
                         const int32_t *taps, int32_t levels, adi_rd_config *out_config)
{
    adi_rd_config c = {.o = *options, .levels = levels};
    ad_preprocess preprocess = options->preprocess;
    memcpy(c.taps, taps, sizeof c.taps);
    if (!preprocess.size)
        preprocess.size = DEFAULT_SIZE;
    ADI_TRY(adi_rows_check(rows, ROWS, options));
    ADI_TRY(adi_preprocess_resolve(&preprocess, graph, &c.preprocess));
    ADI_TRY(find_shapes(a, graph, &c));
    *out_config = c;
    return AD_OK;
}

const char *adi_rd_option(const void *config, const adi_graph *graph, int32_t index, char *value)
{
    const adi_rd_config *c = config;
    if (index < ADI_PREPROCESS_OPTIONS)
        return adi_preprocess_option(&c->preprocess, index, value, ADI_OPTION_TEXT);
    index -= ADI_PREPROCESS_OPTIONS;
    if (index == 0) {
        adi_layers_text(graph, c->taps, ADI_RD_LEVELS, value, ADI_OPTION_TEXT);
        return "layers";
    }
    if (index == 1) {
        snprintf(value, ADI_OPTION_TEXT, "%s", adi_level_words[c->levels]);
        return "levels";
    }
    if (index - 2 >= ROWS)
        return NULL;
    adi_row_text(&rows[index - 2], &c->o, value, ADI_OPTION_TEXT);
    return rows[index - 2].key;
}
