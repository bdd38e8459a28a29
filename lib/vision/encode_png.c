/* Any view as a PNG file, which replaces an older one only when it is complete. */
#include "core/file.h"
#include "vision/vision.h"

#include <setjmp.h>
#include <stdbool.h>

#include <png.h>

/* See decode_jpeg.c: what changes after setjmp() lives in the caller's frame. */
typedef struct png_job {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    const adi_allocator *allocator;
    bool out_of_memory;
    const ad_image *image;
    adi_file_writer *file;
    ad_status status;
} png_job;

static png_voidp on_alloc(png_structp png, png_alloc_size_t bytes)
{
    png_job *job = png_get_mem_ptr(png);
    void *p = adi_alloc(job->allocator, bytes);
    if (!p)
        job->out_of_memory = true;
    return p;
}

static void on_free(png_structp png, png_voidp pointer)
{
    const png_job *job = png_get_mem_ptr(png);
    adi_free(job->allocator, pointer);
}

static void on_error(png_structp png, png_const_charp text)
{
    png_job *job = png_get_error_ptr(png);
    job->status =
        job->out_of_memory ? adi_fail_memory() : adi_fail(AD_ERR_IO, "writing a PNG: %s", text);
    longjmp(job->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text; /* libpng's own prints */
}

static void on_write(png_structp png, png_bytep bytes, size_t count)
{
    png_job *job = png_get_io_ptr(png);
    job->status = adi_file_append(job->file, bytes, count);
    if (job->status != AD_OK)
        longjmp(job->jump, 1);
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* The part that libpng may leave by longjmp(); job->status tells how it went. */
static void encode(png_job *job)
{
    if (setjmp(job->jump))
        return;
    job->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job,
                                         on_alloc, on_free);
    job->info = job->png ? png_create_info_struct(job->png) : NULL;
    if (!job->info) {
        job->status = adi_fail_memory();
        return;
    }
    png_structp png = job->png;
    const ad_image *image = job->image;
    const uint32_t format = image->format;
    const int32_t bytes = adi_pixel_bytes(format);
    const int color = bytes == 4   ? PNG_COLOR_TYPE_RGB_ALPHA
                      : bytes == 3 ? PNG_COLOR_TYPE_RGB
                                   : PNG_COLOR_TYPE_GRAY;
    png_set_write_fn(png, job, on_write, on_flush);
    png_set_user_limits(png, ADI_IMAGE_MAX_SIDE, ADI_IMAGE_MAX_SIDE);
    png_set_IHDR(png, job->info, (png_uint_32)image->width, (png_uint_32)image->height,
                 format == AD_PIXEL_MONO16 ? 16 : 8, color, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, job->info);
    if (format == AD_PIXEL_BGR8 || format == AD_PIXEL_BGRA8)
        png_set_bgr(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (format == AD_PIXEL_MONO16)
        png_set_swap(png);
#endif
    for (int64_t y = 0; y < image->height; y++)
        png_write_row(png, (const uint8_t *)image->pixels + y * image->row_bytes);
    png_write_end(png, NULL);
    job->status = AD_OK;
}

ad_status adi_encode_png(const adi_allocator *a, const ad_image *image, const char *path)
{
    ADI_TRY(adi_image_check(image));
    adi_file_writer file = {.fd = -1};
    ADI_TRY(adi_file_begin(&file, a, path));
    png_job job = {.allocator = a, .image = image, .file = &file};
    encode(&job);
    png_destroy_write_struct(&job.png, &job.info);
    if (job.status == AD_OK)
        job.status = adi_file_commit(&file);
    else
        adi_file_abort(&file);
    return job.status;
}
