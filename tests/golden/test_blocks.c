/* Every block of the built-in networks against PyTorch, with seeded weights, at the sizes that
 * the published methods use and at an odd one; the four paddings and both eps of EfficientNets
 * likewise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden_taps.h"

static const adi_allocator *const heap = &adi_default_allocator;

/* Relative to a tap's largest value: tolerances.csv, where 1e-4 is asked. */
static const double limit = 5e-6;
/* The same where activations are not damped: rounding grows about tenfold per two stages. */
static const double clip_limit = 4e-4;

enum { SAMPLES = 16, MAX_LISTED = 64 };

typedef struct listed {
    int32_t taps[MAX_LISTED], count;
} listed;

/* The taps that the file names under `key` of its metadata. */
static listed taps_of(const adi_graph *g, const adi_safetensors *golden, const char *key)
{
    listed l = {.count = 0};
    const char *at = adi_st_meta(golden, key);
    assert_non_null(at);
    while (*at) {
        char name[40];
        const size_t n = strcspn(at, ",");
        assert_true(n < sizeof name && l.count < MAX_LISTED);
        memcpy(name, at, n);
        name[n] = '\0';
        l.taps[l.count] = adi_graph_find_tap(g, name);
        if (l.taps[l.count++] < 0)
            fail_msg("%s has no tap %s", g->name, name);
        at += n + (at[n] == ',');
    }
    return l;
}

/* make_networks.sample(): a walk through the values with a step that meets each once, and the
 * last. */
static int64_t sampled(int64_t size, int64_t i)
{
    if (i == SAMPLES - 1)
        return size - 1;
    int64_t step = (int64_t)((double)size * 0.6180339887498949);
    for (;; step++) {
        int64_t a = step, b = size;
        while (b) {
            const int64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return i * step % size;
    }
}

/* All taps of a run against "<stem>.shape", ".value" and ".absmax"; the largest error, relative. */
static double compare_run(const plan_run *r, const adi_safetensors *golden, const char *stem)
{
    float value[MAX_LISTED * SAMPLES], absmax[MAX_LISTED];
    const adi_st_tensor *shape = golden_tensor(golden, stem, "shape");
    const adi_st_tensor *values = golden_tensor(golden, stem, "value");
    const int32_t count = r->plan->tap_count;
    assert_int_equal(values->count, count * SAMPLES);
    assert_int_equal(adi_st_read_f32(golden, values, value), AD_OK);
    assert_int_equal(adi_st_read_f32(golden, golden_tensor(golden, stem, "absmax"), absmax), AD_OK);
    double worst = 0.0;
    for (int32_t t = 0; t < count; t++) {
        const adi_shape *s = &r->plan->taps[t].shape;
        const float *got = run_tap(r, t);
        const int64_t size = run_tap_count(r, t);
        assert_int_equal(golden_integer(shape, 3 * t), s->h);
        assert_int_equal(golden_integer(shape, 3 * t + 1), s->w);
        assert_int_equal(golden_integer(shape, 3 * t + 2), s->c);
        assert_true(absmax[t] > 0.0f);
        float most = 0.0f;
        for (int64_t i = 0; i < size; i++) {
            assert_true(isfinite(got[i]));
            most = fmaxf(most, fabsf(got[i]));
        }
        double error = fabs((double)most - absmax[t]) / absmax[t];
        for (int64_t i = 0; i < SAMPLES; i++) {
            const double want = value[t * SAMPLES + i];
            error = fmax(error, fabs(got[sampled(size, i)] - want) / absmax[t]);
        }
        if (!(error <= limit))
            fail_msg("%s, tap %d: error %.3g of its largest value, limit %.3g", stem, t, error,
                     limit);
        worst = fmax(worst, error);
    }
    return worst;
}

static adi_safetensors *open_golden(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.safetensors", ADFEAT_GOLDEN_DIR, name);
    adi_safetensors *golden = NULL;
    if (adi_st_open(heap, path, &golden) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return golden;
}

/* A network with seeded weights, of a text of its own. */
static adi_network *seeded_net(const char *text, double last_of_branch)
{
    adi_graph *g = graph_of(heap, text);
    st_memory m = seeded_weights(g, last_of_branch);
    adi_graph_destroy(g);
    adi_network *net = network_from(heap, text, &m);
    st_memory_free(&m);
    return net;
}

static double compare_size(const adi_network *net, const adi_backend *be, const listed *l,
                           const adi_safetensors *golden, const char *prefix, int64_t h, int64_t w)
{
    char stem[120];
    snprintf(stem, sizeof stem, "%s%lldx%lld", prefix, (long long)h, (long long)w);
    float *input = seeded_image(h, w);
    plan_run r = run_network(net, be, 2, l->taps, l->count, input, h, w);
    const double worst = compare_run(&r, golden, stem);
    printf("%-4s%-20s %-44s %2d taps, worst error %.2g, limit %.0e\n", be->name, net->graph->name,
           stem, l->count, worst, limit);
    fflush(stdout);
    run_free(&r);
    guarded_free(input, "input");
    return worst;
}

/* ---- Blocks --------------------------------------------------------------------------------- */

static int is_one_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

/* Stem, every block, head: nothing of the graph is left out. */
static void check_all_listed(const adi_graph *g, const listed *l)
{
    for (int32_t t = 0; t < g->tap_count; t++) {
        int found = 0;
        for (int32_t i = 0; i < l->count; i++)
            found |= g->taps[l->taps[i]].node == g->taps[t].node;
        if (!found)
            fail_msg("%s: tap %s is compared with nothing", g->name, g->taps[t].name);
    }
}

static void compare_arch(const char *arch)
{
    static const int64_t sides[][2] = {{97, 131}, {224, 224}, {256, 256}, {380, 380}, {456, 456}};
    static const char *const at_one_size[] = {"efficientnet_b1", "efficientnet_b2",
                                              "efficientnet_b3", "efficientnet_lite1",
                                              "efficientnet_lite2"};
    static const char *const with_ref[] = {"resnet18", "efficientnet_b0", "efficientnet_lite0"};
    static const char *const with_half[] = {"efficientnet_b0", "efficientnet_b4",
                                            "efficientnet_b5"};
    char name[64];
    snprintf(name, sizeof name, "blocks_%s", arch);
    adi_safetensors *golden = open_golden(name);
    adi_network *net = seeded_net(adi_builtin_graph_text(arch), 0.25);
    const listed l = taps_of(net->graph, golden, "taps");
    check_all_listed(net->graph, &l);
    for (int i = 0; i < (is_one_of(arch, at_one_size, 5) ? 1 : 5); i++)
        compare_size(net, &adi_backend_cpu, &l, golden, "", sides[i][0], sides[i][1]);
    if (is_one_of(arch, with_ref, 3)) /* it takes its time */
        compare_size(net, &adi_backend_ref, &l, golden, "", 97, 131);
    adi_network_destroy(net);
    if (is_one_of(arch, with_half,
                  3)) { /* squeeze-excitation damps too: half as much here, so that deep taps
                                            still depend on the input */
        net = seeded_net(adi_builtin_graph_text(arch), 0.5);
        for (int i = 0; i < 2; i++)
            compare_size(net, &adi_backend_cpu, &l, golden, "half.", sides[i][0], sides[i][1]);
        adi_network_destroy(net);
    }
    adi_st_close(golden);
}

/* None is left out. */
static void blocks(void **state)
{
    (void)state;
    for (int32_t i = 0; i < adi_builtin_graph_count(); i++)
        compare_arch(adi_builtin_graph_name(i));
}

/* Activations that are not damped, so that every ReLU6 clips at 6. */
static void clipped_lite0(void **state)
{
    (void)state;
    adi_safetensors *golden = open_golden("net_efficientnet_lite0_clip_97x131");
    adi_network *net = seeded_net(adi_builtin_graph_text("efficientnet_lite0"), 1.0);
    float *input = seeded_image(97, 131);
    int32_t taps[9];
    const int32_t count = stage_taps(net->graph, taps);
    assert_int_equal(adi_st_count(golden), 4 * count);
    for (int b = 0; b < 2; b++) {
        plan_run r = run_network(net, b ? &adi_backend_ref : &adi_backend_cpu, 2, taps, count,
                                 input, 97, 131);
        double worst = 0.0;
        for (int32_t t = 0; t < count; t++)
            worst =
                fmax(worst, golden_compare(golden, net->graph->taps[taps[t]].name, run_tap(&r, t),
                                           &r.plan->taps[t].shape, t < 4 ? limit : clip_limit));
        printf("%-4sefficientnet_lite0 clip: worst error %.2g, limit %.0e\n", b ? "ref" : "cpu",
               worst, clip_limit);
        run_free(&r);
    }
    guarded_free(input, "input");
    adi_network_destroy(net);
    adi_st_close(golden);
}

/* ---- Paddings and eps ----------------------------------------------------------------------- */

static adi_network *variant(const char *arch, const char *padding, const char *eps)
{
    const adi_statement statements[] = {{"padding", padding}, {"eps", eps}};
    char *text = NULL;
    assert_int_equal(adi_graph_text_with(heap, adi_builtin_graph_text(arch), statements, 2, &text),
                     AD_OK);
    adi_network *net = seeded_net(text, 0.25);
    adi_free(heap, text);
    return net;
}

static void paddings(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        int64_t h, w;
    } jobs[] = {{"efficientnet_b0", 97, 131},
                {"efficientnet_b0", 224, 224},
                {"efficientnet_b4", 95, 127},
                {"efficientnet_b5", 192, 160}};
    adi_safetensors *golden = open_golden("blocks_padding");
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++)
        for (int p = AD_PADDING_SAME_DYNAMIC; p <= AD_PADDING_SYMMETRIC; p++)
            for (int e = 0; e < 2; e++) {
                const char *eps = e ? "1e-5" : "1e-3";
                char prefix[80], key[40];
                if (e
                    && (p != AD_PADDING_SYMMETRIC || strcmp(jobs[j].arch, "efficientnet_b5") == 0))
                    continue;
                adi_network *net = variant(jobs[j].arch, adi_padding_word(p), eps);
                snprintf(prefix, sizeof prefix, "%s.%s.%s.", jobs[j].arch, adi_padding_word(p),
                         eps);
                snprintf(key, sizeof key, "taps.%s", jobs[j].arch);
                const listed l = taps_of(net->graph, golden, key);
                compare_size(net, &adi_backend_cpu, &l, golden, prefix, jobs[j].h, jobs[j].w);
                adi_network_destroy(net);
            }
    adi_st_close(golden);
}

/* The convolution that opens a level: the first strided or depthwise one on the way from the
 * level before. */
static const adi_node *opener(const adi_graph *g, int32_t level)
{
    char name[16];
    int32_t after = 0;
    if (level > 0) {
        snprintf(name, sizeof name, "level%d", level - 1);
        after = g->taps[adi_graph_find_tap(g, name)].node;
    }
    for (int32_t i = after + 1; i < g->node_count; i++)
        if (level == 0 || level == 8 ? g->nodes[i].op == &adi_op_conv2d
                                     : g->nodes[i].op == &adi_op_dwconv2d)
            return &g->nodes[i];
    fail_msg("level %d has no convolution", level);
    return NULL;
}

/* Sizes and padding of every level at the published sizes, from arithmetic alone on both sides. */
static void geometry(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        int64_t side;
    } jobs[] = {{"efficientnet_b4", 380}, {"efficientnet_b5", 768}};
    adi_safetensors *golden = open_golden("blocks_padding");
    for (size_t j = 0; j < 2; j++)
        for (int p = AD_PADDING_SAME_DYNAMIC; p <= AD_PADDING_SYMMETRIC; p++) {
            const adi_statement statement = {"padding", adi_padding_word(p)};
            char *text = NULL, stem[120];
            assert_int_equal(adi_graph_text_with(heap, adi_builtin_graph_text(jobs[j].arch),
                                                 &statement, 1, &text),
                             AD_OK);
            adi_graph *g = graph_of(heap, text);
            adi_free(heap, text);
            snprintf(stem, sizeof stem, "geometry.%s.%s.%lldx%lld", jobs[j].arch,
                     adi_padding_word(p), (long long)jobs[j].side, (long long)jobs[j].side);
            const adi_st_tensor *shape = golden_tensor(golden, stem, "shape");
            const adi_st_tensor *pad = golden_tensor(golden, stem, "pad");
            int64_t side = jobs[j].side;
            for (int32_t level = 0; level <= 8; level++) {
                char name[16];
                adi_shape s;
                snprintf(name, sizeof name, "level%d", level);
                assert_int_equal(adi_plan_tap_shape(heap, g, adi_graph_find_tap(g, name),
                                                    jobs[j].side, jobs[j].side, &s),
                                 AD_OK);
                assert_int_equal(s.h, golden_integer(shape, 3 * level));
                assert_int_equal(s.w, golden_integer(shape, 3 * level + 1));
                assert_int_equal(s.c, golden_integer(shape, 3 * level + 2));
                const adi_attrs *at = &opener(g, level)->attrs;
                int32_t before = 0;
                const int64_t out = adi_window(at, side, &before);
                const int64_t after = at->pad == ADI_PAD_SAME
                                          ? (out - 1) * at->stride + at->kernel - side - before
                                          : at->pad_after;
                assert_int_equal(before, golden_integer(pad, 4 * level));
                assert_int_equal(after > 0 ? after : 0, golden_integer(pad, 4 * level + 1));
                side = s.h;
            }
            adi_graph_destroy(g);
        }
    adi_st_close(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),
        cmocka_unit_test(clipped_lite0),
        cmocka_unit_test(paddings),
        cmocka_unit_test(geometry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
