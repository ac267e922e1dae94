/* System calls of Linux on x86-64: numbers of arch/x86/entry/syscalls/syscall_64.tbl, constants of include/uapi. */
#ifndef AGENT_SYS_H
#define AGENT_SYS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

enum {
    SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_poll = 7, SYS_lseek = 8, SYS_rt_sigaction = 13,
    SYS_rt_sigprocmask = 14, SYS_ioctl = 16, SYS_pread64 = 17, SYS_pwrite64 = 18, SYS_dup2 = 33, SYS_nanosleep = 35,
    SYS_getpid = 39, SYS_socket = 41, SYS_connect = 42, SYS_shutdown = 48, SYS_bind = 49, SYS_listen = 50,
    SYS_socketpair = 53, SYS_fork = 57, SYS_execve = 59, SYS_exit = 60, SYS_wait4 = 61, SYS_kill = 62, SYS_uname = 63,
    SYS_fcntl = 72, SYS_fsync = 74, SYS_ftruncate = 77, SYS_chdir = 80, SYS_rename = 82, SYS_mkdir = 83, SYS_rmdir = 84, SYS_link = 86,
    SYS_unlink = 87, SYS_symlink = 88, SYS_readlink = 89, SYS_chmod = 90, SYS_lchown = 94, SYS_umask = 95,
    SYS_setuid = 105, SYS_setgid = 106, SYS_setsid = 112, SYS_setgroups = 116, SYS_mknod = 133, SYS_statfs = 137,
    SYS_prctl = 157, SYS_chroot = 161, SYS_sync = 162, SYS_mount = 165, SYS_umount2 = 166, SYS_reboot = 169,
    SYS_sethostname = 170, SYS_getdents64 = 217, SYS_clock_settime = 227, SYS_clock_gettime = 228, SYS_openat = 257,
    SYS_newfstatat = 262, SYS_utimensat = 280, SYS_accept4 = 288, SYS_signalfd4 = 289, SYS_pipe2 = 293,
    SYS_inotify_init1 = 294, SYS_inotify_add_watch = 254, SYS_finit_module = 313, SYS_clone3 = 435
};

enum {
    EPERM = 1, ENOENT = 2, EINTR = 4, EIO = 5, EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EBUSY = 16,
    EEXIST = 17, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENAMETOOLONG = 36, ENOTEMPTY = 39, EPROTO = 71,
    EAFNOSUPPORT = 97
};

enum {
    AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100,
    O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_NOCTTY = 0400, O_TRUNC = 01000,
    O_APPEND = 02000, O_NONBLOCK = 04000, O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000, O_CLOEXEC = 02000000,
    POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16,
    SIG_BLOCK = 0, SIG_SETMASK = 2, SIGKILL = 9, SIGPIPE = 13, SIGCHLD = 17, SIGNALS = 64,
    WNOHANG = 1, F_SETFL = 4, CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, PR_SET_CHILD_SUBREAPER = 36,
    AF_UNIX = 1, AF_INET = 2, AF_VSOCK = 40, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_CLOEXEC = 02000000, SHUT_WR = 1,
    MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_NOATIME = 1024, MS_MOVE = 8192,
    S_IFMT = 0170000, S_IFDIR = 0040000, S_IFREG = 0100000, S_IFLNK = 0120000, S_IFCHR = 0020000, S_IFBLK = 0060000,
    S_IFIFO = 0010000
};

struct pollfd { int fd; short events, revents; };
struct timespec { i64 sec, nsec; };
struct stat {
    u64 dev, ino, nlink;
    u32 mode, uid, gid, pad;
    u64 rdev;
    i64 size, blksize, blocks;
    struct timespec atime, mtime, ctime;
    i64 unused[3];
};
struct dirent { u64 ino; i64 off; u16 reclen; u8 type; char name[]; };

static inline i64 syscall6(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f) {
    register i64 r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    i64 result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* sys(NAME, arguments...): the result, or the negative error number. */
#define SYS_ARGS(n, a, b, c, d, e, f, ...) syscall6(n, (i64)(a), (i64)(b), (i64)(c), (i64)(d), (i64)(e), (i64)(f))
#define sys(name, ...) SYS_ARGS(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

static inline i64 sys_open(const char *path, int flags, int mode) {
    return sys(openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}
#endif
