/* What all methods that train a student share. */
#include "methods/student_fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/split.h"

static ad_status batch_of(int32_t images, double validation_share, int32_t wanted, int32_t *out_batch)
{
    const int32_t held_out = adi_held_out_count(images, validation_share), left = images - held_out;
    if (left < 2)
        return adi_fail(AD_ERR_STATE, "%d images leave %d to train on beside %d held out, at least 2 are needed", images,
                        left < 0 ? 0 : left, held_out);
    *out_batch = left < wanted ? left : wanted;
    return AD_OK;
}

ad_status adi_student_check_memory(size_t bytes, int32_t batch, int64_t side, uint64_t limit)
{
    if (bytes > limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY,
                        "training batches of %d images of %" PRId64 "x%" PRId64 " takes %zu bytes, memory_limit is %" PRIu64
                        ": raise it or lower batch or size",
                        batch, side, side, bytes, limit);
    return AD_OK;
}

void adi_student_end(adi_student_run *run, const adi_student_trainer *how)
{
    adi_fit_loop_free(&run->loop);
    how->destroy(run->training);
    run->training = NULL;
}

static ad_status begin(adi_student_run *run, const adi_student_trainer *how, const adi_student_schedule *s,
                       const adi_allocator *a, void *state)
{
    int32_t batch = 0;
    adi_trainee *trainee = NULL;
    adi_student_end(run, how);
    ADI_TRY(batch_of(s->images, s->validation_share, s->batch, &batch));
    ADI_TRY(how->create(state, batch, &run->training, &trainee));
    const ad_status status = adi_fit_loop_init(&run->loop, a, trainee, s->images, s->validation_share, s->split_seed);
    if (status != AD_OK) {
        adi_student_end(run, how);
        return status;
    }
    run->loop.batch = batch;
    run->loop.patience = s->patience;
    run->loop.seed = s->seed;
    run->trained_images = s->images;
    return AD_OK;
}

/* To its end, and what images score. */
static ad_status go_on(adi_student_run *run, const adi_student_trainer *how, const adi_fit_control *control)
{
    adi_fit_loop *loop = &run->loop;
    const int held_out = loop->held_out_count > 0;
    ADI_TRY(adi_fit_loop_run(loop, control));
    return how->scores(run->training, held_out ? loop->held_out : loop->train,
                       held_out ? loop->held_out_count : loop->train_count, &run->normal_score, &run->normal_map);
}

static ad_status check_student(const adi_student_run *run, const ad_student *student)
{
    if (run->training_number != student->trainings)
        return adi_fail(AD_ERR_STATE, "another fitter has trained the student since this one did: "
                                      "add images here to train it "
                                      "as it is now, or make a new fitter");
    return AD_OK;
}

/* No epochs: it is used as it is. */
static int changes_student(const adi_fit_loop *loop)
{
    int32_t epochs = 0;
    for (int32_t i = 0; i < loop->trainee->phase_count; i++)
        epochs += loop->trainee->phases[i].epochs > 0;
    return epochs > 0;
}

ad_status adi_student_train(adi_student_run *run, const adi_student_trainer *how,
                            const adi_student_schedule *schedule, ad_student *student, void *state,
                            adi_extractor *x, const adi_fit_control *control)
{
    const adi_allocator *a = &student->teacher->context->allocator;
    const int same_images = run->trained_images == schedule->images;
    adi_workspace *w = NULL;
    if (same_images && (run->done || run->training))
        ADI_TRY(check_student(run, student));
    if (run->done && same_images)
        return AD_OK;
    run->done = 0;
    if (!run->training || !same_images)
        ADI_TRY(begin(run, how, schedule, a, state));
    student->trainings += changes_student(&run->loop);
    run->training_number = student->trainings;
    if (how->use) {
        ADI_TRY(adi_extractor_borrow(x, &w));
        how->use(run->training, x, w);
    }
    const ad_status status = go_on(run, how, control);
    if (w)
        adi_extractor_give_back(x, w);
    run->loop.finished = 0;
    if (status != AD_OK)
        return status;
    adi_student_end(run, how);
    run->done = 1;
    return AD_OK;
}

ad_status adi_student_merge(void *state, const void *other)
{
    (void)state;
    (void)other;
    return adi_fail(AD_ERR_UNSUPPORTED, "fits that train a student cannot be merged: add all images to one");
}

/* Keys that a method's own options have too. */
static const char *key_of_student(const char *key)
{
    static const char *const both[][2] = {
        {"layers", "student.layers"}, {"mode", "student.mode"}, {"levels", "student.levels"}};
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        if (strcmp(key, both[i][0]) == 0)
            return both[i][1];
    return key;
}

const char *adi_student_describe(const adi_student_training *t, int32_t index, char *value, size_t size,
                                 int32_t *out_may_differ)
{
    int32_t count = 0;
    *out_may_differ = 0;
    const char *key = adi_student_option(t->student, index, value);
    if (key)
        return key_of_student(key);
    while (adi_student_option(t->student, count, value))
        count++;
    switch (index - count) {
    case 0:
        snprintf(value, size, "%s", t->student->digest);
        return "teacher";
    case 1:
        snprintf(value, size, "%d", t->images);
        return "image_count";
    case 2:
        snprintf(value, size, "%016" PRIx64, t->digest);
        return t->digest_name;
    default:
        break;
    }
    key = t->option(t->config, t->student->teacher->network->graph, index - count - 3, value);
    for (const char *const *free_key = t->free_keys; key && *free_key; free_key++)
        *out_may_differ |= strcmp(key, *free_key) == 0;
    return key;
}
