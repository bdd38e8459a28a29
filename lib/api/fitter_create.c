/* Fitters by the name of a method, or with a student; options as text. */
#include <string.h>

#include "api/fitter.h"
#include "core/float_guard.h"

static ad_status wrap(adi_fit *fit, ad_fitter **out_fitter)
{
    ad_backbone *backbone = fit->backbone;
    const adi_settings *s = fit->settings;
    const adi_allocator *a = &backbone->context->allocator;
    ad_fitter *f = backbone->context->backend->algebra_ready() == AD_OK
                       ? adi_calloc(a, 1, sizeof *f)
                       : NULL;
    ad_status status = f ? adi_extractor_create(backbone->context, backbone->network,
                                                &s->preprocess, s->taps, s->tap_count,
                                                &f->extractor)
                         : adi_fail_memory();
    if (status == AD_OK)
        status = adi_extractor_check_room(f->extractor);
    if (status != AD_OK) {
        adi_extractor_destroy(f ? f->extractor : NULL);
        adi_free(a, f);
        fit->method->destroy_fit(fit);
        return status;
    }
    if (fit->method->prepare)
        fit->method->prepare(s, f->extractor);
    ad_read_options_init(&f->read, sizeof f->read);
    atomic_init(&f->refs, 1);
    f->backbone = adi_backbone_retain(backbone);
    f->fit = fit;
    *out_fitter = f;
    return AD_OK;
}

ad_status adi_fitter_make(const adi_settings *settings, ad_backbone *backbone, ad_student *student,
                          ad_fitter **out_fitter)
{
    adi_fit *fit = NULL;
    ADI_TRY(settings->method->create(settings, backbone, student, &fit));
    return wrap(fit, out_fitter);
}

/* Of settings whose options are set; student: NULL where the method trains nothing. */
static ad_status create(adi_settings *settings, ad_backbone *backbone, ad_student *student,
                        ad_fitter **out_fitter)
{
    const adi_method *method = settings->method;
    if (student)
        adi_options_copy(method->options, AD_OPTION_STUDENT, AD_OPTION_TRAINING,
                         adi_settings_options(settings), adi_settings_options(student->settings));
    ADI_TRY(method->settle(settings, &backbone->context->allocator, backbone->network->graph));
    return adi_fitter_make(settings, backbone, student, out_fitter);
}

static ad_status create_by_name(ad_backbone *backbone, const adi_method *method,
                                const adi_option_pairs *pairs, ad_fitter **out_fitter)
{
    adi_any_config config;
    ad_student *student = NULL;
    adi_settings_begin(&config.settings, method);
    ADI_TRY(adi_options_set_pairs(method->options, adi_settings_options(&config.settings),
                                  ADI_OPTION_PARTS, pairs));
    if (!method->student)
        return create(&config.settings, backbone, NULL, out_fitter);
    ADI_TRY(adi_student_create(backbone, method, &config.settings, &student));
    const ad_status status = create(&config.settings, backbone, student, out_fitter);
    adi_student_release(student);
    return status;
}

ad_status ad_fitter_create(ad_backbone *backbone, const char *method, const char *options,
                           ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(backbone && method && out_fitter, "ad_fitter_create: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    const adi_method *m = adi_method_find(method);
    if (!m)
        return adi_method_unknown(method);
    adi_option_pairs pairs;
    ADI_TRY(adi_option_pairs_read(&backbone->context->allocator, options, &pairs));
    const ad_status status = create_by_name(backbone, m, &pairs, out_fitter);
    adi_option_pairs_free(&pairs);
    return status;
}

static ad_status create_with(ad_student *student, const adi_option_pairs *pairs,
                             ad_fitter **out_fitter)
{
    adi_any_config config;
    adi_settings_begin(&config.settings, student->method);
    ADI_TRY(adi_options_set_pairs(student->method->options,
                                  adi_settings_options(&config.settings),
                                  ADI_OPTION_PARTS & ~AD_OPTION_STUDENT, pairs));
    return create(&config.settings, student->teacher, student, out_fitter);
}

ad_status ad_fitter_create_with(ad_student *student, const char *options, ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(student && out_fitter, "ad_fitter_create_with: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    adi_option_pairs pairs;
    ADI_TRY(adi_option_pairs_read(&student->teacher->context->allocator, options, &pairs));
    const ad_status status = create_with(student, &pairs, out_fitter);
    adi_option_pairs_free(&pairs);
    return status;
}

ad_student *ad_fitter_student(const ad_fitter *fitter)
{
    return fitter ? fitter->fit->student : NULL;
}
