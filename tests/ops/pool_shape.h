/* Shapes of pooling, for the tests of it and of its gradient. */
#ifndef ADFEAT_TESTS_POOL_SHAPE_H
#define ADFEAT_TESTS_POOL_SHAPE_H

#include "harness/op_case.h"

enum { POOL_NAME = 120 };

static inline void pool_name(char name[POOL_NAME], const adi_pool2d_dims *d)
{
    snprintf(name, POOL_NAME, "n%lld %lldx%lldx%lld -> %lldx%lld kernel %d stride %d pad %d,%d",
             (long long)d->n, (long long)d->h, (long long)d->w, (long long)d->c, (long long)d->oh,
             (long long)d->ow, d->k, d->stride, d->pad_top, d->pad_left);
}

/* At random, of at most `work` taps in all windows together. */
static inline adi_pool2d_dims pool_random(int64_t work)
{
    for (;;) {
        adi_pool2d_dims d = {.n = op_int(1, 5),
                             .h = op_int(1, 13),
                             .w = op_int(1, 13),
                             .c = op_int(1, 67),
                             .k = (int32_t)op_int(1, 7),
                             .stride = (int32_t)op_int(1, 3),
                             .pad_top = (int32_t)op_int(0, 3),
                             .pad_left = (int32_t)op_int(0, 3)};
        const int64_t high = d.h + d.pad_top + op_int(0, 3) - d.k;
        const int64_t wide = d.w + d.pad_left + op_int(0, 3) - d.k;
        if (high < 0 || wide < 0)
            continue;
        d.oh = high / d.stride + 1;
        d.ow = wide / d.stride + 1;
        if (d.n * d.oh * d.ow * d.c * d.k * d.k <= work)
            return d;
    }
}

#endif
