/* What a student consists of: defaults, text, ranges. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/options.h"
#include "methods/option_rows.h"
#include "methods/student.h"

const char *const adi_student_kind_words[4] = {"stfpm", "stfpm_unet", "ast", "masked_rd"};
static const char *const head_words[] = {"none", "conv1x1"};
static const char *const mode_words[] = {"rgb", "depth", "combi"};
static const char *const msff_words[] = {"conv", "concat"};
static const char *const gate_words[] = {"hard", "soft"};
static const char *const softmax_words[] = {"two_way", "joint"};
const char *const adi_level_words[8] = {"all", "1", "2", "12", "3", "13", "23", "123"};
static const char *const mask_words[] = {"none", "seeded"};

void ad_student_options_init(ad_student_options *options, size_t struct_size)
{
    const ad_student_options defaults = {.struct_size = sizeof defaults,
                                         .unet_depth = 2,
                                         .flow_blocks = 4,
                                         .student_blocks = 4,
                                         .student_hidden = 1024,
                                         .positions = 32,
                                         .leaky = 0.2,
                                         .sru = 1,
                                         .cru = 1,
                                         .simam = 1,
                                         .gn_groups = 4,
                                         .fmm = 1,
                                         .fmm_align = 1,
                                         .mask_rate = 0.2};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

/* group: the kinds that have it, a bit each; a plain student has no U-Nets to speak of. 0: not said of a student. */
enum {
    UNET = 1 << AD_STUDENT_STFPM_UNET,
    AST = 1 << AD_STUDENT_AST,
    RD = 1 << AD_STUDENT_MASKED_RD,
    ALL = UNET | AST | RD | 1 << AD_STUDENT_STFPM
};
#define AT(field) offsetof(ad_student_options, field)
static const adi_option_row rows[] = {
    {"kind", ADI_CHOICE, AT(kind), 0, 3, adi_student_kind_words, 4, ALL},
    {"seed", ADI_SEED, AT(seed), 0, UINT32_MAX, NULL, 0, 0},
    {"unet_head", ADI_CHOICE, AT(unet_head), 0, 1, head_words, 2, UNET},
    {"unet_depth", ADI_INTEGER, AT(unet_depth), 1, 2, NULL, 0, UNET},
    {"unet_convs", ADI_INTEGER, AT(unet_convs), 0, 2, NULL, 0, UNET},
    {"mode", ADI_CHOICE, AT(mode), 0, 2, mode_words, 3, AST},
    {"flow_blocks", ADI_INTEGER, AT(flow_blocks), 1, ADI_AST_MAX_BLOCKS, NULL, 0, AST},
    {"flow_hidden", ADI_INTEGER, AT(flow_hidden), 0, ADI_AST_MAX_HIDDEN, NULL, 0, AST},
    {"student_blocks", ADI_INTEGER, AT(student_blocks), 1, ADI_AST_MAX_BLOCKS, NULL, 0, AST},
    {"student_hidden", ADI_INTEGER, AT(student_hidden), 1, ADI_AST_MAX_HIDDEN, NULL, 0, AST},
    {"positions", ADI_INTEGER, AT(positions), 4, ADI_AST_MAX_POSITIONS, NULL, 0, AST},
    {"alpha", ADI_REAL, AT(alpha), 0, 64, NULL, 0, AST},
    {"leaky", ADI_REAL, AT(leaky), 1e-6, 1, NULL, 0, AST},
    {"msff_out", ADI_CHOICE, AT(msff_out), 0, 1, msff_words, 2, RD},
    {"sru", ADI_INTEGER, AT(sru), 0, 1, NULL, 0, RD},
    {"cru", ADI_INTEGER, AT(cru), 0, 1, NULL, 0, RD},
    {"simam", ADI_INTEGER, AT(simam), 0, 1, NULL, 0, RD},
    {"gate", ADI_CHOICE, AT(gate), 0, 1, gate_words, 2, RD},
    {"gn_groups", ADI_INTEGER, AT(gn_groups), 1, ADI_MAX_CHANNELS, NULL, 0, RD},
    {"cru_softmax", ADI_CHOICE, AT(cru_softmax), 0, 1, softmax_words, 2, RD},
    {"fmm", ADI_INTEGER, AT(fmm), 0, 1, NULL, 0, RD},
    {"fmm_align", ADI_INTEGER, AT(fmm_align), 0, 1, NULL, 0, RD},
    {"levels", ADI_CHOICE, AT(levels), 0, 7, adi_level_words, 8, RD},
    {"mask_rate", ADI_REAL, AT(mask_rate), 0, 0.999999, NULL, 0, RD},
    {"eval_mask", ADI_CHOICE, AT(eval_mask), 0, 1, mask_words, 2, RD},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const adi_preset presets[] = {
    {"ast", {{"leaky", "0.2"}}},
    {"ast_official", {{"leaky", "0.01"}}},
    {"masked_rd", {{"msff_out", "conv"}, {"scsatt", "1"}, {"fmm", "1"}, {"fmm_align", "1"}}},
    {"rd4ad", {{"msff_out", "concat"}, {"scsatt", "0"}, {"fmm", "0"}}},
    {"mrkd_flm", {{"msff_out", "concat"}, {"scsatt", "0"}, {"fmm", "1"}, {"fmm_align", "0"}}},
};

ad_status adi_student_set(void *full, const char *key, const char *value)
{
    ad_student_options *o = full;
    if (strcmp(key, "preset") == 0)
        return adi_preset_apply(value, presets, sizeof presets / sizeof *presets, adi_student_set, o);
    if (strcmp(key, "layers") == 0) {
        o->layers = value;
        return AD_OK;
    }
    if (strcmp(key, "scsatt") == 0) {
        ADI_TRY(adi_text_int(key, value, 0, 1, &o->sru));
        o->cru = o->simam = o->sru;
        return AD_OK;
    }
    const adi_option_row *row = adi_row_find(rows, ROWS, key);
    return row ? adi_row_set(row, o, value) : adi_rows_unknown(rows, ROWS, key, "", "scsatt, layers, preset");
}

ad_status ad_student_options_set(ad_student_options *options, const char *key, const char *value)
{
    ADI_CHECK_ARG(options && key && value, "ad_student_options_set: an argument is NULL");
    ad_student_options full;
    ad_student_options_init(&full, sizeof full);
    return adi_options_set(options, &full, sizeof full, "ad_student_options", adi_student_set, key, value);
}

ad_status adi_student_check(const ad_student_options *o)
{
    ADI_CHECK_RESERVED(*o, reserved, "ad_student_options");
    ADI_CHECK_RESERVED(*o, reserved2, "ad_student_options");
    ADI_TRY(adi_rows_check(rows, ROWS, o));
    ADI_CHECK_ARG(o->positions % 4 == 0, "positions is %d, a multiple of 4 is needed", o->positions);
    ADI_CHECK_ARG(o->alpha == 0.0 || o->alpha >= 1e-3, "alpha is %g, 0.001 to 64 is possible", o->alpha);
    return AD_OK;
}

const char *adi_student_option(const ad_student *student, int32_t index, char *value)
{
    const ad_student_options *o = &student->options;
    if (index == 1) {
        snprintf(value, ADI_OPTION_TEXT, "%s", o->layers);
        return "layers";
    }
    for (int32_t i = 0; i < ROWS; i++) { /* layers stands behind the kind */
        if (!(rows[i].group & 1 << o->kind) || (i > 0 && index < 2))
            continue;
        if (i == 0 ? index == 0 : index-- == 2) {
            adi_row_text(&rows[i], o, value, ADI_OPTION_TEXT);
            return rows[i].key;
        }
    }
    return NULL;
}
