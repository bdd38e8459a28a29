/* Exact pixel AUROC and AU-PRO over many maps: every distinct score is a threshold. A good pixel is
 * stored as the key of its score, an anomalous one with its region's number in the low half. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/view.h"
#include "stats/components.h"
#include "stats/pixel_metrics.h"
#include "stats/radix.h"

enum { MAX_SIDE = 1 << 20 };

struct adi_pixel_metrics {
    const adi_allocator *allocator;
    int32_t connectivity;
    bool sorted; /* good and bad are in ascending order */
    uint32_t *good;
    size_t good_count;
    size_t good_capacity;
    uint64_t *bad; /* key << 32 | index into region_sizes */
    size_t bad_count;
    size_t bad_capacity;
    uint32_t *region_sizes; /* pixels of each region of the whole set */
    size_t region_count;
    size_t region_capacity;
};

ad_status adi_pixel_metrics_create(const adi_allocator *a, int32_t connectivity,
                                   adi_pixel_metrics **out_metrics)
{
    *out_metrics = NULL;
    ADI_CHECK_ARG(connectivity == 4 || connectivity == 8, "connectivity is %d, expected 4 or 8",
                  (int)connectivity);
    adi_pixel_metrics *m = adi_calloc(a, 1, sizeof *m);
    if (!m)
        return adi_fail_memory();
    m->allocator = a;
    m->connectivity = connectivity;
    *out_metrics = m;
    return AD_OK;
}

void adi_pixel_metrics_destroy(adi_pixel_metrics *m)
{
    if (!m)
        return;
    adi_free(m->allocator, m->good);
    adi_free(m->allocator, m->bad);
    adi_free(m->allocator, m->region_sizes);
    adi_free(m->allocator, m);
}

/* ---- Adding --------------------------------------------------------------------------------- */

static const float *map_row(const ad_map *map, int64_t y)
{
    return (const float *)(const void *)((const char *)map->data + y * map->row_bytes);
}

static const uint8_t *mask_row(const ad_image *mask, int64_t y)
{
    return (const uint8_t *)mask->pixels + y * mask->row_bytes;
}

static ad_status check_mask(const ad_image *mask, const ad_map *map)
{
    ADI_CHECK_ARG(mask->format == AD_PIXEL_MONO8,
                  "the mask's pixel format is 0x%08x, expected MONO8", (unsigned)mask->format);
    if (mask->width != map->width || mask->height != map->height)
        return adi_fail(AD_ERR_SHAPE, "the mask has %jdx%jd pixels, its map %jdx%jd",
                        (intmax_t)mask->width, (intmax_t)mask->height, (intmax_t)map->width,
                        (intmax_t)map->height);
    ADI_CHECK_ARG(mask->pixels, "the mask's pixels are NULL");
    ADI_CHECK_ARG(adi_stride_holds(mask->row_bytes, mask->width),
                  "a mask of width %jd has rows of %jd bytes", (intmax_t)mask->width,
                  (intmax_t)mask->row_bytes);
    return AD_OK;
}

/* Refuse NaN and count the anomalous pixels. */
static ad_status look_at(const ad_map *map, const ad_image *mask, size_t *out_bad)
{
    *out_bad = 0;
    for (int64_t y = 0; y < map->height; y++) {
        const float *const scores = map_row(map, y);
        for (int64_t x = 0; x < map->width; x++)
            if (isnan(scores[x]))
                return adi_fail(AD_ERR_NUMERIC, "the map is NaN at column %jd, row %jd",
                                (intmax_t)x, (intmax_t)y);
        if (mask) {
            const uint8_t *const marks = mask_row(mask, y);
            for (int64_t x = 0; x < map->width; x++)
                *out_bad += marks[x] != 0;
        }
    }
    return AD_OK;
}

/* Reserve memory for one image. Counts do not change, so that a failure changes nothing. */
static ad_status reserve(adi_pixel_metrics *m, size_t good, size_t bad, size_t regions)
{
    uint32_t *const good_keys =
        adi_grow(m->allocator, m->good, &m->good_capacity, m->good_count + good, sizeof *good_keys);
    if (!good_keys && good > 0)
        return adi_fail_memory();
    m->good = good_keys;
    uint64_t *const bad_pairs =
        adi_grow(m->allocator, m->bad, &m->bad_capacity, m->bad_count + bad, sizeof *bad_pairs);
    if (!bad_pairs && bad > 0)
        return adi_fail_memory();
    m->bad = bad_pairs;
    if (m->region_count + regions > UINT32_MAX)
        return adi_fail(AD_ERR_UNSUPPORTED, "more than %ju regions", (uintmax_t)UINT32_MAX);
    uint32_t *const sizes = adi_grow(m->allocator, m->region_sizes, &m->region_capacity,
                                     m->region_count + regions, sizeof *sizes);
    if (!sizes && regions > 0)
        return adi_fail_memory();
    m->region_sizes = sizes;
    return AD_OK;
}

/* Store the pixels of an image in reserved memory. labels: 0 for good pixels; NULL: all are. */
static void keep_pixels(adi_pixel_metrics *m, const ad_map *map, const int32_t *labels,
                        int32_t regions)
{
    if (regions > 0)
        memset(m->region_sizes + m->region_count, 0, (size_t)regions * sizeof *m->region_sizes);
    for (int64_t y = 0; y < map->height; y++) {
        const float *const scores = map_row(map, y);
        for (int64_t x = 0; x < map->width; x++) {
            const uint32_t key = adi_key_of_float(scores[x]);
            const int32_t label = labels ? labels[y * map->width + x] : 0;
            if (label == 0) {
                m->good[m->good_count++] = key;
            } else {
                const size_t region = m->region_count + (size_t)label - 1;
                m->region_sizes[region]++;
                m->bad[m->bad_count++] = (uint64_t)key << 32 | (uint32_t)region;
            }
        }
    }
    m->region_count += (size_t)regions;
    m->sorted = false;
}

ad_status adi_pixel_metrics_add(adi_pixel_metrics *m, const ad_map *map, const ad_image *mask)
{
    int32_t *labels = NULL;
    int32_t regions = 0;
    size_t bad = 0;
    ad_status status = AD_OK;
    ADI_TRY(adi_map_check(map, MAX_SIDE));
    if (mask)
        ADI_TRY(check_mask(mask, map));
    ADI_TRY(look_at(map, mask, &bad));
    const size_t pixels = (size_t)(map->width * map->height);
    if (bad > 0) {
        labels = adi_alloc(m->allocator, pixels * sizeof *labels);
        if (!labels)
            return adi_fail_memory();
        ADI_TRY_CLEANUP(adi_connected_components(m->allocator, mask->pixels, mask->row_bytes,
                                                 map->height, map->width, m->connectivity, labels,
                                                 &regions));
    }
    ADI_TRY_CLEANUP(reserve(m, pixels - bad, bad, (size_t)regions));
    keep_pixels(m, map, labels, regions);
cleanup:
    adi_free(m->allocator, labels);
    return status;
}

/* ---- Metrics -------------------------------------------------------------------------------- */

static ad_status sort_once(adi_pixel_metrics *m)
{
    if (m->sorted)
        return AD_OK;
    const size_t good_bytes = m->good_count * sizeof *m->good;
    const size_t bad_bytes = m->bad_count * sizeof *m->bad;
    void *const tmp = adi_alloc(m->allocator, good_bytes > bad_bytes ? good_bytes : bad_bytes);
    if (!tmp)
        return adi_fail_memory();
    if (good_bytes > 0)
        adi_sort_keys(m->good, tmp, m->good_count);
    if (bad_bytes > 0)
        adi_sort_pairs(m->bad, tmp, m->bad_count);
    adi_free(m->allocator, tmp);
    m->sorted = true;
    return AD_OK;
}

/* The highest score among the first `good` good and `bad` anomalous pixels, not both 0. */
static uint32_t highest_key(const adi_pixel_metrics *m, size_t good, size_t bad)
{
    const uint32_t good_key = good > 0 ? m->good[good - 1] : 0;
    const uint32_t bad_key = bad > 0 ? (uint32_t)(m->bad[bad - 1] >> 32) : 0;
    return good_key > bad_key ? good_key : bad_key;
}

ad_status adi_pixel_metrics_auroc(adi_pixel_metrics *m, double *out_auroc)
{
    ADI_CHECK_ARG(m->good_count > 0 && m->bad_count > 0,
                  "AUROC is undefined for %zu good and %zu anomalous pixels", m->good_count,
                  m->bad_count);
    if (m->good_count > UINT64_MAX / 2 / m->bad_count)
        return adi_fail(AD_ERR_UNSUPPORTED, "%zu good and %zu anomalous pixels are too many",
                        m->good_count, m->bad_count);
    ADI_TRY(sort_once(m));
    uint64_t twice_area = 0; /* in pixel pairs, so without rounding */
    size_t good = m->good_count;
    size_t bad = m->bad_count;
    while (good > 0) { /* pixels below the last good one add no width */
        const uint32_t key = highest_key(m, good, bad);
        const size_t good_before = good;
        const size_t bad_before = bad;
        while (good > 0 && m->good[good - 1] == key)
            good--;
        while (bad > 0 && m->bad[bad - 1] >> 32 == key)
            bad--;
        twice_area += (uint64_t)(good_before - good) * (2 * m->bad_count - bad_before - bad);
    }
    *out_auroc = (double)twice_area / 2 / (double)((uint64_t)m->good_count * m->bad_count);
    return AD_OK;
}

/* A compensated sum (Neumaier), for millions of terms 1 / |C_k|. */
typedef struct exact_sum {
    double sum;
    double lost;
} exact_sum;

static void add_exactly(exact_sum *s, double term)
{
    const double sum = s->sum + term;
    s->lost += s->sum >= term ? (s->sum - sum) + term : (term - sum) + s->sum;
    s->sum = sum;
}

/* The MVTec AD evaluation: trapezoids between the points of all distinct thresholds, from (0, 0),
 * cut at the limit by linear interpolation. */
ad_status adi_pixel_metrics_aupro(adi_pixel_metrics *m, double fpr_limit, double *out_aupro)
{
    ADI_CHECK_ARG(fpr_limit > 0.0 && fpr_limit <= 1.0, "the FPR limit is %g, expected (0, 1]",
                  fpr_limit);
    ADI_CHECK_ARG(m->good_count > 0 && m->region_count > 0,
                  "AU-PRO is undefined for %zu good pixels and %zu anomalous regions",
                  m->good_count, m->region_count);
    ADI_TRY(sort_once(m));
    const double all_good = (double)m->good_count;
    const double all_regions = (double)m->region_count;
    exact_sum overlap = {0.0, 0.0}; /* of all regions: each gives 1 when wholly found */
    double area = 0.0;
    double last_fpr = 0.0;
    double last_pro = 0.0;
    size_t good = m->good_count;
    size_t bad = m->bad_count;
    while (good > 0 && last_fpr < fpr_limit) {
        const uint32_t key = highest_key(m, good, bad);
        while (good > 0 && m->good[good - 1] == key)
            good--;
        for (; bad > 0 && m->bad[bad - 1] >> 32 == key; bad--)
            add_exactly(&overlap, 1.0 / (double)m->region_sizes[(uint32_t)m->bad[bad - 1]]);
        double fpr = (double)(m->good_count - good) / all_good;
        double pro = fmin((overlap.sum + overlap.lost) / all_regions, 1.0);
        if (fpr > fpr_limit) {
            pro = last_pro + (pro - last_pro) * (fpr_limit - last_fpr) / (fpr - last_fpr);
            fpr = fpr_limit;
        }
        area += (fpr - last_fpr) * (pro + last_pro) / 2.0;
        last_fpr = fpr;
        last_pro = pro;
    }
    *out_aupro = area / fpr_limit;
    return AD_OK;
}
