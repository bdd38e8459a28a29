/* Reading files on any thread: what is harmless is noted, for the thread of the caller to log. */
#ifndef ADI_API_IMAGE_H
#define ADI_API_IMAGE_H

#include "device/device.h"
#include "vision/image_kinds.h"

/* As ad_image_read() and ad_image_read_depth(), whose arguments have been checked; `options` is
 * whole. */
ad_status adi_image_read(const ad_context *context, const char *path,
                         const ad_read_options *options, adi_notes *notes, ad_image *out_image);
ad_status adi_image_read_depth(const ad_context *context, const char *path, double scale,
                               adi_notes *notes, ad_image *io_image);
/* A line of what was noted of a file, where anything was. kind: "image", "depth", "mask". */
void adi_notes_log(const ad_context *context, const char *kind, const char *path,
                   const adi_notes *notes);

#endif
