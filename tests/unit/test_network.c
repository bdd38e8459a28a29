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

/* ---- A part ---------------------------------------------------------------------------------- */

/* Only what a tap needs is read, and is what it is in the whole; a damaged value behind it is nobody's business. */
static void a_part(void **state)
{
    (void)state;
    st_memory m = small_weights();
    adi_network *whole = accepted_weights(&m, 4);
    float *behind = st_memory_find(&m, "layer3.conv.weight")->data;
    behind[0] = NAN;
    for (int32_t tap = 0; tap < TAPS; tap++) {
        adi_safetensors *file = st_memory_open(&m, heap);
        adi_network *part = NULL;
        const ad_status status = adi_network_create_part(graph_of(heap, small), file, NULL, &tap, 1, &part);
        adi_st_close(file);
        if (tap == TAPS - 1) {
            assert_int_equal(status, AD_ERR_NUMERIC);
            assert_null(part);
            continue;
        }
        assert_int_equal(status, AD_OK);
        uint8_t needed[ADI_GRAPH_MAX_NODES];
        char here[17], there[17];
        adi_network_needed(part->graph, &tap, 1, needed);
        for (int32_t i = 0; i < part->graph->node_count; i++) {
            assert_int_equal(!!part->params[i].weight, needed[i] && whole->params[i].weight);
            assert_int_equal(!!part->params[i].bias, needed[i] && whole->params[i].bias);
        }
        for (int32_t t = 0; t < TAPS; t++)
            assert_int_equal(adi_network_tap_available(part, t), t <= tap);
        adi_network_digest(part, &tap, 1, here);
        adi_network_digest(whole, &tap, 1, there);
        assert_string_equal(here, there);
        assert_true(part->parameter_count < whole->parameter_count);
        adi_network_destroy(part);
    }
    adi_network_destroy(whole);
    st_memory_free(&m);
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

/* ---- Transposed convolutions ---------------------------------------------------------------- */

/* It takes features: 4 channels, and no lines about images. */
#define DECODER                                                                                    \
    "network decoder\ninput f : channels=4\n"                                                      \
    "conv2d c <- f : out=6 kernel=3 stride=2 pad=1\n"                                              \
    "batchnorm b <- c\n"                                                                           \
    "relu r <- b\n"                                                                                \
    "deconv2d u <- r : out=3 kernel=4 stride=2 pad=1 bias=1\n"

static adi_network *decoder_of(const char *text, st_memory *m)
{
    adi_graph *g = graph_of(heap, text);
    *m = seeded_weights(g, 1.0);
    adi_graph_destroy(g);
    return network_from(heap, text, m);
}

/* The file's [C_in, C_out, k, k] as [k, k, C_out, C_in], and as many biases as output channels. */
static void weights_of_a_decoder(void **state)
{
    (void)state;
    st_memory m;
    adi_network *net = decoder_of(DECODER "tap out <- u\n", &m);
    const adi_params *p = &net->params[adi_graph_find_node(net->graph, "u")];
    const float *w = tensor(&m, "u", "weight");
    for (int c = 0; c < 6; c++)
        for (int o = 0; o < 3; o++)
            for (int yx = 0; yx < 16; yx++)
                assert_true(p->weight[(yx * 3 + o) * 6 + c] == w[(c * 3 + o) * 16 + yx]);
    assert_memory_equal(p->bias, tensor(&m, "u", "bias"), 3 * sizeof(float));
    assert_int_equal(net->parameter_count, 6 * 4 * 9 + 2 * 6 + 6 * 3 * 16 + 3);
    adi_network_destroy(net);
    st_memory_remove(&m, "u.bias");
    add_floats(&m, "u.bias", 6); /* as many as input channels */
    adi_network *refused = NULL;
    assert_int_equal(try_network(heap, DECODER "tap out <- u\n", &m, NULL, &refused), AD_ERR_MISMATCH);
    assert_string_equal(ad_last_error_message(), "tensor 'u.bias' is [6], decoder expects [3]");
    st_memory_free(&m);
}

/* Against the definition: every input value is scattered, weighted, over its window. */
static void a_decoder_runs(void **state)
{
    (void)state;
    st_memory m;
    enum { H = 5, W = 6, SIDE_Y = 10, SIDE_X = 12, OUT = 5 };
    adi_network *net = decoder_of("network n\ninput f : channels=4\n"
                                  "deconv2d u <- f : out=5 kernel=4 stride=2 pad=1 bias=1\n"
                                  "relu r <- u\ntap out <- r\n", &m);
    const float *w = tensor(&m, "u", "weight"), *b = tensor(&m, "u", "bias");
    float *x = guarded_floats(H * W * 4);
    seeded_fill(x, H * W * 4, "x", 2.0, -1.0);
    double want[SIDE_Y][SIDE_X][OUT];
    for (int i = 0; i < SIDE_Y * SIDE_X * OUT; i++)
        ((double *)want)[i] = b[i % OUT];
    for (int at = 0; at < H * W * 4 * OUT * 16; at++) {
        const int kx = at % 4, ky = at / 4 % 4, o = at / 16 % OUT, c = at / (16 * OUT) % 4;
        const int ix = at / (64 * OUT) % W, iy = at / (64 * OUT) / W;
        const int oy = 2 * iy + ky - 1, ox = 2 * ix + kx - 1;
        if (oy >= 0 && oy < SIDE_Y && ox >= 0 && ox < SIDE_X)
            want[oy][ox][o] += (double)x[(iy * W + ix) * 4 + c] * w[((c * OUT + o) * 4 + ky) * 4 + kx];
    }
    static const adi_backend *const backends[] = {&adi_backend_ref, &adi_backend_cpu};
    for (int k = 0; k < 2; k++) {
        plan_run r = run_network(net, backends[k], 2, (const int32_t[]){0}, 1, x, H, W);
        assert_int_equal(run_tap_count(&r, 0), SIDE_Y * SIDE_X * OUT);
        assert_int_equal(r.plan->step_count, 1); /* bias and ReLU belong to it */
        for (int i = 0; i < SIDE_Y * SIDE_X * OUT; i++)
            assert_true(fabs(run_tap(&r, 0)[i] - fmax(((double *)want)[i], 0.0)) <= 2e-6);
        run_free(&r);
    }
    guarded_free(x, "x");
    adi_network_destroy(net);
    st_memory_free(&m);
}

/* The four ops of decoders in one plan, whose shapes are its input's. */
static void a_decoder_of_all_ops(void **state)
{
    (void)state;
    st_memory m;
    adi_network *net = decoder_of(DECODER "concat j <- u f\nl2norm n <- j\nresize2d z <- n : scale=2\n"
                                          "tap n <- n\ntap out <- z\n", &m);
    float *x = guarded_floats(8 * 6 * 4);
    seeded_fill(x, 8 * 6 * 4, "x", 2.0, -1.0);
    plan_run a = run_network(net, &adi_backend_ref, 1, (const int32_t[]){0, 1}, 2, x, 8, 6);
    plan_run b = run_network(net, &adi_backend_cpu, 3, (const int32_t[]){0, 1}, 2, x, 8, 6);
    assert_memory_equal(&a.plan->taps[0].shape, (&(adi_shape){1, 8, 6, 7}), sizeof(adi_shape));
    assert_memory_equal(&a.plan->taps[1].shape, (&(adi_shape){1, 16, 12, 7}), sizeof(adi_shape));
    for (int64_t p = 0; p < 8 * 6; p++) {
        const float *y = run_tap(&a, 0) + 7 * p;
        double length = 0.0;
        for (int c = 0; c < 7; c++)
            length += (double)y[c] * y[c];
        assert_true(fabs(length - 1.0) <= 1e-6);
        for (int c = 1; c < 4; c++) /* the input's direction */
            assert_true(fabs((double)y[3 + c] * x[4 * p] - (double)y[3] * x[4 * p + c]) <= 1e-6);
    }
    for (int t = 0; t < 2; t++)
        for (int64_t i = 0; i < run_tap_count(&a, t); i++)
            assert_true(fabs(run_tap(&a, t)[i] - run_tap(&b, t)[i]) <= 1e-5);
    run_free(&a);
    run_free(&b);
    guarded_free(x, "x");
    adi_network_destroy(net);
    st_memory_free(&m);
}

/* A batch norm after a transposed convolution becomes part of it: the same as both one after the other. */
static void a_decoder_takes_a_batch_norm(void **state)
{
    (void)state;
    st_memory m, plain;
    enum { H = 3, W = 4, OUT = 3 };
    adi_network *net = decoder_of(DECODER "batchnorm v <- u\ntap out <- v\n", &m);
    adi_network *bare = decoder_of(DECODER "tap out <- u\n", &plain);
    assert_true(net->params[adi_graph_find_node(net->graph, "v")].folded);
    float *x = guarded_floats(H * W * 4);
    seeded_fill(x, H * W * 4, "x", 2.0, -1.0);
    plan_run a = run_network(net, &adi_backend_cpu, 2, (const int32_t[]){0}, 1, x, H, W);
    plan_run b = run_network(bare, &adi_backend_cpu, 2, (const int32_t[]){0}, 1, x, H, W);
    assert_int_equal(a.plan->step_count, 2); /* convolution with ReLU, transposed one with batch norm */
    const float *weight = tensor(&m, "v", "weight"), *bias = tensor(&m, "v", "bias");
    const float *mean = tensor(&m, "v", "running_mean"), *var = tensor(&m, "v", "running_var");
    for (int64_t i = 0; i < run_tap_count(&a, 0); i++) {
        const int64_t c = i % OUT;
        const double want = (run_tap(&b, 0)[i] - mean[c]) / sqrt(var[c] + 1e-5) * weight[c] + bias[c];
        assert_true(fabs(run_tap(&a, 0)[i] - want) <= 4e-6 * (1.0 + fabs(want)));
    }
    run_free(&a);
    run_free(&b);
    guarded_free(x, "x");
    adi_network_destroy(net);
    adi_network_destroy(bare);
    st_memory_free(&m);
    st_memory_free(&plain);
}

/* Written and read, a decoder is the same to the bit; a batch norm behind a concatenation has nowhere to go. */
static void a_decoder_written_again(void **state)
{
    (void)state;
    st_memory m;
    adi_network *net = decoder_of(DECODER "concat j <- u f\ntap out <- j\n", &m), *again = NULL;
    const int32_t tap = 0, u = adi_graph_find_node(net->graph, "u");
    adi_st_writer *w = NULL;
    adi_kept keep = {0};
    char path[] = "test_decoder_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    fclose(fdopen(fd, "w"));
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_network_write(net, &tap, 1, "net.", w, &keep), AD_OK);
    assert_int_equal(adi_st_writer_save(w, path), AD_OK);
    adi_st_writer_destroy(w);
    adi_kept_free(heap, &keep);
    adi_safetensors *file = NULL;
    assert_int_equal(adi_st_open(heap, path, &file), AD_OK);
    const adi_st_tensor *t = adi_st_find(file, "net.u.weight");
    assert_true(t && t->ndim == 4 && t->shape[0] == 6 && t->shape[1] == 3);
    float stored[6 * 3 * 16];
    assert_int_equal(adi_st_read_f32(file, t, stored), AD_OK);
    assert_memory_equal(stored, tensor(&m, "u", "weight"), sizeof stored);
    assert_int_equal(
        adi_network_create(graph_of(heap, net->graph->text), file, "net.", &again), AD_OK);
    assert_memory_equal(net->params[u].weight, again->params[u].weight, sizeof stored);
    assert_memory_equal(net->params[u].bias, again->params[u].bias, 3 * sizeof(float));
    assert_true(net->params[u].digest == again->params[u].digest);
    adi_st_close(file);
    remove(path);
    adi_network_destroy(net);
    adi_network_destroy(again);
    st_memory_free(&m);

    net = decoder_of(DECODER "concat j <- u f\nbatchnorm v <- j\ntap out <- v\n", &m);
    assert_false(net->params[adi_graph_find_node(net->graph, "v")].folded);
    assert_int_equal(adi_st_writer_create(heap, &w), AD_OK);
    assert_int_equal(adi_network_write(net, &tap, 1, "", w, &keep), AD_ERR_UNSUPPORTED);
    adi_st_writer_destroy(w);
    adi_kept_free(heap, &keep);
    adi_network_destroy(net);
    st_memory_free(&m);
}

/* What it is and what its attributes say is part of its identity. */
static void digest_of_a_decoder(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "deconv2d u <- f : out=4 kernel=2 stride=2\n", "conv2d u <- f : out=4 kernel=2 stride=2\n",
        "deconv2d u <- f : out=4 kernel=2 stride=1\n",
        "deconv2d u <- f : out=4 kernel=2 stride=2\nresize2d z <- u : scale=2\n",
        "deconv2d u <- f : out=4 kernel=2 stride=2\nresize2d z <- u : scale=3\n"};
    char digests[5][17];
    for (int i = 0; i < 5; i++) {
        char text[200];
        st_memory m;
        snprintf(text, sizeof text, "network n\ninput f : channels=4\n%stap out <- %s\n", lines[i],
                 i < 3 ? "u" : "z");
        adi_network *net = decoder_of(text, &m);
        adi_network_digest(net, (const int32_t[]){0}, 1, digests[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(digests[i], digests[j]);
        adi_network_destroy(net);
        st_memory_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding),
        cmocka_unit_test(one_bit_changes_the_digest),
        cmocka_unit_test(digest_in_any_locale),
        cmocka_unit_test(a_part), cmocka_unit_test(written_again),
        cmocka_unit_test(weights_of_a_decoder),
        cmocka_unit_test(a_decoder_runs),
        cmocka_unit_test(a_decoder_of_all_ops),
        cmocka_unit_test(a_decoder_takes_a_batch_norm),
        cmocka_unit_test(a_decoder_written_again),
        cmocka_unit_test(digest_of_a_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
