/* The version of the library and of its ABI. */
#include "adfeat.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *ad_version_string(void)
{
    return TEXT(AD_VERSION_MAJOR) "." TEXT(AD_VERSION_MINOR) "." TEXT(AD_VERSION_PATCH);
}

uint32_t ad_abi_version(void)
{
    return AD_VERSION_MAJOR * 1000 + AD_VERSION_MINOR;
}
