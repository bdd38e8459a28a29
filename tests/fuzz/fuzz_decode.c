/* The readers of images and of EXIF. Flags, the three lowest bits: 0 by signature, 1 taken for a JPEG, 2 for a PNG, 3 for a BMP, 4 for
 * a PNM, 5 for a TIFF, 6 for a WebP (by signature where the library is without it), 7 EXIF data alone;
 * the two above them: significant bits not said, 10, 12 or 16. The ceiling keeps images small: what
 * is under test does not depend on their size. */
#include "fuzz.h"
#include "harness/image_source.h"
#include "mutate_image.h"
#include "vision/vision.h"

enum { CEILING = 4 << 20 };

static adi_image_reader reader(uint8_t flags)
{
    static const char *const names[] = {"", "x.jpg", "x.png", "x.bmp", "x.pnm", "x.tif", "x.webp", ""};
    const adi_image_kind *kind = adi_image_kind_named(names[flags & 7]);
    return kind && kind->read ? kind->read : adi_image_decode;
}

static ad_status decode(const fuzz_input *in, const adi_allocator *a, ad_image *out)
{
    static const int32_t bits[] = {0, 10, 12, 16};
    const ad_read_options options = {.struct_size = sizeof options, .min_side = (int32_t)(in->size % 3 * 100),
                                     .significant_bits = bits[in->flags >> 3 & 3]};
    adi_notes notes = {0};
    const adi_image_source source = {a, in->bytes, in->size, &options, &notes, NULL};
    const ad_status status = reader(in->flags)(&source, out);
    FUZZ_CHECK(notes.facts.orientation >= 0 && notes.facts.orientation <= 8);
    FUZZ_CHECK(strlen(notes.first) < sizeof notes.first && (notes.first[0] || !notes.more));
    return status;
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    if ((in->flags & 7) == 7) {
        const int32_t orientation = adi_exif_orientation(in->bytes, in->size);
        FUZZ_CHECK(orientation >= 1 && orientation <= 8);
        fuzz_digest(&seen, &orientation, sizeof orientation);
        return seen;
    }
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
