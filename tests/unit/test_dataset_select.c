/* Parts of a dataset: which images, what they keep, and that they outlive what they were made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder_case.h"

static ad_dataset *category(void)
{
    folder("cat/train/good");
    folder("cat/test/good");
    folder("cat/test/scratch");
    folder("cat/ground_truth/scratch");
    grey("cat/train/good/000.png", 4);
    grey("cat/test/good/000.png", 4);
    grey("cat/test/scratch/000.png", 5);
    grey("cat/test/scratch/001.png", 6);
    grey("cat/ground_truth/scratch/000_mask.png", 5);
    grey("cat/ground_truth/scratch/001_mask.png", 6);
    return open_split("cat", AD_SPLIT_TEST);
}

static void order_and_properties(void **state)
{
    (void)state;
    ad_dataset *all = category(), *part = NULL;
    const int64_t indices[] = {2, 0, 2};
    assert_int_equal(ad_dataset_select(all, indices, 3, &part), AD_OK);
    ad_dataset_destroy(all);
    assert_int_equal(ad_dataset_count(part), 3);
    for (int64_t i = 0; i < 3; i += 2) {
        assert_true(ends_with(sample(part, i).name, "test/scratch/001.png"));
        assert_string_equal(sample(part, i).group, "scratch");
        assert_int_equal(sample(part, i).label, 1);
        ad_image image, mask;
        assert_int_equal(ad_dataset_read_image(part, i, NULL, &image), AD_OK);
        assert_int_equal(ad_dataset_read_mask(part, i, NULL, &mask), AD_OK);
        assert_int_equal(image.width, 6);
        assert_int_equal(mask.width, 6);
        ad_image_release(&image);
        ad_image_release(&mask);
    }
    assert_true(ends_with(sample(part, 1).name, "test/good/000.png"));
    assert_int_equal(sample(part, 1).has_mask, 0);
    ad_dataset_destroy(part);
}

static void says(ad_status got, ad_status want, const char *part, ad_dataset *const *d)
{
    assert_string_equal(ad_status_name(got), ad_status_name(want));
    assert_null(*d);
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' does not say '%s'", ad_last_error_message(), part);
}

static int no_image(void *user, int64_t index, ad_image *out_image)
{
    (void)user;
    (void)index;
    (void)out_image;
    return 1;
}

static void refusals(void **state)
{
    (void)state;
    ad_dataset *all = category(), *part = all;
    const int64_t beyond[] = {0, 3}, before[] = {-1};
    says(ad_dataset_select(all, beyond, 2, &part), AD_ERR_INVALID_ARGUMENT, "image 3 of a dataset of 3", &part);
    says(ad_dataset_select(all, before, 1, &part), AD_ERR_INVALID_ARGUMENT, "image -1 of a dataset of 3", &part);
    says(ad_dataset_select(all, before, 0, &part), AD_ERR_INVALID_ARGUMENT, "count is 0", &part);
    says(ad_dataset_select(NULL, before, 1, &part), AD_ERR_INVALID_ARGUMENT, "NULL", &part);
    says(ad_dataset_select(all, NULL, 1, &part), AD_ERR_INVALID_ARGUMENT, "NULL", &part);
    ad_dataset *made = NULL;
    assert_int_equal(ad_dataset_from_callback(context, no_image, NULL, 4, &made), AD_OK);
    says(ad_dataset_select(made, (const int64_t[]){0}, 1, &part), AD_ERR_UNSUPPORTED, "callback", &part);
    ad_dataset_destroy(made);
    ad_dataset_destroy(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_and_properties, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
