/* The options of all methods: every row of their tables, as a user meets it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "methods/method_list.h"
#include "model/option_text.h"

typedef void (*row_check)(const adi_method *m, const adi_option_row *row, void *values);

static void each_row(row_check check)
{
    for (int32_t i = 0; i < adi_method_count(); i++) {
        const adi_method *m = adi_method_at(i);
        void *values = malloc(m->options->size);
        assert_non_null(values);
        for (int32_t r = 0; r < m->options->row_count; r++) {
            adi_options_default(m->options, values);
            check(m, &m->options->rows[r], values);
        }
        free(values);
    }
}

static ad_status set(const adi_method *m, void *values, const char *key, const char *value)
{
    return adi_options_set(m->options, values, ADI_OPTION_PARTS, key, value);
}

static void refused(const adi_method *m, void *values, const char *key, const char *value,
                    const char *because)
{
    unsigned char *before = malloc(m->options->size);
    assert_non_null(before);
    memcpy(before, values, m->options->size);
    if (set(m, values, key, value) != AD_ERR_INVALID_ARGUMENT)
        fail_msg("%s takes %s=%s", m->name, key, value);
    if (!strstr(ad_last_error_message(), because) || !strstr(ad_last_error_message(), key))
        fail_msg("%s, %s=%s: '%s' does not say '%s'", m->name, key, value, ad_last_error_message(),
                 because);
    assert_memory_equal(before, values, m->options->size);
    free(before);
}

/* A default that is refused would silently be 0. */
static void check_default(const adi_method *m, const adi_option_row *row, void *values)
{
    char text[ADI_OPTION_TEXT], again[ADI_OPTION_TEXT];
    if (row->fallback && set(m, values, row->key, row->fallback) != AD_OK)
        fail_msg("%s: the default of %s: %s", m->name, row->key, ad_last_error_message());
    adi_option_print(row, values, text);
    if (!*text || row->kind == AD_OPTION_TRIPLE)
        return; /* nothing is said */
    assert_int_equal(set(m, values, row->key, text), AD_OK);
    adi_option_print(row, values, again);
    assert_string_equal(text, again);
}

static void defaults_are_in_range(void **state)
{
    (void)state;
    each_row(check_default);
}

static void check_says(const adi_method *m, const adi_option_row *row, void *values)
{
    (void)values;
    const size_t n = strlen(row->says);
    if (n < 6 || n > 160 || strchr(row->says, '\n') || row->says[n - 1] == '.')
        fail_msg("%s: what %s says is no line for a help text: '%s'", m->name, row->key, row->says);
    assert_true((row->part & ADI_OPTION_PARTS) != 0);
    assert_true(row->kind != AD_OPTION_CHOICE || row->words);
    for (int32_t i = 0; i < m->options->row_count; i++)
        assert_true(&m->options->rows[i] == row ||
                    strcmp(m->options->rows[i].key, row->key) != 0);
}

static void rows_say_what_they_are(void **state)
{
    (void)state;
    each_row(check_says);
}

static void check_range(const adi_method *m, const adi_option_row *row, void *values)
{
    char text[64];
    switch (row->kind) {
    case AD_OPTION_CHOICE:
        refused(m, values, row->key, "no such word", "is none of");
        refused(m, values, row->key, "", "is none of");
        break;
    case AD_OPTION_INTEGER:
        for (int high = 0; high < 2; high++) {
            snprintf(text, sizeof text, "%.0f", high ? row->high + 1.0 : row->low - 1.0);
            refused(m, values, row->key, text, "whole number");
            snprintf(text, sizeof text, "%.0f", high ? row->high : row->low);
            assert_int_equal(set(m, values, row->key, text), AD_OK);
        }
        refused(m, values, row->key, "1x", "whole number");
        refused(m, values, row->key, "99999999999999999999", "whole number");
        break;
    case AD_OPTION_REAL:
        refused(m, values, row->key, "nan", "number");
        refused(m, values, row->key, "-1", "number");
        snprintf(text, sizeof text, "%.17g", row->high * 1.5);
        refused(m, values, row->key, text, "number");
        refused(m, values, row->key, "0,5", "number");
        break;
    case AD_OPTION_SEED:
        refused(m, values, row->key, "4294967296", "whole number");
        refused(m, values, row->key, "-1", "whole number");
        break;
    case AD_OPTION_BYTES:
        refused(m, values, row->key, "-1", "whole number");
        refused(m, values, row->key, "18446744073709551616", "whole number");
        break;
    case AD_OPTION_TRIPLE:
        refused(m, values, row->key, "1,2", "three numbers");
        refused(m, values, row->key, "1,2,nan", "three numbers");
        refused(m, values, row->key, "1,2,3,4", "three numbers");
        break;
    default: {
        char *long_text = malloc(ADI_OPTION_TEXT + 1);
        assert_non_null(long_text);
        refused(m, values, row->key, "", "empty");
        memset(long_text, 'x', ADI_OPTION_TEXT);
        long_text[ADI_OPTION_TEXT] = '\0';
        refused(m, values, row->key, long_text, "characters");
        free(long_text);
        break;
    }
    }
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    each_row(check_range);
}

static void wrong_keys_get_the_nearest(void **state)
{
    static const char *const wrong[][3] = {{"padim", "blur_sigm", "did you mean blur_sigma"},
                                           {"padim", "dimension", "did you mean dimensions"},
                                           {"stfpm", "epoch", "did you mean epochs"},
                                           {"ast", "depht_fill", "did you mean depth_fill"},
                                           {"gaussian", "learning_rate", "there are preset, size"},
                                           {"stfpm", "unet_depth", "stfpm has no option"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const adi_method *m = adi_method_find(wrong[i][0]);
        void *values = malloc(m->options->size);
        adi_options_default(m->options, values);
        refused(m, values, wrong[i][1], "1", wrong[i][2]);
        free(values);
    }
    assert_int_equal(adi_method_unknown("padin"), AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "did you mean padim"));
    assert_int_equal(adi_method_unknown("svm"), AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "there are gaussian, padim, stfpm"));
}

/* Every setting of a preset is one of the method's, and a preset of a student leaves the training as
 * it is, and the other way round. */
static void presets_set_what_there_is(void **state)
{
    (void)state;
    for (int32_t i = 0; i < adi_method_count(); i++) {
        const adi_method *m = adi_method_at(i);
        const adi_option_table *t = m->options;
        void *values = malloc(t->size);
        for (int32_t p = 0; p < t->preset_count; p++) {
            adi_options_default(t, values);
            if (set(m, values, "preset", t->presets[p].name) != AD_OK)
                fail_msg("%s: preset %s: %s", m->name, t->presets[p].name,
                         ad_last_error_message());
        }
        adi_options_default(t, values);
        refused(m, values, "preset", "none such", t->preset_count ? "is none of" : "presets");
        for (int32_t k = 0; k < t->alias_count; k++)
            for (int32_t j = 0; j < 4 && t->aliases[k].keys[j]; j++)
                assert_non_null(adi_option_find(t, t->aliases[k].keys[j]));
        free(values);
    }
}

static void a_preset_comes_first(void **state)
{
    (void)state;
    const adi_method *m = adi_method_find("padim");
    const adi_common_options *common = malloc(m->options->size);
    adi_option_pairs pairs;
    adi_options_default(m->options, (void *)(uintptr_t)common);
    assert_int_equal(adi_option_pairs_read(&adi_default_allocator, "crop=128, preset=defard2020",
                                           &pairs),
                     AD_OK);
    assert_int_equal(adi_options_set_pairs(m->options, (void *)(uintptr_t)common, ADI_OPTION_PARTS,
                                           &pairs),
                     AD_OK);
    assert_int_equal(common->size, 256);
    assert_int_equal(common->crop, 128);
    adi_option_pairs_free(&pairs);
    free((void *)(uintptr_t)common);
}

/* What a student is belongs to its making, the rest to its training; the seed to both. */
static void parts_are_kept_apart(void **state)
{
    enum { TRAINING = ADI_OPTION_PARTS & ~AD_OPTION_STUDENT };
    (void)state;
    const adi_option_table *t = adi_method_find("masked_rd")->options;
    void *values = malloc(t->size);
    adi_options_default(t, values);
    assert_int_equal(adi_options_set(t, values, AD_OPTION_STUDENT, "mask_rate", "0.3"), AD_OK);
    assert_int_equal(adi_options_set(t, values, AD_OPTION_STUDENT, "seed", "3"), AD_OK);
    assert_int_equal(adi_options_set(t, values, TRAINING, "seed", "4"), AD_OK);
    assert_int_equal(adi_options_set(t, values, TRAINING, "epochs", "4"), AD_OK);
    assert_int_equal(adi_options_set(t, values, TRAINING, "mask_rate", "0.3"),
                     AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "mask_rate"));
    assert_int_equal(adi_options_set(t, values, TRAINING, "layers", "layer1"),
                     AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_options_set(t, values, TRAINING, "scsatt", "0"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(adi_options_set(t, values, AD_OPTION_STUDENT, "lr", "0.1"),
                     AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "training"));
    assert_int_equal(adi_options_set(t, values, AD_OPTION_STUDENT, "preset", "rd4ad"), AD_OK);
    assert_int_equal(adi_options_set(t, values, TRAINING, "preset", "rd4ad"), AD_OK);
    free(values);
}

/* What ad_method_get_option() tells is what ad_fitter_create() takes. */
static void the_public_table(void **state)
{
    (void)state;
    assert_int_equal(ad_method_count(), adi_method_count());
    for (int32_t i = 0; i < ad_method_count(); i++) {
        ad_method_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_method_get_info(i, &info), AD_OK);
        const adi_method *m = adi_method_find(info.name);
        assert_ptr_equal(m, adi_method_at(i));
        void *values = malloc(m->options->size);
        adi_options_default(m->options, values);
        for (int32_t k = 0; k < info.option_count; k++) {
            ad_option_info option = {.struct_size = sizeof option};
            assert_int_equal(ad_method_get_option(info.name, k, &option), AD_OK);
            if (*option.fallback)
                assert_int_equal(set(m, values, option.key, option.fallback), AD_OK);
        }
        for (int32_t k = 0; k < info.preset_count; k++) {
            const char *name, *says;
            assert_int_equal(ad_method_get_preset(info.name, k, &name, &says), AD_OK);
            assert_int_equal(set(m, values, "preset", name), AD_OK);
            assert_true(strlen(says) > 10);
        }
        ad_option_info none = {.struct_size = sizeof none};
        assert_int_equal(ad_method_get_option(info.name, info.option_count, &none),
                         AD_ERR_INVALID_ARGUMENT);
        assert_int_equal(ad_method_get_option(info.name, -1, &none), AD_ERR_INVALID_ARGUMENT);
        free(values);
    }
    ad_method_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_method_get_info(ad_method_count(), &info), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_method_get_info(-1, &info), AD_ERR_INVALID_ARGUMENT);
}

static void distances_of_words(void **state)
{
    (void)state;
    assert_int_equal(adi_text_distance("", ""), 0);
    assert_int_equal(adi_text_distance("abc", ""), 3);
    assert_int_equal(adi_text_distance("kitten", "sitting"), 3);
    assert_int_equal(adi_text_distance("ab", "ba"), 1);
    assert_int_equal(adi_text_distance("layers", "layer"), 1);
    assert_int_equal(adi_text_distance("a", "b"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_in_range),
        cmocka_unit_test(rows_say_what_they_are),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(wrong_keys_get_the_nearest),
        cmocka_unit_test(presets_set_what_there_is),
        cmocka_unit_test(a_preset_comes_first),
        cmocka_unit_test(parts_are_kept_apart),
        cmocka_unit_test(the_public_table),
        cmocka_unit_test(distances_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
