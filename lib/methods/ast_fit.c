/* The fitter of AST: features are kept as they come; the flow, then the student are trained when the fit is finished. */
#include <inttypes.h>
#include <string.h>

#include "core/options.h"
#include "methods/ast.h"
#include "methods/student_fit.h"

typedef struct ast_fit {
    ad_student *student; /* owned reference */
    adi_ast_config config;
    adi_ast_data data;
    float *record;                /* of the image that is added */
    adi_student_run run;
} ast_fit;

static ad_status create_training(void *state, int32_t batch, void **out_training, adi_trainee **out_trainee)
{
    ast_fit *f = state;
    adi_ast_training *t = NULL;
    ADI_TRY(adi_ast_training_create(f->student, &f->config, &f->data, batch, &t));
    *out_training = t;
    *out_trainee = &t->trainee;
    return AD_OK;
}

static const adi_student_trainer trainer = {create_training, adi_ast_training_destroy, NULL, adi_ast_training_scores};

static void destroy_state(void *state)
{
    ast_fit *f = state;
    if (!f)
        return;
    adi_student_end(&f->run, &trainer);
    adi_ast_data_free(&f->data);
    ad_student *student = f->student;
    const adi_allocator *a = &student->teacher->context->allocator;
    adi_free(a, f->record);
    adi_free(a, f);
    adi_student_release(student);
}

static ad_status add(void *state, const adi_extractor *x, adi_workspace *w)
{
    ast_fit *f = state;
    ADI_CHECK_ARG(f->data.count < INT32_MAX / 2, "%d images are too many", f->data.count);
    float *weights = f->record + adi_ast_positions(&f->config) * f->config.channels;
    ADI_TRY(adi_ast_gather(&f->config, x, w, f->record, weights));
    return adi_ast_data_add(&f->data, f->record);
}

static ad_status train(void *state, adi_extractor *x, const adi_fit_control *control)
{
    ast_fit *f = state;
    const ad_ast_options *o = &f->config.o;
    const adi_student_schedule schedule = {f->data.count, o->batch, 0, o->validation_share, o->split_seed, o->seed};
    return adi_student_train(&f->run, &trainer, &schedule, f->student, f, x, control);
}

static ad_student *student(const void *state)
{
    return ((const ast_fit *)state)->student;
}

static ad_status finish(const void *state, void **out_model)
{
    const ast_fit *f = state;
    const ad_student *s = f->student;
    adi_network *nets[ADI_AST_NETWORKS] = {NULL};
    ad_status status = AD_OK;
    for (int i = 0; status == AD_OK && i < ADI_AST_NETWORKS; i++)
        status = adi_module_freeze(adi_student_module(s, i), &nets[i]);
    if (status != AD_OK) {
        for (int i = 0; i < ADI_AST_NETWORKS; i++)
            adi_network_destroy(nets[i]);
        return status;
    }
    adi_ast_model *model = NULL;
    ADI_TRY(adi_ast_model_create(s->teacher->context, s->teacher->network->graph, &f->config, nets, &model));
    model->images = f->data.count;
    model->normal_score = f->run.normal_score;
    model->normal_map = f->run.normal_map;
    *out_model = model;
    return AD_OK;
}

static size_t memory(const void *state)
{
    const ast_fit *f = state;
    return sizeof *f + f->data.others + adi_ast_data_bytes(&f->data);
}

static int64_t count(const void *state)
{
    return ((const ast_fit *)state)->data.count;
}

const adi_method adi_method_ast = {
    .name = "ast",
    .add = add,
    .merge = adi_student_merge,
    .train = train,
    .student = student,
    .finish = finish,
    .memory = memory,
    .count = count,
    .destroy_state = destroy_state,
    .reserve = adi_ast_reserve,
    .infer = adi_ast_infer,
    .info = adi_ast_info,
    .save = adi_ast_save,
    .load = adi_ast_load,
    .destroy_model = adi_ast_model_destroy,
    .preprocess = adi_ast_preprocess,
    .taps = adi_ast_taps,
    .option = adi_ast_model_option,
};

static ad_status fill_state(ast_fit *f, const adi_ast_config *config, const char *cache_dir, size_t training)
{
    const adi_allocator *a = &f->student->teacher->context->allocator;
    const size_t floats = (size_t)adi_ast_positions(config) * (size_t)(config->channels + 1);
    f->config = *config;
    ADI_TRY(adi_ast_data_init(&f->data, a, floats, cache_dir));
    f->data.cache_limit = config->o.feature_cache;
    f->data.file_limit = config->o.cache_file;
    f->data.memory_limit = (size_t)config->o.memory_limit;
    f->data.others = training + floats * sizeof *f->record;
    f->record = adi_alloc(a, floats * sizeof *f->record);
    return f->record ? AD_OK : adi_fail_memory();
}

static ad_status create_state(ad_student *student, const adi_ast_config *config, const char *cache_dir, ast_fit **out_fit)
{
    size_t bytes = 0;
    ADI_TRY(adi_ast_training_bytes(student, config, &bytes));
    if (bytes > config->o.memory_limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY,
                        "training batches of %d images of %dx%d positions takes %zu bytes, memory_limit is %" PRIu64
                        ": raise it or lower batch, size or the networks' widths",
                        config->o.batch, config->h, config->w, bytes, config->o.memory_limit);
    ast_fit *f = adi_calloc(&student->teacher->context->allocator, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    f->student = adi_student_retain(student);
    f->data.fd = -1;
    const ad_status status = fill_state(f, config, cache_dir, bytes);
    if (status == AD_OK)
        *out_fit = f;
    else
        destroy_state(f);
    return status;
}

ad_status ad_ast_fitter_create(ad_student *student, const ad_ast_options *options, ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(student && out_fitter, "ad_ast_fitter_create: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    ADI_CHECK_ARG(student->options.kind == AD_STUDENT_AST, "ad_ast_fitter_create: the student is not of kind ast");
    ad_ast_options full;
    ad_ast_options_init(&full, sizeof full);
    ADI_TRY(adi_options_take(&full, sizeof full, options, "ad_ast_options"));
    ADI_CHECK_ARG(!full.cache_file == !full.cache_dir, "cache_file says how large the file in cache_dir may be: give both");
    adi_ast_config config;
    const ad_backbone *teacher = student->teacher;
    ADI_TRY(adi_ast_resolve(&full, &teacher->context->allocator, teacher->network->graph, student->taps[0],
                            student->options.mode, &config));
    ast_fit *fit = NULL;
    ADI_TRY(create_state(student, &config, full.cache_dir, &fit));
    ADI_TRY(adi_fitter_wrap(student->teacher, &adi_method_ast, fit, &config.preprocess, student->taps, 1, out_fitter));
    adi_ast_prepare(&config, (*out_fitter)->extractor);
    return AD_OK;
}
