/* The guest as a whole: figures, name, time, network, power. */
#include "agent.h"

enum { S_POWER_OFF = 1, S_HOSTNAME, S_TIME, S_NETWORK, S_FILE, S_MOUNT };

struct ifreq { char name[16]; u16 family, port; u32 address; u8 rest[16]; }; /* netdevice(7) */
struct rtentry {                                   /* linux/route.h */
    u64 pad1;
    struct { u16 family, port; u32 address; u8 rest[8]; } to, gateway, mask;
    u16 flags;
    short pad2;
    u64 pad3;
    void *pad4;
    short metric;
    char *device;
    u64 mtu, window;
    u16 irtt;
};
enum { SIOCADDRT = 0x890b, SIOCSIFFLAGS = 0x8914, SIOCSIFADDR = 0x8916, SIOCSIFNETMASK = 0x891c, IFF_UP = 1,
       IFF_RUNNING = 0x40, RTF_UP = 1, RTF_GATEWAY = 2 };

/* device, address, mask, gateway; addresses in network order; gateway 0 = none */
static i64 set_network(struct fields *f) {
    struct ifreq request;
    struct rtentry route;
    char *device = get_text(f);
    u32 values[3];
    static const int calls[2] = {SIOCSIFADDR, SIOCSIFNETMASK};
    for (int i = 0; i < 3; i++) values[i] = get32(f);
    if (f->bad || length(device) > 15) return -EINVAL;
    i64 fd = sys(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), done = fd;
    for (int i = 0; i < 2 && done >= 0; i++) {
        memset(&request, 0, sizeof request);
        put(request.name, device);
        request.family = AF_INET;
        request.address = values[i];
        done = sys(ioctl, fd, calls[i], &request);
    }
    memset(&request, 0, sizeof request);
    put(request.name, device);
    request.family = IFF_UP | IFF_RUNNING;         /* the flags are in the same place */
    if (done >= 0) done = sys(ioctl, fd, SIOCSIFFLAGS, &request);
    if (done >= 0 && values[2]) {
        memset(&route, 0, sizeof route);
        route.to.family = route.mask.family = route.gateway.family = AF_INET;
        route.gateway.address = values[2];
        route.flags = RTF_UP | RTF_GATEWAY;
        done = sys(ioctl, fd, SIOCADDRT, &route);
    }
    return done;
}

static i64 set_time(struct fields *f) {
    struct timespec time;
    time.sec = (i64)get64(f);
    time.nsec = (i64)get64(f);
    return f->bad ? -EINVAL : sys(clock_settime, CLOCK_REALTIME, &time);
}

static i64 set_hostname(struct fields *f) {
    char *name = get_text(f);
    return f->bad ? -EINVAL : sys(sethostname, name, length(name));
}

/* tag, folder, flags of mount(2): a directory of the host, in a folder that is made if it is not there */
static i64 mount_share(struct fields *f) {
    char *tag = get_text(f), *folder = get_text(f);
    u32 flags = get32(f);
    if (f->bad || *folder != '/') return -EINVAL;
    for (char *at = folder + 1; *at; at++) {
        if (*at != '/') continue;
        *at = 0;
        sys(mkdir, folder, 0755);
        *at = '/';
    }
    sys(mkdir, folder, 0755);
    return sys(mount, tag, folder, "virtiofs", (u64)flags, 0);
}

/* A file whose size the kernel does not say, such as those in /proc, as one answer of at most 64 KiB. */
static void send_file(struct fields *f) {
    static char text[MAX_DATA];
    i64 n = read_text(get_text(f), text, sizeof text);
    if (n < 0) send_error(n, "");
    else send_frame(OUT_DATA, text, (u32)n);
}

void serve_system(struct fields *f) {
    switch (get32(f)) {
    case S_POWER_OFF:
        reply(0, "");
        flush();
        power_off();
    case S_HOSTNAME: return reply(set_hostname(f), "");
    case S_TIME: return reply(set_time(f), "");
    case S_NETWORK: return reply(set_network(f), "");
    case S_FILE: return send_file(f);
    case S_MOUNT: return reply(mount_share(f), "");
    default: send_error(-EINVAL, "request");
    }
}
