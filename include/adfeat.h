/* libadfeat: unsupervised visual anomaly detection.
 *
 * Show it images of good parts, then ask of every new image how anomalous it is and where:
 *
 *     ad_context  *ctx    = NULL;
 *     ad_backbone *net    = NULL;
 *     ad_dataset  *good   = NULL;
 *     ad_fitter   *fitter = NULL;
 *     ad_scorer   *scorer = NULL;
 *
 *     if (ad_context_create(NULL, &ctx)
 *         || ad_backbone_open(ctx, "resnet18.safetensors", NULL, &net)
 *         || ad_dataset_open(ctx, "screws/good", NULL, &good)
 *         || ad_fitter_create(net, "padim", NULL, &fitter)
 *         || ad_fit(fitter, good, NULL, &scorer)
 *         || ad_scorer_save(scorer, "screws.safetensors", NULL)) {
 *         fprintf(stderr, "%s\n", ad_last_error_message());
 *         return 1;
 *     }
 *
 *     ad_image frame = AD_IMAGE_INIT(AD_PIXEL_BGR8, pixels, width, height, row_bytes);
 *     ad_map   map   = AD_MAP_INIT(heat, width, height, width * sizeof(float));
 *     float    score;
 *     if (ad_anomaly_map(scorer, &frame, &map, &score) == AD_OK && score > limit)
 *         reject();
 *
 *     ad_scorer_destroy(scorer);
 *     ad_fitter_destroy(fitter);
 *     ad_dataset_destroy(good);
 *     ad_backbone_destroy(net);
 *     ad_context_destroy(ctx);
 *
 * Objects are opaque and reference counted: children keep their parents alive, so they may be
 * destroyed in any order, and destroying NULL does nothing. Every fallible call returns an
 * ad_status; on failure its outputs are untouched (handles: NULL) and the objects are as before.
 * Option and view structs begin with struct_size; NULL options mean defaults. What a newer header
 * has beyond this library's must be 0, and so must reserved fields, else the call is refused. The
 * library never prints, never exits, and opens no file that the caller did not name.
 *
 * Calls from callbacks. A callback may score, read files and datasets, ask (the ..._get, ..._count and
 * ..._info functions), save, make and destroy objects. It may not change what the call that runs is
 * changing: ad_fitter_add(), ad_fitter_merge(), ad_fitter_finish() and ad_fit() on the fitter of a
 * running call, on another fitter of the student that it trains, and reading a dataset while its own
 * callback or the fit of its image runs, are AD_ERR_STATE and change nothing. A second thread that
 * calls so at the same time is told the same. What a running call uses may be destroyed in a callback
 * of it, and is gone when it has returned; but the context and the backbone not by those of alloc,
 * free and log.
 *
 * Floating point. Every call computes in the default environment (round to nearest, denormals kept,
 * no traps), whatever the calling thread has set, and puts back what was there: results have the same
 * bits. Callbacks run in the default environment too. */
#ifndef ADFEAT_H
#define ADFEAT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AD_VERSION_MAJOR 0
#define AD_VERSION_MINOR 1
#define AD_VERSION_PATCH 0

#if defined(__GNUC__)
#define AD_API __attribute__((visibility("default")))
#define AD_NODISCARD __attribute__((warn_unused_result))
#else
#define AD_API
#define AD_NODISCARD
#endif

/* ---- Status ---------------------------------------------------------------------------- */

/** What every fallible call returns. AD_OK is 0, so a chain of calls reads `if (a() || b())`. */
typedef enum ad_status {
    AD_OK                   = 0,
    AD_ERR_INVALID_ARGUMENT = 1,  /**< a NULL, a size or an option that the call does not take */
    AD_ERR_OUT_OF_MEMORY    = 2,  /**< the allocator returned NULL */
    AD_ERR_IO               = 3,  /**< a file could not be opened, read or written */
    AD_ERR_FORMAT           = 4,  /**< a file or text is malformed, truncated or damaged */
    AD_ERR_MISMATCH         = 5,  /**< weights, backbone or scorer that do not belong together */
    AD_ERR_SHAPE            = 6,  /**< an image or map of an impossible size */
    AD_ERR_UNSUPPORTED      = 7,  /**< well-formed, but not something this build or object does */
    AD_ERR_NUMERIC          = 8,  /**< NaN, infinity or a singular matrix */
    AD_ERR_STATE            = 9,  /**< the object is not in a state that allows the call */
    AD_ERR_CANCELLED        = 10, /**< a progress callback asked to stop */
    AD_ERR_BACKEND          = 11  /**< a compute backend failed or does not exist */
} ad_status;

/** The status' name, for example "AD_ERR_SHAPE"; never NULL. */
AD_API const char *ad_status_name(ad_status status);

/** One sentence about the last failure on this thread, with the numbers that matter.
 *  Means something only right after a call on the same thread failed; never NULL.
 *  Valid until the next failing call on this thread. */
AD_API const char *ad_last_error_message(void);

/* ---- Version --------------------------------------------------------------------------- */

/** The library's version, for example "0.1.0". */
AD_API const char *ad_version_string(void);
/** The API version that the SONAME follows: major * 1000 + minor. */
AD_API uint32_t ad_abi_version(void);
/** How the library was built: compiler, BLAS, image libraries, the kinds of images it reads, in one line. */
AD_API const char *ad_build_info(void);

/* ---- Context --------------------------------------------------------------------------- */

/** Device, threads, allocator and logger of everything made from it. Threads: any. */
typedef struct ad_context ad_context;

typedef enum ad_log_level { AD_LOG_WARNING = 1, AD_LOG_INFO = 2 } ad_log_level;

/** Receives one line of text without a newline, on the thread whose call caused it. */
typedef void (*ad_log_callback)(void *user, ad_log_level level, const char *text);
/** Returns `bytes` bytes aligned to `alignment` (a power of two), or NULL. Any thread may call. */
typedef void *(*ad_alloc_callback)(void *user, size_t bytes, size_t alignment);
/** Releases what the alloc callback returned; never called with NULL. */
typedef void (*ad_free_callback)(void *user, void *pointer);

/** Options of a context. Fill with ad_context_options_init(). Fields are only ever appended. */
typedef struct ad_context_options {
    uint32_t          struct_size; /**< set by init: what the caller was compiled with */
    /** Threads of one call; default 0: one to a core, or $OMP_NUM_THREADS; <= 256. Results have the
     *  same bits for any number. With 1 no thread is made. Others are made here, serve the calls of
     *  all contexts, spin for less than 0.1 ms before they sleep, and end with the last context.
     *  Where they cannot be made (RLIMIT_NPROC, TasksMax) the log is warned, and calls run with fewer,
     *  as they do where others are busy. A child of fork() makes its own, and may use what was made
     *  before if no other thread of its parent was in a call. A caller's thread needs a stack of
     *  128 KiB. What is not the library's: OpenBLAS takes 128 MiB of address space for each of
     *  $OMP_NUM_THREADS (default: one to a core) while it is loaded, which never ends where
     *  RLIMIT_AS does not leave them; fits take as much for each thread that is in a product, or wait
     *  for another's, or are AD_ERR_OUT_OF_MEMORY. GCC's OpenMP ends the process if it does not get
     *  the few bytes that it keeps for a thread that calls OpenBLAS for the first time. */
    int32_t           num_threads;
    const char       *device;      /**< "auto" (default), "cpu", or "ref": plain loops, the slow oracle */
    ad_alloc_callback alloc;       /**< default NULL: the C library's; set both or neither */
    ad_free_callback  free;
    void             *alloc_user;
    ad_log_callback   log;         /**< default NULL: silent */
    void             *log_user;
    uint64_t          memory_limit; /**< bytes that all that is made from the context may hold at once; default 0: no
                                         limit. A block that would pass it is not asked for: AD_ERR_OUT_OF_MEMORY,
                                         with both numbers. What libraries below take for themselves (threads'
                                         stacks, BLAS's buffers, the state of JPEG, PNG and TIFF decoders) is not
                                         counted */
    /* Of files with images, masks or depth, from a path or from memory: larger ones are AD_ERR_SHAPE,
     * or of more bytes AD_ERR_FORMAT, before anything is decoded. Frames that the caller holds are not
     * limited. */
    int64_t           max_side;       /**< pixels of a side, 1 .. 2^20; default 0: 2^20 */
    int64_t           max_pixels;     /**< 1 .. 2^28; default 0: 2^28 */
    int64_t           max_file_bytes; /**< 1 .. 2^30; default 0: 2^30 */
} ad_context_options;

AD_API void ad_context_options_init(ad_context_options *options, size_t struct_size);

/** Make a context. @param options NULL: defaults
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT, AD_ERR_BACKEND (unknown device), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_context_create(const ad_context_options *options,
                                                ad_context **out_context);
AD_API void ad_context_destroy(ad_context *context);

/* ---- Images ---------------------------------------------------------------------------- */

/** Pixel formats, by their GenICam PFNC codes: what a camera's SDK reports can be passed on. Networks see eight bits of a
 *  grey sample, its nearest or, where that is more, its upper ones: a camera's MONO8, MONO12 and MONO12P score alike. */
typedef enum ad_pixel_format {
    AD_PIXEL_MONO8  = 0x01080001,
    AD_PIXEL_MONO10 = 0x01100003, /**< 0..1023 in 16 bits, native byte order; more is taken for 1023 */
    AD_PIXEL_MONO12 = 0x01100005, /**< 0..4095, likewise */
    AD_PIXEL_MONO14 = 0x01100025, /**< 0..16383, likewise */
    AD_PIXEL_MONO16 = 0x01100007, /**< full range 0..65535, native byte order */
    AD_PIXEL_MONO10P = 0x010A0046, /**< four pixels in five bytes, lowest bits first; a row may end within a byte */
    AD_PIXEL_MONO12P = 0x010C0047, /**< two pixels in three bytes, likewise */
    AD_PIXEL_MONO10_PACKED = 0x010C0004, /**< GigE Vision's: two pixels in three bytes, low bits of both in the middle */
    AD_PIXEL_MONO12_PACKED = 0x010C0006, /**< likewise */
    AD_PIXEL_RGB8   = 0x02180014,
    AD_PIXEL_BGR8   = 0x02180015,
    AD_PIXEL_RGBA8  = 0x02200016, /**< alpha is dropped, as Pillow's convert("RGB") does */
    AD_PIXEL_BGRA8  = 0x02200017
} ad_pixel_format;

/** A borrowed view of pixels, or what ad_image_read() made (then owner is set and
 *  ad_image_release() must be called). Grey is replicated to three channels when scored. */
typedef struct ad_image {
    uint32_t    struct_size;
    uint32_t    format;    /**< an ad_pixel_format */
    const void *pixels;    /**< first row */
    int64_t     width;     /**< pixels, 1 .. 1048576 */
    int64_t     height;    /**< rows, 1 .. 1048576 */
    int64_t     row_bytes; /**< from one row to the next; negative for bottom-up images */
    void       *owner;     /**< NULL for a view; private to the library otherwise */
    /* An optional depth plane, aligned with the pixels. Methods that do not use it do not look at it. */
    const float *depth;        /**< first row, metres from the camera; what is not a positive number is missing;
                                    NULL: none */
    int64_t     depth_width;   /**< that of the image */
    int64_t     depth_height;
    int64_t     depth_row_bytes;   /**< from one row to the next, a multiple of sizeof(float); may be negative */
    int64_t     depth_pixel_bytes; /**< from one value to the next: sizeof(float), or for the z of an organised
                                        point cloud x, y, z 3 * sizeof(float) */
    void       *depth_owner;   /**< NULL for a view; private to the library otherwise */
} ad_image;

#define AD_IMAGE_INIT(format, pixels, width, height, row_bytes)                                    \
    { (uint32_t)sizeof(ad_image), (uint32_t)(format), (pixels), (width), (height),                 \
      (int64_t)(row_bytes), NULL, NULL, 0, 0, 0, 0, NULL }

/** Which way up a file's pixels come. Cameras store the sensor's rows and say in EXIF tag 0x0112 how they are to be
 *  shown, one of eight values: of JPEG in APP1, of PNG in eXIf, of WebP in EXIF, of TIFF tag 274. A damaged one means as
 *  they are. */
typedef enum ad_orientation {
    AD_ORIENTATION_AUTO    = 0, /**< upright; where files are read for a scorer, as it says: ad_scorer_read_options() */
    AD_ORIENTATION_UPRIGHT = 1, /**< as viewers and labelling tools show them */
    AD_ORIENTATION_RAW     = 2  /**< as they are stored; that a file has another orientation is logged once */
} ad_orientation;

/** How a file becomes pixels. Fill with ad_read_options_init(). Fields are only ever appended. */
typedef struct ad_read_options {
    uint32_t struct_size;
    int32_t  min_side; /**< default 0: the whole image. N: a JPEG at 1/2, 1/4 or 1/8 of its size, the smallest whose
                            shorter side has N pixels still. Takes about half the time, and resizing what is left
                            less; the pixels are not those that resizing the whole image gives, so a scorer should be
                            fitted on images that were read alike. Twice ad_preprocess.size and more keeps most of
                            the detail */
    int32_t  orientation;      /**< an ad_orientation; default AD_ORIENTATION_AUTO */
    int32_t  significant_bits; /**< of 16-bit files (PNG, grey TIFF and PNM of maxval 65535): how many bits of a sample mean something. Such files are of the full
                            range 0..65535, but cameras of 12 bits save 0..4095, which without a word are nearly black.
                            8 .. 15: the values are 0..2^n - 1 and are shifted up to 16 bits; a greater one is
                            AD_ERR_FORMAT. 16: as they are. Default 0: as an sBIT chunk of n says. By PNG's standard
                            its samples were shifted up already, but cameras write it beside values that were not: where
                            one is above 2^n - 1 they are taken as they are; where all are below and some use the lowest
                            16 - n bits they are shifted up; where neither tells (a dark image) they are taken as they
                            are, and that is logged once. Without sBIT they are taken as they are, and it is logged once
                            when the largest of a file is below 4096 */
} ad_read_options;

AD_API void ad_read_options_init(ad_read_options *options, size_t struct_size);
/** Set one option by name from text: "min_side", "orientation" ("auto", "upright", "raw"), "significant_bits".
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT (the sentence lists what is possible) */
AD_NODISCARD AD_API ad_status ad_read_options_set(ad_read_options *options, const char *key, const char *value);

/** Decode an image file: JPEG, PNG, BMP (1 to 32 bits, not run-length encoded), PNM (PBM, PGM, PPM), and where the
 *  library was built with them TIFF (grey, palettes and RGB of up to 16 bits; strips or tiles; uncompressed, LZW,
 *  deflate, PackBits; the first page) and WebP. The kind is told by its first bytes, not by its name.
 *  Grey becomes MONO8 or (more than 8 bits) MONO16, everything else RGB8; palettes are expanded (of greys, in BMP and
 *  TIFF, to MONO8), alpha is dropped, 16-bit colour is scaled to 8, PNM's values by their maxval: the pixels, and so
 *  the scores, are those of the same image in another kind of file.
 *  Damage that leaves every pixel as it was is read and logged: bytes that belong to nothing between a JPEG's segments,
 *  zeros behind its pixels, an end marker that is missing, a wrong checksum of a PNG's chunk that holds no pixels, what
 *  is cut or damaged behind the pixels, bytes after the end. What may change a pixel is AD_ERR_FORMAT.
 *  @param options   NULL: defaults
 *  @param out_image overwritten; release with ad_image_release()
 *  @return AD_OK, AD_ERR_IO, AD_ERR_FORMAT (not an image, or damaged), AD_ERR_UNSUPPORTED (CMYK, a kind not read),
 *          AD_ERR_SHAPE (over 1048576 a side, in JPEG 65500, or 2^28 pixels), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_image_read(ad_context *context, const char *path,
                                            const ad_read_options *options, ad_image *out_image);
/** The same from `size` bytes in memory, which are not kept. */
AD_NODISCARD AD_API ad_status ad_image_decode(ad_context *context, const void *bytes, size_t size,
                                              const ad_read_options *options, ad_image *out_image);
/** Read a depth file into an image's depth plane, which must not have one yet: a TIFF of 32-bit floats, one channel or
 *  x, y, z of an organised point cloud, of which z is taken (MVTec 3D-AD), in strips or tiles, or a 16-bit grey PNG.
 *  @param scale    metres that a value of 1 means; 0: 1 for TIFF, 0.001 for PNG; above 50 metres, it is logged once
 *  @param io_image a view or what ad_image_read() made; its size must be the file's. One without pixels, of width and
 *                  height 0, takes the file's size. Then ad_image_release() it, also where the pixels are a view
 *  @return AD_OK, AD_ERR_IO, AD_ERR_FORMAT, AD_ERR_SHAPE (of another size), AD_ERR_UNSUPPORTED (another kind of TIFF, or
 *          a library built without libtiff), AD_ERR_OUT_OF_MEMORY. On failure the image is as before. */
AD_NODISCARD AD_API ad_status ad_image_read_depth(ad_context *context, const char *path, double scale,
                                                  ad_image *io_image);
/** Read a mask: MONO8, 255 where it marks the pixel as anomalous, else 0.
 *  A mask may be an image of any kind that ad_image_read() reads: grey of 1, 8 or 16 bits, colour (alpha is not looked at) or
 *  palette, which is its colours. A pixel is good where all channels are mask_good, and marked where one is not: every
 *  other value is a defect, whatever its number. A JPEG or lossy WebP changes values; there a pixel is marked from 128 on,
 *  and one with no value above 127, but some above 16, is refused.
 *  @param path      a file, or a folder of them, which mark together
 *  @param mask_good value of good pixels, 0 to 255 (255 is 65535 of 16 bits); -1: 0. Of a lossy file 0 or 255
 *  @return as ad_image_read(), AD_ERR_INVALID_ARGUMENT */
AD_NODISCARD AD_API ad_status ad_image_read_mask(ad_context *context, const char *path, int32_t mask_good,
                                                 ad_image *out_mask);
/** Release what ad_image_read(), ad_image_decode(), ad_image_read_depth() or a dataset made; harmless on views. */
AD_API void ad_image_release(ad_image *image);
/** Write a view as a PNG file, atomically: 8 bits a channel; grey of more bits as 16, shifted up, with sBIT. */
AD_NODISCARD AD_API ad_status ad_image_write_png(ad_context *context, const ad_image *image,
                                                 const char *path);

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

/* ---- Datasets -------------------------------------------------------------------------- */

/** An ordered list of images, read when asked for. Threads: any number may read at once. */
typedef struct ad_dataset ad_dataset;

typedef enum ad_split { AD_SPLIT_TRAIN = 0, AD_SPLIT_TEST = 1 } ad_split;

typedef struct ad_dataset_options {
    uint32_t struct_size;
    int32_t  split;       /**< an ad_split; default AD_SPLIT_TRAIN: good images only */
    double   depth_scale; /**< of depth files, as in ad_image_read_depth(); default 0 */
    int32_t  depth;       /**< 1 (default): images come with their depth where the layout has it; 0: without */
    int32_t  mask_good;   /**< value, 0 to 255, of good pixels in masks; default -1: 0. Where most masks mark
                               more than half of their image ad_evaluate() gives no pixel
                               figures until this is 0, which says that they are right, or 255,
                               that their background is white. One without a pixel of a value
                               from 1 on that is set here is refused */
    const char *one_class;/**< the folder is one of class folders, as of CIFAR-10, and this class is the good one: of the
                               train split only its images, of the test split all, others anomalous. Where there are
                               folders train and test, each split is in its own. Default NULL */
    const char *good;     /**< what good images are called: the names of their folders, or labels in a table, with commas
                               between; case does not matter. Default NULL: good, ok, okay, normal, defect_free,
                               non_defective, nondefective, pass, passed ('-' and a space are as good as '_') */
    const char *layout;   /**< a layout of ad_dataset_open() by name; default NULL: the one that the folders show */
    const char *normal_dir;      /**< folders of the pool layout "folder", relative to the path: good images to learn, */
    const char *normal_test_dir; /**< good images to test on; NULL: a fifth of normal_dir, which is then not learned, */
    const char *abnormal_dir;    /**< anomalous images to test on, or folders of them, one a type, */
    const char *mask_dir;        /**< and their masks. Default NULL each: as they are called in that layout */
    const char *csv;      /**< the path of a table (CSV, RFC 4180; first line: names of columns) whose rows are the
                               images: image (a path in the folder), label (a name of good, or 0; all else is anomalous),
                               split (train, test; validation is not used), mask, object. VisA's split_csv/1cls.csv is one */
    const char *category; /**< only the rows of this object; needed where there are several. Default NULL */
    int32_t  orientation; /**< an ad_orientation, of images and masks; default AD_ORIENTATION_AUTO. Where it says
                               otherwise than the scorer that evaluates the dataset, it holds, and that is logged */
    int32_t  significant_bits; /**< as in ad_read_options; default 0: as the scorer that evaluates the dataset, or as the
                               files say */
} ad_dataset_options;

AD_API void ad_dataset_options_init(ad_dataset_options *options, size_t struct_size);

/** What a dataset knows of one image. Strings live as long as the dataset. */
typedef struct ad_sample {
    uint32_t    struct_size;
    int32_t     label;    /**< 0 good, 1 anomalous, -1 unknown */
    const char *name;     /**< path as opened, for messages */
    const char *group;    /**< name of its folder ("good", "scratch"), or "" */
    int32_t     has_mask; /**< 1 when ad_dataset_read_mask() gives a ground-truth mask */
    int32_t     has_depth;/**< 1 when the image comes with a depth plane */
} ad_sample;

/** Open a folder of images, sorted by name. Its layout is found by the names of its folders:
 *    mvtec_ad    train/GOOD, test/GOOD, test/TYPE, ground_truth/TYPE; also mvtec_loco, btad, visa (prepared)
 *    mvtec_ad_2  the same with test_public, and ground_truth in it; test_private has no labels and is not used
 *    mvtec_3d    the same with train/GOOD/rgb, test/TYPE/rgb, depth in xyz/N.tiff or depth/N.png, masks in gt
 *    visa_raw    Data/Images/Normal, Data/Images/Anomaly, Data/Masks/Anomaly
 *    real_iad    OK, NG/TYPE, masks beside the images
 *    folder      one for good (normal, good, ok), one for bad (abnormal, anomaly, bad, defect, ng, ko, ...) and perhaps
 *                one for masks (mask, masks, ground_truth, gt); or those that normal_dir and its neighbours name
 *    pairs       images with their masks beside them, in the folder, in folders in it, or in train and test
 *                (KolektorSDD's Part0.jpg and Part0_label.bmp, KolektorSDD2's 1.png and 1_GT.png); a mask that marks nothing
 *                says that its image is good
 *    flat        images, all taken as good, for either split
 *  GOOD is any name of good (ad_dataset_options.good), several are joined; every other folder of test is a type of defect.
 *  visa_raw, real_iad, folder and pairs have one pool of good images: a fifth is for the test
 *  split, the others are learned. Where they lie in several folders, that is every fifth folder (of
 *  fewer the last), else one of each five images in the order of their names, in a fixed random
 *  choice; a log says which. A test split without a good image is refused, since no figure would
 *  mean anything. Folders "validation" are not used.
 *  The mask of image N is N_mask, N_gt, N_label or N of any kind of image, or a folder N whose images together are it; in
 *  ground_truth/TYPE, or beside the image. A type without a folder there has no masks; an image of a type that has one must
 *  have one. Beside N.jpg the file N.png is its mask where it has two values at most, one of them 0. Masks are never
 *  taken for images of parts.
 *  What systems and tools leave behind (names with a dot in front, \@eaDir, __MACOSX, lost+found, Thumbs.db, ...) is passed
 *  over; other files that are no images are skipped and logged; images of a kind that is not read are refused, since they
 *  would be left out silently, and so is a folder of several data sets: the sentence names them.
 *  @return AD_OK, AD_ERR_IO, AD_ERR_FORMAT (no image, no known layout, no good image, mask missing, no folder of that
 *          class), AD_ERR_INVALID_ARGUMENT (options that exclude each other, no such layout), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_dataset_open(ad_context *context, const char *path,
                                                     const ad_dataset_options *options,
                                                     ad_dataset **out_dataset);
/** A list of files. @param labels one ad_sample label each, or NULL: all good; @param count >= 1 */
AD_NODISCARD AD_API ad_status ad_dataset_open_list(ad_context *context, const char *const *paths,
                                                   const int32_t *labels, int64_t count,
                                                   ad_dataset **out_dataset);
/** Writes a view of image `index`, valid until the callback is called again, and returns 0; any
 *  other value ends the caller's call with AD_ERR_IO. */
typedef int (*ad_image_callback)(void *user, int64_t index, ad_image *out_image);
/** Images that the caller makes, `count` of them, all good. One read at a time, and none while ad_fit() or
 *  ad_evaluate() has the image: AD_ERR_STATE. */
AD_NODISCARD AD_API ad_status ad_dataset_from_callback(ad_context *context,
                                                       ad_image_callback callback, void *user,
                                                       int64_t count, ad_dataset **out_dataset);
AD_API int64_t ad_dataset_count(const ad_dataset *dataset);
/** What is known of image `index`; reads no file. Set out_sample->struct_size first. */
AD_NODISCARD AD_API ad_status ad_dataset_get(const ad_dataset *dataset, int64_t index,
                                             ad_sample *out_sample);
/** Some images of a dataset, in the order of the indices, with their labels, masks and depth: a part to fit on and one to
 *  hold back. Independent of the dataset that it was made from. @param count >= 1; an index may come more than once
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT (no such index), AD_ERR_UNSUPPORTED (images of a callback),
 *          AD_ERR_OUT_OF_MEMORY
 *  @since 0.1 */
AD_NODISCARD AD_API ad_status ad_dataset_select(const ad_dataset *dataset, const int64_t *indices,
                                                int64_t count, ad_dataset **out_dataset);
/** Read image `index`. Release with ad_image_release(). Errors as ad_image_read().
 *  @param options what the dataset's own options leave open, as ad_scorer_read_options() gives it; NULL: the defaults */
AD_NODISCARD AD_API ad_status ad_dataset_read_image(const ad_dataset *dataset, int64_t index,
                                                    const ad_read_options *options, ad_image *out_image);
/** Read the ground-truth mask of image `index`, as ad_image_read_mask() does.
 *  @return the same, and AD_ERR_UNSUPPORTED where has_mask is 0 */
AD_NODISCARD AD_API ad_status ad_dataset_read_mask(const ad_dataset *dataset, int64_t index,
                                                   const ad_read_options *options, ad_image *out_mask);
AD_API void ad_dataset_destroy(ad_dataset *dataset);

/* ---- Backbones and features ------------------------------------------------------------ */

/** A frozen feature extractor: a text graph and weights. Immutable. Threads: any. */
typedef struct ad_backbone ad_backbone;

/** How the strided convolutions of an EfficientNet are padded. Weights trained one way give
 *  other features when run another way, and no tensor tells: see ad_backbone_options. */
typedef enum ad_padding {
    AD_PADDING_AUTO             = 0, /**< as the file says, or as its kind of file is always meant */
    AD_PADDING_SAME_DYNAMIC     = 1, /**< TensorFlow's SAME, from the actual input size */
    AD_PADDING_SAME_STATIC      = 2, /**< SAME for the network's nominal size, followed through the layers:
                                          EfficientNet-PyTorch from 0.6.4 */
    AD_PADDING_SAME_STATIC_V063 = 3, /**< SAME for the nominal size at every layer: up to 0.6.3 */
    AD_PADDING_SYMMETRIC        = 4  /**< (k - 1) / 2 on all sides: torchvision, timm's efficientnet_* */
} ad_padding;

/** How convolutions are computed. The results agree to about 1e-5 of the largest feature, not in every bit. */
typedef enum ad_convolution {
    AD_CONVOLUTION_AUTO     = 0, /**< what is fastest for each shape */
    AD_CONVOLUTION_BLAS     = 1, /**< unfolded in tiles, products by OpenBLAS: the portable way */
    AD_CONVOLUTION_PANELS   = 2, /**< products with packed filters: the least memory */
    AD_CONVOLUTION_WINOGRAD = 3, /**< F(4x4, 3x3) wherever it is possible, else as AUTO: its filters take four
                                      times the memory (Lavin and Gray 2016, arXiv:1509.09308) */
    AD_CONVOLUTION_WINOGRAD2 = 4 /**< F(2x2, 3x3) wherever it is possible, else as AUTO: 1.8 times the memory */
} ad_convolution;

/** What a weights file may leave open. For EfficientNets padding and batch-norm eps come, in
 *  this order, from these options, from the file's metadata (keys "padding", "batchnorm_eps";
 *  "mean" and "std" likewise), or from the names of its tensors where those leave one
 *  possibility: EfficientNet-PyTorch names mean TensorFlow's weights (SAME_DYNAMIC, 1e-3),
 *  torchvision names mean SYMMETRIC and 1e-5 (B5: 1e-3). timm gives both kinds the same names,
 *  so such a file without metadata is refused until the options say. Options that contradict the
 *  metadata win, and are logged. */
typedef struct ad_backbone_options {
    uint32_t    struct_size;
    int32_t     padding;  /**< an ad_padding; default AD_PADDING_AUTO */
    const char *prefix;   /**< put before every name in the file; default NULL: whatever is before
                               the names of the one whole network there */
    const char *graph;    /**< text of a graph to use instead of a built-in one; default NULL. Its own statements
                               take the place of the metadata and of names */
    double      batchnorm_eps; /**< added to running variances, in (0, 1); default 0: as the file says */
    int32_t     convolution;   /**< an ad_convolution; default AD_CONVOLUTION_AUTO. Says nothing about what the
                                    weights mean: digests do not depend on it */
    int32_t     reserved;
    const char *expected_digest; /**< the digest that ad_backbone_info must have, else opening is
                                      AD_ERR_MISMATCH: a file is the one that was tried, whatever
                                      its name; default NULL: any */
    const char *architecture; /**< one of ad_architecture_name(); default NULL: as the file's metadata
                                   says ("architecture"), or else the only built-in one that the names
                                   and shapes of its tensors fit */
} ad_backbone_options;

AD_API void ad_backbone_options_init(ad_backbone_options *options, size_t struct_size);
/** Set one option by name from text: "padding" ("same_dynamic", "same_static",
 *  "same_static_v063", "symmetric", "auto"), "batchnorm_eps", "prefix", "convolution" ("auto", "blas",
 *  "panels", "winograd", "winograd2"), "expected_digest", "architecture". Strings are not copied:
 *  `value` must outlive the options for "prefix", "expected_digest" and "architecture".
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT (the sentence lists what is possible) */
AD_NODISCARD AD_API ad_status ad_backbone_options_set(ad_backbone_options *options, const char *key,
                                                      const char *value);

/** Number and names of the built-in architectures: "resnet18", "efficientnet_lite0", ... */
AD_API int32_t ad_architecture_count(void);
AD_API const char *ad_architecture_name(int32_t index);

/** Load a backbone from a safetensors file (F32, F16 or BF16; names of torchvision, timm or
 *  EfficientNet-PyTorch; batch norm separate or folded; heads and layers that are not used are
 *  ignored). Checksums, as 'adfeat convert' writes them, are compared: a damaged file is
 *  AD_ERR_FORMAT.
 *  @param options NULL: defaults
 *  @return AD_OK, AD_ERR_IO, AD_ERR_FORMAT, AD_ERR_MISMATCH (a tensor is missing or has another
 *         shape: the sentence names it; or the digest is not the expected one),
 *         AD_ERR_INVALID_ARGUMENT (padding and eps, or which of two networks, are left open: see
 *         ad_backbone_options), AD_ERR_NUMERIC (NaN or infinity), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_backbone_open(ad_context *context, const char *weights_path,
                                               const ad_backbone_options *options,
                                               ad_backbone **out_backbone);
/** The same from `size` bytes in memory, which are not kept. */
AD_NODISCARD AD_API ad_status ad_backbone_from_memory(ad_context *context, const void *bytes,
                                                      size_t size,
                                                      const ad_backbone_options *options,
                                                      ad_backbone **out_backbone);
AD_API void ad_backbone_destroy(ad_backbone *backbone);

/** What a backbone is. Strings live as long as the backbone. */
typedef struct ad_backbone_info {
    uint32_t    struct_size;
    int32_t     input_size;     /**< the side it was trained at, 224 for ResNet */
    const char *architecture;
    const char *digest;         /**< identity of architecture, weights, padding and eps: equal
                                     files opened with equal options have equal digests. Scorers and
                                     students have that of the part they use */
    int64_t     parameter_count;/**< parameters in use: heads and unused layers not counted */
    const char *dialect;        /**< whose names the file uses: "torchvision", "timm",
                                     "efficientnet_pytorch", or "graph" */
    int32_t     padding;        /**< the ad_padding in force; AUTO: the network leaves no choice */
    int32_t     reserved;
    double      batchnorm_eps;  /**< in force; 0 where the network leaves no choice */
    float       mean[3];        /**< of the training images, R, G, B in 0 .. 1; what
                                     ad_preprocess takes by default */
    float       std[3];
} ad_backbone_info;
AD_NODISCARD AD_API ad_status ad_backbone_get_info(const ad_backbone *backbone,
                                                   ad_backbone_info *out_info);

/** A layer whose features can be taken. */
typedef struct ad_layer_info {
    uint32_t    struct_size;
    int32_t     available; /**< 0 where the weights file ends before this layer */
    const char *name;      /**< "maxpool", "layer1", "level3", ...; lives as long as the backbone */
    int64_t     height;    /**< feature map rows for the asked input size */
    int64_t     width;
    int64_t     channels;
} ad_layer_info;
AD_API int32_t ad_backbone_layer_count(const ad_backbone *backbone);
/** @param input_height, input_width network input in pixels, for example 224
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT, AD_ERR_SHAPE (input smaller than the network's
 *         stride) */
AD_NODISCARD AD_API ad_status ad_backbone_layer_info(const ad_backbone *backbone, int32_t index,
                                                     int64_t input_height, int64_t input_width,
                                                     ad_layer_info *out_info);

/** Memory for one layer's features, h x w x c floats, channels contiguous (NHWC, n = 1). */
typedef struct ad_features {
    uint32_t    struct_size;
    uint32_t    reserved;
    const char *layer;    /**< in: a layer's name */
    float      *data;     /**< in: the caller's memory */
    int64_t     capacity; /**< in: floats that data can hold */
    int64_t     height;   /**< out */
    int64_t     width;    /**< out */
    int64_t     channels; /**< out */
} ad_features;

/** Features of one image at one or more layers; nothing after the deepest one is computed.
 *  @param preprocess options as text, "size=256, crop=224, resize=pil_lanczos, aspect=shorter,
 *         mean=0.5,0.5,0.5, std=0.5,0.5,0.5"; NULL: the backbone's input size, square, Pillow's bilinear
 *         filter, mean and std that it was trained with
 *  @param features   `count` requests; data is written on AD_OK only
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT (unknown layer), AD_ERR_SHAPE (capacity or image too
 *          small), AD_ERR_OUT_OF_MEMORY
 *  @note Threads: any number at once. The plan of the last set of layers and size is kept, so
 *        repeated calls of one kind allocate nothing. */
AD_NODISCARD AD_API ad_status ad_extract_features(ad_backbone *backbone, const ad_image *image,
                                                  const char *preprocess, ad_features *features,
                                                  int32_t count);

/** One step of the plan by which features are computed. Strings live as long as the backbone. */
typedef struct ad_step_info {
    uint32_t    struct_size;
    int32_t     residual;      /**< 1: another step's result is added */
    const char *name;          /**< of the network's node, for example "layer1.0.conv1" */
    const char *op;            /**< "conv2d", "dwconv2d", "maxpool2d", ... */
    const char *kernel;        /**< of a convolution "blas", "panels", "winograd" or "winograd2"; of a depthwise one
                                    that makes its input itself, a few rows at a time, "expand"; else "" */
    const char *activation;    /**< that the step applies: "relu", "silu", ..., or "" */
    int64_t     height;        /**< of the result */
    int64_t     width;
    int64_t     channels;
    int64_t     multiply_adds; /**< of convolutions, by their definition, whatever the kernel saves; else 0 */
    int64_t     weight_bytes;  /**< of filters, laid out for the kernel */
    double      ms;            /**< median of the runs */
} ad_step_info;
/** Receives the steps in the order in which they run; a non-zero return ends the walk. */
typedef int (*ad_step_callback)(void *user, const ad_step_info *step);

/** The plan of an image's features: how each step is computed, and how long it takes on this machine. The input is
 *  noise.
 *  @param preprocess as in ad_extract_features(), of which the size counts
 *  @param layers     comma-separated; NULL: the deepest that the weights file has
 *  @param runs       1 .. 1000, each of the whole network, after one to warm up
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT, AD_ERR_SHAPE, AD_ERR_OUT_OF_MEMORY, AD_ERR_CANCELLED (the callback
 *          returned non-zero)
 *  @note Threads: any; other work on the machine shows in the times. */
AD_NODISCARD AD_API ad_status ad_backbone_profile(ad_backbone *backbone, const char *preprocess,
                                                  const char *layers, int32_t runs,
                                                  ad_step_callback callback, void *user);

/* ---- Fitting --------------------------------------------------------------------------- */

/** One method being fitted: mutable, one call at a time (else AD_ERR_STATE). Keeps its backbone. */
typedef struct ad_fitter ad_fitter;
/** What a fit gives: immutable, shared by any number of threads, each call with a workspace of its
 *  own. Keeps its backbone. */
typedef struct ad_scorer ad_scorer;
/** The trainable networks of a student-teacher method. Keeps its teacher. ad_fit() and ad_fitter_finish()
 *  of a fitter that trains it change it: until they return the student is theirs, and only callbacks of
 *  that call may save it or ask it; all others get AD_ERR_STATE. */
typedef struct ad_student ad_student;

/** Make a fitter of a method by name: "gaussian", "padim", "stfpm", "stfpm_unet", "ast", "masked_rd".
 *  @param options "key=value, key=value"; NULL: the defaults. A comma ends a value where "key=" follows
 *         it, so "layers=layer1,layer2, size=256" are two options; a value in double quotes is taken as
 *         it stands. A wrong key or value is refused with a sentence that lists the right ones.
 *         A method that trains a student makes it here, with random parameters; the options are those of
 *         the student and of its training together
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT, AD_ERR_MISMATCH (a layer that the weights file does not
 *          have), AD_ERR_SHAPE, AD_ERR_UNSUPPORTED, AD_ERR_OUT_OF_MEMORY (also where memory_limit is too
 *          little), AD_ERR_IO (no file can be made in cache_dir) */
AD_NODISCARD AD_API ad_status ad_fitter_create(ad_backbone *backbone, const char *method,
                                               const char *options, ad_fitter **out_fitter);
/** The same with a student that there is already, which the fitter trains and keeps: save it after
 *  the fit to go on another day. @param options those of the training; NULL: the defaults */
AD_NODISCARD AD_API ad_status ad_fitter_create_with(ad_student *student, const char *options,
                                                    ad_fitter **out_fitter);
/** The student that a fitter trains; NULL where the method trains nothing. Lives as long as the
 *  fitter, or longer with ad_student_retain(). */
AD_API ad_student *ad_fitter_student(const ad_fitter *fitter);

/** Called on the caller's thread between images; a non-zero return cancels.
 *  @param fraction 0 .. 1 of the work done */
typedef int (*ad_progress_callback)(void *user, double fraction);

/** Where the training of a student is. Strings live as long as the call. */
typedef struct ad_train_progress {
    uint32_t    struct_size;
    int32_t     epoch_done;      /**< 1: an epoch and its validation are complete; 0: a batch is */
    const char *phase;           /**< "student", or before it "autoencoders"; of AST "teacher" before it */
    int32_t     phase_index;     /**< from 0 */
    int32_t     phases;
    int32_t     epoch;           /**< of this phase, from 1 */
    int32_t     epochs;
    int32_t     batch;           /**< of this epoch, from 1; 0: nothing is trained yet, seconds_left is from a trial */
    int32_t     batches;
    double      loss;            /**< epoch_done: mean over the epoch's images; else this batch's */
    double      similarity;      /**< the parts of the loss, before they are weighted */
    double      reconstruction;  /**< 0 without U-Nets */
    double      validation;      /**< error on the held-out images after the latest complete epoch; NaN before */
    double      best_validation; /**< the lowest so far; NaN before the first */
    int32_t     best_epoch;      /**< where that was; 0 before the first */
    int32_t     resumed;         /**< 1: this run began with a checkpoint */
    double      seconds;         /**< since this run began */
    double      seconds_left;    /**< what remains if it goes on as it went; early stopping may end it sooner */
} ad_train_progress;
/** Called on the caller's thread after every batch and every epoch, by AST also before the first; a non-zero return
 *  cancels. */
typedef int (*ad_train_callback)(void *user, const ad_train_progress *progress);

typedef struct ad_fit_options {
    uint32_t             struct_size;
    uint32_t             resume;   /**< 1: go on from the checkpoint in checkpoint_dir where there is one */
    ad_progress_callback progress; /**< default NULL. While a student is trained it is called between layers
                                        too, so that a fit can be cancelled within a batch */
    void                *user;     /**< of both callbacks */
    ad_train_callback    train;    /**< default NULL; never called by methods that train nothing */
    const char          *checkpoint_dir; /**< an existing folder, for one training at a time (AD_ERR_STATE where
                                              another has it); default NULL: no checkpoints. A training writes
                                              "checkpoint.safetensors" there after every epoch, and when it is
                                              cancelled, over the one that was there. A resumed training ends with the same bits as one that
                                              was never interrupted */
    int32_t              skip_damaged;   /**< 1: files that cannot be read, are damaged or of an impossible size are left
                                              out, logged and counted (ad_fitter_skipped()); default 0: they end the fit */
    int32_t              reserved;
} ad_fit_options;
AD_API void ad_fit_options_init(ad_fit_options *options, size_t struct_size);

/** Fit on every image of a dataset and finish: ad_fitter_add() for each, then
 *  ad_fitter_finish().
 *  One damaged file does not hide the next: the fit reads on, every bad file is logged, and the sentence says how
 *  many they are and which come first.
 *  @param good NULL: on what was added so far; so a cancelled training goes on with callbacks. Images
 *         stay in the fitter: the same dataset a second time is added a second time
 *  @return AD_OK; AD_ERR_CANCELLED; what reading an image or a numeric failure gives; of
 *         checkpoints, AD_ERR_IO, AD_ERR_FORMAT, AD_ERR_MISMATCH (of another training); AD_ERR_MISMATCH where the
 *         fitter's images so far were read in another orientation or with other significant bits. After a
 *         failure the fitter holds the images added before it (before the first damaged one, of several)
 *         and may be used again or destroyed.
 *  @note Memory is known beforehand: ad_fitter_memory(). For methods that train nothing it does not
 *        depend on the number of images. */
AD_NODISCARD AD_API ad_status ad_fit(ad_fitter *fitter, const ad_dataset *good,
                                     const ad_fit_options *options, ad_scorer **out_scorer);
/** Add one good image. On failure the fitter is as before. Methods that train a student keep the
 *  resized pixels, and the teacher's features as far as their feature_cache goes. */
AD_NODISCARD AD_API ad_status ad_fitter_add(ad_fitter *fitter, const ad_image *image);
/** How the files are read that the images of ad_fitter_add() come from: the scorer remembers the orientation and the
 *  significant bits, see ad_scorer_read_options(). ad_fit() does it by itself, with the dataset's options, and reads a
 *  dataset that leaves them open by these. @param options NULL: not said
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT */
AD_NODISCARD AD_API ad_status ad_fitter_set_read_options(ad_fitter *fitter, const ad_read_options *options);
/** Add all that `other` has seen, fitted elsewhere with the same backbone and options. `other` is
 *  unchanged. Merged and sequential fits agree to 1e-10. @return AD_OK, AD_ERR_MISMATCH,
 *  AD_ERR_UNSUPPORTED (methods that train a student) */
AD_NODISCARD AD_API ad_status ad_fitter_merge(ad_fitter *fitter, const ad_fitter *other);
/** Save what was added so far as one safetensors file, atomically, so that another process can
 *  merge it: a statistical fit on a thousand images is as large as one on ten. The fit can go on.
 *  @return AD_OK, AD_ERR_IO, AD_ERR_OUT_OF_MEMORY, AD_ERR_UNSUPPORTED (methods that train a
 *          student: see ad_fit_options.checkpoint_dir) */
AD_NODISCARD AD_API ad_status ad_fitter_save(ad_fitter *fitter, const char *path);
/** Make a fitter with the options and images of a file that ad_fitter_save() wrote: go on with it,
 *  or ad_fitter_merge() it into another.
 *  @return AD_OK, AD_ERR_IO, AD_ERR_FORMAT (damaged, or no fit), AD_ERR_MISMATCH (of another
 *          backbone), AD_ERR_NUMERIC, AD_ERR_UNSUPPORTED (of a newer version),
 *          AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_fitter_load(ad_backbone *backbone, const char *path,
                                             ad_fitter **out_fitter);
/** Make a scorer of what was added so far; the fitter can go on. A method that trains a student
 *  trains it here, for as long as its options say; after a failure or a cancelled ad_fit() the next
 *  call goes on where that one stopped, or after AD_ERR_NUMERIC begins anew with the parameters that
 *  were best. Images added in between begin a new training, of the student as it is.
 *  @return AD_OK, AD_ERR_STATE (too few images: a training needs two beside those held out; another fitter has
 *         trained the student since this one did: what is left of its training fits it no more),
 *         AD_ERR_NUMERIC (images without any variation; a loss that is not finite: the student keeps
 *         its best parameters), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_fitter_finish(ad_fitter *fitter, ad_scorer **out_scorer);
/** The method's name, which lives as long as the library. */
AD_API const char *ad_fitter_method(const ad_fitter *fitter);
/** How files are to be read for the fitter: as ad_fitter_set_read_options() or the dataset of
 *  ad_fit() said, or the fit's file. @param out_options set its struct_size first */
AD_NODISCARD AD_API ad_status ad_fitter_read_options(const ad_fitter *fitter,
                                                     ad_read_options *out_options);
/** Images added so far, merged ones included. Callbacks may ask this and ad_fitter_memory(). */
AD_API int64_t ad_fitter_count(const ad_fitter *fitter);
/** Images that ad_fit() left out so far because they are damaged; ad_fit_options.skip_damaged asks for it. */
AD_API int64_t ad_fitter_skipped(const ad_fitter *fitter);
/** Upper limit, in bytes, of what the fitter holds while it grows, however many images are
 *  added; for a method that trains a student, with those added so far. What resizing a frame needs
 *  is included once a frame of that size has been added. */
AD_API size_t ad_fitter_memory(const ad_fitter *fitter);
/** In a callback of a call on the fitter: when that call has returned. */
AD_API void ad_fitter_destroy(ad_fitter *fitter);

/* ---- Scoring --------------------------------------------------------------------------- */

/** Score one image: how anomalous the whole image is.
 *  @param out_score written on AD_OK only; unbounded, larger is more anomalous, in the method's
 *         unit
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT, AD_ERR_SHAPE, AD_ERR_NUMERIC, AD_ERR_OUT_OF_MEMORY
 *  @note No allocation after a thread's first call with a frame of that size. The same image
 *         gives the same bits from any thread and for any number of threads. */
AD_NODISCARD AD_API ad_status ad_score_image(ad_scorer *scorer, const ad_image *image,
                                             float *out_score);
/** Score one image and say where: a map of anomaly scores in the image's coordinates.
 *  The method's map is computed at the network's input size and resized bilinearly to the caller's
 *  map, which may have any size. Where a centre crop left pixels out, the map is 0.
 *  @param map       written on AD_OK only
 *  @param out_score as ad_score_image() gives; NULL when not wanted
 *  @return as ad_score_image(), and AD_ERR_UNSUPPORTED for a scorer without maps */
AD_NODISCARD AD_API ad_status ad_anomaly_map(ad_scorer *scorer, const ad_image *image,
                                             const ad_map *map, float *out_score);

/** Score `count` images, which may differ in size: for many images it takes less time than one call each, since
 *  every thread of the context has an image to itself, and as many workspaces as threads; for one image it is
 *  ad_score_image() or ad_anomaly_map(). Every result has the bits that those give.
 *  @param maps       `count` maps, written where the whole call succeeds or for images before the one that failed;
 *                    NULL: none
 *  @param out_scores `count` scores, or NULL; as the maps
 *  @return as ad_score_image() and ad_anomaly_map(): the first failure in the images' order, whose sentence begins
 *          with its index
 *  @note No allocation after a call with so many images of those sizes. */
AD_NODISCARD AD_API ad_status ad_score_batch(ad_scorer *scorer, const ad_image *images, int64_t count,
                                             const ad_map *maps, float *out_scores);

/** What a scorer is. Strings live as long as the scorer. */
typedef struct ad_scorer_info {
    uint32_t    struct_size;
    int32_t     has_map;       /**< 1 when ad_anomaly_map() works */
    const char *method;        /**< "gaussian", "padim", "stfpm", "stfpm_unet", "ast", "masked_rd" */
    const char *architecture;  /**< of the backbone */
    const char *backbone_digest;
    int32_t     input_size;    /**< side of the network's input after crop */
    int32_t     option_count;  /**< for ad_scorer_get_option() */
    int64_t     image_count;   /**< images it was fitted on */
    double      normal_score;  /**< gaussian: what those very images score: root mean square, summed over
                                    layers; other good images score higher. stfpm, ast, masked_rd: the root mean
                                    square over the images held out for validation, or where none
                                    are over those that were learned. 0 for a method
                                    that cannot tell without seeing them again (padim) */
    double      normal_map;    /**< the same for one value of the map, mean over layers; 0 without maps */
    double      score_limit;   /**< that the median score of good images of the product is not expected to pass: 5 (1 + 16/n)
                                    times normal_score for a fit on n images, 8 or more; padim: 4 sqrt((n + 1)/(n - d - 2))
                                    times normal_map for d dimensions, from 2 d images on; 0: not known. Where the median of
                                    the first 8 images that a scorer scores is above, the log gets one warning. It is no
                                    limit between good and bad parts */
} ad_scorer_info;
AD_NODISCARD AD_API ad_status ad_scorer_get_info(const ad_scorer *scorer, ad_scorer_info *out_info);
/** Every option in force, as text; the strings live as long as the scorer. */
AD_NODISCARD AD_API ad_status ad_scorer_get_option(const ad_scorer *scorer, int32_t index,
                                                   const char **out_key, const char **out_value);

/** How files are to be read for a scorer: orientation, UPRIGHT or RAW, and significant bits are those of the files it was
 *  fitted on; min_side is 0. A scorer file that does not tell was made before orientations were looked at: RAW.
 *  ad_evaluate() reads a dataset so that leaves them open. @param out_options set its struct_size first */
AD_NODISCARD AD_API ad_status ad_scorer_read_options(const ad_scorer *scorer, ad_read_options *out_options);

typedef struct ad_scorer_save_options {
    uint32_t struct_size;
    int32_t  embed_backbone; /**< 1: the backbone's weights go into the file too; default 0 */
} ad_scorer_save_options;
AD_API void ad_scorer_save_options_init(ad_scorer_save_options *options, size_t struct_size);

/** Save as one safetensors file, atomically: the old file stays until the new one is complete.
 *  The backbone is named by its digest, or embedded. @return AD_OK, AD_ERR_IO,
 *  AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_scorer_save(const ad_scorer *scorer, const char *path,
                                             const ad_scorer_save_options *options);
/** Load a scorer. @param weights_path the backbone's weights; NULL when they are embedded
 *  @return AD_OK, AD_ERR_IO, AD_ERR_FORMAT (damaged: a CRC-32 differs), AD_ERR_MISMATCH (other
 *         weights than it was fitted with), AD_ERR_INVALID_ARGUMENT (no weights given, and none
 *         embedded), AD_ERR_NUMERIC (NaN or infinity), AD_ERR_SHAPE (larger than any machine's
 *         memory), AD_ERR_UNSUPPORTED (made by a newer version), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_scorer_load(ad_context *context, const char *path,
                                             const char *weights_path, ad_scorer **out_scorer);
/** Load a scorer onto a backbone that is open already: many scorers share one set of weights. */
AD_NODISCARD AD_API ad_status ad_scorer_load_onto(ad_backbone *backbone, const char *path,
                                                  ad_scorer **out_scorer);
/** Receives one entry of a file's metadata; a non-zero return ends the walk. */
typedef int (*ad_metadata_callback)(void *user, const char *key, const char *value);
/** What a scorer or weights file says of itself, without opening a backbone: every
 *  `__metadata__` entry in the order of keys. A scorer's are adfeat.method, adfeat.architecture,
 *  adfeat.backbone (the digest), adfeat.embedded, adfeat.images, adfeat.option.*, ...
 *  @return AD_OK, AD_ERR_IO, AD_ERR_FORMAT (also where a CRC-32 that the file has differs),
 *         AD_ERR_CANCELLED (the callback returned non-zero) */
AD_NODISCARD AD_API ad_status ad_file_metadata(ad_context *context, const char *path,
                                               ad_metadata_callback callback, void *user);
/** One more owner; each owner calls ad_scorer_destroy(). Returns its argument. */
AD_API ad_scorer *ad_scorer_retain(ad_scorer *scorer);
AD_API void ad_scorer_destroy(ad_scorer *scorer);

/* ---- Students -------------------------------------------------------------------------- */

/** Make a student of a method that trains one, with seeded random parameters.
 *  @param options those of the student, as in ad_fitter_create(); NULL: the defaults
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT, AD_ERR_MISMATCH (a layer that the weights file does not have),
 *          AD_ERR_UNSUPPORTED (a layer of the teacher follows an op that cannot be trained: the sentence
 *          names it; reverse distillation of another network than a ResNet), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_student_create(ad_backbone *teacher, const char *method,
                                                const char *options, ad_student **out_student);
/** Load a student that ad_student_save() wrote, or the authors' own checkpoint as `adfeat convert` writes
 *  it. A student that learned from a teacher with other weights is loaded, and that is logged.
 *  @param method  NULL: as the file says, or "stfpm"
 *  @param options what the student is; what they leave open is as the file says, or the default
 *  @return as ad_student_create(), AD_ERR_IO, AD_ERR_FORMAT, AD_ERR_NUMERIC (NaN or infinity),
 *          AD_ERR_MISMATCH (of another method or architecture: the sentence names the first tensor that
 *          does not fit) */
AD_NODISCARD AD_API ad_status ad_student_load(ad_backbone *teacher, const char *path,
                                              const char *method, const char *options,
                                              ad_student **out_student);
/** Save all parameters and running statistics as one safetensors file, atomically: "student." and
 *  torchvision's names, U-Nets under "ae.1." and so on, a flow under "flow.".
 *  @return AD_OK, AD_ERR_IO, AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_student_save(const ad_student *student, const char *path);

/** What a student is. Strings live as long as the student. */
typedef struct ad_student_info {
    uint32_t    struct_size;
    int32_t     reserved;
    const char *method;          /**< that trains it: "stfpm", "stfpm_unet", "ast", "masked_rd" */
    const char *architecture;    /**< of the teacher */
    const char *teacher_digest;  /**< of the part of the backbone that its layers need */
    const char *layers;          /**< comma-separated */
    int64_t     parameter_count; /**< trainable ones */
    int64_t     epochs_trained;  /**< over its whole life, also before it was saved and loaded; the
                                      parameters are those of the best epoch of the last training */
    uint64_t    seed;
} ad_student_info;
AD_NODISCARD AD_API ad_status ad_student_get_info(const ad_student *student,
                                                  ad_student_info *out_info);
/** One more owner; each owner calls ad_student_destroy(). Returns its argument. */
AD_API ad_student *ad_student_retain(ad_student *student);
AD_API void ad_student_destroy(ad_student *student);

/* ---- Methods and their options --------------------------------------------------------- */

/** What a method is. Strings live as long as the library. */
typedef struct ad_method_info {
    uint32_t    struct_size;
    int32_t     has_maps;     /**< 1: its scorers say where, unless options say otherwise */
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

/** What an option is of: bits. */
typedef enum ad_option_part {
    AD_OPTION_PREPROCESS = 1, /**< from the image to the network's input */
    AD_OPTION_STUDENT    = 2, /**< what a student is: also of ad_student_create() */
    AD_OPTION_TRAINING   = 4,
    AD_OPTION_SCORING    = 8
} ad_option_part;

/** One option of a method, as ad_fitter_create() takes it. Strings live as long as the library. */
typedef struct ad_option_info {
    uint32_t    struct_size;
    int32_t     kind;     /**< an ad_option_kind */
    int32_t     part;     /**< bits of ad_option_part */
    int32_t     reserved;
    const char *key;
    const char *fallback; /**< the default, as text; "": as `says` tells */
    const char *words;    /**< "none|pca|npca"; "" where there are none */
    double      low;      /**< of numbers, both included */
    double      high;
    const char *says;     /**< one line for people */
} ad_option_info;
/** Option `index` of a method, or behind them a key that sets several options at once.
 *  @return AD_OK, AD_ERR_INVALID_ARGUMENT (no such method or option) */
AD_NODISCARD AD_API ad_status ad_method_get_option(const char *method, int32_t index,
                                                   ad_option_info *out_info);
/** A preset, for the option "preset": several settings under one name, as a publication has them. */
AD_NODISCARD AD_API ad_status ad_method_get_preset(const char *method, int32_t index,
                                                   const char **out_name, const char **out_says);

/* ---- Metrics --------------------------------------------------------------------------- */

/** Area under the ROC curve with ties counted half, from `count` scores (higher = more
 *  anomalous) and labels (non-zero = anomalous). @return AD_OK, AD_ERR_NUMERIC (NaN score),
 *  AD_ERR_INVALID_ARGUMENT (only one class: undefined), AD_ERR_OUT_OF_MEMORY */
AD_NODISCARD AD_API ad_status ad_auroc(const float *scores, const uint8_t *labels, size_t count,
                                       double *out_auroc);
/** Average precision: sum of (R_k - R_{k-1}) P_k over distinct thresholds, no interpolation. */
AD_NODISCARD AD_API ad_status ad_average_precision(const float *scores, const uint8_t *labels,
                                                   size_t count, double *out_ap);
/** Largest F1 over the thresholds `score >= t`, and the smallest such t. The threshold is chosen on
 *  the labels given, so the value is optimistic. @param out_threshold NULL when not wanted */
AD_NODISCARD AD_API ad_status ad_f1_max(const float *scores, const uint8_t *labels, size_t count,
                                        double *out_f1, float *out_threshold);

typedef struct ad_aupro_options {
    uint32_t struct_size;
    int32_t  connectivity; /**< 8 (default, as the MVTec AD script) or 4 */
    double   fpr_limit;    /**< integrate to this false positive rate; default 0.3, in (0, 1] */
} ad_aupro_options;
AD_API void ad_aupro_options_init(ad_aupro_options *options, size_t struct_size);

/** Area under the per-region-overlap curve, as the MVTec AD evaluation script defines it
 *  (Bergmann et al. 2021), over `count` maps and masks (MONO8, non-zero = anomalous) of equal
 *  sizes pairwise.
 *  @return AD_OK, AD_ERR_SHAPE, AD_ERR_NUMERIC (NaN), AD_ERR_INVALID_ARGUMENT (no region, no
 *         good pixel) */
AD_NODISCARD AD_API ad_status ad_aupro(const ad_map *maps, const ad_image *masks, size_t count,
                                       const ad_aupro_options *options, double *out_aupro);
/** AUROC over all pixels of `count` maps and masks pooled. */
AD_NODISCARD AD_API ad_status ad_pixel_auroc(const ad_map *maps, const ad_image *masks, size_t count,
                                             double *out_auroc);

/** What ad_evaluate() measures. A figure that is undefined (one class only, no masks) is NaN, and its note says why. */
typedef struct ad_evaluation {
    uint32_t struct_size;
    int32_t  eval_size;     /**< side the pixel figures were computed at; 0: each image's original */
    int64_t  images;
    int64_t  anomalous;     /**< images with label 1 */
    double   image_auroc;
    double   image_ap;
    double   f1_max;
    double   f1_threshold;
    double   pixel_auroc;
    double   au_pro;        /**< 8-connectivity, limit 0.3 */
    double   ms_per_image;  /**< median wall time of scoring, reading excluded */
    int64_t  masked;        /**< anomalous images with a mask: pixel figures are of these and of the good images */
    double   normal_ratio;  /**< median score of the good images over the highest that is expected of images of the product
                                 that the scorer was fitted on; NaN where that is not known. Above 1 they are probably of
                                 another product, or taken in another way: one warning in the log, and scorer_note */
    char     image_note[256]; /**< why image_auroc, image_ap and the f1 are NaN, or what they leave out; "" where there
                                   is nothing to say. Images of an unknown label are in no figure */
    char     pixel_note[512]; /**< why pixel_auroc and au_pro are NaN, or what they leave out; "" where there is nothing
                                   to say: types without masks, masks of another size, masks that mark nothing */
    char     scorer_note[256];/**< that scorer and images do not seem to belong together, or ""; see ad_score_image() */
    int64_t  skipped;       /**< damaged images that are in no figure and not in `images` */
} ad_evaluation;

typedef struct ad_evaluate_options {
    uint32_t             struct_size;
    int32_t              eval_size; /**< pixel figures at eval_size x eval_size; default 0: original size */
    ad_progress_callback progress;
    void                *user;
    int32_t              skip_damaged; /**< 1: images that cannot be read, or whose mask cannot, are left out of every
                                            figure, logged and counted; default 0: they end the evaluation, which reads
                                            on before, so that all of them are named */
    int32_t              reserved;
} ad_evaluate_options;
AD_API void ad_evaluate_options_init(ad_evaluate_options *options, size_t struct_size);

/** Score every image of a labelled dataset (AD_SPLIT_TEST) and measure detection and localisation.
 *  Anomalous images without a mask count in image figures and not in pixel figures. A mask of another size than its image,
 *  of the same shape, is scaled (nearest); of another shape it is refused.
 *  @param out_scores one per image in the dataset's order, NaN of skipped ones, or NULL
 *  @return AD_OK, AD_ERR_CANCELLED, or what scoring and reading give
 *  @note Holds about 8 bytes per pixel of the whole set for the pixel figures. */
AD_NODISCARD AD_API ad_status ad_evaluate(ad_scorer *scorer, const ad_dataset *dataset,
                                          const ad_evaluate_options *options,
                                          ad_evaluation *out_evaluation, float *out_scores);

#ifdef __cplusplus
}
#endif
#endif /* ADFEAT_H */
