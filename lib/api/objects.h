/* Fitters and scorers: what the handles of the public header point to. */
#ifndef ADI_API_OBJECTS_H
#define ADI_API_OBJECTS_H

#include "core/use.h"
#include "methods/method_list.h"
#include "model/backbone.h"
#include "student/student.h"

struct ad_fitter {
    atomic_int refs; /* the caller's, and one of each call that runs: a callback may destroy the
                        fitter */
    adi_use use;
    ad_backbone *backbone; /* owned reference */
    adi_fit *fit;
    adi_extractor *extractor;
    ad_read_options read; /* of the files that the images came from; AUTO and 0: not said */
    int64_t skipped;      /* damaged images */
};

/* One option in force, as text. */
typedef struct adi_option_pair {
    const char *key;
    char *value;
} adi_option_pair;

enum { ADI_MAX_OPTIONS = 64 };

/* How a scorer comes to its pixels: remembered by its file. */
typedef struct adi_scorer_reading {
    ad_read_options files; /* as in ad_scorer_read_options() */
    int32_t rounded_16;    /* as in adi_preprocess; of scorers that were fitted before
                              adi_grey_to_8() */
} adi_scorer_reading;

/* Whether a scorer sees images of the product that it was fitted on: api/product_watch.c. */
enum { ADI_WATCHED = 8 }; /* images */

typedef struct adi_product_watch {
    double limit; /* that the median score of good images does not pass; 0: not known */
    atomic_int taken, kept, said;
    _Atomic float first[ADI_WATCHED];
} adi_product_watch;

struct ad_scorer {
    atomic_int refs;
    ad_backbone *backbone;
    adi_model *model;
    adi_facts facts;
    adi_extractor *extractor;
    char digest[17]; /* of the backbone's nodes in use, as it was when fitted */
    adi_scorer_reading reading;
    adi_option_pair options[ADI_MAX_OPTIONS];
    int32_t option_count;
    adi_product_watch watch;
};

/* backbone_open.c: a backbone from an open weights file; options as in ad_backbone_open(). layers:
 * NULL, or comma-separated names: all that will be asked for, so that the rest stays in the file.
 * Names that the graph does not have are no reason. */
ad_status adi_backbone_from_file(ad_context *context, const adi_safetensors *file,
                                 const ad_backbone_options *options, const char *layers,
                                 ad_backbone **out_backbone);
/* The same from the path of a file. */
ad_status adi_backbone_open(ad_context *context, const char *weights_path,
                            const ad_backbone_options *options, const char *layers,
                            ad_backbone **out_backbone);
/* scorer.c: a scorer around a model, which it owns from then on, also on failure. */
ad_status adi_scorer_wrap(ad_backbone *backbone, adi_model *model, const adi_facts *facts,
                          const char *digest, const adi_scorer_reading *reading,
                          ad_scorer **out_scorer);
/* Score an image whose label is known: what the scorer makes of the first images it sees is not
 * looked at. map: NULL, or checked, of a scorer that has maps. */
ad_status adi_scorer_run(ad_scorer *scorer, const ad_image *image, const ad_map *map,
                         float *out_score);
/* scorer_file.c: ad_scorer_load() from bytes in memory. */
ad_status adi_scorer_load_bytes(ad_context *context, const uint8_t *bytes, size_t size,
                                const char *weights_path, ad_scorer **out_scorer);

#endif
