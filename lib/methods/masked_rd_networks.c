/* The student of masked reverse distillation: a bottleneck over the teacher's features, a decoder
 * that re-creates them, and generators behind masks. */
#include <stdio.h>
#include <string.h>

#include "methods/masked_rd.h"

#define LAYERS "layer1,layer2,layer3"

const char *const adi_rd_network_names[1] = {"student"};

ad_status adi_rd_student_settle(adi_settings *settings, const ad_backbone *teacher)
{
    const adi_graph *g = teacher->network->graph;
    adi_rd_options *o = adi_settings_options(settings);
    adi_rd_teacher known;
    ADI_TRY(adi_rd_teacher_of(g, &known)); /* rather than that a layer is missing */
    if (!o->common.layers[0])
        snprintf(o->common.layers, sizeof o->common.layers, "%s", LAYERS);
    o->levels = adi_rd_bits(o->levels); /* one text for one network */
    ADI_CHECK_ARG(strcmp(o->common.layers, LAYERS) == 0,
                  "a student of masked_rd takes the layers " LAYERS ", not %.200s",
                  o->common.layers);
    return adi_layers_parse(g, o->common.layers, settings->taps, &settings->tap_count);
}

ad_status adi_rd_network(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                         int64_t values, char **out_text)
{
    const adi_rd_options *o = adi_settings_options(settings);
    adi_rd_arch arch = {.concat = o->msff_out,
                        .sru = o->sru,
                        .cru = o->cru,
                        .simam = o->simam,
                        .fmm = o->fmm,
                        .soft = o->gate,
                        .joint = o->cru_softmax,
                        .gn_groups = o->gn_groups,
                        .align = o->fmm_align,
                        .levels = adi_rd_bits(o->levels),
                        .eval_mask = o->eval_mask,
                        .mask_rate = o->mask_rate};
    (void)index;
    (void)values; /* as many as the teacher has, roughly, which is there */
    ADI_TRY(adi_rd_teacher_of(teacher->network->graph, &arch.teacher));
    return adi_rd_text(&teacher->context->allocator, &arch, out_text);
}

/* RD4AD's checkpoints: msff.X and bn_layer.X are bn.X and bn.bn_layer.X, the decoder's names as they
 * are. */
static int32_t rd4ad_name(const void *user, const char *node, const char *suffix, char *out,
                          size_t size)
{
    const char *const prefix = user;
    const int is_fusion = strncmp(node, "msff.", 5) == 0;
    const int is_decoder = strncmp(node, "decoder.", 8) == 0;
    const int n = snprintf(out, size, "%s%s%s.%s", prefix, is_decoder ? "" : "bn.",
                           is_fusion ? node + 5 : node, suffix);
    return n > 0 && (size_t)n < size;
}

static const char *const prefixes[] = {"student.", "", "module.", "model.", NULL};
const adi_checkpoint_dialect adi_rd_dialects[2] = {
    {"student", "bn.conv1.weight", prefixes, rd4ad_name},
    {"student", "msff.conv1.weight", prefixes, NULL},
};
