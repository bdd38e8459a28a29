/* Colour and depth together: train AST on the good images of a set in MVTec 3D-AD layout, save the scorer, and score the
 * test images. Where colour and depth come from a camera, fill in an ad_image as on_frame() below does.
 *     ast_depth WEIGHTS FOLDER SCORER [KEY=VALUE...]
 * The options are those of ad_student_options_set() and ad_ast_options_set(), and depth_scale; without any of them small
 * networks are trained for a short time: mode=combi flow_hidden=32 student_hidden=64 student_blocks=2 epochs=24. */
#include <adfeat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: ast_depth WEIGHTS FOLDER SCORER [KEY=VALUE...]\n";

typedef struct options {
    ad_student_options networks; /* what they are */
    ad_ast_options training;     /* and how they learn */
    double depth_scale;
} options;

static int on_train(void *user, const ad_train_progress *p)
{
    (void)user;
    if (p->epoch_done)
        printf("%s %d of %d: loss %.4f; %.0f s left\n", p->phase, p->epoch, p->epochs, p->loss, p->seconds_left);
    return 0;
}

/* What a program does with a frame of its camera: pixels and z are the camera's, z in metres. Nothing is copied. */
static ad_status on_frame(ad_scorer *scorer, const uint8_t *pixels, const float *z, int64_t width, int64_t height,
                          float *out_score)
{
    ad_image frame = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, width, height, 3 * width);
    frame.depth = z;
    frame.depth_width = width;
    frame.depth_height = height;
    frame.depth_row_bytes = width * (int64_t)sizeof *z;
    frame.depth_pixel_bytes = sizeof *z; /* 3 * sizeof *z, and z + 2, for an organised cloud of x, y, z */
    return ad_score_image(scorer, &frame, out_score);
}

/* Which words are of the networks is their setter's to say; the rest is of the training. */
static ad_status set(options *o, const char *key, const char *value)
{
    if (strcmp(key, "depth_scale") == 0) {
        o->depth_scale = atof(value);
        return AD_OK;
    }
    const int both = strcmp(key, "preset") == 0 || strcmp(key, "seed") == 0;
    const ad_status status = ad_student_options_set(&o->networks, key, value);
    const int unknown = status && strncmp(ad_last_error_message(), "no option", 9) == 0;
    if (!unknown && (status || !both))
        return status;
    return ad_ast_options_set(&o->training, key, value);
}

static ad_status read_options(int count, char **words, options *o)
{
    static const char *const defaults[][2] = {{"kind", "ast"}, {"mode", "combi"}, {"flow_hidden", "32"},
                                              {"student_hidden", "64"}, {"student_blocks", "2"}, {"epochs", "24"}};
    ad_student_options_init(&o->networks, sizeof o->networks);
    ad_ast_options_init(&o->training, sizeof o->training);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (set(o, defaults[i][0], defaults[i][1]))
            abort(); /* they are this program's own */
    for (int i = 0; i < count; i++) {
        char *const equals = strchr(words[i], '=');
        if (equals)
            *equals = '\0';
        const ad_status status = set(o, words[i], equals ? equals + 1 : "");
        if (status)
            return status;
    }
    return AD_OK;
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
    ad_student *student = NULL;
    ad_dataset *good = NULL, *test = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    options o = {.depth_scale = 0.0};

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 4) {
        fputs(usage, stderr);
        return 2;
    }
    int failed = read_options(argc - 4, argv + 4, &o);
    ad_dataset_options data;
    ad_dataset_options_init(&data, sizeof data);
    data.depth_scale = o.depth_scale;
    ad_dataset_options test_data = data;
    test_data.split = AD_SPLIT_TEST;
    ad_fit_options fit;
    ad_fit_options_init(&fit, sizeof fit);
    fit.train = on_train;

    failed = failed || ad_context_create(NULL, &ctx) || ad_backbone_open(ctx, argv[1], NULL, &net)
             || ad_student_create_old(net, &o.networks, &student)
             || ad_dataset_open(ctx, argv[2], &data, &good)
             || ad_dataset_open(ctx, argv[2], &test_data, &test)
             || ad_ast_fitter_create(student, &o.training, &fitter)
             || ad_fit(fitter, good, &fit, &scorer)
             || ad_scorer_save(scorer, argv[3], NULL)
             || score_all(scorer, test);
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());

    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(test);
    ad_dataset_destroy(good);
    ad_student_destroy(student);
    ad_backbone_destroy(net);
    ad_context_destroy(ctx);
    return failed;
}
