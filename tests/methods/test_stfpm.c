/* STFPM from pixels to scores on a tiny ResNet, with U-Nets and without: its map is the definition's, it learns and
 * separates, what options mean, a file keeps its bits; the same bits whatever the threads and the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/dual_network.h"
#include "stfpm_case.h"
#include "train/split.h"

enum { LAYERS = 3, MOST_FEATURES = 16 * 16 * 4 };

/* ---- The definition ---- */

typedef struct layer {
    int64_t h, w, c;
    float data[MOST_FEATURES];
} layer;

static void extract(ad_backbone *net, const ad_image *image, layer *out)
{
    static const char *const names[LAYERS] = {"layer1", "layer2", "layer3"};
    ad_preprocess p;
    ad_features features[LAYERS];
    ad_preprocess_init(&p, sizeof p);
    p.size = INPUT;
    for (int l = 0; l < LAYERS; l++)
        features[l] = (ad_features){.struct_size = sizeof features[l], .layer = names[l], .data = out[l].data,
                                    .capacity = MOST_FEATURES};
    if (ad_extract_features(net, image, &p, features, LAYERS) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    for (int l = 0; l < LAYERS; l++) {
        out[l].h = features[l].height;
        out[l].w = features[l].width;
        out[l].c = features[l].channels;
    }
}

/* The student as a backbone of its own, by way of its file. */
static ad_backbone *as_backbone(const fixture *f, const ad_student *s)
{
    ad_backbone_options o;
    ad_backbone *net = NULL;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = mini_resnet;
    o.prefix = "student.";
    assert_int_equal(ad_student_save(s, f->file), AD_OK);
    if (ad_backbone_open(f->context, NULL, f->file, &o, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return net;
}

/* What the layer's U-Net makes of it, in double. */
static void through_unet(const adi_module *unet, layer *io)
{
    float *file = calloc(unet->total, sizeof *file);
    assert_non_null(file);
    for (int32_t i = 0; i < unet->param_count; i++)
        adi_module_to_file(unet, &unet->params[i], unet->values + unet->params[i].offset, file + unet->params[i].offset);
    dual_network d = dual_new(unet, file);
    const adi_shape in = {1, io->h, io->w, io->c};
    dual_run(&d, &in, io->data, NULL);
    const dual_map *out = &d.maps[unet->graph->taps[unet->taps[0]].node];
    for (int64_t i = 0; i < io->h * io->w * io->c; i++)
        io->data[i] = (float)out->x[i].v;
    dual_free(&d);
    free(file);
}

static double distance(const float *t, const float *g, int64_t c)
{
    double tt = 0.0, gg = 0.0, sum = 0.0;
    for (int64_t k = 0; k < c; k++) {
        tt += (double)t[k] * t[k];
        gg += (double)g[k] * g[k];
    }
    for (int64_t k = 0; k < c; k++) {
        const double off = t[k] / fmax(sqrt(tt), 1e-12) - g[k] / fmax(sqrt(gg), 1e-12);
        sum += 0.5 * off * off;
    }
    return sum;
}

static void enlarge(const double *in, int64_t h, int64_t w, double *out, int64_t side)
{
    for (int64_t i = 0; i < side * side; i++) {
        const double y = fmax(0.0, ((double)(i / side) + 0.5) * (double)h / (double)side - 0.5);
        const double x = fmax(0.0, ((double)(i % side) + 0.5) * (double)w / (double)side - 0.5);
        const int64_t y0 = (int64_t)y, x0 = (int64_t)x, y1 = y0 + 1 < h ? y0 + 1 : y0, x1 = x0 + 1 < w ? x0 + 1 : x0;
        const double fy = y - (double)y0, fx = x - (double)x0;
        out[i] = (1 - fy) * ((1 - fx) * in[y0 * w + x0] + fx * in[y0 * w + x1])
                 + fy * ((1 - fx) * in[y1 * w + x0] + fx * in[y1 * w + x1]);
    }
}

/* The layers' maps of an image, combined at `at`; their plain means summed into *out_distance. */
static void define_map(const fixture *f, const ad_student *s, ad_backbone *student, int64_t index, int defect, int sum,
                       int64_t at, double *map, double *out_distance)
{
    static layer teacher[LAYERS], vectors[LAYERS];
    static double part[48 * 48], flat[16 * 16];
    uint8_t pixels[TINY_PIXELS];
    tiny_image(pixels, index, defect);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    extract(f->net, &image, teacher);
    extract(student, &image, vectors);
    *out_distance = 0.0;
    for (int l = 0; l < LAYERS; l++) {
        const layer *t = &teacher[l];
        if (s->unets[l])
            through_unet(s->unets[l], &vectors[l]);
        for (int64_t p = 0; p < t->h * t->w; p++) {
            flat[p] = distance(t->data + p * t->c, vectors[l].data + p * t->c, t->c);
            *out_distance += flat[p] / (double)(t->h * t->w);
        }
        enlarge(flat, t->h, t->w, part, at);
        for (int64_t i = 0; i < at * at; i++)
            map[i] = l == 0 ? part[i] : sum ? map[i] + part[i] : map[i] * part[i];
    }
}

static void map_is_the_definition(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"combine=product", "combine=sum", "combine_at=16", "combine_at=20 combine=sum",
                                           "combine_at=48"};
    static double at_side[48 * 48], want[INPUT * INPUT];
    for (int32_t kind = 0; kind < 2; kind++)
        for (int i = 0; i < 5; i++) {
            ad_student *s = mini_student(f->net, kind, 3);
            ad_scorer *scorer = train_few(s, settings[i], FEW);
            ad_backbone *student = as_backbone(f, s);
            const int64_t at = i < 2 ? INPUT : i == 2 ? 16 : i == 3 ? 20 : 48;
            for (int64_t index = 100; index < 103; index++) {
                uint8_t pixels[TINY_PIXELS];
                float got[INPUT * INPUT], score;
                double most = 0.0, unused;
                tiny_image(pixels, index, index & 1);
                const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
                const ad_map map = AD_MAP_INIT(got, INPUT, INPUT, INPUT * sizeof(float));
                assert_int_equal(ad_anomaly_map(scorer, &image, &map, &score), AD_OK);
                define_map(f, s, student, index, index & 1, strstr(settings[i], "sum") != NULL, at, at_side, &unused);
                enlarge(at_side, at, at, want, INPUT);
                for (int k = 0; k < INPUT * INPUT; k++)
                    most = fmax(most, want[k]);
                for (int k = 0; k < INPUT * INPUT; k++)
                    if (fabs(got[k] - want[k]) > 2e-5 * most)
                        fail_msg("%s: map[%d] is %g, not %g", settings[i], k, got[k], want[k]);
                assert_true(fabs(score - most) <= 2e-5 * most && most > 0.0);
                assert_true(score == score_of(scorer, index, index & 1, NULL));
            }
            ad_backbone_destroy(student);
            ad_scorer_destroy(scorer);
            ad_student_destroy(s);
        }
}

/* The validation error, and what the images held out score, from the definition. */
static void validation_is_the_definition(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"epochs=1", "epochs=1 val=product", "epochs=1 val=product combine_at=16",
                                           "epochs=1 val=product combine=sum split_seed=4",
                                           /* what the loss is made of is not what is validated */
                                           "epochs=1 layer_weights=2,0.5,0 loss_half=0 loss_batch=sum lr=0.01"};
    static double at_side[INPUT * INPUT], map[INPUT * INPUT];
    for (int32_t kind = 0; kind < 2; kind++)
        for (int i = 0; i < 5; i++) {
            ad_student *s = mini_student(f->net, kind, 3);
            ad_fitter *fit = mini_fitter(s, settings[i]);
            const int product = i > 0 && i < 4;
            ad_scorer *scorer = NULL;
            listener l;
            const ad_fit_options o = listen(&l, s, NULL);
            add_range(fit, 0, FEW);
            assert_int_equal(ad_fit(fit, NULL, &o, &scorer), AD_OK);
            ad_backbone *student = as_backbone(f, s);
            int32_t order[FEW], held_out;
            const int64_t at = i == 2 ? 16 : INPUT;
            assert_int_equal(adi_train_test_split(FEW, 0.25, i == 3 ? 4 : 0, order, &held_out), AD_OK);
            double error = 0.0, scores = 0.0, values = 0.0;
            for (int32_t k = 0; k < held_out; k++) {
                double distances, most = 0.0;
                define_map(f, s, student, order[k], 0, i == 3, at, at_side, &distances);
                for (int64_t p = 0; p < at * at && product; p++)
                    error += at_side[p] / (double)(at * at) / held_out;
                error += product ? 0.0 : distances / held_out;
                enlarge(at_side, at, at, map, INPUT);
                for (int p = 0; p < INPUT * INPUT; p++) {
                    most = fmax(most, map[p]);
                    values += map[p] * map[p] / (INPUT * INPUT) / held_out;
                }
                scores += most * most / held_out;
            }
            ad_scorer_info info = {.struct_size = sizeof info};
            assert_int_equal(ad_scorer_get_info(scorer, &info), AD_OK);
            assert_true(fabs(l.validation - error) <= 2e-5 * error);
            assert_true(fabs(info.normal_score - sqrt(scores)) <= 2e-5 * sqrt(scores));
            assert_true(fabs(info.normal_map - sqrt(values)) <= 2e-5 * sqrt(values));
            assert_string_equal(info.method, kind ? "stfpm_unet" : "stfpm");
            assert_int_equal(info.image_count, FEW);
            free(l.values);
            ad_backbone_destroy(student);
            ad_scorer_destroy(scorer);
            ad_fitter_destroy(fit);
            ad_student_destroy(s);
        }
}

/* ---- It learns ---- */

static void learns_and_separates(void **state)
{
    const fixture *f = *state;
    static const char *const settings[2] = {"epochs=30 batch=8 lr=0.2", "epochs=40 pretrain_epochs=20 batch=8 lr=0.2 "
                                                                       "unet_lr=1e-2 pretrain_lr=1e-2"};
    for (int32_t kind = 0; kind < 2; kind++) {
        ad_student *s = mini_student(f->net, kind, 1);
        ad_scorer *before = train_few(s, "epochs=1 lr=1e-12 pretrain_lr=1e-12 unet_lr=1e-12", GOOD);
        ad_scorer *after = train_few(s, settings[kind], GOOD);
        ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_scorer_get_info(before, &x), AD_OK);
        assert_int_equal(ad_scorer_get_info(after, &y), AD_OK);
        assert_true(y.normal_map < 0.2 * x.normal_map);
        ad_scorer_destroy(before);
        float worst_good = 0.0f, best_bad = INFINITY;
        double inside = 0.0, all = 0.0;
        for (int64_t i = 100; i < 110; i++) {
            float heat[MAP];
            worst_good = fmaxf(worst_good, score_of(after, i, 0, NULL));
            best_bad = fminf(best_bad, score_of(after, i, 1, heat));
            for (int p = 0; p < MAP; p++) {
                const int column = p % TINY_SIDE, row = p / TINY_SIDE;
                inside += column >= 20 && column < 28 && row >= 8 && row < 16 ? heat[p] / 64.0 : 0.0;
                all += heat[p] / MAP;
            }
        }
        assert_true(best_bad > worst_good);
        assert_true(inside > 1.5 * all);
        ad_scorer_destroy(after);
        ad_student_destroy(s);
    }
}

/* ---- What options mean, told by the first step's loss ---- */

static double first_loss(const fixture *f, int32_t kind, const char *settings)
{
    ad_student *s = mini_student(f->net, kind, 3);
    ad_fitter *fit = mini_fitter(s, settings);
    ad_scorer *scorer = NULL;
    listener l;
    const ad_fit_options o = listen(&l, s, NULL);
    add_range(fit, 0, FEW);
    if (ad_fit(fit, NULL, &o, &scorer) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    free(l.values);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fit);
    ad_student_destroy(s);
    return l.first_loss;
}

static void near(double a, double b)
{
    if (fabs(a - b) > 1e-6 * fabs(b))
        fail_msg("%.9g is not %.9g", a, b);
}

/* Of the similarity alone, with a batch of three. */
static double similarity(const fixture *f, int32_t kind, const char *settings)
{
    char text[200];
    snprintf(text, sizeof text, "epochs=1 batch=3%s %s", kind ? " rec_weight=0 pretrain_epochs=0" : "", settings);
    return first_loss(f, kind, text);
}

static void what_losses_mean(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < 2; kind++) {
        const double plain = similarity(f, kind, ""), first = similarity(f, kind, "layer_weights=1,0,0");
        const double second = similarity(f, kind, "layer_weights=0,1,0");
        near(similarity(f, kind, "loss_half=0"), 2.0 * plain);
        near(similarity(f, kind, "loss_batch=sum"), 3.0 * plain);
        near(similarity(f, kind, "layer_weights=2,2,2"), 2.0 * plain);
        near(similarity(f, kind, "layer_weights=0,0,1"), plain - first - second);
        near(similarity(f, kind, "optimizer=adam lr=0.001"), plain);
        assert_true(fabs(similarity(f, kind, "seed=1") - plain) > 1e-6 * plain); /* other images */
    }
    const double similar = first_loss(f, 1, "epochs=1 pretrain_epochs=0 rec_weight=0");
    const double rebuilt = first_loss(f, 1, "epochs=1 pretrain_epochs=0 sim_weight=0");
    near(first_loss(f, 1, "epochs=1 pretrain_epochs=0"), similar + rebuilt);
    near(first_loss(f, 1, "epochs=1 pretrain_epochs=0 rec_weight=3 sim_weight=0.5"), 0.5 * similar + 3.0 * rebuilt);
    near(first_loss(f, 1, "epochs=1 pretrain_epochs=0 rec_stopgrad=1"), similar + rebuilt);
    assert_true(first_loss(f, 1, "epochs=1 pretrain_epochs=0 sim_weight=0 rec_target=teacher") != rebuilt);
}

/* Each of these leads somewhere else. */
static void options_matter(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"", "momentum=0", "weight_decay=0.1", "optimizer=adam lr=0.01", "clip_norm=0.01",
                                           "seed=2", "split_seed=2", "lr=0.1", "validation_share=0", "batch=4",
                                           /* with U-Nets */
                                           "pretrain_epochs=0", "pretrain_lr=1e-2", "unet_lr=1e-2",
                                           "unet_weight_decay=0.5", "rec_weight=2", "sim_weight=2", "rec_target=teacher",
                                           "rec_stopgrad=1"};
    enum { COUNT = sizeof settings / sizeof *settings, PLAIN = 10 };
    for (int32_t kind = 0; kind < 2; kind++) {
        ad_student *all[COUNT] = {NULL};
        const int count = kind ? COUNT : PLAIN;
        for (int i = 0; i < count; i++) {
            all[i] = mini_student(f->net, kind, 3);
            ad_scorer_destroy(train_few(all[i], settings[i], FEW));
            for (int j = 0; j < i; j++)
                if (same_student(all[i], all[j]))
                    fail_msg("'%s' and '%s' end with the same student", settings[i], settings[j]);
        }
        for (int i = 0; i < count; i++)
            ad_student_destroy(all[i]);
    }
}

/* ---- Files ---- */

static void a_file_keeps_its_bits(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"", "combine=sum combine_at=20 layer_weights=0.1,2,1e-3 optimizer=adam lr=0.01"};
    for (int32_t kind = 0; kind < 2; kind++)
        for (int embed = 0; embed < 2; embed++) {
            ad_student *s = mini_student(f->net, kind, 3);
            ad_scorer *scorer = train_few(s, settings[embed], FEW);
            ad_student_destroy(s); /* the scorer has all it needs */
            assert_string_equal(option_of(scorer, "layers"), "layer1,layer2,layer3");
            assert_string_equal(option_of(scorer, "layer_weights"), embed ? "0.1,2,0.001" : "1,1,1");
            assert_string_equal(option_of(scorer, "combine_at"), embed ? "20" : "0");
            ad_scorer *loaded = check_file(f, scorer, embed);
            ad_scorer_destroy(loaded);
            ad_scorer_destroy(scorer);
        }
}

/* A student that was saved and loaded goes where the other goes that was not. */
static void a_student_goes_on(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < 2; kind++) {
        ad_student *s = mini_student(f->net, kind, 3), *later = NULL;
        ad_scorer *scorer = train_few(s, "", FEW);
        ad_student_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_student_get_info(s, &info), AD_OK);
        assert_int_equal(info.epochs_trained, 2);
        assert_int_equal(ad_student_save(s, f->file), AD_OK);
        assert_int_equal(ad_student_load(f->net, f->file, NULL, &later), AD_OK);
        ad_scorer_destroy(scorer);
        scorer = train_few(s, "seed=6", FEW);
        ad_scorer *same = train_few(later, "seed=6", FEW);
        assert_true(same_student(s, later));
        check_same(scorer, same, 0.0);
        assert_int_equal(ad_student_get_info(later, &info), AD_OK);
        assert_int_equal(info.epochs_trained, 4);
        ad_scorer_destroy(same);
        same = train_few(later, "epochs=0 pretrain_epochs=0", FEW); /* made of what is there, without a step */
        assert_true(same_student(s, later));
        check_same(scorer, same, 0.0);
        assert_int_equal(later->epochs_trained, 4);
        ad_scorer_destroy(same);
        ad_scorer_destroy(scorer);
        ad_student_destroy(later);
        ad_student_destroy(s);
    }
}

/* ---- The same bits ---- */

static void bits_of_the_cache(void **state)
{
    const fixture *f = *state;
    /* Features of an image: 1024 + 384 + 128 floats, or 6144 bytes. */
    static const char *const caches[] = {"feature_cache=1000000", "feature_cache=0", "feature_cache=6143",
                                         "feature_cache=20000", "feature_cache=6144"};
    static const char *const others[] = {"", "rec_target=teacher", "resize=cv_linear val=product",
                                         "mean=50,-3,0.5 std=1e-3,20,7"};
    for (int32_t kind = 0; kind < 2; kind++)
        for (int k = 0; k < 4; k++) {
            if (!kind && k == 1)
                continue;
            ad_student *first = NULL;
            ad_scorer *scorer = NULL;
            for (int i = 0; i < 5; i++) {
                char text[200];
                ad_student *s = mini_student(f->net, kind, 3);
                snprintf(text, sizeof text, "%s %s", caches[i], others[k]);
                ad_scorer *mine = train_few(s, text, FEW);
                if (i) {
                    if (!same_student(s, first))
                        fail_msg("%s %s", caches[i], others[k]);
                    check_same(mine, scorer, 0.0);
                    ad_scorer_destroy(mine);
                    ad_student_destroy(s);
                } else {
                    first = s;
                    scorer = mine;
                }
            }
            ad_scorer_destroy(scorer);
            ad_student_destroy(first);
        }
}

static void bits_of_threads(void **state)
{
    (void)state;
    static const int32_t threads[] = {1, 2, 3, 5};
    for (int32_t kind = 0; kind < 2; kind++) {
        float *first = NULL, scores[4][6];
        static float maps[4][6][MAP];
        for (int t = 0; t < 4; t++) {
            ad_context_options o;
            ad_context *context = NULL;
            ad_context_options_init(&o, sizeof o);
            o.num_threads = threads[t];
            assert_int_equal(ad_context_create(&o, &context), AD_OK);
            ad_backbone *net = mini_teacher(context);
            ad_student *s = mini_student(net, kind, 3);
            ad_scorer *scorer = train_few(s, "batch=3 val=product", 11);
            size_t count;
            float *values = student_values(s, &count);
            for (int64_t i = 0; i < 6; i++)
                scores[t][i] = score_of(scorer, 300 + i, i & 1, maps[t][i]);
            if (first) {
                assert_memory_equal(first, values, count * sizeof *values);
                assert_memory_equal(scores[0], scores[t], sizeof scores[0]);
                assert_memory_equal(maps[0], maps[t], sizeof maps[0]);
                free(values);
            } else {
                first = values;
            }
            ad_scorer_destroy(scorer);
            ad_student_destroy(s);
            ad_backbone_destroy(net);
            ad_context_destroy(context);
        }
        free(first);
    }
}

/* cpu goes where ref goes, as far as rounding lets it: Adam's first steps make much of gradients that are all but 0. */
static void backends_agree(void **state)
{
    (void)state;
    for (int32_t kind = 0; kind < 2; kind++) {
        double losses[2];
        for (int b = 0; b < 2; b++) {
            ad_context_options o;
            ad_context *context = NULL;
            ad_context_options_init(&o, sizeof o);
            o.device = b ? "cpu" : "ref";
            assert_int_equal(ad_context_create(&o, &context), AD_OK);
            ad_backbone *net = mini_teacher(context);
            ad_student *s = mini_student(net, kind, 3);
            ad_fitter *fit = mini_fitter(s, "");
            ad_scorer *scorer = NULL;
            listener l;
            const ad_fit_options fo = listen(&l, s, NULL);
            add_range(fit, 0, FEW);
            assert_int_equal(ad_fit(fit, NULL, &fo, &scorer), AD_OK);
            losses[b] = l.validation;
            free(l.values);
            ad_scorer_destroy(scorer);
            ad_fitter_destroy(fit);
            ad_student_destroy(s);
            ad_backbone_destroy(net);
            ad_context_destroy(context);
        }
        assert_true(fabs(losses[0] - losses[1]) <= (kind ? 1e-2 : 1e-5) * losses[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_is_the_definition), cmocka_unit_test(validation_is_the_definition),
        cmocka_unit_test(learns_and_separates),  cmocka_unit_test(what_losses_mean),
        cmocka_unit_test(options_matter),        cmocka_unit_test(a_file_keeps_its_bits),
        cmocka_unit_test(a_student_goes_on),     cmocka_unit_test(bits_of_the_cache),
        cmocka_unit_test(bits_of_threads),       cmocka_unit_test(backends_agree),
    };
    return cmocka_run_group_tests_name("stfpm", tests, set_up_resnet, tear_down);
}
