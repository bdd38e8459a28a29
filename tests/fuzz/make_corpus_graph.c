/* Graphs of the corpora: texts, and the inputs of the target graph. */
#include "make_corpus.h"
#include "methods/ast.h"
#include "methods/masked_rd.h"

/* Every op and both kinds of padding; folded and separate batch norm; a residual. Two taps. */
const char tiny_graph[] = "network tiny\n"
                          "input_size 20\n"
                          "mean 0.5 0.4 0.3\n"
                          "std 0.2 0.2 0.2\n"
                          "hint gaussian.layers a,b\n"
                          "hint gaussian.reduce npca:0.9\n"
                          "input image : channels=3\n"
                          "conv2d c1 <- image : out=4 kernel=3 stride=2 pad=1\n"
                          "batchnorm n1 <- c1 : eps=1e-3\n"
                          "relu r1 <- n1\n"
                          "dwconv2d c2 <- r1 : kernel=3 pad=same\n"
                          "relu6 r2 <- c2\n"
                          "conv2d c3 <- r2 : out=4 kernel=1\n"
                          "add s <- c3 r1\n"
                          "relu r3 <- s\n"
                          "tap a <- r3\n"
                          "maxpool2d p <- r3 : kernel=3 stride=2 pad=1\n"
                          "conv2d c4 <- p : out=6 kernel=2 pad=same\n"
                          "relu r4 <- c4\n"
                          "tap b <- r4\n";

const char plain_graph[] = "# one of everything that is not in the other\n"
                           "network plain\n"
                           "input_size 9\n"
                           "mean 0 0 0\n"
                           "std 1 1 1\n"
                           "input in : channels=3\n"
                           "batchnorm n <- in\n"
                           "relu6 r <- n\n"
                           "conv2d c <- r : out=5 kernel=4 stride=3 pad=same\n"
                           "add d <- c c\n"
                           "tap t <- d\n"
                           "maxpool2d m <- c : kernel=2 stride=2\n"
                           "tap u <- m\n";

/* Squeeze-excitation, and what pad=same and eps mean said once for all. @ stands for the padding. */
static const char squeeze_graph[] = "network squeeze\n"
                                    "input_size 13\n"
                                    "mean 0 0 0\n"
                                    "std 1 1 1\n"
                                    "hint padim.layers level1,level2\n"
                                    "padding @\n"
                                    "eps 1e-3\n"
                                    "input image : channels=3\n"
                                    "conv2d _conv_stem <- image : out=4 kernel=3 stride=2 pad=same\n"
                                    "batchnorm _bn0 <- _conv_stem\n"
                                    "silu stem <- _bn0\n"
                                    "tap level1 <- stem\n"
                                    "dwconv2d _blocks.0._depthwise_conv <- stem : kernel=5 stride=2 pad=same\n"
                                    "batchnorm _blocks.0._bn1 <- _blocks.0._depthwise_conv\n"
                                    "silu _blocks.0.silu <- _blocks.0._bn1\n"
                                    "globalavgpool2d _blocks.0.gap <- _blocks.0.silu\n"
                                    "conv2d _blocks.0._se_reduce <- _blocks.0.gap : out=2 kernel=1 bias=1\n"
                                    "silu _blocks.0.se_silu <- _blocks.0._se_reduce\n"
                                    "conv2d _blocks.0._se_expand <- _blocks.0.se_silu : out=4 kernel=1 bias=1\n"
                                    "sigmoid _blocks.0.gate <- _blocks.0._se_expand\n"
                                    "mul _blocks.0.mul <- _blocks.0.silu _blocks.0.gate\n"
                                    "conv2d _blocks.0._project_conv <- _blocks.0.mul : out=4 kernel=1\n"
                                    "batchnorm _blocks.0._bn2 <- _blocks.0._project_conv\n"
                                    "tap level2 <- _blocks.0._bn2\n";

/* What enlarges and what joins; from `input image` on it is a network of features too. */
static const char decoder_graph[] = "input_size 16\n"
                                    "mean 0 0 0\n"
                                    "std 1 1 1\n"
                                    "hint gaussian.layers t\n"
                                    "network decoder\n"
                                    "input image : channels=3\n"
                                    "conv2d e <- image : out=4 kernel=3 stride=2 pad=1\n"
                                    "batchnorm n <- e\n"
                                    "relu r <- n\n"
                                    "deconv2d u <- r : out=3 kernel=4 stride=2 pad=1 bias=1\n"
                                    "deconv2d v <- r : out=2 kernel=2 stride=2\n"
                                    "relu w <- v\n"
                                    "concat j <- u w\n"
                                    "tap t <- j\n"
                                    "l2norm l <- j\n"
                                    "resize2d z <- l : scale=2\n"
                                    "tap top <- z\n";

/* A block of a normalising flow without positions, which are negative here and there: the backends are compared. */
static const char coupling_graph[] = "network coupling\n"
                                     "input x : channels=5\n"
                                     "permute p <- x : seed=7\n"
                                     "slice x1 <- p : out=2\n"
                                     "slice x2 <- p : from=2 out=3\n"
                                     "pad2d pad <- x2 : pad=1\n"
                                     "conv2d c <- pad : out=4 kernel=3 bias=1\n"
                                     "gain g <- c\n"
                                     "coupling y1 <- x1 g : alpha=1.9\n"
                                     "concat y <- y1 x2\n"
                                     "clamp k <- y : limit=0.75\n"
                                     "leaky_relu r <- k : slope=0.2\n"
                                     "permute q <- r : seed=7 inverse=1\n"
                                     "tap z <- q\n"
                                     "logdet d <- g : alpha=1.9\n"
                                     "tap logdet <- d\n";

/* What of reverse distillation's ops can be compared between backends: several inputs, of which one is read late and one
 * not at all, groups and a mask. */
static const char inputs_graph[] = "network inputs\n"
                                   "input deep : channels=4\n"
                                   "input shallow : channels=2 scale=2\n"
                                   "input unused : channels=3 scale=4\n"
                                   "gconv2d g <- deep : out=6 kernel=3 pad=1 groups=2 bias=1\n"
                                   "randmask2d m <- g : rate=0.5 seed=3 eval=1\n"
                                   "tap first <- m\n"
                                   "deconv2d u <- m : out=4 kernel=2 stride=2\n"
                                   "concat c <- u shallow\n"
                                   "conv2d d <- c : out=3 kernel=1 init=2\n"
                                   "tap second <- d\n";

/* Attention, small enough to be run. */
static const char attention_graph[] = "network attention\n"
                                      "input x : channels=4\n"
                                      "sru hard <- x : groups=2\n"
                                      "sru_soft soft <- hard : groups=1 eps=1e-3\n"
                                      "simam energy <- soft : lambda=1e-4\n"
                                      "softfuse two <- hard energy\n"
                                      "softfuse all <- two soft : joint=1\n"
                                      "tap both <- all\n";

/* The students of a narrow ResNet; attention and all, and as plain as they come. */
static void make_rd_graphs(void)
{
    const adi_rd_teacher narrow = {.bottleneck = 1, .blocks = {1, 1, 1, 1}, .channels = {1, 2, 8}, .inner = {1, 1, 1}};
    const adi_rd_teacher plain = {.blocks = {1, 2, 1, 1}, .channels = {1, 2, 4}, .inner = {1, 2, 4}};
    const adi_rd_arch archs[] = {
        {.teacher = narrow, .sru = 1, .cru = 1, .simam = 1, .fmm = 1, .gn_groups = 4, .align = 1, .mask_rate = 0.2,
         .levels = ADI_RD_ALL_LEVELS},
        {.teacher = narrow, .sru = 1, .cru = 1, .fmm = 1, .soft = 1, .joint = 1, .gn_groups = 1, .eval_mask = 1,
         .mask_rate = 0.5, .levels = 6},
        {.teacher = plain, .concat = 1, .levels = ADI_RD_ALL_LEVELS}};
    static const char *const names[] = {"rd", "rd_soft", "rd_plain"};
    put("graph", "inputs", 0, inputs_graph, sizeof inputs_graph - 1);
    put("graph", "inputs_first_tap", 1, inputs_graph, sizeof inputs_graph - 1);
    put("graph", "attention", 0, attention_graph, sizeof attention_graph - 1);
    put_broken("graph", "attention", 0, attention_graph, sizeof attention_graph - 1);
    put_broken("graph", "inputs", 0, inputs_graph, sizeof inputs_graph - 1);
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
        char *text = NULL;
        MUST(adi_rd_text(&adi_default_allocator, &archs[i], &text));
        put("graph", names[i], 0, text, strlen(text));
        adi_free(&adi_default_allocator, text);
    }
}

/* AST's networks as the library writes them, a flow of two blocks, its inverse, and a student. */
static void make_flows(void)
{
    static const adi_ast_arch arch = {.channels = 5, .positions = 4, .flow_blocks = 2, .flow_hidden = 3,
                                      .student_blocks = 1, .student_hidden = 3, .alpha = 1.9, .slope = 0.2};
    static const struct {
        const char *name;
        ad_status (*text)(const adi_allocator *a, const adi_ast_arch *arch, char **out_text);
    } networks[] = {{"flow", adi_ast_flow_text}, {"flow_inverse", adi_ast_inverse_text}, {"ast_student", adi_ast_student_text}};
    put("graph", "coupling", 0, coupling_graph, sizeof coupling_graph - 1);
    put_broken("graph", "coupling", 0, coupling_graph, sizeof coupling_graph - 1);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        char *text = NULL;
        MUST(networks[i].text(&adi_default_allocator, &arch, &text));
        put("graph", networks[i].name, 0, text, strlen(text));
        adi_free(&adi_default_allocator, text);
    }
}

const char *squeeze_with(const char *padding)
{
    static char texts[4][sizeof squeeze_graph + 32];
    static int used = 0;
    const char *at = strchr(squeeze_graph, '@');
    MUST(used == 4);
    snprintf(texts[used], sizeof texts[used], "%.*s%s%s", (int)(at - squeeze_graph), squeeze_graph, padding,
             at + 1);
    return texts[used++];
}

void make_graphs(void)
{
    put("graph", "tiny", 0, tiny_graph, sizeof tiny_graph - 1);
    put("graph", "tiny_first_tap", 1, tiny_graph, sizeof tiny_graph - 1);
    put("graph", "plain", 0, plain_graph, sizeof plain_graph - 1);
    put_broken("graph", "tiny", 0, tiny_graph, sizeof tiny_graph - 1);
    const char *features = strstr(decoder_graph, "network");
    put("graph", "decoder", 0, decoder_graph, sizeof decoder_graph - 1);
    put("graph", "decoder_features", 0, features, strlen(features));
    put_broken("graph", "decoder", 0, decoder_graph, sizeof decoder_graph - 1);
    make_flows();
    make_rd_graphs();
    for (int32_t i = 0; i < adi_builtin_graph_count(); i++) {
        const char *text = adi_builtin_graph_text(adi_builtin_graph_name(i));
        put("graph", adi_builtin_graph_name(i), 1, text, strlen(text));
    }
    static const char *const lines[] = {
        "conv2d c1 <- image : out=65536 kernel=64 stride=64 pad=63\n",
        "tap a <- image\n",
        "add s <- c3\n",
        "conv2d c9 <- nowhere : out=1 kernel=1\n",
        "hint gaussian.layers a,a\n",
        "relu c1 <- image\n",
        "std 0 1 1\n",
        "conv2d c : out=0x10 kernel=1e0\n",
    };
    static const char *const paddings[] = {"same_dynamic", "same_static", "same_static_v063"};
    for (size_t i = 0; i < sizeof paddings / sizeof *paddings; i++) {
        const char *text = squeeze_with(paddings[i]);
        put("graph", paddings[i], 0, text, strlen(text));
        put_broken("graph", paddings[i], 0, text, strlen(text));
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[1024], name[32];
        /* In front of line i + 8, and what follows it is kept. */
        const char *rest = tiny_graph;
        for (size_t k = 0; k < i + 7; k++)
            rest = strchr(rest, '\n') + 1;
        const int n = snprintf(text, sizeof text, "%.*s%s%s", (int)(rest - tiny_graph), tiny_graph,
                               lines[i], rest);
        snprintf(name, sizeof name, "line_%zu", i);
        put("graph", name, 0, text, (size_t)n);
    }
}
