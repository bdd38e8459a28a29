/* PBM, PGM and PPM, as text (P1 to P3) or bytes (P4 to P6). Values are scaled by maxval to the full
 * range as Pillow does: grey with a maxval above 255 to MONO16, other grey to MONO8, colour to
 * RGB8. */
#include "vision/image_kinds.h"
#include "vision/vision.h"

#include <math.h>

enum { MOST_SIDE_DIGITS = 9 };

typedef struct pnm {
    const uint8_t *at, *end;
    int kind; /* 1 to 6 */
    int64_t width, height, channels;
    uint32_t maxval;
    uint32_t format;
    uint16_t *scaled; /* of every value 0 .. maxval */
} pnm;

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static ad_status cut(void)
{
    return adi_fail(AD_ERR_FORMAT, "PNM: the file ends early");
}

/* Skip white space, and comments from # to the end of the line. */
static void skip_space(pnm *p)
{
    bool comment = false;
    for (; p->at < p->end && (comment || is_space(*p->at) || *p->at == '#'); p->at++)
        comment = *p->at == '#' || (comment && *p->at != '\n' && *p->at != '\r');
}

static ad_status read_number(pnm *p, int64_t *out)
{
    int64_t value = 0;
    skip_space(p);
    if (p->at == p->end)
        return cut();
    if (*p->at < '0' || *p->at > '9')
        return adi_fail(AD_ERR_FORMAT, "PNM: byte 0x%02x where a number should be", *p->at);
    for (int digits = 0; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++, digits++) {
        if (digits == MOST_SIDE_DIGITS && value)
            return adi_fail(AD_ERR_FORMAT, "PNM: a number has more than %d digits",
                            MOST_SIDE_DIGITS);
        value = 10 * value + (*p->at - '0');
        digits -= value == 0; /* leading zeros do not count */
    }
    *out = value;
    return AD_OK;
}

static ad_status read_header(pnm *p, const adi_file_limits *limits)
{
    int64_t maxval = 1;
    if (p->end - p->at < 3)
        return cut();
    p->kind = p->at[1] - '0';
    if (p->at[0] != 'P' || p->kind < 1 || p->kind > 6)
        return adi_fail(AD_ERR_FORMAT, "PNM: the file begins with neither P1 nor P2 .. P6");
    p->at += 2;
    ADI_TRY(read_number(p, &p->width));
    ADI_TRY(read_number(p, &p->height));
    if (p->kind != 1 && p->kind != 4)
        ADI_TRY(read_number(p, &maxval));
    if (p->width < 1 || p->height < 1)
        return adi_fail(AD_ERR_FORMAT, "PNM: image is %lldx%lld", (long long)p->width,
                        (long long)p->height);
    if (maxval < 1 || maxval > 65535)
        return adi_fail(AD_ERR_FORMAT, "PNM: maxval is %lld, 1 to 65535 are possible",
                        (long long)maxval);
    if (p->at == p->end)
        return cut();
    if (p->kind > 3 && !is_space(*p->at++))
        return adi_fail(AD_ERR_FORMAT, "PNM: no white space between header and pixels");
    p->maxval = (uint32_t)maxval;
    p->channels = p->kind % 3 == 0 ? 3 : 1;
    p->format = p->channels == 3 ? AD_PIXEL_RGB8 : maxval > 255 ? AD_PIXEL_MONO16 : AD_PIXEL_MONO8;
    return adi_image_check_size("PNM", p->width, p->height, limits);
}

static int64_t raw_row_bytes(const pnm *p)
{
    return p->kind == 4 ? (p->width + 7) / 8 : p->width * p->channels * (p->maxval > 255 ? 2 : 1);
}

/* Before memory is allocated: can the file hold so many pixels? As text, a bit takes a digit, other
 * values a digit and a space, except the last. */
static ad_status check_room(const pnm *p)
{
    const int64_t left = p->end - p->at, samples = p->width * p->height * p->channels;
    const int64_t needed = p->kind > 3    ? raw_row_bytes(p) * p->height
                           : p->kind == 1 ? samples
                                          : 2 * samples - 1;
    if (needed > left)
        return adi_fail(AD_ERR_FORMAT, "PNM: %lld bytes are too few for an image of %lldx%lld",
                        (long long)left, (long long)p->width, (long long)p->height);
    return AD_OK;
}

/* Python's round(v / maxval * top), which Pillow computes in doubles: half to even. */
static uint16_t scale(uint32_t v, uint32_t maxval, double top)
{
    const double exact = (double)v / maxval * top, low = floor(exact), rest = exact - low;
    const bool up = rest > 0.5 || (rest == 0.5 && fmod(low, 2.0) != 0.0);
    return (uint16_t)(low + up);
}

static ad_status make_scale(pnm *p, const adi_allocator *a)
{
    const double top = p->format == AD_PIXEL_MONO16 ? 65535.0 : 255.0;
    p->scaled = adi_alloc(a, (p->maxval + 1) * sizeof *p->scaled);
    if (!p->scaled)
        return adi_fail_memory();
    for (uint32_t v = 0; v <= p->maxval; v++)
        p->scaled[v] = scale(v, p->maxval, top);
    return AD_OK;
}

static ad_status read_bit(pnm *p, int64_t *out)
{
    skip_space(p);
    if (p->at == p->end)
        return cut();
    if (*p->at != '0' && *p->at != '1')
        return adi_fail(AD_ERR_FORMAT, "PNM: byte 0x%02x where 0 or 1 should be", *p->at);
    *out = *p->at++ == '0'; /* 1 is black */
    return AD_OK;
}

static int64_t raw_value(const pnm *p, const uint8_t *row, int64_t i)
{
    if (p->kind == 4)
        return !(row[i / 8] >> (7 - i % 8) & 1);
    return p->maxval > 255 ? row[2 * i] << 8 | row[2 * i + 1] : row[i];
}

static ad_status read_row(pnm *p, void *out)
{
    for (int64_t i = 0; i < p->width * p->channels; i++) {
        int64_t v = 0;
        if (p->kind > 3)
            v = raw_value(p, p->at, i);
        else
            ADI_TRY(p->kind == 1 ? read_bit(p, &v) : read_number(p, &v));
        if (v > p->maxval)
            return adi_fail(AD_ERR_FORMAT, "PNM: a value of %lld is above the maxval of %u",
                            (long long)v, p->maxval);
        if (p->format == AD_PIXEL_MONO16)
            ((uint16_t *)out)[i] = p->scaled[v];
        else
            ((uint8_t *)out)[i] = (uint8_t)p->scaled[v];
    }
    if (p->kind > 3)
        p->at += raw_row_bytes(p);
    return AD_OK;
}

static ad_status read_rows(pnm *p, const ad_image *image)
{
    for (int64_t y = 0; y < p->height; y++)
        ADI_TRY(read_row(p, (uint8_t *)image->pixels + y * image->row_bytes));
    return AD_OK;
}

/* Note bytes behind the pixels: a newline is usual, a second image possible. */
static void note_rest(pnm *p, adi_notes *notes)
{
    if (p->kind <= 3)
        skip_space(p);
    if (p->at < p->end)
        adi_note(notes, "PNM: %lld bytes after the image are not read",
                 (long long)(p->end - p->at));
}

/* A maxval states the significant bits; 65535 states nothing. */
static ad_status settle(const pnm *p, const adi_image_source *source, const ad_image *image)
{
    adi_notes unread = {0}, *notes = source->notes ? source->notes : &unread;
    if (p->format != AD_PIXEL_MONO16 || p->maxval != 65535)
        return AD_OK;
    return adi_bits_settle((uint16_t *)(uintptr_t)image->pixels, (size_t)(p->width * p->height),
                           source->options->significant_bits, 0, &notes->facts);
}

ad_status adi_decode_pnm(const adi_image_source *source, ad_image *out_image)
{
    pnm p = {.at = source->bytes, .end = source->bytes + source->size};
    ad_image image = {0};
    ADI_TRY(read_header(&p, source->limits));
    ADI_TRY(check_room(&p));
    ad_status status = make_scale(&p, source->allocator);
    if (status == AD_OK)
        status = adi_image_alloc(source->allocator, p.format, p.width, p.height, &image);
    if (status == AD_OK)
        status = read_rows(&p, &image);
    if (status == AD_OK)
        status = settle(&p, source, &image);
    if (status == AD_OK) {
        note_rest(&p, source->notes);
        *out_image = image;
    } else {
        adi_image_free(&image);
    }
    adi_free(source->allocator, p.scaled);
    return status;
}
