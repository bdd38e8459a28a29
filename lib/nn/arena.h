/* Place results in one block; those whose lifetimes do not overlap may share memory. */
#ifndef ADI_NN_ARENA_H
#define ADI_NN_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "core/alloc.h"
#include "ops/op.h"

/* The lifetime of a result: from one step to another, both included. */
typedef struct adi_lifetime {
    int32_t from, to;
    size_t offset, floats;
} adi_lifetime;

/* 16 GiB, as far above what networks take as four for one result: a file of 2 KB could ask for
 * 240. */
#define ADI_ARENA_MAX_FLOATS ((size_t)1 << 32)

/* Return the floats of a shape's n images, rounded up to whole cache lines; 0 if the shape is
 * absurd. */
size_t adi_arena_floats(const adi_shape *shape);

/* Return the lowest offset for `mine` that no result of the same time among the first `count` uses
 * (first fit). */
size_t adi_arena_first_gap(const adi_lifetime *all, int32_t count, const adi_lifetime *mine);

#endif
