/* Depth files, TIFF (where the library has it) and 16-bit PNG, and what becomes of the plane on its way to a network.
 * Flags: 1 in tenths of a millimetre, 2 corners without depth take the nearest, 4 holes are filled at the border too. */
#include <math.h>

#include "fuzz.h"
#include "harness/image_source.h"
#include "vision/decode_depth.h"
#include "vision/depth.h"
#include "vision/vision.h"

enum { TENTHS = 1, NEAREST = 2, BORDER = 4, CEILING = 4 << 20, GRID = 3, MAX_PIXELS = 1 << 12 };

static void prepare(const fuzz_input *in, const adi_allocator *a, const ad_image *image, fuzz_heap *heap, uint64_t *seen)
{
    const adi_depth_options o = {.grid = GRID,
                                 .fill = 3,
                                 .fill_border = !!(in->flags & BORDER),
                                 .corners = in->flags & NEAREST ? ADI_DEPTH_CORNERS_NEAREST : ADI_DEPTH_CORNERS_REJECT,
                                 .dilation = 8,
                                 .threshold = 0.007};
    float depth[GRID * GRID * ADI_DEPTH_UNSHUFFLE * ADI_DEPTH_UNSHUFFLE], mask[GRID * GRID];
    adi_depth_scratch scratch = {.allocator = a};
    const long refused = heap->refused;
    fuzz_forget_message();
    const ad_status status = adi_depth_run(&o, image, &scratch, depth, mask);
    fuzz_check_status(status, refused, heap);
    fuzz_digest_status(seen, status);
    adi_depth_scratch_free(&scratch);
    if (status != AD_OK)
        return;
    for (size_t i = 0; i < sizeof depth / sizeof *depth; i++)
        FUZZ_CHECK(!isnan(depth[i]));
    for (int i = 0; i < GRID * GRID; i++)
        FUZZ_CHECK(mask[i] >= 0.0f && mask[i] <= 1.0f);
    fuzz_digest(seen, depth, sizeof depth);
    fuzz_digest(seen, mask, sizeof mask);
}

/* An image of the plane alone, as ad_image_read_depth() makes it. */
static void use(const fuzz_input *in, const adi_allocator *a, const adi_depth_plane *plane, fuzz_heap *heap, uint64_t *seen)
{
    ad_image image = {.struct_size = sizeof image}, full;
    const long refused = heap->refused;
    fuzz_forget_message();
    const ad_status status = adi_image_give_depth(a, plane, &image);
    fuzz_check_status(status, refused, heap);
    fuzz_digest_status(seen, status);
    if (status != AD_OK) {
        FUZZ_CHECK(!image.depth && !image.depth_owner && !image.width);
        return;
    }
    FUZZ_CHECK(adi_image_take(&image, ADI_DEPTH_ALONE, &full) == AD_OK);
    FUZZ_CHECK(full.depth_width == plane->width && full.depth_height == plane->height);
    if (plane->width * plane->height <= MAX_PIXELS)
        prepare(in, a, &full, heap, seen);
    fuzz_forget_message();
    FUZZ_CHECK(adi_image_give_depth(a, plane, &image) == AD_ERR_INVALID_ARGUMENT); /* it has one */
    adi_image_free(&image);
    FUZZ_CHECK(!image.depth && !image.depth_owner);
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    const adi_allocator a = fuzz_heap_allocator(heap);
    adi_depth_plane plane, before;
    memset(&plane, 0xee, sizeof plane);
    before = plane;
    fuzz_forget_message();
    const adi_image_source source = image_source(&a, in->bytes, in->size);
    const ad_status status = adi_decode_depth(&source, in->flags & TENTHS ? 1e-4 : 0.0, &plane);
    fuzz_check_status(status, 0, heap);
    fuzz_digest_status(&seen, status);
    if (status != AD_OK) {
        FUZZ_CHECK(memcmp(&plane, &before, sizeof plane) == 0);
        return seen;
    }
    FUZZ_CHECK(plane.width >= 1 && plane.width <= ADI_IMAGE_MAX_SIDE);
    FUZZ_CHECK(plane.height >= 1 && plane.height <= ADI_IMAGE_MAX_SIDE);
    fuzz_digest(&seen, plane.z, (size_t)(plane.width * plane.height) * sizeof *plane.z);
    use(in, &a, &plane, heap, &seen);
    adi_free(&a, plane.z);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run_twice(run, data, size, CEILING);
    return 0;
}
