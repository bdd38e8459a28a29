/* As test_graph_read.c, of what the ops of masked reverse distillation may say: groups, joint, eval, init, lambda,
 * rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph_read_case.h"

static const adi_node *node_of(const adi_graph *g, const char *name)
{
    const int32_t at = adi_graph_find_node(g, name);
    assert_true(at >= 0);
    return &g->nodes[at];
}

/* Also the least and the most of each, and what is said where nothing is. */
static void what_is_said(void **state)
{
    (void)state;
    adi_graph *g = accepted(HEAD "eps 1e-3\ninput image : channels=3\n"
                                 "conv2d c <- image : out=12 kernel=3 pad=1 init=1 bias=1\n"
                                 "conv2d d <- c : out=12 kernel=1 init=0\n"
                                 "gconv2d g <- d : out=18 kernel=3 stride=2 pad=1 groups=6 bias=1 init=2\n"
                                 "gconv2d one <- g : out=7 kernel=1 groups=1\n"
                                 "gconv2d each <- c : out=12 kernel=3 pad=same groups=12\n"
                                 "sru hard <- g : groups=3\n"
                                 "sru_soft soft <- hard : groups=18 eps=1e-4\n"
                                 "softfuse two <- soft hard\n"
                                 "softfuse all <- two soft : joint=1\n"
                                 "softfuse zero <- two soft : joint=0\n"
                                 "simam little <- all : lambda=1e-12\n"
                                 "simam much <- little : lambda=1e6\n"
                                 "randmask2d none <- much : rate=0 seed=0\n"
                                 "randmask2d most <- none : rate=0.999999 seed=2147483647 eval=1\n"
                                 "tap t <- most\n");
    const adi_node *c = node_of(g, "c"), *grouped = node_of(g, "g"), *one = node_of(g, "one");
    const adi_node *each = node_of(g, "each"), *hard = node_of(g, "hard"), *soft = node_of(g, "soft");
    const adi_node *none = node_of(g, "none"), *most = node_of(g, "most");
    assert_true(c->attrs.init == ADI_INIT_FAN_OUT && node_of(g, "d")->attrs.init == ADI_INIT_USUAL);
    assert_ptr_equal(grouped->op, &adi_op_gconv2d);
    assert_true(grouped->in_channels == 12 && grouped->out_channels == 18 && grouped->attrs.groups == 6);
    assert_true(grouped->attrs.stride == 2 && grouped->attrs.pad == 1 && grouped->attrs.pad_after == 1);
    assert_true(grouped->attrs.bias == 1 && grouped->attrs.init == ADI_INIT_DEFAULT);
    assert_true(one->out_channels == 7 && one->attrs.init == ADI_INIT_USUAL && one->attrs.stride == 1);
    assert_true(each->attrs.groups == 12 && each->attrs.pad == ADI_PAD_SAME);
    assert_ptr_equal(hard->op, &adi_op_sru);
    assert_ptr_equal(soft->op, &adi_op_sru_soft);
    assert_true(hard->out_channels == 18 && hard->attrs.groups == 3);
    assert_true(hard->attrs.eps == 1e-5); /* the other is batch norm's */
    assert_true(soft->out_channels == 18 && soft->attrs.groups == 18 && soft->attrs.eps == 1e-4);
    assert_ptr_equal(node_of(g, "two")->op, &adi_op_softfuse);
    assert_true(node_of(g, "two")->attrs.joint == 0 && node_of(g, "all")->attrs.joint == 1);
    assert_true(node_of(g, "zero")->attrs.joint == 0 && node_of(g, "all")->out_channels == 18);
    assert_ptr_equal(node_of(g, "much")->op, &adi_op_simam);
    assert_true(node_of(g, "little")->attrs.lambda == 1e-12 && node_of(g, "much")->attrs.lambda == 1e6);
    assert_ptr_equal(most->op, &adi_op_randmask2d);
    assert_true(none->attrs.rate == 0.0 && none->attrs.seed == 0 && none->attrs.eval == 0);
    assert_true(most->attrs.rate == 0.999999 && most->attrs.seed == INT32_MAX && most->attrs.eval == 1);
    adi_graph_destroy(g);
}

static void sentences(void **state)
{
    (void)state;
    static const struct {
        const char *line, *sentence; /* line 7, after c of 4 channels */
    } cases[] = {
        {"gconv2d g <- c : out=6 kernel=3 groups=3", "'g': 3 groups do not divide 4 and 6 channels"},
        {"gconv2d g <- c : out=6 kernel=3 groups=4", "'g': 4 groups do not divide 4 and 6 channels"},
        {"gconv2d g <- c : out=5 kernel=3 groups=3", "'g': 3 groups do not divide 4 and 5 channels"},
        {"gconv2d g <- c : out=8 kernel=3 groups=8", "'g': 8 groups do not divide 4 and 8 channels"},
        {"sru s <- c : groups=3", "'s': 3 groups do not divide 4 channels"},
        {"sru_soft s <- c : groups=8", "'s': 8 groups do not divide 4 channels"},
        {"sru s <- image : groups=1", "'s' is not for 3 channels"}, /* odd */
        {"sru s <- image : groups=3", "'s' is not for 3 channels"},
        {"sru s <- image : groups=2", "'s': 2 groups do not divide 3 channels"},
        {"softfuse s <- c image", "'s' joins 4 and 3 channels"},
        {"gconv2d g <- c : out=4 kernel=3 groups=0", "'0' is not a whole number from 1 to 65536"},
        {"sru s <- c : groups=65537", "'65537' is not a whole number from 1 to 65536"},
        {"sru s <- c : groups=-2", "'-2' is not a whole number from 1 to 65536"},
        {"sru s <- c : groups=2.0", "'2.0' is not a whole number from 1 to 65536"},
        {"softfuse s <- c c : joint=2", "'2' is not a whole number from 0 to 1"},
        {"softfuse s <- c c : joint=-1", "'-1' is not a whole number from 0 to 1"},
        {"randmask2d m <- c : rate=0.2 seed=1 eval=2", "'2' is not a whole number from 0 to 1"},
        {"randmask2d m <- c : rate=0.2 seed=1 eval=-1", "'-1' is not a whole number from 0 to 1"},
        {"randmask2d m <- c : rate=0.2 seed=-1", "'-1' is not a whole number from 0 to 2147483647"},
        {"conv2d d <- c : out=4 kernel=3 init=3", "'3' is not a whole number from 0 to 2"},
        {"conv2d d <- c : out=4 kernel=3 init=-1", "'-1' is not a whole number from 0 to 2"},
        {"simam s <- c : lambda=0", "'0' is not a number from 1e-12 to 1e+06"},
        {"simam s <- c : lambda=1e-13", "'1e-13' is not a number from 1e-12 to 1e+06"},
        {"simam s <- c : lambda=2e6", "'2e6' is not a number from 1e-12 to 1e+06"},
        {"simam s <- c : lambda=nan", "'nan' is not a number from 1e-12 to 1e+06"},
        {"randmask2d m <- c : rate=1 seed=1", "'1' is not a number from 0 to 0.999999"},
        {"randmask2d m <- c : rate=1.5 seed=1", "'1.5' is not a number from 0 to 0.999999"},
        {"randmask2d m <- c : rate=-0.1 seed=1", "'-0.1' is not a number from 0 to 0.999999"},
        {"randmask2d m <- c : rate=nan seed=1", "'nan' is not a number from 0 to 0.999999"},
        {"gconv2d g <- c : out=4 kernel=3", "an attribute is missing for op 'gconv2d'"},
        {"gconv2d g <- c : out=4 groups=2", "an attribute is missing for op 'gconv2d'"},
        {"gconv2d g <- c : kernel=3 groups=2", "an attribute is missing for op 'gconv2d'"},
        {"sru s <- c", "an attribute is missing for op 'sru'"},
        {"sru_soft s <- c : eps=1e-3", "an attribute is missing for op 'sru_soft'"},
        {"simam s <- c", "an attribute is missing for op 'simam'"},
        {"randmask2d m <- c : rate=0.2", "an attribute is missing for op 'randmask2d'"},
        {"randmask2d m <- c : seed=1", "an attribute is missing for op 'randmask2d'"},
        {"conv2d d <- c : out=4 kernel=3 groups=2", "an attribute does not belong to op 'conv2d'"},
        {"dwconv2d d <- c : kernel=3 init=1", "an attribute does not belong to op 'dwconv2d'"},
        {"deconv2d d <- c : out=4 kernel=2 init=1", "an attribute does not belong to op 'deconv2d'"},
        {"gconv2d g <- c : out=4 kernel=3 groups=2 eps=1e-3", "an attribute does not belong to op 'gconv2d'"},
        {"sru s <- c : groups=2 bias=1", "an attribute does not belong to op 'sru'"},
        {"softfuse s <- c c : groups=2", "an attribute does not belong to op 'softfuse'"},
        {"simam s <- c : lambda=1e-4 rate=0.2", "an attribute does not belong to op 'simam'"},
        {"randmask2d m <- c : rate=0.2 seed=1 joint=1", "an attribute does not belong to op 'randmask2d'"},
        {"softfuse s <- c", "op 'softfuse' takes 2 inputs, got 1"},
        {"sru s <- c : groups=2 groups=2", "attribute given twice: 'groups'"},
        {"randmask2d m <- c : rate=0.2 rate=0.2 seed=1", "attribute given twice: 'rate'"},
        {"gconv2d g <- c : out=4 kernel=3 groups=2 pad=3", "pad 3 is not smaller than kernel 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400], sentence[200];
        snprintf(text, sizeof text, CONV "%s\n", cases[i].line);
        snprintf(sentence, sizeof sentence, "graph line 7: %s", cases[i].sentence);
        refused(text, sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said),
        cmocka_unit_test(sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
