/* Placing results in one block. */
#include "nn/arena.h"

enum { LINE_FLOATS = ADI_ALIGNMENT / sizeof(float) };

size_t adi_arena_floats(const adi_shape *shape)
{
    const size_t limit = (size_t)1 << 30;
    const int64_t sides[4] = {shape->h, shape->w, shape->c, shape->n};
    size_t n = 1;
    for (int i = 0; i < 4; i++) {
        if (sides[i] < 1 || n > (i < 3 ? limit : ADI_ARENA_MAX_FLOATS) / (size_t)sides[i])
            return 0;
        n *= (size_t)sides[i];
    }
    return (n + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

size_t adi_arena_first_gap(const adi_lifetime *all, int32_t count, const adi_lifetime *mine)
{
    size_t at = 0;
    for (int moved = 1; moved;) {
        moved = 0;
        for (int32_t i = 0; i < count; i++) {
            const adi_lifetime *o = &all[i];
            if (o->to < mine->from || mine->to < o->from || at + mine->floats <= o->offset
                || o->offset + o->floats <= at)
                continue;
            at = o->offset + o->floats;
            moved = 1;
        }
    }
    return at;
}
