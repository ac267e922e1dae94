/* A control group (cgroup v2) for each command: Documentation/admin-guide/cgroup-v2.rst. */
#include "agent.h"

#define ROOT "/sys/fs/cgroup"
static char path[64];                              /* of this process's group; "" if there is none */
static u64 path_length;
static int group;                                  /* its folder, open */
static int used_up;                                /* after cgroup.kill some kernels, 6.1.130 for one, kill each later child */

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

void cgroup_drop(void) {
    if (!path_length) return;
    sys(close, group);
    sys(rmdir, path);                              /* fails while a process that a command left behind is in it */
    path[path_length = 0] = 0;
}

/* Making and removing a group takes the kernel longer than the whole rest of a small command, so those of which nobody
 * asks for limits or figures have one after the other. */
int cgroup_make(const struct limits *limits, int alone) {
    if (alone || used_up) cgroup_drop();
    if (path_length) return 1;
    used_up = 0;
    path_length = (u64)(put_number(put(path, ROOT "/exec-"), (u64)sys(getpid)) - path);
    if (sys(mkdir, path, 0755) < 0 || (group = (int)sys_open(path, O_RDONLY | O_DIRECTORY, 0)) < 0) {
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

static void (*in_child)(void);

/* Of a kernel without CLONE_INTO_CGROUP. */
static void move_child(void) {
    set("/cgroup.procs", "0");
    in_child();
}

/* The child has this process's memory until it becomes a program, and a stack of its own, because this process returns
 * from here with the old one. Its page tables need not be copied, which is most of the work of fork(2). */
static i64 spawn(u64 flags, void (*child)(void)) {
    struct { u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; }
        args;                                      /* linux/sched.h: struct clone_args */
    static u8 stack[1 << 14] __attribute__((aligned(16)));
    i64 result;
    memset(&args, 0, sizeof args);
    args.flags = flags | 0x4100;                   /* CLONE_VM | CLONE_VFORK */
    args.exit_signal = SIGCHLD;
    args.stack = (u64)stack;
    args.stack_size = sizeof stack;
    args.cgroup = (u64)group;
    __asm__ volatile("syscall\n test %%rax, %%rax\n jnz 1f\n call *%4\n 1:"
                     : "=a"(result) : "0"(SYS_clone3), "D"(&args), "S"(sizeof args), "r"(child)
                     : "rcx", "r11", "memory");
    return result;
}

/* A child that begins in its group needs no move to it, for which the kernel waits tens of milliseconds. */
i64 cgroup_spawn(void (*child)(void)) {
    i64 pid = path_length ? spawn(0x200000000, child) : -1; /* CLONE_INTO_CGROUP, since Linux 5.7 */
    if (pid >= 0) return pid;
    in_child = child;
    return spawn(0, path_length ? move_child : child);
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
    return path_length && (used_up = set("/cgroup.kill", "1") > 0);
}

void cgroup_sweep(void) {
    char buffer[2048], old[64];
    if (!path_length) return;
    cgroup_drop();
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
