/* The training of masked reverse distillation: the loss and its gradients, the validation error.
 * With t the teacher's maps and g the student's:
 *   position: sum over levels of mean over images and positions of 1 - <t, g> / max(|t| |g|, 1e-8)
 *   flat:     sum over levels of mean over images of the same of the whole map as one vector */
#include <math.h>

#include "methods/masked_rd.h"
#include "mix64.h"

static adi_exec exec_of(const adi_rd_training *t)
{
    return adi_workbench_exec(&t->head.bench);
}

static adi_bench_module *module_of(adi_rd_training *t)
{
    return &t->head.bench.modules[0];
}

/* Reads the teacher's features of a batch, which are the student's input. The masks depend on the
 * seed and the number of the step alone, so that a resumed training has the same. */
static ad_status take_batch(adi_rd_training *t, const int32_t *images, int32_t count,
                            const adi_cancel *cancel)
{
    adi_bench_module *m = module_of(t);
    adi_workbench_take_batch(&t->head.bench, count, cancel);
    m->run.draw = adi_mix64(adi_mix64(t->config->o.seed) + (uint64_t)m->optimiser->steps);
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        m->run.input[adi_rd_input(level)] = t->features[level];
    for (int32_t i = 0; i < count; i++) {
        adi_f32 *to[ADI_RD_LEVELS];
        for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
            to[level] = t->features[level] + i * adi_rd_values(&t->config->shapes[level]);
        ADI_TRY(adi_feature_store_copy(&t->head.fit->store, t->head.extractor, t->head.workspace,
                                       images[i], t->head.bench.queue, to));
    }
    return AD_OK;
}

/* The vectors that are compared: those of positions, or whole maps. */
static adi_pc vectors_of(adi_rd_training *t, int32_t level)
{
    const adi_shape *s = &t->config->shapes[level];
    if (t->config->o.loss == ADI_RD_LOSS_FLAT)
        return (adi_pc){module_of(t)->run.n, s->h * s->w * s->c};
    return (adi_pc){module_of(t)->run.n * s->h * s->w, s->c};
}

/* The loss of the batch, and with `gradients` the gradients of the student's outputs. */
static ad_status find_loss(adi_rd_training *t, int32_t gradients, double *out_loss)
{
    const adi_kernels *k = t->head.context->device.kernels;
    const adi_exec ex = exec_of(t);
    const adi_bench_module *m = module_of(t);
    const double *sums = NULL;
    int32_t tap = 0;
    *out_loss = 0.0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        const adi_pc d = vectors_of(t, level);
        if (!adi_rd_compares(t->config, level))
            continue;
        const adi_f32 *made = adi_train_tap(m->plan, &m->run, tap), *wanted = t->features[level];
        ADI_TRY(adi_training_check(k->cosine_fwd(&ex, t->distances, made, wanted, d),
                                   "the distances"));
        ADI_TRY(adi_training_check(k->sum(&ex, t->head.bench.sums + tap, t->distances, d.p),
                                   "the loss"));
        if (gradients)
            ADI_TRY(adi_training_check(k->cosine_bwd(&ex, adi_train_tap_grad(m->plan, &m->run, tap),
                                                     made, wanted, (float)(1.0 / (double)d.p), d),
                                       "the gradient of the distances"));
        tap++;
    }
    ADI_TRY(adi_workbench_sums(&t->head.bench, (size_t)tap, &sums));
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        if (adi_rd_compares(t->config, level))
            *out_loss += *sums++ / (double)vectors_of(t, level).p;
    return AD_OK;
}

/* ---- The trainee ---- */

ad_status adi_rd_gradients(adi_training *training, int32_t phase, const int32_t *images,
                           int32_t count, const adi_cancel *cancel, adi_batch_loss *out_loss)
{
    adi_rd_training *t = (adi_rd_training *)training;
    (void)phase;
    ADI_TRY(take_batch(t, images, count, cancel));
    ADI_TRY(adi_train_forward(module_of(t)->plan, &module_of(t)->run, 1));
    ADI_TRY(find_loss(t, 1, &out_loss->loss));
    adi_bench_module *m = module_of(t);
    return isfinite(out_loss->loss) ? adi_train_backward(m->plan, &m->run) : AD_OK;
}

/* The validation error is the mean loss over images, with running statistics and without masks. */
ad_status adi_rd_validate(adi_training *training, int32_t phase, const int32_t *images,
                          int32_t count, const adi_cancel *cancel, double *out_error)
{
    adi_rd_training *t = (adi_rd_training *)training;
    const int32_t batch = (int32_t)module_of(t)->plan->input[0].n;
    double sum = 0.0;
    (void)phase;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        double loss = 0.0;
        ADI_TRY(take_batch(t, images + first, n, cancel));
        ADI_TRY(adi_train_forward(module_of(t)->plan, &module_of(t)->run, 0));
        ADI_TRY(find_loss(t, 0, &loss));
        sum += n * loss;
    }
    *out_error = sum / count;
    return AD_OK;
}

/* Adds the squared score and map values of image `i` of the batch, whose outputs are there, to both
 * sums. */
static ad_status add_score(adi_rd_training *t, int32_t i, double *io_scores, double *io_values)
{
    const adi_kernels *k = t->head.context->device.kernels;
    const adi_exec ex = exec_of(t), host = adi_workbench_host_exec(&t->head.bench);
    const adi_bench_module *m = module_of(t);
    const adi_map_recipe recipe = adi_rd_recipe(t->config);
    const int64_t n = (int64_t)recipe.side * recipe.side;
    adi_layer_maps maps = {.distance = t->fetched ? t->fetched : adi_mem_on_host(t->distances)};
    double score = 0.0, squares = 0.0;
    size_t distances = 0;
    for (int32_t level = 0, tap = 0; level < ADI_RD_LEVELS; level++) {
        const adi_shape *s = &t->config->shapes[level];
        const int64_t at = i * adi_rd_values(s);
        if (!adi_rd_compares(t->config, level))
            continue;
        adi_layer_maps_add(&maps, s->h, s->w, NULL);
        ADI_TRY(adi_training_check(
            k->cosine_fwd(&ex, t->distances + distances,
                          adi_train_tap(m->plan, &m->run, tap++) + at, t->features[level] + at,
                          (adi_pc){s->h * s->w, s->c}),
            "the distances"));
        distances += (size_t)(s->h * s->w);
    }
    ADI_TRY(adi_workbench_fetch(&t->head.bench, t->distances, t->fetched, distances,
                                &maps.distance));
    ADI_TRY(adi_layer_maps_finish(t->head.context, &recipe, &maps, host.scratch, t->tmp, 1, t->map,
                                  &score));
    *io_scores += score * score;
    ADI_TRY(adi_training_check(t->head.context->backend->kernels->sum_squares(
                                   &host, adi_mem_host_f64(&squares), adi_mem_host_f32(t->map), n),
                               "the map's mean"));
    *io_values += squares / (double)n;
    return AD_OK;
}

ad_status adi_rd_scores(adi_training *training, const int32_t *images, int32_t count,
                        double *out_score, double *out_map)
{
    adi_rd_training *t = (adi_rd_training *)training;
    const adi_bench_module *m = module_of(t);
    const int32_t batch = (int32_t)m->plan->input[0].n;
    double scores = 0.0, values = 0.0;
    for (int32_t first = 0; first < count; first += batch) {
        const int32_t n = count - first < batch ? count - first : batch;
        ADI_TRY(take_batch(t, images + first, n, NULL));
        ADI_TRY(adi_train_forward(m->plan, &m->run, 0));
        for (int32_t i = 0; i < n; i++)
            ADI_TRY(add_score(t, i, &scores, &values));
    }
    *out_score = sqrt(scores / count);
    *out_map = sqrt(values / count);
    return AD_OK;
}

/* ---- The training's modules and arrays ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Distances of one level of a batch, or of all levels of one image: the larger number. */
static size_t distance_floats(const adi_rd_training *t, int32_t batch)
{
    size_t most = 0, all = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        const size_t n = (size_t)(t->config->shapes[level].h * t->config->shapes[level].w);
        most = larger(most, n * (size_t)batch);
        all += n;
    }
    return larger(most, all);
}

ad_status adi_rd_prepare(adi_training *training, int32_t batch)
{
    adi_rd_training *t = (adi_rd_training *)training;
    t->config = (const adi_rd_config *)training->fit->head.settings;
    const adi_rd_options *o = &t->config->o;
    const adi_map_recipe recipe = adi_rd_recipe(t->config);
    const size_t map = (size_t)recipe.side * (size_t)recipe.side;
    const adi_optimiser_options adam = {.kind = ADI_OPTIMIZER_ADAM,
                                        .lr = o->lr,
                                        .weight_decay = o->weight_decay,
                                        .beta1 = o->beta1,
                                        .beta2 = o->beta2};
    adi_workbench *b = &training->bench;
    adi_shape deepest = t->config->shapes[ADI_RD_LEVELS - 1];
    deepest.n = batch;
    b->trainee.measured = 1;
    b->trainee.phases[b->trainee.phase_count++] =
        (adi_phase){.name = "student", .epochs = o->epochs, .cost = 1.0};
    b->sum_count = ADI_RD_LEVELS;
    b->sum_floats = larger(distance_floats(t, batch), map);
    b->scratch_bytes = adi_layer_maps_scratch(&recipe, training->context);
    ADI_TRY(adi_workbench_add(b, "student", training->student->modules[0].module, &deepest, 0,
                              &adam, 1));
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        adi_workbench_array(b, &t->features[level],
                            adi_arena_floats(&module_of(t)->plan->input[adi_rd_input(level)]));
    adi_workbench_array(b, &t->distances, distance_floats(t, batch));
    if (adi_workbench_copies(b))
        adi_workbench_host_array(b, &t->fetched, distance_floats(t, 1));
    adi_workbench_host_array(b, &t->map, map);
    adi_workbench_host_array(b, &t->tmp, adi_layer_maps_floats(&recipe));
    return AD_OK;
}
