/* Opening a plugin: one path, never a search, and an exact match of the private ABI number. */
#include "device/load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

enum { PATH_BYTES = 4096 };

/* The folder of the library that this code is in, or of the program it is linked into. */
static ad_status own_folder(char *out, size_t size)
{
    static const char here = 0;
    Dl_info info;
    const char *slash =
        dladdr(&here, &info) && info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
    if (!slash || (size_t)(slash - info.dli_fname) >= size)
        return adi_fail(AD_ERR_BACKEND,
                        "the folder of this library is not known: name that of the backend's "
                        "module in ADFEAT_BACKEND_DIR");
    snprintf(out, size, "%.*s", (int)(slash - info.dli_fname), info.dli_fname);
    return AD_OK;
}

/* A program with the rights of another user does not look at the variable. */
static ad_status path_of(const char *name, char *out)
{
    char folder[PATH_BYTES];
    const char *given = secure_getenv("ADFEAT_BACKEND_DIR");
    int n;
    if (given && given[0] != '/')
        return adi_fail(AD_ERR_BACKEND, "%s: ADFEAT_BACKEND_DIR is '%s': it must be absolute", name,
                        given);
    if (given) {
        n = snprintf(out, PATH_BYTES, "%s/libadfeat-%s.so", given, name);
    } else {
        ADI_TRY(own_folder(folder, sizeof folder));
        n = snprintf(out, PATH_BYTES, "%s/adfeat/libadfeat-%s.so", folder, name);
    }
    if (n < 0 || n >= PATH_BYTES)
        return adi_fail(AD_ERR_BACKEND, "%s: the path of its module is too long", name);
    return AD_OK;
}

/* dlerror() begins with the path, mostly. */
static ad_status not_opened(const char *name, const char *path)
{
    const char *why = dlerror();
    const size_t n = strlen(path);
    if (!why)
        why = "it cannot be opened";
    else if (strncmp(why, path, n) == 0 && strncmp(why + n, ": ", 2) == 0)
        why += n + 2;
    return adi_fail(AD_ERR_BACKEND, "%s: the module '%s': %s", name, path, why);
}

ad_status adi_plugin_load(const char *name, const adi_plugin **out_plugin)
{
    char path[PATH_BYTES];
    ADI_TRY(path_of(name, path));
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return not_opened(name, path);
    const adi_plugin *plugin = dlsym(library, ADI_PLUGIN_SYMBOL);
    if (!plugin)
        return adi_fail(AD_ERR_BACKEND,
                        "%s: '%s' is no module of this library: it has no " ADI_PLUGIN_SYMBOL, name,
                        path);
    if (plugin->abi != ADI_PLUGIN_ABI)
        return adi_fail(AD_ERR_BACKEND,
                        "%s: the module '%s' has the ABI %08x, this library %08x: install those of "
                        "one build",
                        name, path, plugin->abi, (unsigned)ADI_PLUGIN_ABI);
    *out_plugin = plugin;
    return AD_OK;
}
