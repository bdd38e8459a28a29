/* nn/network.c, nn/fold.c: batch norm taken into convolutions, the identity of weights, writing
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>

#include "small_network.h"

/* ---- Folding -------------------------------------------------------------------------------- */

static const float *tensor(const st_memory *m, const char *node, const char *suffix)
{
    char name[80];
    snprintf(name, sizeof name, "%s.%s", node, suffix);
    const st_entry *e = st_memory_find(m, name);
    return e ? e->data : NULL;
}

/* params of `conv` (with `bn` folded in, or NULL) against the formula. */
static void check_fold(const adi_network *net, const st_memory *m, const char *conv, const char *bn,
                       double eps)
{
    const int32_t at = adi_graph_find_node(net->graph, conv);
    const adi_params *p = &net->params[at];
    char name[80];
    snprintf(name, sizeof name, "%s.weight", conv);
    const st_entry *w = st_memory_find(m, name);
    const int64_t *s = w->shape;
    const int depthwise = net->graph->nodes[at].op == &adi_op_dwconv2d;
    const float *bias = tensor(m, conv, "bias");
    assert_true(!p->folded && p->present && p->weight);
    assert_int_equal(!!p->bias, bn || bias);
    for (int64_t o = 0; o < s[0]; o++) {
        double scale = 1.0, shift = 0.0;
        if (bn) {
            scale = tensor(m, bn, "weight")[o] / sqrt(tensor(m, bn, "running_var")[o] + eps);
            shift = tensor(m, bn, "bias")[o] - tensor(m, bn, "running_mean")[o] * scale;
        }
        for (int64_t i = 0; i < s[1]; i++)
            for (int64_t yx = 0; yx < s[2] * s[3]; yx++) {
                const double want = ((float *)w->data)[(o * s[1] + i) * s[2] * s[3] + yx] * scale;
                const float got = p->weight[depthwise ? yx * s[0] + o : (yx * s[1] + i) * s[0] + o];
                assert_true(fabs(got - want) <= 6e-8 * fabs(want));
            }
        if (p->bias) {
            const double b = bias ? bias[o] : 0.0;
            assert_true(fabs(p->bias[o] - (b * scale + shift)) <=
                        2e-7 * (fabs(b * scale) + fabs(shift)));
        }
    }
}

static void folding(void **state)
{
    (void)state;
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        st_memory m = small_weights();
        if (with_bias) {
            add_floats(&m, "conv1.bias", 4);
            add_floats(&m, "layer1.dw.bias", 4);
            add_floats(&m, "layer1.pw.bias", 6);
            add_floats(&m, "layer3.conv.bias", 5);
        }
        adi_network *net = accepted_weights(&m, 4);
        check_fold(net, &m, "conv1", "bn1", 1e-5);
        check_fold(net, &m, "layer1.dw", "layer1.bn", 0.25);
        check_fold(net, &m, "layer1.pw", NULL,
                   0.0); /* tapped: the batch norm after it stands alone */
        check_fold(net, &m, "layer3.conv", "layer3.bn", 1e-5);
        static const char *const bns[] = {"bn1", "layer1.bn", "layer2.bn", "layer3.bn"};
        for (int i = 0; i < 4; i++)
            assert_int_equal(net->params[adi_graph_find_node(net->graph, bns[i])].folded, i != 2);
        adi_network_destroy(net);
        if (with_bias) { /* now folded in the file: with a bias the batch norm may be gone */
            st_memory_remove_all(&m, "bn1.");
            st_memory_remove_all(&m, "layer1.bn.");
            net = accepted_weights(&m, 4);
            check_fold(net, &m, "conv1", NULL, 0.0);
            check_fold(net, &m, "layer1.dw", NULL, 0.0);
            adi_network_destroy(net);
            st_memory_remove_all(&m, "layer2.bn."); /* but not one that cannot be folded */
            refused_weights(&m, AD_ERR_MISMATCH,
                            "the weights hold no tensor 'layer2.bn.weight', which small needs");
        }
        st_memory_free(&m);
    }
}

/* ---- Identity ------------------------------------------------------------------------------- */

/* One bit of one tensor: the taps that depend on it change their identity, the others do not. */
static void one_bit_changes_the_digest(void **state)
{
    (void)state;
    static const char *const shallowest[TAPS][3] = {{"conv1.", "bn1.", NULL},
                                                    {"layer1.", NULL, NULL},
                                                    {"layer2.", NULL, NULL},
                                                    {"layer3.", NULL, NULL}};
    st_memory m = small_weights();
    adi_network *net = accepted_weights(&m, 4);
    char before[TAPS][17], after[17];
    for (int32_t t = 0; t < TAPS; t++) {
        adi_network_digest(net, &t, 1, before[t]);
        assert_int_equal(strspn(before[t], "0123456789abcdef"), 16);
        for (int32_t u = 0; u < t; u++)
            assert_string_not_equal(before[t], before[u]);
    }
    adi_network_destroy(net);
    for (int32_t i = 0; i < m.count; i++)
        for (int bit = 0; bit < 23; bit += 11) {
            int32_t first = 0;
            for (int32_t t = 0; t < TAPS; t++)
                for (int k = 0; k < 2; k++)
                    if (shallowest[t][k] &&
                        strncmp(m.entries[i].name, shallowest[t][k], strlen(shallowest[t][k])) == 0)
                        first = t;
            uint32_t *word = (uint32_t *)m.entries[i].data + (i * 7 + bit) % m.entries[i].count;
            *word ^= (uint32_t)1 << bit;
            net = accepted_weights(&m, 4);
            for (int32_t t = 0; t < TAPS; t++) {
                adi_network_digest(net, &t, 1, after);
                assert_int_equal(strcmp(before[t], after) != 0, t >= first);
            }
            adi_network_destroy(net);
            *word ^= (uint32_t)1 << bit;
        }
    st_memory_free(&m);
}

/* The identity is of the weights, not of the host program's way to write numbers. */
static void digest_in_any_locale(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8",  "fr_FR.UTF-8", "fr_FR.utf8",
                                          "it_IT.UTF-8", "es_ES.UTF-8", "ru_RU.UTF-8"};
    st_memory m = small_weights();
    adi_network *net = accepted_weights(&m, 4);
    adi_safetensors *file = st_memory_open(&m, heap);
    adi_graph *g = graph_of(heap, small); /* read before the locale changes: eps is 0.25 */
    size_t i = 0;
    while (i < sizeof locales / sizeof *locales && !setlocale(LC_NUMERIC, locales[i]))
        i++;
    adi_network *other = NULL;
    const ad_status status = adi_network_create(g, file, NULL, &other);
    setlocale(LC_NUMERIC, "C");
    assert_int_equal(status, AD_OK);
    const int32_t all[TAPS] = {0, 1, 2, 3};
    char a[17], b[17];
    adi_network_digest(net, all, TAPS, a);
    adi_network_digest(other, all, TAPS, b);
    adi_network_destroy(net);
    adi_network_destroy(other);
    adi_st_close(file);
    st_memory_free(&m);
    if (i == sizeof locales / sizeof *locales) {
        printf("no locale with a decimal comma on this machine\n");
        skip();
    }
    assert_string_equal(a, b);
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* What network_write leaves is folded, and gives the same parameters to the bit. */
static void written_again(void **state)
{
    (void)state;
    st_memory m = small_weights();
    add_floats(&m, "layer1.pw.bias", 6);
    adi_network *net = accepted_weights(&m, 4), *again = NULL;
    const int32_t taps[TAPS] = {0, 1, 2, 3};
    adi_st_writer *w = NULL;
    adi_kept keep = {0};
    char path[] = "test_network_XXXXXX"; /* in the build folder */
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    fclose(fdopen(fd, "w"));
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_network_write(net, taps, 2, "net.", w, &keep), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    adi_st_writer_destroy(w);
    adi_kept_free(heap, &keep);
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, path, &file), AD_OK);
    assert_int_equal(adi_st_count(file), 6); /* three convolutions with biases */
    assert_int_equal(adi_network_create(graph_of(heap, small), file, "net.", &again), AD_OK);
    for (int32_t t = 0; t < TAPS; t++)
        assert_int_equal(adi_network_tap_available(again, t), t < 2);
    static const struct {
        const char *name;
        size_t weights, biases;
    } layers[] = {{"conv1", 108, 4}, {"layer1.dw", 36, 4}, {"layer1.pw", 24, 6}};
    for (int i = 0; i < 3; i++) {
        const int32_t n = adi_graph_find_node(net->graph, layers[i].name);
        assert_memory_equal(net->params[n].weight, again->params[n].weight, 4 * layers[i].weights);
        assert_memory_equal(net->params[n].bias, again->params[n].bias, 4 * layers[i].biases);
    }
    adi_st_close(file);
    remove(path);
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_network_write(net, taps, TAPS, "", w, &keep), AD_ERR_UNSUPPORTED);
    assert_string_equal(ad_last_error_message(), "backbone 'small' cannot be embedded: batch norm "
                                                 "'layer2.bn' follows no convolution");
    adi_st_writer_destroy(w);
    adi_kept_free(heap, &keep);
    adi_network_destroy(net);
    adi_network_destroy(again);
    adi_network_destroy(NULL);
    st_memory_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding),
        cmocka_unit_test(one_bit_changes_the_digest),
        cmocka_unit_test(digest_in_any_locale),
        cmocka_unit_test(written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
