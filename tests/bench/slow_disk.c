/* An ordinary disk: every fsync and fdatasync takes SLOW_DISK_US microseconds more. For LD_PRELOAD. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

typedef int (*Sync)(int);

static int later(const char *name, int handle)
{
    const char *said = getenv("SLOW_DISK_US");
    long us = said ? atol(said) : 0;
    struct timespec rest = {us / 1000000, us % 1000000 * 1000};
    Sync real = (Sync)dlsym(RTLD_NEXT, name);

    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
    return real(handle);
}

int fsync(int handle)
{
    return later("fsync", handle);
}

int fdatasync(int handle)
{
    return later("fdatasync", handle);
}
