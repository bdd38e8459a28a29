/* The JPEG and PNG decoders. Flags: 0 by signature, 1 taken for a JPEG, 2 taken for a PNG (two
 * lowest bits). The ceiling keeps images small: what is under test does not depend on their size.
 */
#include "fuzz.h"
#include "mutate_image.h"
#include "vision/vision.h"

enum { BY_SIGNATURE, AS_JPEG, AS_PNG, CEILING = 4 << 20 };

static ad_status decode(const fuzz_input *in, const adi_allocator *a, ad_image *out)
{
    static const ad_read_options whole = {.struct_size = sizeof whole};
    switch (in->flags & 3) {
    case AS_JPEG:
        return adi_decode_jpeg(a, in->bytes, in->size, in->size % 3 * 100, out);
    case AS_PNG:
        return adi_decode_png(a, in->bytes, in->size, out);
    default:
        return adi_image_decode(a, in->bytes, in->size, &whole, out);
    }
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    const adi_allocator a = fuzz_heap_allocator(heap);
    ad_image image, before;
    memset(&image, 0xee, sizeof image);
    before = image;
    fuzz_forget_message();
    const ad_status status = decode(in, &a, &image);
    fuzz_digest_status(&seen, status);
    if (status != AD_OK) {
        fuzz_check_status(status, 0, heap);
        FUZZ_CHECK(memcmp(&image, &before, sizeof image) == 0);
        return seen;
    }
    FUZZ_CHECK(image.owner && adi_image_check(&image) == AD_OK);
    FUZZ_CHECK(image.format == AD_PIXEL_MONO8 || image.format == AD_PIXEL_MONO16 ||
               image.format == AD_PIXEL_RGB8);
    FUZZ_CHECK(image.row_bytes == image.width * adi_pixel_bytes(image.format));
    fuzz_digest(&seen, image.pixels, (size_t)(image.row_bytes * image.height));
    adi_image_free(&image);
    FUZZ_CHECK(!image.owner && !image.pixels);
    adi_image_free(&image);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run_twice(run, data, size, CEILING);
    return 0;
}
