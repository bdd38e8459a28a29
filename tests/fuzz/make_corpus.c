/* make_corpus FOLDER: writes the first inputs of every fuzz target into FOLDER/<target>/, valid
 * files and slightly broken ones. Seeded: the same build writes the same bytes. Run.sh's fuzzing
 * found the other files of the committed corpora. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/safetensors.h"
#include "harness/seeded.h"
#include "make_corpus.h"
#include "nn/graph.h"
#include "repair.h"

static const char *root;

void put(const char *target, const char *name, int flags, const void *bytes, size_t size)
{
    char path[4096];
    const uint8_t control[FUZZ_CONTROL_BYTES] = {(uint8_t)flags, 0};
    snprintf(path, sizeof path, "%s/%s", root, target);
    MUST(mkdir(path, 0777) != 0 && errno != EEXIST);
    snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *f = fopen(path, "wb");
    MUST(!f || fwrite(control, 1, sizeof control, f) != sizeof control);
    MUST(fwrite(bytes, 1, size, f) != size || fclose(f) != 0);
}

void put_broken(const char *target, const char *name, int flags, const void *bytes, size_t size)
{
    char longer[128];
    uint8_t *copy = malloc(size);
    MUST(!copy);
    memcpy(copy, bytes, size);
    snprintf(longer, sizeof longer, "%s_cut", name);
    put(target, longer, flags, copy, size - size / 3);
    copy[size / 2] ^= 0x10;
    snprintf(longer, sizeof longer, "%s_bit", name);
    put(target, longer, flags, copy, size);
    free(copy);
}

uint8_t *take_file(const char *path, size_t *out_size)
{
    FILE *f = fopen(path, "rb");
    MUST(!f || fseek(f, 0, SEEK_END) != 0);
    *out_size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*out_size + 1);
    MUST(!bytes || fread(bytes, 1, *out_size, f) != *out_size);
    fclose(f);
    unlink(path);
    return bytes;
}

static void scratch_path(char *path, size_t size)
{
    snprintf(path, size, "%s/scratch.safetensors", root);
}

/* ---- safetensors ---- */

static uint8_t *save_writer(adi_st_writer *w, size_t *out_size)
{
    char path[4096];
    scratch_path(path, sizeof path);
    MUST(adi_st_writer_save(w, path));
    adi_st_writer_destroy(w);
    return take_file(path, out_size);
}

static void put_text_file(const char *name, const char *header, const void *data, size_t data_size)
{
    uint8_t bytes[512] = {0};
    const size_t n = strlen(header);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)n >> 8 * i);
    memcpy(bytes + 8, header, n);
    memcpy(bytes + 8 + n, data, data_size);
    put("safetensors", name, 0, bytes, 8 + n + data_size);
}

static void make_safetensors(void)
{
    static const int64_t shape[3] = {2, 1, 3}, empty[2] = {4, 0};
    uint8_t data[8 * 6];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = i % 8 == 7 || i % 4 == 3 || i % 2 ? 0x3f : seeded_byte("safetensors", i);
    adi_st_writer *w;
    size_t size;
    MUST(adi_st_writer_create(&adi_default_allocator, &w));
    MUST(adi_st_writer_meta(w, "format", "pt"));
    MUST(adi_st_writer_meta(w, "a\n\"key\"", "caf\xc3\xa9 \\ \x01"));
    for (int i = 0; i < ADI_DTYPE_COUNT; i++)
        MUST(adi_st_writer_tensor(w, adi_dtype_name((adi_dtype)i), (adi_dtype)i, 3, shape, data));
    MUST(adi_st_writer_tensor(w, "empty", ADI_F32, 2, empty, data));
    MUST(adi_st_writer_tensor(w, "scalar", ADI_F64, 0, NULL, data));
    uint8_t *bytes = save_writer(w, &size);
    put("safetensors", "all_dtypes", 0, bytes, size);
    put("safetensors", "all_dtypes_repaired", 1, bytes, size);
    put_broken("safetensors", "all_dtypes", 0, bytes, size);
    bytes[size - 1] ^= 1;
    put("safetensors", "wrong_crc_repaired", 1, bytes, size);
    free(bytes);

    static const float odd[2] = {1.0f, NAN};
    put_text_file("nothing", "{}", "", 0);
    put_text_file("only_meta", "{\"__metadata__\":{\"k\":\"v\"}}", "", 0);
    put_text_file("nan", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", odd,
                  8);
    put_text_file("overlap",
                  "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                  "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                  "abc", 3);
    put_text_file("overflow",
                  "{\"a\":{\"dtype\":\"F64\",\"shape\":[4294967296,4294967296],"
                  "\"data_offsets\":[0,0]}}",
                  "", 0);
    put_text_file("twice",
                  "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
                  "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
                  "a", 1);
    put_text_file("deep", "{\"a\":{\"shape\":[[[[[[1]]]]]]}}", "", 0);
    put_text_file("negative", "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,-1]}}",
                  "", 0);
    put("safetensors", "long_header", 0, "\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
}

/* ---- Scorers ---- */

enum { SIDE = 20, IMAGES = 12 };

static int give_image(void *user, int64_t index, ad_image *out_image)
{
    uint8_t *pixels = user;
    for (int64_t i = 0; i < 3 * SIDE * SIDE; i++)
        pixels[i] = seeded_byte("image", (uint64_t)(index * 3 * SIDE * SIDE + i));
    *out_image = (ad_image)AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, SIDE, SIDE, 3 * SIDE);
    return 0;
}

/* Seeded weights for every node of a graph. */
static uint8_t *make_weights(const char *text, size_t *out_size)
{
    static float blocks[64][2048];
    size_t used = 0;
    adi_graph *g;
    adi_st_writer *w;
    MUST(adi_graph_read(&adi_default_allocator, text, strlen(text), &g));
    MUST(adi_st_writer_create(&adi_default_allocator, &w));
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t k = 0; k < g->nodes[i].op->params; k++) {
            const adi_node *node = &g->nodes[i];
            char name[2 * ADI_GRAPH_MAX_NAME];
            int64_t shape[ADI_ST_MAX_DIMS], count = 1;
            snprintf(name, sizeof name, "%s.%s", node->name, node->op->param[k].suffix);
            const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, k, shape);
            for (int32_t d = 0; d < dims; d++)
                count *= shape[d];
            MUST(used == 64 || count > 2048);
            for (int64_t j = 0; j < count; j++) {
                const double v = seeded_signed(name, (uint64_t)j);
                blocks[used][j] = (float)(node->op == &adi_op_batchnorm ? 1.0 + 0.5 * v : 0.7 * v);
            }
            MUST(adi_st_writer_tensor(w, name, ADI_F32, dims, shape, blocks[used++]));
        }
    adi_graph_destroy(g);
    return save_writer(w, out_size);
}

/* How the backbone comes into the file: as the library writes it (folded, float32), or by hand,
 * batch norm and all, as it is or in 16 bits (of seeded values: only the type matters). */
typedef enum embedding { AS_WRITTEN, AS_GIVEN, AS_F16, AS_BF16 } embedding;

typedef struct scorer_spec {
    const char *name, *graph;
    embedding embedding;
    const char *settings;
} scorer_spec;

/* A scorer file without a backbone, and that backbone's file, as one. */
static uint8_t *embed(const uint8_t *scorer, size_t scorer_size, const uint8_t *weights,
                      size_t weights_size, embedding how, size_t *out_size)
{
    static uint8_t halves[4096];
    adi_safetensors *files[2];
    adi_st_writer *w;
    const char *key, *value;
    for (size_t i = 0; i < sizeof halves; i++) /* odd bytes: the exponent of a number below one */
        halves[i] = i % 2 ? 0x28 + seeded_byte("halves", i) % 16 : seeded_byte("halves", i);
    MUST(adi_st_parse(&adi_default_allocator, scorer, scorer_size, "scorer", &files[0]));
    MUST(adi_st_parse(&adi_default_allocator, weights, weights_size, "weights", &files[1]));
    MUST(adi_st_writer_create(&adi_default_allocator, &w));
    for (size_t i = 0; adi_st_meta_at(files[0], i, &key, &value); i++)
        if (strncmp(key, REPAIR_KEY, strlen(REPAIR_KEY)) != 0)
            MUST(adi_st_writer_meta(w, key, strcmp(key, "adfeat.embedded") ? value : "1"));
    for (int f = 0; f < 2; f++)
        for (int32_t i = 0; i < adi_st_count(files[f]); i++) {
            const adi_st_tensor *t = adi_st_at(files[f], i);
            char name[ADI_ST_MAX_NAME];
            snprintf(name, sizeof name, "%s%s", f ? "backbone." : "", t->name);
            const int narrow = f && how >= AS_F16;
            MUST(narrow && (size_t)t->count > sizeof halves / 2);
            MUST(adi_st_writer_tensor(w, name,
                                      !narrow         ? t->dtype
                                      : how == AS_F16 ? ADI_F16
                                                      : ADI_BF16,
                                      t->ndim, t->shape, narrow ? halves : t->data));
        }
    uint8_t *bytes = save_writer(w, out_size);
    adi_st_close(files[0]);
    adi_st_close(files[1]);
    return bytes;
}

static void make_scorer(ad_context *context, const scorer_spec *spec)
{
    static uint8_t pixels[3 * SIDE * SIDE];
    char path[4096];
    size_t size, weights_size;
    ad_backbone *backbone;
    ad_dataset *good;
    ad_fitter *fitter;
    ad_scorer *scorer;
    ad_backbone_options net;
    ad_scorer_save_options save;
    uint8_t *weights = make_weights(spec->graph, &weights_size);
    ad_backbone_options_init(&net, sizeof net);
    net.graph = spec->graph;
    MUST(ad_backbone_from_memory(context, weights, weights_size, &net, &backbone));
    const char *method = strncmp(spec->name, "padim", 5) == 0 ? "padim" : "gaussian";
    MUST(ad_fitter_create(backbone, method, spec->settings, &fitter));
    MUST(ad_dataset_from_callback(context, give_image, pixels, IMAGES, &good));
    MUST(ad_fit(fitter, good, NULL, &scorer));
    ad_scorer_save_options_init(&save, sizeof save);
    save.embed_backbone = spec->embedding == AS_WRITTEN;
    scratch_path(path, sizeof path);
    MUST(ad_scorer_save(scorer, path, &save));
    uint8_t *bytes = take_file(path, &size);
    if (spec->embedding != AS_WRITTEN) {
        uint8_t *alone = bytes;
        bytes = embed(alone, size, weights, weights_size, spec->embedding, &size);
        free(alone);
    }
    put("scorer", spec->name, 1, bytes, size);
    if (strcmp(spec->name, "npca_dense") == 0) {
        put("scorer", "not_repaired", 0, bytes, size);
        put("scorer", "ref", 3, bytes, size);
        put_broken("scorer", "not_repaired", 0, bytes, size);
        put_broken("scorer", "repaired", 1, bytes, size);
    }
    free(bytes);
    free(weights);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
    ad_backbone_destroy(backbone);
}

static void make_scorers(void)
{
    static const char second[] = "network second\ninput_size 12\nmean 0 0 0\nstd 1 1 1\n"
                                 "input in : channels=3\n"
                                 "conv2d c <- in : out=4 kernel=4 stride=3 pad=same\n"
                                 "add d <- c c\ntap t <- d\n"
                                 "maxpool2d m <- c : kernel=2 stride=2\n"
                                 "conv2d e <- m : out=4 kernel=1\ntap u <- e\n";
    const char *squeeze = squeeze_with("symmetric");
    const scorer_spec specs[] = {
        {"none_none", tiny_graph, AS_WRITTEN, "reduce=none, pixel=none"},
        {"none_dense", tiny_graph, AS_WRITTEN, "reduce=none, blur_sigma=1.5"},
        {"npca_dense", tiny_graph, AS_WRITTEN, "aspect=shorter, size=22, crop=18"},
        {"npca_gap", tiny_graph, AS_WRITTEN, "pixel=gap, squared=1, layers=b"},
        {"pca_gap", second, AS_WRITTEN, "pixel=gap, reduce=pca:0.8, resize=cv_linear"},
        {"pca_dense", second, AS_WRITTEN, "layers=u,t, reduce=pca, resize=pil_lanczos"},
        {"given_npca_dense", tiny_graph, AS_GIVEN, "layers=b"},
        {"given_plain_gap", plain_graph, AS_GIVEN, "layers=t,u, pixel=gap"},
        {"f16_none_dense", tiny_graph, AS_F16, "reduce=none, layers=a"},
        {"bf16_none_none", plain_graph, AS_BF16, "pixel=none"},
        {"padim", tiny_graph, AS_WRITTEN, "layers=a,b, size=12, dimensions=6, aspect=square"},
        {"padim_shrunk", second, AS_WRITTEN,
         "layers=u,t, size=14, crop=10, covariance=ledoit_wolf, dimensions=all, blur_sigma=0"},
        {"squeeze", squeeze, AS_WRITTEN, "layers=level1,level2, reduce=none"},
        {"padim_squeeze_given", squeeze, AS_GIVEN, "layers=level2,level1, dimensions=3"},
    };
    ad_context *context;
    MUST(ad_context_create(NULL, &context));
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        make_scorer(context, &specs[i]);
    ad_context_destroy(context);
    put_text_file("scorer_kind",
                  "{\"__metadata__\":{\"adfeat.crc32\":\"00000000\",\"adfeat.format\":\"2\","
                  "\"adfeat.kind\":\"scorer\",\"adfeat.method\":\"gaussian\"}}",
                  "", 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 1;
    }
    root = argv[1];
    MUST(mkdir(root, 0777) != 0 && errno != EEXIST);
    make_safetensors();
    make_graphs();
    make_scorers();
    make_students(root);
    make_pictures();
    make_views();
    make_depths();
    return 0;
}
