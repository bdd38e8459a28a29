/* Train a student on a folder of good images by STFPM, with its losses as they come and a checkpoint after every
 * epoch, and save the scorer and the student. Run again after it was interrupted, it goes on where it was.
 *     fit_stfpm WEIGHTS FOLDER CHECKPOINTS SCORER STUDENT [KEY=VALUE...]
 * CHECKPOINTS is a folder that is there; the options are those of ad_stfpm_options_set(), and layers. */
#include <adfeat.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: fit_stfpm WEIGHTS FOLDER CHECKPOINTS SCORER STUDENT [KEY=VALUE...]\n";

/* Called after every batch and every epoch. A non-zero return would end the fit with AD_ERR_CANCELLED, and leave a
 * checkpoint. */
static int on_train(void *user, const ad_train_progress *p)
{
    (void)user;
    if (p->epoch_done)
        printf("%s %d of %d: loss %.4f, validation error %.4f, lowest %.4f after %d; %.0f s left\n", p->phase,
               p->epoch, p->epochs, p->loss, p->validation, p->best_validation, p->best_epoch, p->seconds_left);
    return 0;
}

/* Cuts the words into keys and values. Which layers is a matter of the student, the rest of its training. */
static ad_status read_options(int count, char **words, ad_student_options *student, ad_stfpm_options *options)
{
    for (int i = 0; i < count; i++) {
        char *const equals = strchr(words[i], '=');
        const char *const value = equals ? equals + 1 : "";
        if (equals)
            *equals = '\0';
        const ad_status status = strcmp(words[i], "layers") == 0
                                     ? ad_student_options_set(student, words[i], value)
                                     : ad_stfpm_options_set(options, words[i], value);
        if (status)
            return status;
    }
    return AD_OK;
}

static ad_status print_student(const ad_student *student, const char *path)
{
    ad_student_info info = {.struct_size = sizeof info};
    const ad_status status = ad_student_get_info(student, &info);
    if (status == AD_OK)
        printf("wrote %s: a %s that learned %s for %lld epochs\n", path, info.architecture, info.layers,
               (long long)info.epochs_trained);
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
    if (argc < 6) {
        fputs(usage, stderr);
        return 2;
    }

    ad_student_options network; /* what the student is */
    ad_student_options_init(&network, sizeof network);
    network.kind = AD_STUDENT_STFPM;
    ad_stfpm_options options; /* how it is trained */
    ad_stfpm_options_init(&options, sizeof options);

    ad_fit_options fit;
    ad_fit_options_init(&fit, sizeof fit);
    fit.train = on_train;
    fit.checkpoint_dir = argv[3];
    fit.resume = 1; /* where there is a checkpoint */

    const int failed = read_options(argc - 6, argv + 6, &network, &options)
                       || ad_context_create(NULL, &ctx)
                       || ad_backbone_open(ctx, argv[1], NULL, &teacher)
                       || ad_student_create_old(teacher, &network, &student)
                       || ad_dataset_open(ctx, argv[2], NULL, &good)
                       || ad_stfpm_fitter_create(student, &options, &fitter)
                       || ad_fit(fitter, good, &fit, &scorer)
                       || ad_scorer_save(scorer, argv[4], NULL)
                       /* ad_student_load_old() and another fit train it further, on new images too. */
                       || ad_student_save(student, argv[5]) || print_student(student, argv[5]);
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
