/* The module, and how arrays of the host come to its device and back. */
#include "device_call.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const adi_plugin *module;
static void *device;

static void open_module(void)
{
    const char *path = getenv("ADFEAT_CUDA_MODULE");
    char text[256] = "";
    void *library = dlopen(path ? path : ADFEAT_EMULATED_MODULE, RTLD_NOW | RTLD_LOCAL);
    const adi_plugin *found = library ? dlsym(library, ADI_PLUGIN_SYMBOL) : NULL;
    if (!found)
        fprintf(stderr, "%s\n", dlerror());
    else if (found->open(0, 0, &device, text, sizeof text) != AD_OK)
        fprintf(stderr, "%s\n", text);
    if (!device)
        exit(1);
    module = found;
}

const adi_kernels *kernels(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_module);
    return module->kernels;
}

static void need(ad_status status)
{
    if (status != AD_OK) {
        const char *why = module->memory->failure(device);
        fprintf(stderr, "the device's memory: %s, %s\n", ad_status_name(status), why ? why : "");
        abort();
    }
}

call begin(size_t scratch)
{
    call c = {.count = 0};
    (void)kernels();
    need(module->memory->queue_create(device, &c.ex.queue));
    if (scratch)
        need(module->memory->alloc(device, scratch, &c.ex.scratch));
    c.ex.num_threads = 1;
    return c;
}

void *place(call *c, const void *host, size_t bytes, int reads, int result)
{
    if (!host)
        return NULL;
    array *a = NULL;
    for (int i = 0; i < c->count; i++)
        if (c->arrays[i].host == host && c->arrays[i].bytes == bytes)
            a = &c->arrays[i];
    if (a) {
        a->result |= result;
        return a->there;
    }
    if (c->count == ARRAYS)
        abort();
    a = &c->arrays[c->count++];
    *a = (array){host, NULL, bytes, result};
    need(module->memory->alloc(device, bytes, &a->there));
    if (reads)
        need(module->memory->upload(device, c->ex.queue, a->there, host, bytes));
    return a->there;
}

ad_status end(call *c, ad_status status)
{
    const adi_memory *m = module->memory;
    for (int i = 0; i < c->count; i++)
        if (c->arrays[i].result && status == AD_OK)
            status = m->download(device, c->ex.queue, (void *)c->arrays[i].host, c->arrays[i].there,
                                 c->arrays[i].bytes);
    if (status == AD_ERR_BACKEND)
        need(status);
    for (int i = 0; i < c->count; i++)
        m->free(device, c->arrays[i].there);
    if (c->ex.scratch)
        m->free(device, c->ex.scratch);
    m->queue_destroy(device, c->ex.queue);
    return status;
}
