/* What fails below the library's allocator: the C library's malloc as other libraries call it, address space, threads, and
 * writing. Each is made to fail at its nth use, once or from then on, in a process of its own, which must end well. A call
 * gives its status and a sentence, or does without; the same call right after it works; in the end scores have the bits that
 * they always have. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness/tiny.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REPLACES 0 /* a sanitizer replaces the same functions */
#else
#define REPLACES 1
#endif

/* ---- Faults --------------------------------------------------------------------------------- */

typedef enum fault { MEMORY, SPACE, THREAD, WRITE, SYNC, RENAME, FAULTS } fault;

static const char *const fault_names[] = {"malloc", "mmap", "pthread_create", "write", "fsync", "rename"};

static atomic_bool armed;
static atomic_long uses;
static fault failing;
static long fail_at;
static bool for_good;

#if REPLACES
static int fails(fault which)
{
    if (which != failing || !atomic_load(&armed))
        return 0;
    const long n = atomic_fetch_add(&uses, 1) + 1;
    return n == fail_at || (for_good && n > fail_at);
}

/* GCC's OpenMP ends the process where the few bytes that it keeps for a thread cannot be had; see num_threads. */
static uintptr_t exempt_begin, exempt_end;

static int find_exempt(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    (void)user;
    if (!info->dlpi_name || !strstr(info->dlpi_name, "libgomp"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        const uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        const uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;
        exempt_begin = !exempt_begin || begin < exempt_begin ? begin : exempt_begin;
        exempt_end = end > exempt_end ? end : exempt_end;
    }
    return 1;
}

#define FAILS_HERE()                                                                               \
    ((uintptr_t)__builtin_return_address(0) - exempt_begin >= exempt_end - exempt_begin            \
     && fails(MEMORY) && (errno = ENOMEM))

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t n)
{
    return FAILS_HERE() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return FAILS_HERE() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return FAILS_HERE() ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return FAILS_HERE() ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    void *found = FAILS_HERE() ? NULL : __libc_memalign(alignment, n);
    if (found)
        *p = found;
    return found ? 0 : ENOMEM;
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (fails(SPACE)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

int pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*start)(void *), void *user)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) {
        void *found = dlsym(RTLD_NEXT, "pthread_create");
        memcpy(&real, &found, sizeof real);
    }
    return fails(THREAD) ? EAGAIN : real(id, attributes, start, user);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    if (fails(WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_write, fd, bytes, n);
}

int fsync(int fd)
{
    if (fails(SYNC)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    if (fails(RENAME)) {
        errno = EACCES;
        return -1;
    }
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
#endif

/* ---- The way -------------------------------------------------------------------------------- */

static char *weights, *file, *picture, *folder;
static long failures;

/* In a process of its own, whose status tells. */
#define GIVE_UP(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), _exit(1))

static void check_failure(ad_status status, const char *call)
{
    static const ad_status expected[] = {AD_ERR_OUT_OF_MEMORY, AD_ERR_OUT_OF_MEMORY, AD_OK, AD_ERR_IO, AD_ERR_IO, AD_ERR_IO};
    const char *sentence = ad_last_error_message();
    if (status != expected[failing] || (status == AD_ERR_OUT_OF_MEMORY && !strstr(sentence, "out of memory")) || !sentence[0])
        GIVE_UP("%s gives %s, '%s'", call, ad_status_name(status), sentence);
    failures++;
}

/* With the fault; where it failed, at once without it. */
#define STEP(call)                                                                                 \
    do {                                                                                           \
        atomic_store(&armed, true);                                                                \
        ad_status step = call;                                                                     \
        atomic_store(&armed, false);                                                               \
        if (step != AD_OK) {                                                                       \
            check_failure(step, #call);                                                            \
            step = call;                                                                           \
        }                                                                                          \
        if (step != AD_OK)                                                                         \
            GIVE_UP("without the fault %s gives '%s'", #call, ad_last_error_message());            \
    } while (0)

static uint8_t pixels[TINY_PIXELS];

static ad_status make_fitter(ad_backbone *net, const char *method, ad_fitter **out)
{
    return tiny_fitter(net, method,
                       strcmp(method, "stfpm") == 0   ? "size=8"
                       : strcmp(method, "padim") == 0 ? "covariance=ledoit_wolf"
                                                      : "",
                       out);
}

/* With a fitter of its own, as one that failed keeps the images that it has. */
static ad_status fit_once(ad_backbone *net, const ad_dataset *good, const char *kind, ad_scorer **out)
{
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    o.checkpoint_dir = strcmp(kind, "stfpm") == 0 ? folder : NULL;
    ad_fitter *fitter = NULL;
    ad_status status = make_fitter(net, kind, &fitter);
    if (status == AD_OK)
        status = ad_fit(fitter, good, &o, out);
    ad_fitter_destroy(fitter);
    return status;
}

/* Load, fit with checkpoints where it trains, score, map, save, load; the score of the last. */
static float run(const char *kind)
{
    static float heat[TINY_SIDE * TINY_SIDE];
    const ad_map map = AD_MAP_INIT(heat, TINY_SIDE, TINY_SIDE, TINY_SIDE * sizeof(float));
    ad_context_options co;
    ad_context_options_init(&co, sizeof co);
    co.num_threads = 2;
    ad_scorer_save_options embed;
    ad_scorer_save_options_init(&embed, sizeof embed);
    embed.embed_backbone = 1;
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    ad_dataset *good = NULL;
    ad_scorer *scorer = NULL, *loaded = NULL;
    ad_image image = {0}, view;
    float score = 0.0f;
    tiny_callback(pixels, 3, &view);
    STEP(ad_context_create(&co, &context));
    STEP(tiny_open(context, weights, &net));
    STEP(ad_dataset_from_callback(context, tiny_callback, pixels, 12, &good));
    STEP(fit_once(net, good, kind, &scorer));
    tiny_callback(pixels, 3, &view);
    STEP(ad_image_write_png(context, &view, picture));
    STEP(ad_image_read(context, picture, NULL, &image));
    STEP(ad_score_image(scorer, &image, &score));
    STEP(ad_anomaly_map(scorer, &image, &map, &score));
    STEP(ad_scorer_save(scorer, file, &embed));
    STEP(ad_scorer_load(context, file, NULL, &loaded));
    STEP(ad_anomaly_map(loaded, &image, &map, &score));
    ad_image_release(&image);
    ad_scorer_destroy(loaded);
    ad_scorer_destroy(scorer);
    ad_dataset_destroy(good);
    ad_backbone_destroy(net);
    ad_context_destroy(context);
    return score;
}

typedef struct result {
    float score;
    long uses, failures;
} result;

/* In a process of its own, which has taken nothing yet of what is to fail. */
static result run_apart(const char *kind, fault which, long n, bool good)
{
    result r = {0};
    int pipes[2], status = 0;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        failing = which;
        fail_at = n;
        for_good = good;
        failures = 0;
        alarm(120); /* none takes a second */
        r.score = run(kind);
        r.uses = atomic_load(&uses);
        r.failures = failures;
        _exit(write(pipes[1], &r, sizeof r) == sizeof r ? 0 : 2);
    }
    close(pipes[1]);
    const ssize_t got = read(pipes[0], &r, sizeof r);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0 || got != sizeof r)
        fail_msg("%s: %s %ld%s: the process ends with %#x", kind, fault_names[which], n, good ? " and later" : "", status);
    return r;
}

/* How often a call failed. */
static long check_way(const char *kind, fault which, long step)
{
    long failed = 0;
    const result expected = run_apart(kind, which, 0, false);
    for (int good = 0; good < (which == THREAD ? 1 : 2); good++) {
        for (long n = 1;; n += step) {
            const result r = run_apart(kind, which, n, good);
            if (r.uses < n)
                break;
            if (memcmp(&r.score, &expected.score, sizeof r.score) != 0)
                fail_msg("%s: %s %ld: the score is %a, not %a", kind, fault_names[which], n, (double)r.score,
                         (double)expected.score);
            failed += r.failures;
        }
    }
    return failed;
}

static void memory(void **state)
{
    (void)state;
    assert_true(check_way("gaussian", MEMORY, 1) > 100);
    assert_true(check_way("padim", MEMORY, 7) > 10);
    assert_true(check_way("stfpm", MEMORY, 11) > 10);
}

/* Which only BLAS takes by itself. */
static void address_space(void **state)
{
    (void)state;
    assert_true(check_way("gaussian", SPACE, 1) > 0);
    assert_true(check_way("padim", SPACE, 1) > 0);
    assert_true(check_way("stfpm", SPACE, 1) > 0);
}

static void threads(void **state)
{
    (void)state;
    assert_int_equal(check_way("gaussian", THREAD, 1), 0);
    assert_int_equal(check_way("stfpm", THREAD, 1), 0);
}

static void writing(void **state)
{
    (void)state;
    for (fault which = WRITE; which <= RENAME; which++) {
        assert_true(check_way("gaussian", which, 1) > 0);
        assert_true(check_way("stfpm", which, 1) > 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    weights = tiny_path("weights");
    file = tiny_fast_path("scorer");
    picture = tiny_fast_path("picture");
    folder = tiny_fast_path("checkpoints");
#if REPLACES
    dl_iterate_phdr(find_exempt, NULL);
#endif
    return tiny_weights(weights, "") || mkdir(folder, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    char checkpoint[600];
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    unlink(checkpoint);
    unlink(weights);
    unlink(file);
    unlink(picture);
    const int left = rmdir(folder); /* not empty where a failure left half a file */
    free(weights);
    free(file);
    free(picture);
    free(folder);
    return left;
}

int main(void)
{
    if (!REPLACES) {
        puts("a sanitizer replaces the same functions");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads), cmocka_unit_test(writing), cmocka_unit_test(address_space),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests_name("host_faults", tests, set_up, tear_down);
}
