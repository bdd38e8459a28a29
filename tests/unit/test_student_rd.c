/* Students of reverse distillation: initial values, files under every name that other people's have, and what is said
 * of those that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/rd_network.h"
#include "student_fixture.h"

static int set_up_rd(void **state)
{
    if (set_up(state))
        return 1;
    fixture *f = *state;
    st_memory m = mini_weights(rd_resnet);
    ad_backbone_destroy(f->teacher);
    f->teacher = NULL;
    const ad_status status = mini_open(f->context, rd_resnet, &m, &f->teacher);
    st_memory_free(&m);
    return status != AD_OK;
}

static ad_student *rd_student_of(const fixture *f, const char *settings)
{
    ad_student *s = NULL;
    if (ad_student_create(f->teacher, "masked_rd", settings, &s) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return s;
}

static ad_student *rd_student(const fixture *f, const char *preset, uint64_t seed)
{
    return rd_student_of(f, options("preset=%s, seed=%" PRIu64, preset, seed).text);
}

static void seeded(void **state)
{
    const fixture *f = *state;
    static const char *const presets[] = {"masked_rd", "rd4ad", "mrkd_flm"};
    for (int i = 0; i < 3; i++) {
        ad_student *a = rd_student(f, presets[i], 7), *b = rd_student(f, presets[i], 7);
        ad_student *c = rd_student(f, presets[i], 8);
        assert_true(same_student(a, b));
        assert_false(same_student(a, c));
        ad_student_destroy(a);
        ad_student_destroy(b);
        ad_student_destroy(c);
    }
}

/* Values in units of their scale, over all parameters that are drawn alike: each alone has too few to tell. */
typedef struct draws {
    double count, squares, near, largest;
} draws;

static void draw(draws *d, const float *v, size_t count, double scale)
{
    for (size_t k = 0; k < count; k++) {
        const double z = fabs((double)v[k] / scale);
        d->squares += z * z;
        d->near += z < 1.0;
        d->largest = z > d->largest ? z : d->largest;
    }
    d->count += (double)count;
}

/* scale: the standard deviation. Of a uniform density with this deviation 0.577 would be near. */
static void is_normal(const draws *d)
{
    assert_true(d->count > 1000.0);
    assert_true(fabs(d->squares / d->count - 1.0) < 0.12);
    assert_true(fabs(d->near / d->count - 0.683) < 0.05);
    assert_true(d->largest > 2.5);
}

/* scale: the bound. */
static void is_uniform(const draws *d, double least_count)
{
    assert_true(d->count >= least_count);
    assert_true(fabs(d->squares / d->count - 1.0 / 3.0) < 4.0 * 0.3 / sqrt(d->count));
    assert_true(d->largest <= 1.0 && d->largest > 0.8);
}

/* Fan in is the weight's second dimension, in a grouped convolution the channels of a group, and in a transposed one
 * those of the result. */
static double bound_of(const adi_module *m, const adi_module_param *p)
{
    const int64_t *shape = adi_module_find(m, p->node, 0)->shape;
    return 1.0 / sqrt((double)(shape[1] * shape[2] * shape[3]));
}

static void initial_values(void **state)
{
    const fixture *f = *state;
    ad_student *s = rd_student(f, "masked_rd", 1);
    const adi_module *m = student_module(s, 0);
    draws generators = {0}, convolutions = {0}, biases = {0}, cru = {0}, transposed = {0};
    int constants = 0;
    for (int32_t i = 0; i < m->param_count; i++) {
        const adi_module_param *p = &m->params[i];
        const adi_node *n = &m->graph->nodes[p->node];
        const float *v = m->values + p->offset;
        const double std = p->ndim == 4 ? sqrt(2.0 / (double)(p->shape[2] * p->shape[3] * p->shape[0])) : 0.0;
        if (n->op == &adi_op_batchnorm || n->op == &adi_op_sru) {
            for (size_t k = 0; k < p->count; k++)
                assert_true(v[k] == (p->index % 3 ? 0.0f : 1.0f));
            constants += n->op == &adi_op_sru;
        } else if (strncmp(n->name, "scconv.CRU.", 11) == 0)
            draw(&cru, v, p->count, bound_of(m, p));
        else if (n->op == &adi_op_deconv2d)
            draw(&transposed, v, p->count, bound_of(m, p));
        else if (p->index == 1)
            draw(&biases, v, p->count, bound_of(m, p));
        else
            draw(strncmp(n->name, "generation", 10) ? &convolutions : &generators, v, p->count, std);
    }
    assert_int_equal(constants, 2);
    is_normal(&generators);
    is_normal(&convolutions);
    is_uniform(&biases, 3 * (8 + 6 + 4)); /* three convolutions a level */
    is_uniform(&cru, 2 * 8 + 8 * 9 + 8 + 2 * 8 + 6 * 2); /* two squeezes, GWC of two groups and its bias, PWC1, PWC2 */
    assert_true(cru.count == 2.0 * 4.0 * 2.0 + 8.0 * 9.0 + 8.0 + 8.0 * 2.0 + 6.0 * 2.0);
    is_uniform(&transposed, 500);
    ad_student_destroy(s);
}

static void saved_and_loaded(void **state)
{
    const fixture *f = *state;
    static const char *const settings[] = {
        "preset=masked_rd, seed=5", "preset=rd4ad, seed=5", "preset=mrkd_flm, seed=5",
        /* no default, and more digits than a person would write */
        "gate=soft, gn_groups=2, cru_softmax=joint, simam=0, fmm_align=0, levels=23, "
        "mask_rate=0.30000000000000004, "
        "eval_mask=seeded, seed=5"};
    for (int i = 0; i < 4; i++) {
        ad_student *a = rd_student_of(f, settings[i]), *b = NULL;
        stir(a);
        assert_int_equal(ad_student_save(a, f->path), AD_OK);
        if (ad_student_load(f->teacher, f->path, NULL, NULL, &b) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        assert_true(same_student(a, b));
        assert_string_equal(student_module(a, 0)->graph->text, student_module(b, 0)->graph->text);
        ad_student_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
        assert_int_equal(ad_student_get_info(a, &x), AD_OK);
        assert_int_equal(ad_student_get_info(b, &y), AD_OK);
        assert_string_equal(y.method, "masked_rd");
        assert_string_equal(y.layers, "layer1,layer2,layer3");
        assert_string_equal(x.teacher_digest, y.teacher_digest);
        assert_int_equal(x.parameter_count, y.parameter_count);
        assert_int_equal(y.epochs_trained, 12345678901);
        assert_int_equal(y.seed, 5);
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

/* "student.msff.X" to "bn.X", "student.bn_layer.X" to "bn.bn_layer.X", "student.decoder.X" to "decoder.X". */
static void as_rd4ad(st_memory *m, const char *prefix)
{
    for (int32_t i = 0; i < m->count; i++) {
        char name[160];
        const char *own = m->entries[i].name + strlen("student.");
        const int fusion = strncmp(own, "msff.", 5) == 0;
        snprintf(name, sizeof name, "%s%s%s", prefix, strncmp(own, "decoder.", 8) ? "bn." : "", fusion ? own + 5 : own);
        memcpy(m->entries[i].name, name, sizeof name);
    }
}

static void as_own(st_memory *m, const char *prefix)
{
    for (int32_t i = 0; i < m->count; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", prefix, m->entries[i].name + strlen("student."));
        memcpy(m->entries[i].name, name, sizeof name);
    }
}

static void add(st_memory *m, const char *prefix, const char *name, int32_t ndim, const int64_t *shape)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    st_memory_add(m, whole, ADI_F32, ndim, shape);
}

/* With what their code has and never calls. */
static void names_of_others(void **state)
{
    const fixture *f = *state;
    static const char *const prefixes[] = {"", "student.", "module.", "model."};
    static const int64_t some[] = {200, 3, 1, 1};
    ad_student *s = rd_student(f, "rd4ad", 2), *loaded;
    stir(s);
    for (int i = 0; i < 8; i++) {
        const char *prefix = prefixes[i % 4];
        char whole[160];
        st_memory m = tensors_of(f, s);
        (i < 4 ? as_rd4ad : as_own)(&m, prefix);
        add(&m, prefix, "bn.conv4.weight", 4, some);
        add(&m, prefix, "bn.bn4.weight", 1, some);
        add(&m, prefix, "bn.memory.keys", 2, some);
        snprintf(whole, sizeof whole, "%s%s", prefix, i < 4 ? "bn.bn1.running_var" : "msff.bn1.running_var");
        assert_non_null(st_memory_find(&m, whole));
        if (load(f, &m, "masked_rd", "preset=rd4ad", &loaded) != AD_OK)
            fail_msg("%d: %s", i, ad_last_error_message());
        assert_true(same_student(s, loaded));
        ad_student_destroy(loaded);
        snprintf(whole, sizeof whole, "%sdecoder.layer2.0.conv1.weight", prefix);
        st_memory_remove(&m, whole);
        not_taken(f, &m, "masked_rd", "preset=rd4ad", AD_ERR_MISMATCH,
                  "holds no tensor for 'decoder.layer2.0.conv1.weight' of the student's masked_rd: of its ");
        assert_non_null(strstr(ad_last_error_message(), "parameters 1 are missing"));
        st_memory_free(&m);
    }
    ad_student_destroy(s);
}

static void every_tensor_is_needed(void **state)
{
    const fixture *f = *state;
    static const char *const presets[] = {"masked_rd", "rd4ad"};
    for (int k = 0; k < 2; k++) {
        const option_text preset = options("preset=%s", presets[k]);
        ad_student *s = rd_student(f, presets[k], 2);
        st_memory all = tensors_of(f, s);
        const int32_t needed = all.count;
        assert_int_equal(needed, student_module(s, 0)->param_count);
        for (int32_t i = 0; i < needed; i++) {
            const st_entry *e = &all.entries[i];
            st_memory m = st_memory_copy(&all);
            char part[250];
            st_memory_remove(&m, e->name);
            snprintf(part, sizeof part, "holds no tensor for '%s' of the student's masked_rd: of its %d parameters 1 "
                     "are missing", e->name + strlen("student."), needed);
            if (strcmp(e->name, "student.msff.conv1.weight") != 0) /* by which a file is known */
                not_taken(f, &m, "masked_rd", preset.text, AD_ERR_MISMATCH, part);
            const int64_t shape[2] = {e->count, 1}; /* as many values, in one row or one dimension more */
            st_memory_add(&m, e->name, ADI_F32, e->ndim == 1 ? 2 : 1, shape);
            snprintf(part, sizeof part, "tensor '%s' is [%lld%s], the student's masked_rd expects [", e->name,
                     (long long)e->count, e->ndim == 1 ? ",1" : "");
            not_taken(f, &m, "masked_rd", preset.text, AD_ERR_MISMATCH, part);
            st_memory_free(&m);
        }
        st_memory_free(&all);
        ad_student_destroy(s);
    }
}

/* How many are missing tells a slip from another network. */
static void half_a_checkpoint(void **state)
{
    const fixture *f = *state;
    ad_student *s = rd_student(f, "rd4ad", 2);
    st_memory m = tensors_of(f, s);
    const int32_t all = m.count;
    char part[160];
    as_rd4ad(&m, "");
    /* what the whole has and this has not: generators, attention, the narrowing */
    ad_student *large = rd_student(f, "masked_rd", 2);
    snprintf(part, sizeof part, "of its %d parameters %d are missing", student_module(large, 0)->param_count,
             student_module(large, 0)->param_count - all);
    not_taken(f, &m, "masked_rd", NULL, AD_ERR_MISMATCH, part);
    assert_non_null(strstr(ad_last_error_message(), "'msff.conv4.weight'"));
    ad_student_destroy(large);
    st_memory_remove_all(&m, "decoder.");
    assert_true(m.count > all / 4 && m.count < 3 * all / 4);
    snprintf(part, sizeof part, "'decoder.layer1.0.conv1.weight' of the student's masked_rd: of its %d parameters %d "
             "are missing", all, all - m.count);
    not_taken(f, &m, "masked_rd", "preset=rd4ad", AD_ERR_MISMATCH, part);
    st_memory_remove_all(&m, "bn.");
    snprintf(part, sizeof part, "'msff.conv1.weight' of the student's masked_rd: of its %d parameters %d are missing",
             all, all);
    st_memory_add(&m, "other", ADI_F32, 1, (const int64_t[]){3});
    not_taken(f, &m, "masked_rd", "preset=rd4ad", AD_ERR_MISMATCH, part);
    st_memory_free(&m);
    ad_student_destroy(s);
}

/* A converted checkpoint has no student of this library's, but says what it is. */
static void metadata_is_enough(void **state)
{
    const fixture *f = *state;
    ad_student *s = rd_student(f, "rd4ad", 2), *loaded;
    st_memory m = tensors_of(f, s);
    as_rd4ad(&m, "");
    not_taken(f, &m, NULL, NULL, AD_ERR_MISMATCH,
              "of the student's residual"); /* an STFPM student, for all that is known */
    m.metadata = "\"adfeat.student.kind\":\"masked_rd\",\"adfeat.student.msff_out\":\"concat\","
                 "\"adfeat.student.sru\":\"0\",\"adfeat.student.cru\":\"0\",\"adfeat.student.simam\":\"0\","
                 "\"adfeat.student.fmm\":\"0\"";
    if (load(f, &m, NULL, NULL, &loaded) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    assert_string_equal(loaded->method->name, "masked_rd");
    assert_true(same_student(s, loaded));
    ad_student_destroy(loaded);
    st_memory_free(&m);
    ad_student_destroy(s);
}

static void what_the_file_says(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *key, *value;
        ad_status status;
        const char *part;
    } cases[] = {
        {"adfeat.student.msff_out", "wide", AD_ERR_FORMAT,
         "the student's metadata: option msff_out: 'wide' is none of conv"},
        {"adfeat.student.msff_out", "concat", AD_ERR_MISMATCH, "the student's "},
        {"adfeat.student.sru", "2", AD_ERR_FORMAT, "the student's metadata: option sru"},
        {"adfeat.student.gate", "open", AD_ERR_FORMAT, "the student's metadata: option gate"},
        {"adfeat.student.gn_groups", "3", AD_ERR_MISMATCH, "the student's metadata: gn_groups is 3"},
        {"adfeat.student.gn_groups", "0", AD_ERR_FORMAT, "the student's metadata: option gn_groups"},
        {"adfeat.student.cru_softmax", "both", AD_ERR_FORMAT, "the student's metadata: option cru_softmax"},
        {"adfeat.student.levels", "4", AD_ERR_FORMAT,
         "the student's metadata: option levels: '4' is none of all, 1, 2, 12"},
        {"adfeat.student.mask_rate", "1", AD_ERR_FORMAT, "the student's metadata: option mask_rate"},
        {"adfeat.student.mask_rate", "nan", AD_ERR_FORMAT, "the student's metadata: option mask_rate"},
        {"adfeat.student.eval_mask", "1", AD_ERR_FORMAT, "the student's metadata: option eval_mask"},
        {"adfeat.student.layers", "layer2,layer3,layer4", AD_ERR_MISMATCH,
         "the student's metadata: a student of masked_rd takes the layers layer1,layer2,layer3, not layer2"},
        {"adfeat.architecture", "resnet18", AD_ERR_MISMATCH, "the student is a resnet18, its teacher here a residual"},
        {"adfeat.student.kind", "stfpm", AD_ERR_MISMATCH, "of the student's residual"},
        {"adfeat.student.kind", "rd4ad", AD_ERR_FORMAT, "no method 'rd4ad'"},
    };
    ad_student *s = rd_student(f, "masked_rd", 2), *loaded = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        with_metadata(f, s, cases[i].key, cases[i].value);
        says(ad_student_load(f->teacher, f->path, NULL, NULL, &loaded), cases[i].status,
             cases[i].part);
        assert_null(loaded);
    }
    ad_student_destroy(s);
}

/* Methods and teachers that do not belong together. */
static void strangers(void **state)
{
    const fixture *f = *state;
    ad_student *s = NULL;
    ad_student *plain = mini_student(f->teacher, MINI_STFPM, 2),
               *rd = rd_student(f, "masked_rd", 2);
    char part[80];
    snprintf(part, sizeof part, "of its %d parameters %d are missing", student_module(rd, 0)->param_count, student_module(rd, 0)->param_count);
    st_memory m = tensors_of(f, plain); /* without the metadata that would say it */
    not_taken(f, &m, "masked_rd", NULL, AD_ERR_MISMATCH, part);
    st_memory_free(&m);
    m = tensors_of(f, rd);
    not_taken(f, &m, "stfpm", NULL, AD_ERR_MISMATCH, "holds no tensor for 'conv1.weight'");
    not_taken(f, &m, "ast", mini_options[MINI_AST], AD_ERR_MISMATCH,
              "holds no tensor for 'coupling.0.r2.conv1.weight'");
    st_memory_free(&m);
    assert_int_equal(ad_student_save(plain, f->path), AD_OK);
    says(ad_student_load(f->teacher, f->path, "masked_rd", NULL, &s), AD_ERR_MISMATCH,
         "of method stfpm, not of masked_rd");
    assert_int_equal(ad_student_save(rd, f->path), AD_OK);
    says(ad_student_load(f->teacher, f->path, "ast", NULL, &s), AD_ERR_MISMATCH,
         "of method masked_rd, not of ast");
    says(ad_student_load(f->teacher, f->path, "stfpm", NULL, &s), AD_ERR_MISMATCH,
         "of method masked_rd, not of stfpm");
    ad_backbone *mini = mini_teacher(f->context);
    says(ad_student_create(mini, "masked_rd", NULL, &s), AD_ERR_UNSUPPORTED,
         "needs a ResNet as teacher, which mini is not: it has no layer3");
    says(ad_student_load(mini, f->path, NULL, NULL, &s), AD_ERR_MISMATCH,
         "the student is a residual, its teacher here a mini");
    assert_null(s);
    ad_backbone_destroy(mini);
    ad_student_destroy(plain);
    ad_student_destroy(rd);
}

static void bad_options(void **state)
{
    const fixture *f = *state;
    static const char *const bad[][2] = {
        {"msff_out=wide", "msff_out"},
        {"sru=-1", "sru"},
        {"cru=2", "cru"},
        {"simam=2", "simam"},
        {"scsatt=2", "scsatt"},
        {"gate=open", "gate"},
        {"gn_groups=3", "gn_groups is 3, which does not divide the 8 channels"},
        {"gn_groups=0", "gn_groups"},
        {"cru_softmax=both", "cru_softmax"},
        {"fmm=2", "fmm"},
        {"fmm_align=2", "fmm_align"},
        {"levels=8", "levels"},
        {"mask_rate=1", "mask_rate"},
        {"mask_rate=-0.1", "mask_rate"},
        {"mask_rate=nan", "mask_rate"},
        {"eval_mask=1", "eval_mask"},
        {"layers=layer1", "takes the layers layer1,layer2,layer3, not layer1"},
    };
    ad_student *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        says(ad_student_create(f->teacher, "masked_rd", bad[i][0], &s), AD_ERR_INVALID_ARGUMENT,
             bad[i][1]);
        assert_null(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded),
        cmocka_unit_test(initial_values),
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(names_of_others),
        cmocka_unit_test(every_tensor_is_needed),
        cmocka_unit_test(half_a_checkpoint),
        cmocka_unit_test(metadata_is_enough),
        cmocka_unit_test(what_the_file_says),
        cmocka_unit_test(strangers),
        cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests_name("student_rd", tests, set_up_rd, tear_down);
}
