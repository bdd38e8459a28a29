/* ad_dataset_select(): a new dataset of some images of another. */
#include "api/dataset.h"

/* A copy, since append() takes ownership. */
static ad_status append_copy(ad_dataset *d, const adi_dataset_item *item)
{
    const adi_allocator *a = &d->context->allocator;
    char *mask = item->mask ? adi_strdup(a, item->mask) : NULL;
    char *depth = item->depth ? adi_strdup(a, item->depth) : NULL;
    if ((item->mask && !mask) || (item->depth && !depth)) {
        adi_free(a, mask);
        adi_free(a, depth);
        return adi_fail_memory();
    }
    return adi_dataset_append(d, item->path, item->group, item->label, mask, depth);
}

static ad_status append_all(ad_dataset *d, const ad_dataset *from, const int64_t *indices,
                            int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        ADI_CHECK_ARG(indices[i] >= 0 && indices[i] < from->count,
                      "image %lld of a dataset of %lld", (long long)indices[i],
                      (long long)from->count);
        ADI_TRY(append_copy(d, &from->items[indices[i]]));
    }
    return AD_OK;
}

ad_status ad_dataset_select(const ad_dataset *dataset, const int64_t *indices, int64_t count,
                            ad_dataset **out_dataset)
{
    ADI_CHECK_ARG(dataset && indices && out_dataset, "ad_dataset_select: an argument is NULL");
    *out_dataset = NULL;
    ADI_CHECK_ARG(count >= 1, "ad_dataset_select: count is %lld, at least 1 image is needed",
                  (long long)count);
    if (dataset->callback)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "images of a callback cannot be selected: make a dataset of those that "
                        "are wanted by ad_dataset_from_callback()");
    ad_dataset *d = NULL;
    ADI_TRY(adi_dataset_new(dataset->context, &d));
    *d = *dataset; /* the options for reading; the items stay the other dataset's */
    atomic_init(&d->refs, 1);
    d->items = NULL;
    d->capacity = 0;
    d->count = 0;
    const ad_status status = append_all(d, dataset, indices, count);
    if (status == AD_OK)
        *out_dataset = d;
    else
        ad_dataset_destroy(d);
    return status;
}
