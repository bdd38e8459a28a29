/* libadfeat: unsupervised visual anomaly detection.
 *
 * Fit a scorer on images of good parts. It scores new images and says where they are anomalous:
 *
 *     ad_context *ctx = NULL; ad_backbone *net = NULL; ad_dataset *good = NULL;
 *     ad_fitter *fitter = NULL; ad_scorer *scorer = NULL;
 *     if (ad_context_create(NULL, &ctx)
 *         || ad_backbone_open(ctx, "resnet18.safetensors", NULL, &net)
 *         || ad_dataset_open(ctx, "screws/good", NULL, &good)
 *         || ad_fitter_create(net, "padim", NULL, &fitter)
 *         || ad_fit(fitter, good, NULL, &scorer)
 *         || ad_scorer_save(scorer, "screws.scorer", NULL)) {
 *         fprintf(stderr, "%s\n", ad_last_error_message());
 *         return 1;
 *     }
 *
 *     ad_image frame = AD_IMAGE_INIT(AD_PIXEL_BGR8, pixels, width, height, row_bytes);
 *     ad_map   map   = AD_MAP_INIT(heat, width, height, width * sizeof(float));
 *     float    score;
 *     if (ad_anomaly_map(scorer, &frame, &map, &score) == AD_OK && score > threshold)
 *         reject();
 *
 *     ad_scorer_destroy(scorer); ad_fitter_destroy(fitter); ad_dataset_destroy(good);
 *     ad_backbone_destroy(net); ad_context_destroy(ctx);
 *
 * Ownership: objects are reference counted and keep their parents alive: destroy them in any order
 *   (NULL does nothing). Memory given to a call is borrowed for that call. Strings of an info
 *   struct live as long as its object, those of methods as long as the library.
 * Threads: any number may use an object at once; a fitter and its student take one call at a time.
 * Errors: AD_ERR_INVALID_ARGUMENT and AD_ERR_OUT_OF_MEMORY may come from any call that returns a
 *   status; comments list the others. Then outputs are untouched (handles: NULL), objects as
 *   before.
 * Structs: set struct_size to their sizeof, of outputs too; ..._options_init() sets it and the
 *   defaults. NULL options are the defaults. Reserved fields, and those newer than the library: 0.
 * The library never prints, never exits, and opens no file that the caller did not name. */
#ifndef ADFEAT_H
#define ADFEAT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AD_API __attribute__((visibility("default")))
#define AD_NODISCARD __attribute__((warn_unused_result))
#else
#define AD_API
#define AD_NODISCARD
#endif

/* ==== Everyday ============================================================================ */
/** The result of a call. AD_OK is 0, so a chain of calls reads `if (a() || b())`. */
typedef enum ad_status {
    AD_OK                   = 0,
    AD_ERR_INVALID_ARGUMENT = 1,  /**< a NULL, a size or an option that the call does not take */
    AD_ERR_OUT_OF_MEMORY    = 2,  /**< the allocator returned NULL, or a memory limit was reached */
    AD_ERR_IO               = 3,  /**< a file could not be opened, read or written */
    AD_ERR_FORMAT           = 4,  /**< a file or text is malformed, truncated or damaged */
    AD_ERR_MISMATCH         = 5,  /**< weights, backbone or scorer do not belong together */
    AD_ERR_SHAPE            = 6,  /**< an image or map has an impossible size */
    AD_ERR_UNSUPPORTED      = 7,  /**< valid, but this build or object does not do it */
    AD_ERR_NUMERIC          = 8,  /**< NaN, infinity or a singular matrix */
    AD_ERR_STATE            = 9,  /**< the object is not in a state that allows the call */
    AD_ERR_CANCELLED        = 10, /**< a callback asked to stop */
    AD_ERR_BACKEND          = 11  /**< a compute backend failed or does not exist */
} ad_status;
/** The name of a status, for example "AD_ERR_SHAPE"; never NULL. */
AD_API const char *ad_status_name(ad_status status);
/** One sentence about the last failure on this thread, with the numbers that matter; never NULL.
 *  Read it right after the failed call; it is valid until the next failure on this thread. */
AD_API const char *ad_last_error_message(void);

/* ---- Context --------------------------------------------------------------------------- */
/** Device, threads, allocator and logger of all objects that are made from it. */
typedef struct ad_context ad_context;
typedef enum ad_log_level { AD_LOG_WARNING = 1, AD_LOG_INFO = 2 } ad_log_level;
/** Receives one line of text without a newline, on the thread whose call caused it. */
typedef void (*ad_log_callback)(void *user, ad_log_level level, const char *text);
/** Returns `bytes` bytes aligned to `alignment` (a power of two), or NULL. Any thread may call. */
typedef void *(*ad_alloc_callback)(void *user, size_t bytes, size_t alignment);
/** Releases memory of the alloc callback; never called with NULL. */
typedef void (*ad_free_callback)(void *user, void *pointer);

/** Options of a context. "Context", below, tells more about threads and limits. */
typedef struct ad_context_options {
    uint32_t          struct_size;
    int32_t           num_threads;    /**< <= 256; 0: $OMP_NUM_THREADS, or one a core */
    const char       *device;         /**< "auto" (default: cpu), "cpu", "cuda", "cuda:1", "ref" */
    ad_alloc_callback alloc;          /**< default NULL: the C library's; set both or neither */
    ad_free_callback  free; void *alloc_user;
    ad_log_callback   log; void *log_user; /**< default NULL: silent */
    uint64_t          memory_limit;   /**< bytes of all its objects at once; default 0: no limit */
    int64_t           max_side;       /**< of files: pixels, 1 .. 2^20; default 0: 2^20 */
    int64_t           max_pixels;     /**< of files: 1 .. 2^28; default 0: 2^28 */
    int64_t           max_file_bytes; /**< 1 .. 2^30; default 0: 2^30 */
    int32_t precision; int32_t reserved; /**< of a GPU: an ad_precision; default exact */
} ad_context_options;
/** Make a context. @return AD_ERR_BACKEND (unknown device; no driver, no GPU) */
AD_NODISCARD AD_API ad_status ad_context_create(const ad_context_options *options,
    ad_context **out_context);
AD_API void ad_context_destroy(ad_context *context);

/* ---- Image and anomaly map -------------------------------------------------------------- */
/** A view of the caller's pixels, or one from ad_image_read(); ad_image_release() frees that. */
typedef struct ad_image {
    uint32_t    struct_size;
    uint32_t    format;    /**< an ad_pixel_format: AD_PIXEL_MONO8, _RGB8, _BGR8, ... */
    const void *pixels;    /**< first row */
    int64_t     width;     /**< pixels, 1 .. 1048576 */
    int64_t     height;    /**< rows, 1 .. 1048576 */
    int64_t     row_bytes; /**< from one row to the next; negative for bottom-up images */
    void       *owner;     /**< NULL for a view; private to the library otherwise */
    const float *depth;    /**< optional; metres; not a positive number: missing; NULL: none */
    int64_t     depth_width; int64_t depth_height; /**< those of the image */
    int64_t     depth_row_bytes;   /**< a multiple of sizeof(float); may be negative */
    int64_t     depth_pixel_bytes; /**< sizeof(float), or 3 times that for z of x, y, z */
    void       *depth_owner;       /**< NULL for a view; private to the library otherwise */
} ad_image;
#define AD_IMAGE_INIT(format, pixels, width, height, row_bytes)                                    \
    { (uint32_t)sizeof(ad_image), (uint32_t)(format), (pixels), (width), (height),                 \
      (int64_t)(row_bytes), NULL, NULL, 0, 0, 0, 0, NULL }

/** The caller's memory for an anomaly map: height rows of width floats. */
typedef struct ad_map {
    uint32_t struct_size;
    uint32_t reserved;  /**< 0 */
    float   *data;      /**< first row */
    int64_t  width;     /**< columns, 1 .. 1048576; usually the image's */
    int64_t  height;    /**< rows, 1 .. 1048576 */
    int64_t  row_bytes; /**< from one row to the next, a multiple of sizeof(float) */
} ad_map;
#define AD_MAP_INIT(data, width, height, row_bytes)                                                \
    { (uint32_t)sizeof(ad_map), 0, (data), (width), (height), (int64_t)(row_bytes) }

/* ---- Backbone -------------------------------------------------------------------------- */
/** A frozen, pretrained feature extractor: a graph and its weights. Immutable. */
typedef struct ad_backbone ad_backbone;
typedef struct ad_backbone_options {
    uint32_t    struct_size;
    int32_t     padding;         /**< an ad_padding; default AD_PADDING_AUTO */
    const char *prefix;          /**< of the names; NULL: that of the file's one whole network */
    const char *graph;           /**< replaces built-in graph, metadata and names; or NULL */
    double      batchnorm_eps;   /**< added to variances, in (0, 1); default 0: as the file says */
    int32_t     convolution;     /**< an ad_convolution; does not change the digest */
    int32_t     reserved;
    const char *expected_digest; /**< another digest is AD_ERR_MISMATCH; NULL: any */
    const char *architecture;    /**< NULL: as the metadata say, or the only one that fits */
} ad_backbone_options;
/** Open a backbone from a safetensors file: F32, F16 or BF16; names of torchvision, timm or
 *  EfficientNet-PyTorch; batch norm separate or folded; unused heads and layers are ignored.
 *  @return AD_ERR_IO, AD_ERR_FORMAT (also where a checksum differs), AD_ERR_MISMATCH (a tensor is
 *         missing or of another shape, or another digest), AD_ERR_INVALID_ARGUMENT (padding and
 *         eps, or one of two networks, undecided), AD_ERR_NUMERIC */
AD_NODISCARD AD_API ad_status ad_backbone_open(ad_context *context, const char *weights_path,
    const ad_backbone_options *options, ad_backbone **out_backbone);
AD_API void ad_backbone_destroy(ad_backbone *backbone);

/* ---- Dataset --------------------------------------------------------------------------- */
/** An ordered list of images, read on demand. Immutable. */
typedef struct ad_dataset ad_dataset;
/** Options of a dataset; strings default to NULL. "Datasets", below, tells more. */
typedef struct ad_dataset_options {
    uint32_t struct_size;
    int32_t  split;              /**< an ad_split; default AD_SPLIT_TRAIN: good images only */
    double   depth_scale;        /**< of depth files, as in ad_image_read_depth(); default 0 */
    int32_t  depth;              /**< 1 (default): read depth where the layout has it; 0: do not */
    int32_t  mask_good;          /**< value of good pixels in masks, 0 .. 255; default -1: 0 */
    const char *one_class;       /**< the good class of a folder of class folders, as of CIFAR-10 */
    const char *good;            /**< comma-separated names of good folders and labels */
    const char *layout;          /**< a layout by name; NULL: found by the names of folders */
    const char *normal_dir;      /**< layout "folder", paths in the folder: good images to learn */
    const char *normal_test_dir; /**< good images to test; NULL: a fifth of normal_dir */
    const char *abnormal_dir;    /**< anomalous images to test, or folders of them, one a type */
    const char *mask_dir;        /**< their masks */
    const char *csv;             /**< path of a table whose rows are the images */
    const char *category;        /**< only rows of this object; needed where there are several */
    int32_t  orientation;        /**< an ad_orientation, of images and masks; default AUTO */
    int32_t  significant_bits;   /**< as in ad_read_options; default 0 */
} ad_dataset_options;
/** Open a folder of good images, or of a known layout, sorted by name.
 *  @return AD_ERR_IO, AD_ERR_FORMAT (no image, no known layout, no good image, no such class, a
 *         missing mask, an image of a kind that is not read, several data sets),
 *         AD_ERR_INVALID_ARGUMENT (no such layout, options that exclude each other) */
AD_NODISCARD AD_API ad_status ad_dataset_open(ad_context *context, const char *path,
    const ad_dataset_options *options, ad_dataset **out_dataset);
AD_API void ad_dataset_destroy(ad_dataset *dataset);

/* ---- Fit ------------------------------------------------------------------------------- */
/** A method that is being fitted. Mutable: a second call at a time is AD_ERR_STATE. */
typedef struct ad_fitter ad_fitter;
/** The result of a fit. Immutable; each call has a workspace of its own. */
typedef struct ad_scorer ad_scorer;
/** Make a fitter of a method: "gaussian", "padim", "stfpm", "stfpm_unet", "ast", "masked_rd".
 *  @param options "key=value, key=value"; NULL: the defaults. `adfeat fit METHOD --help` lists the
 *         keys, as does ad_method_get_option(). "layers=layer1,layer2, size=256" are two options:
 *         a value ends where "key=" follows, or is quoted ("..."). A wrong key or value is refused
 *         with a sentence that lists the right ones. A method that trains makes its student here
 *  @return AD_ERR_MISMATCH (the weights lack a layer), AD_ERR_SHAPE, AD_ERR_UNSUPPORTED,
 *         AD_ERR_OUT_OF_MEMORY (also of the option memory_limit), AD_ERR_IO (cache_dir) */
AD_NODISCARD AD_API ad_status ad_fitter_create(ad_backbone *backbone, const char *method,
    const char *options, ad_fitter **out_fitter);
/** Called on the caller's thread with the share of the work done, 0 .. 1; non-zero cancels. */
typedef int (*ad_progress_callback)(void *user, double fraction);
/** State of the training of a student. Strings live as long as the call. */
typedef struct ad_train_progress {
    uint32_t    struct_size;
    int32_t     epoch_done;      /**< 1: an epoch and its validation are complete; 0: a batch is */
    const char *phase;           /**< "student", before it "autoencoders" or (AST) "teacher" */
    int32_t     phase_index; int32_t phases; /**< the index from 0 */
    int32_t     epoch; int32_t epochs; /**< of this phase, from 1 */
    int32_t     batch; int32_t batches; /**< of this epoch, from 1; 0: nothing is trained yet */
    double      loss;            /**< of this batch; epoch_done: mean over the epoch's images */
    const char *loss_part_names[4]; /**< of its terms, if it has several; NULL after the last */
    double      loss_parts[4];   /**< these, before they are weighted; 0 in a phase without it */
    double      validation;      /**< error on held-out images after the last epoch; NaN before */
    double      best_validation; /**< the lowest so far; NaN before the first */
    int32_t     best_epoch;      /**< its epoch; 0 before the first */
    int32_t     resumed;         /**< 1: this run began with a checkpoint */
    double      seconds;         /**< since this run began */
    double      seconds_left;    /**< estimated, for batch 0 from a trial; may stop earlier */
} ad_train_progress;
/** Called on the caller's thread after batches and epochs, by AST also before; non-zero cancels. */
typedef int (*ad_train_callback)(void *user, const ad_train_progress *progress);
typedef struct ad_fit_options {
    uint32_t             struct_size;
    int32_t              resume;         /**< 1: go on from the checkpoint, if there is one */
    ad_progress_callback progress;       /**< between images, in training between layers; or NULL */
    void                *user;           /**< of both callbacks */
    ad_train_callback    train;          /**< only methods that train call it; default NULL */
    const char          *checkpoint_dir; /**< an existing folder; default NULL: no checkpoints */
    int32_t              skip_damaged;   /**< 1: log, count and skip bad files; 0: they end it */
    int32_t              reserved;
} ad_fit_options;
/** Add every image of a dataset and finish: ad_fitter_add() for each, then ad_fitter_finish().
 *  @param good NULL: only images that were added before. A dataset given twice is added twice
 *  @return AD_ERR_CANCELLED, errors of reading and of ad_fitter_finish(), AD_ERR_MISMATCH (images
 *         with another orientation or other significant bits than before); of checkpoints
 *         AD_ERR_IO, AD_ERR_FORMAT, AD_ERR_MISMATCH (another training), AD_ERR_STATE (in use). The
 *         fit reads on after a damaged file: the log names all, the message the first ones and
 *         their number. The fitter keeps the images before the first of them and may go on
 *  @note ad_fitter_memory() tells the memory beforehand. Only trainings take more for more. */
AD_NODISCARD AD_API ad_status ad_fit(ad_fitter *fitter, const ad_dataset *good,
    const ad_fit_options *options, ad_scorer **out_scorer);
/** A callback may destroy its own fitter; the fitter then lives until the running call returns. */
AD_API void ad_fitter_destroy(ad_fitter *fitter);

/* ---- Score ----------------------------------------------------------------------------- */
/** Score one image. The same image gives the same bits on any thread, with any number of threads.
 *  @param out_score written on AD_OK only; unbounded, in the method's unit; larger: more anomalous
 *  @return AD_ERR_SHAPE, AD_ERR_NUMERIC
 *  @note Allocates nothing after a thread's first call with a frame of that size. */
AD_NODISCARD AD_API ad_status ad_score_image(ad_scorer *scorer, const ad_image *image,
    float *out_score);
/** Score one image and write its anomaly map, in image coordinates: computed at the network's input
 *  size and resized bilinearly to the caller's map, of any size; 0 outside a centre crop.
 *  @param map written on AD_OK only @param out_score as ad_score_image() gives, or NULL
 *  @return as ad_score_image(), and AD_ERR_UNSUPPORTED (a scorer without maps) */
AD_NODISCARD AD_API ad_status ad_anomaly_map(ad_scorer *scorer, const ad_image *image,
    const ad_map *map, float *out_score);

/* ---- Save and load --------------------------------------------------------------------- */
typedef struct ad_scorer_save_options {
    uint32_t struct_size;
    int32_t  embed_backbone; /**< 1: the backbone's weights go into the file too; default 0 */
} ad_scorer_save_options;
/** Save as one safetensors file, atomically, with the backbone's digest. @return AD_ERR_IO */
AD_NODISCARD AD_API ad_status ad_scorer_save(const ad_scorer *scorer, const char *path,
    const ad_scorer_save_options *options);
/** Load a scorer. @param weights_path the backbone's weights; NULL: they are embedded
 *  @return AD_ERR_IO, AD_ERR_FORMAT (also a wrong CRC-32), AD_ERR_MISMATCH (other weights than in
 *         the fit), AD_ERR_INVALID_ARGUMENT (no weights given or embedded), AD_ERR_NUMERIC (NaN,
 *         infinity), AD_ERR_SHAPE (too large for any machine), AD_ERR_UNSUPPORTED (too new) */
AD_NODISCARD AD_API ad_status ad_scorer_load(ad_context *context, const char *path,
    const char *weights_path, ad_scorer **out_scorer);
AD_API void ad_scorer_destroy(ad_scorer *scorer);

/* ==== That is all that most programs need. What follows is there when you look for it. ==== */

/* ---- Version --------------------------------------------------------------------------- */
#define AD_VERSION_MAJOR 0
#define AD_VERSION_MINOR 1
#define AD_VERSION_PATCH 0
/** The library's version, for example "0.1.0". */
AD_API const char *ad_version_string(void);
/** The API version that the SONAME follows: major * 1000 + minor. */
AD_API uint32_t ad_abi_version(void);
/** One line on how the library was built: compiler, BLAS, image libraries, kinds of images. */
AD_API const char *ad_build_info(void);

/* ---- Context --------------------------------------------------------------------------- *
 * Threads: any num_threads gives the same bits; 1 makes no thread. A caller's thread needs
 *   128 KiB of stack. fork(), OpenBLAS, OpenMP: lib/api/README.md, "Threads".
 * Memory: a block over memory_limit is AD_ERR_OUT_OF_MEMORY, with both numbers. Not counted: stacks
 *   of threads, buffers of BLAS, state of JPEG, PNG and TIFF decoders, memory of a GPU.
 * Files: limits hold for all that is decoded, before it is, and not for the caller's frames.
 * Callbacks may make, use and destroy other objects: lib/api/README.md, "Callbacks". alloc, free
 *   and log must not destroy the context or the backbone.
 * Devices: networks run on the device, statistics and maps on the host. "ref" is plain loops, slow.
 *   "cuda" needs the module libadfeat-cuda.so and a driver; "auto" never takes it. */
AD_API void ad_context_options_init(ad_context_options *options, size_t struct_size);
/** How a GPU multiplies. cpu and ref take no notice. */
typedef enum ad_precision {
    AD_PRECISION_EXACT = 0, /**< float32, or three products of TF32: scores within 1e-4 of cpu's */
    AD_PRECISION_FAST  = 1  /**< TF32: scores within 2e-3 */
} ad_precision;
/** Facts of a GPU. */
typedef struct ad_device_info {
    uint32_t struct_size; int32_t reserved;
    char     name[128];   /**< for example "NVIDIA H200" */
    uint64_t total_bytes; uint64_t free_bytes; /**< of its memory */
} ad_device_info;
/** The number of GPUs. @return AD_ERR_BACKEND (no module, no driver: the message tells) */
AD_NODISCARD AD_API ad_status ad_device_count(int32_t *out_count);
/** Device "cuda:INDEX". @return AD_ERR_BACKEND */
AD_NODISCARD AD_API ad_status ad_device_get_info(int32_t index, ad_device_info *out_info);

/* ---- Reading images -------------------------------------------------------------------- */
/** Pixel formats, with the GenICam PFNC codes of cameras. Grey is replicated to three channels;
 *  networks see its nearest or upper 8 bits, so MONO8 and MONO12P score alike. */
typedef enum ad_pixel_format {
    AD_PIXEL_MONO8  = 0x01080001,
    AD_PIXEL_MONO10 = 0x01100003, /**< 0..1023 in 16 bits, native byte order; larger is 1023 */
    AD_PIXEL_MONO12 = 0x01100005, /**< the same with 0..4095 */
    AD_PIXEL_MONO14 = 0x01100025, /**< the same with 0..16383 */
    AD_PIXEL_MONO16 = 0x01100007, /**< 0..65535, native byte order */
    AD_PIXEL_MONO10P = 0x010A0046, /**< 4 pixels in 5 bytes, low bits first; rows may end in one */
    AD_PIXEL_MONO12P = 0x010C0047, /**< 2 pixels in 3 bytes, as MONO10P */
    AD_PIXEL_MONO10_PACKED = 0x010C0004, /**< GigE Vision: 2 in 3 bytes, low bits in the 2nd */
    AD_PIXEL_MONO12_PACKED = 0x010C0006, /**< the same with 12 bits */
    AD_PIXEL_RGB8   = 0x02180014,
    AD_PIXEL_BGR8   = 0x02180015,
    AD_PIXEL_RGBA8  = 0x02200016, /**< alpha is dropped, as Pillow's convert("RGB") does */
    AD_PIXEL_BGRA8  = 0x02200017
} ad_pixel_format;

/** Orientation of a file: cameras store rows of the sensor and say in EXIF tag 0x0112 (JPEG APP1,
 *  PNG eXIf, WebP EXIF, TIFF tag 274) how to show them. A damaged tag counts as none. */
typedef enum ad_orientation {
    AD_ORIENTATION_AUTO    = 0, /**< upright, or as ad_scorer_read_options() says for a scorer */
    AD_ORIENTATION_UPRIGHT = 1, /**< as viewers and labelling tools show them */
    AD_ORIENTATION_RAW     = 2  /**< as stored; another orientation of a file is logged once */
} ad_orientation;

/** How a file becomes pixels. */
typedef struct ad_read_options {
    uint32_t struct_size;
    int32_t  min_side;         /**< 0: full size. N: a JPEG at the smallest of 1/8, 1/4, 1/2, 1
                                    with a shorter side >= N: faster, other pixels */
    int32_t  orientation;      /**< an ad_orientation; default AD_ORIENTATION_AUTO */
    int32_t  significant_bits; /**< of 16-bit files, 8 .. 16 (larger values: AD_ERR_FORMAT); 0:
                                    see lib/api/README.md, "16-bit files" */
} ad_read_options;
AD_API void ad_read_options_init(ad_read_options *options, size_t struct_size);
/** Set "min_side", "orientation" ("auto", "upright", "raw") or "significant_bits". */
AD_NODISCARD AD_API ad_status ad_read_options_set(ad_read_options *options, const char *key,
    const char *value);
/** Decode a file: JPEG, PNG, BMP, PNM, where built in TIFF and WebP, told by its first bytes. Grey
 *  becomes MONO8 or MONO16, all else RGB8. Damage that changes no pixel is logged, other damage is
 *  AD_ERR_FORMAT (lib/api/README.md, "Images").
 *  @param out_image overwritten; release with ad_image_release()
 *  @return AD_ERR_IO, AD_ERR_FORMAT (no image, or damaged), AD_ERR_UNSUPPORTED (CMYK, another
 *         kind), AD_ERR_SHAPE (over 1048576 a side, in JPEG 65500, or 2^28 pixels) */
AD_NODISCARD AD_API ad_status ad_image_read(ad_context *context, const char *path,
    const ad_read_options *options, ad_image *out_image);
/** The same from `size` bytes in memory, which are not kept. */
AD_NODISCARD AD_API ad_status ad_image_decode(ad_context *context, const void *bytes, size_t size,
    const ad_read_options *options, ad_image *out_image);
/** Read depth into an image that has none: a TIFF of 32-bit floats (depth, or z of points x, y, z
 *  as in MVTec 3D-AD) or a 16-bit grey PNG.
 *  @param scale metres of a value of 1; 0: 1 for TIFF, 0.001 for PNG; over 50 m is logged once
 *  @param io_image of the file's size; one of 0x0, without pixels, takes it. Release it
 *  @return AD_ERR_IO, AD_ERR_FORMAT, AD_ERR_SHAPE (another size), AD_ERR_UNSUPPORTED (the TIFF) */
AD_NODISCARD AD_API ad_status ad_image_read_depth(ad_context *context, const char *path,
    double scale, ad_image *io_image);
/** Read a mask from any kind of image: MONO8, 255 where anomalous, else 0. A pixel is good where
 *  all colour channels are mask_good, else anomalous; in a JPEG or lossy WebP it is anomalous from
 *  128 on (refused: values above 16, none above 127). Errors as ad_image_read().
 *  @param path a file, or a folder of files that are joined
 *  @param mask_good 0 .. 255 (255 is 65535 of 16 bits); -1: 0; of a lossy file 0 or 255 */
AD_NODISCARD AD_API ad_status ad_image_read_mask(ad_context *context, const char *path,
    int32_t mask_good, ad_image *out_mask);
/** Release pixels and depth that the library or a dataset read; harmless on a view. */
AD_API void ad_image_release(ad_image *image);
/** Write a PNG, atomically: 8 bits a channel; longer grey as 16, shifted up, with sBIT. */
AD_NODISCARD AD_API ad_status ad_image_write_png(ad_context *context, const ad_image *image,
    const char *path);

/* ---- Datasets -------------------------------------------------------------------------- *
 * Layouts: mvtec_ad (also mvtec_loco, btad, visa), mvtec_ad_2, mvtec_3d, visa_raw, real_iad, folder
 *   (one of good, one of bad images), pairs (masks beside images), flat (all good, either split).
 *   lib/api/README.md, "Datasets" and "Masks", tells more about them and every option. */
typedef enum ad_split { AD_SPLIT_TRAIN = 0, AD_SPLIT_TEST = 1 } ad_split;
AD_API void ad_dataset_options_init(ad_dataset_options *options, size_t struct_size);

/** One image of a dataset. */
typedef struct ad_sample {
    uint32_t    struct_size;
    int32_t     label;    /**< 0 good, 1 anomalous, -1 unknown */
    const char *name;     /**< path as opened, for messages */
    const char *group;    /**< name of its folder ("good", "scratch"), or "" */
    int32_t     has_mask; /**< 1: ad_dataset_read_mask() gives a ground-truth mask */
    int32_t     has_depth;/**< 1: the image comes with a depth plane */
} ad_sample;
/** A list of files. @param labels one ad_sample label each, or NULL: all good @param count >= 1 */
AD_NODISCARD AD_API ad_status ad_dataset_open_list(ad_context *context, const char *const *paths,
    const int32_t *labels, int64_t count, ad_dataset **out_dataset);
/** Writes a view, valid until the next call, and returns 0; else the caller gets AD_ERR_IO. */
typedef int (*ad_image_callback)(void *user, int64_t index, ad_image *out_image);
/** `count` good images of the caller. Reading one while another is in use is AD_ERR_STATE. */
AD_NODISCARD AD_API ad_status ad_dataset_from_callback(ad_context *context,
    ad_image_callback callback, void *user, int64_t count, ad_dataset **out_dataset);
AD_API int64_t ad_dataset_count(const ad_dataset *dataset);
/** Describe image `index`; reads no file. */
AD_NODISCARD AD_API ad_status ad_dataset_get(const ad_dataset *dataset, int64_t index,
    ad_sample *out_sample);
/** Select images in the order of the indices (at least one; they may repeat), with labels, masks
 *  and depth: a part to fit on, a part to hold back. Independent of its source. @since 0.1
 *  @return AD_ERR_UNSUPPORTED (images of a callback) */
AD_NODISCARD AD_API ad_status ad_dataset_select(const ad_dataset *dataset, const int64_t *indices,
    int64_t count, ad_dataset **out_dataset);
/** Read image `index`; release it with ad_image_release(). Errors as ad_image_read().
 *  @param options hold where the dataset's own leave a choice: see ad_scorer_read_options() */
AD_NODISCARD AD_API ad_status ad_dataset_read_image(const ad_dataset *dataset, int64_t index,
    const ad_read_options *options, ad_image *out_image);
/** Read the mask of image `index`. @return as ad_image_read_mask(), AD_ERR_UNSUPPORTED */
AD_NODISCARD AD_API ad_status ad_dataset_read_mask(const ad_dataset *dataset, int64_t index,
    const ad_read_options *options, ad_image *out_mask);

/* ---- Backbones and features ------------------------------------------------------------ */
/** Padding of the strided convolutions of EfficientNets; wrong padding or eps gives other features.
 *  Both come from the options (logged where metadata differ), else from the metadata ("padding",
 *  "batchnorm_eps", and "mean", "std"), else from names: EfficientNet-PyTorch's mean SAME_DYNAMIC
 *  and 1e-3, torchvision's SYMMETRIC and 1e-5 (B5: 1e-3). timm's do not tell: refused. */
typedef enum ad_padding {
    AD_PADDING_AUTO             = 0, /**< as the file says, or as its kind of file always means */
    AD_PADDING_SAME_DYNAMIC     = 1, /**< TensorFlow's SAME, from the actual input size */
    AD_PADDING_SAME_STATIC      = 2, /**< SAME of nominal size: EfficientNet-PyTorch >= 0.6.4 */
    AD_PADDING_SAME_STATIC_V063 = 3, /**< the same at every layer: EfficientNet-PyTorch <= 0.6.3 */
    AD_PADDING_SYMMETRIC        = 4  /**< (k - 1) / 2: torchvision, timm's efficientnet_* */
} ad_padding;

/** Algorithm of convolutions; results agree to about 1e-5 of the largest feature. */
typedef enum ad_convolution {
    AD_CONVOLUTION_AUTO     = 0, /**< the fastest for each shape */
    AD_CONVOLUTION_BLAS     = 1, /**< im2col in tiles, products by OpenBLAS: the portable way */
    AD_CONVOLUTION_PANELS   = 2, /**< products with packed filters: the least memory */
    AD_CONVOLUTION_WINOGRAD = 3, /**< F(4x4, 3x3), 4 times the memory; arXiv:1509.09308 */
    AD_CONVOLUTION_WINOGRAD2 = 4 /**< F(2x2, 3x3), 1.8 times; both where possible, else AUTO */
} ad_convolution;
AD_API void ad_backbone_options_init(ad_backbone_options *options, size_t struct_size);
/** Set an option from text: "padding" ("auto", "same_dynamic", "same_static", "same_static_v063",
 *  "symmetric"), "batchnorm_eps", "prefix", "convolution" ("auto", "blas", "panels", "winograd",
 *  "winograd2"), "expected_digest", "architecture". Strings are not copied: the value of "prefix",
 *  "expected_digest" and "architecture" must outlive the options. */
AD_NODISCARD AD_API ad_status ad_backbone_options_set(ad_backbone_options *options, const char *key,
    const char *value);
/** Built-in architectures: "resnet18", "efficientnet_lite0", ... */
AD_API int32_t ad_architecture_count(void);
AD_API const char *ad_architecture_name(int32_t index);
/** ad_backbone_open() from `size` bytes in memory, which are not kept. */
AD_NODISCARD AD_API ad_status ad_backbone_from_memory(ad_context *context, const void *bytes,
    size_t size, const ad_backbone_options *options, ad_backbone **out_backbone);

typedef struct ad_backbone_info {
    uint32_t    struct_size;
    int32_t     input_size;     /**< the side it was trained at, 224 for ResNet */
    const char *architecture;
    const char *digest;         /**< of network, weights, padding, eps; scorers: of a part */
    int64_t     parameter_count;/**< in use: heads and unused layers not counted */
    const char *dialect;        /**< "torchvision", "timm", "efficientnet_pytorch", or "graph" */
    int32_t     padding;        /**< the ad_padding in force; AUTO: the network leaves no choice */
    int32_t     reserved;
    double      batchnorm_eps;  /**< in force; 0: the network leaves no choice */
    float       mean[3]; float std[3]; /**< of its training images, R, G, B in 0 .. 1 */
} ad_backbone_info;
AD_NODISCARD AD_API ad_status ad_backbone_get_info(const ad_backbone *backbone,
    ad_backbone_info *out_info);

/** A layer whose features can be taken. */
typedef struct ad_layer_info {
    uint32_t    struct_size;
    int32_t     available; /**< 0: the weights file ends before this layer */
    const char *name;      /**< "maxpool", "layer1", "level3", ... */
    int64_t     height; int64_t width; int64_t channels; /**< for the given input size */
} ad_layer_info;
AD_API int32_t ad_backbone_layer_count(const ad_backbone *backbone);
/** @param input_height, input_width network input in pixels @return AD_ERR_SHAPE (too small) */
AD_NODISCARD AD_API ad_status ad_backbone_layer_info(const ad_backbone *backbone, int32_t index,
    int64_t input_height, int64_t input_width, ad_layer_info *out_info);

/** Memory for one layer's features: h x w x c floats, channels contiguous (NHWC, n = 1). */
typedef struct ad_features {
    uint32_t    struct_size;
    uint32_t    reserved;
    const char *layer;    /**< in: a layer's name */
    float      *data;     /**< in: the caller's memory */
    int64_t     capacity; /**< in: floats that data can hold */
    int64_t     height; int64_t width; int64_t channels; /**< out */
} ad_features;
/** Features of one image at one or more layers; nothing after the deepest one is computed.
 *  @param preprocess "size=256, crop=224, resize=pil_lanczos, aspect=shorter, mean=0.5,0.5,0.5,
 *         std=0.5,0.5,0.5"; NULL: the backbone's size, mean and std, Pillow's bilinear
 *  @param features `count` requests; data is written on AD_OK only
 *  @return AD_ERR_INVALID_ARGUMENT (unknown layer), AD_ERR_SHAPE (too small)
 *  @note The last plan is kept: a call with the same layers and size allocates nothing. */
AD_NODISCARD AD_API ad_status ad_extract_features(ad_backbone *backbone, const ad_image *image,
    const char *preprocess, ad_features *features, int32_t count);

/* ---- Students -------------------------------------------------------------------------- */
/** The trainable networks of a method that trains. Keeps its teacher. While ad_fit() or
 *  ad_fitter_finish() trains it, only that call's callbacks may use it, else AD_ERR_STATE. */
typedef struct ad_student ad_student;
/** Make a student with seeded random parameters. @param options those of the student
 *  @return AD_ERR_MISMATCH (the weights lack a layer), AD_ERR_UNSUPPORTED (an op before a layer
 *         cannot be trained; masked_rd of another network than a ResNet) */
AD_NODISCARD AD_API ad_status ad_student_create(ad_backbone *teacher, const char *method,
    const char *options, ad_student **out_student);
/** Load a student of ad_student_save(), or a checkpoint of the authors that `adfeat convert` wrote.
 *  That it learned from a teacher with other weights is logged.
 *  @param method NULL: as the file says, or "stfpm" @param options default: as the file says
 *  @return as ad_student_create(), AD_ERR_IO, AD_ERR_FORMAT, AD_ERR_NUMERIC (NaN or infinity),
 *         AD_ERR_MISMATCH (another method or architecture) */
AD_NODISCARD AD_API ad_status ad_student_load(ad_backbone *teacher, const char *path,
    const char *method, const char *options, ad_student **out_student);
/** Save parameters and statistics as one safetensors file, atomically: torchvision's names after
 *  "student.", U-Nets after "ae.1." etc., a flow after "flow.". @return AD_ERR_IO */
AD_NODISCARD AD_API ad_status ad_student_save(const ad_student *student, const char *path);

typedef struct ad_student_info {
    uint32_t    struct_size;
    int32_t     reserved;
    const char *method;          /**< "stfpm", "stfpm_unet", "ast", "masked_rd" */
    const char *architecture;    /**< of the teacher */
    const char *teacher_digest;  /**< of the part of the backbone that its layers need */
    const char *layers;          /**< comma-separated */
    int64_t     parameter_count; /**< trainable ones */
    int64_t     epochs_trained;  /**< in its life; it has the best epoch's parameters */
    uint64_t    seed;
} ad_student_info;
AD_NODISCARD AD_API ad_status ad_student_get_info(const ad_student *student,
    ad_student_info *out_info);
/** One more owner; each owner calls ad_student_destroy(). Returns its argument. */
AD_API ad_student *ad_student_retain(ad_student *student);
AD_API void ad_student_destroy(ad_student *student);

/* ---- Fitters --------------------------------------------------------------------------- *
 * A training writes "checkpoint.safetensors" into checkpoint_dir after every epoch and when it is
 * cancelled. Resumed, it ends with the same bits as one that was never interrupted. */
AD_API void ad_fit_options_init(ad_fit_options *options, size_t struct_size);
/** Make a fitter that trains an existing student and keeps it. @param options of the training */
AD_NODISCARD AD_API ad_status ad_fitter_create_with(ad_student *student, const char *options,
    ad_fitter **out_fitter);
/** The student of a fitter, or NULL; lives as long as the fitter, or longer when retained. */
AD_API ad_student *ad_fitter_student(const ad_fitter *fitter);
/** Add one good image. Methods that train keep its resized pixels and features. */
AD_NODISCARD AD_API ad_status ad_fitter_add(ad_fitter *fitter, const ad_image *image);
/** Say how the files of ad_fitter_add() were read, for ad_scorer_read_options(). ad_fit() takes
 *  them from the dataset; it reads a dataset that leaves them open as it was said here. */
AD_NODISCARD AD_API ad_status ad_fitter_set_read_options(ad_fitter *fitter,
    const ad_read_options *options);
/** Add all images of `other` (same backbone and options; unchanged). Merged and sequential fits
 *  agree to 1e-10. @return AD_ERR_MISMATCH, AD_ERR_UNSUPPORTED (methods that train) */
AD_NODISCARD AD_API ad_status ad_fitter_merge(ad_fitter *fitter, const ad_fitter *other);
/** Save the fit so far as one safetensors file, atomically, for another process to merge. @return
 *  AD_ERR_IO, AD_ERR_UNSUPPORTED (methods that train) */
AD_NODISCARD AD_API ad_status ad_fitter_save(ad_fitter *fitter, const char *path);
/** Make a fitter with the options and images of such a file, to go on with or to merge. @return
 *  AD_ERR_IO, AD_ERR_FORMAT (damaged, or no fit), AD_ERR_MISMATCH (of another backbone),
 *  AD_ERR_NUMERIC, AD_ERR_UNSUPPORTED (of a newer version) */
AD_NODISCARD AD_API ad_status ad_fitter_load(ad_backbone *backbone, const char *path,
    ad_fitter **out_fitter);
/** Make a scorer of the images so far; the fitter can go on. A method that trains does it here. The
 *  call after a failure or a cancelled ad_fit() goes on where that one stopped, after
 *  AD_ERR_NUMERIC anew from the best parameters. Images added in between begin a new training of
 *  the same student.
 *  @return AD_ERR_STATE (too few images: a training needs two beside those held out; or another
 *         fitter has trained the student since), AD_ERR_NUMERIC (images without variation, or a
 *         loss that is not finite: the student keeps its best parameters) */
AD_NODISCARD AD_API ad_status ad_fitter_finish(ad_fitter *fitter, ad_scorer **out_scorer);
/** The method's name, which lives as long as the library. */
AD_API const char *ad_fitter_method(const ad_fitter *fitter);
/** How to read files for the fitter, as was said to it, by ad_fit()'s dataset or by its file. */
AD_NODISCARD AD_API ad_status ad_fitter_read_options(const ad_fitter *fitter,
    ad_read_options *out_options);
/** Images added so far, merged ones included. Callbacks may call this and ad_fitter_memory(). */
AD_API int64_t ad_fitter_count(const ad_fitter *fitter);
/** Damaged images that ad_fit() left out so far, with skip_damaged. */
AD_API int64_t ad_fitter_skipped(const ad_fitter *fitter);
/** Upper limit of the fitter's memory in bytes, for any number of images; where a method trains,
 *  for those added so far. Includes resizing, once a frame of that size was added. */
AD_API size_t ad_fitter_memory(const ad_fitter *fitter);

/* ---- Scorers and batches --------------------------------------------------------------- */
/** Score `count` images, which may differ in size, faster than with one call each: every thread of
 *  the context takes one, with a workspace. Same bits as ad_score_image() and ad_anomaly_map().
 *  @param maps `count` maps, or NULL @param out_scores `count` scores, or NULL
 *  @return the error of the first image that fails; the sentence has its index. The outputs of
 *         images before it are written
 *  @note Allocates nothing after a call with so many images of those sizes. */
AD_NODISCARD AD_API ad_status ad_score_batch(ad_scorer *scorer, const ad_image *images,
    int64_t count, const ad_map *maps, float *out_scores);

typedef struct ad_scorer_info {
    uint32_t    struct_size;
    int32_t     has_map;       /**< 1: ad_anomaly_map() works */
    const char *method;        /**< by name, "padim" */
    const char *architecture;  /**< of the backbone */
    const char *backbone_digest;
    int32_t     input_size;    /**< side of the network's input after crop */
    int32_t     option_count;  /**< for ad_scorer_get_option() */
    int64_t     image_count;   /**< images it was fitted on */
    double      normal_score;  /**< RMS score of the images (a training: held-out ones); padim:
                                    0. No threshold: unseen images score higher */
    double      normal_map;    /**< the same of one map value, mean over layers; 0 without maps */
    double      score_limit;   /**< the median of good images is lower (0: unknown), else a
                                    warning: lib/api/README.md, "Score limit". No threshold */
} ad_scorer_info;
AD_NODISCARD AD_API ad_status ad_scorer_get_info(const ad_scorer *scorer, ad_scorer_info *out_info);
/** Every option in force, as text; the strings live as long as the scorer. */
AD_NODISCARD AD_API ad_status ad_scorer_get_option(const ad_scorer *scorer, int32_t index,
    const char **out_key, const char **out_value);
/** How to read files for a scorer: orientation (UPRIGHT or RAW) and significant bits of the files
 *  of its fit; min_side 0. An old file does not tell: RAW. ad_evaluate() uses them. */
AD_NODISCARD AD_API ad_status ad_scorer_read_options(const ad_scorer *scorer,
    ad_read_options *out_options);
AD_API void ad_scorer_save_options_init(ad_scorer_save_options *options, size_t struct_size);
/** ad_scorer_load() onto an open backbone: many scorers share one set of weights. */
AD_NODISCARD AD_API ad_status ad_scorer_load_onto(ad_backbone *backbone, const char *path,
    ad_scorer **out_scorer);
/** One more owner; each owner calls ad_scorer_destroy(). Returns its argument. */
AD_API ad_scorer *ad_scorer_retain(ad_scorer *scorer);
/** Receives one entry of a file's metadata; a non-zero return ends the walk. */
typedef int (*ad_metadata_callback)(void *user, const char *key, const char *value);
/** All `__metadata__` of a scorer or weights file, sorted by key, without opening a backbone. A
 *  scorer has adfeat.method, adfeat.architecture, adfeat.backbone (the digest), adfeat.embedded,
 *  adfeat.images, adfeat.option.*, ...
 *  @return AD_ERR_IO, AD_ERR_FORMAT (also where a CRC-32 differs), AD_ERR_CANCELLED */
AD_NODISCARD AD_API ad_status ad_file_metadata(ad_context *context, const char *path,
    ad_metadata_callback callback, void *user);

/* ---- Evaluation ------------------------------------------------------------------------ */
/** Figures of ad_evaluate(). Undefined ones (one class, no masks) are NaN; the notes say why. */
typedef struct ad_evaluation {
    uint32_t struct_size;
    int32_t  eval_size;       /**< side of maps for pixel figures; 0: original sizes */
    int64_t  images; int64_t anomalous; /**< the latter with label 1 */
    double   image_auroc; double image_ap;
    double   f1_max; double f1_threshold;
    double   pixel_auroc; double au_pro; /**< 8-connectivity, limit 0.3 */
    double   ms_per_image;    /**< median wall time of scoring, without reading */
    int64_t  masked;          /**< anomalous images with a mask, in pixel figures */
    double   normal_ratio;    /**< median of good images / score_limit, or NaN; > 1 is warned */
    char     image_note[256]; /**< on image figures: undefined, or images of unknown label; or "" */
    char     pixel_note[512]; /**< on pixel figures: missing, empty or odd-sized masks; or "" */
    char     scorer_note[256];/**< that scorer and images do not seem to belong together; or "" */
    int64_t  skipped;         /**< damaged images, which no figure and not `images` counts */
} ad_evaluation;

typedef struct ad_evaluate_options {
    uint32_t             struct_size;
    int32_t              eval_size;    /**< pixel figures at this side; default 0: original size */
    ad_progress_callback progress;
    void                *user;
    int32_t              skip_damaged; /**< 1: log, count and leave out bad files; 0: they end it */
    int32_t              reserved;
} ad_evaluate_options;
AD_API void ad_evaluate_options_init(ad_evaluate_options *options, size_t struct_size);
/** Score a labelled dataset (AD_SPLIT_TEST) and measure detection and localisation. Anomalous
 *  images without a mask are in image figures only. Masks of another size are scaled (nearest), of
 *  another shape refused.
 *  @param out_scores one per image in the dataset's order, NaN of skipped ones; or NULL
 *  @return AD_ERR_CANCELLED, errors of scoring and reading
 *  @note Holds about 8 bytes per pixel of the whole set for the pixel figures. */
AD_NODISCARD AD_API ad_status ad_evaluate(ad_scorer *scorer, const ad_dataset *dataset,
    const ad_evaluate_options *options, ad_evaluation *out_evaluation, float *out_scores);

/* ---- Metrics --------------------------------------------------------------------------- */
/** Area under the ROC curve, ties counted half; a non-zero label is anomalous. @return
 *  AD_ERR_NUMERIC (NaN score), AD_ERR_INVALID_ARGUMENT (only one class: undefined) */
AD_NODISCARD AD_API ad_status ad_auroc(const float *scores, const uint8_t *labels, size_t count,
    double *out_auroc);
/** Average precision: sum of (R_k - R_{k-1}) P_k over distinct thresholds, no interpolation. */
AD_NODISCARD AD_API ad_status ad_average_precision(const float *scores, const uint8_t *labels,
    size_t count, double *out_ap);
/** Largest F1 over thresholds `score >= t`, and the smallest such t: chosen on these labels. */
AD_NODISCARD AD_API ad_status ad_f1_max(const float *scores, const uint8_t *labels, size_t count,
    double *out_f1, float *out_threshold);
typedef struct ad_aupro_options {
    uint32_t struct_size;
    int32_t  connectivity; /**< 8 (default, as the MVTec AD script) or 4 */
    double   fpr_limit;    /**< integrate to this false positive rate; default 0.3, in (0, 1] */
} ad_aupro_options;
AD_API void ad_aupro_options_init(ad_aupro_options *options, size_t struct_size);
/** Area under the per-region-overlap curve of the MVTec AD script (Bergmann et al. 2021), over maps
 *  and masks (MONO8, non-zero = anomalous) of equal sizes pairwise.
 *  @return AD_ERR_SHAPE, AD_ERR_NUMERIC (NaN), AD_ERR_INVALID_ARGUMENT (no region or good pixel) */
AD_NODISCARD AD_API ad_status ad_aupro(const ad_map *maps, const ad_image *masks, size_t count,
    const ad_aupro_options *options, double *out_aupro);
/** AUROC over all pixels of `count` maps and masks pooled. */
AD_NODISCARD AD_API ad_status ad_pixel_auroc(const ad_map *maps, const ad_image *masks,
    size_t count, double *out_auroc);

/* ---- Profile --------------------------------------------------------------------------- */
/** One step of the plan that computes features. */
typedef struct ad_step_info {
    uint32_t    struct_size;
    int32_t     residual;      /**< 1: another step's result is added */
    const char *name;          /**< of the network's node, for example "layer1.0.conv1" */
    const char *op;            /**< "conv2d", "dwconv2d", "maxpool2d", ... */
    const char *kernel;        /**< "blas", ...; "expand": a depthwise one makes its input; or "" */
    const char *activation;    /**< that the step applies: "relu", "silu", ..., or "" */
    int64_t     height; int64_t width; int64_t channels; /**< of the result */
    int64_t     multiply_adds; /**< of a convolution by its definition, for any kernel; else 0 */
    int64_t     weight_bytes;  /**< of filters, laid out for the kernel */
    double      ms;            /**< median of the runs */
} ad_step_info;
/** Receives the steps in the order in which they run; a non-zero return ends the walk. */
typedef int (*ad_step_callback)(void *user, const ad_step_info *step);
/** How each step of the plan is computed, and its time on this machine, with noise as input.
 *  @param preprocess its size counts @param layers NULL: the deepest @param runs 1 .. 1000
 *  @return AD_ERR_SHAPE, AD_ERR_CANCELLED (by the callback) */
AD_NODISCARD AD_API ad_status ad_backbone_profile(ad_backbone *backbone, const char *preprocess,
    const char *layers, int32_t runs, ad_step_callback callback, void *user);

/* ---- Methods and their options --------------------------------------------------------- *
 * Scores of two methods, or scorers, do not compare. lib/methods/README.md explains each method.
 * gaussian   One Gaussian per layer; parts may lie anywhere. Rippel et al. 2020, arXiv:2005.14140.
 *            Score: Mahalanobis distance, summed over layers.
 * padim      One Gaussian per position; parts must lie alike. Defard et al. 2020, arXiv:2011.08785.
 *            Score: largest Mahalanobis distance.
 * stfpm      A student imitates a ResNet. Wang et al. 2021, arXiv:2103.04257; stfpm_unet: with
 *            U-Nets, no paper. Score: largest product over layers of squared distances, 0 .. 2.
 * ast        A flow and its student; takes depth. Rudolph et al. 2023, arXiv:2210.07829. Score:
 *            mean squared difference, with depth the largest; or negative log-likelihood.
 * masked_rd  A decoder re-creates a ResNet's features. Deng and Li 2022, arXiv:2201.10703; masks of
 *            Yang et al. 2022, arXiv:2205.01529. Score: largest sum of cosine distances. */

typedef struct ad_method_info {
    uint32_t    struct_size;
    int32_t     has_maps;     /**< 1: its scorers have maps, unless options say otherwise */
    int32_t     takes_depth;  /**< 1: it may use the images' depth */
    int32_t     merges;       /**< 1: fits can be merged, saved and loaded */
    int32_t     trains;       /**< 1: it trains a student */
    int32_t     option_count; /**< for ad_method_get_option() */
    int32_t     preset_count; /**< for ad_method_get_preset() */
    int32_t     reserved;
    const char *name;         /**< "padim" */
    const char *source;       /**< the paper */
    const char *needs;        /**< backbone and images that it is for */
} ad_method_info;
AD_API int32_t ad_method_count(void);
AD_NODISCARD AD_API ad_status ad_method_get_info(int32_t index, ad_method_info *out_info);

typedef enum ad_option_kind {
    AD_OPTION_INTEGER = 0, /**< or one of the words */
    AD_OPTION_REAL    = 1,
    AD_OPTION_CHOICE  = 2, /**< one of the words */
    AD_OPTION_BYTES   = 3,
    AD_OPTION_SEED    = 4, /**< below 2^32 */
    AD_OPTION_TEXT    = 5,
    AD_OPTION_LAYERS  = 6, /**< names of layers, comma-separated */
    AD_OPTION_TRIPLE  = 7  /**< R,G,B */
} ad_option_kind;

/** The part of a method that an option belongs to: bits. */
typedef enum ad_option_part {
    AD_OPTION_PREPROCESS = 1, /**< from the image to the network's input */
    AD_OPTION_STUDENT    = 2, /**< the student: also of ad_student_create() */
    AD_OPTION_TRAINING   = 4,
    AD_OPTION_SCORING    = 8
} ad_option_part;

/** One option of a method, as ad_fitter_create() takes it. */
typedef struct ad_option_info {
    uint32_t    struct_size;
    int32_t     kind;     /**< an ad_option_kind */
    int32_t     part;     /**< bits of ad_option_part */
    int32_t     reserved;
    const char *key;
    const char *fallback; /**< the default, as text; "": as `says` tells */
    const char *words;    /**< "none|pca|npca"; "" where there are none */
    double      low; double high; /**< of numbers, both included */
    const char *says;     /**< one line for people */
} ad_option_info;
/** Option `index` of a method; keys that set several options at once come last. */
AD_NODISCARD AD_API ad_status ad_method_get_option(const char *method, int32_t index,
    ad_option_info *out_info);
/** A preset, for the option "preset": the settings of a publication under one name. */
AD_NODISCARD AD_API ad_status ad_method_get_preset(const char *method, int32_t index,
    const char **out_name, const char **out_says);

#ifdef __cplusplus
}
#endif
#endif /* ADFEAT_H */
