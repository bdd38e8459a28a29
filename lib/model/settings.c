/* Preprocessing and layers: from options to what a backbone is asked for. */
#include "model/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "model/method.h"

void adi_settings_begin(adi_settings *settings, const struct adi_method *method)
{
    *settings = (adi_settings){.method = method, .table = method->options};
    adi_options_default(method->options, adi_settings_options(settings));
}

/* Layers that the weights file lacks would be refused next, so they are not offered. */
static ad_status unknown_layer(const adi_graph *graph, const char *name, size_t length)
{
    char all[512];
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "%s has no layer '%.*s': there are %s", graph->name,
                    (int)(length < 100 ? length : 100), name,
                    adi_graph_list_taps(graph, all, sizeof all));
}

ad_status adi_layers_parse(const adi_graph *graph, const char *layers, int32_t *out_taps,
                           int32_t *out_count)
{
    int32_t count = 0;
    for (const char *at = layers;;) {
        const size_t length = strcspn(at, ",");
        int32_t tap = -1;
        for (int32_t i = 0; i < graph->tap_count; i++)
            if (strlen(graph->taps[i].name) == length &&
                memcmp(graph->taps[i].name, at, length) == 0)
                tap = i;
        if (tap < 0)
            return unknown_layer(graph, at, length);
        for (int32_t i = 0; i < count; i++)
            ADI_CHECK_ARG(out_taps[i] != tap, "layer '%s' is given twice", graph->taps[tap].name);
        ADI_CHECK_ARG(count < ADI_MAX_LAYERS, "more than %d layers", ADI_MAX_LAYERS);
        out_taps[count++] = tap;
        if (!at[length])
            break;
        at += length + 1;
    }
    *out_count = count;
    return AD_OK;
}

void adi_layers_text(const adi_graph *graph, const int32_t *taps, int32_t count, char *value,
                     size_t size)
{
    size_t n = 0;
    value[0] = '\0';
    for (int32_t i = 0; i < count && n < size; i++)
        n += (size_t)snprintf(value + n, size - n, "%s%s", i ? "," : "",
                              graph->taps[taps[i]].name);
}

/* What is left open becomes what the backbone was trained with. */
static ad_status settle_preprocess(adi_common_options *o, const adi_graph *graph,
                                   adi_preprocess *out)
{
    o->size = o->size > 0 ? o->size : graph->input_size;
    ADI_CHECK_ARG(o->crop <= o->size, "crop is %d, at most size %d is possible", o->crop, o->size);
    o->crop = o->crop ? o->crop : o->size;
    const int given = o->std[0] != 0.0f;
    for (int i = 0; i < 3; i++) {
        o->mean[i] = given ? o->mean[i] : graph->mean[i];
        o->std[i] = given ? o->std[i] : graph->std[i];
        ADI_CHECK_ARG(isfinite(o->mean[i]) && isfinite(o->std[i]) && o->std[i] > 0.0f,
                      "mean %g and std %g of channel %d: std must be positive",
                      (double)o->mean[i], (double)o->std[i], i);
        out->mean[i] = o->mean[i];
        out->std[i] = o->std[i];
    }
    out->size = o->size;
    out->crop = o->crop;
    out->resize = o->resize;
    out->aspect = o->aspect;
    out->rounded_16 = 0;
    return AD_OK;
}

ad_status adi_settings_settle(adi_settings *s, const adi_graph *graph, const char *layers)
{
    adi_common_options *o = adi_settings_options(s);
    ADI_TRY(settle_preprocess(o, graph, &s->preprocess));
    ADI_TRY(adi_layers_parse(graph, o->layers[0] ? o->layers : layers, s->taps, &s->tap_count));
    adi_layers_text(graph, s->taps, s->tap_count, o->layers, sizeof o->layers);
    return AD_OK;
}

const char *adi_settings_option(const adi_settings *s, int32_t index, char *value)
{
    const void *values = adi_settings_options(s);
    for (int32_t i = 0; i < s->table->row_count; i++) {
        const adi_option_row *row = &s->table->rows[i];
        if (!adi_option_is_kept(s->table, values, row) || index-- > 0)
            continue;
        adi_option_print(row, values, value);
        return row->key;
    }
    return NULL;
}

/* ---- Preprocessing alone, as ad_extract_features() takes it ---- */

static const adi_option_row rows[] = {ADI_COMMON_OPTIONS(
    ADI_COMMON_ROW, "auto", "side in pixels; auto: the backbone's", AD_OPTION_STUDENT, "")};
static const adi_option_table table = {
    .method = "preprocessing", .size = sizeof(adi_common_options), .rows = rows, .row_count = 6};

ad_status adi_preprocess_read(const adi_allocator *a, const char *text, const adi_graph *graph,
                              adi_preprocess *out)
{
    adi_common_options o;
    adi_option_pairs pairs;
    adi_options_default(&table, &o);
    ADI_TRY(adi_option_pairs_read(a, text, &pairs));
    const ad_status status = adi_options_set_pairs(&table, &o, AD_OPTION_PREPROCESS, &pairs);
    adi_option_pairs_free(&pairs);
    ADI_TRY(status);
    return settle_preprocess(&o, graph, out);
}
