/* Opening a backbone: which network a file is, and what no tensor tells of it. Padding, eps and
 * mean/std come from the options, the metadata, or the kind of names, in this order; where none
 * decides the file is refused, since a wrong guess would give wrong features and no error. */
#include <stdio.h>
#include <string.h>

#include "core/file_kind.h"
#include "core/number.h"
#include "core/options.h"
#include "api/objects.h"
#include "model/option_text.h"

#define MIN_EPS 1e-12
#define MAX_EPS 0.999

void ad_backbone_options_init(ad_backbone_options *options, size_t struct_size)
{
    const ad_backbone_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

/* By ad_convolution; its numbers are those of no other enum, which may grow otherwise. */
static const struct {
    const char *word;
    adi_conv2d_algorithm algorithm;
} convolutions[] = {{"auto", ADI_CONV2D_AUTO},
                    {"blas", ADI_CONV2D_BLAS},
                    {"panels", ADI_CONV2D_PANELS},
                    {"winograd", ADI_CONV2D_WINOGRAD},
                    {"winograd2", ADI_CONV2D_WINOGRAD2}};
enum { CONVOLUTIONS = sizeof convolutions / sizeof *convolutions };

static ad_status set_convolution(const char *value, int32_t *out_convolution)
{
    for (int32_t i = 0; i < CONVOLUTIONS; i++)
        if (strcmp(value, convolutions[i].word) == 0) {
            *out_convolution = i;
            return AD_OK;
        }
    return adi_fail(AD_ERR_INVALID_ARGUMENT,
                    "option convolution: '%s' is none of auto, blas, panels, winograd, winograd2",
                    value);
}

static ad_status set_option(void *full, const char *key, const char *value)
{
    ad_backbone_options *options = full;
    if (strcmp(key, "padding") == 0) {
        const int32_t padding = adi_padding_find(value);
        ADI_CHECK_ARG(padding >= 0, "option padding: '%s' is none of auto, %s", value,
                      adi_padding_words());
        options->padding = padding;
        return AD_OK;
    }
    if (strcmp(key, "batchnorm_eps") == 0)
        return adi_text_real(key, value, MIN_EPS, MAX_EPS, &options->batchnorm_eps);
    if (strcmp(key, "prefix") == 0) {
        options->prefix = value;
        return AD_OK;
    }
    if (strcmp(key, "convolution") == 0)
        return set_convolution(value, &options->convolution);
    if (strcmp(key, "expected_digest") == 0) {
        options->expected_digest = value;
        return AD_OK;
    }
    if (strcmp(key, "architecture") == 0) {
        options->architecture = value;
        return AD_OK;
    }
    return adi_fail(
        AD_ERR_INVALID_ARGUMENT,
        "a backbone has no option '%s': there are padding, batchnorm_eps, prefix, convolution, "
        "expected_digest, architecture",
        key);
}

ad_status ad_backbone_options_set(ad_backbone_options *options, const char *key, const char *value)
{
    ad_backbone_options full;
    ad_backbone_options_init(&full, sizeof full);
    return adi_struct_set(options, &full, sizeof full, "ad_backbone_options", set_option, key,
                          value);
}

int32_t ad_architecture_count(void)
{
    return adi_builtin_graph_count();
}

const char *ad_architecture_name(int32_t index)
{
    return adi_builtin_graph_name(index);
}

/* ---- Which network ---- */

/* Append ", name" to a list, as far as there is room. */
static void append(char *list, size_t size, const char *name)
{
    if (*list)
        strncat(list, ", ", size - strlen(list) - 1);
    strncat(list, name, size - strlen(list) - 1);
}

static ad_status unknown_architecture(const char *name)
{
    char all[512] = "";
    for (int32_t i = 0; i < adi_builtin_graph_count(); i++)
        append(all, sizeof all, adi_builtin_graph_name(i));
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "no architecture '%s': there are %s", name, all);
}

static ad_status examine(ad_context *context, const char *text, const adi_safetensors *file,
                         const char *prefix, adi_dialect *out_dialect, int32_t *out_fitted)
{
    adi_graph *graph = NULL;
    ADI_TRY(adi_graph_read(&context->allocator, text, strlen(text), &graph));
    return adi_network_examine(graph, file, prefix, out_dialect, out_fitted);
}

/* The sentence for a file that fits no built-in architecture: the nearest, and why it is not that.
 */
typedef struct nearest {
    const char *architecture;
    int32_t fitted;
    char why[ADI_MESSAGE_BYTES];
} nearest;

static void keep_nearest(nearest *best, const char *architecture, int32_t fitted)
{
    if (fitted <= best->fitted)
        return;
    best->architecture = architecture;
    best->fitted = fitted;
    snprintf(best->why, sizeof best->why, "%s", ad_last_error_message());
}

static ad_status refuse_stranger(const adi_safetensors *file, const nearest *best)
{
    const int32_t count = adi_st_count(file);
    if (best->architecture)
        return adi_fail(AD_ERR_MISMATCH,
                        "the weights fit no known network; the nearest is %s, where %d of %d "
                        "tensors fit, but %s",
                        best->architecture, best->fitted, count, best->why);
    return adi_fail(AD_ERR_MISMATCH,
                    "the weights hold no known network: none of %d tensors is one that a network "
                    "begins with, such as 'conv1.weight'; they are '%.60s' to '%.60s'",
                    count, count ? adi_st_at(file, 0)->name : "",
                    count ? adi_st_at(file, count - 1)->name : "");
}

/* The only built-in architecture that names and shapes fit. */
static ad_status recognise(ad_context *context, const adi_safetensors *file, const char *prefix,
                           const char **out_architecture)
{
    char all[512] = "";
    int32_t count = 0;
    nearest best = {.fitted = 0};
    for (int32_t i = 0; i < adi_builtin_graph_count(); i++) {
        const char *name = adi_builtin_graph_name(i);
        adi_dialect dialect;
        int32_t fitted = 0;
        const ad_status status =
            examine(context, adi_builtin_graph_text(name), file, prefix, &dialect, &fitted);
        if (status == AD_ERR_OUT_OF_MEMORY || status == AD_ERR_INVALID_ARGUMENT)
            return status; /* invalid: it is there twice, and the sentence says what decides */
        if (status != AD_OK) {
            keep_nearest(&best, name, fitted);
            continue;
        }
        append(all, sizeof all, name);
        *out_architecture = name;
        count++;
    }
    if (count == 0)
        return refuse_stranger(file, &best);
    ADI_CHECK_ARG(count == 1,
                  "the architecture is not given, the weights do not say it, and they fit %s", all);
    return AD_OK;
}

/* ---- What no tensor tells ---- */

/* Values for the statements of a built-in graph's text. */
typedef struct variant {
    adi_statement statements[4];
    int32_t count;
    const char *padding; /* the word chosen; NULL where there was nothing to choose */
    char eps[ADI_REAL_TEXT];
    char triples[2][3 * ADI_REAL_TEXT];
} variant;

static void state(variant *v, const char *key, const char *value)
{
    v->statements[v->count++] = (adi_statement){key, value};
}

static ad_status padding_of_file(const adi_safetensors *file, int32_t *out_padding)
{
    const char *word = adi_st_meta(file, "padding");
    *out_padding = word ? adi_padding_find(word) : AD_PADDING_AUTO;
    if (word && *out_padding <= AD_PADDING_AUTO)
        return adi_fail(AD_ERR_FORMAT, "metadata padding '%s' is none of %s", word,
                        adi_padding_words());
    return AD_OK;
}

static ad_status eps_of_file(const adi_safetensors *file, double *out_eps)
{
    const char *text = adi_st_meta(file, "batchnorm_eps");
    *out_eps = 0.0;
    if (text && adi_text_real("batchnorm_eps", text, MIN_EPS, MAX_EPS, out_eps) != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "metadata: ");
    return AD_OK;
}

/* What the kind of names leaves open: nothing for EfficientNet-PyTorch, whose weights are
 * TensorFlow's, nor for torchvision; timm gives TensorFlow's and its own the same names. */
static ad_status default_of_dialect(const adi_graph *g, adi_dialect dialect, int32_t *padding,
                                    double *eps)
{
    if (dialect == ADI_DIALECT_TIMM)
        return adi_fail(
            AD_ERR_INVALID_ARGUMENT,
            "%s with timm's names can be tf_%s (padding same_dynamic, eps 1e-3) or %s "
            "(symmetric, 1e-5): the file does not say, so the options padding and batchnorm_eps "
            "must",
            g->name, g->name, g->name);
    const char *hint = adi_graph_hint(g, "torchvision.batchnorm_eps");
    const int theirs = dialect == ADI_DIALECT_TORCHVISION && hint;
    if (*padding == AD_PADDING_AUTO)
        *padding = theirs ? AD_PADDING_SYMMETRIC : g->padding;
    if (*eps == 0.0)
        *eps = theirs ? adi_strtod(hint, NULL) : g->eps;
    return AD_OK;
}

static ad_status choose_variant(const ad_context *context, const adi_graph *g, adi_dialect dialect,
                                const adi_safetensors *file, const ad_backbone_options *o,
                                variant *v)
{
    int32_t padding;
    double eps;
    char text[ADI_REAL_TEXT];
    ADI_TRY(padding_of_file(file, &padding));
    ADI_TRY(eps_of_file(file, &eps));
    if (o->padding != AD_PADDING_AUTO) {
        if (padding != AD_PADDING_AUTO && padding != o->padding)
            adi_log(context, AD_LOG_WARNING, "padding %s was asked for, the weights say %s",
                    adi_padding_word(o->padding), adi_padding_word(padding));
        padding = o->padding;
    }
    if (o->batchnorm_eps != 0.0) {
        if (eps != 0.0 && eps != o->batchnorm_eps)
            adi_log(context, AD_LOG_WARNING, "batchnorm_eps %g was asked for, the weights say %g",
                    o->batchnorm_eps, eps);
        eps = o->batchnorm_eps;
    }
    if (padding == AD_PADDING_AUTO || eps == 0.0)
        ADI_TRY(default_of_dialect(g, dialect, &padding, &eps));
    v->padding = adi_padding_word(padding);
    state(v, "padding", v->padding);
    strcpy(v->eps, adi_real_text(eps, text));
    state(v, "eps", v->eps);
    return AD_OK;
}

/* "r,g,b" of the metadata, or what weights with the padding chosen were trained on where the
 * graph has a hint of it, as the statement has it: "r g b". */
static ad_status choose_triple(const adi_safetensors *file, const adi_graph *g, const char *key,
                               char *out, variant *v)
{
    char hint[64];
    const char *text = adi_st_meta(file, key);
    if (!text && v->padding) {
        snprintf(hint, sizeof hint, "%s.%s", v->padding, key);
        text = adi_graph_hint(g, hint);
    }
    if (!text)
        return AD_OK;
    float values[3];
    const float low = strcmp(key, "std") == 0 ? ADI_GRAPH_MIN_STD : -ADI_GRAPH_MAX_MEAN;
    if (adi_text_triple(key, text, values) != AD_OK)
        return adi_fail_prefix(AD_ERR_FORMAT, "metadata: ");
    for (int i = 0; i < 3; i++)
        if (!(values[i] >= low && values[i] <= ADI_GRAPH_MAX_MEAN))
            return adi_fail(AD_ERR_FORMAT, "metadata %s '%s': %g is not from %g to %g", key, text,
                            (double)values[i], (double)low, (double)ADI_GRAPH_MAX_MEAN);
    char one[ADI_REAL_TEXT];
    out[0] = '\0';
    for (int i = 0; i < 3; i++) {
        strcat(out, i ? " " : "");
        strcat(out, adi_float_text(values[i], one));
    }
    state(v, key, out);
    return AD_OK;
}

/* A built-in graph's text as the file and the options want it. */
static ad_status settle(ad_context *context, const char *text, const adi_safetensors *file,
                        const ad_backbone_options *o, char **out_text)
{
    adi_graph *g = NULL;
    adi_dialect dialect = ADI_DIALECT_GRAPH;
    variant v = {.count = 0};
    ADI_TRY(adi_graph_read(&context->allocator, text, strlen(text), &g));
    const int variants = g->padding != AD_PADDING_AUTO;
    int32_t fitted;
    ad_status status =
        variants ? examine(context, text, file, o->prefix, &dialect, &fitted) : AD_OK;
    if (status == AD_OK && variants)
        status = choose_variant(context, g, dialect, file, o, &v);
    else if (status == AD_OK && (o->padding != AD_PADDING_AUTO || o->batchnorm_eps != 0.0))
        status = adi_fail(AD_ERR_INVALID_ARGUMENT,
                          "options padding and batchnorm_eps are not for %s", g->name);
    if (status == AD_OK)
        status = choose_triple(file, g, "mean", v.triples[0], &v);
    if (status == AD_OK)
        status = choose_triple(file, g, "std", v.triples[1], &v);
    if (status == AD_OK)
        status = adi_graph_text_with(&context->allocator, text, v.statements, v.count, out_text);
    adi_graph_destroy(g);
    return status;
}

/* A text that the caller gives says everything itself, unless the options say otherwise. */
static ad_status override(ad_context *context, const ad_backbone_options *o, char **out_text)
{
    char eps[ADI_REAL_TEXT];
    adi_statement statements[2];
    int32_t count = 0;
    if (o->padding != AD_PADDING_AUTO)
        statements[count++] = (adi_statement){"padding", adi_padding_word(o->padding)};
    if (o->batchnorm_eps != 0.0)
        statements[count++] = (adi_statement){"eps", adi_real_text(o->batchnorm_eps, eps)};
    return adi_graph_text_with(&context->allocator, o->graph, statements, count, out_text);
}

/* ---- Opening ---- */

static ad_status find_graph(ad_context *context, const ad_backbone_options *o,
                            const adi_safetensors *file, adi_graph **out_graph)
{
    char *text = NULL;
    const char *architecture = o->architecture;
    const char *kind = adi_file_kind(file);
    if (kind && strcmp(kind, "weights") != 0 && !o->graph)
        return adi_fail(AD_ERR_MISMATCH, "the file is a %s, not weights", kind);
    if (o->graph) {
        ADI_TRY(override(context, o, &text));
    } else {
        if (!architecture)
            architecture = adi_st_meta(file, "architecture");
        if (!architecture)
            ADI_TRY(recognise(context, file, o->prefix, &architecture));
        if (!adi_builtin_graph_text(architecture))
            return unknown_architecture(architecture);
        ADI_TRY(settle(context, adi_builtin_graph_text(architecture), file, o, &text));
    }
    ad_status status = adi_graph_read(&context->allocator, text, strlen(text), out_graph);
    adi_free(&context->allocator, text);
    if (status != AD_OK)
        return status;
    status = adi_graph_check_image(*out_graph);
    if (status == AD_OK && architecture && strcmp((*out_graph)->name, architecture) != 0)
        status = adi_fail(AD_ERR_MISMATCH, "the graph given is '%s', not '%s'", (*out_graph)->name,
                          architecture);
    if (status != AD_OK) {
        adi_graph_destroy(*out_graph);
        *out_graph = NULL;
    }
    return status;
}

/* A backbone around a network, which it owns from then on, also on failure. */
static ad_status wrap(ad_context *context, adi_network *network, ad_backbone **out_backbone)
{
    ad_backbone *b = adi_calloc(&context->allocator, 1, sizeof *b);
    if (!b || pthread_mutex_init(&b->lock, NULL) != 0) {
        adi_free(&context->allocator, b);
        adi_network_destroy(network);
        return adi_fail_memory();
    }
    atomic_init(&b->refs, 1);
    b->context = adi_context_retain(context);
    b->network = network;
    int32_t taps[ADI_GRAPH_MAX_TAPS], count = 0;
    for (int32_t t = 0; t < network->graph->tap_count; t++)
        if (adi_network_tap_available(network, t))
            taps[count++] = t;
    adi_network_digest(network, taps, count, b->digest);
    *out_backbone = b;
    return AD_OK;
}

/* As ad_backbone_info has it. */
static int is_digest(const char *text)
{
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

static ad_status check_options(const ad_backbone_options *o)
{
    ADI_CHECK_RESERVED(*o, reserved, "ad_backbone_options");
    ADI_CHECK_ARG(!o->expected_digest || is_digest(o->expected_digest),
                  "expected_digest '%.40s' is not 16 digits of 0-9 and a-f", o->expected_digest);
    ADI_CHECK_ARG(o->padding >= AD_PADDING_AUTO && o->padding <= AD_PADDING_SYMMETRIC,
                  "padding is %d, no such ad_padding", o->padding);
    ADI_CHECK_ARG(o->batchnorm_eps == 0.0
                      || (o->batchnorm_eps >= MIN_EPS && o->batchnorm_eps <= MAX_EPS),
                  "batchnorm_eps is %g, %g to %g is possible", o->batchnorm_eps, MIN_EPS, MAX_EPS);
    ADI_CHECK_ARG(o->convolution >= AD_CONVOLUTION_AUTO && o->convolution < CONVOLUTIONS,
                  "convolution is %d, no such ad_convolution", o->convolution);
    return AD_OK;
}

ad_status adi_backbone_from_file(ad_context *context, const adi_safetensors *file,
                                 const ad_backbone_options *options, const char *layers,
                                 ad_backbone **out_backbone)
{
    ad_backbone_options o;
    ad_backbone_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_backbone_options"));
    ADI_TRY(check_options(&o));
    adi_graph *graph = NULL;
    adi_network *network = NULL;
    ADI_TRY(find_graph(context, &o, file, &graph));
    int32_t taps[ADI_MAX_LAYERS], count = 0;
    if (layers && adi_layers_parse(graph, layers, taps, &count) == AD_OK)
        ADI_TRY(adi_network_create_part(graph, file, o.prefix, taps, count, &network));
    else
        ADI_TRY(adi_network_create(graph, file, o.prefix, &network));
    network->convolution = convolutions[o.convolution].algorithm;
    ADI_TRY(wrap(context, network, out_backbone));
    if (!o.expected_digest || strcmp(o.expected_digest, (*out_backbone)->digest) == 0)
        return AD_OK;
    adi_fail(AD_ERR_MISMATCH, "the digest of %s is %s, %s is expected", network->graph->name,
             (*out_backbone)->digest, o.expected_digest);
    ad_backbone_destroy(*out_backbone);
    *out_backbone = NULL;
    return AD_ERR_MISMATCH;
}

ad_status ad_backbone_from_memory(ad_context *context, const void *bytes, size_t size,
                                  const ad_backbone_options *options, ad_backbone **out_backbone)
{
    ADI_CHECK_ARG(context && bytes && out_backbone, "ad_backbone_from_memory: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_backbone = NULL;
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_parse(&context->allocator, bytes, size, "weights", &file));
    ad_status status = adi_st_verify_ours(file);
    if (status == AD_OK)
        status = adi_backbone_from_file(context, file, options, NULL, out_backbone);
    adi_st_close(file);
    return status;
}

ad_status adi_backbone_open(ad_context *context, const char *weights_path,
                            const ad_backbone_options *options, const char *layers,
                            ad_backbone **out_backbone)
{
    adi_safetensors *file = NULL;
    ADI_TRY(adi_st_open_on_disk(&context->allocator, weights_path, &file));
    ad_status status = adi_st_verify_ours(file);
    if (status == AD_OK)
        status = adi_backbone_from_file(context, file, options, layers, out_backbone);
    adi_st_close(file);
    return adi_fail_in_file(status, "weights", weights_path);
}

ad_status ad_backbone_open(ad_context *context, const char *weights_path,
                           const ad_backbone_options *options, ad_backbone **out_backbone)
{
    ADI_CHECK_ARG(context && weights_path && out_backbone, "ad_backbone_open: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_backbone = NULL;
    return adi_backbone_open(context, weights_path, options, NULL, out_backbone);
}
