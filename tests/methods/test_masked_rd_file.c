/* Masked reverse distillation in a file: its options come back, every flipped bit is found, and what is
 * sound as a file and wrong as a scorer is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rd_case.h"
#include "scorer_changes.h"

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
        META(AD_ERR_FORMAT, "the student has 3 outputs for 2 levels", "adfeat.option.levels", NULL, "13"),
        META(AD_ERR_FORMAT, "the scorer's metadata: 2 layers, masked_rd takes 3", "adfeat.option.layers", NULL, "layer1,layer2"),
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
        cmocka_unit_test(options_in_force),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests_name("masked_rd_file", tests, set_up_rd, tear_down);
}
