/* posenc2d: sinusoidal positional encoding (Vaswani et al. 2017, arXiv:1706.03762) in two
 * dimensions, with f_k = 10000^(-2k / (c / 2)), k = 0 .. c / 4 - 1:
 *   y[2k] = sin(column f_k),      y[2k + 1] = cos(column f_k)
 *   y[c/2 + 2k] = sin(row f_k),   y[c/2 + 2k + 1] = cos(row f_k) */
#include "ref.h"

ad_status adi_posenc2d_fwd_ref(const adi_exec *ex, float *y, const adi_pad2d_dims *d)
{
    (void)ex;
    const int64_t half = d->c / 2;
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t i = 0; i < d->h; i++)
            for (int64_t j = 0; j < d->w; j++, y += d->c)
                for (int64_t k = 0; k < half / 2; k++) {
                    const double f = exp(-log(1e4) * (double)(2 * k) / (double)half);
                    y[2 * k] = (float)sin((double)j * f);
                    y[2 * k + 1] = (float)cos((double)j * f);
                    y[half + 2 * k] = (float)sin((double)i * f);
                    y[half + 2 * k + 1] = (float)cos((double)i * f);
                }
    return AD_OK;
}
