/* input: where the preprocessed image enters the graph. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in, adi_shape *out)
{
    if (in->c != attrs->channels)
        return adi_fail(AD_ERR_SHAPE, "input '%s': has %lld channels, the graph says %d", node,
                        (long long)in->c, attrs->channels);
    *out = *in;
    return AD_OK;
}

const adi_op adi_op_input = {.name = "input", .required = ADI_ATTR_CHANNELS, .shape = shape};
