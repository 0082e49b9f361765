/* The wall clock of a process moved by as many seconds as a shared file says: for LD_PRELOAD. Monotonic clocks stay. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shared;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_sem_timedwait)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("STEPPED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_sem_timedwait = dlsym(RTLD_NEXT, "sem_timedwait");
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) shared = page;
    close(file);
}

int clock_gettime(clockid_t which, struct timespec *found) {
    if (!real_clock_gettime) begin();
    int failed = real_clock_gettime(which, found);
    if (!failed && shared && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) found->tv_sec += *shared;
    return failed;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    found->tv_sec = now.tv_sec;
    found->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}

/* As the kernel does it: whoever waits for a moment waits as long as the clock is before it, however it is moved. */
int sem_timedwait(sem_t *restrict what, const struct timespec *restrict until) {
    for (;;) {
        struct timespec now, slice;
        clock_gettime(CLOCK_REALTIME, &now);
        if (now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec)) {
            if (!sem_trywait(what)) return 0;
            errno = ETIMEDOUT;
            return -1;
        }
        real_clock_gettime(CLOCK_REALTIME, &slice);
        slice.tv_nsec += 20 * 1000 * 1000;
        if (slice.tv_nsec >= 1000000000) slice.tv_sec++, slice.tv_nsec -= 1000000000;
        if (!real_sem_timedwait(what, &slice)) return 0;
        if (errno != ETIMEDOUT) return -1;
    }
}
