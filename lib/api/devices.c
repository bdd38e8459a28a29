/* The GPUs of this machine. */
#include <stdio.h>
#include <string.h>

#include "core/options.h"
#include "device/load.h"

enum { REASON_BYTES = 256 };

ad_status ad_device_count(int32_t *out_count)
{
    const adi_plugin *plugin = NULL;
    char reason[REASON_BYTES] = "its devices cannot be counted";
    int32_t count = 0;
    ADI_CHECK_ARG(out_count, "ad_device_count: out_count is NULL");
    ADI_TRY(adi_plugin_load("cuda", &plugin));
    if (plugin->count(&count, reason, sizeof reason) != AD_OK)
        return adi_fail(AD_ERR_BACKEND, "cuda: %s", reason);
    *out_count = count;
    return AD_OK;
}

ad_status ad_device_get_info(int32_t index, ad_device_info *out_info)
{
    const adi_plugin *plugin = NULL;
    adi_plugin_device device;
    char reason[REASON_BYTES] = "it cannot be asked";
    ad_device_info info = {.struct_size = sizeof info};
    ADI_CHECK_ARG(out_info, "ad_device_get_info: out_info is NULL");
    ADI_CHECK_ARG(index >= 0, "ad_device_get_info: index is %d", index);
    ADI_TRY(adi_plugin_load("cuda", &plugin));
    if (plugin->info(index, &device, reason, sizeof reason) != AD_OK)
        return adi_fail(AD_ERR_BACKEND, "cuda:%d: %s", index, reason);
    snprintf(info.name, sizeof info.name, "%s", device.name);
    info.total_bytes = device.total_bytes;
    info.free_bytes = device.free_bytes;
    return adi_struct_give(out_info, &info, sizeof info, "ad_device_info");
}
