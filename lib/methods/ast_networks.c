/* AST's networks: a normalising flow over features and depth, and a student that learns from it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "methods/ast.h"

const char *const adi_ast_network_names[ADI_AST_NETWORKS] = {"flow", "student"};

ad_status adi_ast_student_settle(adi_settings *settings, const ad_backbone *teacher)
{
    const adi_graph *g = teacher->network->graph;
    adi_ast_options *o = adi_settings_options(settings);
    const char *layers = adi_graph_hint(g, "ast.layers");
    const int depth = adi_ast_has_depth(o->mode);
    if (!o->common.layers[0])
        snprintf(o->common.layers, sizeof o->common.layers, "%s", layers ? layers : "layer3");
    if (!o->flow_hidden) /* of MVTec AD and of MVTec 3D-AD, as published */
        o->flow_hidden = depth ? 64 : 1024;
    if (o->alpha == 0.0)
        o->alpha = depth ? 1.9 : 3.0;
    ADI_CHECK_ARG(o->positions % 4 == 0, "positions is %d, a multiple of 4 is needed",
                  o->positions);
    ADI_CHECK_ARG(o->alpha >= 1e-3, "alpha is %g, 0.001 to 64 is possible", o->alpha);
    ADI_TRY(adi_layers_parse(g, o->common.layers, settings->taps, &settings->tap_count));
    ADI_CHECK_ARG(settings->tap_count == 1, "%d layers, a student of ast takes one",
                  settings->tap_count);
    return AD_OK;
}

static adi_ast_arch arch_of(const adi_settings *settings, const adi_graph *teacher)
{
    const adi_ast_options *o = adi_settings_options(settings);
    const int64_t features =
        teacher->nodes[teacher->taps[settings->taps[0]].node].out_channels;
    return (adi_ast_arch){.channels = (int32_t)adi_ast_channels(o->mode, features),
                          .positions = o->positions,
                          .flow_blocks = o->flow_blocks,
                          .flow_hidden = o->flow_hidden,
                          .student_blocks = o->student_blocks,
                          .student_hidden = o->student_hidden,
                          .alpha = o->alpha,
                          .slope = o->leaky};
}

ad_status adi_ast_network(const adi_settings *settings, const ad_backbone *teacher, int32_t index,
                          int64_t values, char **out_text)
{
    const adi_allocator *a = &teacher->context->allocator;
    const adi_ast_arch arch = arch_of(settings, teacher->network->graph);
    if (adi_ast_weights(&arch) > values)
        return adi_fail(AD_ERR_MISMATCH,
                        "the student's networks have %" PRId64 " weights, the file holds %" PRId64
                        " values",
                        adi_ast_weights(&arch), values);
    return index == ADI_AST_FLOW ? adi_ast_flow_text(a, &arch, out_text)
                                 : adi_ast_student_text(a, &arch, out_text);
}

/* ---- The authors' checkpoints ---- */

/* Their flow is a list of nodes, of which 3, 5, 7 and 9 are the couplings, with networks s1 and s2:
 * coupling.K.rN is module_list.(3 + 2K).sN. It has no permutations: those are drawn by their seeds. */
static int32_t list_name(const void *user, const char *node, const char *suffix, char *out,
                         size_t size)
{
    const char *prefix = user;
    char *end;
    if (strncmp(node, "coupling.", 9) != 0)
        return 0;
    const long k = strtol(node + 9, &end, 10);
    if (end == node + 9 || strncmp(end, ".r", 2) != 0)
        return 0;
    const int n = snprintf(out, size, "%smodule_list.%ld.s%s.%s", prefix, 3 + 2 * k, end + 2,
                           suffix);
    return n > 0 && (size_t)n < size;
}

static const char *const flow_prefixes[] = {
    "flow.", "teacher.", "", "net.", "teacher.net.", "module.", "model.", NULL};
static const char *const student_prefixes[] = {
    "student.", "", "net.", "student.net.", "module.", "model.", NULL};
const adi_checkpoint_dialect adi_ast_dialects[4] = {
    {"flow", "module_list.3.s1.conv1.weight", flow_prefixes, list_name},
    {"flow", "coupling.0.r1.conv1.weight", flow_prefixes, NULL},
    {"student", "res.0.l1.weight", student_prefixes, NULL},
};
