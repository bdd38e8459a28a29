/* Writing any view as a PNG file, atomically. */
#include "core/file.h"
#include "core/leftover.h"
#include "vision/pixel_formats.h"
#include "vision/png_session.h"
#include "vision/vision.h"

typedef struct png_job {
    adi_png_session session;
    const ad_image *image;
    const adi_pixel_format *format;
    adi_file_writer *file;
    uint16_t *row; /* a row of grey that is not 16-bit yet */
} png_job;

static void on_write(png_structp png, png_bytep bytes, size_t count)
{
    png_job *job = png_get_io_ptr(png);
    job->session.status = adi_file_append(job->file, bytes, count);
    if (job->session.status != AD_OK)
        longjmp(job->session.jump, 1);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void write_rows(const png_job *job)
{
    const ad_image *image = job->image;
    for (int64_t y = 0; y < image->height; y++) {
        const uint8_t *row = (const uint8_t *)image->pixels + y * image->row_bytes;
        if (job->row) {
            adi_grey16_row(job->row, job->format, row, 0, image->width);
            row = (const uint8_t *)job->row;
        }
        png_write_row(job->session.png, row);
    }
}

/* Samples are shifted up, as the standard requires, and sBIT states the significant bits. */
static void say_bits(const png_job *job)
{
    const png_color_8 bits = {.gray = (png_byte)job->format->grey};
    if (job->row)
        png_set_sBIT(job->session.png, job->session.info, &bits);
}

/* The part that libpng may leave by longjmp(); the session's status has the result. */
static void encode(png_job *job)
{
    adi_png_session *session = &job->session;
    if (setjmp(session->jump))
        return;
    session->status = adi_png_begin_write(session);
    if (session->status != AD_OK)
        return;
    png_structp png = session->png;
    const ad_image *image = job->image;
    const uint32_t format = image->format;
    const int32_t bytes = adi_pixel_bytes(format);
    const int color = bytes == 4   ? PNG_COLOR_TYPE_RGB_ALPHA
                      : bytes == 3 ? PNG_COLOR_TYPE_RGB
                                   : PNG_COLOR_TYPE_GRAY;
    png_set_write_fn(png, job, on_write, on_flush);
    png_set_user_limits(png, ADI_IMAGE_MAX_SIDE, ADI_IMAGE_MAX_SIDE);
    png_set_IHDR(png, session->info, (png_uint_32)image->width, (png_uint_32)image->height,
                 job->format->grey > 8 ? 16 : 8, color, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    say_bits(job);
    png_write_info(png, session->info);
    if (format == AD_PIXEL_BGR8 || format == AD_PIXEL_BGRA8)
        png_set_bgr(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (job->format->grey > 8)
        png_set_swap(png);
#endif
    write_rows(job);
    png_write_end(png, NULL);
    session->status = AD_OK;
}

ad_status adi_encode_png(const adi_allocator *a, const ad_image *image, const char *path)
{
    ADI_TRY(adi_image_check(image));
    adi_file_writer file = {.fd = -1};
    png_job job = {.session = {.allocator = a, .failure = AD_ERR_IO, .prefix = "writing a PNG"},
                   .image = image,
                   .format = adi_pixel_format_find(image->format),
                   .file = &file};
    if (job.format->grey > 8 && job.format->grey < 16 &&
        !(job.row = adi_alloc(a, (size_t)image->width * sizeof *job.row)))
        return adi_fail_memory();
    const ad_status begun = adi_file_begin(&file, a, path, ADI_LEFTOVERS_FEW);
    if (begun != AD_OK) {
        adi_free(a, job.row);
        return begun;
    }
    encode(&job);
    png_destroy_write_struct(&job.session.png, &job.session.info);
    adi_free(a, job.row);
    if (job.session.status != AD_OK) {
        adi_file_abort(&file);
        return job.session.status;
    }
    return adi_file_commit(&file);
}
