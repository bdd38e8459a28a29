/* A device that shows what host code does wrong, without a device: ref's kernels, on memory that is
 * closed while none of them runs. Host code that reads or writes it crashes. A kernel that is given
 * memory of the host, or no queue, ends the program with its name.
 *
 * It is C++ for one reason: a template writes the wrapper of every kernel from its type. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <map>
#include <mutex>
#include <type_traits>

extern "C" {
#include "plugin.h"
}

/* ---- Memory: pages of one arena ---- */

static const size_t PAGE = 4096, ARENA = (size_t)1 << 36;

struct adi_queue {
    int unused;
};

namespace {

struct arena {
    char *base;
    size_t used;                      /* pages up to here were given out once */
    std::map<size_t, size_t> blocks;  /* offset to bytes, whole pages */
    std::multimap<size_t, size_t> idle; /* bytes to offset */
    std::mutex lock;                  /* of all of it, and of opening */
    int open;                         /* kernels that run */
};

arena &memory()
{
    static arena *a = [] {
        arena *made = new arena();
        made->base = (char *)mmap(NULL, ARENA, PROT_NONE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return made;
    }();
    return *a;
}

/* Memory is open while this lives. */
struct opened {
    opened()
    {
        arena &a = memory();
        std::lock_guard<std::mutex> hold(a.lock);
        if (a.open++ == 0 && a.used)
            mprotect(a.base, a.used, PROT_READ | PROT_WRITE);
    }
    ~opened()
    {
        arena &a = memory();
        std::lock_guard<std::mutex> hold(a.lock);
        if (--a.open == 0 && a.used)
            mprotect(a.base, a.used, PROT_NONE);
    }
};

bool is_ours(const void *p)
{
    const arena &a = memory();
    return (const char *)p >= a.base && (const char *)p < a.base + ARENA;
}

[[noreturn]] void wrong(const char *kernel, const char *what)
{
    fprintf(stderr, "guarded: %s was given %s\n", kernel, what);
    abort();
}

/* ---- What a kernel is given ---- */

void check_memory(const char *kernel, const void *p)
{
    if (p && !is_ours(p))
        wrong(kernel, "memory of the host");
}

void check(const char *kernel, const adi_exec *ex)
{
    if (!ex->queue)
        wrong(kernel, "no queue");
    check_memory(kernel, ex->scratch);
}

void check(const char *kernel, const float *p) { check_memory(kernel, p); }
void check(const char *kernel, float *p) { check_memory(kernel, p); }
void check(const char *kernel, const double *p) { check_memory(kernel, p); }
void check(const char *kernel, double *p) { check_memory(kernel, p); }
void check(const char *kernel, const void *p) { check_memory(kernel, p); }

void check(const char *kernel, const adi_epilogue *e)
{
    check_memory(kernel, e->bias);
    check_memory(kernel, e->residual);
    check_memory(kernel, e->row_sums);
}

void check(const char *kernel, const adi_batchnorm_batch *b)
{
    check_memory(kernel, b->weight);
    check_memory(kernel, b->bias);
    check_memory(kernel, b->mean);
    check_memory(kernel, b->var);
}

void check(const char *kernel, const adi_groupnorm *g)
{
    check_memory(kernel, g->weight);
    check_memory(kernel, g->bias);
}

/* Shapes and numbers, which are the host's. */
template <typename T> struct is_shape { static const bool value = false; };
#define SHAPE(T)                                                                                   \
    template <> struct is_shape<const T *> { static const bool value = true; };
SHAPE(adi_conv2d_dims) SHAPE(adi_pool2d_dims) SHAPE(adi_pad2d_dims) SHAPE(adi_resize_dims)
SHAPE(adi_blur_dims) SHAPE(adi_npc) SHAPE(adi_coupling_dims) SHAPE(adi_position_dims)
SHAPE(adi_sgd) SHAPE(adi_adam) SHAPE(adi_gather_dims)

template <typename T> void check_any(const char *kernel, T value)
{
    if constexpr (std::is_pointer_v<T> && !is_shape<T>::value)
        check(kernel, value);
}

/* ---- The wrapper of a kernel ---- */

template <auto MEMBER, typename R, typename... A> struct guard {
    static const char *name;
    static R call(const adi_exec *ex, A... a)
    {
        check(name, ex);
        (check_any(name, a), ...);
        const opened open;
        return (adi_backend_ref.kernels->*MEMBER)(ex, a...);
    }
};
template <auto MEMBER, typename R, typename... A> const char *guard<MEMBER, R, A...>::name;

/* A member of the table, which is ref's `kernel`. */
template <auto MEMBER, typename R, typename... A>
void put(adi_kernels *k, const char *name, R (*kernel)(const adi_exec *, A...))
{
    guard<MEMBER, R, A...>::name = name;
    k->*MEMBER = kernel ? guard<MEMBER, R, A...>::call : NULL;
}

/* One without an adi_exec runs on the host, on memory of the host. */
template <auto MEMBER, typename R, typename... A>
void put(adi_kernels *k, const char *, R (*kernel)(A...))
{
    k->*MEMBER = kernel;
}

/* ---- Calls of memory ---- */

ad_status alloc(void *, size_t bytes, void **out)
{
    arena &a = memory();
    std::lock_guard<std::mutex> hold(a.lock);
    const size_t size = (bytes + PAGE - 1) / PAGE * PAGE;
    auto found = a.idle.lower_bound(size);
    size_t at = a.used;
    if (found != a.idle.end() && found->first <= 2 * size) {
        at = found->second;
        a.blocks[at] = found->first;
        a.idle.erase(found);
    } else if (a.used + size + PAGE > ARENA) {
        return AD_ERR_OUT_OF_MEMORY;
    } else {
        a.blocks[at] = size;
        a.used += size;
        if (a.open)
            mprotect(a.base + at, size, PROT_READ | PROT_WRITE);
    }
    *out = a.base + at;
    return AD_OK;
}

void release(void *, void *p)
{
    arena &a = memory();
    std::lock_guard<std::mutex> hold(a.lock);
    const size_t at = (size_t)((char *)p - a.base);
    auto found = a.blocks.find(at);
    if (!is_ours(p) || found == a.blocks.end())
        wrong("free", "memory that is not allocated");
    madvise(p, found->second, MADV_DONTNEED); /* so that what was freed is zeros, if it is read */
    a.idle.insert({found->second, at});
    a.blocks.erase(found);
}

ad_status staging_alloc(void *, size_t bytes, void **out)
{
    *out = malloc(bytes ? bytes : 1);
    return *out ? AD_OK : AD_ERR_OUT_OF_MEMORY;
}

void staging_free(void *, void *p)
{
    free(p);
}

ad_status queue_create(void *, adi_queue **out)
{
    *out = new adi_queue();
    return AD_OK;
}

void queue_destroy(void *, adi_queue *queue)
{
    delete queue;
}

ad_status upload(void *, adi_queue *, void *to, const void *from, size_t bytes)
{
    if (!is_ours(to) || is_ours(from))
        wrong("upload", "memory of the wrong side");
    const opened open;
    memcpy(to, from, bytes);
    return AD_OK;
}

ad_status download(void *, adi_queue *, void *to, const void *from, size_t bytes)
{
    if (is_ours(to) || !is_ours(from))
        wrong("download", "memory of the wrong side");
    const opened open;
    memcpy(to, from, bytes);
    return AD_OK;
}

ad_status copy(void *, adi_queue *, void *to, const void *from, size_t bytes)
{
    if (!is_ours(to) || !is_ours(from))
        wrong("copy", "memory of the host");
    const opened open;
    memmove(to, from, bytes);
    return AD_OK;
}

ad_status clear(void *, adi_queue *, void *p, size_t bytes)
{
    if (!is_ours(p))
        wrong("clear", "memory of the host");
    const opened open;
    memset(p, 0, bytes);
    return AD_OK;
}

ad_status wait(void *, adi_queue *)
{
    return AD_OK;
}

const char *failure(void *)
{
    return NULL;
}

void bytes(void *, size_t *out_free, size_t *out_total)
{
    *out_free = *out_total = ARENA;
}

/* ---- The plugin ---- */

ad_status count(int32_t *out_count, char *, size_t)
{
    *out_count = 1;
    return AD_OK;
}

ad_status info(int32_t index, adi_plugin_device *out, char *text, size_t size)
{
    if (index > 0) {
        snprintf(text, size, "there is 1 device");
        return AD_ERR_BACKEND;
    }
    *out = adi_plugin_device{};
    snprintf(out->name, sizeof out->name, "guarded memory");
    out->free_bytes = out->total_bytes = ARENA;
    return AD_OK;
}

ad_status open_device(int32_t index, int32_t, void **out, char *text, size_t size)
{
    adi_plugin_device unused;
    const ad_status status = info(index, &unused, text, size);
    *out = status == AD_OK ? &memory() : NULL;
    return status;
}

void close_device(void *)
{
}

const adi_memory calls = {alloc,  release, staging_alloc, staging_free, queue_create,
                          queue_destroy, upload, download, copy, clear,
                          wait, NULL, NULL, NULL, NULL, NULL, failure, bytes};

/* Made when the module is opened. The list is of the members of adi_kernels, from backend.h. */
const adi_kernels kernels = [] {
    adi_kernels k = {};
#define KERNEL(NAME) put<&adi_kernels::NAME>(&k, #NAME, adi_backend_ref.kernels->NAME);
#include "guarded_kernels.h"
    return k;
}();

} // namespace

extern "C" __attribute__((visibility("default"))) const adi_plugin adi_backend_plugin;
const adi_plugin adi_backend_plugin = {
    ADI_PLUGIN_ABI, 0, "cuda", "ref's kernels on guarded memory", &kernels, &calls, count, info,
    open_device, close_device};
