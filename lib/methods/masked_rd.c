/* masked_rd: reverse distillation (Deng and Li, CVPR 2022, arXiv:2201.10703), with random masks
 * during training.
 *   d_l(p) = 1 - <t, g> / max(|t| |g|, 1e-8) at every position p of level l
 *   map = blur(sum or product over levels of bilinear(d_l), corners aligned)
 *   score = the map's maximum
 * t is the teacher's feature vector, g the student's reconstruction of it. */
#include "methods/masked_rd.h"

#include "methods/method_list.h"

typedef struct rd_model {
    adi_model head;
    adi_rd_config config;
    adi_networks networks;
} rd_model;

/* ---- The model ---- */

static ad_status check_shape(const char *verb, const adi_shape *s, const adi_shape *want,
                             int32_t level)
{
    if (s->h == want->h && s->w == want->w && s->c == want->c)
        return AD_OK;
    return adi_fail(AD_ERR_FORMAT,
                    "the student %s %lldx%lldx%lld where layer%d has %lldx%lldx%lld", verb,
                    (long long)s->w, (long long)s->h, (long long)s->c, level + 1,
                    (long long)want->w, (long long)want->h, (long long)want->c);
}

/* A file may hold any graph. Its inputs and outputs must have the shapes of the teacher's maps. */
static ad_status check_plan(const rd_model *m)
{
    const adi_rd_config *c = &m->config;
    const adi_plan *plan = m->networks.items[0].plan;
    if (plan->input_count != ADI_RD_LEVELS)
        return adi_fail(AD_ERR_FORMAT, "the student has %d inputs, not %d", plan->input_count,
                        ADI_RD_LEVELS);
    for (int32_t level = 0, tap = 0; level < ADI_RD_LEVELS; level++) {
        const adi_shape *want = &c->shapes[level];
        ADI_TRY(check_shape("reads", &plan->input[adi_rd_input(level)], want, level));
        if (adi_rd_compares(c, level))
            ADI_TRY(check_shape("makes", &plan->taps[tap++].shape, want, level));
    }
    return AD_OK;
}

static ad_status make_plan(rd_model *m)
{
    static const int32_t taps[ADI_RD_LEVELS] = {0, 1, 2};
    const adi_shape *deepest = &m->config.shapes[ADI_RD_LEVELS - 1];
    const ad_context *c = m->head.context;
    int32_t compared = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        compared += adi_rd_compares(&m->config, level);
    const adi_network *net = m->networks.items[0].net;
    if (net->graph->tap_count != compared)
        return adi_fail(AD_ERR_FORMAT, "the student has %d outputs for %d levels",
                        net->graph->tap_count, compared);
    ADI_TRY(adi_plan_create(net, &c->device, taps, compared, deepest->h,
                            deepest->w, &m->networks.items[0].plan));
    return check_plan(m);
}

static void destroy_model(adi_model *model)
{
    rd_model *m = (rd_model *)model;
    if (!m)
        return;
    adi_networks_destroy(&m->networks);
    adi_free(&m->head.context->allocator, m);
}

static ad_status create_model(ad_context *context, const adi_graph *graph,
                              const adi_settings *settings, adi_networks *networks,
                              adi_model **out_model)
{
    rd_model *m = adi_calloc(&context->allocator, 1, sizeof *m);
    if (!m) {
        adi_networks_destroy(networks);
        return adi_fail_memory();
    }
    m->config = *(const adi_rd_config *)settings;
    m->head = (adi_model){.method = settings->method,
                          .context = context,
                          .graph = graph,
                          .settings = &m->config.settings,
                          .has_map = 1,
                          .recipe = adi_rd_recipe(&m->config),
                          .networks = &m->networks};
    m->networks = *networks;
    const ad_status status = make_plan(m);
    if (status == AD_OK)
        *out_model = &m->head;
    else
        destroy_model(&m->head);
    return status;
}

static ad_status save(const adi_model *model, adi_st_writer *writer, adi_kept *keep)
{
    const rd_model *m = (const rd_model *)model;
    return adi_networks_save(&m->networks, model->graph, model->settings, writer, keep);
}

/* ---- Scoring ---- */

static size_t positions_of(const adi_rd_config *c)
{
    size_t n = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        if (adi_rd_compares(c, level))
            n += (size_t)(c->shapes[level].h * c->shapes[level].w);
    return n;
}

/* The method's floats of a workspace: the student's block. The results: the distances. */
static void reserve(const adi_model *model, adi_extractor *x)
{
    const rd_model *m = (const rd_model *)model;
    adi_extractor_reserve(x, m->networks.items[0].plan->scratch_bytes,
                          m->networks.items[0].plan->block_floats, positions_of(&m->config));
}

static ad_status infer(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                       int32_t wants_map, adi_layer_maps *out)
{
    const rd_model *m = (const rd_model *)model;
    const adi_exec ex = adi_workspace_exec(x, w);
    const adi_device *device = &x->context->device;
    const adi_plan *plan = m->networks.items[0].plan;
    adi_f32 *block = w->extra;
    (void)wants_map;
    out->distance = w->host_results;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        ADI_TRY(adi_mem_copy(device, w->queue, block + plan->input_offset[adi_rd_input(level)],
                             adi_extractor_data(x, w, level),
                             (size_t)adi_rd_values(&m->config.shapes[level]) * sizeof *block));
    ADI_TRY(adi_plan_run(plan, w->queue, block, w->scratch));
    for (int32_t level = 0, tap = 0; level < ADI_RD_LEVELS; level++) {
        const adi_shape *s = &m->config.shapes[level];
        if (!adi_rd_compares(&m->config, level))
            continue;
        const float *d = adi_layer_maps_add(out, s->h, s->w, adi_extractor_layer(x, level));
        const adi_f32 *made = adi_plan_tap_data(plan, block, tap++);
        const ad_status status = device->kernels->cosine_fwd(
            &ex, adi_workspace_result(w, d), made, adi_extractor_data(x, w, level),
            (adi_pc){s->h * s->w, s->c});
        if (status != AD_OK)
            return adi_fail(status, "distances at layer '%s' failed in the backend",
                            adi_extractor_layer(x, level));
    }
    return adi_extractor_fetch_results(x, w, positions_of(&m->config));
}

/* ---- The method ---- */

const adi_student_kind adi_rd_kind = {
    .names = adi_rd_network_names,
    .name_count = 1,
    .own_graph = 1,
    .training_size = sizeof(adi_rd_training),
    .settle = adi_rd_student_settle,
    .network = adi_rd_network,
    .dialects = adi_rd_dialects,
    .dialect_count = sizeof adi_rd_dialects / sizeof *adi_rd_dialects,
    .store = adi_student_store_pixels,
    .add = adi_student_add_pixels,
    .prepare = adi_rd_prepare,
    .gradients = adi_rd_gradients,
    .validate = adi_rd_validate,
    .scores = adi_rd_scores,
    .model = create_model,
};

const adi_method adi_method_masked_rd = {
    .name = "masked_rd",
    .source = "Deng and Li 2022, arXiv:2201.10703; masks: Yang et al. 2022, arXiv:2205.01529",
    .needs = "a ResNet, sizes that are multiples of 32, about 50 good images or more",
    .caps = ADI_MAPS | ADI_TRAINS,
    .config_size = sizeof(adi_rd_config),
    .options = &adi_rd_table,
    .student = &adi_rd_kind,
    .settle = adi_rd_settle,
    .create = adi_student_fit_create,
    .prepare = adi_student_keep_rgb,
    .add = adi_student_fit_add,
    .finish = adi_student_fit_finish,
    .memory = adi_student_fit_memory,
    .destroy_fit = adi_student_fit_destroy,
    .reserve = reserve,
    .infer = infer,
    .save = save,
    .load = adi_student_model_load,
    .destroy_model = destroy_model,
};
