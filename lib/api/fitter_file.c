/* A fit as a safetensors file, to be merged in another process: the method's sums, its options, and
 * which backbone they come from. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/fitted_file.h"
#include "api/fitter.h"
#include "api/read_options.h"
#include "core/float_guard.h"
#include "model/option_text.h"

static ad_status write_options(const ad_fitter *f, adi_st_writer *w)
{
    char key[96], value[ADI_OPTION_TEXT];
    ADI_TRY(adi_st_writer_meta(w, "adfeat.option.orientation",
                               adi_orientation_word(f->read.orientation)));
    snprintf(value, sizeof value, "%d", f->read.significant_bits);
    ADI_TRY(adi_st_writer_meta(w, "adfeat.option.significant_bits", value));
    snprintf(value, sizeof value, "%" PRId64, f->skipped);
    ADI_TRY(adi_st_writer_meta(w, "adfeat.skipped", value));
    for (int32_t i = 0;; i++) {
        const char *name = adi_settings_option(f->fit->settings, i, value);
        if (!name)
            return AD_OK;
        snprintf(key, sizeof key, "adfeat.option.%s", name);
        ADI_TRY(adi_st_writer_meta(w, key, value));
    }
}

static ad_status write_fit(ad_fitter *f, adi_st_writer *w, adi_kept *keep, const char *path)
{
    const adi_settings *s = f->fit->settings;
    char digest[17];
    adi_network_digest(f->backbone->network, s->taps, s->tap_count, digest);
    ADI_TRY(adi_fitted_write("fit", f->fit->method, f->backbone, digest, w));
    ADI_TRY(write_options(f, w));
    ADI_TRY(f->fit->method->save_fit(f->fit, w, keep));
    return adi_st_writer_save(w, path);
}

static ad_status save(ad_fitter *f, const char *path)
{
    const adi_allocator *a = &f->backbone->context->allocator;
    adi_kept keep = {0};
    adi_st_writer *w = NULL;
    if (!f->fit->method->save_fit)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "%s trains a student, which has no fit file: its fit writes checkpoints "
                        "when it is given a checkpoint_dir",
                        f->fit->method->name);
    ADI_TRY(adi_st_writer_create(a, &w));
    const ad_status status = write_fit(f, w, &keep, path);
    adi_st_writer_destroy(w);
    adi_kept_free(a, &keep);
    return status;
}

ad_status ad_fitter_save(ad_fitter *fitter, const char *path)
{
    ADI_CHECK_ARG(fitter && path, "ad_fitter_save: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_TRY(adi_fitter_enter(fitter, "ad_fitter_save"));
    const ad_status status = save(fitter, path);
    adi_fitter_leave(fitter);
    return status;
}

/* ---- Loading ---- */

#define MOST_SKIPPED (INT64_MAX / 2) /* so that those of a dataset can be added */

static ad_status load_state(const adi_safetensors *file, ad_fitter *f)
{
    const char *orientation = adi_st_meta(file, "adfeat.option.orientation");
    const char *bits = adi_st_meta(file, "adfeat.option.significant_bits");
    const char *skipped = adi_st_meta(file, "adfeat.skipped");
    uint64_t count = 0;
    ad_read_options_init(&f->read, sizeof f->read);
    if (ad_read_options_set(&f->read, "orientation", orientation ? orientation : "auto") != AD_OK ||
        ad_read_options_set(&f->read, "significant_bits", bits ? bits : "0") != AD_OK ||
        adi_text_uint64("skipped", skipped ? skipped : "0", 0, MOST_SKIPPED, &count) != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "the fit's metadata: ");
    f->skipped = (int64_t)count;
    return f->fit->method->load_fit(f->fit, f->extractor, file);
}

static ad_status load(ad_backbone *backbone, adi_safetensors *file, ad_fitter **out_fitter)
{
    adi_any_config config;
    const adi_method *method = NULL;
    ad_fitter *f = NULL;
    const char *wanted = adi_st_meta(file, "adfeat.backbone");
    ADI_TRY(adi_fitted_check_kind(file, "fit", &method));
    if (!wanted || strlen(wanted) != 16)
        return adi_fail(AD_ERR_FORMAT, "the fit's metadata has no proper 'adfeat.backbone'");
    if (!method->load_fit)
        return adi_fail(AD_ERR_FORMAT, "fits of %s are in no file", method->name);
    ADI_TRY(adi_fitted_load_settings(file, "fit", method, backbone, &config.settings));
    ADI_TRY(adi_fitted_check_backbone(backbone, file, wanted, config.settings.taps,
                                      config.settings.tap_count));
    ADI_TRY(adi_fitter_make(&config.settings, backbone, NULL, &f));
    const ad_status status = load_state(file, f);
    if (status == AD_OK)
        *out_fitter = f;
    else
        ad_fitter_destroy(f);
    return status;
}

ad_status ad_fitter_load(ad_backbone *backbone, const char *path, ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(backbone && path && out_fitter, "ad_fitter_load: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open_on_disk(&backbone->context->allocator, path, &file));
    const ad_status status = load(backbone, file, out_fitter);
    adi_st_close(file);
    return adi_fail_in_file(status, "fit", path);
}
