/* The Gaussian method's options: their table, and what they mean for a backbone. */
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "methods/gaussian.h"
#include "model/option_text.h"

#define ADI_OPTION_OWNER adi_gaussian_options
static const adi_option_row rows[] = {
    ADI_COMMON_OPTIONS(ADI_COMMON_ROW, "auto", "side in pixels; auto: the backbone's",
                       AD_OPTION_SCORING, "comma-separated; default: the backbone's own choice")
    ADI_GAUSSIAN_OPTIONS(ADI_OPTION_ROW)};

ADI_SETTINGS_CHECK(adi_gaussian_config);

/* The base code of both publications resizes by OpenCV's bilinear filter, so these presets do, too;
 * Pillow's filter, the default elsewhere, gives better scores. */
static const adi_preset presets[] = {
    {"wang2022",
     "Wang, Xu, Chen 2022: EfficientNet-B4 at 380x380, levels 3 to 7, NPCA 0.95",
     {{"size", "380"},
      {"crop", "0"},
      {"resize", "cv_linear"},
      {"aspect", "square"},
      {"layers", "level3,level4,level5,level6,level7"},
      {"reduce", "npca:0.95"},
      {"pixel", "dense"}}},
    {"rippel2020",
     "Rippel et al. 2020: EfficientNet-B4 at 380x380, levels 0 to 8, image scores only",
     {{"size", "380"},
      {"crop", "0"},
      {"resize", "cv_linear"},
      {"aspect", "square"},
      {"layers", "level0,level1,level2,level3,level4,level5,level6,level7,level8"},
      {"reduce", "none"},
      {"pixel", "none"}}},
    {"resnet18",
     "ResNet-18 at 224x224, maxpool to layer3, no reduction",
     {{"size", "224"},
      {"crop", "0"},
      {"resize", "cv_linear"},
      {"aspect", "square"},
      {"layers", "maxpool,layer1,layer2,layer3"},
      {"reduce", "none"},
      {"pixel", "dense"}}},
};

const adi_option_table adi_gaussian_options_table = {
    .method = "gaussian",
    .size = sizeof(adi_gaussian_options),
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .presets = presets,
    .preset_count = sizeof presets / sizeof *presets,
};

/* "none", "auto", "pca" or "npca:0.95"; without a share 0.95. */
static ad_status read_reduce(const char *value, int32_t *out_reduce, double *out_threshold)
{
    static const char words[] = "none|pca|npca|auto";
    char word[16];
    const size_t n = strcspn(value, ":");
    ADI_CHECK_ARG(n < sizeof word, "option reduce: '%.60s' is none of none, pca:T, npca:T, auto",
                  value);
    memcpy(word, value, n);
    word[n] = '\0';
    ADI_TRY(adi_text_choice("reduce", word, words, out_reduce));
    *out_threshold = 0.95;
    if (!value[n])
        return AD_OK;
    ADI_CHECK_ARG(*out_reduce == ADI_REDUCE_PCA || *out_reduce == ADI_REDUCE_NPCA,
                  "option reduce: '%s' takes no threshold", word);
    return adi_text_real("reduce", value + n + 1, 1e-9, 1.0 - 1e-9, out_threshold);
}

/* The backbone's graph says what "auto" means. */
static ad_status settle_reduce(adi_gaussian_config *c, const adi_graph *graph)
{
    enum { AUTO = ADI_REDUCE_NPCA + 1 };
    char text[ADI_REAL_TEXT];
    int32_t reduce;
    const char *hint = adi_graph_hint(graph, "gaussian.reduce");
    ADI_TRY(read_reduce(c->o.reduce, &reduce, &c->mvg.threshold));
    if (reduce == AUTO)
        ADI_TRY(read_reduce(hint ? hint : "none", &reduce, &c->mvg.threshold));
    c->mvg.reduce = (adi_reduce)reduce;
    if (reduce == ADI_REDUCE_NONE)
        snprintf(c->o.reduce, sizeof c->o.reduce, "none");
    else
        snprintf(c->o.reduce, sizeof c->o.reduce, "%s:%s",
                 reduce == ADI_REDUCE_PCA ? "pca" : "npca", adi_real_text(c->mvg.threshold, text));
    return AD_OK;
}

ad_status adi_gaussian_settle(adi_settings *settings, const adi_allocator *a,
                              const adi_graph *graph)
{
    adi_gaussian_config *c = (adi_gaussian_config *)settings;
    const char *layers = adi_graph_hint(graph, "gaussian.layers");
    (void)a;
    if (!layers)
        layers = graph->taps[graph->tap_count - 1].name;
    ADI_TRY(adi_settings_settle(settings, graph, layers));
    c->mvg.ddof = c->o.ddof;
    return settle_reduce(c, graph);
}
