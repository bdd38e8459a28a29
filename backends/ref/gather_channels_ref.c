/* gather_channels: y[i, j, to] = x[floor(i h / oh), floor(j w / ow), from], for pairs of from and
 * to: feature maps of several layers become one vector per position (Defard et al. 2020). */
#include "ref.h"

ad_status adi_gather_channels_ref(const adi_exec *ex, float *y, const float *x, const float *pick,
                                  const adi_gather_dims *d)
{
    (void)ex;
    for (int64_t i = 0; i < d->oh; i++)
        for (int64_t j = 0; j < d->ow; j++, y += d->y_stride)
            for (int64_t k = 0; k < d->count; k++) {
                const int64_t from = (int64_t)pick[2 * k], to = (int64_t)pick[2 * k + 1];
                y[to] = x[(i * d->h / d->oh * d->w + j * d->w / d->ow) * d->c + from];
            }
    return AD_OK;
}
