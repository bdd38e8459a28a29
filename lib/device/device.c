/* The context's reference count, the choice of a backend, and the log. */
#include "device/device.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

ad_status adi_backend_find(const char *device, const adi_backend **out_backend)
{
    if (!device || strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0)
        *out_backend = &adi_backend_cpu;
    else if (strcmp(device, "ref") == 0)
        *out_backend = &adi_backend_ref;
    else
        return adi_fail(AD_ERR_BACKEND, "no device '%s': this build has auto, cpu and ref", device);
    return AD_OK;
}

ad_context *adi_context_retain(ad_context *context)
{
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void adi_context_release(ad_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
        return;
    const adi_allocator a = context->allocator; /* the context's own memory is freed with it */
    adi_budget *budget = context->budget;
    context->backend->threads_end();
    adi_free(&a, context);
    adi_budget_drop(budget);
}

void adi_log(const ad_context *context, ad_log_level level, const char *format, ...)
{
    if (!context->log)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    context->log(context->log_user, level, text);
}
