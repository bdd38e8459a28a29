/* A scorer as a safetensors file. Metadata: adfeat.format, .kind, .version, .method, .graph (the
 * text, so that an old file means the same for ever), .backbone (digest), .embedded, .option.*;
 * tensors are the method's, and with an embedded backbone its folded weights under "backbone.". */
#include <stdio.h>
#include <string.h>

#include "core/file_kind.h"
#include "core/options.h"
#include "api/fitted_file.h"
#include "api/objects.h"
#include "model/model_file.h"

#define FORMAT "1"
#define EMBEDDED_PREFIX "backbone."

void ad_scorer_save_options_init(ad_scorer_save_options *options, size_t struct_size)
{
    const ad_scorer_save_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

ad_status adi_fitted_write(const char *kind, const adi_method *method, const ad_backbone *backbone,
                           const char *digest, adi_st_writer *w)
{
    ADI_TRY(adi_st_writer_meta(w, "adfeat.format", FORMAT));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.kind", kind));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.version", ad_version_string()));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.method", method->name));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.architecture", backbone->network->graph->name));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.graph", backbone->network->graph->text));
    return adi_st_writer_meta(w, "adfeat.backbone", digest);
}

static ad_status write_metadata(const ad_scorer *s, int32_t embed, adi_st_writer *w)
{
    ADI_TRY(adi_fitted_write("scorer", s->model->method, s->backbone, s->digest, w));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.embedded", embed ? "1" : "0"));
    for (int32_t i = 0; i < s->option_count; i++) {
        char key[64];
        snprintf(key, sizeof key, "adfeat.option.%s", s->options[i].key);
        ADI_TRY(adi_st_writer_meta(w, key, s->options[i].value));
    }
    return AD_OK;
}

ad_status ad_scorer_save(const ad_scorer *scorer, const char *path,
                         const ad_scorer_save_options *options)
{
    ADI_CHECK_ARG(scorer && path, "ad_scorer_save: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ad_scorer_save_options o;
    ad_scorer_save_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_scorer_save_options"));
    ADI_CHECK_ARG(o.embed_backbone == 0 || o.embed_backbone == 1,
                  "embed_backbone is %d, 0 or 1 is possible", o.embed_backbone);
    const adi_allocator *a = &scorer->backbone->context->allocator;
    adi_kept keep = {0};
    adi_st_writer *w = NULL;
    ADI_TRY(adi_st_writer_create(a, &w));
    ad_status status = write_metadata(scorer, o.embed_backbone, w);
    if (status == AD_OK)
        status = scorer->model->method->save(scorer->model, w, &keep);
    if (status == AD_OK)
        status = adi_model_save_facts(&scorer->facts, w);
    if (status == AD_OK && o.embed_backbone)
        status = adi_network_write(scorer->backbone->network, scorer->extractor->taps,
                                   scorer->extractor->tap_count, EMBEDDED_PREFIX, w, &keep);
    if (status == AD_OK)
        status = adi_st_writer_save(w, path);
    adi_st_writer_destroy(w);
    adi_kept_free(a, &keep);
    return status;
}

/* What the file says it is. */
ad_status adi_fitted_check_kind(adi_safetensors *file, const char *wanted,
                                const adi_method **out_method)
{
    ADI_TRY(adi_st_verify_ours(file));
    const char *format = adi_st_meta(file, "adfeat.format");
    const char *kind = adi_st_meta(file, "adfeat.kind");
    if (!format || !kind || strcmp(kind, wanted) != 0)
        return adi_fail_other_kind(AD_ERR_FORMAT, file, wanted);
    if (strcmp(format, FORMAT) != 0) {
        const char *version = adi_st_meta(file, "adfeat.version");
        return adi_fail(AD_ERR_UNSUPPORTED, "format %s, made by version %s; this is version %s",
                        format, version ? version : "unknown", ad_version_string());
    }
    const char *method = adi_st_meta(file, "adfeat.method");
    *out_method = method ? adi_method_find(method) : NULL;
    if (!*out_method)
        return adi_fail(AD_ERR_UNSUPPORTED, "made by method '%s', which this version does not have",
                        method ? method : "");
    return AD_OK;
}

/* Checks that the layers are the nodes that they were when the scorer was fitted. The digest does
 * not tell: names are no part of it. */
static ad_status check_layers(const ad_backbone *backbone, const adi_safetensors *file,
                              const int32_t *taps, int32_t count)
{
    const adi_graph *g = backbone->network->graph;
    const char *text = adi_st_meta(file, "adfeat.graph");
    int32_t here[ADI_MAX_LAYERS], there[ADI_MAX_LAYERS], named[ADI_MAX_LAYERS];
    adi_graph *fitted = NULL;
    ad_status status = AD_OK;
    if (!text)
        return adi_fail(AD_ERR_FORMAT, "the metadata has no 'adfeat.graph'");
    ADI_TRY(adi_graph_read(g->allocator, text, strlen(text), &fitted));
    status = adi_graph_check_image(fitted);
    for (int32_t i = 0; i < count && status == AD_OK; i++) {
        named[i] = adi_graph_find_tap(fitted, g->taps[taps[i]].name);
        if (named[i] < 0)
            status = adi_fail(AD_ERR_FORMAT, "its graph has no layer '%s'",
                              g->taps[taps[i]].name);
    }
    if (status == AD_OK) {
        adi_network_places(g, taps, count, here);
        adi_network_places(fitted, named, count, there);
        for (int32_t i = 0; i < count && status == AD_OK; i++)
            if (here[i] != there[i])
                status = adi_fail(AD_ERR_MISMATCH,
                                  "layer '%s' of %s is another node than the one of the fit",
                                  g->taps[taps[i]].name, g->name);
    }
    adi_graph_destroy(fitted);
    return status;
}

/* That the backbone is what the model was fitted with, as far as its layers go. */
ad_status adi_fitted_check_backbone(const ad_backbone *backbone, const adi_safetensors *file,
                                    const char *wanted, const int32_t *taps, int32_t count)
{
    const adi_graph *g = backbone->network->graph;
    const char *architecture = adi_st_meta(file, "adfeat.architecture");
    char have[17];
    for (int32_t i = 0; i < count; i++)
        if (!adi_network_tap_available(backbone->network, taps[i]))
            return adi_fail(AD_ERR_MISMATCH, "the weights end before layer '%s' of the fit",
                            g->taps[taps[i]].name);
    adi_network_digest(backbone->network, taps, count, have);
    if (strcmp(have, wanted) != 0 && architecture && strcmp(architecture, g->name) != 0)
        return adi_fail(AD_ERR_MISMATCH, "fitted with architecture '%s', the backbone is of '%s'",
                        architecture, g->name);
    if (strcmp(have, wanted) != 0)
        return adi_fail(AD_ERR_MISMATCH,
                        "fitted with %s weights of digest %s, these have digest %s", g->name,
                        wanted, have);
    return check_layers(backbone, file, taps, count);
}

/* How its files were read. Scorers of before orientations were looked at do not tell. */
ad_status adi_fitted_load_reading(const adi_safetensors *file, const char *kind,
                                  adi_scorer_reading *out_reading)
{
    ad_read_options *out = &out_reading->files;
    const char *grey16 = adi_st_meta(file, "adfeat.option.grey16");
    const char *orientation = adi_st_meta(file, "adfeat.option.orientation");
    const char *bits = adi_st_meta(file, "adfeat.option.significant_bits");
    ad_read_options_init(out, sizeof *out);
    if (ad_read_options_set(out, "orientation", orientation ? orientation : "raw") != AD_OK ||
        ad_read_options_set(out, "significant_bits", bits ? bits : "0") != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "the %s's metadata: ", kind);
    if (out->orientation == AD_ORIENTATION_AUTO)
        return adi_fail(AD_ERR_FORMAT, "the %s's metadata: option orientation is auto", kind);
    out_reading->rounded_16 = !grey16 || strcmp(grey16, "rounded") == 0;
    if (!out_reading->rounded_16 && strcmp(grey16, "camera") != 0)
        return adi_fail(AD_ERR_FORMAT, "the %s's metadata: option grey16 is '%s'", kind, grey16);
    return AD_OK;
}

/* Build the scorer that `file` describes on `backbone`. */
ad_status adi_fitted_load_settings(const adi_safetensors *file, const char *kind,
                                   const adi_method *method, const ad_backbone *backbone,
                                   adi_settings *settings)
{
    adi_settings_begin(settings, method);
    ADI_TRY(adi_options_load(method->options, file, kind, ADI_OPTION_PARTS,
                             adi_settings_options(settings)));
    const ad_status status =
        method->settle(settings, &backbone->context->allocator, backbone->network->graph);
    if (status == AD_OK || status == AD_ERR_OUT_OF_MEMORY)
        return status;
    return adi_fail_prefix(AD_ERR_FORMAT, "the %s's metadata: ", kind);
}

static ad_status load_model(const adi_safetensors *file, const adi_method *method,
                            const ad_backbone *backbone, adi_facts *out_facts,
                            adi_model **out_model)
{
    adi_any_config config;
    ADI_TRY(adi_fitted_load_settings(file, "scorer", method, backbone, &config.settings));
    ADI_TRY(adi_model_load_facts(file, out_facts));
    return method->load(backbone->context, backbone->network->graph, &config.settings, file,
                        out_model);
}

static ad_status load_onto(ad_backbone *backbone, const adi_safetensors *file,
                           const adi_method *method, int32_t embedded, ad_scorer **out_scorer)
{
    const char *wanted = adi_st_meta(file, "adfeat.backbone");
    if (!wanted || strlen(wanted) != 16)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no proper 'adfeat.backbone'");
    adi_scorer_reading reading;
    ADI_TRY(adi_fitted_load_reading(file, "scorer", &reading));
    adi_facts facts;
    adi_model *model = NULL;
    ADI_TRY(load_model(file, method, backbone, &facts, &model));
    const adi_settings *settings = model->settings;
    ad_status status = AD_OK;
    if (!embedded)
        status = adi_fitted_check_backbone(backbone, file, wanted, settings->taps,
                                           settings->tap_count);
    if (status != AD_OK) {
        method->destroy_model(model);
        return status;
    }
    ad_scorer *scorer = NULL;
    ADI_TRY(adi_scorer_wrap(backbone, model, &facts, wanted, &reading, &scorer));
    const ad_status room = adi_extractor_check_room(scorer->extractor);
    if (room == AD_OK)
        *out_scorer = scorer;
    else
        ad_scorer_destroy(scorer);
    return room;
}

static ad_status open_backbone(ad_context *context, const adi_safetensors *file, int32_t embedded,
                               const char *weights_path, ad_backbone **out_backbone)
{
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    /* Layers behind these may be most of the network. */
    const char *layers = adi_st_meta(file, "adfeat.option.layers");
    o.graph = adi_st_meta(file, "adfeat.graph");
    if (!o.graph)
        return adi_fail(AD_ERR_FORMAT, "the metadata has no 'adfeat.graph'");
    if (!embedded) {
        const char *architecture = adi_st_meta(file, "adfeat.architecture");
        ADI_CHECK_ARG(weights_path, "the scorer needs the weights of its backbone %s (digest %s)",
                      architecture ? architecture : "",
                      adi_st_meta(file, "adfeat.backbone") ? adi_st_meta(file, "adfeat.backbone")
                                                           : "");
        return adi_backbone_open(context, weights_path, &o, layers, out_backbone);
    }
    o.prefix = EMBEDDED_PREFIX;
    return adi_backbone_from_file(context, file, &o, layers, out_backbone);
}

static ad_status load_file(ad_context *context, adi_safetensors *file, const char *weights_path,
                           ad_scorer **out_scorer)
{
    const adi_method *method;
    ADI_TRY(adi_fitted_check_kind(file, "scorer", &method));
    const char *embedded_text = adi_st_meta(file, "adfeat.embedded");
    const int32_t embedded = embedded_text && strcmp(embedded_text, "1") == 0;
    ad_backbone *backbone = NULL;
    ADI_TRY(open_backbone(context, file, embedded, weights_path, &backbone));
    const ad_status status = load_onto(backbone, file, method, embedded, out_scorer);
    ad_backbone_destroy(backbone); /* the scorer holds its own */
    return status;
}

ad_status adi_scorer_load_bytes(ad_context *context, const uint8_t *bytes, size_t size,
                                const char *weights_path, ad_scorer **out_scorer)
{
    *out_scorer = NULL;
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_parse(&context->allocator, bytes, size, "scorer", &file));
    const ad_status status = load_file(context, file, weights_path, out_scorer);
    adi_st_close(file);
    return status;
}

ad_status ad_scorer_load(ad_context *context, const char *path, const char *weights_path,
                         ad_scorer **out_scorer)
{
    ADI_CHECK_ARG(context && path && out_scorer, "ad_scorer_load: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_scorer = NULL;
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open_on_disk(&context->allocator, path, &file));
    const ad_status status = load_file(context, file, weights_path, out_scorer);
    adi_st_close(file);
    return adi_fail_in_file(status, "scorer", path);
}

ad_status ad_scorer_load_onto(ad_backbone *backbone, const char *path, ad_scorer **out_scorer)
{
    ADI_CHECK_ARG(backbone && path && out_scorer, "ad_scorer_load_onto: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_scorer = NULL;
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open_on_disk(&backbone->context->allocator, path, &file));
    const adi_method *method;
    ad_status status = adi_fitted_check_kind(file, "scorer", &method);
    if (status == AD_OK)
        status = load_onto(backbone, file, method, 0, out_scorer);
    adi_st_close(file);
    return adi_fail_in_file(status, "scorer", path);
}

ad_status ad_file_metadata(ad_context *context, const char *path, ad_metadata_callback callback,
                           void *user)
{
    ADI_CHECK_ARG(context && path && callback, "ad_file_metadata: an argument is NULL");
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open_on_disk(&context->allocator, path, &file));
    const char *key, *value;
    ad_status status = adi_st_is_ours(file) ? adi_st_verify(file) : AD_OK;
    for (size_t i = 0; status == AD_OK && adi_st_meta_at(file, i, &key, &value); i++)
        if (callback(user, key, value))
            status = adi_fail(AD_ERR_CANCELLED, "reading the metadata of '%s' was cancelled", path);
    adi_st_close(file);
    return status;
}
