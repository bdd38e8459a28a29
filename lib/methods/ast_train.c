/* What training AST computes: losses and their gradients, the step, the validation error. With w the weights of positions
 * and N their sum over the batch, or the number of all positions:
 *   teacher: sum over positions of w (|z|^2 / 2 - log det) / N
 *   student: sum over positions of w (mean over channels of (z - s)^2) / N, z the trained flow's */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/ast.h"
#include "methods/student_fit.h"

static ad_status backend_failed(ad_status status, const char *what)
{
    return status == AD_OK ? AD_OK : adi_fail(status, "%s failed in the backend", what);
}

static adi_exec exec_of(const adi_ast_training *t)
{
    return (adi_exec){t->context->num_threads, t->run[0].scratch};
}

static adi_pc dims_of(const adi_ast_training *t)
{
    return (adi_pc){t->run[0].n * adi_ast_positions(t->config), t->config->channels};
}

/* Which network a phase trains: a phase without epochs is not there. */
static int network_of(const adi_ast_training *t, int32_t phase)
{
    const char *name = t->trainee.phases[phase].name;
    return strcmp(name, adi_ast_phase_names[ADI_AST_FLOW]) == 0 ? ADI_AST_FLOW : ADI_AST_STUDENT;
}

static ad_status take_batch(adi_ast_training *t, const int32_t *images, int32_t count, const adi_cancel *cancel)
{
    const int64_t positions = adi_ast_positions(t->config), floats = positions * t->config->channels;
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        t->run[i].n = count;
        t->run[i].cancelled = cancel ? cancel->is_cancelled : NULL;
        t->run[i].user = cancel ? cancel->user : NULL;
    }
    for (int32_t i = 0; i < count; i++)
        ADI_TRY(adi_ast_data_get(t->data, images[i], t->x + i * floats, (size_t)floats, t->weights + i * positions));
    return AD_OK;
}

/* What the losses are divided by. */
static double norm_of(const adi_ast_training *t)
{
    const adi_exec ex = exec_of(t);
    const int64_t n = dims_of(t).p;
    if (t->config->o.mask_norm == AD_AST_MASK_NORM_ALL || t->config->o.mask == AD_AST_MASK_NONE)
        return (double)n;
    const double sum = t->context->backend->kernels->sum(&ex, t->weights, n);
    return sum > 0.0 ? sum : (double)n;
}

/* ---- Teacher ---- */

/* The flow's loss of the batch, and with gradients those of its results. */
static ad_status flow_loss(adi_ast_training *t, int32_t gradients, double *out_loss)
{
    const adi_kernels *k = t->context->backend->kernels;
    const adi_exec ex = exec_of(t);
    const adi_train_plan *plan = t->plan[ADI_AST_FLOW];
    adi_train_run *run = &t->run[ADI_AST_FLOW];
    const adi_pc d = dims_of(t);
    const double norm = norm_of(t);
    ADI_TRY(adi_train_forward(plan, run, gradients));
    const float *z = adi_train_tap(plan, run, 0), *logdet = adi_train_tap(plan, run, 1);
    ADI_TRY(backend_failed(k->sqdist_fwd(&ex, t->distances, z, NULL, d), "the likelihood"));
    double sum = 0.0;
    for (int64_t p = 0; p < d.p; p++)
        sum += t->weights[p] * (0.5 * t->distances[p] - logdet[p]);
    *out_loss = sum / norm;
    if (!gradients)
        return AD_OK;
    ADI_TRY(backend_failed(k->weighted_difference(&ex, adi_train_tap_grad(plan, run, 0), z, NULL, t->weights, 1.0 / norm, d),
                           "the gradient of the likelihood"));
    float *by_logdet = adi_train_tap_grad(plan, run, 1);
    for (int64_t p = 0; p < d.p; p++)
        by_logdet[p] = (float)(-t->weights[p] / norm);
    return AD_OK;
}

/* ---- Student ---- */

/* What the flow makes of the batch, out of its block, which the student's run shares. */
static ad_status find_target(adi_ast_training *t)
{
    const adi_train_plan *plan = t->plan[ADI_AST_FLOW];
    const adi_train_run *run = &t->run[ADI_AST_FLOW];
    const adi_pc d = dims_of(t);
    ADI_TRY(adi_train_forward(plan, run, 0));
    memcpy(t->target, adi_train_tap(plan, run, 0), (size_t)(d.p * d.c) * sizeof *t->target);
    memcpy(t->target + d.p * d.c, adi_train_tap(plan, run, 1), (size_t)d.p * sizeof *t->target);
    return AD_OK;
}

static ad_status student_loss(adi_ast_training *t, int32_t gradients, double *out_loss)
{
    const adi_kernels *k = t->context->backend->kernels;
    const adi_exec ex = exec_of(t);
    const adi_train_plan *plan = t->plan[ADI_AST_STUDENT];
    adi_train_run *run = &t->run[ADI_AST_STUDENT];
    const adi_pc d = dims_of(t);
    const double norm = norm_of(t) * (double)d.c;
    ADI_TRY(find_target(t));
    ADI_TRY(adi_train_forward(plan, run, gradients));
    const float *s = adi_train_tap(plan, run, 0);
    ADI_TRY(backend_failed(k->sqdist_fwd(&ex, t->distances, s, t->target, d), "the distances"));
    double sum = 0.0;
    for (int64_t p = 0; p < d.p; p++)
        sum += (double)t->weights[p] * t->distances[p];
    *out_loss = sum / norm;
    if (!gradients)
        return AD_OK;
    return backend_failed(k->weighted_difference(&ex, adi_train_tap_grad(plan, run, 0), s, t->target, t->weights, 2.0 / norm, d),
                          "the gradient of the distances");
}

/* ---- The trainee ---- */

static ad_status gradients(void *self, int32_t phase, const int32_t *images, int32_t count, const adi_cancel *cancel,
                           adi_batch_loss *out_loss)
{
    adi_ast_training *t = self;
    const int i = network_of(t, phase);
    ADI_TRY(take_batch(t, images, count, cancel));
    ADI_TRY(i == ADI_AST_FLOW ? flow_loss(t, 1, &out_loss->loss) : student_loss(t, 1, &out_loss->loss));
    if (i == ADI_AST_FLOW)
        out_loss->reconstruction = out_loss->loss;
    else
        out_loss->similarity = out_loss->loss;
    return isfinite(out_loss->loss) ? adi_train_backward(t->plan[i], &t->run[i]) : AD_OK;
}

static double clip_scale(const adi_ast_training *t, int i)
{
    const adi_exec ex = exec_of(t);
    if (t->config->o.clip_norm == 0.0)
        return 1.0;
    return adi_clip_scale(t->context->backend->kernels->sum_squares(&ex, t->run[i].gradients, (int64_t)t->optimiser.count),
                          t->config->o.clip_norm);
}

static ad_status update(void *self, int32_t phase)
{
    adi_ast_training *t = self;
    const int i = network_of(t, phase);
    const ad_context *c = t->context;
    ADI_TRY(adi_optimiser_step(&t->optimiser, c->backend->kernels, c->num_threads,
                               adi_student_module(t->student, i)->values, t->run[i].gradients, clip_scale(t, i)));
    adi_train_update_statistics(t->plan[i], &t->run[i]);
    return AD_OK;
}

/* The loss itself, mean over images in batches; the student with its running statistics. */
static ad_status validate(void *self, int32_t phase, const int32_t *images, int32_t count, const adi_cancel *cancel,
                          double *out_error)
{
    adi_ast_training *t = self;
    const int32_t batch = (int32_t)t->plan[0]->input[0].n;
    double sum = 0.0;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        double loss = 0.0;
        ADI_TRY(take_batch(t, images + first, n, cancel));
        ADI_TRY(network_of(t, phase) == ADI_AST_FLOW ? flow_loss(t, 0, &loss) : student_loss(t, 0, &loss));
        sum += n * loss;
    }
    *out_error = sum / count;
    return AD_OK;
}

/* The scores of the images of a batch, whose results are there, added to both sums. */
static ad_status add_scores(adi_ast_training *t, int32_t count, double *scores, double *values)
{
    const adi_exec ex = exec_of(t);
    const int64_t n = adi_ast_positions(t->config), c = t->config->channels, enlarged = n * ADI_AST_ENLARGE * ADI_AST_ENLARGE;
    const float *student = adi_train_tap(t->plan[ADI_AST_STUDENT], &t->run[ADI_AST_STUDENT], 0);
    for (int32_t i = 0; i < count; i++) {
        double score = 0.0;
        ADI_TRY(adi_ast_distances(t->config, t->context, t->target + i * n * c, t->target + count * n * c + i * n,
                                  student + i * n * c, t->distances));
        adi_ast_score(t->config, t->distances, t->weights + i * n, t->map, &score);
        *scores += score * score;
        *values += t->context->backend->kernels->sum_squares(&ex, t->map, enlarged) / (double)enlarged;
    }
    return AD_OK;
}

ad_status adi_ast_training_scores(void *training, const int32_t *images, int32_t count, double *out_score,
                                  double *out_map)
{
    adi_ast_training *t = training;
    const int32_t batch = (int32_t)t->plan[0]->input[0].n;
    double scores = 0.0, values = 0.0;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        ADI_TRY(take_batch(t, images + first, n, NULL));
        ADI_TRY(find_target(t));
        ADI_TRY(adi_train_forward(t->plan[ADI_AST_STUDENT], &t->run[ADI_AST_STUDENT], 0));
        ADI_TRY(add_scores(t, n, &scores, &values));
    }
    *out_score = sqrt(scores / count);
    *out_map = sqrt(values / count);
    return AD_OK;
}

/* Also for the phase that a checkpoint is of. */
static void begin_phase(void *self, int32_t phase)
{
    adi_ast_training *t = self;
    t->optimiser.count = adi_student_module(t->student, network_of(t, phase))->trainable;
    adi_optimiser_reset(&t->optimiser);
}

static void epoch_done(void *self, int32_t phase)
{
    adi_ast_training *t = self;
    t->student->epochs_trained += network_of(t, phase) == ADI_AST_STUDENT;
}

/* What may differ: how long to go on, and what changes no parameter. */
static const char *describe(void *self, int32_t index, char *value, size_t size, int32_t *out_may_differ)
{
    static const char *const free_keys[] = {"student_epochs", "feature_cache", "cache_file", "memory_limit", "score",
                                            "aggregate", "max_after_upsample", "mask_twice", NULL};
    const adi_ast_training *t = self;
    const adi_student_training d = {t->student, t->data->count, t->data->digest, "features", adi_ast_option, t->config, free_keys};
    return adi_student_describe(&d, index, value, size, out_may_differ);
}

const adi_trainee adi_ast_trainee = {.begin_phase = begin_phase, .gradients = gradients, .update = update,
                                     .validate = validate, .epoch_done = epoch_done, .describe = describe,
                                     .measured = 1, .drop_last = 1};
