/* api/evaluation_notes.c: why a metric is undefined, which images it leaves out, and which masks are
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "evaluate_case.h"

static char root[300];

static char *under(const char *name)
{
    static char paths[8][400];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    return path;
}

static void put_part(fixture *f, const char *name, int number, int defect)
{
    tiny_image(f->pixels, number, defect);
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    assert_int_equal(ad_image_write_png(f->context, &image, under(name)), AD_OK);
}

/* Of w x h, `columns` of which are `value`, the others `rest`. */
static void put_mask(fixture *f, const char *name, int w, int h, int columns, int value, int rest)
{
    static uint8_t pixels[TINY_SIDE * TINY_SIDE];
    for (int i = 0; i < w * h; i++)
        pixels[i] = (uint8_t)(i % w < columns ? value : rest);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, w, h, w);
    assert_int_equal(ad_image_write_png(f->context, &image, under(name)), AD_OK);
}

static ad_evaluation evaluate_root(fixture *f, int32_t mask_good, int32_t eval_size, ad_status want)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = AD_SPLIT_TEST;
    o.mask_good = mask_good;
    ad_evaluate_options eo;
    ad_evaluate_options_init(&eo, sizeof eo);
    eo.eval_size = eval_size;
    ad_dataset *d = NULL;
    ad_evaluation e = {.struct_size = sizeof e};
    if (ad_dataset_open(f->context, root, &o, &d))
        fail_msg("%s", ad_last_error_message());
    const ad_status status = ad_evaluate(f->scorer, d, &eo, &e, NULL);
    if (status != want)
        fail_msg("%s: %s", ad_status_name(status), ad_last_error_message());
    ad_dataset_destroy(d);
    return e;
}

#define SAYS(text, part)                                                                           \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' does not say '%s'", text, part);                                        \
    } while (0)

static void notes(void **state)
{
    fixture *f = *state;
    char *path = tiny_path("notes"), command[400];
    snprintf(root, sizeof root, "%s", path);
    free(path);
    mkdir(root, 0755);
    put_part(f, "test/good/0.png", 300, 0);
    put_part(f, "test/good/1.png", 302, 0);
    put_part(f, "test/cut/0.png", 301, 1);
    ad_evaluation e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc) && isnan(e.au_pro) && e.image_auroc == 1.0);
    assert_string_equal(e.image_note, "");
    assert_string_equal(e.scorer_note, ""); /* whatever the anomalous ones score */
    assert_string_equal(e.pixel_note, "no anomalous image has a mask");
    assert_int_equal(e.masked, 0);
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 10, 255, 0);
    const ad_evaluation whole = evaluate_root(f, -1, 0, AD_OK);
    assert_false(isnan(whole.pixel_auroc) || isnan(whole.au_pro));
    assert_string_equal(whole.pixel_note, "");
    assert_int_equal(whole.masked, 1);

    /* Good images may have masks too, but only empty ones. */
    put_mask(f, "ground_truth/good/0_mask.png", TINY_SIDE, TINY_SIDE, 10, 0, 0);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(e.pixel_auroc == whole.pixel_auroc && e.au_pro == whole.au_pro && e.masked == 1);
    put_mask(f, "ground_truth/good/0_mask.png", TINY_SIDE, TINY_SIDE, 2, 255, 0);
    evaluate_root(f, -1, 0, AD_ERR_FORMAT);
    SAYS(ad_last_error_message(), "the image is labelled good, and its mask marks 80 pixels");
    assert_int_equal(unlink(under("ground_truth/good/0_mask.png")), 0);

    /* A type without masks takes part in figures of images alone. */
    put_part(f, "test/stain/0.png", 303, 1);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(e.pixel_auroc == whole.pixel_auroc && e.au_pro == whole.au_pro);
    assert_int_equal(e.anomalous, 2);
    assert_string_equal(e.pixel_note,
                        "1 of 2 anomalous images have no mask and are not in pixel figures: stain");

    /* White background: no figures until the caller says what it means; then those of the other way
     * round. */
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 10, 0, 255);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc) && isnan(e.au_pro) && e.image_auroc == 1.0);
    SAYS(e.pixel_note, "1 of 1 masks mark more than half of their image, on average 75 %: is white "
                       "the background?");
    e = evaluate_root(f, 255, 0, AD_OK);
    assert_true(e.pixel_auroc == whole.pixel_auroc && e.au_pro == whole.au_pro);
    e = evaluate_root(f, 0, 0, AD_OK);
    assert_false(isnan(e.pixel_auroc));

    /* A value that no mask has, and one that few pixels have. */
    evaluate_root(f, 7, 0, AD_ERR_FORMAT);
    SAYS(ad_last_error_message(), "no pixel of the mask has the value 7, which mask_good says");
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 10, 7, 255);
    e = evaluate_root(f, 7, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc) && isnan(e.au_pro));
    SAYS(e.pixel_note, "1 of 1 masks mark more than half of their image");

    /* Half the size is scaled, another shape is not. */
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE / 2, TINY_SIDE / 2, 5, 255, 0);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(e.pixel_auroc == whole.pixel_auroc && e.au_pro == whole.au_pro);
    SAYS(e.pixel_note, "1 masks of another size than their image were scaled to it (nearest)");
    e = evaluate_root(f, -1, 18, AD_OK);
    assert_false(isnan(e.pixel_auroc));
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE / 2, 5, 255, 0);
    evaluate_root(f, -1, 0, AD_ERR_SHAPE);
    SAYS(ad_last_error_message(),
         "the mask is 40x20, the image 40x40: it cannot be scaled to that");
    put_mask(f, "ground_truth/cut/0.png", TINY_SIDE, TINY_SIDE, 0, 255, 0);
    e = evaluate_root(f, -1, 0, AD_OK);
    assert_true(isnan(e.pixel_auroc));
    SAYS(e.pixel_note, "no mask marks a pixel");
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

/* Labels of a list: one kind alone, and images of which nobody said what they are. */
static void labels(void **state)
{
    fixture *f = *state;
    char *paths[3];
    static const int32_t all[4][3] = {{1, 1, 1}, {0, 0, 0}, {-1, 0, 1}, {-1, -1, -1}};
    static const char *const says[4] = {
        "of 3 0 are good, 3 anomalous", "of 3 3 are good, 0 anomalous",
        "1 images of unknown label are in no figure", "of 3 0 are good, 0 anomalous; 3 images"};
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "labelled%d", i);
        paths[i] = tiny_path(name);
        tiny_image(f->pixels, 300 + i, i == 2);
        const ad_image image =
            AD_IMAGE_INIT(AD_PIXEL_RGB8, f->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
        assert_int_equal(ad_image_write_png(f->context, &image, paths[i]), AD_OK);
    }
    for (int k = 0; k < 4; k++) {
        ad_dataset *d = NULL;
        ad_evaluation e = {.struct_size = sizeof e};
        float scores[3] = {0};
        assert_int_equal(
            ad_dataset_open_list(f->context, (const char *const *)paths, all[k], 3, &d), AD_OK);
        assert_int_equal(ad_evaluate(f->scorer, d, NULL, &e, scores), AD_OK);
        SAYS(e.image_note, says[k]);
        assert_true(k == 2 ? e.image_auroc == 1.0
                           : isnan(e.image_auroc) && isnan(e.image_ap) && isnan(e.f1_max));
        assert_true(scores[0] > 0.0f && e.images == 3 && isnan(e.pixel_auroc) && e.pixel_note[0]);
        ad_dataset_destroy(d);
    }
    for (int i = 0; i < 3; i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(notes), cmocka_unit_test(labels)};
    return cmocka_run_group_tests_name("evaluation_notes", tests, set_up, tear_down);
}
