/* Masked reverse distillation against PyTorch in float64 on the same seeded weights and features: what its parts give, losses,
 * every gradient, one or two steps of Adam, and distances, maps and scores. make_masked_rd.py says what the cases are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden_rows.h"
#include "harness/seeded_network.h"
#include "methods/masked_rd.h"
#include "methods/method_list.h"
#include "mix64.h"

/* tolerances.csv, with the reasons; asked is 1e-4. */
static const golden_limits tap_limit = {.value = 2e-5}, gradient_limit = {.value = 1e-4}, statistic_limit = {.value = 2e-5},
                           map_limit = {.value = 2e-5};
static const golden_limits weight_limits[2] = {{.value = 2e-5, .change = 1e-2, .steps = 1},
                                               {.value = 2e-5, .change = 2e-2, .steps = 2}};
static const double loss_limit = 1e-5, distance_limit = 2e-5, score_limit = 2e-5;

enum { MAX_IMAGES = 4 };

typedef struct rd_case {
    adi_safetensors *golden;
    ad_context *context;
    ad_backbone teacher;  /* as much of one as a training looks at */
    adi_network network;  /* of which the names of layers are looked at */
    adi_rd_arch arch;
    adi_rd_config config;
    int32_t images;
    float *features[ADI_RD_LEVELS][MAX_IMAGES]; /* NHWC */
    double tap, loss, gradient, weight[2], statistic, map;
} rd_case;

static void ok(ad_status status)
{
    if (status != AD_OK)
        fail_msg("%s", ad_last_error_message());
}

static const char *text_of(const rd_case *c, const char *key)
{
    const char *text = adi_st_meta(c->golden, key);
    assert_non_null(text);
    return text;
}

static int64_t integer(const rd_case *c, const char *key)
{
    return strtoll(text_of(c, key), NULL, 10);
}

static int is(const rd_case *c, const char *key, const char *word)
{
    return strcmp(text_of(c, key), word) == 0;
}

/* ---- What goes in: the rules of make_masked_rd.py ---- */

static float value_of(const adi_module *m, const adi_module_param *p, const char *name, int64_t i, double lift)
{
    const adi_node *node = &m->graph->nodes[p->node];
    const char *suffix = node->op->param[p->index].suffix, *owner = node->name;
    const double s = seeded_signed(name, (uint64_t)i), u = 0.5 * s + 0.5;
    if (p->ndim == 4)
        return (float)(s * sqrt(6.0 / (double)(p->shape[1] * p->shape[2] * p->shape[3])));
    if (node->op == &adi_op_sru || node->op == &adi_op_sru_soft)
        return (float)(p->index == 0 ? 0.5 + u : 0.2 * s);
    if (node->op != &adi_op_batchnorm)
        return (float)(0.2 * s);
    const size_t n = strlen(owner);
    const int block = strncmp(owner, "bn_layer.", 9) == 0 || strncmp(owner, "decoder.", 8) == 0;
    const int bottleneck = strstr(m->graph->text, "bn_layer.0.conv3") != NULL;
    const int last = block && strcmp(owner + n - 3, bottleneck ? "bn3" : "bn2") == 0;
    if (strcmp(suffix, "weight") == 0)
        return (float)(last ? 0.25 * (0.5 + u) : 0.75 + 0.5 * u);
    if (strcmp(suffix, "running_var") == 0)
        return (float)(0.5 + u);
    return (float)(0.2 * s + (strcmp(suffix, "bias") == 0 && !last ? lift : 0.0));
}

static adi_module *seeded_student(const rd_case *c, const char *text, int32_t tap_count)
{
    static const int32_t taps[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    adi_module *m = NULL;
    ok(adi_module_create(graph_of(&c->context->allocator, text), taps, tap_count, &m));
    size_t most = 0;
    for (int32_t i = 0; i < m->param_count; i++)
        most = m->params[i].count > most ? m->params[i].count : most;
    float *file = malloc(most * sizeof *file);
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        const adi_node *node = &m->graph->nodes[p->node];
        char name[160];
        snprintf(name, sizeof name, "%s.%s", node->name, node->op->param[p->index].suffix);
        for (size_t k = 0; k < p->count; k++)
            file[k] = value_of(m, p, name, (int64_t)k, (double)integer(c, "lift"));
        adi_module_from_file(m, p, file, m->values + p->offset);
    }
    free(file);
    return m;
}

static void make_features(rd_case *c)
{
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        for (int32_t i = 0; i < c->images; i++) {
            const adi_shape *s = &c->config.shapes[level];
            float *e = c->features[level][i] = malloc((size_t)adi_rd_values(s) * sizeof *e);
            char names[4][64];
            for (int k = 0; k < 4; k++)
                snprintf(names[k], sizeof names[k], "image.%lld.E%d.%d", (long long)(integer(c, "first") + i), level + 1, k);
            for (int64_t v = 0; v < adi_rd_values(s); v++) {
                double sum = 0.0;
                for (int k = 0; k < 4; k++)
                    sum += seeded_signed(names[k], (uint64_t)v);
                e[v] = (float)fmax(sum, 0.0);
            }
            if (level == 0 && i == 0)
                memset(e + (s->w + 2) * s->c, 0, (size_t)s->c * sizeof *e);
        }
}

static rd_case open_case(const char *name)
{
    char path[512];
    rd_case c = {0};
    adi_graph *teacher = NULL;
    snprintf(path, sizeof path, "%s/masked_rd_%s.safetensors", ADFEAT_GOLDEN_DIR, name);
    ok(adi_st_open(&adi_default_allocator, path, &c.golden));
    ok(ad_context_create(NULL, &c.context));
    c.teacher.context = c.context;
    teacher = graph_of(&adi_default_allocator, adi_builtin_graph_text(text_of(&c, "arch")));
    c.arch = (adi_rd_arch){.concat = is(&c, "msff_out", "concat"), .sru = (int32_t)integer(&c, "sru"),
                           .cru = (int32_t)integer(&c, "cru"), .simam = (int32_t)integer(&c, "simam"),
                           .fmm = (int32_t)integer(&c, "fmm"), .soft = is(&c, "gate", "soft"),
                           .joint = is(&c, "cru_softmax", "joint"), .gn_groups = (int32_t)integer(&c, "gn_groups"),
                           .align = (int32_t)integer(&c, "fmm_align"), .mask_rate = strtod(text_of(&c, "mask_rate"), NULL)};
    for (const char *level = text_of(&c, "levels"); *level; level++)
        c.arch.levels |= 1 << (*level - '1');
    ok(adi_rd_teacher_of(teacher, &c.arch.teacher));
    c.network.graph = teacher;
    adi_settings_begin(&c.config.settings, &adi_method_masked_rd);
    c.config.o.loss = is(&c, "loss", "flat") ? ADI_RD_LOSS_FLAT : ADI_RD_LOSS_POSITION;
    c.config.o.lr = strtod(text_of(&c, "lr"), NULL);
    c.config.o.weight_decay = strtod(text_of(&c, "weight_decay"), NULL);
    c.config.o.seed = (uint64_t)integer(&c, "mask_seed");
    c.config.o.levels = c.arch.levels;
    c.config.settings.preprocess.crop = (int32_t)integer(&c, "side");
    c.images = (int32_t)integer(&c, "images");
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        const int64_t side = c.config.settings.preprocess.crop / (4 << level);
        c.config.shapes[level] = (adi_shape){1, side, side, c.arch.teacher.channels[level]};
    }
    make_features(&c);
    return c;
}

static void close_case(rd_case *c)
{
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        for (int32_t i = 0; i < c->images; i++)
            free(c->features[level][i]);
    adi_graph_destroy(c->network.graph);
    ad_context_destroy(c->context);
    adi_st_close(c->golden);
}

/* ---- What the parts give, while it is trained ---- */

/* The node behind a name of "taps". */
static const char *node_behind(const rd_case *c, const char *name)
{
    static char node[40];
    const adi_rd_teacher *t = &c->arch.teacher;
    if (strcmp(name, "msff") == 0)
        return c->arch.concat ? "msff.three" : "msff.bn4.relu";
    if (strcmp(name, "sru") == 0)
        return "scconv.SRU.gn";
    if (strcmp(name, "cru") == 0)
        return "scconv.CRU.y";
    if (strcmp(name, "embedding") == 0)
        snprintf(node, sizeof node, "bn_layer.%d.out", t->blocks[3] - 1);
    else if (name[0] == 'D')
        snprintf(node, sizeof node, "decoder.layer%d.%d.out", '4' - name[1], t->blocks['3' - name[1]] - 1);
    else
        return "simam";
    return node;
}

static void compare_taps(rd_case *c, const char *text)
{
    char *with = malloc(strlen(text) + 2000), name[40];
    const int64_t extra = golden_names(c->golden, "taps"), made = golden_names(c->golden, "generated");
    strcpy(with, text);
    for (int64_t i = 0; golden_name(c->golden, "taps", i, name, sizeof name); i++)
        sprintf(with + strlen(with), "tap %s <- %s\n", name, node_behind(c, name));
    adi_module *m = seeded_student(c, with, (int32_t)(made + extra));
    free(with);
    adi_shape deepest = c->config.shapes[ADI_RD_LEVELS - 1];
    adi_train_plan *p = NULL;
    deepest.n = c->images;
    ok(adi_train_plan_create(m, &c->context->device, &deepest, 0, &p));
    adi_train_run run = {.n = c->images, .draw = adi_mix64(adi_mix64(c->config.o.seed) + (uint64_t)integer(c, "mask_step"))};
    run.values = m->values;
    run.block = guarded_floats((int64_t)p->block_floats);
    run.scratch = guarded_alloc(p->scratch_bytes);
    run.statistics = guarded_doubles((int64_t)p->statistics_doubles);
    float *inputs[ADI_RD_LEVELS];
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        const size_t n = (size_t)adi_rd_values(&c->config.shapes[level]);
        inputs[level] = malloc(n * (size_t)c->images * sizeof(float));
        for (int32_t i = 0; i < c->images; i++)
            memcpy(inputs[level] + (size_t)i * n, c->features[level][i], n * sizeof(float));
        run.input[adi_rd_input(level)] = inputs[level];
    }
    ok(adi_train_forward(p, &run, 1));
    for (int64_t i = 0; i < made + extra; i++) {
        const adi_shape *s = adi_train_tap_shape(p, (int32_t)i);
        assert_true(golden_name(c->golden, i < made ? "generated" : "taps", i < made ? i : i - made, name, sizeof name));
        golden_row(c->golden, i < made ? "generated" : "tap", i < made ? i : i - made, name, adi_train_tap(p, &run, (int32_t)i),
                   s->n * adi_rd_values(s), tap_limit, &c->tap);
    }
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        free(inputs[level]);
    guarded_free(run.block, "block");
    guarded_free(run.scratch, "scratch");
    guarded_free(run.statistics, "statistics");
    adi_train_plan_destroy(p);
    adi_module_destroy(m);
}

/* ---- Scores, of the student as it is ---- */

static void compare_maps(rd_case *c, const adi_module *m)
{
    adi_step steps[ADI_RD_LEVELS] = {{0}};
    adi_plan_tap taps[ADI_RD_LEVELS];
    size_t floats = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) { /* an extractor that has run: features in a block */
        steps[level].offset = floats;
        taps[level] = (adi_plan_tap){level, c->config.shapes[level]};
        floats += (size_t)adi_rd_values(&c->config.shapes[level]);
    }
    adi_plan teacher = {.steps = steps, .taps = taps, .tap_count = ADI_RD_LEVELS};
    adi_extractor x = {.context = c->context, .plan = &teacher, .tap_count = ADI_RD_LEVELS,
                       .network = &c->network};
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
        x.taps[level] = level;
    for (int product = 0; product < 2; product++) {
        adi_networks networks = {.count = 1, .items = {{.name = "student"}}};
        adi_model *model = NULL;
        const int64_t side = c->config.settings.preprocess.crop, pixels = side * side;
        c->config.o.combine = product ? 0 : 1;
        ok(adi_module_freeze(m, &networks.items[0].net));
        ok(adi_rd_kind.model(c->context, NULL, &c->config.settings, &networks, &model));
        x.scratch_bytes = x.extra_floats = 0;
        adi_model_reserve(model, &x);
        adi_workspace w = {.block = malloc(floats * sizeof(float)),
                           .scratch = guarded_alloc(x.scratch_bytes),
                           .extra = guarded_floats((int64_t)x.extra_floats),
                           .results = guarded_floats((int64_t)x.result_floats),
                           .tail = guarded_floats((int64_t)x.tail_floats),
                           .map = guarded_floats(pixels)};
        w.host_results = w.results;
        for (int32_t i = 0; i < c->images; i++) {
            double score = 0.0;
            char name[40];
            for (int32_t level = 0; level < ADI_RD_LEVELS; level++)
                memcpy(w.block + steps[level].offset, c->features[level][i],
                       (size_t)adi_rd_values(&c->config.shapes[level]) * sizeof(float));
            adi_layer_maps maps = {.count = 0};
            ok(model->method->infer(model, &x, &w, 1, &maps));
            ok(adi_layer_maps_finish(c->context, &model->recipe, &maps, w.scratch, w.tail, 1,
                                     w.map, &score));
            snprintf(name, sizeof name, "%s of image %d", product ? "product" : "sum", i);
            golden_row(c->golden, "map", product * c->images + i, name, w.map, pixels, map_limit,
                       &c->map);
            golden_scalar(name, score, golden_real(c->golden, "score", NULL, 2 * i + product),
                          score_limit);
            const float *distances = maps.distance;
            for (int32_t level = 0; level < ADI_RD_LEVELS && !product; level++) {
                const int64_t n = c->config.shapes[level].h * c->config.shapes[level].w;
                snprintf(name, sizeof name, "distance%d", level + 1);
                for (int64_t p = 0; p < n && adi_rd_compares(&c->config, level); p++)
                    if (fabs(distances[p] - golden_real(c->golden, name, NULL, i * n + p)) >
                        distance_limit)
                        fail_msg("%s of image %d at %lld is %g, not %g", name, i, (long long)p,
                                 distances[p], golden_real(c->golden, name, NULL, i * n + p));
                distances += adi_rd_compares(&c->config, level) ? n : 0;
            }
        }
        free(w.block);
        guarded_free(w.scratch, "scratch");
        guarded_free(w.extra, "extra");
guarded_free(w.results, "extra");
        guarded_free(w.tail, "tail");
        guarded_free(w.map, "map");
        model->method->destroy_model(model);
    }
}

/* ---- Training ---- */

/* Rows of `list` are parameters by name, whose values or gradients lie in `from`. */
static void compare_parameters(const rd_case *c, const adi_module *m, const char *key, const char *list, const float *from,
                               golden_limits limits, double *worst)
{
    char name[160];
    for (int64_t row = 0; golden_name(c->golden, list, row, name, sizeof name); row++) {
        const adi_module_param *p = NULL;
        for (int32_t i = 0; i < m->param_count && !p; i++) {
            const adi_node *node = &m->graph->nodes[m->params[i].node];
            char mine[160];
            snprintf(mine, sizeof mine, "%s.%s", node->name, node->op->param[m->params[i].index].suffix);
            p = strcmp(mine, name) == 0 ? &m->params[i] : NULL;
        }
        if (!p)
            fail_msg("there is no %s", name);
        float *file = malloc(p->count * sizeof *file);
        adi_module_to_file(m, p, from + p->offset, file);
        golden_row(c->golden, key, row, name, file, (int64_t)p->count, limits, worst);
        free(file);
    }
}

static void compare_steps(rd_case *c, adi_module *m)
{
    ad_student student = {.teacher = &c->teacher,
                          .method = &adi_method_masked_rd,
                          .modules = {{"student", m}},
                          .module_count = 1};
    float *cache[MAX_IMAGES];
    adi_plan_tap taps[ADI_RD_LEVELS];
    size_t floats = 0;
    for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
        taps[level] = (adi_plan_tap){0, c->config.shapes[level]};
        floats += (size_t)adi_rd_values(&c->config.shapes[level]);
    }
    for (int32_t i = 0; i < c->images; i++) {
        float *at = cache[i] = malloc(floats * sizeof *at);
        for (int32_t level = 0; level < ADI_RD_LEVELS; level++) {
            memcpy(at, c->features[level][i], (size_t)adi_rd_values(&c->config.shapes[level]) * sizeof *at);
            at += adi_rd_values(&c->config.shapes[level]);
        }
    }
    adi_plan teacher = {.taps = taps};
    adi_extractor x = {.plan = &teacher, .tap_count = ADI_RD_LEVELS};
    adi_student_fit *fit = calloc(1, sizeof *fit);
    memcpy(&fit->config, &c->config, sizeof c->config);
    fit->head = (adi_fit){.method = &adi_method_masked_rd, .backbone = &c->teacher,
                          .student = &student, .settings = &fit->config.settings};
    fit->store = (adi_feature_store){.device = &c->context->device, .records = cache, .count = c->images, .cached = c->images};
    ok(adi_training_create(fit, c->images));
    adi_training *t = fit->training;
    adi_bench_module *b = &t->bench.modules[0];
    t->extractor = &x;
    const int32_t images[MAX_IMAGES] = {0, 1, 2, 3};
    for (int step = 1; step <= integer(c, "steps"); step++) {
        adi_batch_loss loss = {0};
        char key[40];
        b->optimiser->steps = integer(c, "mask_step") + step - 1; /* masks of a later step than Adam's */
        ok(t->bench.trainee.gradients(t, 0, images, c->images, NULL, &loss));
        c->loss = fmax(c->loss, golden_scalar("loss", loss.loss, golden_real(c->golden, "loss", NULL, step - 1), loss_limit));
        if (step == 1)
            compare_parameters(c, m, "gradient", "parameters", b->run.gradients, gradient_limit, &c->gradient);
        b->optimiser->steps = step - 1;
        ok(t->bench.trainee.update(t, 0));
        snprintf(key, sizeof key, "weight%d", step);
        compare_parameters(c, m, key, "parameters", m->values, weight_limits[step - 1], c->weight);
        snprintf(key, sizeof key, "statistic%d", step);
        compare_parameters(c, m, key, "statistics", m->values, statistic_limit, &c->statistic);
    }
    adi_training_destroy(fit);
    free(fit);
    for (int32_t i = 0; i < c->images; i++)
        free(cache[i]);
}

/* What is trained is listed, all of it. */
static void all_listed(const rd_case *c, const adi_module *m)
{
    int64_t trained = 0;
    for (int32_t i = 0; i < m->param_count; i++)
        trained += m->params[i].offset < m->trainable;
    assert_int_equal(trained, golden_names(c->golden, "parameters"));
}

static void compare_case(const char *name)
{
    rd_case c = open_case(name);
    char *text = NULL;
    ok(adi_rd_text(&adi_default_allocator, &c.arch, &text));
    compare_taps(&c, text);
    adi_module *m = seeded_student(&c, text, (int32_t)golden_names(c.golden, "generated"));
    all_listed(&c, m);
    compare_maps(&c, m);
    compare_steps(&c, m);
    printf("%-9s worst errors: taps %.1e maps %.1e loss %.1e gradient %.1e weight %.1e, of its change %.1e, statistic %.1e\n",
           name, c.tap, c.map, c.loss, c.gradient, c.weight[0], c.weight[1], c.statistic);
    fflush(stdout);
    adi_module_destroy(m);
    adi_free(&adi_default_allocator, text);
    close_case(&c);
}

#define CASE(NAME)                                                                                                 \
    static void NAME(void **state)                                                                                 \
    {                                                                                                              \
        (void)state;                                                                                               \
        compare_case(#NAME);                                                                                       \
    }
CASE(resnet18)
CASE(resnet50)
CASE(wide)
CASE(rd4ad)
CASE(soft)
CASE(levels)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet18), cmocka_unit_test(resnet50), cmocka_unit_test(wide),
        cmocka_unit_test(rd4ad),    cmocka_unit_test(soft),     cmocka_unit_test(levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
