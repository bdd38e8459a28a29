/* Inputs of fuzz_student.c, and the scorers that come of students. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "make_corpus.h"
#include "student_inputs.h"

static const char *folder;

static uint8_t *take(const char *name, size_t *out_size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return take_file(path, out_size);
}

static ad_student *make_student(ad_backbone *teacher, const char *method, const char *options)
{
    ad_student *s;
    MUST(ad_student_create(teacher, method, options, &s));
    return s;
}

static void save_student(const ad_student *s, const char *name, int flags)
{
    char path[4096];
    size_t size;
    snprintf(path, sizeof path, "%s/scratch", folder);
    MUST(ad_student_save(s, path));
    uint8_t *bytes = take("scratch", &size);
    put("student", name, flags, bytes, size);
    put_broken("student", name, flags, bytes, size);
    free(bytes);
}

/* The network alone under other people's names: `sequence` as in STFPM's official checkpoints, without
 * metadata. */
static void save_as_others(const ad_student *s, const char *name, int sequence)
{
    char path[4096], longer[160];
    adi_safetensors *file;
    adi_st_writer *w;
    size_t size;
    snprintf(path, sizeof path, "%s/scratch", folder);
    MUST(ad_student_save(s, path));
    MUST(adi_st_open(&adi_default_allocator, path, &file));
    MUST(adi_st_writer_create(&adi_default_allocator, &w));
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        const char *own = t->name + strlen("student.");
        const int place = strncmp(own, "conv1.", 6) == 0 ? 0 : strncmp(own, "bn1.", 4) == 0 ? 1 : 5;
        if (sequence)
            snprintf(longer, sizeof longer, "model.%d.%s", place, strchr(own, '.') + 1);
        else
            snprintf(longer, sizeof longer, "%s", own);
        MUST(adi_st_writer_tensor(w, longer, t->dtype, t->ndim, t->shape, t->data));
    }
    MUST(adi_st_writer_save(w, path));
    adi_st_writer_destroy(w);
    adi_st_close(file);
    uint8_t *bytes = take("scratch", &size);
    put("student", name, 1, bytes, size);
    free(bytes);
}

/* The names of RD4AD's authors, with no more metadata than what the student is. */
static void save_as_rd4ad(const ad_student *s, const char *name)
{
    char path[4096], other[160];
    const char *key, *value;
    adi_safetensors *file;
    adi_st_writer *w;
    size_t size;
    snprintf(path, sizeof path, "%s/scratch", folder);
    MUST(ad_student_save(s, path));
    MUST(adi_st_open(&adi_default_allocator, path, &file));
    MUST(adi_st_writer_create(&adi_default_allocator, &w));
    for (size_t i = 0; adi_st_meta_at(file, i, &key, &value); i++)
        if (strncmp(key, "adfeat.student.", 15) == 0)
            MUST(adi_st_writer_meta(w, key, value));
    for (int32_t i = 0; i < adi_st_count(file); i++) {
        const adi_st_tensor *t = adi_st_at(file, i);
        const char *own = t->name + strlen("student.");
        snprintf(other, sizeof other, "%s%s", strncmp(own, "decoder.", 8) ? "bn." : "",
                 strncmp(own, "msff.", 5) ? own : own + 5);
        MUST(adi_st_writer_tensor(w, other, t->dtype, t->ndim, t->shape, t->data));
    }
    MUST(adi_st_writer_save(w, path));
    adi_st_writer_destroy(w);
    adi_st_close(file);
    uint8_t *bytes = take("scratch", &size);
    put("student", name, 9, bytes, size);
    free(bytes);
}

static void save_scorer(ad_context *context, ad_student *s, const char *name)
{
    static uint8_t pixels[3 * TEACHER_SIDE * TEACHER_SIDE];
    char path[4096];
    size_t size;
    ad_dataset *good;
    ad_fitter *fitter;
    ad_scorer *scorer;
    ad_scorer_save_options save;
    MUST(teacher_fitter(s, &fitter));
    MUST(ad_dataset_from_callback(context, teacher_image, pixels, 4, &good));
    MUST(ad_fit(fitter, good, NULL, &scorer));
    ad_scorer_save_options_init(&save, sizeof save);
    save.embed_backbone = 1;
    snprintf(path, sizeof path, "%s/scratch", folder);
    MUST(ad_scorer_save(scorer, path, &save));
    uint8_t *bytes = take("scratch", &size);
    put("scorer", name, 1, bytes, size);
    put_broken("scorer", name, 1, bytes, size);
    free(bytes);
    ad_scorer_destroy(scorer);
    ad_fitter_destroy(fitter);
    ad_dataset_destroy(good);
}

/* Levels are few, since every tensor's name takes room. */
static void make_rd_students(ad_context *context)
{
    static const char *const kinds[][2] = {
        {"masked_rd", "gn_groups=2, levels=3"},
        {"masked_rd_soft",
         "gn_groups=2, levels=3, gate=soft, cru_softmax=joint, eval_mask=seeded, fmm_align=0"},
        {"rd4ad", "preset=rd4ad, gn_groups=2, fmm_align=1"}};
    ad_backbone *teacher;
    MUST(teacher_open(context, residual_graph, &teacher));
    for (int i = 0; i < 3; i++) {
        ad_student *s = make_student(teacher, "masked_rd", kinds[i][1]);
        save_scorer(context, s, kinds[i][0]);
        save_student(s, kinds[i][0], i == 1 ? 13 : 9);
        if (i == 2)
            save_as_rd4ad(s, "rd4ad_names");
        ad_student_destroy(s);
    }
    ad_backbone_destroy(teacher);
}

/* ---- Checkpoints ---- */

typedef struct countdown {
    int left;
} countdown;

static int count_down(void *user, double fraction)
{
    (void)fraction;
    return ((countdown *)user)->left-- == 0;
}

static void save_checkpoint(const char *name, int questions)
{
    floats f;
    adi_fit_loop loop;
    countdown c = {questions};
    ad_fit_options o;
    size_t size;
    ad_fit_options_init(&o, sizeof o);
    o.progress = count_down;
    o.user = &c;
    o.checkpoint_dir = folder;
    const adi_fit_control control = {&o, 0.0};
    MUST(floats_loop(&f, &adi_default_allocator, &loop));
    const ad_status status = adi_fit_loop_run(&loop, &control);
    MUST(status != AD_OK && status != AD_ERR_CANCELLED);
    adi_fit_loop_free(&loop);
    uint8_t *bytes = take("checkpoint.safetensors", &size);
    put("student", name, 3, bytes, size);
    put_broken("student", name, 3, bytes, size);
    free(bytes);
}

void make_students(const char *root)
{
    ad_context *context;
    ad_backbone *teacher;
    folder = root;
    MUST(ad_context_create(NULL, &context));
    MUST(teacher_open(context, teacher_graph, &teacher));
    static const char *const unets[][3] = {
        {"stfpm", "stfpm", ""},
        {"stfpm_unet", "stfpm_unet", "unet_depth=1, unet_convs=1"},
        {"stfpm_unet_head", "stfpm_unet", "unet_depth=1, unet_convs=1, unet_head=conv1x1"}};
    for (int i = 0; i < 3; i++) {
        ad_student *s = make_student(teacher, unets[i][1], unets[i][2]);
        save_scorer(context, s, unets[i][0]);
        save_student(s, unets[i][0], i == 2 ? 5 : 1);
        if (i == 0) {
            save_as_others(s, "sequence", 1);
            save_as_others(s, "torchvision", 0);
        }
        ad_student_destroy(s);
    }
    /* The narrowest networks there are: depth alone has 64 channels. */
    static const char *const asts[][2] = {
        {"ast", "layers=layer2, mode=rgb, flow_blocks=2, flow_hidden=2, student_hidden=2, "
                "student_blocks=1, positions=4"},
        {"ast_depth", "layers=layer1, mode=depth, flow_blocks=1, flow_hidden=1, student_hidden=1, "
                      "student_blocks=1, positions=4"},
        {"ast_combi", "layers=layer1, mode=combi, flow_blocks=1, flow_hidden=1, student_hidden=1, "
                      "student_blocks=1, positions=4"}};
    for (int i = 0; i < 3; i++) {
        ad_student *s = make_student(teacher, "ast", asts[i][1]);
        save_scorer(context, s, asts[i][0]);
        save_student(s, asts[i][0], i == 2 ? 5 : 1);
        ad_student_destroy(s);
    }
    make_rd_students(context);
    save_checkpoint("checkpoint_begin", 1);
    save_checkpoint("checkpoint_second", 11);
    save_checkpoint("checkpoint_end", 1000);
    ad_backbone_destroy(teacher);
    ad_context_destroy(context);
}
