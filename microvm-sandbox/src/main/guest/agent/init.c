/* The first program of a guest: mounts, modules, and the change to the root on a disk, as /agent.conf says:
 *   module PATH            a kernel module, loaded in the order of these lines
 *   root DEVICE TYPE       the disk to continue on, read-only; type auto: what its file system is
 *   overlay SIZE           what is written goes to memory, at most SIZE as tmpfs(5) has it
 *   changes DEVICE         what is written goes to this disk, an ext4
 *   writable               the disk itself is mounted writable, without an overlay
 *   hostname NAME
 *   init PATH              a program to start in the root, beside the agent
 *   console                wait for the port of the virtio console that the host uses
 */
#include "agent.h"

enum { ROOT_PATIENCE_MS = 30000, POWER_OFF = 0x4321fedc };
#define FIFREEZE 0xc0045877                        /* linux/fs.h */

static char conf[1 << 15], *device, *type, *overlay, *changes, *hostname, *program;
static int writable, console, upper = -1;
int needs_port;

/* The disk of changes is frozen, which leaves nothing in its journal. */
void power_off(void) {
    sys(sync);
    if (upper >= 0) sys(ioctl, upper, FIFREEZE, 0);
    sys(reboot, 0xfee1dead, 672274793, (u32)POWER_OFF, 0); /* reboot(2) */
    for (;;) nap(1000);
}

/* What the console is may depend on a module, such as virtio_console. */
static void open_console(void) {
    if (console) return;
    i64 fd = sys_open("/dev/console", O_RDWR | O_NOCTTY, 0);
    if (fd < 0) return;
    for (int i = 0; i < 3; i++) sys(dup2, fd, i);
    if (fd > 2) sys(close, fd);
    console = 1;
}

static void give_up(const char *what, const char *detail, i64 error) {
    open_console();
    say(what, detail, error);
    say("the guest cannot go on and is turned off", "", 0);
    nap(200);                                      /* for the console */
    power_off();
}

static i64 mount(const char *what, const char *where, const char *kind, u64 flags, const char *options) {
    sys(mkdir, where, 0755);
    i64 done = sys(mount, what, where, kind, flags, options);
    return done == -EBUSY ? 0 : done;
}

static void need(i64 result, const char *what, const char *detail) {
    if (result < 0) give_up(what, detail, result);
}

static i64 mount_disk(const char *where, u64 flags) {
    static const char *const types[] = {"ext4", "erofs", "squashfs", "xfs", "btrfs", "vfat"};
    i64 done = -ENODEV;
    if (!same(type, "auto")) return mount(device, where, type, flags, "");
    for (int i = 0; i < 6 && done < 0; i++) done = mount(device, where, types[i], flags, "");
    return done;
}

static void load_module(const char *path) {
    i64 fd = sys_open(path, O_RDONLY, 0);
    i64 done = fd < 0 ? fd : sys(finit_module, fd, "", 0);
    if (fd >= 0) sys(close, fd);
    if (done < 0 && done != -EEXIST) say("cannot load the module ", path, done);
    sys(unlink, path);                             /* its memory is free again */
    open_console();
}

static void read_conf(void) {
    char *next;
    read_text("/agent.conf", conf, sizeof conf);
    for (char *line = conf; *line; line = next) {
        for (next = line; *next && *next != '\n';) next++;
        if (*next) *next++ = 0;
        if (starts(line, "module ")) load_module(line + 7);
        else if (starts(line, "overlay ")) overlay = line + 8;
        else if (starts(line, "changes ")) changes = line + 8;
        else if (starts(line, "hostname ")) hostname = line + 9;
        else if (starts(line, "init ")) program = line + 5;
        else if (same(line, "writable")) writable = 1;
        else if (same(line, "console")) needs_port = 1;
        else if (starts(line, "root ")) {
            for (type = device = line + 5; *type && *type != ' ';) type++;
            if (*type) *type++ = 0;
        }
    }
}

static void await_device(const char *path) {
    struct stat found;
    u64 deadline = milliseconds() + ROOT_PATIENCE_MS;
    while (sys(newfstatat, AT_FDCWD, path, &found, 0) < 0) {
        if (milliseconds() > deadline) {
            open_console();
            say("the driver of a disk is in the kernel, or among the modules that the machine is given", "", 0);
            give_up("there is no disk ", path, 0);
        }
        nap(5);
    }
}

static void mount_upper(void) {
    static char options[256];
    if (changes) {
        await_device(changes);
        need(mount(changes, "/rw", "ext4", MS_NOATIME, "discard"), "cannot mount the disk of changes ", changes);
        upper = (int)sys_open("/rw", O_RDONLY | O_DIRECTORY, 0);
        return;
    }
    if (length(overlay) > 64) overlay = "50%";
    put(put(options, "mode=755,size="), overlay);
    need(mount("overlay", "/rw", "tmpfs", 0, options), "cannot mount the overlay's tmpfs of ", overlay);
}

static void enter_root(void) {
    await_device(device);
    if (overlay || changes) {
        need(mount_disk("/lower", MS_RDONLY), "cannot mount ", device);
        mount_upper();
        sys(mkdir, "/rw/upper", 0755);
        sys(mkdir, "/rw/work", 0755);
        need(mount("overlay", "/newroot", "overlay", 0, "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work"),
             "cannot mount the overlay over ", device);
    } else {
        need(mount_disk("/newroot", writable ? 0 : MS_RDONLY), "cannot mount ", device);
    }
    static const char *const moved[] = {"/dev", "/proc", "/sys"};
    char to[32];
    for (int i = 0; i < 3; i++) {
        put(put(to, "/newroot"), moved[i]);
        sys(mkdir, to, 0755);
        if (sys(mount, moved[i], to, 0, MS_MOVE, 0) < 0) say("there is no folder for ", moved[i], 0);
    }
    sys(unlink, "/agent.conf");
    sys(chdir, "/newroot");
    need(sys(mount, ".", "/", 0, MS_MOVE, 0), "cannot change the root to ", device);
    sys(chroot, ".");
    sys(chdir, "/");
}

static void mount_the_rest(void) {
    sys(mkdir, "/dev/pts", 0755);
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
    mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
    mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    mount("cgroup", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"}};
    for (int i = 0; i < 4; i++) sys(symlink, links[i][0], links[i][1]);
}

static void start_program(void) {
    if (sys(fork)) return;
    u64 none = 0;
    char *argv[] = {program, 0}, *envp[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", 0};
    sys(rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    sys(setsid);
    say("cannot start ", program, sys(execve, program, argv, envp));
    sys(exit, 127);
}

/* The loopback device is there in each guest and down: SIOCSIFFLAGS of netdevice(7). */
static void raise_loopback(void) {
    struct { char name[16]; short flags; char rest[22]; } lo = {"lo", 0x41 /* IFF_UP | IFF_RUNNING */, ""};
    i64 fd = sys(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    sys(ioctl, fd, 0x8914, &lo);
    sys(close, fd);
}

void run_as_init(void) {
    sys(umask, 022);
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
    open_console();
    read_conf();
    open_console();
    if (device) enter_root();
    mount_the_rest();
    if (hostname) sys(sethostname, hostname, length(hostname));
    raise_loopback();
    if (program) start_program();
}
