/* PNG of every colour type and depth: grey becomes MONO8 or MONO16, everything else RGB8. Alpha is
 * dropped, not blended; gamma and colour profiles are ignored. A wrong checksum of pixels is an
 * error, any other a note. Of the other chunks only sBIT and the orientation in eXIf are used. */
#include "vision/image_kinds.h"
#include "vision/png_session.h"
#include "vision/vision.h"

#include <string.h>

/* zlib compresses 1032 bytes into one at best. */
enum { MAX_INFLATION = 1040 };

typedef struct png_job {
    adi_png_session session;
    const adi_image_source *source;
    size_t used;
    uint16_t *wide;    /* samples of 16-bit colour, until their significant bits are known */
    size_t pixels_end; /* end of the last chunk of pixels in the file */
    bool rows_read;    /* all of them */
    bool cut;          /* libpng reads past the file's end, behind the pixels */
    int depth;         /* bits of a sample */
    ad_image image;
} png_job;

static void on_read(png_structp png, png_bytep to, size_t count)
{
    png_job *job = png_get_io_ptr(png);
    job->cut = count > job->source->size - job->used && job->used >= job->pixels_end;
    if (count > job->source->size - job->used)
        png_error(png, "the file ends early");
    memcpy(to, job->source->bytes + job->used, count);
    job->used += count;
}

static void native_order(png_structp png)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    png_set_swap(png);
#else
    (void)png;
#endif
}

/* SIZE_MAX if a chunk of pixels is cut: then nothing follows them. */
static size_t find_pixels_end(const uint8_t *bytes, size_t size)
{
    size_t end = SIZE_MAX;
    for (size_t at = 8; at < size && size - at >= 12;) {
        const size_t length = png_get_uint_32(bytes + at);
        const bool pixels = memcmp(bytes + at + 4, "IDAT", 4) == 0,
                   whole = length <= size - at - 12;
        if (pixels)
            end = whole ? at + 12 + length : SIZE_MAX;
        if (!whole)
            break;
        at += 12 + length;
    }
    return end;
}

/* Every row was read and its checksums are right: an error behind them changes no pixel. */
static bool is_harmless_end(const png_job *job)
{
    return job->rows_read && !job->session.out_of_memory &&
           (job->cut || job->used > job->pixels_end);
}

/* Have libpng convert to one of our formats; 16-bit colour is converted later. */
static uint32_t choose_format(png_structp png, int color, int depth)
{
    if (color & PNG_COLOR_MASK_ALPHA || color == PNG_COLOR_TYPE_PALETTE)
        png_set_strip_alpha(png); /* a palette's tRNS becomes alpha too */
    if (color == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (color & PNG_COLOR_MASK_COLOR) {
        if (depth == 16)
            native_order(png);
        return AD_PIXEL_RGB8;
    }
    if (depth == 16) {
        native_order(png);
        return AD_PIXEL_MONO16;
    }
    if (depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    return AD_PIXEL_MONO8;
}

/* Skip all chunks but the pixels and these two, so that a damaged profile or text does no harm. */
static void choose_chunks(png_structp png)
{
    static const uint8_t wanted[] = "eXIf\0sBIT";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, wanted, 2);
}

/* The significant bits of the widest channel; 0: not stated. */
static int32_t stated_bits(png_structp png, png_infop info)
{
    png_color_8p s = NULL;
    if (!png_get_sBIT(png, info, &s) || !s)
        return 0;
    if (!(png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR))
        return s->gray;
    const int32_t rg = s->red > s->green ? s->red : s->green;
    return rg > s->blue ? rg : s->blue;
}

static void read_rows(png_structp png, int passes, int64_t height, void *first, int64_t row_bytes)
{
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < height; y++)
            png_read_row(png, (uint8_t *)first + y * row_bytes, NULL);
}

/* Finish after the last chunk. */
static ad_status settle(const png_job *job, int depth)
{
    png_structp png = job->session.png;
    png_infop info = job->session.info;
    adi_notes unread = {0}, *notes = job->source->notes ? job->source->notes : &unread;
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(png, info, &size, &exif))
        notes->facts.orientation = adi_exif_orientation(exif, size);
    if (depth < 16)
        return AD_OK;
    const ad_image *image = &job->image;
    uint16_t *samples = job->wide ? job->wide : (uint16_t *)(uintptr_t)image->pixels;
    const size_t n = (size_t)(image->width * image->height) * (job->wide ? 3 : 1);
    ADI_TRY(adi_bits_settle(samples, n, job->source->options->significant_bits,
                            stated_bits(png, info), &notes->facts));
    uint8_t *rgb = (uint8_t *)(uintptr_t)image->pixels;
    for (size_t i = 0; job->wide && i < n; i++)
        rgb[i] = adi_16_to_8(job->wide[i]);
    return AD_OK;
}

/* The part that libpng may leave by longjmp(); the session's status has the result. */
static void decode(png_job *job)
{
    adi_png_session *session = &job->session;
    if (setjmp(session->jump)) {
        if (!is_harmless_end(job))
            return;
        adi_note(session->notes, "PNG: the file is cut or damaged behind the pixels");
        session->status = settle(job, job->depth);
        return;
    }
    session->status = adi_png_begin_read(session);
    if (session->status != AD_OK)
        return;
    png_structp png = session->png;
    png_set_read_fn(png, job, on_read);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    choose_chunks(png);
    /* Sides are checked below, for AD_ERR_SHAPE; chunks have libpng's default limit. */
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_cache_max(png, 1000);
    png_set_chunk_malloc_max(png, 8000000);

    png_read_info(png, session->info);
    const int64_t width = png_get_image_width(png, session->info);
    const int64_t height = png_get_image_height(png, session->info);
    session->status = adi_image_check_size("PNG", width, height, job->source->limits);
    if (session->status != AD_OK)
        return;
    const uint64_t raw = (uint64_t)height * png_get_rowbytes(png, session->info);
    if (raw / MAX_INFLATION > job->source->size) {
        session->status =
            adi_fail(AD_ERR_FORMAT, "PNG: %zu bytes are too few for an image of %ux%u",
                     job->source->size, (unsigned)width, (unsigned)height);
        return;
    }
    const int depth = png_get_bit_depth(png, session->info);
    const uint32_t format = choose_format(png, png_get_color_type(png, session->info), depth);
    const bool wide = depth == 16 && format == AD_PIXEL_RGB8;
    const int64_t row_bytes = width * adi_pixel_bytes(format) * (wide ? 2 : 1);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, session->info);
    if (png_get_rowbytes(png, session->info) != (size_t)row_bytes)
        png_error(png, "unexpected row size");
    session->status = adi_image_alloc(session->allocator, format, width, height, &job->image);
    if (session->status == AD_OK && wide &&
        !(job->wide = adi_alloc(session->allocator, (size_t)(row_bytes * height))))
        session->status = adi_fail_memory();
    if (session->status != AD_OK)
        return;

    job->depth = depth;
    read_rows(png, passes, height, wide ? (void *)job->wide : (void *)(uintptr_t)job->image.pixels,
              row_bytes);
    job->rows_read = true;
    png_read_end(png, session->info); /* up to the last chunk, with the checksums of the pixels */
    if (job->used < job->source->size)
        adi_note(session->notes, "PNG: %zu bytes after the last chunk are not read",
                 job->source->size - job->used);
    session->status = settle(job, depth);
}

ad_status adi_decode_png(const adi_image_source *source, ad_image *out_image)
{
    png_job job = {.session = {.allocator = source->allocator,
                               .notes = source->notes,
                               .failure = AD_ERR_FORMAT,
                               .prefix = "PNG"},
                   .source = source,
                   .pixels_end = find_pixels_end(source->bytes, source->size)};
    decode(&job);
    png_destroy_read_struct(&job.session.png, &job.session.info, NULL);
    adi_free(source->allocator, job.wide);
    if (job.session.status != AD_OK) {
        adi_image_free(&job.image);
        return job.session.status;
    }
    *out_image = job.image;
    return AD_OK;
}
