/* The life of a student. */
#include "student/student.h"

#include <string.h>

int32_t adi_student_network_count(const adi_student_kind *kind, const adi_settings *settings)
{
    return kind->per_layer ? 1 + settings->tap_count : kind->name_count;
}

uint64_t adi_student_seed(const ad_student *student)
{
    const adi_option_row *row = adi_option_find(student->settings->table, "seed");
    uint64_t seed;
    memcpy(&seed, (const char *)adi_settings_options(student->settings) + row->offset,
           sizeof seed);
    return seed;
}

static ad_status check_layers(const ad_student *s)
{
    const adi_settings *settings = s->settings;
    ADI_CHECK_ARG(settings->tap_count <= ADI_STUDENT_MAX_LAYERS,
                  "%d layers, at most %d are possible", settings->tap_count,
                  ADI_STUDENT_MAX_LAYERS);
    return adi_network_check_taps(s->teacher->network, settings->taps, settings->tap_count);
}

/* A text of its own has all of its results; the teacher's has the layers. */
static ad_status make_module(const ad_student *s, int32_t index, int64_t values,
                             adi_module **out_module)
{
    const adi_allocator *a = &s->teacher->context->allocator;
    const adi_graph *teacher = s->teacher->network->graph;
    static const int32_t all[] = {0, 1, 2, 3};
    char *text = NULL;
    adi_graph *graph = NULL;
    ADI_TRY(s->method->student->network(s->settings, s->teacher, index, values, &text));
    if (!text) {
        ADI_TRY(adi_graph_read(a, teacher->text, strlen(teacher->text), &graph));
        return adi_module_create(graph, s->settings->taps, s->settings->tap_count, out_module);
    }
    const ad_status status = adi_graph_read(a, text, strlen(text), &graph);
    adi_free(a, text);
    ADI_TRY(status);
    return adi_module_create(graph, all, graph->tap_count, out_module);
}

static ad_status fill(ad_student *s, const adi_settings *settings, int64_t values)
{
    const adi_student_kind *kind = s->method->student;
    const size_t size = sizeof *settings + settings->table->size;
    s->settings = adi_alloc(&s->teacher->context->allocator, size);
    if (!s->settings)
        return adi_fail_memory();
    memcpy(s->settings, settings, size);
    ADI_TRY(kind->settle(s->settings, s->teacher));
    ADI_TRY(check_layers(s));
    adi_network_digest(s->teacher->network, s->settings->taps, s->settings->tap_count, s->digest);
    const int32_t count = adi_student_network_count(kind, s->settings);
    for (int32_t i = 0; i < count; i++) {
        ADI_TRY(make_module(s, i, values, &s->modules[i].module));
        s->modules[i].name = kind->names[i];
        s->module_count++;
    }
    return AD_OK;
}

ad_status adi_student_make(ad_backbone *teacher, const adi_method *method,
                           const adi_settings *settings, int64_t values, ad_student **out_student)
{
    ad_student *s = adi_calloc(&teacher->context->allocator, 1, sizeof *s);
    if (!s)
        return adi_fail_memory();
    atomic_init(&s->refs, 1);
    s->teacher = adi_backbone_retain(teacher);
    s->method = method;
    const ad_status status = fill(s, settings, values);
    if (status == AD_OK)
        *out_student = s;
    else
        adi_student_release(s);
    return status;
}

ad_status adi_student_create(ad_backbone *teacher, const adi_method *method,
                             const adi_settings *settings, ad_student **out_student)
{
    ad_student *s = NULL;
    ADI_TRY(adi_student_make(teacher, method, settings, INT64_MAX, &s));
    adi_mt19937 mt;
    adi_mt19937_seed_numpy(&mt, (uint32_t)adi_student_seed(s));
    for (int32_t i = 0; i < s->module_count; i++) {
        const ad_status status = adi_module_init(s->modules[i].module, &mt);
        if (status != AD_OK) {
            adi_student_release(s);
            return status;
        }
    }
    *out_student = s;
    return AD_OK;
}

ad_student *adi_student_retain(ad_student *student)
{
    atomic_fetch_add_explicit(&student->refs, 1, memory_order_relaxed);
    return student;
}

void adi_student_release(ad_student *student)
{
    if (!student || atomic_fetch_sub_explicit(&student->refs, 1, memory_order_acq_rel) != 1)
        return;
    ad_backbone *teacher = student->teacher;
    const adi_allocator *a = &teacher->context->allocator;
    for (int32_t i = 0; i < student->module_count; i++)
        adi_module_destroy(student->modules[i].module);
    adi_free(a, student->settings);
    adi_free(a, student);
    adi_backbone_release(teacher);
}
