/* nn/dialect.c against the state dicts of the packages themselves: tests/golden/dialects.csv
 * holds, for each, the checksum of all names and shapes in EfficientNet-PyTorch's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/seeded_network.h"
#include "nn/dialect.h"

static const adi_allocator *const heap = &adi_default_allocator;

/* "key d0,d1,...\n" of every parameter that the graph needs, as the golden script writes them. */
static uint32_t checksum(const adi_graph *g, adi_dialect dialect, int32_t *out_count, char *first,
                         char *last)
{
    unsigned long crc = crc32(0, NULL, 0);
    *out_count = 0;
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t p = 0; p < g->nodes[i].op->params; p++) {
            const adi_node *node = &g->nodes[i];
            char line[400];
            int64_t shape[ADI_ST_MAX_DIMS];
            if (!adi_op_needs_param(node->op, &node->attrs, p))
                continue;
            assert_true(adi_dialect_name(dialect, g, i, node->op->param[p].suffix, last, 200));
            if (!*out_count)
                strcpy(first, last);
            int n = snprintf(line, sizeof line, "%s ", last);
            const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, p, shape);
            for (int32_t d = 0; d < dims; d++)
                n += snprintf(line + n, sizeof line - (size_t)n, "%s%lld", d ? "," : "",
                              (long long)shape[d]);
            line[n++] = '\n';
            crc = crc32(crc, (const unsigned char *)line, (unsigned)n);
            ++*out_count;
        }
    return (uint32_t)crc;
}

static void names_of_the_packages(void **state)
{
    (void)state;
    FILE *csv = fopen(ADFEAT_GOLDEN_DIR "/dialects.csv", "r");
    assert_non_null(csv);
    char line[400], seen[3] = {0};
    int rows = 0;
    while (fgets(line, sizeof line, csv)) {
        char arch[40], word[40], want_first[100], want_last[100], first[200], last[200];
        unsigned want;
        int count;
        if (sscanf(line, "%39[^,],%39[^,],%*[^,],%d,%x,%99[^,],%99[^,\n]", arch, word, &count,
                   &want, want_first, want_last)
            != 6)
            continue;
        const char *text = adi_builtin_graph_text(arch);
        assert_non_null(text);
        adi_graph *g = graph_of(heap, text);
        const adi_dialect dialect = strcmp(word, "torchvision") == 0 ? ADI_DIALECT_TORCHVISION
                                    : strcmp(word, "timm") == 0      ? ADI_DIALECT_TIMM
                                                                     : ADI_DIALECT_GRAPH;
        assert_string_equal(adi_dialect_word(dialect, g), word);
        int32_t got;
        const uint32_t crc = checksum(g, dialect, &got, first, last);
        if (got != count || crc != want || strcmp(first, want_first) != 0
            || strcmp(last, want_last) != 0)
            fail_msg("%s %s: %d tensors %08x from %s to %s; the package has %d, %08x, %s, %s", arch,
                     word, got, crc, first, last, count, want, want_first, want_last);
        adi_graph_destroy(g);
        seen[dialect]++;
        rows++;
    }
    fclose(csv);
    printf("%d state dicts\n", rows);
    assert_true(seen[0] >= 9 && seen[1] >= 6 && seen[2] >= 9);
}

static void resnets_have_one_name(void **state)
{
    (void)state;
    adi_graph *g = graph_of(heap, adi_builtin_graph_text("resnet18"));
    char name[200];
    const int32_t conv = adi_graph_find_node(g, "layer1.0.conv1");
    assert_true(adi_dialect_name(ADI_DIALECT_GRAPH, g, conv, "weight", name, sizeof name));
    assert_string_equal(name, "layer1.0.conv1.weight");
    assert_false(adi_dialect_name(ADI_DIALECT_TIMM, g, conv, "weight", name, sizeof name));
    assert_false(adi_dialect_name(ADI_DIALECT_TORCHVISION, g, conv, "weight", name, sizeof name));
    assert_string_equal(adi_dialect_word(ADI_DIALECT_GRAPH, g), "torchvision");
    adi_graph_destroy(g);
}

/* Names that do not fit, and blocks numbered beyond reason, are no names. */
static void limits(void **state)
{
    (void)state;
    static const char text[] = "network n\ninput_size 8\nmean 0 0 0\nstd 1 1 1\ninput image : channels=3\n"
                               "conv2d _conv_stem <- image : out=3 kernel=1\n"
                               "conv2d _blocks.99999999999999999999._expand_conv <- _conv_stem : out=3 kernel=1\n"
                               "conv2d _blocks.x._expand_conv <- _conv_stem : out=3 kernel=1\n"
                               "conv2d _blocks.0.other <- _conv_stem : out=3 kernel=1\n"
                               "conv2d _blocks.0._project_conv <- _blocks.0.other : out=3 kernel=1\n"
                               "conv2d _blocks.01._project_conv <- _conv_stem : out=3 kernel=1\n"
                               "conv2d _blocks.-0._project_conv <- _conv_stem : out=3 kernel=1\n"
                               "tap t <- _blocks.0._project_conv\n";
    adi_graph *g = graph_of(heap, text);
    char name[200];
    for (int32_t i = 6; i <= 7; i++) /* one way to write a number, so each part is there once */
        assert_false(adi_dialect_name(ADI_DIALECT_TIMM, g, i, "weight", name, sizeof name));
    for (int32_t d = ADI_DIALECT_TORCHVISION; d < ADI_DIALECTS; d++)
        for (int32_t i = 2; i <= 4; i++)
            assert_false(adi_dialect_name((adi_dialect)d, g, i, "weight", name, sizeof name));
    assert_true(adi_dialect_name(ADI_DIALECT_TIMM, g, 5, "weight", name, sizeof name));
    assert_string_equal(name, "blocks.0.0.conv_pw.weight");
    const size_t room = strlen(name) + 1;
    assert_true(adi_dialect_name(ADI_DIALECT_TIMM, g, 5, "weight", name, room));
    assert_false(adi_dialect_name(ADI_DIALECT_TIMM, g, 5, "weight", name, room - 1));
    assert_false(adi_dialect_name(ADI_DIALECT_TIMM, g, 5, "weight", name, 10));
    assert_string_equal(adi_dialect_word(ADI_DIALECT_GRAPH, g), "efficientnet_pytorch");
    adi_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_packages),
        cmocka_unit_test(resnets_have_one_name),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
