/* The calls of device_backend.c: convolutions, values, maps. */
#include "device_call.h"
#include "device_kernels.h"

/* ---- Convolutions ---- */

typedef struct sizes {
    int64_t x, w, y, k;
} sizes;

static sizes sizes_of(const adi_conv2d_dims *d, int depthwise)
{
    return (sizes){d->n * d->h * d->w * d->c,
                   (int64_t)d->kh * d->kw * d->c * (depthwise ? 1 : d->k),
                   d->n * d->oh * d->ow * d->k, d->k};
}

static adi_epilogue epilogue(call *c, const adi_epilogue *e, int64_t outputs, int64_t channels,
                             int64_t row_sums)
{
    adi_epilogue there = {in(c, e->bias, channels), in(c, e->residual, outputs), e->act, NULL};
    if (e->row_sums)
        there.row_sums = out(c, e->row_sums, row_sums);
    return there;
}

ad_status on_device_conv2d_fwd(const adi_exec *ex, float *y, const float *x, const float *w,
                            const adi_epilogue *e, const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 0);
    call c = begin(kernels()->conv2d_scratch(d, 1));
    const adi_epilogue there = epilogue(&c, e, n.y, n.k, 0);
    return end(&c, kernels()->conv2d_fwd(&c.ex, out(&c, y, n.y), in(&c, x, n.x), in(&c, w, n.w),
                                         &there, d));
}

ad_status on_device_dwconv2d_fwd(const adi_exec *ex, float *y, const float *x, const float *w,
                              const adi_epilogue *e, const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 1);
    call c = begin(0);
    const adi_epilogue there = epilogue(&c, e, n.y, n.k, d->n * d->oh * d->k);
    return end(&c, kernels()->dwconv2d_fwd(&c.ex, out(&c, y, n.y), in(&c, x, n.x), in(&c, w, n.w),
                                           &there, d));
}

ad_status on_device_conv2d_bwd_data(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                 const adi_epilogue *e, const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 0);
    call c = begin(kernels()->conv2d_bwd_data_scratch(d, 1));
    const adi_epilogue there = epilogue(&c, e, n.x, d->c, 0);
    return end(&c, kernels()->conv2d_bwd_data(&c.ex, out(&c, dx, n.x), in(&c, dy, n.y),
                                              in(&c, w, n.w), &there, d));
}

ad_status on_device_conv2d_bwd_weight(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                   const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 0);
    call c = begin(kernels()->conv2d_bwd_weight_scratch(d, 1));
    return end(&c, kernels()->conv2d_bwd_weight(&c.ex, out(&c, dw, n.w), in(&c, x, n.x),
                                                in(&c, dy, n.y), d));
}

ad_status on_device_bias_bwd(const adi_exec *ex, float *db, const float *dy, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->bias_bwd(&c.ex, out(&c, db, d.c), in(&c, dy, d.p * d.c), d));
}

/* The device has scratch of its own. */
size_t on_device_no_conv2d_scratch(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

adi_conv2d_algorithm on_device_conv2d_choose(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted)
{
    return kernels()->conv2d_choose(d, wanted);
}

size_t on_device_conv2d_packed_bytes(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    return kernels()->conv2d_packed_bytes(d, algorithm);
}

void on_device_conv2d_pack(void *packed, const float *w, const adi_conv2d_dims *d,
                        adi_conv2d_algorithm algorithm)
{
    kernels()->conv2d_pack(packed, w, d, algorithm);
}

size_t on_device_no_packed_scratch(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm,
                                int32_t num_threads)
{
    (void)algorithm;
    return on_device_no_conv2d_scratch(d, num_threads);
}

ad_status on_device_conv2d_packed_fwd(const adi_exec *ex, float *y, const float *x, const void *packed,
                                   const adi_epilogue *e, const adi_conv2d_dims *d,
                                   adi_conv2d_algorithm algorithm)
{
    (void)ex;
    const sizes n = sizes_of(d, 0);
    const size_t bytes = kernels()->conv2d_packed_bytes(d, algorithm);
    call c = begin(kernels()->conv2d_packed_scratch(d, algorithm, 1));
    const adi_epilogue there = epilogue(&c, e, n.y, n.k, 0);
    return end(&c, kernels()->conv2d_packed_fwd(&c.ex, out(&c, y, n.y), in(&c, x, n.x),
                                                place(&c, packed, bytes ? bytes : of(n.w), 1, 0),
                                                &there, d, algorithm));
}

/* ---- One value in, one value out ---- */

ad_status on_device_batchnorm_fwd(const adi_exec *ex, float *y, const float *x, const float *scale,
                               const float *shift, adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, d.p * d.c);
    return end(&c, kernels()->batchnorm_fwd(&c.ex, out(&c, y, d.p * d.c), there, in(&c, scale, d.c),
                                            in(&c, shift, d.c), act, d));
}

ad_status on_device_activation_fwd(const adi_exec *ex, float *y, const float *x, adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, d.p * d.c);
    return end(&c, kernels()->activation_fwd(&c.ex, out(&c, y, d.p * d.c), there, act, d));
}

ad_status on_device_activation_bwd(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, dy, d.p * d.c);
    return end(&c, kernels()->activation_bwd(&c.ex, out(&c, dx, d.p * d.c), there,
                                             in(&c, y, d.p * d.c), act, d));
}

ad_status on_device_add_fwd(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                         adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, d.p * d.c), *other = in(&c, b, d.p * d.c);
    return end(&c, kernels()->add_fwd(&c.ex, out(&c, y, d.p * d.c), there, other, act, d));
}

ad_status on_device_mul_fwd(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, d.p * d.c);
    return end(&c, kernels()->mul_fwd(&c.ex, out(&c, y, d.p * d.c), there, in(&c, gate, d.c), d));
}

#define SCALAR_FWD(kernel)                                                                         \
    ad_status on_device_##kernel(const adi_exec *ex, float *y, const float *x, double scalar,           \
                            int64_t n)                                                             \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(0);                                                                         \
        const float *there = in(&c, x, n);                                                         \
        return end(&c, kernels()->kernel(&c.ex, out(&c, y, n), there, scalar, n));                 \
    }
SCALAR_FWD(leaky_relu_fwd)
SCALAR_FWD(clamp_fwd)
SCALAR_FWD(divide_fwd)

ad_status on_device_gain_fwd(const adi_exec *ex, float *y, const float *x, const float *factor,
                          int64_t n)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, n), *by = in(&c, factor, 1);
    return end(&c, kernels()->gain_fwd(&c.ex, out(&c, y, n), there, by, n));
}

ad_status on_device_zero(const adi_exec *ex, float *y, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->zero(&c.ex, out(&c, y, n), n));
}

ad_status on_device_widen(const adi_exec *ex, double *y, const float *x, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->widen(&c.ex, out_double(&c, y, n), in(&c, x, n), n));
}

ad_status on_device_narrow(const adi_exec *ex, float *y, const double *x, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->narrow(&c.ex, out(&c, y, n), in_double(&c, x, n), n));
}

#define SCALAR_BWD(kernel)                                                                         \
    ad_status on_device_##kernel(const adi_exec *ex, float *dx, const float *dy, const float *y,        \
                            double scalar, int64_t n)                                              \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(0);                                                                         \
        const float *there = in(&c, dy, n), *result = in(&c, y, n);                                \
        return end(&c, kernels()->kernel(&c.ex, out(&c, dx, n), there, result, scalar, n));        \
    }
SCALAR_BWD(leaky_relu_bwd)
SCALAR_BWD(clamp_bwd)

ad_status on_device_mask2d(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate,
                        adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, d.p * d.c);
    return end(&c, kernels()->mask2d(&c.ex, out(&c, y, d.p * d.c), there, key, rate, d));
}

ad_status on_device_scaled_difference(const adi_exec *ex, float *y, const float *a, const float *b,
                                   float alpha, int32_t accumulate, int64_t n)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, n), *other = in(&c, b, n);
    float *result = accumulate ? both(&c, y, n) : out(&c, y, n);
    return end(&c, kernels()->scaled_difference(&c.ex, result, there, other, alpha, accumulate, n));
}

ad_status on_device_weighted_difference(const adi_exec *ex, float *y, const float *a, const float *b,
                                     const float *weight, double alpha, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, d.p * d.c), *other = in(&c, b, d.p * d.c);
    return end(&c, kernels()->weighted_difference(&c.ex, out(&c, y, d.p * d.c), there, other,
                                                  in(&c, weight, d.p), alpha, d));
}

/* ---- Moving and resizing values ---- */

ad_status on_device_copy_channels(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
                               int64_t x_stride, adi_pc d)
{
    (void)ex;
    if (!d.p)
        return AD_OK;
    call c = begin(0);
    float *there = both(&c, y, (d.p - 1) * y_stride + d.c);
    return end(&c, kernels()->copy_channels(&c.ex, there, y_stride,
                                            in(&c, x, (d.p - 1) * x_stride + d.c), x_stride, d));
}

ad_status on_device_gather_channels(const adi_exec *ex, float *y, const float *x, const float *pick,
                                 const adi_gather_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->gather_channels(&c.ex, both(&c, y, d->oh * d->ow * d->y_stride),
                                              in(&c, x, d->h * d->w * d->c),
                                              in(&c, pick, 2 * d->count), d));
}

ad_status on_device_permute_fwd(const adi_exec *ex, float *y, const float *x, const float *index,
                             int32_t inverse, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->permute_fwd(&c.ex, out(&c, y, d.p * d.c), in(&c, x, d.p * d.c),
                                          in(&c, index, d.c), inverse, d));
}

static int64_t inner(const adi_pad2d_dims *d)
{
    return d->n * d->h * d->w * d->c;
}

static int64_t padded(const adi_pad2d_dims *d)
{
    return d->n * (d->h + 2 * d->pad) * (d->w + 2 * d->pad) * d->c;
}

ad_status on_device_pad2d_fwd(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->pad2d_fwd(&c.ex, out(&c, y, padded(d)), in(&c, x, inner(d)), d));
}

ad_status on_device_pad2d_bwd(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->pad2d_bwd(&c.ex, out(&c, dx, inner(d)), in(&c, dy, padded(d)), d));
}

ad_status on_device_posenc2d_fwd(const adi_exec *ex, float *y, const adi_pad2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->posenc2d_fwd(&c.ex, out(&c, y, inner(d)), d));
}

ad_status on_device_maxpool2d_fwd(const adi_exec *ex, float *y, const float *x,
                               const adi_pool2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->maxpool2d_fwd(&c.ex, out(&c, y, d->n * d->oh * d->ow * d->c),
                                            in(&c, x, d->n * d->h * d->w * d->c), d));
}

ad_status on_device_maxpool2d_bwd(const adi_exec *ex, float *dx, const float *dy, const float *x,
                               const adi_pool2d_dims *d)
{
    (void)ex;
    const int64_t inputs = d->n * d->h * d->w * d->c;
    call c = begin(0);
    return end(&c, kernels()->maxpool2d_bwd(&c.ex, out(&c, dx, inputs),
                                            in(&c, dy, d->n * d->oh * d->ow * d->c),
                                            in(&c, x, inputs), d));
}

static int64_t resized(const adi_resize_dims *d)
{
    return (d->oh - 1) * d->y_stride + d->ow * d->c;
}

ad_status on_device_resize_fwd(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->resize_fwd(&c.ex, both(&c, y, resized(d)),
                                         in(&c, x, d->h * d->w * d->c), d));
}

ad_status on_device_resize_bwd(const adi_exec *ex, float *dx, const float *dy,
                            const adi_resize_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->resize_bwd(&c.ex, out(&c, dx, d->h * d->w * d->c),
                                         in(&c, dy, resized(d)), d));
}

size_t on_device_no_blur_scratch(const adi_blur_dims *d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

ad_status on_device_blur(const adi_exec *ex, float *map, const double *weights, const adi_blur_dims *d)
{
    (void)ex;
    call c = begin(kernels()->blur_scratch(d, 1));
    return end(&c, kernels()->blur(&c.ex, both(&c, map, d->h * d->w),
                                   in_double(&c, weights, d->radius + 1), d));
}
