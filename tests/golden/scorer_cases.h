/* The fits of make_scorers.c and the images that it scored: the same when the files were made as
 * today. */
#ifndef ADFEAT_TESTS_SCORER_CASES_H
#define ADFEAT_TESTS_SCORER_CASES_H

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

#include "harness/rd_network.h"
#include "harness/student_case.h"

enum { OLD_FIT = 24, OLD_TRAINED = 8, OLD_IMAGES = 5, OLD_SAMPLES = 4, OLD_BATCHES = 3 };

typedef enum old_network { OLD_TINY, OLD_MINI, OLD_RD } old_network;

/* Besides its scorer a case may have other files, and the scorer the backbone. */
enum { OLD_PLAIN = 0, OLD_EMBEDS = 1, OLD_STUDENT = 2, OLD_CHECKPOINT = 4, OLD_ALL = 7 };

/* As rd_resnet, with fewer channels: its files are smaller. */
static const char old_rd_network[] =
    RD_HEAD RD_BLOCK("layer1", "relu1", "2", "1") RD_BLOCK("layer2", "layer1.0.out", "2", "2")
        RD_BLOCK("layer3", "layer2.0.out", "8", "2") RD_BLOCK("layer4", "layer3.0.out", "2", "2");

/* Options are away from the defaults wherever they change how a map or score is made. */
typedef struct old_case {
    const char *name, *method;
    old_network network;
    int files, has_map;
    const char *epochs;
    /* options: of everything; of the student; of its training */
    const char *options, *student, *training;
} old_case;

#define OLD_EPOCHS      ", epochs=2"
#define OLD_UNET_EPOCHS ", epochs=2, pretrain_epochs=1"
#define OLD_SHORT       ", batch=2, validation_share=0.25, size=32"
#define OLD_FLOW                                                                                   \
    ", layers=layer2, flow_blocks=1, flow_hidden=2, student_blocks=1, student_hidden=2, "          \
    "positions=4"

static const old_case old_cases[] = {
    {"gaussian_dense", "gaussian", OLD_TINY, OLD_EMBEDS, 1, "",
     "reduce=npca:0.8, samples=256, squared=1, ddof=1, blur_sigma=1.5", "", ""},
    {"gaussian_gap", "gaussian", OLD_TINY, OLD_PLAIN, 1, "",
     "reduce=pca:0.9, pixel=gap, size=28, aspect=shorter, crop=24", "", ""},
    {"gaussian_none", "gaussian", OLD_TINY, OLD_PLAIN, 0, "",
     "reduce=none, pixel=none, layers=deep, resize=pil_lanczos", "", ""},
    {"padim_ridge", "padim", OLD_TINY, OLD_PLAIN, 1, "",
     "layers=shallow,deep, dimensions=5, ridge=0.02, size=20, blur_sigma=1", "", ""},
    {"padim_ledoit_wolf", "padim", OLD_TINY, OLD_PLAIN, 1, "",
     "layers=shallow,deep, dimensions=4, covariance=ledoit_wolf, size=24, aspect=shorter, "
     "crop=16, resize=cv_linear, blur_sigma=0",
     "", ""},
    {"stfpm_product", "stfpm", OLD_MINI, OLD_ALL, 1, OLD_EPOCHS, "seed=3", "",
     OLD_SHORT ", combine=product"},
    {"stfpm_sum", "stfpm", OLD_MINI, OLD_STUDENT, 1, OLD_EPOCHS, "seed=3", ", layers=layer1,layer2",
     OLD_SHORT ", combine=sum, combine_at=16, optimizer=adam, lr=0.01, crop=24"},
    {"stfpm_unet", "stfpm_unet", OLD_MINI, OLD_STUDENT | OLD_CHECKPOINT, 1, OLD_UNET_EPOCHS,
     "seed=3", ", layers=layer1,layer2, unet_depth=1", OLD_SHORT},
    {"stfpm_unet_head", "stfpm_unet", OLD_MINI, OLD_STUDENT, 1, OLD_UNET_EPOCHS, "seed=3",
     ", layers=layer2, unet_depth=1, unet_head=conv1x1",
     OLD_SHORT ", combine=sum, rec_target=teacher"},
    {"ast_rgb", "ast", OLD_MINI, OLD_STUDENT, 1, OLD_EPOCHS, "seed=3", OLD_FLOW,
     OLD_SHORT ", lr=1e-3"},
    {"ast_depth", "ast", OLD_MINI, OLD_PLAIN, 1, OLD_EPOCHS, "seed=3", OLD_FLOW ", mode=depth",
     OLD_SHORT ", lr=1e-3, mask=none, score=teacher, aggregate=mean, max_after_upsample=1"},
    {"ast_combi", "ast", OLD_MINI, OLD_ALL, 1, OLD_EPOCHS, "seed=3", OLD_FLOW ", mode=combi",
     OLD_SHORT ", lr=1e-3"},
    {"ast_official", "ast", OLD_MINI, OLD_PLAIN, 1, OLD_EPOCHS, "preset=ast_official, seed=3",
     OLD_FLOW ", mode=combi", OLD_SHORT ", lr=1e-3"},
    {"masked_rd", "masked_rd", OLD_RD, OLD_EMBEDS | OLD_CHECKPOINT, 1, OLD_EPOCHS, "seed=3", "",
     OLD_SHORT ", blur_sigma=1.5"},
    {"masked_rd_rd4ad", "masked_rd", OLD_RD, OLD_PLAIN, 1, OLD_EPOCHS, "preset=rd4ad, seed=3", "",
     OLD_SHORT ", blur_sigma=1.5, combine=product"},
    {"masked_rd_soft", "masked_rd", OLD_RD, OLD_STUDENT, 1, OLD_EPOCHS, "seed=3",
     ", gate=soft, cru_softmax=joint, levels=23, eval_mask=seeded, mask_rate=0.5",
     OLD_SHORT ", blur_sigma=1.5"},
};
enum { OLD_CASES = sizeof old_cases / sizeof *old_cases };

static inline int old_trains(const old_case *c)
{
    return c->network != OLD_TINY;
}

/* All options of a fit. */
static inline const char *old_options(const old_case *c)
{
    static char text[600];
    snprintf(text, sizeof text, "%s%s%s%s", c->options, c->student, c->training, c->epochs);
    return text;
}

/* Those of a fit that uses its student as it is. */
static inline const char *old_untrained(const old_case *c)
{
    static char text[600];
    const char *unets = strcmp(c->method, "stfpm_unet") == 0 ? ", pretrain_epochs=0" : "";
    snprintf(text, sizeof text, "%s%s, epochs=0%s", c->options, c->training, unets);
    return text;
}

static inline ad_backbone *old_backbone(ad_context *context, old_network which)
{
    static const char *const texts[] = {tiny_graph, mini_resnet, old_rd_network};
    ad_backbone *net = NULL;
    st_memory m = mini_weights(texts[which]);
    if (mini_open(context, texts[which], &m, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    st_memory_free(&m);
    return net;
}

/* 0: good; 1: a bright square; 2: a dent; 3: both; 4: good, and wider than high. */
static inline ad_image old_image(tiny_frame *frame, int which)
{
    ad_image image = tiny_rgbd(frame, 300 + which, which & 3);
    if (which == 4) {
        image.pixels = frame->pixels + 4 * TINY_SIDE * 3;
        image.depth = frame->depth + 4 * TINY_SIDE;
        image.height = image.depth_height = TINY_SIDE - 8;
    }
    return image;
}

/* The map that is asked for: of the image's size, and of the last image larger. */
static inline ad_map old_map(float *heat, int which)
{
    const int64_t w = which == 4 ? 50 : TINY_SIDE, h = which == 4 ? 36 : TINY_SIDE;
    return (ad_map)AD_MAP_INIT(heat, w, h, w * (int64_t)sizeof(float));
}
enum { OLD_MAP = 50 * 36 };

/* Where a map is looked at. */
static inline float old_sample(const ad_map *map, int i)
{
    return map->data[(map->width * map->height - 1) * (i + 1) / (OLD_SAMPLES + 1)];
}

typedef struct old_result {
    float score;
    uint32_t map_crc; /* of the map's bytes */
    float highest, samples[OLD_SAMPLES];
} old_result;

/* Score image `which`; without a map everything but the score is 0. */
static inline ad_status old_score(ad_scorer *scorer, int which, int has_map, old_result *out)
{
    static float heat[OLD_MAP];
    tiny_frame frame;
    const ad_image image = old_image(&frame, which);
    const ad_map map = old_map(heat, which);
    const int64_t count = map.width * map.height;
    *out = (old_result){0};
    const ad_status status = has_map ? ad_anomaly_map(scorer, &image, &map, &out->score)
                                     : ad_score_image(scorer, &image, &out->score);
    if (status || !has_map)
        return status;
    const size_t bytes = (size_t)count * sizeof *heat;
    out->map_crc = (uint32_t)crc32(0, (const unsigned char *)heat, (unsigned)bytes);
    out->highest = heat[0];
    for (int64_t i = 1; i < count; i++)
        out->highest = fmaxf(out->highest, heat[i]);
    for (int i = 0; i < OLD_SAMPLES; i++)
        out->samples[i] = old_sample(&map, i);
    return AD_OK;
}

static inline void old_add(ad_fitter *fitter, const old_case *c)
{
    tiny_frame frame;
    for (int64_t i = 0; i < (old_trains(c) ? OLD_TRAINED : OLD_FIT); i++) {
        const ad_image image = tiny_rgbd(&frame, i, 0);
        if (ad_fitter_add(fitter, &image) != AD_OK)
            fail_msg("%s: %s", c->name, ad_last_error_message());
    }
}

#endif
