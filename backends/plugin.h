/* A backend in a library of its own, which is opened when a context asks for its device: what it
 * exports, and the calls of its memory. Users know it as a module; here a module is a network that
 * is trained. */
#ifndef ADI_PLUGIN_H
#define ADI_PLUGIN_H

#include "backend.h"

/* ---- Memory of a device ---- */

/* A sequence of calls on a queue that was recorded, to be run again as one. */
typedef struct adi_recording adi_recording;

/* A device's memory. A call that returns a status writes no message: failure() has the sentence.
 * Once a device is lost, every call of it fails with AD_ERR_BACKEND. Any number of threads may
 * call; a queue is used by one thread at a time. A queue of NULL is the device's own: the call is
 * done when it returns, and any thread may use it. */
typedef struct adi_memory {
    /* 256-byte aligned, not zeroed. AD_ERR_OUT_OF_MEMORY. */
    ad_status (*alloc)(void *device, size_t bytes, void **out);
    void (*free)(void *device, void *p); /* waits for what uses it; never NULL */
    /* Memory of the host that copies are fast from and to. */
    ad_status (*staging_alloc)(void *device, size_t bytes, void **out);
    void (*staging_free)(void *device, void *p);
    ad_status (*queue_create)(void *device, adi_queue **out);
    void (*queue_destroy)(void *device, adi_queue *queue);
    /* Copies. `from` of upload may change once the call returns, unless it is staging memory: then
     * once the queue was waited for. download waits for all before it. copy: within the device. */
    ad_status (*upload)(void *device, adi_queue *queue, void *to, const void *from, size_t bytes);
    ad_status (*download)(void *device, adi_queue *queue, void *to, const void *from, size_t bytes);
    ad_status (*copy)(void *device, adi_queue *queue, void *to, const void *from, size_t bytes);
    ad_status (*clear)(void *device, adi_queue *queue, void *p, size_t bytes); /* zeros */
    ad_status (*wait)(void *device, adi_queue *queue);
    /* All calls from record() to recorded() are kept and not run. replay() runs them. While a queue
     * skips, all calls on it succeed and do nothing. All five are NULL if the device cannot. */
    ad_status (*record)(void *device, adi_queue *queue);
    ad_status (*recorded)(void *device, adi_queue *queue, adi_recording **out);
    ad_status (*replay)(void *device, adi_queue *queue, adi_recording *recording);
    void (*skip)(void *device, adi_queue *queue, int32_t on);
    void (*recording_free)(void *device, adi_recording *recording);
    /* Why the device no longer works, as a sentence; NULL while it does. */
    const char *(*failure)(void *device);
    void (*bytes)(void *device, size_t *out_free, size_t *out_total);
} adi_memory;

/* ---- The plugin ---- */

/* Facts of a device; strings live as long as the plugin. */
typedef struct adi_plugin_device {
    char name[128];
    size_t free_bytes, total_bytes;
    int32_t major, minor; /* its compute capability, or 0 */
} adi_plugin_device;

/* What a plugin exports, under the name ADI_PLUGIN_SYMBOL. `text` [size] gets a sentence without
 * the name if a call fails. */
typedef struct adi_plugin {
    uint32_t abi; /* ADI_PLUGIN_ABI of its build; nothing else is looked at if it differs */
    uint32_t reserved;
    const char *name;   /* of the device: "cuda" */
    const char *about;  /* one line for the log: toolkit, targets */
    const adi_kernels *kernels;
    const adi_memory *memory;
    ad_status (*count)(int32_t *out_count, char *text, size_t size);
    ad_status (*info)(int32_t index, adi_plugin_device *out, char *text, size_t size);
    /* precision: 0 exact, 1 fast. */
    ad_status (*open)(int32_t index, int32_t precision, void **out_device, char *text, size_t size);
    void (*close)(void *device);
} adi_plugin;

#define ADI_PLUGIN_SYMBOL "adi_backend_plugin"

#endif
