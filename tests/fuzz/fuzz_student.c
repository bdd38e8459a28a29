/* Student files and checkpoints of trainings. Flags: 1 checksums are repaired first, 2 a checkpoint, 4 the ref
 * backend, 8 a teacher for reverse distillation. A student that loads can be trained, or it is said why
 * not; a training goes on to its end. */
#include <math.h>

#include "fuzz.h"
#include "mutate.h"
#include "repair.h"
#include "student_inputs.h"

enum { REPAIR = 1, CHECKPOINT = 2, REFERENCE = 4, RESIDUAL = 8, CEILING = 64 << 20 };

static void check_student(const ad_student *s, uint64_t *seen)
{
    ad_student_info info = {.struct_size = sizeof info};
    FUZZ_CHECK(ad_student_get_info(s, &info) == AD_OK);
    FUZZ_CHECK(adi_method_find(info.method) != NULL);
    FUZZ_CHECK(info.epochs_trained >= 0 && info.parameter_count > 0 && info.layers[0]);
    fuzz_digest(seen, info.layers, strlen(info.layers));
    fuzz_digest(seen, &info.epochs_trained, sizeof info.epochs_trained);
    for (int32_t i = 0; i < s->module_count; i++) {
        const adi_module *m = s->modules[i].module;
        for (size_t k = 0; k < m->total; k++)
            FUZZ_CHECK(isfinite(m->values[k]));
        fuzz_digest(seen, m->values, m->total * sizeof *m->values);
    }
}

/* One epoch, and a score. */
static void train(ad_context *context, ad_student *s, uint64_t *seen, const fuzz_heap *heap)
{
    uint8_t pixels[3 * TEACHER_SIDE * TEACHER_SIDE];
    ad_dataset *good = NULL;
    ad_fitter *fit = NULL;
    ad_scorer *scorer = NULL;
    ad_image image;
    float score = 0.0f;
    const long refused = heap->refused;
    fuzz_forget_message();
    ad_status status = teacher_fitter(s, &fit);
    if (status == AD_OK)
        status = ad_dataset_from_callback(context, teacher_image, pixels, 4, &good);
    if (status == AD_OK)
        status = ad_fit(fit, good, NULL, &scorer);
    if (status == AD_OK) {
        teacher_image(pixels, 9, &image);
        status = ad_score_image(scorer, &image, &score);
    }
    fuzz_check_status(status, refused, heap);
    fuzz_digest_status(seen, status);
    FUZZ_CHECK(isfinite(score));
    fuzz_digest(seen, &score, sizeof score);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_dataset_destroy(good);
    check_student(s, seen); /* whatever became of it, its values are finite */
}

/* As ad_student_load() does without a method and options. */
static ad_status load_student(ad_backbone *teacher, const adi_safetensors *file, ad_student **out)
{
    const adi_option_pairs none = {0};
    const char *said = adi_student_file_method(file);
    const adi_method *method = adi_method_find(said ? said : "stfpm");
    if (!method || !method->student)
        return adi_fail(AD_ERR_FORMAT, "no method that trains a student");
    return adi_student_read(teacher, file, method, &none, out);
}

static uint64_t read_student(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    const long fail_at = heap->fault.fail_at;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = 1;
    o.device = in->flags & REFERENCE ? "ref" : "cpu";
    o.alloc = fuzz_heap_get;
    o.free = fault_alloc_put;
    o.alloc_user = heap;
    ad_context *context = NULL;
    ad_backbone *teacher = NULL;
    heap->fault.fail_at = 0; /* what is under test begins behind the teacher */
    const char *const text = in->flags & RESIDUAL ? residual_graph : teacher_graph;
    FUZZ_CHECK(ad_context_create(&o, &context) == AD_OK && teacher_open(context, text, &teacher) == AD_OK);
    heap->fault.fail_at = fail_at ? atomic_load(&heap->fault.calls) + fail_at : 0;
    ad_student *s = NULL;
    adi_safetensors *file = NULL;
    fuzz_forget_message();
    ad_status status = adi_st_parse(&context->allocator, in->bytes, in->size, "input", &file);
    if (status == AD_OK)
        status = load_student(teacher, file, &s);
    adi_st_close(file);
    fuzz_check_status(status, 0, heap);
    fuzz_digest_status(&seen, status);
    FUZZ_CHECK((size_t)atomic_load(&heap->fault.peak) <= (1 << 20) + 256 * in->size);
    FUZZ_CHECK((status == AD_OK) == !!s);
    ad_backbone_destroy(teacher); /* the student keeps it alive */
    if (s) {
        check_student(s, &seen);
        train(context, s, &seen, heap);
    }
    ad_student_destroy(s);
    ad_context_destroy(context);
    return seen;
}

static uint64_t read_checkpoint(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    const adi_allocator a = fuzz_heap_allocator(heap);
    floats f;
    adi_fit_loop loop = {0};
    adi_safetensors *file = NULL;
    fuzz_forget_message();
    ad_status status = floats_loop(&f, &a, &loop);
    if (status == AD_OK)
        status = adi_st_parse(&a, in->bytes, in->size, "input", &file);
    const floats before = f;
    const adi_train_position position = loop.position;
    if (status == AD_OK) {
        status = adi_checkpoint_read(file, &f.trainee, &loop.position);
        if (status != AD_OK)
            FUZZ_CHECK(memcmp(&f, &before, sizeof f) == 0 &&
                       memcmp(&position, &loop.position, sizeof position) == 0);
    }
    adi_st_close(file);
    fuzz_check_status(status, 0, heap);
    fuzz_digest_status(&seen, status);
    if (status == AD_OK) {
        ad_fit_options o;
        ad_fit_options_init(&o, sizeof o);
        const adi_fit_control control = {&o, 0.0};
        for (int i = 0; i < 3; i++)
            FUZZ_CHECK(isfinite(f.values[i]) && isfinite(f.best[i]) && isfinite(f.state[i % 2]));
        FUZZ_CHECK(f.steps >= 0);
        fuzz_forget_message();
        status = adi_fit_loop_run(&loop, &control);
        fuzz_check_status(status, 0, heap);
        FUZZ_CHECK(status == AD_OK ||
                   status == AD_ERR_NUMERIC); /* values near the largest may grow beyond it */
        for (int i = 0; i < 3; i++)
            FUZZ_CHECK(isfinite(f.values[i]));
        fuzz_digest(&seen, f.values, sizeof f.values);
        fuzz_digest_status(&seen, status);
    }
    adi_fit_loop_free(&loop);
    return seen;
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    if (in->flags & REPAIR)
        repair_safetensors(in->bytes, in->size);
    return in->flags & CHECKPOINT ? read_checkpoint(in, heap) : read_student(in, heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run_twice(run, data, size, CEILING);
    return 0;
}
