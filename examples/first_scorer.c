/* Fit on a folder of good images, then score one image and find its hottest spot.
 *     first_scorer WEIGHTS GOOD_FOLDER IMAGE */
#include <adfeat.h>
#include <stdio.h>

enum { SIDE = 64 }; /* a map may have any size */

int main(int argc, char **argv)
{
    ad_context *ctx = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    ad_image image = {0};
    static float heat[SIDE * SIDE];
    const ad_map map = AD_MAP_INIT(heat, SIDE, SIDE, SIDE * sizeof *heat);
    float score;

    if (argc != 4) {
        fprintf(stderr, "usage: first_scorer WEIGHTS GOOD_FOLDER IMAGE\n");
        return 2;
    }
    const int failed =
        ad_context_create(NULL, &ctx) || ad_backbone_open(ctx, argv[1], NULL, &net) ||
        ad_dataset_open(ctx, argv[2], NULL, &good) ||
        ad_fitter_create(net, "padim", NULL, &fitter) || ad_fit(fitter, good, NULL, &scorer) ||
        ad_image_read(ctx, argv[3], NULL, &image) || ad_anomaly_map(scorer, &image, &map, &score);
    int64_t hottest = 0;
    for (int64_t i = 1; i < SIDE * SIDE; i++)
        hottest = heat[i] > heat[hottest] ? i : hottest;
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());
    else
        printf("score %g, hottest at x %d, y %d\n", (double)score,
               (int)(hottest % SIDE * image.width / SIDE),
               (int)(hottest / SIDE * image.height / SIDE));
    ad_image_release(&image);
    ad_scorer_destroy(scorer); /* any order; NULL is fine */
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(ctx);
    return failed;
}
