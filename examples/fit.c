/* Fit a method on a folder of good images and save the scorer; show the losses of a training.
 *     fit METHOD WEIGHTS GOOD_FOLDER SCORER_FILE [OPTIONS]
 * METHOD is "gaussian", "padim", "stfpm", "stfpm_unet", "ast" or "masked_rd"; OPTIONS are its own,
 * as one text: "size=256, blur_sigma=2". */
#include <adfeat.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: fit METHOD WEIGHTS GOOD_FOLDER SCORER_FILE [OPTIONS]\n";

/* Called after every batch and every epoch. A non-zero return would end the fit with
 * AD_ERR_CANCELLED. */
static int on_train(void *user, const ad_train_progress *p)
{
    (void)user;
    if (!p->epoch_done)
        return 0;
    printf("%s %d of %d: loss %.4f", p->phase, p->epoch, p->epochs, p->loss);
    if (!isnan(p->validation)) /* some images are held out */
        printf(", validation error %.4f", p->validation);
    printf("; %.0f s left\n", p->seconds_left);
    return 0;
}

static ad_status print_scorer(const ad_scorer *scorer, const char *path)
{
    ad_scorer_info info = {.struct_size = sizeof info};
    const ad_status status = ad_scorer_get_info(scorer, &info);
    if (status == AD_OK)
        printf("wrote %s: %s on %s, %lld images\n", path, info.method, info.architecture,
               (long long)info.image_count);
    for (int32_t i = 0; status == AD_OK && i < info.option_count; i++) {
        const char *key, *value;
        if (ad_scorer_get_option(scorer, i, &key, &value) == AD_OK)
            printf("    %s = %s\n", key, value);
    }
    return status;
}

int main(int argc, char **argv)
{
    ad_context *ctx = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;

    if (argc != 5 && argc != 6) {
        const int asked = argc == 2 && strcmp(argv[1], "--help") == 0;
        fputs(usage, asked ? stdout : stderr);
        return asked ? 0 : 2;
    }
    ad_fit_options fit;
    ad_fit_options_init(&fit, sizeof fit);
    fit.train = on_train;

    const int failed = ad_context_create(NULL, &ctx) || ad_backbone_open(ctx, argv[2], NULL, &net)
                       || ad_dataset_open(ctx, argv[3], NULL, &good)
                       || ad_fitter_create(net, argv[1], argc == 6 ? argv[5] : NULL, &fitter)
                       || ad_fit(fitter, good, &fit, &scorer)
                       || ad_scorer_save(scorer, argv[4], NULL) || print_scorer(scorer, argv[4]);
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());

    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(ctx);
    return failed;
}
