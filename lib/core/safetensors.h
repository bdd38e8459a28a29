/* The safetensors container: 8-byte little-endian header length, JSON header, raw little-endian
 * tensors. The reader trusts nothing: every count, offset, product and string is checked before
 * use. The writer adds a CRC-32 of every tensor and of the header, and replaces the file
 * atomically. */
#ifndef ADI_CORE_SAFETENSORS_H
#define ADI_CORE_SAFETENSORS_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/dtype.h"
#include "core/error.h"

enum { ADI_ST_MAX_DIMS = 8, ADI_ST_MAX_NAME = 512, ADI_ST_MAX_TENSORS = 65536,
       ADI_ST_MAX_HEADER = 16 << 20 };

typedef struct adi_st_tensor {
    const char *name;
    adi_dtype dtype;
    int32_t ndim;
    int64_t shape[ADI_ST_MAX_DIMS];
    int64_t count;       /* elements: the product of shape, 1 for a scalar */
    uint64_t offset;     /* of the first byte, from the end of the header */
    const uint8_t *data; /* not aligned; NULL if the data stays on the disk */
} adi_st_tensor;

static inline size_t adi_st_bytes(const adi_st_tensor *tensor)
{
    return (size_t)tensor->count * adi_dtype_bytes(tensor->dtype);
}

typedef struct adi_safetensors adi_safetensors;

/* Parse `size` bytes, which must outlive the object. `what` names the source in messages. */
ad_status adi_st_parse(const adi_allocator *a, const uint8_t *bytes, size_t size, const char *what,
                       adi_safetensors **out_file);
/* Read and parse a file; the object owns the bytes. */
ad_status adi_st_open(const adi_allocator *a, const char *path, adi_safetensors **out_file);
/* The same, but tensors stay on the disk until they are read: for large files that are read
 * once. */
ad_status adi_st_open_on_disk(const adi_allocator *a, const char *path, adi_safetensors **out_file);
void adi_st_close(adi_safetensors *file);

/* The source's name, for messages. */
const char *adi_st_what(const adi_safetensors *file);
int32_t adi_st_count(const adi_safetensors *file);
const adi_st_tensor *adi_st_at(const adi_safetensors *file, int32_t index); /* sorted by name */
/* NULL if there is none. */
const adi_st_tensor *adi_st_find(const adi_safetensors *file, const char *name);
/* A __metadata__ value, or NULL. */
const char *adi_st_meta(const adi_safetensors *file, const char *key);
/* Entry `index` in the order of keys. Returns 0 past the last. */
int32_t adi_st_meta_at(const adi_safetensors *file, size_t index, const char **out_key,
                       const char **out_value);
/* AD_ERR_MISMATCH "tensor ... is [...], WHO expects [...]" if the shape differs. */
ad_status adi_st_check_shape(const adi_st_tensor *tensor, const int64_t *want, int32_t ndim,
                             const char *who);
/* Copy as float32, converting F32, F16, BF16 or F64. NaN or infinity is AD_ERR_NUMERIC, another
 * type AD_ERR_FORMAT; both name the tensor. */
ad_status adi_st_read_f32(const adi_safetensors *file, const adi_st_tensor *tensor, float *out);
ad_status adi_st_read_f64(const adi_safetensors *file, const adi_st_tensor *tensor, double *out);
ad_status adi_st_read_i32(const adi_safetensors *file, const adi_st_tensor *tensor,
                          int32_t *out); /* of an I32 */
ad_status adi_st_read_i64(const adi_safetensors *file, const adi_st_tensor *tensor,
                          int64_t *out); /* of an I64 */
/* Check the CRC-32s that the writer left: AD_ERR_FORMAT names the damaged tensor; a file without
 * any "adfeat.crc32" entries is AD_ERR_FORMAT too. */
ad_status adi_st_verify(const adi_safetensors *file);
/* The header's now, and a tensor's whenever one is read, so that a file on the disk is gone through
 * once. */
ad_status adi_st_verify_reads(adi_safetensors *file);
/* The CRC-32 of a tensor that was read and compared with it; false where nothing was compared. */
bool adi_st_crc_of_read(const adi_safetensors *file, const adi_st_tensor *tensor,
                        uint32_t *out_crc);
/* Whether a metadata key tells that a writer of ours made the file, which then has checksums: where
 * the header's is missing, its name was damaged. */
bool adi_st_is_ours(const adi_safetensors *file);
/* adi_st_verify_reads() for a file of ours; AD_OK for everybody else's, which nothing can check. */
ad_status adi_st_verify_ours(adi_safetensors *file);

/* A tensor's bytes, a block at a time. */
enum { ADI_ST_BLOCK = 32 << 10 };

typedef struct adi_st_reader {
    const adi_safetensors *file;
    const adi_st_tensor *tensor;
    const uint8_t *bytes; /* of this block */
    size_t at;            /* bytes before the next one */
    uint32_t crc;
    uint8_t block[ADI_ST_BLOCK];
} adi_st_reader;

void adi_st_read_begin(adi_st_reader *r, const adi_safetensors *file, const adi_st_tensor *tensor);
/* The next block's elements, at r->bytes; 0 after the last, where the checksum agrees if it is
 * to. */
ad_status adi_st_read_next(adi_st_reader *r, int64_t *out_elements);

typedef struct adi_st_writer adi_st_writer;

ad_status adi_st_writer_create(const adi_allocator *a, adi_st_writer **out_writer);
/* key and value are copied. */
ad_status adi_st_writer_meta(adi_st_writer *w, const char *key, const char *value);
/* name and shape are copied; data is borrowed until adi_st_writer_save() returns. */
ad_status adi_st_writer_tensor(adi_st_writer *w, const char *name, adi_dtype dtype, int32_t ndim,
                               const int64_t *shape, const void *data);
/* Atomic; see core/file.h. The same content gives the same bytes. */
ad_status adi_st_writer_save(adi_st_writer *w, const char *path);
/* The same bytes in memory, released with adi_free(). */
ad_status adi_st_writer_bytes(adi_st_writer *w, uint8_t **out_bytes, size_t *out_size);
void adi_st_writer_destroy(adi_st_writer *w);

#endif
