/* The options that every method has, and their values for a backbone. */
#ifndef ADI_MODEL_SETTINGS_H
#define ADI_MODEL_SETTINGS_H

#include "model/option_table.h"
#include "vision/vision.h"

/* Rows of preprocessing and layers, which come first in every method's table. `layers_parts`: the
 * bits of the layers, which belong to the student where there is one. */
#define ADI_COMMON_OPTIONS(X, default_size, says_size, layers_parts, says_layers)                  \
    X(INTEGER, size, AD_OPTION_PREPROCESS, 1, 4096, "auto", default_size, says_size)               \
    X(INTEGER, crop, AD_OPTION_PREPROCESS, 0, 4096, NULL, "0",                                     \
      "side of the centre crop in pixels; 0: no crop")                                             \
    X(CHOICE, resize, AD_OPTION_PREPROCESS, 0, 2, ADI_RESIZE_WORDS, "pil_bilinear",                \
      "resize filter: OpenCV's without antialias, or Pillow's, bit for bit")                       \
    X(CHOICE, aspect, AD_OPTION_PREPROCESS, 0, 1, ADI_ASPECT_WORDS, "square",                      \
      "resize to size x size, or the shorter side to size and crop the centre")                    \
    X(TRIPLE, mean, AD_OPTION_PREPROCESS, 0, 0, NULL, NULL,                                        \
      "R,G,B in 0 to 1 that is subtracted; default: the backbone's")                               \
    X(TRIPLE, std, AD_OPTION_PREPROCESS, 0, 0, NULL, NULL,                                         \
      "R,G,B that it is then divided by; default: the backbone's")                                 \
    X(LAYERS, layers, layers_parts, 0, 0, NULL, NULL, says_layers)

#define ADI_RESIZE_WORDS "cv_linear|pil_bilinear|pil_lanczos"
#define ADI_ASPECT_WORDS "square|shorter"

/* The members that ADI_COMMON_OPTIONS makes: every method's struct of options begins with them. */
typedef struct adi_common_options {
    ADI_COMMON_OPTIONS(ADI_OPTION_FIELD, "", "", 0, "")
} adi_common_options;

/* The rows themselves, whichever method's struct they stand in. */
#define ADI_COMMON_ROW(kind, key, parts, low, high, words, fallback, says)                         \
    {#key, AD_OPTION_##kind, (parts), offsetof(adi_common_options, key), (low), (high), (words),   \
     (fallback), (says)},

/* A method's options settled for a backbone: the head of its configuration, whose next member is
 * the method's struct of options. */
struct adi_method;
typedef struct adi_settings {
    const struct adi_method *method;
    const adi_option_table *table; /* the method's */
    adi_preprocess preprocess;
    int32_t taps[ADI_MAX_LAYERS], tap_count;
} adi_settings;

/* Whether a method's configuration is laid out so. */
#define ADI_SETTINGS_CHECK(config)                                                                 \
    _Static_assert(offsetof(config, o) == sizeof(adi_settings) &&                                  \
                       sizeof(config) <= ADI_MAX_CONFIG,                                           \
                   "options stand behind the settings")

enum { ADI_MAX_CONFIG = 16384 };
/* Room for any method's configuration. */
typedef union adi_any_config {
    adi_settings settings;
    double aligned;
    unsigned char bytes[ADI_MAX_CONFIG];
} adi_any_config;

static inline void *adi_settings_options(const adi_settings *s)
{
    return (void *)(uintptr_t)(s + 1);
}

/* Defaults, before options are set. */
void adi_settings_begin(adi_settings *settings, const struct adi_method *method);
/* Preprocessing and layers: defaults become the backbone's, and are then the options' values.
 * layers: the layers without the option. */
ad_status adi_settings_settle(adi_settings *settings, const adi_graph *graph, const char *layers);
/* Options in force, as text; NULL past the last. value holds ADI_OPTION_TEXT bytes. */
const char *adi_settings_option(const adi_settings *settings, int32_t index, char *value);

/* Preprocessing from its options as text, "size=256, resize=cv_linear"; NULL: defaults. */
ad_status adi_preprocess_read(const adi_allocator *a, const char *text, const adi_graph *graph,
                              adi_preprocess *out);
/* Comma-separated names to taps, none twice. AD_ERR_INVALID_ARGUMENT lists the layers there are. */
ad_status adi_layers_parse(const adi_graph *graph, const char *layers, int32_t *out_taps,
                           int32_t *out_count);
/* The names of taps, comma-separated. */
void adi_layers_text(const adi_graph *graph, const int32_t *taps, int32_t count, char *value,
                     size_t size);

#endif
