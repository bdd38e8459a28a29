/* Masked reverse distillation from pixels to scores on a tiny ResNet: it learns and localises, what the
 * switches and options mean, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rd_case.h"

/* The mean over the defect's square. */
static double heat_inside(const float *heat)
{
    double sum = 0.0;
    for (int p = 0; p < MAP; p++)
        sum += p % TINY_SIDE >= 20 && p % TINY_SIDE < 28 && p / TINY_SIDE >= 8 && p / TINY_SIDE < 16 ? heat[p] / 64.0 : 0.0;
    return sum;
}

/* Distances of good images become small, and where there is a defect the map becomes hotter. */
static void learns_and_localises(void **state)
{
    const fixture *f = *state;
    static const char *const settings[RD_KINDS] = {"", "loss=flat", "", ""};
    for (int32_t kind = 0; kind < RD_KINDS; kind++) {
        char text[128];
        ad_student *s = rd_student(f->net, kind, 1);
        ad_scorer *before = rd_few(s, "epochs=0", GOOD);
        snprintf(text, sizeof text, "epochs=20, batch=8, lr=0.01, %s", settings[kind]);
        ad_scorer *after = rd_few(s, text, GOOD);
        ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_scorer_get_info(before, &x), AD_OK);
        assert_int_equal(ad_scorer_get_info(after, &y), AD_OK);
        assert_true(y.normal_map < 0.5 * x.normal_map);
        ad_scorer_destroy(before);
        double good = 0.0, bad = 0.0;
        for (int64_t i = 40; i < 50; i++) { /* whose pattern lies as the learned ones' do */
            float heat[MAP], most = 0.0f;
            score_of(after, i, 0, heat);
            good += heat_inside(heat);
            const float score = score_of(after, i, 1, heat);
            bad += heat_inside(heat);
            for (int p = 0; p < MAP; p++)
                most = fmaxf(most, heat[p]);
            assert_true(most <= score * (1.0f + 1e-6f)); /* of its own, larger map the score is the maximum */
        }
        if (bad <= 1.3 * good)
            fail_msg("kind %d: a defect's square has %g, without it %g", kind, bad, good);
        ad_scorer_destroy(after);
        ad_student_destroy(s);
    }
}

/* ---- What the switches mean ---- */

static int64_t parameters(const fixture *f, const char *settings)
{
    ad_student *s = rd_student_of(f->net, settings, 3);
    ad_student_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    ad_student_destroy(s);
    return info.parameter_count;
}

/* Channels are 4, 6 and 8; a batch norm has two parameters a channel. */
static void switches(void **state)
{
    const fixture *f = *state;
    const int64_t all = parameters(f, "");
    assert_int_equal(parameters(f, "sru=0"), all); /* the hard gate's normalisation is not trained */
    assert_int_equal(parameters(f, "gate=soft"), all + 2 * 8);
    assert_int_equal(parameters(f, "simam=0"), all);
    const int64_t cru = 2 * (4 * 2) + (8 * 1 * 9 + 8) + 2 * 8 + 2 * 6;
    assert_int_equal(parameters(f, "cru=0"), all - cru);
    assert_int_equal(parameters(f, "scsatt=0"), all - cru);
    const int64_t align = 4 * 4 + 4 + 6 * 6 + 6 + 8 * 8 + 8;
    assert_int_equal(parameters(f, "fmm_align=0"), all - align);
    const int64_t generators = 2 * (4 * 4 * 9 + 4 + 6 * 6 * 9 + 6 + 8 * 8 * 9 + 8);
    assert_int_equal(parameters(f, "fmm=0"), all - align - generators);
    const int64_t narrowing = 24 * 8 + 2 * 8, embedding = 16 * 9 * 16 + 16 * 16; /* of 24 channels instead of 8 */
    assert_int_equal(parameters(f, "msff_out=concat, scsatt=0"), all - cru - narrowing + embedding);
    assert_int_equal(parameters(f, "preset=rd4ad"), all - cru - narrowing + embedding - align - generators);
    assert_int_equal(parameters(f, "preset=mrkd_flm"), all - cru - narrowing + embedding - align);
    /* Without the widest level its generator goes, and the decoder's last stage. */
    const int64_t stage = 6 * 4 * 4 + 8 + 4 * 4 * 9 + 8 + 6 * 4 * 4 + 8, generator = 4 * 4 + 4 + 2 * (4 * 4 * 9 + 4);
    assert_int_equal(parameters(f, "levels=23"), all - stage - generator);
    assert_int_equal(parameters(f, "levels=13"), all - (6 * 6 + 6 + 2 * (6 * 6 * 9 + 6)));
}

/* ---- What options mean, told by the first step's loss ---- */

static double first_loss(const fixture *f, const char *student, const char *settings)
{
    ad_student *s = rd_student_of(f->net, student, 3);
    ad_fitter *fit = rd_fitter(s, settings);
    ad_scorer *scorer = NULL;
    listener l;
    const ad_fit_options o = listen(&l, s, NULL);
    add_range(fit, 0, FEW);
    if (ad_fit(fit, NULL, &o, &scorer) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    free(l.values);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
    return l.first_loss;
}

static void what_losses_mean(void **state)
{
    const fixture *f = *state;
    const double flat = first_loss(f, "", "epochs=1, loss=flat"),
                 all = first_loss(f, "", "epochs=1");
    assert_true(all > 0.0 && all < 6.0 && flat > 0.0 && flat < 6.0 && fabs(all - flat) > 1e-3);
    assert_true(first_loss(f, "", "epochs=1, seed=1") != all); /* other images, other masks */
    assert_true(first_loss(f, "mask_rate=0", "epochs=1") != all);
    assert_true(first_loss(f, "mask_rate=0.9", "epochs=1") != all);
    assert_true(first_loss(f, "eval_mask=seeded", "epochs=1") == all); /* says nothing of training */
}

static void options_matter(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"", "weight_decay=0.1", "beta1=0.9", "beta2=0.9", "seed=2", "split_seed=2", "lr=0.01",
                                           "validation_share=0", "batch=4", "loss=flat", "epochs=1"};
    enum { COUNT = sizeof settings / sizeof *settings };
    ad_student *all[COUNT] = {NULL};
    for (int i = 0; i < COUNT; i++) {
        all[i] = rd_student(f->net, 0, 3);
        ad_scorer_destroy(rd_few(all[i], settings[i], FEW));
        for (int j = 0; j < i; j++)
            if (same_student(all[i], all[j]))
                fail_msg("'%s' and '%s' end with the same student", settings[i], settings[j]);
    }
    for (int i = 0; i < COUNT; i++)
        ad_student_destroy(all[i]);
}

/* The same student scored in other ways. */
static void ways_to_score(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"epochs=0", "epochs=0, combine=product",
                                           "epochs=0, blur_sigma=0"};
    ad_student *s = rd_student(f->net, 0, 3);
    float score[3], heat[3][MAP];
    for (int i = 0; i < 3; i++) {
        ad_scorer *scorer = rd_few(s, settings[i], FEW);
        score[i] = score_of(scorer, 300, 0, heat[i]);
        ad_scorer_destroy(scorer);
    }
    assert_true(score[2] > score[0] && score[1] != score[0]);
    double rough = 0.0, smooth = 0.0; /* steps from one value to the next */
    for (int i = 1; i < MAP; i++) {
        rough += fabs((double)heat[2][i] - heat[2][i - 1]);
        smooth += fabs((double)heat[0][i] - heat[0][i - 1]);
    }
    assert_true(smooth < rough);
    ad_student_destroy(s);
}

/* Masks are drawn while it is trained; scores are the same every time, and with eval_mask others. */
static void masks_when_it_scores(void **state)
{
    const fixture *f = *state;
    float score[2];
    for (int i = 0; i < 2; i++) {
        ad_student *s =
            rd_student_of(f->net, i ? "eval_mask=seeded, mask_rate=0.5" : "mask_rate=0.5", 3);
        ad_scorer *scorer = rd_few(s, "", FEW);
        score[i] = score_of(scorer, 300, 1, NULL);
        for (int k = 0; k < 3; k++)
            assert_true(score_of(scorer, 300, 1, NULL) == score[i]);
        ad_scorer_destroy(scorer);
        ad_student_destroy(s);
    }
    assert_true(score[0] != score[1]);
}

/* ---- What is refused ---- */

static void students_refused(void **state)
{
    const fixture *f = *state;
    static const char *const bad[][2] = {
        {"mask_rate=1", "option mask_rate: '1'"},
        {"mask_rate=-0.1", "option mask_rate: '-0.1'"},
        {"mask_rate=nan", "option mask_rate"},
        {"gn_groups=3", "gn_groups is 3, which does not divide the 8 channels"},
        {"gn_groups=0", "gn_groups"},
        {"levels=0", "'0' is none of all, 1, 2, 12, 3, 13, 23, 123"},
        {"layers=layer1,layer2", "takes the layers layer1,layer2,layer3, not layer1,layer2"},
        {"preset=rd", "rd4ad"},
        {"unet_depth=1", "unet_depth"},
        {"epochs=1", "epochs"},
    };
    ad_student *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(ad_student_create(f->net, "masked_rd", bad[i][0], &s), AD_ERR_INVALID_ARGUMENT,
                bad[i][1]);
        assert_null(s);
    }
    ad_backbone *other = mini_teacher(f->context);
    refused(ad_student_create(other, "masked_rd", NULL, &s), AD_ERR_UNSUPPORTED,
            "reverse distillation needs a ResNet as teacher, which mini is not: it has no layer3");
    ad_backbone_destroy(other);
}

static void fitters_refused(void **state)
{
    const fixture *f = *state;
    ad_student *s = rd_student(f->net, 0, 3);
    static const struct {
        const char *options, *part;
        ad_status status;
    } bad[] = {
        {"size=80", "an input of 80x80 for reverse distillation: multiples of 32 are possible",
         AD_ERR_SHAPE},
        {"memory_limit=100000", "memory_limit is 100000", AD_ERR_OUT_OF_MEMORY},
        {"batch=1", "option batch: '1'", AD_ERR_INVALID_ARGUMENT},
        {"epoch=1", "no option 'epoch'", AD_ERR_INVALID_ARGUMENT},
        {"epoch=1", "epochs", AD_ERR_INVALID_ARGUMENT},
        {"momentum=0.9", "no option 'momentum'", AD_ERR_INVALID_ARGUMENT}, /* which stfpm has */
        {"mask=none", "no option 'mask'", AD_ERR_INVALID_ARGUMENT},        /* which ast has */
        {"mask_rate=0.1", "ad_student_create()",
         AD_ERR_INVALID_ARGUMENT}, /* says what a student is */
        {"lr=1, lr=1", "lr stands twice", AD_ERR_INVALID_ARGUMENT},
    };
    ad_fitter *fit = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(ad_fitter_create_with(s, bad[i].options, &fit), bad[i].status, bad[i].part);
        assert_null(fit);
    }
    refused(ad_fitter_create_with(NULL, "epochs=1", &fit), AD_ERR_INVALID_ARGUMENT, "NULL");
    ad_student_destroy(s);
}

/* A rate so high that the loss is lost: the student keeps its best parameters. */
static void a_loss_that_is_not_finite(void **state)
{
    const fixture *f = *state;
    ad_student *s = rd_student(f->net, 0, 3), *untouched = rd_student(f->net, 0, 3);
    ad_fitter *fit = rd_fitter(s, "lr=1e12, weight_decay=1e12, validation_share=0, epochs=9");
    ad_scorer *scorer = NULL;
    add_range(fit, 0, FEW);
    const ad_status status = ad_fitter_finish(fit, &scorer);
    if (status == AD_OK) /* batch norm forgives much */
        ad_scorer_destroy(scorer);
    else
        refused(status, AD_ERR_NUMERIC, "a lower learning rate may help");
    ad_fitter_destroy(fit);
    ad_student_destroy(untouched);
    ad_student_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_and_localises),
        cmocka_unit_test(switches),
        cmocka_unit_test(what_losses_mean),
        cmocka_unit_test(options_matter),
        cmocka_unit_test(ways_to_score),
        cmocka_unit_test(masks_when_it_scores),
        cmocka_unit_test(students_refused),
        cmocka_unit_test(fitters_refused),
        cmocka_unit_test(a_loss_that_is_not_finite),
    };
    return cmocka_run_group_tests_name("masked_rd", tests, set_up_rd, tear_down);
}
