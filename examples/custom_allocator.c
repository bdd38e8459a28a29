/* An allocator of one's own: every byte that the library holds goes through it, so it can be
 * counted and limited. Shows that scoring allocates nothing after the first frame, and that a
 * budget which is too small is an ordinary status with nothing leaked.
 *     custom_allocator SCORER IMAGE
 * SCORER has its weights embedded ('adfeat fit --embed'). */
#include <adfeat.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 20 };

static const char usage[] = "usage: custom_allocator SCORER IMAGE\n";

/* Any thread may call, so all counts are atomic. */
typedef struct meter {
    size_t budget; /* bytes that may be in use at once */
    atomic_size_t in_use;
    atomic_size_t peak;
    atomic_size_t calls;
} meter;

/* The free callback is not told how much it frees, so the size stands in front of each block, in a
 * piece as long as the alignment: what follows is then aligned too. */
typedef struct header {
    void *block;
    size_t bytes;
} header;

static void *meter_alloc(void *user, size_t bytes, size_t alignment)
{
    meter *m = user;
    const size_t front = alignment > sizeof(header) ? alignment : sizeof(header);
    if (bytes > SIZE_MAX - 2 * front)
        return NULL;
    const size_t total = (front + bytes + alignment - 1) / alignment * alignment;
    atomic_fetch_add(&m->calls, 1);
    const size_t now = atomic_fetch_add(&m->in_use, total) + total;
    char *block = now <= m->budget ? aligned_alloc(alignment, total) : NULL;
    if (!block) { /* the library answers with AD_ERR_OUT_OF_MEMORY */
        atomic_fetch_sub(&m->in_use, total);
        return NULL;
    }
    size_t peak = atomic_load(&m->peak);
    while (now > peak && !atomic_compare_exchange_weak(&m->peak, &peak, now))
        ;
    ((header *)(void *)(block + front))[-1] = (header){block, total};
    return block + front;
}

static void meter_free(void *user, void *pointer)
{
    meter *m = user;
    const header h = ((header *)pointer)[-1];
    atomic_fetch_sub(&m->in_use, h.bytes);
    free(h.block);
}

/* Load the scorer, read the image and score it FRAMES times, with every byte from `m`. Prints what
 * that needed where all goes well. */
static ad_status run(meter *m, const char *scorer_path, const char *image_path)
{
    ad_context *ctx = NULL;
    ad_scorer *scorer = NULL;
    ad_image image = {0};
    float score = 0.0f;
    size_t before = 0;

    ad_context_options options;
    ad_context_options_init(&options, sizeof options);
    options.alloc = meter_alloc;
    options.free = meter_free;
    options.alloc_user = m;
    ad_status status = ad_context_create(&options, &ctx);
    if (status == AD_OK)
        status = ad_scorer_load(ctx, scorer_path, NULL, &scorer);
    if (status == AD_OK)
        status = ad_image_read(ctx, image_path, NULL, &image);
    for (int frame = 0; frame < FRAMES && status == AD_OK; frame++) {
        status = ad_score_image(scorer, &image, &score);
        if (frame == 0)
            before = atomic_load(&m->calls);
    }
    if (status == AD_OK)
        printf("score %.7g\n%zu bytes in use, %zu at the peak\n"
               "%zu allocations up to the first frame, %zu in the %d frames after it\n",
               (double)score, atomic_load(&m->in_use), atomic_load(&m->peak), before,
               atomic_load(&m->calls) - before, FRAMES - 1);

    ad_image_release(&image);
    ad_scorer_destroy(scorer);
    ad_context_destroy(ctx);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 3) {
        fputs(usage, stderr);
        return 2;
    }
    meter free_run = {.budget = SIZE_MAX};
    if (run(&free_run, argv[1], argv[2])) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        return 1;
    }
    printf("%zu bytes in use after all was destroyed\n", atomic_load(&free_run.in_use));

    meter tight = {.budget = atomic_load(&free_run.peak) / 2};
    const ad_status status = run(&tight, argv[1], argv[2]);
    printf("with a budget of %zu bytes: %s, \"%s\"\n", tight.budget, ad_status_name(status),
           status ? ad_last_error_message() : "");
    printf("%zu bytes in use after that\n", atomic_load(&tight.in_use));
    return atomic_load(&free_run.in_use) != 0 || atomic_load(&tight.in_use) != 0
           || status != AD_ERR_OUT_OF_MEMORY;
}
