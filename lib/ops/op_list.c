/* All ops that a graph may use. */
#include <string.h>

#include "ops/op.h"

static const adi_op *const ops[] = {
    &adi_op_input,
    &adi_op_conv2d,
    &adi_op_dwconv2d,
    &adi_op_batchnorm,
    &adi_op_relu,
    &adi_op_relu6,
    &adi_op_silu,
    &adi_op_sigmoid,
    &adi_op_add,
    &adi_op_mul,
    &adi_op_maxpool2d,
    &adi_op_globalavgpool2d,
    &adi_op_deconv2d,
    &adi_op_concat,
    &adi_op_l2norm,
    &adi_op_resize2d,
    &adi_op_leaky_relu,
    &adi_op_clamp,
    &adi_op_gain,
    &adi_op_slice,
    &adi_op_permute,
    &adi_op_pad2d,
    &adi_op_posenc2d,
    &adi_op_coupling,
    &adi_op_logdet,
    &adi_op_gconv2d,
    &adi_op_sru,
    &adi_op_sru_soft,
    &adi_op_softfuse,
    &adi_op_simam,
    &adi_op_randmask2d,
};
enum { OPS = sizeof ops / sizeof *ops };

const adi_op *adi_op_at(int32_t index)
{
    return index < OPS ? ops[index] : NULL;
}

const adi_op *adi_op_find(const char *name)
{
    for (int32_t i = 0; i < OPS; i++)
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    return NULL;
}

const char *adi_op_lacks(const adi_need *needs, const adi_kernels *kernels)
{
    void (*kernel)(void);
    for (; needs && needs->kernel; needs++) {
        memcpy(&kernel, (const char *)kernels + needs->slot, sizeof kernel);
        if (!kernel)
            return needs->kernel;
    }
    return NULL;
}
