/* Runs a command: its streams, its end, and the end of all that it started. */
#include "agent.h"

enum { PTY = 1, END_TREE = 2, MAX_WORDS = 8192, TICK_MS = 20 };
enum { TIOCSCTTY = 0x540e, TIOCSWINSZ = 0x5414 };
#define TIOCSPTLCK 0x40045431
#define TIOCGPTN 0x80045430
enum { TIMED_OUT = 1, CPU_LIMIT = 2, PROCESS_LIMIT = 4, SIGNALED = 8 };

struct source { int fd; u32 type; u64 credit; };

static struct {
    u32 flags, timeout_ms;
    u16 size[4];                                   /* struct winsize: rows, columns, pixels */
    struct limits limits;
    char *directory, *user;
    char *argv[MAX_WORDS + 1], *envp[MAX_WORDS + 3];
    int argc, envc;
} command;

static int child, signals, in_fd = -1, ended, status, has_group;
static u32 reasons;
static struct source sources[2];
static u8 pending[WINDOW];                         /* standard input that the command has not taken, as a ring */
static u64 pending_at, pending_size;
static int input_ends;
static u8 inbox[8 + MAX_DATA];                     /* frames from the host, in pieces */
static u64 inbox_size;

static int get_words(struct fields *f, char **words, int *count) {
    u32 n = get32(f);
    if (n > MAX_WORDS) return 0;
    for (u32 i = 0; i < n; i++) words[i] = get_text(f);
    words[n] = 0;
    *count = (int)n;
    return !f->bad;
}

static int decode(struct fields *f) {
    command.flags = get32(f);
    command.timeout_ms = get32(f);
    command.size[1] = (u16)get32(f);
    command.size[0] = (u16)get32(f);
    command.limits.memory = get64(f);
    command.limits.cpu_us = get64(f);
    command.limits.processes = get32(f);
    command.directory = get_text(f);
    command.user = get_text(f);
    return get_words(f, command.argv, &command.argc) && get_words(f, command.envp, &command.envc) && command.argc;
}

static char *variable(const char *name) {          /* name: with its = */
    for (int i = 0; i < command.envc; i++) {
        if (starts(command.envp[i], name)) return command.envp[i] + length(name);
    }
    return 0;
}

/* Returns the error of the last attempt. */
static i64 execute(void) {
    static char path[4096];
    char *name = command.argv[0], *folders = variable("PATH=");
    for (char *at = name; *at; at++) {
        if (*at == '/') return sys(execve, name, command.argv, command.envp);
    }
    i64 error = -ENOENT;
    while (*folders) {
        char *to = path;
        while (*folders && *folders != ':' && to < path + 2048) *to++ = *folders++;
        if (*folders) folders++;
        if (to == path) *to++ = '.';
        *to++ = '/';
        if (length(name) > 2000) return -ENAMETOOLONG;
        put(to, name);
        i64 result = sys(execve, path, command.argv, command.envp);
        if (result != -ENOENT && result != -ENOTDIR) error = result;
    }
    return error;
}

static void fail(int pipe, u32 step, i64 error) {
    u32 words[2] = {step, (u32)-error};
    write_all(pipe, words, sizeof words);
    sys(exit, 127);
}

static const char *const steps[] = {"user", "directory", "command", "terminal"};

static void become_command(int report, int in, int out, int err) {
    static char home[300];
    struct user user;
    u64 none = 0;
    i64 error;
    write_text("/proc/self/oom_score_adj", "0");
    sys(setsid);
    if ((command.flags & PTY) && (error = sys(ioctl, in, TIOCSCTTY, 0)) < 0) fail(report, 3, error);
    sys(dup2, in, 0);
    sys(dup2, out, 1);
    sys(dup2, err, 2);
    if (!find_user(*command.user ? command.user : "root", &user)) fail(report, 0, -ENOENT);
    if (!variable("PATH=")) command.envp[command.envc++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    if (!variable("HOME=")) {
        put(put(home, "HOME="), same(user.home, "/") && !user.uid ? "/root" : user.home);
        command.envp[command.envc++] = home;
    }
    command.envp[command.envc] = 0;
    if ((error = sys(setgroups, user.groups, user.group)) < 0) fail(report, 0, error);
    if ((error = sys(setgid, user.gid)) < 0 || (error = sys(setuid, user.uid)) < 0) fail(report, 0, error);
    if ((error = sys(chdir, *command.directory ? command.directory : "/")) < 0) fail(report, 1, error);
    u64 action[4] = {0};                           /* SIG_DFL for what the agent ignores */
    sys(rt_sigaction, SIGPIPE, action, 0, 8);
    sys(rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    fail(report, 2, execute());
}

/* Opens a terminal; returns its end for the command, and the other in *end. */
static i64 open_terminal(int *end) {
    char path[32];
    int number = 0, zero = 0;
    i64 master = sys_open("/dev/ptmx", O_RDWR | O_NOCTTY, 0);
    if (master < 0) return master;
    sys(ioctl, master, TIOCSPTLCK, &zero);
    i64 error = sys(ioctl, master, TIOCGPTN, &number);
    if (error < 0) return error;
    sys(ioctl, master, TIOCSWINSZ, command.size);
    put_number(put(path, "/dev/pts/"), (u64)number);
    *end = (int)master;
    return sys_open(path, O_RDWR | O_NOCTTY, 0);
}

static void watch_children(void) {
    u64 mask = 1UL << (SIGCHLD - 1);
    sys(rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
    signals = (int)sys(signalfd4, -1, &mask, 8, O_CLOEXEC | O_NONBLOCK);
    sys(prctl, PR_SET_CHILD_SUBREAPER, 1);
}

/* Starts the command; returns whether it runs. If not, the host was told. */
static int start(void) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, report[2], terminal = -1;
    u32 problem[2];
    if (command.flags & PTY) {
        i64 slave = open_terminal(&terminal);
        if (slave < 0) return send_error(slave, "terminal"), 0;
        in[0] = out[1] = err[1] = (int)slave;
        in[1] = out[0] = terminal;
    } else if (sys(pipe2, in, O_CLOEXEC) < 0 || sys(pipe2, out, O_CLOEXEC) < 0 || sys(pipe2, err, O_CLOEXEC) < 0) {
        return send_error(-ENOMEM, "pipe"), 0;
    }
    sys(pipe2, report, O_CLOEXEC);
    watch_children();
    has_group = cgroup_make(&command.limits);
    i64 pid = cgroup_fork();
    if (pid == 0) become_command(report[1], in[0], out[1], err[1]);
    sys(close, report[1]);
    sys(close, in[0]);
    if (out[1] != in[0]) {
        sys(close, out[1]);
        sys(close, err[1]);
    }
    if (pid < 0) return send_error(pid, "fork"), 0;
    if (!read_all(report[0], problem, sizeof problem)) {
        const char *step = problem[0] < 4 ? steps[problem[0]] : "";
        return send_error(-(i64)problem[1], step), 0;
    }
    sys(close, report[0]);
    child = (int)pid;
    in_fd = in[1];
    sys(fcntl, in_fd, F_SETFL, O_NONBLOCK);
    sys(fcntl, out[0], F_SETFL, O_NONBLOCK);
    if (err[0] >= 0) sys(fcntl, err[0], F_SETFL, O_NONBLOCK);
    sources[0] = (struct source){out[0], OUT_STDOUT, WINDOW};
    sources[1] = (struct source){err[0], OUT_STDERR, WINDOW};
    reply(pid, "");
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
    while (sys(read, signals, info, sizeof info) > 0) {}
    while ((pid = sys(wait4, -1, &value, WNOHANG, 0)) > 0) {
        if (pid != child) continue;
        ended = 1;
        status = value;
    }
}

static void end_tree(void) {
    for (int i = 0; i < 500; i++) {
        kill_tree();
        reap();
        if (sys(wait4, -1, &(int){0}, WNOHANG, 0) == -ECHILD) return;
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
    for (u64 i = 0; i < n; i++) pending[(pending_at + pending_size + i) % WINDOW] = bytes[i];
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
    i64 done = sys(read, conn, inbox + inbox_size, sizeof inbox - inbox_size);
    if (done == -EINTR) return 1;
    if (done <= 0) return 0;
    inbox_size += (u64)done;
    u64 at = 0;
    while (inbox_size - at >= 8) {
        u32 n, type;
        memcpy(&n, inbox + at, 4);
        memcpy(&type, inbox + at + 4, 4);
        if (n > MAX_DATA) return 0;
        if (inbox_size - at - 8 < n) break;
        take_frame(type, inbox + at + 8, n);
        at += 8 + n;
    }
    inbox_size -= at;
    for (u64 i = 0; i < inbox_size && at; i++) inbox[i] = inbox[at + i];
    return 1;
}

/* Sends what a stream has; returns whether there was something. */
static int forward(struct source *source) {
    static u8 data[MAX_DATA];
    u64 n = source->credit < sizeof data ? source->credit : sizeof data;
    i64 done = sys(read, source->fd, data, n);
    if (done == -EAGAIN || done == -EINTR) return 0;
    if (done <= 0) {                               /* a terminal says EIO when the last process has closed it */
        if (!(command.flags & PTY)) sys(close, source->fd);
        source->fd = -1;
        if (command.flags & PTY) in_fd = -1;
        send_frame(source->type, 0, 0);
        return 1;
    }
    source->credit -= (u64)done;
    send_frame(source->type, data, (u32)done);
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

static void report_end(void) {
    u8 payload[32];
    struct usage usage;
    if (command.flags & END_TREE || reasons) end_tree();
    cgroup_usage(&usage);
    if (command.limits.processes && usage.process_refusals) reasons |= PROCESS_LIMIT;
    int signal = status & 0x7f;
    put32(payload, reasons | (signal ? SIGNALED : 0));
    put32(payload + 4, (u32)(signal ? signal : (status >> 8) & 0xff));
    put64(payload + 8, usage.cpu_us);
    put64(payload + 16, usage.peak_memory);
    put32(payload + 24, usage.oom_kills);
    put32(payload + 28, (u32)has_group);
    send_frame(OUT_EXIT, payload, sizeof payload);
}

static void serve(void) {
    u64 deadline = command.timeout_ms ? milliseconds() + command.timeout_ms : 0;
    for (;;) {
        struct pollfd fds[5] = {{conn, POLLIN, 0}, {signals, POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0},
                                {in_fd, (short)(pending_size ? POLLOUT : 0), 0}};
        for (int i = 0; i < 2; i++) fds[2 + i].fd = sources[i].credit ? sources[i].fd : -1;
        i64 ready = sys(poll, fds, 5, wait_time(deadline));
        if (fds[0].revents && !take_frames()) {
            end_tree();
            return;
        }
        if (fds[1].revents) reap();
        int moved = 0;
        for (int i = 0; i < 2; i++) {
            if (fds[2 + i].revents && fds[2 + i].fd == sources[i].fd) moved |= forward(&sources[i]);
        }
        if (in_fd >= 0 && fds[4].revents & POLLERR && !(command.flags & PTY)) close_input();
        else if (fds[4].revents) feed();
        watch_limits(deadline);
        int dry = sources[0].fd < 0 && sources[1].fd < 0;
        if (ended && (dry || (ready == 0 && !moved))) break;
    }
    report_end();
}

void serve_exec(struct fields *f) {
    if (!decode(f)) return send_error(-EINVAL, "request");
    if (start()) {
        serve();
        sys(shutdown, conn, SHUT_WR);
    }
    cgroup_remove();
}
