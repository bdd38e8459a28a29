/* AST fitters, trainings and scorers on the tiny ResNet with frames of pixels and depth, for the tests of the method. */
#ifndef ADFEAT_TESTS_AST_CASE_H
#define ADFEAT_TESTS_AST_CASE_H

#include "methods/ast.h"
#include "student_training.h"

enum { MODES = 3, SIDE = 8, POSITIONS = SIDE * SIDE }; /* of layer2 for an input of 32 */

static const char *const mode_names[MODES] = {"rgb", "depth", "combi"};

/* mode: an ad_ast_mode. layer2 has 6 channels at 8 x 8 positions. */
static inline ad_student *ast_student(ad_backbone *net, int32_t mode, uint64_t seed)
{
    ad_student_options o = mini_student_options(AD_STUDENT_AST);
    ad_student *s = NULL;
    o.layers = "layer2";
    o.mode = mode;
    o.seed = seed;
    if (ad_student_create_old(net, &o, &s) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return s;
}

/* Two epochs of three steps for each network: eight images, two held out, batches of two. `settings`: "key=value
 * key=value". */
static inline ad_ast_options ast_options(const char *settings)
{
    static char texts[8][700]; /* cache_dir is not copied */
    static int next;
    ad_ast_options o;
    ad_ast_options_init(&o, sizeof o);
    o.preprocess.size = INPUT;
    o.teacher_epochs = o.student_epochs = 2;
    o.batch = 2;
    o.lr = 1e-3;
    o.validation_share = 0.25;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0], "%s", settings);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value = '\0';
        if (ad_ast_options_set(&o, word, value + 1) != AD_OK)
            fail_msg("%s=%s: %s", word, value + 1, ad_last_error_message());
    }
    return o;
}

static inline ad_fitter *ast_fitter(ad_student *s, const char *settings)
{
    const ad_ast_options o = ast_options(settings);
    ad_fitter *out = NULL;
    if (ad_ast_fitter_create(s, &o, &out) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return out;
}

/* Images 0 .. count - 1, trained to the end. */
static inline ad_scorer *ast_few(ad_student *s, const char *settings, int64_t count)
{
    ad_fitter *fit = ast_fitter(s, settings);
    ad_scorer *scorer = NULL;
    add_range(fit, 0, count);
    if (ad_fitter_finish(fit, &scorer) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    ad_fitter_destroy(fit);
    return scorer;
}

/* The same of a student that is not asked for any more. */
static inline ad_scorer *ast_scorer(ad_backbone *net, int32_t mode, const char *settings)
{
    ad_student *s = ast_student(net, mode, 3);
    ad_scorer *scorer = ast_few(s, settings, FEW);
    ad_student_destroy(s);
    return scorer;
}

#endif
