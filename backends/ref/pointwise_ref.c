/* batchnorm, activation, add and mul: one value in, one value out. In place is allowed. */
#include "ref.h"

ad_status adi_batchnorm_fwd_ref(const adi_exec *ex, float *y, const float *x, const float *scale,
                                const float *shift, adi_act act, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, x += d.c, y += d.c)
        for (int64_t c = 0; c < d.c; c++)
            y[c] = adi_apply_act((float)((double)x[c] * scale[c] + shift[c]), act);
    return AD_OK;
}

ad_status adi_activation_fwd_ref(const adi_exec *ex, float *y, const float *x, adi_act act, adi_pc d)
{
    (void)ex;
    for (int64_t i = 0; i < d.p * d.c; i++)
        y[i] = adi_apply_act(x[i], act);
    return AD_OK;
}

ad_status adi_add_fwd_ref(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                          adi_pc d)
{
    (void)ex;
    for (int64_t i = 0; i < d.p * d.c; i++)
        y[i] = adi_apply_act(a[i] + b[i], act);
    return AD_OK;
}

ad_status adi_mul_fwd_ref(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, a += d.c, y += d.c)
        for (int64_t c = 0; c < d.c; c++)
            y[c] = a[c] * gate[c];
    return AD_OK;
}
