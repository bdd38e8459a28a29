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
    "  --good A,B,...      what good images are called: their folders, or labels in a table; "     \
    "default:\n"                                                                                   \
    "                      good, ok, normal and the like, in any case\n"                           \
    "  --layout L          of DIR; default: the one that its folders show. mvtec_ad, mvtec_3d, "   \
    "mvtec_loco,\n"                                                                                \
    "                      mvtec_ad_2, btad, visa, visa_raw, real_iad, folder (normal, abnormal, " \
    "mask), pairs\n"                                                                               \
    "                      (masks beside images) or flat (images, all good)\n"                     \
    "  --normal-dir D, --normal-test-dir D, --abnormal-dir D, --mask-dir D  folders in DIR: good " \
    "images\n"                                                                                     \
    "                      to learn, good ones to test on (default: a fifth of --normal-dir, "     \
    "which\n"                                                                                      \
    "                      is not learned), anomalous ones, masks\n"                               \
    "  --csv FILE          a table whose rows are the images: image (a path in DIR), label, "      \
    "split, mask,\n"                                                                               \
    "                      object, as VisA's split_csv/1cls.csv\n"                                 \
    "  --category C        only the rows of --csv of this object\n"                                \
    "  --one-class C       DIR is a folder of class folders, as of CIFAR-10, or holds such "       \
    "folders train\n"                                                                              \
    "                      and test, of which fit uses train and eval test: images of class C "    \
    "are good,\n"                                                                                  \
    "                      all others anomalous\n"                                                 \
    "  --mask-good V       the value of good pixels in masks; default 0, but where most masks "    \
    "mark more\n"                                                                                  \
    "                      than half of their image there are no pixel figures until this says 0 " \
    "or 255;\n"                                                                                    \
    "                      a mask without a pixel of V from 1 on is refused\n"                     \
    "  --depth-scale S     metres that a value of 1 in a depth file means; default: 1 in TIFF, "   \
    "0.001 in PNG\n"                                                                               \
    "  --orientation O     upright: photographs and masks as their EXIF orientation shows them, "  \
    "or "                                                                                          \
    "raw: rows\n"                                                                                  \
    "                      as they are stored; FILE remembers what fit used, for eval and score; " \
    "default\n"                                                                                    \
    "                      of fit: upright\n"                                                      \
    "  --bits N            of 16-bit images whose values are 0..2^N - 1, as of cameras with 10, "  \
    "12 or 14\n"                                                                                   \
    "                      bits: 8 to 15, or 16: the full range; FILE remembers it too; default "  \
    "of fit: as\n"                                                                                 \
    "                      an sBIT chunk says, else the full range\n"

/* Open it, or say why not and return the exit code. */
int dataset_args_open(ad_context *context, const dataset_args *args, ad_split split,
                      ad_dataset **out_set);

#endif /* ADFEAT_DATASET_ARGS_H */
