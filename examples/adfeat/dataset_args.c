/* From options of the command line to a dataset. */
#include "dataset_args.h"

#include <stdlib.h>

static int take_mask_good(const char *text, int32_t *out)
{
    char *end = NULL;
    const long value = text ? strtol(text, &end, 10) : -1;
    if (text && (end == text || *end || value < 0 || value > 255))
        return cli_usage("--mask-good is '%s', 0 to 255 is possible", text);
    *out = (int32_t)value;
    return CLI_OK;
}

int dataset_args_open(ad_context *context, const dataset_args *args, ad_split split,
                      ad_dataset **out_set)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = (int32_t)split;
    o.one_class = args->one_class;
    o.good = args->good;
    o.layout = args->layout;
    o.normal_dir = args->normal_dir;
    o.normal_test_dir = args->normal_test_dir;
    o.abnormal_dir = args->abnormal_dir;
    o.mask_dir = args->mask_dir;
    o.csv = args->csv;
    o.category = args->category;
    int code = take_mask_good(args->mask_good, &o.mask_good);
    if (code == CLI_OK)
        code = cli_depth_scale(args->depth_scale, &o.depth_scale);
    if (code == CLI_OK)
        code = cli_dataset_reading(args->orientation, args->bits, &o);
    if (code == CLI_OK && ad_dataset_open(context, args->data, &o, out_set))
        code = cli_fail_library();
    return code;
}
