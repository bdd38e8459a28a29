/* A student as a safetensors file: all parameters and running statistics under torchvision's names behind
 * "student.", U-Nets behind "ae.1.", a flow behind "flow.", and in the metadata what it is. Also the checkpoints of the
 * authors of STFPM, who wrapped the network in a sequence: model.0 is conv1, model.1 bn1, model.4 to model.7 layer1 to
 * layer4; and those of the authors of AST, whose flow is a list of nodes, of which 3, 5, 7 and 9 are the couplings, with
 * networks s1 and s2, and has no permutations: those are drawn by their seeds; and of RD4AD, whose bottleneck is "bn", with
 * the fusion's convolutions in it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "methods/student.h"

#define FORMAT "1"
#define META   "adfeat.student."

static ad_status write_metadata(const ad_student *s, adi_st_writer *w)
{
    char value[ADI_OPTION_TEXT], key[64];
    ADI_TRY(adi_st_writer_meta(w, "adfeat.format", FORMAT));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.kind", "student"));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.version", ad_version_string()));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.architecture", s->teacher->network->graph->name));
    ADI_TRY(adi_st_writer_meta(w, "adfeat.backbone", s->digest));
    for (int32_t i = 0;; i++) {
        const char *name = adi_student_option(s, i, value);
        if (!name)
            break;
        snprintf(key, sizeof key, META "%s", name);
        ADI_TRY(adi_st_writer_meta(w, key, value));
    }
    snprintf(value, sizeof value, "%" PRIu64, s->options.seed);
    ADI_TRY(adi_st_writer_meta(w, META "seed", value));
    snprintf(value, sizeof value, "%" PRId64, s->epochs_trained);
    return adi_st_writer_meta(w, META "epochs", value);
}

ad_status adi_student_write(const ad_student *student, const char *path)
{
    const adi_allocator *a = &student->teacher->context->allocator;
    adi_st_writer *w = NULL;
    adi_kept keep = {0};
    char prefix[16];
    ad_status status = AD_OK;
    ADI_TRY_CLEANUP(adi_st_writer_create(a, &w));
    ADI_TRY_CLEANUP(write_metadata(student, w));
    for (int32_t i = 0; adi_student_module(student, i); i++) {
        adi_student_prefix(student->options.kind, i, prefix, sizeof prefix);
        ADI_TRY_CLEANUP(adi_module_write(adi_student_module(student, i), prefix, w, &keep));
    }
    ADI_TRY_CLEANUP(adi_st_writer_save(w, path));
cleanup:
    adi_kept_free(a, &keep);
    adi_st_writer_destroy(w);
    return status;
}

/* What the file says of itself, through the same door as a user's options. */
ad_status adi_student_options_of(const adi_safetensors *file, ad_student_options *o)
{
    ad_student_options_init(o, sizeof *o);
    static const char *const keys[] = {"kind", "layers", "unet_head", "unet_depth", "unet_convs", "seed", "mode", "flow_blocks",
                                       "flow_hidden", "student_blocks", "student_hidden", "positions", "alpha", "leaky",
                                       "msff_out", "sru", "cru", "simam", "gate", "gn_groups", "cru_softmax", "fmm",
                                       "fmm_align", "levels", "mask_rate", "eval_mask"};
    char name[64];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        snprintf(name, sizeof name, META "%s", keys[i]);
        const char *value = adi_st_meta(file, name);
        if (value && adi_student_set(o, keys[i], value) != AD_OK)
            return adi_fail_prefix(AD_ERR_FORMAT, "the student's metadata: ");
    }
    return AD_OK;
}

/* As many as doubles count, which checkpoints do it with. */
static ad_status read_epochs(ad_student *s, const adi_safetensors *file)
{
    const char *value = adi_st_meta(file, META "epochs");
    uint64_t epochs = 0;
    if (value && adi_text_uint64("epochs", value, 0, UINT64_C(1) << 52, &epochs) != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "the student's metadata: ");
    s->epochs_trained = (int64_t)epochs;
    return AD_OK;
}

static int32_t sequence_name(const void *user, const char *node, const char *suffix, char *out, size_t size)
{
    const char *prefix = user;
    int n = -1;
    if (strcmp(node, "conv1") == 0)
        n = snprintf(out, size, "%s0.%s", prefix, suffix);
    else if (strcmp(node, "bn1") == 0)
        n = snprintf(out, size, "%s1.%s", prefix, suffix);
    else if (strncmp(node, "layer", 5) == 0 && node[5] >= '1' && node[5] <= '4' && node[6] == '.')
        n = snprintf(out, size, "%s%d.%s.%s", prefix, node[5] - '0' + 3, node + 7, suffix);
    return n > 0 && (size_t)n < size;
}

static ad_status read_net(ad_student *s, const adi_safetensors *file)
{
    static const char *const sequences[] = {"model.", "student.model.", "module.model."};
    static const char *const prefixes[] = {"student.", "", "module."};
    char name[64];
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        snprintf(name, sizeof name, "%s0.weight", sequences[i]);
        if (adi_st_find(file, name))
            return adi_module_read(s->net, file, NULL, sequence_name, sequences[i]);
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(name, sizeof name, "%sconv1.weight", prefixes[i]);
        if (adi_st_find(file, name))
            return adi_module_read(s->net, file, prefixes[i], NULL, NULL);
    }
    return adi_module_read(s->net, file, "student.", NULL, NULL);
}

/* coupling.K.rN to module_list.(3 + 2K).sN */
static int32_t list_name(const void *user, const char *node, const char *suffix, char *out, size_t size)
{
    const char *prefix = user;
    char *end;
    if (strncmp(node, "coupling.", 9) != 0)
        return 0;
    const long k = strtol(node + 9, &end, 10);
    if (end == node + 9 || strncmp(end, ".r", 2) != 0)
        return 0;
    const int n = snprintf(out, size, "%smodule_list.%ld.s%s.%s", prefix, 3 + 2 * k, end + 2, suffix);
    return n > 0 && (size_t)n < size;
}

static ad_status read_flow(ad_student *s, const adi_safetensors *file)
{
    static const char *const prefixes[] = {"flow.", "teacher.", "", "net.", "teacher.net.", "module.", "model."};
    char name[64];
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(name, sizeof name, "%smodule_list.3.s1.conv1.weight", prefixes[i]);
        if (adi_st_find(file, name))
            return adi_module_read(s->flow, file, NULL, list_name, prefixes[i]);
        snprintf(name, sizeof name, "%scoupling.0.r1.conv1.weight", prefixes[i]);
        if (adi_st_find(file, name))
            return adi_module_read(s->flow, file, prefixes[i], NULL, NULL);
    }
    return adi_module_read(s->flow, file, "flow.", NULL, NULL);
}

static ad_status read_ast_student(ad_student *s, const adi_safetensors *file)
{
    static const char *const prefixes[] = {"student.", "", "net.", "student.net.", "module.", "model."};
    char name[64];
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(name, sizeof name, "%sres.0.l1.weight", prefixes[i]);
        if (adi_st_find(file, name))
            return adi_module_read(s->net, file, prefixes[i], NULL, NULL);
    }
    return adi_module_read(s->net, file, "student.", NULL, NULL);
}

/* msff.X and bn_layer.X to bn.X and bn.bn_layer.X, the decoder's names as they are. */
static int32_t rd4ad_name(const void *user, const char *node, const char *suffix, char *out, size_t size)
{
    const char *const prefix = user;
    const int is_fusion = strncmp(node, "msff.", 5) == 0, is_decoder = strncmp(node, "decoder.", 8) == 0;
    const int n = snprintf(out, size, "%s%s%s.%s", prefix, is_decoder ? "" : "bn.", is_fusion ? node + 5 : node, suffix);
    return n > 0 && (size_t)n < size;
}

static ad_status read_rd(ad_student *s, const adi_safetensors *file)
{
    static const char *const prefixes[] = {"student.", "", "module.", "model."};
    char name[64];
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(name, sizeof name, "%sbn.conv1.weight", prefixes[i]);
        if (adi_st_find(file, name))
            return adi_module_read(s->net, file, NULL, rd4ad_name, prefixes[i]);
        snprintf(name, sizeof name, "%smsff.conv1.weight", prefixes[i]);
        if (adi_st_find(file, name))
            return adi_module_read(s->net, file, prefixes[i], NULL, NULL);
    }
    return adi_module_read(s->net, file, "student.", NULL, NULL);
}

static ad_status read_modules(ad_student *s, const adi_safetensors *file)
{
    char prefix[16];
    if (s->flow) {
        ADI_TRY(read_flow(s, file));
        return read_ast_student(s, file);
    }
    if (s->options.kind == AD_STUDENT_MASKED_RD)
        return read_rd(s, file);
    ADI_TRY(read_net(s, file));
    for (int32_t i = 1; adi_student_module(s, i); i++) {
        adi_student_prefix(s->options.kind, i, prefix, sizeof prefix);
        ADI_TRY(adi_module_read(adi_student_module(s, i), file, prefix, NULL, NULL));
    }
    return AD_OK;
}

static ad_status check_kind(const adi_safetensors *file)
{
    const char *kind = adi_st_meta(file, "adfeat.kind"), *format = adi_st_meta(file, "adfeat.format");
    if (adi_st_is_ours(file)) /* before what it says is believed */
        ADI_TRY(adi_st_verify(file));
    if (!kind)
        return AD_OK; /* somebody else's */
    if (strcmp(kind, "student") != 0)
        return adi_fail(AD_ERR_FORMAT, "this is no student but a %.40s", kind);
    if (!format || strcmp(format, FORMAT) != 0)
        return adi_fail(AD_ERR_UNSUPPORTED, "the student's format is %.20s, this version reads %s",
                        format ? format : "missing", FORMAT);
    return AD_OK;
}

static ad_status check_architecture(const ad_backbone *teacher, const adi_safetensors *file)
{
    const char *name = adi_st_meta(file, "adfeat.architecture"), *mine = teacher->network->graph->name;
    if (name && strcmp(name, mine) != 0)
        return adi_fail(AD_ERR_MISMATCH, "the student is a %.60s, its teacher here a %s", name, mine);
    return AD_OK;
}

/* A digest is that of the layers it learned from, of which fewer may be asked for now. */
static void warn_of_other_teacher(const ad_student *s, const adi_safetensors *file)
{
    const char *digest = adi_st_meta(file, "adfeat.backbone"), *layers = adi_st_meta(file, META "layers");
    const adi_network *net = s->teacher->network;
    char mine[17];
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    snprintf(mine, sizeof mine, "%s", s->digest);
    if (layers && adi_layers_parse(net->graph, layers, taps, &count) == AD_OK)
        adi_network_digest(net, taps, count, mine);
    if (digest && strcmp(digest, mine) != 0)
        adi_log(s->teacher->context, AD_LOG_WARNING,
                "the student learned from a teacher with digest %.16s, this one has %s", digest, mine);
}

ad_status adi_student_read(ad_backbone *teacher, const adi_safetensors *file,
                           const ad_student_options *options, ad_student **out_student)
{
    ad_student_options o;
    ad_student *s = NULL;
    ad_student_options_init(&o, sizeof o);
    ADI_TRY(check_kind(file));
    ADI_TRY(check_architecture(teacher, file));
    if (options)
        o = *options;
    else
        ADI_TRY(adi_student_options_of(file, &o));
    int64_t values = 0;
    for (int32_t i = 0; i < adi_st_count(file); i++)
        values += adi_st_at(file, i)->count;
    ad_status status = adi_student_make_within(teacher, &o, values, &s);
    if (status == AD_ERR_INVALID_ARGUMENT && !options) /* a layer that this teacher does not have */
        status = adi_fail_prefix(AD_ERR_MISMATCH, "the student's metadata: ");
    ADI_TRY(status);
    warn_of_other_teacher(s, file);
    status = read_epochs(s, file);
    if (status == AD_OK)
        status = read_modules(s, file);
    if (status == AD_OK)
        *out_student = s;
    else
        adi_student_release(s);
    return status;
}
