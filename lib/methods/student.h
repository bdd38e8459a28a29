/* A student: a network like its teacher, randomly initialised, and for some methods a U-Net for every layer, or a flow over
 * the teacher's features and a network that learns from that, or what re-creates them (student_networks.c); what it consists of as text
 * (student_options.c); as a file (student_file.c). */
#ifndef ADI_METHODS_STUDENT_H
#define ADI_METHODS_STUDENT_H

#include "methods/method.h"
#include "nn/arch_ast.h"
#include "nn/arch_rd.h"
#include "nn/arch_unet.h"
#include "nn/module.h"
#include "vision/depth.h"

enum { ADI_STUDENT_MAX_LAYERS = 8 };

struct ad_student {
    atomic_int refs;
    ad_backbone *teacher; /* owned reference */
    ad_student_options options; /* nothing left to default; layers points to `layers` */
    char *layers;
    char digest[17];      /* of the teacher up to these layers */
    int32_t taps[ADI_STUDENT_MAX_LAYERS], tap_count;
    adi_module *flow;     /* of AST; else NULL */
    adi_module *net;
    adi_module *unets[ADI_STUDENT_MAX_LAYERS]; /* one a layer, or all NULL */
    int64_t epochs_trained;
    adi_use use;
    int64_t trainings; /* begun or gone on with: which values a fit has left is told by this */
};

static inline int adi_ast_has_depth(int32_t mode)
{
    return mode != AD_AST_RGB;
}

/* What a flow reads of a layer with so many features. */
static inline int64_t adi_ast_features(int32_t mode, int64_t features)
{
    return mode == AD_AST_DEPTH ? 0 : features;
}

static inline int64_t adi_ast_channels(int32_t mode, int64_t features)
{
    return adi_ast_features(mode, features) + (adi_ast_has_depth(mode) ? ADI_DEPTH_UNSHUFFLE * ADI_DEPTH_UNSHUFFLE : 0);
}

/* An ad_levels as a bit for each level: that is what its values are, but for ALL. */
static inline int32_t adi_level_bits(int32_t levels)
{
    return levels == AD_LEVELS_ALL ? AD_LEVELS_123 : levels;
}

/* student_options.c: ad_student_options_set() of a full struct; what is in range; the words of kinds. */
ad_status adi_student_set(void *full, const char *key, const char *value);
ad_status adi_student_check(const ad_student_options *options);
extern const char *const adi_student_kind_words[4], *const adi_level_words[8]; /* of ad_levels */
/* A student with zeros as parameters; `options` in full. */
ad_status adi_student_make(ad_backbone *teacher, const ad_student_options *options, ad_student **out_student);
/* The same of a file that holds so many values: AD_ERR_MISMATCH where the networks would have more, before they are made. */
ad_status adi_student_make_within(ad_backbone *teacher, const ad_student_options *options, int64_t values,
                                  ad_student **out_student);
/* Option `index` as text; its key, or NULL past the last. value holds ADI_OPTION_TEXT bytes. */
const char *adi_student_option(const ad_student *student, int32_t index, char *value);
ad_student *adi_student_retain(ad_student *student);
void adi_student_release(ad_student *student);

/* What the U-Net of a layer is, or would be. */
adi_unet_options adi_student_unet_options(const ad_student *s, int32_t layer);
/* The modules one after the other: the network, then the U-Nets, or the flow, then the network; NULL past the last. */
adi_module *adi_student_module(const ad_student *student, int32_t index);
/* What stands before the names of a module's tensors in a file: "student.", "ae.1.", ..., or "flow.", "student.". */
void adi_student_prefix(int32_t kind, int32_t index, char *out, size_t size);

/* student_file.c */
/* Options as a file says them, the others at their defaults. Strings are the file's. */
ad_status adi_student_options_of(const adi_safetensors *file, ad_student_options *out_options);
ad_status adi_student_read(ad_backbone *teacher, const adi_safetensors *file,
                           const ad_student_options *options, ad_student **out_student);
ad_status adi_student_write(const ad_student *student, const char *path);

#endif
