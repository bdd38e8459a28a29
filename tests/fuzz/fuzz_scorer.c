/* Scorer files with an embedded backbone. Flags: 1 checksums are repaired first, 2 the ref backend.
 * What loads must score an image and make maps, or say why not. */
#include <math.h>

#include "api/objects.h"
#include "fuzz.h"
#include "methods/ast.h"
#include "methods/masked_rd.h"
#include "methods/stfpm.h"
#include "mutate.h"
#include "repair.h"

enum {
    REPAIR = 1,
    REFERENCE = 2,
    CEILING = 64 << 20,
    IMAGE_W = 20,
    IMAGE_H = 14,
    MAX_MAP = IMAGE_W * IMAGE_H,
    /* A file may well ask for hours of work; inputs that do are loaded only. */
    MAX_WORK = 1 << 19
};

static int is_stfpm(const char *method)
{
    return strcmp(method, "stfpm") == 0 || strcmp(method, "stfpm_unet") == 0;
}

/* Multiplications, roughly. */
static double work_of_plan(const adi_plan *plan)
{
    double sum = 0.0;
    for (int32_t i = 0; plan && i < plan->step_count; i++) {
        const adi_op_call *c = &plan->steps[i].call;
        const double window = (double)(c->attrs.kernel + 1) * (double)(c->attrs.kernel + 1);
        const int deep = plan->steps[i].node->op == &adi_op_conv2d || plan->steps[i].node->op == &adi_op_deconv2d
                         || plan->steps[i].node->op == &adi_op_gconv2d;
        sum += (double)c->out.h * (double)c->out.w * (double)c->out.c * window *
               (deep ? (double)c->in.c : 1.0);
    }
    return sum;
}

static int is_ast(const char *method)
{
    return strcmp(method, "ast") == 0;
}

static int is_rd(const char *method)
{
    return strcmp(method, "masked_rd") == 0;
}

/* Of all networks, and elements of what is resized. */
static double work_of(const ad_scorer *scorer)
{
    const adi_extractor *x = scorer->extractor;
    double sum = work_of_plan(x->plan);
    const adi_model *m = scorer->model;
    const double at = (double)m->recipe.at;
    for (int32_t i = 0; m->networks && i < m->networks->count; i++)
        sum += work_of_plan(m->networks->items[i].plan);
    sum += 16.0 * at * at * x->tap_count;
    for (int32_t i = 0; i < x->tap_count; i++) {
        const adi_shape *s = adi_extractor_shape(x, i);
        sum += (double)s->h * (double)s->w * (double)s->c * (double)s->c;
    }
    return sum + 64.0 * x->preprocess.crop * x->preprocess.crop;
}

static void check_info(const ad_scorer *s, uint64_t *seen)
{
    ad_scorer_info info = {.struct_size = sizeof info};
    FUZZ_CHECK(ad_scorer_get_info(s, &info) == AD_OK);
    FUZZ_CHECK(strcmp(info.method, "gaussian") == 0 || strcmp(info.method, "padim") == 0 || is_stfpm(info.method)
               || is_ast(info.method) || is_rd(info.method));
    FUZZ_CHECK(info.architecture[0]);
    FUZZ_CHECK(info.input_size >= 1 && info.input_size <= 4096);
    FUZZ_CHECK(info.image_count >= 0 && isfinite(info.normal_score) && isfinite(info.normal_map));
    FUZZ_CHECK(strlen(info.backbone_digest) == 16);
    for (int32_t i = 0; i < info.option_count; i++) {
        const char *key, *value;
        FUZZ_CHECK(ad_scorer_get_option(s, i, &key, &value) == AD_OK);
        fuzz_digest(seen, key, strlen(key));
        fuzz_digest(seen, value, strlen(value));
    }
}

static void check_score(ad_scorer *s, const ad_image *image, uint64_t *seen, const fuzz_heap *heap)
{
    const long refused = heap->refused;
    float score = -123.0f;
    fuzz_forget_message();
    const ad_status status = ad_score_image(s, image, &score);
    fuzz_check_status(status, refused, heap);
    fuzz_digest_status(seen, status);
    if (status == AD_OK)
        FUZZ_CHECK(isfinite(score));
    else
        FUZZ_CHECK(score == -123.0f);
    fuzz_digest(seen, &score, sizeof score);
}

/* AST's map is a bicubic one, of a likelihood too: it may be negative; that of masked_rd by the rounding of 1 - 1. */
static float least_of(const char *method)
{
    return is_ast(method) ? -INFINITY : is_rd(method) ? -1e-6f : 0.0f;
}

/* A map of w x h in a block of exactly that size. */
static void check_map(ad_scorer *s, const ad_image *image, int64_t w, int64_t h, uint64_t *seen,
                      const fuzz_heap *heap)
{
    const long refused = heap->refused;
    float score = -123.0f;
    float *data = malloc((size_t)(w * h) * sizeof *data);
    FUZZ_CHECK(data && w * h <= MAX_MAP);
    for (int64_t i = 0; i < w * h; i++)
        data[i] = -123.0f;
    const ad_map map = AD_MAP_INIT(data, w, h, w * (int64_t)sizeof(float));
    fuzz_forget_message();
    const ad_status status = ad_anomaly_map(s, image, &map, &score);
    fuzz_check_status(status, refused, heap);
    fuzz_digest_status(seen, status);
    for (int64_t i = 0; i < w * h; i++)
        if (status == AD_OK)
            FUZZ_CHECK(isfinite(data[i]) && data[i] >= least_of(s->model->method->name));
        else
            FUZZ_CHECK(data[i] == -123.0f);
    FUZZ_CHECK(status == AD_OK ? isfinite(score) : score == -123.0f);
    fuzz_digest(seen, data, (size_t)(w * h) * sizeof *data);
    free(data);
}

/* A part of 20 mm on a table, with holes; read by methods that need it. */
static void give_depth(float *depth, ad_image *image)
{
    for (int y = 0; y < IMAGE_H; y++)
        for (int x = 0; x < IMAGE_W; x++) {
            const int inside = y > 3 && y < IMAGE_H - 4 && x > 5 && x < IMAGE_W - 6;
            depth[y * IMAGE_W + x] = (3 * x + 5 * y) % 11 ? 0.6f - 0.02f * (float)inside + 1e-4f * (float)(x * y % 7) : 0.0f;
        }
    image->depth = depth;
    image->depth_width = IMAGE_W;
    image->depth_height = IMAGE_H;
    image->depth_row_bytes = IMAGE_W * (int64_t)sizeof *depth;
    image->depth_pixel_bytes = sizeof *depth;
}

static void use(ad_scorer *s, uint64_t *seen, const fuzz_heap *heap)
{
    uint8_t pixels[3 * IMAGE_W * IMAGE_H];
    float depth[IMAGE_W * IMAGE_H];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i + 11 * i);
    ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, IMAGE_W, IMAGE_H, 3 * IMAGE_W);
    give_depth(depth, &image);
    check_info(s, seen);
    if (work_of(s) > MAX_WORK)
        return;
    check_score(s, &image, seen, heap);
    check_map(s, &image, IMAGE_W, IMAGE_H, seen, heap);
    const long calls = atomic_load(&heap->fault.calls);
    check_map(s, &image, 7, 33, seen, heap);
    check_score(s, &image, seen, heap);
    if (!heap->refused) /* warm by now */
        FUZZ_CHECK(atomic_load(&heap->fault.calls) == calls);
}

static uint64_t run(const fuzz_input *in, fuzz_heap *heap)
{
    uint64_t seen = FUZZ_DIGEST_START;
    if (in->flags & REPAIR)
        repair_safetensors(in->bytes, in->size);
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = 1;
    o.device = in->flags & REFERENCE ? "ref" : "cpu";
    o.alloc = fuzz_heap_get;
    o.free = fault_alloc_put;
    o.alloc_user = heap;
    ad_context *context = NULL;
    fuzz_forget_message();
    ad_status status = ad_context_create(&o, &context);
    fuzz_check_status(status, 0, heap);
    if (status != AD_OK)
        return seen;
    ad_scorer *scorer = (ad_scorer *)(void *)heap; /* must become NULL on failure */
    fuzz_forget_message();
    status = adi_scorer_load_bytes(context, in->bytes, in->size, NULL, &scorer);
    fuzz_check_status(status, 0, heap);
    fuzz_digest_status(&seen, status);
    /* Loading, unlike scoring, needs memory in proportion to the file. */
    FUZZ_CHECK((size_t)atomic_load(&heap->fault.peak) <= (1 << 20) + 256 * in->size);
    FUZZ_CHECK(status == AD_OK ? !!scorer : !scorer);
    ad_context_destroy(context); /* the scorer keeps it alive */
    if (scorer)
        use(scorer, &seen, heap);
    ad_scorer_destroy(scorer);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run_twice(run, data, size, CEILING);
    return 0;
}
