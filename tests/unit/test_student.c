/* Students as callers see them: seeded, saved and loaded to the bit, made of the layers and options that are
 * asked for. What is said of files that do not fit is for test_student_file.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "student_fixture.h"

static void seeded(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < 3; kind++) {
        ad_student *a = mini_student(f->teacher, kind, 7), *b = mini_student(f->teacher, kind, 7);
        ad_student *c = mini_student(f->teacher, kind, 8), *d = mini_student(f->teacher, kind, UINT32_MAX);
        assert_true(same_student(a, b));
        assert_false(same_student(a, c));
        assert_false(same_student(c, d));
        ad_student_destroy(a);
        ad_student_destroy(b);
        ad_student_destroy(c);
        ad_student_destroy(d);
    }
    /* The network comes first, so that one seed gives one network whether or not there are U-Nets. */
    ad_student *plain = mini_student(f->teacher, MINI_STFPM, 3);
    ad_student *both = mini_student(f->teacher, MINI_UNET, 3);
    assert_memory_equal(student_module(plain, 0)->values, student_module(both, 0)->values,
                        student_module(plain, 0)->total * sizeof(float));
    ad_student_destroy(plain);
    ad_student_destroy(both);
}

/* As the documentation says: He's normal for convolutions, 1 and 0 for batch norms. */
static void initial_values(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->teacher, MINI_STFPM, 1);
    for (int32_t i = 0; i < student_module(s, 0)->param_count; i++) {
        const adi_module_param *p = &student_module(s, 0)->params[i];
        const float *v = student_module(s, 0)->values + p->offset;
        double sum = 0.0;
        for (size_t k = 0; k < p->count; k++) {
            sum += (double)v[k] * v[k];
            if (p->ndim == 1)
                assert_true(v[k] == (p->index % 3 ? 0.0f : 1.0f));
        }
        if (p->ndim == 4 && p->count > 100) {
            const double std = sqrt(2.0 / (double)(p->shape[2] * p->shape[3] * p->shape[0]));
            assert_true(fabs(sqrt(sum / (double)p->count) / std - 1.0) < 0.2);
        }
    }
    ad_student_destroy(s);
}

/* Of a flow the gains are 0 and the permutations those of NumPy's seeds 0, 1, ..., whatever the seed. */
static void initial_flow(void **state)
{
    const fixture *f = *state;
    static const float first[8] = {6, 2, 1, 7, 3, 0, 5, 4}; /* numpy.random.seed(0); numpy.random.permutation(8) */
    for (uint64_t seed = 0; seed < 3; seed++) {
        ad_student *s = mini_student(f->teacher, MINI_AST, seed);
        int gains = 0, orders = 0;
        for (int32_t i = 0; i < student_module(s, 0)->param_count; i++) {
            const adi_module_param *p = &student_module(s, 0)->params[i];
            const adi_node *n = &student_module(s, 0)->graph->nodes[p->node];
            const float *v = student_module(s, 0)->values + p->offset;
            for (size_t k = 0; n->op == &adi_op_gain && k < p->count; k++)
                assert_true(v[k] == 0.0f);
            if (n->op == &adi_op_permute && n->attrs.seed == 0)
                assert_memory_equal(v, first, sizeof first);
            gains += n->op == &adi_op_gain;
            orders += n->op == &adi_op_permute;
        }
        assert_true(gains == 4 && orders == 2);
        ad_student_destroy(s);
    }
}

/* A student outlives the fitter that made it, for those who ask. */
static void it_outlives_its_fitter(void **state)
{
    const fixture *f = *state;
    ad_fitter *fitter = NULL;
    ad_student_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_fitter_create(f->teacher, "stfpm", "seed=7", &fitter), AD_OK);
    ad_student *s = ad_student_retain(ad_fitter_student(fitter));
    ad_fitter_destroy(fitter);
    assert_non_null(s);
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_int_equal(info.seed, 7);
    ad_student_destroy(s);
}

static void what_it_is(void **state)
{
    const fixture *f = *state;
    ad_student_info info = {.struct_size = sizeof info};
    ad_backbone_info net = {.struct_size = sizeof net};
    ad_student *s = mini_student(f->teacher, MINI_STFPM, 9);
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_string_equal(info.method, "stfpm");
    assert_string_equal(info.architecture, "mini");
    assert_string_equal(info.layers, "layer1,layer2,layer3");
    /* convolutions, and a scale and a shift for each of their outputs */
    assert_int_equal(info.parameter_count, 9 * (3 * 4 + 4 * 4 + 4 * 4 + 4 * 6 + 6 * 6 + 6 * 8) + 4 * 6
                                               + 2 * (4 + 4 + 4 + 6 + 6 + 6 + 8));
    assert_int_equal(info.epochs_trained, 0);
    assert_int_equal(info.seed, 9);
    assert_int_equal(strlen(info.teacher_digest), 16);
    const int64_t alone = info.parameter_count;
    ad_student_destroy(s);
    s = mini_student(f->teacher, MINI_UNET, 9);
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_string_equal(info.method, "stfpm_unet");
    assert_true(info.parameter_count > alone);
    ad_student_destroy(s);
    s = mini_student(f->teacher, MINI_AST, 9);
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_string_equal(info.method, "ast");
    assert_string_equal(info.layers, "layer3"); /* the default where the network says nothing */
    /* two blocks of two networks, convolutions of 4 + 4 channels to 6 to 8 and a gain; the student from 4 + 8 to 6, a
     * residual block, and to 8 */
    assert_int_equal(info.parameter_count, 4 * (9 * 8 * 6 + 6 + 9 * 6 * 8 + 8 + 1)
                                               + (9 * 12 * 6 + 6) + 2 * (9 * 6 * 6 + 6 + 2 * 6) + (9 * 6 * 8 + 8));
    ad_student_destroy(s);
}

static void saved_and_loaded(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < 3; kind++) {
        ad_student *a = mini_student(f->teacher, kind, 5), *b = NULL;
        stir(a);
        assert_int_equal(ad_student_save(a, f->path), AD_OK);
        if (ad_student_load(f->teacher, f->path, NULL, NULL, &b) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        assert_true(same_student(a, b));
        ad_student_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_student_get_info(a, &x), AD_OK);
        assert_int_equal(ad_student_get_info(b, &y), AD_OK);
        assert_string_equal(x.method, y.method);
        assert_string_equal(x.layers, y.layers);
        assert_string_equal(x.teacher_digest, y.teacher_digest);
        assert_int_equal(y.epochs_trained, 12345678901);
        assert_int_equal(y.seed, 5);
        assert_int_equal(x.parameter_count, y.parameter_count);
        says_of_itself(f, b, "adfeat.student.unet_depth", kind == MINI_UNET ? "1" : NULL);
        assert_int_equal(ad_student_save(b, f->other), AD_OK);
        size_t n, m;
        uint8_t *one = file_bytes(f->path, &n), *two = file_bytes(f->other, &m);
        assert_int_equal(n, m);
        assert_memory_equal(one, two, n);
        free(one);
        free(two);
        ad_student_destroy(a);
        ad_student_destroy(b);
    }
}

static void bad_options(void **state)
{
    const fixture *f = *state;
    static const struct {
        int kind;
        const char *options, *part;
    } bad[] = {
        {MINI_STFPM, "seed=4294967296", "seed"},
        {MINI_STFPM, "seed=-1", "seed"},
        {MINI_STFPM, "seed=1.5", "seed"},
        {MINI_STFPM, "seed=1, seed=1", "seed stands twice"},
        {MINI_STFPM, "seed", "no value"},
        {MINI_STFPM, "layers=layer1,nowhere", "nowhere"},
        {MINI_STFPM, "layers=", "layer"},
        {MINI_STFPM, "unet_depth=1", "unet_depth"},
        {MINI_STFPM, "mode=rgb", "mode"},
        {MINI_STFPM, "epochs=1",
         "epochs"}, /* but of its training */
        {MINI_UNET, "unet_head=conv", "unet_head"},
        {MINI_UNET, "unet_depth=3", "unet_depth"},
        {MINI_UNET, "unet_depth=0", "unet_depth"},
        {MINI_UNET, "unet_convs=-1", "unet_convs"},
        {MINI_UNET, "unet_convs=3", "unet_convs"},
        {MINI_UNET, "depth=1", "depth"},
        {MINI_AST, "mode=rgbd", "option mode: 'rgbd' is none of rgb, depth, combi"},
        {MINI_AST, "flow_blocks=0", "flow_blocks"},
        {MINI_AST, "flow_blocks=17", "flow_blocks"},
        {MINI_AST, "flow_hidden=-1", "flow_hidden"},
        {MINI_AST, "flow_hidden=8193", "flow_hidden"},
        {MINI_AST, "student_hidden=0", "student_hidden"},
        {MINI_AST, "student_blocks=0", "student_blocks"},
        {MINI_AST, "student_blocks=17", "student_blocks"},
        {MINI_AST, "positions=0", "positions"},
        {MINI_AST, "positions=30", "positions is 30, a multiple of 4 is needed"},
        {MINI_AST, "positions=260", "positions"},
        {MINI_AST, "alpha=-1", "alpha"},
        {MINI_AST, "alpha=nan", "alpha"},
        {MINI_AST, "alpha=1e-9", "alpha"},
        {MINI_AST, "alpha=65", "alpha"},
        {MINI_AST, "leaky=0", "leaky"},
        {MINI_AST, "leaky=1.5", "leaky"},
        {MINI_AST, "preset=stfpm", "ast_official"},
        {MINI_AST, "layers=layer2,layer3", "2 layers"},
    };
    ad_student *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        says(mini_create(f->teacher, bad[i].kind, bad[i].options, &s), AD_ERR_INVALID_ARGUMENT,
             bad[i].part);
        assert_null(s);
    }
    says(ad_student_create(f->teacher, "resnet", NULL, &s), AD_ERR_INVALID_ARGUMENT, "resnet");
    says(ad_student_create(f->teacher, "padim", NULL, &s), AD_ERR_INVALID_ARGUMENT,
         "padim"); /* which has none */
    assert_null(s);
}

/* What is set is what the student has; a preset sets what it names, and the text itself wins. */
static void options_in_force(void **state)
{
    const fixture *f = *state;
    static const struct {
        int kind;
        const char *options, *key, *value;
    } cases[] = {
        {MINI_UNET, "unet_head=conv1x1, seed=4294967295", "adfeat.student.unet_head", "conv1x1"},
        {MINI_UNET, "unet_head=conv1x1, seed=4294967295", "adfeat.student.seed", "4294967295"},
        {MINI_AST, "preset=ast_official", "adfeat.student.leaky", "0.01"},
        {MINI_AST, "preset=ast", "adfeat.student.leaky", "0.2"},
        {MINI_AST, "preset=ast_official, leaky=0.5", "adfeat.student.leaky", "0.5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ad_student *s = mini_student_of(f->teacher, cases[i].kind, cases[i].options);
        says_of_itself(f, s, cases[i].key, cases[i].value);
        ad_student_destroy(s);
    }
}

/* What is left to default depends on the mode. */
static void defaults_of_ast(void **state)
{
    const fixture *f = *state;
    static const char *const modes[] = {"rgb", "depth", "combi"};
    ad_student *s = NULL;
    for (int mode = 0; mode < 3; mode++) { /* student_hidden is 1024, which would be large */
        const option_text all = options("mode=%s, student_hidden=4, flow_blocks=1", modes[mode]);
        assert_int_equal(ad_student_create(f->teacher, "ast", all.text, &s), AD_OK);
        says_of_itself(f, s, "adfeat.student.flow_hidden", mode ? "64" : "1024");
        says_of_itself(f, s, "adfeat.student.alpha", mode ? "1.9" : "3");
        says_of_itself(f, s, "adfeat.student.student_blocks", "4");
        says_of_itself(f, s, "adfeat.student.positions", "32");
        ad_student_destroy(s);
    }
    ad_student_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_student_create(f->teacher, "ast", "student_blocks=1, flow_hidden=4", &s),
                     AD_OK);
    says_of_itself(f, s, "adfeat.student.flow_blocks", "4");
    says_of_itself(f, s, "adfeat.student.student_hidden", "1024");
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_true(info.parameter_count
                > 2 * 9 * 1024 * 1024); /* a residual block of two convolutions */
    ad_student_destroy(s);
}

/* Eight layers and no more; a hint of the teacher's; a layer that its weights do not reach; an op without a way
 * back. */
static void layers(void **state)
{
    const fixture *f = *state;
    char text[4096], list[64] = "";
    int n = snprintf(text, sizeof text,
                     "network many\ninput_size 32\nmean 0 0 0\nstd 1 1 1\nhint stfpm.layers t1,t0\n"
                     "input image : channels=3\n");
    for (int i = 0; i < 9; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "conv2d c%d <- %s%.0d : out=2 kernel=1\ntap t%d <- c%d\n", i, i ? "c" : "image",
                      i - 1 > 0 ? i - 1 : 0, i, i);
        if (i == 1) /* "%.0d" writes nothing for 0 */
            n = (int)(strstr(text, "conv2d c1") - text) +
                snprintf(strstr(text, "conv2d c1"), 200, "conv2d c1 <- c0 : out=2 kernel=1\ntap t1 <- c1\n");
        snprintf(list + strlen(list), sizeof list - strlen(list), "%st%d", i ? "," : "", i);
    }
    st_memory m = mini_weights(text);
    ad_backbone *net = NULL;
    ad_student *s = NULL;
    if (mini_open(f->context, text, &m, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    says(ad_student_create(net, "stfpm", options("layers=%s", list).text, &s),
         AD_ERR_INVALID_ARGUMENT, "9 layers, at most 8 are possible");
    list[strlen(list) - 3] = '\0';
    assert_int_equal(ad_student_create(net, "stfpm", options("layers=%s", list).text, &s), AD_OK);
    ad_student_destroy(s);
    s = NULL;
    assert_int_equal(ad_student_create(net, "stfpm", NULL, &s), AD_OK);
    assert_string_equal(((const adi_common_options *)adi_settings_options(s->settings))->layers, "t1,t0");
    ad_student_destroy(s);
    s = NULL;
    ad_backbone_destroy(net);
    for (char first[] = "c3."; first[1] <= '8'; first[1]++)
        st_memory_remove_all(&m, first);
    assert_int_equal(mini_open(f->context, text, &m, &net), AD_OK);
    says(ad_student_create(net, "stfpm", "layers=t2,t3", &s), AD_ERR_MISMATCH,
         "layer 't3' of many: the weights file ends before it and has t0, t1");
    assert_null(s);
    ad_backbone_destroy(net);
    st_memory_free(&m);
    m = mini_weights(tiny_graph);
    assert_int_equal(mini_open(f->context, tiny_graph, &m, &net), AD_OK);
    says(ad_student_create(net, "stfpm", "layers=shallow,deep", &s), AD_ERR_UNSUPPORTED,
         "dwconv2d 'depth' of tiny cannot be trained");
    assert_null(s);
    assert_int_equal(ad_student_create(net, "stfpm", "layers=shallow", &s), AD_OK);
    ad_student_destroy(s);
    ad_backbone_destroy(net);
    st_memory_free(&m);
}

/* Parents may go first; nothing is left when the last is gone. */
static void lifetimes(void **state)
{
    const fixture *f = *state;
    fault_alloc counter = {0};
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.alloc = fault_alloc_get;
    co.free = fault_alloc_put;
    co.alloc_user = &counter;
    ad_context *context = NULL;
    assert_int_equal(ad_context_create(&co, &context), AD_OK);
    ad_backbone *net = mini_teacher(context);
    ad_student *s = mini_student(net, MINI_UNET, 0);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    ad_student_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_string_equal(info.architecture, "mini");
    assert_int_equal(ad_student_save(s, f->path), AD_OK);
    ad_student_destroy(s);
    ad_student_destroy(NULL);
    assert_int_equal(atomic_load(&counter.live), 0);
}

static void null_arguments(void **state)
{
    const fixture *f = *state;
    ad_student *s = NULL;
    ad_student_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_student_create(NULL, "stfpm", NULL, &s), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_create(f->teacher, NULL, NULL, &s), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_create(f->teacher, "stfpm", NULL, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_load(f->teacher, NULL, NULL, NULL, &s), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_save(NULL, "x"), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_get_info(NULL, &info), AD_ERR_INVALID_ARGUMENT);
    s = mini_student(f->teacher, 0, 0);
    assert_int_equal(ad_student_save(s, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_get_info(s, NULL), AD_ERR_INVALID_ARGUMENT);
    ad_student_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded),
        cmocka_unit_test(initial_values),
        cmocka_unit_test(initial_flow),
        cmocka_unit_test(it_outlives_its_fitter),
        cmocka_unit_test(what_it_is),
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(options_in_force),
        cmocka_unit_test(defaults_of_ast),
        cmocka_unit_test(layers),
        cmocka_unit_test(lifetimes),
        cmocka_unit_test(null_arguments),
    };
    return cmocka_run_group_tests_name("student", tests, set_up, tear_down);
}
