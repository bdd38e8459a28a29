/* ad_score_batch() scores images in parallel, one thread each. Such a thread waits for no other
 * between the steps of a network, so this is faster than all threads on one image at a time. */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#include "core/view.h"
#include "api/objects.h"

typedef struct batch {
    ad_scorer *scorer;
    const ad_image *images;
    const ad_map *maps;
    float *scores;
    pthread_mutex_t lock; /* of what failed: the first image in their order */
    int64_t failed;
    ad_status status;
    char sentence[ADI_MESSAGE_BYTES];
} batch;

static ad_status score_one(const batch *b, int64_t i)
{
    float *score = b->scores ? b->scores + i : NULL;
    float unwanted;
    const ad_image *image = adi_array_at(b->images, i);
    return b->maps ? ad_anomaly_map(b->scorer, image, adi_array_at(b->maps, i), score)
                   : ad_score_image(b->scorer, image, score ? score : &unwanted);
}

/* On any thread: sentences are a thread's own, so that one is carried over. */
static void task(void *user, int64_t i)
{
    batch *b = user;
    const ad_status status = score_one(b, i);
    if (status == AD_OK)
        return;
    pthread_mutex_lock(&b->lock);
    if (b->status == AD_OK || i < b->failed) {
        b->status = status;
        b->failed = i;
        snprintf(b->sentence, sizeof b->sentence, "%s", ad_last_error_message());
    }
    pthread_mutex_unlock(&b->lock);
}

/* Some images are taken by one thread each. The others follow one by one, with all threads. */
static int64_t side_by_side(int64_t count, int32_t threads)
{
    const int64_t rest = count % threads;
    return threads == 1 ? 0 : rest <= threads / 2 ? count - rest : count;
}

static ad_status run(batch *b, int64_t count)
{
    const ad_context *context = b->scorer->backbone->context;
    const int64_t shared = side_by_side(count, context->num_threads);
    context->backend->host->parallel_for(context->num_threads, shared, task, b);
    for (int64_t i = shared; b->status == AD_OK && i < count; i++)
        task(b, i);
    if (b->status == AD_OK)
        return AD_OK;
    if (b->status == AD_ERR_OUT_OF_MEMORY) /* nobody's image's fault */
        return adi_fail(b->status, "%s", b->sentence);
    return adi_fail(b->status, "image %lld of %lld: %s", (long long)b->failed, (long long)count,
                    b->sentence);
}

ad_status ad_score_batch(ad_scorer *scorer, const ad_image *images, int64_t count,
                         const ad_map *maps, float *out_scores)
{
    ADI_CHECK_ARG(scorer && images && (maps || out_scores), "ad_score_batch: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_CHECK_ARG(count >= 1, "ad_score_batch: count is %lld", (long long)count);
    ADI_TRY(adi_array_check(images, count, offsetof(ad_image, depth), sizeof *images, "image"));
    if (maps)
        ADI_TRY(adi_array_check(maps, count, sizeof *maps, sizeof *maps, "map"));
    batch b = {.scorer = scorer, .images = images, .maps = maps, .scores = out_scores};
    if (pthread_mutex_init(&b.lock, NULL) != 0)
        return adi_fail_memory();
    ad_scorer_retain(scorer);
    const ad_status status = run(&b, count);
    ad_scorer_destroy(scorer);
    pthread_mutex_destroy(&b.lock);
    return status;
}
