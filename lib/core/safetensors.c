/* Parsing the safetensors container. Nothing in the file is trusted before it is checked, and every
 * tensor's bytes lie inside the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/json.h"
#include "core/safetensors_file.h"

static const size_t max_file = (size_t)4 << 30; /* far larger than any scorer */

enum {
    START_BYTES = LENGTH_BYTES + 1, /* enough to recognise a header */
    MAX_DEPTH = 3,                  /* {"name": {"shape": [ */
    /* Three members per tensor and as many metadata entries. */
    MAX_INNER_MEMBERS = 6 * ADI_ST_MAX_TENSORS
};

/* ---- Header --------------------------------------------------------------------------------- */

/* Check the brackets before memory is allocated for their contents. Text that passes is nested no
 * deeper than {"name": {"shape": [1, 2]}} and has a bounded number of values. */
static ad_status check_nesting(const adi_safetensors *file)
{
    static const char opening[MAX_DEPTH + 1] = "{{[";
    const uint8_t *text = file->header;
    int64_t commas[MAX_DEPTH + 1] = {0};
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < file->header_size; i++) {
        const uint8_t c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (depth == MAX_DEPTH)
                return FAIL_FORMAT(file, "header byte %zu: nested too deeply", i);
            if (c != opening[depth])
                return FAIL_FORMAT(file, "header byte %zu: '%c' where it cannot be", i, c);
            depth++;
            if (depth == MAX_DEPTH)
                commas[depth] = 0;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return FAIL_FORMAT(file, "header byte %zu: '%c' where it cannot be", i, c);
            depth--;
        } else if (c == ',') {
            commas[depth]++;
            if (commas[1] > ADI_ST_MAX_TENSORS)
                return FAIL_FORMAT(file, "more than %d tensors", ADI_ST_MAX_TENSORS);
            if (commas[2] > MAX_INNER_MEMBERS)
                return FAIL_FORMAT(file, "more than %d header entries", MAX_INNER_MEMBERS);
            if (commas[3] >= ADI_ST_MAX_DIMS)
                return FAIL_FORMAT(file, "header byte %zu: more than %d dimensions", i,
                                   ADI_ST_MAX_DIMS);
        }
    }
    return AD_OK;
}

#define CONVERTED ": 'adfeat convert' makes a safetensors file of it"

/* Name the kind of another file by its first bytes, and the way out where there is one; NULL if it
 * is not known. */
static const char *other_kind(const uint8_t *bytes)
{
    static const struct {
        const char *start;
        size_t length;
        const char *kind;
    } kinds[] = {{"PK\x03\x04", 4, "a zip archive, as PyTorch and NumPy write them" CONVERTED},
                 {"\x80\x02", 2, "a pickle, as PyTorch writes them" CONVERTED},
                 {"\x93NUMPY", 6, "a NumPy array" CONVERTED},
                 {"\x89PNG", 4, "a PNG image"},
                 {"\xff\xd8\xff", 3, "a JPEG image"},
                 {"BM", 2, "a BMP image"},
                 {"GIF8", 4, "a GIF image"},
                 {"II*\0", 4, "a TIFF image"},
                 {"MM\0*", 4, "a TIFF image"},
                 {"RIFF", 4, "a RIFF file, such as a WebP image"},
                 {"\x89HDF", 4, "an HDF5 file"},
                 {"\x1f\x8b", 2, "a gzip archive"},
                 {"%PDF", 4, "a PDF document"},
                 {"version ", 8, "a Git LFS pointer: 'git lfs pull' gets the file"},
                 {"<!", 2, "a web page, as a failed download leaves"},
                 {"<html", 5, "a web page, as a failed download leaves"}};
    size_t letters = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (memcmp(bytes, kinds[i].start, kinds[i].length) == 0)
            return kinds[i].kind;
    while (letters < LENGTH_BYTES && (bytes[letters] >= ' ' || bytes[letters] == '\n') &&
           bytes[letters] < 0x7f)
        letters++;
    return letters == LENGTH_BYTES ? "text" : NULL;
}

/* Read the header's length from the file's first bytes: all of them, or START_BYTES. */
static ad_status header_length(const adi_safetensors *file, const uint8_t *bytes, size_t size,
                               size_t *out_length)
{
    if (size < LENGTH_BYTES)
        return FAIL_FORMAT(file, "%zu bytes are too few for a safetensors file", size);
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | bytes[i];
    /* a length may look like the start of another kind of file: the byte after it decides */
    const int has_header =
        length > 0 && length <= size - LENGTH_BYTES && bytes[LENGTH_BYTES] == '{';
    const char *kind = has_header ? NULL : other_kind(bytes);
    if (kind)
        return FAIL_FORMAT(file, "not a safetensors file but %s", kind);
    if (length > size - LENGTH_BYTES)
        return FAIL_FORMAT(file,
                           "its first 8 bytes say that the header has %ju bytes, and the file has "
                           "%zu: it is %s",
                           (uintmax_t)length, size,
                           length > ADI_ST_MAX_HEADER ? "no safetensors file"
                                                      : "cut off, or no safetensors file");
    if (length > ADI_ST_MAX_HEADER)
        return FAIL_FORMAT(file,
                           "a header of %ju bytes, at most %d are read: is it a safetensors file?",
                           (uintmax_t)length, ADI_ST_MAX_HEADER);
    if (!has_header)
        return FAIL_FORMAT(file,
                           "not a safetensors file: the header of %ju bytes does not begin with "
                           "'{'",
                           (uintmax_t)length);
    *out_length = (size_t)length;
    return AD_OK;
}

/* ---- Entries -------------------------------------------------------------------------------- */

/* Read the string at `token` without keeping it. In the header each string has two quotes, so that
 * all strings with their NULs fit in its size. */
static const char *peek_string(const adi_safetensors *file, const adi_json *json, int32_t token)
{
    char *text = file->strings + file->strings_used;
    adi_json_string(json, token, text);
    return text;
}

static const char *keep_string(adi_safetensors *file, const adi_json *json, int32_t token)
{
    const char *kept = file->strings + file->strings_used;
    file->strings_used += adi_json_string(json, token, file->strings + file->strings_used) + 1;
    return kept;
}

static ad_status parse_meta(adi_safetensors *file, const adi_json *json, int32_t object)
{
    if (adi_json_type_at(json, object) != ADI_JSON_OBJECT)
        return FAIL_FORMAT(file, "__metadata__ is not an object");
    if (file->meta)
        return FAIL_FORMAT(file, "duplicate __metadata__");
    const int32_t count = adi_json_size(json, object);
    file->meta = adi_calloc(file->allocator, (size_t)count + 1, sizeof *file->meta);
    if (!file->meta)
        return adi_fail_memory();
    int32_t at = object + 1;
    for (int32_t i = 0; i < count; i++) {
        meta_entry *entry = &file->meta[file->meta_count++];
        entry->key = keep_string(file, json, at);
        at = adi_json_after(json, at);
        if (adi_json_type_at(json, at) != ADI_JSON_STRING)
            return FAIL_FORMAT(file, "metadata '%.80s' is not a string", entry->key);
        entry->value = keep_string(file, json, at);
        at = adi_json_after(json, at);
    }
    return AD_OK;
}

/* In the functions that parse a tensor's members, token 0 (the root) means a missing member. */
static ad_status parse_dtype(const adi_safetensors *file, const adi_json *json, int32_t value,
                             adi_st_tensor *t)
{
    if (!value || adi_json_type_at(json, value) != ADI_JSON_STRING)
        return FAIL_FORMAT(file, "tensor '%s' has no dtype", t->name);
    const char *name = peek_string(file, json, value);
    for (int i = 0; i < ADI_DTYPE_COUNT; i++) {
        if (strcmp(name, adi_dtype_name((adi_dtype)i)) == 0) {
            t->dtype = (adi_dtype)i;
            return AD_OK;
        }
    }
    return FAIL_IN(file, AD_ERR_UNSUPPORTED, "tensor '%s' has dtype '%.32s'", t->name, name);
}

static ad_status parse_shape(const adi_safetensors *file, const adi_json *json, int32_t value,
                             adi_st_tensor *t)
{
    if (!value || adi_json_type_at(json, value) != ADI_JSON_ARRAY ||
        adi_json_size(json, value) > ADI_ST_MAX_DIMS)
        return FAIL_FORMAT(file, "tensor '%s' has no shape of up to %d dimensions", t->name,
                           ADI_ST_MAX_DIMS);
    t->ndim = adi_json_size(json, value);
    t->count = 1;
    const int64_t limit = INT64_MAX / (int64_t)adi_dtype_bytes(t->dtype);
    for (int32_t i = 0; i < t->ndim; i++) {
        if (!adi_json_integer(json, value + 1 + i, &t->shape[i]) || t->shape[i] < 0)
            return FAIL_FORMAT(file, "tensor '%s': dimension %d is not a size", t->name, (int)i);
        if (t->shape[i] > 0 && t->count > limit / t->shape[i])
            return FAIL_FORMAT(file, "tensor '%s': its size overflows", t->name);
        t->count *= t->shape[i];
    }
    return AD_OK;
}

static ad_status parse_offsets(const adi_safetensors *file, const adi_json *json, int32_t value,
                               adi_st_tensor *t)
{
    int64_t begin, end;
    if (!value || adi_json_type_at(json, value) != ADI_JSON_ARRAY ||
        adi_json_size(json, value) != 2 || !adi_json_integer(json, value + 1, &begin) ||
        !adi_json_integer(json, value + 2, &end))
        return FAIL_FORMAT(file, "tensor '%s' has no two data_offsets", t->name);
    if (begin < 0 || end < begin || (uint64_t)end > file->data_size)
        return FAIL_FORMAT(file, "tensor '%s': data_offsets %jd to %jd in %zu bytes of data",
                           t->name, (intmax_t)begin, (intmax_t)end, file->data_size);
    const int64_t bytes = t->count * (int64_t)adi_dtype_bytes(t->dtype);
    if (end - begin != bytes)
        return FAIL_FORMAT(file, "tensor '%s': %jd bytes where its shape takes %jd", t->name,
                           (intmax_t)(end - begin), (intmax_t)bytes);
    t->offset = (uint64_t)begin;
    t->data = file->data ? file->data + begin : NULL;
    return AD_OK;
}

/* The value of a member, or 0. */
static int32_t find_member(const adi_safetensors *file, const adi_json *json, int32_t object,
                           const char *name)
{
    int32_t at = object + 1;
    for (int32_t i = 0; i < adi_json_size(json, object); i++) {
        const int32_t value = adi_json_after(json, at);
        if (strcmp(peek_string(file, json, at), name) == 0)
            return value;
        at = adi_json_after(json, value);
    }
    return 0;
}

static ad_status parse_tensor(adi_safetensors *file, const adi_json *json, const char *name,
                              int32_t object)
{
    if (name[0] == 0)
        return FAIL_FORMAT(file, "a tensor has an empty name");
    if (strlen(name) > ADI_ST_MAX_NAME)
        return FAIL_FORMAT(file, "tensor '%.40s...' has a name of %zu bytes, limit %d", name,
                           strlen(name), ADI_ST_MAX_NAME);
    if (adi_json_type_at(json, object) != ADI_JSON_OBJECT || adi_json_size(json, object) != 3)
        return FAIL_FORMAT(file, "tensor '%s' is not {dtype, shape, data_offsets}", name);
    if (file->count == ADI_ST_MAX_TENSORS)
        return FAIL_FORMAT(file, "more than %d tensors", ADI_ST_MAX_TENSORS);
    adi_st_tensor *t = &file->tensors[file->count];
    t->name = name;
    ADI_TRY(parse_dtype(file, json, find_member(file, json, object, "dtype"), t));
    ADI_TRY(parse_shape(file, json, find_member(file, json, object, "shape"), t));
    ADI_TRY(parse_offsets(file, json, find_member(file, json, object, "data_offsets"), t));
    file->count++;
    return AD_OK;
}

/* ---- Order ---------------------------------------------------------------------------------- */

/* Sort by offset; an empty tensor comes before another at the same offset. */
static int by_place(const void *left, const void *right)
{
    const adi_st_tensor *a = left;
    const adi_st_tensor *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return (adi_st_bytes(a) > adi_st_bytes(b)) - (adi_st_bytes(a) < adi_st_bytes(b));
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const adi_st_tensor *)left)->name, ((const adi_st_tensor *)right)->name);
}

static int by_key(const void *left, const void *right)
{
    return strcmp(((const meta_entry *)left)->key, ((const meta_entry *)right)->key);
}

/* Sort tensors and metadata by name, for searching; a duplicate name is refused. */
static ad_status sort_by_name(adi_safetensors *file)
{
    qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_name);
    for (int32_t i = 1; i < file->count; i++)
        if (by_name(&file->tensors[i - 1], &file->tensors[i]) == 0)
            return FAIL_FORMAT(file, "duplicate tensor '%s'", file->tensors[i].name);
    if (file->meta)
        qsort(file->meta, file->meta_count, sizeof *file->meta, by_key);
    for (size_t i = 1; i < file->meta_count; i++)
        if (by_key(&file->meta[i - 1], &file->meta[i]) == 0)
            return FAIL_FORMAT(file, "duplicate metadata '%.80s'", file->meta[i].key);
    return AD_OK;
}

/* Check that the tensors cover the data without gap or overlap. Leaves them sorted by offset. */
static ad_status check_coverage(adi_safetensors *file)
{
    uint64_t place = 0;
    qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_place);
    for (int32_t i = 0; i < file->count; i++) {
        const adi_st_tensor *t = &file->tensors[i];
        if (t->offset != place)
            return FAIL_FORMAT(file, "tensor '%s' begins at byte %ju of the data, expected %ju",
                               t->name, (uintmax_t)t->offset, (uintmax_t)place);
        place += adi_st_bytes(t);
    }
    if (place != file->data_size)
        return FAIL_FORMAT(file, "tensors take %ju bytes of data, the file has %zu",
                           (uintmax_t)place, file->data_size);
    return AD_OK;
}

static ad_status parse_root(adi_safetensors *file, const adi_json *json)
{
    const int32_t count = adi_json_size(json, 0);
    file->tensors = adi_calloc(file->allocator, (size_t)count + 1, sizeof *file->tensors);
    file->strings = adi_alloc(file->allocator, file->header_size);
    if (!file->tensors || !file->strings)
        return adi_fail_memory();
    int32_t at = 1;
    for (int32_t i = 0; i < count; i++) {
        const char *name = keep_string(file, json, at);
        at = adi_json_after(json, at);
        if (strcmp(name, "__metadata__") == 0)
            ADI_TRY(parse_meta(file, json, at));
        else
            ADI_TRY(parse_tensor(file, json, name, at));
        at = adi_json_after(json, at);
    }
    ADI_TRY(sort_by_name(file)); /* first, for its message: duplicates overlap too */
    ADI_TRY(check_coverage(file));
    return sort_by_name(file);
}

/* ---- Opening -------------------------------------------------------------------------------- */

/* header, header_size, data and data_size are set. */
static ad_status parse_header(adi_safetensors *file)
{
    adi_json json;
    ADI_TRY(check_nesting(file));
    ad_status status =
        adi_json_parse(file->allocator, file->header, file->header_size, MAX_DEPTH, &json);
    if (status == AD_ERR_OUT_OF_MEMORY)
        return adi_fail_memory();
    if (status)
        return FAIL_FORMAT(file, "header byte %zu: %s", json.where, json.why);
    status = parse_root(file, &json);
    adi_json_release(file->allocator, &json);
    return status;
}

static ad_status new_file(const adi_allocator *a, const char *what, adi_safetensors **out_file)
{
    adi_safetensors *file = adi_calloc(a, 1, sizeof *file);
    if (!file)
        return adi_fail_memory();
    file->allocator = a;
    file->fd = -1;
    file->what = adi_strdup(a, what);
    if (!file->what) {
        adi_st_close(file);
        return adi_fail_memory();
    }
    *out_file = file;
    return AD_OK;
}

ad_status adi_st_parse(const adi_allocator *a, const uint8_t *bytes, size_t size, const char *what,
                       adi_safetensors **out_file)
{
    *out_file = NULL;
    adi_safetensors *file = NULL;
    ADI_TRY(new_file(a, what, &file));
    ad_status status;
    ADI_TRY_CLEANUP(header_length(file, bytes, size, &file->header_size));
    file->header = bytes + LENGTH_BYTES;
    file->data = file->header + file->header_size;
    file->data_size = size - LENGTH_BYTES - file->header_size;
    ADI_TRY_CLEANUP(parse_header(file));
    *out_file = file;
    file = NULL;
cleanup:
    adi_st_close(file);
    return status;
}

ad_status adi_st_open(const adi_allocator *a, const char *path, adi_safetensors **out_file)
{
    *out_file = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ADI_TRY(adi_file_read(a, path, max_file, &bytes, &size));
    const ad_status status = adi_st_parse(a, bytes, size, path, out_file);
    if (status == AD_OK)
        (*out_file)->owned = bytes;
    else
        adi_free(a, bytes);
    return status;
}

ad_status adi_st_open_on_disk(const adi_allocator *a, const char *path, adi_safetensors **out_file)
{
    *out_file = NULL;
    adi_safetensors *file = NULL;
    uint8_t start[START_BYTES];
    size_t size = 0;
    ADI_TRY(new_file(a, path, &file));
    ad_status status;
    ADI_TRY_CLEANUP(adi_file_open(path, max_file, &file->fd, &size));
    ADI_TRY_CLEANUP(
        adi_file_read_at(file->fd, path, 0, start, size < START_BYTES ? size : START_BYTES));
    ADI_TRY_CLEANUP(header_length(file, start, size, &file->header_size));
    file->owned = adi_alloc(a, file->header_size);
    if (!file->owned) {
        status = adi_fail_memory();
        goto cleanup;
    }
    ADI_TRY_CLEANUP(adi_file_read_at(file->fd, path, LENGTH_BYTES, file->owned, file->header_size));
    file->header = file->owned;
    file->data_size = size - LENGTH_BYTES - file->header_size;
    ADI_TRY_CLEANUP(parse_header(file));
    *out_file = file;
    file = NULL;
cleanup:
    adi_st_close(file);
    return status;
}

void adi_st_close(adi_safetensors *file)
{
    if (!file)
        return;
    const adi_allocator *a = file->allocator;
    if (file->fd >= 0)
        close(file->fd);
    adi_free(a, file->strings);
    adi_free(a, file->meta);
    adi_free(a, file->tensors);
    adi_free(a, file->owned);
    adi_free(a, file->what);
    adi_free(a, file);
}

/* ---- Looking up ----------------------------------------------------------------------------- */

const char *adi_st_what(const adi_safetensors *file)
{
    return file->what;
}

int32_t adi_st_count(const adi_safetensors *file)
{
    return file->count;
}

const adi_st_tensor *adi_st_at(const adi_safetensors *file, int32_t index)
{
    return &file->tensors[index];
}

const adi_st_tensor *adi_st_find(const adi_safetensors *file, const char *name)
{
    const adi_st_tensor wanted = {.name = name};
    return bsearch(&wanted, file->tensors, (size_t)file->count, sizeof wanted, by_name);
}

int32_t adi_st_meta_at(const adi_safetensors *file, size_t index, const char **out_key,
                       const char **out_value)
{
    if (index >= file->meta_count)
        return 0;
    *out_key = file->meta[index].key;
    *out_value = file->meta[index].value;
    return 1;
}

const char *adi_st_meta(const adi_safetensors *file, const char *key)
{
    if (!file->meta)
        return NULL;
    const meta_entry wanted = {.key = key, .value = NULL};
    const meta_entry *found = bsearch(&wanted, file->meta, file->meta_count, sizeof wanted, by_key);
    return found ? found->value : NULL;
}
