/* Options as text: what the command line, bindings and scorer files write and read. */
#ifndef ADI_METHODS_OPTION_TEXT_H
#define ADI_METHODS_OPTION_TEXT_H

#include "core/options.h"
#include "methods/extractor.h"

ad_status adi_text_int(const char *key, const char *value, int32_t low, int32_t high, int32_t *out);
ad_status adi_text_uint64(const char *key, const char *value, uint64_t low, uint64_t high, uint64_t *out);
ad_status adi_text_real(const char *key, const char *value, double low, double high, double *out);
/* "r,g,b" */
ad_status adi_text_triple(const char *key, const char *value, float *out);
/* One of `count` words; *out is its index. The sentence lists them. */
ad_status adi_text_choice(const char *key, const char *value, const char *const *words, int32_t count,
                          int32_t *out);

/* What a publication did, as key and value of options. */
enum { ADI_PRESET_SETTINGS = 8 };
typedef struct adi_preset {
    const char *name;
    const char *settings[ADI_PRESET_SETTINGS][2]; /* up to a NULL key */
} adi_preset;
/* Every setting of the preset of that name, through `set`. */
ad_status adi_preset_apply(const char *name, const adi_preset *presets, int32_t count,
                           adi_option_setter set, void *options);

/* The preprocessing keys that every method has: size crop resize aspect mean std. *out_known is 0 for
 * any other key. */
ad_status adi_preprocess_set(ad_preprocess *preprocess, const char *key, const char *value,
                             int32_t *out_known);
/* Room for the longest option: ADI_MAX_LAYERS names of ADI_GRAPH_MAX_NAME characters. */
enum { ADI_OPTION_TEXT = ADI_MAX_LAYERS * (ADI_GRAPH_MAX_NAME + 1) + 1 };

enum { ADI_PREPROCESS_OPTIONS = 6 };
const char *adi_preprocess_option(const adi_preprocess *preprocess, int32_t index, char *value,
                                  size_t size);
/* The names of taps, comma-separated: what adi_layers_parse() reads. */
void adi_layers_text(const adi_graph *graph, const int32_t *taps, int32_t count, char *value, size_t size);

/* A method's option `index` as text; NULL past the last. The configuration is the method's own type. */
typedef const char *(*adi_option_fn)(const void *config, const adi_graph *graph, int32_t index, char *value);
/* AD_ERR_MISMATCH names the first option in which two fits to be merged differ; `except` (NULL: none) has no
 * part in the result. */
ad_status adi_options_match(adi_option_fn option, const void *mine, const adi_graph *my_graph,
                            const void *other, const adi_graph *other_graph, const char *except);

#endif
