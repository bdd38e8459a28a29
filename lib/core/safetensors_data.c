/* The bytes of a safetensors file's tensors, from memory or from the disk, and the checksums over
 * them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/file.h"
#include "core/safetensors_file.h"

static const char prefix[] = CRC_KEY ".";

/* ---- Checksums ------------------------------------------------------------------------------ */

/* Compared as text: the writer never writes "0000ABCD", so that it is damage too. */
static bool same_crc(const char *text, uint32_t crc)
{
    char expected[9];
    snprintf(expected, sizeof expected, "%08x", (unsigned)crc);
    return strncmp(text, expected, sizeof expected) == 0;
}

/* Find the digits of the header's own CRC, which is taken with these eight digits as zeros. The
 * writer leaves no space around the colon. A quote after '{' or ',' opens a string, so that the
 * match cannot be inside one. */
static const uint8_t *find_header_digits(const adi_safetensors *file)
{
    static const char marker[] = "\"" CRC_KEY "\":\"";
    const size_t length = sizeof marker - 1;
    for (size_t i = 1; i + length + 9 <= file->header_size; i++)
        if ((file->header[i - 1] == '{' || file->header[i - 1] == ',') &&
            memcmp(file->header + i, marker, length) == 0)
            return file->header + i + length;
    return NULL;
}

static ad_status verify_header(const adi_safetensors *file)
{
    const char *text = adi_st_meta(file, CRC_KEY);
    if (!text && adi_st_is_ours(file))
        return FAIL_FORMAT(file, "the header is damaged: its checksum '" CRC_KEY "' is not there");
    if (!text)
        return FAIL_FORMAT(file, "the file has no checksums");
    const uint8_t *digits = find_header_digits(file);
    if (!digits || strlen(text) != 8)
        return FAIL_FORMAT(file, "the header's checksum is malformed");
    const size_t before = (size_t)(digits - file->header);
    uLong crc = crc32_z(0, file->header, before);
    crc = crc32_z(crc, (const uint8_t *)"00000000", 8);
    crc = crc32_z(crc, digits + 8, file->header_size - before - 8);
    if (!same_crc(text, (uint32_t)crc))
        return FAIL_FORMAT(file, "the header is damaged: its CRC-32 is %08x, expected '%s'",
                           (unsigned)crc, text);
    return AD_OK;
}

static const char *crc_of(const adi_safetensors *file, const adi_st_tensor *t)
{
    char key[sizeof prefix + ADI_ST_MAX_NAME];
    snprintf(key, sizeof key, "%s%s", prefix, t->name);
    return adi_st_meta(file, key);
}

bool adi_st_crc_of_read(const adi_safetensors *file, const adi_st_tensor *t, uint32_t *out_crc)
{
    const char *text = file->checks_reads ? crc_of(file, t) : NULL;
    if (text)
        *out_crc = (uint32_t)strtoul(text, NULL, 16); /* eight digits: it was compared as text */
    return text != NULL;
}

static ad_status check_tensor(const adi_safetensors *file, const adi_st_tensor *t, uint32_t crc)
{
    const char *text = crc_of(file, t);
    if (!text)
        return FAIL_FORMAT(file, "tensor '%s' has no checksum", t->name);
    if (!same_crc(text, crc))
        return FAIL_FORMAT(file, "tensor '%s' is damaged: its CRC-32 is %08x, expected '%.16s'",
                           t->name, (unsigned)crc, text);
    return AD_OK;
}

/* Check the header's checksum, and that every other checksum has its tensor. */
static ad_status verify_names(const adi_safetensors *file)
{
    ADI_TRY(verify_header(file));
    const size_t prefix_length = sizeof prefix - 1;
    for (size_t i = 0; i < file->meta_count; i++) {
        const char *key = file->meta[i].key;
        if (strncmp(key, prefix, prefix_length) == 0 && !adi_st_find(file, key + prefix_length))
            return FAIL_FORMAT(file, "a checksum for tensor '%.200s', which is not there",
                               key + prefix_length);
    }
    return AD_OK;
}

bool adi_st_is_ours(const adi_safetensors *file)
{
    static const char ours[] = "adfeat.", of_converter[] = "adfeat.student.";
    for (size_t i = 0; i < file->meta_count; i++) {
        const char *key = file->meta[i].key;
        /* files with these keys alone: converted students of before the converter wrote
         * checksums */
        if (strncmp(key, ours, sizeof ours - 1) == 0 &&
            strncmp(key, of_converter, sizeof of_converter - 1) != 0)
            return true;
    }
    return false;
}

ad_status adi_st_verify_ours(adi_safetensors *file)
{
    return adi_st_is_ours(file) ? adi_st_verify_reads(file) : AD_OK;
}

ad_status adi_st_verify_reads(adi_safetensors *file)
{
    ADI_TRY(verify_names(file));
    file->checks_reads = true;
    return AD_OK;
}

ad_status adi_st_verify(const adi_safetensors *file)
{
    ADI_TRY(verify_names(file));
    adi_safetensors checked = *file;
    checked.checks_reads = true;
    for (int32_t i = 0; i < file->count; i++) {
        adi_st_reader r;
        int64_t elements = 1;
        adi_st_read_begin(&r, &checked, &file->tensors[i]);
        while (elements > 0)
            ADI_TRY(adi_st_read_next(&r, &elements));
    }
    return AD_OK;
}

/* ---- Reading -------------------------------------------------------------------------------- */

void adi_st_read_begin(adi_st_reader *r, const adi_safetensors *file, const adi_st_tensor *tensor)
{
    r->file = file;
    r->tensor = tensor;
    r->bytes = r->block; /* also for an empty tensor */
    r->at = 0;
    r->crc = (uint32_t)crc32_z(0, NULL, 0);
}

ad_status adi_st_read_next(adi_st_reader *r, int64_t *out_elements)
{
    const adi_safetensors *file = r->file;
    const size_t left = adi_st_bytes(r->tensor) - r->at;
    const size_t n = left < sizeof r->block ? left : sizeof r->block;
    *out_elements = (int64_t)(n / adi_dtype_bytes(r->tensor->dtype));
    if (n == 0)
        return file->checks_reads ? check_tensor(file, r->tensor, r->crc) : AD_OK;
    if (file->data) {
        r->bytes = r->tensor->data + r->at;
    } else {
        const uint64_t data = LENGTH_BYTES + file->header_size;
        ADI_TRY(
            adi_file_read_at(file->fd, file->what, data + r->tensor->offset + r->at, r->block, n));
        r->bytes = r->block;
    }
    if (file->checks_reads)
        r->crc = (uint32_t)crc32_z(r->crc, r->bytes, n);
    r->at += n;
    return AD_OK;
}
