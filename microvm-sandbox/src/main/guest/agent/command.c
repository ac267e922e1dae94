/* A command: what it is, and its start. Until its program runs, the child has the memory of this process. */
#include "agent.h"

enum { TIOCSCTTY = 0x540e };

struct command command;
static const struct user *user;
static int no_input = -1, score = -1;              /* /dev/null; this process's oom_score_adj */
static int child_in, child_out, child_err;
static const char *failed_step;                    /* what the child could not do, and why */
static i64 failure;

static int get_words(struct fields *f, char **words, int *count) {
    u32 n = get32(f);
    if (n > MAX_WORDS) return 0;
    for (u32 i = 0; i < n; i++) words[i] = get_text(f);
    words[n] = 0;
    *count = (int)n;
    return !f->bad;
}

int command_decode(struct fields *f) {
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

static void fail(const char *step, i64 error) {
    failed_step = step;
    failure = error;
    sys(exit, 127);
}

static void become_command(void) {
    i64 error;
    sys(setsid);
    if ((command.flags & PTY) && (error = sys(ioctl, child_in, TIOCSCTTY, 0)) < 0) fail("terminal", error);
    sys(dup2, child_in, 0);
    sys(dup2, child_out, 1);
    sys(dup2, child_err, 2);
    u64 none = 0;
    if (user->uid || user->gid || user->groups > 1) { /* else it is what this process is */
        if ((error = sys(setgroups, user->groups, user->group)) < 0) fail("user", error);
        if ((error = sys(setgid, user->gid)) < 0 || (error = sys(setuid, user->uid)) < 0) fail("user", error);
    }
    if (*command.directory && (error = sys(chdir, command.directory)) < 0) fail("directory", error);
    sys(rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    fail("command", execute());
}

i64 command_start(int in, int out, int err, const char **step) {
    static char home[300];
    *step = "user";
    if (!(user = find_user(*command.user ? command.user : "root"))) return -ENOENT;
    if (in < 0) {
        if (no_input < 0) no_input = (int)sys_open("/dev/null", O_RDONLY, 0);
        in = no_input;
    }
    if (!variable("PATH=")) {
        command.envp[command.envc++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    }
    if (!variable("HOME=")) {
        put(put(home, "HOME="), same(user->home, "/") && !user->uid ? "/root" : user->home);
        command.envp[command.envc++] = home;
    }
    command.envp[command.envc] = 0;
    child_in = in;
    child_out = out;
    child_err = err;
    failure = 0;
    if (score < 0) score = (int)sys_open("/proc/self/oom_score_adj", O_RDWR, 0);
    sys(pwrite64, score, "0", 1, 0);               /* the child begins with it; by its own file it would take longer */
    i64 pid = cgroup_spawn(become_command);
    sys(pwrite64, score, "-1000", 5, 0);
    *step = pid < 0 ? "fork" : failed_step;
    if (pid > 0 && failure) sys(wait4, pid, &(int){0}, 0, 0);
    return failure ? failure : pid;
}
