/* Fit the Gaussian method on a folder of good images, with options of one's own and progress, and
 * save the scorer. Without a SIZE the images are resized to what the network was trained at.
 *     fit_gaussian WEIGHTS FOLDER SCORER LAYER[,LAYER...] [SIZE] */
#include <adfeat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: fit_gaussian WEIGHTS FOLDER SCORER LAYER[,LAYER...] [SIZE]\n";

/* Called between images. A non-zero return would end the fit with AD_ERR_CANCELLED. */
static int on_progress(void *user, double fraction)
{
    int *shown = user;
    const int percent = (int)(100.0 * fraction);
    if (percent / 10 > *shown / 10)
        fprintf(stderr, "%d %% fitted\n", percent);
    *shown = percent;
    return 0;
}

static ad_status print_scorer(const ad_scorer *scorer, const char *path)
{
    ad_scorer_info info = {.struct_size = sizeof info};
    const ad_status status = ad_scorer_get_info(scorer, &info);
    if (status)
        return status;
    printf("wrote %s: %s on %s, %lld images, which score %g\n", path, info.method,
           info.architecture, (long long)info.image_count, info.normal_score);
    for (int32_t i = 0; i < info.option_count; i++) {
        const char *key, *value;
        if (ad_scorer_get_option(scorer, i, &key, &value) == AD_OK)
            printf("    %s = %s\n", key, value);
    }
    return AD_OK;
}

int main(int argc, char **argv)
{
    ad_context *ctx = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    const long size = argc == 6 ? strtol(argv[5], NULL, 10) : 0; /* 0: the network's own */
    if ((argc != 5 && argc != 6) || (argc == 6 && (size < 1 || size > 4096))) {
        fputs(usage, stderr);
        return 2;
    }

    /* Init sets every default, so only what differs is named; the size that it is given lets a
     * program that was compiled today run with a library whose struct has grown. */
    ad_gaussian_options options;
    ad_gaussian_options_init(&options, sizeof options);
    options.layers = argv[4];
    options.reduce = AD_REDUCE_NPCA; /* directions of low variance: where good parts agree */
    options.reduce_threshold = 0.9;
    options.pixel = AD_PIXEL_FIT_DENSE; /* heat maps, from statistics of their own */
    options.blur_sigma = 2.0;
    options.preprocess.size = (int32_t)size;

    int shown = 0;
    ad_fit_options fit;
    ad_fit_options_init(&fit, sizeof fit);
    fit.progress = on_progress;
    fit.user = &shown;

    ad_scorer_save_options save;
    ad_scorer_save_options_init(&save, sizeof save);
    save.embed_backbone = 1; /* one file is all that scoring needs */

    const int failed = ad_context_create(NULL, &ctx)
                       || ad_backbone_open(ctx, argv[1], NULL, &net)
                       || ad_dataset_open(ctx, argv[2], NULL, &good)
                       || ad_gaussian_fitter_create(net, &options, &fitter)
                       || ad_fit(fitter, good, &fit, &scorer)
                       || ad_scorer_save(scorer, argv[3], &save) || print_scorer(scorer, argv[3]);
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());

    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(ctx);
    return failed;
}
