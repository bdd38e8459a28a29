/* Many threads, one scorer: each takes the next image of a queue, reads it and scores it. Then one
 * thread scores all of them again, and every score has the same bits.
 *     threads COUNT SCORER IMAGE...
 * SCORER has its weights embedded ('adfeat fit --embed'). */
#include <adfeat.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 64 };

static const char usage[] = "usage: threads COUNT SCORER IMAGE... (COUNT from 1 to 64)\n";

typedef struct job {
    const char *path;
    float score;
    ad_status status;
    char sentence[256]; /* what the library said is the thread's own, so it is kept here */
} job;

typedef struct queue {
    ad_context *ctx;
    ad_scorer *scorer;
    job *jobs;
    int count;
    atomic_int next; /* the next job that nobody has taken */
} queue;

static void *work(void *user)
{
    queue *q = user;
    for (int i = atomic_fetch_add(&q->next, 1); i < q->count; i = atomic_fetch_add(&q->next, 1)) {
        job *j = &q->jobs[i];
        ad_image image;
        j->status = ad_image_read(q->ctx, j->path, NULL, &image);
        if (j->status == AD_OK) {
            j->status = ad_score_image(q->scorer, &image, &j->score);
            ad_image_release(&image);
        }
        if (j->status)
            snprintf(j->sentence, sizeof j->sentence, "%s", ad_last_error_message());
    }
    return NULL;
}

/* Score all jobs with `threads` threads; the calling thread is one of them. */
static void score_all(queue *q, int threads)
{
    pthread_t others[MAX_THREADS];
    int started = 0;
    atomic_store(&q->next, 0);
    while (started < threads - 1 && pthread_create(&others[started], NULL, work, q) == 0)
        started++; /* fewer threads than wanted are slower, and nothing else */
    work(q);
    for (int i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}

static int report(const job *many, const job *one, int count, long threads)
{
    int failed = 0, different = 0;
    for (int i = 0; i < count; i++) {
        if (many[i].status) {
            fprintf(stderr, "%s: %s\n", many[i].path, many[i].sentence);
            failed++;
            continue;
        }
        printf("%.7g\t%s\n", (double)many[i].score, many[i].path);
        different += memcmp(&many[i].score, &one[i].score, sizeof many[i].score) != 0;
    }
    printf("%ld threads and one: %d of %d scores differ\n", threads, different, count - failed);
    return failed || different;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    const long threads = argc > 3 ? strtol(argv[1], NULL, 10) : 0;
    if (threads < 1 || threads > MAX_THREADS) {
        fputs(usage, stderr);
        return 2;
    }

    ad_context *ctx = NULL;
    queue q = {.count = argc - 3};
    job *many = calloc((size_t)q.count, sizeof *many);
    job *one = calloc((size_t)q.count, sizeof *one);
    int failed = 1;
    if (!many || !one) {
        fprintf(stderr, "out of memory for %d images\n", q.count);
        goto cleanup;
    }

    /* The threads are ours, so each call is to use only the one that it comes from. */
    ad_context_options options;
    ad_context_options_init(&options, sizeof options);
    options.num_threads = 1;
    if (ad_context_create(&options, &ctx) || ad_scorer_load(ctx, argv[2], NULL, &q.scorer)) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        goto cleanup;
    }
    q.ctx = ctx;
    for (int i = 0; i < q.count; i++)
        many[i].path = one[i].path = argv[3 + i];
    q.jobs = many;
    score_all(&q, (int)threads);
    q.jobs = one;
    score_all(&q, 1);
    failed = report(many, one, q.count, threads);

cleanup:
    free(one);
    free(many);
    ad_scorer_destroy(q.scorer);
    ad_context_destroy(ctx);
    return failed;
}
