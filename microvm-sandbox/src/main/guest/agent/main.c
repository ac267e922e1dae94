/* The agent of a guest: accepts connections of the host and serves each by a process of its own, of which one that is
 * spare waits. As the first program of a guest it also does an init's work (init.c), and it never ends. */
#include "agent.h"

struct sockaddr_vm { u16 family, reserved; u32 port, cid; u8 flags, zero[3]; }; /* linux/vm_sockets.h */
enum { ANY_CID = -1, BACKLOG = 128, YIELD_MS = 500, SPARE_AFTER_MS = 500 };

static void serve_ping(void) {
    u8 payload[16 + 65];
    char names[6][65];
    memset(names, 0, sizeof names);
    sys(uname, names);                             /* struct new_utsname; its third text is the release */
    put32(payload, PROTOCOL);
    put32(payload + 4, (u32)sys(getpid));
    put64(payload + 8, milliseconds());
    memcpy(payload + 16, names[2], 65);
    send_frame(OUT_DATA, payload, 16 + (u32)length(names[2]));
}

/* Returns whether a further request may follow on the connection. */
static int serve(u32 type, struct fields *f) {
    switch (type) {
    case REQ_PING: return serve_ping(), 1;
    case REQ_EXEC: return serve_exec(f);
    case REQ_PATH: return serve_path(f), 1;
    case REQ_LIST: return serve_list(f), 1;
    case REQ_SYSTEM: return serve_system(f), 1;
    case REQ_OPEN: serve_open(f); break;
    case REQ_WATCH: serve_watch(f); break;
    case REQ_TAR_OUT: serve_tar_out(f); break;
    case REQ_TAR_IN: serve_tar_in(f); break;
    case REQ_FORWARD: serve_forward(f); break;
    default: send_error(-EINVAL, "request");
    }
    return 0;
}

static void serve_connection(void) {
    u32 n, type;
    while ((type = receive(&n))) {
        struct fields f = {request, request + n, 0};
        if (type >= IN_DATA) continue;             /* for a command that has ended meanwhile */
        if (!serve(type, &f)) break;
    }
    flush();
    if (conn_broke) nap(YIELD_MS);                 /* a machine that continues from a snapshot has other work first */
    cgroup_sweep();
}

static void reap(void) {
    int status;
    while (sys(wait4, -1, &status, WNOHANG, 0) > 0) {}
}

static int listener = -1, signals = -1;
static int spare = -1;                             /* a pipe that ends when the spare process has a connection */

static void leave_main(void) {
    sys(close, signals);
    mux_leave();
    write_text("/proc/self/oom_score_adj", "-1000");
}

static void serve_and_exit(int fd) {
    sys(close, listener);
    conn = fd;
    serve_connection();
    sys(exit, 0);
}

void serve_by_process(int fd) {
    i64 pid = sys(fork);
    if (pid == 0) {
        sys(close, spare);
        leave_main();
        serve_and_exit(fd);
    }
    if (pid < 0) nap(10);
    sys(close, fd);
}

/* Waits for a connection in a process that has what it needs for a command. Who connects next waits for neither fork(2)
 * nor mkdir(2), which is most of what a machine that continues from a snapshot would do before its first answer. */
static void wait_for_connection(int waiting) {
    i64 fd;
    leave_main();
    cgroup_make(&command.limits, 0);
    while ((fd = sys(accept4, listener, 0, 0, SOCK_CLOEXEC)) < 0) nap(10);
    sys(close, waiting);
    serve_and_exit((int)fd);
}

static void make_spare(void) {
    int ends[2];
    if (sys(pipe2, ends, O_CLOEXEC) < 0) return;
    i64 pid = sys(fork);
    if (pid == 0) {
        sys(close, ends[0]);
        wait_for_connection(ends[1]);
    }
    sys(close, ends[1]);
    if (pid > 0) spare = ends[0];
    else sys(close, ends[0]);
}

static void accept_one(void) {
    i64 fd = sys(accept4, listener, 0, 0, SOCK_CLOEXEC);
    if (fd >= 0) serve_by_process((int)fd);
    else if (fd != -EAGAIN && fd != -EINTR) nap(10); /* no memory or no descriptors: later */
}

/* Returns the listening socket, or the negative error. */
static i64 listen_vsock(void) {
    struct sockaddr_vm address = {AF_VSOCK, 0, PORT, (u32)ANY_CID, 0, {0}};
    i64 fd = sys(socket, AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    i64 error = sys(bind, fd, &address, sizeof address);
    if (error >= 0) error = sys(listen, fd, BACKLOG);
    return error < 0 ? error : fd;
}

static void serve_forever(void) {
    static struct pollfd fds[3 + MOST_WATCHED];
    u8 info[128];
    signals = watch_children();
    if (listener >= 0) make_spare();
    for (;;) {
        int patience = listener >= 0 && spare < 0 ? SPARE_AFTER_MS : -1;
        fds[0] = (struct pollfd){spare < 0 ? listener : -1, POLLIN, 0};
        fds[1] = (struct pollfd){signals, POLLIN, 0};
        fds[2] = (struct pollfd){spare, POLLIN, 0};
        if (!sys(poll, fds, 3 + mux_watch(fds + 3), patience)) make_spare();
        if (fds[1].revents) {
            sys(read, signals, info, sizeof info);
            reap();
        }
        if (fds[2].revents) {
            sys(close, spare);
            spare = -1;
        }
        mux_serve(fds + 3);
        if (fds[0].revents) accept_one();
    }
}

__attribute__((used)) static void run(void) {
    block_signals();
    sys(chdir, "/");
    int init = sys(getpid) == 1;
    if (init) run_as_init();
    cgroup_prepare();
    i64 socket = listen_vsock();
    if (socket >= 0) listener = (int)socket;
    if (mux_open(needs_port || socket < 0) || (socket >= 0 && !needs_port)) {
        say("ready", "", 0);
        serve_forever();
    }
    say(needs_port ? "no port of the virtio console to serve on: " PORT_NAME : "no socket device (vsock) to serve on", "",
        needs_port ? 0 : socket);
    if (init) power_off();
    sys(exit, 1);
}

/* The kernel's entry: the stack is aligned to 16 bytes, as a call expects it before it pushes. */
__asm__(".globl _start\n_start: xorl %ebp, %ebp\n andq $-16, %rsp\n call run\n");
