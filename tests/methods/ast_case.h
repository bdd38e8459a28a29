/* AST fitters, trainings and scorers on the tiny ResNet with frames of pixels and depth, for the tests of the method. */
#ifndef ADFEAT_TESTS_AST_CASE_H
#define ADFEAT_TESTS_AST_CASE_H

#include "methods/ast.h"
#include "student_training.h"

enum { MODES = 3, SIDE = 8, POSITIONS = SIDE * SIDE }; /* of layer2 for an input of 32 */

enum { MODE_RGB, MODE_DEPTH, MODE_COMBI };
static const char *const mode_names[MODES] = {"rgb", "depth", "combi"};

/* mode: of mode_names. layer2 has 6 channels at 8 x 8 positions. */
static inline ad_student *ast_student(ad_backbone *net, int32_t mode, uint64_t seed)
{
    return mini_student_of(
        net, MINI_AST,
        options("layers=layer2, mode=%s, seed=%" PRIu64, mode_names[mode], seed).text);
}

/* Two epochs of three steps for each network: eight images, two held out, batches of two. */
static const char ast_training[] = "size=32, epochs=2, batch=2, lr=1e-3, validation_share=0.25";

static inline ad_fitter *ast_fitter(ad_student *s, const char *settings)
{
    ad_fitter *out = NULL;
    if (ad_fitter_create_with(s, options_over(ast_training, settings).text, &out) != AD_OK)
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
