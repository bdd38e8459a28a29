/* JPEG with libjpeg's defaults, as Pillow: accurate integer DCT, fancy upsampling. */
#include "vision/image_kinds.h"
#include "vision/vision.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h> /* jpeglib.h uses FILE and size_t without including them */

#include <jpeglib.h>

#include <jerror.h>
#include <string.h>

enum {
    /* Each scan of a progressive file takes a pass over the image, even if it has few bytes.
     * Encoders write about ten. */
    MAX_SCANS = 100,
    /* Zeros between scans and at the end: each run of them costs another try. */
    MAX_FILLERS = 12,
    /* An 8x8 block takes at least one bit, so a byte holds at most 8 blocks; doubled for slack. */
    MAX_PIXELS_PER_BYTE = 2 * 8 * 64,
    /* Arithmetic coding has no such limit; no photograph comes close to this one. */
    MAX_PIXELS_PER_BYTE_ARITHMETIC = 1 << 16,
    /* The memory that libjpeg may use for the coefficients of a progressive file. */
    MAX_WORK_BYTES = 512 << 20
};

/* Everything that changes after setjmp(). It belongs to a function that does not call setjmp()
 * itself, so that its values are defined after longjmp(). */
typedef struct jpeg_job {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const adi_image_source *source;
    const uint8_t *bytes; /* of the file, or of a copy without its filler zeros */
    size_t size;
    uint8_t *copy;
    int fillers;              /* removed filler zeros */
    size_t filler, filler_at; /* the last of them */
    bool kept;                /* the run may keep one zero: pixels may end in one */
    bool again;               /* decode once more */
    adi_notes notes;          /* of this try */
    bool in_header;           /* up to the first scan */
    bool ended_early;         /* the file has no end marker */
    uint32_t components;      /* a bit for each component that had a scan */
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

/* Whether bytes between two markers may be a segment whose own marker is damaged, so that its
 * tables or its colour transform would be missing. Such a segment ends at the next marker. */
static bool may_be_segment(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i + 4 <= n; i++) {
        const size_t length = (size_t)bytes[i + 2] << 8 | bytes[i + 3];
        const int code = bytes[i + 1];
        const bool needed = (code >= 0xc0 && code <= 0xcf) || (code >= 0xda && code <= 0xdd) ||
                            code == JPEG_APP0 + 14;
        if (length >= 2 && i + 2 + length == n && (needed || bytes[i] == 0xff))
            return true;
    }
    return false;
}

/* libjpeg skipped `n` bytes before a marker. Between segments of the header this is harmless,
 * unless they may be a segment. After a scan, zeros are a camera's filler, anything else is the
 * rest of a damaged code. Only zeros pass, and only if the scan is complete without them, which the
 * next try shows. */
static void take_filler(jpeg_job *job, size_t n)
{
    const uint8_t *begin = job->bytes,
                  *end = job->ended_early ? begin + job->size : job->decoder.src->next_input_byte;
    size_t zeros = 0;
    while (zeros < (size_t)(end - begin) && end[-1 - (ptrdiff_t)zeros] == 0)
        zeros++;
    if (n > (size_t)(end - begin) || (zeros < n && (!job->in_header || may_be_segment(end - n, n))))
        on_error((j_common_ptr)&job->decoder);
    if (job->in_header)
        return;
    if (job->fillers++ == MAX_FILLERS)
        on_error((j_common_ptr)&job->decoder);
    if (zeros < (size_t)(end - begin) && end[-1 - (ptrdiff_t)zeros] == 0xff)
        zeros--; /* an escaped 0xff of the scan */
    job->again = true;
    job->kept = false;
    job->filler = zeros;
    job->filler_at = (size_t)(end - begin) - zeros;
    longjmp(job->jump, 1);
}

/* The scan is incomplete without the zeros behind it. Its last byte may be a zero, if it lacks just
 * eight bits; in a progressive file these may be many pixels. */
static void try_with_zero(jpeg_job *job)
{
    if (!job->filler || job->kept || job->decoder.progressive_mode)
        on_error((j_common_ptr)&job->decoder);
    job->kept = job->again = true;
    longjmp(job->jump, 1);
}

/* libjpeg treats damaged pixels as a warning and fills them with grey. Half an image is worse than
 * none, so that only warnings that change no pixel pass, with a note. The others are invalid codes
 * (ARITH_BAD_CODE, HUFF_BAD_CODE), a cut scan (HIT_MARKER), a missing earlier scan
 * (BOGUS_PROGRESSION) and lost restart markers (MUST_RESYNC). */
static void on_message(j_common_ptr decoder, int level)
{
    jpeg_job *job = decoder->client_data;
    char text[JMSG_LENGTH_MAX];
    if (level >= 0)
        return; /* a trace message */
    switch (decoder->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
        take_filler(job, (size_t)decoder->err->msg_parm.i[0]);
        adi_note(&job->notes, "JPEG: bytes that belong to nothing before marker 0x%02x",
                 (unsigned)decoder->err->msg_parm.i[1]);
        return;
    case JWRN_HIT_MARKER:
        try_with_zero(job);
        return;
    case JWRN_JPEG_EOF: /* whether pixels are missing is checked later */
        job->ended_early = true;
        return;
    case JWRN_ADOBE_XFORM:    /* colours are taken as YCbCr, as all decoders do */
    case JWRN_JFIF_MAJOR:     /* a version number */
    case JWRN_NOT_SEQUENTIAL: /* parameters that this kind of scan does not use */
    case JWRN_BOGUS_ICC:      /* a colour profile, which is not used */
        decoder->err->format_message(decoder, text);
        adi_note(&job->notes, "JPEG: %s", text);
        return;
    default:
        on_error(decoder);
    }
}

static void on_output(j_common_ptr decoder)
{
    (void)decoder; /* libjpeg's default prints */
}

static void on_progress(j_common_ptr common)
{
    jpeg_job *job = common->client_data;
    const struct jpeg_decompress_struct *d = &job->decoder;
    for (int i = 0; i < d->comps_in_scan; i++)
        job->components |= 1u << d->cur_comp_info[i]->component_index;
    if (job->decoder.input_scan_number > MAX_SCANS)
        fail_and_jump(job, adi_fail(AD_ERR_FORMAT, "JPEG: more than %d scans", MAX_SCANS));
}

/* Choose the pixel format by the header, or refuse the image. */
static ad_status check_header(jpeg_job *job, uint32_t *out_format)
{
    struct jpeg_decompress_struct *d = &job->decoder;
    ADI_TRY(adi_image_check_size("JPEG", d->image_width, d->image_height, job->source->limits));
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
    /* Before memory is allocated: can the file hold so many pixels? */
    const uint64_t pixels = (uint64_t)d->image_width * d->image_height;
    const uint64_t per_byte = d->arith_code ? MAX_PIXELS_PER_BYTE_ARITHMETIC : MAX_PIXELS_PER_BYTE;
    if (pixels / per_byte > job->size)
        return adi_fail(AD_ERR_FORMAT, "JPEG: %zu bytes are too few for an image of %ux%u",
                        job->size, d->image_width, d->image_height);
    return AD_OK;
}

/* The DCT can decode each 8x8 block to 4x4, 2x2 or a single pixel. */
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

/* EXIF data is in an APP1 segment; so may be other data (XMP). */
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

/* Check that all scans were read if the end marker is missing or follows zeros. Huffman codes show
 * that the last scan is complete; an arithmetic decoder would go on with zeros silently. */
static bool has_all_scans(const jpeg_job *job)
{
    const struct jpeg_decompress_struct *d = &job->decoder;
    if (d->arith_code)
        return false;
    for (int c = 0; c < d->num_components && d->progressive_mode; c++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (d->coef_bits[c][k] != 0)
                return false;
    return d->progressive_mode || job->components == (1u << d->num_components) - 1;
}

static void check_end(jpeg_job *job)
{
    if ((job->ended_early || job->fillers) && !has_all_scans(job))
        fail_and_jump(
            job, adi_fail(AD_ERR_FORMAT,
                          "JPEG: the file ends early, or zeros are in place of its last scans"));
}

static void note_end(jpeg_job *job)
{
    const size_t left = job->decoder.src->bytes_in_buffer;
    if (job->ended_early)
        adi_note(&job->notes, "JPEG: the end marker is missing");
    else if (left)
        adi_note(&job->notes, "JPEG: %zu bytes after the end marker are not read", left);
}

/* The part that libjpeg may leave by longjmp(); job->status has the result. */
static void decode(jpeg_job *job)
{
    if (setjmp(job->jump))
        return;
    struct jpeg_decompress_struct *d = &job->decoder;
    jpeg_create_decompress(d);
    d->progress = &job->progress;
    d->mem->max_memory_to_use = MAX_WORK_BYTES;
    jpeg_mem_src(d, job->bytes, (unsigned long)job->size);
    jpeg_save_markers(d, EXIF_MARKER, MAX_SEGMENT);
    job->in_header = true;
    jpeg_read_header(d, TRUE);
    job->in_header = false;
    note_orientation(job);
    uint32_t format = 0;
    job->status = check_header(job, &format);
    if (job->status != AD_OK)
        return;
    reduce(job);
    job->status = adi_image_alloc(job->source->allocator, format, d->output_width, d->output_height,
                                  &job->image);
    if (job->status != AD_OK)
        return;

    jpeg_start_decompress(d);
    if (jpeg_has_multiple_scans(d))
        check_end(job); /* no scan is left */
    while (d->output_scanline < d->output_height) {
        JSAMPROW row =
            (uint8_t *)job->image.pixels + (int64_t)d->output_scanline * job->image.row_bytes;
        jpeg_read_scanlines(d, &row, 1);
    }
    if (!jpeg_has_multiple_scans(d))
        check_end(job);
    jpeg_finish_decompress(d); /* reads on to the end marker */
    note_end(job);
    job->status = AD_OK;
}

static void try_once(jpeg_job *job)
{
    job->decoder =
        (struct jpeg_decompress_struct){.err = jpeg_std_error(&job->errors), .client_data = job};
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    job->errors.output_message = on_output;
    job->progress.progress_monitor = on_progress;
    job->notes = (adi_notes){0};
    job->ended_early = false;
    job->components = 0;
    job->again = false;
    decode(job);
    jpeg_destroy_decompress(&job->decoder); /* harmless if creating it failed: all is zero */
}

/* Remove the zeros after a scan from a copy of the file, or put one of them back. */
static ad_status take_out(jpeg_job *job)
{
    adi_image_free(&job->image);
    if (job->kept) {
        uint8_t *at = job->copy + job->filler_at;
        memmove(at + 1, at, job->size++ - job->filler_at);
        *at = 0;
        return AD_OK;
    }
    if (!job->copy) {
        job->copy = adi_alloc(job->source->allocator, job->size);
        if (!job->copy)
            return adi_fail_memory();
        memcpy(job->copy, job->bytes, job->size);
        job->bytes = job->copy;
    }
    uint8_t *at = job->copy + job->filler_at;
    job->size -= job->filler;
    memmove(at, at + job->filler, job->size - job->filler_at);
    return AD_OK;
}

ad_status adi_decode_jpeg(const adi_image_source *source, ad_image *out_image)
{
    if (!source->size) /* libjpeg reads a byte before it checks the size */
        return adi_fail(AD_ERR_FORMAT, "JPEG: there are no bytes");
    jpeg_job job = {.source = source, .bytes = source->bytes, .size = source->size};
    try_once(&job);
    while (job.again) {
        job.status = take_out(&job);
        if (job.status != AD_OK)
            break;
        try_once(&job);
    }
    adi_free(source->allocator, job.copy);
    if (job.status != AD_OK) {
        adi_image_free(&job.image);
        return job.status;
    }
    if (job.fillers)
        adi_note(&job.notes, "JPEG: zeros that belong to nothing after the pixels");
    if (job.notes.first[0] && source->notes) {
        adi_note(source->notes, "%s", job.notes.first);
        source->notes->more += job.notes.more;
    }
    *out_image = job.image;
    return AD_OK;
}
