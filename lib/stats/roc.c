/* Metrics of scores and labels over all distinct thresholds: AUROC, average precision, F1-max. */
#include <math.h>

#include "stats/radix.h"
#include "stats/roc.h"

/* The scores of each class as ascending keys. */
typedef struct class_keys {
    uint32_t *good;
    uint32_t *bad; /* behind the good ones, in the same block */
    size_t good_count;
    size_t bad_count;
} class_keys;

/* A point of the curve: scores >= the threshold are predicted anomalous. */
typedef struct curve_point {
    size_t false_positives;
    size_t true_positives;
    uint32_t key; /* the threshold's */
} curve_point;

static ad_status sort_by_class(const adi_allocator *a, const float *scores, const uint8_t *labels,
                               size_t count, class_keys *out)
{
    size_t bad_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(scores[i]))
            return adi_fail(AD_ERR_NUMERIC, "score %zu of %zu is NaN", i, count);
        bad_count += labels[i] != 0;
    }
    const size_t good_count = count - bad_count;
    uint32_t *const keys = adi_calloc(a, count, sizeof *keys);
    uint32_t *const tmp = adi_calloc(a, count, sizeof *tmp);
    if (!keys || !tmp) {
        adi_free(a, keys);
        adi_free(a, tmp);
        return adi_fail_memory();
    }
    size_t good = 0;
    size_t bad = good_count;
    for (size_t i = 0; i < count; i++)
        keys[labels[i] ? bad++ : good++] = adi_key_of_float(scores[i]);
    adi_sort_keys(keys, tmp, good_count);
    adi_sort_keys(keys + good_count, tmp, bad_count);
    adi_free(a, tmp);
    *out = (class_keys){keys, keys + good_count, good_count, bad_count};
    return AD_OK;
}

/* Step to the next lower threshold, taking all equal scores at once. 0 at the end of the curve. */
static int next_point(const class_keys *c, curve_point *p)
{
    size_t good = c->good_count - p->false_positives; /* how many are below the last threshold */
    size_t bad = c->bad_count - p->true_positives;
    if (good == 0 && bad == 0)
        return 0;
    p->key = 0;
    if (good > 0)
        p->key = c->good[good - 1];
    if (bad > 0 && c->bad[bad - 1] > p->key)
        p->key = c->bad[bad - 1];
    while (good > 0 && c->good[good - 1] == p->key)
        good--;
    while (bad > 0 && c->bad[bad - 1] == p->key)
        bad--;
    p->false_positives = c->good_count - good;
    p->true_positives = c->bad_count - bad;
    return 1;
}

/* Twice the area, counted in pairs of scores, is an integer: nothing is rounded before the end. */
static ad_status auroc_of(const class_keys *c, double *out_auroc)
{
    ADI_CHECK_ARG(c->good_count > 0 && c->bad_count > 0,
                  "AUROC is undefined for %zu good and %zu anomalous scores", c->good_count,
                  c->bad_count);
    if (c->good_count > UINT64_MAX / 2 / c->bad_count)
        return adi_fail(AD_ERR_UNSUPPORTED, "%zu good and %zu anomalous scores are too many",
                        c->good_count, c->bad_count);
    uint64_t twice_area = 0;
    curve_point last = {0};
    for (curve_point p = {0}; next_point(c, &p); last = p)
        twice_area += (uint64_t)(p.false_positives - last.false_positives) *
                      (p.true_positives + last.true_positives);
    *out_auroc = (double)twice_area / 2 / (double)((uint64_t)c->good_count * c->bad_count);
    return AD_OK;
}

ad_status adi_auroc(const adi_allocator *a, const float *scores, const uint8_t *labels,
                    size_t count, double *out_auroc)
{
    class_keys keys;
    ADI_TRY(sort_by_class(a, scores, labels, count, &keys));
    const ad_status status = auroc_of(&keys, out_auroc);
    adi_free(a, keys.good);
    return status;
}

/* Precision, recall and F1 need at least one anomalous score. */
static ad_status sort_with_anomalies(const adi_allocator *a, const float *scores,
                                     const uint8_t *labels, size_t count, const char *figure,
                                     class_keys *out)
{
    ADI_TRY(sort_by_class(a, scores, labels, count, out));
    if (out->bad_count > 0)
        return AD_OK;
    adi_free(a, out->good);
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "%s is undefined: none of %zu scores is anomalous",
                    figure, count);
}

ad_status adi_average_precision(const adi_allocator *a, const float *scores, const uint8_t *labels,
                                size_t count, double *out_ap)
{
    class_keys keys;
    ADI_TRY(sort_with_anomalies(a, scores, labels, count, "average precision", &keys));
    double sum = 0.0;
    curve_point last = {0};
    for (curve_point p = {0}; next_point(&keys, &p); last = p) {
        const double precision =
            (double)p.true_positives / (double)(p.true_positives + p.false_positives);
        sum += (double)(p.true_positives - last.true_positives) * precision;
    }
    *out_ap = sum / (double)keys.bad_count;
    adi_free(a, keys.good);
    return AD_OK;
}

ad_status adi_f1_max(const adi_allocator *a, const float *scores, const uint8_t *labels,
                     size_t count, double *out_f1, float *out_threshold)
{
    class_keys keys;
    ADI_TRY(sort_with_anomalies(a, scores, labels, count, "F1-max", &keys));
    double best = -1.0;
    uint32_t best_key = 0;
    for (curve_point p = {0}; next_point(&keys, &p);) {
        /* 2TP + FP + FN = TP + FP + all anomalous ones */
        const double f1 = 2.0 * (double)p.true_positives /
                          (double)(p.true_positives + p.false_positives + keys.bad_count);
        if (f1 >= best) { /* thresholds fall: the last of equal ones is the smallest */
            best = f1;
            best_key = p.key;
        }
    }
    *out_f1 = best;
    if (out_threshold)
        *out_threshold = adi_float_of_key(best_key);
    adi_free(a, keys.good);
    return AD_OK;
}
