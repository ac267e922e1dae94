/* Runs a command: its streams, its end, and the end of all that it started. */
#include "agent.h"

enum { TICK_MS = 20, LINGER_MS = 2, TIOCSWINSZ = 0x5414, RESERVE = (1 << 16) + 1 /* what a pipe holds, and its end */ };
#define TIOCSPTLCK 0x40045431
#define TIOCGPTN 0x80045430
enum { TIMED_OUT = 1, CPU_LIMIT = 2, PROCESS_LIMIT = 4, SIGNALED = 8, CONTINUES = 16 }; /* flags of OUT_EXIT */

struct source { int fd; u32 type; u64 credit; };

static int child, signals = -1, in_fd, terminal_fd, ended, childless, status, has_group, alone;
static u32 reasons;
static struct source sources[2];
static u8 pending[WINDOW];                         /* standard input that the command has not taken, as a ring */
static u64 pending_at, pending_size;
static int input_ends;

/* Opens a terminal; returns its end for the command, and the other in *end. */
static i64 open_terminal(int *end) {
    char path[32];
    int number = 0, zero = 0;
    i64 master = sys_open("/dev/ptmx", O_RDWR | O_NOCTTY, 0);
    if (master < 0) return master;
    sys(ioctl, master, TIOCSPTLCK, &zero);
    i64 slave = sys(ioctl, master, TIOCGPTN, &number);
    put_number(put(path, "/dev/pts/"), (u64)number);
    if (slave >= 0) slave = sys_open(path, O_RDWR | O_NOCTTY, 0);
    if (slave < 0) sys(close, master);
    sys(ioctl, master, TIOCSWINSZ, command.size);
    *end = (int)master;
    return slave;
}

static void close_all(const int *fds, int n) {
    for (int i = 0; i < n; i++) {
        if (fds[i] >= 0) sys(close, fds[i]);
    }
}

static int make_streams(int in[2], int out[2], int err[2]) {
    int terminal;
    if (!(command.flags & PTY)) {
        i64 error = command.flags & NO_INPUT ? 0 : sys(pipe2, in, O_CLOEXEC);
        if (error >= 0) error = sys(pipe2, out, O_CLOEXEC);
        if (error >= 0) error = sys(pipe2, err, O_CLOEXEC);
        if (error < 0) send_error(error, "pipe");
        return error >= 0;
    }
    i64 slave = open_terminal(&terminal);
    if (slave < 0) return send_error(slave, "terminal"), 0;
    in[0] = (int)slave;
    in[1] = out[0] = terminal;
    return 1;
}

static void take_input(const u8 *bytes, u64 n);

/* Starts the command; returns whether it runs. If not, the host was told. */
static int start(void) {
    int fds[6] = {-1, -1, -1, -1, -1, -1}, *in = fds, *out = fds + 2, *err = fds + 4;
    int terminal = (command.flags & PTY) != 0;
    const char *step;
    ended = childless = status = input_ends = 0;
    reasons = 0;
    pending_at = pending_size = 0;
    if (!make_streams(in, out, err)) return close_all(fds, terminal ? 2 : 6), 0;
    if (signals < 0) {
        signals = watch_children();
        sys(prctl, PR_SET_CHILD_SUBREAPER, 1);
    }
    alone = command.flags & FIGURES || command.limits.memory || command.limits.cpu_us || command.limits.processes;
    has_group = cgroup_make(&command.limits, alone);
    i64 pid = command_start(in[0], terminal ? in[0] : out[1], terminal ? in[0] : err[1], &step);
    close_all((int[]){in[0], out[1], err[1]}, 3);
    if (pid < 0) {
        close_all((int[]){in[1], terminal ? -1 : out[0], err[0]}, 3);
        return send_error(pid, step), 0;
    }
    child = (int)pid;
    in_fd = terminal_fd = in[1];
    if (in_fd >= 0) sys(fcntl, in_fd, F_SETFL, O_NONBLOCK); /* outputs are read only when they have something */
    sources[0] = (struct source){out[0], OUT_STDOUT, WINDOW};
    sources[1] = (struct source){err[0], OUT_STDERR, WINDOW};
    reply(pid, "");
    if (terminal && command.flags & NO_INPUT) take_input(0, 0);
    return 1;
}

/* Without control groups: kills the children of this process, which orphans become, until there are none. */
static void kill_children(void) {
    static char buffer[4096], path[300], text[512];
    u64 parent;
    i64 fd = sys_open("/proc", O_RDONLY | O_DIRECTORY, 0), n;
    if (fd < 0) return;
    while ((n = sys(getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (i64 at = 0; at < n;) {
            struct dirent *entry = (struct dirent *)(buffer + at);
            at += entry->reclen;
            u64 pid;
            if (*parse(entry->name, &pid) || !pid) continue;
            put(put(put(path, "/proc/"), entry->name), "/stat");
            if (read_text(path, text, sizeof text) <= 0) continue;
            char *after = 0;                       /* PID (NAME) STATE PARENT, and a name may have parentheses */
            for (char *c = text; *c; c++) {
                if (*c == ')') after = c;
            }
            if (!after || length(after) < 5) continue;
            parse(after + 4, &parent);
            if (parent == (u64)sys(getpid)) sys(kill, pid, SIGKILL);
        }
    }
    sys(close, fd);
}

static void kill_tree(void) {
    if (cgroup_kill()) return;
    if (!ended) sys(kill, -child, SIGKILL);
    kill_children();
}

static void reap(void) {
    u8 info[128];
    int value;
    i64 pid;
    sys(read, signals, info, sizeof info);         /* one for any number of children */
    while ((pid = sys(wait4, -1, &value, WNOHANG, 0)) > 0) {
        if (pid != child) continue;
        ended = 1;
        status = value;
    }
    childless = pid == -ECHILD;
}

static void end_tree(void) {
    for (int i = 0; i < 500; i++) {
        kill_tree();
        reap();
        if (childless) return;
        nap(2);
    }
}

static void close_input(void) {
    if (in_fd < 0) return;
    if (!(command.flags & PTY)) sys(close, in_fd);
    in_fd = -1;
    send_frame(OUT_CLOSED, 0, 0);
}

static void feed(void) {
    u64 taken = 0;
    while (pending_size && in_fd >= 0) {
        u64 n = WINDOW - pending_at < pending_size ? WINDOW - pending_at : pending_size;
        i64 done = sys(write, in_fd, pending + pending_at, n);
        if (done == -EAGAIN || done == -EINTR) break;
        if (done < 0) {
            close_input();
            break;
        }
        pending_at = (pending_at + (u64)done) % WINDOW;
        pending_size -= (u64)done;
        taken += (u64)done;
    }
    if (taken) {
        u8 payload[4];
        put32(payload, (u32)taken);
        send_frame(OUT_CREDIT, payload, 4);
    }
    if (input_ends && !pending_size && in_fd >= 0) {
        if (command.flags & PTY) sys(write, in_fd, "\004", 1); /* ^D: end of file */
        else sys(close, in_fd);
        in_fd = -1;
    }
}

static void take_input(const u8 *bytes, u64 n) {
    if (!n) input_ends = 1;
    if (in_fd < 0) return;
    if (n > WINDOW - pending_size) sys(exit, 1);   /* more than it has credit for */
    u64 end = (pending_at + pending_size) % WINDOW, first = WINDOW - end < n ? WINDOW - end : n;
    memcpy(pending + end, bytes, first);
    memcpy(pending, bytes + first, n - first);
    pending_size += n;
    feed();
}

static void take_frame(u32 type, u8 *payload, u32 n) {
    struct fields f = {payload, payload + n, 0};
    u32 first = type == IN_DATA ? 0 : get32(&f);
    switch (type) {
    case IN_DATA: take_input(payload, n); break;
    case IN_SIGNAL: if (!ended && first <= SIGNALS) sys(kill, child, first); break;
    case IN_KILL: kill_tree(); break;
    case IN_RESIZE:
        command.size[1] = (u16)first;
        command.size[0] = (u16)get32(&f);
        if (command.flags & PTY) sys(ioctl, sources[0].fd, TIOCSWINSZ, command.size);
        break;
    case IN_CREDIT: sources[first & 1].credit += get32(&f); break;
    }
}

/* Returns 0 when the host has gone. */
static int take_frames(void) {
    u32 type, n;
    u8 *payload;
    if (!fill_inbox()) return 0;
    while ((payload = next_frame(&type, &n))) take_frame(type, payload, n);
    return 1;
}

/* The reserve is for what is in the pipe when the command has ended: so its end waits for nobody who does not read. */
static u64 allowance(const struct source *source) {
    if (ended) return source->credit;
    return source->credit > RESERVE ? source->credit - RESERVE : 0;
}

/* Passes on what a stream has; returns whether there was something. */
static int forward(struct source *source, short events) {
    u64 credit = allowance(source), n = credit < MAX_DATA - 8 ? credit : MAX_DATA - 8; /* with its header one packet */
    i64 done = events == POLLHUP ? 0 : sys(read, source->fd, frame_room((u32)n), n);
    if (done == -EAGAIN || done == -EINTR) return 0;
    if (done <= 0) {                               /* a terminal says EIO when the last process has closed it */
        if (!(command.flags & PTY)) sys(close, source->fd);
        source->fd = -1;
        if (command.flags & PTY) in_fd = -1;
        send_frame(source->type, 0, 0);
        return 1;
    }
    source->credit -= (u64)done;
    frame_done(source->type, (u32)done);
    return 1;
}

static void watch_limits(u64 deadline) {
    struct usage usage;
    u32 before = reasons;
    if (reasons) return;
    if (deadline && milliseconds() >= deadline) reasons |= TIMED_OUT;
    if (command.limits.cpu_us || command.limits.processes) {
        cgroup_usage(&usage);
        if (command.limits.cpu_us && usage.cpu_us >= command.limits.cpu_us) reasons |= CPU_LIMIT;
        if (command.limits.processes && usage.process_refusals) reasons |= PROCESS_LIMIT;
    }
    if (reasons != before) kill_tree();
}

static int wait_time(u64 deadline) {
    if (ended) {                                   /* what is still in the pipes; then it is over */
        for (int i = 0; i < 2; i++) {
            if (sources[i].fd >= 0 && !sources[i].credit) return -1;
        }
        return 0;
    }
    if (reasons || command.limits.cpu_us || command.limits.processes) return TICK_MS;
    if (!deadline) return -1;
    u64 now = milliseconds();
    return now >= deadline ? 0 : (int)(deadline - now);
}

/* What a command leaves behind lives on as a child of this process's parent; so this process must end then. */
static int leaves_nothing(void) {
    if (!childless) reap();
    return childless;
}

static void close_streams(void) {
    if (command.flags & PTY) {
        sys(close, terminal_fd);
        return;
    }
    close_all((int[]){in_fd, sources[0].fd, sources[1].fd}, 3);
}

static void report_end(void) {
    u8 payload[32];
    struct usage usage;
    if (command.flags & END_TREE || reasons) end_tree();
    memset(&usage, 0, sizeof usage);
    if (alone) cgroup_usage(&usage);
    if (command.limits.processes && usage.process_refusals) reasons |= PROCESS_LIMIT;
    int signal = status & 0x7f;
    put32(payload, reasons | (signal ? SIGNALED : 0) | (leaves_nothing() ? CONTINUES : 0));
    put32(payload + 4, (u32)(signal ? signal : (status >> 8) & 0xff));
    put64(payload + 8, usage.cpu_us);
    put64(payload + 16, usage.peak_memory);
    put32(payload + 24, usage.oom_kills);
    put32(payload + 28, (u32)has_group);
    send_frame(OUT_EXIT, payload, sizeof payload);
}

/* Lets the command run to its end without the host: its input ends, and its output is lost. */
static void run_on(u64 deadline) {
    static u8 lost[4096];
    if (in_fd >= 0 && !(command.flags & PTY)) sys(close, in_fd);
    in_fd = -1;
    for (;;) {
        struct pollfd fds[3] = {{signals, POLLIN, 0}, {sources[0].fd, POLLIN, 0}, {sources[1].fd, POLLIN, 0}};
        if (ended && sources[0].fd < 0 && sources[1].fd < 0) return;
        sources[0].credit = sources[1].credit = 1;
        if (!sys(poll, fds, 3, wait_time(deadline)) && ended) return;
        if (fds[0].revents) reap();
        for (int i = 0; i < 2; i++) {
            i64 n = fds[1 + i].revents ? sys(read, sources[i].fd, lost, sizeof lost) : 1;
            if (n > 0 || n == -EAGAIN || n == -EINTR) continue;
            if (!(command.flags & PTY)) sys(close, sources[i].fd);
            sources[i].fd = -1;
        }
        watch_limits(deadline);
    }
}

/* Returns whether the host is still there. */
static int serve(void) {
    u64 deadline = command.timeout_ms ? milliseconds() + command.timeout_ms : 0;
    int patient = command.flags & NO_INPUT;        /* the host waits for the end alone, so most commands need one packet */
    int lingers = 0;                               /* output that waits for more, or for the end */
    for (;;) {
        struct pollfd fds[5] = {{conn, POLLIN, 0}, {signals, POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0},
                                {in_fd, (short)(pending_size ? POLLOUT : 0), 0}};
        for (int i = 0; i < 2; i++) fds[2 + i].fd = allowance(&sources[i]) ? sources[i].fd : -1;
        int wait = wait_time(deadline);
        if (!patient) flush();
        else if (lingers && (wait < 0 || wait > LINGER_MS)) wait = LINGER_MS;
        i64 ready = sys(poll, fds, 5, wait);
        if (!ready && wait == LINGER_MS) {
            flush();
            lingers = 0;
            continue;
        }
        if (fds[0].revents && !take_frames()) {
            if (command.flags & DETACHED) run_on(deadline);
            else end_tree();
            return 0;
        }
        if (fds[1].revents) reap();
        int moved = 0;
        for (int i = 0; i < 2; i++) {
            if (fds[2 + i].revents && fds[2 + i].fd == sources[i].fd) moved |= forward(&sources[i], fds[2 + i].revents);
        }
        lingers |= moved;
        if (in_fd >= 0 && fds[4].revents & POLLERR && !(command.flags & PTY)) close_input();
        else if (fds[4].revents) feed();
        watch_limits(deadline);
        int dry = sources[0].fd < 0 && sources[1].fd < 0;
        if (ended && (dry || (ready == 0 && !moved))) break;
    }
    report_end();
    return 1;
}

int serve_exec(struct fields *f) {
    if (!command_decode(f)) return send_error(-EINVAL, "request"), 0;
    if (!start()) return 1;
    int there = serve();
    close_streams();
    if (alone) cgroup_drop();
    return there && leaves_nothing();
}
