/* Image views of every shape, through the check and the way to a network's input. Flags: 1 the
 * bytes are a file to decode instead; 2 pixels begin at an odd address. Layout of a view: see
 * take_view(). */
#include <math.h>

#include "fuzz.h"
#include "harness/image_source.h"
#include "model/settings.h"
#include "vision/vision.h"

enum {
    DECODE = 1,
    ODD = 2,
    CEILING = 32 << 20,
    MAX_BUFFER = 1 << 17,
    MAX_DECODED = 1 << 14, /* pixels of a decoded image that goes on to be resized */
    MAX_CROP = 32,
    HEAD = 24
};

static const ad_pixel_format formats[] = {AD_PIXEL_MONO8, AD_PIXEL_MONO16, AD_PIXEL_RGB8,
                                          AD_PIXEL_BGR8,  AD_PIXEL_RGBA8,  AD_PIXEL_BGRA8};

static int64_t little_endian(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return (int64_t)v;
}

/* Byte 0: format (past the last one: bytes 1-4 as they are). 1-2, 3-4: width, height, signed, so
 * that zero and negative sides come too. 5: how the row size is told: 0-63 the tightest plus so
 * much, 64-127 the same bottom-up, above: bytes 6-13 as they are. 14: filter, aspect, mean and std
 * given. 15-16, 17-18: size and crop. 19-23: mean and std. Then pixels, repeated as often as
 * needed. */
static void take_view(const uint8_t *head, ad_image *image)
{
    const size_t known = sizeof formats / sizeof *formats;
    const uint32_t format = head[0] < 8 * known ? (uint32_t)formats[head[0] % known]
                                                : (uint32_t)little_endian(head + 1, 4);
    const int64_t width = (int16_t)little_endian(head + 1, 2);
    const int64_t height = (int16_t)little_endian(head + 3, 2);
    int64_t row_bytes = width * adi_pixel_bytes(format) + head[5] % 64;
    if (head[5] >= 64)
        row_bytes = -row_bytes;
    if (head[5] >= 128)
        row_bytes = little_endian(head + 6, 8);
    *image = (ad_image)AD_IMAGE_INIT(format, NULL, width == INT16_MIN ? 32768 : width,
                                     height == INT16_MIN ? 32768 : height, row_bytes);
}

/* As text, whose values may be out of range. */
static void take_preprocess(const uint8_t *head, char *out, size_t size)
{
    static const char *const resize[] = {"", "cv_linear", "pil_bilinear", "pil_lanczos", "box"};
    static const char *const aspect[] = {"", "square", "shorter", "free"};
    const int16_t side = (int16_t)little_endian(head + 15, 2);
    const int16_t crop = (int16_t)little_endian(head + 17, 2);
    int n = snprintf(out, size, "size=%d, crop=%d, resize=%s, aspect=%s", side, crop,
                     resize[head[14] % 5], aspect[head[14] / 5 % 4]);
    if (head[14] >= 128)
        n += snprintf(out + n, size - (size_t)n, ", mean=%g,%g,%g, std=%g,%g,%g",
                      (head[19] - 128) / 32.0, (head[20] - 128) / 32.0, (head[21] - 128) / 32.0,
                      (head[22] - 8) / 64.0, (head[22] - 16) / 64.0, (head[23] - 16) / 64.0);
}

/* Bytes that a checked view reaches; 0 where there are too many. */
static size_t reach_of(const ad_image *image)
{
    const int64_t stride = image->row_bytes < 0 ? -image->row_bytes : image->row_bytes;
    if (image->height > 1 && stride > MAX_BUFFER / (image->height - 1))
        return 0;
    const int64_t bytes =
        stride * (image->height - 1) + image->width * adi_pixel_bytes(image->format);
    return bytes <= MAX_BUFFER ? (size_t)bytes : 0;
}

static ad_status preprocess(const adi_preprocess *p, const ad_image *image,
                            adi_resize_scratch *scratch, float *dst, const fuzz_heap *heap,
                            uint64_t *seen)
{
    const size_t n = 3 * (size_t)p->crop * (size_t)p->crop;
    const long refused = heap->refused;
    static uint8_t rgb[3 * MAX_CROP * MAX_CROP];
    static float again[3 * MAX_CROP * MAX_CROP];
    for (size_t i = 0; i < n; i++)
        dst[i] = NAN;
    fuzz_forget_message();
    const adi_frame frame = adi_frame_of(p, image->width, image->height);
    const ad_status status = adi_preprocess_run(p, &frame, dst, rgb, image, scratch);
    fuzz_check_status(status, refused, heap);
    fuzz_digest_status(seen, status);
    for (size_t i = 0; i < n && status == AD_OK; i++)
        FUZZ_CHECK(isfinite(dst[i]));
    if (status == AD_OK) {
        adi_preprocess_from_bytes(p, again, rgb, p->crop * p->crop);
        FUZZ_CHECK(memcmp(again, dst, n * sizeof *dst) == 0);
        fuzz_digest(seen, dst, n * sizeof *dst);
    }
    return status;
}

/* With a new scratch, with the same again, and with one that has seen another image. */
static void use(const ad_image *image, const char *asked, fuzz_heap *heap, uint64_t *seen)
{
    static const uint8_t other_pixels[5 * 3] = {9, 200, 31};
    const ad_image other = AD_IMAGE_INIT(AD_PIXEL_RGB8, other_pixels, 5, 1, 15);
    const adi_graph graph = {.input_size = 33, .std = {0.5f, 0.25f, 0.125f}};
    const adi_allocator a = fuzz_heap_allocator(heap);
    adi_resize_scratch scratch = {.allocator = &a, .kernels = adi_backend_ref.host};
    adi_resize_scratch used = scratch;
    adi_preprocess p;
    fuzz_forget_message();
    const long before = heap->refused;
    const ad_status resolved = adi_preprocess_read(&a, asked, &graph, &p);
    fuzz_check_status(resolved, before, heap);
    fuzz_digest_status(seen, resolved);
    if (resolved != AD_OK || p.crop > MAX_CROP)
        return;
    uint64_t first = FUZZ_DIGEST_START, second = first, third = first, unused = first;
    float *dst = malloc(3 * sizeof *dst * (size_t)p.crop * (size_t)p.crop);
    FUZZ_CHECK(dst);
    const long refused = heap->refused;
    const ad_status status = preprocess(&p, image, &scratch, dst, heap, &first);
    const long calls = atomic_load(&heap->fault.calls);
    (void)preprocess(&p, image, &scratch, dst, heap, &second);
    if (status == AD_OK) /* a stream of equal frames allocates once */
        FUZZ_CHECK(first == second && atomic_load(&heap->fault.calls) == calls);
    (void)preprocess(&p, &other, &used, dst, heap, &unused);
    (void)preprocess(&p, image, &used, dst, heap, &third);
    if (heap->refused == refused)
        FUZZ_CHECK(first == third);
    adi_resize_scratch_free(&scratch);
    adi_resize_scratch_free(&used);
    free(dst);
    fuzz_digest(seen, &first, sizeof first);
}

static uint64_t run_decoded(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    const adi_allocator a = fuzz_heap_allocator(heap);
    ad_image image = {0};
    fuzz_forget_message();
    const ad_status status = read_image(adi_image_decode, &a, in->bytes, in->size, &image);
    fuzz_digest_status(&seen, status);
    if (status != AD_OK) {
        fuzz_check_status(status, 0, heap);
        return seen;
    }
    FUZZ_CHECK(adi_image_check(&image) == AD_OK);
    if (image.width * image.height <= MAX_DECODED)
        use(&image, "size=16, resize=pil_lanczos", heap, &seen);
    adi_image_free(&image);
    return seen;
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    if (in->flags & DECODE)
        return run_decoded(in, heap);
    if (in->size < HEAD)
        return seen;
    ad_image image;
    char asked[256];
    take_view(in->bytes, &image);
    take_preprocess(in->bytes, asked, sizeof asked);
    /* 2-byte aligned or not is part of the view, so it is checked with its address. */
    image.pixels = (const uint8_t *)64 + (in->flags & ODD ? 1 : 0);
    fuzz_forget_message();
    const ad_status status = adi_image_check(&image);
    fuzz_check_status(status, 0, heap);
    fuzz_digest_status(&seen, status);
    const size_t reach = status == AD_OK ? reach_of(&image) : 0;
    if (!reach)
        return seen;
    const size_t before = in->flags & ODD ? 1 : 0, rest = in->size - HEAD;
    uint8_t *buffer = malloc(before + reach);
    FUZZ_CHECK(buffer);
    memset(buffer, 0x2f, before + reach);
    for (size_t i = 0; rest && i < before + reach; i += rest)
        memcpy(buffer + i, in->bytes + HEAD, rest < before + reach - i ? rest : before + reach - i);
    image.pixels = buffer + before;
    if (image.row_bytes < 0)
        image.pixels = buffer + before - image.row_bytes * (image.height - 1);
    FUZZ_CHECK(adi_image_check(&image) == AD_OK);
    use(&image, asked, heap, &seen);
    free(buffer);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run_twice(run, data, size, CEILING);
    return 0;
}
