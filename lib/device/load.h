/* Backends in libraries of their own, which are opened when a context asks for their device. */
#ifndef ADI_DEVICE_LOAD_H
#define ADI_DEVICE_LOAD_H

#include "device/memory.h"

/* The plugin of a device, "cuda": libadfeat-cuda.so in $ADFEAT_BACKEND_DIR, or in the folder
 * "adfeat" beside this library. It stays loaded. AD_ERR_BACKEND names the path, and what is wrong
 * with it. */
ad_status adi_plugin_load(const char *name, const adi_plugin **out_plugin);

#endif
