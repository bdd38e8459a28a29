/* api/read_ahead.c: every image in its order whatever the threads, a failure where its image is and nowhere else,
 * nothing held afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/dataset.h"
#include "api/read_ahead.h"
#include "harness/fault_alloc.h"
#include "harness/tiny.h"

enum { IMAGES = 11, BAD = 6 };

typedef struct files {
    char *paths[IMAGES];
} files;

static ad_context *context_of(fault_alloc *f, int32_t threads)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = threads;
    o.alloc = fault_alloc_get;
    o.free = fault_alloc_put;
    o.alloc_user = f;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    return context;
}

/* Image i is i + 1 rows high; number BAD is no image. */
static int set_up(void **state)
{
    files *f = calloc(1, sizeof *f);
    ad_context *context = NULL;
    uint8_t pixels[TINY_PIXELS];
    *state = f;
    if (ad_context_create(NULL, &context))
        return 1;
    for (int i = 0; i < IMAGES; i++) {
        char name[32];
        snprintf(name, sizeof name, "ahead%02d", i);
        f->paths[i] = tiny_path(name);
        tiny_image(pixels, i, 0);
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, i + 1, TINY_SIDE * 3);
        if (ad_image_write_png(context, &image, f->paths[i]))
            return 1;
    }
    FILE *bad = fopen(f->paths[BAD], "wb");
    fputs("no image", bad);
    fclose(bad);
    ad_context_destroy(context);
    return 0;
}

static int tear_down(void **state)
{
    files *f = *state;
    for (int i = 0; i < IMAGES; i++) {
        unlink(f->paths[i]);
        free(f->paths[i]);
    }
    free(f);
    return 0;
}

static void in_their_order(void **state)
{
    const files *f = *state;
    for (int32_t threads = 1; threads <= 16; threads += threads < 4 ? 1 : 12)
        for (int stop = 0; stop <= IMAGES; stop++) { /* also when no more are wanted */
            fault_alloc alloc = {0};
            ad_context *context = context_of(&alloc, threads);
            ad_dataset *d = NULL;
            assert_int_equal(ad_dataset_open_list(context, (const char *const *)f->paths, NULL, IMAGES, &d), AD_OK);
            const long before = atomic_load(&alloc.live);
            adi_read_ahead r;
            adi_read_ahead_begin(&r, d, &d->read, "test");
            for (int i = 0; i < stop; i++) {
                ad_image image = {0}, alone = {0};
                const ad_status status = adi_read_ahead_next(&r, &image);
                assert_int_equal(status, i == BAD ? AD_ERR_FORMAT : AD_OK);
                if (i == BAD) {
                    assert_true(strstr(ad_last_error_message(), f->paths[BAD]));
                    continue;
                }
                assert_int_equal(image.height, i + 1);
                assert_int_equal(ad_dataset_read_image(d, i, NULL, &alone), AD_OK);
                for (int64_t y = 0; y <= i; y++)
                    assert_memory_equal((const char *)image.pixels + y * image.row_bytes,
                                        (const char *)alone.pixels + y * alone.row_bytes, TINY_SIDE * 3);
                ad_image_release(&alone);
                ad_image_release(&image);
            }
            adi_read_ahead_end(&r);
            assert_int_equal(atomic_load(&alloc.live), before);
            ad_dataset_destroy(d);
            ad_context_destroy(context);
            assert_int_equal(atomic_load(&alloc.live), 0);
        }
}

/* Whichever allocation fails: that is said for an image, and no other is lost. */
static void out_of_memory(void **state)
{
    const files *f = *state;
    int failures = 0;
    for (long fail_at = 1;; fail_at++) {
        fault_alloc alloc = {0};
        ad_context *context = context_of(&alloc, 3);
        ad_dataset *d = NULL;
        assert_int_equal(ad_dataset_open_list(context, (const char *const *)f->paths, NULL, BAD, &d), AD_OK);
        alloc.fail_at = atomic_load(&alloc.calls) + fail_at;
        adi_read_ahead r;
        int failed = 0;
        adi_read_ahead_begin(&r, d, &d->read, "test");
        for (int i = 0; i < BAD; i++) {
            ad_image image = {0};
            const ad_status status = adi_read_ahead_next(&r, &image);
            assert_true(status == AD_OK || status == AD_ERR_OUT_OF_MEMORY);
            failed += status != AD_OK;
            if (status == AD_OK)
                ad_image_release(&image);
        }
        adi_read_ahead_end(&r);
        ad_dataset_destroy(d);
        ad_context_destroy(context);
        assert_int_equal(atomic_load(&alloc.live), 0);
        assert_true(failed <= 1);
        failures += failed;
        if (!failed)
            break;
    }
    assert_true(failures >= BAD);
}

/* A callback's memory is good for one image at a time, and its thread is the caller's. */
static void callbacks_one_at_a_time(void **state)
{
    (void)state;
    fault_alloc alloc = {0};
    ad_context *context = context_of(&alloc, 4);
    ad_dataset *d = NULL;
    uint8_t pixels[TINY_PIXELS], wanted[TINY_PIXELS];
    assert_int_equal(ad_dataset_from_callback(context, tiny_callback, pixels, IMAGES, &d), AD_OK);
    adi_read_ahead r;
    adi_read_ahead_begin(&r, d, &d->read, "test");
    for (int i = 0; i < IMAGES; i++) {
        ad_image image = {0};
        assert_int_equal(adi_read_ahead_next(&r, &image), AD_OK);
        tiny_image(wanted, i, 0);
        assert_memory_equal(image.pixels, wanted, sizeof wanted);
        ad_image other = {0};
        assert_int_equal(ad_dataset_read_image(d, 0, NULL, &other), AD_ERR_STATE); /* it would overwrite this one */
        adi_read_ahead_release(&r, &image);
        assert_int_equal(ad_dataset_read_image(d, 0, NULL, &other), AD_OK);
    }
    adi_read_ahead_end(&r);
    ad_dataset_destroy(d);
    ad_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_their_order),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(callbacks_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
