/* What the parts of the agent share. Each connection has a process of its own, so all state is global and simple. */
#ifndef AGENT_H
#define AGENT_H
#include "sys.h"

/* base.c: memory, text, messages */
void *memcpy(void *to, const void *from, u64 n);
void *memset(void *to, int value, u64 n);
u64 length(const char *s);
int same(const char *a, const char *b);
int starts(const char *s, const char *prefix);
const char *parse(const char *s, u64 *value);      /* decimal; returns what follows */
const char *parse_octal(const char *s, const char *end, u64 *value);
char *put(char *to, const char *s);                /* appends; returns the new end, which is 0 */
char *put_number(char *to, u64 value);
void say(const char *what, const char *detail, i64 error); /* a line on the console; error 0 = none */
int write_all(int fd, const void *bytes, u64 n);   /* 0, or the negative error */
int read_all(int fd, void *bytes, u64 n);          /* 0, -EPROTO at an early end, or the negative error */
i64 read_text(const char *path, char *to, u64 room); /* a small file, ended by 0; its length or the negative error */
i64 write_text(const char *path, const char *text);
void block_signals(void);                          /* SIGCHLD, which is watched, and SIGPIPE; children unblock all */
int watch_children(void);                          /* a descriptor to read when a child has ended */
u64 milliseconds(void);                            /* of the monotonic clock */
void nap(int ms);

/* wire.c: frames. A frame is its payload's length and its type, 32 bits each, little-endian, then the payload. */
enum {
    MAX_REQUEST = 1 << 20, MAX_DATA = 1 << 16, WINDOW = 3 << 16, PORT = 1024, PROTOCOL = 2
};
enum { /* to the agent */
    REQ_PING = 1, REQ_EXEC, REQ_OPEN, REQ_PATH, REQ_LIST, REQ_TAR_OUT, REQ_TAR_IN, REQ_WATCH, REQ_FORWARD, REQ_SYSTEM,
    IN_DATA = 32, IN_SIGNAL, IN_KILL, IN_RESIZE, IN_CREDIT, IN_READ, IN_WRITE, IN_TRUNCATE, IN_STAT, IN_SYNC
};
enum { /* from the agent */
    OUT_OK = 64, OUT_ERROR, OUT_STDOUT, OUT_STDERR, OUT_EXIT, OUT_CREDIT, OUT_CLOSED, OUT_DATA, OUT_END
};
struct fields { u8 *at, *end; int bad; };
extern int conn;                                   /* the connection of this process */
extern int conn_broke;                             /* it ended by an error, such as a reset of the device */
extern u8 request[MAX_REQUEST];
u32 get32(struct fields *f);
u64 get64(struct fields *f);
char *get_text(struct fields *f);                  /* "" if the request is malformed */
void send_frame(u32 type, const void *payload, u32 n); /* waits for flush, or for more frames than there is room for */
u8 *frame_room(u32 n);                             /* the same in two steps: the place of a payload of at most n bytes */
void frame_done(u32 type, u32 n);
void flush(void);                                  /* sends what waits; ends the process if the host has gone */
void send_error(i64 error, const char *what);      /* error: negative */
void reply(i64 result, const char *what);          /* OUT_OK with the result as 64 bits, or an error */
u32 receive(u32 *n);                               /* flushes; a frame into request; its type, 0 at the end */
int fill_inbox(void);                              /* reads once; 0 when the host has gone */
u8 *next_frame(u32 *type, u32 *n);                 /* the payload of a frame that is there as a whole, else 0 */
u64 inbox_rest(u8 **bytes);                        /* what has come after the frames that were taken */
void put32(u8 *to, u32 value);
void put64(u8 *to, u64 value);

/* cgroup.c: what a command and its descendants use */
struct limits { u64 memory, cpu_us; u32 processes; };
struct usage { u64 cpu_us, peak_memory; u32 oom_kills, process_refusals; };
void cgroup_prepare(void);
int cgroup_make(const struct limits *limits, int alone); /* whether there is one; alone: no command was in it before */
i64 cgroup_spawn(void (*child)(void));             /* as vfork(2): returns when child, in the group, has ended or become a program */
void cgroup_usage(struct usage *usage);
int cgroup_kill(void);                             /* whether that was possible */
void cgroup_drop(void);                            /* no further command is in it */
void cgroup_sweep(void);                           /* removes this process's group, and old ones that are empty now */

/* command.c: one command of this process at a time */
enum { PTY = 1, END_TREE = 2, FIGURES = 4, NO_INPUT = 8, DETACHED = 16, MAX_WORDS = 8192 }; /* flags of REQ_EXEC */
struct command {
    u32 flags, timeout_ms;
    u16 size[4];                                   /* struct winsize: rows, columns, pixels */
    struct limits limits;
    char *directory, *user;
    char *argv[MAX_WORDS + 1], *envp[MAX_WORDS + 3];
    int argc, envc;
};
extern struct command command;
int command_decode(struct fields *f);
i64 command_start(int in, int out, int err, const char **step); /* its process, or the error of a step; in -1: none */

/* user.c */
struct user { u32 uid, gid, groups; u32 group[64]; char home[256]; };
const struct user *find_user(const char *name);    /* NAME, UID, NAME:GROUP, UID:GID; 0 if there is no such user */

/* the requests, each by its file */
int serve_exec(struct fields *f);                  /* whether the connection can take a further request */
void serve_open(struct fields *f);
void serve_path(struct fields *f);
void serve_list(struct fields *f);
void serve_watch(struct fields *f);
void serve_tar_out(struct fields *f);
void serve_tar_in(struct fields *f);
void serve_forward(struct fields *f);
void serve_system(struct fields *f);
void put_stat(u8 *to, const struct stat *s);
enum { STAT_BYTES = 14 * 8 };
i64 remove_tree(char *path, u64 room);             /* path: with room for the names below */

/* main.c */
void serve_by_process(int fd);                     /* serves a connection by a process of its own, and closes it here */

/* mux.c: connections over a port of the virtio console */
#define PORT_NAME "microvm.agent"
enum { MOST_WATCHED = 1 + 256 };
int mux_open(int patiently);                       /* whether there is such a port; patiently: there will be */
int mux_watch(struct pollfd *fds);                 /* what to poll; returns how many */
void mux_serve(const struct pollfd *fds);          /* after poll(2) */
void mux_leave(void);

/* init.c */
extern int needs_port;                             /* the host comes over the virtio console */
void run_as_init(void);
void power_off(void) __attribute__((noreturn));
#endif
