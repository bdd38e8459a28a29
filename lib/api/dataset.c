/* ad_dataset: a list of samples that are read on demand. dataset_folder.c opens folders. */
#include "api/dataset.h"

#include <string.h>

#include "api/image.h"
#include "core/options.h"
#include "vision/vision.h"

void ad_dataset_options_init(ad_dataset_options *options, size_t struct_size)
{
    const ad_dataset_options defaults = {
        .struct_size = sizeof defaults, .depth = 1, .mask_good = -1};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

ad_status adi_dataset_new(ad_context *context, ad_dataset **out_dataset)
{
    ad_dataset *d = adi_calloc(&context->allocator, 1, sizeof *d);
    if (!d)
        return adi_fail_memory();
    atomic_init(&d->refs, 1);
    d->context = adi_context_retain(context);
    d->mask_good = -1;
    ad_read_options_init(&d->read, sizeof d->read);
    *out_dataset = d;
    return AD_OK;
}

ad_dataset *adi_dataset_retain(const ad_dataset *dataset)
{
    ad_dataset *d = (ad_dataset *)dataset;
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void adi_dataset_item_free(const ad_dataset *d, adi_dataset_item *item)
{
    const adi_allocator *a = &d->context->allocator;
    adi_free(a, item->path);
    adi_free(a, item->group);
    adi_free(a, item->mask);
    adi_free(a, item->depth);
}

void ad_dataset_destroy(ad_dataset *dataset)
{
    if (!dataset || atomic_fetch_sub_explicit(&dataset->refs, 1, memory_order_acq_rel) != 1)
        return;
    ad_context *context = dataset->context;
    const adi_allocator *a = &context->allocator;
    for (int64_t i = 0; i < dataset->count; i++)
        adi_dataset_item_free(dataset, &dataset->items[i]);
    adi_free(a, dataset->items);
    adi_free(a, dataset);
    adi_context_release(context);
}

ad_status adi_dataset_append(ad_dataset *d, const char *path, const char *group, int32_t label,
                             char *mask, char *depth)
{
    const adi_allocator *a = &d->context->allocator;
    adi_dataset_item *items =
        adi_grow(a, d->items, &d->capacity, (size_t)d->count + 1, sizeof *items);
    if (items)
        d->items = items;
    adi_dataset_item item = {.path = items ? adi_strdup(a, path) : NULL,
                             .group = items ? adi_strdup(a, group) : NULL,
                             .mask = mask,
                             .depth = depth,
                             .label = label};
    if (!item.path || !item.group) {
        adi_free(a, item.path);
        adi_free(a, item.group);
        adi_free(a, mask);
        adi_free(a, depth);
        return adi_fail_memory();
    }
    d->items[d->count++] = item;
    return AD_OK;
}

ad_status ad_dataset_open_list(ad_context *context, const char *const *paths, const int32_t *labels,
                               int64_t count, ad_dataset **out_dataset)
{
    ADI_CHECK_ARG(context && paths && out_dataset, "ad_dataset_open_list: an argument is NULL");
    *out_dataset = NULL;
    ADI_CHECK_ARG(count >= 1, "ad_dataset_open_list: count is %lld, at least 1 image is needed",
                  (long long)count);
    ad_dataset *d = NULL;
    ADI_TRY(adi_dataset_new(context, &d));
    ad_status status = AD_OK;
    for (int64_t i = 0; i < count && status == AD_OK; i++) {
        const int32_t label = labels ? labels[i] : 0;
        if (!paths[i] || label < -1 || label > 1)
            status = adi_fail(
                AD_ERR_INVALID_ARGUMENT,
                "ad_dataset_open_list: entry %lld has no path or a label that is not -1, 0, 1",
                (long long)i);
        else
            status = adi_dataset_append(d, paths[i], "", label, NULL, NULL);
    }
    if (status == AD_OK)
        *out_dataset = d;
    else
        ad_dataset_destroy(d);
    return status;
}

ad_status ad_dataset_from_callback(ad_context *context, ad_image_callback callback, void *user,
                                   int64_t count, ad_dataset **out_dataset)
{
    ADI_CHECK_ARG(context && callback && out_dataset,
                  "ad_dataset_from_callback: an argument is NULL");
    *out_dataset = NULL;
    ADI_CHECK_ARG(count >= 1, "ad_dataset_from_callback: count is %lld, at least 1 image is needed",
                  (long long)count);
    ad_dataset *d = NULL;
    ADI_TRY(adi_dataset_new(context, &d));
    d->callback = callback;
    d->user = user;
    d->callback_count = count;
    *out_dataset = d;
    return AD_OK;
}

int64_t ad_dataset_count(const ad_dataset *dataset)
{
    if (!dataset)
        return 0;
    return dataset->callback ? dataset->callback_count : dataset->count;
}

static ad_status check_index(const ad_dataset *d, int64_t index)
{
    ADI_CHECK_ARG(index >= 0 && index < ad_dataset_count(d), "image %lld of a dataset of %lld",
                  (long long)index, (long long)ad_dataset_count(d));
    return AD_OK;
}

ad_status ad_dataset_get(const ad_dataset *dataset, int64_t index, ad_sample *out_sample)
{
    ADI_CHECK_ARG(dataset, "ad_dataset_get: dataset is NULL");
    ADI_TRY(check_index(dataset, index));
    ad_sample sample = {.label = 0, .name = "callback image", .group = ""};
    if (!dataset->callback) {
        const adi_dataset_item *item = &dataset->items[index];
        sample = (ad_sample){.label = item->label, .name = item->path, .group = item->group,
                             .has_mask = item->mask != NULL, .has_depth = item->depth != NULL};
    }
    return adi_struct_give(out_sample, &sample, sizeof sample, "ad_sample");
}

static ad_status read_item(const ad_dataset *d, const adi_dataset_item *item,
                           const ad_read_options *options, adi_notes *notes, ad_image *out_image)
{
    ad_image image = {0};
    adi_notes of_depth = {0};
    ADI_TRY(adi_image_read(d->context, item->path, options, notes, &image));
    const ad_status status = item->depth ? adi_image_read_depth(d->context, item->depth,
                                                                d->depth_scale, &of_depth, &image)
                                         : AD_OK;
    notes->facts.far_depth = of_depth.facts.far_depth;
    if (item->depth && of_depth.first[0])
        adi_note(notes, "its depth '%s': %s", item->depth, of_depth.first);
    if (status == AD_OK)
        *out_image = image;
    else
        ad_image_release(&image);
    return status;
}

ad_status adi_dataset_hold(const ad_dataset *dataset, const char *call)
{
    return dataset->callback ? adi_use_change(&((ad_dataset *)dataset)->use, call, "the dataset")
                             : AD_OK;
}

void adi_dataset_let_go(const ad_dataset *dataset)
{
    if (dataset->callback)
        adi_use_change_end(&((ad_dataset *)dataset)->use);
}

ad_status adi_dataset_read_image(const ad_dataset *dataset, int64_t index,
                                 const ad_read_options *options, adi_notes *notes,
                                 ad_image *out_image)
{
    if (!dataset->callback)
        return read_item(dataset, &dataset->items[index], options, notes, out_image);
    ad_image image = {.struct_size = sizeof image};
    const int answer = dataset->callback(dataset->user, index, &image);
    if (answer != 0)
        return adi_fail(AD_ERR_IO, "the callback gave no image %lld: it returned %d",
                        (long long)index, answer);
    image.owner = image.depth_owner = NULL; /* a view: the callback's memory stays its own */
    const adi_image_needs needs = !image.pixels && image.depth ? ADI_DEPTH_ALONE : ADI_PIXELS_ALONE;
    ad_image taken;
    const ad_status status = adi_image_take(&image, needs, &taken);
    if (status != AD_OK)
        return adi_fail_prefix(status, "image %lld of the callback: ", (long long)index);
    *out_image = taken;
    return AD_OK;
}

void adi_dataset_log(const ad_dataset *dataset, int64_t index, const adi_notes *notes)
{
    if (!dataset->callback)
        adi_notes_log(dataset->context, "image", dataset->items[index].path, notes);
}

/* The caller's options fill in what the dataset leaves open. */
static ad_status take_options(const ad_dataset *d, const ad_read_options *options,
                              ad_read_options *out)
{
    ad_read_options others;
    ADI_TRY(adi_read_options_take(options, &others));
    *out = d->read;
    adi_read_options_fill(out, &others);
    return AD_OK;
}

ad_status ad_dataset_read_image(const ad_dataset *dataset, int64_t index,
                                const ad_read_options *options, ad_image *out_image)
{
    ADI_CHECK_ARG(dataset && out_image, "ad_dataset_read_image: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_TRY(check_index(dataset, index));
    ad_read_options o;
    adi_notes notes = {0};
    ADI_TRY(take_options(dataset, options, &o));
    ADI_TRY(adi_dataset_hold(dataset, "ad_dataset_read_image"));
    ad_dataset *d = adi_dataset_retain(dataset);
    const ad_status status = adi_dataset_read_image(d, index, &o, &notes, out_image);
    if (status == AD_OK)
        adi_dataset_log(d, index, &notes);
    if (status == AD_OK && !d->callback)
        adi_read_facts_say_once(d->context, &o, &notes.facts, d->items[index].path);
    adi_dataset_let_go(d);
    ad_dataset_destroy(d);
    return status;
}

ad_status adi_dataset_read_mask(const ad_dataset *dataset, int64_t index,
                                const ad_read_options *options, ad_image *out_mask)
{
    if (dataset->callback || !dataset->items[index].mask)
        return adi_fail(AD_ERR_UNSUPPORTED, "image %lld has no ground-truth mask",
                        (long long)index);
    return adi_mask_read(dataset->context, dataset->items[index].mask, dataset->mask_good,
                         options->orientation, out_mask);
}

ad_status ad_dataset_read_mask(const ad_dataset *dataset, int64_t index,
                               const ad_read_options *options, ad_image *out_mask)
{
    ADI_CHECK_ARG(dataset && out_mask, "ad_dataset_read_mask: an argument is NULL");
    ADI_TRY(check_index(dataset, index));
    ad_read_options o;
    ADI_TRY(take_options(dataset, options, &o));
    return adi_dataset_read_mask(dataset, index, &o, out_mask);
}
