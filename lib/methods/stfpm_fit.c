/* The fitter of STFPM: images are kept as they come, and the student is trained when the fit is finished. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "core/options.h"
#include "methods/stfpm.h"
#include "methods/student_fit.h"

typedef struct stfpm_fit {
    ad_student *student; /* owned reference */
    adi_stfpm_config config;
    adi_student_data data;
    adi_student_run run;
} stfpm_fit;

static ad_status create_training(void *state, int32_t batch, void **out_training, adi_trainee **out_trainee)
{
    stfpm_fit *f = state;
    adi_stfpm_training *t = NULL;
    ADI_TRY(adi_stfpm_training_create(f->student, &f->config, &f->data, batch, &t));
    *out_training = t;
    *out_trainee = &t->trainee;
    return AD_OK;
}

static void use(void *training, adi_extractor *x, adi_workspace *w)
{
    adi_stfpm_training *t = training;
    t->extractor = x;
    t->workspace = w;
}

static const adi_student_trainer trainer = {create_training, adi_stfpm_training_destroy, use, adi_stfpm_training_scores};

static void destroy_state(void *state)
{
    stfpm_fit *f = state;
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
    return adi_student_data_take(&((stfpm_fit *)state)->data, x, w);
}

static ad_status train(void *state, adi_extractor *x, const adi_fit_control *control)
{
    stfpm_fit *f = state;
    const ad_stfpm_options *o = &f->config.o;
    const adi_student_schedule schedule = {f->data.count, o->batch, o->patience, o->validation_share, o->split_seed, o->seed};
    return adi_student_train(&f->run, &trainer, &schedule, f->student, f, x, control);
}

static ad_student *student(const void *state)
{
    return ((const stfpm_fit *)state)->student;
}

static ad_status finish(const void *state, void **out_model)
{
    const stfpm_fit *f = state;
    const ad_student *s = f->student;
    ad_context *context = s->teacher->context;
    adi_network *net = NULL, *unets[ADI_STFPM_MAX_LAYERS] = {NULL};
    ad_status status = adi_module_freeze(s->net, &net);
    for (int32_t i = 0; status == AD_OK && i < ADI_STFPM_MAX_LAYERS && s->unets[i]; i++)
        status = adi_module_freeze(s->unets[i], &unets[i]);
    adi_stfpm_model *model = NULL;
    if (status == AD_OK) {
        status = adi_stfpm_model_create(context, s->teacher->network->graph, &f->config, net, unets, &model);
    } else {
        adi_network_destroy(net);
        for (int32_t i = 0; i < ADI_STFPM_MAX_LAYERS; i++)
            adi_network_destroy(unets[i]);
    }
    if (status != AD_OK)
        return status;
    model->images = f->data.count;
    model->normal_score = f->run.normal_score;
    model->normal_map = f->run.normal_map;
    *out_model = model;
    return AD_OK;
}

static size_t memory(const void *state)
{
    const stfpm_fit *f = state;
    return sizeof *f + f->data.others + adi_student_data_bytes(&f->data);
}

static int64_t count(const void *state)
{
    return ((const stfpm_fit *)state)->data.count;
}

/* The same for both kinds of student: only the name tells them apart. */
#define METHOD(NAME)                                                                               \
    {                                                                                              \
        .name = (NAME), .add = add, .merge = adi_student_merge, .train = train,                    \
        .student = student, .finish = finish, .memory = memory, .count = count,                    \
        .destroy_state = destroy_state, .reserve = adi_stfpm_reserve, .infer = adi_stfpm_infer,    \
        .info = adi_stfpm_info, .save = adi_stfpm_save, .load = adi_stfpm_load,                    \
        .destroy_model = adi_stfpm_model_destroy, .preprocess = adi_stfpm_preprocess,              \
        .taps = adi_stfpm_taps, .option = adi_stfpm_model_option,                                  \
    }
const adi_method adi_method_stfpm = METHOD("stfpm");
const adi_method adi_method_stfpm_unet = METHOD("stfpm_unet");

static ad_status create_state(ad_student *student, const adi_stfpm_config *config, stfpm_fit **out_fit)
{
    const adi_allocator *a = &student->teacher->context->allocator;
    const adi_graph *g = student->teacher->network->graph;
    const int64_t side = config->preprocess.crop;
    size_t bytes = 0, features = 0;
    ADI_TRY(adi_stfpm_training_bytes(student, config, &bytes));
    ADI_TRY(adi_student_check_memory(bytes, config->o.batch, side, config->o.memory_limit));
    for (int32_t l = 0; l < config->tap_count; l++) {
        adi_shape s;
        ADI_TRY(adi_plan_tap_shape(a, g, config->taps[l], side, side, &s));
        features += (size_t)(s.h * s.w * s.c);
    }
    stfpm_fit *f = adi_calloc(a, 1, sizeof *f);
    if (!f)
        return adi_fail_memory();
    f->student = adi_student_retain(student);
    f->config = *config;
    f->data = (adi_student_data){.allocator = a, .preprocess = &f->config.preprocess,
                               .pixels = 3 * (size_t)(side * side), .features = features,
                               .cache_limit = (size_t)config->o.feature_cache,
                               .memory_limit = (size_t)config->o.memory_limit, .others = bytes,
                               .digest = ADI_DIGEST_START};
    *out_fit = f;
    return AD_OK;
}

ad_status ad_stfpm_fitter_create(ad_student *student, const ad_stfpm_options *options, ad_fitter **out_fitter)
{
    ADI_CHECK_ARG(student && out_fitter, "ad_stfpm_fitter_create: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_fitter = NULL;
    ADI_CHECK_ARG(student->options.kind <= AD_STUDENT_STFPM_UNET, "ad_stfpm_fitter_create: the student is of kind %s",
                  adi_student_kind_words[student->options.kind]);
    ad_stfpm_options full;
    ad_stfpm_options_init(&full, sizeof full);
    ADI_TRY(adi_options_take(&full, sizeof full, options, "ad_stfpm_options"));
    ADI_CHECK_RESERVED(full, reserved2, "ad_stfpm_options");
    adi_stfpm_config config;
    const int32_t unets = student->options.kind == AD_STUDENT_STFPM_UNET;
    ADI_TRY(adi_stfpm_resolve(&full, student->teacher->network->graph, student->taps, student->tap_count, unets,
                              &config));
    stfpm_fit *fit = NULL;
    ADI_TRY(create_state(student, &config, &fit));
    ADI_TRY(adi_fitter_wrap(student->teacher, unets ? &adi_method_stfpm_unet : &adi_method_stfpm, fit,
                            &config.preprocess, config.taps, config.tap_count, out_fitter));
    adi_extractor_keep_rgb((*out_fitter)->extractor);
    return AD_OK;
}
