/* stats/sample.c: which vectors are kept does not depend on the order they come in, nor on how the
 * stream is split; all of them are kept below the limit; nobody is preferred. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/fault_alloc.h"
#include "harness/op_case.h"
#include "stats/sample.h"

static const adi_allocator *const heap = &adi_default_allocator;

enum { C = 3, IMAGES = 12, POSITIONS = 41 };

/* Vectors that say where they come from. */
static void image_vectors(uint64_t image, int64_t positions, float *x)
{
    for (int64_t p = 0; p < positions; p++) {
        x[p * C] = (float)(image % 1000003);
        x[p * C + 1] = (float)p;
        x[p * C + 2] = -1.0f;
    }
}

static void add_image(adi_sample *s, uint64_t image, int64_t positions)
{
    float *x = guarded_floats(positions * C);
    image_vectors(image, positions, x);
    assert_int_equal(adi_sample_reserve(s, positions), AD_OK);
    adi_sample_add(s, image, x, positions);
    guarded_free(x, "vectors");
}

/* A heap over slots that are each used once. */
static void check_heap(const adi_sample *s)
{
    assert_true(s->count <= s->limit);
    char *used = calloc((size_t)s->count + 1, 1);
    assert_non_null(used);
    for (int64_t i = 0; i < s->count; i++) {
        assert_true(i == 0 || s->heap[(i - 1) / 2].key >= s->heap[i].key);
        assert_in_range(s->heap[i].slot, 0, s->count - 1);
        assert_int_equal(used[s->heap[i].slot]++, 0);
        assert_true(s->vectors[s->heap[i].slot * C + 2] == -1.0f);
    }
    free(used);
}

static int by_value(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return x[0] != y[0] ? (x[0] > y[0]) - (x[0] < y[0]) : (x[1] > y[1]) - (x[1] < y[1]);
}

static float *sorted(const adi_sample *s)
{
    float *v = guarded_floats(s->count * C);
    if (s->count)
        memcpy(v, s->vectors, (size_t)(s->count * C) * sizeof *v);
    qsort(v, (size_t)s->count, C * sizeof *v, by_value);
    return v;
}

static void same_sample(const adi_sample *a, const adi_sample *b)
{
    check_heap(a);
    check_heap(b);
    assert_int_equal(a->count, b->count);
    float *x = sorted(a), *y = sorted(b);
    assert_memory_equal(x, y, (size_t)(a->count * C) * sizeof *x);
    guarded_free(x, "sample");
    guarded_free(y, "sample");
}

static void shuffle(uint64_t *images, int count)
{
    for (int i = count - 1; i > 0; i--) {
        const int j = (int)op_int(0, i);
        const uint64_t t = images[i];
        images[i] = images[j];
        images[j] = t;
    }
}

static const int64_t limits[] = {1, 2, 7, 100, IMAGES *POSITIONS - 1, IMAGES *POSITIONS, 100000};
enum { LIMITS = sizeof limits / sizeof *limits };

static void any_order_and_any_split(void **state)
{
    (void)state;
    for (int l = 0; l < LIMITS; l++)
        for (int turn = 0; turn < 20; turn++) {
            uint64_t images[IMAGES];
            for (int i = 0; i < IMAGES; i++)
                images[i] = turn % 2 ? op_bits() : (uint64_t)i;
            adi_sample joint, parts[3];
            adi_sample_init(&joint, heap, C, limits[l]);
            for (int i = 0; i < IMAGES; i++)
                add_image(&joint, images[i], POSITIONS);
            shuffle(images, IMAGES);
            for (int p = 0; p < 3; p++)
                adi_sample_init(&parts[p], heap, C, limits[l]);
            for (int i = 0; i < IMAGES; i++)
                add_image(&parts[op_int(0, 2)], images[i], POSITIONS);
            for (int p = 1; p < 3; p++) { /* each into the first, forwards or backwards */
                const int from = turn % 4 < 2 ? p : 3 - p;
                assert_int_equal(adi_sample_reserve(&parts[0], parts[from].count), AD_OK);
                adi_sample_merge(&parts[0], &parts[from]);
            }
            same_sample(&joint, &parts[0]);
            const int64_t all = IMAGES * POSITIONS;
            assert_int_equal(joint.count, limits[l] < all ? limits[l] : all);
            adi_sample_free(&joint);
            for (int p = 0; p < 3; p++)
                adi_sample_free(&parts[p]);
        }
}

/* Below the limit every vector is there once. */
static void exact_below_the_limit(void **state)
{
    (void)state;
    adi_sample s;
    adi_sample_init(&s, heap, C, IMAGES * POSITIONS);
    for (int i = 0; i < IMAGES; i++)
        add_image(&s, (uint64_t)i, POSITIONS);
    float *v = sorted(&s);
    assert_int_equal(s.count, IMAGES * POSITIONS);
    for (int64_t i = 0; i < s.count; i++) {
        assert_true(v[i * C] == (float)(i / POSITIONS));
        assert_true(v[i * C + 1] == (float)(i % POSITIONS));
    }
    guarded_free(v, "sample");
    adi_sample_free(&s);
}

/* Each image and each position as often as any other: within 5 standard deviations of the mean. */
static void nobody_is_preferred(void **state)
{
    (void)state;
    enum { SIDE = 32, LIMIT = 128, TURNS = 400 };
    static int of_image[SIDE], of_position[SIDE];
    for (int kind = 0; kind < 2; kind++) { /* numbered images, and images named by digests */
        memset(of_image, 0, sizeof of_image);
        memset(of_position, 0, sizeof of_position);
        for (int turn = 0; turn < TURNS; turn++) {
            adi_sample s;
            adi_sample_init(&s, heap, C, LIMIT);
            float x[SIDE * C];
            assert_int_equal(adi_sample_reserve(&s, LIMIT), AD_OK);
            for (int i = 0; i < SIDE; i++) {
                for (int p = 0; p < SIDE; p++) {
                    x[p * C] = (float)i;
                    x[p * C + 1] = (float)p;
                    x[p * C + 2] = -1.0f;
                }
                adi_sample_add(&s, kind ? op_bits() : (uint64_t)(turn * SIDE + i), x, SIDE);
            }
            for (int64_t k = 0; k < LIMIT; k++) {
                of_image[(int)s.vectors[k * C]]++;
                of_position[(int)s.vectors[k * C + 1]]++;
            }
            adi_sample_free(&s);
        }
        const double mean = (double)TURNS * LIMIT / SIDE, deviation = sqrt(mean);
        for (int i = 0; i < SIDE; i++) {
            assert_true(fabs(of_image[i] - mean) < 5 * deviation);
            assert_true(fabs(of_position[i] - mean) < 5 * deviation);
        }
    }
}

/* A reserve that fails leaves the sample as it was. */
static void out_of_memory(void **state)
{
    (void)state;
    for (int which = 1; which <= 2; which++) {
        fault_alloc fault = {0};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
        adi_sample s, same;
        adi_sample_init(&s, &a, C, 1000);
        adi_sample_init(&same, heap, C, 1000);
        add_image(&s, 5, 60);
        add_image(&same, 5, 60);
        fault.fail_at = atomic_load(&fault.calls) + which;
        assert_int_equal(adi_sample_reserve(&s, 500), AD_ERR_OUT_OF_MEMORY);
        assert_string_equal(ad_last_error_message(), "out of memory");
        same_sample(&s, &same);
        add_image(&s, 6, 500);
        add_image(&same, 6, 500);
        same_sample(&s, &same);
        adi_sample_free(&s);
        adi_sample_free(&s); /* twice is harmless */
        adi_sample_free(&same);
        assert_int_equal(atomic_load(&fault.live), 0);
    }
}

/* adi_sample_bytes() is an upper limit also while the sample grows: the promise of
 * ad_fitter_memory(). */
static void memory_stays_below(int64_t positions, int64_t limit)
{
    fault_alloc fault = {0};
    const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
    adi_sample s;
    adi_sample_init(&s, &a, C, limit);
    for (uint64_t image = 0; s.count < limit; image++)
        add_image(&s, image, positions);
    const size_t peak = (size_t)atomic_load(&fault.peak), bytes = adi_sample_bytes(C, limit);
    adi_sample_free(&s);
    if (peak > bytes)
        fail_msg("images of %lld vectors, limit %lld: %zu bytes held, adi_sample_bytes says %zu",
                 (long long)positions, (long long)limit, peak, bytes);
}

static void memory_one_at_a_time(void **state)
{
    (void)state;
    memory_stays_below(1, 16384);
    memory_stays_below(1, 256);
    memory_stays_below(1, 300);
}

/* 14 x 14 positions, as ResNet-18's layer3 has at 224 pixels, with the default limit. */
static void memory_image_by_image(void **state)
{
    (void)state;
    memory_stays_below(196, 16384);
    memory_stays_below(3136, 16384);
    memory_stays_below(900, 1000);
}

int main(void)
{
    op_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_and_any_split), cmocka_unit_test(exact_below_the_limit),
        cmocka_unit_test(nobody_is_preferred),     cmocka_unit_test(out_of_memory),
        cmocka_unit_test(memory_one_at_a_time),    cmocka_unit_test(memory_image_by_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
