/* A module of another build: nothing of it but the number may be looked at. */
#include "plugin.h"

__attribute__((visibility("default"))) const adi_plugin adi_backend_plugin = {.abi = ADI_PLUGIN_ABI ^ 1};
