/* Which images a student learns from and which are held out. */
#ifndef ADI_TRAIN_SPLIT_H
#define ADI_TRAIN_SPLIT_H

#include <stdint.h>

#include "core/error.h"

/* How many of `count` images are held out: ceil(share * count). */
int32_t adi_held_out_count(int32_t count, double share);
/* out_order[count]: first the *out_held_out images that are held out, ceil(share * count) of them,
 * then those to learn from: scikit-learn's train_test_split(images, test_size=share,
 * random_state=seed), in its order. share 0: none is held out. AD_ERR_INVALID_ARGUMENT where share
 * is not in [0, 1), AD_ERR_STATE where there is no image or none is left to learn from. */
ad_status adi_train_test_split(int32_t count, double share, uint32_t seed, int32_t *out_order,
                               int32_t *out_held_out);

#endif
