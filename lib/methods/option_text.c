/* Options as text. */
#include "methods/option_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"

ad_status adi_text_int(const char *key, const char *value, int32_t low, int32_t high, int32_t *out)
{
    char *end;
    const long v = strtol(value, &end, 10);
    ADI_CHECK_ARG(end != value && !*end && v >= low && v <= high,
                  "option %s: '%s' is not a whole number from %d to %d", key, value, low, high);
    *out = (int32_t)v;
    return AD_OK;
}

ad_status adi_text_uint64(const char *key, const char *value, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    const int digit = value[0] >= '0' && value[0] <= '9'; /* strtoull takes "-1" */
    const unsigned long long v = digit ? strtoull(value, &end, 10) : 0;
    ADI_CHECK_ARG(digit && !*end && !errno && v >= low && v <= high,
                  "option %s: '%s' is not a whole number from %llu to %llu", key, value,
                  (unsigned long long)low, (unsigned long long)high);
    *out = v;
    return AD_OK;
}

ad_status adi_text_real(const char *key, const char *value, double low, double high, double *out)
{
    char *end;
    const double v = adi_strtod(value, &end);
    ADI_CHECK_ARG(end != value && !*end && v >= low && v <= high,
                  "option %s: '%s' is not a number from %g to %g", key, value, low, high);
    *out = v;
    return AD_OK;
}

ad_status adi_text_choice(const char *key, const char *value, const char *const *words, int32_t count,
                          int32_t *out)
{
    char all[256] = "";
    for (int32_t i = 0, n = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = i;
            return AD_OK;
        }
        n += snprintf(all + n, sizeof all - (size_t)n, "%s%s", i ? ", " : "", words[i]);
    }
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "option %s: '%s' is none of %s", key, value, all);
}

ad_status adi_preset_apply(const char *name, const adi_preset *presets, int32_t count,
                           adi_option_setter set, void *options)
{
    const char *words[16];
    int32_t index = 0;
    for (int32_t i = 0; i < count && i < 16; i++)
        words[i] = presets[i].name;
    ADI_TRY(adi_text_choice("preset", name, words, count, &index));
    const adi_preset *p = &presets[index];
    for (int32_t i = 0; i < ADI_PRESET_SETTINGS && p->settings[i][0]; i++)
        ADI_TRY(set(options, p->settings[i][0], p->settings[i][1]));
    return AD_OK;
}

static const char *const resize_words[] = {"cv_linear", "pil_bilinear", "pil_lanczos"};
static const char *const aspect_words[] = {"square", "shorter"};

ad_status adi_text_triple(const char *key, const char *value, float *out)
{
    float v[3];
    const char *at = value;
    for (int i = 0; i < 3; i++) {
        char *end;
        v[i] = (float)adi_strtod(at, &end);
        ADI_CHECK_ARG(end != at && *end == (i < 2 ? ',' : '\0') && isfinite(v[i]),
                      "option %s: '%s' is not three numbers r,g,b", key, value);
        at = end + 1;
    }
    memcpy(out, v, sizeof v);
    return AD_OK;
}

ad_status adi_preprocess_set(ad_preprocess *preprocess, const char *key, const char *value,
                             int32_t *out_known)
{
    *out_known = 1;
    if (strcmp(key, "size") == 0)
        return adi_text_int(key, value, 1, 4096, &preprocess->size);
    if (strcmp(key, "crop") == 0)
        return adi_text_int(key, value, 0, 4096, &preprocess->crop);
    if (strcmp(key, "resize") == 0)
        return adi_text_choice(key, value, resize_words, 3, &preprocess->resize);
    if (strcmp(key, "aspect") == 0)
        return adi_text_choice(key, value, aspect_words, 2, &preprocess->aspect);
    if (strcmp(key, "mean") == 0)
        return adi_text_triple(key, value, preprocess->mean);
    if (strcmp(key, "std") == 0)
        return adi_text_triple(key, value, preprocess->std);
    *out_known = 0;
    return AD_OK;
}

static void triple_text(const float *v, char *value, size_t size)
{
    char text[3][ADI_REAL_TEXT];
    snprintf(value, size, "%s,%s,%s", adi_float_text(v[0], text[0]), adi_float_text(v[1], text[1]),
             adi_float_text(v[2], text[2]));
}

const char *adi_preprocess_option(const adi_preprocess *p, int32_t index, char *value, size_t size)
{
    switch (index) {
    case 0:
        snprintf(value, size, "%d", p->size);
        return "size";
    case 1:
        snprintf(value, size, "%d", p->crop);
        return "crop";
    case 2:
        snprintf(value, size, "%s", resize_words[p->resize]);
        return "resize";
    case 3:
        snprintf(value, size, "%s", aspect_words[p->aspect]);
        return "aspect";
    case 4:
        triple_text(p->mean, value, size);
        return "mean";
    case 5:
        triple_text(p->std, value, size);
        return "std";
    default:
        return NULL;
    }
}

void adi_layers_text(const adi_graph *graph, const int32_t *taps, int32_t count, char *value, size_t size)
{
    size_t n = 0;
    value[0] = '\0';
    for (int32_t i = 0; i < count && n < size; i++)
        n += (size_t)snprintf(value + n, size - n, "%s%s", i ? "," : "", graph->taps[taps[i]].name);
}

ad_status adi_options_match(adi_option_fn option, const void *mine, const adi_graph *my_graph,
                            const void *other, const adi_graph *other_graph, const char *except)
{
    char my_text[ADI_OPTION_TEXT], other_text[ADI_OPTION_TEXT];
    for (int32_t i = 0;; i++) {
        const char *key = option(mine, my_graph, i, my_text);
        if (!key)
            return AD_OK;
        option(other, other_graph, i, other_text);
        if (strcmp(my_text, other_text) != 0 && !(except && strcmp(key, except) == 0))
            return adi_fail(AD_ERR_MISMATCH, "option %s is %s in one fit and %s in the other", key, my_text,
                            other_text);
    }
}
