/* parallel_cpu.c: every turn is taken once, whoever shares the loop; with callers side by side,
 * loops inside of loops, and after fork(). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu/cpu.h"

enum { MOST = 1000, CALLERS = 6, LOOPS = 1500 };

typedef struct counts {
    atomic_int turns[MOST];
    atomic_int here[ADI_MAX_THREADS]; /* who use the thread's number at this moment */
    atomic_int wrong;
    int32_t num_threads;
} counts;

static void count_turns(void *call, adi_share s)
{
    counts *c = call;
    if (s.thread < 0 || s.thread >= c->num_threads || atomic_fetch_add(&c->here[s.thread], 1) != 0)
        atomic_fetch_add(&c->wrong, 1);
    for (int64_t i = s.begin; i < s.end; i++)
        atomic_fetch_add(&c->turns[i], 1);
    atomic_fetch_sub(&c->here[s.thread], 1);
}

/* 0 when each of `count` turns was taken once, and no other. */
static int run(counts *c, int32_t num_threads, int64_t count, int64_t grain)
{
    memset(c, 0, sizeof *c);
    c->num_threads = num_threads;
    adi_parallel_cpu(num_threads, count, grain, count_turns, c);
    for (int64_t i = 0; i < MOST; i++)
        if (atomic_load(&c->turns[i]) != (i < count))
            return 1;
    return atomic_load(&c->wrong);
}

static void every_turn_once(void **state)
{
    (void)state;
    static counts c;
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 64, 999, MOST}, grains[] = {0, 1, 3, 64, 5000};
    static const int32_t threads[] = {1, 2, 3, 8, ADI_MAX_THREADS};
    for (size_t t = 0; t < 5; t++)
        for (size_t n = 0; n < 8; n++)
            for (size_t g = 0; g < 5; g++)
                if (run(&c, threads[t], sizes[n], grains[g]))
                    fail_msg("%d threads, %lld turns, grain %lld", threads[t], (long long)sizes[n],
                             (long long)grains[g]);
}

static void *call_often(void *user)
{
    const int id = (int)(intptr_t)user;
    counts *c = malloc(sizeof *c);
    intptr_t failed = 0;
    for (int i = 0; i < LOOPS; i++)
        failed += run(c, 2 + (i + id) % 4, (i * 37 + id) % MOST, i % 3);
    free(c);
    return (void *)failed;
}

/* More than there are workers for: some loops have fewer threads, or the caller alone. */
static void callers_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[CALLERS];
    for (intptr_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, (void *)i), 0);
    for (int i = 0; i < CALLERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static void inner(void *call, adi_share s)
{
    if (s.thread != 0 || s.begin != 0 || s.end != 5)
        atomic_store((atomic_int *)call, 1);
}

static void outer(void *user, int64_t i)
{
    (void)i;
    adi_parallel_cpu(4, 5, 1, inner, user);
}

static void a_loop_inside_has_one_thread(void **state)
{
    (void)state;
    atomic_int wrong = 0;
    adi_parallel_for_cpu(3, 20, outer, &wrong);
    assert_int_equal(atomic_load(&wrong), 0);
}

static void a_child_has_threads_of_its_own(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it does not let a child make threads */
#endif
    static counts c;
    for (int round = 0; round < 50; round++) {
        assert_int_equal(run(&c, 4, MOST, 1), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(run(&c, 4, MOST, 1) || run(&c, 4, 999, 0) ? 1 : 0);
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void threads_end_with_the_last_context(void **state)
{
    (void)state;
    static counts c;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(adi_threads_begin_cpu(4), 4);
        assert_int_equal(adi_threads_begin_cpu(2), 2);
        assert_int_equal(run(&c, 4, MOST, 1), 0);
        adi_threads_end_cpu();
        assert_int_equal(run(&c, 4, MOST, 0), 0);
        adi_threads_end_cpu();
    }
    assert_int_equal(run(&c, 4, MOST, 1), 0); /* a loop without a context makes its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_turn_once),
        cmocka_unit_test(callers_side_by_side),
        cmocka_unit_test(a_loop_inside_has_one_thread),
        cmocka_unit_test(threads_end_with_the_last_context),
        cmocka_unit_test(a_child_has_threads_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
