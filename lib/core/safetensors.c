/* Reading the safetensors container. Nothing in the file is believed before it is checked, and no
 * tensor can be reached whose bytes are not inside the file. */
#include "core/safetensors.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/file.h"

static const size_t max_file = (size_t)4
                               << 30; /* far above any scorer, below any machine's memory */

enum {
    LENGTH_BYTES = 8,
    MAX_DEPTH = 3, /* {"name": {"shape": [ */
    /* Three members per tensor and as many metadata entries: what bounds jansson's memory. */
    MAX_INNER_MEMBERS = 6 * ADI_ST_MAX_TENSORS
};

#define CRC_KEY "adfeat.crc32"

typedef struct meta_entry {
    const char *key;
    const char *value;
} meta_entry;

struct adi_safetensors {
    const adi_allocator *allocator;
    char *what;
    uint8_t *owned; /* the file's bytes where adi_st_open() read them, NULL where borrowed */
    const uint8_t *header;
    size_t header_size;
    const uint8_t *data;
    size_t data_size;
    adi_st_tensor *tensors; /* sorted by name */
    int32_t count;
    meta_entry *meta; /* sorted by key */
    size_t meta_count;
    char *strings; /* all names, keys and values: never longer than the header they came from */
    size_t strings_used;
};

/* Every sentence begins with the source's name. */
#define FAIL_IN(file, status, ...)                                                                 \
    (adi_fail(status, __VA_ARGS__), adi_fail_prefix(status, "%s: ", (file)->what))
#define FAIL_FORMAT(file, ...) FAIL_IN(file, AD_ERR_FORMAT, __VA_ARGS__)

/* ---- Header --------------------------------------------------------------------------------- */

/* Look at the brackets only, before jansson recurses into them or allocates for them. Everything
 * that passes is no deeper than {"name": {"shape": [1, 2]}} and has a bounded number of values. */
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

/* What the first bytes are of, where a safetensors file was expected; NULL for what is not known. */
static const char *other_kind(const uint8_t *bytes)
{
    static const struct {
        const char *start;
        size_t length;
        const char *kind;
    } kinds[] = {{"PK\x03\x04", 4, "a zip archive, as PyTorch and NumPy write them"},
                 {"\x80\x02", 2, "a pickle, as PyTorch writes them"},
                 {"\x93NUMPY", 6, "a NumPy array"},
                 {"\x89PNG", 4, "a PNG image"},
                 {"\xff\xd8\xff", 3, "a JPEG image"},
                 {"\x89HDF", 4, "an HDF5 file"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (memcmp(bytes, kinds[i].start, kinds[i].length) == 0)
            return kinds[i].kind;
    return NULL;
}

/* The header's extent; everything behind it is tensor data. */
static ad_status find_header(adi_safetensors *file, const uint8_t *bytes, size_t size)
{
    if (size < LENGTH_BYTES)
        return FAIL_FORMAT(file, "%zu bytes are too few for a safetensors file", size);
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | bytes[i];
    /* a header's length may have the first bytes of anything: what follows it decides */
    const int has_header = length > 0 && length <= size - LENGTH_BYTES && bytes[LENGTH_BYTES] == '{';
    const char *kind = has_header ? NULL : other_kind(bytes);
    if (kind)
        return FAIL_FORMAT(file, "not a safetensors file but %s: 'adfeat convert' reads PyTorch's and NumPy's",
                           kind);
    if (length > ADI_ST_MAX_HEADER)
        return FAIL_FORMAT(file, "not a safetensors file, or a header of %ju bytes, limit %d",
                           (uintmax_t)length, ADI_ST_MAX_HEADER);
    if (length > size - LENGTH_BYTES)
        return FAIL_FORMAT(file, "header of %ju bytes in a file of %zu", (uintmax_t)length, size);
    file->header = bytes + LENGTH_BYTES;
    file->header_size = (size_t)length;
    file->data = file->header + file->header_size;
    file->data_size = size - LENGTH_BYTES - file->header_size;
    if (length == 0 || file->header[0] != '{')
        return FAIL_FORMAT(file, "the header does not begin with '{'");
    return AD_OK;
}

static ad_status load_header(const adi_safetensors *file, json_t **out_root)
{
    json_error_t error;
    memset(&error, 0, sizeof error);
    *out_root =
        json_loadb((const char *)file->header, file->header_size, JSON_REJECT_DUPLICATES, &error);
    if (*out_root)
        return AD_OK;
    if (error.text[0] == 0 || json_error_code(&error) == json_error_out_of_memory)
        return adi_fail_memory(); /* no text is jansson's way; see its issue 362 for the others */
    return FAIL_FORMAT(file, "header byte %d: %s", error.position, error.text);
}

/* ---- Entries -------------------------------------------------------------------------------- */

/* Each string stood in the header between two quotes, so this and its NUL always fit. */
static const char *keep_string(adi_safetensors *file, const char *text)
{
    const size_t n = strlen(text) + 1;
    char *kept = file->strings + file->strings_used;
    memcpy(kept, text, n);
    file->strings_used += n;
    return kept;
}

static ad_status parse_meta(adi_safetensors *file, json_t *object)
{
    if (!json_is_object(object))
        return FAIL_FORMAT(file, "__metadata__ is not an object");
    file->meta = adi_calloc(file->allocator, json_object_size(object) + 1, sizeof *file->meta);
    if (!file->meta)
        return adi_fail_memory();
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return FAIL_FORMAT(file, "metadata '%.80s' is not a string", key);
        meta_entry *entry = &file->meta[file->meta_count++];
        entry->key = keep_string(file, key);
        entry->value = keep_string(file, json_string_value(value));
    }
    return AD_OK;
}

static ad_status parse_dtype(const adi_safetensors *file, json_t *value, adi_st_tensor *t)
{
    if (!json_is_string(value))
        return FAIL_FORMAT(file, "tensor '%s' has no dtype", t->name);
    const char *name = json_string_value(value);
    for (int i = 0; i < ADI_DTYPE_COUNT; i++) {
        if (strcmp(name, adi_dtype_name((adi_dtype)i)) == 0) {
            t->dtype = (adi_dtype)i;
            return AD_OK;
        }
    }
    return FAIL_IN(file, AD_ERR_UNSUPPORTED, "tensor '%s' has dtype '%.32s'", t->name, name);
}

static ad_status parse_shape(const adi_safetensors *file, json_t *value, adi_st_tensor *t)
{
    if (!json_is_array(value) || json_array_size(value) > ADI_ST_MAX_DIMS)
        return FAIL_FORMAT(file, "tensor '%s' has no shape of up to %d dimensions", t->name,
                           ADI_ST_MAX_DIMS);
    t->ndim = (int32_t)json_array_size(value);
    t->count = 1;
    const int64_t limit = INT64_MAX / (int64_t)adi_dtype_bytes(t->dtype);
    for (int32_t i = 0; i < t->ndim; i++) {
        json_t *item = json_array_get(value, (size_t)i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return FAIL_FORMAT(file, "tensor '%s': dimension %d is not a size", t->name, (int)i);
        t->shape[i] = json_integer_value(item);
        if (t->shape[i] > 0 && t->count > limit / t->shape[i])
            return FAIL_FORMAT(file, "tensor '%s': its size overflows", t->name);
        t->count *= t->shape[i];
    }
    return AD_OK;
}

static ad_status parse_offsets(const adi_safetensors *file, json_t *value, adi_st_tensor *t)
{
    json_t *first = json_array_get(value, 0); /* NULL where value is no array */
    json_t *second = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(first) || !json_is_integer(second))
        return FAIL_FORMAT(file, "tensor '%s' has no two data_offsets", t->name);
    const int64_t begin = json_integer_value(first);
    const int64_t end = json_integer_value(second);
    if (begin < 0 || end < begin || (uint64_t)end > file->data_size)
        return FAIL_FORMAT(file, "tensor '%s': data_offsets %jd to %jd in %zu bytes of data",
                           t->name, (intmax_t)begin, (intmax_t)end, file->data_size);
    const int64_t bytes = t->count * (int64_t)adi_dtype_bytes(t->dtype);
    if (end - begin != bytes)
        return FAIL_FORMAT(file, "tensor '%s': %jd bytes where its shape takes %jd", t->name,
                           (intmax_t)(end - begin), (intmax_t)bytes);
    t->data = file->data + begin;
    return AD_OK;
}

static ad_status parse_tensor(adi_safetensors *file, const char *name, json_t *object)
{
    if (name[0] == 0)
        return FAIL_FORMAT(file, "a tensor has an empty name");
    if (strlen(name) > ADI_ST_MAX_NAME)
        return FAIL_FORMAT(file, "tensor '%.40s...' has a name of %zu bytes, limit %d", name,
                           strlen(name), ADI_ST_MAX_NAME);
    if (!json_is_object(object) || json_object_size(object) != 3)
        return FAIL_FORMAT(file, "tensor '%s' is not {dtype, shape, data_offsets}", name);
    if (file->count == ADI_ST_MAX_TENSORS)
        return FAIL_FORMAT(file, "more than %d tensors", ADI_ST_MAX_TENSORS);
    adi_st_tensor *t = &file->tensors[file->count];
    t->name = keep_string(file, name);
    ADI_TRY(parse_dtype(file, json_object_get(object, "dtype"), t));
    ADI_TRY(parse_shape(file, json_object_get(object, "shape"), t));
    ADI_TRY(parse_offsets(file, json_object_get(object, "data_offsets"), t));
    file->count++;
    return AD_OK;
}

/* ---- Order ---------------------------------------------------------------------------------- */

static size_t tensor_bytes(const adi_st_tensor *t)
{
    return (size_t)t->count * adi_dtype_bytes(t->dtype);
}

/* Where two begin at one place, the empty one is first. */
static int by_place(const void *left, const void *right)
{
    const adi_st_tensor *a = left;
    const adi_st_tensor *b = right;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    return (tensor_bytes(a) > tensor_bytes(b)) - (tensor_bytes(a) < tensor_bytes(b));
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const adi_st_tensor *)left)->name, ((const adi_st_tensor *)right)->name);
}

static int by_key(const void *left, const void *right)
{
    return strcmp(((const meta_entry *)left)->key, ((const meta_entry *)right)->key);
}

/* No gap, no overlap, nothing left over. Leaves the tensors sorted by name. */
static ad_status check_coverage(adi_safetensors *file)
{
    const uint8_t *place = file->data;
    qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_place);
    for (int32_t i = 0; i < file->count; i++) {
        const adi_st_tensor *t = &file->tensors[i];
        if (t->data != place)
            return FAIL_FORMAT(file, "tensor '%s' begins at byte %td of the data, expected %td",
                               t->name, t->data - file->data, place - file->data);
        place += tensor_bytes(t);
    }
    if (place != file->data + file->data_size)
        return FAIL_FORMAT(file, "tensors take %td bytes of data, the file has %zu",
                           place - file->data, file->data_size);
    qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_name);
    if (file->meta)
        qsort(file->meta, file->meta_count, sizeof *file->meta, by_key);
    return AD_OK;
}

static ad_status parse_root(adi_safetensors *file, json_t *root)
{
    if (!json_is_object(root))
        return FAIL_FORMAT(file, "the header is not an object");
    file->tensors = adi_calloc(file->allocator, json_object_size(root) + 1, sizeof *file->tensors);
    file->strings = adi_alloc(file->allocator, file->header_size);
    if (!file->tensors || !file->strings)
        return adi_fail_memory();
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "__metadata__") == 0)
            ADI_TRY(parse_meta(file, value));
        else
            ADI_TRY(parse_tensor(file, name, value));
    }
    return check_coverage(file);
}

/* ---- Opening -------------------------------------------------------------------------------- */

ad_status adi_st_parse(const adi_allocator *a, const uint8_t *bytes, size_t size, const char *what,
                       adi_safetensors **out_file)
{
    *out_file = NULL;
    adi_safetensors *file = adi_calloc(a, 1, sizeof *file);
    if (!file)
        return adi_fail_memory();
    json_t *root = NULL;
    ad_status status = AD_OK;
    file->allocator = a;
    file->what = adi_strdup(a, what);
    if (!file->what) {
        status = adi_fail_memory();
        goto cleanup;
    }
    ADI_TRY_CLEANUP(find_header(file, bytes, size));
    ADI_TRY_CLEANUP(check_nesting(file));
    ADI_TRY_CLEANUP(load_header(file, &root));
    ADI_TRY_CLEANUP(parse_root(file, root));
    *out_file = file;
    file = NULL;
cleanup:
    json_decref(root);
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

void adi_st_close(adi_safetensors *file)
{
    if (!file)
        return;
    const adi_allocator *a = file->allocator;
    adi_free(a, file->strings);
    adi_free(a, file->meta);
    adi_free(a, file->tensors);
    adi_free(a, file->owned);
    adi_free(a, file->what);
    adi_free(a, file);
}

/* ---- Asking --------------------------------------------------------------------------------- */

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

/* ---- Checksums ------------------------------------------------------------------------------ */

/* Compared as text: "0000ABCD" is not what the writer wrote, so it is damage too. */
static bool same_crc(const char *text, uint32_t crc)
{
    char expected[9];
    snprintf(expected, sizeof expected, "%08x", (unsigned)crc);
    return strncmp(text, expected, sizeof expected) == 0;
}

/* The header's own CRC is over the header with its eight digits as zeros. The writer leaves no
 * space around the colon; a quote after '{' or ',' opens a string, so the match cannot be inside
 * one. */
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

ad_status adi_st_verify(const adi_safetensors *file)
{
    ADI_TRY(verify_header(file));
    static const char prefix[] = CRC_KEY ".";
    const size_t prefix_length = sizeof prefix - 1;
    for (size_t i = 0; i < file->meta_count; i++) {
        const char *key = file->meta[i].key;
        if (strncmp(key, prefix, prefix_length) == 0 && !adi_st_find(file, key + prefix_length))
            return FAIL_FORMAT(file, "a checksum for tensor '%.200s', which is not there",
                               key + prefix_length);
    }
    for (int32_t i = 0; i < file->count; i++) {
        const adi_st_tensor *t = &file->tensors[i];
        char key[sizeof prefix + ADI_ST_MAX_NAME];
        snprintf(key, sizeof key, "%s%s", prefix, t->name);
        const char *text = adi_st_meta(file, key);
        if (!text)
            return FAIL_FORMAT(file, "tensor '%s' has no checksum", t->name);
        const uint32_t crc = (uint32_t)crc32_z(0, t->data, tensor_bytes(t));
        if (!same_crc(text, crc))
            return FAIL_FORMAT(file, "tensor '%s' is damaged: its CRC-32 is %08x, expected '%.16s'",
                               t->name, (unsigned)crc, text);
    }
    return AD_OK;
}
