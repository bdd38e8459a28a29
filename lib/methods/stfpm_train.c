/* What training STFPM computes: losses and their gradients, the step, the validation error.
 *   similarity:     sum over layers l of weight_l * mean over positions of |t/|t| - g/|g||^2 / 2
 *   reconstruction: sum over layers of mean over all values of (g - r)^2
 * t is the teacher's vector, s the student's; g is s, or with U-Nets what the layer's U-Net makes of s, and r
 * is s or t. In the phase before, U-Nets learn to give t back from t. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/stfpm.h"
#include "methods/student_fit.h"

enum { PHASE_UNETS_ALONE = 0 }; /* where there are U-Nets and epochs for them; then the student's */

static int is_unet_phase(const adi_stfpm_training *t, int32_t phase)
{
    return t->trainee.phase_count > 1 && phase == PHASE_UNETS_ALONE;
}

static int64_t values_of(const adi_shape *s)
{
    return s->h * s->w * s->c;
}

static const adi_shape *layer_shape(const adi_stfpm_training *t, int32_t layer)
{
    return adi_train_tap_shape(t->plan, layer);
}

static ad_status backend_failed(ad_status status, const char *what)
{
    return status == AD_OK ? AD_OK : adi_fail(status, "%s failed in the backend", what);
}

static void take_batch(adi_stfpm_training *t, int32_t count, const adi_cancel *cancel)
{
    t->run.n = count;
    t->run.cancelled = cancel ? cancel->is_cancelled : NULL;
    t->run.user = cancel ? cancel->user : NULL;
    for (int32_t i = 0; i < t->config->tap_count; i++) {
        t->unet_runs[i].n = count;
        t->unet_runs[i].cancelled = t->run.cancelled;
        t->unet_runs[i].user = t->run.user;
    }
}

/* The student on a batch of images. */
static ad_status run_student(adi_stfpm_training *t, const int32_t *images, int32_t count, int32_t training)
{
    for (int32_t i = 0; i < count; i++)
        adi_student_data_input(t->data, images[i], t->input + i * (int64_t)t->data->pixels);
    return adi_train_forward(t->plan, &t->run, training);
}

/* With U-Nets a layer's features are wanted apart from the other layers' and more than once, so all of a batch's
 * are kept, a layer after the other. */
static float *kept_teacher(const adi_stfpm_training *t, int32_t layer)
{
    float *kept = t->teacher;
    for (int32_t l = 0; l < layer; l++)
        kept += adi_arena_floats(layer_shape(t, l));
    return kept;
}

static ad_status keep_teacher(adi_stfpm_training *t, const int32_t *images, int32_t count)
{
    const float *layers[ADI_STFPM_MAX_LAYERS] = {NULL};
    for (int32_t i = 0; i < count; i++) {
        ADI_TRY(adi_student_data_features(t->data, t->extractor, t->workspace, images[i], layers));
        for (int32_t l = 0; l < t->config->tap_count; l++) {
            const int64_t n = values_of(layer_shape(t, l));
            memcpy(kept_teacher(t, l) + i * n, layers[l], (size_t)n * sizeof(float));
        }
    }
    return AD_OK;
}

/* The teacher's features of image `i` of the batch, of all layers. */
static ad_status teacher_of(adi_stfpm_training *t, int32_t i, int32_t image, const float **layers)
{
    if (!t->config->unets)
        return adi_student_data_features(t->data, t->extractor, t->workspace, image, layers);
    for (int32_t l = 0; l < t->config->tap_count; l++)
        layers[l] = kept_teacher(t, l) + i * values_of(layer_shape(t, l));
    return AD_OK;
}

static adi_exec exec_of(const adi_stfpm_training *t)
{
    return (adi_exec){t->context->num_threads, t->run.scratch};
}

/* ---- Similarity ---- */

/* The factor of 2 d that stands for "no half", and the share of one image of the batch. */
static double loss_scale(const adi_stfpm_training *t)
{
    return t->config->o.loss_half ? 1.0 : 2.0;
}

static double image_share(const adi_stfpm_training *t, int64_t n)
{
    return t->config->o.loss_batch == AD_LOSS_BATCH_SUM ? 1.0 : 1.0 / (double)n;
}

/* The vectors that are compared with the teacher's. */
static const float *compared(const adi_stfpm_training *t, int32_t layer)
{
    return t->config->unets ? adi_train_tap(t->unet_plans[layer], &t->unet_runs[layer], 0)
                            : adi_train_tap(t->plan, &t->run, layer);
}

/* Distances of image `i` of the batch in one layer, whose mean is added to *io_sum: as it is, or with `gradients`,
 * which are those by the compared vectors, as it counts in the loss. */
static ad_status compare(adi_stfpm_training *t, int32_t i, int32_t layer, const float *teacher, float *gradients,
                         double *io_sum)
{
    const adi_kernels *k = t->context->backend->kernels;
    const adi_exec ex = exec_of(t);
    const adi_shape *s = layer_shape(t, layer);
    const adi_pc d = {s->h * s->w, s->c};
    const float *vectors = compared(t, layer) + i * values_of(s);
    float *distances = t->distances;
    for (int32_t l = 0; l < layer; l++)
        distances += layer_shape(t, l)->h * layer_shape(t, l)->w;
    const double weight = gradients ? t->config->weights[layer] * loss_scale(t) : 1.0;
    ADI_TRY(backend_failed(k->cosdist_fwd(&ex, distances, vectors, teacher, d), "the distances"));
    *io_sum += weight * k->sum(&ex, distances, d.p) / (double)d.p;
    if (!gradients)
        return AD_OK;
    const double scale = weight * t->config->o.sim_weight * image_share(t, t->run.n) / (double)d.p;
    return backend_failed(k->cosdist_bwd(&ex, gradients + i * values_of(s), vectors, teacher, (float)scale, d),
                          "the gradient of the distances");
}

/* All layers of image `i` of the batch. */
static ad_status compare_image(adi_stfpm_training *t, int32_t i, int32_t image, int32_t with_gradients,
                               double *io_sum)
{
    const float *teacher[ADI_STFPM_MAX_LAYERS] = {NULL};
    ADI_TRY(teacher_of(t, i, image, teacher));
    for (int32_t l = 0; l < t->config->tap_count; l++)
        ADI_TRY(compare(t, i, l, teacher[l], with_gradients ? adi_train_tap_grad(t->plan, &t->run, l) : NULL, io_sum));
    return AD_OK;
}

/* ---- U-Nets ---- */

/* Mean squared error of a U-Net's result and `target`; with gradients, what it adds to the result's, which is
 * overwritten unless `accumulate`. */
static ad_status reconstruct(adi_stfpm_training *t, int32_t layer, const float *target, double weight,
                             int32_t with_gradients, int32_t accumulate, double *io_sum)
{
    const adi_kernels *k = t->context->backend->kernels;
    const adi_exec ex = exec_of(t);
    const int64_t n = t->run.n * values_of(layer_shape(t, layer));
    const float *result = adi_train_tap(t->unet_plans[layer], &t->unet_runs[layer], 0);
    *io_sum += k->sum_squared_error(&ex, result, target, n) / (double)n;
    if (!with_gradients)
        return AD_OK;
    float *g = adi_train_tap_grad(t->unet_plans[layer], &t->unet_runs[layer], 0);
    return backend_failed(k->scaled_difference(&ex, g, result, target, (float)(2.0 * weight / (double)n),
                                               accumulate, n),
                          "the gradient of the reconstruction");
}

/* The phase in which U-Nets learn the teacher's features; validation error and loss are one. */
static ad_status unets_alone(adi_stfpm_training *t, const int32_t *images, int32_t count, int32_t training,
                             double *io_sum)
{
    ADI_TRY(keep_teacher(t, images, count));
    for (int32_t l = 0; l < t->config->tap_count; l++) {
        adi_train_run *run = &t->unet_runs[l];
        run->input[0] = kept_teacher(t, l);
        ADI_TRY(adi_train_forward(t->unet_plans[l], run, training));
        ADI_TRY(reconstruct(t, l, kept_teacher(t, l), 1.0, training, 0, io_sum));
        if (training)
            ADI_TRY(adi_train_backward(t->unet_plans[l], run));
    }
    return AD_OK;
}

/* A layer's U-Net on the student's vectors: forward, both losses, backward, and the gradient of the vectors. */
static ad_status through_unet(adi_stfpm_training *t, int32_t layer, adi_batch_loss *io_loss)
{
    const adi_kernels *k = t->context->backend->kernels;
    const ad_stfpm_options *o = &t->config->o;
    const adi_exec ex = exec_of(t);
    adi_train_run *run = &t->unet_runs[layer];
    const float *s = adi_train_tap(t->plan, &t->run, layer), *teacher = kept_teacher(t, layer);
    const int64_t count = t->run.n, values = values_of(layer_shape(t, layer)), n = count * values;
    double similar = 0.0;
    run->input[0] = s;
    ADI_TRY(adi_train_forward(t->unet_plans[layer], run, 1));
    float *dg = adi_train_tap_grad(t->unet_plans[layer], run, 0);
    for (int32_t i = 0; i < count; i++)
        ADI_TRY(compare(t, i, layer, teacher + i * values, dg, &similar));
    io_loss->similarity += similar * image_share(t, count);
    const float *target = o->rec_target == AD_REC_TARGET_TEACHER ? teacher : s;
    ADI_TRY(reconstruct(t, layer, target, o->rec_weight, 1, 1, &io_loss->reconstruction));
    float *ds = adi_train_tap_grad(t->plan, &t->run, layer);
    const float *g = adi_train_tap(t->unet_plans[layer], run, 0);
    /* As a target the student's vectors have a gradient of their own, the opposite of the result's. */
    const int32_t moves = o->rec_target == AD_REC_TARGET_STUDENT && !o->rec_stopgrad;
    const float own = moves ? (float)(-2.0 * o->rec_weight / (double)n) : 0.0f;
    ADI_TRY(backend_failed(k->scaled_difference(&ex, ds, g, s, own, 0, n), "the target's gradient"));
    ADI_TRY(adi_train_backward(t->unet_plans[layer], run));
    const float *dx = adi_train_input_grad(t->unet_plans[layer], run);
    return backend_failed(k->add_fwd(&ex, ds, ds, dx, ADI_ACT_NONE, (adi_pc){1, n}), "the sum of gradients");
}

/* ---- The trainee ---- */

static ad_status gradients(void *self, int32_t phase, const int32_t *images, int32_t count,
                           const adi_cancel *cancel, adi_batch_loss *out_loss)
{
    adi_stfpm_training *t = self;
    const ad_stfpm_options *o = &t->config->o;
    take_batch(t, count, cancel);
    if (is_unet_phase(t, phase)) {
        ADI_TRY(unets_alone(t, images, count, 1, &out_loss->reconstruction));
        out_loss->loss = out_loss->reconstruction;
        return AD_OK;
    }
    ADI_TRY(run_student(t, images, count, 1));
    if (t->config->unets) {
        ADI_TRY(keep_teacher(t, images, count));
        for (int32_t l = 0; l < t->config->tap_count; l++)
            ADI_TRY(through_unet(t, l, out_loss));
        out_loss->loss = o->sim_weight * out_loss->similarity + o->rec_weight * out_loss->reconstruction;
    } else {
        double sum = 0.0;
        for (int32_t i = 0; i < count; i++)
            ADI_TRY(compare_image(t, i, images[i], 1, &sum));
        out_loss->similarity = sum * image_share(t, count);
        out_loss->loss = o->sim_weight * out_loss->similarity;
    }
    return isfinite(out_loss->loss) ? adi_train_backward(t->plan, &t->run) : AD_OK;
}

/* Which modules a phase trains. */
static int32_t first_module(const adi_stfpm_training *t, int32_t phase)
{
    return is_unet_phase(t, phase) ? 1 : 0;
}

static double clip_scale(adi_stfpm_training *t, int32_t phase)
{
    const adi_exec ex = exec_of(t);
    if (is_unet_phase(t, phase) || t->config->o.clip_norm == 0.0)
        return 1.0;
    double squares = 0.0;
    for (int32_t i = 0; adi_student_module(t->student, i); i++)
        squares += t->context->backend->kernels->sum_squares(
            &ex, adi_stfpm_training_run(t, i)->gradients, (int64_t)adi_student_module(t->student, i)->trainable);
    return adi_clip_scale(squares, t->config->o.clip_norm);
}

static ad_status update(void *self, int32_t phase)
{
    adi_stfpm_training *t = self;
    const double scale = clip_scale(t, phase);
    for (int32_t i = first_module(t, phase); adi_student_module(t->student, i); i++) {
        const adi_train_run *run = adi_stfpm_training_run(t, i);
        ADI_TRY(adi_optimiser_step(&t->optimisers[i], t->context->backend->kernels, t->context->num_threads,
                                   adi_student_module(t->student, i)->values, run->gradients, scale));
        adi_train_update_statistics(adi_stfpm_training_plan(t, i), run);
    }
    return AD_OK;
}

static ad_status forward_all(adi_stfpm_training *t, const int32_t *images, int32_t count, const adi_cancel *cancel)
{
    take_batch(t, count, cancel);
    ADI_TRY(run_student(t, images, count, 0));
    if (t->config->unets)
        ADI_TRY(keep_teacher(t, images, count));
    for (int32_t l = 0; t->config->unets && l < t->config->tap_count; l++) {
        t->unet_runs[l].input[0] = adi_train_tap(t->plan, &t->run, l);
        ADI_TRY(adi_train_forward(t->unet_plans[l], &t->unet_runs[l], 0));
    }
    return AD_OK;
}

static void list_shapes(const adi_stfpm_training *t, adi_shape shapes[ADI_STFPM_MAX_LAYERS])
{
    for (int32_t l = 0; l < t->config->tap_count; l++)
        shapes[l] = *layer_shape(t, l);
}

static ad_status product_of(adi_stfpm_training *t, double *io_sum)
{
    const adi_exec ex = exec_of(t);
    adi_shape shapes[ADI_STFPM_MAX_LAYERS];
    list_shapes(t, shapes);
    const int64_t side = adi_stfpm_combine_side(t->config), n = side * side;
    ADI_TRY(adi_stfpm_combine(t->config, t->context, shapes, t->distances, t->maps, t->maps + n));
    *io_sum += t->context->backend->kernels->sum(&ex, t->maps + n, n) / (double)n;
    return AD_OK;
}

static ad_status validate(void *self, int32_t phase, const int32_t *images, int32_t count,
                          const adi_cancel *cancel, double *out_error)
{
    adi_stfpm_training *t = self;
    double sum = 0.0, distance = 0.0;
    for (int32_t first = 0; first < count; first += (int32_t)t->plan->input[0].n) {
        const int32_t left = count - first;
        const int32_t n = left < (int32_t)t->plan->input[0].n ? left : (int32_t)t->plan->input[0].n;
        if (is_unet_phase(t, phase)) {
            double error = 0.0;
            take_batch(t, n, cancel);
            ADI_TRY(unets_alone(t, images + first, n, 0, &error));
            sum += n * error;
            continue;
        }
        ADI_TRY(forward_all(t, images + first, n, cancel));
        const int product = t->config->o.validation == AD_VALIDATION_PRODUCT;
        for (int32_t i = 0; i < n; i++) {
            ADI_TRY(compare_image(t, i, images[first + i], 0, product ? &distance : &sum));
            if (product)
                ADI_TRY(product_of(t, &sum));
        }
    }
    *out_error = sum / count;
    return AD_OK;
}

ad_status adi_stfpm_training_scores(void *training, const int32_t *images, int32_t count,
                                    double *out_score, double *out_map)
{
    adi_stfpm_training *t = training;
    const adi_exec ex = exec_of(t);
    const int64_t side = t->config->preprocess.crop, n = side * side;
    adi_shape shapes[ADI_STFPM_MAX_LAYERS];
    double scores = 0.0, values = 0.0, distances = 0.0;
    list_shapes(t, shapes);
    for (int32_t i = 0; i < count; i++) {
        double score = 0.0;
        ADI_TRY(forward_all(t, images + i, 1, NULL));
        ADI_TRY(compare_image(t, 0, images[i], 0, &distances));
        ADI_TRY(adi_stfpm_map(t->config, t->context, shapes, t->distances, t->maps + n, t->maps, &score));
        scores += score * score;
        values += t->context->backend->kernels->sum_squares(&ex, t->maps, n) / (double)n;
    }
    if (!isfinite(distances) || !isfinite(scores) || !isfinite(values)) /* a maximum does not see NaN */
        return adi_fail(AD_ERR_NUMERIC, "the student's distances are not finite: a lower learning rate may help");
    *out_score = sqrt(scores / count);
    *out_map = sqrt(values / count);
    return AD_OK;
}

/* Also for the phase that a checkpoint is of, so all that depends on the phase belongs here. */
static void begin_phase(void *self, int32_t phase)
{
    adi_stfpm_training *t = self;
    const ad_stfpm_options *o = &t->config->o;
    for (int32_t i = 0; adi_student_module(t->student, i); i++) {
        adi_optimiser_reset(&t->optimisers[i]);
        if (i)
            t->optimisers[i].options.lr = is_unet_phase(t, phase) ? o->pretrain_lr : o->unet_lr;
    }
}

static void epoch_done(void *self, int32_t phase)
{
    adi_stfpm_training *t = self;
    t->student->epochs_trained += !is_unet_phase(t, phase);
}

/* What may differ: how long to go on, and what changes no result. */
static const char *describe(void *self, int32_t index, char *value, size_t size, int32_t *out_may_differ)
{
    static const char *const free_keys[] = {"epochs", "patience", "feature_cache", "memory_limit", NULL};
    const adi_stfpm_training *t = self;
    const adi_student_training d = {t->student, t->data->count, t->data->digest, "images", adi_stfpm_option, t->config, free_keys};
    return adi_student_describe(&d, index, value, size, out_may_differ);
}

const adi_trainee adi_stfpm_trainee = {.begin_phase = begin_phase, .gradients = gradients, .update = update,
                                       .validate = validate, .epoch_done = epoch_done, .describe = describe};
