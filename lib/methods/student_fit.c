/* What all methods that train a student share. */
#include "methods/student_fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/split.h"

ad_status adi_student_batch(int32_t images, double validation_share, int32_t wanted, int32_t *out_batch)
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

const int32_t *adi_student_unseen(const adi_fit_loop *loop, int32_t *out_count)
{
    *out_count = loop->held_out_count ? loop->held_out_count : loop->train_count;
    return loop->held_out_count ? loop->held_out : loop->train;
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
