/* Initial parameters from PyTorch's distributions, with other random numbers. */
#include "nn/init.h"

#include <math.h>

#include "core/safetensors.h"

#define TWO_PI 6.283185307179586

void adi_init_normal(adi_mt19937 *mt, double std, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i += 2) {
        const double u = adi_mt19937_double(mt), v = adi_mt19937_double(mt);
        const double r = std * sqrt(-2.0 * log(1.0 - u)); /* 1 - u is never 0 */
        out[i] = (float)(r * cos(TWO_PI * v));
        if (i + 1 < n)
            out[i + 1] = (float)(r * sin(TWO_PI * v));
    }
}

void adi_init_uniform(adi_mt19937 *mt, double bound, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(bound * (2.0 * adi_mt19937_double(mt) - 1.0));
}

void adi_init_param(adi_mt19937 *mt, const adi_node *node, int32_t index, float *out)
{
    int64_t weight[ADI_ST_MAX_DIMS], shape[ADI_ST_MAX_DIMS], n = 1;
    const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, index, shape);
    for (int32_t i = 0; i < dims; i++)
        n *= shape[i];
    const adi_fresh fresh = node->op->param[index].fresh;
    if (fresh == ADI_FRESH_ORDER) {
        adi_permute_order(node->attrs.seed, n, out);
        return;
    }
    if (fresh != ADI_FRESH_RANDOM) {
        for (int64_t i = 0; i < n; i++)
            out[i] = fresh == ADI_FRESH_ONE ? 1.0f : 0.0f;
        return;
    }
    node->op->param_shape(&node->attrs, node->in_channels, 0, weight);
    const double area = (double)(weight[2] * weight[3]);
    const int by_fan_out = node->attrs.init == ADI_INIT_FAN_OUT && index == 0;
    if (node->op->layout == ADI_WEIGHT_TRANSPOSED || (node->attrs.bias && !by_fan_out) ||
        node->attrs.init == ADI_INIT_DEFAULT)
        adi_init_uniform(mt, 1.0 / sqrt(area * (double)weight[1]), out, n);
    else
        adi_init_normal(mt, sqrt(2.0 / (area * (double)weight[0])), out, n);
}
