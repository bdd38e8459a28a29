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
    ad_student *plain = mini_student(f->teacher, AD_STUDENT_STFPM, 3);
    ad_student *both = mini_student(f->teacher, AD_STUDENT_STFPM_UNET, 3);
    assert_memory_equal(plain->net->values, both->net->values, plain->net->total * sizeof(float));
    ad_student_destroy(plain);
    ad_student_destroy(both);
}

/* As the documentation says: He's normal for convolutions, 1 and 0 for batch norms. */
static void initial_values(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->teacher, AD_STUDENT_STFPM, 1);
    for (int32_t i = 0; i < s->net->param_count; i++) {
        const adi_module_param *p = &s->net->params[i];
        const float *v = s->net->values + p->offset;
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
        ad_student *s = mini_student(f->teacher, AD_STUDENT_AST, seed);
        int gains = 0, orders = 0;
        for (int32_t i = 0; i < s->flow->param_count; i++) {
            const adi_module_param *p = &s->flow->params[i];
            const adi_node *n = &s->flow->graph->nodes[p->node];
            const float *v = s->flow->values + p->offset;
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
    ad_student *s = mini_student(f->teacher, AD_STUDENT_STFPM, 9);
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_int_equal(info.kind, AD_STUDENT_STFPM);
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
    s = mini_student(f->teacher, AD_STUDENT_STFPM_UNET, 9);
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_int_equal(info.kind, AD_STUDENT_STFPM_UNET);
    assert_true(info.parameter_count > alone);
    ad_student_destroy(s);
    s = mini_student(f->teacher, AD_STUDENT_AST, 9);
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    assert_int_equal(info.kind, AD_STUDENT_AST);
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
        if (ad_student_load_old(f->teacher, f->path, NULL, &b) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        assert_true(same_student(a, b));
        ad_student_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_student_get_info(a, &x), AD_OK);
        assert_int_equal(ad_student_get_info(b, &y), AD_OK);
        assert_int_equal(x.kind, y.kind);
        assert_string_equal(x.layers, y.layers);
        assert_string_equal(x.teacher_digest, y.teacher_digest);
        assert_int_equal(y.epochs_trained, 12345678901);
        assert_int_equal(y.seed, 5);
        assert_int_equal(x.parameter_count, y.parameter_count);
        assert_int_equal(b->options.unet_depth, kind == AD_STUDENT_STFPM_UNET ? 1 : 2); /* others have none */
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
        const char *key, *value, *part;
    } texts[] = {
        {"kind", "resnet", "kind"},
        {"seed", "4294967296", "seed"},
        {"seed", "1.5", "seed"},
        {"unet_head", "conv", "unet_head"},
        {"unet_depth", "3", "unet_depth"},
        {"unet_convs", "-1", "unet_convs"},
        {"mode", "rgbd", "option mode: 'rgbd' is none of rgb, depth, combi"},
        {"flow_blocks", "0", "flow_blocks"},
        {"flow_blocks", "17", "flow_blocks"},
        {"flow_hidden", "8193", "flow_hidden"},
        {"student_hidden", "0", "student_hidden"},
        {"student_blocks", "0", "student_blocks"},
        {"positions", "0", "positions"},
        {"alpha", "-1", "alpha"},
        {"alpha", "65", "alpha"},
        {"leaky", "0", "leaky"},
        {"leaky", "1.5", "leaky"},
        {"preset", "stfpm", "ast_official"},
        {"depth", "1", "no option 'depth': there are kind, seed, unet_head, unet_depth, unet_convs, mode, "
         "flow_blocks, flow_hidden, student_blocks, student_hidden, positions, alpha, leaky, msff_out, sru, cru, "
         "simam, gate, gn_groups, cru_softmax, fmm, fmm_align, levels, mask_rate, eval_mask, scsatt, layers, preset"}};
    ad_student_options o;
    ad_student *s = NULL;
    ad_student_options_init(&o, sizeof o);
    const ad_student_options untouched = o;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        says(ad_student_options_set(&o, texts[i].key, texts[i].value), AD_ERR_INVALID_ARGUMENT, texts[i].part);
        assert_memory_equal(&o, &untouched, sizeof o);
    }
    assert_int_equal(ad_student_options_set(&o, "kind", "stfpm_unet"), AD_OK);
    assert_int_equal(ad_student_options_set(&o, "unet_head", "conv1x1"), AD_OK);
    assert_int_equal(ad_student_options_set(&o, "seed", "4294967295"), AD_OK);
    assert_true(o.kind == AD_STUDENT_STFPM_UNET && o.unet_head == AD_UNET_HEAD_CONV1X1 && o.seed == UINT32_MAX);
#define REFUSED(field, value, part)                                                             \
    do {                                                                                        \
        o = untouched;                                                                          \
        o.field = value;                                                                        \
        says(ad_student_create_old(f->teacher, &o, &s), AD_ERR_INVALID_ARGUMENT, part);             \
        assert_null(s);                                                                         \
    } while (0)
    REFUSED(kind, 4, "kind is 4");
    REFUSED(kind, -1, "kind is -1");
    REFUSED(seed, (uint64_t)UINT32_MAX + 1, "seed is 4294967296");
    REFUSED(unet_head, 2, "unet_head is 2");
    REFUSED(unet_depth, 0, "unet_depth is 0");
    REFUSED(unet_convs, 3, "unet_convs is 3");
    REFUSED(mode, 7, "mode is 7");
    REFUSED(mode, -1, "mode is -1");
    REFUSED(flow_blocks, 0, "flow_blocks is 0");
    REFUSED(flow_hidden, -1, "flow_hidden is -1");
    REFUSED(student_blocks, 17, "student_blocks is 17");
    REFUSED(student_hidden, 0, "student_hidden is 0");
    REFUSED(positions, 30, "positions is 30, a multiple of 4 is needed");
    REFUSED(positions, 0, "positions is 0");
    REFUSED(positions, 260, "positions is 260");
    REFUSED(alpha, -1.0, "alpha is -1");
    REFUSED(alpha, NAN, "alpha is nan");
    REFUSED(alpha, 1e-9, "alpha is 1e-09, 0.001 to 64 is possible");
    REFUSED(leaky, 0.0, "leaky is 0");
    REFUSED(leaky, 2.0, "leaky is 2");
    REFUSED(layers, "layer1,nowhere", "nowhere");
    REFUSED(layers, "", "layer");
#undef REFUSED
    o = mini_student_options(AD_STUDENT_AST);
    o.layers = "layer2,layer3";
    says(ad_student_create_old(f->teacher, &o, &s), AD_ERR_INVALID_ARGUMENT, "2 layers, a student of kind ast takes one");
    assert_null(s);
    assert_int_equal(ad_student_options_set(&o, "preset", "ast_official"), AD_OK);
    assert_true(o.leaky == 0.01);
    assert_int_equal(ad_student_options_set(&o, "preset", "ast"), AD_OK);
    assert_true(o.leaky == 0.2);
}

/* What is left to default depends on the mode. */
static void defaults_of_ast(void **state)
{
    const fixture *f = *state;
    for (int32_t mode = AD_AST_RGB; mode <= AD_AST_COMBI; mode++) {
        ad_student_options o;
        ad_student *s = NULL;
        ad_student_options_init(&o, sizeof o);
        assert_true(o.flow_blocks == 4 && o.student_blocks == 4 && o.student_hidden == 1024 && o.positions == 32);
        o.kind = AD_STUDENT_AST;
        o.mode = mode;
        o.student_hidden = 4; /* which would be large */
        o.student_blocks = 1;
        o.flow_blocks = 1;
        assert_int_equal(ad_student_create_old(f->teacher, &o, &s), AD_OK);
        assert_int_equal(s->options.flow_hidden, mode ? 64 : 1024);
        assert_true(s->options.alpha == (mode ? 1.9 : 3.0));
        ad_student_destroy(s);
    }
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
    ad_student_options o;
    if (mini_open(f->context, text, &m, &net) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    ad_student_options_init(&o, sizeof o);
    o.layers = list;
    says(ad_student_create_old(net, &o, &s), AD_ERR_INVALID_ARGUMENT, "9 layers, at most 8 are possible");
    list[strlen(list) - 3] = '\0';
    assert_int_equal(ad_student_create_old(net, &o, &s), AD_OK);
    ad_student_destroy(s);
    s = NULL;
    assert_int_equal(ad_student_create_old(net, NULL, &s), AD_OK);
    assert_string_equal(s->layers, "t1,t0");
    ad_student_destroy(s);
    s = NULL;
    ad_backbone_destroy(net);
    for (char first[] = "c3."; first[1] <= '8'; first[1]++)
        st_memory_remove_all(&m, first);
    assert_int_equal(mini_open(f->context, text, &m, &net), AD_OK);
    o.layers = "t2,t3";
    says(ad_student_create_old(net, &o, &s), AD_ERR_MISMATCH,
         "layer 't3' of many: the weights file ends before it");
    assert_null(s);
    ad_backbone_destroy(net);
    st_memory_free(&m);
    m = mini_weights(tiny_graph);
    assert_int_equal(mini_open(f->context, tiny_graph, &m, &net), AD_OK);
    o.layers = "shallow,deep";
    says(ad_student_create_old(net, &o, &s), AD_ERR_UNSUPPORTED, "dwconv2d 'depth' of tiny cannot be trained");
    assert_null(s);
    o.layers = "shallow";
    assert_int_equal(ad_student_create_old(net, &o, &s), AD_OK);
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
    ad_student *s = mini_student(net, AD_STUDENT_STFPM_UNET, 0);
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
    assert_int_equal(ad_student_create_old(NULL, NULL, &s), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_create_old(f->teacher, NULL, NULL), AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_student_load_old(f->teacher, NULL, NULL, &s), AD_ERR_INVALID_ARGUMENT);
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
        cmocka_unit_test(defaults_of_ast),
        cmocka_unit_test(layers),
        cmocka_unit_test(lifetimes),
        cmocka_unit_test(null_arguments),
    };
    return cmocka_run_group_tests_name("student", tests, set_up, tear_down);
}
