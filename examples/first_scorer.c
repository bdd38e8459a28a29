/* The program every user writes first: fit on a folder of good images, then score one image and find the
 * hottest spot in it.
 *     first_scorer WEIGHTS GOOD_FOLDER IMAGE */
#include <adfeat.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    ad_context *ctx = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    ad_image image = {0};
    float score, *heat = NULL;
    int failed = 1;

    if (argc != 4) {
        fprintf(stderr, "usage: first_scorer WEIGHTS GOOD_FOLDER IMAGE\n");
        return 2;
    }
    if (ad_context_create(NULL, &ctx) || ad_backbone_open(ctx, argv[1], NULL, &net) ||
        ad_dataset_open(ctx, argv[2], NULL, &good) ||
        ad_gaussian_fitter_create(net, NULL, &fitter) || ad_fit(fitter, good, NULL, &scorer) ||
        ad_image_read(ctx, argv[3], NULL, &image))
        goto cleanup;
    heat = malloc((size_t)(image.width * image.height) * sizeof *heat);
    if (!heat)
        goto cleanup;
    const ad_map map = AD_MAP_INIT(heat, image.width, image.height, image.width * (int64_t)sizeof *heat);
    if (ad_anomaly_map(scorer, &image, &map, &score))
        goto cleanup;
    int64_t hottest = 0;
    for (int64_t i = 1; i < image.width * image.height; i++)
        hottest = heat[i] > heat[hottest] ? i : hottest;
    printf("score %g, hottest at x %lld, y %lld\n", (double)score, (long long)(hottest % image.width),
           (long long)(hottest / image.width));
    failed = 0;
cleanup:
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());
    free(heat);
    ad_image_release(&image);
    ad_scorer_destroy(scorer); /* any order; NULL is fine */
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(ctx);
    return failed;
}
