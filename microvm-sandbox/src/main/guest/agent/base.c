/* Memory, text and messages. */
#include "agent.h"

void *memcpy(void *to, const void *from, u64 n) {
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memset(void *to, int value, u64 n) {
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(value) : "memory");
    return to;
}

u64 length(const char *s) {
    u64 n = 0;
    while (s[n]) n++;
    return n;
}

int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

int starts(const char *s, const char *prefix) {
    while (*prefix) {
        if (*s++ != *prefix++) return 0;
    }
    return 1;
}

const char *parse(const char *s, u64 *value) {
    u64 result = 0;
    while (*s >= '0' && *s <= '9') result = result * 10 + (u64)(*s++ - '0');
    *value = result;
    return s;
}

const char *parse_octal(const char *s, const char *end, u64 *value) {
    u64 result = 0;
    while (s < end && *s == ' ') s++;
    while (s < end && *s >= '0' && *s <= '7') result = result * 8 + (u64)(*s++ - '0');
    *value = result;
    return s;
}

char *put(char *to, const char *s) {
    while (*s) *to++ = *s++;
    *to = 0;
    return to;
}

char *put_number(char *to, u64 value) {
    char digits[24];
    int n = 0;
    do digits[n++] = (char)('0' + value % 10); while (value /= 10);
    while (n) *to++ = digits[--n];
    *to = 0;
    return to;
}

void say(const char *what, const char *detail, i64 error) {
    char line[512], *at = put(line, "agent: ");
    if (length(what) + length(detail) > sizeof line - 64) detail = "...";
    at = put(put(at, what), detail);
    if (error) at = put_number(put(at, ": error "), (u64)(error < 0 ? -error : error));
    at = put(at, "\n");
    sys(write, 2, line, at - line);
}

int write_all(int fd, const void *bytes, u64 n) {
    const u8 *at = bytes;
    while (n) {
        i64 done = sys(write, fd, at, n);
        if (done == -EINTR) continue;
        if (done < 0) return (int)done;
        at += done;
        n -= (u64)done;
    }
    return 0;
}

int read_all(int fd, void *bytes, u64 n) {
    u8 *at = bytes;
    while (n) {
        i64 done = sys(read, fd, at, n);
        if (done == -EINTR) continue;
        if (done <= 0) return done ? (int)done : -EPROTO;
        at += done;
        n -= (u64)done;
    }
    return 0;
}

i64 read_text(const char *path, char *to, u64 room) {
    i64 fd = sys_open(path, O_RDONLY, 0);
    to[0] = 0;
    if (fd < 0) return fd;
    u64 n = 0;
    i64 done = 0;
    while (n < room - 1 && (done = sys(read, fd, to + n, room - 1 - n)) > 0) n += (u64)done;
    sys(close, fd);
    to[n] = 0;
    return done < 0 ? done : (i64)n;
}

i64 write_text(const char *path, const char *text) {
    i64 fd = sys_open(path, O_WRONLY, 0);
    if (fd < 0) return fd;
    i64 done = sys(write, fd, text, length(text));
    sys(close, fd);
    return done;
}

void block_signals(void) {
    u64 mask = 1UL << (SIGCHLD - 1) | 1UL << (SIGPIPE - 1);
    sys(rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

int watch_children(void) {
    u64 mask = 1UL << (SIGCHLD - 1);
    return (int)sys(signalfd4, -1, &mask, 8, O_CLOEXEC | O_NONBLOCK);
}

u64 milliseconds(void) {
    struct timespec now;
    sys(clock_gettime, CLOCK_MONOTONIC, &now);
    return (u64)now.sec * 1000 + (u64)now.nsec / 1000000;
}

void nap(int ms) {
    struct timespec time = {ms / 1000, (i64)(ms % 1000) * 1000000};
    sys(nanosleep, &time, 0);
}
