/* The fitter of masked reverse distillation: images and features are kept as they come, and the student is trained when the
 * fit is finished. */
#include <inttypes.h>
#include <string.h>

#include "core/digest.h"
#include "core/options.h"
#include "methods/masked_rd.h"
#include "methods/student_fit.h"

typedef struct rd_fit {
    ad_student *student; /* owned reference */
    adi_rd_config config;
    adi_student_data data;
    adi_student_run run;
} rd_fit;

static ad_status create_training(void *state, int32_t batch, void **out_training, adi_trainee **out_trainee)
{
    rd_fit *f = state;
    adi_rd_training *t = NULL;
    ADI_TRY(adi_rd_training_create(f->student, &f->config, &f->data, batch, &t));
    *out_training = t;
    *out_trainee = &t->trainee;
    return AD_OK;
}

static void use(void *training, adi_extractor *x, adi_workspace *w)
{
    adi_rd_training *t = training;
    t->extractor = x;
    t->workspace = w;
}

static const adi_student_trainer trainer = {create_training, adi_rd_training_destroy, use, adi_rd_training_scores};

static void destroy_state(void *state)
{
    rd_fit *f = state;
    if (!f)
        return;
    adi_student_end(&f->run, &trainer);
    adi_student_data_free(&f->data);
    ad_student *student = f->student;
    adi_free(&student->teacher->context->allocator, f);
    adi_student_release(student);
}

static ad_status add(void *state, const adi_extractor *x, adi_workspace *w)
{
    return adi_student_data_take(&((rd_fit *)state)->data, x, w);
}

static ad_status train(void *state, adi_extractor *x, const adi_fit_control *control)
{
    rd_fit *f = state;
    const ad_masked_rd_options *o = &f->config.o;
    const adi_student_schedule schedule = {f->data.count, o->batch, o->patience, o->validation_share, o->split_seed, o->seed};
    return adi_student_train(&f->run, &trainer, &schedule, f->student, f, x, control);
}

static ad_student *student(const void *state)
{
    return ((const rd_fit *)state)->student;
}

static ad_status finish(const void *state, void **out_model)
{
    const rd_fit *f = state;
    const ad_student *s = f->student;
    adi_network *net = NULL;
    adi_rd_model *model = NULL;
    ADI_TRY(adi_module_freeze(s->net, &net));
    ADI_TRY(adi_rd_model_create(s->teacher->context, s->teacher->network->graph, &f->config, net, &model));
    model->images = f->data.count;
    model->normal_score = f->run.normal_score;
    model->normal_map = f->run.normal_map;
    *out_model = model;
    return AD_OK;
}

static size_t memory(const void *state)
{
    const rd_fit *f = state;
    return sizeof *f + f->data.others + adi_student_data_bytes(&f->data);
}

static int64_t count(const void *state)
{
    return ((const rd_fit *)state)->data.count;
}

const adi_method adi_method_masked_rd = {
    .name = "masked_rd",
    .add = add,
    .merge = adi_student_merge,
    .train = train,
    .student = student,
    .finish = finish,
    .memory = memory,
    .count = count,
    .destroy_state = destroy_state,
    .reserve = adi_rd_reserve,
    .infer = adi_rd_infer,
    .info = adi_rd_info,
    .save = adi_rd_save,
    .load = adi_rd_load,
    .destroy_model = adi_rd_model_destroy,
    .preprocess = adi_rd_preprocess,
    .taps = adi_rd_taps,
    .option = adi_rd_model_option,
};

static ad_status create_state(ad_student *student, const adi_rd_config *config, rd_fit **out_fit)
{
    const int64_t side = config->preprocess.crop;
    size_t bytes = 0, features = 0;
    ADI_TRY(adi_rd_training_bytes(student, config, &bytes));
    ADI_TRY(adi_student_check_memory(bytes, config->o.batch, side, config->o.memory_limit));
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        features += (size_t)adi_rd_values(&config->shapes[level]);
    const adi_allocator *a = &student->teacher->context->allocator;
    rd_fit *f = adi_calloc(a, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    f->student = adi_student_retain(student);
    f->config = *config;
    f->data = (adi_student_data){.allocator = a, .preprocess = &f->config.preprocess, .pixels = 3 * (size_t)(side * side),
                                 .features = features, .cache_limit = (size_t)config->o.feature_cache,
                                 .memory_limit = (size_t)config->o.memory_limit, .others = bytes,
                                 .digest = ADI_DIGEST_START};
    *out_fit = f;
    return AD_OK;
}

ad_status ad_masked_rd_fitter_create(ad_student *student, const ad_masked_rd_options *options, ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(student && out_fitter, "ad_masked_rd_fitter_create: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    ADI_CHECK_ARG(student->options.kind == AD_STUDENT_MASKED_RD,
                  "ad_masked_rd_fitter_create: the student is not of kind masked_rd");
    ad_masked_rd_options full;
    ad_masked_rd_options_init(&full, sizeof full);
    ADI_TRY(adi_options_take(&full, sizeof full, options, "ad_masked_rd_options"));
    adi_rd_config config;
    const ad_backbone *teacher = student->teacher;
    ADI_TRY(adi_rd_resolve(&full, &teacher->context->allocator, teacher->network->graph, student->taps,
                           student->options.levels, &config));
    rd_fit *fit = NULL;
    ADI_TRY(create_state(student, &config, &fit));
    ADI_TRY(adi_fitter_wrap(student->teacher, &adi_method_masked_rd, fit, &config.preprocess, config.taps, ADI_RD_LEVELS,
                            out_fitter));
    adi_extractor_keep_rgb((*out_fitter)->extractor);
    return AD_OK;
}
