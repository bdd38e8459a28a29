/* Weights of built-in networks under any names, opened from memory: what tests of opening them share. */
#ifndef ADFEAT_TESTS_BACKBONE_CASE_H
#define ADFEAT_TESTS_BACKBONE_CASE_H

#include "harness/seeded_network.h"
#include "nn/dialect.h"

static const adi_allocator *const heap = &adi_default_allocator;
static char warnings[4][200];
static int warning_count;

static inline void keep(void *user, ad_log_level level, const char *text)
{
    (void)user;
    if (level == AD_LOG_WARNING && strstr(text, "weights say"))
        snprintf(warnings[warning_count++ % 4], sizeof warnings[0], "%s", text);
}

static inline ad_context *context_new(void)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.log = keep;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    return context;
}

/* Seeded weights of a built-in network under a dialect's names. */
static inline st_memory weights_in(const char *arch, adi_dialect dialect)
{
    adi_graph *g = graph_of(heap, adi_builtin_graph_text(arch));
    st_memory m = seeded_weights(g, 0.25);
    int32_t e = 0;
    for (int32_t i = 0; i < g->node_count; i++)
        for (int32_t p = 0; p < g->nodes[i].op->params; p++)
            if (adi_op_needs_param(g->nodes[i].op, &g->nodes[i].attrs, p))
                assert_true(adi_dialect_name(dialect, g, i, g->nodes[i].op->param[p].suffix,
                                             m.entries[e++].name, sizeof m.entries[0].name));
    assert_int_equal(e, m.count);
    adi_graph_destroy(g);
    return m;
}

static inline ad_status open_memory(ad_context *context, st_memory *m, const char *arch,
                             const ad_backbone_options *options, ad_backbone **out)
{
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    if (options)
        o = *options;
    o.architecture = arch;
    adi_st_close(st_memory_open(m, heap)); /* leaves the bytes */
    return ad_backbone_from_memory(context, m->bytes, m->size, &o, out);
}

static inline ad_backbone_options options_of(const char *padding, const char *eps)
{
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    if ((padding && ad_backbone_options_set(&o, "padding", padding))
        || (eps && ad_backbone_options_set(&o, "batchnorm_eps", eps)))
        fail_msg("%s", ad_last_error_message());
    return o;
}

/* Opened, with these things in force; its digest. */
static inline void check_open(ad_context *context, st_memory *m, const char *arch,
                       const ad_backbone_options *o, const char *dialect, int32_t padding,
                       double eps, char *digest)
{
    ad_backbone *b = NULL;
    if (open_memory(context, m, arch, o, &b) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    ad_backbone_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_backbone_get_info(b, &info), AD_OK);
    assert_string_equal(info.dialect, dialect);
    assert_int_equal(info.padding, padding);
    assert_true(info.batchnorm_eps == eps);
    if (digest)
        strcpy(digest, info.digest);
    ad_backbone_destroy(b);
}

static inline void check_refused(ad_context *context, st_memory *m, const char *arch,
                          const ad_backbone_options *o, ad_status status, const char *sentence)
{
    ad_backbone *b = (ad_backbone *)(void *)m;
    const ad_status got = open_memory(context, m, arch, o, &b);
    if (got != status || strcmp(ad_last_error_message(), sentence) != 0)
        fail_msg("status %d '%s', not %d '%s'", got, got ? ad_last_error_message() : "", status,
                 sentence);
    assert_null(b);
}

#endif
