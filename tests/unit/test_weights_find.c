/* nn/weights_find.c through the public door: which network in a file is meant, behind whatever
 * prefix, and what is said where that is none, or two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backbone_case.h"

/* A file with the first parameter of a network twice, in two dialects or after two prefixes, holds
 * two networks: which is meant is not guessed. */
static void two_networks_in_one_file(void **state)
{
    (void)state;
    static const struct {
        adi_dialect dialects[2];
        const char *prefixes[2], *sentence, *ask;
    } cases[] = {
        {{ADI_DIALECT_GRAPH, ADI_DIALECT_TIMM},
         {"", ""},
         "the weights hold both '_conv_stem.weight' and 'conv_stem.weight': one network is needed",
         NULL},
        {{ADI_DIALECT_TORCHVISION, ADI_DIALECT_TIMM},
         {"model.", "model."},
         "the weights hold both 'model.features.0.0.weight' and 'model.conv_stem.weight': one "
         "network is needed",
         NULL},
        {{ADI_DIALECT_GRAPH, ADI_DIALECT_GRAPH},
         {"model.", "encoder."},
         "the weights hold efficientnet_lite0 twice: the option prefix must say which, 'encoder.' "
         "or 'model.'",
         "encoder."},
        {{ADI_DIALECT_TIMM, ADI_DIALECT_GRAPH},
         {"", "module."},
         "the weights hold efficientnet_lite0 twice: the option prefix must say which, 'module.' "
         "or ''",
         "module."},
        {{ADI_DIALECT_GRAPH, ADI_DIALECT_GRAPH},
         {"k.", "q."}, /* as long as each other */
         "the weights hold efficientnet_lite0 twice: the option prefix must say which, 'k.' or "
         "'q.'",
         "q."},
    };
    ad_context *context = context_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        st_memory m = weights_in("efficientnet_lite0", cases[i].dialects[0]),
                  other = weights_in("efficientnet_lite0", cases[i].dialects[1]);
        st_memory_prefix(&m, cases[i].prefixes[0]);
        st_memory_prefix(&other, cases[i].prefixes[1]);
        for (int32_t e = 0; e < other.count; e++) {
            const st_entry *t = &other.entries[e];
            memcpy(st_memory_add(&m, t->name, t->dtype, t->ndim, t->shape), t->data,
                   (size_t)t->count * sizeof(float));
        }
        check_refused(context, &m, "efficientnet_lite0", NULL,
                      cases[i].ask ? AD_ERR_INVALID_ARGUMENT : AD_ERR_MISMATCH, cases[i].sentence);
        if (cases[i].ask) {
            ad_backbone_options o = options_of(NULL, NULL);
            o.prefix = cases[i].ask;
            check_open(context, &m, "efficientnet_lite0", &o, "efficientnet_pytorch",
                       AD_PADDING_SAME_DYNAMIC, 1e-3, NULL);
        }
        st_memory_free(&other);
        st_memory_free(&m);
    }
    ad_context_destroy(context);
}

/* Whatever wrapped the network when it was saved; and a part of another one beside it does not
 * count. */
static void any_prefix(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"_orig_mod.", "_orig_mod.module.", "module._orig_mod.",
                                           "net.",       "module.encoder_q.", "a.b.c.d.e."};
    ad_context *context = context_new();
    char digest[17], other[17];
    st_memory m = weights_in("efficientnet_lite0", ADI_DIALECT_GRAPH);
    check_open(context, &m, NULL, NULL, "efficientnet_pytorch", AD_PADDING_SAME_DYNAMIC, 1e-3,
               digest);
    st_memory_free(&m);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        m = weights_in("efficientnet_lite0", ADI_DIALECT_GRAPH);
        st_memory part = st_memory_copy(&m);
        st_memory_prefix(&m, prefixes[i]);
        st_memory_remove_all(&part, "_blocks.0.");
        for (int32_t e = 0; e < part.count; e++) {
            const st_entry *t = &part.entries[e];
            char name[160];
            snprintf(name, sizeof name, "ema.%.100s", t->name);
            memcpy(st_memory_add(&m, name, t->dtype, t->ndim, t->shape), t->data,
                   (size_t)t->count * sizeof(float));
        }
        check_open(context, &m, NULL, NULL, "efficientnet_pytorch", AD_PADDING_SAME_DYNAMIC, 1e-3,
                   other);
        assert_string_equal(digest, other);
        st_memory_free(&part);
        st_memory_free(&m);
    }
    ad_context_destroy(context);
}

/* What fits no network is told by the nearest one, as 'adfeat convert' tells it. */
static void strangers(void **state)
{
    (void)state;
    static const int64_t eight = 8;
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_b0", ADI_DIALECT_GRAPH);
    char sentence[300];
    const int32_t count = m.count;
    st_memory_add(&m, "_blocks.40._bn0.weight", ADI_F32, 1, &eight);
    snprintf(sentence, sizeof sentence,
             "the weights fit no known network; the nearest is efficientnet_b0, where %d of %d "
             "tensors fit, but the "
             "weights hold '_blocks.40._bn0.weight', which efficientnet_b0 does not have",
             count, count + 1);
    check_refused(context, &m, NULL, NULL, AD_ERR_MISMATCH, sentence);
    st_memory_remove_all(&m, "_");
    st_memory_add(&m, "b", ADI_F32, 1, &eight);
    st_memory_add(&m, "a", ADI_F32, 1, &eight);
    check_refused(context, &m, NULL, NULL, AD_ERR_MISMATCH,
                  "the weights hold no known network: none of 2 tensors is one that a network "
                  "begins with, such as "
                  "'conv1.weight'; they are 'a' to 'b'");
    st_memory_free(&m);
    ad_context_destroy(context);
}

static void expected_digest(void **state)
{
    (void)state;
    ad_context *context = context_new();
    st_memory m = weights_in("efficientnet_lite0", ADI_DIALECT_GRAPH);
    ad_backbone_options o = options_of(NULL, NULL);
    char digest[17], wrong[17], sentence[200];
    check_open(context, &m, NULL, &o, "efficientnet_pytorch", AD_PADDING_SAME_DYNAMIC, 1e-3,
               digest);
    assert_int_equal(ad_backbone_options_set(&o, "expected_digest", digest), AD_OK);
    check_open(context, &m, NULL, &o, "efficientnet_pytorch", AD_PADDING_SAME_DYNAMIC, 1e-3, NULL);
    memcpy(wrong, digest, sizeof wrong);
    wrong[15] = wrong[15] == 'a' ? 'b' : 'a';
    o.expected_digest = wrong;
    snprintf(sentence, sizeof sentence, "the digest of efficientnet_lite0 is %s, %s is expected",
             digest, wrong);
    check_refused(context, &m, NULL, &o, AD_ERR_MISMATCH, sentence);
    o.expected_digest = "ABC";
    check_refused(context, &m, NULL, &o, AD_ERR_INVALID_ARGUMENT,
                  "expected_digest 'ABC' is not 16 digits of 0-9 and a-f");
    st_memory_free(&m);
    ad_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_networks_in_one_file),
                                       cmocka_unit_test(any_prefix), cmocka_unit_test(strangers),
                                       cmocka_unit_test(expected_digest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
