/* The map of STFPM as its definition has it, in double, from features that the public calls give. */
#ifndef ADFEAT_TESTS_STFPM_DEFINITION_H
#define ADFEAT_TESTS_STFPM_DEFINITION_H

#include "harness/dual_network.h"
#include "stfpm_case.h"
#include "train/split.h"

enum { LAYERS = 3, MOST_FEATURES = 16 * 16 * 4 };

typedef struct layer {
    int64_t h, w, c;
    float data[MOST_FEATURES];
} layer;

static inline void extract(ad_backbone *net, const ad_image *image, layer *out)
{
    static const char *const names[LAYERS] = {"layer1", "layer2", "layer3"};
    const option_text size = options("size=%d", INPUT);
    ad_features features[LAYERS];
    for (int l = 0; l < LAYERS; l++)
        features[l] = (ad_features){.struct_size = sizeof features[l], .layer = names[l], .data = out[l].data,
                                    .capacity = MOST_FEATURES};
    if (ad_extract_features(net, image, size.text, features, LAYERS) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    for (int l = 0; l < LAYERS; l++) {
        out[l].h = features[l].height;
        out[l].w = features[l].width;
        out[l].c = features[l].channels;
    }
}

/* The student as a backbone of its own, by way of its file. */
static inline ad_backbone *as_backbone(const fixture *f, const ad_student *s)
{
    ad_backbone_options o;
    ad_backbone *net = NULL;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = mini_resnet;
    o.prefix = "student.";
    assert_int_equal(ad_student_save(s, f->file), AD_OK);
    if (ad_backbone_open(f->context, f->file, &o, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return net;
}

/* What the layer's U-Net makes of it, in double. */
static inline void through_unet(const adi_module *unet, layer *io)
{
    float *file = calloc(unet->total, sizeof *file);
    assert_non_null(file);
    for (int32_t i = 0; i < unet->param_count; i++)
        adi_module_to_file(unet, &unet->params[i], unet->values + unet->params[i].offset,
                           file + unet->params[i].offset);
    dual_network d = dual_new(unet, file);
    const adi_shape in = {1, io->h, io->w, io->c};
    dual_run(&d, &in, io->data, NULL);
    const dual_map *out = &d.maps[unet->graph->taps[unet->taps[0]].node];
    for (int64_t i = 0; i < io->h * io->w * io->c; i++)
        io->data[i] = (float)out->x[i].v;
    dual_free(&d);
    free(file);
}

static inline double distance(const float *t, const float *g, int64_t c)
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

static inline void enlarge(const double *in, int64_t h, int64_t w, double *out, int64_t side)
{
    for (int64_t i = 0; i < side * side; i++) {
        const double y = fmax(0.0, ((double)(i / side) + 0.5) * (double)h / (double)side - 0.5);
        const double x = fmax(0.0, ((double)(i % side) + 0.5) * (double)w / (double)side - 0.5);
        const int64_t y0 = (int64_t)y, x0 = (int64_t)x, y1 = y0 + 1 < h ? y0 + 1 : y0,
                      x1 = x0 + 1 < w ? x0 + 1 : x0;
        const double fy = y - (double)y0, fx = x - (double)x0;
        out[i] = (1 - fy) * ((1 - fx) * in[y0 * w + x0] + fx * in[y0 * w + x1])
                 + fy * ((1 - fx) * in[y1 * w + x0] + fx * in[y1 * w + x1]);
    }
}

/* The layers' maps of an image, combined at `at`; their plain means summed into *out_distance. */
static inline void define_map(const fixture *f, const ad_student *s, ad_backbone *student, int64_t index, int defect,
                       int sum, int64_t at, double *map, double *out_distance)
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
        if (student_module(s, 1 + l))
            through_unet(student_module(s, 1 + l), &vectors[l]);
        for (int64_t p = 0; p < t->h * t->w; p++) {
            flat[p] = distance(t->data + p * t->c, vectors[l].data + p * t->c, t->c);
            *out_distance += flat[p] / (double)(t->h * t->w);
        }
        enlarge(flat, t->h, t->w, part, at);
        for (int64_t i = 0; i < at * at; i++)
            map[i] = l == 0 ? part[i] : sum ? map[i] + part[i] : map[i] * part[i];
    }
}

static inline void map_is_the_definition(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {"combine=product", "combine=sum", "combine_at=16",
                                           "combine_at=20, combine=sum", "combine_at=48"};
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
                const ad_image image =
                    AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
                const ad_map map = AD_MAP_INIT(got, INPUT, INPUT, INPUT * sizeof(float));
                assert_int_equal(ad_anomaly_map(scorer, &image, &map, &score), AD_OK);
                define_map(f, s, student, index, index & 1, strstr(settings[i], "sum") != NULL, at, at_side,
                           &unused);
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
static inline void validation_is_the_definition(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {
        "epochs=1", "epochs=1, val=product", "epochs=1, val=product, combine_at=16",
        "epochs=1, val=product, combine=sum, split_seed=4",
        /* what the loss is made of is not what is validated */
        "epochs=1, layer_weights=2,0.5,0, loss_half=0, loss_batch=sum, lr=0.01"};
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

#endif
