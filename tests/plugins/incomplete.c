/* A module of this build without a kernel. */
#include "plugin.h"

static const adi_kernels none;

__attribute__((visibility("default"))) const adi_plugin adi_backend_plugin = {
    .abi = ADI_PLUGIN_ABI, .name = "cuda", .about = "nothing", .kernels = &none};
