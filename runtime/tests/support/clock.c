/*
 * A clock for tests, preloaded into a server: the time of day and the time that goes by are ahead of the real ones by as
 * many milliseconds as the file that SHIM_CLOCK names says, at each moment. Time passes as it does outside; what is moved
 * on is moved on at once.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *ahead_ms;

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("SHIM_CLOCK");
    if (!file)
        return;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        ahead_ms = map;
    /* The children of the process have the clock of everybody else. */
    unsetenv("LD_PRELOAD");
}

int clock_gettime(clockid_t which, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, which, at);
    if (failed || !ahead_ms || (which != CLOCK_REALTIME && which != CLOCK_MONOTONIC))
        return failed;
    int64_t ahead = *ahead_ms;
    at->tv_sec += ahead / 1000;
    at->tv_nsec += (ahead % 1000) * 1000000;
    if (at->tv_nsec >= 1000000000) {
        at->tv_nsec -= 1000000000;
        at->tv_sec += 1;
    }
    return 0;
}
