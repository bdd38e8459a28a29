/* The features of a fit: computed once, since they never change, and read in every epoch. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/file.h"
#include "methods/ast.h"

#define NAME "the cache file"

/* A file that is unlinked while it is open needs no cleaning up, however the process ends. */
static ad_status make_file(const adi_allocator *a, const char *dir, int *out_fd)
{
    static const char name[] = "/adfeat-cache-XXXXXX"; /* as mkostemp() wants it: it puts letters there */
    const size_t length = strlen(dir);
    char *path = adi_alloc(a, length + sizeof name);
    if (!path)
        return adi_fail_memory();
    memcpy(path, dir, length);
    memcpy(path + length, name, sizeof name);
    const int fd = mkostemp(path, O_CLOEXEC);
    const int error = errno;
    if (fd >= 0)
        unlink(path);
    adi_free(a, path);
    if (fd < 0)
        return adi_fail(AD_ERR_IO, "cache_dir '%s': no file can be made there: %s", dir, strerror(error));
    *out_fd = fd;
    return AD_OK;
}

ad_status adi_ast_data_init(adi_ast_data *d, const adi_allocator *a, size_t floats, const char *dir)
{
    *d = (adi_ast_data){.allocator = a, .floats = floats, .fd = -1, .digest = ADI_DIGEST_START};
    return dir ? make_file(a, dir, &d->fd) : AD_OK;
}

void adi_ast_data_free(adi_ast_data *d)
{
    for (int32_t i = 0; i < d->cached; i++)
        adi_free(d->allocator, d->records[i]);
    if (d->allocator) {
        adi_free(d->allocator, d->records);
        if (d->fd >= 0)
            close(d->fd);
    }
    *d = (adi_ast_data){.fd = -1};
}

size_t adi_ast_data_bytes(const adi_ast_data *d)
{
    const size_t in_order = 2 * sizeof(int32_t); /* of the loop's lists */
    return (size_t)d->cached * d->floats * sizeof(float) + (size_t)d->count * in_order
           + d->capacity * sizeof *d->records;
}

static ad_status keep(adi_ast_data *d, const float *record)
{
    float **records = adi_grow(d->allocator, d->records, &d->capacity, (size_t)d->cached + 1, sizeof *records);
    if (!records)
        return adi_fail_memory();
    d->records = records;
    float *mine = adi_alloc(d->allocator, d->floats * sizeof *mine);
    if (!mine)
        return adi_fail_memory();
    memcpy(mine, record, d->floats * sizeof *mine);
    d->records[d->cached++] = mine;
    return AD_OK;
}

static ad_status write_record(const adi_ast_data *d, const float *record)
{
    const char *bytes = (const char *)record;
    const size_t size = d->floats * sizeof *record;
    const uint64_t offset = (uint64_t)(d->count - d->cached) * size;
    for (size_t done = 0; done < size;) {
        const ssize_t n = pwrite(d->fd, bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return adi_fail(AD_ERR_IO, NAME " in cache_dir could not take image %d, after %llu bytes: %s", d->count + 1,
                            (unsigned long long)(offset + done), n < 0 ? strerror(errno) : "no room");
        done += (size_t)n;
    }
    return AD_OK;
}

ad_status adi_ast_data_add(adi_ast_data *d, const float *record)
{
    const size_t size = d->floats * sizeof *record;
    const uint64_t in_file = (uint64_t)(d->count - d->cached + 1) * size;
    const size_t held = d->others + adi_ast_data_bytes(d) + size;
    if (d->count == d->cached && (uint64_t)(d->cached + 1) * size <= d->cache_limit && held <= d->memory_limit)
        ADI_TRY(keep(d, record));
    else if (d->fd < 0 || in_file > d->file_limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY,
                        "image %d: the features of %d images take %zu bytes; feature_cache is %llu, memory_limit %zu of "
                        "which training takes %zu, and cache_file %llu: raise them",
                        d->count + 1, d->count + 1, (size_t)(d->count + 1) * size, (unsigned long long)d->cache_limit,
                        d->memory_limit, d->others, (unsigned long long)d->file_limit);
    else
        ADI_TRY(write_record(d, record));
    adi_digest_bytes(&d->digest, record, size);
    d->count++;
    return AD_OK;
}

ad_status adi_ast_data_get(const adi_ast_data *d, int32_t index, float *x, size_t x_floats, float *weights)
{
    const size_t rest = d->floats - x_floats;
    if (index < d->cached) {
        memcpy(x, d->records[index], x_floats * sizeof *x);
        memcpy(weights, d->records[index] + x_floats, rest * sizeof *weights);
        return AD_OK;
    }
    const uint64_t offset = (uint64_t)(index - d->cached) * d->floats * sizeof *x;
    ADI_TRY(adi_file_read_at(d->fd, NAME, offset, (uint8_t *)x, x_floats * sizeof *x));
    return adi_file_read_at(d->fd, NAME, offset + x_floats * sizeof *x, (uint8_t *)weights, rest * sizeof *weights);
}
