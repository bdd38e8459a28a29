/* AST against PyTorch in float64 on the same weights: forward, log-determinant, inverse, every gradient and one Adam step
 * of both phases, evaluation, maps and scores. make_ast.py says what the cases are; its files are loaded as students are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden_rows.h"
#include "api/objects.h"
#include "harness/student_case.h"
#include "methods/ast.h"

/* tolerances.csv, with the reasons; asked is 1e-4. */
static const double value_limit = 1e-5, gradient_limit = 2e-5, gamma_limit = 1e-4, weight_limit = 1e-5, loss_limit = 1e-5,
                    noise = 3e-6;

typedef struct ast_case {
    const char *name;
    adi_safetensors *golden;
    ad_context *context;
    ad_backbone *teacher;
    ad_student *student;
    ad_fitter *fitter;
    adi_student_fit *fit;
    adi_ast_config *config; /* the fit's */
    adi_ast_training *training;
    adi_trainee *trainee;
    int32_t images;
    double worst;
} ast_case;

static void ok(ad_status status)
{
    if (status != AD_OK)
        fail_msg("%s", ad_last_error_message());
}

static int32_t integer(const ast_case *c, const char *key)
{
    const char *text = adi_st_meta(c->golden, key);
    assert_non_null(text);
    return (int32_t)strtol(text, NULL, 10);
}

static int is_set_to(const ast_case *c, const char *key, const char *word)
{
    return strcmp(adi_st_meta(c->golden, key), word) == 0;
}

/* A tensor of the golden file as floats; the caller frees them. */
static float *tensor(const ast_case *c, const char *name, int64_t count)
{
    const adi_st_tensor *t = adi_st_find(c->golden, name);
    if (!t)
        fail_msg("%s: no golden tensor %s", c->name, name);
    assert_int_equal(t->count, count);
    float *values = malloc((size_t)count * sizeof *values);
    assert_non_null(values);
    ok(adi_st_read_f32(c->golden, t, values));
    return values;
}

/* Every value, relative to the tensor's largest. */
static void compare(ast_case *c, const char *name, const float *got, int64_t count, double limit, double absolute)
{
    float *want = tensor(c, name, count);
    double most = 0.0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)want[i]));
    for (int64_t i = 0; i < count; i++) {
        const double error = fabs((double)got[i] - want[i]);
        if (!(error <= fmax(limit * most, absolute)))
            fail_msg("%s: %s[%lld] is %.9g, not %.9g: off by %.3g of %.3g, limit %.3g", c->name, name, (long long)i, got[i],
                     want[i], error, most, limit);
        if (most > 0.0 && error > absolute)
            c->worst = fmax(c->worst, error / most);
    }
    free(want);
}

static void compare_scalar(ast_case *c, const char *name, double got, double limit)
{
    float *want = tensor(c, name, 1);
    c->worst = fmax(c->worst, golden_scalar(name, got, want[0], limit));
    free(want);
}

static void report(ast_case *c, const char *what)
{
    printf("%-24s %-28s worst error %.1e\n", c->name, what, c->worst);
    fflush(stdout);
    c->worst = 0.0;
}

static void open_teacher(ast_case *c)
{
    char text[300];
    snprintf(text, sizeof text,
             "network t\ninput_size 8\nmean 0 0 0\nstd 1 1 1\ninput image : channels=3\n"
             "conv2d l <- image : out=%d kernel=1\ntap layer3 <- l\n", integer(c, "channels"));
    st_memory m = mini_weights(text);
    ok(mini_open(c->context, text, &m, &c->teacher));
    st_memory_free(&m);
}

static void open_student(ast_case *c, const char *path)
{
    static const char *const keys[][2] = {{"flow_blocks", "couplings"}, {"flow_hidden", "hidden"},
                                          {"student_blocks", "student_blocks"}, {"student_hidden", "student_hidden"},
                                          {"positions", "positions"}, {"alpha", "alpha"}, {"leaky", "slope"}};
    option_text all = {""};
    for (int i = 0; i < 7; i++)
        all = options("%s%s=%s, ", all.text, keys[i][0], adi_st_meta(c->golden, keys[i][1]));
    ok(ad_student_load(c->teacher, path, "ast", all.text, &c->student));
}

/* The grid is the golden file's, not that of the teacher at some size. */
static void configure(ast_case *c, int32_t teacher_epochs)
{
    const char *mask = is_set_to(c, "mask", "none") || is_set_to(c, "mask", "soft")
                           ? adi_st_meta(c->golden, "mask")
                           : "binary";
    c->images = integer(c, "images");
    const option_text all = options("size=8, teacher_epochs=%d, student_epochs=1, batch=%d, "
                                    "mask_norm=%s",
                                    teacher_epochs, c->images, adi_st_meta(c->golden, "mask_norm"));
    ok(ad_fitter_create_with(c->student, all.text, &c->fitter));
    c->fit = (adi_student_fit *)c->fitter->fit;
    c->config = (adi_ast_config *)&c->fit->config;
    adi_ast_options *o = &c->config->o;
    c->config->h = integer(c, "h");
    c->config->w = integer(c, "w");
    c->config->features = c->config->channels = integer(c, "channels");
    o->mask = strcmp(mask, "none") == 0   ? ADI_AST_MASK_NONE
              : strcmp(mask, "soft") == 0 ? ADI_AST_MASK_SOFT
                                          : ADI_AST_MASK_BINARY;
    o->aggregate =
        o->mask == ADI_AST_MASK_NONE ? ADI_AST_AGGREGATE_MEAN : ADI_AST_AGGREGATE_MAX;
    o->mask_twice = o->mask == ADI_AST_MASK_SOFT;
}

static void add_images(ast_case *c)
{
    const int64_t n = adi_ast_positions(c->config), values = n * c->config->channels;
    const size_t floats[2] = {(size_t)values, (size_t)n};
    float *x = tensor(c, "x", c->images * values), *mask = tensor(c, "mask", c->images * n);
    adi_feature_store *store = &c->fit->store;
    adi_feature_store_free(store);
    ok(adi_feature_store_init(store, c->context, (size_t)(values + n), 0, NULL));
    store->cache_limit = store->memory_limit = 1 << 30;
    for (int32_t i = 0; i < c->images; i++) {
        const float *parts[2] = {x + i * values, mask + i * n};
        ok(adi_feature_store_add(store, NULL, parts, floats, 2));
    }
    free(x);
    free(mask);
}

static void case_open(ast_case *c, const char *name, const char *device, int32_t teacher_epochs)
{
    char path[512];
    ad_context_options o;
    *c = (ast_case){.name = name};
    snprintf(path, sizeof path, "%s/%s.safetensors", ADFEAT_GOLDEN_DIR, name);
    ok(adi_st_open(&adi_default_allocator, path, &c->golden));
    ad_context_options_init(&o, sizeof o);
    o.num_threads = 2;
    o.device = device;
    ok(ad_context_create(&o, &c->context));
    open_teacher(c);
    open_student(c, path);
    configure(c, teacher_epochs);
    add_images(c);
    ok(adi_training_create(c->fit, c->images));
    c->training = (adi_ast_training *)c->fit->training;
    c->trainee = &c->training->head.bench.trainee;
    ok(c->trainee->begin_phase(c->trainee->self, 0));
}

static void case_close(ast_case *c)
{
    ad_fitter_destroy(c->fitter);
    ad_student_destroy(c->student);
    ad_backbone_destroy(c->teacher);
    ad_context_destroy(c->context);
    adi_st_close(c->golden);
}

static int ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A bias before a batch norm has no gradient but rounding's, and Adam moves it by a part of its rate in a direction that
 * rounding decides. */
static int is_noise(const char *name)
{
    return ends_with(name, ".l1.bias") || ends_with(name, ".l2.bias");
}

/* Every parameter of a network: "grad" or "after". */
static void compare_parameters(ast_case *c, int network, const char *what)
{
    static const char *const prefixes[] = {"flow.", "student."};
    const adi_module *m = c->student->modules[network].module;
    const int gradients = strcmp(what, "grad") == 0;
    const float *values = gradients ? c->training->head.bench.modules[network].run.gradients : m->values;
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        char name[200];
        if (p->offset >= m->trainable && (gradients || m->graph->nodes[p->node].op == &adi_op_permute))
            continue;
        snprintf(name, sizeof name, "%s.%s%s.%s", what, prefixes[network], m->graph->nodes[p->node].name,
                 m->graph->nodes[p->node].op->param[p->index].suffix);
        float *file = malloc(p->count * sizeof *file);
        assert_non_null(file);
        adi_module_to_file(m, p, values + p->offset, file);
        const double limit = !gradients ? weight_limit : ends_with(name, ".gamma") ? gamma_limit : gradient_limit;
        compare(c, name, file, (int64_t)p->count, limit, is_noise(name) ? noise : 0.0);
        free(file);
    }
}

/* One step of a phase, from the loss to the parameters behind it. */
static void one_step(const char *name, const char *device, int network)
{
    static const char *const losses[] = {"teacher.loss", "student.loss"};
    ast_case c;
    int32_t images[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    adi_batch_loss loss = {0};
    case_open(&c, name, device, network == ADI_AST_FLOW);
    adi_trainee *t = c.trainee;
    const int64_t n = c.images * adi_ast_positions(c.config), values = n * c.config->channels;
    ok(t->gradients(t->self, 0, images, c.images, NULL, &loss));
    compare_scalar(&c, losses[network], loss.loss, loss_limit);
    if (network == ADI_AST_FLOW) {
        report(&c, "loss of the flow");
        compare_parameters(&c, network, "grad");
    } else {
        compare(&c, "z", c.training->target, values, value_limit, 0.0);
        compare(&c, "logdet", c.training->target + values, n, value_limit, 1e-6);
        report(&c, "loss of the student, target");
        compare_parameters(&c, network, "grad");
    }
    report(&c, "gradients");
    ok(t->update(t->self, 0));
    compare_parameters(&c, network, "after");
    report(&c, "after a step");
    case_close(&c);
}

/* Score, and map unless it is NULL, of distances that are weighted in place. */
static double score_of(const ast_case *c, float *distances, const float *mask, float *map)
{
    const adi_map_recipe recipe = {.up = ADI_UPSAMPLE_BICUBIC,
                                   .at = 8 * c->config->h,
                                   .side = 8 * c->config->h,
                                   .score = adi_ast_recipe(c->config).score,
                                   .weight_twice = adi_ast_recipe(c->config).weight_twice,
                                   .low_background = adi_ast_recipe(c->config).low_background};
    adi_layer_maps maps = {.distance = distances, .weight = mask};
    double score = 0.0;
    adi_layer_maps_add(&maps, c->config->h, c->config->w, NULL);
    ok(adi_layer_maps_finish(c->context, &recipe, &maps, NULL, NULL, map != NULL, map, &score));
    return score;
}

/* What is trained is also what scores: the frozen networks, their distances, maps and scores. */
static void evaluate(const char *name, const char *device)
{
    static const int32_t taps[2] = {0, 1};
    ast_case c;
    adi_network *nets[ADI_AST_NETWORKS];
    adi_plan *plans[ADI_AST_NETWORKS];
    case_open(&c, name, device, 1);
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        ok(adi_module_freeze(c.student->modules[i].module, &nets[i]));
        ok(adi_plan_create(nets[i], &c.context->device, taps,
                           i == ADI_AST_FLOW ? 2 : 1, c.config->h, c.config->w, &plans[i]));
    }
    const int64_t n = adi_ast_positions(c.config), values = n * c.config->channels, all = c.images;
    float *x = tensor(&c, "x", all * values), *mask = tensor(&c, "mask", all * n);
    float *z = malloc((size_t)(all * values) * 4), *s = malloc((size_t)(all * values) * 4), *ld = malloc((size_t)(all * n) * 4),
          *distance = malloc((size_t)(all * n) * 4), *teacher = malloc((size_t)(all * n) * 4),
          *map = malloc((size_t)(64 * all * n) * 4), score[8], teacher_score[8];
    const adi_exec ex = {2, NULL, NULL};
    for (int64_t i = 0; i < all; i++) {
        float *out[2] = {z + i * values, s + i * values};
        for (int k = 0; k < ADI_AST_NETWORKS; k++) {
            const adi_plan *p = plans[k];
            float *block = adi_alloc(&c.context->allocator, p->block_floats * 4);
            void *scratch = adi_alloc(&c.context->allocator, p->scratch_bytes);
            memcpy(block + p->input_offset[0], x + i * values, (size_t)values * 4);
            ok(adi_plan_run(p, NULL, block, scratch));
            memcpy(out[k], adi_plan_tap_data(p, block, 0), (size_t)values * 4);
            if (k == ADI_AST_FLOW)
                memcpy(ld + i * n, adi_plan_tap_data(p, block, 1), (size_t)n * 4);
            adi_free(&c.context->allocator, block);
            adi_free(&c.context->allocator, scratch);
        }
        ok(adi_ast_measure(c.config, c.context->device.kernels, &ex, out[0], out[1], distance + i * n));
        adi_ast_distances(c.config, ld + i * n, distance + i * n);
        memcpy(teacher + i * n, distance + i * n, (size_t)n * 4);
        score[i] = (float)score_of(&c, teacher + i * n, mask + i * n, map + 64 * i * n);
        c.config->o.score = ADI_AST_SCORE_TEACHER;
        ok(adi_ast_measure(c.config, c.context->device.kernels, &ex, out[0], NULL, teacher + i * n));
        adi_ast_distances(c.config, ld + i * n, teacher + i * n);
        float *weighted = malloc((size_t)n * 4);
        memcpy(weighted, teacher + i * n, (size_t)n * 4);
        teacher_score[i] = (float)score_of(&c, weighted, mask + i * n, NULL);
        free(weighted);
        c.config->o.score = ADI_AST_SCORE_STUDENT;
    }
    compare(&c, "z", z, all * values, value_limit, 0.0);
    compare(&c, "logdet", ld, all * n, value_limit, 1e-6);
    compare(&c, "zs_eval", s, all * values, value_limit, 0.0);
    compare(&c, "distance", distance, all * n, value_limit, 0.0);
    compare(&c, "teacher_map", teacher, all * n, value_limit, 0.0);
    compare(&c, "score", score, all, value_limit, 0.0);
    compare(&c, "teacher_score", teacher_score, all, value_limit, 0.0);
    compare(&c, "map8", map, 64 * all * n, value_limit, 0.0);
    report(&c, "evaluation");
    float *const blocks[] = {x, mask, z, s, ld, distance, teacher, map};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
    for (int i = 0; i < ADI_AST_NETWORKS; i++) {
        adi_plan_destroy(plans[i]);
        adi_network_destroy(nets[i]);
    }
    case_close(&c);
}

static void run_plan_of(const ast_case *c, const adi_network *net, const float *in, float *out)
{
    static const int32_t tap = 0;
    adi_plan *p = NULL;
    const size_t bytes = (size_t)(adi_ast_positions(c->config) * c->config->channels) * sizeof *in;
    ok(adi_plan_create(net, &c->context->device, &tap, 1, c->config->h, c->config->w, &p));
    float *block = adi_alloc(&c->context->allocator, p->block_floats * sizeof *block);
    void *scratch = adi_alloc(&c->context->allocator, p->scratch_bytes);
    memcpy(block + p->input_offset[0], in, bytes);
    ok(adi_plan_run(p, NULL, block, scratch));
    memcpy(out, adi_plan_tap_data(p, block, 0), bytes);
    adi_free(&c->context->allocator, block);
    adi_free(&c->context->allocator, scratch);
    adi_plan_destroy(p);
}

/* The flow undone, both ways round: of features, and of what the flow may never have given. */
static void inverse(const char *name, const char *device)
{
    ast_case c;
    adi_network *nets[2] = {NULL};
    case_open(&c, name, device, 1);
    const adi_ast_options *o = adi_settings_options(c.student->settings);
    const adi_ast_arch arch = {c.config->channels, o->positions, o->flow_blocks, o->flow_hidden, o->student_blocks,
                               o->student_hidden, o->alpha, o->leaky};
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        adi_graph *graph = NULL;
        ok((i ? adi_ast_inverse_text : adi_ast_flow_text)(&c.context->allocator, &arch, &text));
        ok(adi_graph_read(&c.context->allocator, text, strlen(text), &graph));
        adi_free(&c.context->allocator, text);
        ok(adi_network_create(graph, c.golden, "flow.", &nets[i]));
    }
    const int64_t values = adi_ast_positions(c.config) * c.config->channels;
    float *x = tensor(&c, "x", c.images * values), *y = malloc((size_t)values * 4), *back = malloc((size_t)values * 4);
    for (int first = 0; first < 2; first++) {
        run_plan_of(&c, nets[first], x, y);
        run_plan_of(&c, nets[1 - first], y, back);
        double most = 0.0, moved = 0.0;
        for (int64_t i = 0; i < values; i++)
            most = fmax(most, fabs((double)x[i]));
        for (int64_t i = 0; i < values; i++) {
            c.worst = fmax(c.worst, fabs((double)back[i] - x[i]) / most);
            moved = fmax(moved, fabs((double)y[i] - x[i]) / most);
        }
        assert_true(moved > 0.1); /* it is no identity */
        if (!(c.worst <= 1e-4))
            fail_msg("%s: %s undone is off by %.3g", name, first ? "the inverse" : "the flow", c.worst);
    }
    report(&c, "there and back");
    free(x);
    free(y);
    free(back);
    for (int i = 0; i < 2; i++)
        adi_network_destroy(nets[i]);
    case_close(&c);
}

static const char *const names[] = {"ast_rgb", "ast_masked", "ast_official", "ast_odd", "ast_start"};

static void everywhere(void (*check)(const char *, const char *))
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int device = 0; device < 2; device++)
            check(names[i], device ? "ref" : "cpu");
}

static void step_teacher(const char *name, const char *device)
{
    one_step(name, device, ADI_AST_FLOW);
}

static void step_student(const char *name, const char *device)
{
    one_step(name, device, ADI_AST_STUDENT);
}

static void teacher(void **state)
{
    (void)state;
    everywhere(step_teacher);
}

static void student(void **state)
{
    (void)state;
    everywhere(step_student);
}

static void evaluation(void **state)
{
    (void)state;
    everywhere(evaluate);
}

static void there_and_back(void **state)
{
    (void)state;
    everywhere(inverse);
}

/* A gain of 0: the first step moves no convolution but by its decay, and the gains themselves. */
static void beginning(void **state)
{
    (void)state;
    ast_case c;
    int32_t images[2] = {0, 1};
    adi_batch_loss loss = {0};
    case_open(&c, "ast_start", "cpu", 1);
    ok(c.trainee->gradients(c.trainee->self, 0, images, 2, NULL, &loss));
    const adi_module *m = c.student->modules[ADI_AST_FLOW].module;
    for (int32_t i = 0; i < m->param_count; i++)
        for (size_t k = 0; m->params[i].offset < m->trainable && k < m->params[i].count; k++) {
            const float g = c.training->head.bench.modules[0].run.gradients[m->params[i].offset + k];
            assert_true(m->graph->nodes[m->params[i].node].op == &adi_op_gain ? g != 0.0f : g == 0.0f);
        }
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(teacher), cmocka_unit_test(student), cmocka_unit_test(evaluation),
                                       cmocka_unit_test(there_and_back), cmocka_unit_test(beginning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
