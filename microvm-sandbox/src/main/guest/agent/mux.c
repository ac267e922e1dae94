/* The host over a port of the virtio console: connections as streams of one port, for guests without a socket device.
 *
 * A record is its kind (8 bits), its payload's length (24 bits), its stream (32 bits), little-endian, and the payload.
 * Whoever greets first sends a whole record's length of zeros, and a first byte of 0 is no record: so both sides find the
 * next record after a fork, a reset or a restart of the agent, wherever the other one was. Neither side sends data
 * without credit, so neither has to stop reading the port, and no stream waits for another. */
#include "agent.h"

enum { STREAMS = 256, RECORD = 1 << 14, CREDIT = 1 << 16, HEADER = 8, NAME_ROOM = 64, PATIENCE_MS = 10000 };
enum { GREET = 1, HELLO, OPEN, DATA, GRANT, END, CLOSE };

struct stream {
    u32 id;                                        /* 0: free */
    int fd;                                        /* the end of a socket pair; a serving process has the other */
    int all_read, ends;                            /* the process has no more to say; the host has no more to say */
    u32 credit, taken;                             /* of the host; what the process has taken and the host not heard of */
    u32 at, size;
    u8 waiting[CREDIT];                            /* for the process, as a ring */
};

static struct stream streams[STREAMS];
static u32 top;                                    /* streams from there on are free, and their memory was not touched */
static int port = -1, greeted;
static u8 in[2 * (HEADER + RECORD)], out[HEADER + RECORD];
static u64 in_size;
static const u8 nobody[8];                         /* the answer to no greeting: whoever served the port before has gone */

static void send_record(u32 kind, u32 id, u32 n) { /* the payload is in its place */
    put32(out, kind | n << 8);
    put32(out + 4, id);
    write_all(port, out, HEADER + n);
}

static void hello(const void *nonce) {
    memset(out, 0, sizeof out);
    write_all(port, out, sizeof out);
    memcpy(out + HEADER, nonce, 8);
    send_record(HELLO, 0, 8);
}

static void drop(struct stream *s) {
    sys(close, s->fd);
    s->id = 0;
    while (top && !streams[top - 1].id) top--;
}

static void drop_all(void) {
    while (top) drop(&streams[top - 1]);           /* which lowers top to the next that is not free */
}

static struct stream *find(u32 id) {
    for (u32 i = 0; i < top; i++) {
        if (streams[i].id == id) return &streams[i];
    }
    return 0;
}

static struct stream *find_free(void) {
    struct stream *s = find(0);
    return s || top == STREAMS ? s : &streams[top];
}

/* In a serving process: only the host may keep its streams open. */
void mux_leave(void) {
    if (port >= 0) sys(close, port);
    drop_all();
}

static void open_stream(u32 id) {
    int pair[2];
    struct stream *s = find_free();
    if (!id || !s || find(id) || sys(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        send_record(CLOSE, id, 0);
        return;
    }
    s->id = id;
    s->fd = pair[0];
    s->credit = CREDIT;
    s->all_read = s->ends = 0;
    s->taken = s->at = s->size = 0;
    if (top <= (u32)(s - streams)) top = (u32)(s - streams) + 1;
    sys(fcntl, s->fd, F_SETFL, O_NONBLOCK);
    serve_by_process(pair[1]);
}

/* Gives the process what waits for it. */
static void feed(struct stream *s) {
    while (s->size) {
        u32 n = CREDIT - s->at < s->size ? CREDIT - s->at : s->size;
        i64 done = sys(write, s->fd, s->waiting + s->at, n);
        if (done == -EAGAIN || done == -EINTR) break;
        if (done < 0) done = s->size;              /* nobody reads any more */
        s->at = (s->at + (u32)done) % CREDIT;
        s->size -= (u32)done;
        s->taken += (u32)done;
    }
    if (s->taken >= CREDIT / 2) {
        put32(out + HEADER, s->taken);
        send_record(GRANT, s->id, 4);
        s->taken = 0;
    }
    if (s->ends && !s->size) sys(shutdown, s->fd, SHUT_WR);
}

static void store(struct stream *s, const u8 *bytes, u32 n) {
    u32 end = (s->at + s->size) % CREDIT, first = CREDIT - end < n ? CREDIT - end : n;
    memcpy(s->waiting + end, bytes, first);
    memcpy(s->waiting, bytes + first, n - first);
    s->size += n;
}

static void take_record(u32 kind, u32 id, u8 *payload, u32 n) {
    struct fields f = {payload, payload + n, 0};
    struct stream *s = id ? find(id) : 0;
    if (kind == GREET && n == 8) {
        drop_all();
        greeted = 1;
        hello(payload);
    }
    if (!greeted) return;
    if (kind == OPEN) open_stream(id);
    if (!s) return;                                /* it has ended meanwhile */
    if (kind == GRANT) s->credit += get32(&f);
    if (kind == CLOSE || (kind == DATA && n > CREDIT - s->size)) drop(s);
    else if (kind == DATA) store(s, payload, n), feed(s);
    else if (kind == END) s->ends = 1, feed(s);
}

static void read_port(void) {
    u64 at = 0;
    i64 done = sys(read, port, in + in_size, sizeof in - in_size);
    if (done <= 0) {
        if (done != -EINTR) nap(10);               /* the device is about to say that the host is there */
        return;
    }
    in_size += (u64)done;
    while (in_size - at >= HEADER) {
        struct fields f = {in + at, in + in_size, 0};
        u32 word = get32(&f), kind = word & 0xff, n = word >> 8, id = get32(&f);
        if (!kind || kind > CLOSE || n > RECORD) at++;
        else if (in_size - at < HEADER + n) break;
        else {
            take_record(kind, id, in + at + HEADER, n);
            at += HEADER + n;
        }
    }
    memcpy(in, in + at, in_size - at);             /* downwards, so that an overlap does no harm */
    in_size -= at;
}

/* Takes what a process says, or notices that it has ended. */
static void take(struct stream *s, short events) {
    u64 room = s->credit < RECORD ? s->credit : RECORD;
    i64 done = s->all_read ? 0 : sys(read, s->fd, out + HEADER, room);
    if (done == -EAGAIN || done == -EINTR) return;
    if (done > 0) {
        s->credit -= (u32)done;
        send_record(DATA, s->id, (u32)done);
    } else if (events & POLLHUP) {
        send_record(CLOSE, s->id, 0);
        drop(s);
    } else if (!s->all_read) {
        s->all_read = 1;
        send_record(END, s->id, 0);
    }
}

int mux_watch(struct pollfd *fds) {
    fds[0] = (struct pollfd){port, POLLIN, 0};
    for (u32 i = 0; i < top; i++) {
        struct stream *s = &streams[i];
        int says = s->credit && !s->all_read;
        fds[1 + i] = (struct pollfd){s->id && (says || s->size || s->all_read) ? s->fd : -1,
                                     (short)((says ? POLLIN : 0) | (s->size ? POLLOUT : 0)), 0};
    }
    return 1 + (int)top;
}

void mux_serve(const struct pollfd *fds) {
    for (u32 i = 0, n = top; i < n; i++) {
        short events = fds[1 + i].revents;
        if (events & (POLLOUT | POLLERR | POLLHUP) && streams[i].size) feed(&streams[i]);
        if (events & (POLLIN | POLLERR | POLLHUP) && (streams[i].credit || streams[i].all_read)) take(&streams[i], events);
    }
    if (fds[0].revents) read_port();
}

/* Opens the port with the agent's name, which Linux has in the port's folder: drivers/char/virtio_console.c. */
static int open_port(void) {
    static char buffer[2048], path[300], name[NAME_ROOM];
    i64 folder = sys_open("/sys/class/virtio-ports", O_RDONLY | O_DIRECTORY, 0), n;
    if (folder < 0) return 0;
    while (port < 0 && (n = sys(getdents64, folder, buffer, sizeof buffer)) > 0) {
        for (i64 at = 0; at < n && port < 0;) {
            struct dirent *entry = (struct dirent *)(buffer + at);
            at += entry->reclen;
            put(put(put(path, "/sys/class/virtio-ports/"), entry->name), "/name");
            if (read_text(path, name, sizeof name) <= 0 || !same(name, PORT_NAME "\n")) continue;
            put(put(path, "/dev/"), entry->name);
            port = (int)sys_open(path, O_RDWR, 0);
        }
    }
    sys(close, folder);
    if (port < 0) return 0;
    hello(nobody);
    return 1;
}

int mux_open(int patiently) {
    u64 deadline = milliseconds() + (patiently ? PATIENCE_MS : 0);
    while (!open_port()) {
        if (milliseconds() >= deadline) return 0;
        nap(5);
    }
    return 1;
}
