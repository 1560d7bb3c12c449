/* Makes system calls on the files of one folder fail, as a test says while the process runs.

   Preloaded into the process. The test and this library share a mapped file: `struct plan`. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { NOTHING, WRITE, SYNC, OPEN };

struct plan {
    atomic_int kind;  /* which calls; NOTHING: none */
    atomic_int left;  /* calls to let through first; counts down */
    atomic_int error; /* errno to fail with */
    atomic_int good;  /* 1: every later one fails too */
    atomic_int fired; /* how many have failed */
};

static struct plan idle;
static struct plan *plan = &idle;
static const char *folder = "/nowhere";
static __thread int inside;

#define REAL(type, name, ...)                                              \
    static type (*real)(__VA_ARGS__);                                      \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAULT_PLAN"), *below = getenv("FAULT_FOLDER");
    if (!file || !below) return;
    int handle = open(file, O_RDWR | O_CLOEXEC);
    if (handle < 0) abort();
    void *mapped = mmap(0, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    close(handle);
    if (mapped == MAP_FAILED) abort();
    folder = below;
    plan = mapped;
}

/* Whether this call is to fail; sets errno. */
static int fails(enum kind kind, const char *path) {
    if (atomic_load(&plan->kind) != (int)kind || strncmp(path, folder, strlen(folder))) return 0;
    int left = atomic_fetch_sub(&plan->left, 1);
    if (left > 0 || (left < 0 && !atomic_load(&plan->good))) return 0;
    atomic_fetch_add(&plan->fired, 1);
    errno = atomic_load(&plan->error);
    return 1;
}

static int fails_on(enum kind kind, int handle) {
    if (inside || atomic_load(&plan->kind) != (int)kind) return 0;
    char link[64], path[4096];
    inside = 1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t size = readlink(link, path, sizeof path - 1);
    inside = 0;
    if (size < 0) return 0;
    path[size] = 0;
    return fails(kind, path);
}

ssize_t write(int handle, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return fails_on(WRITE, handle) ? -1 : real(handle, data, size);
}

ssize_t pwrite(int handle, const void *data, size_t size, off_t at) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return fails_on(WRITE, handle) ? -1 : real(handle, data, size, at);
}

ssize_t pwrite64(int handle, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return fails_on(WRITE, handle) ? -1 : real(handle, data, size, at);
}

int fsync(int handle) {
    REAL(int, "fsync", int);
    return fails_on(SYNC, handle) ? -1 : real(handle);
}

int fdatasync(int handle) {
    REAL(int, "fdatasync", int);
    return fails_on(SYNC, handle) ? -1 : real(handle);
}

#define MODE(flags)                                                        \
    mode_t mode = 0;                                                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                 \
        va_list more;                                                      \
        va_start(more, flags);                                             \
        mode = va_arg(more, mode_t);                                       \
        va_end(more);                                                      \
    }

int open(const char *path, int flags, ...) {
    REAL(int, "open", const char *, int, ...);
    MODE(flags);
    return fails(OPEN, path) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(int, "open64", const char *, int, ...);
    MODE(flags);
    return fails(OPEN, path) ? -1 : real(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    REAL(int, "openat", int, const char *, int, ...);
    MODE(flags);
    return fails(OPEN, path) ? -1 : real(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    REAL(int, "openat64", int, const char *, int, ...);
    MODE(flags);
    return fails(OPEN, path) ? -1 : real(at, path, flags, mode);
}
