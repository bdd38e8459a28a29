/* Trainings of masked reverse distillation that are cancelled anywhere and go on, in this process or from a checkpoint in
 * another, end with the same bits, masks included; checkpoints of other trainings are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rd_case.h"

static const student_method rd = {rd_student, rd_fitter};

static void cancelled_and_resumed(void **state)
{
    for (int resume = 0; resume < 2; resume++) {
        interrupted(*state, &rd, 0, "", resume);
        interrupted(*state, &rd, 1, "preset=rd4ad, validation_share=0, batch=3, feature_cache=0",
                    resume);
        interrupted(*state, &rd, 3, "patience=1, feature_cache=30000", resume);
    }
}

static void checkpoints_of_others(void **state)
{
    const fixture *f = *state;
    checkpoint_for(f, &rd, 0, "", 2);
    resume_from(f, &rd, 0, "lr=0.002", 0, FEW, AD_ERR_MISMATCH, "lr is 0.001 in the checkpoint and 0.002 now");
    resume_from(f, &rd, 0, "beta1=0.9", 0, FEW, AD_ERR_MISMATCH, "beta1 is 0.5 in the checkpoint and 0.9 now");
    resume_from(f, &rd, 0, "loss=flat", 0, FEW, AD_ERR_MISMATCH, "loss is position in the checkpoint and flat now");
    resume_from(f, &rd, 0, "", 1, FEW, AD_ERR_MISMATCH, "images is ");
    resume_from(f, &rd, 0, "", 0, FEW + 1, AD_ERR_MISMATCH, "image_count is 8 in the checkpoint and 9 now");
    resume_from(f, &rd, 3, "", 0, FEW, AD_ERR_MISMATCH, "gate is hard in the checkpoint and soft now");
    resume_from(f, &rd, 1, "", 0, FEW, AD_ERR_MISMATCH, "msff_out is conv in the checkpoint and concat now");
    resume_from(f, &rd, 0,
                "epochs=3, patience=2, feature_cache=0, memory_limit=100000000, combine=product, "
                "blur_sigma=0",
                0, FEW, AD_OK, "");
    put_file(checkpoint, "no checkpoint", 13);
    resume_from(f, &rd, 0, "", 0, FEW, AD_ERR_FORMAT, checkpoint);
    forget();
}

/* Fewer epochs than were asked for, then the rest: as if all had been asked for. */
static void more_epochs_later(void **state)
{
    const fixture *f = *state;
    ad_student *want = rd_student(f->net, 0, 3), *s = rd_student(f->net, 0, 3);
    ad_scorer *scorer = NULL;
    ad_scorer_destroy(rd_few(want, "epochs=5, validation_share=0", FEW));
    forget();
    for (int i = 0; i < 2; i++) {
        ad_fitter *fit =
            rd_fitter(s, i ? "epochs=5, validation_share=0" : "epochs=3, validation_share=0");
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
        cmocka_unit_test(checkpoints_of_others),
        cmocka_unit_test(more_epochs_later),
    };
    return cmocka_run_group_tests_name("masked_rd_resume", tests, set_up_rd_folder, tear_down_folder);
}
