/* A kernel table that has only what an op says that it needs: a call of anything else crashes. */
#ifndef ADFEAT_TESTS_NEEDED_KERNELS_H
#define ADFEAT_TESTS_NEEDED_KERNELS_H

#include <string.h>

#include "ops/op.h"

static inline void needed_kernels_add(adi_kernels *k, const adi_kernels *all, const adi_need *needs)
{
    for (; needs && needs->kernel; needs++)
        memcpy((char *)k + needs->slot, (const char *)all + needs->slot, sizeof k->conv2d_fwd);
}

static inline void needed_kernels_remove(adi_kernels *k, const adi_need *need)
{
    memset((char *)k + need->slot, 0, sizeof k->conv2d_fwd);
}

#endif
