/* nn/padding.c and nn/graph_text.c: the statements `padding` and `eps`, what pad=same becomes,
 * and a text with other values in its statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "harness/fault_alloc.h"
#include "harness/seeded_network.h"

static const adi_allocator *const heap = &adi_default_allocator;

#define BODY                                                                                       \
    "input image : channels=3\n"                                                                   \
    "conv2d a <- image : out=4 kernel=3 stride=2 pad=same\n"                                       \
    "dwconv2d b <- a : kernel=5 stride=2 pad=same\n"                                               \
    "dwconv2d c <- b : kernel=3 pad=same\n"                                                        \
    "batchnorm d <- c\n"                                                                           \
    "batchnorm e <- d : eps=0.5\n"                                                                 \
    "maxpool2d f <- e : kernel=2 stride=2 pad=1\n"                                                 \
    "globalavgpool2d g <- f\n"                                                                     \
    "conv2d h <- g : out=4 kernel=1 stride=1 pad=same bias=1\n"                                    \
    "sigmoid i <- h\n"                                                                             \
    "mul j <- f i\n"                                                                               \
    "silu k <- j\n"                                                                                \
    "tap t <- k\n"
#define TEXT(side, padding)                                                                        \
    "network n\ninput_size " side "\nmean 0 0 0\nstd 1 1 1\npadding " padding "\neps 1e-3\n" BODY

static void check_pads(const char *text, const int32_t want[4])
{
    adi_graph *g = graph_of(heap, text);
    const adi_attrs *a = &g->nodes[1].attrs, *b = &g->nodes[2].attrs, *c = &g->nodes[3].attrs;
    const int32_t got[4] = {a->pad, a->pad_after, b->pad, b->pad_after};
    for (int i = 0; i < 4; i++)
        if (got[i] != want[i])
            fail_msg("pads are %d,%d %d,%d for:\n%.60s", got[0], got[1], got[2], got[3], text);
    if (a->pad != ADI_PAD_SAME) { /* stride 1 is symmetric in all */
        assert_int_equal(c->pad, 1);
        assert_int_equal(c->pad_after, 1);
    }
    assert_true(g->nodes[4].attrs.eps == 1e-3 && g->nodes[5].attrs.eps == 0.5);
    assert_true(g->nodes[6].attrs.pad == 1
                && g->nodes[6].attrs.pad_after == 1); /* a number is a number */
    adi_graph_destroy(g);
}

/* By hand from the rule: side 17, kernel 3, stride 2: 9 windows need 19, so (1,1); then side 9,
 * kernel 5: 5 need 13, so (2,2). 0.6.3 takes 17 again: 9 need 21, so (2,2). Side 16: 8 need 17,
 * so (0,1); then side 8, kernel 5: 4 need 11, so (1,2); 0.6.3 with 16: 8 need 19, so (1,2). Side
 * 18: 9 need 19, (0,1); side 9: (2,2); 0.6.3 with 18: 9 need 21, so (1,2). */
static void pads(void **state)
{
    (void)state;
    const int32_t same[4] = {ADI_PAD_SAME, ADI_PAD_SAME, ADI_PAD_SAME, ADI_PAD_SAME};
    check_pads(TEXT("17", "same_dynamic"), same);
    check_pads(TEXT("17", "symmetric"), (const int32_t[]){1, 1, 2, 2});
    check_pads(TEXT("17", "same_static"), (const int32_t[]){1, 1, 2, 2});
    check_pads(TEXT("17", "same_static_v063"), (const int32_t[]){1, 1, 2, 2});
    check_pads(TEXT("16", "same_static"), (const int32_t[]){0, 1, 1, 2});
    check_pads(TEXT("16", "same_static_v063"), (const int32_t[]){0, 1, 1, 2});
    check_pads(TEXT("18", "same_static"), (const int32_t[]){0, 1, 2, 2});
    check_pads(TEXT("18", "same_static_v063"), (const int32_t[]){0, 1, 1, 2});
    check_pads(TEXT("1", "same_static"), (const int32_t[]){1, 1, 2, 2});
}

/* Fixed padding stays what it was made for, dynamic follows the input: 17 -> 9 -> 5 -> 3, while
 * the padding for 16 gives 17 -> 8 -> 4 -> 3. */
static void sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t side, a, b, pooled;
    } cases[] = {{TEXT("16", "same_dynamic"), 17, 9, 5, 3},
                 {TEXT("16", "same_static"), 17, 8, 4, 3},
                 {TEXT("16", "same_static"), 16, 8, 4, 3},
                 {TEXT("18", "same_static_v063"), 18, 9, 4, 3},
                 {TEXT("16", "symmetric"), 16, 8, 4, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1000];
        adi_shape s[3];
        snprintf(text, sizeof text, "%stap a <- a\ntap b <- b\n", cases[i].text);
        adi_graph *g = graph_of(heap, text);
        for (int32_t t = 0; t < 3; t++)
            assert_int_equal(adi_plan_tap_shape(heap, g, t, cases[i].side, cases[i].side, &s[t]),
                             AD_OK);
        assert_int_equal(s[0].h, cases[i].pooled);
        assert_int_equal(s[1].h, cases[i].a);
        assert_int_equal(s[2].h, cases[i].b);
        for (int t = 0; t < 3; t++)
            assert_true(s[t].w == s[t].h && s[t].c == 4);
        adi_graph_destroy(g);
    }
}

#define HEAD "network n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\n"

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {HEAD "padding\n", "graph line 5: one word must follow, once: 'padding'"},
        {HEAD "padding same_static twice\n", "graph line 5: one word must follow, once: 'padding'"},
        {HEAD "padding symmetric\npadding symmetric\n",
         "graph line 6: one word must follow, once: 'padding'"},
        {HEAD "padding round\n",
         "graph line 5: padding 'round' is none of same_dynamic, same_static, "
         "same_static_v063, symmetric"},
        {HEAD "padding auto\n",
         "graph line 5: padding 'auto' is none of same_dynamic, same_static, "
         "same_static_v063, symmetric"},
        {HEAD "input image : channels=3\npadding symmetric\n",
         "graph line 6: input_size comes before it and the nodes after it: 'padding'"},
        {"network n\npadding symmetric\n",
         "graph line 2: input_size comes before it and the nodes after it: 'padding'"},
        {HEAD "eps 0\n", "graph line 5: '0' is not a number from 1e-12 to 1"},
        {HEAD "eps 1e-3\neps 1e-3\n",
         "graph line 6: one number must follow, once and before the nodes: 'eps'"},
        {HEAD "input image : channels=3\neps 1e-3\n",
         "graph line 6: one number must follow, once and before the nodes: 'eps'"},
        {HEAD "input image : channels=3\nconv2d c <- image : out=3 kernel=1 bias=2\n",
         "graph line 6: '2' is not a whole number from 0 to 1"},
        {HEAD "input image : channels=3\nrelu r <- image : bias=1\n",
         "graph line 6: an attribute does not belong to op 'relu'"},
        {HEAD "input image : channels=3\nmul m <- image\n",
         "graph line 6: op 'mul' takes 2 inputs, got 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adi_graph *g = NULL;
        assert_int_equal(adi_graph_read(heap, cases[i].text, strlen(cases[i].text), &g),
                         AD_ERR_FORMAT);
        assert_string_equal(ad_last_error_message(), cases[i].sentence);
        assert_null(g);
    }
    adi_graph *g =
        graph_of(heap, HEAD "input image : channels=3\nmul m <- image image\ntap t <- m\n");
    adi_shape s;
    assert_int_equal(adi_plan_tap_shape(heap, g, 0, 8, 7, &s), AD_ERR_SHAPE);
    assert_string_equal(ad_last_error_message(),
                        "input of 7x8 does not fit n: mul 'm': a gate for 7x8x3 is 1x1x3, not 7x8x3");
    assert_int_equal(adi_plan_tap_shape(heap, g, 0, 1, 1, &s), AD_OK);
    adi_graph_destroy(g);
}

static void text_with(void **state)
{
    (void)state;
    static const char text[] =
        "# eps in a comment\nnetwork n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\n"
        "padding same_dynamic # a comment\neps\t1e-3\n\ninput image : channels=3\n"
        "batchnorm epsilon <- image\ntap t <- epsilon";
    const adi_statement both[] = {{"padding", "symmetric"}, {"eps", "0.25"}};
    char *out = NULL;
    assert_int_equal(adi_graph_text_with(heap, text, both, 2, &out), AD_OK);
    assert_string_equal(out, "# eps in a comment\nnetwork n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\n"
                             "padding symmetric\neps 0.25\n\ninput image : channels=3\n"
                             "batchnorm epsilon <- image\ntap t <- epsilon");
    adi_graph *g = graph_of(heap, out);
    assert_true(g->padding == AD_PADDING_SYMMETRIC && g->eps == 0.25
                && g->nodes[1].attrs.eps == 0.25);
    adi_graph_destroy(g);
    adi_free(heap, out);
    /* What the reader takes for a statement, and no less: indented, alone on its line, given twice. */
    static const char loose[] = "\tpadding  same_static\r\n  eps\npaddings x\npadding#\n padding symmetric";
    assert_int_equal(adi_graph_text_with(heap, loose, both, 2, &out), AD_OK);
    assert_string_equal(out, "padding symmetric\neps 0.25\npaddings x\npadding#\npadding symmetric");
    adi_free(heap, out);
    assert_int_equal(adi_graph_text_with(heap, text, NULL, 0, &out), AD_OK);
    assert_string_equal(out, text);
    adi_free(heap, out);
    out = NULL;
    assert_int_equal(adi_graph_text_with(heap, adi_builtin_graph_text("resnet18"), both, 2, &out),
                     AD_ERR_INVALID_ARGUMENT);
    assert_string_equal(ad_last_error_message(), "the network has no 'padding' to choose");
    assert_null(out);
    fault_alloc fault = {.fail_at = 1};
    const adi_allocator failing = {fault_alloc_get, fault_alloc_put, &fault};
    assert_int_equal(adi_graph_text_with(&failing, text, both, 2, &out), AD_ERR_OUT_OF_MEMORY);
    assert_null(out);
}

static void words(void **state)
{
    (void)state;
    for (int32_t p = AD_PADDING_AUTO; p <= AD_PADDING_SYMMETRIC; p++) {
        assert_int_equal(adi_padding_find(adi_padding_word(p)), p);
        assert_true(p == AD_PADDING_AUTO
                    || strstr(adi_padding_words(), adi_padding_word(p)) != NULL);
    }
    assert_int_equal(adi_padding_find(""), -1);
    assert_string_equal(adi_padding_word(-1), "unknown");
    assert_string_equal(adi_padding_word(5), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pads),      cmocka_unit_test(sizes), cmocka_unit_test(refusals),
        cmocka_unit_test(text_with), cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
