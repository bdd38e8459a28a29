/* The seeded teacher, students, U-Nets and images of tests/golden/stfpm_math.py. */
#ifndef ADFEAT_TESTS_SEEDED_TRAINING_H
#define ADFEAT_TESTS_SEEDED_TRAINING_H

#include "harness/seeded_network.h"

static inline int ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Every parameter of a graph's nodes as seed_module() has it, keyed by prefix + name and stored
 * under it. */
static inline void seeded_module(st_memory *m, const adi_graph *g, const char *prefix, double lift)
{
    for (int32_t i = 0; i < g->node_count; i++) {
        const adi_node *node = &g->nodes[i];
        const int norm = node->op == &adi_op_batchnorm, last = ends_with(node->name, "bn2");
        for (int32_t p = 0; p < node->op->params; p++) {
            if (!adi_op_needs_param(node->op, &node->attrs, p) ||
                strncmp(node->name, "layer4.", 7) == 0)
                continue; /* nothing here needs layer4, which is most of a ResNet */
            char name[160];
            int64_t shape[ADI_ST_MAX_DIMS];
            snprintf(name, sizeof name, "%s%s.%s", prefix, node->name, node->op->param[p].suffix);
            const int32_t dims = node->op->param_shape(&node->attrs, node->in_channels, p, shape);
            float *data = st_memory_add(m, name, ADI_F32, dims, shape);
            const int64_t count = m->entries[m->count - 1].count;
            const double up = norm && !last ? lift : 0.0, factor = last ? 0.25 : 1.0;
            if (dims == 4) { /* (2u - 1) sqrt(6 / (d1 d2 d3)) */
                const double s = sqrt(6.0 / (double)(shape[1] * shape[2] * shape[3]));
                seeded_fill(data, count, name, 2 * s, -s);
            } else if (norm && p == 0) {
                seeded_fill(data, count, name, up > 0.0 ? 0.5 : factor,
                            up > 0.0 ? 0.75 : 0.5 * factor);
            } else if (norm && p == 3) {
                seeded_fill(data, count, name, 1.0, 0.5);
            } else { /* biases and running means */
                seeded_fill(data, count, name, 0.4, -0.2 + (p == 1 ? up : 0.0));
            }
        }
    }
}

/* RGB, side x side: blocks of 8 x 8 with noise. */
static inline void seeded_photo(uint8_t *rgb, int64_t index, int64_t side)
{
    char block[40], noise[40];
    const int64_t blocks = (side + 7) / 8;
    snprintf(block, sizeof block, "image.%lld.block", (long long)index);
    snprintf(noise, sizeof noise, "image.%lld.noise", (long long)index);
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++)
            for (int64_t c = 0; c < 3; c++) {
                const int64_t i = (y * side + x) * 3 + c, b = ((y / 8) * blocks + x / 8) * 3 + c;
                rgb[i] = (uint8_t)((3 * seeded_byte(block, (uint64_t)b) +
                                    seeded_byte(noise, (uint64_t)i)) /
                                   4);
            }
}

/* Written as a file that opens by `path`. */
static inline void st_memory_write(st_memory *m, const char *path)
{
    adi_safetensors *file = st_memory_open(m, &adi_default_allocator);
    adi_st_close(file);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(m->bytes, 1, m->size, f), m->size);
    assert_int_equal(fclose(f), 0);
}

#endif
