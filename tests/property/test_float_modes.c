/* A host's rounding mode, flushed denormals and traps change no bit of a fit, a score, a map or a figure, and are there
 * again afterwards. */
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cmocka.h>

#include "harness/tiny.h"
#include "harness/tiny_rd.h"

enum { IMAGES = 10, SCORED = 3 };

/* What a host may have set in the thread that calls. */
typedef struct mode {
    const char *name;
    int round, flush, trap;
} mode;

static const mode modes[] = {
    {"upward", FE_UPWARD, 0, 0},          {"downward", FE_DOWNWARD, 0, 0},
    {"to zero", FE_TOWARDZERO, 0, 0},     {"nearest", FE_TONEAREST, 0, 0},
    {"upward, flush", FE_UPWARD, 1, 0},   {"downward, flush", FE_DOWNWARD, 1, 0},
    {"to zero, flush", FE_TOWARDZERO, 1, 0}, {"nearest, flush", FE_TONEAREST, 1, 0},
    {"traps", FE_TONEAREST, 0, 1},        {"upward, flush, traps", FE_UPWARD, 1, 1},
};

static unsigned control(void)
{
#if defined(__x86_64__)
    return _mm_getcsr() & 0xffc0u;
#else
    return (unsigned)fegetround();
#endif
}

static void set_mode(const mode *m)
{
    fesetenv(FE_DFL_ENV);
    fesetround(m->round);
#if defined(__x86_64__)
    if (m->flush)
        _mm_setcsr(_mm_getcsr() | 0x8040u); /* flush to zero, denormals are zero */
#endif
    if (m->trap)
        feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
}

typedef struct outcome {
    float scores[SCORED], heat[SCORED][TINY_SIDE * TINY_SIDE];
    double auroc, aupro, pixel_auroc, normal;
    uint8_t file[1 << 16];
    size_t file_size;
} outcome;

static ad_status new_fitter(ad_backbone *net, const char *method, ad_fitter **out)
{
    if (strcmp(method, "masked_rd") == 0)
        return tiny_rd_fitter(net, method, out);
    return tiny_fitter(net, method,
                       strcmp(method, "gaussian") == 0 ? "reduce=npca:0.9"
                       : strcmp(method, "padim") == 0  ? "covariance=ledoit_wolf"
                       : strcmp(method, "ast") == 0    ? "mode=combi"
                                                       : "",
                       out);
}

static tiny_frame frames[SCORED]; /* made in the default mode, as a camera makes its frames in none */

static ad_image view_of(tiny_frame *frame)
{
    ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, frame->pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    image.depth = frame->depth;
    image.depth_width = image.depth_height = TINY_SIDE;
    image.depth_row_bytes = TINY_SIDE * sizeof(float);
    image.depth_pixel_bytes = sizeof(float);
    return image;
}

static void measure(ad_scorer *scorer, outcome *out)
{
    static uint8_t marks[TINY_SIDE * TINY_SIDE];
    const uint8_t labels[SCORED] = {0, 1, 0};
    ad_map maps[SCORED];
    ad_image masks[SCORED];
    for (int64_t i = 0; i < TINY_SIDE * TINY_SIDE; i++)
        marks[i] = i / TINY_SIDE >= 8 && i / TINY_SIDE < 16 && i % TINY_SIDE >= 20 && i % TINY_SIDE < 28;
    for (int64_t i = 0; i < SCORED; i++) {
        const ad_image image = view_of(&frames[i]);
        maps[i] = (ad_map)AD_MAP_INIT(out->heat[i], TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
        masks[i] = (ad_image)AD_IMAGE_INIT(AD_PIXEL_MONO8, marks, TINY_SIDE, TINY_SIDE, TINY_SIDE);
        assert_int_equal(ad_anomaly_map(scorer, &image, &maps[i], &out->scores[i]), AD_OK);
    }
    assert_int_equal(ad_auroc(out->scores, labels, SCORED, &out->auroc), AD_OK);
    assert_int_equal(ad_aupro(maps, masks, SCORED, NULL, &out->aupro), AD_OK);
    assert_int_equal(ad_pixel_auroc(maps, masks, SCORED, &out->pixel_auroc), AD_OK);
}

/* Everything anew, in the mode that is set: weights are folded and packed in it too. */
static void run(const char *method, const char *weights, const char *path, outcome *out)
{
    static tiny_frame frame;
    const int rd = strcmp(method, "masked_rd") == 0;
    ad_context_options o;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL, *loaded = NULL;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = 3;
    memset(out, 0, sizeof *out);
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    assert_int_equal((rd ? tiny_rd_open : tiny_open)(context, weights, &net), AD_OK);
    assert_int_equal(ad_dataset_from_callback(context, tiny_rgbd_callback, &frame, IMAGES, &good), AD_OK);
    assert_int_equal(new_fitter(net, method, &fitter), AD_OK);
    if (ad_fit(fitter, good, NULL, &scorer) != AD_OK)
        fail_msg("%s: %s", method, ad_last_error_message());
    assert_int_equal(ad_scorer_save(scorer, path, NULL), AD_OK);
    assert_int_equal(ad_scorer_load_onto(net, path, &loaded), AD_OK);
    measure(loaded, out);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    out->file_size = fread(out->file, 1, sizeof out->file, file);
    fclose(file);
    ad_scorer_destroy(loaded);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
}

typedef struct host {
    const mode *mode;
    const char *method, *weights, *path;
    outcome *out;
    unsigned before, after;
} host;

/* Contexts make their workers in the mode of the thread that makes them. */
static void *run_host(void *user)
{
    host *h = user;
    set_mode(h->mode);
    h->before = control();
    run(h->method, h->weights, h->path, h->out);
    h->after = control();
    return NULL;
}

static void same_bits_in_every_mode(void **state)
{
    (void)state;
    static const char *const methods[] = {"gaussian", "padim", "stfpm", "ast", "masked_rd"};
    outcome *plain = malloc(sizeof *plain), *other = malloc(sizeof *other);
    for (int i = 0; i < SCORED; i++)
        tiny_rgbd(&frames[i], 200 + i, 3);
    char *weights = tiny_fast_path("weights"), *path = tiny_fast_path("scorer");
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        assert_int_equal(strcmp(methods[i], "masked_rd") == 0 ? tiny_rd_weights(weights) : tiny_weights(weights, ""), 0);
        run(methods[i], weights, path, plain);
        for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
            pthread_t thread;
            host h = {.mode = &modes[k], .method = methods[i], .weights = weights, .path = path, .out = other};
            assert_int_equal(pthread_create(&thread, NULL, run_host, &h), 0);
            pthread_join(thread, NULL);
            if (memcmp(plain, other, sizeof *plain) != 0)
                fail_msg("%s: other bits with a host in mode '%s': %.9g, not %.9g", methods[i], modes[k].name,
                         (double)other->scores[1], (double)plain->scores[1]);
            assert_int_equal(h.after, h.before);
        }
    }
    unlink(weights);
    unlink(path);
    free(weights);
    free(path);
    free(plain);
    free(other);
}

/* The nearest double of an option's text, not the one above or below it. */
static void options_are_read_to_the_nearest(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
        ad_backbone_options o;
        ad_backbone_options_init(&o, sizeof o);
        set_mode(&modes[k]);
        const ad_status status = ad_backbone_options_set(&o, "batchnorm_eps", "0.3");
        fesetenv(FE_DFL_ENV);
        assert_int_equal(status, AD_OK);
        assert_true(o.batchnorm_eps == 0x1.3333333333333p-2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_in_every_mode),
        cmocka_unit_test(options_are_read_to_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
