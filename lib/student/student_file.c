/* A student as a safetensors file: all parameters and running statistics, in the names of the graph
 * behind "NETWORK.", and in the metadata what it is. Also the checkpoints of other programs, whose
 * names the kind's dialects tell. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/file_kind.h"
#include "model/option_text.h"
#include "student/student.h"

#define FORMAT "1"
#define META   "adfeat.student."

/* ---- Writing ---- */

static ad_status write_options(const ad_student *s, adi_st_writer *w)
{
    const adi_option_table *table = s->settings->table;
    const void *values = adi_settings_options(s->settings);
    char value[ADI_OPTION_TEXT], key[64];
    for (int32_t i = 0; i < table->row_count; i++) {
        const adi_option_row *row = &table->rows[i];
        if (!(row->part & AD_OPTION_STUDENT))
            continue;
        snprintf(key, sizeof key, META "%s", row->key);
        adi_option_print(row, values, value);
        ADI_TRY(adi_st_writer_meta(w, key, value));
    }
    return AD_OK;
}

static ad_status write_metadata(const ad_student *s, adi_st_writer *w)
{
    char value[32];
    ADI_TRY(adi_st_writer_meta(w, "adfeat.format", FORMAT));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.kind", "student"));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.version", ad_version_string()));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.architecture", s->teacher->network->graph->name));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.backbone", s->digest));
    ADI_TRY(adi_st_writer_meta(w, META "kind", s->method->name));
    ADI_TRY(write_options(s, w));
    snprintf(value, sizeof value, "%" PRId64, s->epochs_trained);
    return adi_st_writer_meta(w, META "epochs", value);
}

ad_status adi_student_fetch_values(const ad_student *student)
{
    return student->bench ? adi_workbench_give_values(student->bench) : AD_OK;
}

ad_status adi_student_write(const ad_student *student, const char *path)
{
    const adi_allocator *a = &student->teacher->context->allocator;
    adi_st_writer *w = NULL;
    adi_kept keep = {0};
    char prefix[32];
    ad_status status = AD_OK;
    ADI_TRY_CLEANUP(adi_student_fetch_values(student));
    ADI_TRY_CLEANUP(adi_st_writer_create(a, &w));
    ADI_TRY_CLEANUP(write_metadata(student, w));
    for (int32_t i = 0; i < student->module_count; i++) {
        snprintf(prefix, sizeof prefix, "%s.", student->modules[i].name);
        ADI_TRY_CLEANUP(adi_module_write(student->modules[i].module, prefix, w, &keep));
    }
    ADI_TRY_CLEANUP(adi_st_writer_save(w, path));
cleanup:
    adi_kept_free(a, &keep);
    adi_st_writer_destroy(w);
    return status;
}

/* ---- Reading ---- */

const char *adi_student_file_method(const adi_safetensors *file)
{
    return adi_st_meta(file, META "kind");
}

/* As many as doubles count, which checkpoints do it with. */
static ad_status read_epochs(ad_student *s, const adi_safetensors *file)
{
    const char *value = adi_st_meta(file, META "epochs");
    uint64_t epochs = 0;
    if (value && adi_text_uint64("epochs", value, 0, UINT64_C(1) << 52, &epochs) != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "the student's metadata: ");
    s->epochs_trained = (int64_t)epochs;
    return AD_OK;
}

/* In the names of a dialect that the file has, or else in the graph's. */
static ad_status read_module(adi_module *module, const char *network, const adi_student_kind *kind,
                             const adi_safetensors *file)
{
    char name[96];
    for (int32_t i = 0; i < kind->dialect_count; i++) {
        const adi_checkpoint_dialect *d = &kind->dialects[i];
        for (const char *const *prefix = d->prefixes; *prefix; prefix++) {
            snprintf(name, sizeof name, "%s%s", *prefix, d->probe);
            if (strcmp(d->network, network) != 0 || !adi_st_find(file, name))
                continue;
            return adi_module_read(module, file, d->namer ? NULL : *prefix, d->namer, *prefix);
        }
    }
    snprintf(name, sizeof name, "%s.", network);
    return adi_module_read(module, file, name, NULL, NULL);
}

static ad_status read_modules(ad_student *s, const adi_safetensors *file)
{
    for (int32_t i = 0; i < s->module_count; i++)
        ADI_TRY(read_module(s->modules[i].module, s->modules[i].name, s->method->student, file));
    return AD_OK;
}

static ad_status check_kind(const adi_safetensors *file)
{
    const char *kind = adi_file_kind(file);
    const char *format = adi_st_meta(file, "adfeat.format");
    if (adi_st_is_ours(file)) /* before what it says is believed */
        ADI_TRY(adi_st_verify(file));
    if (kind && strcmp(kind, "student") != 0)
        return adi_fail_other_kind(
            strcmp(kind, "weights") == 0 ? AD_ERR_MISMATCH : AD_ERR_FORMAT, file, "student");
    if (!adi_st_meta(file, "adfeat.kind"))
        return AD_OK; /* another program's */
    if (!format || strcmp(format, FORMAT) != 0)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "the student's format is %.20s, this version reads %s",
                        format ? format : "missing", FORMAT);
    return AD_OK;
}

static ad_status check_origin(const ad_backbone *teacher, const adi_method *method,
                              const adi_safetensors *file)
{
    const char *name = adi_st_meta(file, "adfeat.architecture");
    const char *mine = teacher->network->graph->name, *kind = adi_student_file_method(file);
    if (kind && strcmp(kind, method->name) != 0)
        return adi_fail(AD_ERR_MISMATCH, "the student is of method %.40s, not of %s", kind,
                        method->name);
    if (name && strcmp(name, mine) != 0)
        return adi_fail(AD_ERR_MISMATCH, "the student is a %.60s, its teacher here a %s", name,
                        mine);
    return AD_OK;
}

/* A digest is that of the layers it learned from, of which fewer may be asked for now. */
static void warn_of_other_teacher(const ad_student *s, const adi_safetensors *file)
{
    const char *digest = adi_st_meta(file, "adfeat.backbone");
    const char *layers = adi_st_meta(file, META "layers");
    const adi_network *net = s->teacher->network;
    char mine[17];
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    snprintf(mine, sizeof mine, "%s", s->digest);
    if (layers && adi_layers_parse(net->graph, layers, taps, &count) == AD_OK)
        adi_network_digest(net, taps, count, mine);
    if (digest && strcmp(digest, mine) != 0)
        adi_log(s->teacher->context, AD_LOG_WARNING,
                "the student learned from a teacher with digest %.16s, this one has %s", digest,
                mine);
}

static ad_status settings_of(const adi_safetensors *file, const adi_method *method,
                             const adi_option_pairs *options, adi_settings *settings)
{
    void *values = adi_settings_options(settings);
    const adi_option_table *table = method->options;
    adi_settings_begin(settings, method);
    ADI_TRY(adi_options_load(table, file, "student", AD_OPTION_STUDENT, values));
    return adi_options_set_pairs(table, values, AD_OPTION_STUDENT, options);
}

ad_status adi_student_read(ad_backbone *teacher, const adi_safetensors *file,
                           const adi_method *method, const adi_option_pairs *options,
                           ad_student **out_student)
{
    adi_any_config config;
    ad_student *s = NULL;
    int64_t values = 0;
    ADI_TRY(check_kind(file));
    ADI_TRY(check_origin(teacher, method, file));
    ADI_TRY(settings_of(file, method, options, &config.settings));
    for (int32_t i = 0; i < adi_st_count(file); i++)
        values += adi_st_at(file, i)->count;
    ad_status status = adi_student_make(teacher, method, &config.settings, values, &s);
    if (status == AD_ERR_INVALID_ARGUMENT && !options->count) /* a layer this teacher has not */
        status = adi_fail_prefix(AD_ERR_MISMATCH, "the student's metadata: ");
    ADI_TRY(status);
    warn_of_other_teacher(s, file);
    status = read_epochs(s, file);
    if (status == AD_OK)
        status = read_modules(s, file);
    if (status == AD_OK)
        *out_student = s;
    else
        adi_student_release(s);
    return status;
}
