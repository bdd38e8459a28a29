/* batchnorm, activation, leaky ReLU, clamp, divide, gain, add and mul: one value in, one value out.
 * copy_channels: some channels of every position, from rows of one length to rows of another. */
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

ad_status adi_activation_fwd_ref(const adi_exec *ex, float *y, const float *x, adi_act act,
                                 adi_pc d)
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

/* From y = act(x). Where y is on a flat part nothing comes through; NaN lets dy through, as in
 * PyTorch. */
ad_status adi_activation_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                 adi_act act, adi_pc d)
{
    (void)ex;
    if (act != ADI_ACT_RELU && act != ADI_ACT_RELU6 && act != ADI_ACT_SIGMOID)
        return AD_ERR_UNSUPPORTED; /* SiLU does not follow from its result */
    for (int64_t i = 0; i < d.p * d.c; i++) {
        const int flat = y[i] <= 0.0f || (act == ADI_ACT_RELU6 && y[i] >= 6.0f);
        if (act == ADI_ACT_SIGMOID)
            dx[i] = (float)(dy[i] * ((double)y[i] * (1.0 - y[i])));
        else
            dx[i] = flat ? 0.0f : dy[i];
    }
    return AD_OK;
}

ad_status adi_leaky_relu_fwd_ref(const adi_exec *ex, float *y, const float *x, double slope,
                                 int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < 0.0f ? (float)(slope * x[i]) : x[i];
    return AD_OK;
}

/* At 0 the gradient is the slope's, as in PyTorch. */
ad_status adi_leaky_relu_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                 double slope, int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] <= 0.0f ? (float)(slope * dy[i]) : dy[i];
    return AD_OK;
}

/* NaN stays NaN. */
ad_status adi_clamp_fwd_ref(const adi_exec *ex, float *y, const float *x, double limit, int64_t n)
{
    (void)ex;
    const float most = (float)limit;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > most ? most : x[i] < -most ? -most : x[i];
    return AD_OK;
}

ad_status adi_clamp_bwd_ref(const adi_exec *ex, float *dx, const float *dy, const float *y,
                            double limit, int64_t n)
{
    (void)ex;
    const float most = (float)limit;
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] >= most || y[i] <= -most ? 0.0f : dy[i];
    return AD_OK;
}

ad_status adi_divide_fwd_ref(const adi_exec *ex, float *y, const float *x, double divisor,
                             int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(x[i] / divisor);
    return AD_OK;
}

ad_status adi_gain_fwd_ref(const adi_exec *ex, adi_f32 *y, const adi_f32 *x, const adi_f32 *factor,
                           int64_t n)
{
    (void)ex;
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)((double)factor[0] * x[i]);
    return AD_OK;
}

ad_status adi_copy_channels_ref(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                                int64_t x_stride, adi_pc d)
{
    (void)ex;
    for (int64_t p = 0; p < d.p; p++, x += x_stride, y += y_stride)
        for (int64_t c = 0; c < d.c; c++)
            y[c] = x[c];
    return AD_OK;
}
