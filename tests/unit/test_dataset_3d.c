/* Folders in MVTec 3D-AD layout: pixels, depth and masks of one name in folders side by side, and what is refused where one
 * of them is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder_case.h"
#include "harness/fault_alloc.h"
#include "tiff_bytes.h"

enum { SIDE = 4 };

/* Millimetres `first`, first + 1, ... */
static void depth_png(const char *name, int64_t side, uint16_t first)
{
    uint16_t z[64];
    for (int i = 0; i < 64; i++)
        z[i] = (uint16_t)(first + i);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO16, z, side, side, 2 * side);
    assert_int_equal(ad_image_write_png(context, &image, in(name)), AD_OK);
}

static void cloud(const char *name, uint32_t side)
{
    const tiff_bytes t = tiff_make((tiff_kind){.samples = 3, .width = side, .height = side});
    FILE *f = fopen(in(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(t.bytes, 1, t.size, f), t.size);
    assert_int_equal(fclose(f), 0);
}

static ad_dataset *open_with(const char *name, ad_split split, int32_t depth, double scale)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    assert_int_equal(o.depth, 1);
    o.split = split;
    o.depth = depth;
    o.depth_scale = scale;
    ad_dataset *d = NULL;
    if (ad_dataset_open(context, in(name), &o, &d) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return d;
}

/* An image of the dataset; without depth where `first` is negative, else its first value. */
static void check_image(const ad_dataset *d, int64_t index, double first)
{
    ad_image image;
    if (ad_dataset_read_image(d, index, NULL, &image) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    assert_true(image.width == SIDE && image.height == SIDE && image.pixels);
    if (first < 0.0) {
        assert_null(image.depth);
        assert_null(image.depth_owner);
    } else {
        assert_true(image.depth_width == SIDE && image.depth_height == SIDE);
        assert_true(image.depth[0] == (float)first);
    }
    ad_image_release(&image);
    assert_null(image.depth);
}

/* Two good images to train on, a good one and two with a hole to test, with depth as 16-bit PNG. */
static void make(const char *name)
{
    static const char *const groups[] = {"train/good", "test/good", "test/hole"};
    static const char *const parts[] = {"rgb", "depth", "gt"};
    char path[200];
    for (int g = 0; g < 3; g++)
        for (int p = 0; p < 3; p++) {
            snprintf(path, sizeof path, "%s/%s/%s", name, groups[g], parts[p]);
            folder(path);
            for (int i = 0; i < (g == 1 ? 1 : 2); i++) {
                snprintf(path, sizeof path, "%s/%s/%s/%03d.png", name, groups[g], parts[p], i);
                if (p == 1)
                    depth_png(path, SIDE, (uint16_t)(500 + 100 * g + 10 * i));
                else
                    grey(path, SIDE);
            }
        }
    snprintf(path, sizeof path, "%s/validation/good/rgb", name); /* is not used: nothing is in it */
    folder(path);
}

static void the_layout(void **state)
{
    (void)state;
    make("cookie");
    ad_dataset *d = open_split("cookie", AD_SPLIT_TRAIN);
    assert_int_equal(ad_dataset_count(d), 2);
    for (int64_t i = 0; i < 2; i++) {
        const ad_sample s = sample(d, i);
        assert_string_equal(s.group, "good");
        assert_int_equal(s.label, 0);
        assert_int_equal(s.has_depth, 1);
        assert_int_equal(s.has_mask, 0); /* what is in gt of good images is black */
        check_image(d, i, 0.001 * (double)(500 + 10 * i));
    }
    assert_true(ends_with(sample(d, 1).name, "cookie/train/good/rgb/001.png"));
    ad_dataset_destroy(d);
    d = open_split("cookie", AD_SPLIT_TEST);
    assert_int_equal(ad_dataset_count(d), 3);
    assert_int_equal(sample(d, 0).label, 0);
    assert_int_equal(sample(d, 0).has_mask, 0);
    for (int64_t i = 1; i < 3; i++) {
        const ad_sample s = sample(d, i);
        assert_string_equal(s.group, "hole");
        assert_int_equal(s.label, 1);
        assert_int_equal(s.has_mask, 1);
        assert_int_equal(s.has_depth, 1);
        check_image(d, i, 0.001 * (double)(700 + 10 * (i - 1)));
        ad_image mask;
        assert_int_equal(ad_dataset_read_mask(d, i, NULL, &mask), AD_OK);
        assert_int_equal(((const uint8_t *)mask.pixels)[0], 255); /* 200 in the file */
        ad_image_release(&mask);
    }
    ad_dataset_destroy(d);
}

static void depth_or_not(void **state)
{
    (void)state;
    ad_dataset *d = open_with("cookie", AD_SPLIT_TEST, 0, 0.0);
    assert_int_equal(ad_dataset_count(d), 3);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(sample(d, i).has_depth, 0);
        check_image(d, i, -1.0);
    }
    assert_int_equal(sample(d, 2).has_mask, 1);
    ad_dataset_destroy(d);
    d = open_with("cookie", AD_SPLIT_TRAIN, 1, 0.01);
    check_image(d, 0, 5.0);
    ad_dataset_destroy(d);
    ad_dataset_options o; /* a caller that was compiled before there was depth gets it, too */
    ad_dataset_options_init(&o, sizeof o);
    o.struct_size = offsetof(ad_dataset_options, depth_scale);
    o.depth = 0;
    o.depth_scale = NAN;
    assert_int_equal(ad_dataset_open(context, in("cookie"), &o, &d), AD_OK);
    check_image(d, 0, 0.5);
    ad_sample short_sample = {.struct_size = offsetof(ad_sample, has_depth), .has_depth = 77};
    assert_int_equal(ad_dataset_get(d, 0, &short_sample), AD_OK);
    assert_int_equal(short_sample.has_depth, 77);
    ad_dataset_destroy(d);
    static const double scales[] = {-1.0, NAN, INFINITY, 2e6};
    for (int i = 0; i < 4; i++) {
        ad_dataset_options_init(&o, sizeof o);
        o.depth_scale = scales[i];
        d = NULL;
        assert_int_equal(ad_dataset_open(context, in("cookie"), &o, &d), AD_ERR_INVALID_ARGUMENT);
        assert_non_null(strstr(ad_last_error_message(), "depth_scale is "));
        assert_null(d);
    }
}

/* xyz goes before depth; its files are opened when they are read. */
static void clouds(void **state)
{
    (void)state;
    make("rope");
    folder("rope/train/good/xyz");
    refused("rope", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "rope/train/good/xyz/000.tiff'");
    assert_non_null(strstr(ad_last_error_message(), "has no depth"));
    cloud("rope/train/good/xyz/000.tiff", SIDE);
    cloud("rope/train/good/xyz/001.tiff", SIDE + 1);
    ad_dataset *d = open_split("rope", AD_SPLIT_TRAIN);
    ad_image image = {0};
    assert_int_equal(sample(d, 0).has_depth, 1);
    if (strstr(ad_build_info(), "libtiff 2")) {
        check_image(d, 0, 0.25);
        assert_int_equal(ad_dataset_read_image(d, 1, NULL, &image), AD_ERR_SHAPE);
        assert_non_null(strstr(ad_last_error_message(), "the image is 4x4, the depth file 5x5"));
        assert_non_null(strstr(ad_last_error_message(), "xyz/001.tiff"));
    } else {
        assert_int_equal(ad_dataset_read_image(d, 0, NULL, &image), AD_ERR_UNSUPPORTED);
        assert_non_null(strstr(ad_last_error_message(), "without libtiff"));
    }
    assert_null(image.pixels);
    ad_dataset_destroy(d);
    d = open_with("rope", AD_SPLIT_TRAIN, 0, 0.0);
    check_image(d, 1, -1.0);
    ad_dataset_destroy(d);
}

static void what_is_missing(void **state)
{
    (void)state;
    make("foam");
    assert_int_equal(unlink(in("foam/test/hole/depth/001.png")), 0);
    refused("foam", AD_SPLIT_TEST, AD_ERR_FORMAT, "foam/test/hole/depth/001.png'");
    assert_non_null(strstr(ad_last_error_message(), "foam/test/hole/rgb/001.png' has no depth '"));
    ad_dataset *d = open_with("foam", AD_SPLIT_TEST, 0, 0.0); /* which nobody asks for */
    ad_dataset_destroy(d);
    depth_png("foam/test/hole/depth/001.png", SIDE, 1);
    assert_int_equal(unlink(in("foam/test/hole/gt/000.png")), 0);
    refused("foam", AD_SPLIT_TEST, AD_ERR_FORMAT, "foam/test/hole/rgb/000.png' has no mask in '");
    d = open_split("foam", AD_SPLIT_TRAIN); /* where there are no masks */
    ad_dataset_destroy(d);
    grey("foam/test/hole/gt/000.png", SIDE);
    depth_png("foam/train/good/depth/000.png", SIDE - 1, 1);
    d = open_split("foam", AD_SPLIT_TRAIN);
    ad_image image = {0};
    assert_int_equal(ad_dataset_read_image(d, 0, NULL, &image), AD_ERR_SHAPE);
    assert_null(image.pixels);
    check_image(d, 1, 0.51);
    ad_dataset_destroy(d);
    text_file("foam/train/good/rgb/notes.gif");
    refused("foam", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "holds 'notes.gif', which is not read");
    folder("empty/train/good/rgb");
    refused("empty", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "holds no image");
}

/* Pixels alone, without masks; and one folder of the layout by itself. */
static void parts_of_the_layout(void **state)
{
    (void)state;
    folder("plain/train/good/rgb");
    folder("plain/test/cut/rgb");
    folder("plain/test/good/rgb");
    grey("plain/test/good/rgb/a.png", SIDE);
    grey("plain/train/good/rgb/a.png", SIDE);
    grey("plain/test/cut/rgb/a.png", SIDE);
    ad_dataset *d = open_split("plain", AD_SPLIT_TEST);
    assert_int_equal(sample(d, 0).label, 1);
    assert_int_equal(sample(d, 0).has_depth, 0);
    assert_int_equal(sample(d, 0).has_mask, 0);
    check_image(d, 0, -1.0);
    ad_dataset_destroy(d);
    d = open_split("cookie/train/good", AD_SPLIT_TRAIN);
    assert_int_equal(ad_dataset_count(d), 2);
    assert_string_equal(sample(d, 0).group, "");
    check_image(d, 0, 0.5);
    ad_dataset_destroy(d);
}

/* Frames of a callback: with pixels, with depth, with both, with neither. */
static int frame(void *user, int64_t index, ad_image *out_image)
{
    tiny_frame *f = user;
    *out_image = tiny_rgbd(f, index, 0);
    if (!(index & 1))
        out_image->depth = NULL;
    if (!(index & 2))
        out_image->pixels = NULL;
    return 0;
}

static void callbacks(void **state)
{
    (void)state;
    static tiny_frame f;
    ad_dataset *d = NULL;
    assert_int_equal(ad_dataset_from_callback(context, frame, &f, 4, &d), AD_OK);
    for (int64_t i = 0; i < 4; i++) {
        ad_image image = {0};
        const ad_status status = ad_dataset_read_image(d, i, NULL, &image);
        if (i == 0) {
            assert_int_equal(status, AD_ERR_INVALID_ARGUMENT);
            assert_non_null(strstr(ad_last_error_message(), "image 0 of the callback: image: pixels is NULL"));
            continue;
        }
        assert_int_equal(status, AD_OK);
        assert_ptr_equal(image.depth, i & 1 ? f.depth : NULL);
        assert_ptr_equal(image.pixels, i & 2 ? f.pixels : NULL);
        assert_null(image.owner);
        assert_null(image.depth_owner);
        ad_image_release(&image);
    }
    ad_dataset_destroy(d);
}

/* Every allocation from the folder to an image with its depth. */
static ad_status open_and_read(const char *name, ad_split split, fault_alloc *faults)
{
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.alloc = fault_alloc_get;
    co.free = fault_alloc_put;
    co.alloc_user = faults;
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = split;
    ad_context *c = NULL;
    ad_dataset *d = NULL;
    ad_image image = {0};
    ad_status status = ad_context_create(&co, &c);
    if (status == AD_OK)
        status = ad_dataset_open(c, in(name), &o, &d);
    if (status == AD_OK)
        status = ad_dataset_read_image(d, 0, NULL, &image);
    assert_true((status == AD_OK) == (image.depth != NULL));
    ad_image_release(&image);
    ad_dataset_destroy(d);
    ad_context_destroy(c);
    return status;
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"cookie", "cookie", "cookie/test/hole"};
    static const ad_split splits[] = {AD_SPLIT_TRAIN, AD_SPLIT_TEST, AD_SPLIT_TRAIN};
    for (int i = 0; i < 3; i++)
        for (long n = 1;; n++) {
            fault_alloc faults = {.fail_at = n};
            const ad_status status = open_and_read(names[i], splits[i], &faults);
            if (atomic_load(&faults.live))
                fail_msg("allocation %ld fails: %ld blocks leak", n, atomic_load(&faults.live));
            if (status == AD_OK) {
                assert_true(n > 20);
                break;
            }
            assert_string_equal(ad_status_name(status), "AD_ERR_OUT_OF_MEMORY");
            assert_non_null(strstr(ad_last_error_message(), "out of memory"));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout),          cmocka_unit_test(depth_or_not), cmocka_unit_test(clouds),
        cmocka_unit_test(what_is_missing),     cmocka_unit_test(parts_of_the_layout),
        cmocka_unit_test(callbacks),           cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests_name("dataset_3d", tests, set_up, tear_down);
}
