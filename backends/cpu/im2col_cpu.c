/* im2col: for each output position, the row of input values that a convolution multiplies with its
 * weights. */
#include "cpu.h"

#include <string.h>

/* Copy the values that one row of the kernel sees over a run: kw * c values of the input's row
 * `from` for each position, `depth` floats apart, zeros outside the image. */
static void im2col_row(float *to, int64_t depth, const float *from, const adi_conv2d_dims *d,
                       const adi_conv2d_run *r)
{
    const size_t channel_bytes = (size_t)d->c * sizeof(float);
    const size_t all_bytes = (size_t)d->kw * channel_bytes;
    for (int64_t i = 0; i < r->count; i++, to += depth) {
        const int64_t x0 = (r->ox + i) * d->stride - d->pad_left;
        if (x0 >= 0 && x0 + d->kw <= d->w) {
            memcpy(to, from + x0 * d->c, all_bytes);
            continue;
        }
        const int64_t kx0 = adi_min(x0 < 0 ? -x0 : 0, d->kw), kx1 = adi_min(d->kw, d->w - x0);
        memset(to, 0, all_bytes);
        if (kx0 < kx1)
            memcpy(to + kx0 * d->c, from + (x0 + kx0) * d->c, (size_t)(kx1 - kx0) * channel_bytes);
    }
}

void adi_im2col_cpu(float *rows, const float *x, const adi_conv2d_dims *d, int64_t ky0, int64_t ky1,
                    int64_t p0, int64_t p1)
{
    const int64_t width = d->kw * d->c, depth = (ky1 - ky0) * width;
    for (int64_t p = p0; p < p1;) {
        const adi_conv2d_run r = adi_conv2d_run_cpu(d, p, p1);
        for (int64_t ky = ky0; ky < ky1; ky++) {
            const int64_t iy = r.oy * d->stride + ky - d->pad_top;
            float *to = rows + (p - p0) * depth + (ky - ky0) * width;
            if (iy >= 0 && iy < d->h)
                im2col_row(to, depth, x + (r.n * d->h + iy) * d->w * d->c, d, &r);
            else
                for (int64_t i = 0; i < r.count; i++)
                    memset(to + i * depth, 0, (size_t)width * sizeof *to);
        }
        p += r.count;
    }
}
