/* The training of STFPM: losses and their gradients, the validation error.
 *   similarity:     sum over layers l of weight_l * mean over positions of |t/|t| - g/|g||^2 / 2
 *   reconstruction: sum over layers of mean over all values of (g - r)^2
 * t is the teacher's vector, s the student's. Without U-Nets g is s. With them g is the output of
 * the layer's U-Net for s, and r is s or t; in an earlier phase they learn to reconstruct t. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/stfpm.h"

enum { PHASE_UNETS_ALONE = 0 }; /* where there are U-Nets and epochs for them; then the student's */
enum { SIMILARITY, RECONSTRUCTION, LOSS_PARTS };
static const char *const part_names[LOSS_PARTS] = {"similarity", "reconstruction"};

static int is_unet_phase(const adi_stfpm_training *t, int32_t phase)
{
    return t->head.bench.trainee.phase_count > 1 && phase == PHASE_UNETS_ALONE;
}

static int64_t values_of(const adi_shape *s)
{
    return s->h * s->w * s->c;
}

static adi_bench_module *student_of(adi_stfpm_training *t)
{
    return &t->head.bench.modules[0];
}

static adi_bench_module *unet_of(adi_stfpm_training *t, int32_t layer)
{
    return &t->head.bench.modules[1 + layer];
}

static const adi_shape *layer_shape(const adi_stfpm_training *t, int32_t layer)
{
    return adi_train_tap_shape(t->head.bench.modules[0].plan, layer);
}

static int32_t layers_of(const adi_stfpm_training *t)
{
    return t->config->settings.tap_count;
}

/* Runs the student on a batch of images. */
static ad_status run_student(adi_stfpm_training *t, const int32_t *images, int32_t count,
                             int32_t training)
{
    const adi_feature_store *store = &t->head.fit->store;
    for (int32_t i = 0; i < count; i++)
        ADI_TRY(adi_feature_store_input(store, &t->config->settings.preprocess, images[i],
                                        t->head.bench.queue,
                                        t->input + i * (int64_t)store->pixel_bytes));
    student_of(t)->run.input[0] = t->input;
    return adi_train_forward(student_of(t)->plan, &student_of(t)->run, training);
}

/* Whether the teacher's features of a batch are kept, one layer after the other. With U-Nets a
 * layer is read more than once, and apart from the others; and a device has them in its memory. */
static int keeps_teacher(const adi_stfpm_training *t)
{
    return t->config->unets || adi_workbench_copies(&t->head.bench);
}

/* The images that are compared by one call. The host takes them one by one, whose distances stay in
 * cache; the bits are the same. */
static int32_t at_once(const adi_stfpm_training *t)
{
    const adi_workbench *b = &t->head.bench;
    return adi_workbench_copies(b) ? (int32_t)b->modules[0].plan->input[0].n : 1;
}

/* The teacher's features of a layer of the batch. */
static adi_f32 *kept_teacher(const adi_stfpm_training *t, int32_t layer)
{
    adi_f32 *kept = t->teacher;
    for (int32_t l = 0; l < layer; l++)
        kept += adi_arena_floats(layer_shape(t, l));
    return kept;
}

static ad_status keep_teacher(adi_stfpm_training *t, const int32_t *images, int32_t count)
{
    adi_f32 *to[ADI_STFPM_MAX_LAYERS] = {NULL};
    for (int32_t i = 0; i < count; i++) {
        for (int32_t l = 0; l < layers_of(t); l++)
            to[l] = kept_teacher(t, l) + i * values_of(layer_shape(t, l));
        ADI_TRY(adi_feature_store_copy(&t->head.fit->store, t->head.extractor, t->head.workspace,
                                       images[i], t->head.bench.queue, to));
    }
    return AD_OK;
}

/* The teacher's features of image `i` of the batch, of all layers. */
static ad_status teacher_of(adi_stfpm_training *t, int32_t i, int32_t image, const adi_f32 **layers)
{
    if (!keeps_teacher(t))
        return adi_feature_store_features(&t->head.fit->store, t->head.extractor,
                                          t->head.workspace, image, layers);
    for (int32_t l = 0; l < layers_of(t); l++)
        layers[l] = kept_teacher(t, l) + i * values_of(layer_shape(t, l));
    return AD_OK;
}

static adi_exec exec_of(const adi_stfpm_training *t)
{
    return adi_workbench_exec(&t->head.bench);
}

/* ---- Similarity ---- */

/* The distances have the factor 1/2 of the paper; without loss_half 2 cancels it. */
static double loss_scale(const adi_stfpm_training *t)
{
    return t->config->o.loss_half ? 1.0 : 2.0;
}

/* The weight of one image of a batch of n. */
static double image_share(const adi_stfpm_training *t, int64_t n)
{
    return t->config->o.loss_batch == ADI_LOSS_BATCH_SUM ? 1.0 : 1.0 / (double)n;
}

/* The student's vectors of a layer, or its U-Net's output for them. */
static const adi_f32 *compared(adi_stfpm_training *t, int32_t layer)
{
    return t->config->unets ? adi_train_tap(unet_of(t, layer)->plan, &unet_of(t, layer)->run, 0)
                            : adi_train_tap(student_of(t)->plan, &student_of(t)->run, layer);
}

/* A batch's sums of distances, and behind them its squared errors of reconstruction. */
static size_t distance_sum(const adi_stfpm_training *t, int32_t i, int32_t layer)
{
    return (size_t)i * (size_t)layers_of(t) + (size_t)layer;
}

static size_t error_sum(const adi_stfpm_training *t, int32_t layer)
{
    return distance_sum(t, (int32_t)t->head.bench.modules[0].plan->input[0].n, layer);
}

/* All of them, to read. */
static ad_status find_sums(adi_stfpm_training *t, const double **out_sums)
{
    return adi_workbench_sums(&t->head.bench, error_sum(t, layers_of(t)), out_sums);
}

static double layer_weight(const adi_stfpm_training *t, int32_t layer)
{
    return t->config->weights[layer] * loss_scale(t);
}

/* The mean distance of image `i` of the batch in one layer, from the sums; with `weighted` it has
 * its weight in the loss, else none. */
static double mean_distance(const adi_stfpm_training *t, const double *sums, int32_t i,
                            int32_t layer, int32_t weighted)
{
    const adi_shape *s = layer_shape(t, layer);
    return (weighted ? layer_weight(t, layer) : 1.0) * sums[distance_sum(t, i, layer)] /
           (double)(s->h * s->w);
}

/* A layer's distances of the images that are compared at once. */
static adi_f32 *distances_of(const adi_stfpm_training *t, int32_t layer)
{
    adi_f32 *distances = t->distances;
    for (int32_t l = 0; l < layer; l++)
        distances += at_once(t) * layer_shape(t, l)->h * layer_shape(t, l)->w;
    return distances;
}

/* Computes the distances of n images of the batch from image `first` on in one layer, at most as
 * many as are compared at once, and their sums. teacher: of the first; gradients: of all images by
 * the compared vectors, or NULL. */
static ad_status compare(adi_stfpm_training *t, int32_t first, int32_t n, int32_t layer,
                         const adi_f32 *teacher, adi_f32 *gradients)
{
    const adi_kernels *k = t->head.context->device.kernels;
    const adi_exec ex = exec_of(t);
    const adi_shape *s = layer_shape(t, layer);
    const int64_t p = s->h * s->w;
    const adi_pc d = {n * p, s->c};
    const adi_f32 *vectors = compared(t, layer) + first * values_of(s);
    adi_f32 *distances = distances_of(t, layer);
    ADI_TRY(adi_training_check(k->cosdist_fwd(&ex, distances, vectors, teacher, d),
                               "the distances"));
    for (int32_t i = 0; i < n; i++)
        ADI_TRY(adi_training_check(k->sum(&ex,
                                          t->head.bench.sums + distance_sum(t, first + i, layer),
                                          distances + i * p, p),
                                   "the loss"));
    if (!gradients)
        return AD_OK;
    const double scale = layer_weight(t, layer) * t->config->o.sim_weight *
                         image_share(t, student_of(t)->run.n) / (double)p;
    return adi_training_check(
        k->cosdist_bwd(&ex, gradients + first * values_of(s), vectors, teacher, (float)scale, d),
        "the gradient of the distances");
}

/* Compares all layers of n images of the batch, from `first` on, whose first is `image`. */
static ad_status compare_images(adi_stfpm_training *t, int32_t first, int32_t n, int32_t image,
                                int32_t with_gradients)
{
    const adi_f32 *teacher[ADI_STFPM_MAX_LAYERS] = {NULL};
    ADI_TRY(teacher_of(t, first, image, teacher));
    const adi_bench_module *m = student_of(t);
    for (int32_t l = 0; l < layers_of(t); l++) {
        adi_f32 *gradients = with_gradients ? adi_train_tap_grad(m->plan, &m->run, l) : NULL;
        ADI_TRY(compare(t, first, n, l, teacher[l], gradients));
    }
    return AD_OK;
}

/* The images from `first` on that are compared at once. */
static int32_t taken(const adi_stfpm_training *t, int32_t first, int32_t count)
{
    return count - first < at_once(t) ? count - first : at_once(t);
}

/* Compares all images, and adds up their mean distances, layer after layer of each. */
static ad_status compare_batch(adi_stfpm_training *t, const int32_t *images, int32_t count,
                               int32_t with_gradients, double *io_sum)
{
    const double *sums = NULL;
    for (int32_t i = 0; i < count; i += at_once(t))
        ADI_TRY(compare_images(t, i, taken(t, i, count), images[i], with_gradients));
    ADI_TRY(find_sums(t, &sums));
    for (int32_t i = 0; i < count; i++)
        for (int32_t l = 0; l < layers_of(t); l++)
            *io_sum += mean_distance(t, sums, i, l, with_gradients);
    return AD_OK;
}

/* ---- U-Nets ---- */

/* Computes the squared error between a U-Net's output and `target`. with_gradients: its gradient
 * overwrites that of the output, or with `accumulate` is added to it. */
static ad_status reconstruct(adi_stfpm_training *t, int32_t layer, const adi_f32 *target,
                             double weight, int32_t with_gradients, int32_t accumulate)
{
    const adi_kernels *k = t->head.context->device.kernels;
    const adi_exec ex = exec_of(t);
    const int64_t n = student_of(t)->run.n * values_of(layer_shape(t, layer));
    const adi_f32 *result = adi_train_tap(unet_of(t, layer)->plan, &unet_of(t, layer)->run, 0);
    ADI_TRY(adi_training_check(
        k->sum_squared_error(&ex, t->head.bench.sums + error_sum(t, layer), result, target, n),
        "the reconstruction's error"));
    if (!with_gradients)
        return AD_OK;
    adi_f32 *g = adi_train_tap_grad(unet_of(t, layer)->plan, &unet_of(t, layer)->run, 0);
    const float scale = (float)(2.0 * weight / (double)n);
    return adi_training_check(k->scaled_difference(&ex, g, result, target, scale, accumulate, n),
                              "the gradient of the reconstruction");
}

/* Adds the mean squared errors of all layers, from the sums. */
static void add_errors(const adi_stfpm_training *t, const double *sums, double *io_sum)
{
    for (int32_t l = 0; l < layers_of(t); l++)
        *io_sum += sums[error_sum(t, l)] /
                   (double)(t->head.bench.modules[0].run.n * values_of(layer_shape(t, l)));
}

/* A step of the phase in which the U-Nets learn to reconstruct the teacher's features. The sum is
 * both loss and validation error. */
static ad_status unets_alone(adi_stfpm_training *t, const int32_t *images, int32_t count,
                             int32_t training, double *io_sum)
{
    const double *sums = NULL;
    ADI_TRY(keep_teacher(t, images, count));
    for (int32_t l = 0; l < layers_of(t); l++) {
        adi_train_run *run = &unet_of(t, l)->run;
        run->input[0] = kept_teacher(t, l);
        ADI_TRY(adi_train_forward(unet_of(t, l)->plan, run, training));
        ADI_TRY(reconstruct(t, l, kept_teacher(t, l), 1.0, training, 0));
        if (training)
            ADI_TRY(adi_train_backward(unet_of(t, l)->plan, run));
    }
    ADI_TRY(find_sums(t, &sums));
    add_errors(t, sums, io_sum);
    return AD_OK;
}

/* Runs a layer's U-Net on the student's vectors: forward, both losses, backward, and the gradient
 * of the vectors. */
static ad_status through_unet(adi_stfpm_training *t, int32_t layer)
{
    const adi_kernels *k = t->head.context->device.kernels;
    const adi_stfpm_options *o = &t->config->o;
    const adi_exec ex = exec_of(t);
    adi_train_run *run = &unet_of(t, layer)->run;
    const adi_f32 *s = adi_train_tap(student_of(t)->plan, &student_of(t)->run, layer);
    const adi_f32 *teacher = kept_teacher(t, layer);
    const int64_t count = student_of(t)->run.n, values = values_of(layer_shape(t, layer));
    const int64_t n = count * values;
    run->input[0] = s;
    ADI_TRY(adi_train_forward(unet_of(t, layer)->plan, run, 1));
    adi_f32 *dg = adi_train_tap_grad(unet_of(t, layer)->plan, run, 0);
    for (int32_t i = 0; i < count; i += at_once(t))
        ADI_TRY(compare(t, i, taken(t, i, (int32_t)count), layer, teacher + i * values, dg));
    const adi_f32 *target = o->rec_target == ADI_REC_TARGET_TEACHER ? teacher : s;
    ADI_TRY(reconstruct(t, layer, target, o->rec_weight, 1, 1));
    adi_f32 *ds = adi_train_tap_grad(student_of(t)->plan, &student_of(t)->run, layer);
    const adi_f32 *g = adi_train_tap(unet_of(t, layer)->plan, run, 0);
    /* The student's vectors as a target have a gradient, too: the output's with the other sign. */
    const int32_t moves = o->rec_target == ADI_REC_TARGET_STUDENT && !o->rec_stopgrad;
    const float own = moves ? (float)(-2.0 * o->rec_weight / (double)n) : 0.0f;
    ADI_TRY(adi_training_check(k->scaled_difference(&ex, ds, g, s, own, 0, n),
                               "the target's gradient"));
    ADI_TRY(adi_train_backward(unet_of(t, layer)->plan, run));
    const adi_f32 *dx = adi_train_input_grad(unet_of(t, layer)->plan, run);
    return adi_training_check(k->add_fwd(&ex, ds, ds, dx, ADI_ACT_NONE, (adi_pc){1, n}),
                              "the sum of gradients");
}

/* Runs all layers' U-Nets, and adds up both losses. */
static ad_status through_unets(adi_stfpm_training *t, int32_t count, adi_batch_loss *io_loss)
{
    const double *sums = NULL;
    for (int32_t l = 0; l < layers_of(t); l++)
        ADI_TRY(through_unet(t, l));
    ADI_TRY(find_sums(t, &sums));
    for (int32_t l = 0; l < layers_of(t); l++) {
        double similar = 0.0;
        for (int32_t i = 0; i < count; i++)
            similar += mean_distance(t, sums, i, l, 1);
        io_loss->parts[SIMILARITY] += similar * image_share(t, count);
    }
    add_errors(t, sums, &io_loss->parts[RECONSTRUCTION]);
    return AD_OK;
}

/* ---- The trainee ---- */

ad_status adi_stfpm_gradients(adi_training *training, int32_t phase, const int32_t *images,
                              int32_t count, const adi_cancel *cancel, adi_batch_loss *out_loss)
{
    adi_stfpm_training *t = (adi_stfpm_training *)training;
    const adi_stfpm_options *o = &t->config->o;
    adi_workbench_take_batch(&t->head.bench, count, cancel);
    if (is_unet_phase(t, phase)) {
        ADI_TRY(unets_alone(t, images, count, 1, &out_loss->parts[RECONSTRUCTION]));
        out_loss->loss = out_loss->parts[RECONSTRUCTION];
        return AD_OK;
    }
    ADI_TRY(run_student(t, images, count, 1));
    if (t->config->unets) {
        ADI_TRY(keep_teacher(t, images, count));
        ADI_TRY(through_unets(t, count, out_loss));
        out_loss->loss = o->sim_weight * out_loss->parts[SIMILARITY] +
                         o->rec_weight * out_loss->parts[RECONSTRUCTION];
    } else {
        double sum = 0.0;
        if (keeps_teacher(t))
            ADI_TRY(keep_teacher(t, images, count));
        ADI_TRY(compare_batch(t, images, count, 1, &sum));
        out_loss->parts[SIMILARITY] = sum * image_share(t, count);
        out_loss->loss = o->sim_weight * out_loss->parts[SIMILARITY];
    }
    return isfinite(out_loss->loss) ? adi_train_backward(student_of(t)->plan, &student_of(t)->run)
                                    : AD_OK;
}

double adi_stfpm_clip_norm(const adi_training *training, int32_t phase)
{
    const adi_stfpm_training *t = (const adi_stfpm_training *)training;
    return is_unet_phase(t, phase) ? 0.0 : t->config->o.clip_norm;
}

static ad_status forward_all(adi_stfpm_training *t, const int32_t *images, int32_t count,
                             const adi_cancel *cancel)
{
    adi_workbench_take_batch(&t->head.bench, count, cancel);
    ADI_TRY(run_student(t, images, count, 0));
    if (keeps_teacher(t))
        ADI_TRY(keep_teacher(t, images, count));
    for (int32_t l = 0; t->config->unets && l < layers_of(t); l++) {
        unet_of(t, l)->run.input[0] = adi_train_tap(student_of(t)->plan, &student_of(t)->run, l);
        ADI_TRY(adi_train_forward(unet_of(t, l)->plan, &unet_of(t, l)->run, 0));
    }
    return AD_OK;
}

/* The distances of image `i` of those that were compared last, on the host. */
static ad_status find_maps(adi_stfpm_training *t, int32_t i, adi_layer_maps *out_maps)
{
    *out_maps =
        (adi_layer_maps){.distance = t->fetched ? t->fetched : adi_mem_on_host(t->distances)};
    for (int32_t l = 0; l < layers_of(t); l++) {
        const adi_shape *s = layer_shape(t, l);
        float *to = adi_layer_maps_add(out_maps, s->h, s->w, NULL);
        ADI_TRY(adi_mem_download(&t->head.context->device, t->head.bench.queue, to,
                                 distances_of(t, l) + i * s->h * s->w,
                                 (size_t)(s->h * s->w) * sizeof *to));
    }
    return AD_OK;
}

static ad_status product_of(adi_stfpm_training *t, int32_t i, double *io_sum)
{
    const adi_exec host = adi_workbench_host_exec(&t->head.bench);
    const adi_map_recipe recipe = adi_stfpm_recipe(t->config);
    adi_layer_maps maps;
    ADI_TRY(find_maps(t, i, &maps));
    const int64_t n = (int64_t)recipe.at * recipe.at;
    double sum = 0.0;
    float *joined = recipe.at == recipe.side ? t->map : t->tmp + n;
    ADI_TRY(adi_layer_maps_join(t->head.context, &recipe, &maps, t->tmp, joined));
    ADI_TRY(adi_training_check(t->head.context->backend->kernels->sum(&host, adi_mem_host_f64(&sum),
                                                                      adi_mem_host_f32(joined), n),
                               "the map's mean"));
    *io_sum += sum / (double)n;
    return AD_OK;
}

ad_status adi_stfpm_validate(adi_training *training, int32_t phase, const int32_t *images,
                             int32_t count, const adi_cancel *cancel, double *out_error)
{
    adi_stfpm_training *t = (adi_stfpm_training *)training;
    const int32_t batch = (int32_t)student_of(t)->plan->input[0].n;
    double sum = 0.0;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t left = count - first;
        const int32_t n = left < batch ? left : batch;
        if (is_unet_phase(t, phase)) {
            double error = 0.0;
            adi_workbench_take_batch(&t->head.bench, n, cancel);
            ADI_TRY(unets_alone(t, images + first, n, 0, &error));
            sum += n * error;
            continue;
        }
        ADI_TRY(forward_all(t, images + first, n, cancel));
        if (t->config->o.val != ADI_VALIDATION_PRODUCT) {
            ADI_TRY(compare_batch(t, images + first, n, 0, &sum));
            continue;
        }
        for (int32_t i = 0; i < n; i += at_once(t)) {
            ADI_TRY(compare_images(t, i, taken(t, i, n), images[first + i], 0));
            for (int32_t j = 0; j < taken(t, i, n); j++)
                ADI_TRY(product_of(t, j, &sum));
        }
    }
    *out_error = sum / count;
    return AD_OK;
}

ad_status adi_stfpm_scores(adi_training *training, const int32_t *images, int32_t count,
                           double *out_score, double *out_map)
{
    adi_stfpm_training *t = (adi_stfpm_training *)training;
    const adi_exec host = adi_workbench_host_exec(&t->head.bench);
    const adi_map_recipe recipe = adi_stfpm_recipe(t->config);
    const int64_t n = (int64_t)recipe.side * recipe.side;
    double scores = 0.0, values = 0.0;
    for (int32_t i = 0; i < count; i++) {
        double score = 0.0, squares = 0.0;
        ADI_TRY(forward_all(t, images + i, 1, NULL));
        adi_layer_maps maps;
        ADI_TRY(compare_images(t, 0, 1, images[i], 0));
        ADI_TRY(find_maps(t, 0, &maps));
        ADI_TRY(adi_layer_maps_finish(t->head.context, &recipe, &maps, host.scratch, t->tmp, 1,
                                      t->map, &score));
        scores += score * score;
        ADI_TRY(
            adi_training_check(t->head.context->backend->kernels->sum_squares(
                                   &host, adi_mem_host_f64(&squares), adi_mem_host_f32(t->map), n),
                               "the map's mean"));
        values += squares / (double)n;
    }
    *out_score = sqrt(scores / count);
    *out_map = sqrt(values / count);
    return AD_OK;
}

/* Sets all that depends on the phase: it is also called for the phase of a checkpoint. */
void adi_stfpm_begin_phase(adi_training *training, int32_t phase)
{
    adi_stfpm_training *t = (adi_stfpm_training *)training;
    const adi_stfpm_options *o = &t->config->o;
    for (int32_t l = 0; t->config->unets && l < layers_of(t); l++)
        unet_of(t, l)->optimiser->options.lr =
            is_unet_phase(t, phase) ? o->pretrain_lr : o->unet_lr;
}

/* ---- The training's modules and arrays ---- */

static ad_status add_unets(adi_stfpm_training *t)
{
    const adi_stfpm_options *o = &t->config->o;
    const ad_student *s = t->head.student;
    const adi_optimiser_options adam = {.kind = ADI_OPTIMIZER_ADAM,
                                        .lr = o->unet_lr,
                                        .weight_decay = o->unet_weight_decay,
                                        .beta1 = 0.9,
                                        .beta2 = 0.999};
    const uint32_t phases = ~UINT32_C(0);
    for (int32_t l = 0; l < layers_of(t); l++) {
        const adi_shape *shape = layer_shape(t, l);
        ADI_TRY(adi_stfpm_check_unet(s->settings, s->teacher->network->graph, l, shape->h,
                                     shape->w));
        ADI_TRY(adi_workbench_add(&t->head.bench, s->modules[1 + l].name, s->modules[1 + l].module,
                                  shape, 1, &adam, phases));
    }
    return AD_OK;
}

static void list_phases(adi_stfpm_training *t)
{
    const adi_stfpm_options *o = &t->config->o;
    adi_trainee *e = &t->head.bench.trainee;
    e->loss_part_count = t->config->unets ? LOSS_PARTS : 1;
    memcpy(e->loss_part_names, part_names, sizeof part_names);
    if (t->config->unets && o->pretrain_epochs && o->epochs) /* no epochs: the student as it is */
        e->phases[e->phase_count++] =
            (adi_phase){.name = "autoencoders", .epochs = o->pretrain_epochs, .cost = 0.3};
    e->phases[e->phase_count++] =
        (adi_phase){.name = "student", .epochs = o->epochs, .cost = 1.0};
}

static void list_arrays(adi_stfpm_training *t)
{
    const adi_map_recipe recipe = adi_stfpm_recipe(t->config);
    const size_t map = (size_t)recipe.side * (size_t)recipe.side;
    const size_t tmp = adi_layer_maps_floats(&recipe);
    adi_workbench *b = &t->head.bench;
    size_t teacher = 0, positions = 0;
    b->sum_floats = map > tmp ? map : tmp;
    for (int32_t l = 0; l < layers_of(t); l++) {
        const size_t floats = adi_arena_floats(layer_shape(t, l));
        teacher += keeps_teacher(t) ? floats : 0;
        positions += (size_t)(layer_shape(t, l)->h * layer_shape(t, l)->w);
        b->sum_floats = floats > b->sum_floats ? floats : b->sum_floats;
    }
    adi_workbench_array(b, &t->input, adi_arena_floats(&student_of(t)->plan->input[0]));
    adi_workbench_array(b, &t->teacher, teacher);
    adi_workbench_array(b, &t->distances, (size_t)at_once(t) * positions);
    if (adi_workbench_copies(b))
        adi_workbench_host_array(b, &t->fetched, positions);
    adi_workbench_host_array(b, &t->map, map);
    adi_workbench_host_array(b, &t->tmp, tmp);
}

ad_status adi_stfpm_prepare(adi_training *training, int32_t batch)
{
    adi_stfpm_training *t = (adi_stfpm_training *)training;
    t->config = (const adi_stfpm_config *)training->fit->head.settings;
    const adi_stfpm_options *o = &t->config->o;
    const int64_t side = t->config->settings.preprocess.crop;
    const adi_shape input = {.n = batch, .h = side, .w = side, .c = 3};
    const ad_student *s = training->student;
    const adi_optimiser_options how = {.kind = o->optimizer,
                                       .lr = o->lr,
                                       .momentum = o->momentum,
                                       .weight_decay = o->weight_decay,
                                       .beta1 = 0.9,
                                       .beta2 = 0.999};
    list_phases(t);
    const uint32_t last = UINT32_C(1) << (training->bench.trainee.phase_count - 1);
    ADI_TRY(adi_workbench_add(&training->bench, s->modules[0].name, s->modules[0].module, &input,
                              0, &how, last));
    if (t->config->unets)
        ADI_TRY(add_unets(t));
    list_arrays(t);
    training->bench.sum_count = error_sum(t, layers_of(t));
    return AD_OK;
}
