/* What a fit found, in the metadata of a scorer file. */
#include "model/model_file.h"

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

ad_status adi_model_save_facts(const adi_facts *facts, adi_st_writer *writer)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRId64, facts->images);
    ADI_TRY(adi_st_writer_meta(writer, "adfeat.images", text));
    ADI_TRY(save_real(writer, "adfeat.normal_score", facts->normal_score));
    return save_real(writer, "adfeat.normal_map", facts->normal_map);
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

ad_status adi_model_load_facts(const adi_safetensors *file, adi_facts *out_facts)
{
    double images = 0.0;
    ADI_TRY(load_real(file, "adfeat.images", &images));
    ADI_TRY(load_real(file, "adfeat.normal_score", &out_facts->normal_score));
    ADI_TRY(load_real(file, "adfeat.normal_map", &out_facts->normal_map));
    out_facts->images = images < 9e15 ? (int64_t)images : 0;
    return AD_OK;
}
