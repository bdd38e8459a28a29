/* The emulated device: its memory. Pages that only kernels and copies can touch, closed pages and
 * poison around every allocation. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "emulated_internal.h"

namespace
{

using namespace adi_emu;

enum : unsigned { POISON = 0xffb00bad }; /* a NaN */
enum { FREED_KEPT = 1024 };              /* freed allocations whose addresses stay closed */

std::mutex lock; /* of all below */
std::map<const unsigned char *, allocation> live;
std::deque<allocation> freed;
std::vector<std::pair<const unsigned char *, const char *>> guards;
size_t used;
int opened;
long long mallocs;

size_t page_size()
{
    static const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    return bytes;
}

size_t memory_limit()
{
    return (size_t)setting_number("memory=", (long long)8 << 30);
}

void protect_device(int how)
{
    for (auto &it : live)
        if (it.second.device != PINNED)
            mprotect(it.second.pages, it.second.mapped, how);
}

bool is_within(const allocation &a, const unsigned char *at)
{
    return at >= a.pages - page_size() && at < a.pages + a.mapped + page_size();
}

/* Without the lock: the thread that faulted may hold it. */
const char *describe_address(const unsigned char *at)
{
    for (auto &g : guards)
        if (at >= g.first && at < g.first + page_size())
            return g.second;
    for (auto &it : live)
        if (is_within(it.second, at))
            return at < it.first                      ? "in front of an allocation"
                   : at >= it.first + it.second.bytes ? "behind an allocation"
                   : opened                           ? "closed by another thread"
                                                      : "device memory, touched by the host";
    for (auto &a : freed)
        if (is_within(a, at))
            return "in freed device memory";
    return "no memory of the device";
}

struct sigaction before;

void say_fault(int signal_number, siginfo_t *info, void *)
{
    char text[256];
    const int n = snprintf(text, sizeof text, "emulated cuda: %saddress %p is %s\n", where(),
                           info->si_addr, describe_address((unsigned char *)info->si_addr));
    (void)!write(2, text, (size_t)n);
    sigaction(signal_number, &before, nullptr); /* and again */
}

/* On a stack of its own: a fiber may have come to the end of its one. */
void catch_faults()
{
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction a = {};
        a.sa_sigaction = say_fault;
        a.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(SIGSEGV, &a, &before);
    });
    enum { STACK = 16384 };
    static thread_local std::unique_ptr<unsigned char[]> stack;
    stack_t s = {};
    if (!stack && sigaltstack(nullptr, &s) == 0 && (s.ss_flags & SS_DISABLE)) {
        stack.reset(new unsigned char[STACK]);
        s = {};
        s.ss_sp = stack.get();
        s.ss_size = STACK;
        sigaltstack(&s, nullptr);
    }
}

} // namespace

namespace adi_emu
{

void die(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "emulated cuda: %s%s\n", where(), text);
    abort();
}

const char *setting(const char *key)
{
    const char *all = getenv("ADFEAT_EMULATED"), *at = all ? strstr(all, key) : nullptr;
    return at ? at + strlen(key) : nullptr;
}

long long setting_number(const char *key, long long otherwise)
{
    const char *text = setting(key);
    return text ? strtoll(text, nullptr, 0) : otherwise;
}

void fill_poison(void *p, size_t bytes)
{
    unsigned *u = (unsigned *)p;
    for (size_t i = 0; i < bytes / 4; i++)
        u[i] = POISON;
    memset((unsigned char *)p + bytes / 4 * 4, 0xff, bytes % 4);
}

bool is_poison(const void *p, size_t bytes)
{
    const unsigned *u = (const unsigned *)p;
    for (size_t i = 0; i < bytes / 4; i++)
        if (u[i] != POISON)
            return false;
    return true;
}

bool find_allocation(const void *p, size_t bytes, allocation *out)
{
    std::lock_guard<std::mutex> g(lock);
    auto it = live.upper_bound((const unsigned char *)p);
    if (it == live.begin())
        return false;
    --it;
    *out = it->second;
    const size_t at = (size_t)((const unsigned char *)p - it->first);
    return at == 0 ? bytes <= it->second.bytes
                   : at < it->second.bytes && bytes <= it->second.bytes - at;
}

/* At the end of its pages, so that the closed page behind it is as near as its alignment allows. */
cudaError_t allocate(void **p, size_t bytes, int device)
{
    catch_faults();
    std::lock_guard<std::mutex> g(lock);
    const long long nth = setting_number("malloc=", 0);
    if (device != PINNED && ((nth && ++mallocs == nth) || used + bytes > memory_limit()))
        return cudaErrorMemoryAllocation;
    const size_t page = page_size(), mapped = (bytes + 255 + page) / page * page;
    unsigned char *at = (unsigned char *)mmap(nullptr, mapped + 2 * page, PROT_NONE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return cudaErrorMemoryAllocation;
    mprotect(at + page, mapped, PROT_READ | PROT_WRITE);
    fill_poison(at + page, mapped);
    unsigned char *start = at + page + (mapped - bytes) / 256 * 256;
    live[start] = {bytes, mapped, at + page, device};
    if (device != PINNED && !opened)
        mprotect(at + page, mapped, PROT_NONE);
    used += device != PINNED ? bytes : 0;
    *p = start;
    return cudaSuccess;
}

void release(void *p)
{
    std::lock_guard<std::mutex> g(lock);
    auto it = live.find((unsigned char *)p);
    if (it == live.end())
        die("a pointer is freed that was not allocated, or twice");
    const allocation a = it->second;
    const size_t page = page_size(), front = (size_t)((unsigned char *)p - a.pages);
    mprotect(a.pages, a.mapped, PROT_READ | PROT_WRITE);
    const size_t end = front + (a.bytes + 3) / 4 * 4;
    if (!is_poison(a.pages, front) || !is_poison(a.pages + end, a.mapped - end))
        die("something wrote before or behind an allocation of %zu bytes", a.bytes);
    mprotect(a.pages, a.mapped, PROT_NONE);
    madvise(a.pages, a.mapped, MADV_DONTNEED);
    used -= a.device != PINNED ? a.bytes : 0;
    live.erase(it);
    freed.push_back(a);
    if (freed.size() > FREED_KEPT) {
        munmap(freed.front().pages - page, freed.front().mapped + 2 * page);
        freed.pop_front();
    }
}

void memory_info(size_t *free_bytes, size_t *total)
{
    std::lock_guard<std::mutex> g(lock);
    *total = memory_limit();
    *free_bytes = *total - used;
}

void add_guard(const void *page, const char *what)
{
    std::lock_guard<std::mutex> g(lock);
    guards.push_back({(const unsigned char *)page, what});
}

open_memory::open_memory()
{
    catch_faults();
    std::lock_guard<std::mutex> g(lock);
    if (!opened++)
        protect_device(PROT_READ | PROT_WRITE);
}

open_memory::~open_memory()
{
    std::lock_guard<std::mutex> g(lock);
    if (!--opened)
        protect_device(PROT_NONE);
}

} // namespace adi_emu
