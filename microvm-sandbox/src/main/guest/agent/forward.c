/* A connection of the host to a port of the guest's loopback: bytes both ways. */
#include "agent.h"

struct sockaddr_in { u16 family, port; u32 address; u8 zero[8]; };
enum { LOOPBACK = 0x0100007f };                    /* 127.0.0.1, in network order */

/* Copies once; returns 0 at the end of the stream. */
static int copy(int from, int to) {
    static u8 data[MAX_DATA];
    i64 n = sys(read, from, data, sizeof data);
    if (n == -EINTR) return 1;
    if (n > 0 && write_all(to, data, (u64)n) == 0) return 1;
    return 0;
}

/* One direction in a process of its own: each waits for its own receiver only. */
static void carry(int from, int to) {
    while (copy(from, to)) {}
    sys(shutdown, to, SHUT_WR);
}

void serve_forward(struct fields *f) {
    u32 port = get32(f);
    int status;
    struct sockaddr_in address = {AF_INET, (u16)(port << 8 | (port >> 8 & 0xff)), LOOPBACK, {0}};
    if (f->bad) return send_error(-EINVAL, "request");
    i64 fd = sys(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    i64 error = fd < 0 ? fd : sys(connect, fd, &address, sizeof address);
    reply(error, "");
    if (error < 0) return;
    flush();
    u8 *early;
    u64 n = inbox_rest(&early);
    write_all((int)fd, early, n);
    i64 pid = sys(fork);
    if (pid == 0) {
        carry((int)fd, conn);
        sys(exit, 0);
    }
    carry(conn, (int)fd);
    if (pid > 0) sys(wait4, pid, &status, 0, 0);
}
