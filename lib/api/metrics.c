/* Public metrics: check what the caller gave, then down to lib/stats. */
#include "stats/metrics.h"
#include "core/options.h"

static ad_status check_scores(const float *scores, const uint8_t *labels, size_t count,
                              const void *out)
{
    ADI_CHECK_ARG(scores, "scores is NULL");
    ADI_CHECK_ARG(labels, "labels is NULL");
    ADI_CHECK_ARG(count > 0, "count is 0");
    ADI_CHECK_ARG(out, "the place for the result is NULL");
    return AD_OK;
}

ad_status ad_auroc(const float *scores, const uint8_t *labels, size_t count, double *out_auroc)
{
    ADI_TRY(check_scores(scores, labels, count, out_auroc));
    return adi_auroc(&adi_default_allocator, scores, labels, count, out_auroc);
}

ad_status ad_average_precision(const float *scores, const uint8_t *labels, size_t count,
                               double *out_ap)
{
    ADI_TRY(check_scores(scores, labels, count, out_ap));
    return adi_average_precision(&adi_default_allocator, scores, labels, count, out_ap);
}

ad_status ad_f1_max(const float *scores, const uint8_t *labels, size_t count, double *out_f1,
                    float *out_threshold)
{
    ADI_TRY(check_scores(scores, labels, count, out_f1));
    return adi_f1_max(&adi_default_allocator, scores, labels, count, out_f1, out_threshold);
}

/* ---- Maps and masks ------------------------------------------------------------------------- */

static const ad_aupro_options aupro_defaults = {
    .struct_size = sizeof(ad_aupro_options), .connectivity = 8, .fpr_limit = 0.3};

void ad_aupro_options_init(ad_aupro_options *options, size_t struct_size)
{
    adi_options_init(options, struct_size, &aupro_defaults, sizeof aupro_defaults);
}

/* A caller compiled with a longer ad_map or ad_image has longer steps in the array. */
static ad_status check_struct_size(const char *what, size_t index, uint32_t size, uint32_t first,
                                   size_t smallest)
{
    ADI_CHECK_ARG(size >= smallest && size == first && size % sizeof(int64_t) == 0,
                  "%s %zu: struct_size is %u, expected %zu in all of them", what, index,
                  (unsigned)size, first < smallest ? smallest : (size_t)first);
    return AD_OK;
}

static ad_status add_all(adi_pixel_metrics *m, const ad_map *maps, const ad_image *masks,
                         size_t count)
{
    const char *map_bytes = (const char *)maps;
    const char *mask_bytes = (const char *)masks;
    for (size_t i = 0; i < count; i++) {
        const ad_map *const map = (const ad_map *)(const void *)map_bytes;
        const ad_image *const mask = (const ad_image *)(const void *)mask_bytes;
        ADI_TRY(check_struct_size("map", i, map->struct_size, maps->struct_size, sizeof *map));
        ADI_TRY(check_struct_size("mask", i, mask->struct_size, masks->struct_size, sizeof *mask));
        const ad_status status = adi_pixel_metrics_add(m, map, mask);
        if (status == AD_ERR_OUT_OF_MEMORY)
            return status;
        if (status != AD_OK)
            return adi_fail_prefix(status, "image %zu of %zu: ", i, count);
        map_bytes += map->struct_size;
        mask_bytes += mask->struct_size;
    }
    return AD_OK;
}

static ad_status check_maps(const ad_map *maps, const ad_image *masks, size_t count,
                            const void *out)
{
    ADI_CHECK_ARG(maps, "maps is NULL");
    ADI_CHECK_ARG(masks, "masks is NULL");
    ADI_CHECK_ARG(count > 0, "count is 0");
    ADI_CHECK_ARG(out, "the place for the result is NULL");
    return AD_OK;
}

ad_status ad_aupro(const ad_map *maps, const ad_image *masks, size_t count,
                   const ad_aupro_options *options, double *out_aupro)
{
    ADI_TRY(check_maps(maps, masks, count, out_aupro));
    ad_aupro_options o = aupro_defaults;
    ADI_TRY(adi_options_take(&o, sizeof o, options, "options"));
    ADI_CHECK_ARG(o.fpr_limit > 0.0 && o.fpr_limit <= 1.0,
                  "options: fpr_limit is %g, expected (0, 1]", o.fpr_limit);
    adi_pixel_metrics *m = NULL;
    ADI_TRY(adi_pixel_metrics_create(&adi_default_allocator, o.connectivity, &m));
    ad_status status = add_all(m, maps, masks, count);
    if (status == AD_OK)
        status = adi_pixel_metrics_aupro(m, o.fpr_limit, out_aupro);
    adi_pixel_metrics_destroy(m);
    return status;
}

ad_status ad_pixel_auroc(const ad_map *maps, const ad_image *masks, size_t count, double *out_auroc)
{
    ADI_TRY(check_maps(maps, masks, count, out_auroc));
    adi_pixel_metrics *m = NULL;
    ADI_TRY(adi_pixel_metrics_create(&adi_default_allocator, aupro_defaults.connectivity, &m));
    ad_status status = add_all(m, maps, masks, count);
    if (status == AD_OK)
        status = adi_pixel_metrics_auroc(m, out_auroc);
    adi_pixel_metrics_destroy(m);
    return status;
}
