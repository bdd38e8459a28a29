/* ad_student: the trainable networks of a student-teacher method. */
#include <string.h>

#include "api/objects.h"
#include "core/float_guard.h"
#include "core/options.h"

static ad_status find_trained(const char *name, const adi_method **out_method)
{
    const adi_method *method = adi_method_find(name);
    if (!method)
        return adi_method_unknown(name);
    ADI_CHECK_ARG(method->student, "%s trains no student", method->name);
    *out_method = method;
    return AD_OK;
}

static ad_status create(ad_backbone *teacher, const adi_method *method,
                        const adi_option_pairs *pairs, ad_student **out_student)
{
    adi_any_config config;
    adi_settings_begin(&config.settings, method);
    ADI_TRY(adi_options_set_pairs(method->options, adi_settings_options(&config.settings),
                                  AD_OPTION_STUDENT, pairs));
    return adi_student_create(teacher, method, &config.settings, out_student);
}

ad_status ad_student_create(ad_backbone *teacher, const char *method, const char *options,
                            ad_student **out_student)
{
    ADI_CHECK_ARG(teacher && method && out_student, "ad_student_create: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_student = NULL;
    const adi_method *m = NULL;
    ADI_TRY(find_trained(method, &m));
    adi_option_pairs pairs;
    ADI_TRY(adi_option_pairs_read(&teacher->context->allocator, options, &pairs));
    const ad_status status = create(teacher, m, &pairs, out_student);
    adi_option_pairs_free(&pairs);
    return status;
}

static ad_status load(ad_backbone *teacher, const char *path, const char *method,
                      const adi_option_pairs *pairs, ad_student **out_student)
{
    const adi_method *m = NULL;
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open(&teacher->context->allocator, path, &file));
    const char *said = adi_student_file_method(file);
    ad_status status = find_trained(method ? method : said ? said : "stfpm", &m);
    if (status != AD_OK && !method)
        status = adi_fail_prefix(AD_ERR_FORMAT, "the student's metadata: ");
    if (status == AD_OK)
        status = adi_student_read(teacher, file, m, pairs, out_student);
    adi_st_close(file);
    return status;
}

ad_status ad_student_load(ad_backbone *teacher, const char *path, const char *method,
                          const char *options, ad_student **out_student)
{
    ADI_CHECK_ARG(teacher && path && out_student, "ad_student_load: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_student = NULL;
    adi_option_pairs pairs;
    ADI_TRY(adi_option_pairs_read(&teacher->context->allocator, options, &pairs));
    const ad_status status = load(teacher, path, method, &pairs, out_student);
    adi_option_pairs_free(&pairs);
    return adi_fail_in_file(status, "student", path);
}

ad_status ad_student_save(const ad_student *student, const char *path)
{
    ADI_CHECK_ARG(student && path, "ad_student_save: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    adi_use *use = &((ad_student *)student)->use;
    ADI_TRY(adi_use_read_within(use, "ad_student_save", "the student"));
    const ad_status status = adi_student_write(student, path);
    adi_use_read_end(use);
    return status;
}

ad_status ad_student_get_info(const ad_student *student, ad_student_info *out_info)
{
    ADI_CHECK_ARG(student, "ad_student_get_info: student is NULL");
    adi_use *use = &((ad_student *)student)->use;
    ADI_TRY(adi_use_read_within(use, "ad_student_get_info", "the student"));
    const adi_common_options *common = adi_settings_options(student->settings);
    ad_student_info info = {.method = student->method->name,
                            .architecture = student->teacher->network->graph->name,
                            .teacher_digest = student->digest,
                            .layers = common->layers,
                            .epochs_trained = student->epochs_trained,
                            .seed = adi_student_seed(student)};
    for (int32_t i = 0; i < student->module_count; i++)
        info.parameter_count += (int64_t)student->modules[i].module->trainable;
    adi_use_read_end(use);
    return adi_struct_give(out_info, &info, sizeof info, "ad_student_info");
}

ad_student *ad_student_retain(ad_student *student)
{
    return student ? adi_student_retain(student) : NULL;
}

void ad_student_destroy(ad_student *student)
{
    adi_student_release(student);
}
