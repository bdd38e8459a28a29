/* The options that say what lies in --data, which 'fit' and 'eval' share. */
#ifndef ADFEAT_DATASET_ARGS_H
#define ADFEAT_DATASET_ARGS_H

#include "args.h"
#include "cli.h"

typedef struct dataset_args {
    const char *data, *one_class, *depth_scale, *good, *layout, *normal_dir, *normal_test_dir,
        *abnormal_dir, *mask_dir, *csv, *category, *mask_good, *orientation, *bits;
} dataset_args;

/* Rows of a command's arg_spec. */
#define DATASET_SPECS(d)                                                                           \
    {"--data", NULL, ARG_TEXT, &(d).data, 0, 0},                                                   \
        {"--one-class", NULL, ARG_TEXT, &(d).one_class, 0, 0},                                     \
        {"--depth-scale", NULL, ARG_TEXT, &(d).depth_scale, 0, 0},                                 \
        {"--good", NULL, ARG_TEXT, &(d).good, 0, 0},                                               \
        {"--layout", NULL, ARG_TEXT, &(d).layout, 0, 0},                                           \
        {"--normal-dir", NULL, ARG_TEXT, &(d).normal_dir, 0, 0},                                   \
        {"--normal-test-dir", NULL, ARG_TEXT, &(d).normal_test_dir, 0, 0},                         \
        {"--abnormal-dir", NULL, ARG_TEXT, &(d).abnormal_dir, 0, 0},                               \
        {"--mask-dir", NULL, ARG_TEXT, &(d).mask_dir, 0, 0},                                       \
        {"--csv", NULL, ARG_TEXT, &(d).csv, 0, 0},                                                 \
        {"--category", NULL, ARG_TEXT, &(d).category, 0, 0},                                       \
        {"--mask-good", NULL, ARG_TEXT, &(d).mask_good, 0, 0},                                     \
        {"--orientation", NULL, ARG_TEXT, &(d).orientation, 0, 0},                                 \
    {                                                                                              \
        "--bits", NULL, ARG_TEXT, &(d).bits, 0, 0                                                  \
    }

/* What --help says of them, but of --data. */
#define DATASET_HELP                                                                               \
    "data set:\n"                                                                                  \
    "  --good A,B,...      names of the folders (or labels) of good images; default:\n"            \
    "                      good, ok, normal and the like, in any case\n"                           \
    "  --layout L          default: what the folders show. mvtec_ad, mvtec_3d,\n"                  \
    "                      mvtec_loco, mvtec_ad_2, btad, visa, visa_raw, real_iad,\n"              \
    "                      folder (normal, abnormal, mask), pairs (masks beside\n"                 \
    "                      images) or flat (images, all of them good)\n"                           \
    "  --normal-dir D      folder in DIR with good images, for a layout of your own\n"             \
    "  --normal-test-dir D good images to test on; default: a fifth of --normal-dir,\n"            \
    "                      which is not learned\n"                                                 \
    "  --abnormal-dir D    folder in DIR with anomalous images\n"                                  \
    "  --mask-dir D        folder in DIR with their masks\n"                                       \
    "  --csv FILE          a table with a row for each image, as VisA's\n"                         \
    "                      split_csv/1cls.csv: image (a path in DIR), label, split,\n"             \
    "                      mask, object\n"                                                         \
    "  --category C        only the rows of --csv with this object\n"                              \
    "  --one-class C       DIR holds a folder for each class, as CIFAR-10 does (also\n"            \
    "                      in its folders train and test): images of class C are\n"                \
    "                      good, all others anomalous\n"                                           \
    "  --mask-good V       value of good pixels in masks; default 0. Where most masks\n"           \
    "                      mark more than half of their image, eval gives no pixel\n"              \
    "                      figures until this says 0 or 255. A mask without a pixel\n"             \
    "                      of V from 1 on is refused\n"                                            \
    "  --depth-scale S     metres that a value of 1 in a depth file means; default: 1\n"           \
    "                      in TIFF, 0.001 in PNG\n"                                                \
    "  --orientation O     upright: as EXIF says; raw: rows as they are stored.\n"                 \
    "                      Default of fit: upright; FILE remembers it for eval and\n"              \
    "                      score\n"                                                                \
    "  --bits N            of 16-bit images with values 0..2^N - 1, as of cameras\n"               \
    "                      with 10, 12 or 14 bits: 8 to 15, or 16: the full range.\n"              \
    "                      Default of fit: as an sBIT chunk says, else the full\n"                 \
    "                      range; FILE remembers it too\n"

/* Open it, or say why not and return the exit code. */
int dataset_args_open(ad_context *context, const dataset_args *args, ad_split split,
                      ad_dataset **out_set);

#endif /* ADFEAT_DATASET_ARGS_H */
