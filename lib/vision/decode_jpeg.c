/* JPEG with libjpeg's defaults, which are Pillow's: accurate integer DCT, fancy upsampling. */
#include "vision/image_kinds.h"
#include "vision/vision.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h uses FILE and size_t without including them */

#include <jpeglib.h>

#include <jerror.h>
#include <string.h>

enum {
    /* Every scan of a progressive file costs a pass over the image, however few bytes it has. What
     * encoders make has about ten; this is beyond any of them. */
    MAX_SCANS = 100,
    /* An 8x8 block takes at least one bit, so a byte holds at most 8 blocks; doubled for slack. */
    MAX_PIXELS_PER_BYTE = 2 * 8 * 64,
    /* Arithmetic coding has no such limit; no photograph comes near this one. */
    MAX_PIXELS_PER_BYTE_ARITHMETIC = 1 << 16,
    /* What libjpeg may hold for the coefficients of a progressive file, which it keeps whole. */
    MAX_WORK_BYTES = 512 << 20
};

/* Everything that changes after setjmp() lives here, in the frame of a function that does not call
 * setjmp() itself, so that its values are defined after a longjmp(). */
typedef struct jpeg_job {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const adi_image_source *source;
    ad_status status;
    ad_image image;
} jpeg_job;

static void fail_and_jump(jpeg_job *job, ad_status status)
{
    job->status = status;
    longjmp(job->jump, 1);
}

static void on_error(j_common_ptr decoder)
{
    jpeg_job *job = decoder->client_data;
    char text[JMSG_LENGTH_MAX];
    switch (decoder->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE:
        fail_and_jump(job, adi_fail_memory());
        break;
    case JERR_SOF_UNSUPPORTED: /* lossless, hierarchical */
    case JERR_BAD_PRECISION:   /* 12 bits */
    case JERR_ARITH_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
        decoder->err->format_message(decoder, text);
        fail_and_jump(job, adi_fail(AD_ERR_UNSUPPORTED, "JPEG: %s", text));
        break;
    case JERR_IMAGE_TOO_BIG:
        decoder->err->format_message(decoder, text);
        fail_and_jump(job, adi_fail(AD_ERR_SHAPE, "JPEG: %s", text));
        break;
    default:
        decoder->err->format_message(decoder, text);
        fail_and_jump(job, adi_fail(AD_ERR_FORMAT, "JPEG: %s", text));
    }
}

/* libjpeg calls damaged pixels a warning and goes on with grey ones. For us an image that is half
 * missing is worse than none, so only warnings that leave the pixels alone pass. */
static void on_message(j_common_ptr decoder, int level)
{
    if (level >= 0)
        return; /* a trace */
    switch (decoder->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_BOGUS_ICC:
        return;
    default:
        on_error(decoder);
    }
}

static void on_output(j_common_ptr decoder)
{
    (void)decoder; /* libjpeg's own prints */
}

static void on_progress(j_common_ptr common)
{
    jpeg_job *job = common->client_data;
    if (job->decoder.input_scan_number > MAX_SCANS)
        fail_and_jump(job, adi_fail(AD_ERR_FORMAT, "JPEG: more than %d scans", MAX_SCANS));
}

/* Header to format: what the pixels become, or why they cannot. */
static ad_status check_header(jpeg_job *job, uint32_t *out_format)
{
    struct jpeg_decompress_struct *d = &job->decoder;
    ADI_TRY(adi_image_check_size("JPEG", d->image_width, d->image_height));
    switch (d->jpeg_color_space) {
    case JCS_GRAYSCALE:
        d->out_color_space = JCS_GRAYSCALE;
        *out_format = AD_PIXEL_MONO8;
        break;
    case JCS_RGB:
    case JCS_YCbCr:
        d->out_color_space = JCS_RGB;
        *out_format = AD_PIXEL_RGB8;
        break;
    case JCS_CMYK:
    case JCS_YCCK:
        return adi_fail(AD_ERR_UNSUPPORTED, "JPEG: image is CMYK; grey and RGB can be read");
    default:
        return adi_fail(AD_ERR_UNSUPPORTED, "JPEG: image has %d components; 1 and 3 can be read",
                        d->num_components);
    }
    /* Before memory is taken for them: can these bytes hold so many pixels at all? */
    const uint64_t pixels = (uint64_t)d->image_width * d->image_height;
    const uint64_t per_byte = d->arith_code ? MAX_PIXELS_PER_BYTE_ARITHMETIC : MAX_PIXELS_PER_BYTE;
    if (pixels / per_byte > job->source->size)
        return adi_fail(AD_ERR_FORMAT, "JPEG: %zu bytes are too few for an image of %u x %u",
                        job->source->size, d->image_width, d->image_height);
    return AD_OK;
}

/* The DCT can give every block of 8 x 8 as one of 4 x 4, 2 x 2 or a single pixel. */
static void reduce(jpeg_job *job)
{
    struct jpeg_decompress_struct *d = &job->decoder;
    const int64_t min_side = job->source->options->min_side;
    const int64_t shorter = d->image_width < d->image_height ? d->image_width : d->image_height;
    d->scale_num = 1;
    for (d->scale_denom = 8; d->scale_denom > 1; d->scale_denom /= 2)
        if (min_side > 0 && (shorter + d->scale_denom - 1) / d->scale_denom >= min_side)
            break;
    jpeg_calc_output_dimensions(d);
}

/* EXIF data is in an APP1 segment, which other data (XMP) may be in too. */
enum { EXIF_MARKER = JPEG_APP0 + 1, MAX_SEGMENT = 65533 };

static void note_orientation(const jpeg_job *job)
{
    adi_notes *notes = job->source->notes;
    for (jpeg_saved_marker_ptr m = job->decoder.marker_list; m && notes; m = m->next)
        if (m->marker == EXIF_MARKER && m->data_length >= 6 && !memcmp(m->data, "Exif\0", 6)) {
            notes->facts.orientation = adi_exif_orientation(m->data, m->data_length);
            return;
        }
}

/* The part that libjpeg may leave by longjmp(); job->status tells how it went. */
static void decode(jpeg_job *job)
{
    if (setjmp(job->jump))
        return;
    struct jpeg_decompress_struct *d = &job->decoder;
    jpeg_create_decompress(d);
    d->progress = &job->progress;
    d->mem->max_memory_to_use = MAX_WORK_BYTES;
    jpeg_mem_src(d, job->source->bytes, (unsigned long)job->source->size);
    jpeg_save_markers(d, EXIF_MARKER, MAX_SEGMENT);
    jpeg_read_header(d, TRUE);
    note_orientation(job);
    uint32_t format = 0;
    job->status = check_header(job, &format);
    if (job->status != AD_OK)
        return;
    reduce(job);
    job->status =
        adi_image_alloc(job->source->allocator, format, d->output_width, d->output_height, &job->image);
    if (job->status != AD_OK)
        return;

    jpeg_start_decompress(d);
    while (d->output_scanline < d->output_height) {
        JSAMPROW row =
            (uint8_t *)job->image.pixels + (int64_t)d->output_scanline * job->image.row_bytes;
        jpeg_read_scanlines(d, &row, 1);
    }
    jpeg_finish_decompress(d); /* reads on to the end marker, so a cut file is noticed */
    job->status = AD_OK;
}

ad_status adi_decode_jpeg(const adi_image_source *source, ad_image *out_image)
{
    if (!source->size) /* libjpeg reads a byte before it looks at the size */
        return adi_fail(AD_ERR_FORMAT, "JPEG: there are no bytes");
    jpeg_job job = {.source = source};
    job.decoder.err = jpeg_std_error(&job.errors);
    job.decoder.client_data = &job;
    job.errors.error_exit = on_error;
    job.errors.emit_message = on_message;
    job.errors.output_message = on_output;
    job.progress.progress_monitor = on_progress;
    decode(&job);
    jpeg_destroy_decompress(&job.decoder); /* harmless where creating it failed: all is zero */
    if (job.status != AD_OK) {
        adi_image_free(&job.image);
        return job.status;
    }
    *out_image = job.image;
    return AD_OK;
}
