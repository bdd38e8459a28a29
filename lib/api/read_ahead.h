/* Reading the images of a dataset in order, several in parallel: decoding uses one thread for an
 * image, and may take longer than scoring it with all threads. */
#ifndef ADI_API_READ_AHEAD_H
#define ADI_API_READ_AHEAD_H

#include "api/dataset.h"
#include "vision/image_kinds.h"

enum { ADI_READ_AHEAD = 8 }; /* the most images at a time */

typedef struct adi_read_ahead {
    ad_dataset *dataset; /* a reference */
    const char *call;
    ad_read_options options;
    uint32_t said;             /* kinds of facts that were logged */
    int64_t first, held; /* images first .. first + held - 1 were read */
    int64_t next;        /* images before this one were returned */
    ad_image images[ADI_READ_AHEAD];
    ad_status statuses[ADI_READ_AHEAD];
    adi_notes notes[ADI_READ_AHEAD];
    char sentences[ADI_READ_AHEAD][ADI_MESSAGE_BYTES]; /* of images that could not be read */
} adi_read_ahead;

/* Begin; nothing is read yet. options are complete and replace the dataset's. call: the name of the
 * public function, for messages. */
void adi_read_ahead_begin(adi_read_ahead *r, const ad_dataset *dataset,
                          const ad_read_options *options, const char *call);
/* Return the next image, which the caller releases, or the status of reading it. Call it at most
 * ad_dataset_count() times. It reads as many images as the context has threads whenever all read
 * ones were returned; from a callback it reads one, on the calling thread. */
ad_status adi_read_ahead_next(adi_read_ahead *r, ad_image *out_image);
/* Release an image that was returned. Until then a callback's dataset is locked. */
void adi_read_ahead_release(adi_read_ahead *r, ad_image *image);
/* Release images that were not returned. */
void adi_read_ahead_end(adi_read_ahead *r);

#endif
