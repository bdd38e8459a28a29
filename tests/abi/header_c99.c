/* The public header compiles alone as C99, and every function it declares can be linked. */
#include "adfeat.h"

#include <stdio.h>

int main(void)
{
    unsigned char pixel[3] = {0, 0, 0};
    float heat[1] = {0.0f};
    ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixel, 1, 1, 3);
    ad_map map = AD_MAP_INIT(heat, 1, 1, sizeof(float));
    printf("%s %s %d\n", ad_version_string(), ad_build_info(), (int)(image.width + map.width));
    return ad_abi_version() != AD_VERSION_MAJOR * 1000 + AD_VERSION_MINOR;
}
