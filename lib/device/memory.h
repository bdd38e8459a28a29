/* A backend in use, and its memory. On `ref` and `cpu` that is host memory of the context's
 * allocator, and copies are memcpy(). A device has memory that the host cannot look into. */
#ifndef ADI_DEVICE_MEMORY_H
#define ADI_DEVICE_MEMORY_H

#include "core/alloc.h"
#include "plugin.h"

typedef struct adi_device {
    const adi_kernels *kernels;
    const adi_memory *memory; /* NULL: the host's */
    const adi_plugin *plugin; /* that it belongs to; NULL on the host */
    void *handle;             /* of the device that was opened; NULL on the host */
    char name[16];            /* for messages: "cuda:0" */
    int32_t num_threads;
    int32_t process;          /* that opened it: a device is lost in a child of fork() */
} adi_device;

/* Backend memory, 64-byte aligned, not zeroed. NULL on failure, without a message: the caller
 * returns adi_fail_memory(), which then names what the device has left. */
void *adi_mem_alloc(const adi_device *d, const adi_allocator *a, size_t bytes);
void adi_mem_free(const adi_device *d, const adi_allocator *a, void *p); /* NULL does nothing */

/* Move host memory of the allocator to the backend's: *out is it, and *io_host is NULL. On failure
 * nothing has changed. */
ad_status adi_mem_place(const adi_device *d, const adi_allocator *a, void **io_host, size_t bytes,
                        void **out);

/* Host memory that copies from and to a device are fast with, and that adi_tape takes. */
void *adi_mem_staging_alloc(const adi_device *d, const adi_allocator *a, size_t bytes);
void adi_mem_staging_free(const adi_device *d, const adi_allocator *a, void *p);

/* Copies in the order of a queue, as in adi_memory. `to` and `from` of a copy may be the same on
 * the host. Zero bytes are none. AD_ERR_BACKEND, with the device's sentence. */
ad_status adi_mem_upload(const adi_device *d, adi_queue *queue, void *to, const void *from,
                         size_t bytes);
ad_status adi_mem_download(const adi_device *d, adi_queue *queue, void *to, const void *from,
                           size_t bytes);
ad_status adi_mem_copy(const adi_device *d, adi_queue *queue, void *to, const void *from,
                       size_t bytes);
ad_status adi_mem_clear(const adi_device *d, adi_queue *queue, void *p, size_t bytes);
ad_status adi_mem_wait(const adi_device *d, adi_queue *queue);

/* A status of the device's table, with its sentence, or where it has none with `what`. */
ad_status adi_mem_check(const adi_device *d, ad_status status, const char *what);
/* The end of a call that ran kernels: a failure of the backend gets the device's sentence, since a
 * kernel writes none. Returns `status`. */
ad_status adi_mem_explain(const adi_device *d, ad_status status);

/* AD_ERR_STATE in a child of fork(), where a driver does not work. */
ad_status adi_mem_check_process(const adi_device *d);
/* NULL on the host, which needs none. */
ad_status adi_mem_queue_create(const adi_device *d, adi_queue **out_queue);
void adi_mem_queue_destroy(const adi_device *d, adi_queue *queue);

/* A result of the backend that the host reads: on the host `p` itself, else NULL, and the caller
 * downloads to memory of its own. */
static inline const void *adi_mem_host(const adi_device *d, const void *p)
{
    return d->memory ? NULL : p;
}

/* Host memory as the host's own kernels take it: those of ad_context.backend. */
static inline adi_f32 *adi_mem_host_f32(const float *p)
{
    return (adi_f32 *)(uintptr_t)p;
}

static inline adi_f64 *adi_mem_host_f64(const double *p)
{
    return (adi_f64 *)(uintptr_t)p;
}

/* And back, where the backend is known to be the host. */
static inline float *adi_mem_on_host(const adi_f32 *p)
{
    return (float *)(uintptr_t)p;
}

static inline adi_exec adi_device_exec(const adi_device *d, void *scratch, adi_queue *queue)
{
    return (adi_exec){d->num_threads, scratch, queue};
}

#endif
