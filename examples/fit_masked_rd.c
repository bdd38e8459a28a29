/* Train masked reverse distillation on one class of a folder of class folders, as CIFAR-10 has them, and measure how well it
 * tells that class from all others. With preset=rd4ad it is plain reverse distillation.
 *     fit_masked_rd WEIGHTS FOLDER CLASS SCORER [KEY=VALUE...]
 * FOLDER holds train/CLASS/... and test/CLASS/..., or class folders alone, which then are trained and tested on. The options are
 * those of ad_student_options_set() and ad_masked_rd_options_set(); a preset and the seed are both's. */
#include <adfeat.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: fit_masked_rd WEIGHTS FOLDER CLASS SCORER [KEY=VALUE...]\n";

static int on_train(void *user, const ad_train_progress *p)
{
    (void)user;
    if (p->epoch_done)
        printf("epoch %d of %d: loss %.4f, on images held out %.4f; %.0f s left\n", p->epoch, p->epochs, p->loss, p->validation,
               p->seconds_left);
    return 0;
}

/* An option is the student's, of its training, or both's; the sentence of a failure is that of the training's. */
static ad_status read_option(char *word, ad_student_options *student, ad_masked_rd_options *options)
{
    char *const equals = strchr(word, '=');
    const char *const value = equals ? equals + 1 : "";
    if (equals)
        *equals = '\0';
    const ad_status of_student = ad_student_options_set(student, word, value);
    const int both = strcmp(word, "seed") == 0 || strcmp(word, "preset") == 0;
    return of_student == AD_OK && !both ? AD_OK : ad_masked_rd_options_set(options, word, value);
}

/* Good and other images of the test split. */
static ad_status measure(ad_context *ctx, ad_scorer *scorer, const char *folder, const char *name)
{
    ad_dataset *test = NULL;
    ad_dataset_options split;
    ad_dataset_options_init(&split, sizeof split);
    split.split = AD_SPLIT_TEST;
    split.one_class = name;
    ad_evaluation result = {.struct_size = sizeof result};
    ad_status status = ad_dataset_open(ctx, folder, &split, &test);
    if (status == AD_OK)
        status = ad_evaluate(scorer, test, NULL, &result, NULL);
    if (status == AD_OK)
        printf("%s against all others: image AUROC %.4f of %lld images, %.1f ms an image\n", name, result.image_auroc,
               (long long)result.images, result.ms_per_image);
    ad_dataset_destroy(test);
    return status;
}

int main(int argc, char **argv)
{
    ad_context *ctx = NULL;
    ad_backbone *teacher = NULL;
    ad_student *student = NULL;
    ad_dataset *good = NULL;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 5) {
        fputs(usage, stderr);
        return 2;
    }

    ad_student_options network; /* what the student is */
    ad_student_options_init(&network, sizeof network);
    network.kind = AD_STUDENT_MASKED_RD;
    ad_masked_rd_options options; /* how it is trained, and how it scores */
    ad_masked_rd_options_init(&options, sizeof options);
    int failed = 0;
    for (int i = 5; i < argc && !failed; i++)
        failed = read_option(argv[i], &network, &options);

    ad_dataset_options one_class;
    ad_dataset_options_init(&one_class, sizeof one_class);
    one_class.one_class = argv[3];
    ad_fit_options fit;
    ad_fit_options_init(&fit, sizeof fit);
    fit.train = on_train;

    failed = failed || ad_context_create(NULL, &ctx)
             || ad_backbone_open(ctx, argv[1], NULL, &teacher)
             || ad_student_create_old(teacher, &network, &student)
             || ad_dataset_open(ctx, argv[2], &one_class, &good)
             || ad_masked_rd_fitter_create(student, &options, &fitter)
             || ad_fit(fitter, good, &fit, &scorer)
             || ad_scorer_save(scorer, argv[4], NULL)
             || measure(ctx, scorer, argv[2], argv[3]);
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());

    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_student_destroy(student);
    ad_backbone_destroy(teacher);
    ad_context_destroy(ctx);
    return failed;
}
