/* AST in a file: its options come back, every flipped bit is found, and what is sound as a file and
 * wrong as a scorer is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ast_case.h"
#include "scorer_changes.h"

/* ---- What comes back ---- */

static void options_in_force(void **state)
{
    const fixture *f = *state;
    static const char *const plain[] = {"layers", "mode", "size", "crop", "resize", "aspect", "mean", "std", "teacher_epochs",
                                        "student_epochs", "batch", "lr", "weight_decay", "clip_norm", "seed", "mask", "mask_norm",
                                        "score", "aggregate", "max_after_upsample", "mask_twice", "validation_share", "split_seed",
                                        "feature_cache", "cache_file", "memory_limit",
                                        "orientation", "significant_bits", "grey16"};
    static const char *const depth[] = {"depth_threshold", "depth_fill", "depth_fill_border", "depth_corners", "depth_dilation"};
    enum { PLAIN = sizeof plain / sizeof *plain, DEPTH = sizeof depth / sizeof *depth };
    for (int32_t mode = 0; mode < MODES; mode++) {
        ad_scorer *scorer = ast_scorer(f->net, mode, "epochs=1, lr=0.00025");
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
        assert_int_equal(info.option_count, PLAIN + (mode ? DEPTH : 0));
        assert_int_equal(info.input_size, INPUT);
        for (int i = 0; i < PLAIN; i++)
            option_of(scorer, plain[i]);
        for (int i = 0; mode && i < DEPTH; i++)
            option_of(scorer, depth[i]);
        assert_string_equal(option_of(scorer, "lr"), "0.00025");
        assert_string_equal(option_of(scorer, "teacher_epochs"), "1");
        ad_scorer_destroy(scorer);
    }
}

static void every_flipped_bit_is_found(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = ast_scorer(f->net, MODE_RGB, "epochs=1");
    check_flipped_bits(f, scorer, 1021);
    ad_scorer_destroy(scorer);
}

/* ---- Files that are sound as files and wrong as scorers ---- */

static void broken_files(void **state)
{
    static const change rgb[] = {
        DATA(AD_ERR_FORMAT, "permute 'permute.0': channel 2 is there twice", "flow.permute.0.index", 0, 2.0f), /* of 5 2 1 .. */
        DATA(AD_ERR_FORMAT, "permute 'permute.1': entry 2 is 0.5, 0 to 5 is possible", "flow.permute.1.index", 2, 0.5f),
        DATA(AD_ERR_FORMAT, "permute 'permute.0': entry 1 is 6, 0 to 5", "flow.permute.0.index", 1, 6.0f),
        DATA(AD_ERR_FORMAT, "permute 'permute.0': entry 1 is -1", "flow.permute.0.index", 1, -1.0f),
        DATA(AD_ERR_NUMERIC, "flow.permute.0.index", "flow.permute.0.index", 1, NAN),
        DATA(AD_ERR_MISMATCH, "permute.0.index", "flow.permute.0.index", -1, 0.0f),
        DATA(AD_ERR_MISMATCH, "coupling.0.r1.conv1.weight", "flow.coupling.0.r1.conv1.weight", -1, 0.0f),
        DATA(AD_ERR_MISMATCH, "coupling.1.r2.gamma", "flow.coupling.1.r2.gamma", -1, 0.0f),
        DATA(AD_ERR_MISMATCH, "conv2.bias", "student.conv2.bias", -1, 0.0f),
        DATA(AD_ERR_NUMERIC, "student.conv2.weight", "student.conv2.weight", 3, INFINITY),
        DATA(AD_ERR_NUMERIC, "flow.coupling.0.r2.gamma", "flow.coupling.0.r2.gamma", 0, NAN),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.layers'", "adfeat.option.layers", NULL, NULL),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.mode'", "adfeat.option.mode", NULL, NULL),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.mask_twice'", "adfeat.option.mask_twice", NULL, NULL),
        META(AD_ERR_FORMAT, "has no 'adfeat.graph.flow'", "adfeat.graph.flow", NULL, NULL),
        META(AD_ERR_FORMAT, "has no 'adfeat.graph.student'", "adfeat.graph.student", NULL, NULL),
        META(AD_ERR_FORMAT, "option mode: 'rgbd' is none of rgb, depth, combi", "adfeat.option.mode", NULL, "rgbd"),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.depth_threshold'", "adfeat.option.mode", NULL, "depth"),
        META(AD_ERR_FORMAT, "the scorer's metadata: 2 layers, ast takes one", "adfeat.option.layers", NULL, "layer1,layer2"),
        META(AD_ERR_FORMAT, "the flow reads 6 channels and the student 6, not 4", "adfeat.option.layers", NULL, "layer1"),
        META(AD_ERR_FORMAT, "option batch: '0' is not a whole number from 1 to 1024", "adfeat.option.batch", NULL, "0"),
        META(AD_ERR_FORMAT, "option lr", "adfeat.option.lr", NULL, "-1"),
        META(AD_ERR_FORMAT, "option score: 'both' is none of student, teacher", "adfeat.option.score", NULL, "both"),
        META(AD_ERR_FORMAT, "mask is soft, which needs depth: the mode is rgb", "adfeat.option.mask", NULL, "soft"),
        META(AD_ERR_FORMAT, "'adfeat.graph.flow' has 1 outputs, not 2", "adfeat.graph.flow", "tap z <- coupling.1\n", ""),
        META(AD_ERR_FORMAT, "output 0 of the networks is 8x8x3, not 8x8x6", "adfeat.graph.flow", "tap z <- coupling.1\n",
             "tap z <- coupling.1.x1\n"),
        META(AD_ERR_FORMAT, "output 2 of the networks is 8x8x6, not 8x8x1", "adfeat.graph.flow", "tap logdet <- coupling.1.sum1",
             "tap logdet <- coupling.1"),
        META(AD_ERR_MISMATCH, "", "adfeat.graph.flow", "channels=6", "channels=8"),
        META(AD_ERR_MISMATCH, "", "adfeat.graph.student", "out=6 kernel=3 pad=1 bias=1\ntap", "out=5 kernel=3 pad=1 bias=1\ntap"),
        META(AD_ERR_FORMAT, "", "adfeat.graph.student", "conv2d", "conv3d"),
        META(AD_ERR_FORMAT, "no proper 'adfeat.images'", "adfeat.images", NULL, NULL),
        META(AD_ERR_FORMAT, "no proper 'adfeat.normal_score'", "adfeat.normal_score", NULL, "inf"),
        META(AD_ERR_FORMAT, "no proper 'adfeat.normal_map'", "adfeat.normal_map", NULL, "-1"),
    };
    static const change combi[] = {
        META(AD_ERR_FORMAT, "the flow reads 70 channels and the student 70, not 64", "adfeat.option.mode", NULL, "depth"),
        META(AD_ERR_FORMAT, "the flow reads 70 channels and the student 70, not 6", "adfeat.option.mode", NULL, "rgb"),
        META(AD_ERR_FORMAT, "option depth_threshold", "adfeat.option.depth_threshold", NULL, "0"),
        META(AD_ERR_FORMAT, "option depth_dilation", "adfeat.option.depth_dilation", NULL, "65"),
        META(AD_ERR_FORMAT, "option depth_corners: 'any' is none of reject, nearest", "adfeat.option.depth_corners", NULL, "any"),
        META(AD_ERR_FORMAT, "is not for depth, which is taken whole", "adfeat.option.crop", NULL, "30"),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.depth_fill'", "adfeat.option.depth_fill", NULL, NULL),
    };
    const fixture *f = *state;
    ad_scorer *scorer = ast_scorer(f->net, MODE_RGB, "epochs=1");
    check_changes(f, scorer, rgb, sizeof rgb / sizeof *rgb);
    ad_scorer_destroy(scorer);
    scorer = ast_scorer(f->net, MODE_COMBI, "epochs=1, mask=none");
    check_changes(f, scorer, combi, sizeof combi / sizeof *combi);
    ad_scorer_destroy(scorer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_in_force),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests_name("ast_file", tests, set_up_resnet, tear_down);
}
