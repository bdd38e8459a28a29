/* ad_student: the trainable networks of a student-teacher method. */
#include "core/options.h"
#include "methods/student.h"

ad_status ad_student_create_old(ad_backbone *teacher, const ad_student_options *options, ad_student **out_student)
{
    ADI_CHECK_ARG(teacher && out_student, "ad_student_create_old: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_student = NULL;
    ad_student_options full;
    ad_student_options_init(&full, sizeof full);
    ADI_TRY(adi_options_take(&full, sizeof full, options, "ad_student_options"));
    ad_student *s = NULL;
    ADI_TRY(adi_student_make(teacher, &full, &s));
    adi_mt19937 mt;
    adi_mt19937_seed_numpy(&mt, (uint32_t)s->options.seed);
    for (int32_t i = 0; adi_student_module(s, i); i++) {
        const ad_status status = adi_module_init(adi_student_module(s, i), &mt);
        if (status != AD_OK) {
            adi_student_release(s);
            return status;
        }
    }
    *out_student = s;
    return AD_OK;
}

ad_status ad_student_load_old(ad_backbone *teacher, const char *path, const ad_student_options *options,
                          ad_student **out_student)
{
    ADI_CHECK_ARG(teacher && path && out_student, "ad_student_load_old: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_student = NULL;
    ad_student_options full;
    ad_student_options_init(&full, sizeof full);
    ADI_TRY(adi_options_take(&full, sizeof full, options, "ad_student_options"));
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open(&teacher->context->allocator, path, &file));
    const ad_status status = adi_student_read(teacher, file, options ? &full : NULL, out_student);
    adi_st_close(file);
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
    ad_student_info info = {.kind = student->options.kind,
                            .architecture = student->teacher->network->graph->name,
                            .teacher_digest = student->digest,
                            .layers = student->layers,
                            .epochs_trained = student->epochs_trained,
                            .seed = student->options.seed};
    for (int32_t i = 0; adi_student_module(student, i); i++)
        info.parameter_count += (int64_t)adi_student_module(student, i)->trainable;
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
