/* The extractor of feature maps, and its workspaces. */
#include "model/extractor.h"

#include <stdio.h>
#include <string.h>

#include "core/finite.h"
#include "core/options.h"

ad_status adi_extractor_create(ad_context *context, const adi_network *network,
                               const adi_preprocess *preprocess, const int32_t *taps,
                               int32_t tap_count, adi_extractor **out_extractor)
{
    const adi_allocator *a = &context->allocator;
    *out_extractor = NULL;
    adi_extractor *x = adi_calloc(a, 1, sizeof *x);
    if (!x)
        return adi_fail_memory();
    x->context = context;
    x->network = network;
    x->preprocess = *preprocess;
    x->tap_count = tap_count;
    memcpy(x->taps, taps, (size_t)tap_count * sizeof *taps);
    ad_status status = adi_plan_create(network, &context->device, taps, tap_count,
                                       preprocess->crop, preprocess->crop, &x->plan);
    if (status == AD_OK && pthread_mutex_init(&x->lock, NULL) != 0)
        status = adi_fail_memory();
    if (status != AD_OK) {
        adi_plan_destroy(x->plan);
        adi_free(a, x);
        return status;
    }
    x->scratch_bytes = x->plan->scratch_bytes;
    x->map_side = preprocess->crop;
    *out_extractor = x;
    return AD_OK;
}

static void free_workspace(const adi_extractor *x, adi_workspace *w)
{
    const adi_allocator *a = &x->context->allocator;
    const adi_device *d = &x->context->device;
    adi_resize_scratch_free(&w->resize);
    adi_depth_scratch_free(&w->depth_scratch);
    for (int i = 0; i < 2; i++)
        adi_tape_free(d, &w->tapes[i]);
    adi_mem_queue_destroy(d, w->queue);
    adi_mem_free(d, a, w->block);
    adi_mem_free(d, a, w->scratch);
    adi_mem_free(d, a, w->extra);
    if (d->memory) {
        adi_mem_staging_free(d, a, w->host_results);
        adi_mem_staging_free(d, a, w->input);
        adi_free(a, w->host_scratch);
        adi_free(a, w->layers);
    }
    adi_mem_staging_free(d, a, w->depth);
    adi_free(a, w->map);
    adi_free(a, w->tail);
    adi_free(a, w->rgb);
    adi_free(a, w);
}

void adi_extractor_destroy(adi_extractor *x)
{
    if (!x)
        return;
    const adi_allocator *a = &x->context->allocator;
    for (adi_workspace *w = x->idle; w;) {
        adi_workspace *next = w->next;
        free_workspace(x, w);
        w = next;
    }
    pthread_mutex_destroy(&x->lock);
    adi_plan_destroy(x->plan);
    adi_free(a, x);
}

void adi_extractor_reserve(adi_extractor *x, size_t kernel_scratch_bytes, size_t extra_floats,
                           size_t result_floats)
{
    if (kernel_scratch_bytes > x->scratch_bytes)
        x->scratch_bytes = kernel_scratch_bytes;
    x->extra_floats = adi_whole_floats((int64_t)extra_floats);
    x->result_floats = result_floats;
}

void adi_extractor_keep_rgb(adi_extractor *x)
{
    const size_t crop = (size_t)x->preprocess.crop;
    x->rgb_bytes = 3 * crop * crop;
}

static size_t depth_floats(const adi_extractor *x)
{
    const size_t positions = (size_t)x->depth.grid * (size_t)x->depth.grid;
    return positions * (ADI_DEPTH_UNSHUFFLE * ADI_DEPTH_UNSHUFFLE + 1);
}

void adi_extractor_take_depth(adi_extractor *x, adi_image_needs needs,
                              const adi_depth_options *options)
{
    x->needs = needs;
    x->depth = *options;
}

void adi_extractor_reserve_map(adi_extractor *x, int32_t side, size_t tail_floats,
                               size_t host_scratch_bytes)
{
    x->map_side = side;
    x->map_floats = (size_t)side * (size_t)side;
    x->tail_floats = tail_floats;
    x->host_scratch_bytes = host_scratch_bytes;
    if (!x->context->device.memory && host_scratch_bytes > x->scratch_bytes)
        x->scratch_bytes = host_scratch_bytes;
}

static size_t input_floats(const adi_extractor *x)
{
    const adi_shape *s = &x->plan->input[0];
    return (size_t)(s->h * s->w * s->c);
}

static size_t layer_floats(const adi_extractor *x, int32_t index)
{
    const adi_shape *s = adi_extractor_shape(x, index);
    return (size_t)(s->h * s->w * s->c);
}

/* Floats of a workspace in the backend's memory and in the host's, all of them known. */
static size_t device_floats(const adi_extractor *x)
{
    return x->plan->block_floats + x->extra_floats + x->result_floats;
}

static size_t host_floats(const adi_extractor *x)
{
    const size_t staging = x->context->device.memory ? x->result_floats + input_floats(x) : 0;
    return staging + x->map_floats + x->tail_floats + depth_floats(x);
}

size_t adi_extractor_bytes(adi_extractor *x)
{
    const size_t steps = (size_t)x->network->graph->node_count * sizeof(adi_step);
    const size_t padding = 14 * ADI_ALIGNMENT; /* fourteen blocks, each rounded up */
    size_t bytes = padding + sizeof *x + sizeof *x->plan + steps
                   + (size_t)x->tap_count * sizeof *x->plan->taps + sizeof(adi_workspace)
                   + (device_floats(x) + host_floats(x)) * sizeof(float)
                   + x->plan->packed_bytes + x->scratch_bytes + x->rgb_bytes;
    pthread_mutex_lock(&x->lock);
    bytes += x->grown_bytes;
    pthread_mutex_unlock(&x->lock);
    return bytes;
}

ad_status adi_extractor_check_room(const adi_extractor *x)
{
    size_t bytes = host_floats(x) * sizeof(float) + x->rgb_bytes;
    if (!x->context->device.memory) /* a device's memory is not the context's */
        bytes += device_floats(x) * sizeof(float) + x->scratch_bytes;
    return adi_budget_check(x->context->budget, bytes);
}

/* The memory that a device's workspace has beside the device's own. */
static ad_status allocate_staging(const adi_extractor *x, adi_workspace *w)
{
    const adi_allocator *a = &x->context->allocator;
    const adi_device *d = &x->context->device;
    w->host_results = adi_mem_staging_alloc(d, a, x->result_floats * sizeof *w->host_results);
    w->host_scratch = adi_alloc(a, x->host_scratch_bytes);
    w->input = adi_mem_staging_alloc(d, a, input_floats(x) * sizeof *w->input);
    if (!w->host_results || !w->host_scratch || !w->input)
        return adi_fail_memory();
    return adi_mem_queue_create(d, &w->queue);
}

static ad_status allocate(const adi_extractor *x, adi_workspace *w)
{
    const adi_allocator *a = &x->context->allocator;
    const adi_device *d = &x->context->device;
    w->block = adi_mem_alloc(d, a, x->plan->block_floats * sizeof *w->block);
    w->scratch = adi_mem_alloc(d, a, x->scratch_bytes);
    w->extra = adi_mem_alloc(d, a, (x->extra_floats + x->result_floats) * sizeof *w->extra);
    w->map = adi_alloc(a, x->map_floats * sizeof *w->map);
    w->tail = adi_alloc(a, x->tail_floats * sizeof *w->tail);
    w->rgb = x->rgb_bytes ? adi_alloc(a, x->rgb_bytes) : NULL;
    w->depth = x->depth.grid ? adi_mem_staging_alloc(d, a, depth_floats(x) * sizeof *w->depth)
                             : NULL;
    if (!w->block || !w->scratch || !w->extra || !w->map || !w->tail || (x->rgb_bytes && !w->rgb) ||
        (x->depth.grid && !w->depth))
        return adi_fail_memory();
    w->results = w->extra + x->extra_floats;
    if (d->memory)
        return allocate_staging(x, w);
    w->host_results = adi_mem_on_host(w->results);
    w->host_scratch = w->scratch;
    return AD_OK;
}

static ad_status new_workspace(const adi_extractor *x, adi_workspace **out_workspace)
{
    const adi_allocator *a = &x->context->allocator;
    adi_workspace *w = adi_calloc(a, 1, sizeof *w);
    if (!w)
        return adi_fail_memory();
    w->resize.allocator = a;
    w->resize.kernels = x->context->backend->host;
    w->depth_scratch.allocator = a;
    const ad_status status = allocate(x, w);
    if (status == AD_OK)
        *out_workspace = w;
    else
        free_workspace(x, w);
    return status;
}

ad_status adi_extractor_borrow(adi_extractor *x, adi_workspace **out_workspace)
{
    ADI_TRY(adi_mem_check_process(&x->context->device));
    pthread_mutex_lock(&x->lock);
    adi_workspace *w = x->idle;
    if (w)
        x->idle = w->next;
    pthread_mutex_unlock(&x->lock);
    if (!w)
        return new_workspace(x, out_workspace);
    *out_workspace = w;
    return AD_OK;
}

void adi_extractor_give_back(adi_extractor *x, adi_workspace *w)
{
    if (w->tape)
        adi_tape_abort(&x->context->device, w->queue, w->tape);
    w->tape = NULL;
    const size_t grown = w->resize.bytes + w->depth_scratch.doubles * sizeof(double);
    pthread_mutex_lock(&x->lock);
    x->grown_bytes = grown > x->grown_bytes ? grown : x->grown_bytes;
    w->next = x->idle;
    x->idle = w;
    pthread_mutex_unlock(&x->lock);
}

ad_status adi_extractor_run(const adi_extractor *x, adi_workspace *w, const ad_image *view)
{
    ad_image image;
    const size_t positions = (size_t)x->depth.grid * (size_t)x->depth.grid;
    ADI_TRY(adi_image_take(view, x->needs, &image));
    w->frame = adi_frame_of(&x->preprocess, image.width, image.height);
    if (x->depth.grid)
        ADI_TRY(adi_depth_run(&x->depth, &image, &w->depth_scratch, w->depth,
                              w->depth + depth_floats(x) - positions));
    if (x->needs == ADI_DEPTH_ALONE)
        return AD_OK;
    adi_f32 *const input = w->block + x->plan->input_offset[0];
    ADI_TRY(adi_preprocess_run(&x->preprocess, &w->frame,
                               w->input ? w->input : adi_mem_on_host(input), w->rgb, &image,
                               &w->resize));
    if (w->input)
        ADI_TRY(adi_mem_upload(&x->context->device, w->queue, input, w->input,
                               input_floats(x) * sizeof *input));
    return adi_plan_run(x->plan, w->queue, w->block, w->scratch);
}

ad_status adi_extractor_input(const adi_extractor *x, const adi_workspace *w, adi_f32 *to)
{
    if (w->input)
        return adi_mem_upload(&x->context->device, w->queue, to, w->input,
                              input_floats(x) * sizeof *to);
    adi_preprocess_from_bytes(&x->preprocess, adi_mem_on_host(to), w->rgb,
                              (int64_t)x->rgb_bytes / 3);
    return AD_OK;
}

const adi_shape *adi_extractor_shape(const adi_extractor *x, int32_t index)
{
    return &x->plan->taps[index].shape;
}

const adi_f32 *adi_extractor_data(const adi_extractor *x, const adi_workspace *w, int32_t index)
{
    return adi_plan_tap_data(x->plan, w->block, index);
}

const char *adi_extractor_layer(const adi_extractor *x, int32_t index)
{
    return x->network->graph->taps[x->taps[index]].name;
}

ad_status adi_extractor_fetch(const adi_extractor *x, adi_workspace *w, int32_t index,
                              const float **out)
{
    const adi_device *d = &x->context->device;
    size_t before = 0, all = 0;
    *out = adi_mem_host(d, adi_extractor_data(x, w, index));
    if (*out)
        return AD_OK;
    for (int32_t i = 0; i < x->tap_count; all += layer_floats(x, i++))
        before += i < index ? layer_floats(x, i) : 0;
    if (!w->layers)
        w->layers = adi_alloc(&x->context->allocator, all * sizeof *w->layers);
    if (!w->layers)
        return adi_fail_memory();
    *out = w->layers + before;
    return adi_mem_download(d, w->queue, w->layers + before, adi_extractor_data(x, w, index),
                            layer_floats(x, index) * sizeof *w->layers);
}

ad_status adi_extractor_begin(const adi_extractor *x, adi_workspace *w, int32_t which)
{
    w->tape = &w->tapes[which];
    return adi_tape_begin(&x->context->device, w->queue, w->tape);
}

ad_status adi_extractor_fetch_results(const adi_extractor *x, adi_workspace *w, size_t floats)
{
    const adi_device *d = &x->context->device;
    adi_tape *tape = w->tape;
    ADI_TRY(adi_mem_download(d, w->queue, w->host_results, w->results,
                             floats * sizeof *w->results));
    w->tape = NULL;
    return tape ? adi_tape_end(d, w->queue, tape) : AD_OK;
}

ad_status adi_extractor_check_finite(const adi_extractor *x, adi_workspace *w, int32_t index)
{
    const float *data = NULL;
    ADI_TRY(adi_extractor_fetch(x, w, index, &data));
    return adi_all_finite(data, (int64_t)layer_floats(x, index))
               ? AD_OK
               : adi_extractor_not_finite(x, index);
}

ad_status adi_extractor_not_finite(const adi_extractor *x, int32_t index)
{
    return adi_fail(AD_ERR_NUMERIC, "layer '%s': the image gives features that are not finite",
                    adi_extractor_layer(x, index));
}
