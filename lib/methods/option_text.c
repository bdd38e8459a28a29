/* Options as text. */
#include "methods/option_text.h"

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
