/* Student files: read under every name that other people's have; every tensor, every value and all metadata
 * checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "student_fixture.h"

/* "student.layer2.0.conv1.weight" to "model.5.0.conv1.weight". */
static void as_sequence(st_memory *m, const char *prefix)
{
    for (int32_t i = 0; i < m->count; i++) {
        char name[160];
        const char *own = m->entries[i].name + strlen("student.");
        if (strncmp(own, "conv1.", 6) == 0)
            snprintf(name, sizeof name, "%smodel.0.%s", prefix, own + 6);
        else if (strncmp(own, "bn1.", 4) == 0)
            snprintf(name, sizeof name, "%smodel.1.%s", prefix, own + 4);
        else
            snprintf(name, sizeof name, "%smodel.%d.%s", prefix, own[5] - '0' + 3, own + 7);
        memcpy(m->entries[i].name, name, sizeof name);
    }
}

static void names_of_others(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->teacher, MINI_STFPM, 2), *loaded;
    static const char *const prefixes[] = {"", "student.", "module."};
    static const int64_t two[] = {2, 5}, none[] = {0};
    stir(s);
    for (int i = 0; i < 6; i++) {
        st_memory m = tensors_of(f, s);
        if (i < 3)
            as_sequence(&m, prefixes[i]);
        else
            for (int32_t k = 0; k < m.count; k++) {
                char name[160];
                snprintf(name, sizeof name, "%s%s", prefixes[i - 3], m.entries[k].name + strlen("student."));
                memcpy(m.entries[k].name, name, sizeof name);
            }
        st_memory_add(&m, "fc.weight", ADI_F32, 2, two); /* what is more than needed does not matter */
        st_memory_add(&m, "bn1.num_batches_tracked.x", ADI_I64, 1, none);
        if (load(f, &m, NULL, NULL, &loaded) != AD_OK)
            fail_msg("%d: %s", i, ad_last_error_message());
        assert_true(same_student(s, loaded));
        ad_student_info info = {.struct_size = sizeof info};
        assert_int_equal(ad_student_get_info(loaded, &info), AD_OK);
        assert_int_equal(info.epochs_trained, 0);
        ad_student_destroy(loaded);
        st_memory_remove_all(&m, i < 3 ? (i == 0 ? "model.5." : i == 1 ? "student.model.5." : "module.model.5.")
                                       : (i == 3 ? "layer2." : i == 4 ? "student.layer2." : "module.layer2."));
        not_taken(f, &m, NULL, NULL, AD_ERR_MISMATCH,
                  "holds no tensor for 'layer2.0.conv1.weight' of the student's mini");
        st_memory_free(&m);
    }
    ad_student_destroy(s);
}

/* "flow.coupling.1.r2.conv1.weight" to "module_list.5.s2.conv1.weight" behind one prefix, "student.res.0.l1.weight" behind
 * another; without the permutations, which those files do not have. */
static void as_lists(st_memory *m, const char *flow, const char *student)
{
    st_memory_remove_all(m, "flow.permute.");
    for (int32_t i = 0; i < m->count; i++) {
        char name[160];
        int block = 0, which = 0, used = 0;
        const char *own = m->entries[i].name;
        if (sscanf(own, "flow.coupling.%d.r%d.%n", &block, &which, &used) == 2 && used)
            snprintf(name, sizeof name, "%smodule_list.%d.s%d.%s", flow, 3 + 2 * block, which, own + used);
        else
            snprintf(name, sizeof name, "%s%s", student, own + strlen("student."));
        memcpy(m->entries[i].name, name, sizeof name);
    }
}

/* Networks of the authors of AST: two files put together, or one with either behind a name of its own. */
static void names_of_other_flows(void **state)
{
    const fixture *f = *state;
    static const char *const flows[] = {"net.", "teacher.net.", "", "teacher.", "module.", "model.", "flow."};
    static const char *const students[] = {"net.", "student.net.", "", "student.", "module.", "model.", "student."};
    /* As theirs, whose last has larger kernels: 3, 5, 7 and 9. */
    const option_text four = options_over(mini_options[MINI_AST], "flow_blocks=4");
    const option_text five =
        options_over(mini_options[MINI_AST], "flow_blocks=5"); /* one more than the file has */
    static const int64_t much[] = {200, 100};
    ad_student *s = mini_student_of(f->teacher, MINI_AST, four.text), *loaded;
    stir(s);
    for (int i = 0; i < 7; i++) {
        char name[160];
        st_memory m = tensors_of(f, s);
        as_lists(&m, flows[i], students[i]);
        snprintf(name, sizeof name, "%smodule_list.9.s2.conv1.weight", flows[i]);
        assert_non_null(st_memory_find(&m, name));
        assert_int_equal(st_memory_find(&m, name)->shape[2], 5);
        st_memory_add(&m, "module_list.2.perm", ADI_F32, 2, much); /* what is more than needed does not matter */
        if (load(f, &m, "ast", four.text, &loaded) != AD_OK)
            fail_msg("%d: %s", i, ad_last_error_message());
        assert_true(same_student(s, loaded));
        ad_student_destroy(loaded);
        snprintf(name, sizeof name, "%smodule_list.5.s2.conv2.bias", flows[i]);
        st_memory_remove(&m, name);
        not_taken(f, &m, "ast", four.text, AD_ERR_MISMATCH,
                  "holds no tensor for 'coupling.1.r2.conv2.bias' of the student's ast_flow");
        st_memory_free(&m);
        m = tensors_of(f, s);
        as_lists(&m, flows[i], students[i]);
        st_memory_add(&m, "module_list.2.perm", ADI_F32, 2, much); /* with too few values for both, none would be named */
        snprintf(name, sizeof name, "%sconv2.weight", students[i]);
        st_memory_remove(&m, name);
        not_taken(f, &m, "ast", four.text, AD_ERR_MISMATCH,
                  "holds no tensor for 'conv2.weight' of the student's ast_student");
        not_taken(f, &m, "ast", five.text, AD_ERR_MISMATCH,
                  "holds no tensor for 'coupling.4.r2.conv1.weight'");
        st_memory_free(&m);
    }
    ad_student_destroy(s);
}

/* A permutation of the file's goes before that of the seed; one that is none is refused. */
static void permutations(void **state)
{
    const fixture *f = *state;
    const char *narrow = mini_options[MINI_AST];
    ad_student *s = mini_student(f->teacher, MINI_AST, 2), *loaded;
    st_memory m = tensors_of(f, s);
    float *order = st_memory_find(&m, "flow.permute.1.index")->data;
    const float first = order[0], last = order[7];
    order[0] = last;
    order[7] = first;
    assert_int_equal(load(f, &m, "ast", narrow, &loaded), AD_OK);
    const adi_module_param *p = adi_module_find(student_module(loaded, 0), adi_graph_find_node(student_module(loaded, 0)->graph, "permute.1"), 0);
    assert_memory_equal(student_module(loaded, 0)->values + p->offset, order, 8 * sizeof *order);
    ad_student_destroy(loaded);
    order[0] = first;
    not_taken(f, &m, "ast", narrow, AD_ERR_FORMAT, "permute 'permute.1': channel ");
    order[7] = 0.5f;
    not_taken(f, &m, "ast", narrow, AD_ERR_FORMAT,
              "permute 'permute.1': entry 7 is 0.5, 0 to 7 is possible");
    order[7] = 8.0f;
    not_taken(f, &m, "ast", narrow, AD_ERR_FORMAT, "permute 'permute.1': entry 7 is 8");
    order[7] = NAN;
    not_taken(f, &m, "ast", narrow, AD_ERR_NUMERIC, "flow.permute.1.index");
    st_memory_remove(&m, "flow.permute.1.index");
    assert_int_equal(load(f, &m, "ast", narrow, &loaded), AD_OK);
    assert_true(same_student(s, loaded)); /* drawn again */
    ad_student_destroy(loaded);
    st_memory_free(&m);
    ad_student_destroy(s);
}

static void every_tensor_is_needed(void **state)
{
    const fixture *f = *state;
    for (int32_t kind = 0; kind < 3; kind++) {
        ad_student *s = mini_student(f->teacher, kind, 2);
        st_memory all = tensors_of(f, s);
        const char *method = mini_methods[kind], *narrow = mini_options[kind];
        const int32_t needed = all.count;
        static const int64_t much[] = {200, 100};
        st_memory_add(&all, "more", ADI_F32, 2, much); /* with too few values for all, none would be named */
        for (int32_t i = 0; i < needed; i++) {
            const st_entry *e = &all.entries[i];
            if (strncmp(e->name, "flow.permute.", 13) == 0)
                continue; /* which follows from the seed */
            st_memory m = st_memory_copy(&all);
            const int unet = strncmp(e->name, "ae.", 3) == 0;
            const char *own = strchr(unet ? e->name + 3 : e->name, '.') + 1;
            char part[250];
            st_memory_remove(&m, e->name);
            snprintf(part, sizeof part, "holds no tensor for '%s' of the student's", own);
            not_taken(f, &m, method, narrow, AD_ERR_MISMATCH, part);
            int64_t shape[5] = {1, 1, 1, 1, 1};
            const int gain = strstr(e->name, ".gamma") != NULL; /* one number has no shape: it becomes two */
            shape[0] = e->count + gain; /* as many values, in one row or one dimension more */
            st_memory_add(&m, e->name, ADI_F32, e->ndim == 1 ? 2 : 1, shape);
            snprintf(part, sizeof part, "tensor '%s' is [%lld%s], the student's", e->name, (long long)e->count + gain,
                     e->ndim == 1 ? ",1" : "");
            not_taken(f, &m, method, narrow, AD_ERR_MISMATCH, part);
            st_memory_free(&m);
        }
        st_memory_free(&all);
        ad_student_destroy(s);
    }
}

static void values_that_are_none(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->teacher, MINI_STFPM, 2), *loaded;
    st_memory m = tensors_of(f, s);
    float *weight = st_memory_find(&m, "student.layer2.0.conv2.weight")->data;
    float *var = st_memory_find(&m, "student.layer3.0.bn1.running_var")->data;
    float *mean = st_memory_find(&m, "student.layer3.0.bn1.running_mean")->data;
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        const float old = weight[17];
        weight[17] = odd[i];
        not_taken(f, &m, NULL, NULL, AD_ERR_NUMERIC, "tensor 'student.layer2.0.conv2.weight'");
        weight[17] = old;
    }
    var[3] = -1e-9f;
    not_taken(f, &m, NULL, NULL, AD_ERR_NUMERIC,
              "tensor 'student.layer3.0.bn1.running_var': a running variance is -1e-09");
    var[3] = 0.0f;
    mean[3] = -5.0f;
    assert_int_equal(load(f, &m, NULL, NULL, &loaded), AD_OK);
    ad_student_destroy(loaded);
    const int64_t shape[] = {8};
    st_memory_remove(&m, "student.layer3.0.bn1.bias");
    st_memory_add(&m, "student.layer3.0.bn1.bias", ADI_I64, 1, shape);
    not_taken(f, &m, NULL, NULL, AD_ERR_FORMAT, "student.layer3.0.bn1.bias");
    st_memory_remove(&m, "student.layer3.0.bn1.bias");
    uint16_t *halves = st_memory_add(&m, "student.layer3.0.bn1.bias", ADI_F16, 1, shape);
    halves[5] = 0x3e00; /* 1.5 */
    assert_int_equal(load(f, &m, NULL, NULL, &loaded), AD_OK);
    const adi_module_param *p =
        adi_module_find(student_module(loaded, 0), adi_graph_find_node(student_module(loaded, 0)->graph, "layer3.0.bn1"), 1);
    assert_true(student_module(loaded, 0)->values[p->offset + 5] == 1.5f && student_module(loaded, 0)->values[p->offset + 4] == 0.0f);
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
        {"adfeat.kind", "scorer", AD_ERR_FORMAT, "this is not a student but a scorer"},
        {"adfeat.kind", "checkpoint", AD_ERR_FORMAT, "this is not a student but a checkpoint"},
        {"adfeat.format", "2", AD_ERR_UNSUPPORTED, "the student's format is 2, this version reads 1"},
        {"adfeat.format", NULL, AD_ERR_UNSUPPORTED, "the student's format is missing"},
        {"adfeat.architecture", "resnet18", AD_ERR_MISMATCH,
         "the student is a resnet18, its teacher here a mini"},
        {"adfeat.student.kind", "rd4ad", AD_ERR_FORMAT, "the student's metadata: no method 'rd4ad'"},
        {"adfeat.student.layers", "layer1,layer9", AD_ERR_MISMATCH,
         "the student's metadata: mini has no layer 'layer9'"},
        {"adfeat.student.unet_depth", "7", AD_ERR_FORMAT, "the student's metadata: option unet_depth"},
        {"adfeat.student.unet_depth", "2", AD_ERR_MISMATCH, "of the student's"},
        {"adfeat.student.seed", "-1", AD_ERR_FORMAT, "the student's metadata: option seed"},
        {"adfeat.student.epochs", "-1", AD_ERR_FORMAT, "the student's metadata: option epochs"},
        {"adfeat.student.epochs", "many", AD_ERR_FORMAT, "the student's metadata: option epochs"},
        {"adfeat.student.epochs", "9223372036854775807", AD_ERR_FORMAT,
         "the student's metadata: option epochs"},
    };
    ad_student *s = mini_student(f->teacher, MINI_UNET, 2), *loaded = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        with_metadata(f, s, cases[i].key, cases[i].value);
        says(ad_student_load(f->teacher, f->path, NULL, NULL, &loaded), cases[i].status,
             cases[i].part);
        assert_null(loaded);
    }
    with_metadata(f, s, "adfeat.student.epochs", NULL);
    assert_int_equal(ad_student_load(f->teacher, f->path, NULL, NULL, &loaded), AD_OK);
    assert_true(same_student(s, loaded));
    ad_student_destroy(loaded);
    ad_student_destroy(s);
}

static void what_the_file_of_a_flow_says(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *key, *value;
        ad_status status;
        const char *part;
    } cases[] = {
        {"adfeat.student.mode", "rgbd", AD_ERR_FORMAT, "the student's metadata: option mode: 'rgbd' is none of rgb"},
        {"adfeat.student.mode", "combi", AD_ERR_MISMATCH, "the student's "},
        {"adfeat.student.flow_blocks", "0", AD_ERR_FORMAT, "the student's metadata: option flow_blocks"},
        {"adfeat.student.flow_blocks", "3", AD_ERR_MISMATCH, "the student's "},
        {"adfeat.student.flow_hidden", "7", AD_ERR_MISMATCH, "the student's "},
        {"adfeat.student.flow_hidden", "5", AD_ERR_MISMATCH, "the student's ast_flow expects [5,8,3,3]"},
        {"adfeat.student.student_hidden", "7", AD_ERR_MISMATCH, "the student's "},
        {"adfeat.student.student_hidden", "5", AD_ERR_MISMATCH, "the student's ast_student expects [5,12,3,3]"},
        {"adfeat.student.flow_hidden", "8192", AD_ERR_MISMATCH, " weights, the file holds "}, /* before they are made */
        {"adfeat.student.student_hidden", "8192", AD_ERR_MISMATCH, " weights, the file holds "},
        {"adfeat.student.positions", "30", AD_ERR_MISMATCH, "the student's metadata: positions is 30, a multiple of 4"},
        {"adfeat.student.alpha", "-1", AD_ERR_FORMAT, "the student's metadata: option alpha"},
        {"adfeat.student.leaky", "0", AD_ERR_FORMAT, "the student's metadata: option leaky"},
        {"adfeat.student.layers", "layer2,layer3", AD_ERR_MISMATCH, "the student's metadata: 2 layers"},
        {"adfeat.student.kind", "stfpm", AD_ERR_MISMATCH, "the student's mini expects"},
    };
    ad_student *s = mini_student(f->teacher, MINI_AST, 2), *loaded = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        with_metadata(f, s, cases[i].key, cases[i].value);
        says(ad_student_load(f->teacher, f->path, NULL, NULL, &loaded), cases[i].status,
             cases[i].part);
        assert_null(loaded);
    }
    ad_student_destroy(s);
}

static void damaged(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->teacher, MINI_STFPM, 2), *loaded = NULL;
    size_t size;
    assert_int_equal(ad_student_save(s, f->path), AD_OK);
    uint8_t *bytes = file_bytes(f->path, &size);
    for (size_t i = 0; i < size; i += 97) {
        bytes[i] ^= 4;
        put_file(f->path, bytes, size);
        assert_int_not_equal(ad_student_load(f->teacher, f->path, NULL, NULL, &loaded), AD_OK);
        assert_null(loaded);
        bytes[i] ^= 4;
        put_file(f->path, bytes, i);
        says(ad_student_load(f->teacher, f->path, NULL, NULL, &loaded), AD_ERR_FORMAT, f->path);
    }
    unlink(f->path);
    says(ad_student_load(f->teacher, f->path, NULL, NULL, &loaded), AD_ERR_IO, f->path);
    says(ad_student_save(s, "no/such/folder/s"), AD_ERR_IO, "no/such/folder/s");
    free(bytes);
    ad_student_destroy(s);
}

/* What the caller says counts; what is left open is as the file says. */
static void with_options(void **state)
{
    const fixture *f = *state;
    ad_student *s = mini_student(f->teacher, MINI_UNET, 2), *loaded = NULL;
    assert_int_equal(ad_student_save(s, f->path), AD_OK);
    assert_int_equal(ad_student_load(f->teacher, f->path, NULL, "layers=layer1,layer2", &loaded),
                     AD_OK);
    ad_student_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_student_get_info(loaded, &info), AD_OK);
    assert_string_equal(info.layers, "layer1,layer2");
    assert_string_equal(info.method, "stfpm_unet");
    assert_true(student_module(loaded, 0)->total < student_module(s, 0)->total);
    says_of_itself(f, loaded, "adfeat.student.unet_depth", "1");
    ad_student_destroy(loaded);
    loaded = NULL;
    assert_int_equal(ad_student_save(s, f->path), AD_OK);
    says(ad_student_load(f->teacher, f->path, "stfpm", NULL, &loaded), AD_ERR_MISMATCH,
         "of method stfpm_unet, not of stfpm");
    says(ad_student_load(f->teacher, f->path, NULL, "unet_depth=2", &loaded), AD_ERR_MISMATCH,
         "of the student's");
    says(ad_student_load(f->teacher, f->path, NULL, "epochs=1", &loaded), AD_ERR_INVALID_ARGUMENT,
         "epochs");
    says(ad_student_load(f->teacher, f->path, NULL, "layers=layer9", &loaded),
         AD_ERR_INVALID_ARGUMENT, "layer9");
    st_memory m = tensors_of(
        f, s); /* without metadata the caller says what it is, or else it is one of STFPM */
    assert_int_equal(load(f, &m, "stfpm_unet", "unet_depth=1", &loaded), AD_OK);
    assert_true(same_student(s, loaded));
    ad_student_destroy(loaded);
    assert_int_equal(load(f, &m, NULL, NULL, &loaded), AD_OK);
    assert_int_equal(ad_student_get_info(loaded, &info), AD_OK);
    assert_string_equal(info.method, "stfpm");
    ad_student_destroy(loaded);
    st_memory_free(&m);
    ad_student *plain = mini_student(f->teacher, MINI_STFPM, 2);
    m = tensors_of(f, plain);
    not_taken(f, &m, "stfpm_unet", NULL, AD_ERR_MISMATCH,
              "holds no tensor for 'e1.0.conv.weight' of the");
    st_memory_free(&m);
    ad_student_destroy(plain);
    ad_student_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_others),
        cmocka_unit_test(names_of_other_flows),
        cmocka_unit_test(permutations),
        cmocka_unit_test(every_tensor_is_needed),
        cmocka_unit_test(values_that_are_none),
        cmocka_unit_test(what_the_file_says),
        cmocka_unit_test(what_the_file_of_a_flow_says),
        cmocka_unit_test(damaged),
        cmocka_unit_test(with_options),
    };
    return cmocka_run_group_tests_name("student_file", tests, set_up, tear_down);
}
