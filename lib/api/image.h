/* Reading image files on any thread; the caller's thread logs their notes. */
#ifndef ADI_API_IMAGE_H
#define ADI_API_IMAGE_H

#include "device/device.h"
#include "vision/image_kinds.h"

/* ad_image_read() and ad_image_read_depth() with checked arguments and options. */
ad_status adi_image_read(const ad_context *context, const char *path,
                         const ad_read_options *options, adi_notes *notes, ad_image *out_image);
ad_status adi_image_read_depth(const ad_context *context, const char *path, double scale,
                               adi_notes *notes, ad_image *io_image);
/* Log the notes on a file, if there are any. kind: "image", "depth", "mask". */
void adi_notes_log(const ad_context *context, const char *kind, const char *path,
                   const adi_notes *notes);

#endif
