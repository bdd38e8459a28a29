/* STFPM's options: defaults, text, and what they mean for a student. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "core/options.h"
#include "methods/option_rows.h"
#include "methods/stfpm.h"

enum { DEFAULT_SIZE = 256, MAX_EPOCHS = 1000000, MAX_BATCH = 1024, MAX_COMBINE = 4096 };
#define MAX_RATE   1e12

static const char *const optimizer_words[] = {"sgd", "adam"};
static const char *const batch_words[] = {"mean", "sum"};
static const char *const validation_words[] = {"distance", "product"};
static const char *const combine_words[] = {"product", "sum"};
static const char *const target_words[] = {"student", "teacher"};

void ad_stfpm_options_init(ad_stfpm_options *options, size_t struct_size)
{
    ad_stfpm_options defaults = {.struct_size = sizeof defaults,
                                 .epochs = 100,
                                 .batch = 32,
                                 .lr = 0.4,
                                 .momentum = 0.9,
                                 .weight_decay = 1e-4,
                                 .loss_half = 1,
                                 .validation_share = 0.2,
                                 .clip_norm = -1.0,
                                 .feature_cache = UINT64_C(2) << 30,
                                 .memory_limit = UINT64_C(16) << 30,
                                 .pretrain_epochs = 50,
                                 .pretrain_lr = 1e-3,
                                 .unet_lr = 1e-4,
                                 .rec_weight = 1.0,
                                 .sim_weight = 1.0};
    ad_preprocess_init(&defaults.preprocess, sizeof defaults.preprocess);
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

/* group 1: where only students with U-Nets have it */
#define AT(field) offsetof(ad_stfpm_options, field)
static const adi_option_row rows[] = {
    {"epochs", ADI_INTEGER, AT(epochs), 0, MAX_EPOCHS, NULL, 0, 0},
    {"batch", ADI_INTEGER, AT(batch), 2, MAX_BATCH, NULL, 0, 0},
    {"optimizer", ADI_CHOICE, AT(optimizer), 0, 1, optimizer_words, 2, 0},
    {"lr", ADI_REAL, AT(lr), 1e-12, MAX_RATE, NULL, 0, 0},
    {"momentum", ADI_REAL, AT(momentum), 0, 0.999999, NULL, 0, 0},
    {"weight_decay", ADI_REAL, AT(weight_decay), 0, MAX_RATE, NULL, 0, 0},
    {"seed", ADI_SEED, AT(seed), 0, UINT32_MAX, NULL, 0, 0},
    {"loss_half", ADI_INTEGER, AT(loss_half), 0, 1, NULL, 0, 0},
    {"loss_batch", ADI_CHOICE, AT(loss_batch), 0, 1, batch_words, 2, 0},
    {"val", ADI_CHOICE, AT(validation), 0, 1, validation_words, 2, 0},
    {"patience", ADI_INTEGER, AT(patience), 0, MAX_EPOCHS, NULL, 0, 0},
    {"validation_share", ADI_REAL, AT(validation_share), 0, 0.99, NULL, 0, 0},
    {"split_seed", ADI_SEED, AT(split_seed), 0, UINT32_MAX, NULL, 0, 0},
    {"clip_norm", ADI_REAL, AT(clip_norm), -1, MAX_RATE, NULL, 0, 0},
    {"combine", ADI_CHOICE, AT(combine), 0, 1, combine_words, 2, 0},
    {"combine_at", ADI_INTEGER, AT(combine_at), 0, MAX_COMBINE, NULL, 0, 0},
    {"feature_cache", ADI_BYTES, AT(feature_cache), 0, 0, NULL, 0, 0},
    {"memory_limit", ADI_BYTES, AT(memory_limit), 0, 0, NULL, 0, 0},
    {"pretrain_epochs", ADI_INTEGER, AT(pretrain_epochs), 0, MAX_EPOCHS, NULL, 0, 1},
    {"pretrain_lr", ADI_REAL, AT(pretrain_lr), 1e-12, MAX_RATE, NULL, 0, 1},
    {"unet_lr", ADI_REAL, AT(unet_lr), 1e-12, MAX_RATE, NULL, 0, 1},
    {"unet_weight_decay", ADI_REAL, AT(unet_weight_decay), 0, MAX_RATE, NULL, 0, 1},
    {"rec_weight", ADI_REAL, AT(rec_weight), 0, MAX_RATE, NULL, 0, 1},
    {"sim_weight", ADI_REAL, AT(sim_weight), 0, MAX_RATE, NULL, 0, 1},
    {"rec_target", ADI_CHOICE, AT(rec_target), 0, 1, target_words, 2, 1},
    {"rec_stopgrad", ADI_INTEGER, AT(rec_stopgrad), 0, 1, NULL, 0, 1},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const adi_preset presets[] = {
    {"stfpm",
     {{"epochs", "100"}, {"loss_half", "1"}, {"loss_batch", "mean"}, {"val", "distance"}, {"combine_at", "0"}}},
    {"stfpm_official",
     {{"epochs", "100"}, {"loss_half", "0"}, {"loss_batch", "mean"}, {"val", "product"}, {"combine_at", "64"}}},
    {"stfpm_accurate",
     {{"epochs", "200"}, {"loss_half", "0"}, {"loss_batch", "mean"}, {"val", "distance"}, {"combine_at", "0"}}},
    {"stfpm_unet",
     {{"epochs", "100"}, {"pretrain_epochs", "50"}, {"loss_half", "1"}, {"loss_batch", "mean"},
      {"val", "distance"}, {"combine_at", "0"}, {"clip_norm", "1"}}},
};

ad_status adi_stfpm_set(void *full, const char *key, const char *value)
{
    ad_stfpm_options *o = full;
    if (strcmp(key, "preset") == 0)
        return adi_preset_apply(value, presets, sizeof presets / sizeof *presets, adi_stfpm_set, o);
    if (strcmp(key, "layer_weights") == 0) {
        o->layer_weights = value;
        return AD_OK;
    }
    int32_t known;
    ADI_TRY(adi_preprocess_set(&o->preprocess, key, value, &known));
    if (known)
        return AD_OK;
    const adi_option_row *row = adi_row_find(rows, ROWS, key);
    if (row)
        return adi_row_set(row, o, value);
    return adi_rows_unknown(rows, ROWS, key, "preset, ", "layer_weights, size, crop, resize, aspect, mean, std");
}

ad_status ad_stfpm_options_set(ad_stfpm_options *options, const char *key, const char *value)
{
    ADI_CHECK_ARG(options && key && value, "ad_stfpm_options_set: an argument is NULL");
    ad_stfpm_options full;
    ad_stfpm_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_stfpm_options", adi_stfpm_set, key, value);
}

static ad_status check_rows(const ad_stfpm_options *o)
{
    ADI_TRY(adi_rows_check(rows, ROWS, o));
    ADI_CHECK_ARG(o->clip_norm >= 0.0 || o->clip_norm == -1.0, "clip_norm is %g, -1, 0 or more is possible",
                  o->clip_norm);
    return AD_OK;
}

static ad_status take_weights(const char *text, adi_stfpm_config *c)
{
    for (int32_t i = 0; i < c->tap_count; i++)
        c->weights[i] = 1.0;
    const char *at = text;
    double sum = 0.0;
    for (int32_t i = 0; at; i++) {
        char *end = NULL;
        const double v = adi_strtod(at, &end);
        ADI_CHECK_ARG(i < c->tap_count && end != at && isfinite(v) && v >= 0.0 && (*end == ',' || !*end)
                          && (*end == ',') == (i + 1 < c->tap_count),
                      "layer_weights: '%s' is not a number for each of %d layers", text, c->tap_count);
        c->weights[i] = v;
        sum += v;
        at = *end ? end + 1 : NULL;
    }
    ADI_CHECK_ARG(!text || sum > 0.0, "layer_weights: '%s' leaves nothing to learn", text);
    return AD_OK;
}

ad_status adi_stfpm_resolve(const ad_stfpm_options *options, const adi_graph *graph, const int32_t *taps,
                            int32_t tap_count, int32_t unets, adi_stfpm_config *out_config)
{
    adi_stfpm_config c = {.o = *options, .unets = unets, .tap_count = tap_count};
    memcpy(c.taps, taps, (size_t)tap_count * sizeof *taps);
    ad_preprocess preprocess = options->preprocess;
    if (!preprocess.size)
        preprocess.size = DEFAULT_SIZE;
    ADI_TRY(check_rows(options));
    ADI_TRY(adi_preprocess_resolve(&preprocess, graph, &c.preprocess));
    ADI_TRY(take_weights(options->layer_weights, &c));
    if (c.o.clip_norm < 0.0)
        c.o.clip_norm = unets ? 1.0 : 0.0;
    c.o.layer_weights = NULL;
    *out_config = c;
    return AD_OK;
}

static void weights_text(const adi_stfpm_config *c, char *value, size_t size)
{
    size_t n = 0;
    char text[ADI_REAL_TEXT];
    for (int32_t i = 0; i < c->tap_count && n < size; i++)
        n += (size_t)snprintf(value + n, size - n, "%s%s", i ? "," : "", adi_real_text(c->weights[i], text));
}

const char *adi_stfpm_option(const void *config, const adi_graph *graph, int32_t index, char *value)
{
    const adi_stfpm_config *c = config;
    if (index < ADI_PREPROCESS_OPTIONS)
        return adi_preprocess_option(&c->preprocess, index, value, ADI_OPTION_TEXT);
    index -= ADI_PREPROCESS_OPTIONS;
    if (index == 0) {
        adi_layers_text(graph, c->taps, c->tap_count, value, ADI_OPTION_TEXT);
        return "layers";
    }
    if (index == 1) {
        weights_text(c, value, ADI_OPTION_TEXT);
        return "layer_weights";
    }
    index -= 2;
    for (int32_t i = 0; i < ROWS; i++)
        if ((c->unets || !rows[i].group) && index-- == 0) {
            adi_row_text(&rows[i], &c->o, value, ADI_OPTION_TEXT);
            return rows[i].key;
        }
    return NULL;
}
