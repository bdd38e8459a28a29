/* ad_dataset_open(): chooses by the options how a folder is opened. */
#include "api/dataset.h"
#include "core/options.h"

static ad_status check(const ad_dataset_options *o)
{
    ADI_CHECK_ARG(o->split == AD_SPLIT_TRAIN || o->split == AD_SPLIT_TEST,
                  "split is %d, no such ad_split", o->split);
    ADI_CHECK_ARG(o->depth == 0 || o->depth == 1, "depth is %d, 0 or 1 is possible", o->depth);
    ADI_CHECK_ARG(o->depth_scale >= 0.0 && o->depth_scale <= 1e6,
                  "depth_scale is %g, 0 to 1e6 is possible", o->depth_scale);
    ADI_CHECK_ARG(o->mask_good >= -1 && o->mask_good <= 255,
                  "mask_good is %d, -1 to 255 is possible", o->mask_good);
    const int ways = (o->one_class != NULL) + (o->csv != NULL) + (o->layout != NULL) +
                     (o->normal_dir || o->normal_test_dir || o->abnormal_dir || o->mask_dir);
    ADI_CHECK_ARG(
        ways <= 1,
        "options one_class, csv, layout and normal_dir (or another folder) exclude each other: "
        "%d of them are set",
        ways);
    ADI_CHECK_ARG(!o->category || o->csv,
                  "category is '%s': it chooses rows of a table, and option csv names none",
                  o->category);
    return AD_OK;
}

static ad_status open_folder(ad_dataset *d, const char *path, const ad_dataset_options *o)
{
    if (o->csv)
        return adi_dataset_add_csv(d, path, o);
    return o->one_class ? adi_dataset_add_classes(d, path, o->split, o->one_class)
                        : adi_dataset_add_layout(d, path, o);
}

ad_status ad_dataset_open(ad_context *context, const char *path,
                                 const ad_dataset_options *options, ad_dataset **out_dataset)
{
    ADI_CHECK_ARG(context && path && out_dataset, "ad_dataset_open: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_dataset = NULL;
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_dataset_options"));
    ADI_TRY(check(&o));
    const ad_read_options read = {.struct_size = sizeof read,
                                  .orientation = o.orientation,
                                  .significant_bits = o.significant_bits};
    ADI_TRY(adi_read_options_check(&read));
    ad_dataset *d = NULL;
    ADI_TRY(adi_dataset_new(context, &d));
    d->read = read;
    d->depth_scale = o.depth_scale;
    d->with_depth = o.depth != 0;
    d->mask_good = o.mask_good;
    const ad_status status = open_folder(d, path, &o);
    if (status == AD_OK)
        *out_dataset = d;
    else
        ad_dataset_destroy(d);
    return status;
}
