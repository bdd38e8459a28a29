/* PaDiM from pixels to scores on a tiny network: it separates and localises, it survives a file,
 * merged and sequential fits agree, its memory is known beforehand, and every wrong use and every
 * broken file gets its status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/method_case.h"
#include "methods/padim.h"

static void set(ad_padim_options *o, const char *key, const char *value)
{
    if (ad_padim_options_set(o, key, value) != AD_OK)
        fail_msg("%s=%s: %s", key, value, ad_last_error_message());
}

static ad_padim_options tiny_options(const char *covariance, const char *dimensions)
{
    ad_padim_options o;
    assert_int_equal(tiny_padim_options(&o, covariance), AD_OK);
    set(&o, "dimensions", dimensions);
    return o;
}

static ad_fitter *fitter(const fixture *f, const char *covariance, const char *dimensions)
{
    const ad_padim_options o = tiny_options(covariance, dimensions);
    ad_fitter *out = NULL;
    if (ad_padim_fitter_create(f->net, &o, &out) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return out;
}

static ad_scorer *fit(const fixture *f, const char *covariance, const char *dimensions)
{
    return fit_all(f, fitter(f, covariance, dimensions));
}

static void separates_and_localises(void **state)
{
    static const char *const covariances[] = {"ridge", "ledoit_wolf"};
    static const char *const dimensions[] = {"all", "7"};
    for (int c = 0; c < 2; c++)
        for (int d = 0; d < 2; d++)
            check_separates(fit(*state, covariances[c], dimensions[d]), 2);
}

/* On the training images themselves the mean square distance is known in closed form: taken from
 * maps that are neither blurred nor resized, since the grid is as large as the image. */
static void normal_map_is_the_rms(void **state)
{
    static const char graph[] =
        "network flat\ninput_size 6\nmean 0 0 0\nstd 1 1 1\ninput image : channels=3\n"
        "dwconv2d d <- image : kernel=1\ntap t <- d\n";
    static float weight[3] = {1.0f, 2.0f, -1.5f};
    static const int64_t shape[4] = {3, 1, 1, 1};
    static uint8_t pixels[TINY_PIXELS];
    const fixture *f = *state;
    adi_st_writer *w = NULL;
    ad_backbone_options net;
    ad_backbone *flat = NULL;
    assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
    assert_int_equal(adi_st_writer_tensor(w, "d.weight", ADI_F32, 4, shape, weight), AD_OK);
    assert_int_equal(adi_st_writer_save(w, f->file), AD_OK);
    adi_st_writer_destroy(w);
    ad_backbone_options_init(&net, sizeof net);
    net.graph = graph;
    assert_int_equal(ad_backbone_open(f->context, NULL, f->file, &net, &flat), AD_OK);
    for (int lw = 0; lw < 2; lw++) {
        ad_padim_options o = tiny_options(lw ? "ledoit_wolf" : "ridge", "all");
        set(&o, "layers", "t");
        set(&o, "size", "40");
        set(&o, "blur_sigma", "0");
        ad_fitter *fit = NULL;
        ad_scorer *scorer = NULL;
        assert_int_equal(ad_padim_fitter_create(flat, &o, &fit), AD_OK);
        assert_int_equal(ad_fit(fit, f->good, NULL, &scorer), AD_OK);
        double sum = 0.0;
        for (int64_t n = 0; n < GOOD; n++) {
            float heat[MAP];
            tiny_image(pixels, n, 0);
            const float score = score_of(scorer, n, 0, heat);
            float largest = 0.0f;
            for (int i = 0; i < MAP; i++) {
                sum += (double)heat[i] * heat[i] / (GOOD * MAP);
                largest = fmaxf(largest, heat[i]);
            }
            assert_true(score == largest);
        }
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
        assert_true(fabs(sqrt(sum) - info.normal_map) < 1e-4 * info.normal_map);
        assert_true(info.normal_score == 0.0);
        assert_int_equal(info.image_count, GOOD);
        assert_string_equal(info.method, "padim");
        ad_scorer_destroy(scorer);
        ad_fitter_destroy(fit);
    }
    ad_backbone_destroy(flat);
}

static void file_keeps_the_bits(void **state)
{
    static const char *const keys[] = {"size",  "crop",       "resize",      "aspect", "mean",
                                       "std",   "layers",     "dimensions",  "seed",   "covariance",
                                       "ridge", "blur_sigma", "memory_limit"};
    const fixture *f = *state;
    for (int embed = 0; embed < 2; embed++) {
        ad_scorer *scorer = fit(f, embed ? "ledoit_wolf" : "ridge", embed ? "all" : "9");
        ad_scorer *loaded = check_file(f, scorer, embed);
        ad_scorer_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_scorer_get_info(loaded, &info), AD_OK);
        assert_int_equal(info.option_count, sizeof keys / sizeof *keys);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            option_of(loaded, keys[i]);
        assert_string_equal(option_of(loaded, "dimensions"), embed ? "20" : "9");
        assert_string_equal(option_of(loaded, "layers"), "shallow,deep");
        ad_scorer_destroy(loaded);
        ad_scorer_destroy(scorer);
    }
}

/* Three fits merged, in an order that is not the sequential one, agree with one over all; and
 * finishing or merging in between changes nothing of what comes later. */
static void merged_equals_sequential(void **state)
{
    static const char *const covariances[] = {"ridge", "ledoit_wolf"};
    const fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        const char *kind = covariances[i];
        ad_scorer *whole = fit(f, kind, "12"), *halfway = NULL, *later = NULL;
        ad_scorer *merged = merge_three(fitter(f, kind, "12"), fitter(f, kind, "12"), fitter(f, kind, "12"));
        check_same(whole, merged, 1e-5); /* float results of statistics that agree to 1e-10 */
        ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_scorer_get_info(whole, &x), AD_OK);
        assert_int_equal(ad_scorer_get_info(merged, &y), AD_OK);
        assert_true(fabs(x.normal_map - y.normal_map) <= 1e-10 * x.normal_map);
        ad_fitter *b = fitter(f, kind, "12"), *c = fitter(f, kind, "12");
        add_range(b, 0, 11);
        add_range(c, 30, GOOD);
        assert_int_equal(ad_fitter_merge(c, b), AD_OK);
        assert_int_equal(ad_fitter_finish(b, &halfway), AD_OK);
        add_range(b, 11, GOOD);
        assert_int_equal(ad_fitter_finish(b, &later), AD_OK);
        check_same(whole, later, 0.0);
        ad_scorer_destroy(halfway);
        ad_scorer_destroy(later);
        ad_scorer_destroy(whole);
        ad_scorer_destroy(merged);
        ad_fitter_destroy(b);
        ad_fitter_destroy(c);
    }
}

static void too_little_to_fit(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = NULL;
    ad_fitter *fit = fitter(f, "ledoit_wolf", "all");
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_STATE,
            "padim needs at least 2 images, the fit has 0");
    add_range(fit, 0, 1);
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_STATE, "the fit has 1");
    add_range(fit, 0, 1);
    refused(ad_fitter_finish(fit, &scorer), AD_ERR_NUMERIC,
            "position (0, 0) of 16x16: the covariance of 2");
    assert_null(scorer);
    add_range(fit, 1, GOOD); /* and the fitter can go on */
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    ad_fitter *other = fitter(f, "ledoit_wolf", "9");
    refused(ad_fitter_merge(fit, other), AD_ERR_MISMATCH,
            "option dimensions is 20 in one fit and 9");
    ad_fitter_destroy(other);
    other = fitter(f, "ridge", "all");
    refused(ad_fitter_merge(fit, other), AD_ERR_MISMATCH, "option covariance is ledoit_wolf");
    ad_fitter_destroy(other);
    ad_padim_options o = tiny_options("ledoit_wolf", "all");
    set(&o, "memory_limit", "77777777"); /* no part of the result */
    assert_int_equal(ad_padim_fitter_create(f->net, &o, &other), AD_OK);
    assert_int_equal(ad_fitter_merge(fit, other), AD_OK);
    ad_fitter_destroy(other);
    ad_fitter_destroy(fit);
    fit = fitter(f, "ridge", "all"); /* two images are enough where a ridge makes up for the rest */
    add_range(fit, 0, 2);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
}

/* A layer is a place in the network, not a name: the digest of two networks that differ in names only is one,
 * and so is every option. */
static void layers_of_the_same_name(void **state)
{
    const fixture *f = *state;
    ad_backbone *exchanged = NULL, *moved = NULL;
    ad_fitter *mine = fitter(f, "ridge", "9"), *other = NULL;
    const ad_padim_options o = tiny_options("ridge", "9");
    ad_scorer *scorer = NULL, *loaded = NULL;
    assert_int_equal(tiny_open_tapped(f->context, f->weights, "point_bn", "stem_act", &exchanged), AD_OK);
    assert_int_equal(ad_padim_fitter_create(exchanged, &o, &other), AD_OK);
    add_range(mine, 0, 9);
    add_range(other, 9, 20);
    refused(ad_fitter_merge(mine, other), AD_ERR_MISMATCH, "layer 'shallow'");
    refused(ad_fitter_merge(other, mine), AD_ERR_MISMATCH, "layer 'shallow'");
    assert_int_equal(ad_fitter_count(mine), 9);
    assert_int_equal(ad_fitter_finish(mine, &scorer), AD_OK);
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    assert_int_equal(tiny_open_tapped(f->context, f->weights, "sum_act", "point_bn", &moved), AD_OK);
    refused(ad_scorer_load_onto(moved, f->file, &loaded), AD_ERR_MISMATCH, "layer 'shallow'");
    assert_null(loaded);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(mine);
    ad_fitter_destroy(other);
    ad_backbone_destroy(exchanged);
    ad_backbone_destroy(moved);
}

/* Known before the first image, refused before anything of that size is asked for, and no less than
 * what is held at any time, finishing included. */
static void memory_is_known(void **state)
{
    const fixture *f = *state;
    fault_alloc counter = {0};
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.alloc = fault_alloc_get;
    co.free = fault_alloc_put;
    co.alloc_user = &counter;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_fitter *fit = NULL;
    ad_scorer *scorer = NULL;
    assert_int_equal(ad_context_create(&co, &context), AD_OK);
    assert_int_equal(tiny_open(context, f->weights, &net), AD_OK);
    ad_padim_options o = tiny_options("ledoit_wolf", "all");
    set(&o, "memory_limit", "100000");
    const long before = atomic_load(&counter.bytes);
    atomic_store(&counter.peak, before);
    refused(ad_padim_fitter_create(net, &o, &fit), AD_ERR_OUT_OF_MEMORY,
            "bytes for 256 positions of 20 dimensions, memory_limit is 100000");
    assert_null(fit);
    assert_true(atomic_load(&counter.peak) - before < 4096);
    unsigned long long needed = 0;
    assert_int_equal(sscanf(ad_last_error_message(), "padim needs %llu bytes", &needed), 1);
    o.memory_limit = needed - 1;
    refused(ad_padim_fitter_create(net, &o, &fit), AD_ERR_OUT_OF_MEMORY, "memory_limit");
    o.memory_limit = needed;
    assert_int_equal(ad_padim_fitter_create(net, &o, &fit), AD_OK);
    assert_true(ad_fitter_memory(fit) > needed); /* and the extractor */
    add_range(fit, 0, 20);
    atomic_store(&counter.peak, before);
    assert_int_equal(ad_fitter_finish(fit, &scorer), AD_OK);
    ad_scorer_destroy(scorer);
    assert_true((size_t)(atomic_load(&counter.peak) - before) <= ad_fitter_memory(fit));
    ad_fitter_destroy(fit);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    assert_int_equal(atomic_load(&counter.live), 0);
}

/* An image whose features overflow is refused, and the fit is as if it had not come. */
static void not_finite(void **state)
{
    const fixture *f = *state;
    ad_padim_options o = tiny_options("ridge", "all");
    ad_fitter *bad = NULL;
    ad_scorer *scorer = NULL;
    set(&o, "std", "1e-38,1e-38,1e-38"); /* what no real preprocessing gives: pixels of 1e38 */
    assert_int_equal(ad_padim_fitter_create(f->net, &o, &bad), AD_OK);
    uint8_t pixels[TINY_PIXELS];
    memset(pixels, 255, sizeof pixels);
    const ad_image image =
        AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    refused(ad_fitter_add(bad, &image), AD_ERR_NUMERIC, "features that are not finite");
    assert_int_equal(ad_fitter_count(bad), 0);
    refused(ad_fitter_finish(bad, &scorer), AD_ERR_STATE, "the fit has 0");
    ad_fitter_destroy(bad);
}

static void every_flipped_bit_is_found(void **state)
{
    const fixture *f = *state;
    ad_scorer *scorer = fit(f, "ridge", "2"), *loaded = NULL;
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    ad_scorer_destroy(scorer);
    FILE *in = fopen(f->file, "rb");
    static uint8_t bytes[32768];
    const size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_in_range(size, 1000, sizeof bytes - 1);
    for (size_t bit = 0; bit < 8 * size; bit += 37) { /* 37 meets every bit position of a byte */
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (adi_scorer_load_bytes(f->context, bytes, size, f->weights, &loaded) == AD_OK)
            fail_msg("bit %zu flipped, and the scorer loads", bit);
        assert_null(loaded);
        assert_true(ad_last_error_message()[0]);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(adi_scorer_load_bytes(f->context, bytes, size, f->weights, &loaded), AD_OK);
    ad_scorer_destroy(loaded);
}

/* ---- Files that are sound as files and wrong as scorers ---- */

typedef struct change {
    const char *tensor; /* NULL: the metadata entry `key` */
    const char *key, *value;
    int64_t index; /* element to overwrite; -1: leave the tensor out; -2: another dtype */
    double number;
    const char *sentence;
} change;

/* The file again through the library's own writer, so that its checksums are right. */
static void rewrite(const fixture *f, const char *path, const change *c)
{
    adi_safetensors *file = NULL;
    adi_st_writer *w = NULL;
    const char *key, *value;
    assert_int_equal(adi_st_open(&adi_default_allocator, f->file, &file), AD_OK);
    assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
    for (size_t i = 0; adi_st_meta_at(file, i, &key, &value); i++)
        if (strncmp(key, "adfeat.crc32", 12) != 0 &&
            !(c->key && !c->value && strcmp(key, c->key) == 0))
            assert_int_equal(
                adi_st_writer_meta(w, key, c->key && strcmp(key, c->key) == 0 ? c->value : value),
                AD_OK);
    uint8_t *copies[3] = {NULL};
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        const size_t size = (size_t)t->count * adi_dtype_bytes(t->dtype);
        const int mine = c->tensor && strcmp(c->tensor, t->name) == 0;
        copies[i] = malloc(size);
        memcpy(copies[i], t->data, size);
        const float real = (float)c->number;
        const int32_t whole = (int32_t)c->number;
        if (mine && c->index >= 0)
            memcpy(copies[i] + 4 * c->index, t->dtype == ADI_I32 ? (const void *)&whole : &real, 4);
        if (!mine || c->index != -1)
            assert_int_equal(adi_st_writer_tensor(w, t->name,
                                                  mine && c->index == -2
                                                      ? (t->dtype == ADI_I32 ? ADI_F32 : ADI_I32)
                                                      : t->dtype,
                                                  t->ndim, t->shape, copies[i]),
                             AD_OK);
    }
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    adi_st_writer_destroy(w);
    for (int i = 0; i < 3; i++)
        free(copies[i]);
    adi_st_close(file);
}

static void broken_files(void **state)
{
    static const change changes[] = {
        {"subset", NULL, NULL, -1, 0, "no tensor 'subset'"},
        {"mean", NULL, NULL, -1, 0, "no tensor 'mean'"},
        {"factor", NULL, NULL, -1, 0, "no tensor 'factor'"},
        {"subset", NULL, NULL, -2, 0, "'subset' of the scorer has another type or shape"},
        {"mean", NULL, NULL, -2, 0, "'mean' of the scorer has another type or shape"},
        {"subset", NULL, NULL, 2, 20, "channel 20 of 20"},
        {"subset", NULL, NULL, 0, -1, "channel -1 of 20"},
        {"mean", NULL, NULL, 5, NAN, "mean"},
        {"factor", NULL, NULL, 7, INFINITY, "factor"},
        {"factor", NULL, NULL, 0, 0, "the diagonal at position 0 is 0"},
        {"factor", NULL, NULL, 15 * 3 + 9, -2, "the diagonal at position 3 is -2"},
        {NULL, "adfeat.option.dimensions", "6", 0, 0,
         "'subset' of the scorer has another type or shape"},
        {NULL, "adfeat.option.dimensions", "21", 0, 0,
         "dimensions is 21, the layers have 20 channels"},
        {NULL, "adfeat.option.dimensions", "many", 0, 0, "not a whole number"},
        {NULL, "adfeat.option.crop", "30", 0, 0, "'mean' of the scorer has another type or shape"},
        {NULL, "adfeat.option.layers", "deep,shallow", 0, 0,
         "'mean' of the scorer has another type or shape"},
        {NULL, "adfeat.option.layers", "shallow", 0, 0, "channel"},
        {NULL, "adfeat.option.ridge", "0", 0, 0, "option ridge"},
        {NULL, "adfeat.option.seed", "-1", 0, 0, "option seed"},
        {NULL, "adfeat.option.memory_limit", NULL, 0, 0, "has no 'adfeat.option.memory_limit'"},
        {NULL, "adfeat.normal_map", "nan", 0, 0, "no proper 'adfeat.normal_map'"},
        {NULL, "adfeat.images", NULL, 0, 0, "no proper 'adfeat.images'"},
    };
    const fixture *f = *state;
    ad_scorer *scorer = fit(f, "ridge", "5"), *loaded = NULL;
    assert_int_equal(ad_scorer_save(scorer, f->file, NULL), AD_OK);
    char *path = tiny_path("broken");
    const change nothing = {0};
    rewrite(f, path, &nothing);
    assert_int_equal(ad_scorer_load_onto(f->net, path, &loaded), AD_OK);
    ad_scorer_destroy(loaded);
    loaded = NULL;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rewrite(f, path, &changes[i]);
        const ad_status status = ad_scorer_load_onto(f->net, path, &loaded);
        if ((status != AD_ERR_FORMAT && status != AD_ERR_NUMERIC) ||
            !strstr(ad_last_error_message(), changes[i].sentence))
            fail_msg("change %zu gives %s, '%s'", i, ad_status_name(status),
                     ad_last_error_message());
        assert_null(loaded);
    }
    int32_t first;
    adi_safetensors *file = NULL; /* the same channel twice */
    assert_int_equal(adi_st_open(&adi_default_allocator, f->file, &file), AD_OK);
    memcpy(&first, adi_st_find(file, "subset")->data, sizeof first);
    adi_st_close(file);
    const change twice = {"subset", NULL, NULL, 3, first, ""};
    rewrite(f, path, &twice);
    refused(ad_scorer_load_onto(f->net, path, &loaded), AD_ERR_FORMAT, "twice");
    ad_scorer_destroy(scorer);
    unlink(path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates_and_localises),
        cmocka_unit_test(normal_map_is_the_rms),
        cmocka_unit_test(file_keeps_the_bits),
        cmocka_unit_test(merged_equals_sequential),
        cmocka_unit_test(too_little_to_fit),
        cmocka_unit_test(layers_of_the_same_name),
        cmocka_unit_test(memory_is_known),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests_name("padim", tests, set_up, tear_down);
}
