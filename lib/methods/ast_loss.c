/* The training of AST: losses and their gradients, the validation error. With w the weights of
 * positions and N their sum over the batch, or the number of all positions:
 *   teacher: sum over positions of w (|z|^2 / 2 - log det) / N
 *   student: sum over positions of w (mean over channels of (z - s)^2) / N, z the trained flow's */
#include <math.h>
#include <string.h>

#include "core/finite.h"
#include "methods/ast.h"

/* ---- Weights of positions, and distances ---- */

static float weight_of(const adi_ast_config *c, float share)
{
    if (c->o.mask == ADI_AST_MASK_NONE)
        return 1.0f;
    return c->o.mask == ADI_AST_MASK_SOFT ? share : share > 0.0f ? 1.0f : 0.0f;
}

void adi_ast_weigh(const adi_ast_config *config, const float *shares, float *weights)
{
    for (int64_t p = 0; p < adi_ast_positions(config); p++)
        weights[p] = weight_of(config, shares[p]);
}

ad_status adi_ast_measure(const adi_ast_config *config, const adi_kernels *k, const adi_exec *ex,
                          const adi_f32 *z, const adi_f32 *student, adi_f32 *squares)
{
    const adi_pc d = {adi_ast_positions(config), config->channels};
    const int teacher = config->o.score == ADI_AST_SCORE_TEACHER;
    const ad_status status = k->sqdist_fwd(ex, squares, z, teacher ? NULL : student, d);
    if (status != AD_OK)
        return adi_fail(status, "the distances failed in the backend");
    return AD_OK;
}

void adi_ast_distances(const adi_ast_config *config, const float *logdet, float *io)
{
    const int teacher = config->o.score == ADI_AST_SCORE_TEACHER;
    for (int64_t p = 0; p < adi_ast_positions(config); p++)
        io[p] = teacher ? 0.5f * io[p] - logdet[p] : io[p] / (float)config->channels;
}

/* ---- Batches ---- */

static const char *const phase_names[ADI_AST_NETWORKS] = {"teacher", "student"};

static adi_exec exec_of(const adi_ast_training *t)
{
    return adi_workbench_exec(&t->head.bench);
}

static adi_bench_module *module_of(adi_ast_training *t, int i)
{
    return &t->head.bench.modules[i];
}

static adi_pc dims_of(const adi_ast_training *t)
{
    const int64_t images = t->head.bench.modules[0].run.n;
    return (adi_pc){.p = images * adi_ast_positions(t->config), .c = t->config->channels};
}

/* The network that a phase trains. A phase without epochs is left out, so its name tells. */
static int network_of(const adi_ast_training *t, int32_t phase)
{
    const char *name = t->head.bench.trainee.phases[phase].name;
    return strcmp(name, phase_names[ADI_AST_FLOW]) == 0 ? ADI_AST_FLOW : ADI_AST_STUDENT;
}

static ad_status take_batch(adi_ast_training *t, const int32_t *images, int32_t count,
                            const adi_cancel *cancel)
{
    const int64_t positions = adi_ast_positions(t->config);
    const int64_t floats = positions * t->config->channels;
    adi_workbench_take_batch(&t->head.bench, count, cancel);
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        module_of(t, i)->run.input[0] = t->x;
    for (int32_t i = 0; i < count; i++)
        ADI_TRY(adi_feature_store_read(&t->head.fit->store, images[i], t->head.bench.queue,
                                       t->x + i * floats, (size_t)floats,
                                       t->weights + i * positions));
    return AD_OK;
}

/* The divisor of the losses. */
static ad_status find_norm(const adi_ast_training *t, double *out_norm)
{
    const adi_exec ex = exec_of(t);
    const int64_t n = dims_of(t).p;
    const double *sum = NULL;
    *out_norm = (double)n;
    if (t->config->o.mask_norm == ADI_AST_NORM_ALL || t->config->o.mask == ADI_AST_MASK_NONE)
        return AD_OK;
    ADI_TRY(adi_training_check(
        t->head.context->device.kernels->sum(&ex, t->head.bench.sums, t->weights, n),
        "the sum of the weights"));
    ADI_TRY(adi_workbench_sums(&t->head.bench, 1, &sum));
    *out_norm = sum[0] > 0.0 ? sum[0] : (double)n;
    return AD_OK;
}

/* The sum that a kernel left in the first place. */
static ad_status find_sum(const adi_ast_training *t, double *out_sum)
{
    const double *sum = NULL;
    ADI_TRY(adi_workbench_sums(&t->head.bench, 1, &sum));
    *out_sum = sum[0];
    return AD_OK;
}

/* ---- Teacher ---- */

/* The flow's loss of the batch, and with `gradients` the gradients of its outputs. */
static ad_status flow_loss(adi_ast_training *t, int32_t gradients, double *out_loss)
{
    const adi_kernels *k = t->head.context->device.kernels;
    const adi_exec ex = exec_of(t);
    const adi_train_plan *plan = module_of(t, ADI_AST_FLOW)->plan;
    adi_train_run *run = &module_of(t, ADI_AST_FLOW)->run;
    const adi_pc d = dims_of(t);
    double norm = 0.0;
    ADI_TRY(find_norm(t, &norm));
    ADI_TRY(adi_train_forward(plan, run, gradients));
    const adi_f32 *z = adi_train_tap(plan, run, 0), *logdet = adi_train_tap(plan, run, 1);
    ADI_TRY(adi_training_check(k->sqdist_fwd(&ex, t->distances, z, NULL, d), "the likelihood"));
    double sum = 0.0;
    ADI_TRY(adi_training_check(
        k->weighted_sum(&ex, t->head.bench.sums, t->weights, t->distances, logdet, 0.5, d.p),
        "the loss"));
    ADI_TRY(find_sum(t, &sum));
    *out_loss = sum / norm;
    if (!gradients)
        return AD_OK;
    adi_f32 *by_z = adi_train_tap_grad(plan, run, 0);
    ADI_TRY(adi_training_check(
        k->weighted_difference(&ex, by_z, z, NULL, t->weights, 1.0 / norm, d),
        "the gradient of the likelihood"));
    adi_f32 *by_logdet = adi_train_tap_grad(plan, run, 1);
    return adi_training_check(k->divide_fwd(&ex, by_logdet, t->weights, -norm, d.p),
                              "the gradient of the log-determinants");
}

/* ---- Student ---- */

/* Copies the flow's output of the batch out of its block, which the student's run shares. */
static ad_status find_target(adi_ast_training *t)
{
    const adi_train_plan *plan = module_of(t, ADI_AST_FLOW)->plan;
    const adi_train_run *run = &module_of(t, ADI_AST_FLOW)->run;
    const adi_pc d = dims_of(t);
    ADI_TRY(adi_train_forward(plan, run, 0));
    const adi_device *device = &t->head.context->device;
    adi_queue *queue = t->head.bench.queue;
    ADI_TRY(adi_mem_copy(device, queue, t->target, adi_train_tap(plan, run, 0),
                         (size_t)(d.p * d.c) * sizeof *t->target));
    return adi_mem_copy(device, queue, t->target + d.p * d.c, adi_train_tap(plan, run, 1),
                        (size_t)d.p * sizeof *t->target);
}

static ad_status student_loss(adi_ast_training *t, int32_t gradients, double *out_loss)
{
    const adi_kernels *k = t->head.context->device.kernels;
    const adi_exec ex = exec_of(t);
    const adi_train_plan *plan = module_of(t, ADI_AST_STUDENT)->plan;
    adi_train_run *run = &module_of(t, ADI_AST_STUDENT)->run;
    const adi_pc d = dims_of(t);
    double norm = 0.0;
    ADI_TRY(find_norm(t, &norm));
    norm *= (double)d.c;
    ADI_TRY(find_target(t));
    ADI_TRY(adi_train_forward(plan, run, gradients));
    const adi_f32 *s = adi_train_tap(plan, run, 0);
    ADI_TRY(adi_training_check(k->sqdist_fwd(&ex, t->distances, s, t->target, d), "the distances"));
    double sum = 0.0;
    ADI_TRY(adi_training_check(
        k->weighted_sum(&ex, t->head.bench.sums, t->weights, t->distances, NULL, 1.0, d.p),
        "the loss"));
    ADI_TRY(find_sum(t, &sum));
    *out_loss = sum / norm;
    if (!gradients)
        return AD_OK;
    adi_f32 *by_s = adi_train_tap_grad(plan, run, 0);
    return adi_training_check(
        k->weighted_difference(&ex, by_s, s, t->target, t->weights, 2.0 / norm, d),
        "the gradient of the distances");
}

/* ---- The trainee ---- */

ad_status adi_ast_gradients(adi_training *training, int32_t phase, const int32_t *images,
                            int32_t count, const adi_cancel *cancel, adi_batch_loss *out_loss)
{
    adi_ast_training *t = (adi_ast_training *)training;
    const int i = network_of(t, phase);
    ADI_TRY(take_batch(t, images, count, cancel));
    ADI_TRY(i == ADI_AST_FLOW ? flow_loss(t, 1, &out_loss->loss)
                              : student_loss(t, 1, &out_loss->loss));
    adi_bench_module *m = module_of(t, i);
    return isfinite(out_loss->loss) ? adi_train_backward(m->plan, &m->run) : AD_OK;
}

double adi_ast_clip_norm(const adi_training *training, int32_t phase)
{
    (void)phase;
    return ((const adi_ast_training *)training)->config->o.clip_norm;
}

/* The validation error is the mean loss over images; batch norm uses running statistics. */
ad_status adi_ast_validate(adi_training *training, int32_t phase, const int32_t *images,
                           int32_t count, const adi_cancel *cancel, double *out_error)
{
    adi_ast_training *t = (adi_ast_training *)training;
    const int32_t batch = (int32_t)module_of(t, 0)->plan->input[0].n;
    double sum = 0.0;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        double loss = 0.0;
        ADI_TRY(take_batch(t, images + first, n, cancel));
        ADI_TRY(network_of(t, phase) == ADI_AST_FLOW ? flow_loss(t, 0, &loss)
                                                     : student_loss(t, 0, &loss));
        sum += n * loss;
    }
    *out_error = sum / count;
    return AD_OK;
}

/* Adds the squared scores and map values of a batch, whose outputs are there, to both sums. */
static ad_status add_scores(adi_ast_training *t, int32_t count, double *scores, double *values)
{
    const adi_workbench *b = &t->head.bench;
    const adi_exec ex = exec_of(t), host = adi_workbench_host_exec(b);
    const adi_map_recipe recipe = adi_ast_recipe(t->config);
    const adi_ast_config *config = t->config;
    const int64_t n = adi_ast_positions(config), c = config->channels;
    const int64_t enlarged = (int64_t)recipe.side * recipe.side;
    const adi_bench_module *m = module_of(t, ADI_AST_STUDENT);
    const adi_f32 *student = adi_train_tap(m->plan, &m->run, 0);
    for (int32_t i = 0; i < count; i++) {
        float *distances = NULL, *logdet = NULL, *weights = NULL, *room = t->fetched;
        double score = 0.0, squares = 0.0;
        ADI_TRY(adi_ast_measure(config, t->head.context->device.kernels, &ex,
                                t->target + i * n * c, student + i * n * c, t->distances));
        ADI_TRY(adi_workbench_fetch(b, t->distances, room, (size_t)n, &distances));
        ADI_TRY(adi_workbench_fetch(b, t->target + count * n * c + i * n, room ? room + n : NULL,
                                    (size_t)n, &logdet));
        ADI_TRY(adi_workbench_fetch(b, t->weights + i * n, room ? room + 2 * n : NULL, (size_t)n,
                                    &weights));
        adi_ast_distances(config, logdet, distances);
        adi_layer_maps maps = {.distance = distances, .weight = weights};
        adi_layer_maps_add(&maps, config->h, config->w, NULL);
        ADI_TRY(adi_layer_maps_finish(t->head.context, &recipe, &maps, host.scratch, t->tmp, 1,
                                      t->map, &score));
        *scores += score * score;
        ADI_TRY(adi_training_check(
            t->head.context->backend->kernels->sum_squares(&host, adi_mem_host_f64(&squares),
                                                           adi_mem_host_f32(t->map), enlarged),
            "the map's mean"));
        *values += squares / (double)enlarged;
    }
    return AD_OK;
}

ad_status adi_ast_scores(adi_training *training, const int32_t *images, int32_t count,
                         double *out_score, double *out_map)
{
    adi_ast_training *t = (adi_ast_training *)training;
    const adi_bench_module *m = module_of(t, ADI_AST_STUDENT);
    const int32_t batch = (int32_t)m->plan->input[0].n;
    double scores = 0.0, values = 0.0;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        ADI_TRY(take_batch(t, images + first, n, NULL));
        ADI_TRY(find_target(t));
        ADI_TRY(adi_train_forward(m->plan, &m->run, 0));
        ADI_TRY(add_scores(t, n, &scores, &values));
    }
    *out_score = sqrt(scores / count);
    *out_map = sqrt(values / count);
    return AD_OK;
}

/* ---- Records: x and the weights of positions ---- */

/* What the flow and the student read, from an image's features and depth in a workspace. */
static ad_status gather(const adi_ast_config *config, const adi_extractor *e, adi_workspace *w,
                        float *x, float *weights)
{
    const int64_t n = adi_ast_positions(config), features = config->features;
    const int64_t depth = config->channels - features;
    const float *from = NULL;
    if (features)
        ADI_TRY(adi_extractor_fetch(e, w, 0, &from));
    if (features && !adi_all_finite(from, n * features))
        return adi_extractor_not_finite(e, 0);
    for (int64_t p = 0; p < n; p++, x += config->channels) {
        if (features)
            memcpy(x, from + p * features, (size_t)features * sizeof *x);
        if (depth)
            memcpy(x + features, w->depth + p * depth, (size_t)depth * sizeof *x);
        weights[p] = 1.0f;
    }
    if (depth)
        adi_ast_weigh(config, w->depth + n * depth, weights);
    return AD_OK;
}

static size_t record_floats(const adi_ast_config *c)
{
    return (size_t)adi_ast_positions(c) * (size_t)(c->channels + 1);
}

ad_status adi_ast_store(adi_student_fit *fit)
{
    const adi_ast_config *c = (const adi_ast_config *)fit->head.settings;
    ad_context *context = fit->head.backbone->context;
    const char *dir = c->o.cache_dir[0] ? c->o.cache_dir : NULL;
    ADI_CHECK_ARG(!c->o.cache_file == !dir,
                  "cache_file says how large the file in cache_dir may be: give both");
    ADI_TRY(adi_feature_store_init(&fit->store, context, record_floats(c), 0, dir));
    fit->record = adi_alloc(&context->allocator, record_floats(c) * sizeof *fit->record);
    return fit->record ? AD_OK : adi_fail_memory();
}

ad_status adi_ast_add(adi_student_fit *fit, const adi_extractor *x, adi_workspace *w)
{
    const adi_ast_config *c = (const adi_ast_config *)fit->head.settings;
    const float *const record = fit->record;
    const size_t floats = record_floats(c);
    ADI_TRY(gather(c, x, w, fit->record, fit->record + adi_ast_positions(c) * c->channels));
    return adi_feature_store_add(&fit->store, NULL, &record, &floats, 1);
}

/* ---- The training's modules and arrays ---- */

/* A phase's cost is its multiply-adds of a batch, roughly: one per parameter and position, three
 * where the parameters are trained. A phase without epochs is left out. */
static void list_phases(adi_ast_training *t)
{
    const adi_ast_options *o = &t->config->o;
    const ad_student *s = t->head.student;
    const double flow = (double)s->modules[ADI_AST_FLOW].module->trainable;
    const double student = (double)s->modules[ADI_AST_STUDENT].module->trainable;
    adi_trainee *e = &t->head.bench.trainee;
    if (o->teacher_epochs || !o->student_epochs)
        e->phases[e->phase_count++] = (adi_phase){
            .name = phase_names[ADI_AST_FLOW], .epochs = o->teacher_epochs, .cost = 3.0 * flow};
    if (o->student_epochs)
        e->phases[e->phase_count++] = (adi_phase){.name = phase_names[ADI_AST_STUDENT],
                                                  .epochs = o->student_epochs,
                                                  .cost = flow + 3.0 * student};
}

static uint32_t phases_of(const adi_ast_training *t, int network)
{
    uint32_t phases = 0;
    for (int32_t i = 0; i < t->head.bench.trainee.phase_count; i++)
        phases |= (uint32_t)(network_of(t, i) == network) << i;
    return phases;
}

ad_status adi_ast_prepare(adi_training *training, int32_t batch)
{
    adi_ast_training *t = (adi_ast_training *)training;
    t->config = (const adi_ast_config *)training->fit->head.settings;
    const adi_ast_config *c = t->config;
    const adi_shape input = {.n = batch, .h = c->h, .w = c->w, .c = c->channels};
    const adi_optimiser_options adam = {.kind = ADI_OPTIMIZER_ADAM,
                                        .lr = c->o.lr,
                                        .weight_decay = c->o.weight_decay,
                                        .beta1 = 0.9,
                                        .beta2 = 0.999};
    const adi_map_recipe recipe = adi_ast_recipe(c);
    const size_t positions = (size_t)batch * (size_t)adi_ast_positions(c);
    const size_t values = positions * (size_t)c->channels;
    const size_t map = (size_t)recipe.side * (size_t)recipe.side;
    adi_workbench *b = &training->bench;
    b->shares = 1;
    b->trainee.measured = 1;
    b->trainee.drop_last = 1;
    b->sum_floats = map > values ? map : values;
    b->sum_count = 1;
    list_phases(t);
    for (int i = 0; i < ADI_AST_NETWORKS; i++)
        ADI_TRY(adi_workbench_add(b, training->student->modules[i].name,
                                  training->student->modules[i].module, &input, 0, &adam,
                                  phases_of(t, i)));
    adi_workbench_array(b, &t->x, values);
    adi_workbench_array(b, &t->weights, positions);
    adi_workbench_array(b, &t->target, values + positions);
    adi_workbench_array(b, &t->distances, positions);
    if (adi_workbench_copies(b))
        adi_workbench_host_array(b, &t->fetched, 3 * (size_t)adi_ast_positions(c));
    adi_workbench_host_array(b, &t->map, map);
    adi_workbench_host_array(b, &t->tmp, adi_layer_maps_floats(&recipe));
    return AD_OK;
}
