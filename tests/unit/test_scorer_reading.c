/* How a fit's files were read is remembered by its scorer: api/fitter.c, scorer_file.c, evaluate.c. Files of before there
 * was anything to remember load, give the scores that they gave, and say raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "golden/raw_scorers.h"
#include "harness/raw_scorers_images.h"
#include "harness/tiny.h"

enum { IMAGES = 12 };

typedef struct fixture {
    char *weights, *files[IMAGES], log[4096];
    ad_context *context;
    ad_backbone *net;
} fixture;

static void log_line(void *user, ad_log_level level, const char *text)
{
    char *all = user;
    if (level == AD_LOG_WARNING)
        snprintf(all + strlen(all), 4096 - strlen(all), "%s\n", text);
}

static void golden(char *path, size_t size, int value)
{
    snprintf(path, size, ADFEAT_GOLDEN_DIR "/orientation/%d.jpg", value);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->weights = tiny_path("weights");
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.log = log_line;
    o.log_user = f->log;
    o.num_threads = 2;
    if (tiny_weights(f->weights, "") || ad_context_create(&o, &f->context)
        || tiny_open(f->context, f->weights, &f->net))
        return 1;
    for (int i = 0; i < IMAGES; i++) {
        uint8_t pixels[TINY_PIXELS];
        char name[32];
        snprintf(name, sizeof name, "reading%02d.png", i);
        f->files[i] = tiny_path(name);
        const ad_image image = raw_scorers_rgb(pixels, i, 0);
        if (ad_image_write_png(f->context, &image, f->files[i]))
            return 1;
    }
    f->log[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ad_backbone_destroy(f->net);
    ad_context_destroy(f->context);
    for (int i = 0; i < IMAGES; i++) {
        unlink(f->files[i]);
        free(f->files[i]);
    }
    unlink(f->weights);
    free(f->weights);
    free(f);
    return 0;
}

static ad_read_options reading(int32_t orientation, int32_t bits)
{
    ad_read_options o;
    ad_read_options_init(&o, sizeof o);
    o.orientation = orientation;
    o.significant_bits = bits;
    return o;
}

static ad_fitter *fitter_of(fixture *f)
{
    ad_fitter *fitter = NULL;
    assert_int_equal(ad_fitter_create(f->net, "gaussian", NULL, &fitter), AD_OK);
    return fitter;
}

static ad_dataset *files_of(fixture *f)
{
    ad_dataset *files = NULL;
    assert_int_equal(ad_dataset_open_list(f->context, (const char *const *)f->files, NULL, IMAGES, &files), AD_OK);
    return files;
}

static void expect_reading(const ad_scorer *scorer, int32_t orientation, int32_t bits)
{
    ad_read_options o = {.struct_size = sizeof o, .min_side = 77};
    assert_int_equal(ad_scorer_read_options(scorer, &o), AD_OK);
    assert_int_equal(o.orientation, orientation);
    assert_int_equal(o.significant_bits, bits);
    assert_int_equal(o.min_side, 0);
}

/* Through a file and back. */
static void expect_remembered(fixture *f, ad_scorer *scorer, int32_t orientation, int32_t bits)
{
    char *path = tiny_path("scorer");
    ad_scorer *again = NULL;
    expect_reading(scorer, orientation, bits);
    assert_int_equal(ad_scorer_save(scorer, path, NULL), AD_OK);
    assert_int_equal(ad_scorer_load_onto(f->net, path, &again), AD_OK);
    expect_reading(again, orientation, bits);
    ad_scorer_destroy(again);
    ad_scorer_destroy(scorer);
    unlink(path);
    free(path);
}

static void a_fit_remembers(void **state)
{
    fixture *f = *state;
    static const int32_t said[][4] = {{0, 0, 1, 0}, {1, 12, 1, 12}, {2, 0, 2, 0}, {2, 16, 2, 16}};
    for (int i = 0; i < 8; i++) { /* of a dataset, and of images that the caller read */
        const int32_t *s = said[i / 2];
        const ad_read_options o = reading(s[0], s[1]);
        ad_fitter *fitter = fitter_of(f);
        ad_dataset *files = files_of(f);
        ad_scorer *scorer = NULL;
        assert_int_equal(ad_fitter_set_read_options(fitter, i / 2 ? &o : NULL), AD_OK);
        if (i % 2) {
            assert_int_equal(ad_fit(fitter, files, NULL, &scorer), AD_OK);
        } else {
            for (int k = 0; k < IMAGES; k++) {
                ad_image image;
                assert_int_equal(ad_dataset_read_image(files, k, NULL, &image), AD_OK);
                assert_int_equal(ad_fitter_add(fitter, &image), AD_OK);
                ad_image_release(&image);
            }
            assert_int_equal(ad_fitter_finish(fitter, &scorer), AD_OK);
        }
        expect_remembered(f, scorer, s[2], s[3]);
        ad_dataset_destroy(files);
        ad_fitter_destroy(fitter);
    }
    const ad_read_options wrong = reading(7, 0);
    ad_fitter *fitter = fitter_of(f);
    assert_int_equal(ad_fitter_set_read_options(fitter, &wrong), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_fitter_set_read_options(NULL, NULL), AD_ERR_INVALID_ARGUMENT);
    ad_fitter_destroy(fitter);
}

static ad_dataset *folder_of(ad_context *context, const char *folder, int32_t orientation, int32_t bits)
{
    ad_dataset_options o;
    ad_dataset *set = NULL;
    ad_dataset_options_init(&o, sizeof o);
    o.orientation = orientation;
    o.significant_bits = bits;
    assert_int_equal(ad_dataset_open(context, folder, &o, &set), AD_OK);
    return set;
}

static const char orientations[] = ADFEAT_GOLDEN_DIR "/orientation";

static ad_status fit_folder(fixture *f, ad_fitter *fitter, int32_t orientation, int32_t bits, ad_scorer **out)
{
    ad_dataset *set = folder_of(f->context, orientations, orientation, bits);
    const ad_status status = ad_fit(fitter, set, NULL, out);
    ad_dataset_destroy(set);
    return status;
}

/* The dataset's word is recorded, and a second one of another word is refused. */
static void one_fit_one_reading(void **state)
{
    fixture *f = *state;
    ad_fitter *fitter = fitter_of(f), *other = fitter_of(f);
    ad_scorer *scorer = NULL;
    f->log[0] = '\0';
    assert_int_equal(fit_folder(f, fitter, AD_ORIENTATION_RAW, 0, &scorer), AD_OK);
    assert_non_null(strstr(f->log, "has EXIF orientation 2, which is not applied"));
    assert_ptr_equal(strchr(f->log, '\n'), f->log + strlen(f->log) - 1);
    expect_remembered(f, scorer, AD_ORIENTATION_RAW, 0);
    assert_int_equal(fit_folder(f, fitter, AD_ORIENTATION_UPRIGHT, 0, &scorer), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(), "orientation is raw in the fit and upright in the dataset");
    assert_int_equal(fit_folder(f, fitter, AD_ORIENTATION_AUTO, 12, &scorer), AD_OK);
    expect_remembered(f, scorer, AD_ORIENTATION_RAW, 12);
    assert_int_equal(fit_folder(f, fitter, AD_ORIENTATION_AUTO, 10, &scorer), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(), "significant_bits is 12 in the fit and 10 in the dataset");

    assert_int_equal(fit_folder(f, other, AD_ORIENTATION_UPRIGHT, 0, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    assert_int_equal(ad_fitter_merge(other, fitter), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(), "orientation is upright in the fit and raw in the other fit");
    ad_fitter_destroy(other);
    other = fitter_of(f);
    assert_int_equal(ad_fitter_merge(other, fitter), AD_OK);
    assert_int_equal(ad_fitter_finish(other, &scorer), AD_OK);
    expect_remembered(f, scorer, AD_ORIENTATION_RAW, 12);
    ad_fitter_destroy(other);
    ad_fitter_destroy(fitter);
}

/* Scores of a folder, by a scorer and by hand. */
static void evaluated_as_fitted(void **state)
{
    fixture *f = *state;
    for (int orientation = AD_ORIENTATION_UPRIGHT; orientation <= AD_ORIENTATION_RAW; orientation++) {
        ad_fitter *fitter = fitter_of(f);
        ad_scorer *scorer = NULL;
        assert_int_equal(fit_folder(f, fitter, orientation, 0, &scorer), AD_OK);
        for (int said = AD_ORIENTATION_AUTO; said <= AD_ORIENTATION_RAW; said++) {
            ad_dataset *set = folder_of(f->context, orientations, said, 0);
            ad_evaluation result = {.struct_size = sizeof result};
            float scores[16], score;
            f->log[0] = '\0';
            assert_int_equal(ad_dataset_count(set), 16);
            assert_int_equal(ad_evaluate(scorer, set, NULL, &result, scores), AD_OK);
            assert_true(!strstr(f->log, "that the scorer was fitted on were read") == (!said || said == orientation));
            for (int i = 0; i < 16; i++) {
                const ad_read_options o = reading(said ? said : orientation, 0);
                ad_sample sample = {.struct_size = sizeof sample};
                ad_image image;
                assert_int_equal(ad_dataset_get(set, i, &sample), AD_OK);
                assert_int_equal(ad_image_read(f->context, sample.name, &o, &image), AD_OK);
                assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
                assert_true(score == scores[i]);
                ad_image_release(&image);
            }
            ad_dataset_destroy(set);
        }
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fitter);
    }
}

static void expect_near(float found, float expected)
{
    assert_true(fabsf(found - expected) <= 1e-4f * expected); /* another machine's kernels */
}

/* Written by the program of before. */
static void old_files(void **state)
{
    fixture *f = *state;
    static uint8_t pixels[TINY_PIXELS];
    static uint16_t wide[TINY_SIDE * TINY_SIDE];
    static const char *const names[] = {"raw_gaussian", "raw_padim"};
    for (int m = 0; m < 2; m++) {
        char path[512];
        ad_scorer *scorer = NULL;
        float score;
        snprintf(path, sizeof path, ADFEAT_GOLDEN_DIR "/%s.safetensors", names[m]);
        assert_int_equal(ad_scorer_load(f->context, path, NULL, &scorer), AD_OK);
        ad_image image = raw_scorers_rgb(pixels, 50, 1);
        assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
        expect_near(score, raw_scores[m][0]);
        image = raw_scorers_grey(wide, 51);
        assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
        expect_near(score, raw_scores[m][1]);
        ad_read_options o = {.struct_size = sizeof o};
        assert_int_equal(ad_scorer_read_options(scorer, &o), AD_OK);
        for (int i = 1; i <= 8; i++) {
            golden(path, sizeof path, i);
            assert_int_equal(ad_image_read(f->context, path, &o, &image), AD_OK);
            assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
            expect_near(score, raw_scores[m][1 + i]);
            ad_image_release(&image);
        }
        expect_reading(scorer, AD_ORIENTATION_RAW, 0);
        ad_scorer_destroy(scorer);
    }
}

/* One picture as a camera gives it with 8, 10, 12, 14 and 16 bits scores alike: what 8 bits cannot hold is not seen. */
static void any_number_of_bits(void **state)
{
    fixture *f = *state;
    static uint8_t pixels[TINY_PIXELS], grey[TINY_SIDE * TINY_SIDE], packed[TINY_SIDE * TINY_SIDE * 2];
    static uint16_t wide[TINY_SIDE * TINY_SIDE];
    static const struct {
        uint32_t code;
        int bits;
    } formats[] = {{AD_PIXEL_MONO10, 10}, {AD_PIXEL_MONO12, 12}, {AD_PIXEL_MONO14, 14}, {AD_PIXEL_MONO16, 16}};
    ad_fitter *fitter = fitter_of(f);
    ad_scorer *scorer = NULL;
    for (int i = 0; i < 30; i++) {
        const ad_image image = raw_scorers_rgb(pixels, i, 0);
        assert_int_equal(ad_fitter_add(fitter, &image), AD_OK);
    }
    assert_int_equal(ad_fitter_finish(fitter, &scorer), AD_OK);
    float expected, score;
    for (int i = 0; i < TINY_SIDE * TINY_SIDE; i++)
        grey[i] = seeded_byte("bits", (uint64_t)i);
    ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, grey, TINY_SIDE, TINY_SIDE, TINY_SIDE);
    assert_int_equal(ad_score_image(scorer, &image, &expected), AD_OK);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < TINY_SIDE * TINY_SIDE; i++)
            wide[i] = (uint16_t)(grey[i] << (formats[k].bits - 8));
        image = (ad_image)AD_IMAGE_INIT(formats[k].code, wide, TINY_SIDE, TINY_SIDE, 2 * TINY_SIDE);
        assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
        assert_true(score == expected);
    }
    for (int i = 0; i < TINY_SIDE * TINY_SIDE; i += 2) { /* Mono12p: the lowest four bits are 0 */
        packed[i / 2 * 3] = (uint8_t)(grey[i] << 4);
        packed[i / 2 * 3 + 1] = (uint8_t)(grey[i] >> 4);
        packed[i / 2 * 3 + 2] = grey[i + 1];
    }
    image = (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO12P, packed, TINY_SIDE, TINY_SIDE, TINY_SIDE / 2 * 3);
    assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
    assert_true(score == expected);
    image.format = 0x010C0059;
    assert_int_equal(ad_score_image(scorer, &image, &score), AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "BayerRG12p (0x010c0059) is not taken; Mono8, Mono10, "));
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_remembers),     cmocka_unit_test(one_fit_one_reading),
        cmocka_unit_test(evaluated_as_fitted), cmocka_unit_test(old_files),
        cmocka_unit_test(any_number_of_bits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
