/* ad_build_info(): the compiler and the libraries that this library was built with. */
#include <stdio.h> /* jpeglib.h needs it */

#include <jpeglib.h>
#include <png.h>
#if ADFEAT_WITH_TIFF
#include <tiffio.h>
#endif

#include "adfeat.h"
#include "vision/images_read.h"
#if ADFEAT_WITH_WEBP
#include <webp/decode.h>
#endif

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

#if ADFEAT_WITH_OPENMP /* of the cpu backend; this file is compiled without it */
#define OPENMP "OpenMP"
#else
#define OPENMP "no OpenMP"
#endif

#if ADFEAT_WITH_TIFF
#define LIBTIFF ", libtiff " TEXT(TIFFLIB_VERSION)
#else
#define LIBTIFF ", no libtiff"
#endif

#if ADFEAT_WITH_WEBP
#define LIBWEBP ", libwebp ABI " TEXT(WEBP_DECODER_ABI_VERSION)
#else
#define LIBWEBP ", no libwebp"
#endif

const char *ad_build_info(void)
{
    return "compiler " __VERSION__ ", " OPENMP ", OpenBLAS, libjpeg API " TEXT(
        JPEG_LIB_VERSION) ", libpng " PNG_LIBPNG_VER_STRING LIBTIFF LIBWEBP
                          "; images: " ADI_IMAGES_READ;
}
