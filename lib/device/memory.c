/* The backend's memory: the host's, or a device's behind its table of calls. */
#include "device/memory.h"

#include <string.h>
#include <unistd.h>

#include "core/error.h"

ad_status adi_mem_check_process(const adi_device *d)
{
    if (!d->memory || d->process == (int32_t)getpid())
        return AD_OK;
    return adi_fail(AD_ERR_STATE,
                    "%s: its context was made before fork(): make one in this process", d->name);
}

ad_status adi_mem_check(const adi_device *d, ad_status status, const char *what)
{
    if (status == AD_OK)
        return AD_OK;
    const char *why = d->memory->failure(d->handle);
    const char *of_memory = status == AD_ERR_OUT_OF_MEMORY ? "out of memory: " : "";
    return adi_fail(status, "%s: %s%s", d->name, of_memory, why ? why : what);
}

ad_status adi_mem_explain(const adi_device *d, ad_status status)
{
    const char *why = status == AD_ERR_BACKEND && d->memory ? d->memory->failure(d->handle) : NULL;
    if (why && !strstr(ad_last_error_message(), why))
        return adi_fail_prefix(status, "%s: %s: ", d->name, why);
    return status;
}

void *adi_mem_alloc(const adi_device *d, const adi_allocator *a, size_t bytes)
{
    void *p = NULL;
    if (!d->memory)
        return adi_alloc(a, bytes);
    if (d->memory->alloc(d->handle, bytes ? bytes : 1, &p) == AD_OK)
        return p;
    const char *why = d->memory->failure(d->handle);
    size_t left = 0, total = 0;
    d->memory->bytes(d->handle, &left, &total);
    if (why)
        adi_note_refusal(AD_ERR_BACKEND, "%s: %s", d->name, why);
    else
        adi_note_refusal(AD_ERR_OUT_OF_MEMORY,
                         "%s: out of memory: %zu bytes wanted, %zu of %zu are free", d->name, bytes,
                         left, total);
    return NULL;
}

void adi_mem_free(const adi_device *d, const adi_allocator *a, void *p)
{
    if (!p)
        return;
    if (d->memory)
        d->memory->free(d->handle, p);
    else
        adi_free(a, p);
}

void *adi_mem_staging_alloc(const adi_device *d, const adi_allocator *a, size_t bytes)
{
    void *p = NULL;
    if (!d->memory)
        return adi_alloc(a, bytes);
    return d->memory->staging_alloc(d->handle, bytes ? bytes : 1, &p) == AD_OK ? p : NULL;
}

void adi_mem_staging_free(const adi_device *d, const adi_allocator *a, void *p)
{
    if (p && d->memory)
        d->memory->staging_free(d->handle, p);
    else
        adi_free(a, p);
}

ad_status adi_mem_place(const adi_device *d, const adi_allocator *a, void **io_host, size_t bytes,
                        void **out)
{
    void *p = *io_host;
    if (d->memory) {
        p = adi_mem_alloc(d, a, bytes);
        if (!p)
            return adi_fail_memory();
        const ad_status status = adi_mem_upload(d, NULL, p, *io_host, bytes);
        if (status != AD_OK) {
            adi_mem_free(d, a, p);
            return status;
        }
        adi_free(a, *io_host);
    }
    *io_host = NULL;
    *out = p;
    return AD_OK;
}

ad_status adi_mem_upload(const adi_device *d, adi_queue *queue, void *to, const void *from,
                         size_t bytes)
{
    if (d->memory && bytes)
        return adi_mem_check(d, d->memory->upload(d->handle, queue, to, from, bytes),
                             "an upload failed");
    return adi_mem_copy(d, queue, to, from, bytes);
}

ad_status adi_mem_download(const adi_device *d, adi_queue *queue, void *to, const void *from,
                           size_t bytes)
{
    if (d->memory && bytes)
        return adi_mem_check(d, d->memory->download(d->handle, queue, to, from, bytes),
                             "a download failed");
    return adi_mem_copy(d, queue, to, from, bytes);
}

ad_status adi_mem_copy(const adi_device *d, adi_queue *queue, void *to, const void *from,
                       size_t bytes)
{
    if (bytes == 0 || to == from)
        return AD_OK;
    if (d->memory)
        return adi_mem_check(d, d->memory->copy(d->handle, queue, to, from, bytes),
                             "a copy failed");
    memcpy(to, from, bytes);
    return AD_OK;
}

ad_status adi_mem_clear(const adi_device *d, adi_queue *queue, void *p, size_t bytes)
{
    if (bytes == 0)
        return AD_OK;
    if (d->memory)
        return adi_mem_check(d, d->memory->clear(d->handle, queue, p, bytes),
                             "clearing memory failed");
    memset(p, 0, bytes);
    return AD_OK;
}

ad_status adi_mem_wait(const adi_device *d, adi_queue *queue)
{
    return d->memory ? adi_mem_check(d, d->memory->wait(d->handle, queue), "waiting failed")
                     : AD_OK;
}

ad_status adi_mem_queue_create(const adi_device *d, adi_queue **out_queue)
{
    *out_queue = NULL;
    if (!d->memory)
        return AD_OK;
    return adi_mem_check(d, d->memory->queue_create(d->handle, out_queue),
                         "a queue could not be made");
}

void adi_mem_queue_destroy(const adi_device *d, adi_queue *queue)
{
    if (queue)
        d->memory->queue_destroy(d->handle, queue);
}
