/* ast: asymmetric student-teacher networks (Rudolph et al., WACV 2023, arXiv:2210.07829).
 *   d(p) = mean over channels of (z(p) - s(p))^2, or of the teacher alone |z(p)|^2 / 2 - log det(p)
 * at every position p, with z and log det the flow's of (features, depth) and s the student's. Map:
 * the foreground's d, enlarged bicubically; score: the mean of d, or with a mask the maximum in the
 * foreground. */
#include "methods/ast.h"

#include "methods/method_list.h"

typedef struct ast_model {
    adi_model head;
    adi_ast_config config;
    adi_networks networks;
} ast_model;

/* ---- The model ---- */

static ad_status check_networks(const ast_model *m)
{
    const adi_plan *flow = m->networks.items[ADI_AST_FLOW].plan;
    const adi_plan *student = m->networks.items[ADI_AST_STUDENT].plan;
    const int64_t n = m->config.channels;
    const adi_shape *shapes[] = {&flow->taps[0].shape, &student->taps[0].shape,
                                 &flow->taps[1].shape};
    if (flow->input[0].c != n || student->input[0].c != n)
        return adi_fail(AD_ERR_FORMAT,
                        "the flow reads %lld channels and the student %lld, not %lld",
                        (long long)flow->input[0].c, (long long)student->input[0].c, (long long)n);
    for (int i = 0; i < 3; i++)
        if (shapes[i]->h != m->config.h || shapes[i]->w != m->config.w ||
            shapes[i]->c != (i < 2 ? n : 1))
            return adi_fail(AD_ERR_FORMAT,
                            "output %d of the networks is %lldx%lldx%lld, not %dx%dx%lld", i,
                            (long long)shapes[i]->w, (long long)shapes[i]->h,
                            (long long)shapes[i]->c, m->config.w, m->config.h,
                            (long long)(i < 2 ? n : 1));
    return AD_OK;
}

static ad_status make_plans(ast_model *m)
{
    const ad_context *c = m->head.context;
    static const int32_t taps[2] = {0, 1};
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        const int32_t made = m->networks.items[i].net->graph->tap_count;
        const int32_t wanted = i == ADI_AST_FLOW ? 2 : 1;
        if (made != wanted)
            return adi_fail(AD_ERR_FORMAT, "'adfeat.graph.%s' has %d outputs, not %d",
                            m->networks.items[i].name, made, wanted);
        ADI_TRY(adi_plan_create(m->networks.items[i].net, &c->device,
                                taps, wanted, m->config.h, m->config.w,
                                &m->networks.items[i].plan));
    }
    return check_networks(m);
}

static void destroy_model(adi_model *model)
{
    ast_model *m = (ast_model *)model;
    if (!m)
        return;
    adi_networks_destroy(&m->networks);
    adi_free(&m->head.context->allocator, m);
}

static ad_status create_model(ad_context *context, const adi_graph *graph,
                              const adi_settings *settings, adi_networks *networks,
                              adi_model **out_model)
{
    ast_model *m = adi_calloc(&context->allocator, 1, sizeof *m);
    if (!m) {
        adi_networks_destroy(networks);
        return adi_fail_memory();
    }
    m->config = *(const adi_ast_config *)settings;
    m->head = (adi_model){.method = settings->method,
                          .context = context,
                          .graph = graph,
                          .settings = &m->config.settings,
                          .has_map = 1,
                          .recipe = adi_ast_recipe(&m->config),
                          .networks = &m->networks};
    m->networks = *networks;
    const ad_status status = make_plans(m);
    if (status == AD_OK)
        *out_model = &m->head;
    else
        destroy_model(&m->head);
    return status;
}

static ad_status save(const adi_model *model, adi_st_writer *writer, adi_kept *keep)
{
    const ast_model *m = (const ast_model *)model;
    return adi_networks_save(&m->networks, model->graph, model->settings, writer, keep);
}

/* ---- Scoring ---- */

/* The method's floats of a workspace: the blocks of both networks, and where a device needs it the
 * depth. The results: squares of the distances, log-determinants. */
static size_t depth_floats(const adi_ast_config *c, const adi_device *d)
{
    return d->memory ? (size_t)(adi_ast_positions(c) * (c->channels - c->features)) : 0;
}

static void reserve(const adi_model *model, adi_extractor *x)
{
    const ast_model *m = (const ast_model *)model;
    size_t scratch = 0, floats = depth_floats(&m->config, &x->context->device);
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        const adi_plan *plan = m->networks.items[i].plan;
        scratch = plan->scratch_bytes > scratch ? plan->scratch_bytes : scratch;
        floats += plan->block_floats;
    }
    adi_ast_need(&m->config.settings, x);
    adi_extractor_reserve(x, scratch, floats, 2 * (size_t)adi_ast_positions(&m->config));
}

/* The input of both networks: features of the image, then its depth. depth: memory for it on a
 * device. */
static ad_status gather(const adi_ast_config *c, const adi_extractor *x, const adi_workspace *w,
                        adi_f32 *depth, adi_f32 *input)
{
    const adi_kernels *k = x->context->device.kernels;
    const adi_exec ex = adi_workspace_exec(x, w);
    const int64_t n = adi_ast_positions(c), channels = c->channels - c->features;
    ad_status status = AD_OK;
    if (c->features)
        status = k->copy_channels(&ex, input, c->channels, adi_extractor_data(x, w, 0), c->features,
                                  (adi_pc){n, c->features});
    if (status == AD_OK && channels) {
        if (!x->context->device.memory)
            depth = adi_mem_host_f32(w->depth);
        ADI_TRY(adi_mem_upload(&x->context->device, w->queue, depth, w->depth,
                               (size_t)(n * channels) * sizeof *depth));
        status = k->copy_channels(&ex, input + c->features, c->channels, depth, channels,
                                  (adi_pc){n, channels});
    }
    if (status != AD_OK)
        return adi_fail(status, "the flow's input failed in the backend");
    return AD_OK;
}

static ad_status infer(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                       int32_t wants_map, adi_layer_maps *out)
{
    const ast_model *m = (const ast_model *)model;
    const adi_ast_config *c = &m->config;
    const adi_device *device = &x->context->device;
    const adi_exec ex = adi_workspace_exec(x, w);
    const adi_plan *flow = m->networks.items[ADI_AST_FLOW].plan;
    const adi_plan *student = m->networks.items[ADI_AST_STUDENT].plan;
    const int64_t n = adi_ast_positions(c), depth = c->channels - c->features;
    adi_f32 *flow_block = w->extra, *student_block = flow_block + flow->block_floats;
    adi_f32 *const input = flow_block + flow->input_offset[0];
    (void)wants_map;
    out->distance = w->host_results;
    adi_layer_maps_add(out, c->h, c->w, NULL);
    if (depth) {
        float *const shares = w->depth + n * depth;
        adi_ast_weigh(c, shares, shares);
        out->weight = shares;
    }
    ADI_TRY(gather(c, x, w, student_block + student->block_floats, input));
    ADI_TRY(adi_mem_copy(device, w->queue, student_block + student->input_offset[0], input,
                         (size_t)(n * c->channels) * sizeof *input));
    ADI_TRY(adi_plan_run(flow, w->queue, flow_block, w->scratch));
    if (c->o.score == ADI_AST_SCORE_STUDENT)
        ADI_TRY(adi_plan_run(student, w->queue, student_block, w->scratch));
    ADI_TRY(adi_ast_measure(c, device->kernels, &ex, adi_plan_tap_data(flow, flow_block, 0),
                            adi_plan_tap_data(student, student_block, 0), w->results));
    ADI_TRY(adi_mem_copy(device, w->queue, w->results + n, adi_plan_tap_data(flow, flow_block, 1),
                         (size_t)n * sizeof *input));
    ADI_TRY(adi_extractor_fetch_results(x, w, 2 * (size_t)n));
    adi_ast_distances(c, w->host_results + n, w->host_results);
    return AD_OK;
}

/* ---- The method ---- */

const adi_student_kind adi_ast_kind = {
    .names = adi_ast_network_names,
    .name_count = ADI_AST_NETWORKS,
    .own_graph = 1,
    .training_size = sizeof(adi_ast_training),
    .settle = adi_ast_student_settle,
    .network = adi_ast_network,
    .dialects = adi_ast_dialects,
    .dialect_count = sizeof adi_ast_dialects / sizeof *adi_ast_dialects,
    .store = adi_ast_store,
    .add = adi_ast_add,
    .prepare = adi_ast_prepare,
    .gradients = adi_ast_gradients,
    .clip_norm = adi_ast_clip_norm,
    .validate = adi_ast_validate,
    .scores = adi_ast_scores,
    .model = create_model,
};

const adi_method adi_method_ast = {
    .name = "ast",
    .source = "Rudolph et al. 2023, arXiv:2210.07829",
    .needs = "any backbone; with mode=depth or mode=combi images with depth",
    .caps = ADI_MAPS | ADI_DEPTH | ADI_TRAINS,
    .config_size = sizeof(adi_ast_config),
    .options = &adi_ast_table,
    .student = &adi_ast_kind,
    .settle = adi_ast_settle,
    .create = adi_student_fit_create,
    .prepare = adi_ast_need,
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
