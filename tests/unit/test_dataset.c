/* Folders as datasets: what is taken, in which order, and what is refused rather than left out silently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder_case.h"

static void flat_folder(void **state)
{
    (void)state;
    folder("flat");
    grey("flat/b.png", 4);
    grey("flat/a.PNG", 4);
    grey("flat/.hidden.png", 4);
    text_file("flat/notes.txt");
    log_line[0] = '\0';
    for (int split = AD_SPLIT_TRAIN; split <= AD_SPLIT_TEST; split++) {
        ad_dataset *d = open_split("flat", (ad_split)split);
        assert_int_equal(ad_dataset_count(d), 2);
        assert_true(ends_with(sample(d, 0).name, "flat/a.PNG"));
        assert_int_equal(sample(d, 1).label, 0);
        assert_int_equal(sample(d, 1).has_mask, 0);
        ad_image mask;
        assert_int_equal(ad_dataset_read_mask(d, 0, NULL, &mask), AD_ERR_UNSUPPORTED);
        ad_sample s = {.struct_size = sizeof s};
        assert_int_equal(ad_dataset_get(d, 2, &s), AD_ERR_INVALID_ARGUMENT);
        assert_int_equal(ad_dataset_get(d, -1, &s), AD_ERR_INVALID_ARGUMENT);
        ad_dataset_destroy(d);
    }
    assert_non_null(strstr(log_line, "1 files that are not images were skipped"));
}

static void mvtec_layout(void **state)
{
    (void)state;
    folder("cat/train/good");
    folder("cat/test/good");
    folder("cat/test/scratch");
    folder("cat/test/unmasked");
    folder("cat/ground_truth/scratch");
    grey("cat/train/good/000.png", 4);
    grey("cat/test/good/000.png", 4);
    grey("cat/test/scratch/000.png", 4);
    grey("cat/test/unmasked/000.png", 4);
    refused("cat", AD_SPLIT_TEST, AD_ERR_FORMAT, "has no mask");
    grey("cat/ground_truth/scratch/000_mask.png", 4);
    ad_dataset *d = open_split("cat", AD_SPLIT_TRAIN);
    assert_int_equal(ad_dataset_count(d), 1);
    assert_string_equal(sample(d, 0).group, "good");
    ad_dataset_destroy(d);
    d = open_split("cat", AD_SPLIT_TEST);
    assert_int_equal(ad_dataset_count(d), 3);
    assert_int_equal(sample(d, 0).label, 0);
    assert_string_equal(sample(d, 1).group, "scratch");
    assert_int_equal(sample(d, 1).label, 1);
    assert_int_equal(sample(d, 1).has_mask, 1);
    assert_int_equal(sample(d, 2).label, 1);
    assert_int_equal(sample(d, 2).has_mask, 0);
    ad_image mask;
    assert_int_equal(ad_dataset_read_mask(d, 1, NULL, &mask), AD_OK);
    assert_int_equal(((const uint8_t *)mask.pixels)[0], 255); /* 200 in the file */
    assert_int_equal(((const uint8_t *)mask.pixels)[1], 0);
    ad_image_release(&mask);
    ad_dataset_destroy(d);
}

static void refused_folders(void **state)
{
    (void)state;
    refused("nowhere", AD_SPLIT_TRAIN, AD_ERR_IO, "No such file or directory");
    folder("empty");
    refused("empty", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "holds no image (0 other files); JPEG, PNG, BMP");
    text_file("empty/readme.md");
    refused("empty", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "(1 other files)");
    folder("mixed");
    grey("mixed/a.png", 4);
    text_file("mixed/b.gif");
    refused("mixed", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "holds 'b.gif', which is not read: JPEG, PNG, BMP");
    folder("both/train/good");
    grey("both/train/good/a.png", 4);
    grey("both/b.png", 4);
    refused("both", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "which are the good ones?");
    folder("train_only/train/good");
    refused("train_only", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "holds no image");
    grey("train_only/train/good/a.png", 4);
    refused("train_only", AD_SPLIT_TEST, AD_ERR_FORMAT, "has no folder test, which layout mvtec_ad has");
    folder("train_only/test");
    refused("train_only", AD_SPLIT_TEST, AD_ERR_FORMAT, "no folder of images in it");
    refused("flat/notes.txt", AD_SPLIT_TRAIN, AD_ERR_IO, "Not a directory");
}

static void broken_image_in_a_fit(void **state)
{
    (void)state;
    char *weights = tiny_path("weights");
    assert_int_equal(tiny_weights(weights, ""), 0);
    folder("broken");
    grey("broken/a.png", 8);
    text_file("broken/b.png");
    ad_backbone *net = NULL;
    ad_fitter *fit = NULL;
    ad_scorer *scorer = NULL;
    assert_int_equal(tiny_open(context, weights, &net), AD_OK);
    assert_int_equal(ad_fitter_create(net, "gaussian", NULL, &fit), AD_OK);
    ad_dataset *d = open_split("broken", AD_SPLIT_TRAIN);
    assert_int_equal(ad_fit(fit, d, NULL, &scorer), AD_ERR_FORMAT);
    assert_non_null(strstr(ad_last_error_message(), "broken/b.png"));
    assert_null(scorer);
    assert_int_equal(ad_fitter_count(fit), 1); /* what came before it is kept */
    ad_dataset_destroy(d);
    /* an image of which nobody said that it is good is not learned in silence */
    const char *paths[] = {in("broken/a.png")};
    static const int32_t unknown[] = {-1};
    assert_int_equal(ad_dataset_open_list(context, paths, unknown, 1, &d), AD_OK);
    log_line[0] = '\0';
    const ad_status status = ad_fit(fit, d, NULL, &scorer);
    assert_true(status == AD_OK || status == AD_ERR_NUMERIC); /* one image twice is no statistics */
    assert_non_null(strstr(log_line, "1 of 1 images are of unknown label: they are learned"));
    ad_scorer_destroy(scorer);
    ad_dataset_destroy(d);
    ad_fitter_destroy(fit);
    ad_backbone_destroy(net);
    unlink(weights);
    free(weights);
}

static void lists(void **state)
{
    (void)state;
    const char *paths[] = {in("flat/b.png"), in("flat/a.PNG")};
    const int32_t labels[] = {1, -1}, bad[] = {0, 2};
    ad_dataset *d = NULL;
    assert_int_equal(ad_dataset_open_list(context, paths, labels, 2, &d), AD_OK);
    assert_int_equal(sample(d, 0).label, 1);
    assert_int_equal(sample(d, 1).label, -1);
    ad_dataset_destroy(d);
    d = NULL;
    assert_int_equal(ad_dataset_open_list(context, paths, bad, 2, &d), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_dataset_open_list(context, paths, NULL, 0, &d), AD_ERR_INVALID_ARGUMENT);
    assert_null(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_folder),           cmocka_unit_test(mvtec_layout),
        cmocka_unit_test(refused_folders),       cmocka_unit_test(lists),
        cmocka_unit_test(broken_image_in_a_fit),
    };
    return cmocka_run_group_tests_name("dataset", tests, set_up, tear_down);
}
