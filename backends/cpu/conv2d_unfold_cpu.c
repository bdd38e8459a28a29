/* The unfolding of a convolution's input: to each position of the result the values that it is made of. */
#include "cpu.h"

#include <string.h>

/* One row of the kernel over a run: kw * c values of the input's row at each position, the positions
 * depth floats apart, zeros outside the image. */
static void unfold_row(float *to, int64_t depth, const float *from, const adi_conv2d_dims *d, const adi_conv2d_run *r)
{
    const size_t channel_bytes = (size_t)d->c * sizeof(float), all_bytes = (size_t)d->kw * channel_bytes;
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

void adi_conv2d_unfold_cpu(float *rows, const float *x, const adi_conv2d_dims *d, int64_t ky0, int64_t ky1,
                           int64_t p0, int64_t p1)
{
    const int64_t width = d->kw * d->c, depth = (ky1 - ky0) * width;
    for (int64_t p = p0; p < p1;) {
        const adi_conv2d_run r = adi_conv2d_run_cpu(d, p, p1);
        for (int64_t ky = ky0; ky < ky1; ky++) {
            const int64_t iy = r.oy * d->stride + ky - d->pad_top;
            float *to = rows + (p - p0) * depth + (ky - ky0) * width;
            if (iy >= 0 && iy < d->h)
                unfold_row(to, depth, x + (r.n * d->h + iy) * d->w * d->c, d, &r);
            else
                for (int64_t i = 0; i < r.count; i++)
                    memset(to + i * depth, 0, (size_t)width * sizeof *to);
        }
        p += r.count;
    }
}
