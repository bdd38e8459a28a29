/* Names of the statuses. The message is in core/error.c. */
#include "adfeat.h"

const char *ad_status_name(ad_status status)
{
    switch (status) {
    case AD_OK:
        return "AD_OK";
    case AD_ERR_INVALID_ARGUMENT:
        return "AD_ERR_INVALID_ARGUMENT";
    case AD_ERR_OUT_OF_MEMORY:
        return "AD_ERR_OUT_OF_MEMORY";
    case AD_ERR_IO:
        return "AD_ERR_IO";
    case AD_ERR_FORMAT:
        return "AD_ERR_FORMAT";
    case AD_ERR_MISMATCH:
        return "AD_ERR_MISMATCH";
    case AD_ERR_SHAPE:
        return "AD_ERR_SHAPE";
    case AD_ERR_UNSUPPORTED:
        return "AD_ERR_UNSUPPORTED";
    case AD_ERR_NUMERIC:
        return "AD_ERR_NUMERIC";
    case AD_ERR_STATE:
        return "AD_ERR_STATE";
    case AD_ERR_CANCELLED:
        return "AD_ERR_CANCELLED";
    case AD_ERR_BACKEND:
        return "AD_ERR_BACKEND";
    }
    return "unknown status";
}
