/* scikit-learn's split, which STFPM's authors use: ShuffleSplit takes the test set from the start
 * of a NumPy permutation and the training set from the rest. */
#include "train/split.h"

#include <math.h>

#include "core/mt19937.h"

int32_t adi_held_out_count(int32_t count, double share)
{
    return (int32_t)ceil(share * count);
}

ad_status adi_train_test_split(int32_t count, double share, uint32_t seed, int32_t *out_order,
                               int32_t *out_held_out)
{
    ADI_CHECK_ARG(share >= 0.0 && share < 1.0,
                  "a share of %g held out: at least 0 and less than 1 is possible", share);
    if (count < 1)
        return adi_fail(AD_ERR_STATE, "there is no image to learn from");
    const int32_t held_out = adi_held_out_count(count, share);
    if (held_out >= count)
        return adi_fail(
            AD_ERR_STATE,
            "%d of %d images are held out (a share of %g), which leaves none to learn from",
            held_out, count, share);
    adi_mt19937 mt;
    adi_mt19937_seed_numpy(&mt, seed);
    adi_mt19937_permutation(&mt, count, out_order);
    *out_held_out = held_out;
    return AD_OK;
}
