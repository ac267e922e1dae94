/*
 * Does what a fork and the start of its child do with memory and threads: guest memory is a file in memory, mapped
 * privately. A fork reads which pages were written since, and copies them; a child maps the file, takes the copies, and
 * starts as many threads as a machine has.
 *
 * Usage: fork PROGRAM, which is ignored.
 * Each line of input is "MIB PAGES ROUNDS": size of the memory, pages written before each fork. The answer is a line
 * "FORK CHILD": the medians in nanoseconds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, REGIONS = 512, THREADS = 4 };

/* Documentation/admin-guide/mm/pagemap.rst: since Linux 6.7, so the headers may not have it */
struct region {
    uint64_t start, end, categories;
};

struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, any_of, returned;
};

#define SCAN _IOWR('f', 16, struct scan)
#define OF_FILE (UINT64_C(1) << 2)
#define PRESENT (UINT64_C(1) << 3)
#define SWAPPED (UINT64_C(1) << 4)

struct child {
    char *ram;
    pthread_barrier_t runs;
};

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t nanoseconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static char *map_privately(int fd, size_t size) {
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);

    if (at == MAP_FAILED) die("mmap");
    return at;
}

/* Finds the pages that belong to this process alone; returns their number. */
static size_t own_pages(const char *ram, size_t pages, uint32_t *own) {
    static struct region regions[REGIONS];
    uint64_t begin = (uintptr_t)ram, end = begin + pages * PAGE;
    struct scan scan = {sizeof scan, 0, begin, end, begin, (uintptr_t)regions, REGIONS, 0,
                        OF_FILE, OF_FILE, PRESENT | SWAPPED, 0};
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    size_t found = 0;

    if (map < 0) die("pagemap");
    while (scan.walk_end < end) {
        scan.start = scan.walk_end;
        int count = ioctl(map, SCAN, &scan);
        if (count < 0) die("PAGEMAP_SCAN");
        for (int i = 0; i < count; i++) {
            for (uint64_t at = regions[i].start; at < regions[i].end; at += PAGE)
                own[found++] = (uint32_t)((at - begin) / PAGE);
        }
    }
    close(map);
    return found;
}

static void *run(void *argument) {
    struct child *child = argument;

    child->ram[0]++;
    pthread_barrier_wait(&child->runs);
    return NULL;
}

static void *wait_only(void *argument) {
    pthread_barrier_wait(&((struct child *)argument)->runs);
    return NULL;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *times, unsigned count) {
    qsort(times, count, sizeof *times, ascending);
    return times[count / 2];
}

/* One fork and one child. */
static void measure(int fd, char *ram, size_t size, uint32_t *own, size_t dirty, uint64_t *fork, uint64_t *start) {
    char path[64];
    struct child child;
    pthread_t threads[THREADS];

    for (size_t i = 0; i < dirty; i++) ram[i * PAGE]++;
    uint64_t begin = nanoseconds();
    size_t found = own_pages(ram, size / PAGE, own);
    char *copies = mmap(NULL, (found + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copies == MAP_FAILED) die("mmap");
    for (size_t i = 0; i < found; i++) memcpy(copies + i * PAGE, ram + (size_t)own[i] * PAGE, PAGE);
    *fork = nanoseconds() - begin;

    begin = nanoseconds();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    if (again < 0) die("open");
    child.ram = map_privately(again, size);
    close(again);
    for (size_t i = 0; i < found; i++) memcpy(child.ram + (size_t)own[i] * PAGE, copies + i * PAGE, PAGE);
    pthread_barrier_init(&child.runs, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, i == 0 ? run : wait_only, &child) != 0) die("pthread_create");
    }
    pthread_barrier_wait(&child.runs);
    *start = nanoseconds() - begin;

    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    munmap(child.ram, size);
    munmap(copies, (found + 1) * PAGE);
}

static void rounds(size_t mib, size_t dirty, unsigned count) {
    size_t size = mib << 20;
    int fd = memfd_create("peer", MFD_CLOEXEC);
    uint64_t *forks = calloc(count, sizeof *forks), *starts = calloc(count, sizeof *starts);
    uint32_t *own = calloc(size / PAGE, sizeof *own);

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0) die("memfd_create");
    if (!forks || !starts || !own) die("calloc");
    char *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (all == MAP_FAILED) die("mmap");
    for (size_t at = 0; at < size; at += PAGE) all[at] = 1;
    munmap(all, size);
    char *ram = map_privately(fd, size);
    for (unsigned i = 0; i < count; i++) measure(fd, ram, size, own, dirty, &forks[i], &starts[i]);
    printf("%" PRIu64 " %" PRIu64 "\n", median(forks, count), median(starts, count));
    fflush(stdout);
    munmap(ram, size);
    close(fd);
    free(forks);
    free(starts);
    free(own);
}

int main(void) {
    size_t mib, dirty;
    unsigned count;

    while (scanf("%zu %zu %u", &mib, &dirty, &count) == 3) rounds(mib, dirty, count);
    return 0;
}
