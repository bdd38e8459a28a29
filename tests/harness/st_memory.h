/* A weights file put together in memory, by code of its own rather than the library's writer:
 * tensors are added, changed, renamed and removed, then laid out as the bytes that adi_st_parse()
 * takes. */
#ifndef ADFEAT_TESTS_ST_MEMORY_H
#define ADFEAT_TESTS_ST_MEMORY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/safetensors.h"

typedef struct st_entry {
    char name[160];
    adi_dtype dtype;
    int32_t ndim;
    int64_t shape[ADI_ST_MAX_DIMS];
    int64_t count;
    void *data;
} st_entry;

typedef struct st_memory {
    st_entry *entries;
    int32_t count, capacity;
    const char *architecture; /* goes into the metadata; NULL: none */
    const char *metadata;     /* more of it, as JSON members; NULL: none */
    uint8_t *bytes;           /* of the last st_memory_open() */
    size_t size;
} st_memory;

static inline st_entry *st_memory_find(const st_memory *m, const char *name)
{
    for (int32_t i = 0; i < m->count; i++)
        if (strcmp(m->entries[i].name, name) == 0)
            return &m->entries[i];
    return NULL;
}

/* Zeroed data to be filled in. */
static inline void *st_memory_add(st_memory *m, const char *name, adi_dtype dtype, int32_t ndim,
                                  const int64_t *shape)
{
    if (m->count == m->capacity) {
        m->capacity = 2 * m->capacity + 64;
        m->entries = realloc(m->entries, (size_t)m->capacity * sizeof *m->entries);
        assert_non_null(m->entries);
    }
    st_entry *e = &m->entries[m->count++];
    *e = (st_entry){.dtype = dtype, .ndim = ndim, .count = 1};
    snprintf(e->name, sizeof e->name, "%s", name);
    for (int32_t i = 0; i < ndim; i++) {
        e->shape[i] = shape[i];
        e->count *= shape[i];
    }
    e->data = calloc((size_t)e->count + 1, adi_dtype_bytes(dtype));
    assert_non_null(e->data);
    return e->data;
}

static inline void st_memory_remove(st_memory *m, const char *name)
{
    st_entry *e = st_memory_find(m, name);
    assert_non_null(e);
    free(e->data);
    *e = m->entries[--m->count];
}

/* Every tensor whose name begins like this. */
static inline void st_memory_remove_all(st_memory *m, const char *beginning)
{
    for (int32_t i = m->count - 1; i >= 0; i--)
        if (strncmp(m->entries[i].name, beginning, strlen(beginning)) == 0)
            st_memory_remove(m, m->entries[i].name);
}

static inline void st_memory_prefix(st_memory *m, const char *prefix)
{
    for (int32_t i = 0; i < m->count; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%.120s", prefix, m->entries[i].name);
        memcpy(m->entries[i].name, name, sizeof name);
    }
}

static inline st_memory st_memory_copy(const st_memory *from)
{
    st_memory m = {.architecture = from->architecture};
    for (int32_t i = 0; i < from->count; i++) {
        const st_entry *e = &from->entries[i];
        memcpy(st_memory_add(&m, e->name, e->dtype, e->ndim, e->shape), e->data,
               (size_t)e->count * adi_dtype_bytes(e->dtype));
    }
    return m;
}

/* Close the file before the next open or free. */
static inline adi_safetensors *st_memory_open(st_memory *m, const adi_allocator *a)
{
    size_t data = 0, at = 8, room = 1024 + 400 * (size_t)m->count;
    for (int32_t i = 0; i < m->count; i++)
        data += (size_t)m->entries[i].count * adi_dtype_bytes(m->entries[i].dtype);
    free(m->bytes);
    m->bytes = malloc(room + data);
    assert_non_null(m->bytes);
    char *text = (char *)m->bytes;
    text[at++] = '{';
    if (m->architecture || m->metadata) {
        at += (size_t)sprintf(text + at, "\"__metadata__\":{%s", m->metadata ? m->metadata : "");
        if (m->architecture)
            at += (size_t)sprintf(text + at, "%s\"architecture\":\"%s\"", m->metadata ? "," : "",
                                  m->architecture);
        at += (size_t)sprintf(text + at, "}%s", m->count ? "," : "");
    }
    size_t offset = 0;
    for (int32_t i = 0; i < m->count; i++) {
        const st_entry *e = &m->entries[i];
        const size_t bytes = (size_t)e->count * adi_dtype_bytes(e->dtype);
        at += (size_t)sprintf(text + at, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "",
                              e->name, adi_dtype_name(e->dtype));
        for (int32_t d = 0; d < e->ndim; d++)
            at += (size_t)sprintf(text + at, "%s%lld", d ? "," : "", (long long)e->shape[d]);
        at += (size_t)sprintf(text + at, "],\"data_offsets\":[%zu,%zu]}", offset, offset + bytes);
        offset += bytes;
    }
    text[at++] = '}';
    assert_true(at <= room);
    const uint64_t header = at - 8;
    memcpy(m->bytes, &header, sizeof header);
    for (int32_t i = 0; i < m->count; i++) {
        const size_t bytes = (size_t)m->entries[i].count * adi_dtype_bytes(m->entries[i].dtype);
        memcpy(m->bytes + at, m->entries[i].data, bytes);
        at += bytes;
    }
    m->size = at;
    adi_safetensors *file = NULL;
    if (adi_st_parse(a, m->bytes, at, "memory", &file) == AD_ERR_OUT_OF_MEMORY)
        return NULL;
    if (!file)
        fail_msg("%s", ad_last_error_message());
    return file;
}

static inline void st_memory_free(st_memory *m)
{
    for (int32_t i = 0; i < m->count; i++)
        free(m->entries[i].data);
    free(m->entries);
    free(m->bytes);
    *m = (st_memory){0};
}

#endif
