/* A command: what it is, and its start. Until its program runs, the child has the memory of this process. */
#include "agent.h"

enum { TIOCSCTTY = 0x540e };

struct command command;
static struct user user;
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
    write_text("/proc/self/oom_score_adj", "0");
    sys(setsid);
    if ((command.flags & PTY) && (error = sys(ioctl, child_in, TIOCSCTTY, 0)) < 0) fail("terminal", error);
    sys(dup2, child_in, 0);
    sys(dup2, child_out, 1);
    sys(dup2, child_err, 2);
    if ((error = sys(setgroups, user.groups, user.group)) < 0) fail("user", error);
    if ((error = sys(setgid, user.gid)) < 0 || (error = sys(setuid, user.uid)) < 0) fail("user", error);
    if ((error = sys(chdir, *command.directory ? command.directory : "/")) < 0) fail("directory", error);
    u64 action[4] = {0}, none = 0;                 /* SIG_DFL for what the agent ignores */
    sys(rt_sigaction, SIGPIPE, action, 0, 8);
    sys(rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    fail("command", execute());
}

i64 command_start(int in, int out, int err, const char **step) {
    static char home[300];
    *step = "user";
    if (!find_user(*command.user ? command.user : "root", &user)) return -ENOENT;
    if (!variable("PATH=")) {
        command.envp[command.envc++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    }
    if (!variable("HOME=")) {
        put(put(home, "HOME="), same(user.home, "/") && !user.uid ? "/root" : user.home);
        command.envp[command.envc++] = home;
    }
    command.envp[command.envc] = 0;
    child_in = in;
    child_out = out;
    child_err = err;
    failure = 0;
    i64 pid = cgroup_spawn(become_command);
    *step = pid < 0 ? "fork" : failed_step;
    if (pid > 0 && failure) sys(wait4, pid, &(int){0}, 0, 0);
    return failure ? failure : pid;
}
