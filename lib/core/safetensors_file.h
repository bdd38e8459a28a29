/* The struct of a safetensors file, for the files that parse it and read its data. */
#ifndef ADI_CORE_SAFETENSORS_FILE_H
#define ADI_CORE_SAFETENSORS_FILE_H

#include <stdbool.h>

#include "core/safetensors.h"

#define CRC_KEY "adfeat.crc32"

enum { LENGTH_BYTES = 8 }; /* the file begins with the header's length */

typedef struct meta_entry {
    const char *key;
    const char *value;
} meta_entry;

struct adi_safetensors {
    const adi_allocator *allocator;
    char *what;
    uint8_t *owned; /* the file's bytes, or its first ones, where they were read here; NULL where
                       borrowed */
    int fd;         /* the file that tensors are read from; -1: they are in memory */
    const uint8_t *header;
    size_t header_size;
    const uint8_t *data; /* NULL if tensors are read from the disk */
    size_t data_size;
    bool checks_reads; /* compare every tensor that is read with its checksum */
    adi_st_tensor *tensors; /* sorted by name */
    int32_t count;
    meta_entry *meta; /* sorted by key */
    size_t meta_count;
    char *strings; /* all names, keys and values; never longer than the header */
    size_t strings_used;
};

/* Every message begins with the source's name. */
#define FAIL_IN(file, status, ...)                                                                 \
    (adi_fail(status, __VA_ARGS__), adi_fail_prefix(status, "%s: ", (file)->what))
#define FAIL_FORMAT(file, ...) FAIL_IN(file, AD_ERR_FORMAT, __VA_ARGS__)

#endif
