/* What the parts of the emulated device share. */
#ifndef ADI_EMULATED_INTERNAL_H
#define ADI_EMULATED_INTERNAL_H

#include <mutex>

#include "emulated_cuda.h"

namespace adi_emu
{

/* Of ADFEAT_EMULATED: NULL, or what follows `key`. */
const char *setting(const char *key);
long long setting_number(const char *key, long long otherwise);

/* ---- emulated_memory.cpp ---- */

struct allocation {
    size_t bytes, mapped;
    unsigned char *pages;
    int device; /* of pinned memory of the host: -1 */
};
enum { PINNED = -1 };

/* Memory that nobody has written yet. */
void fill_poison(void *p, size_t bytes);
bool is_poison(const void *p, size_t bytes);
/* The allocation that `bytes` at p lie in, as a whole. false: none. */
bool find_allocation(const void *p, size_t bytes, allocation *out);
cudaError_t allocate(void **p, size_t bytes, int device);
void release(void *p);
void memory_info(size_t *free_bytes, size_t *total);
/* A page that nobody can touch, and what it is, for the sentence that a fault gets. */
void add_guard(const void *page, const char *what);

struct open_memory { /* while it lives device memory can be touched */
    open_memory();
    ~open_memory();
};

/* ---- emulated_fibers.cpp ---- */

/* Where the running kernel is, for a sentence; "" outside of kernels. */
const char *where();

} // namespace adi_emu

#endif
