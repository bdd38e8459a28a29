/* A backend of the library whose kernels are those of a module: every call carries its host arrays
 * to the device and the results back. With it in the place of cpu, every test of tests/ops asks the
 * module what it asks cpu: the same shapes, and the same limits.
 *
 * ADFEAT_CUDA_MODULE names the module; the emulated one if it is not set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

extern adi_backend adi_backend_on_device;

/* ---- The module ---- */

static const adi_plugin *module;
static void *device;

static void open_module(void)
{
    const char *path = getenv("ADFEAT_CUDA_MODULE");
    char text[256] = "";
    void *library = dlopen(path ? path : ADFEAT_EMULATED_MODULE, RTLD_NOW | RTLD_LOCAL);
    const adi_plugin *found = library ? dlsym(library, ADI_PLUGIN_SYMBOL) : NULL;
    if (!found)
        fprintf(stderr, "%s\n", dlerror());
    else if (found->open(0, 0, &device, text, sizeof text) != AD_OK)
        fprintf(stderr, "%s\n", text);
    if (!device)
        exit(1);
    module = found;
}

static const adi_kernels *kernels(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_module);
    return module->kernels;
}

/* ---- A call ---- */

enum { ARRAYS = 12 };

typedef struct array {
    const void *host;
    void *there;
    size_t bytes;
    int result;
} array;

typedef struct call {
    array arrays[ARRAYS];
    int count;
    adi_exec ex;
} call;

static void need(ad_status status)
{
    if (status != AD_OK) {
        const char *why = module->memory->failure(device);
        fprintf(stderr, "the device's memory: %s, %s\n", ad_status_name(status), why ? why : "");
        abort();
    }
}

/* A call whose kernel takes so many bytes of scratch. */
static call begin(size_t scratch)
{
    call c = {.count = 0};
    (void)kernels();
    need(module->memory->queue_create(device, &c.ex.queue));
    if (scratch)
        need(module->memory->alloc(device, scratch, &c.ex.scratch));
    c.ex.num_threads = 1;
    return c;
}

/* An array that is already there is the same one: the call is in place. */
static void *place(call *c, const void *host, size_t bytes, int reads, int result)
{
    if (!host)
        return NULL;
    array *a = NULL;
    for (int i = 0; i < c->count; i++)
        if (c->arrays[i].host == host && c->arrays[i].bytes == bytes)
            a = &c->arrays[i];
    if (a) {
        a->result |= result;
        return a->there;
    }
    if (c->count == ARRAYS)
        abort();
    a = &c->arrays[c->count++];
    *a = (array){host, NULL, bytes, result};
    need(module->memory->alloc(device, bytes, &a->there));
    if (reads)
        need(module->memory->upload(device, c->ex.queue, a->there, host, bytes));
    return a->there;
}

static size_t of(int64_t count)
{
    return (size_t)count * sizeof(float);
}

static const float *in(call *c, const float *p, int64_t count)
{
    return place(c, p, of(count), 1, 0);
}

static const double *in_double(call *c, const double *p, int64_t count)
{
    return place(c, p, (size_t)count * sizeof(double), 1, 0);
}

/* What is written wholly; it is not sent to the device. */
static float *out(call *c, float *p, int64_t count)
{
    return place(c, p, of(count), 0, 1);
}

static double *out_double(call *c, double *p, int64_t count)
{
    return place(c, p, (size_t)count * sizeof(double), 0, 1);
}

/* What is read too, or keeps a part. */
static float *both(call *c, float *p, int64_t count)
{
    return place(c, p, of(count), 1, 1);
}

static ad_status end(call *c, ad_status status)
{
    const adi_memory *m = module->memory;
    for (int i = 0; i < c->count; i++)
        if (c->arrays[i].result && status == AD_OK)
            status = m->download(device, c->ex.queue, (void *)c->arrays[i].host, c->arrays[i].there,
                                 c->arrays[i].bytes);
    if (status == AD_ERR_BACKEND)
        need(status);
    for (int i = 0; i < c->count; i++)
        m->free(device, c->arrays[i].there);
    if (c->ex.scratch)
        m->free(device, c->ex.scratch);
    m->queue_destroy(device, c->ex.queue);
    return status;
}

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

static ad_status conv2d_fwd(const adi_exec *ex, float *y, const float *x, const float *w,
                            const adi_epilogue *e, const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 0);
    call c = begin(kernels()->conv2d_scratch(d, 1));
    const adi_epilogue there = epilogue(&c, e, n.y, n.k, 0);
    return end(&c, kernels()->conv2d_fwd(&c.ex, out(&c, y, n.y), in(&c, x, n.x), in(&c, w, n.w),
                                         &there, d));
}

static ad_status dwconv2d_fwd(const adi_exec *ex, float *y, const float *x, const float *w,
                              const adi_epilogue *e, const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 1);
    call c = begin(0);
    const adi_epilogue there = epilogue(&c, e, n.y, n.k, d->n * d->oh * d->k);
    return end(&c, kernels()->dwconv2d_fwd(&c.ex, out(&c, y, n.y), in(&c, x, n.x), in(&c, w, n.w),
                                           &there, d));
}

static ad_status conv2d_bwd_data(const adi_exec *ex, float *dx, const float *dy, const float *w,
                                 const adi_epilogue *e, const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 0);
    call c = begin(kernels()->conv2d_bwd_data_scratch(d, 1));
    const adi_epilogue there = epilogue(&c, e, n.x, d->c, 0);
    return end(&c, kernels()->conv2d_bwd_data(&c.ex, out(&c, dx, n.x), in(&c, dy, n.y),
                                              in(&c, w, n.w), &there, d));
}

static ad_status conv2d_bwd_weight(const adi_exec *ex, float *dw, const float *x, const float *dy,
                                   const adi_conv2d_dims *d)
{
    (void)ex;
    const sizes n = sizes_of(d, 0);
    call c = begin(kernels()->conv2d_bwd_weight_scratch(d, 1));
    return end(&c, kernels()->conv2d_bwd_weight(&c.ex, out(&c, dw, n.w), in(&c, x, n.x),
                                                in(&c, dy, n.y), d));
}

static ad_status bias_bwd(const adi_exec *ex, float *db, const float *dy, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->bias_bwd(&c.ex, out(&c, db, d.c), in(&c, dy, d.p * d.c), d));
}

/* The device has scratch of its own. */
static size_t no_conv2d_scratch(const adi_conv2d_dims *d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

static adi_conv2d_algorithm conv2d_choose(const adi_conv2d_dims *d, adi_conv2d_algorithm wanted)
{
    return kernels()->conv2d_choose(d, wanted);
}

static size_t conv2d_packed_bytes(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm)
{
    return kernels()->conv2d_packed_bytes(d, algorithm);
}

static void conv2d_pack(void *packed, const float *w, const adi_conv2d_dims *d,
                        adi_conv2d_algorithm algorithm)
{
    kernels()->conv2d_pack(packed, w, d, algorithm);
}

static size_t no_packed_scratch(const adi_conv2d_dims *d, adi_conv2d_algorithm algorithm,
                                int32_t num_threads)
{
    (void)algorithm;
    return no_conv2d_scratch(d, num_threads);
}

static ad_status conv2d_packed_fwd(const adi_exec *ex, float *y, const float *x, const void *packed,
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

static ad_status batchnorm_fwd(const adi_exec *ex, float *y, const float *x, const float *scale,
                               const float *shift, adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, d.p * d.c);
    return end(&c, kernels()->batchnorm_fwd(&c.ex, out(&c, y, d.p * d.c), there, in(&c, scale, d.c),
                                            in(&c, shift, d.c), act, d));
}

static ad_status activation_fwd(const adi_exec *ex, float *y, const float *x, adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, d.p * d.c);
    return end(&c, kernels()->activation_fwd(&c.ex, out(&c, y, d.p * d.c), there, act, d));
}

static ad_status activation_bwd(const adi_exec *ex, float *dx, const float *dy, const float *y,
                                adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, dy, d.p * d.c);
    return end(&c, kernels()->activation_bwd(&c.ex, out(&c, dx, d.p * d.c), there,
                                             in(&c, y, d.p * d.c), act, d));
}

static ad_status add_fwd(const adi_exec *ex, float *y, const float *a, const float *b, adi_act act,
                         adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, d.p * d.c), *other = in(&c, b, d.p * d.c);
    return end(&c, kernels()->add_fwd(&c.ex, out(&c, y, d.p * d.c), there, other, act, d));
}

static ad_status mul_fwd(const adi_exec *ex, float *y, const float *a, const float *gate, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, d.p * d.c);
    return end(&c, kernels()->mul_fwd(&c.ex, out(&c, y, d.p * d.c), there, in(&c, gate, d.c), d));
}

#define SCALAR_FWD(kernel)                                                                         \
    static ad_status kernel(const adi_exec *ex, float *y, const float *x, double scalar,           \
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

static ad_status gain_fwd(const adi_exec *ex, float *y, const float *x, const float *factor,
                          int64_t n)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, n), *by = in(&c, factor, 1);
    return end(&c, kernels()->gain_fwd(&c.ex, out(&c, y, n), there, by, n));
}

static ad_status zero(const adi_exec *ex, float *y, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->zero(&c.ex, out(&c, y, n), n));
}

static ad_status widen(const adi_exec *ex, double *y, const float *x, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->widen(&c.ex, out_double(&c, y, n), in(&c, x, n), n));
}

static ad_status narrow(const adi_exec *ex, float *y, const double *x, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->narrow(&c.ex, out(&c, y, n), in_double(&c, x, n), n));
}

#define SCALAR_BWD(kernel)                                                                         \
    static ad_status kernel(const adi_exec *ex, float *dx, const float *dy, const float *y,        \
                            double scalar, int64_t n)                                              \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(0);                                                                         \
        const float *there = in(&c, dy, n), *result = in(&c, y, n);                                \
        return end(&c, kernels()->kernel(&c.ex, out(&c, dx, n), there, result, scalar, n));        \
    }
SCALAR_BWD(leaky_relu_bwd)
SCALAR_BWD(clamp_bwd)

static ad_status mask2d(const adi_exec *ex, float *y, const float *x, uint64_t key, double rate,
                        adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, x, d.p * d.c);
    return end(&c, kernels()->mask2d(&c.ex, out(&c, y, d.p * d.c), there, key, rate, d));
}

static ad_status scaled_difference(const adi_exec *ex, float *y, const float *a, const float *b,
                                   float alpha, int32_t accumulate, int64_t n)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, n), *other = in(&c, b, n);
    float *result = accumulate ? both(&c, y, n) : out(&c, y, n);
    return end(&c, kernels()->scaled_difference(&c.ex, result, there, other, alpha, accumulate, n));
}

static ad_status weighted_difference(const adi_exec *ex, float *y, const float *a, const float *b,
                                     const float *weight, double alpha, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    const float *there = in(&c, a, d.p * d.c), *other = in(&c, b, d.p * d.c);
    return end(&c, kernels()->weighted_difference(&c.ex, out(&c, y, d.p * d.c), there, other,
                                                  in(&c, weight, d.p), alpha, d));
}

/* ---- Moving and resizing values ---- */

static ad_status copy_channels(const adi_exec *ex, float *y, int64_t y_stride, const float *x,
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

static ad_status gather_channels(const adi_exec *ex, float *y, const float *x, const float *pick,
                                 const adi_gather_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->gather_channels(&c.ex, both(&c, y, d->oh * d->ow * d->y_stride),
                                              in(&c, x, d->h * d->w * d->c),
                                              in(&c, pick, 2 * d->count), d));
}

static ad_status permute_fwd(const adi_exec *ex, float *y, const float *x, const float *index,
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

static ad_status pad2d_fwd(const adi_exec *ex, float *y, const float *x, const adi_pad2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->pad2d_fwd(&c.ex, out(&c, y, padded(d)), in(&c, x, inner(d)), d));
}

static ad_status pad2d_bwd(const adi_exec *ex, float *dx, const float *dy, const adi_pad2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->pad2d_bwd(&c.ex, out(&c, dx, inner(d)), in(&c, dy, padded(d)), d));
}

static ad_status posenc2d_fwd(const adi_exec *ex, float *y, const adi_pad2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->posenc2d_fwd(&c.ex, out(&c, y, inner(d)), d));
}

static ad_status maxpool2d_fwd(const adi_exec *ex, float *y, const float *x,
                               const adi_pool2d_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->maxpool2d_fwd(&c.ex, out(&c, y, d->n * d->oh * d->ow * d->c),
                                            in(&c, x, d->n * d->h * d->w * d->c), d));
}

static ad_status maxpool2d_bwd(const adi_exec *ex, float *dx, const float *dy, const float *x,
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

static ad_status resize_fwd(const adi_exec *ex, float *y, const float *x, const adi_resize_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->resize_fwd(&c.ex, both(&c, y, resized(d)),
                                         in(&c, x, d->h * d->w * d->c), d));
}

static ad_status resize_bwd(const adi_exec *ex, float *dx, const float *dy,
                            const adi_resize_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->resize_bwd(&c.ex, out(&c, dx, d->h * d->w * d->c),
                                         in(&c, dy, resized(d)), d));
}

static size_t no_blur_scratch(const adi_blur_dims *d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

static ad_status blur(const adi_exec *ex, float *map, const double *weights, const adi_blur_dims *d)
{
    (void)ex;
    call c = begin(kernels()->blur_scratch(d, 1));
    return end(&c, kernels()->blur(&c.ex, both(&c, map, d->h * d->w),
                                   in_double(&c, weights, d->radius + 1), d));
}

/* ---- Sums ---- */

static ad_status row_sums(const adi_exec *ex, float *sums, const float *x, int64_t rows,
                          int64_t columns, int64_t channels)
{
    (void)ex;
    call c = begin(0);
    return end(&c,
               kernels()->row_sums(&c.ex, out(&c, sums, rows * channels),
                                   in(&c, x, rows * columns * channels), rows, columns, channels));
}

static ad_status mean_fwd(const adi_exec *ex, double *mean, const float *x, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->mean_fwd(&c.ex, out_double(&c, mean, d.c), in(&c, x, d.p * d.c), d));
}

static ad_status globalavgpool2d_fwd(const adi_exec *ex, float *y, const float *sums,
                                     int64_t columns, const adi_npc *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->globalavgpool2d_fwd(&c.ex, out(&c, y, d->n * d->c),
                                                  in(&c, sums, d->n * d->p * d->c), columns, d));
}

#define SUM(kernel)                                                                                \
    static ad_status kernel(const adi_exec *ex, double *sum, const float *x, int64_t n)            \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(kernels()->sum_scratch(n, 1));                                              \
        return end(&c, kernels()->kernel(&c.ex, out_double(&c, sum, 1), in(&c, x, n), n));         \
    }
SUM(sum)
SUM(sum_squares)

#define SUM_PAIRS(kernel)                                                                          \
    static ad_status kernel(const adi_exec *ex, double *sum, const float *a, const float *b,       \
                            int64_t n)                                                             \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(kernels()->sum_scratch(n, 1));                                              \
        return end(                                                                                \
            &c, kernels()->kernel(&c.ex, out_double(&c, sum, 1), in(&c, a, n), in(&c, b, n), n));  \
    }
SUM_PAIRS(sum_squared_error)
SUM_PAIRS(sum_products)

static ad_status weighted_sum(const adi_exec *ex, double *sum, const float *weight, const float *x,
                              const float *minus, double scale, int64_t n)
{
    (void)ex;
    call c = begin(0);
    const float *w = in(&c, weight, n), *there = in(&c, x, n), *m = in(&c, minus, n);
    return end(&c, kernels()->weighted_sum(&c.ex, out_double(&c, sum, 1), w, there, m, scale, n));
}

static size_t no_sum_scratch(int64_t n, int32_t num_threads)
{
    (void)n;
    (void)num_threads;
    return 0;
}

/* ---- Normalisation and attention ---- */

static size_t no_pc_scratch(adi_pc d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

static ad_status batchnorm_stats(const adi_exec *ex, double *mean, double *var, const float *x,
                                 adi_pc d)
{
    (void)ex;
    call c = begin(kernels()->batchnorm_train_scratch(d, 1));
    return end(&c, kernels()->batchnorm_stats(&c.ex, out_double(&c, mean, d.c),
                                              out_double(&c, var, d.c), in(&c, x, d.p * d.c), d));
}

static ad_status batchnorm_affine(const adi_exec *ex, float *scale, float *shift,
                                  const adi_batchnorm_batch *b, int64_t channels)
{
    (void)ex;
    call c = begin(0);
    const adi_batchnorm_batch there = {in(&c, b->weight, channels), in(&c, b->bias, channels),
                                       in_double(&c, b->mean, channels),
                                       in_double(&c, b->var, channels), b->eps};
    return end(&c, kernels()->batchnorm_affine(&c.ex, out(&c, scale, channels),
                                               out(&c, shift, channels), &there, channels));
}

static ad_status batchnorm_running(const adi_exec *ex, float *mean, float *var,
                                   const double *batch_mean, const double *batch_var,
                                   double momentum, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->batchnorm_running(&c.ex, both(&c, mean, d.c), both(&c, var, d.c),
                                                in_double(&c, batch_mean, d.c),
                                                in_double(&c, batch_var, d.c), momentum, d));
}

static ad_status batchnorm_bwd(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                               const float *dy, const float *x, const adi_batchnorm_batch *b,
                               adi_act act, adi_pc d)
{
    (void)ex;
    call c = begin(kernels()->batchnorm_train_scratch(d, 1));
    const adi_batchnorm_batch there = {in(&c, b->weight, d.c), in(&c, b->bias, d.c),
                                       in_double(&c, b->mean, d.c), in_double(&c, b->var, d.c),
                                       b->eps};
    const float *from = in(&c, dy, d.p * d.c);
    return end(&c, kernels()->batchnorm_bwd(&c.ex, out(&c, dx, d.p * d.c), out(&c, dweight, d.c),
                                            out(&c, dbias, d.c), from, in(&c, x, d.p * d.c), &there,
                                            act, d));
}

static size_t no_npc_scratch(const adi_npc *d)
{
    (void)d;
    return 0;
}

static ad_status groupnorm_fwd(const adi_exec *ex, float *y, const float *x, const adi_groupnorm *g,
                               const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->groupnorm_scratch(d));
    const adi_groupnorm there = {in(&c, g->weight, d->c), in(&c, g->bias, d->c), g->groups, g->eps};
    return end(&c, kernels()->groupnorm_fwd(&c.ex, out(&c, y, n), in(&c, x, n), &there, d));
}

static ad_status groupnorm_bwd_add(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                   const float *dy, const float *x, const adi_groupnorm *g,
                                   const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->groupnorm_scratch(d));
    const adi_groupnorm there = {in(&c, g->weight, d->c), in(&c, g->bias, d->c), g->groups, g->eps};
    return end(&c, kernels()->groupnorm_bwd_add(&c.ex, both(&c, dx, n), out(&c, dweight, d->c),
                                                out(&c, dbias, d->c), in(&c, dy, n), in(&c, x, n),
                                                &there, d));
}

static ad_status l2norm_fwd(const adi_exec *ex, float *y, const float *x, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->l2norm_fwd(&c.ex, out(&c, y, d.p * d.c), in(&c, x, d.p * d.c), d));
}

static ad_status l2norm_bwd(const adi_exec *ex, float *dx, const float *dy, const float *x,
                            adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->l2norm_bwd(&c.ex, out(&c, dx, d.p * d.c), in(&c, dy, d.p * d.c),
                                         in(&c, x, d.p * d.c), d));
}

static ad_status srugate_fwd(const adi_exec *ex, float *y, const float *x, const float *h,
                             const float *w, int32_t soft, adi_pc d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->srugate_fwd(&c.ex, out(&c, y, d.p * d.c), in(&c, x, d.p * d.c),
                                          in(&c, h, d.p * d.c), in(&c, w, d.c), soft, d));
}

static ad_status srugate_bwd(const adi_exec *ex, float *dx, float *dt, const float *dy,
                             const float *x, const float *h, const float *w, int32_t soft, adi_pc d)
{
    (void)ex;
    const int64_t n = d.p * d.c;
    call c = begin(0);
    return end(&c, kernels()->srugate_bwd(&c.ex, out(&c, dx, n), soft ? out(&c, dt, n) : NULL,
                                          in(&c, dy, n), in(&c, x, n), in(&c, h, n), in(&c, w, d.c),
                                          soft, d));
}

static ad_status sruweight_fwd(const adi_exec *ex, float *w, float *by, const float *weight,
                               int64_t channels)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->sruweight_fwd(&c.ex, out(&c, w, channels), out(&c, by, channels),
                                            in(&c, weight, channels), channels));
}

static ad_status sruweight_bwd(const adi_exec *ex, float *dweight, float *dbias, const float *w,
                               const float *weight, const float *bias, int64_t channels)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->sruweight_bwd(&c.ex, both(&c, dweight, channels),
                                            both(&c, dbias, channels), in(&c, w, channels),
                                            in(&c, weight, channels), in(&c, bias, channels),
                                            channels));
}

static ad_status softfuse_fwd(const adi_exec *ex, float *y, const float *a, const float *b,
                              int32_t joint, const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->softfuse_scratch(d));
    return end(&c,
               kernels()->softfuse_fwd(&c.ex, out(&c, y, n), in(&c, a, n), in(&c, b, n), joint, d));
}

static ad_status softfuse_bwd(const adi_exec *ex, float *da, float *db, const float *dy,
                              const float *a, const float *b, int32_t joint, const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(kernels()->softfuse_scratch(d));
    return end(&c, kernels()->softfuse_bwd(&c.ex, out(&c, da, n), out(&c, db, n), in(&c, dy, n),
                                           in(&c, a, n), in(&c, b, n), joint, d));
}

static ad_status simam_fwd(const adi_exec *ex, float *y, const float *x, double lambda,
                           const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(0);
    const float *there = in(&c, x, n);
    return end(&c, kernels()->simam_fwd(&c.ex, out(&c, y, n), there, lambda, d));
}

static ad_status simam_bwd(const adi_exec *ex, float *dx, const float *dy, const float *x,
                           double lambda, const adi_npc *d)
{
    (void)ex;
    const int64_t n = d->n * d->p * d->c;
    call c = begin(0);
    const float *there = in(&c, dy, n);
    return end(&c, kernels()->simam_bwd(&c.ex, out(&c, dx, n), there, in(&c, x, n), lambda, d));
}

/* ---- Flows ---- */

static ad_status coupling_fwd(const adi_exec *ex, float *y, const float *x, const float *st,
                              int32_t inverse, const adi_coupling_dims *d)
{
    (void)ex;
    const int64_t n = d->p * d->c;
    call c = begin(0);
    return end(&c, kernels()->coupling_fwd(&c.ex, out(&c, y, n), in(&c, x, n), in(&c, st, 2 * n),
                                           inverse, d));
}

static ad_status coupling_bwd(const adi_exec *ex, float *dx, float *dst, const float *dy,
                              const float *x, const float *st, const adi_coupling_dims *d)
{
    (void)ex;
    const int64_t n = d->p * d->c;
    call c = begin(0);
    return end(&c, kernels()->coupling_bwd(&c.ex, out(&c, dx, n), out(&c, dst, 2 * n),
                                           in(&c, dy, n), in(&c, x, n), in(&c, st, 2 * n), d));
}

static ad_status logdet_fwd(const adi_exec *ex, float *y, const float *st,
                            const adi_coupling_dims *d)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->logdet_fwd(&c.ex, out(&c, y, d->p), in(&c, st, 2 * d->p * d->c), d));
}

static ad_status logdet_bwd(const adi_exec *ex, float *dst, const float *dy, const float *st,
                            const adi_coupling_dims *d)
{
    (void)ex;
    const int64_t n = 2 * d->p * d->c;
    call c = begin(0);
    return end(&c,
               kernels()->logdet_bwd(&c.ex, out(&c, dst, n), in(&c, dy, d->p), in(&c, st, n), d));
}

/* ---- Distances ---- */

#define DISTANCE_FWD(kernel)                                                                       \
    static ad_status kernel(const adi_exec *ex, float *dist, const float *a, const float *b,       \
                            adi_pc d)                                                              \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(0);                                                                         \
        return end(&c, kernels()->kernel(&c.ex, out(&c, dist, d.p), in(&c, a, d.p * d.c),          \
                                         in(&c, b, d.p * d.c), d));                                \
    }
DISTANCE_FWD(cosine_fwd)
DISTANCE_FWD(cosdist_fwd)
DISTANCE_FWD(sqdist_fwd)

#define DISTANCE_BWD(kernel)                                                                       \
    static ad_status kernel(const adi_exec *ex, float *da, const float *a, const float *b,         \
                            float scale, adi_pc d)                                                 \
    {                                                                                              \
        (void)ex;                                                                                  \
        call c = begin(0);                                                                         \
        return end(&c, kernels()->kernel(&c.ex, out(&c, da, d.p * d.c), in(&c, a, d.p * d.c),      \
                                         in(&c, b, d.p * d.c), scale, d));                         \
    }
DISTANCE_BWD(cosine_bwd)
DISTANCE_BWD(cosdist_bwd)

static size_t mahalanobis_packed_bytes(const double *a, int64_t c, int64_t r)
{
    return kernels()->mahalanobis_packed_bytes(a, c, r);
}

static void mahalanobis_pack(void *packed, const double *a, int64_t c, int64_t r)
{
    kernels()->mahalanobis_pack(packed, a, c, r);
}

static size_t no_mahalanobis_scratch(adi_pc d, int64_t r, int32_t num_threads)
{
    (void)r;
    return no_pc_scratch(d, num_threads);
}

/* The size of what is packed follows from the shape alone. */
static ad_status mahalanobis_fwd(const adi_exec *ex, float *dist, const float *x, const float *mean,
                                 const void *packed, adi_pc d, int64_t r)
{
    (void)ex;
    const size_t bytes = kernels()->mahalanobis_packed_bytes(NULL, d.c, r);
    call c = begin(kernels()->mahalanobis_scratch(d, r, 1));
    return end(&c,
               kernels()->mahalanobis_fwd(&c.ex, out(&c, dist, d.p), in(&c, x, d.p * d.c),
                                          in(&c, mean, d.c), place(&c, packed, bytes, 1, 0), d, r));
}

static size_t no_position_scratch(const adi_position_dims *d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0;
}

static ad_status position_gaussian_fwd(const adi_exec *ex, float *dist, const float *x,
                                       const float *mean, const float *factor,
                                       const adi_position_dims *d)
{
    (void)ex;
    call c = begin(kernels()->position_gaussian_fwd_scratch(d, 1));
    return end(&c, kernels()->position_gaussian_fwd(
                       &c.ex, out(&c, dist, d->p), in(&c, x, d->p * d->d),
                       in(&c, mean, d->p * d->d), in(&c, factor, d->p * adi_triangle(d->d)), d));
}

/* ---- Optimisers ---- */

static ad_status sgd_step(const adi_exec *ex, float *w, float *velocity, const float *g,
                          const adi_sgd *o, int64_t n)
{
    (void)ex;
    call c = begin(0);
    float *there = o->first ? out(&c, velocity, n) : both(&c, velocity, n);
    return end(&c, kernels()->sgd_step(&c.ex, both(&c, w, n), there, in(&c, g, n), o, n));
}

static ad_status adam_step(const adi_exec *ex, float *w, float *m, float *v, const float *g,
                           const adi_adam *o, int64_t n)
{
    (void)ex;
    call c = begin(0);
    return end(&c, kernels()->adam_step(&c.ex, both(&c, w, n), both(&c, m, n), both(&c, v, n),
                                        in(&c, g, n), o, n));
}

/* ---- The backend ---- */

static const adi_kernels table = {
    .conv2d_fwd = conv2d_fwd,
    .dwconv2d_fwd = dwconv2d_fwd,
    .conv2d_bwd_data = conv2d_bwd_data,
    .conv2d_scratch = no_conv2d_scratch,
    .conv2d_bwd_data_scratch = no_conv2d_scratch,
    .conv2d_bwd_weight_scratch = no_conv2d_scratch,
    .conv2d_bwd_weight = conv2d_bwd_weight,
    .bias_bwd = bias_bwd,
    .conv2d_choose = conv2d_choose,
    .conv2d_packed_bytes = conv2d_packed_bytes,
    .conv2d_pack = conv2d_pack,
    .conv2d_packed_scratch = no_packed_scratch,
    .conv2d_packed_fwd = conv2d_packed_fwd,
    .batchnorm_fwd = batchnorm_fwd,
    .activation_fwd = activation_fwd,
    .activation_bwd = activation_bwd,
    .add_fwd = add_fwd,
    .mul_fwd = mul_fwd,
    .leaky_relu_fwd = leaky_relu_fwd,
    .clamp_fwd = clamp_fwd,
    .divide_fwd = divide_fwd,
    .gain_fwd = gain_fwd,
    .leaky_relu_bwd = leaky_relu_bwd,
    .clamp_bwd = clamp_bwd,
    .mask2d = mask2d,
    .scaled_difference = scaled_difference,
    .weighted_difference = weighted_difference,
    .copy_channels = copy_channels,
    .permute_fwd = permute_fwd,
    .pad2d_fwd = pad2d_fwd,
    .pad2d_bwd = pad2d_bwd,
    .posenc2d_fwd = posenc2d_fwd,
    .maxpool2d_fwd = maxpool2d_fwd,
    .maxpool2d_bwd = maxpool2d_bwd,
    .resize_fwd = resize_fwd,
    .resize_bwd = resize_bwd,
    .blur_scratch = no_blur_scratch,
    .blur = blur,
    .gather_channels = gather_channels,
    .zero = zero,
    .widen = widen,
    .narrow = narrow,
    .batchnorm_affine = batchnorm_affine,
    .batchnorm_running = batchnorm_running,
    .sruweight_fwd = sruweight_fwd,
    .sruweight_bwd = sruweight_bwd,
    .row_sums = row_sums,
    .globalavgpool2d_fwd = globalavgpool2d_fwd,
    .sum_scratch = no_sum_scratch,
    .sum = sum,
    .sum_squares = sum_squares,
    .sum_squared_error = sum_squared_error,
    .sum_products = sum_products,
    .weighted_sum = weighted_sum,
    .mean_fwd = mean_fwd,
    .batchnorm_train_scratch = no_pc_scratch,
    .batchnorm_stats = batchnorm_stats,
    .batchnorm_bwd = batchnorm_bwd,
    .groupnorm_scratch = no_npc_scratch,
    .softfuse_scratch = no_npc_scratch,
    .groupnorm_fwd = groupnorm_fwd,
    .groupnorm_bwd_add = groupnorm_bwd_add,
    .l2norm_fwd = l2norm_fwd,
    .l2norm_bwd = l2norm_bwd,
    .srugate_fwd = srugate_fwd,
    .srugate_bwd = srugate_bwd,
    .softfuse_fwd = softfuse_fwd,
    .softfuse_bwd = softfuse_bwd,
    .simam_fwd = simam_fwd,
    .simam_bwd = simam_bwd,
    .coupling_fwd = coupling_fwd,
    .coupling_bwd = coupling_bwd,
    .logdet_fwd = logdet_fwd,
    .logdet_bwd = logdet_bwd,
    .cosine_fwd = cosine_fwd,
    .cosdist_fwd = cosdist_fwd,
    .sqdist_fwd = sqdist_fwd,
    .cosine_bwd = cosine_bwd,
    .cosdist_bwd = cosdist_bwd,
    .mahalanobis_packed_bytes = mahalanobis_packed_bytes,
    .mahalanobis_pack = mahalanobis_pack,
    .mahalanobis_scratch = no_mahalanobis_scratch,
    .mahalanobis_fwd = mahalanobis_fwd,
    .position_gaussian_fwd_scratch = no_position_scratch,
    .position_gaussian_fwd = position_gaussian_fwd,
    .sgd_step = sgd_step,
    .adam_step = adam_step,
};

static int32_t one(void)
{
    return 1;
}

static int32_t begin_threads(int32_t num_threads)
{
    return num_threads;
}

static void end_threads(void)
{
}

adi_backend adi_backend_on_device = {
    .name = "on_device",
    .kernels = &table,
    .max_threads = one,
    .threads_begin = begin_threads,
    .threads_end = end_threads,
};

/* Kernels on host memory are those of another backend, as they are in a context on a device. */
__attribute__((constructor)) static void take_host_kernels(void)
{
    adi_backend_on_device.host = adi_backend_ref.host;
}
