/* Public metrics: check arguments, then call lib/stats. */
#include "stats/pixel_metrics.h"
#include "stats/roc.h"
#include "core/float_guard.h"
#include "core/view.h"

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
    ADI_DEFAULT_FLOATS;
    ADI_TRY(check_scores(scores, labels, count, out_auroc));
    return adi_auroc(&adi_default_allocator, scores, labels, count, out_auroc);
}

ad_status ad_average_precision(const float *scores, const uint8_t *labels, size_t count,
                               double *out_ap)
{
    ADI_DEFAULT_FLOATS;
    ADI_TRY(check_scores(scores, labels, count, out_ap));
    return adi_average_precision(&adi_default_allocator, scores, labels, count, out_ap);
}

ad_status ad_f1_max(const float *scores, const uint8_t *labels, size_t count, double *out_f1,
                    float *out_threshold)
{
    ADI_DEFAULT_FLOATS;
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

static ad_status add_all(adi_pixel_metrics *m, const ad_map *maps, const ad_image *masks,
                         size_t count)
{
    ADI_TRY(adi_array_check(maps, (int64_t)count, sizeof *maps, sizeof *maps, "map"));
    ADI_TRY(adi_array_check(masks, (int64_t)count, sizeof *masks, sizeof *masks, "mask"));
    for (size_t i = 0; i < count; i++) {
        const ad_status status = adi_pixel_metrics_add(m, adi_array_at(maps, (int64_t)i),
                                                       adi_array_at(masks, (int64_t)i));
        if (status == AD_ERR_OUT_OF_MEMORY)
            return status;
        if (status != AD_OK)
            return adi_fail_prefix(status, "image %zu of %zu: ", i, count);
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
    ADI_DEFAULT_FLOATS;
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
    ADI_DEFAULT_FLOATS;
    ADI_TRY(check_maps(maps, masks, count, out_auroc));
    adi_pixel_metrics *m = NULL;
    ADI_TRY(adi_pixel_metrics_create(&adi_default_allocator, aupro_defaults.connectivity, &m));
    ad_status status = add_all(m, maps, masks, count);
    if (status == AD_OK)
        status = adi_pixel_metrics_auroc(m, out_auroc);
    adi_pixel_metrics_destroy(m);
    return status;
}
