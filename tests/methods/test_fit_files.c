/* Fits in files: every row of the contract whose fits can be merged goes on from its file with the
 * bits of a fit that was never written, and merges; others say that they have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "method_contract.h"
#include "scorer_changes.h"

enum { FIRST = 17 };

static void must(ad_status status)
{
    if (status != AD_OK)
        fail_msg("%s", ad_last_error_message());
}

static ad_fitter *fit_of(const fixture *f, const method_row *r, int64_t from, int64_t to)
{
    ad_fitter *fit = row_fitter(f->net, NULL, r, NULL);
    add_range(fit, from, to);
    return fit;
}

static ad_scorer *finish(ad_fitter *fit)
{
    ad_scorer *scorer = NULL;
    must(ad_fitter_finish(fit, &scorer));
    ad_fitter_destroy(fit);
    return scorer;
}

static void same_bits(ad_scorer *a, ad_scorer *b)
{
    ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
    must(ad_scorer_get_info(a, &x));
    must(ad_scorer_get_info(b, &y));
    assert_int_equal(x.image_count, y.image_count);
    assert_true(x.normal_score == y.normal_score && x.normal_map == y.normal_map);
    check_same(a, b, 0.0);
    ad_scorer_destroy(a);
    ad_scorer_destroy(b);
}

#define EACH_MERGED(r) EACH_ROW(r) if (!r->student)

/* Loaded in another context, as another process would. */
static void goes_on_from_a_file(void **state)
{
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        ad_fitter *fit = fit_of(f, r, 0, FIRST), *loaded = NULL;
        must(ad_fitter_save(fit, f->file));
        add_range(fit, FIRST, GOOD); /* saving changes nothing */
        ad_context *context = NULL;
        must(test_context(&context));
        ad_backbone *net = row_network(context, r);
        must(ad_fitter_load(net, f->file, &loaded));
        assert_int_equal(ad_fitter_count(loaded), FIRST);
        assert_string_equal(ad_fitter_method(loaded), r->method);
        add_range(loaded, FIRST, GOOD);
        same_bits(finish(fit), finish(loaded));
        ad_backbone_destroy(net);
        ad_context_destroy(context);
        close_row(f);
    }
}

static void merges_from_files(void **state)
{
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        ad_fitter *one = fit_of(f, r, 0, FIRST), *two = fit_of(f, r, FIRST, GOOD);
        ad_fitter *first = NULL, *second = NULL;
        must(ad_fitter_save(one, f->file));
        must(ad_fitter_load(f->net, f->file, &first));
        must(ad_fitter_save(two, f->file));
        must(ad_fitter_load(f->net, f->file, &second));
        must(ad_fitter_merge(one, two));
        must(ad_fitter_merge(first, second));
        ad_fitter_destroy(two);
        ad_fitter_destroy(second);
        same_bits(finish(one), finish(first));
        close_row(f);
    }
}

static void an_empty_fit(void **state)
{
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        ad_fitter *empty = row_fitter(f->net, NULL, r, NULL), *loaded = NULL;
        must(ad_fitter_save(empty, f->file));
        must(ad_fitter_load(f->net, f->file, &loaded));
        assert_int_equal(ad_fitter_count(loaded), 0);
        add_range(empty, 0, GOOD);
        add_range(loaded, 0, GOOD);
        same_bits(finish(empty), finish(loaded));
        close_row(f);
    }
}

static ad_status load_bytes(const fixture *f, const char *path, const uint8_t *bytes, size_t size,
                            ad_fitter **out)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return ad_fitter_load(f->net, path, out);
}

/* Cut anywhere, and with any of many bits flipped: a sentence, and no fitter. */
static void damaged_files(void **state)
{
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        ad_fitter *fit = fit_of(f, r, 0, FIRST), *loaded = NULL;
        size_t size;
        must(ad_fitter_save(fit, f->file));
        ad_fitter_destroy(fit);
        uint8_t *bytes = file_bytes(f->file, &size);
        for (size_t cut = 0; cut < size; cut += size / 20 + 1) {
            const ad_status status = load_bytes(f, f->file, bytes, cut, &loaded);
            says(status, AD_ERR_FORMAT, f->file);
            assert_null(loaded);
        }
        for (size_t bit = 3; bit < 8 * size; bit += size / 8 + 13) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            const ad_status status = load_bytes(f, f->file, bytes, size, &loaded);
            if (status == AD_OK)
                fail_msg("%s: bit %zu flipped, and the fit loads", r->method, bit);
            assert_null(loaded);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(bytes);
        close_row(f);
    }
}

/* Whole as a file, and wrong as a fit. */
static void wrong_fits(void **state)
{
    static const change changes[] = {
        META(AD_ERR_FORMAT, "not a fit", "adfeat.kind", NULL, "scorer"),
        META(AD_ERR_UNSUPPORTED, "does not have", "adfeat.method", NULL, "svm"),
        META(AD_ERR_FORMAT, "no file", "adfeat.method", NULL, "stfpm"),
        META(AD_ERR_UNSUPPORTED, "format 2", "adfeat.format", NULL, "2"),
        META(AD_ERR_MISMATCH, "of digest 0123456789abcdef, these", "adfeat.backbone", NULL,
             "0123456789abcdef"),
        META(AD_ERR_FORMAT, "has no 'adfeat.option.size'", "adfeat.option.size", NULL, NULL),
        META(AD_ERR_FORMAT, "the fit's metadata", "adfeat.option.size", NULL, "0"),
        META(AD_ERR_FORMAT, "the fit's metadata", "adfeat.skipped", NULL, "-1"),
        META(AD_ERR_FORMAT, "the fit's metadata", "adfeat.option.orientation", NULL, "left"),
    };
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        const int padim = strcmp(r->method, "padim") == 0;
        const char *numbers = padim ? "adfeat.fit.positions" : NULL;
        ad_fitter *fit = fit_of(f, r, 0, FIRST), *loaded = NULL;
        char *path = tiny_path("broken");
        must(ad_fitter_save(fit, f->file));
        for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
            rewrite(f, path, &changes[i]);
            says(ad_fitter_load(f->net, path, &loaded), changes[i].status, changes[i].sentence);
            assert_null(loaded);
        }
        for (int i = 0; padim && i < 4; i++) {
            static const char *const bad[] = {"-1 0 0", "1.5 0 0", "nan 0 0", "17 0"};
            const change c = META(AD_ERR_FORMAT, "adfeat.fit.positions", numbers, NULL, bad[i]);
            rewrite(f, path, &c);
            says(ad_fitter_load(f->net, path, &loaded), c.status, c.sentence);
        }
        if (padim) {
            const change gone = DATA(AD_ERR_FORMAT, "positions.sums", "positions.sums", -1, 0.0f);
            const change none = DATA(AD_ERR_NUMERIC, "positions.shift", "positions.shift", 3, NAN);
            rewrite(f, path, &gone);
            says(ad_fitter_load(f->net, path, &loaded), gone.status, gone.sentence);
            rewrite(f, path, &none);
            says(ad_fitter_load(f->net, path, &loaded), none.status, none.sentence);
        }
        unlink(path);
        free(path);
        ad_fitter_destroy(fit);
        close_row(f);
    }
}

/* The sentence names the architecture of the fit, not that of the backbone. */
static void of_another_architecture(void **state)
{
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        method_row other = *r;
        char text[sizeof tiny_graph + 16];
        const char *relu = strstr(tiny_graph, "relu stem_act");
        assert_non_null(relu);
        snprintf(text, sizeof text, "network other\n%.*srelu6%s",
                 (int)(relu - tiny_graph - sizeof "network tiny"), tiny_graph + sizeof "network tiny",
                 relu + 4);
        other.network = text;
        ad_fitter *fit = fit_of(f, r, 0, FIRST), *loaded = NULL;
        ad_backbone *net = row_network(f->context, &other);
        must(ad_fitter_save(fit, f->file));
        says(ad_fitter_load(net, f->file, &loaded), AD_ERR_MISMATCH,
             "fitted with architecture 'tiny', the backbone is of 'other'");
        assert_null(loaded);
        ad_backbone_destroy(net);
        ad_fitter_destroy(fit);
        close_row(f);
    }
}

static void of_other_options(void **state)
{
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        ad_fitter *fit = row_fitter(f->net, NULL, r, "size=20, crop=20"), *loaded = NULL;
        ad_fitter *mine = row_fitter(f->net, NULL, r, NULL);
        must(ad_fitter_save(fit, f->file));
        must(ad_fitter_load(f->net, f->file, &loaded));
        says(ad_fitter_merge(mine, loaded), AD_ERR_MISMATCH, "option size is");
        ad_fitter_destroy(fit);
        ad_fitter_destroy(mine);
        ad_fitter_destroy(loaded);
        close_row(f);
    }
}

static void students_have_none(void **state)
{
    (void)state;
    EACH_TRAINED(r)
    {
        fixture *f = open_row(r);
        ad_fitter *fit = row_fitter(f->net, NULL, r, NULL);
        says(ad_fitter_save(fit, f->file), AD_ERR_UNSUPPORTED, "checkpoint_dir");
        ad_fitter_destroy(fit);
        close_row(f);
    }
}

/* Every allocation of saving and of loading fails once. */
static void out_of_memory(void **state)
{
    (void)state;
    EACH_MERGED(r)
    {
        fixture *f = open_row(r);
        fault_alloc heap = {0};
        ad_context_options o;
        ad_context *context = NULL;
        ad_context_options_init(&o, sizeof o);
        o.alloc = fault_alloc_get;
        o.free = fault_alloc_put;
        o.alloc_user = &heap;
        o.num_threads = 1;
        must(ad_context_create(&o, &context));
        ad_backbone *net = row_network(context, r);
        ad_fitter *fit = row_fitter(net, NULL, r, NULL), *loaded = NULL;
        add_range(fit, 0, FIRST);
        for (int saving = 1; saving >= 0; saving--)
            for (long at = 1;; at++) {
                const long held = atomic_load(&heap.live);
                heap.fail_at = atomic_load(&heap.calls) + at;
                const ad_status status = saving ? ad_fitter_save(fit, f->file)
                                                : ad_fitter_load(net, f->file, &loaded);
                heap.fail_at = 0;
                if (status == AD_OK)
                    break;
                says(status, AD_ERR_OUT_OF_MEMORY, "memory");
                assert_null(loaded);
                assert_int_equal(atomic_load(&heap.live), held);
                assert_true(at < 2000);
            }
        same_bits(finish(fit), finish(loaded));
        ad_backbone_destroy(net);
        ad_context_destroy(context);
        assert_int_equal(atomic_load(&heap.live), 0);
        close_row(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_from_a_file), cmocka_unit_test(merges_from_files),
        cmocka_unit_test(an_empty_fit),        cmocka_unit_test(damaged_files),
        cmocka_unit_test(wrong_fits),          cmocka_unit_test(of_other_options),
        cmocka_unit_test(of_another_architecture),
        cmocka_unit_test(students_have_none),  cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("fit_files", tests, set_up_checkpoints,
                                       tear_down_checkpoints);
}
