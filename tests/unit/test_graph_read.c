/* nn/graph_read.c: what a line may say, every sentence for one that says something else, the
 * limits, and the graphs that are built in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph_read_case.h"
#include "harness/fault_alloc.h"

/* ---- What is understood --------------------------------------------------------------------- */

static void every_statement(void **state)
{
    (void)state;
    adi_graph *g = accepted("# a comment\n\n \t\r\n"
                            "network my-net_1.0 # named\r\n"
                            "\tinput_size\t4096\n"
                            "mean -1e6 0x1p-2 1e6\nstd 1e-6 1 1E6\n"
                            "hint key value,with=anything:<-\n"
                            "hint key second\n"
                            "input image : channels=3\n"
                            "conv2d a <- image : stride=2 pad=same out=8 kernel=5\n"
                            "batchnorm b <- a : eps=1e-3\n"
                            "batchnorm b2 <- a\n"
                            "add s <- b b2\n"
                            "relu6 r <- s\n"
                            "relu r2 <- r :\n"
                            "dwconv2d d <- r2 : kernel=3\n"
                            "maxpool2d m <- d : kernel=3 stride=64 pad=2\n"
                            "tap image <- a\n"
                            "tap last <- m\n"
                            "tap again <- m");
    assert_string_equal(g->name, "my-net_1.0");
    assert_int_equal(g->input_size, 4096);
    assert_true(g->mean[0] == -1e6f && g->mean[1] == 0.25f && g->mean[2] == 1e6f);
    assert_true(g->std[0] == 1e-6f && g->std[1] == 1.0f && g->std[2] == 1e6f);
    assert_int_equal(g->node_count, 9);
    assert_int_equal(g->tap_count, 3);
    assert_int_equal(g->hint_count, 2);
    assert_string_equal(adi_graph_hint(g, "key"), "value,with=anything:<-");
    assert_null(adi_graph_hint(g, "none"));
    const adi_node *a = &g->nodes[1], *d = &g->nodes[7], *m = &g->nodes[8];
    assert_ptr_equal(a->op, &adi_op_conv2d);
    assert_int_equal(a->attrs.stride, 2);
    assert_int_equal(a->attrs.pad, ADI_PAD_SAME);
    assert_int_equal(a->attrs.kernel, 5);
    assert_int_equal(a->in_channels, 3);
    assert_int_equal(a->out_channels, 8);
    assert_true(g->nodes[2].attrs.eps == 1e-3 && g->nodes[3].attrs.eps == 1e-5);
    assert_int_equal(g->nodes[4].input[0], 2);
    assert_int_equal(g->nodes[4].input[1], 3);
    assert_int_equal(d->attrs.stride, 1);
    assert_int_equal(d->attrs.pad, 0);
    assert_int_equal(d->out_channels, 8);
    assert_int_equal(m->attrs.stride, 64);
    assert_int_equal(m->out_channels, 8);
    assert_int_equal(adi_graph_find_node(g, "r2"), 6);
    assert_int_equal(adi_graph_find_node(g, "r3"), -1);
    assert_int_equal(adi_graph_find_tap(g, "again"), 2);
    assert_int_equal(adi_graph_find_tap(g, "m"), -1);
    adi_graph_destroy(g);
    adi_graph_destroy(NULL);
}

/* What a decoder is made of. */
static void what_enlarges_and_joins(void **state)
{
    (void)state;
    adi_graph *g = accepted(INPUT "conv2d c <- image : out=6 kernel=3 stride=2 pad=1\n"
                                  "deconv2d u <- c : out=4 kernel=4 stride=2 pad=1 bias=1\n"
                                  "concat j <- u image\n"
                                  "concat twice <- j j\n"
                                  "l2norm n <- twice\n"
                                  "resize2d r <- n : scale=3\n"
                                  "tap t <- r\n");
    const adi_node *u = &g->nodes[2], *r = &g->nodes[6];
    assert_ptr_equal(u->op, &adi_op_deconv2d);
    assert_true(u->in_channels == 6 && u->out_channels == 4 && u->attrs.bias == 1);
    assert_true(g->nodes[3].in_channels == 4 && g->nodes[3].out_channels == 7);
    assert_true(g->nodes[4].out_channels == 14 && g->nodes[5].out_channels == 14);
    assert_true(r->attrs.scale == 3 && r->out_channels == 14);
    assert_true(g->nodes[1].nominal == 16 && u->nominal == 32 && r->nominal == 96);
    adi_graph_destroy(g);
}

/* ---- What is refused ------------------------------------------------------------------------ */

static void sentences(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "graph: network, input_size, mean and std lines are needed"},
        {"network n\n", "graph 'n' has no tap"},
        {"network n\ninput_size 3\nmean 1 1 1\n" TAPPED,
         "graph: network, input_size, mean and std lines are needed"},
        {"network n\nmean 1 1 1\nstd 1 1 1\n" TAPPED,
         "graph: network, input_size, mean and std lines are needed"},
        {"input_size 3\nmean 1 1 1\nstd 1 1 1\n",
         "graph: network, input_size, mean and std lines are needed"},
        {HEAD, "graph 'n' has no tap"},
        {CONV, "graph 'n' has no tap"},
        {"bogus\n", "graph line 1: no such op: 'bogus'"},
        {"\n\n# x\nCONV2D c\n", "graph line 4: no such op: 'CONV2D'"},
        {"network\n", "graph line 1: one 'network NAME' line, not 'network'"},
        {"network a b\n", "graph line 1: one 'network NAME' line, not 'network'"},
        {"network a\nnetwork a\n", "graph line 2: one 'network NAME' line, not 'network'"},
        {"network a/b\n", "graph line 1: letters, digits, '.', '_' and '-' make a name, not 'a/b'"},
        {"network \xc3\xbc\n",
         "graph line 1: letters, digits, '.', '_' and '-' make a name, not '\xc3\xbc'"},
        {"input_size\n", "graph line 1: one number must follow 'input_size'"},
        {"input_size 1 2\n", "graph line 1: one number must follow 'input_size'"},
        {"input_size 0\n", "graph line 1: '0' is not a whole number from 1 to 4096"},
        {"input_size 4097\n", "graph line 1: '4097' is not a whole number from 1 to 4096"},
        {"input_size 1e3\n", "graph line 1: '1e3' is not a whole number from 1 to 4096"},
        {"input_size -0x\n", "graph line 1: '-0x' is not a whole number from 1 to 4096"},
        {"input_size 99999999999999999999\n",
         "graph line 1: '99999999999999999999' is not a whole number from 1 to 4096"},
        {"input_size 4294967297\n", /* 1 in 32 bits */
         "graph line 1: '4294967297' is not a whole number from 1 to 4096"},
        {"mean 1 2\n", "graph line 1: three numbers must follow 'mean'"},
        {"mean 1 2 3 4\n", "graph line 1: three numbers must follow 'mean'"},
        {"mean 1 2 nan\n", "graph line 1: 'nan' is not a number from -1e+06 to 1e+06"},
        {"mean 1 2 inf\n", "graph line 1: 'inf' is not a number from -1e+06 to 1e+06"},
        {"mean 1 2 3x\n", "graph line 1: '3x' is not a number from -1e+06 to 1e+06"},
        {"std 1 2 0\n", "graph line 1: '0' is not a number from 1e-06 to 1e+06"},
        {"std 1 2 -1\n", "graph line 1: '-1' is not a number from 1e-06 to 1e+06"},
        {"hint a\n", "graph line 1: a hint reads 'hint KEY VALUE', near 'a'"},
        {"hint a b c\n", "graph line 1: a hint reads 'hint KEY VALUE', near 'c'"},
        {"tap\n", "graph line 1: a tap reads 'tap NAME <- NODE', near 'tap'"},
        {CONV "tap a - c\n", "graph line 7: a tap reads 'tap NAME <- NODE', near 'c'"},
        {CONV "tap a <- c c\n", "graph line 7: a tap reads 'tap NAME <- NODE', near 'c'"},
        {CONV "tap a <- d\n", "graph line 7: no earlier node is named 'd'"},
        {CONV "tap a <- image\n", "graph line 7: the input cannot be a tap: 'a'"},
        {CONV "tap a+ <- c\n",
         "graph line 7: letters, digits, '.', '_' and '-' make a name, not 'a+'"},
        {CONV "tap a <- c\ntap a <- c\n", "graph line 8: tap defined twice: 'a'"},
        {"input\n", "graph line 1: a name must follow 'input'"},
        {"input image\n", "graph line 1: an attribute is missing for op 'input'"},
        {"input image : channels=0\n", "graph line 1: '0' is not a whole number from 1 to 65536"},
        {"input image : channels=65537\n",
         "graph line 1: '65537' is not a whole number from 1 to 65536"},
        {"input image : channels=\n", "graph line 1: '' is not a whole number from 1 to 65536"},
        {"input im@ge : channels=3\n",
         "graph line 1: letters, digits, '.', '_' and '-' make a name, not 'im@ge'"},
        {"input image <- image : channels=3\n", "graph line 1: too many inputs for op 'input'"},
        {INPUT "input other : channels=3\n",
         "graph line 6: all inputs but the first have a scale, unlike 'other'"},
        {INPUT "relu r <- image\ninput other : channels=3 scale=2\n",
         "graph line 7: inputs come before all other nodes, not 'other'"},
        {INPUT "input a : channels=3 scale=2\ninput b : channels=3\n",
         "graph line 7: all inputs but the first have a scale, unlike 'b'"},
        {"input a : channels=3 scale=2\n", "graph line 1: all inputs but the first have a scale, unlike 'a'"},
        {INPUT "input a : channels=1 scale=1\ninput b : channels=1 scale=1\ninput c : channels=1 scale=1\n"
               "input d : channels=1 scale=1\n",
         "graph line 9: too many inputs, at 'd'"},
        {INPUT "input a : channels=3 scale=2\nrelu r <- image\ntap t <- a\n",
         "graph line 8: the input cannot be a tap: 't'"},
        {"relu r <- image\n", "graph line 1: no earlier node is named 'image'"},
        {INPUT "input image : channels=3\n", "graph line 6: node defined twice: 'image'"},
        {INPUT "relu r\n", "graph line 6: op 'relu' takes 1 inputs, got 0"},
        {INPUT "relu r <-\n", "graph line 6: op 'relu' takes 1 inputs, got 0"},
        {INPUT "relu r <- : kernel=3\n", "graph line 6: op 'relu' takes 1 inputs, got 0"},
        {INPUT "relu r <- r\n", "graph line 6: no earlier node is named 'r'"},
        {INPUT "relu r <- image image\n", "graph line 6: too many inputs for op 'relu'"},
        {INPUT "add r <- image\n", "graph line 6: op 'add' takes 2 inputs, got 1"},
        {INPUT "relu r image\n", "graph line 6: op 'relu' takes 1 inputs, got 0"},
        {"input image channels=3\n", "graph line 1: expected ':' before 'channels=3'"},
        {INPUT "relu r <- image : kernel=3\n",
         "graph line 6: an attribute does not belong to op 'relu'"},
        {INPUT "relu r <- image : eps=1e-3\n",
         "graph line 6: an attribute does not belong to op 'relu'"},
        {INPUT "dwconv2d r <- image : kernel=3 out=3\n",
         "graph line 6: an attribute does not belong to op 'dwconv2d'"},
        {INPUT "conv2d c <- image : out=4\n",
         "graph line 6: an attribute is missing for op 'conv2d'"},
        {INPUT "conv2d c <- image : kernel=4\n",
         "graph line 6: an attribute is missing for op 'conv2d'"},
        {INPUT "maxpool2d c <- image\n",
         "graph line 6: an attribute is missing for op 'maxpool2d'"},
        {INPUT "conv2d c <- image : out=4 kernel\n",
         "graph line 6: an attribute reads key=value, not 'kernel'"},
        {INPUT "conv2d c <- image : out=4 size=3\n", "graph line 6: no such attribute: 'size'"},
        {INPUT "conv2d c <- image : out=4 =3\n", "graph line 6: no such attribute: ''"},
        {INPUT "conv2d c <- image : out=4 kernel=3 out=4\n",
         "graph line 6: attribute given twice: 'out'"},
        {INPUT "conv2d c <- image : out=4 kernel=3 pad=same pad=1\n",
         "graph line 6: attribute given twice: 'pad'"},
        {INPUT "conv2d c <- image : out=4 kernel=65\n",
         "graph line 6: '65' is not a whole number from 1 to 64"},
        {INPUT "conv2d c <- image : out=4 kernel=3 stride=0\n",
         "graph line 6: '0' is not a whole number from 1 to 64"},
        {INPUT "conv2d c <- image : out=4 kernel=3 stride=65\n",
         "graph line 6: '65' is not a whole number from 1 to 64"},
        {INPUT "conv2d c <- image : out=4 kernel=3 pad=-1\n",
         "graph line 6: '-1' is not a whole number from 0 to 63"},
        {INPUT "conv2d c <- image : out=4 kernel=3 pad=SAME\n",
         "graph line 6: 'SAME' is not a whole number from 0 to 63"},
        {INPUT "conv2d c <- image : out=4 kernel=3 pad=3\n",
         "graph line 6: pad 3 is not smaller than kernel 3"},
        {INPUT "conv2d c <- image : out=4 pad=3 kernel=3\n",
         "graph line 6: pad 3 is not smaller than kernel 3"},
        {INPUT "batchnorm b <- image : eps=0\n",
         "graph line 6: '0' is not a number from 1e-12 to 1"},
        {INPUT "batchnorm b <- image : eps=nan\n",
         "graph line 6: 'nan' is not a number from 1e-12 to 1"},
        {INPUT "batchnorm b <- image : eps=2\n",
         "graph line 6: '2' is not a number from 1e-12 to 1"},
        {CONV "add s <- c image\n", "graph line 7: 's' joins 4 and 3 channels"},
        {CONV "concat s <- c\n", "graph line 7: op 'concat' takes 2 inputs, got 1"},
        {INPUT "conv2d c <- image : out=65533 kernel=1\nconcat s <- image c\nconcat z <- s image\n",
         "graph line 8: 'z' has 65539 channels, at most 65536"},
        {INPUT "deconv2d d <- image : out=4\n",
         "graph line 6: an attribute is missing for op 'deconv2d'"},
        {INPUT "deconv2d d <- image : out=4 kernel=3 pad=same\n",
         "graph line 6: pad=same says nothing to op 'deconv2d'"},
        {INPUT "deconv2d d <- image : out=4 kernel=2 pad=2\n",
         "graph line 6: pad 2 is not smaller than kernel 2"},
        {INPUT "resize2d r <- image\n", "graph line 6: an attribute is missing for op 'resize2d'"},
        {INPUT "resize2d r <- image : scale=0\n",
         "graph line 6: '0' is not a whole number from 1 to 64"},
        {INPUT "resize2d r <- image : scale=65\n",
         "graph line 6: '65' is not a whole number from 1 to 64"},
        {INPUT "l2norm n <- image : scale=2\n",
         "graph line 6: an attribute does not belong to op 'l2norm'"},
        {HEAD "input image : channels=4\nrelu r <- image\ntap t <- r\n",
         "graph 'n': the input has 4 channels, images have 3"},
        {HEAD "input image : channels=3\ninput b : channels=3 scale=2\nadd r <- image b\ntap t <- r\n",
         "graph 'n' has 2 inputs, an image is one"},
        {"a a a a a a a a a a a a a a a a a a a a a a a a LAST\n",
         "graph line 1: too many words, at 'LAST'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].text, cases[i].sentence);
}

/* The first node must be the input: ops without inputs could otherwise come first. There is only
 * one such op, so every other is caught by its missing input. */
static void a_graph_begins_with_its_input(void **state)
{
    (void)state;
    refused(HEAD "relu r\n", "graph line 5: op 'relu' takes 1 inputs, got 0");
}

/* The sentence says that a mean line is needed. */
static void a_mean_is_needed(void **state)
{
    (void)state;
    refused("network n\ninput_size 32\nstd 1 1 1\n" TAPPED,
            "graph: network, input_size, mean and std lines are needed");
}

/* What takes features says nothing about images, and has the channels that it has. */
static void a_network_of_features(void **state)
{
    (void)state;
    adi_graph *g = accepted("network n\ninput f : channels=5\nrelu r <- f\ntap t <- r\n");
    assert_int_equal(g->nodes[1].out_channels, 5);
    assert_int_equal(adi_graph_check_image(g), AD_ERR_FORMAT);
    assert_string_equal(ad_last_error_message(),
                        "graph: network, input_size, mean and std lines are needed");
    adi_graph_destroy(g);
    g = accepted(HEAD TAPPED);
    assert_int_equal(adi_graph_check_image(g), AD_OK);
    adi_graph_destroy(g);
}

/* ---- Limits --------------------------------------------------------------------------------- */

static void names_and_bytes(void **state)
{
    (void)state;
    char name[ADI_GRAPH_MAX_NAME + 2], text[600], sentence[200];
    memset(name, 'x', sizeof name);
    name[ADI_GRAPH_MAX_NAME + 1] = '\0';
    snprintf(text, sizeof text, INPUT "relu %s <- image\n", name);
    snprintf(sentence, sizeof sentence, "graph line 6: a name of %d characters, at most %d",
             ADI_GRAPH_MAX_NAME + 1, ADI_GRAPH_MAX_NAME);
    refused(text, sentence);
    name[ADI_GRAPH_MAX_NAME] = '\0';
    snprintf(text, sizeof text, INPUT "relu %s <- image\ntap %s <- %s\n", name, name, name);
    adi_graph_destroy(accepted(text));
    static const char nul[] = "network n\0\n";
    refused_bytes(nul, sizeof nul - 1, "graph: the text holds a NUL byte");

    char *big = malloc(ADI_GRAPH_MAX_TEXT + 1);
    assert_non_null(big);
    memset(big, '#', ADI_GRAPH_MAX_TEXT + 1);
    snprintf(sentence, sizeof sentence, "graph: %d bytes of text, at most %d",
             ADI_GRAPH_MAX_TEXT + 1, ADI_GRAPH_MAX_TEXT);
    refused_bytes(big, ADI_GRAPH_MAX_TEXT + 1, sentence);
    static const char rest[] = "\n" CONV "tap t <- c\n";
    memcpy(big + ADI_GRAPH_MAX_TEXT - strlen(rest), rest, strlen(rest));
    adi_graph *g = NULL;
    assert_int_equal(read_text(heap, big, ADI_GRAPH_MAX_TEXT, &g), AD_OK);
    adi_graph_destroy(g);
    /* One word as long as the text: the sentence is cut, not the stack. */
    memset(big, 'w', ADI_GRAPH_MAX_TEXT);
    assert_int_equal(read_text(heap, big, ADI_GRAPH_MAX_TEXT, &g), AD_ERR_FORMAT);
    free(big);
}

/* `count` lines of a kind after CONV, then a tap; what is one too many is refused by name. */
static void many(const char *format, int most, const char *sentence_format)
{
    for (int extra = 0; extra < 2; extra++) {
        char *text = malloc(200 + 64 * (size_t)(most + 1)), sentence[200];
        assert_non_null(text);
        int at = sprintf(text, "%stap t <- c\n", CONV);
        for (int i = 0; i < most + extra; i++)
            at += sprintf(text + at, format, i, i);
        if (extra) {
            snprintf(sentence, sizeof sentence, sentence_format, 7 + most + 1, most);
            refused(text, sentence);
        } else {
            adi_graph_destroy(accepted(text));
        }
        free(text);
    }
}

static void counts(void **state)
{
    (void)state;
    many("relu r%d <- c\n", ADI_GRAPH_MAX_NODES - 2, "graph line %d: too many nodes, at 'r%d'");
    many("tap t%d <- c\n", ADI_GRAPH_MAX_TAPS - 1, "graph line %d: too many taps, at 't%d'");
    many("hint h%d %d\n", ADI_GRAPH_MAX_HINTS, "graph line %d: too many hints, at 'h%d'");
}

static void out_of_memory(void **state)
{
    (void)state;
    char text[4000];
    int at = sprintf(text, "%s", CONV);
    for (int i = 0; i < 40; i++)
        at += sprintf(text + at, "relu r%d <- c\ntap t%d <- r%d\nhint h%d v\n", i, i, i, i);
    for (long nth = 1;; nth++) {
        fault_alloc fault = {.fail_at = nth};
        const adi_allocator a = {fault_alloc_get, fault_alloc_put, &fault};
        adi_graph *g = NULL;
        const ad_status status = read_text(&a, text, strlen(text), &g);
        if (status == AD_OK) {
            adi_graph_destroy(g);
            assert_int_equal(atomic_load(&fault.live), 0);
            assert_true(nth > 6);
            return;
        }
        assert_int_equal(status, AD_ERR_OUT_OF_MEMORY);
        assert_string_equal(ad_last_error_message(), "out of memory");
        assert_null(g);
        assert_int_equal(atomic_load(&fault.live), 0);
    }
}

/* ---- Built in ------------------------------------------------------------------------------- */

/* Each is read under its name, its names resolve, its hints name its taps, and its text comes back.
 */
static void builtin_graphs(void **state)
{
    (void)state;
    const int32_t count = adi_builtin_graph_count();
    assert_true(count >= 5);
    for (int32_t i = 0; i < count; i++) {
        const char *name = adi_builtin_graph_name(i), *text = adi_builtin_graph_text(name);
        assert_true(i == 0 || strcmp(adi_builtin_graph_name(i - 1), name) < 0);
        adi_graph *g = accepted(text);
        assert_string_equal(g->name, name);
        assert_string_equal(g->text, text);
        adi_graph *again = accepted(g->text); /* the text that is kept is as good as the first */
        assert_int_equal(again->node_count, g->node_count);
        assert_int_equal(again->tap_count, g->tap_count);
        for (int32_t n = 0; n < g->node_count; n++)
            assert_int_equal(adi_graph_find_node(g, g->nodes[n].name), n);
        for (int32_t t = 0; t < g->tap_count; t++) {
            assert_int_equal(adi_graph_find_tap(g, g->taps[t].name), t);
            assert_true(t == 0 || g->taps[t].node >= g->taps[t - 1].node); /* shallow to deep */
        }
        char layers[200], *save = NULL;
        assert_non_null(adi_graph_hint(g, "gaussian.layers"));
        snprintf(layers, sizeof layers, "%s", adi_graph_hint(g, "gaussian.layers"));
        for (char *l = strtok_r(layers, ",", &save); l; l = strtok_r(NULL, ",", &save))
            assert_true(adi_graph_find_tap(g, l) >= 0);
        adi_graph_destroy(again);
        adi_graph_destroy(g);
    }
    assert_null(adi_builtin_graph_text("resnet19"));
    assert_null(adi_builtin_graph_text(""));
}

/* A host program may have asked for a locale that writes 0,5. Skipped where the machine has none.
 */
static void decimal_comma(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8",  "fr_FR.UTF-8", "fr_FR.utf8",
                                          "it_IT.UTF-8", "es_ES.UTF-8", "ru_RU.UTF-8"};
    size_t i = 0;
    while (i < sizeof locales / sizeof *locales && !setlocale(LC_NUMERIC, locales[i]))
        i++;
    if (i == sizeof locales / sizeof *locales) {
        printf("no locale with a decimal comma on this machine\n");
        skip();
    }
    adi_graph *g = NULL;
    const char *text = adi_builtin_graph_text("resnet18");
    const ad_status status = adi_graph_read(heap, text, strlen(text), &g);
    setlocale(LC_NUMERIC, "C");
    if (status != AD_OK)
        fail_msg("in %s: %s", locales[i], ad_last_error_message());
    assert_true(g->mean[0] == 0.485f);
    adi_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement),
        cmocka_unit_test(what_enlarges_and_joins),
        cmocka_unit_test(sentences),
        cmocka_unit_test(a_graph_begins_with_its_input),
        cmocka_unit_test(a_mean_is_needed),
        cmocka_unit_test(a_network_of_features),
        cmocka_unit_test(names_and_bytes),
        cmocka_unit_test(counts),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(builtin_graphs),
        cmocka_unit_test(decimal_comma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
