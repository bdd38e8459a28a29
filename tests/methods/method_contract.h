/* What every method must do, whatever it computes: the rows of the tests method_*.c. A new method
 * gets a row a variant that trains or keeps something else, and with it every one of these tests.
 */
#ifndef ADFEAT_TESTS_METHOD_CONTRACT_H
#define ADFEAT_TESTS_METHOD_CONTRACT_H

#include "harness/rd_network.h"
#include "student_training.h"
#include "harness/test_device.h"

typedef struct method_row {
    const char *method;
    const char *network; /* the backbone's graph */
    const char *student; /* options of the student; NULL: none is trained */
    const char
        *options; /* of the fit: short, of small batches. A cache_file is in the tests' folder */
} method_row;

/* Eight images, two held out: two epochs of three steps, unless a row says otherwise. */
#define SHORT "batch=2, validation_share=0.25, size=32"
#define FLOW                                                                                       \
    "layers=layer2, flow_blocks=2, flow_hidden=6, student_blocks=1, student_hidden=6, positions=4"

static const method_row method_rows[] = {
    {"gaussian", tiny_graph, NULL, "reduce=none"},
    {"gaussian", tiny_graph, NULL, "reduce=npca:0.8, samples=256, blur_sigma=1"},
    {"gaussian", tiny_graph, NULL, "reduce=pca:0.9, pixel=gap, size=28, crop=24"},
    {"padim", tiny_graph, NULL, "layers=shallow,deep, dimensions=5, size=32, blur_sigma=1"},
    {"padim", tiny_graph, NULL,
     "layers=shallow,deep, dimensions=4, size=24, covariance=ledoit_wolf, blur_sigma=0"},
    {"stfpm", mini_resnet, "", SHORT ", epochs=2, lr=0.05"},
    {"stfpm", mini_resnet, "layers=layer1,layer3",
     "batch=2, size=32, epochs=2, optimizer=adam, lr=0.01, feature_cache=0, patience=1, "
     "validation_share=0.3, combine=sum"},
    {"stfpm_unet", mini_resnet, "unet_depth=1",
     SHORT ", epochs=2, pretrain_epochs=1, pretrain_lr=1e-2, feature_cache=9000"},
    {"stfpm_unet", mini_resnet, "unet_depth=1, unet_head=conv1x1",
     "batch=2, size=32, epochs=2, pretrain_epochs=1, validation_share=0, rec_target=teacher, "
     "momentum=0"},
    {"ast", mini_resnet, FLOW, SHORT ", lr=1e-3, teacher_epochs=2, student_epochs=2"},
    {"ast", mini_resnet, FLOW ", mode=combi",
     "batch=3, size=32, lr=1e-3, teacher_epochs=2, student_epochs=2, validation_share=0, "
     "mask=soft, clip_norm=0.5"},
    {"ast", mini_resnet, FLOW ", mode=depth",
     "batch=2, size=32, lr=1e-3, teacher_epochs=2, student_epochs=2, validation_share=0.3, "
     "feature_cache=0, "
     "cache_file=10000000"},
    {"ast", mini_resnet, FLOW, SHORT ", lr=1e-3, teacher_epochs=0, student_epochs=3"},
    {"masked_rd", rd_resnet, "",
     "batch=2, validation_share=0.25, size=64, epochs=2, blur_sigma=1.5"},
    {"masked_rd", rd_resnet, "preset=rd4ad",
     "preset=rd4ad, batch=3, validation_share=0, size=64, epochs=2, blur_sigma=1.5, "
     "feature_cache=0"},
    {"masked_rd", rd_resnet, "gate=soft, cru_softmax=joint, levels=23, eval_mask=seeded",
     "batch=2, validation_share=0.25, size=64, epochs=2, blur_sigma=0, patience=1, "
     "feature_cache=30000"},
};
enum { METHOD_ROWS = sizeof method_rows / sizeof *method_rows };

/* The program's argument: rows of other methods are passed over. NULL: all. */
static const char *asked_method;

static inline int is_asked(const method_row *r)
{
    return !asked_method || strcmp(r->method, asked_method) == 0;
}
#define EACH_ROW(r)                                                                                \
    for (const method_row *r = method_rows; r < method_rows + METHOD_ROWS; r++)                    \
        if (is_asked(r))
#define EACH_TRAINED(r) EACH_ROW(r) if (r->student)

/* ---- Options ---- */

/* Those of a row's fit, with `more` (or NULL) in place of what has the same keys; `both`: of its
 * student too. */
static inline option_text options_of(const method_row *r, const char *more, int both)
{
    option_text all = options_over(r->options, more ? more : "");
    if (strstr(all.text, "cache_file=") && !strstr(all.text, "cache_dir="))
        all = options("%s, cache_dir=%s", all.text, folder);
    return both && r->student ? options_over(r->student, all.text) : all;
}

/* ---- Fits ---- */

static inline fixture *open_row(const method_row *r)
{
    void *state = NULL;
    if (set_up_network(&state, r->network))
        fail_msg("%s: %s", r->method, ad_last_error_message());
    return state;
}

static inline void close_row(fixture *f)
{
    void *state = f;
    tear_down(&state);
}

static inline ad_backbone *row_network(ad_context *context, const method_row *r)
{
    ad_backbone *net = NULL;
    st_memory m = mini_weights(r->network);
    if (mini_open(context, r->network, &m, &net) != AD_OK)
        fail_msg("%s: %s", r->method, ad_last_error_message());
    st_memory_free(&m);
    return net;
}

static inline ad_student *row_student(ad_backbone *net, const method_row *r, int seed)
{
    ad_student *s = NULL;
    const option_text all = options_over(options("seed=%d", seed).text, r->student);
    if (ad_student_create(net, r->method, all.text, &s) != AD_OK)
        fail_msg("%s '%s': %s", r->method, all.text, ad_last_error_message());
    return s;
}

/* A fitter of a student that is kept, or with NULL of a new one of the seed 0, if the method has
 * one. */
static inline ad_fitter *row_fitter(ad_backbone *net, ad_student *s, const method_row *r,
                                    const char *more)
{
    ad_fitter *fit = NULL;
    const option_text all = options_of(r, more, !s);
    if ((s ? ad_fitter_create_with(s, all.text, &fit)
           : ad_fitter_create(net, r->method, all.text, &fit)) != AD_OK)
        fail_msg("%s '%s': %s", r->method, all.text, ad_last_error_message());
    assert_true(s ? ad_fitter_student(fit) == s
                  : (ad_fitter_student(fit) != NULL) == (r->student != NULL));
    return fit;
}

/* Eight images are few; statistics of many dimensions need more. */
static inline int64_t row_images(const method_row *r)
{
    return r->student ? FEW : GOOD;
}

/* Fitted on its images to the end; the fitter is destroyed. */
static inline ad_scorer *row_finish(ad_fitter *fit, const method_row *r)
{
    ad_scorer *scorer = NULL;
    add_range(fit, 0, row_images(r));
    if (ad_fitter_finish(fit, &scorer) != AD_OK)
        fail_msg("%s '%s': %s", r->method, r->options, ad_last_error_message());
    ad_fitter_destroy(fit);
    return scorer;
}

static inline int32_t epochs_trained(const ad_student *s)
{
    ad_student_info info = {.struct_size = sizeof info};
    assert_int_equal(ad_student_get_info(s, &info), AD_OK);
    return info.epochs_trained;
}

/* What two scorers say of themselves. */
static inline void check_same_normal(ad_scorer *a, ad_scorer *b)
{
    ad_scorer_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
    assert_int_equal(ad_scorer_get_info(a, &x), AD_OK);
    assert_int_equal(ad_scorer_get_info(b, &y), AD_OK);
    assert_true(x.normal_score == y.normal_score && x.normal_map == y.normal_map);
    assert_int_equal(x.image_count, y.image_count);
}

static inline ad_context *counted_context(fault_alloc *counter, int32_t threads)
{
    ad_context_options o;
    ad_context *context = NULL;
    ad_context_options_init(&o, sizeof o);
    o.device = test_device();
    o.num_threads = threads;
    o.alloc = fault_alloc_get;
    o.free = fault_alloc_put;
    o.alloc_user = counter;
    assert_int_equal(ad_context_create(&o, &context), AD_OK);
    return context;
}

static inline int set_up_checkpoints(void **state)
{
    (void)state;
    return make_folder();
}

static inline int tear_down_checkpoints(void **state)
{
    (void)state;
    forget();
    return rmdir(folder);
}

#endif
