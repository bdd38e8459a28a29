/* Connected components of a mask: two passes and a union-find over provisional labels. */
#include "stats/components.h"

/* parent[label] is a smaller label of the same region, or the label itself; 0 is background. */
typedef struct label_sets {
    const adi_allocator *allocator;
    int32_t *parent;
    size_t capacity;
    int32_t count;
} label_sets;

static int32_t root_of(int32_t *parent, int32_t label)
{
    while (parent[label] != label) {
        parent[label] = parent[parent[label]]; /* halve the path */
        label = parent[label];
    }
    return label;
}

/* The common root of two labels, 0 meaning no label. */
static int32_t joined(int32_t *parent, int32_t first, int32_t second)
{
    if (first == 0 || second == 0 || first == second)
        return first ? first : second;
    first = root_of(parent, first);
    second = root_of(parent, second);
    const int32_t root = first < second ? first : second;
    parent[first] = root;
    parent[second] = root;
    return root;
}

static ad_status new_label(label_sets *sets, int32_t *out_label)
{
    const size_t wanted = (size_t)sets->count + 2; /* label 0 has a place too */
    int32_t *parent =
        adi_grow(sets->allocator, sets->parent, &sets->capacity, wanted, sizeof *parent);
    if (!parent)
        return adi_fail_memory();
    sets->parent = parent;
    sets->count++;
    parent[sets->count] = sets->count;
    *out_label = sets->count;
    return AD_OK;
}

/* Labels of the neighbours that come before a pixel, joined: left, above, and with connectivity 8
 * both above at the corners. */
static int32_t label_of_neighbours(label_sets *sets, const int32_t *row, const int32_t *above,
                                   int64_t x, int64_t w, int32_t connectivity)
{
    int32_t label = x > 0 ? row[x - 1] : 0;
    if (!above)
        return label;
    label = joined(sets->parent, label, above[x]);
    if (connectivity == 8) {
        if (x > 0)
            label = joined(sets->parent, label, above[x - 1]);
        if (x + 1 < w)
            label = joined(sets->parent, label, above[x + 1]);
    }
    return label;
}

static ad_status label_provisionally(label_sets *sets, const uint8_t *mask, int64_t row_bytes,
                                     int64_t h, int64_t w, int32_t connectivity, int32_t *labels)
{
    for (int64_t y = 0; y < h; y++) {
        const uint8_t *const pixels = mask + y * row_bytes;
        int32_t *const row = labels + y * w;
        const int32_t *const above = y > 0 ? row - w : NULL;
        for (int64_t x = 0; x < w; x++) {
            row[x] = 0;
            if (pixels[x] == 0)
                continue;
            row[x] = label_of_neighbours(sets, row, above, x, w, connectivity);
            if (row[x] == 0)
                ADI_TRY(new_label(sets, &row[x]));
        }
    }
    return AD_OK;
}

/* Make parent[] the final numbers 1, 2, ... and return how many there are. A root comes before the
 * labels that lead to it, so one pass is enough. */
static int32_t number_regions(label_sets *sets)
{
    int32_t regions = 0;
    for (int32_t label = 1; label <= sets->count; label++) {
        const int32_t parent = sets->parent[label];
        sets->parent[label] = parent == label ? ++regions : sets->parent[parent];
    }
    return regions;
}

ad_status adi_connected_components(const adi_allocator *a, const uint8_t *mask, int64_t row_bytes,
                                   int64_t h, int64_t w, int32_t connectivity, int32_t *labels,
                                   int32_t *out_count)
{
    ADI_CHECK_ARG(connectivity == 4 || connectivity == 8, "connectivity is %d, expected 4 or 8",
                  (int)connectivity);
    ADI_CHECK_ARG(h > 0 && w > 0 && h <= INT32_MAX / w && (row_bytes >= w || row_bytes <= -w),
                  "a mask of %jdx%jd pixels with rows of %jd bytes is impossible", (intmax_t)w,
                  (intmax_t)h, (intmax_t)row_bytes);
    label_sets sets = {.allocator = a};
    ad_status status = label_provisionally(&sets, mask, row_bytes, h, w, connectivity, labels);
    if (status == AD_OK) {
        *out_count = number_regions(&sets);
        for (int64_t i = 0; i < h * w; i++)
            if (labels[i] > 0)
                labels[i] = sets.parent[labels[i]];
    }
    adi_free(a, sets.parent);
    return status;
}
