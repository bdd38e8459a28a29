/* What training masked reverse distillation computes: the loss and its gradients, the step, the validation error. With t the
 * teacher's maps and g the student's:
 *   position: sum over levels of mean over images and positions of 1 - <t, g> / max(|t| |g|, 1e-8)
 *   flat:     sum over levels of mean over images of the same of the whole map as one vector */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/masked_rd.h"
#include "methods/student_fit.h"
#include "mix64.h"

static ad_status backend_failed(ad_status status, const char *what)
{
    return status == AD_OK ? AD_OK : adi_fail(status, "%s failed in the backend", what);
}

static adi_exec exec_of(const adi_rd_training *t)
{
    return (adi_exec){t->context->num_threads, t->run.scratch};
}

/* The teacher's features of a batch, which are all that the student sees. The masks follow from the seed and the number of
 * the step alone, so that a resumed training has the same. */
static ad_status take_batch(adi_rd_training *t, const int32_t *images, int32_t count, const adi_cancel *cancel)
{
    t->run.n = count;
    t->run.draw = adi_mix64(adi_mix64(t->config->o.seed) + (uint64_t)t->optimiser.steps);
    t->run.cancelled = cancel ? cancel->is_cancelled : NULL;
    t->run.user = cancel ? cancel->user : NULL;
    for (int32_t i = 0; i < count; i++) {
        const float *layers[ADI_RD_LEVELS] = {NULL};
        ADI_TRY(adi_student_data_features(t->data, t->extractor, t->workspace, images[i], layers));
        for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
            const size_t n = (size_t)adi_rd_values(&t->config->shapes[level]);
            memcpy(t->features[level] + (size_t)i * n, layers[level], n * sizeof(float));
        }
    }
    return AD_OK;
}

/* The vectors whose distances are taken: those of positions, or whole maps. */
static adi_pc vectors_of(const adi_rd_training *t, int32_t level)
{
    const adi_shape *s = &t->config->shapes[level];
    if (t->config->o.loss == AD_RD_LOSS_FLAT)
        return (adi_pc){t->run.n, s->h * s->w * s->c};
    return (adi_pc){t->run.n * s->h * s->w, s->c};
}

/* The loss of what the student made of the batch, and with `gradients` those of its results. */
static ad_status find_loss(adi_rd_training *t, int32_t gradients, double *out_loss)
{
    const adi_kernels *k = t->context->backend->kernels;
    const adi_exec ex = exec_of(t);
    *out_loss = 0.0;
    for (int32_t level = 0, tap = 0; level < ADI_RD_LEVELS; level++) {
        const adi_pc d = vectors_of(t, level);
        if (!adi_rd_compares(t->config, level))
            continue;
        const float *made = adi_train_tap(t->plan, &t->run, tap), *wanted = t->features[level];
        ADI_TRY(backend_failed(k->cosine_fwd(&ex, t->distances, made, wanted, d), "the distances"));
        *out_loss += k->sum(&ex, t->distances, d.p) / (double)d.p;
        if (gradients)
            ADI_TRY(backend_failed(k->cosine_bwd(&ex, adi_train_tap_grad(t->plan, &t->run, tap), made, wanted,
                                                 (float)(1.0 / (double)d.p), d),
                                   "the gradient of the distances"));
        tap++;
    }
    return AD_OK;
}

/* ---- The trainee ---- */

static ad_status gradients(void *self, int32_t phase, const int32_t *images, int32_t count, const adi_cancel *cancel,
                           adi_batch_loss *out_loss)
{
    adi_rd_training *t = self;
    (void)phase;
    ADI_TRY(take_batch(t, images, count, cancel));
    ADI_TRY(adi_train_forward(t->plan, &t->run, 1));
    ADI_TRY(find_loss(t, 1, &out_loss->similarity));
    out_loss->loss = out_loss->similarity;
    return isfinite(out_loss->loss) ? adi_train_backward(t->plan, &t->run) : AD_OK;
}

static ad_status update(void *self, int32_t phase)
{
    adi_rd_training *t = self;
    (void)phase;
    ADI_TRY(adi_optimiser_step(&t->optimiser, t->context->backend->kernels, t->context->num_threads, t->student->net->values,
                               t->run.gradients, 1.0));
    adi_train_update_statistics(t->plan, &t->run);
    return AD_OK;
}

/* The loss itself, mean over images in batches, with running statistics and without masks. */
static ad_status validate(void *self, int32_t phase, const int32_t *images, int32_t count, const adi_cancel *cancel,
                          double *out_error)
{
    adi_rd_training *t = self;
    const int32_t batch = (int32_t)t->plan->input[0].n;
    double sum = 0.0;
    (void)phase;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        double loss = 0.0;
        ADI_TRY(take_batch(t, images + first, n, cancel));
        ADI_TRY(adi_train_forward(t->plan, &t->run, 0));
        ADI_TRY(find_loss(t, 0, &loss));
        sum += n * loss;
    }
    *out_error = sum / count;
    return AD_OK;
}

/* Image `i` of the batch, whose results are there: the distances of all its levels, then score and map. */
static ad_status add_score(adi_rd_training *t, int32_t i, double *io_scores, double *io_values)
{
    const adi_kernels *k = t->context->backend->kernels;
    const adi_exec ex = exec_of(t);
    const int64_t n = (int64_t)t->config->preprocess.crop * t->config->preprocess.crop;
    float *distances = t->distances;
    double score = 0.0;
    for (int32_t level = 0, tap = 0; level < ADI_RD_LEVELS; level++) {
        const adi_shape *s = &t->config->shapes[level];
        if (!adi_rd_compares(t->config, level))
            continue;
        ADI_TRY(backend_failed(k->cosine_fwd(&ex, distances, adi_train_tap(t->plan, &t->run, tap++) + i * adi_rd_values(s),
                                             t->features[level] + i * adi_rd_values(s), (adi_pc){s->h * s->w, s->c}),
                               "the distances"));
        distances += s->h * s->w;
    }
    ADI_TRY(adi_rd_map(t->config, t->context, t->distances, t->run.scratch, t->map, &score));
    *io_scores += score * score;
    *io_values += k->sum_squares(&ex, t->map, n) / (double)n;
    return AD_OK;
}

ad_status adi_rd_training_scores(void *training, const int32_t *images, int32_t count, double *out_score,
                                 double *out_map)
{
    adi_rd_training *t = training;
    const int32_t batch = (int32_t)t->plan->input[0].n;
    double scores = 0.0, values = 0.0;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        ADI_TRY(take_batch(t, images + first, n, NULL));
        ADI_TRY(adi_train_forward(t->plan, &t->run, 0));
        for (int32_t i = 0; i < n; i++)
            ADI_TRY(add_score(t, i, &scores, &values));
    }
    *out_score = sqrt(scores / count);
    *out_map = sqrt(values / count);
    return AD_OK;
}

static void begin_phase(void *self, int32_t phase)
{
    adi_rd_training *t = self;
    (void)phase;
    adi_optimiser_reset(&t->optimiser);
}

static void epoch_done(void *self, int32_t phase)
{
    adi_rd_training *t = self;
    (void)phase;
    t->student->epochs_trained++;
}

/* What may differ: how long to go on, and what changes no parameter. */
static const char *describe(void *self, int32_t index, char *value, size_t size, int32_t *out_may_differ)
{
    static const char *const free_keys[] = {"epochs", "patience", "feature_cache", "memory_limit", "combine", "blur_sigma",
                                            NULL};
    const adi_rd_training *t = self;
    const adi_student_training d = {t->student, t->data->count, t->data->digest, "images", adi_rd_option, t->config, free_keys};
    return adi_student_describe(&d, index, value, size, out_may_differ);
}

const adi_trainee adi_rd_trainee = {.begin_phase = begin_phase, .gradients = gradients, .update = update,
                                    .validate = validate, .epoch_done = epoch_done, .describe = describe, .measured = 1};
