/* What fuzz_student.c reads its inputs against and make_corpus_student.c makes them for: a teacher, and a
 * training of a few floats. */
#ifndef ADFEAT_TESTS_FUZZ_STUDENT_INPUTS_H
#define ADFEAT_TESTS_FUZZ_STUDENT_INPUTS_H

#include "core/safetensors.h"
#include "harness/seeded.h"
#include "api/objects.h"
#include "train/fit_loop.h"

static const char teacher_graph[] = "network teacher\ninput_size 8\nmean 0.5 0.5 0.5\nstd 0.2 0.2 0.2\n"
                                    "hint stfpm.layers layer1,layer2\n"
                                    "input image : channels=3\n"
                                    "conv2d conv1 <- image : out=2 kernel=3 stride=2 pad=1\n"
                                    "batchnorm bn1 <- conv1\n"
                                    "relu relu1 <- bn1\n"
                                    "tap layer1 <- relu1\n"
                                    "conv2d layer2.0.conv1 <- relu1 : out=4 kernel=3 stride=2 pad=1\n"
                                    "batchnorm layer2.0.bn1 <- layer2.0.conv1\n"
                                    "relu layer2.0.relu1 <- layer2.0.bn1\n"
                                    "tap layer2 <- layer2.0.relu1\n";
/* For reverse distillation: as narrow as can be, of blocks whose inside is narrower still. */
#define RD_STAGE(LAYER, FROM, OUT, STRIDE)                                                                         \
    "conv2d " LAYER ".0.conv1 <- " FROM " : out=1 kernel=1\nrelu " LAYER ".0.r1 <- " LAYER ".0.conv1\n"           \
    "conv2d " LAYER ".0.conv2 <- " LAYER ".0.r1 : out=1 kernel=3 stride=" STRIDE " pad=1\n"                        \
    "relu " LAYER ".0.r2 <- " LAYER ".0.conv2\nconv2d " LAYER ".0.conv3 <- " LAYER ".0.r2 : out=" OUT " kernel=1\n" \
    "relu " LAYER ".0.out <- " LAYER ".0.conv3\ntap " LAYER " <- " LAYER ".0.out\n"
static const char residual_graph[] = "network residual\ninput_size 32\nmean 0.5 0.5 0.5\nstd 0.2 0.2 0.2\n"
                                     "input image : channels=3\n"
                                     "conv2d conv1 <- image : out=2 kernel=3 stride=4 pad=1\nrelu relu1 <- conv1\n"
    RD_STAGE("layer1", "relu1", "1", "1") RD_STAGE("layer2", "layer1.0.out", "2", "2")
    RD_STAGE("layer3", "layer2.0.out", "8", "2") RD_STAGE("layer4", "layer3.0.out", "2", "2");
enum { TEACHER_SIDE = 8, RESIDUAL_SIDE = 32 };

static inline ad_status teacher_open(ad_context *context, const char *text, ad_backbone **out)
{
    const adi_allocator *a = &context->allocator;
    static float blocks[16][128];
    adi_graph *g = NULL;
    adi_st_writer *w = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0, used = 0;
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    o.graph = text;
    ad_status status = adi_graph_read(a, text, strlen(text), &g);
    if (status == AD_OK)
        status = adi_st_writer_create(a, &w);
    for (int32_t i = 0; status == AD_OK && i < g->node_count; i++)
        for (int32_t k = 0; status == AD_OK && k < g->nodes[i].op->params; k++) {
            const adi_node *node = &g->nodes[i];
            char name[2 * ADI_GRAPH_MAX_NAME];
            int64_t shape[ADI_ST_MAX_DIMS], count = 1;
            if (!adi_op_needs_param(node->op, &node->attrs, k))
                continue;
            snprintf(name, sizeof name, "%s.%s", node->name, node->op->param[k].suffix);
            const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, k, shape);
            for (int32_t d = 0; d < dims; d++)
                count *= shape[d];
            for (int64_t j = 0; j < count; j++) {
                const double v = seeded_signed(name, (uint64_t)j);
                blocks[used][j] = (float)(node->op == &adi_op_batchnorm ? 1.0 + 0.5 * v : 0.7 * v);
            }
            status = adi_st_writer_tensor(w, name, ADI_F32, dims, shape, blocks[used++]);
        }
    if (status == AD_OK)
        status = adi_st_writer_bytes(w, &bytes, &size);
    if (status == AD_OK)
        status = ad_backbone_from_memory(context, bytes, size, &o, out);
    adi_free(a, bytes);
    adi_st_writer_destroy(w);
    adi_graph_destroy(g);
    return status;
}

/* Metres: a part on a table, with holes. */
#define TABLE {0.6f, 0.6f, 0.6f, 0.6f, 0.6f, 0.6f, 0.6f, 0.6f}
#define PART  {0.6f, 0.6f, 0.58f, 0.58f, 0.57f, 0.58f, 0.6f, 0.6f}
#define HOLE  {0.6f, 0.6f, 0.58f, 0.0f, 0.58f, 0.57f, 0.6f, 0.6f}
static const float teacher_depth[2][TEACHER_SIDE][TEACHER_SIDE] = {
    {TABLE, TABLE, PART, HOLE, PART, PART, TABLE, TABLE}, {TABLE, TABLE, PART, PART, HOLE, PART, TABLE, TABLE}};

static inline int teacher_image(void *user, int64_t index, ad_image *out_image)
{
    uint8_t *pixels = user;
    for (int64_t i = 0; i < 3 * TEACHER_SIDE * TEACHER_SIDE; i++)
        pixels[i] = seeded_byte("student", (uint64_t)(index * 3 * TEACHER_SIDE * TEACHER_SIDE + i));
    *out_image = (ad_image)AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TEACHER_SIDE, TEACHER_SIDE, 3 * TEACHER_SIDE);
    out_image->depth = teacher_depth[index % 2][0];
    out_image->depth_width = out_image->depth_height = TEACHER_SIDE;
    out_image->depth_row_bytes = TEACHER_SIDE * (int64_t)sizeof(float);
    out_image->depth_pixel_bytes = sizeof(float);
    return 0;
}

static inline ad_status teacher_fitter(ad_student *student, ad_fitter **out)
{
    static const char *const trainings[][2] = {
        {"stfpm", "size=8, epochs=1, batch=2, validation_share=0"},
        {"stfpm_unet", "size=8, epochs=1, pretrain_epochs=1, batch=2, validation_share=0"},
        {"ast", "size=8, epochs=1, batch=2"},
        {"masked_rd", "size=32, epochs=1, batch=2, validation_share=0, blur_sigma=1"}};
    int i = 0;
    while (strcmp(trainings[i][0], student->method->name) != 0)
        i++;
    return ad_fitter_create_with(student, trainings[i][1], out);
}

/* ---- A training ---- */

typedef struct floats {
    adi_trainee trainee;
    float values[3], best[3], state[2];
    int64_t steps;
} floats;

static inline ad_status floats_begin(void *self, int32_t phase)
{
    floats *f = self;
    (void)phase;
    f->state[0] = f->state[1] = 0.0f;
    f->steps = 0;
    return AD_OK;
}

static inline ad_status floats_gradients(void *self, int32_t phase, const int32_t *images, int32_t count,
                                         const adi_cancel *cancel, adi_batch_loss *out_loss)
{
    const floats *f = self;
    (void)phase;
    if (cancel->is_cancelled(cancel->user))
        return adi_fail(AD_ERR_CANCELLED, "cancelled");
    *out_loss = (adi_batch_loss){fabs(f->values[0] - images[count - 1]), {0.0, 0.0}};
    return AD_OK;
}

static inline ad_status floats_update(void *self, int32_t phase)
{
    floats *f = self;
    for (int i = 0; i < 3; i++)
        f->values[i] = 0.5f * f->values[i] + 0.25f * f->state[i % 2] + (float)phase;
    f->state[f->steps % 2] += 1.0f;
    f->steps++;
    return AD_OK;
}

static inline ad_status floats_validate(void *self, int32_t phase, const int32_t *images, int32_t count,
                                        const adi_cancel *cancel, double *out_error)
{
    (void)images;
    (void)cancel;
    *out_error = fabs(((const floats *)self)->values[1] - phase) + count;
    return AD_OK;
}

static inline void floats_epoch_done(void *self, int32_t phase)
{
    (void)self;
    (void)phase;
}

static inline const char *floats_describe(void *self, int32_t index, char *value, size_t size,
                                          int32_t *out_may_differ)
{
    static const char *const names[] = {"images", "epochs", "lr"};
    (void)self;
    *out_may_differ = index == 1;
    snprintf(value, size, "%d", index);
    return index < 3 ? names[index] : NULL;
}

static inline void floats_init(floats *f)
{
    *f = (floats){.values = {1.0f, -2.0f, 3.0f}};
    f->trainee = (adi_trainee){.self = f,
                               .phases = {{"first", 3, 1.0}, {"second", 2, 2.0}},
                               .phase_count = 2,
                               .array_count = 2,
                               .counter_count = 1,
                               .arrays = {{"values", f->values, f->best, 3, 0}, {"state", f->state, NULL, 2, 0}},
                               .counters = {{"steps", &f->steps}},
                               .begin_phase = floats_begin,
                               .gradients = floats_gradients,
                               .update = floats_update,
                               .validate = floats_validate,
                               .epoch_done = floats_epoch_done,
                               .describe = floats_describe};
}

/* Ten images, two held out, batches of three; what it allocates is the allocator's. */
static inline ad_status floats_loop(floats *f, const adi_allocator *a, adi_fit_loop *loop)
{
    floats_init(f);
    const ad_status status = adi_fit_loop_init(loop, a, &f->trainee, 10, 0.2, 0);
    loop->batch = 3;
    return status;
}

#endif
