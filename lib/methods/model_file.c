/* Metadata of scorer files. */
#include "methods/model_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/number.h"

static ad_status save_real(adi_st_writer *writer, const char *key, double value)
{
    char text[40];
    adi_snprintf(text, sizeof text, "%.17g", value);
    return adi_st_writer_meta(writer, key, text);
}

ad_status adi_model_save_info(adi_st_writer *writer, int64_t images, double normal_score,
                              double normal_map)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRId64, images);
    ADI_TRY(adi_st_writer_meta(writer, "adfeat.images", text));
    ADI_TRY(save_real(writer, "adfeat.normal_score", normal_score));
    return save_real(writer, "adfeat.normal_map", normal_map);
}

static ad_status load_real(const adi_safetensors *file, const char *key, double *out)
{
    const char *text = adi_st_meta(file, key);
    char *end = NULL;
    *out = text ? adi_strtod(text, &end) : 0.0;
    if (!text || end == text || *end || !isfinite(*out) || *out < 0.0)
        return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no proper '%s'", key);
    return AD_OK;
}

ad_status adi_model_load_info(const adi_safetensors *file, int64_t *out_images,
                              double *out_normal_score, double *out_normal_map)
{
    double images = 0.0;
    ADI_TRY(load_real(file, "adfeat.images", &images));
    ADI_TRY(load_real(file, "adfeat.normal_score", out_normal_score));
    ADI_TRY(load_real(file, "adfeat.normal_map", out_normal_map));
    *out_images = images < 9e15 ? (int64_t)images : 0;
    return AD_OK;
}

ad_status adi_model_load_options(const adi_safetensors *file, const char *const *keys, size_t count,
                                 adi_option_setter set, void *options)
{
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "adfeat.option.%s", keys[i]);
        const char *value = adi_st_meta(file, name);
        if (!value)
            return adi_fail(AD_ERR_FORMAT, "the scorer's metadata has no '%s'", name);
        if (set(options, keys[i], value) != AD_OK)
            return adi_fail_prefix(AD_ERR_FORMAT, "the scorer's metadata: ");
    }
    return AD_OK;
}
