/* ad_context: options and creation. */
#include "core/options.h"
#include "device/device.h"

void ad_context_options_init(ad_context_options *options, size_t struct_size)
{
    const ad_context_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

/* 0 is the library's limit, which is also the largest possible. */
static ad_status take_limit(const char *name, int64_t wanted, int64_t most, int64_t *out)
{
    ADI_CHECK_ARG(wanted >= 0 && wanted <= most, "%s is %lld, 0 to %lld is possible", name,
                  (long long)wanted, (long long)most);
    *out = wanted ? wanted : most;
    return AD_OK;
}

ad_status ad_context_create(const ad_context_options *options, ad_context **out_context)
{
    ADI_CHECK_ARG(out_context, "ad_context_create: out_context is NULL");
    *out_context = NULL;
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_context_options"));
    ADI_CHECK_ARG(o.num_threads >= 0 && o.num_threads <= ADI_MAX_THREADS,
                  "num_threads is %d, 0 to %d is possible", o.num_threads, ADI_MAX_THREADS);
    ADI_CHECK_ARG(!o.alloc == !o.free, "alloc and free must both be set, or neither");
    ADI_CHECK_ARG(o.precision == AD_PRECISION_EXACT || o.precision == AD_PRECISION_FAST,
                  "precision is %d, 0 (exact) and 1 (fast) are possible", o.precision);
    ADI_CHECK_RESERVED(o, reserved, "ad_context_options");
    adi_file_limits limits;
    ADI_TRY(take_limit("max_side", o.max_side, ADI_IMAGE_MAX_SIDE, &limits.side));
    ADI_TRY(take_limit("max_pixels", o.max_pixels, ADI_IMAGE_MAX_PIXELS, &limits.pixels));
    ADI_TRY(take_limit("max_file_bytes", o.max_file_bytes, ADI_IMAGE_MAX_BYTES, &limits.bytes));
    adi_allocator a =
        o.alloc ? (adi_allocator){o.alloc, o.free, o.alloc_user} : adi_default_allocator;
    adi_budget *budget = NULL;
    if (o.memory_limit) {
        budget =
            adi_budget_create(&a, o.memory_limit < SIZE_MAX ? (size_t)o.memory_limit : SIZE_MAX);
        if (!budget)
            return adi_fail_memory();
        a = adi_budget_allocator(budget);
    }
    ad_context *c = adi_calloc(&a, 1, sizeof *c);
    ad_status status = c ? AD_OK : adi_fail_memory();
    if (status == AD_OK)
        status = adi_device_open(o.device, o.precision, &c->backend, &c->device);
    if (status != AD_OK) {
        adi_free(&a, c);
        adi_budget_drop(budget);
        return status;
    }
    const adi_backend *backend = c->backend;
    atomic_init(&c->refs, 1);
    atomic_init(&c->facts_said, 0);
    c->budget = budget;
    c->allocator = a;
    c->limits = limits;
    c->num_threads = o.num_threads ? o.num_threads : backend->max_threads();
    if (c->num_threads > ADI_MAX_THREADS)
        c->num_threads = ADI_MAX_THREADS;
    c->device.num_threads = c->num_threads;
    c->log = o.log;
    c->log_user = o.log_user;
    if (c->device.plugin)
        adi_log(c, AD_LOG_INFO, "device %s: %s", c->device.name, c->device.plugin->about);
    adi_log(c, AD_LOG_INFO, "%s %s: %s, %d threads", c->device.plugin ? "host" : "device",
            backend->name, backend->describe(), c->num_threads);
    if (backend->warning())
        adi_log(c, AD_LOG_WARNING, "%s", backend->warning());
    const int32_t threads = backend->threads_begin(c->num_threads);
    if (threads < c->num_threads)
        adi_log(c, AD_LOG_WARNING,
                "only %d of %d threads could be made (a limit on threads or memory?): calls give "
                "the same and take longer",
                threads, c->num_threads);
    *out_context = c;
    return AD_OK;
}

void ad_context_destroy(ad_context *context)
{
    adi_context_release(context);
}
