/* The attributes that nodes of a graph may have. */
#include <string.h>

#include "ops/op.h"

enum { MAX_KERNEL = 64, MAX_STRIDE = 64, MAX_SCALE = 64 };

#define INTEGER(NAME, LOW, HIGH) {#NAME, ADI_ATTR_INTEGER, offsetof(adi_attrs, NAME), LOW, HIGH}
#define REAL(NAME, LOW, HIGH)    {#NAME, ADI_ATTR_REAL, offsetof(adi_attrs, NAME), LOW, HIGH}

const adi_attr_row adi_attr_rows[ADI_ATTR_COUNT] = {
    [ADI_ATTR_CHANNELS] = INTEGER(channels, 1, ADI_MAX_CHANNELS),
    [ADI_ATTR_OUT] = INTEGER(out, 1, ADI_MAX_CHANNELS),
    [ADI_ATTR_KERNEL] = INTEGER(kernel, 1, MAX_KERNEL),
    [ADI_ATTR_STRIDE] = INTEGER(stride, 1, MAX_STRIDE),
    [ADI_ATTR_PAD] = {"pad", ADI_ATTR_PADDING, offsetof(adi_attrs, pad), 0, MAX_KERNEL - 1},
    [ADI_ATTR_EPS] = REAL(eps, 1e-12, 1.0),
    [ADI_ATTR_BIAS] = INTEGER(bias, 0, 1),
    [ADI_ATTR_SCALE] = INTEGER(scale, 1, MAX_SCALE),
    [ADI_ATTR_FROM] = INTEGER(from, 0, ADI_MAX_CHANNELS - 1),
    [ADI_ATTR_SEED] = INTEGER(seed, 0, INT32_MAX),
    [ADI_ATTR_INVERSE] = INTEGER(inverse, 0, 1),
    /* above 0: backward takes x's sign from the result */
    [ADI_ATTR_SLOPE] = REAL(slope, 1e-6, 1.0),
    [ADI_ATTR_ALPHA] = REAL(alpha, 1e-3, 64.0), /* exp(64) is a float */
    [ADI_ATTR_LIMIT] = REAL(limit, 1e-12, 1e30),
    [ADI_ATTR_GROUPS] = INTEGER(groups, 1, ADI_MAX_CHANNELS),
    [ADI_ATTR_JOINT] = INTEGER(joint, 0, 1),
    [ADI_ATTR_EVAL] = INTEGER(eval, 0, 1),
    [ADI_ATTR_INIT] = INTEGER(init, ADI_INIT_USUAL, ADI_INIT_DEFAULT),
    [ADI_ATTR_LAMBDA] = REAL(lambda, 1e-12, 1e6),  /* above 0: a channel may be constant */
    [ADI_ATTR_RATE] = REAL(rate, 0.0, 0.999999), /* below 1; printed as it is */
};

adi_attr adi_attr_find(const char *key)
{
    for (int32_t i = ADI_ATTR_NONE + 1; i < ADI_ATTR_COUNT; i++)
        if (strcmp(adi_attr_rows[i].key, key) == 0)
            return (adi_attr)i;
    return ADI_ATTR_NONE;
}
