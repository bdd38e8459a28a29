/* stfpm: student-teacher feature pyramid matching (Wang et al., BMVC 2021, arXiv:2103.04257).
 *   d_l(p) = | t/max(|t|, 1e-12) - g/max(|g|, 1e-12) |^2 / 2   at every position p of layer l
 *   map = product over layers of bilinear(d_l),  score = the map's maximum
 * t is the teacher's feature vector, g the student's. With U-Nets g is the output of the layer's
 * U-Net for the student's vectors. */
#include "methods/stfpm.h"

#include "methods/method_list.h"

typedef struct stfpm_model {
    adi_model head;
    adi_stfpm_config config;
    adi_shape shapes[ADI_STFPM_MAX_LAYERS];
    adi_networks networks; /* the student, then the U-Nets */
} stfpm_model;

/* ---- The model ---- */

static ad_status check_unet(const stfpm_model *m, int32_t layer)
{
    const adi_plan *plan = m->networks.items[1 + layer].plan;
    const adi_shape *in = &plan->input[0], *o = &plan->taps[0].shape, *s = &m->shapes[layer];
    if (in->c == s->c && o->c == s->c && o->h == s->h && o->w == s->w)
        return AD_OK;
    return adi_fail(AD_ERR_FORMAT, "the U-Net of layer %d makes %lldx%lldx%lld of %lldx%lldx%lld",
                    layer + 1, (long long)o->w, (long long)o->h, (long long)o->c, (long long)s->w,
                    (long long)s->h, (long long)s->c);
}

static ad_status make_plans(stfpm_model *m)
{
    const adi_settings *s = &m->config.settings;
    const ad_context *c = m->head.context;
    const int32_t out = 0, side = s->preprocess.crop;
    ADI_TRY(adi_plan_create(m->networks.items[0].net, &c->device, s->taps, s->tap_count,
                            side, side, &m->networks.items[0].plan));
    for (int32_t l = 0; l < s->tap_count; l++)
        m->shapes[l] = m->networks.items[0].plan->taps[l].shape;
    for (int32_t l = 0; m->config.unets && l < s->tap_count; l++) {
        adi_network *net = m->networks.items[1 + l].net;
        if (net->graph->tap_count != 1)
            return adi_fail(AD_ERR_FORMAT, "the scorer's U-Net %d has %d outputs, not one", l + 1,
                            net->graph->tap_count);
        ADI_TRY(adi_plan_create(net, &c->device, &out, 1, m->shapes[l].h, m->shapes[l].w,
                                &m->networks.items[1 + l].plan));
        ADI_TRY(check_unet(m, l));
    }
    return AD_OK;
}

static void destroy_model(adi_model *model)
{
    stfpm_model *m = (stfpm_model *)model;
    if (!m)
        return;
    adi_networks_destroy(&m->networks);
    adi_free(&m->head.context->allocator, m);
}

ad_status adi_stfpm_model_create(ad_context *context, const adi_graph *graph,
                                 const adi_settings *settings, adi_networks *networks,
                                 adi_model **out_model)
{
    stfpm_model *m = adi_calloc(&context->allocator, 1, sizeof *m);
    if (!m) {
        adi_networks_destroy(networks);
        return adi_fail_memory();
    }
    m->config = *(const adi_stfpm_config *)settings;
    m->head = (adi_model){.method = settings->method,
                          .context = context,
                          .graph = graph,
                          .settings = &m->config.settings,
                          .has_map = 1,
                          .recipe = adi_stfpm_recipe(&m->config),
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
    const stfpm_model *m = (const stfpm_model *)model;
    return adi_networks_save(&m->networks, model->graph, model->settings, writer, keep);
}

/* ---- Scoring ---- */

/* A workspace's own floats: the student's block, a U-Net's block. The results: the distances. */
typedef struct layout {
    size_t block, unet_block, distances;
} layout;

static layout layout_of(const stfpm_model *m)
{
    layout l = {.block = m->networks.items[0].plan->block_floats};
    for (int32_t i = 0; i < m->config.settings.tap_count; i++) {
        const adi_plan *unet = m->networks.items[1 + i].plan;
        l.distances += (size_t)(m->shapes[i].h * m->shapes[i].w);
        if (unet && unet->block_floats > l.unet_block)
            l.unet_block = unet->block_floats;
    }
    return l;
}

static void reserve(const adi_model *model, adi_extractor *x)
{
    const stfpm_model *m = (const stfpm_model *)model;
    const layout l = layout_of(m);
    size_t scratch = 0;
    for (int32_t i = 0; i < ADI_MODEL_NETWORKS; i++)
        if (m->networks.items[i].plan && m->networks.items[i].plan->scratch_bytes > scratch)
            scratch = m->networks.items[i].plan->scratch_bytes;
    adi_extractor_keep_rgb(x);
    adi_extractor_reserve(x, scratch, l.block + l.unet_block, l.distances);
}

/* *out: the student's vectors of a layer, or its U-Net's output for them. */
static ad_status compared(const stfpm_model *m, int32_t layer, const adi_workspace *w,
                          adi_f32 *block, adi_f32 *unet_block, const adi_f32 **out)
{
    const adi_device *device = &m->head.context->device;
    const adi_plan *unet = m->networks.items[1 + layer].plan;
    const adi_shape *s = &m->shapes[layer];
    *out = adi_plan_tap_data(m->networks.items[0].plan, block, layer);
    if (!m->config.unets)
        return AD_OK;
    ADI_TRY(adi_mem_copy(device, w->queue, unet_block + unet->input_offset[0], *out,
                         (size_t)(s->h * s->w * s->c) * sizeof **out));
    ADI_TRY(adi_plan_run(unet, w->queue, unet_block, w->scratch));
    *out = adi_plan_tap_data(unet, unet_block, 0);
    return AD_OK;
}

static ad_status infer(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                       int32_t wants_map, adi_layer_maps *out)
{
    const stfpm_model *m = (const stfpm_model *)model;
    const adi_exec ex = adi_workspace_exec(x, w);
    const layout at = layout_of(m);
    adi_f32 *block = w->extra, *unet_block = block + at.block;
    (void)wants_map;
    out->distance = w->host_results;
    ADI_TRY(adi_extractor_input(x, w, block + m->networks.items[0].plan->input_offset[0]));
    ADI_TRY(adi_plan_run(m->networks.items[0].plan, w->queue, block, w->scratch));
    for (int32_t l = 0; l < m->config.settings.tap_count; l++) {
        const adi_shape *s = &m->shapes[l];
        const adi_f32 *g = NULL;
        ADI_TRY(compared(m, l, w, block, unet_block, &g));
        const float *d = adi_layer_maps_add(out, s->h, s->w, adi_extractor_layer(x, l));
        const ad_status status = x->context->device.kernels->cosdist_fwd(
            &ex, adi_workspace_result(w, d), g, adi_extractor_data(x, w, l),
            (adi_pc){s->h * s->w, s->c});
        if (status != AD_OK)
            return adi_fail(status, "distances at layer '%s' failed in the backend",
                            adi_extractor_layer(x, l));
    }
    return adi_extractor_fetch_results(x, w, at.distances);
}

/* ---- The method ---- */

#define KIND(unet_count, layered)                                                                  \
    {                                                                                              \
        .names = adi_stfpm_network_names, .name_count = (unet_count), .per_layer = (layered),      \
        .training_size = sizeof(adi_stfpm_training), .settle = adi_stfpm_student_settle,           \
        .network = adi_stfpm_network, .dialects = adi_stfpm_dialects,                              \
        .dialect_count = sizeof adi_stfpm_dialects / sizeof *adi_stfpm_dialects,                   \
        .store = adi_student_store_pixels, .add = adi_student_add_pixels,                          \
        .prepare = adi_stfpm_prepare, .begin_phase = adi_stfpm_begin_phase,                        \
        .gradients = adi_stfpm_gradients, .clip_norm = adi_stfpm_clip_norm,                        \
        .validate = adi_stfpm_validate, .scores = adi_stfpm_scores,                                \
        .model = adi_stfpm_model_create,                                                           \
    }
const adi_student_kind adi_stfpm_kind = KIND(1, 0);
const adi_student_kind adi_stfpm_unet_kind = KIND(1, 1);

#define METHOD(title, paper, images, table, kind)                                                  \
    {                                                                                              \
        .name = (title), .source = (paper), .needs = (images),                                     \
        .caps = ADI_MAPS | ADI_TRAINS, .config_size = sizeof(adi_stfpm_config),                    \
        .options = (table), .student = (kind), .settle = adi_stfpm_settle,                         \
        .create = adi_student_fit_create, .prepare = adi_student_keep_rgb,                         \
        .add = adi_student_fit_add, .finish = adi_student_fit_finish,                              \
        .memory = adi_student_fit_memory, .destroy_fit = adi_student_fit_destroy,                  \
        .reserve = reserve, .infer = infer, .save = save, .load = adi_student_model_load,          \
        .destroy_model = destroy_model,                                                            \
    }
const adi_method adi_method_stfpm =
    METHOD("stfpm", "Wang et al. 2021, arXiv:2103.04257",
           "a ResNet, about 50 good images or more", &adi_stfpm_table, &adi_stfpm_kind);
const adi_method adi_method_stfpm_unet =
    METHOD("stfpm_unet", "a project without a paper, on STFPM",
           "a ResNet, about 50 good images or more", &adi_stfpm_unet_table, &adi_stfpm_unet_kind);
