/*
 * A program in the guest of the virtio benchmarks: reads a disk and moves data by TCP, and says on its console when each
 * begins and ends, for who measures outside.
 *
 *   traffic sequential DISK MIB BLOCK-KIB       reads so much from the disk's beginning
 *   traffic random DISK MIB COUNT PROCESSES     so many reads of 4 KiB in so much of the disk, by so many processes
 *   traffic receive NAME ADDRESS PORT           takes what the other side sends, to its end
 *   traffic send NAME ADDRESS PORT MIB          sends so much, and waits for the other side to have it
 *
 * Disks are read without the guest's cache (O_DIRECT).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, KIB = 1 << 10, SMALL = 4 * KIB, STREAM = 64 * KIB };

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Puts out one line at once. */
static void say(const char *format, ...) {
    char line[128];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (write(STDOUT_FILENO, line, length) != length) die("console");
}

static void *buffer(size_t size) {
    void *memory;
    if (posix_memalign(&memory, SMALL, size) != 0) die("memory");
    memset(memory, 0, size);
    return memory;
}

static int open_disk(const char *path) {
    int disk = open(path, O_RDONLY | O_DIRECT);
    if (disk < 0) die(path);
    return disk;
}

static void read_at(int disk, void *to, size_t size, off_t at) {
    if (pread(disk, to, size, at) != (ssize_t) size) die("read");
}

static void sequential(const char *path, off_t mib, size_t block) {
    int disk = open_disk(path);
    void *to = buffer(block);
    say("sequential-%zuk begin\n", block / KIB);
    for (off_t at = 0; at + (off_t) block <= mib * MIB; at += block) read_at(disk, to, block, at);
    say("sequential-%zuk end\n", block / KIB);
}

/* George Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (14), 2003. */
static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void random_reads(const char *path, off_t mib, int count, int processes) {
    int disk = open_disk(path);
    say("random-%d begin\n", processes);
    for (int i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child < 0) die("fork");
        if (child > 0) continue;
        void *to = buffer(SMALL);
        uint64_t state = 88172645463325252u + i;
        for (int n = 0; n < count / processes; n++) read_at(disk, to, SMALL, next(&state) % (mib * MIB / SMALL) * SMALL);
        _exit(0);
    }
    int status;
    while (wait(&status) > 0) {
        if (status != 0) exit(1);
    }
    say("random-%d end\n", processes);
}

static int connect_to(const char *address, const char *port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1) die(address);
    if (connect(connection, (struct sockaddr *) &to, sizeof to) != 0) die(address);
    return connection;
}

static void receive(const char *name, const char *address, const char *port) {
    void *to = buffer(STREAM);
    ssize_t length;
    int connection = connect_to(address, port);
    say("%s-receive begin\n", name);
    while ((length = read(connection, to, STREAM)) > 0) {}
    if (length < 0) die("receive");
    say("%s-receive end\n", name);
}

static void send_all(const char *name, const char *address, const char *port, long mib) {
    char *from = buffer(STREAM);
    int connection = connect_to(address, port);
    say("%s-send begin\n", name);
    for (long sent = 0; sent < mib * MIB;) {
        ssize_t length = write(connection, from, STREAM);
        if (length < 0) die("send");
        sent += length;
    }
    shutdown(connection, SHUT_WR);
    if (read(connection, from, STREAM) != 0) die("the other side");
    say("%s-send end\n", name);
}

int main(int count, char **argument) {
    if (count == 5 && strcmp(argument[1], "sequential") == 0) {
        sequential(argument[2], atol(argument[3]), atol(argument[4]) * KIB);
    } else if (count == 6 && strcmp(argument[1], "random") == 0) {
        random_reads(argument[2], atol(argument[3]), atoi(argument[4]), atoi(argument[5]));
    } else if (count == 5 && strcmp(argument[1], "receive") == 0) {
        receive(argument[2], argument[3], argument[4]);
    } else if (count == 6 && strcmp(argument[1], "send") == 0) {
        send_all(argument[2], argument[3], argument[4], atol(argument[5]));
    } else {
        fprintf(stderr, "see traffic.c\n");
        return 1;
    }
    return 0;
}
