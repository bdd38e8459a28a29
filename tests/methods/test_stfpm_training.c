/* Training STFPM through the public calls: what is refused, what diverges, and what is left of the
 * student then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>

#include "stfpm_case.h"

/* ---- Refused ---- */

/* An image that is refused in between leaves the training as it was, though the teacher has looked at it: also
 * where the batch is of one image, whose features may still be there when it begins anew. */
static void refused_while_cancelled(void **state)
{
    const fixture *f = *state;
    static const char settings[] =
        "epochs=1, feature_cache=0, validation_share=0.3"; /* 2, 2 and 1 to learn from */
    ad_student *want = mini_student(f->net, 0, 3);
    ad_scorer_destroy(train_few(want, settings, FEW));
    for (int32_t step = 1;; step++) {
        ad_student *s = mini_student(f->net, 0, 3);
        ad_fitter *fit = NULL;
        ad_scorer *scorer = NULL;
        uint64_t needed = 0;
        listener l;
        const option_text all = mini_training(s, settings);
        refused(ad_fitter_create_with(s, options("%s, memory_limit=1", all.text).text, &fit),
                AD_ERR_OUT_OF_MEMORY, "memory_limit is 1");
        assert_int_equal(sscanf(strstr(ad_last_error_message(), "takes "), "takes %" SCNu64, &needed), 1);
        const option_text enough =
            options("%s, memory_limit=%" PRIu64, all.text, needed + 26000); /* eight images */
        assert_int_equal(ad_fitter_create_with(s, enough.text, &fit), AD_OK);
        add_range(fit, 0, FEW);
        ad_fit_options fo = listen(&l, s, NULL);
        l.cancel_batch = 2;
        l.cancel_step = step;
        const ad_status status = ad_fit(fit, NULL, &fo, &scorer);
        const int batches = l.batches;
        free(l.values);
        if (status == AD_ERR_CANCELLED && batches == 2) {
            uint8_t pixels[TINY_PIXELS];
            tiny_image(pixels, 500, 1);
            const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
            refused(ad_fitter_add(fit, &image), AD_ERR_OUT_OF_MEMORY, "image 9 brings the fit to");
            assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
            assert_true(same_student(s, want));
        }
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
        ad_student_destroy(s);
        if (status == AD_OK) { /* the batch does not ask so often */
            assert_true(step > 20);
            break;
        }
    }
    ad_student_destroy(want);
}

/* The last batch of an epoch has a single image, whose lowest map has one position: it cannot be trained on. */
static void one_value_left_over(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student_of(f->net, MINI_UNET,
                                    "unet_depth=2"); /* of two poolings: 4 x 4 becomes 1 x 1 */
    ad_scorer *scorer = NULL;
    ad_fitter *fit = mini_fitter(s, "validation_share=0, batch=3");
    add_range(fit, 0, 7);
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_SHAPE,
            "has one value a channel in a batch of 1: more are needed");
    assert_null(scorer);
    add_range(fit, 7, FEW);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    refused(ad_fitter_create_with(s, "size=24", &fit), AD_ERR_SHAPE, /* 3 x 3 cannot be halved */
            "has maps of 6x6, a U-Net of depth 2 needs multiples of 4");
    assert_null(fit);
    ad_student_destroy(s);
}

static void bad_options(void **state)
{
    const fixture *f = *state;
    static const char *const bad[][2] = {
        {"batch=1", "option batch: '1' is not a whole number from 2 to 1024"},
        {"batch=1025", "batch"},
        {"epochs=-1", "epochs"},
        {"lr=0", "lr"},
        {"lr=nan", "lr"},
        {"lr=-0.4", "lr"},
        {"momentum=1", "momentum"},
        {"momentum=inf", "momentum"},
        {"weight_decay=-1e-9", "weight_decay"},
        {"clip_norm=-0.5", "clip_norm"},
        {"optimizer=rmsprop", "option optimizer: 'rmsprop' is none of sgd, adam"},
        {"loss_batch=median", "mean, sum"},
        {"combine=mean", "product, sum"},
        {"combine_at=5000", "combine_at"},
        {"val=loss", "distance, product"},
        {"validation_share=1", "validation_share"},
        {"seed=4294967296", "seed"},
        {"rec_stopgrad=2", "rec_stopgrad"},
        {"rec_target=x", "student, teacher"},
        {"rec_weight=-1", "rec_weight"},
        {"pretrain_epochs=-1", "pretrain_epochs"},
        {"memory_limit=-1", "memory_limit"},
        {"preset=stfpm_unofficial", "stfpm_official"},
        {"learning_rate=0.1", "no option 'learning_rate'"},
        {"learning_rate=0.1", "weight_decay"}, /* all are listed */
        {"unet_depth=1", "ad_student_create()"}, /* says what a student is */
        {"layers=layer1", "ad_student_create()"},
        {"lr=0.1, lr=0.1", "lr stands twice"},
        {"layer_weights=1,1", "layer_weights: '1,1' is not a number for each of 3 layers"},
        {"layer_weights=1,1,1,1", "layer_weights"},
        {"layer_weights=0,0,0", "layer_weights: '0,0,0' leaves nothing to learn"},
        {"layer_weights=1,1,x", "layer_weights"},
        {"layer_weights=1,-1,1", "layer_weights"},
        {"layer_weights=\"1,1,1,\"", "layer_weights"},
        {"layer_weights=", "layer_weights"},
    };
    ad_student *s = mini_student(f->net, MINI_UNET, 3),
               *plain = mini_student(f->net, MINI_STFPM, 3);
    ad_fitter *fit = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(ad_fitter_create_with(s, bad[i][0], &fit), AD_ERR_INVALID_ARGUMENT, bad[i][1]);
        assert_null(fit);
    }
    refused(ad_fitter_create_with(plain, "rec_weight=2", &fit), AD_ERR_INVALID_ARGUMENT,
            "rec_weight");
    refused(ad_fitter_create_with(NULL, "", &fit), AD_ERR_INVALID_ARGUMENT, "NULL");
    ad_student_destroy(plain);
    ad_student_destroy(s);
}

/* ---- A learning rate that diverges ---- */

static void diverges(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"lr=1e12", "lr=1e12, validation_share=0",
                                           "lr=1e12, validation_share=0, batch=8",
                                           "optimizer=adam, lr=1e12, weight_decay=1e12",
                                           /* a single step, which no loss comes after */
                                           "lr=1e12, validation_share=0, batch=8, epochs=1"};
    for (int32_t kind = 0; kind < 2; kind++)
        for (int i = 0; i < 5; i++) {
            ad_student *s = mini_student(f->net, kind, 3), *untouched = mini_student(f->net, kind, 3);
            const char *usual =
                kind ? "epochs=40, clip_norm=0, pretrain_epochs=0" : "epochs=40, clip_norm=0";
            const option_text all = options_over(usual, settings[i]);
            ad_fitter *fit = mini_fitter(s, all.text);
            ad_scorer *scorer = NULL;
            listener l;
            const ad_fit_options o = listen(&l, s, folder);
            forget();
            add_range(fit, 0, FEW);
            const ad_status status = ad_fit(fit, NULL, &o, &scorer);
            size_t count;
            float *values = student_values(s, &count);
            for (size_t k = 0; k < count; k++)
                if (!isfinite(values[k]))
                    fail_msg("'%s' leaves a student that is not finite", all.text);
            refused(status, AD_ERR_NUMERIC,
                    i < 4 ? "a lower learning rate may help; the student is back at its parameters of"
                          : "the student's distances are not finite");
            assert_null(scorer);
            if (!l.epochs)
                assert_true(same_student(s, untouched));
            assert_int_equal(ad_student_save(s, f->file), AD_OK); /* which can be loaded again */
            ad_student *loaded = NULL;
            assert_int_equal(ad_student_load(f->net, f->file, NULL, NULL, &loaded), AD_OK);
            ad_student_destroy(loaded);
            free(values);
            free(l.values);
            ad_scorer_destroy(scorer);
            ad_fitter_destroy(fit);
            ad_student_destroy(untouched);
            ad_student_destroy(s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_while_cancelled),
        cmocka_unit_test(one_value_left_over),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(diverges),
    };
    return cmocka_run_group_tests_name("stfpm_training", tests, set_up_folder, tear_down_folder);
}
