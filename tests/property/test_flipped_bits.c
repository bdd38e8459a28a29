/* Files of ours with one bit flipped, every bit in its turn: the file is refused, or nothing that is read of it
 * differs. Small ones of each kind, since every byte counts alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/student_case.h"
#include "train/checkpoint.h"

enum { MOST = 64 << 10, VALUES = 20 };

typedef struct fixture {
    ad_context *context;
    ad_backbone *net, *teacher;
    char *weights, *file, *copy;
    uint8_t bytes[MOST], again[MOST];
    size_t size;
    float score;
    char digest[17];
    adi_trainee trainee;
    float values[VALUES], kept[VALUES];
    int64_t steps;
} fixture;

static size_t take_file(const char *path, uint8_t *bytes)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    const size_t size = fread(bytes, 1, MOST, in);
    fclose(in);
    assert_in_range(size, 100, MOST - 1);
    return size;
}

static void give_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

/* Reads f->bytes: the status of reading, or a failed test where something else was read than was written. */
typedef ad_status (*reader)(fixture *f);

/* How many flips nothing came of; all others were refused. */
static size_t flip_all(fixture *f, reader read)
{
    size_t equal = 0;
    if (read(f) != AD_OK)
        fail_msg("the file as it was written: %s", ad_last_error_message());
    for (size_t bit = 0; bit < 8 * f->size; bit++) {
        f->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const ad_status status = read(f);
        assert_true(status != AD_ERR_OUT_OF_MEMORY);
        equal += status == AD_OK;
        if (status != AD_OK)
            assert_true(ad_last_error_message()[0]);
        f->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    print_message("%zu bits: %zu refused, %zu without effect\n", 8 * f->size, 8 * f->size - equal, equal);
    return equal;
}

/* ---- Scorers ---- */

static float score_of(ad_scorer *scorer)
{
    uint8_t pixels[TINY_PIXELS];
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
    float score = -1.0f;
    tiny_image(pixels, 7, 1);
    assert_int_equal(ad_score_image(scorer, &image, &score), AD_OK);
    return score;
}

static ad_status read_scorer(fixture *f)
{
    ad_scorer *scorer = NULL;
    give_file(f->copy, f->bytes, f->size);
    ADI_TRY(ad_scorer_load(f->context, f->copy, NULL, &scorer));
    assert_true(score_of(scorer) == f->score);
    ad_scorer_destroy(scorer);
    return AD_OK;
}

static void scorers(void **state)
{
    fixture *f = *state;
    uint8_t pixels[TINY_PIXELS];
    ad_scorer_save_options save;
    ad_fitter *fitter = NULL;
    ad_scorer *scorer = NULL;
    ad_scorer_save_options_init(&save, sizeof save);
    save.embed_backbone = 1;
    assert_int_equal(ad_fitter_create(f->net, "gaussian", "layers=shallow, pixel=none", &fitter),
                     AD_OK);
    for (int64_t i = 0; i < 4; i++) {
        const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, pixels, TINY_SIDE, TINY_SIDE, TINY_SIDE * 3);
        tiny_image(pixels, i, 0);
        assert_int_equal(ad_fitter_add(fitter, &image), AD_OK);
    }
    assert_int_equal(ad_fitter_finish(fitter, &scorer), AD_OK);
    assert_int_equal(ad_scorer_save(scorer, f->file, &save), AD_OK);
    f->score = score_of(scorer);
    f->size = take_file(f->file, f->bytes);
    assert_int_equal(flip_all(f, read_scorer), 0); /* all of it is read */
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
}

/* ---- Weights ---- */

static ad_status read_weights(fixture *f)
{
    ad_backbone_options o;
    ad_backbone *net = NULL;
    ad_backbone_info info = {.struct_size = sizeof info};
    ad_backbone_options_init(&o, sizeof o);
    o.graph = tiny_graph;
    ADI_TRY(ad_backbone_from_memory(f->context, f->bytes, f->size, &o, &net));
    assert_int_equal(ad_backbone_get_info(net, &info), AD_OK);
    assert_string_equal(info.digest, f->digest);
    ad_backbone_destroy(net);
    return AD_OK;
}

/* A head is not read, so its bits do not count. */
static void weights(void **state)
{
    fixture *f = *state;
    adi_safetensors *file = NULL;
    adi_st_writer *w = NULL;
    static const float head[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t shape[2] = {2, 3};
    assert_int_equal(adi_st_open(&adi_default_allocator, f->weights, &file), AD_OK);
    assert_int_equal(adi_st_writer_create(&adi_default_allocator, &w), AD_OK);
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        assert_int_equal(adi_st_writer_tensor(w, t->name, t->dtype, t->ndim, t->shape, t->data), AD_OK);
    }
    assert_int_equal(adi_st_writer_tensor(w, "head.weight", ADI_F32, 2, shape, head), AD_OK);
    assert_int_equal(adi_st_writer_meta(w, "origin", "somewhere"), AD_OK);
    assert_int_equal(adi_st_writer_save(w, f->file), AD_OK);
    adi_st_writer_destroy(w);
    adi_st_close(file);
    ad_backbone_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_backbone_get_info(f->net, &info), AD_OK);
    snprintf(f->digest, sizeof f->digest, "%s", info.digest);
    f->size = take_file(f->file, f->bytes);
    assert_int_equal(flip_all(f, read_weights), 8 * sizeof head);
}

/* ---- Students ---- */

static ad_status read_student(fixture *f)
{
    ad_student *s = NULL;
    const size_t size = f->size;
    give_file(f->copy, f->bytes, size);
    ADI_TRY(ad_student_load(f->teacher, f->copy, NULL, NULL, &s));
    assert_int_equal(ad_student_save(s, f->copy), AD_OK);
    ad_student_destroy(s);
    assert_int_equal(take_file(f->copy, f->again), size);
    assert_memory_equal(f->again, f->bytes, size);
    return AD_OK;
}

static void students(void **state)
{
    fixture *f = *state;
    ad_student *s = mini_student_of(f->teacher, MINI_STFPM, "layers=layer1");
    assert_int_equal(ad_student_save(s, f->file), AD_OK);
    ad_student_destroy(s);
    f->size = take_file(f->file, f->bytes);
    assert_int_equal(flip_all(f, read_student), 0);
}

/* ---- Checkpoints ---- */

static ad_status begin_phase(void *self, int32_t phase)
{
    (void)self;
    (void)phase;
    return AD_OK;
}

static const char *describe(void *self, int32_t index, char *value, size_t size, int32_t *out_may_differ)
{
    (void)self;
    *out_may_differ = 1;
    snprintf(value, size, "two");
    return index == 0 ? "option" : NULL;
}

static ad_status read_checkpoint(fixture *f)
{
    adi_safetensors *file = NULL;
    adi_train_position position;
    memset(f->values, 0, sizeof f->values);
    f->steps = 0;
    ADI_TRY(adi_st_parse(&adi_default_allocator, f->bytes, f->size, "checkpoint", &file));
    const ad_status status = adi_checkpoint_read(file, &f->trainee, &position);
    adi_st_close(file);
    if (status == AD_OK) {
        assert_memory_equal(f->values, f->kept, sizeof f->kept);
        assert_int_equal(f->steps, 12);
        assert_true(position.epoch == 3.0);
    }
    return status;
}

static void checkpoints(void **state)
{
    fixture *f = *state;
    char folder[512], path[600];
    const adi_train_position position = {.epoch = 3.0, .batch = 1.0, .validation = 0.5, .best_validation = 0.25};
    f->trainee = (adi_trainee){.self = f, .phases = {{"only", 5, 1.0}}, .phase_count = 1, .array_count = 1,
                               .counter_count = 1, .arrays = {{"w", f->values, NULL, VALUES, 0}},
                               .counters = {{"steps", &f->steps}}, .begin_phase = begin_phase,
                               .describe = describe};
    tiny_values(f->values, VALUES, "flipped", 1.0, 0.0);
    memcpy(f->kept, f->values, sizeof f->kept);
    f->steps = 12;
    snprintf(folder, sizeof folder, "%s", f->file);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(adi_checkpoint_save(&adi_default_allocator, folder, &f->trainee, &position), AD_OK);
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", folder);
    f->size = take_file(path, f->bytes);
    unlink(path);
    assert_int_equal(flip_all(f, read_checkpoint), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->weights = tiny_fast_path("weights");
    f->file = tiny_fast_path("file");
    f->copy = tiny_fast_path("copy");
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.num_threads = 1;
    if (tiny_weights(f->weights, "") || ad_context_create(&o, &f->context) || tiny_open(f->context, f->weights, &f->net))
        return 1;
    f->teacher = mini_teacher(f->context);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char *const paths[] = {f->weights, f->file, f->copy};
    ad_backbone_destroy(f->net);
    ad_backbone_destroy(f->teacher);
    ad_context_destroy(f->context);
    for (int i = 0; i < 3; i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
    free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scorers), cmocka_unit_test(weights),
                                       cmocka_unit_test(students), cmocka_unit_test(checkpoints)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
