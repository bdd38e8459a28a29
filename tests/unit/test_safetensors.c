/* core/safetensors.c: no header can hurt the reader. What writers leave is in
 * test_safetensors_write.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/safetensors.h"

static const adi_allocator *const heap = &adi_default_allocator;

static void expect_message(const char *part)
{
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' is not in '%s'", part, ad_last_error_message());
}

/* A file of exactly `size` bytes on the heap, so that the sanitizer sees a read behind its end. */
static uint8_t *make_bytes(const char *header, size_t header_size, size_t data_size, size_t *size)
{
    *size = 8 + header_size + data_size;
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)header_size >> 8 * i);
    memcpy(bytes + 8, header, header_size);
    memset(bytes + 8 + header_size, 0x41, data_size);
    return bytes;
}

/* The same bytes in a file get the same answer, in the same words. */
static void check_on_disk(const uint8_t *bytes, size_t size, ad_status expected)
{
    char sentence[1024];
    snprintf(sentence, sizeof sentence, "%s", ad_last_error_message());
    FILE *f = fopen("source", "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open_on_disk(heap, "source", &file), expected);
    assert_true((expected == AD_OK) == (file != NULL));
    adi_st_close(file);
    if (expected != AD_OK)
        assert_string_equal(ad_last_error_message(), sentence);
}

static ad_status parse_text(const char *header, size_t header_size, size_t data_size)
{
    size_t size = 0;
    uint8_t *bytes = make_bytes(header, header_size, data_size, &size);
    adi_safetensors *file = NULL;
    const ad_status status = adi_st_parse(heap, bytes, size, "source", &file);
    assert_true((status == AD_OK) == (file != NULL));
    adi_st_close(file);
    check_on_disk(bytes, size, status);
    free(bytes);
    return status;
}

static void refused(const char *header, size_t data_size, ad_status expected, const char *part)
{
    const ad_status status = parse_text(header, strlen(header), data_size);
    if (status != expected)
        fail_msg("status %d, expected %d, for %.200s", status, expected, header);
    expect_message("source: ");
    expect_message(part);
}

static void malformed(const char *header, size_t data_size, const char *part)
{
    refused(header, data_size, AD_ERR_FORMAT, part);
}

static void accepted(const char *header, size_t data_size)
{
    if (parse_text(header, strlen(header), data_size) != AD_OK)
        fail_msg("%s for %s", ad_last_error_message(), header);
}

/* ---- Headers -------------------------------------------------------------------------------- */

static void lengths(void **state)
{
    (void)state;
    static const uint8_t cases[][16] = {{0},
                                        {3},
                                        {255, 255, 255, 255, 255, 255, 255, 255},
                                        {9},
                                        {0, 0, 0, 0, 0, 0, 0, 128},
                                        {1, 0, 0, 1},
                                        {0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    static const char *const says[] = {
        "the header of 0 bytes does not begin with '{'",
        "the header of 3 bytes does not begin with '{'",
        "say that the header has 18446744073709551615 bytes, and the file has 16: it is no",
        "say that the header has 9 bytes, and the file has 16: it is cut off, or no safetensors",
        "and the file has 16: it is no safetensors file",
        "say that the header has 16777217 bytes, and the file has 16",
        "and the file has 16: it is no safetensors file"};
    adi_safetensors *file = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(adi_st_parse(heap, cases[i], 16, "source", &file), AD_ERR_FORMAT);
        expect_message(says[i]);
        check_on_disk(cases[i], 16, AD_ERR_FORMAT);
    }
    for (size_t size = 0; size < 8; size++) {
        assert_int_equal(adi_st_parse(heap, cases[0], size, "source", &file), AD_ERR_FORMAT);
        expect_message("too few");
        check_on_disk(cases[0], size, AD_ERR_FORMAT);
    }
    assert_null(file);
}

/* What a user may take for weights says what it is. */
static void other_files(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"PK\003\004and more", "a zip archive, as PyTorch and NumPy write them: 'adfeat convert'"},
        {"\x89PNG\r\n\032\n", "not a safetensors file but a PNG image"},
        {"II*\0\10\0\0\0\1\0", "a TIFF image"},
        {"RIFF\20\0\0\0WEBP", "a RIFF file, such as a WebP image"},
        {"<!DOCTYPE html>", "a web page, as a failed download leaves"},
        {"version https://git-lfs", "a Git LFS pointer: 'git lfs pull' gets the file"},
        {"names,of\ncolumns", "not a safetensors file but text"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[16] = {0};
        adi_safetensors *file = NULL;
        memcpy(bytes, cases[i][0], 10);
        assert_int_equal(adi_st_parse(heap, bytes, 16, "source", &file), AD_ERR_FORMAT);
        expect_message(cases[i][1]);
    }
}

/* A length whose first bytes are those of another kind of file, before a header all the same. */
static void lengths_that_look_like_other_files(void **state)
{
    (void)state;
    static const size_t sizes[] = {0x0280, 0x10280, 0xffd8ff};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *header = malloc(sizes[i] + 1);
        assert_non_null(header);
        memset(header, ' ', sizes[i]);
        memcpy(header, "{}", 2);
        header[sizes[i]] = 0;
        accepted(header, 0);
        header[0] = '.';
        malformed(header, 0, "not a safetensors file but a ");
        free(header);
    }
}

static void headers_that_are_no_json(void **state)
{
    (void)state;
    malformed("", 0, "begin with '{'");
    malformed("[]", 0, "begin with '{'");
    malformed(" {}", 0, "begin with '{'");
    malformed("{", 0, "header byte");
    malformed("{}}", 0, "where it cannot be");
    malformed("{}{}", 0, "header byte");
    malformed("{\"a", 0, "header byte");
    malformed("{\"a\\", 0, "header byte");
    malformed("{\"a\":}", 0, "header byte");
    malformed("{\"\xff\":1}", 0, "header byte 2: a string is not UTF-8");
    malformed("{\"a\\u0000\":1}", 0, "header byte");
    malformed("{\"__metadata__\":{\"a\":\"\\u0000\"}}", 0, "header byte");
    malformed("{\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"}}", 0, "uplicate");
    malformed("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "uplicate");
    assert_int_equal(parse_text("{}\0\0", 4, 0), AD_ERR_FORMAT);
    accepted("{}", 0);
    accepted("{}      ", 0);
    malformed("{}", 1, "0 bytes of data, the file has 1");
}

static void nesting_and_numbers_of_things(void **state)
{
    (void)state;
    malformed("{\"a\":[1]}", 0, "'[' where it cannot be");
    malformed("{\"a\":{\"b\":{}}}", 0, "'{' where it cannot be");
    malformed("{\"a\":{\"shape\":[[1]]}}", 0, "nested too deeply");
    malformed("{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1]}}", 0, "more than 8 dimensions");
    enum { DEEP = 1 << 20 };
    char *deep = malloc(DEEP);
    assert_non_null(deep);
    memset(deep, '[', DEEP);
    memcpy(deep, "{\"a\":", 5);
    assert_int_equal(parse_text(deep, DEEP, 0), AD_ERR_FORMAT);
    memset(deep, ',', DEEP);
    deep[0] = '{';
    assert_int_equal(parse_text(deep, DEEP, 0), AD_ERR_FORMAT);
    expect_message("more than 65536 tensors");
    memcpy(deep, "{\"a\":{", 6);
    assert_int_equal(parse_text(deep, DEEP, 0), AD_ERR_FORMAT);
    expect_message("header entries");
    free(deep);
    /* Brackets inside strings are not brackets. */
    accepted("{\"__metadata__\":{\"a\":\"[[[[{{{{\\\"]\"}}", 0);
}

static void tensor_entries(void **state)
{
    (void)state;
    accepted("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4);
    accepted("{\"a\":{\"shape\":[2,0],\"dtype\":\"F32\",\"data_offsets\":[0,0]}}", 0);
    malformed("{\"a\":1}", 0, "is not {dtype, shape, data_offsets}");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, "is not {dtype");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
              "is not");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", 4, "data_offsets");
    malformed("{\"a\":{\"dtypes\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype");
    malformed("{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shapes\":[1],\"data_offsets\":[0,4]}}", 4, "no shape");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":\"1\",\"data_offsets\":[0,4]}}", 4, "no shape");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4,
              "not a size");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "not a size");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4,
              "not a size");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}",
              4, "not a size");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]}}", 4,
              "data_offsets");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "data_offsets");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4,
              "data_offsets");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\"04\"}}", 4,
              "data_offsets");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4,
              "data_offsets");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
              "data_offsets");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,5]}}", 4,
              "data_offsets");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,3]}}", 4,
              "3 bytes where");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
              "4 bytes where");
    refused("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
            AD_ERR_UNSUPPORTED, "tensor 'a' has dtype 'F8_E4M3'");
    refused("{\"a\":{\"dtype\":\"\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, AD_ERR_UNSUPPORTED,
            "dtype");
}

/* The same name in other letters is the same name. */
static void names_that_stand_twice(void **state)
{
    (void)state;
#define EMPTY "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
    malformed("{\"a\":" EMPTY ",\"b\":" EMPTY ",\"a\":" EMPTY "}", 0, "duplicate tensor 'a'");
    malformed("{\"a\":" EMPTY ",\"\\u0061\":" EMPTY "}", 0, "duplicate tensor 'a'");
    malformed("{\"__metadata__\":{},\"\\u005f_metadata__\":{}}", 0, "duplicate __metadata__");
    malformed("{\"__metadata__\":{\"k\":\"\",\"\\u006b\":\"\"}}", 0, "duplicate metadata 'k'");
    malformed("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0]}}", 0, "no two data_offsets");
    accepted("{\"a\":" EMPTY ",\"A\":" EMPTY "}", 0);
    accepted("{\"a\":{\"d\\u0074ype\":\"\\u00558\",\"shape\":[-0],\"data_offsets\":[0,0]}}", 0);
#undef EMPTY
}

static void products_that_overflow(void **state)
{
    (void)state;
    /* 2^32 * 2^32, 2^62 * 4, and just the byte count: 2^61 * 4. A zero does not hide the rest. */
    malformed("{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}",
              0, "overflows");
    malformed("{\"a\":{\"dtype\":\"U8\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
              0, "overflows");
    malformed("{\"a\":{\"dtype\":\"F32\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}",
              0, "overflows");
    malformed("{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296,0],"
              "\"data_offsets\":[0,0]}}",
              0, "overflows");
    accepted(
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0);
}

static void names(void **state)
{
    (void)state;
    malformed("{\"\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "empty name");
    char header[700];
    char name[514];
    for (int length = 511; length <= 513; length++) {
        memset(name, 'n', sizeof name);
        name[length] = 0;
        snprintf(header, sizeof header,
                 "{\"%s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", name);
        if (length <= ADI_ST_MAX_NAME)
            accepted(header, 4);
        else
            malformed(header, 4, "a name of 513 bytes, limit 512");
    }
}

#define ENTRY(name, begin, end)                                                                    \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #end "],\"data_offsets\":[" #begin "," #end "]}"
#define PIECE(name, count, begin, end)                                                             \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #count "],\"data_offsets\":[" #begin "," #end "]" \
                                                                                               "}"

static void tensors_cover_the_data_exactly(void **state)
{
    (void)state;
    accepted("{" PIECE("b", 2, 2, 4) "," ENTRY("a", 0, 2) "," PIECE("e", 0, 2,
                                                                    2) "," PIECE("z", 0, 4, 4) "}",
             4);
    malformed("{" ENTRY("a", 0, 2) "," PIECE("b", 1, 3, 4) "}", 4, "begins at byte 3"); /* gap */
    malformed("{" ENTRY("a", 0, 3) "," PIECE("b", 2, 2, 4) "}", 4,
              "begins at byte 2"); /* overlap */
    malformed("{" ENTRY("a", 0, 2) "," ENTRY("b", 0, 2) "}", 2, "begins at byte 0");
    malformed("{" ENTRY("a", 0, 4) "," PIECE("b", 2, 1, 3) "}", 4, "begins at byte 1");
    malformed("{" ENTRY("a", 0, 2) "," PIECE("e", 0, 1, 1) "}", 2, "begins at byte 1");
    malformed("{" PIECE("a", 3, 1, 4) "}", 4, "begins at byte 1");
    malformed("{" ENTRY("a", 0, 3) "}", 4, "take 3 bytes of data, the file has 4");
}

static void metadata(void **state)
{
    (void)state;
    accepted("{\"__metadata__\":{}}", 0);
    malformed("{\"__metadata__\":1}", 0, "not an object");
    malformed("{\"__metadata__\":{\"key\":1}}", 0, "metadata 'key' is not a string");
    malformed("{\"__metadata__\":{\"key\":null}}", 0, "metadata 'key' is not a string");
    static const char header[] = "{\"__metadata__\":{\"z\":\"last\",\"\":\"empty\",\"a\":\"\"}}";
    size_t size = 0;
    uint8_t *bytes = make_bytes(header, sizeof header - 1, 0, &size);
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_parse(heap, bytes, size, "source", &file), AD_OK);
    assert_string_equal(adi_st_meta(file, "z"), "last");
    assert_string_equal(adi_st_meta(file, ""), "empty");
    assert_string_equal(adi_st_meta(file, "a"), "");
    assert_null(adi_st_meta(file, "b"));
    assert_string_equal(adi_st_what(file), "source");
    assert_int_equal(adi_st_verify(file), AD_ERR_FORMAT);
    expect_message("no checksums");
    adi_st_close(file);
    free(bytes);
}

/* ---- Checksums ------------------------------------------------------------------------------ */

/* Make the header's own checksum true, so that what else is wrong must be seen. */
static void expect_verify_fails(const char *text, size_t data_size, const char *part)
{
    size_t size = 0;
    char header[512];
    snprintf(header, sizeof header, "%s", text);
    char *digits = strstr(header, "00000000");
    assert_non_null(digits);
    char crc[9];
    snprintf(crc, sizeof crc, "%08lx", crc32(0, (const uint8_t *)header, (uInt)strlen(header)));
    memcpy(digits, crc, 8);
    uint8_t *bytes = make_bytes(header, strlen(header), data_size, &size);
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_parse(heap, bytes, size, "source", &file), AD_OK);
    const ad_status status = adi_st_verify(file);
    if (!part) {
        assert_int_equal(status, AD_OK);
    } else {
        assert_int_equal(status, AD_ERR_FORMAT);
        expect_message(part);
    }
    adi_st_close(file);
    free(bytes);
}

static void checksums_and_tensors_belong_together(void **state)
{
    (void)state;
    /* CRC-32 of four bytes 0x41, from zlib */
    char right[9];
    snprintf(right, sizeof right, "%08lx", crc32(0, (const uint8_t *)"AAAA", 4));
    char header[400];
    snprintf(header, sizeof header,
             "{\"__metadata__\":{\"adfeat.crc32\":\"00000000\",\"adfeat.crc32.a\":\"%s\"}," ENTRY(
                 "a", 0, 4) "}",
             right);
    expect_verify_fails(header, 4, NULL);
    expect_verify_fails("{\"__metadata__\":{\"adfeat.crc32\":\"00000000\"}," ENTRY("a", 0, 4) "}",
                        4, "tensor 'a' has no checksum");
    expect_verify_fails(
        "{\"__metadata__\":{\"adfeat.crc32\":\"00000000\",\"adfeat.crc32.b\":\"1\"}}", 0,
        "a checksum for tensor 'b'");
    expect_verify_fails(
        "{\"__metadata__\":{\"adfeat.crc32\":\"00000000\",\"adfeat.crc32.\":\"1\"}}", 0,
        "a checksum for tensor ''");
    expect_verify_fails(
        "{\"__metadata__\":{\"adfeat.crc32\":\"00000000\",\"adfeat.crc32.a\":\"\"}," ENTRY("a", 0,
                                                                                           4) "}",
        4, "tensor 'a' is damaged");
    /* Not as our writer writes it: a space behind the colon. */
    expect_verify_fails("{\"__metadata__\":{\"adfeat.crc32\": \"00000000\"}}", 0, "malformed");
    expect_verify_fails("{\"__metadata__\":{\"adfeat.crc32\":\"000000000\"}}", 0, "malformed");
    /* The marker inside a string is not the entry. */
    expect_verify_fails("{\"__metadata__\":{\"a\":\"{\\\"adfeat.crc32\\\":\\\"11111111\\\"\","
                        "\"adfeat.crc32\":\"00000000\"}}",
                        0, NULL);
}

static void files_that_cannot_be_opened(void **state)
{
    (void)state;
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, "absent.safetensors", &file), AD_ERR_IO);
    expect_message("cannot open 'absent.safetensors'");
    assert_null(file);
    adi_st_close(NULL);
}

static char folder[] = "test_safetensors_files_XXXXXX"; /* in the build folder */

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    remove("source");
    return chdir("..") == 0 ? rmdir(folder) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test(other_files),
        cmocka_unit_test(lengths_that_look_like_other_files),
        cmocka_unit_test(headers_that_are_no_json),
        cmocka_unit_test(nesting_and_numbers_of_things),
        cmocka_unit_test(tensor_entries),
        cmocka_unit_test(names_that_stand_twice),
        cmocka_unit_test(products_that_overflow),
        cmocka_unit_test(names),
        cmocka_unit_test(tensors_cover_the_data_exactly),
        cmocka_unit_test(metadata),
        cmocka_unit_test(checksums_and_tensors_belong_together),
        cmocka_unit_test(files_that_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
