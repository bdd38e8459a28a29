/* Does the emulated device notice what it is there to notice? Every mistake is made in a process of
 * its own, which must die with a sentence. */
#include <sys/wait.h>
#include <unistd.h>

#include <stdlib.h>

#include <string>
#include <vector>

#include "device_cuda.h"

static cudaStream_t stream;
static int failed, checked;

static void expect(bool good, const char *what)
{
    checked++;
    if (good)
        return;
    failed++;
    printf("FAILED: %s\n", what);
}

static void need(cudaError_t e)
{
    if (e == cudaSuccess)
        return;
    printf("%s\n", cudaGetErrorString(e));
    exit(1);
}

enum { N = 64 };

static float *device_floats(const std::vector<float> &values)
{
    float *p = nullptr;
    const size_t bytes = values.size() * sizeof(float);
    need(cudaMalloc((void **)&p, bytes));
    need(cudaMemcpyAsync(p, values.data(), bytes, cudaMemcpyHostToDevice, stream));
    return p;
}

static std::vector<float> fetch(const float *p, size_t count)
{
    std::vector<float> values(count);
    need(cudaMemcpyAsync(values.data(), p, count * sizeof(float), cudaMemcpyDeviceToHost, stream));
    need(cudaStreamSynchronize(stream));
    return values;
}

static std::vector<float> counted()
{
    std::vector<float> v(N);
    for (int i = 0; i < N; i++)
        v[i] = (float)i;
    return v;
}

/* ---- Kernels, right and wrong ---- */

struct row {
    float v[N];
};

static __global__ void reverse_kernel(float *y, const float *x, int waits)
{
    ADI_SHARED(row, s);
    s.v[threadIdx.x] = x[threadIdx.x];
    if (waits)
        __syncthreads();
    y[threadIdx.x] = s.v[N - 1 - threadIdx.x];
}

static __global__ void shift_kernel(float *y, const float *x, int by)
{
    y[(int)threadIdx.x + by] = x[threadIdx.x];
}

static __global__ void shared_beyond_kernel(float *y, const float *x)
{
    ADI_SHARED(row, s);
    s.v[threadIdx.x + 1] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = s.v[threadIdx.x];
}

static __global__ void divergent_kernel(float *y, const float *x)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else if (threadIdx.x != 40)
        y[threadIdx.x] = __shfl_xor_sync(~0u, x[threadIdx.x], 1);
}

static __global__ void async_kernel(float *y, const float *x, int waits)
{
    ADI_SHARED(row, s);
    adi_emu::copy_async(&s.v[threadIdx.x], &x[threadIdx.x], sizeof(float));
    adi_emu::commit_async();
    if (waits)
        adi_emu::wait_async(0);
    __syncthreads();
    y[threadIdx.x] = s.v[N - 1 - threadIdx.x];
}

static __global__ void deep_kernel(float *y, int depth)
{
    volatile char room[4096];
    room[depth % 4096] = (char)depth;
    y[0] = room[depth % 4096];
    if (depth > 0)
        deep_kernel(y, depth - 1);
    y[0] += room[depth % 4096];
}

static bool is_reversed(const std::vector<float> &got)
{
    for (int i = 0; i < N; i++)
        if (!(got[i] == (float)(N - 1 - i)))
            return false;
    return true;
}

/* ---- Mistakes that end the process ---- */

/* What `make` says on its way out, "" if it lives. */
static std::string last_words(void (*make)())
{
    int pipes[2];
    if (pipe(pipes))
        exit(1);
    const pid_t child = fork();
    if (!child) {
        dup2(pipes[1], 2);
        make();
        _exit(0);
    }
    close(pipes[1]);
    std::string text;
    char part[256];
    for (ssize_t n; (n = read(pipes[0], part, sizeof part)) > 0;)
        text.append(part, (size_t)n);
    close(pipes[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? text : "";
}

static void dies(const char *what, const char *part, void (*make)())
{
    const std::string text = last_words(make);
    checked++;
    if (text.find(part) != std::string::npos)
        return;
    failed++;
    printf("FAILED: %s: said '%s', not '%s'\n", what, text.c_str(), part);
}

static float *x, *y;

static void mistakes()
{
    static std::vector<float> host(N);
    dies("a host pointer as argument", "argument 2",
         [] { ADI_LAUNCH(shift_kernel, 1, N, stream, y, host.data(), 0); });
    dies("device memory read by the host", "touched by the host", [] { host[0] = x[0]; });
    dies("device memory written by the host", "touched by the host", [] { x[3] = 1.0f; });
    dies("freed memory as argument", "argument 1", [] {
        float *p = device_floats(host);
        need(cudaFree(p));
        ADI_LAUNCH(shift_kernel, 1, N, stream, p, x, 0);
    });
    dies("memory freed twice", "twice", [] {
        float *p = device_floats(host);
        need(cudaFree(p));
        need(cudaFree(p));
    });
    dies("a write far behind a buffer", "behind an allocation", [] {
        ADI_LAUNCH(shift_kernel, 1, N, stream, y, x, N + 16);
        need(cudaStreamSynchronize(stream));
    });
    dies("a write into the slack behind a buffer", "wrote before or behind", [] {
        float *p = device_floats(std::vector<float>(N - 3));
        ADI_LAUNCH(shift_kernel, 1, N - 3, stream, p, x, 1);
        need(cudaFree(p));
    });
    dies("a write behind shared memory", "behind its shared memory", [] {
        ADI_LAUNCH(shared_beyond_kernel, 1, N, stream, y, x);
        need(cudaStreamSynchronize(stream));
    });
    dies("a collective that a lane does not reach", "collective", [] {
        ADI_LAUNCH(divergent_kernel, 1, N, stream, y, x);
        need(cudaStreamSynchronize(stream));
    });
    dies("a stack that is too deep", "below a thread's stack", [] {
        ADI_LAUNCH(deep_kernel, 1, 1, stream, y, 1000);
        need(cudaStreamSynchronize(stream));
    });
    dies("a copy in a wrong direction", "wrong direction",
         [] { (void)cudaMemcpyAsync(host.data(), x, N, cudaMemcpyHostToDevice, stream); });
    dies("a copy beyond a buffer", "beyond",
         [] { (void)cudaMemcpyAsync(host.data(), x + 1, N * 4, cudaMemcpyDeviceToHost, stream); });
    dies("a block that is too large", "refuses", [] {
        ADI_LAUNCH(shift_kernel, 1, 2048, stream, y, x, 0);
        need(cudaStreamSynchronize(stream));
    });
}

/* ---- Mistakes that show in the result ---- */

static void results()
{
    for (const char *order : {"order=forward", "order=reverse", "order=shuffle"}) {
        setenv("ADFEAT_EMULATED", order, 1);
        for (int waits = 0; waits < 2; waits++) {
            ADI_LAUNCH(reverse_kernel, 1, N, stream, y, x, waits);
            expect(is_reversed(fetch(y, N)) == !!waits, "a barrier and a missing one");
            ADI_LAUNCH(async_kernel, 1, N, stream, y, x, waits);
            expect(is_reversed(fetch(y, N)) == !!waits, "a copy waited for, and one that is not");
        }
    }
    unsetenv("ADFEAT_EMULATED");
    float *p = nullptr;
    need(cudaMalloc((void **)&p, N * sizeof(float)));
    for (float f : fetch(p, N))
        expect(isnan(f), "new memory is NaN");
    need(cudaFree(p));
    float *pinned = nullptr; /* what nobody waited for is not done */
    need(cudaMallocHost((void **)&pinned, N * sizeof(float)));
    need(cudaMemcpyAsync(pinned, x, N * sizeof(float), cudaMemcpyDeviceToHost, stream));
    expect(isnan(pinned[1]), "an unwaited copy");
    need(cudaStreamSynchronize(stream));
    expect(pinned[1] == 1.0f, "a copy that was waited for");
    need(cudaFreeHost(pinned));
}

/* ---- Faults on demand, each in a process of its own: what is lost stays lost ---- */

static void faulty(const char *setting, void (*check)())
{
    fflush(stdout);
    const pid_t child = fork();
    if (!child) {
        setenv("ADFEAT_EMULATED", setting, 1);
        failed = 0;
        check();
        fflush(stdout);
        _exit(failed != 0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    expect(status == 0, setting);
}

static void faults()
{
    faulty("malloc=2", [] {
        void *p = nullptr;
        need(cudaMalloc(&p, 16));
        expect(cudaMalloc(&p, 16) == cudaErrorMemoryAllocation, "the second allocation fails");
        expect(cudaGetLastError() == cudaErrorMemoryAllocation, "and is remembered, once");
        need(cudaMalloc(&p, 16));
        need(cudaGetLastError());
    });
    faulty("memory=4096", [] {
        void *p = nullptr;
        expect(cudaMalloc(&p, 8192) == cudaErrorMemoryAllocation, "memory is full");
    });
    faulty("launch=2", [] {
        ADI_LAUNCH(shift_kernel, 1, N, stream, y, x, 0);
        need(cudaGetLastError());
        ADI_LAUNCH(shift_kernel, 1, N, stream, y, x, 0);
        for (int i = 0; i < 2; i++)
            expect(cudaGetLastError() == cudaErrorIllegalAddress, "the device is lost for good");
        expect(cudaStreamSynchronize(stream) == cudaErrorIllegalAddress, "lost, also to a wait");
    });
    faulty("devices=2", [] {
        float *p = nullptr;
        need(cudaSetDevice(1));
        need(cudaMalloc((void **)&p, 16));
        ADI_LAUNCH(shift_kernel, 1, N, stream, y, x, 0);
        expect(cudaGetLastError() == cudaErrorInvalidResourceHandle, "a stream of another device");
        need(cudaSetDevice(0));
    });
}

int main()
{
    unsetenv("ADFEAT_EMULATED");
    need(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    x = device_floats(counted());
    y = device_floats(counted());
    need(cudaStreamSynchronize(stream));
    mistakes();
    results();
    faults();
    need(cudaFree(x));
    need(cudaFree(y));
    need(cudaStreamDestroy(stream));
    printf("%d passed, %d failed\n", checked - failed, failed);
    return failed != 0;
}
