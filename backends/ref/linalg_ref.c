/* Small dense linear algebra in double by textbook loops: what eigen_cpu.c asks LAPACK for. */
#include "ref.h"

#include <float.h>
#include <math.h>

void adi_syrk_add_f64_ref(double *s, const double *d, adi_pc dims)
{
    const int64_t n = dims.c;
    for (int64_t p = 0; p < dims.p; p++, d += n)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j <= i; j++)
                s[i * n + j] += d[i] * d[j];
}

ad_status adi_cholesky_f64_ref(double *a, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        double pivot = a[j * n + j];
        for (int64_t k = 0; k < j; k++)
            pivot -= a[j * n + k] * a[j * n + k];
        if (!(pivot > 0.0) || !isfinite(pivot))
            return AD_ERR_NUMERIC;
        const double root = sqrt(pivot);
        a[j * n + j] = root;
        for (int64_t i = j + 1; i < n; i++) {
            double v = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                v -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = v / root;
            a[j * n + i] = 0.0;
        }
    }
    return AD_OK;
}

ad_status adi_trinv_f64_ref(double *l, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        if (l[j * n + j] == 0.0)
            return AD_ERR_NUMERIC;
        l[j * n + j] = 1.0 / l[j * n + j];
        for (int64_t i = j + 1; i < n; i++) { /* column j of the inverse, top down */
            double v = 0.0;
            for (int64_t k = j; k < i; k++)
                v += l[i * n + k] * l[k * n + j];
            l[i * n + j] = -v / l[i * n + i];
        }
    }
    return AD_OK;
}

size_t adi_eigen_work_ref(int64_t n)
{
    return (size_t)(n * n);
}

/* One Jacobi rotation that zeroes a[p,q]; rows of v are rotated along. */
static void rotate(double *a, double *v, int64_t n, int64_t p, int64_t q)
{
    const double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
    const double t = (theta >= 0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
    for (int64_t k = 0; k < n; k++) {
        const double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
    }
    for (int64_t k = 0; k < n; k++) {
        const double pk = a[p * n + k], qk = a[q * n + k];
        a[p * n + k] = c * pk - s * qk;
        a[q * n + k] = s * pk + c * qk;
    }
    for (int64_t k = 0; k < n; k++) {
        const double pk = v[p * n + k], qk = v[q * n + k];
        v[p * n + k] = c * pk - s * qk;
        v[q * n + k] = s * pk + c * qk;
    }
}

/* Ascending values, vectors as rows of v: selection sort, since n is small. */
static void sort_pairs(double *values, double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t least = i;
        for (int64_t j = i + 1; j < n; j++)
            if (values[j] < values[least])
                least = j;
        const double t = values[i];
        values[i] = values[least];
        values[least] = t;
        for (int64_t k = 0; k < n && least != i; k++) {
            const double r = v[i * n + k];
            v[i * n + k] = v[least * n + k];
            v[least * n + k] = r;
        }
    }
}

ad_status adi_eigen_f64_ref(double *a, double *values, int64_t n, double *work)
{
    double *v = work;
    double norm = 0.0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            v[i * n + j] = i == j;
            if (j > i)
                a[i * n + j] = a[j * n + i];
            if (!isfinite(a[i * n + j]))
                return AD_ERR_NUMERIC;
            norm = fmax(norm, fabs(a[i * n + j]));
        }
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0.0;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                off = fmax(off, fabs(a[p * n + q]));
                if (fabs(a[p * n + q]) > DBL_EPSILON * 1e-3 * norm)
                    rotate(a, v, n, p, q);
            }
        if (off <= DBL_EPSILON * norm)
            break;
    }
    for (int64_t i = 0; i < n; i++)
        values[i] = a[i * n + i];
    for (int64_t i = 0; i < n * n; i++)
        a[i] = v[i];
    sort_pairs(values, a, n);
    return AD_OK;
}
