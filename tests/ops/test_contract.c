/* The contract of backend.h, for every kernel of the table: outputs are overwritten, whatever they
 * and the scratch hold, and a kernel whose comment says "in place" gives the same bits in place. A
 * kernel that is in the table and not in the list below fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/op_case.h"

enum { FLOATS = 16384, DOUBLES = 4096, INPUTS = 5, OUTPUTS = 3, SCRATCH = 2 << 20 };

/* What a kernel gets. Inputs are random in [-1, 1), from_double positive. */
typedef struct arrays {
    const adi_kernels *k;
    const adi_host_kernels *host;
    adi_exec ex;
    const float *in[INPUTS];
    const double *from_double; /* in [1/2, 1] */
    float *out[OUTPUTS];
    double *sum[2];
} arrays;

/* AD_ERR_UNSUPPORTED: the backend does not have the kernel, or not for this shape. */
typedef ad_status kernel_run(const arrays *a);

static const adi_pc pc = {40, 24};
static const adi_npc npc = {2, 20, 24};
enum { PC = 40 * 24 };
static const adi_epilogue plain = {NULL, NULL, ADI_ACT_NONE, NULL};

/* ---- Convolutions: one with stride 2, one with stride 1 behind it in the outputs ---- */

static const adi_conv2d_dims strided = {2, 9, 8, 5, 5, 4, 6, 3, 3, 2, 1, 1};
static const adi_conv2d_dims dense = {1, 16, 16, 32, 16, 16, 32, 3, 3, 1, 1, 1};
static const adi_conv2d_dims pointwise = {1, 12, 12, 16, 12, 12, 24, 1, 1, 1, 0, 0};
static const adi_conv2d_dims depthwise = {1, 12, 12, 24, 12, 12, 24, 3, 3, 1, 1, 1};
enum {
    STRIDED_Y = 2 * 5 * 4 * 6,
    STRIDED_X = 2 * 9 * 8 * 5,
    STRIDED_W = 3 * 3 * 5 * 6,
    DENSE_Y = 16 * 16 * 32,
    DENSE_W = 3 * 3 * 32 * 32,
    POINTWISE_Y = 12 * 12 * 24
};

static ad_status conv2d_fwd(const arrays *a)
{
    const adi_epilogue e = {a->in[2], a->in[3], ADI_ACT_RELU, NULL};
    const ad_status status = a->k->conv2d_fwd(&a->ex, a->out[0], a->in[0], a->in[1], &e, &strided);
    return status ? status
                  : a->k->conv2d_fwd(&a->ex, a->out[0] + STRIDED_Y, a->in[0], a->in[1], &e, &dense);
}

static ad_status conv2d_bwd_data(const arrays *a)
{
    float *second = a->out[0] + STRIDED_X;
    const ad_status status =
        a->k->conv2d_bwd_data(&a->ex, a->out[0], a->in[0], a->in[1], &plain, &strided);
    return status ? status
                  : a->k->conv2d_bwd_data(&a->ex, second, a->in[0], a->in[1], &plain, &dense);
}

static ad_status conv2d_bwd_weight(const arrays *a)
{
    const ad_status status =
        a->k->conv2d_bwd_weight(&a->ex, a->out[0], a->in[0], a->in[1], &strided);
    return status ? status
                  : a->k->conv2d_bwd_weight(&a->ex, a->out[0] + STRIDED_W, a->in[0], a->in[1],
                                            &dense);
}

/* in[4] as filters packed for the algorithm; freed by the caller. */
static void *packed_filters(const arrays *a, const adi_conv2d_dims *d,
                            adi_conv2d_algorithm algorithm)
{
    const size_t bytes = a->k->conv2d_packed_bytes(d, algorithm);
    const size_t own = (size_t)(d->kh * d->kw * d->c * d->k) * sizeof(float);
    void *packed = guarded_alloc(bytes ? bytes : own);
    if (bytes)
        a->k->conv2d_pack(packed, a->in[4], d, algorithm);
    else
        memcpy(packed, a->in[4], own);
    return packed;
}

static ad_status conv2d_packed_fwd(const arrays *a)
{
    static const adi_conv2d_dims *const both[2] = {&strided, &dense};
    for (int i = 0; i < 2; i++) {
        const adi_conv2d_algorithm algorithm = a->k->conv2d_choose(both[i], ADI_CONV2D_AUTO);
        void *packed = packed_filters(a, both[i], algorithm);
        const ad_status status = a->k->conv2d_packed_fwd(
            &a->ex, a->out[0] + i * STRIDED_Y, a->in[0], packed, &plain, both[i], algorithm);
        guarded_free(packed, "conv2d_packed_fwd");
        if (status != AD_OK)
            return status;
    }
    return AD_OK;
}

static ad_status conv2d_gated_fwd(const arrays *a)
{
    const adi_conv2d_algorithm algorithm = a->k->conv2d_choose(&pointwise, ADI_CONV2D_AUTO);
    if (!a->k->conv2d_gated_suits || !a->k->conv2d_gated_suits(&pointwise, algorithm))
        return AD_ERR_UNSUPPORTED;
    void *packed = packed_filters(a, &pointwise, algorithm);
    const ad_status status = a->k->conv2d_gated_fwd(&a->ex, a->out[0], a->in[0], a->in[1], packed,
                                                    &plain, &pointwise);
    guarded_free(packed, "conv2d_gated_fwd");
    return status;
}

static ad_status dwconv2d_fwd(const arrays *a)
{
    const adi_epilogue e = {a->in[2], NULL, ADI_ACT_RELU6, a->out[1]};
    return a->k->dwconv2d_fwd(&a->ex, a->out[0], a->in[0], a->in[1], &e, &depthwise);
}

static ad_status expand_dw_fwd(const arrays *a)
{
    if (!a->k->expand_dw_suits ||
        !a->k->expand_dw_suits(&pointwise, &depthwise, ADI_CONV2D_AUTO))
        return AD_ERR_UNSUPPORTED;
    const adi_conv2d_algorithm algorithm = a->k->conv2d_choose(&pointwise, ADI_CONV2D_AUTO);
    void *packed = packed_filters(a, &pointwise, algorithm);
    const adi_expansion first = {pointwise, packed, a->in[2], ADI_ACT_SILU};
    const ad_status status = a->k->expand_dw_fwd(&a->ex, a->out[0], a->in[0], &first, a->in[1],
                                                 &plain, &depthwise);
    guarded_free(packed, "expand_dw_fwd");
    return status;
}

static ad_status bias_bwd(const arrays *a)
{
    return a->k->bias_bwd(&a->ex, a->out[0], a->in[0], pc);
}

/* ---- One value in, one value out ---- */

static ad_status batchnorm_fwd(const arrays *a)
{
    return a->k->batchnorm_fwd(&a->ex, a->out[0], a->in[0], a->in[1], a->in[2], ADI_ACT_SILU, pc);
}

static ad_status activation_fwd(const arrays *a)
{
    return a->k->activation_fwd(&a->ex, a->out[0], a->in[0], ADI_ACT_SILU, pc);
}

static ad_status activation_bwd(const arrays *a)
{
    return a->k->activation_bwd(&a->ex, a->out[0], a->in[0], a->in[1], ADI_ACT_RELU6, pc);
}

static ad_status add_fwd(const arrays *a)
{
    return a->k->add_fwd(&a->ex, a->out[0], a->in[0], a->in[1], ADI_ACT_RELU, pc);
}

static ad_status mul_fwd(const arrays *a)
{
    return a->k->mul_fwd(&a->ex, a->out[0], a->in[0], a->in[1], pc);
}

static ad_status leaky_relu_fwd(const arrays *a)
{
    return a->k->leaky_relu_fwd(&a->ex, a->out[0], a->in[0], 0.2, PC);
}

static ad_status leaky_relu_bwd(const arrays *a)
{
    return a->k->leaky_relu_bwd(&a->ex, a->out[0], a->in[0], a->in[1], 0.2, PC);
}

static ad_status clamp_fwd(const arrays *a)
{
    return a->k->clamp_fwd(&a->ex, a->out[0], a->in[0], 0.5, PC);
}

static ad_status clamp_bwd(const arrays *a)
{
    return a->k->clamp_bwd(&a->ex, a->out[0], a->in[0], a->in[1], 0.5, PC);
}

static ad_status divide_fwd(const arrays *a)
{
    return a->k->divide_fwd(&a->ex, a->out[0], a->in[0], 3.0, PC);
}

static ad_status gain_fwd(const arrays *a)
{
    return a->k->gain_fwd(&a->ex, a->out[0], a->in[0], a->in[1], PC);
}

static ad_status mask2d(const arrays *a)
{
    return a->k->mask2d(&a->ex, a->out[0], a->in[0], 7, 0.5, pc);
}

static ad_status scaled_difference(const arrays *a)
{
    return a->k->scaled_difference(&a->ex, a->out[0], a->in[0], a->in[1], 0.5f, 0, PC);
}

static ad_status weighted_difference(const arrays *a)
{
    return a->k->weighted_difference(&a->ex, a->out[0], a->in[0], a->in[1], a->in[2], 0.5, pc);
}

/* ---- Moving and resizing values ---- */

static ad_status zero(const arrays *a)
{
    return a->k->zero(&a->ex, a->out[0], PC);
}

static ad_status widen(const arrays *a)
{
    return a->k->widen(&a->ex, a->sum[0], a->in[0], PC);
}

static ad_status narrow(const arrays *a)
{
    return a->k->narrow(&a->ex, a->out[0], a->from_double, PC);
}

static ad_status copy_channels(const arrays *a)
{
    return a->k->copy_channels(&a->ex, a->out[0], pc.c, a->in[0], pc.c + 3, pc);
}

static ad_status permute_fwd(const arrays *a)
{
    float index[24];
    for (int c = 0; c < 24; c++)
        index[c] = (float)(c * 5 % 24);
    const ad_status status = a->k->permute_fwd(&a->ex, a->out[0], a->in[0], index, 0, pc);
    return status ? status : a->k->permute_fwd(&a->ex, a->out[1], a->in[0], index, 1, pc);
}

static const adi_pad2d_dims border = {2, 5, 6, 8, 2};

static ad_status pad2d_fwd(const arrays *a)
{
    return a->k->pad2d_fwd(&a->ex, a->out[0], a->in[0], &border);
}

static ad_status pad2d_bwd(const arrays *a)
{
    return a->k->pad2d_bwd(&a->ex, a->out[0], a->in[0], &border);
}

static ad_status posenc2d_fwd(const arrays *a)
{
    return a->k->posenc2d_fwd(&a->ex, a->out[0], &border);
}

static const adi_pool2d_dims window = {2, 9, 8, 5, 5, 4, 3, 2, 1, 1};

static ad_status maxpool2d_fwd(const arrays *a)
{
    return a->k->maxpool2d_fwd(&a->ex, a->out[0], a->in[0], &window);
}

static ad_status maxpool2d_bwd(const arrays *a)
{
    return a->k->maxpool2d_bwd(&a->ex, a->out[0], a->in[0], a->in[1], &window);
}

static const adi_resize_dims larger = {.h = 5, .w = 6, .c = 8, .oh = 12, .ow = 11, .y_stride = 88};

static ad_status resize_fwd(const arrays *a)
{
    return a->k->resize_fwd(&a->ex, a->out[0], a->in[0], &larger);
}

static ad_status resize_bwd(const arrays *a)
{
    return a->k->resize_bwd(&a->ex, a->out[0], a->in[0], &larger);
}

/* Half of 64 samples, and the mean of two rows. */
static ad_status resample_row(const arrays *a)
{
    static int32_t start[32], count[32], weight[33 * ADI_RESAMPLE_TAPS];
    uint8_t samples[64 + ADI_RESAMPLE_BLOCK];
    for (int i = 0; i < (int)sizeof samples; i++)
        samples[i] = (uint8_t)(i * 37);
    for (int o = 0; o < 32; o++) {
        start[o] = 2 * o;
        count[o] = 2;
        weight[o * ADI_RESAMPLE_TAPS] = weight[o * ADI_RESAMPLE_TAPS + 1] =
            1 << (ADI_RESAMPLE_BITS - 1);
    }
    const adi_resample filter = {start, count, weight, ADI_RESAMPLE_TAPS, 0, 64};
    a->host->resample_row((uint8_t *)a->out[0], samples, &filter, 32, 1);
    return AD_OK;
}

static ad_status resample_rows(const arrays *a)
{
    static const int32_t halves[2] = {1 << (ADI_RESAMPLE_BITS - 1), 1 << (ADI_RESAMPLE_BITS - 1)};
    _Alignas(64) uint8_t rows[2 * ADI_RESAMPLE_BLOCK];
    for (int i = 0; i < (int)sizeof rows; i++)
        rows[i] = (uint8_t)(i * 37);
    const adi_resample_ring ring = {rows, 2, ADI_RESAMPLE_BLOCK};
    a->host->resample_rows((uint8_t *)a->out[0], &ring, 0, 2, halves, ADI_RESAMPLE_BLOCK);
    return AD_OK;
}

static ad_status blur(const arrays *a)
{
    static const double weights[] = {0.4, 0.2, 0.1};
    const adi_blur_dims d = {15, 17, 2};
    memcpy(a->out[0], a->in[0], 15 * 17 * sizeof(float));
    return a->k->blur(&a->ex, a->out[0], weights, &d);
}

/* ---- Sums ---- */

static ad_status row_sums(const arrays *a)
{
    return a->k->row_sums(&a->ex, a->out[0], a->in[0], 8, 5, 24);
}

static ad_status mean_fwd(const arrays *a)
{
    return a->k->mean_fwd(&a->ex, a->sum[0], a->in[0], pc);
}

static ad_status globalavgpool2d_fwd(const arrays *a)
{
    const adi_npc d = {5, 8, 24};
    return a->k->globalavgpool2d_fwd(&a->ex, a->out[0], a->in[0], 5, &d);
}

/* Three channels to a grid of 6x7 vectors, out of order. */
static ad_status gather_channels(const arrays *a)
{
    static const float pick[][2] = {{4, 1}, {0, 2}, {2, 0}};
    const adi_gather_dims d = {.h = 4, .w = 9, .c = 5, .oh = 6, .ow = 7, .y_stride = 3, .count = 3};
    return a->k->gather_channels(&a->ex, a->out[0], a->in[0], pick[0], &d);
}

static ad_status sum(const arrays *a)
{
    return a->k->sum(&a->ex, a->sum[0], a->in[0], FLOATS);
}

static ad_status sum_squares(const arrays *a)
{
    return a->k->sum_squares(&a->ex, a->sum[0], a->in[0], FLOATS);
}

static ad_status sum_squared_error(const arrays *a)
{
    return a->k->sum_squared_error(&a->ex, a->sum[0], a->in[0], a->in[1], FLOATS);
}

static ad_status sum_products(const arrays *a)
{
    return a->k->sum_products(&a->ex, a->sum[0], a->in[0], a->in[1], FLOATS);
}

static ad_status weighted_sum(const arrays *a)
{
    return a->k->weighted_sum(&a->ex, a->sum[0], a->in[0], a->in[1], a->in[2], 0.5, PC);
}

/* ---- Normalisation and attention ---- */

static ad_status batchnorm_stats(const arrays *a)
{
    return a->k->batchnorm_stats(&a->ex, a->sum[0], a->sum[1], a->in[0], pc);
}

static ad_status batchnorm_affine(const arrays *a)
{
    const adi_batchnorm_batch b = {a->in[2], a->in[3], a->from_double, a->from_double + pc.c, 1e-5};
    return a->k->batchnorm_affine(&a->ex, a->out[0], a->out[1], &b, pc.c);
}

static ad_status batchnorm_running(const arrays *a)
{
    memcpy(a->out[0], a->in[0], (size_t)pc.c * sizeof(float)); /* in place */
    memcpy(a->out[1], a->in[1], (size_t)pc.c * sizeof(float));
    return a->k->batchnorm_running(&a->ex, a->out[0], a->out[1], a->from_double,
                                   a->from_double + pc.c, 0.1, pc);
}

static ad_status batchnorm_bwd(const arrays *a)
{
    const adi_batchnorm_batch b = {a->in[2], a->in[3], a->from_double, a->from_double + pc.c, 1e-5};
    return a->k->batchnorm_bwd(&a->ex, a->out[0], a->out[1], a->out[2], a->in[0], a->in[1], &b,
                               ADI_ACT_RELU, pc);
}

static ad_status groupnorm_fwd(const arrays *a)
{
    const adi_groupnorm g = {a->in[1], a->in[2], 4, 1e-5};
    return a->k->groupnorm_fwd(&a->ex, a->out[0], a->in[0], &g, &npc);
}

static ad_status groupnorm_bwd_add(const arrays *a)
{
    const adi_groupnorm g = {a->in[1], a->in[2], 4, 1e-5};
    memcpy(a->out[0], a->in[4], PC * sizeof(float)); /* is added to */
    return a->k->groupnorm_bwd_add(&a->ex, a->out[0], a->out[1], a->out[2], a->in[0], a->in[3], &g,
                                   &npc);
}

static ad_status l2norm_fwd(const arrays *a)
{
    return a->k->l2norm_fwd(&a->ex, a->out[0], a->in[0], pc);
}

static ad_status l2norm_bwd(const arrays *a)
{
    return a->k->l2norm_bwd(&a->ex, a->out[0], a->in[0], a->in[1], pc);
}

static ad_status srugate_fwd(const arrays *a)
{
    return a->k->srugate_fwd(&a->ex, a->out[0], a->in[0], a->in[1], a->in[2], 1, pc);
}

static ad_status srugate_bwd(const arrays *a)
{
    return a->k->srugate_bwd(&a->ex, a->out[0], a->out[1], a->in[0], a->in[1], a->in[2], a->in[3],
                             1, pc);
}

static ad_status sruweight_fwd(const arrays *a)
{
    return a->k->sruweight_fwd(&a->ex, a->out[0], a->out[1], a->in[0], pc.c);
}

static ad_status sruweight_bwd(const arrays *a)
{
    memcpy(a->out[0], a->in[3], (size_t)pc.c * sizeof(float)); /* in place */
    memcpy(a->out[1], a->in[4], (size_t)pc.c * sizeof(float));
    return a->k->sruweight_bwd(&a->ex, a->out[0], a->out[1], a->in[0], a->in[1], a->in[2], pc.c);
}

static ad_status softfuse_fwd(const arrays *a)
{
    return a->k->softfuse_fwd(&a->ex, a->out[0], a->in[0], a->in[1], 1, &npc);
}

static ad_status softfuse_bwd(const arrays *a)
{
    return a->k->softfuse_bwd(&a->ex, a->out[0], a->out[1], a->in[0], a->in[1], a->in[2], 1, &npc);
}

static ad_status simam_fwd(const arrays *a)
{
    return a->k->simam_fwd(&a->ex, a->out[0], a->in[0], 1e-4, &npc);
}

static ad_status simam_bwd(const arrays *a)
{
    return a->k->simam_bwd(&a->ex, a->out[0], a->in[0], a->in[1], 1e-4, &npc);
}

/* ---- Normalising flows ---- */

static const adi_coupling_dims flow = {40, 24, 1.9};

static ad_status coupling_fwd(const arrays *a)
{
    const ad_status status = a->k->coupling_fwd(&a->ex, a->out[0], a->in[0], a->in[1], 0, &flow);
    return status ? status : a->k->coupling_fwd(&a->ex, a->out[1], a->in[0], a->in[1], 1, &flow);
}

static ad_status coupling_bwd(const arrays *a)
{
    return a->k->coupling_bwd(&a->ex, a->out[0], a->out[1], a->in[0], a->in[1], a->in[2], &flow);
}

static ad_status logdet_fwd(const arrays *a)
{
    return a->k->logdet_fwd(&a->ex, a->out[0], a->in[0], &flow);
}

static ad_status logdet_bwd(const arrays *a)
{
    return a->k->logdet_bwd(&a->ex, a->out[0], a->in[0], a->in[1], &flow);
}

/* ---- Distances ---- */

static ad_status cosine_fwd(const arrays *a)
{
    return a->k->cosine_fwd(&a->ex, a->out[0], a->in[0], a->in[1], pc);
}

static ad_status cosine_bwd(const arrays *a)
{
    return a->k->cosine_bwd(&a->ex, a->out[0], a->in[0], a->in[1], 0.5f, pc);
}

static ad_status cosdist_fwd(const arrays *a)
{
    return a->k->cosdist_fwd(&a->ex, a->out[0], a->in[0], a->in[1], pc);
}

static ad_status cosdist_bwd(const arrays *a)
{
    return a->k->cosdist_bwd(&a->ex, a->out[0], a->in[0], a->in[1], 0.5f, pc);
}

static ad_status sqdist_fwd(const arrays *a)
{
    return a->k->sqdist_fwd(&a->ex, a->out[0], a->in[0], a->in[1], pc);
}

static ad_status mahalanobis_fwd(const arrays *a)
{
    const int64_t r = 20;
    void *packed = guarded_alloc(a->k->mahalanobis_packed_bytes(a->from_double, pc.c, r));
    a->k->mahalanobis_pack(packed, a->from_double, pc.c, r);
    const ad_status status =
        a->k->mahalanobis_fwd(&a->ex, a->out[0], a->in[0], a->in[1], packed, pc, r);
    guarded_free(packed, "mahalanobis_fwd");
    return status;
}

/* ---- Statistics ---- */

enum { SIDE = 20 };

static ad_status syrk_add_f64(const arrays *a)
{
    memset(a->sum[0], 0, SIDE * SIDE * sizeof(double)); /* is added to */
    a->host->syrk_add_f64(a->sum[0], a->from_double, (adi_pc){30, SIDE});
    return AD_OK;
}

/* A positive definite matrix: a diagonal that outweighs the rest. */
static void definite(const arrays *a)
{
    memcpy(a->sum[0], a->from_double, SIDE * SIDE * sizeof(double));
    for (int i = 0; i < SIDE; i++)
        a->sum[0][i * SIDE + i] += SIDE;
}

static ad_status cholesky_f64(const arrays *a)
{
    definite(a);
    return a->host->cholesky_f64(a->sum[0], SIDE);
}

static ad_status trinv_f64(const arrays *a)
{
    definite(a);
    for (int i = 0; i < SIDE; i++)
        for (int j = i + 1; j < SIDE; j++)
            a->sum[0][i * SIDE + j] = 0.0;
    return a->host->trinv_f64(a->sum[0], SIDE);
}

static ad_status eigen_f64(const arrays *a)
{
    definite(a);
    return a->host->eigen_f64(a->sum[0], a->sum[1], SIDE, a->ex.scratch);
}

static const adi_position_dims positions = {6, 10, 1};
enum { POSITION_SUMS = 6 * (55 + 10 + 11), TRIANGLES = 6 * 55 };

static ad_status position_gaussian_add(const arrays *a)
{
    memset(a->sum[0], 0, POSITION_SUMS * sizeof(double)); /* is added to */
    a->host->position_gaussian_add(&a->ex, a->sum[0], a->in[0], a->in[1], 30, &positions);
    return AD_OK;
}

static ad_status position_gaussian_factor(const arrays *a)
{
    static double sums[POSITION_SUMS];
    adi_position_scale scale[6];
    for (int p = 0; p < 6; p++)
        scale[p] = (adi_position_scale){1.0, 1.0, 0.0};
    memset(sums, 0, sizeof sums);
    a->host->position_gaussian_add(&a->ex, sums, a->in[0], a->in[1], 30, &positions);
    return a->host->position_gaussian_factor(&a->ex, a->out[0], a->sum[0], sums, 30, scale,
                                          &positions);
}

static ad_status position_gaussian_fwd(const arrays *a)
{
    return a->k->position_gaussian_fwd(&a->ex, a->out[0], a->in[0], a->in[1], a->in[2], &positions);
}

/* ---- Optimisers, which update in place; the first step of SGD does not read the velocity ---- */

static ad_status sgd_step(const arrays *a)
{
    const adi_sgd o = {0.1, 0.9, 1e-4, 1.0, 1};
    memcpy(a->out[0], a->in[0], PC * sizeof(float));
    return a->k->sgd_step(&a->ex, a->out[0], a->out[1], a->in[1], &o, PC);
}

static ad_status adam_step(const arrays *a)
{
    const adi_adam o = {0.1, 0.9, 0.999, 1e-8, 1e-4, 1.0, 1};
    memcpy(a->out[0], a->in[0], PC * sizeof(float));
    memset(a->out[1], 0, PC * sizeof(float));
    memset(a->out[2], 0, PC * sizeof(float));
    return a->k->adam_step(&a->ex, a->out[0], a->out[1], a->out[2], a->in[1], &o, PC);
}

/* ---- The list ---- */

typedef struct kernel_case {
    const char *name;
    size_t slot;
    kernel_run *run; /* NULL: returns a number, or is used by the kernel that it belongs to */
    int64_t floats[OUTPUTS], doubles[2]; /* of the outputs */
    int32_t in_place; /* bit i: out[0] may be in[i] */
} kernel_case;

#define SLOT(NAME)  #NAME, offsetof(adi_kernels, NAME)
/* Entries of the host's table count from the end of the other. */
#define HOST_OFFSET(NAME) (sizeof(adi_kernels) + offsetof(adi_host_kernels, NAME))
#define HOST_SLOT(NAME)   #NAME, HOST_OFFSET(NAME)
#define HELPER(NAME) {.name = #NAME, .slot = offsetof(adi_kernels, NAME)}

static const kernel_case cases[] = {
    {SLOT(conv2d_fwd), conv2d_fwd, {STRIDED_Y + DENSE_Y}, {0}, 0},
    {SLOT(dwconv2d_fwd), dwconv2d_fwd, {POINTWISE_Y, 12 * 24}, {0}, 0},
    {SLOT(conv2d_bwd_data), conv2d_bwd_data, {STRIDED_X + DENSE_Y}, {0}, 0},
    {SLOT(conv2d_bwd_weight), conv2d_bwd_weight, {STRIDED_W + DENSE_W}, {0}, 0},
    {SLOT(bias_bwd), bias_bwd, {24}, {0}, 0},
    {SLOT(conv2d_packed_fwd), conv2d_packed_fwd, {STRIDED_Y + DENSE_Y}, {0}, 0},
    {SLOT(conv2d_gated_fwd), conv2d_gated_fwd, {POINTWISE_Y}, {0}, 0},
    {SLOT(expand_dw_fwd), expand_dw_fwd, {POINTWISE_Y}, {0}, 0},
    {SLOT(batchnorm_fwd), batchnorm_fwd, {PC}, {0}, 1},
    {SLOT(activation_fwd), activation_fwd, {PC}, {0}, 1},
    {SLOT(activation_bwd), activation_bwd, {PC}, {0}, 1},
    {SLOT(add_fwd), add_fwd, {PC}, {0}, 3},
    {SLOT(mul_fwd), mul_fwd, {PC}, {0}, 1},
    {SLOT(leaky_relu_fwd), leaky_relu_fwd, {PC}, {0}, 1},
    {SLOT(leaky_relu_bwd), leaky_relu_bwd, {PC}, {0}, 1},
    {SLOT(clamp_fwd), clamp_fwd, {PC}, {0}, 1},
    {SLOT(clamp_bwd), clamp_bwd, {PC}, {0}, 1},
    {SLOT(divide_fwd), divide_fwd, {PC}, {0}, 1},
    {SLOT(gain_fwd), gain_fwd, {PC}, {0}, 1},
    {SLOT(mask2d), mask2d, {PC}, {0}, 1},
    {SLOT(scaled_difference), scaled_difference, {PC}, {0}, 0},
    {SLOT(weighted_difference), weighted_difference, {PC}, {0}, 3},
    {SLOT(zero), zero, {PC}, {0}, 0},
    {SLOT(widen), widen, {0}, {PC}, 0},
    {SLOT(narrow), narrow, {PC}, {0}, 0},
    {SLOT(copy_channels), copy_channels, {PC}, {0}, 0},
    {SLOT(permute_fwd), permute_fwd, {PC, PC}, {0}, 0},
    {SLOT(pad2d_fwd), pad2d_fwd, {2 * 9 * 10 * 8}, {0}, 0},
    {SLOT(pad2d_bwd), pad2d_bwd, {2 * 5 * 6 * 8}, {0}, 0},
    {SLOT(posenc2d_fwd), posenc2d_fwd, {2 * 5 * 6 * 8}, {0}, 0},
    {SLOT(maxpool2d_fwd), maxpool2d_fwd, {2 * 5 * 4 * 5}, {0}, 0},
    {SLOT(maxpool2d_bwd), maxpool2d_bwd, {2 * 9 * 8 * 5}, {0}, 0},
    {SLOT(resize_fwd), resize_fwd, {12 * 11 * 8}, {0}, 0},
    {SLOT(resize_bwd), resize_bwd, {5 * 6 * 8}, {0}, 0},
    {HOST_SLOT(resample_row), resample_row, {32 / sizeof(float)}, {0}, 0},
    {HOST_SLOT(resample_rows), resample_rows, {ADI_RESAMPLE_BLOCK / sizeof(float)}, {0}, 0},
    {SLOT(blur), blur, {15 * 17}, {0}, 0},
    {SLOT(row_sums), row_sums, {8 * 24}, {0}, 0},
    {SLOT(mean_fwd), mean_fwd, {0}, {24}, 0},
    {SLOT(globalavgpool2d_fwd), globalavgpool2d_fwd, {5 * 24}, {0}, 0},
    {SLOT(gather_channels), gather_channels, {6 * 7 * 3}, {0}, 0},
    {SLOT(sum), sum, {0}, {1}, 0},
    {SLOT(sum_squares), sum_squares, {0}, {1}, 0},
    {SLOT(sum_squared_error), sum_squared_error, {0}, {1}, 0},
    {SLOT(sum_products), sum_products, {0}, {1}, 0},
    {SLOT(weighted_sum), weighted_sum, {0}, {1}, 0},
    {SLOT(batchnorm_stats), batchnorm_stats, {0}, {24, 24}, 0},
    {SLOT(batchnorm_affine), batchnorm_affine, {24, 24}, {0}, 0},
    {SLOT(batchnorm_running), batchnorm_running, {24, 24}, {0}, 0},
    {SLOT(batchnorm_bwd), batchnorm_bwd, {PC, 24, 24}, {0}, 1},
    {SLOT(groupnorm_fwd), groupnorm_fwd, {PC}, {0}, 0},
    {SLOT(groupnorm_bwd_add), groupnorm_bwd_add, {PC, 24, 24}, {0}, 0},
    {SLOT(l2norm_fwd), l2norm_fwd, {PC}, {0}, 0},
    {SLOT(l2norm_bwd), l2norm_bwd, {PC}, {0}, 0},
    {SLOT(srugate_fwd), srugate_fwd, {PC}, {0}, 0},
    {SLOT(srugate_bwd), srugate_bwd, {PC, PC}, {0}, 0},
    {SLOT(sruweight_fwd), sruweight_fwd, {24, 24}, {0}, 0},
    {SLOT(sruweight_bwd), sruweight_bwd, {24, 24}, {0}, 0},
    {SLOT(softfuse_fwd), softfuse_fwd, {PC}, {0}, 0},
    {SLOT(softfuse_bwd), softfuse_bwd, {PC, PC}, {0}, 0},
    {SLOT(simam_fwd), simam_fwd, {PC}, {0}, 1},
    {SLOT(simam_bwd), simam_bwd, {PC}, {0}, 1},
    {SLOT(coupling_fwd), coupling_fwd, {PC, PC}, {0}, 0},
    {SLOT(coupling_bwd), coupling_bwd, {PC, 2 * PC}, {0}, 0},
    {SLOT(logdet_fwd), logdet_fwd, {40}, {0}, 0},
    {SLOT(logdet_bwd), logdet_bwd, {2 * PC}, {0}, 0},
    {SLOT(cosine_fwd), cosine_fwd, {40}, {0}, 0},
    {SLOT(cosine_bwd), cosine_bwd, {PC}, {0}, 0},
    {SLOT(cosdist_fwd), cosdist_fwd, {40}, {0}, 0},
    {SLOT(cosdist_bwd), cosdist_bwd, {PC}, {0}, 0},
    {SLOT(sqdist_fwd), sqdist_fwd, {40}, {0}, 0},
    {SLOT(mahalanobis_fwd), mahalanobis_fwd, {40}, {0}, 0},
    {HOST_SLOT(syrk_add_f64), syrk_add_f64, {0}, {SIDE * SIDE}, 0},
    {HOST_SLOT(cholesky_f64), cholesky_f64, {0}, {SIDE * SIDE}, 0},
    {HOST_SLOT(trinv_f64), trinv_f64, {0}, {SIDE * SIDE}, 0},
    {HOST_SLOT(eigen_f64), eigen_f64, {0}, {SIDE * SIDE, SIDE}, 0},
    {HOST_SLOT(position_gaussian_add), position_gaussian_add, {0}, {POSITION_SUMS}, 0},
    {HOST_SLOT(position_gaussian_factor), position_gaussian_factor, {TRIANGLES}, {6}, 0},
    {SLOT(position_gaussian_fwd), position_gaussian_fwd, {6}, {0}, 0},
    {SLOT(sgd_step), sgd_step, {PC, PC}, {0}, 0},
    {SLOT(adam_step), adam_step, {PC, PC, PC}, {0}, 0},
    {.name = "parallel_for", .slot = HOST_OFFSET(parallel_for)},
    HELPER(conv2d_scratch),
    HELPER(conv2d_bwd_data_scratch),
    HELPER(conv2d_bwd_weight_scratch),
    HELPER(conv2d_choose),
    HELPER(conv2d_packed_bytes),
    HELPER(conv2d_pack),
    HELPER(conv2d_packed_scratch),
    HELPER(conv2d_gated_suits),
    HELPER(conv2d_gated_scratch),
    HELPER(expand_dw_suits),
    HELPER(expand_dw_scratch),
    HELPER(blur_scratch),
    HELPER(sum_scratch),
    HELPER(batchnorm_train_scratch),
    HELPER(groupnorm_scratch),
    HELPER(softfuse_scratch),
    HELPER(mahalanobis_packed_bytes),
    HELPER(mahalanobis_pack),
    HELPER(mahalanobis_scratch),
    {.name = "eigen_work", .slot = HOST_OFFSET(eigen_work)},
    {.name = "position_gaussian_add_scratch", .slot = HOST_OFFSET(position_gaussian_add_scratch)},
    {.name = "position_gaussian_factor_scratch",
     .slot = HOST_OFFSET(position_gaussian_factor_scratch)},
    HELPER(position_gaussian_fwd_scratch),
};
enum { CASES = sizeof cases / sizeof *cases };

static void every_kernel_is_listed(void **state)
{
    (void)state;
    typedef void any_kernel(void);
    uint8_t seen[(sizeof(adi_kernels) + sizeof(adi_host_kernels)) / sizeof(any_kernel *)] = {0};
    for (int i = 0; i < CASES; i++)
        seen[cases[i].slot / sizeof(any_kernel *)]++;
    for (size_t i = 0; i < sizeof seen; i++)
        if (seen[i] != 1)
            fail_msg("entry %zu of the tables is listed %d times", i, seen[i]);
}

/* ---- Running them ---- */

static float *inputs[INPUTS];
static double *doubles;

static arrays arrays_new(const adi_backend *be, int byte)
{
    arrays a = {.k = be->kernels,
                .host = be->host,
                .ex = {2, guarded_alloc(SCRATCH)},
                .from_double = doubles};
    memset(a.ex.scratch, byte, SCRATCH);
    for (int i = 0; i < INPUTS; i++)
        a.in[i] = inputs[i];
    for (int i = 0; i < OUTPUTS; i++) {
        a.out[i] = guarded_floats(FLOATS);
        memset(a.out[i], byte, FLOATS * sizeof(float));
    }
    for (int i = 0; i < 2; i++) {
        a.sum[i] = guarded_doubles(DOUBLES);
        memset(a.sum[i], byte, DOUBLES * sizeof(double));
    }
    return a;
}

static void arrays_free(arrays *a, const char *name)
{
    guarded_free(a->ex.scratch, name);
    for (int i = 0; i < OUTPUTS; i++)
        guarded_free(a->out[i], name);
    for (int i = 0; i < 2; i++)
        guarded_free(a->sum[i], name);
}

static void same_outputs(const kernel_case *c, const arrays *got, const arrays *want)
{
    for (int i = 0; i < OUTPUTS; i++)
        op_same_bits(c->name, got->out[i], want->out[i], (size_t)c->floats[i] * sizeof(float));
    for (int i = 0; i < 2; i++)
        op_same_bits(c->name, got->sum[i], want->sum[i], (size_t)c->doubles[i] * sizeof(double));
}

/* NaN in one run, and a finite number in the other, in outputs and scratch. */
static void outputs_are_overwritten(void **state)
{
    (void)state;
    static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};
    int ran = 0;
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < CASES; i++) {
            const kernel_case *c = &cases[i];
            if (!c->run)
                continue;
            arrays nan = arrays_new(backends[b], 0xFF), finite = arrays_new(backends[b], 0x42);
            const ad_status status = c->run(&nan);
            if (status != AD_ERR_UNSUPPORTED) {
                assert_int_equal(status, AD_OK);
                assert_int_equal(c->run(&finite), AD_OK);
                same_outputs(c, &nan, &finite);
                ran++;
            }
            arrays_free(&nan, c->name);
            arrays_free(&finite, c->name);
        }
    printf("%d kernels ran\n", ran);
    assert_true(ran >= 130);
}

static void in_place_gives_the_same_bits(void **state)
{
    (void)state;
    static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < CASES; i++)
            for (int input = 0; input < INPUTS; input++) {
                const kernel_case *c = &cases[i];
                if (!(c->in_place >> input & 1))
                    continue;
                arrays apart = arrays_new(backends[b], 0xFF), same = arrays_new(backends[b], 0xFF);
                memcpy(same.out[0], same.in[input], FLOATS * sizeof(float));
                same.in[input] = same.out[0];
                assert_int_equal(c->run(&apart), AD_OK);
                assert_int_equal(c->run(&same), AD_OK);
                same_outputs(c, &same, &apart);
                arrays_free(&apart, c->name);
                arrays_free(&same, c->name);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_listed),
        cmocka_unit_test(outputs_are_overwritten),
        cmocka_unit_test(in_place_gives_the_same_bits),
    };
    op_seed();
    for (int i = 0; i < INPUTS; i++)
        inputs[i] = op_floats(FLOATS, 1.0);
    doubles = guarded_doubles(DOUBLES);
    for (int i = 0; i < DOUBLES; i++)
        doubles[i] = 0.75 + 0.25 * op_signed();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < INPUTS; i++)
        guarded_free(inputs[i], "inputs");
    guarded_free(doubles, "inputs");
    return failed;
}
