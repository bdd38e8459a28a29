/* The context's reference count, the choice of a backend, and the log. */
#include "device/device.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/load.h"

static void use_host(const adi_backend *backend, const adi_backend **out_backend,
                     adi_device *out_device)
{
    *out_backend = backend;
    *out_device = (adi_device){.kernels = backend->kernels};
    snprintf(out_device->name, sizeof out_device->name, "%s", backend->name);
}

/* The N of "cuda:N"; 0 without one, -1 if it is no number. */
static int32_t index_of(const char *name)
{
    const char *colon = strchr(name, ':');
    char *end = NULL;
    if (!colon)
        return 0;
    const long n = colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : -1;
    return n < 0 || n > 9999 || *end ? -1 : (int32_t)n;
}

/* A kernel that ref has and a module lacks would be found where it is called, by a crash. */
static ad_status check_table(const char *name, const adi_kernels *kernels)
{
    void (*of_ref)(void), (*of_module)(void);
    for (size_t at = 0; at < sizeof *kernels; at += sizeof of_ref) {
        memcpy(&of_ref, (const char *)adi_backend_ref.kernels + at, sizeof of_ref);
        memcpy(&of_module, (const char *)kernels + at, sizeof of_module);
        if (of_ref && !of_module)
            return adi_fail(AD_ERR_BACKEND,
                            "%s: the module lacks kernel %zu of %zu: install a complete one", name,
                            at / sizeof of_ref, sizeof *kernels / sizeof of_ref);
    }
    return AD_OK;
}

static ad_status open_cuda(const char *name, int32_t precision, adi_device *out)
{
    const int32_t index = index_of(name);
    const adi_plugin *plugin = NULL;
    char text[256] = "it cannot be used";
    ADI_CHECK_ARG(index >= 0, "device '%s': it is cuda, or cuda:N with N from 0 on", name);
    ADI_TRY(adi_plugin_load("cuda", &plugin));
    ADI_TRY(check_table("cuda", plugin->kernels));
    *out = (adi_device){.plugin = plugin, .kernels = plugin->kernels, .memory = plugin->memory,
                        .process = getpid()};
    snprintf(out->name, sizeof out->name, "cuda:%d", index);
    if (plugin->open(index, precision, &out->handle, text, sizeof text) != AD_OK)
        return adi_fail(AD_ERR_BACKEND, "%s: %s", strchr(name, ':') ? out->name : "cuda", text);
    return AD_OK;
}

ad_status adi_device_open(const char *name, int32_t precision, const adi_backend **out_backend,
                          adi_device *out_device)
{
    if (!name || strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0)
        use_host(&adi_backend_cpu, out_backend, out_device);
    else if (strcmp(name, "ref") == 0)
        use_host(&adi_backend_ref, out_backend, out_device);
    else if (strcmp(name, "cuda") == 0 || strncmp(name, "cuda:", 5) == 0) {
        *out_backend = &adi_backend_cpu;
        return open_cuda(name, precision, out_device);
    } else
        return adi_fail(AD_ERR_BACKEND, "no device '%s': there are auto, cpu, ref, cuda and cuda:N",
                        name);
    return AD_OK;
}

void adi_device_close(adi_device *device)
{
    if (device->handle)
        device->plugin->close(device->handle);
    device->handle = NULL;
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
    adi_device_close(&context->device);
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
