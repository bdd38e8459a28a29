/* Masked reverse distillation in a file: the bits come back, alone and onto a shared backbone, every flipped one is found, and
 * what is sound as a file and wrong as a scorer is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rd_case.h"
#include "scorer_changes.h"

static void a_file_keeps_its_bits(void **state)
{
    const fixture *f = *state;
    static const char *const settings[RD_KINDS] = {"", "combine=product, blur_sigma=0",
                                                   "preset=mrkd_flm, validation_share=0",
                                                   "lr=2e-3, beta1=0.9"};
    for (int32_t kind = 0; kind < RD_KINDS; kind++) {
        ad_student *s = rd_student(f->net, kind, 3);
        ad_scorer *scorer = rd_few(s, settings[kind], FEW);
        ad_student_destroy(s); /* the scorer has all it needs */
        ad_scorer *loaded = check_file(f, scorer, kind & 1);
        assert_true(score_of(scorer, 400, 1, NULL) == score_of(loaded, 400, 1, NULL));
        ad_scorer_destroy(loaded);
        ad_scorer_destroy(scorer);
    }
}

static void options_in_force(void **state)
{
    const fixture *f = *state;
    static const char *const keys[] = {"layers", "levels", "size", "crop", "resize", "aspect", "mean", "std", "epochs", "batch",
                                       "loss", "lr", "beta1", "beta2", "weight_decay", "seed", "validation_share", "split_seed",
                                       "patience", "combine", "blur_sigma", "feature_cache", "memory_limit",
                                       "orientation", "significant_bits", "grey16"};
    enum { KEYS = sizeof keys / sizeof *keys };
    ad_scorer *scorer = rd_scorer(f->net, 3, "epochs=1, lr=0.00025");
    ad_scorer_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
    assert_string_equal(info.method, "masked_rd");
    assert_true(info.has_map && info.input_size == RD_INPUT && info.option_count == KEYS);
    for (int i = 0; i < KEYS; i++)
        option_of(scorer, keys[i]);
    assert_string_equal(option_of(scorer, "lr"), "0.00025");
    assert_string_equal(option_of(scorer, "levels"), "23");
    assert_string_equal(option_of(scorer, "layers"), "layer1,layer2,layer3");
    ad_scorer_destroy(scorer);
}

/* A student that was saved and loaded goes where the other goes that was not. */
static void a_student_goes_on(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < RD_KINDS; kind++) {
        ad_student *s = rd_student(f->net, kind, 3), *later = NULL;
        ad_scorer *scorer = rd_few(s, "", FEW);
        assert_int_equal(s->epochs_trained, 2);
        assert_int_equal(ad_student_save(s, f->file), AD_OK);
        assert_int_equal(ad_student_load(f->net, f->file, NULL, NULL, &later), AD_OK);
        assert_true(same_student(s, later));
        ad_scorer_destroy(scorer);
        scorer = rd_few(s, "seed=6", FEW);
        ad_scorer *same = rd_few(later, "seed=6", FEW);
        assert_true(same_student(s, later));
        check_same(scorer, same, 0.0);
        ad_scorer_destroy(same);
        same = rd_few(later, "epochs=0", FEW); /* made of what is there, without a step */
        check_same(scorer, same, 0.0);
        assert_int_equal(later->epochs_trained, 4);
        ad_scorer_destroy(same);
        ad_scorer_destroy(scorer);
        ad_student_destroy(later);
        ad_student_destroy(s);
    }
}

static void every_flipped_bit_is_found(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = rd_scorer(f->net, 0, "epochs=1");
    check_flipped_bits(f, scorer, 1511);
    ad_scorer_destroy(scorer);
}

static void broken_files(void **state)
{
#define GRAPH "adfeat.graph.student"
    static const change changes[] = {
        DATA(AD_ERR_MISMATCH, "msff.conv1.weight", "student.msff.conv1.weight", -1, 0.0f),
        DATA(AD_ERR_MISMATCH, "scconv.SRU.gn", "student.scconv.SRU.gn.weight", -1, 0.0f),
        DATA(AD_ERR_MISMATCH, "GWC.weight", "student.scconv.CRU.GWC.weight", -1, 0.0f),
        DATA(AD_ERR_MISMATCH, "generation1.2.bias", "student.generation1.2.bias", -1, 0.0f),
        DATA(AD_ERR_MISMATCH, "decoder.layer2.0.conv1", "student.decoder.layer2.0.conv1.weight", -1, 0.0f),
        DATA(AD_ERR_NUMERIC, "student.generation1.2.weight", "student.generation1.2.weight", 3, INFINITY),
        DATA(AD_ERR_NUMERIC, "student.scconv.SRU.gn.bias", "student.scconv.SRU.gn.bias", 0, NAN),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.layers'", "adfeat.option.layers", NULL, NULL),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.levels'", "adfeat.option.levels", NULL, NULL),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.beta2'", "adfeat.option.beta2", NULL, NULL),
        META(AD_ERR_FORMAT, "has no '" GRAPH "'", GRAPH, NULL, NULL),
        META(AD_ERR_FORMAT, "option levels: '4' is none of all, 1, 2, 12", "adfeat.option.levels", NULL, "4"),
        META(AD_ERR_FORMAT, "the student has 3 results for 2 levels", "adfeat.option.levels", NULL, "13"),
        META(AD_ERR_FORMAT, "the scorer's metadata: 2 layers, not 3", "adfeat.option.layers", NULL, "layer1,layer2"),
        META(AD_ERR_FORMAT, "layer 'layer2' has 8x8 positions at an input of 64x64, reverse distillation needs 16x16",
             "adfeat.option.layers", NULL, "layer2,layer3,layer4"),
        META(AD_ERR_FORMAT, "an input of 60x60 for reverse distillation: multiples of 32", "adfeat.option.crop", NULL, "60"),
        META(AD_ERR_FORMAT, "option lr", "adfeat.option.lr", NULL, "-1"),
        META(AD_ERR_FORMAT, "option loss: 'mean' is none of position, flat", "adfeat.option.loss", NULL, "mean"),
        META(AD_ERR_FORMAT, "all inputs but the first have a scale", GRAPH, "channels=6 scale=2", "channels=6"),
        META(AD_ERR_FORMAT, "the student reads 8x8x6 where layer1 has 16x16x4", GRAPH,
             "input e2 : channels=6 scale=2\ninput e1 : channels=4 scale=4\n",
             "input e1 : channels=4 scale=4\ninput e2 : channels=6 scale=2\n"),
        META(AD_ERR_FORMAT, "the student makes 8x8x6 where layer1 has 16x16x4", GRAPH, "tap g1 <- generation3.2\n",
             "tap g1 <- decoder.layer2.0.out\n"),
        META(AD_ERR_FORMAT, "4 groups do not divide 2 and 10 channels", GRAPH, "CRU.squeeze1 : out=8 kernel=3 pad=1 groups=2",
             "CRU.squeeze1 : out=10 kernel=3 pad=1 groups=4"),
        META(AD_ERR_FORMAT, "", GRAPH, "sru", "sra"),
        META(AD_ERR_FORMAT, "no proper 'adfeat.images'", "adfeat.images", NULL, NULL),
        META(AD_ERR_FORMAT, "no proper 'adfeat.normal_map'", "adfeat.normal_map", NULL, "-1"),
    };
#undef GRAPH
    const fixture *f = *state;
    ad_scorer *scorer = rd_scorer(f->net, 0, "epochs=1");
    check_changes(f, scorer, changes, sizeof changes / sizeof *changes);
    ad_scorer_destroy(scorer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_keeps_its_bits),      cmocka_unit_test(options_in_force),
        cmocka_unit_test(a_student_goes_on),          cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests_name("masked_rd_file", tests, set_up_rd, tear_down);
}
