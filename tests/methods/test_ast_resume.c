/* AST trainings that are cancelled anywhere, in either phase, and go on, in this process or from a checkpoint in another,
 * end with the same bits; checkpoints of other trainings are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ast_case.h"

/* ---- Interrupted ---- */

static const student_method ast = {ast_student, ast_fitter};

static void cancelled_and_resumed(void **state)
{
    char with_file[700];
    snprintf(with_file, sizeof with_file,
             "feature_cache=0, cache_file=10000000, cache_dir=%s, validation_share=0.3", folder);
    for (int resume = 0; resume < 2; resume++) {
        interrupted(*state, &ast, MODE_RGB, "", resume);
        interrupted(*state, &ast, MODE_COMBI,
                    "validation_share=0, mask=soft, clip_norm=0.5, batch=3", resume);
        interrupted(*state, &ast, MODE_DEPTH, with_file, resume);
        interrupted(*state, &ast, MODE_RGB, "teacher_epochs=0, student_epochs=3", resume);
    }
}

/* An image that is refused in between leaves the training as it was. */
static void refused_while_cancelled(void **state)
{
    const fixture *f = *state;
    ad_student *want = ast_student(f->net, MODE_COMBI, 3), *s = ast_student(f->net, MODE_COMBI, 3);
    ad_fitter *fit = ast_fitter(s, "");
    ad_scorer *scorer = NULL;
    listener l;
    ad_fit_options o = listen(&l, s, NULL);
    tiny_frame frame;
    ad_image image = tiny_rgbd(&frame, 500, 1);
    ad_scorer_destroy(ast_few(want, "", FEW));
    l.cancel_at = 100;
    add_range(fit, 0, FEW);
    refused(ad_fit(fit, NULL, &o, &scorer), AD_ERR_CANCELLED, "cancelled");
    free(l.values);
    image.depth = NULL;
    refused(ad_fitter_add(fit, &image), AD_ERR_INVALID_ARGUMENT, "no depth plane");
    assert_int_equal(ad_fitter_count(fit), FEW);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    assert_true(same_student(s, want));
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
    ad_student_destroy(want);
}

/* ---- Checkpoints of others ---- */

static void checkpoints_of_others(void **state)
{
    const fixture *f = *state;
    for (int batches = 2; batches <= 8; batches += 6) { /* of six for the teacher, six for the student */
        checkpoint_for(f, &ast, MODE_COMBI, "", batches);
        resume_from(f, &ast, MODE_COMBI, "teacher_epochs=3", 0, FEW, AD_ERR_MISMATCH,
                    "teacher_epochs is 2 in the checkpoint and 3 now");
        resume_from(f, &ast, MODE_COMBI, "lr=0.002", 0, FEW, AD_ERR_MISMATCH,
                    "lr is 0.001 in the checkpoint and 0.002 now");
        resume_from(f, &ast, MODE_COMBI, "", 1, FEW, AD_ERR_MISMATCH, "features is ");
        resume_from(f, &ast, MODE_COMBI, "depth_fill=2, size=40", 0, FEW, AD_ERR_MISMATCH,
                    "features is ");
        resume_from(f, &ast, MODE_COMBI, "mask=soft", 0, FEW, AD_ERR_MISMATCH, "features is ");
        resume_from(f, &ast, MODE_COMBI, "", 0, FEW + 1, AD_ERR_MISMATCH,
                    "image_count is 8 in the checkpoint and 9 now");
        resume_from(f, &ast, MODE_COMBI, "mask_norm=all", 0, FEW, AD_ERR_MISMATCH,
                    "mask_norm is foreground in the checkpoint");
        resume_from(f, &ast, MODE_RGB, "", 0, FEW, AD_ERR_MISMATCH,
                    "student.mode is combi in the checkpoint and rgb now");
        resume_from(f, &ast, MODE_COMBI,
                    "student_epochs=4, score=teacher, aggregate=mean, mask_twice=1, "
                    "max_after_upsample=1, feature_cache=200000, "
                    "memory_limit=100000000",
                    0, FEW, AD_OK, "");
    }
    put_file(checkpoint, "no checkpoint", 13);
    resume_from(f, &ast, MODE_RGB, "", 0, FEW, AD_ERR_FORMAT, checkpoint);
    forget();
}

/* Fewer epochs of the student than were asked for, then the rest: as if all had been asked for. */
static void more_epochs_later(void **state)
{
    const fixture *f = *state;
    ad_student *want = ast_student(f->net, MODE_RGB, 3), *s = ast_student(f->net, MODE_RGB, 3);
    ad_scorer *scorer = NULL;
    ad_scorer_destroy(ast_few(want, "student_epochs=5, validation_share=0", FEW));
    forget();
    for (int i = 0; i < 2; i++) {
        ad_fitter *fit = ast_fitter(s, i ? "student_epochs=5, validation_share=0"
                                         : "student_epochs=3, validation_share=0");
        ad_fit_options o;
        ad_fit_options_init(&o, sizeof o);
        o.checkpoint_dir = folder;
        o.resume = 1;
        add_range(fit, 0, FEW);
        assert_int_equal(ad_fit(fit, NULL, &o, &scorer), AD_OK);
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
    }
    assert_true(same_student(s, want));
    assert_int_equal(s->epochs_trained, 5);
    ad_student_destroy(s);
    ad_student_destroy(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_and_resumed),
        cmocka_unit_test(refused_while_cancelled),
        cmocka_unit_test(checkpoints_of_others),
        cmocka_unit_test(more_epochs_later),
    };
    return cmocka_run_group_tests_name("ast_resume", tests, set_up_folder, tear_down_folder);
}
