/* Colour and depth together: train AST on the good images of a set in MVTec 3D-AD layout, save the
 * scorer, and score the test images. Where colour and depth come from a camera, fill in an ad_image
 * as on_frame() below does.
 *     ast_depth WEIGHTS FOLDER SCORER [DEPTH_SCALE [OPTIONS]]
 * DEPTH_SCALE is what a value of the depth files means in metres; 0: as usual for their kind.
 * OPTIONS are those of AST, as one text; without them small networks are trained briefly. */
#include <adfeat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: ast_depth WEIGHTS FOLDER SCORER [DEPTH_SCALE [OPTIONS]]\n";

static const char small[] =
    "mode=combi, flow_hidden=32, student_hidden=64, student_blocks=2, epochs=24";

static int on_train(void *user, const ad_train_progress *p)
{
    (void)user;
    if (p->epoch_done)
        printf("%s %d of %d: loss %.4f; %.0f s left\n", p->phase, p->epoch, p->epochs, p->loss,
               p->seconds_left);
    return 0;
}

/* What a program does with a frame of its camera: pixels and z are the camera's, z in metres.
 * Nothing is copied. */
static ad_status on_frame(ad_scorer *scorer, const uint8_t *pixels, const float *z, int64_t width,
                          int64_t height, float *out_score)
{
    ad_image frame = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, width, height, 3 * width);
    frame.depth = z;
    frame.depth_width = width;
    frame.depth_height = height;
    frame.depth_row_bytes = width * (int64_t)sizeof *z;
    /* 3 * sizeof *z, and z + 2, for an organised cloud of x, y, z */
    frame.depth_pixel_bytes = sizeof *z;
    return ad_score_image(scorer, &frame, out_score);
}

static ad_status score_all(ad_scorer *scorer, const ad_dataset *test)
{
    for (int64_t i = 0; i < ad_dataset_count(test); i++) {
        ad_sample sample = {.struct_size = sizeof sample};
        ad_image image = {0};
        float score = 0.0f;
        ad_status status = ad_dataset_get(test, i, &sample);
        if (status == AD_OK)
            status = ad_dataset_read_image(test, i, NULL, &image);
        if (status == AD_OK && image.format == AD_PIXEL_RGB8 && image.depth)
            status = on_frame(scorer, image.pixels, image.depth, image.width, image.height, &score);
        else if (status == AD_OK)
            status = ad_score_image(scorer, &image, &score);
        ad_image_release(&image);
        if (status)
            return status;
        printf("%.6g\t%s\t%s\n", (double)score, sample.group, sample.name);
    }
    return AD_OK;
}

int main(int argc, char **argv)
{
    ad_context *ctx = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL, *test = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 4 || argc > 6) {
        fputs(usage, stderr);
        return 2;
    }
    ad_dataset_options data;
    ad_dataset_options_init(&data, sizeof data);
    data.depth_scale = argc > 4 ? atof(argv[4]) : 0.0;
    ad_dataset_options test_data = data;
    test_data.split = AD_SPLIT_TEST;
    ad_fit_options fit;
    ad_fit_options_init(&fit, sizeof fit);
    fit.train = on_train;

    const int failed = ad_context_create(NULL, &ctx) || ad_backbone_open(ctx, argv[1], NULL, &net)
                       || ad_dataset_open(ctx, argv[2], &data, &good)
                       || ad_dataset_open(ctx, argv[2], &test_data, &test)
                       || ad_fitter_create(net, "ast", argc > 5 ? argv[5] : small, &fitter)
                       || ad_fit(fitter, good, &fit, &scorer)
                       || ad_scorer_save(scorer, argv[3], NULL)
                       || score_all(scorer, test);
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());

    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(test);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(ctx);
    return failed;
}
