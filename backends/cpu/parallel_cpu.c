/* A thread pool. Threads belong to the process: a loop takes idle ones, up to its number, and runs
 * with fewer if others are busy or cannot be created; the results are the same. Threads are created
 * when a context asks for them or a loop lacks them, and end with the last context. Nothing here
 * allocates; a child of fork() begins without threads. */
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "blas_cpu.h"
#include "cpu.h"

enum {
    MAX_WORKERS = ADI_MAX_THREADS - 1,
    STACK_BYTES = 1 << 20, /* tasks of a batch decode and score images */
    SPINS = 2000           /* less than 0.1 ms, more than from one loop of a network to the next */
};

/* ---- A loop --------------------------------------------------------------------------------- */

/* A loop, in parts: one for each thread, all of the same size, or many of `grain` iterations. */
typedef struct loop {
    adi_loop_body *body;
    void *call;
    int64_t count, grain, parts;
    atomic_llong next;                  /* the next part, where they are many */
    atomic_bool taken[ADI_MAX_THREADS]; /* where each thread has one */
    atomic_int left;                    /* workers that may still read this, and ASLEEP */
    sem_t done;
} loop;

enum { ASLEEP = 1 << 20 }; /* the caller waits for `done` */

static void run_part(const loop *l, int32_t thread, int64_t part)
{
    if (l->grain) {
        l->body(l->call,
                (adi_share){part * l->grain, adi_min((part + 1) * l->grain, l->count), thread});
        return;
    }
    const int64_t each = l->count / l->parts, more = l->count % l->parts;
    const int64_t begin = part * each + adi_min(part, more);
    l->body(l->call, (adi_share){begin, begin + each + (part < more), thread});
}

/* Run a thread's own part, whose data lay in its cache before, then parts that nobody began. */
static void run_parts(loop *l, int32_t thread)
{
    if (l->grain) {
        for (int64_t part;
             (part = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed)) < l->parts;)
            run_part(l, thread, part);
        return;
    }
    for (int64_t i = 0; i < l->parts; i++) {
        const int64_t part = (thread + i) % l->parts;
        if (!atomic_exchange_explicit(&l->taken[part], true, memory_order_relaxed))
            run_part(l, thread, part);
    }
}

/* ---- Workers -------------------------------------------------------------------------------- */

/* The state of a worker: what it does is in the low bits; above them is the number of loops that it
 * was claimed for, by which a caller knows its own. */
enum { DOING_BITS = 3, CLAIM = 1 << DOING_BITS };

typedef enum doing {
    ABSENT,   /* no such thread */
    IDLE,     /* looks for work */
    SLEEPING, /* waits for `wake` */
    CLAIMED,  /* by a caller that still counts its threads */
    READY,    /* has a loop, which it has not begun: the caller may take it back */
    RUNNING,
    ENDING
} doing;

typedef struct worker {
    _Alignas(128) atomic_ullong state;
    int32_t thread; /* its number in the loop */
    loop *loop;
    sem_t wake;
    pthread_t id;
} worker;

static worker workers[MAX_WORKERS];
static atomic_int worker_count; /* workers[0 .. worker_count) are there */
static atomic_int most_wanted;  /* workers of one loop so far */
static atomic_int spins_allowed;
static atomic_bool enough;        /* there is one to a processor, or no more can be had */
static _Thread_local bool inside; /* in a loop: those inside of it have one thread */

/* Guards the creation and end of workers, and the variables that follow. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static int contexts;
static bool watches_forks;

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static doing doing_of(unsigned long long state)
{
    return (doing)(state & (CLAIM - 1));
}

/* The same loop's number with something else. */
static unsigned long long now_doing(unsigned long long state, doing next)
{
    return (state & ~(unsigned long long)(CLAIM - 1)) | next;
}

static bool change(worker *w, unsigned long long from, unsigned long long to)
{
    return atomic_compare_exchange_strong(&w->state, &from, to);
}

static void wait_for(sem_t *s)
{
    while (sem_wait(s) != 0)
        continue; /* a signal */
}

/* The state with READY or ENDING. */
static unsigned long long await_work(worker *w)
{
    for (int spins = 0;; spins++) {
        const unsigned long long state = atomic_load_explicit(&w->state, memory_order_acquire);
        const doing d = doing_of(state);
        if (d == READY || d == ENDING)
            return state;
        if (spins < atomic_load_explicit(&spins_allowed, memory_order_relaxed)) {
            relax();
        } else if (d == CLAIMED) {
            sched_yield();
        } else if (change(w, state, now_doing(state, SLEEPING))) {
            wait_for(&w->wake);
            spins = 0;
        }
    }
}

static void *work(void *user)
{
    worker *w = user;
    inside = true;
    fesetenv(
        FE_DFL_ENV); /* not what the thread that made this one has set: see core/float_guard.h */
    for (;;) {
        const unsigned long long ready = await_work(w), running = now_doing(ready, RUNNING);
        if (doing_of(ready) == ENDING)
            return NULL;
        if (!change(w, ready, running))
            continue; /* taken back */
        loop *l = w->loop;
        run_parts(l, w->thread);
        /* before the caller goes on, whose next loop wants this thread again */
        atomic_store(&w->state, now_doing(running, IDLE));
        if (atomic_fetch_sub(&l->left, 1) == ASLEEP + 1)
            sem_post(&l->done); /* which the caller waits for, so that it is still there */
    }
}

/* ---- Making and ending ---------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&making);
    adi_blas_before_fork_cpu();
}

static void after_fork(void)
{
    adi_blas_after_fork_cpu();
    pthread_mutex_unlock(&making);
}

/* The threads are the parent's; whoever called fork() is the only one here. */
static void in_child(void)
{
    adi_blas_in_child_cpu();
    for (int i = 0; i < MAX_WORKERS; i++)
        atomic_store(&workers[i].state, ABSENT);
    atomic_store(&worker_count, 0);
    atomic_store(&most_wanted, 0); /* so that the next loop makes them anew */
    atomic_store(&enough, false);
    pthread_mutex_unlock(&making);
}

static bool make_worker(worker *w)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    atomic_store(&w->state, IDLE);
    sem_init(&w->wake, 0, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the program's own threads */
    const bool made = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                      pthread_create(&w->id, &attributes, work, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!made)
        atomic_store(&w->state, ABSENT);
    return made;
}

static int processors(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > ADI_MAX_THREADS ? ADI_MAX_THREADS : (int)n;
}

/* Create workers until there are `wanted`, or as many as possible. `making` is held. */
static void make_workers(int wanted)
{
    int count = atomic_load(&worker_count);
    if (wanted > MAX_WORKERS)
        wanted = MAX_WORKERS;
    if (!watches_forks)
        watches_forks = pthread_atfork(before_fork, after_fork, in_child) == 0;
    while (watches_forks && count < wanted && make_worker(&workers[count]))
        atomic_store(&worker_count, ++count);
    atomic_store(&enough, count < wanted);
    atomic_store(&spins_allowed,
                 count < processors() ? SPINS : 0); /* a processor for each, or none to waste */
}

int32_t adi_threads_begin_cpu(int32_t num_threads)
{
    pthread_mutex_lock(&making);
    contexts++;
    make_workers(num_threads - 1);
    if (num_threads - 1 > atomic_load(&most_wanted))
        atomic_store(&most_wanted, num_threads - 1);
    const int32_t had = atomic_load(&worker_count) + 1;
    pthread_mutex_unlock(&making);
    return had < num_threads ? had : num_threads;
}

/* Create workers for a loop that found too few: up to the most that any loop wanted or, if others
 * have taken those, as many as there are processors. */
static void make_more(int32_t wanted, int32_t lacking)
{
    pthread_mutex_lock(&making);
    const int count = atomic_load(&worker_count), all = processors() - 1;
    if (wanted > atomic_load(&most_wanted)) {
        atomic_store(&most_wanted, wanted);
        make_workers(wanted);
    } else if (count < all) {
        make_workers(count + lacking < all ? count + lacking : all);
    } else {
        atomic_store(&enough, true);
    }
    pthread_mutex_unlock(&making);
}

/* End all workers; no context is left that could give them work. */
static void end_workers(void)
{
    const int count = atomic_exchange(&worker_count, 0);
    atomic_store(&most_wanted, 0);
    for (int i = 0; i < count; i++) {
        if (doing_of(atomic_exchange(&workers[i].state, ENDING)) == SLEEPING)
            sem_post(&workers[i].wake);
        pthread_join(workers[i].id, NULL);
        sem_destroy(&workers[i].wake);
        atomic_store(&workers[i].state, ABSENT);
    }
}

void adi_threads_end_cpu(void)
{
    pthread_mutex_lock(&making);
    if (--contexts == 0)
        end_workers();
    pthread_mutex_unlock(&making);
}

/* ---- Sharing a loop ------------------------------------------------------------------------- */

typedef struct member {
    worker *w;
    unsigned long long claimed; /* its state since then */
    bool asleep;
} member;

/* Claim idle workers after the first n until there are `wanted`; low numbers first, so that a loop
 * gets the same ones each time. */
static int32_t claim(member *team, int32_t n, int32_t wanted)
{
    const int count = atomic_load(&worker_count);
    for (int i = 0; i < count && n < wanted; i++) {
        worker *w = &workers[i];
        const unsigned long long state = atomic_load_explicit(&w->state, memory_order_relaxed);
        const unsigned long long claimed = now_doing(state, CLAIMED) + CLAIM;
        const doing d = doing_of(state);
        if ((d == IDLE || d == SLEEPING) && change(w, state, claimed))
            team[n++] = (member){w, claimed, d == SLEEPING};
    }
    return n;
}

static void hand_out(loop *l, const member *team, int32_t n)
{
    atomic_store_explicit(&l->left, n, memory_order_relaxed);
    sem_init(&l->done, 0, 0);
    for (int32_t i = 0; i < n; i++) {
        team[i].w->thread = i + 1;
        team[i].w->loop = l;
        atomic_store(&team[i].w->state, now_doing(team[i].claimed, READY));
        if (team[i].asleep)
            sem_post(&team[i].w->wake);
    }
}

/* Wait for the workers that have begun; release those that have not, as on a busy machine. */
static void finish(loop *l, const member *team, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (change(team[i].w, now_doing(team[i].claimed, READY), now_doing(team[i].claimed, IDLE)))
            atomic_fetch_sub(&l->left, 1);
    const int most = atomic_load_explicit(&spins_allowed, memory_order_relaxed);
    for (int spins = 0; atomic_load_explicit(&l->left, memory_order_acquire) && spins < most;
         spins++)
        relax();
    if (atomic_load_explicit(&l->left, memory_order_acquire) &&
        atomic_fetch_add(&l->left, ASLEEP) != 0)
        wait_for(&l->done);
    sem_destroy(&l->done);
}

void adi_parallel_cpu(int32_t num_threads, int64_t count, int64_t grain, adi_loop_body *body,
                      void *call)
{
    const int64_t parts = grain ? adi_ceil_div(count, grain) : adi_min(count, num_threads);
    if (parts <= 1 || num_threads <= 1 || inside) {
        if (count > 0)
            body(call, (adi_share){0, count, 0});
        return;
    }
    member team[MAX_WORKERS];
    const int32_t wanted = (int32_t)adi_min(adi_min(num_threads, ADI_MAX_THREADS), parts) - 1;
    int32_t n = claim(team, 0, wanted);
    if (n < wanted && (wanted > atomic_load(&most_wanted) || !atomic_load(&enough))) {
        make_more(wanted, wanted - n);
        n = claim(team, n, wanted);
    }
    loop l = {.body = body, .call = call, .count = count, .grain = grain};
    l.parts = grain ? parts : n + 1;
    if (n > 0)
        hand_out(&l, team, n);
    inside = true;
    run_parts(&l, 0);
    inside = false;
    if (n > 0)
        finish(&l, team, n);
}

/* ---- Tasks ---------------------------------------------------------------------------------- */

typedef struct tasks {
    void (*task)(void *user, int64_t i);
    void *user;
} tasks;

static void run_tasks(void *call, adi_share s)
{
    const tasks *t = call;
    for (int64_t i = s.begin; i < s.end; i++)
        t->task(t->user, i);
}

void adi_parallel_for_cpu(int32_t num_threads, int64_t count, void (*task)(void *user, int64_t i),
                  void *user)
{
    adi_parallel_cpu(num_threads, count, 1, run_tasks, &(tasks){task, user});
}
