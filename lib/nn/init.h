/* Seeded initial parameters, in the file's order of values (OIHW), as PyTorch and torchvision
 * choose them. */
#ifndef ADI_NN_INIT_H
#define ADI_NN_INIT_H

#include "core/mt19937.h"
#include "nn/graph.h"

/* Draw from N(0, std^2) by Box and Muller, in pairs from pairs of doubles u, v of the generator:
 *   r = sqrt(-2 ln(1 - u)),   std r cos(2 pi v),   std r sin(2 pi v)
 * in double, rounded once. If n is odd, the last sine is dropped. */
void adi_init_normal(adi_mt19937 *mt, double std, float *out, int64_t n);
/* Draw uniformly from [-bound, bound): bound (2u - 1) in double, rounded once. */
void adi_init_uniform(adi_mt19937 *mt, double bound, float *out, int64_t n);

/* Parameter `index` of a node, all values of it:
 *   convolution without bias      N(0, 2 / (k^2 C_out)): kaiming_normal_, fan_out, as
 *                                 torchvision's ResNets
 *   convolution with bias         weight and bias uniform, +-1 / sqrt(k^2 C_in): PyTorch's default
 *   transposed convolution        weight and bias uniform, +-1 / sqrt(k^2 C_out): PyTorch default,
 *                                 which takes the weight's second dimension for the inputs
 *   others                        as adi_op_param.fresh says: 0, 1, or NumPy's permutation by the
 *                                 node's own seed, which take nothing from the generator */
void adi_init_param(adi_mt19937 *mt, const adi_node *node, int32_t index, float *out);

#endif
