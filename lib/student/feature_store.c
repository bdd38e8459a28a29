/* The images of a fit as a training reads them. */
#include "student/feature_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/file.h"
#include "core/finite.h"

#define FILE_NAME "the cache file"

/* A file that is unlinked while it is open needs no cleaning up, however the process ends. */
static ad_status make_file(const adi_allocator *a, const char *dir, int *out_fd)
{
    static const char name[] = "/adfeat-cache-XXXXXX"; /* mkostemp() puts letters there */
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
        return adi_fail(AD_ERR_IO, "cache_dir '%s': no file can be made there: %s", dir,
                        strerror(error));
    *out_fd = fd;
    return AD_OK;
}

/* A record, or the input, which has as many floats as there are bytes of pixels. */
static size_t staging_floats(const adi_feature_store *s)
{
    if (!s->device->memory)
        return 0;
    return s->floats > s->pixel_bytes ? s->floats : s->pixel_bytes;
}

ad_status adi_feature_store_init(adi_feature_store *s, const ad_context *context, size_t floats,
                                 size_t pixel_bytes, const char *dir)
{
    const adi_allocator *a = &context->allocator;
    *s = (adi_feature_store){.allocator = a, .device = &context->device, .floats = floats,
                             .pixel_bytes = pixel_bytes, .fd = -1, .digest = ADI_DIGEST_START};
    const size_t staging = staging_floats(s);
    s->staging = staging ? adi_alloc(a, staging * sizeof *s->staging) : NULL;
    if (staging && !s->staging)
        return adi_fail_memory();
    return dir ? make_file(a, dir, &s->fd) : AD_OK;
}

void adi_feature_store_free(adi_feature_store *s)
{
    if (!s->allocator)
        return;
    for (int32_t i = 0; i < s->count && s->images; i++)
        adi_free(s->allocator, s->images[i]);
    for (int32_t i = 0; i < s->cached; i++)
        adi_free(s->allocator, s->records[i]);
    adi_free(s->allocator, s->images);
    adi_free(s->allocator, s->records);
    adi_free(s->allocator, s->staging);
    if (s->fd >= 0)
        close(s->fd);
    *s = (adi_feature_store){.fd = -1};
}

size_t adi_feature_store_bytes(const adi_feature_store *s)
{
    const size_t in_order = 2 * sizeof(int32_t); /* of the loop's lists */
    return staging_floats(s) * sizeof *s->staging +
           (size_t)s->count * (s->pixel_bytes + in_order) +
           (size_t)s->cached * s->floats * sizeof(float) + s->image_capacity * sizeof *s->images +
           s->record_capacity * sizeof *s->records;
}

/* ---- Adding ---- */

static size_t record_bytes(const adi_feature_store *s)
{
    return s->floats * sizeof(float);
}

static ad_status check_memory(const adi_feature_store *s)
{
    const size_t bytes = s->others + adi_feature_store_bytes(s) + s->pixel_bytes;
    if (bytes > s->memory_limit)
        return adi_fail(AD_ERR_OUT_OF_MEMORY,
                        "image %d brings the fit to %zu bytes, memory_limit is %zu: raise it",
                        s->count + 1, bytes, s->memory_limit);
    return AD_OK;
}

static int has_room(const adi_feature_store *s)
{
    const size_t held = s->others + adi_feature_store_bytes(s) + s->pixel_bytes + record_bytes(s);
    return s->cached == s->count &&
           (uint64_t)(s->cached + 1) * record_bytes(s) <= s->cache_limit &&
           held <= s->memory_limit;
}

static ad_status keep(adi_feature_store *s, const float *const *parts, const size_t *floats,
                      int32_t count)
{
    float **records = adi_grow(s->allocator, s->records, &s->record_capacity,
                               (size_t)s->cached + 1, sizeof *records);
    if (!records)
        return adi_fail_memory();
    s->records = records;
    float *record = adi_alloc(s->allocator, record_bytes(s));
    if (!record)
        return adi_fail_memory();
    s->records[s->cached++] = record;
    for (int32_t i = 0; i < count; i++) {
        memcpy(record, parts[i], floats[i] * sizeof *record);
        record += floats[i];
    }
    return AD_OK;
}

static ad_status no_room(const adi_feature_store *s)
{
    return adi_fail(AD_ERR_OUT_OF_MEMORY,
                    "image %d: the features of %d images take %zu bytes; feature_cache is %" PRIu64
                    ", memory_limit %zu of which training takes %zu, and cache_file %" PRIu64
                    ": raise them",
                    s->count + 1, s->count + 1, (size_t)(s->count + 1) * record_bytes(s),
                    s->cache_limit, s->memory_limit, s->others, s->file_limit);
}

static ad_status write_part(const adi_feature_store *s, const float *part, size_t size,
                            uint64_t offset)
{
    const char *bytes = (const char *)part;
    for (size_t done = 0; done < size;) {
        const ssize_t n = pwrite(s->fd, bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return adi_fail(AD_ERR_IO,
                            FILE_NAME " in cache_dir could not take image %d, after %" PRIu64
                                      " bytes: %s",
                            s->count + 1, offset + done, n < 0 ? strerror(errno) : "no room");
        done += (size_t)n;
    }
    return AD_OK;
}

static ad_status write_record(const adi_feature_store *s, const float *const *parts,
                              const size_t *floats, int32_t count)
{
    uint64_t offset = (uint64_t)(s->count - s->cached) * record_bytes(s);
    for (int32_t i = 0; i < count; i++) {
        ADI_TRY(write_part(s, parts[i], floats[i] * sizeof(float), offset));
        offset += floats[i] * sizeof(float);
    }
    return AD_OK;
}

static ad_status keep_pixels(adi_feature_store *s, const uint8_t *rgb, uint8_t **out)
{
    ADI_TRY(check_memory(s));
    uint8_t **images = adi_grow(s->allocator, s->images, &s->image_capacity, (size_t)s->count + 1,
                                sizeof *images);
    if (!images)
        return adi_fail_memory();
    s->images = images;
    *out = adi_alloc(s->allocator, s->pixel_bytes);
    if (!*out)
        return adi_fail_memory();
    memcpy(*out, rgb, s->pixel_bytes);
    return AD_OK;
}

/* Where there is no room in memory: features of pixels can be computed again. */
static ad_status keep_record(adi_feature_store *s, const float *const *parts, const size_t *floats,
                             int32_t count)
{
    const uint64_t in_file = (uint64_t)(s->count - s->cached + 1) * record_bytes(s);
    if (has_room(s))
        return keep(s, parts, floats, count);
    if (s->pixel_bytes)
        return AD_OK;
    if (s->fd < 0 || in_file > s->file_limit)
        return no_room(s);
    return write_record(s, parts, floats, count);
}

ad_status adi_feature_store_add(adi_feature_store *s, const uint8_t *rgb,
                                const float *const *parts, const size_t *floats, int32_t count)
{
    uint8_t *pixels = NULL;
    ADI_CHECK_ARG(s->count < INT32_MAX / 2, "%d images are too many", s->count);
    if (s->pixel_bytes)
        ADI_TRY(keep_pixels(s, rgb, &pixels));
    const ad_status status = keep_record(s, parts, floats, count);
    if (status != AD_OK) {
        adi_free(s->allocator, pixels);
        return status;
    }
    if (pixels)
        adi_digest_bytes(&s->digest, pixels, s->pixel_bytes);
    for (int32_t i = 0; !pixels && i < count; i++)
        adi_digest_bytes(&s->digest, parts[i], floats[i] * sizeof(float));
    if (pixels)
        s->images[s->count] = pixels;
    s->count++;
    return AD_OK;
}

ad_status adi_feature_store_take(adi_feature_store *s, const adi_extractor *x,
                                 adi_workspace *w)
{
    const float *layers[ADI_MAX_LAYERS];
    size_t floats[ADI_MAX_LAYERS];
    for (int32_t i = 0; i < x->tap_count; i++) {
        const adi_shape *shape = adi_extractor_shape(x, i);
        ADI_TRY(adi_extractor_fetch(x, w, i, &layers[i]));
        floats[i] = (size_t)(shape->h * shape->w * shape->c);
        if (!adi_all_finite(layers[i], (int64_t)floats[i]))
            return adi_extractor_not_finite(x, i);
    }
    return adi_feature_store_add(s, w->rgb, layers, floats, x->tap_count);
}

/* ---- Reading ---- */

ad_status adi_feature_store_input(const adi_feature_store *s, const adi_preprocess *preprocess,
                                  int32_t index, adi_queue *queue, adi_f32 *out)
{
    float *to = s->staging ? s->staging : adi_mem_on_host(out);
    adi_preprocess_from_bytes(preprocess, to, s->images[index], (int64_t)s->pixel_bytes / 3);
    return adi_mem_upload(s->device, queue, out, to, s->pixel_bytes * sizeof *out);
}

/* Features that have no record are computed from the pixels. */
static ad_status compute(const adi_feature_store *s, const adi_extractor *x, adi_workspace *w,
                         int32_t index, adi_queue *queue)
{
    ADI_TRY(adi_feature_store_input(s, &x->preprocess, index, queue,
                                    w->block + x->plan->input_offset[0]));
    return adi_plan_run(x->plan, queue, w->block, w->scratch);
}

static size_t layer_bytes(const adi_extractor *x, int32_t layer)
{
    const adi_shape *shape = adi_extractor_shape(x, layer);
    return (size_t)(shape->h * shape->w * shape->c) * sizeof(float);
}

ad_status adi_feature_store_copy(const adi_feature_store *s, const adi_extractor *x,
                                 adi_workspace *w, int32_t index, adi_queue *queue,
                                 adi_f32 *const *out_layers)
{
    const float *record = index < s->cached ? s->records[index] : NULL;
    if (!record)
        ADI_TRY(compute(s, x, w, index, queue));
    for (int32_t i = 0; i < x->tap_count; i++) {
        const size_t bytes = layer_bytes(x, i);
        ADI_TRY(record ? adi_mem_upload(s->device, queue, out_layers[i], record, bytes)
                       : adi_mem_copy(s->device, queue, out_layers[i],
                                      adi_extractor_data(x, w, i), bytes));
        if (record)
            record += bytes / sizeof *record;
    }
    return AD_OK;
}

ad_status adi_feature_store_features(const adi_feature_store *s, const adi_extractor *x,
                                     adi_workspace *w, int32_t index, const adi_f32 **out_layers)
{
    if (index >= s->cached) {
        ADI_TRY(compute(s, x, w, index, w->queue));
        for (int32_t i = 0; i < x->tap_count; i++)
            out_layers[i] = adi_extractor_data(x, w, i);
        return AD_OK;
    }
    const float *record = s->records[index];
    for (int32_t i = 0; i < x->tap_count; i++) {
        out_layers[i] = adi_mem_host_f32(record);
        record += layer_bytes(x, i) / sizeof *record;
    }
    return AD_OK;
}

/* The file's record straight to the host's memory. */
static ad_status read_file(const adi_feature_store *s, int32_t index, float *first,
                           size_t first_bytes, float *second)
{
    const uint64_t offset = (uint64_t)(index - s->cached) * record_bytes(s);
    ADI_TRY(adi_file_read_at(s->fd, FILE_NAME, offset, (uint8_t *)first, first_bytes));
    return adi_file_read_at(s->fd, FILE_NAME, offset + first_bytes, (uint8_t *)second,
                            record_bytes(s) - first_bytes);
}

ad_status adi_feature_store_read(const adi_feature_store *s, int32_t index, adi_queue *queue,
                                 adi_f32 *first, size_t first_floats, adi_f32 *second)
{
    const float *record = index < s->cached ? s->records[index] : s->staging;
    const size_t first_bytes = first_floats * sizeof *first;
    const size_t second_bytes = record_bytes(s) - first_bytes;
    if (index >= s->cached && !s->staging)
        return read_file(s, index, adi_mem_on_host(first), first_bytes, adi_mem_on_host(second));
    if (index >= s->cached)
        ADI_TRY(read_file(s, index, s->staging, first_bytes, s->staging + first_floats));
    ADI_TRY(adi_mem_upload(s->device, queue, first, record, first_bytes));
    return adi_mem_upload(s->device, queue, second, record + first_floats, second_bytes);
}
