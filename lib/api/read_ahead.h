/* Images of a dataset in their order, read side by side: decoding one keeps one thread busy, and
 * may take longer than scoring it takes all of them. */
#ifndef ADI_API_READ_AHEAD_H
#define ADI_API_READ_AHEAD_H

#include "api/dataset.h"
#include "vision/image_kinds.h"

enum { ADI_READ_AHEAD = 8 }; /* images at most */

typedef struct adi_read_ahead {
    ad_dataset *dataset; /* a reference */
    const char *call;
    ad_read_options options;
    uint32_t said;             /* facts: once each */
    int64_t first, held,
        next; /* images first .. first + held were read, those before `next` were given out */
    ad_image images[ADI_READ_AHEAD];
    ad_status statuses[ADI_READ_AHEAD];
    adi_notes notes[ADI_READ_AHEAD];
    char sentences[ADI_READ_AHEAD][ADI_MESSAGE_BYTES]; /* of those that could not be read */
} adi_read_ahead;

/* Nothing is read yet. options: whole, in place of the dataset's own. call: whose images they are,
 * for sentences. */
void adi_read_ahead_begin(adi_read_ahead *r, const ad_dataset *dataset,
                          const ad_read_options *options, const char *call);
/* The next image, the caller's to release, or why it could not be read. To be called
 * ad_dataset_count() times at most. Reads as many as the context has threads when the last of these
 * has been given out; of a callback's images one, on the calling thread. */
ad_status adi_read_ahead_next(adi_read_ahead *r, ad_image *out_image);
/* After each image that was given out: releases it. Until then a callback's dataset is held. */
void adi_read_ahead_release(adi_read_ahead *r, ad_image *image);
/* Releases what was not given out. */
void adi_read_ahead_end(adi_read_ahead *r);

#endif
