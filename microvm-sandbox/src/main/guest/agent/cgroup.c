/* A control group (cgroup v2) for each command: Documentation/admin-guide/cgroup-v2.rst. */
#include "agent.h"

#define ROOT "/sys/fs/cgroup"
static char path[64];                              /* of this process's group; "" if there is none */
static u64 path_length;

static char *file(const char *name) {
    put(path + path_length, name);
    return path;
}

static i64 set(const char *name, const char *value) {
    i64 done = write_text(file(name), value);
    path[path_length] = 0;
    return done;
}

static void set_number(const char *name, u64 value) {
    char text[24];
    put_number(text, value);
    set(name, text);
}

/* Returns the number after KEY in a file of lines "KEY NUMBER", or the whole file's number if the key is empty. */
static u64 read_number(const char *name, const char *key) {
    char text[1024], *line = text;
    u64 value = 0;
    i64 n = read_text(file(name), text, sizeof text);
    path[path_length] = 0;
    if (n <= 0) return 0;
    while (*line) {
        if (starts(line, key)) {
            line += length(key);
            if (*key && *line != ' ') goto next;
            parse(line + (*key != 0), &value);
            return value;
        }
    next:
        while (*line && *line++ != '\n') {}
    }
    return 0;
}

void cgroup_prepare(void) {
    static const char *const controllers[] = {"+memory", "+pids", "+cpu"};
    for (int i = 0; i < 3; i++) write_text(ROOT "/cgroup.subtree_control", controllers[i]);
}

int cgroup_make(const struct limits *limits) {
    path_length = (u64)(put_number(put(path, ROOT "/exec-"), (u64)sys(getpid)) - path);
    if (sys(mkdir, path, 0755) < 0) {
        path[path_length = 0] = 0;
        return 0;
    }
    if (limits->memory) {
        set_number("/memory.max", limits->memory);
        set("/memory.swap.max", "0");
        set("/memory.oom.group", "1");
    }
    if (limits->processes) set_number("/pids.max", limits->processes);
    return 1;
}

/* A child that begins in its group needs no move to it, for which the kernel waits tens of milliseconds. */
i64 cgroup_fork(void) {
    struct { u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; }
        args;                                      /* linux/sched.h: struct clone_args */
    i64 group = path_length ? sys_open(path, O_RDONLY | O_DIRECTORY, 0) : -1, pid = -1;
    memset(&args, 0, sizeof args);
    args.flags = 0x200000000;                      /* CLONE_INTO_CGROUP, since Linux 5.7 */
    args.exit_signal = SIGCHLD;
    args.cgroup = (u64)group;
    if (group >= 0) {
        pid = sys(clone3, &args, sizeof args);
        if (pid == 0) return 0;
        sys(close, group);
    }
    if (pid >= 0) return pid;
    pid = sys(fork);
    if (pid == 0 && path_length) set("/cgroup.procs", "0");
    return pid;
}

void cgroup_usage(struct usage *usage) {
    memset(usage, 0, sizeof *usage);
    if (!path_length) return;
    usage->cpu_us = read_number("/cpu.stat", "usage_usec");
    usage->peak_memory = read_number("/memory.peak", "");
    usage->oom_kills = (u32)read_number("/memory.events", "oom_kill");
    usage->process_refusals = (u32)read_number("/pids.events", "max");
}

int cgroup_kill(void) {
    return path_length && set("/cgroup.kill", "1") > 0;
}

/* A group with processes that the command left behind stays. Those that became empty since then go too. */
void cgroup_remove(void) {
    char buffer[2048], old[64];
    if (path_length) sys(rmdir, path);
    i64 fd = sys_open(ROOT, O_RDONLY | O_DIRECTORY, 0), n;
    if (fd < 0) return;
    while ((n = sys(getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (i64 at = 0; at < n;) {
            struct dirent *entry = (struct dirent *)(buffer + at);
            at += entry->reclen;
            if (!starts(entry->name, "exec-") || length(entry->name) > 20) continue;
            put(put(old, ROOT "/"), entry->name);
            u64 owner;
            parse(entry->name + 5, &owner);
            if (sys(kill, owner, 0) < 0) sys(rmdir, old); /* its process has ended */
        }
    }
    sys(close, fd);
}
