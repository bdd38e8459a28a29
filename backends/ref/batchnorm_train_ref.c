/* batchnorm while it is trained (arXiv:1502.03167): normalised with the batch's own statistics,
 * which depend on x, so that backward goes through them too. Per channel, over P positions:
 *   mean = sum x / P,  var = sum (x - mean)^2 / P,  r = 1 / sqrt(var + eps),  h = (x - mean) r,
 *   y = act(weight h + bias),  g = dy where act lets it through, else 0,
 *   dbias = sum g,  dweight = sum g h,  dx = weight r (g - dbias / P - h dweight / P). */
#include "ref.h"

size_t adi_batchnorm_train_scratch_ref(adi_pc d, int32_t num_threads)
{
    (void)d;
    (void)num_threads;
    return 0; /* one channel after another */
}

ad_status adi_batchnorm_stats_ref(const adi_exec *ex, double *mean, double *var, const float *x,
                                  adi_pc d)
{
    (void)ex;
    for (int64_t c = 0; c < d.c; c++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t p = 0; p < d.p; p++)
            sum += x[p * d.c + c];
        mean[c] = sum / (double)d.p;
        for (int64_t p = 0; p < d.p; p++) {
            const double v = x[p * d.c + c] - mean[c];
            squares += v * v;
        }
        var[c] = squares / (double)d.p;
    }
    return AD_OK;
}

/* batchnorm_affine: h weight + bias as x scale + shift. */
ad_status adi_batchnorm_affine_ref(const adi_exec *ex, adi_f32 *scale, adi_f32 *shift,
                                   const adi_batchnorm_batch *b, int64_t c)
{
    (void)ex;
    for (int64_t i = 0; i < c; i++) {
        const double s = b->weight[i] / sqrt(b->var[i] + b->eps);
        scale[i] = (float)s;
        shift[i] = (float)(b->bias[i] - b->mean[i] * s);
    }
    return AD_OK;
}

/* g; `h` is the normalised input. NaN before ReLU lets dy through, as PyTorch's ReLU does. */
static double gated(float dy, double h, const adi_batchnorm_batch *b, int64_t c, adi_act act)
{
    return act == ADI_ACT_RELU && h * b->weight[c] + b->bias[c] <= 0.0 ? 0.0 : dy;
}

ad_status adi_batchnorm_bwd_ref(const adi_exec *ex, float *dx, float *dweight, float *dbias,
                                const float *dy, const float *x, const adi_batchnorm_batch *b,
                                adi_act act, adi_pc d)
{
    (void)ex;
    for (int64_t c = 0; c < d.c; c++) {
        const double r = 1.0 / sqrt(b->var[c] + b->eps);
        double sum = 0.0, sum_h = 0.0;
        for (int64_t p = 0; p < d.p; p++) {
            const double h = (x[p * d.c + c] - b->mean[c]) * r;
            const double g = gated(dy[p * d.c + c], h, b, c, act);
            sum += g;
            sum_h += g * h;
        }
        for (int64_t p = 0; dx && p < d.p; p++) {
            const double h = (x[p * d.c + c] - b->mean[c]) * r;
            const double g = gated(dy[p * d.c + c], h, b, c, act);
            dx[p * d.c + c] = (float)(b->weight[c] * r * (g - (sum + h * sum_h) / (double)d.p));
        }
        dweight[c] = (float)sum_h;
        dbias[c] = (float)sum;
    }
    return AD_OK;
}

static void move(float *r, const double *batch, double factor, double momentum, int64_t c)
{
    for (int64_t i = 0; i < c; i++)
        r[i] = (float)((1.0 - momentum) * r[i] + momentum * (batch[i] * factor));
}

ad_status adi_batchnorm_running_ref(const adi_exec *ex, adi_f32 *mean, adi_f32 *var,
                                    const adi_f64 *batch_mean, const adi_f64 *batch_var,
                                    double momentum, adi_pc d)
{
    const double p = (double)d.p;
    (void)ex;
    move(mean, batch_mean, 1.0, momentum, d.c);
    move(var, batch_var, p / (p - 1.0), momentum, d.c);
    return AD_OK;
}
