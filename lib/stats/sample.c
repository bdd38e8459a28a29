/* Bottom-k sampling: a max-heap of keys over a table of vectors. */
#include "stats/sample.h"

#include <string.h>

void adi_sample_init(adi_sample *s, const adi_allocator *a, int64_t c, int64_t limit)
{
    *s = (adi_sample){.allocator = a, .c = c, .limit = limit};
}

void adi_sample_free(adi_sample *s)
{
    if (s->allocator) {
        adi_free(s->allocator, s->heap);
        adi_free(s->allocator, s->vectors);
    }
    *s = (adi_sample){0};
}

size_t adi_sample_bytes(int64_t c, int64_t limit)
{
    /* while growing to the limit, the old half is held too */
    return (size_t)(limit + (limit + 1) / 2) *
           ((size_t)c * sizeof(float) + sizeof(adi_sample_entry));
}

ad_status adi_sample_reserve(adi_sample *s, int64_t more)
{
    const int64_t wanted = s->count + more < s->limit ? s->count + more : s->limit;
    if ((size_t)wanted <= s->heap_capacity && (size_t)wanted <= s->vector_capacity)
        return AD_OK;
    int64_t room =
        s->limit; /* a size that doubles up to the limit */
    while (room > 1 && (room + 1) / 2 >= wanted)
        room = (room + 1) / 2;
    float *vectors = adi_alloc(s->allocator, (size_t)(room * s->c) * sizeof *vectors);
    adi_sample_entry *heap = adi_alloc(s->allocator, (size_t)room * sizeof *heap);
    if (!vectors || !heap) {
        adi_free(s->allocator, vectors);
        adi_free(s->allocator, heap);
        return adi_fail_memory();
    }
    if (s->count) {
        memcpy(vectors, s->vectors, (size_t)(s->count * s->c) * sizeof *vectors);
        memcpy(heap, s->heap, (size_t)s->count * sizeof *heap);
    }
    adi_free(s->allocator, s->vectors);
    adi_free(s->allocator, s->heap);
    s->vectors = vectors;
    s->heap = heap;
    s->vector_capacity = s->heap_capacity = (size_t)room;
    return AD_OK;
}

/* splitmix64's finaliser: neighbouring positions get unrelated keys. */
static uint64_t mix(uint64_t image, uint64_t position)
{
    uint64_t z = image + (position + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void sift_up(adi_sample_entry *heap, int64_t i)
{
    for (int64_t parent = (i - 1) / 2; i > 0 && heap[parent].key < heap[i].key;
         i = parent, parent = (i - 1) / 2) {
        const adi_sample_entry t = heap[i];
        heap[i] = heap[parent];
        heap[parent] = t;
    }
}

static void sift_down(adi_sample_entry *heap, int64_t count)
{
    for (int64_t i = 0;;) {
        int64_t big = i;
        for (int64_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
            if (heap[child].key > heap[big].key)
                big = child;
        if (big == i)
            return;
        const adi_sample_entry t = heap[i];
        heap[i] = heap[big];
        heap[big] = t;
        i = big;
    }
}

static void offer(adi_sample *s, uint64_t key, const float *x)
{
    int64_t slot;
    if (s->count < s->limit) {
        slot = s->count;
        s->heap[s->count] = (adi_sample_entry){key, slot};
        sift_up(s->heap, s->count++);
    } else if (key < s->heap[0].key) {
        slot = s->heap[0].slot;
        s->heap[0].key = key;
        sift_down(s->heap, s->count);
    } else {
        return;
    }
    memcpy(s->vectors + slot * s->c, x, (size_t)s->c * sizeof *x);
}

void adi_sample_add(adi_sample *s, uint64_t image, const float *x, int64_t count)
{
    for (int64_t p = 0; p < count; p++)
        offer(s, mix(image, (uint64_t)p), x + p * s->c);
}

void adi_sample_merge(adi_sample *s, const adi_sample *other)
{
    for (int64_t i = 0; i < other->count; i++)
        offer(s, other->heap[i].key, other->vectors + other->heap[i].slot * s->c);
}
