/* STFPM from pixels to scores on a tiny ResNet, with U-Nets and without: its map is the definition's,
 * it learns and separates, and what its options mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stfpm_definition.h"

/* ---- It learns ---- */

static void learns_and_separates(void **state)
{
    const fixture *f = *state;
    static const char *const settings[2] = {"epochs=30, batch=8, lr=0.2",
                                            "epochs=40, pretrain_epochs=20, batch=8, lr=0.2, "
                                            "unet_lr=1e-2, pretrain_lr=1e-2"};
    for (int32_t kind = 0; kind < 2; kind++) {
        ad_student *s = mini_student(f->net, kind, 1);
        ad_scorer *before = train_few(
            s, kind ? "epochs=1, lr=1e-12, pretrain_lr=1e-12, unet_lr=1e-12" : "epochs=1, lr=1e-12",
            GOOD);
        ad_scorer *after = train_few(s, settings[kind], GOOD);
        ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_scorer_get_info(before, &x), AD_OK);
        assert_int_equal(ad_scorer_get_info(after, &y), AD_OK);
        assert_true(y.normal_map < 0.2 * x.normal_map);
        ad_scorer_destroy(before);
        float worst_good = 0.0f, best_bad = INFINITY;
        double inside = 0.0, all = 0.0;
        for (int64_t i = 100; i < 110; i++) {
            float heat[MAP];
            worst_good = fmaxf(worst_good, score_of(after, i, 0, NULL));
            best_bad = fminf(best_bad, score_of(after, i, 1, heat));
            for (int p = 0; p < MAP; p++) {
                const int column = p % TINY_SIDE, row = p / TINY_SIDE;
                inside += column >= 20 && column < 28 && row >= 8 && row < 16 ? heat[p] / 64.0 : 0.0;
                all += heat[p] / MAP;
            }
        }
        assert_true(best_bad > worst_good);
        assert_true(inside > 1.5 * all);
        ad_scorer_destroy(after);
        ad_student_destroy(s);
    }
}

/* ---- What options mean, told by the first step's loss ---- */

static double first_loss(const fixture *f, int32_t kind, const char *settings)
{
    ad_student *s = mini_student(f->net, kind, 3);
    ad_fitter *fit = mini_fitter(s, settings);
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

static void near(double a, double b)
{
    if (fabs(a - b) > 1e-6 * fabs(b))
        fail_msg("%.9g is not %.9g", a, b);
}

/* Of the similarity alone, with a batch of three. */
static double similarity(const fixture *f, int32_t kind, const char *settings)
{
    char text[200];
    snprintf(text, sizeof text, "epochs=1, batch=3%s, %s",
             kind ? ", rec_weight=0, pretrain_epochs=0" : "", settings);
    return first_loss(f, kind, text);
}

static void what_losses_mean(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < 2; kind++) {
        const double plain = similarity(f, kind, ""), first = similarity(f, kind, "layer_weights=1,0,0");
        const double second = similarity(f, kind, "layer_weights=0,1,0");
        near(similarity(f, kind, "loss_half=0"), 2.0 * plain);
        near(similarity(f, kind, "loss_batch=sum"), 3.0 * plain);
        near(similarity(f, kind, "layer_weights=2,2,2"), 2.0 * plain);
        near(similarity(f, kind, "layer_weights=0,0,1"), plain - first - second);
        near(similarity(f, kind, "optimizer=adam, lr=0.001"), plain);
        assert_true(fabs(similarity(f, kind, "seed=1") - plain) > 1e-6 * plain); /* other images */
    }
    const double similar = first_loss(f, 1, "epochs=1, pretrain_epochs=0, rec_weight=0");
    const double rebuilt = first_loss(f, 1, "epochs=1, pretrain_epochs=0, sim_weight=0");
    near(first_loss(f, 1, "epochs=1, pretrain_epochs=0"), similar + rebuilt);
    near(first_loss(f, 1, "epochs=1, pretrain_epochs=0, rec_weight=3, sim_weight=0.5"),
         0.5 * similar + 3.0 * rebuilt);
    near(first_loss(f, 1, "epochs=1, pretrain_epochs=0, rec_stopgrad=1"), similar + rebuilt);
    assert_true(first_loss(f, 1, "epochs=1, pretrain_epochs=0, sim_weight=0, rec_target=teacher")
                != rebuilt);
}

/* Each of these leads somewhere else. */
static void options_matter(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {
        "", "momentum=0", "weight_decay=0.1", "optimizer=adam, lr=0.01", "clip_norm=0.01", "seed=2",
        "split_seed=2", "lr=0.1", "validation_share=0", "batch=4",
        /* with U-Nets */
        "pretrain_epochs=0", "pretrain_lr=1e-2", "unet_lr=1e-2", "unet_weight_decay=0.5", "rec_weight=2",
        "sim_weight=2", "rec_target=teacher", "rec_stopgrad=1"};
    enum { COUNT = sizeof settings / sizeof *settings, PLAIN = 10 };
    for (int32_t kind = 0; kind < 2; kind++) {
        ad_student *all[COUNT] = {NULL};
        const int count = kind ? COUNT : PLAIN;
        for (int i = 0; i < count; i++) {
            all[i] = mini_student(f->net, kind, 3);
            ad_scorer_destroy(train_few(all[i], settings[i], FEW));
            for (int j = 0; j < i; j++)
                if (same_student(all[i], all[j]))
                    fail_msg("'%s' and '%s' end with the same student", settings[i], settings[j]);
        }
        for (int i = 0; i < count; i++)
            ad_student_destroy(all[i]);
    }
}

/* ---- Files ---- */

static void a_file_keeps_its_bits(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {
        "", "combine=sum, combine_at=20, layer_weights=0.1,2,1e-3, optimizer=adam, lr=0.01"};
    for (int32_t kind = 0; kind < 2; kind++)
        for (int embed = 0; embed < 2; embed++) {
            ad_student *s = mini_student(f->net, kind, 3);
            ad_scorer *scorer = train_few(s, settings[embed], FEW);
            ad_student_destroy(s); /* the scorer has all it needs */
            assert_string_equal(option_of(scorer, "layers"), "layer1,layer2,layer3");
            assert_string_equal(option_of(scorer, "layer_weights"), embed ? "0.1,2,0.001" : "1,1,1");
            assert_string_equal(option_of(scorer, "combine_at"), embed ? "20" : "0");
            ad_scorer *loaded = check_file(f, scorer, embed);
            ad_scorer_destroy(loaded);
            ad_scorer_destroy(scorer);
        }
}

/* ---- Backends ---- */

/* cpu goes where ref goes, as far as rounding lets it: Adam's first steps make much of gradients that are all
 * but 0, and with the rate of 0.4 two steps of SGD do: batch norm over the two values of a 1x1 map is a sign. (There,
 * ref with its convolutions moved by 1e-7 ends 1e-2 away from itself; with 0.02, 2e-7.) */
static void backends_agree(void **state)
{
    (void)state;
    for (int32_t kind = 0; kind < 2; kind++) {
        double losses[2];
        for (int b = 0; b < 2; b++) {
            ad_context_options o;
            ad_context *context = NULL;
            ad_context_options_init(&o, sizeof o);
            o.device = b ? "cpu" : "ref";
            assert_int_equal(ad_context_create(&o, &context), AD_OK);
            ad_backbone *net = mini_teacher(context);
            ad_student *s = mini_student(net, kind, 3);
            ad_fitter *fit = mini_fitter(s, kind ? "" : "lr=0.02");
            ad_scorer *scorer = NULL;
            listener l;
            const ad_fit_options fo = listen(&l, s, NULL);
            add_range(fit, 0, FEW);
            assert_int_equal(ad_fit(fit, NULL, &fo, &scorer), AD_OK);
            losses[b] = l.validation;
            free(l.values);
            ad_scorer_destroy(scorer);
            ad_fitter_destroy(fit);
            ad_student_destroy(s);
            ad_backbone_destroy(net);
            ad_context_destroy(context);
        }
        assert_true(fabs(losses[0] - losses[1]) <= (kind ? 1e-2 : 1e-5) * losses[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_is_the_definition),
        cmocka_unit_test(validation_is_the_definition),
        cmocka_unit_test(learns_and_separates),
        cmocka_unit_test(what_losses_mean),
        cmocka_unit_test(options_matter),
        cmocka_unit_test(a_file_keeps_its_bits),
        cmocka_unit_test(backends_agree),
    };
    return cmocka_run_group_tests_name("stfpm", tests, set_up_resnet, tear_down);
}
