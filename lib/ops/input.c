/* input: where the preprocessed image, or features, enter the graph. If there are several inputs,
 * all but the first have a `scale`: their side is that many times the first one's. */
#include "ops/op.h"

static ad_status shape(const char *node, const adi_attrs *attrs, const adi_shape *in,
                       adi_shape *out)
{
    if (attrs->scale)
        return adi_enlarged_shape("input", node, in, in->h * attrs->scale, in->w * attrs->scale,
                                  attrs->channels, out);
    if (in->c != attrs->channels)
        return adi_fail(AD_ERR_SHAPE, "input '%s': has %lld channels, the graph says %d", node,
                        (long long)in->c, attrs->channels);
    *out = *in;
    return AD_OK;
}

const adi_op adi_op_input = {.name = "input",
                             .required = {ADI_ATTR_CHANNELS},
                             .optional = {ADI_ATTR_SCALE},
                             .shape = shape,
                             .side = adi_scaled_side};
