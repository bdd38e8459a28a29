/* The split of images into training and validation. */
#ifndef ADI_TRAIN_SPLIT_H
#define ADI_TRAIN_SPLIT_H

#include <stdint.h>

#include "core/error.h"

/* The number of validation images: ceil(share * count). */
int32_t adi_held_out_count(int32_t count, double share);
/* Split as scikit-learn's train_test_split(images, test_size=share, random_state=seed) does, in the
 * same order: out_order[count] holds *out_held_out validation images, then the training images.
 * AD_ERR_INVALID_ARGUMENT if share is not in [0, 1), AD_ERR_STATE if no image is left to train
 * on. */
ad_status adi_train_test_split(int32_t count, double share, uint32_t seed, int32_t *out_order,
                               int32_t *out_held_out);

#endif
