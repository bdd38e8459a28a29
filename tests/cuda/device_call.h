/* A call of a module's kernel with arrays of the host: begin(), an array each, end(). */
#ifndef ADFEAT_TESTS_DEVICE_CALL_H
#define ADFEAT_TESTS_DEVICE_CALL_H

#include "plugin.h"

enum { ARRAYS = 12 };

typedef struct array {
    const void *host;
    void *there;
    size_t bytes;
    int result;
} array;

typedef struct call {
    array arrays[ARRAYS];
    int count;
    adi_exec ex;
} call;

/* Those of the module, which is opened by the first call. */
const adi_kernels *kernels(void);
/* A call whose kernel takes so many bytes of scratch. */
call begin(size_t scratch);
/* An array that is already there is the same one: the call is in place. NULL stays NULL. */
void *place(call *c, const void *host, size_t bytes, int reads, int result);
/* Bring the results back, and free what begin() and place() took. */
ad_status end(call *c, ad_status status);

static inline size_t of(int64_t count)
{
    return (size_t)count * sizeof(float);
}

static inline const float *in(call *c, const float *p, int64_t count)
{
    return place(c, p, of(count), 1, 0);
}

static inline const double *in_double(call *c, const double *p, int64_t count)
{
    return place(c, p, (size_t)count * sizeof(double), 1, 0);
}

/* What is written wholly; it is not sent to the device. */
static inline float *out(call *c, float *p, int64_t count)
{
    return place(c, p, of(count), 0, 1);
}

static inline double *out_double(call *c, double *p, int64_t count)
{
    return place(c, p, (size_t)count * sizeof(double), 0, 1);
}

/* What is read too, or keeps a part. */
static inline float *both(call *c, float *p, int64_t count)
{
    return place(c, p, of(count), 1, 1);
}

#endif
