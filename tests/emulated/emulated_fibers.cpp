/* The emulated device: fibers, barriers, warps, shared memory. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "emulated_internal.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace
{

using namespace adi_emu;

/* ---- Fibers ---- */

enum state { READY, AT_BLOCK, AT_WARP, DONE };
enum { STACK = 128 * 1024, MAX_THREADS = 1024, SHARED = 227 * 1024, GUARD = 256, ASYNC = 64 };

struct pending {
    void *to;
    const void *from;
    size_t bytes;
    int group;
};

struct runner : adi_emu::fiber {
    state is;
    unsigned mask; /* waited for */
    int group, asyncs;
    pending async[ASYNC];
#if defined(__x86_64__)
    void *sp;
#else
    ucontext_t context;
#endif
};

struct warp {
    unsigned live, arrived;
    alignas(64) unsigned char slots[2][32 * adi_emu::SLOT];
};

struct machine { /* one for each host thread that runs kernels */
    runner *threads;
    unsigned char *stacks, *shared_memory; /* a closed page lies below every stack */
    warp *warps;
    unsigned count, live, at_block;
    size_t shared_bytes;
    const char *kernel;
    const std::function<void()> *body;
    runner *running;
#if defined(__x86_64__)
    void *sp;
#else
    ucontext_t context;
#endif
    machine();
    ~machine();
};

machine::machine()
{
    threads = new runner[MAX_THREADS];
    warps = new warp[MAX_THREADS / 32];
    stacks = (unsigned char *)mmap(nullptr, (size_t)STACK * MAX_THREADS, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    shared_memory = (unsigned char *)aligned_alloc(1024, SHARED + 1024);
    if (stacks == MAP_FAILED || !shared_memory)
        die("no memory for fibers");
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < MAX_THREADS; i++) {
        mprotect(stacks + i * STACK, page, PROT_NONE);
        add_guard(stacks + i * STACK, "below a thread's stack");
    }
}

machine::~machine()
{
    munmap(stacks, (size_t)STACK * MAX_THREADS);
    free(shared_memory);
    delete[] threads;
    delete[] warps;
}

thread_local machine *now;

#if defined(__x86_64__)
extern "C" void adi_emu_switch(void **save, void *to);
asm(".text\n.type adi_emu_switch,@function\nadi_emu_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
    ".size adi_emu_switch,.-adi_emu_switch\n");
#endif

void to_scheduler()
{
#if defined(__x86_64__)
    adi_emu_switch(&now->running->sp, now->sp);
#else
    swapcontext(&now->running->context, &now->context);
#endif
}

void entry()
{
    (*now->body)();
    now->running->is = DONE;
    to_scheduler();
    die("a finished thread went on");
}

void prepare(runner *t, unsigned i)
{
    unsigned char *top = now->stacks + (size_t)STACK * (i + 1);
#if defined(__x86_64__)
    void **sp = (void **)(void *)top;
    *--sp = nullptr; /* as after a call: the stack is 8 off a multiple of 16 */
    *--sp = (void *)entry;
    for (int r = 0; r < 6; r++)
        *--sp = nullptr;
    t->sp = sp;
#else
    getcontext(&t->context);
    t->context.uc_stack.ss_sp = top - STACK;
    t->context.uc_stack.ss_size = STACK;
    makecontext(&t->context, entry, 0);
#endif
    t->is = READY;
    t->collectives = 0;
    t->group = t->asyncs = 0;
}

void release_block()
{
    for (unsigned i = 0; i < now->count; i++)
        if (now->threads[i].is == AT_BLOCK)
            now->threads[i].is = READY;
    now->at_block = 0;
}

void resume(runner *t)
{
    now->running = t;
    adi_emu::self = t;
#if defined(__x86_64__)
    adi_emu_switch(&now->sp, t->sp);
#else
    swapcontext(&now->context, &t->context);
#endif
    if (t->is != DONE)
        return;
    now->live--;
    now->warps[t->warp].live &= ~(1u << t->lane);
    if (now->live && now->at_block == now->live)
        release_block();
}

void stuck()
{
    unsigned block = 0, in_warp = 0;
    for (unsigned i = 0; i < now->count; i++) {
        block += now->threads[i].is == AT_BLOCK;
        in_warp += now->threads[i].is == AT_WARP;
    }
    die("deadlock: %u threads wait at __syncthreads, %u in a warp, %u have ended", block, in_warp,
        now->count - block - in_warp);
}

/* The order in which threads get their turns. */
void find_order(std::vector<unsigned> &order, unsigned count, char how, uint64_t seed)
{
    order.resize(count);
    for (unsigned i = 0; i < count; i++)
        order[i] = how == 'r' ? count - 1 - i : i;
    for (unsigned i = count; how == 's' && i > 1; i--) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        std::swap(order[i - 1], order[(seed >> 33) % i]);
    }
}

void run_block(const std::vector<unsigned> &order)
{
    now->live = now->count;
    now->at_block = 0;
    now->shared_bytes = 0;
    for (unsigned i = 0; i < now->count; i++)
        prepare(&now->threads[i], i);
    for (unsigned w = 0; w < (now->count + 31) / 32; w++) {
        const unsigned lanes = now->count - 32 * w;
        now->warps[w].live = lanes >= 32 ? ~0u : (1u << lanes) - 1;
        now->warps[w].arrived = 0;
    }
    while (now->live) {
        bool ran = false;
        for (unsigned i : order)
            if (now->threads[i].is == READY) {
                ran = true;
                resume(&now->threads[i]);
            }
        if (!ran)
            stuck();
    }
    if (now->shared_bytes && !is_poison(now->shared_memory + now->shared_bytes, GUARD))
        die("the block wrote behind its shared memory");
}

} // namespace

namespace adi_emu
{

thread_local fiber *self;

const char *where()
{
    static char text[200]; /* of the one that dies */
    if (!now || !now->running)
        return "";
    const runner *t = now->running;
    snprintf(text, sizeof text, "kernel %s, block %u,%u,%u, thread %u: ", now->kernel, t->block.x,
             t->block.y, t->block.z, t->rank);
    return text;
}

void *shared(size_t bytes, size_t align)
{
    const size_t rounded = (bytes + 3) / 4 * 4;
    if (!now->shared_bytes) { /* the first thread of the block */
        if (bytes > SHARED || align > 1024)
            die("more shared memory than a block can have");
        fill_poison(now->shared_memory, rounded + GUARD);
        now->shared_bytes = rounded;
    }
    if (now->shared_bytes != rounded)
        die("shared memory is one struct a kernel");
    return now->shared_memory;
}

void sync_block()
{
    runner *t = now->running;
    t->is = AT_BLOCK;
    if (++now->at_block == now->live)
        release_block();
    else
        to_scheduler();
}

const unsigned char *gather(unsigned mask, const void *mine, size_t bytes)
{
    runner *t = now->running;
    warp *w = &now->warps[t->warp];
    unsigned char *slots = w->slots[t->collectives++ & 1];
    memcpy(slots + SLOT * t->lane, mine, bytes);
    if (!(mask >> t->lane & 1u) || (mask & w->live) != mask)
        die("a warp's collective with a mask that its lanes are not in");
    w->arrived |= 1u << t->lane;
    t->mask = mask;
    if ((w->arrived & mask) != mask) {
        t->is = AT_WARP;
        to_scheduler();
        return slots;
    }
    w->arrived &= ~mask;
    for (unsigned i = 0; i < 32; i++) {
        runner *o = &now->threads[32 * t->warp + i];
        if (!(mask >> i & 1u) || o == t)
            continue;
        if (o->mask != mask)
            die("lanes of a warp meet with different masks");
        if ((o->collectives ^ t->collectives) & 1u)
            die("lanes of a warp meet that have done different numbers of collectives");
        o->is = READY;
    }
    return slots;
}

void copy_async(void *to, const void *from, size_t bytes)
{
    runner *t = now->running;
    if (t->asyncs == ASYNC)
        die("too many copies are under way");
    t->async[t->asyncs++] = {to, from, bytes, t->group};
}

void commit_async()
{
    now->running->group++;
}

void wait_async(int groups_left)
{
    runner *t = now->running;
    int kept = 0;
    for (int i = 0; i < t->asyncs; i++) {
        const pending &p = t->async[i];
        if (p.group >= t->group - groups_left)
            t->async[kept++] = p;
        else
            memcpy(p.to, p.from, p.bytes);
    }
    t->asyncs = kept;
}

void run_grid(const char *kernel, dim3 grid, dim3 block, const std::function<void()> &thread)
{
    static thread_local machine mine;
    const unsigned count = block.x * block.y * block.z;
    if (!count || count > MAX_THREADS || !grid.x || !grid.y || !grid.z || grid.y > 65535 ||
        grid.z > 65535)
        die("kernel %s: a launch of a size that a GPU refuses", kernel);
    now = &mine;
    now->kernel = kernel;
    now->count = count;
    now->body = &thread;
    for (unsigned i = 0; i < count; i++) {
        runner *t = &now->threads[i];
        t->thread = {i % block.x, i / block.x % block.y, i / block.x / block.y};
        t->block_dim = block;
        t->grid_dim = grid;
        t->rank = i;
        t->lane = i % 32;
        t->warp = i / 32;
    }
    const char *how = setting("order=");
    std::vector<unsigned> order;
    for (unsigned b = 0; b < grid.x * grid.y * grid.z; b++) {
        for (unsigned i = 0; i < count; i++)
            now->threads[i].block = {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
        if (!b || (how && *how == 's'))
            find_order(order, count, how ? *how : 'f', b);
        run_block(order);
    }
    now->running = nullptr;
}

} // namespace adi_emu
