/* Kernels one by one, at shapes that networks and methods have: every instruction set that this machine runs, and ref,
 * on the same numbers in turns. Their results are compared with ref's before anything is timed.
 *
 *     bench_ops [THREADS [PART]]
 *
 * PART: only ops whose line contains it. Prints the fastest run of each in ms, billions of operations a second of the
 * fastest set (additions and multiplications of the definition, whatever a kernel saves), how many times ref's speed
 * that is, and the largest difference from ref as a part of the largest result. Ends with 1 where that is above 2e-5,
 * the bound of a Winograd layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "harness/op_case.h"

enum { MOST_SETS = 4, ROUNDS = 7, BLUR_RADIUS = 16 };
static const double most_difference = 2e-5, wanted_ms = 20.0 /* of a kernel in a round */;

/* One kernel at one shape, as a backend runs it. */
typedef struct job {
    const int64_t *a; /* the shape's numbers, as the line below has them */
    const adi_kernels *k;
    adi_exec ex;
    float *x, *w, *bias, *residual, *y;
    double *sums;
    void *packed;
} job;

typedef struct op {
    const char *name;
    size_t (*scratch)(const job *j); /* NULL: none */
    size_t (*packed)(const job *j);  /* bytes; and packs where j->packed is there; NULL: none */
    void (*run)(job *j);
    int64_t (*inputs)(const int64_t *a), (*weights)(const int64_t *a), (*results)(const int64_t *a);
    double (*operations)(const int64_t *a);
} op;

/* ---- convolutions: n h w c k kernel stride algorithm ---- */

static adi_conv2d_dims conv_dims(const int64_t *a)
{
    const int64_t pad = a[5] / 2;
    return (adi_conv2d_dims){.n = a[0], .h = a[1], .w = a[2], .c = a[3], .k = a[4],
                             .oh = (a[1] + 2 * pad - a[5]) / a[6] + 1, .ow = (a[2] + 2 * pad - a[5]) / a[6] + 1,
                             .kh = (int32_t)a[5], .kw = (int32_t)a[5], .stride = (int32_t)a[6],
                             .pad_top = (int32_t)pad, .pad_left = (int32_t)pad};
}

static int64_t conv_inputs(const int64_t *a)
{
    return a[0] * a[1] * a[2] * a[3];
}

static int64_t conv_weights(const int64_t *a)
{
    return a[5] * a[5] * a[3] * a[4];
}

static int64_t conv_results(const int64_t *a)
{
    const adi_conv2d_dims d = conv_dims(a);
    return d.n * d.oh * d.ow * d.k;
}

static double conv_operations(const int64_t *a)
{
    return 2.0 * (double)conv_results(a) * (double)(a[5] * a[5] * a[3]);
}

static adi_epilogue relu_of(const job *j)
{
    return (adi_epilogue){j->bias, j->residual, ADI_ACT_RELU, NULL};
}

static adi_conv2d_algorithm algorithm_of(const job *j, const adi_conv2d_dims *d)
{
    return j->k->conv2d_choose(d, (adi_conv2d_algorithm)j->a[7]);
}

static size_t conv_scratch(const job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    return j->k->conv2d_packed_scratch(&d, algorithm_of(j, &d), j->ex.num_threads);
}

static size_t conv_packed(const job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    const size_t bytes = j->k->conv2d_packed_bytes(&d, algorithm_of(j, &d));
    if (bytes && j->packed)
        j->k->conv2d_pack(j->packed, j->w, &d, algorithm_of(j, &d));
    return bytes;
}

static void conv_run(job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    const adi_epilogue e = relu_of(j);
    const void *filters = conv_packed(&(job){.a = j->a, .k = j->k}) ? j->packed : j->w;
    assert_int_equal(j->k->conv2d_packed_fwd(&j->ex, j->y, j->x, filters, &e, &d, algorithm_of(j, &d)), AD_OK);
}

static int64_t depthwise_weights(const int64_t *a)
{
    return a[5] * a[5] * a[3];
}

static double depthwise_operations(const int64_t *a)
{
    return 2.0 * (double)conv_results(a) * (double)(a[5] * a[5]);
}

static void depthwise_run(job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    const adi_epilogue e = {j->bias, NULL, ADI_ACT_SILU, NULL};
    assert_int_equal(j->k->dwconv2d_fwd(&j->ex, j->y, j->x, j->w, &e, &d), AD_OK);
}

/* Gradients: x is dy where there is one. */
static size_t data_scratch(const job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    return j->k->conv2d_bwd_data_scratch(&d, j->ex.num_threads);
}

static void data_run(job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    const adi_epilogue none = {NULL, NULL, ADI_ACT_NONE, NULL};
    assert_int_equal(j->k->conv2d_bwd_data(&j->ex, j->y, j->x, j->w, &none, &d), AD_OK);
}

static size_t weight_scratch(const job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    return j->k->conv2d_bwd_weight_scratch(&d, j->ex.num_threads);
}

static void weight_run(job *j)
{
    const adi_conv2d_dims d = conv_dims(j->a);
    assert_int_equal(j->k->conv2d_bwd_weight(&j->ex, j->y, j->x, j->residual, &d), AD_OK);
}

/* ---- positions and channels: p c r ---- */

static int64_t pc_values(const int64_t *a)
{
    return a[0] * a[1];
}

static int64_t pc_positions(const int64_t *a)
{
    return a[0];
}

static int64_t pc_channels(const int64_t *a)
{
    return a[1];
}

static adi_pc pc_of(const job *j)
{
    return (adi_pc){j->a[0], j->a[1]};
}

static double pc_operations(const int64_t *a)
{
    return 2.0 * (double)pc_values(a);
}

static int64_t whitening(const int64_t *a)
{
    return a[1] * a[2];
}

static double whitening_operations(const int64_t *a)
{
    return 2.0 * (double)(a[0] * a[1] * a[2]);
}

/* The lower triangle: what whitens without a reduction. */
static size_t mahalanobis_packed(const job *j)
{
    const int64_t c = j->a[1], r = j->a[2];
    double *a = guarded_doubles(c * r);
    for (int64_t i = 0; i < r; i++)
        for (int64_t k = 0; k < c; k++)
            a[i * c + k] = k > i ? 0.0 : j->w[i * c + k];
    if (j->packed)
        j->k->mahalanobis_pack(j->packed, a, c, r);
    const size_t bytes = j->k->mahalanobis_packed_bytes(a, c, r);
    guarded_free(a, "whitening");
    return bytes;
}

static size_t mahalanobis_scratch(const job *j)
{
    return j->k->mahalanobis_scratch(pc_of(j), j->a[2], j->ex.num_threads);
}

static void mahalanobis_run(job *j)
{
    assert_int_equal(j->k->mahalanobis_fwd(&j->ex, j->y, j->x, j->bias, j->packed, pc_of(j), j->a[2]), AD_OK);
}

static adi_position_dims position_of(const int64_t *a)
{
    return (adi_position_dims){a[0], a[1], 0};
}

static int64_t position_weights(const int64_t *a)
{
    return a[0] * adi_triangle(a[1]);
}

static double position_operations(const int64_t *a)
{
    return 2.0 * (double)position_weights(a);
}

static size_t position_scratch(const job *j)
{
    const adi_position_dims d = position_of(j->a);
    return j->k->position_gaussian_fwd_scratch(&d, j->ex.num_threads);
}

static void position_run(job *j)
{
    const adi_position_dims d = position_of(j->a);
    assert_int_equal(j->k->position_gaussian_fwd(&j->ex, j->y, j->x, j->residual, j->w, &d), AD_OK);
}

static void silu_run(job *j)
{
    assert_int_equal(j->k->activation_fwd(&j->ex, j->y, j->x, ADI_ACT_SILU, pc_of(j)), AD_OK);
}

static void l2norm_run(job *j)
{
    assert_int_equal(j->k->l2norm_fwd(&j->ex, j->y, j->x, pc_of(j)), AD_OK);
}

static void cosdist_run(job *j)
{
    assert_int_equal(j->k->cosdist_fwd(&j->ex, j->y, j->x, j->residual, pc_of(j)), AD_OK);
}

static size_t stats_scratch(const job *j)
{
    return j->k->batchnorm_train_scratch(pc_of(j), j->ex.num_threads);
}

static void stats_run(job *j)
{
    assert_int_equal(j->k->batchnorm_stats(&j->ex, j->sums, j->sums + j->a[1], j->x, pc_of(j)), AD_OK);
    for (int64_t c = 0; c < j->a[1]; c++)
        j->y[c] = (float)(j->sums[c] + j->sums[j->a[1] + c]);
}

/* ---- maps: h w c oh ow ---- */

static int64_t map_inputs(const int64_t *a)
{
    return a[0] * a[1] * a[2];
}

static int64_t map_results(const int64_t *a)
{
    return a[3] * a[4] * a[2];
}

static double map_operations(const int64_t *a)
{
    return 9.0 * (double)map_results(a);
}

static void resize_run(job *j)
{
    const int64_t *a = j->a;
    const adi_resize_dims d = {.h = a[0], .w = a[1], .c = a[2], .oh = a[3], .ow = a[4], .y_stride = a[4] * a[2]};
    assert_int_equal(j->k->resize_fwd(&j->ex, j->y, j->x, &d), AD_OK);
}

static void maxpool_run(job *j)
{
    const int64_t *a = j->a;
    const adi_pool2d_dims d = {.n = 1, .h = a[0], .w = a[1], .c = a[2], .oh = a[3], .ow = a[4], .k = 3, .stride = 2,
                               .pad_top = 1, .pad_left = 1};
    assert_int_equal(j->k->maxpool2d_fwd(&j->ex, j->y, j->x, &d), AD_OK);
}

static adi_blur_dims blur_of(const job *j)
{
    return (adi_blur_dims){j->a[0], j->a[1], BLUR_RADIUS};
}

static size_t blur_scratch(const job *j)
{
    const adi_blur_dims d = blur_of(j);
    return j->k->blur_scratch(&d, j->ex.num_threads);
}

static void blur_run(job *j)
{
    double weights[BLUR_RADIUS + 1];
    const adi_blur_dims d = blur_of(j);
    for (int i = 0; i <= BLUR_RADIUS; i++)
        weights[i] = 1.0 / (2 * BLUR_RADIUS + 1);
    memcpy(j->y, j->x, (size_t)map_inputs(j->a) * sizeof *j->y);
    assert_int_equal(j->k->blur(&j->ex, j->y, weights, &d), AD_OK);
}

static double blur_operations(const int64_t *a)
{
    return 6.0 * BLUR_RADIUS * (double)map_inputs(a);
}

/* ---- what is measured ---- */

static const op conv = {"conv2d", conv_scratch, conv_packed, conv_run, conv_inputs, conv_weights, conv_results, conv_operations};
static const op depthwise = {"dwconv2d", NULL, NULL, depthwise_run, conv_inputs, depthwise_weights, conv_results,
                             depthwise_operations};
static const op bwd_data = {"conv2d_bwd_data", data_scratch, NULL, data_run, conv_results, conv_weights, conv_inputs,
                            conv_operations};
static const op bwd_weight = {"conv2d_bwd_weight", weight_scratch, NULL, weight_run, conv_inputs, conv_results, conv_weights,
                              conv_operations};
static const op maxpool = {"maxpool2d", NULL, NULL, maxpool_run, map_inputs, pc_positions, map_results, map_operations};
static const op resize = {"resize", NULL, NULL, resize_run, map_inputs, pc_positions, map_results, map_operations};
static const op blur = {"blur", blur_scratch, NULL, blur_run, map_inputs, pc_positions, map_inputs, blur_operations};
static const op silu = {"silu", NULL, NULL, silu_run, pc_values, pc_positions, pc_values, pc_operations};
static const op mahalanobis = {"mahalanobis", mahalanobis_scratch, mahalanobis_packed, mahalanobis_run, pc_values, whitening,
                               pc_positions, whitening_operations};
static const op position = {"position_gaussian", position_scratch, NULL, position_run, pc_values, position_weights,
                            pc_positions, position_operations};
static const op l2norm = {"l2norm", NULL, NULL, l2norm_run, pc_values, pc_positions, pc_values, pc_operations};
static const op cosdist = {"cosdist", NULL, NULL, cosdist_run, pc_values, pc_positions, pc_positions, pc_operations};
static const op stats = {"batchnorm_stats", stats_scratch, NULL, stats_run, pc_values, pc_positions, pc_channels, pc_operations};

static const struct {
    const op *op;
    const char *what;
    int64_t a[8];
} lines[] = {
    {&conv, "stem 7x7 s2 256x256x3 -> 64", {1, 256, 256, 3, 64, 7, 2, ADI_CONV2D_AUTO}},
    {&conv, "3x3 64x64x64 blas", {1, 64, 64, 64, 64, 3, 1, ADI_CONV2D_BLAS}},
    {&conv, "3x3 64x64x64 panels", {1, 64, 64, 64, 64, 3, 1, ADI_CONV2D_PANELS}},
    {&conv, "3x3 64x64x64 winograd", {1, 64, 64, 64, 64, 3, 1, ADI_CONV2D_WINOGRAD}},
    {&conv, "3x3 64x64x64 winograd2", {1, 64, 64, 64, 64, 3, 1, ADI_CONV2D_WINOGRAD2}},
    {&conv, "3x3 32x32x128 winograd", {1, 32, 32, 128, 128, 3, 1, ADI_CONV2D_WINOGRAD}},
    {&conv, "3x3 16x16x256 winograd", {1, 16, 16, 256, 256, 3, 1, ADI_CONV2D_WINOGRAD}},
    {&conv, "3x3 16x16x256 winograd2", {1, 16, 16, 256, 256, 3, 1, ADI_CONV2D_WINOGRAD2}},
    {&conv, "3x3 8x8x512 auto", {1, 8, 8, 512, 512, 3, 1, ADI_CONV2D_AUTO}},
    {&conv, "3x3 s2 64x64x64 -> 128", {1, 64, 64, 64, 128, 3, 2, ADI_CONV2D_AUTO}},
    {&conv, "1x1 32x32x512 -> 256", {1, 32, 32, 512, 256, 1, 1, ADI_CONV2D_AUTO}},
    {&depthwise, "3x3 95x95x192", {1, 95, 95, 192, 192, 3, 1}},
    {&depthwise, "5x5 s2 48x48x192", {1, 48, 48, 192, 192, 5, 2}},
    {&bwd_data, "3x3 8 of 32x32x64", {8, 32, 32, 64, 64, 3, 1}},
    {&bwd_weight, "3x3 8 of 32x32x64", {8, 32, 32, 64, 64, 3, 1}},
    {&stats, "8192 x 64", {8192, 64}},
    {&maxpool, "3x3 s2 128x128x64", {128, 128, 64, 64, 64}},
    {&silu, "9025 x 192", {9025, 192}},
    {&resize, "56x56 -> 224x224", {56, 56, 1, 224, 224}},
    {&resize, "256x256 -> 1024x1024", {256, 256, 1, 1024, 1024}},
    {&resize, "14x14x64 -> 28x28", {14, 14, 64, 28, 28}},
    {&blur, "256x256, radius 16", {256, 256, 1}},
    {&mahalanobis, "3136 x 64 -> 64", {3136, 64, 64}},
    {&mahalanobis, "256 x 256 -> 256", {256, 256, 256}},
    {&mahalanobis, "256 x 1024 -> 1024", {256, 1024, 1024}},
    {&position, "4096 x 100", {4096, 100}},
    {&l2norm, "4096 x 64", {4096, 64}},
    {&cosdist, "4096 x 64", {4096, 64}},
};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int64_t largest_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One run on a set of the machine's, or on ref where `set` is NULL; its time. */
static double run_once(const op *o, job *j, const adi_isa *set)
{
    assert_true(!set || adi_isa_begin_with_cpu(set->name));
    const double begin = now_ms();
    o->run(j);
    return now_ms() - begin;
}

static job job_new(const op *o, const int64_t *a, const adi_kernels *k, int32_t threads, const job *data)
{
    job j = data ? *data : (job){.a = a};
    j.k = k;
    j.ex.num_threads = threads;
    if (!data) {
        const int64_t largest = largest_of(o->inputs(a), o->results(a)), channels = largest_of(largest_of(a[1], a[3]), a[4]);
        j.x = op_floats(o->inputs(a), 1.0);
        j.w = op_floats(o->weights(a), 0.1);
        j.bias = op_floats(channels + 1, 1.0);
        j.residual = op_floats(largest_of(largest, o->weights(a)), 1.0);
        j.sums = guarded_doubles(2 * largest_of(channels, 1));
    }
    j.y = guarded_floats(o->results(a));
    j.ex.scratch = guarded_alloc(o->scratch ? o->scratch(&j) : 0);
    j.packed = NULL;
    j.packed = guarded_alloc(o->packed ? o->packed(&j) : 0);
    if (o->packed)
        o->packed(&j);
    return j;
}

static void job_free(job *j, const char *what, int with_data)
{
    guarded_free(j->y, what);
    guarded_free(j->ex.scratch, what);
    guarded_free(j->packed, what);
    if (!with_data)
        return;
    guarded_free(j->x, what);
    guarded_free(j->w, what);
    guarded_free(j->bias, what);
    guarded_free(j->residual, what);
    guarded_free(j->sums, what);
}

static double difference(const float *got, const float *want, int64_t n)
{
    double most = 0.0, largest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)got[i] - want[i]));
        largest = fmax(largest, fabs((double)want[i]));
    }
    return most / largest;
}

/* Returns the largest difference from ref. */
static double measure(const op *o, const char *what, const int64_t *a, int32_t threads)
{
    const adi_isa *sets[MOST_SETS];
    int count = 0;
    for (const char *const *name = (const char *const[]){"avx512", "avx2", "plain", NULL}; *name; name++)
        if (adi_isa_begin_with_cpu(*name))
            sets[count++] = adi_isa_cpu(0);
    job ref = job_new(o, a, adi_backend_ref.kernels, 1, NULL);
    const double ref_ms = run_once(o, &ref, NULL);
    double best[MOST_SETS], worst = 0.0;
    job jobs[MOST_SETS];
    for (int s = 0; s < count; s++) {
        adi_isa_begin_with_cpu(sets[s]->name);
        jobs[s] = job_new(o, a, adi_backend_cpu.kernels, threads, &ref);
        best[s] = run_once(o, &jobs[s], sets[s]);
        worst = fmax(worst, difference(jobs[s].y, ref.y, o->results(a)));
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int s = 0; s < count; s++)
            for (double spent = 0.0; spent < wanted_ms / ROUNDS;) {
                const double ms = run_once(o, &jobs[s], sets[s]);
                best[s] = fmin(best[s], ms);
                spent += ms;
            }
    printf("%-18s %-28s", o->name, what);
    for (int s = 0; s < count; s++)
        printf(" %s %8.3f", sets[s]->name, best[s]);
    printf("  %7.1f G/s  ref x %6.1f  difference %.1e\n", 1e-6 * o->operations(a) / best[0], ref_ms / best[0], worst);
    fflush(stdout);
    for (int s = 0; s < count; s++)
        job_free(&jobs[s], what, 0);
    job_free(&ref, what, 1);
    return worst;
}

int main(int argc, char **argv)
{
    const int32_t threads = argc > 1 ? (int32_t)strtol(argv[1], NULL, 10) : 2;
    if (argc > 3 || threads < 1) {
        fprintf(stderr, "usage: bench_ops [THREADS [PART]]\n");
        return 2;
    }
    op_seed();
    double worst = 0.0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[80];
        snprintf(text, sizeof text, "%s %s", lines[i].op->name, lines[i].what);
        if (argc < 3 || strstr(text, argv[2]))
            worst = fmax(worst, measure(lines[i].op, lines[i].what, lines[i].a, threads));
    }
    return worst <= most_difference ? 0 : 1;
}
