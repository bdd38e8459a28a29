/* An extractor computes feature maps of an image: preprocessing, a plan, and a pool of workspaces,
 * of which every call borrows one. All methods and ad_extract_features() use it. */
#ifndef ADI_MODEL_EXTRACTOR_H
#define ADI_MODEL_EXTRACTOR_H

#include <pthread.h>

#include "device/device.h"
#include "device/tape.h"
#include "model/option_table.h"
#include "nn/plan.h"
#include "vision/depth.h"
#include "vision/vision.h"

typedef struct adi_workspace {
    struct adi_workspace *next;
    adi_frame frame; /* of the image that was run last */

    /* In the backend's memory. */
    adi_queue *queue; /* of all that happens there; NULL on the host */
    adi_tape tapes[2]; /* of scoring: without a map, with one */
    adi_tape *tape;    /* the one that runs, or NULL */
    adi_f32 *block;   /* activations */
    void *scratch;    /* kernels */
    adi_f32 *extra;   /* the method's own */
    adi_f32 *results; /* what the method computes for the host; behind extra */

    /* In the host's memory. */
    float *host_results; /* `results` once they were fetched; the same memory on the host */
    void *host_scratch;  /* of the map's kernels; the same as scratch on the host */
    float *input;        /* the network's input on its way to a device; else NULL */
    float *layers;       /* features that were fetched from a device; else NULL */
    float *map;    /* map_side x map_side, for methods that say where */
    float *tail;   /* for the computation of the map */
    uint8_t *rgb;  /* crop x crop x 3, for methods that keep or need the image itself */
    float *depth;  /* for methods that take depth: values of the positions, then their shares of
                      foreground */
    adi_resize_scratch resize;
    adi_depth_scratch depth_scratch;
} adi_workspace;

typedef struct adi_extractor {
    ad_context *context;        /* kept alive by the owner's backbone */
    const adi_network *network;
    adi_preprocess preprocess;
    int32_t taps[ADI_MAX_LAYERS];
    int32_t tap_count;
    adi_plan *plan;
    size_t scratch_bytes, extra_floats, result_floats;
    size_t host_scratch_bytes, map_floats, tail_floats;
    size_t rgb_bytes; /* 0: not kept */
    int32_t map_side; /* of the workspaces' maps */
    adi_image_needs needs;
    adi_depth_options depth;
    pthread_mutex_t lock; /* of the two below */
    adi_workspace *idle;
    size_t grown_bytes; /* most that a workspace needed for resizing and depth */
} adi_extractor;

ad_status adi_extractor_create(ad_context *context, const adi_network *network,
                               const adi_preprocess *preprocess, const int32_t *taps,
                               int32_t tap_count, adi_extractor **out_extractor);
void adi_extractor_destroy(adi_extractor *x);
/* Before the first borrow: a method needs this in each workspace beside the plan's memory. The
 * host reads the results. */
void adi_extractor_reserve(adi_extractor *x, size_t kernel_scratch_bytes, size_t extra_floats,
                           size_t result_floats);
/* The same for an anomaly map of side x side, which covers the network's input, for the floats that
 * its computation needs, and for the scratch of its kernels, which run on the host. */
void adi_extractor_reserve_map(adi_extractor *x, int32_t side, size_t tail_floats,
                               size_t host_scratch_bytes);

/* Before the first borrow: every run leaves the resized 8-bit pixels in the workspace, since the
 * plan may overwrite the network's input. */
void adi_extractor_keep_rgb(adi_extractor *x);

/* Before the first borrow: images must have depth, which every run leaves in the workspace. needs:
 * where no pixels are needed, the network is not run. */
void adi_extractor_take_depth(adi_extractor *x, adi_image_needs needs,
                              const adi_depth_options *options);
/* Whether the context's memory_limit has room for one more workspace. It is asked when a scorer is
 * loaded, so that its first image does not fail. */
ad_status adi_extractor_check_room(const adi_extractor *x);
/* Bytes of the extractor, its plan and one workspace. Memory for resizing is counted once an image
 * has been resized. */
size_t adi_extractor_bytes(adi_extractor *x);

ad_status adi_extractor_borrow(adi_extractor *x, adi_workspace **out_workspace);
void adi_extractor_give_back(adi_extractor *x, adi_workspace *w);
/* Leaves the features of one image, and its depth where that is taken, in the workspace. The image
 * is a caller's, and is checked here. */
ad_status adi_extractor_run(const adi_extractor *x, adi_workspace *w, const ad_image *image);

/* Write the input of the image that was run last to `to`, in the backend's memory, for another
 * network of the same preprocessing. The extractor keeps the pixels. */
ad_status adi_extractor_input(const adi_extractor *x, const adi_workspace *w, adi_f32 *to);

/* Layer `index` of the extractor: its shape, its data in a workspace, its name. */
const adi_shape *adi_extractor_shape(const adi_extractor *x, int32_t index);
const adi_f32 *adi_extractor_data(const adi_extractor *x, const adi_workspace *w, int32_t index);
const char *adi_extractor_layer(const adi_extractor *x, int32_t index);
/* *out: its data in the host's memory, until the workspace runs again. */
ad_status adi_extractor_fetch(const adi_extractor *x, adi_workspace *w, int32_t index,
                              const float **out);
/* What runs until the results are fetched is that of every other image: on a device it is recorded
 * and replayed. which: 0 or 1, two kinds that differ. */
ad_status adi_extractor_begin(const adi_extractor *x, adi_workspace *w, int32_t which);
/* Copy the first `floats` results to w->host_results, once they are there. */
ad_status adi_extractor_fetch_results(const adi_extractor *x, adi_workspace *w, size_t floats);
/* AD_ERR_NUMERIC where the layer's features hold NaN or infinity. */
ad_status adi_extractor_check_finite(const adi_extractor *x, adi_workspace *w, int32_t index);
/* That failure, for a caller that found it. */
ad_status adi_extractor_not_finite(const adi_extractor *x, int32_t index);

static inline adi_exec adi_workspace_exec(const adi_extractor *x, const adi_workspace *w)
{
    return adi_device_exec(&x->context->device, w->scratch, w->queue);
}

/* Where the backend writes what the host will read at `host`, a place in w->host_results. */
static inline adi_f32 *adi_workspace_result(const adi_workspace *w, const float *host)
{
    return w->results + (host - w->host_results);
}

#endif
