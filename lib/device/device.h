/* The context: backend, threads, allocator and log of everything that is made from it. */
#ifndef ADI_DEVICE_DEVICE_H
#define ADI_DEVICE_DEVICE_H

#include <stdatomic.h>

#include "backend.h"
#include "core/budget.h"
#include "core/error.h"
#include "core/float_guard.h"
#include "core/limits.h"
#include "device/memory.h"

struct ad_context {
    atomic_int refs;
    adi_allocator allocator;
    adi_budget *budget; /* of the allocator; NULL without a limit */
    const adi_backend *backend; /* of the host: threads, images, statistics, maps */
    adi_device device;          /* where networks run and features are */
    int32_t num_threads;
    adi_file_limits limits;
    ad_log_callback log;
    void *log_user;
    atomic_uint facts_said; /* kinds of warnings that were logged once; api/read_facts.c */
};

/* Find a device by name: "auto", "cpu" or "ref", or one of a plugin, "cuda" or "cuda:N", which is
 * opened. *out_backend is the host's. The message of AD_ERR_BACKEND lists them. */
ad_status adi_device_open(const char *name, int32_t precision, const adi_backend **out_backend,
                          adi_device *out_device);
void adi_device_close(adi_device *device);

ad_context *adi_context_retain(ad_context *context);
void adi_context_release(ad_context *context);

/* Write a line to the log callback, if there is one. */
void adi_log(const ad_context *context, ad_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
