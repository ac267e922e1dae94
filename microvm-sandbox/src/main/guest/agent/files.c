/* Files: an open one, changes at paths, folders, watches. */
#include "agent.h"

enum { P_STAT = 1, P_LSTAT, P_REMOVE, P_REMOVE_TREE, P_MKDIR, P_RENAME, P_SYMLINK, P_LINK, P_READLINK, P_CHMOD, P_CHOWN,
       P_TIMES, P_STATFS };

void put_stat(u8 *to, const struct stat *s) {
    u64 words[] = {s->mode, s->uid, s->gid, (u64)s->size, s->ino, s->dev, s->nlink, (u64)s->atime.sec,
                   (u64)s->atime.nsec, (u64)s->mtime.sec, (u64)s->mtime.nsec, (u64)s->ctime.sec, (u64)s->ctime.nsec,
                   s->rdev};
    memcpy(to, words, sizeof words);
}

static void reply_stat(i64 result, const struct stat *s) {
    u8 payload[STAT_BYTES];
    if (result < 0) return send_error(result, "");
    put_stat(payload, s);
    send_frame(OUT_DATA, payload, sizeof payload);
}

static void read_at(int fd, u64 position, u64 n) {
    static u8 data[MAX_DATA];
    i64 done = sys(pread64, fd, data, n < MAX_DATA ? n : MAX_DATA, position);
    if (done == -29 /* ESPIPE: a pipe or terminal */) done = sys(read, fd, data, n < MAX_DATA ? n : MAX_DATA);
    if (done < 0) send_error(done, "");
    else send_frame(OUT_DATA, data, (u32)done);
}

static i64 write_at(int fd, u64 position, int append, const u8 *data, u64 n) {
    u64 written = 0;
    while (written < n) {
        i64 done = append ? sys(write, fd, data + written, n - written)
                          : sys(pwrite64, fd, data + written, n - written, position + written);
        if (done == -29) append = 1, done = 0;
        if (done < 0) return written ? (i64)written : done;
        written += (u64)done;
    }
    return (i64)written;
}

void serve_open(struct fields *f) {
    u32 flags = get32(f), mode = get32(f), n, type;
    char *path = get_text(f);
    struct stat s;
    if (f->bad) return send_error(-EINVAL, "request");
    sys(umask, 0);
    i64 fd = sys_open(path, (int)flags, (int)mode);
    reply(fd, "");
    if (fd < 0) return;
    while ((type = receive(&n))) {
        struct fields g = {request, request + n, 0};
        u64 position = get64(&g);
        switch (type) {
        case IN_READ: read_at((int)fd, position, get64(&g)); break;
        case IN_WRITE: reply(write_at((int)fd, position, flags & O_APPEND, g.at, (u64)(g.end - g.at)), ""); break;
        case IN_TRUNCATE: reply(sys(ftruncate, fd, position), ""); break;
        case IN_STAT: reply_stat(sys(newfstatat, fd, "", &s, 0x1000 /* AT_EMPTY_PATH */), &s); break;
        case IN_SYNC: reply(sys(fsync, fd), ""); break;
        default: send_error(-EINVAL, "request");
        }
    }
}

i64 remove_tree(char *path, u64 room) {
    static u8 buffers[64][2048];                   /* deeper trees are refused, not followed */
    static int depth;
    u64 at = length(path);
    i64 done = sys(unlink, path), n;
    if (done != -EISDIR && done != -EPERM) return done;
    if (depth == 64) return -ENAMETOOLONG;
    u8 *buffer = buffers[depth++];
    for (int again = 1; again;) {
        again = 0;
        i64 fd = sys_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd < 0) break;
        while ((n = sys(getdents64, fd, buffer, 2048)) > 0) {
            for (i64 i = 0; i < n;) {
                struct dirent *entry = (struct dirent *)(buffer + i);
                i += entry->reclen;
                if (same(entry->name, ".") || same(entry->name, "..")) continue;
                if (at + length(entry->name) + 2 > room) continue;
                put(put(path + at, "/"), entry->name);
                if (remove_tree(path, room) >= 0) again = 1;
                path[at] = 0;
            }
        }
        sys(close, fd);
    }
    depth--;
    return sys(rmdir, path);
}

static i64 remove(const char *path) {
    i64 done = sys(unlink, path);
    return done == -EISDIR || done == -EPERM ? sys(rmdir, path) : done;
}

static void reply_link(const char *path) {
    char target[4096];
    i64 n = sys(readlink, path, target, sizeof target);
    if (n < 0) send_error(n, "");
    else send_frame(OUT_DATA, target, (u32)n);
}

static i64 set_times(const char *path, struct fields *f) {
    struct timespec times[2];                      /* nanoseconds of 0x3ffffffe: unchanged (utimensat(2)) */
    for (int i = 0; i < 2; i++) {
        times[i].sec = (i64)get64(f);
        times[i].nsec = (i64)get64(f);
    }
    return sys(utimensat, AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static void reply_statfs(const char *path) {
    u64 words[16] = {0};                           /* struct statfs: type, bsize, blocks, bfree, bavail, ... */
    i64 done = sys(statfs, path, words);
    if (done < 0) send_error(done, "");
    else send_frame(OUT_DATA, words, 5 * 8);
}

void serve_path(struct fields *f) {
    static char path[4096];
    u32 operation = get32(f);
    char *given = get_text(f), *other = get_text(f);
    u64 value = get64(f), second = get64(f);
    struct stat s;
    if (f->bad || length(given) >= sizeof path) return send_error(-EINVAL, "request");
    put(path, given);
    sys(umask, 0);
    switch (operation) {
    case P_STAT: return reply_stat(sys(newfstatat, AT_FDCWD, path, &s, 0), &s);
    case P_LSTAT: return reply_stat(sys(newfstatat, AT_FDCWD, path, &s, AT_SYMLINK_NOFOLLOW), &s);
    case P_REMOVE: return reply(remove(path), "");
    case P_REMOVE_TREE: return reply(remove_tree(path, sizeof path), "");
    case P_MKDIR: return reply(sys(mkdir, path, value), "");
    case P_RENAME: return reply(sys(rename, path, other), "");
    case P_SYMLINK: return reply(sys(symlink, other, path), "");
    case P_LINK: return reply(sys(link, other, path), "");
    case P_READLINK: return reply_link(path);
    case P_CHMOD: return reply(sys(chmod, path, value), "");
    case P_CHOWN: return reply(sys(lchown, path, (u32)value, (u32)second), "");
    case P_TIMES: return reply(set_times(path, f), "");
    case P_STATFS: return reply_statfs(path);
    default: send_error(-EINVAL, "request");
    }
}

/* Sends entries, several in a frame: each its stat and its name as a text. */
void serve_list(struct fields *f) {
    static u8 names[1 << 15], out[MAX_DATA];
    char *path = get_text(f);
    u32 used = 0;
    struct stat s;
    if (f->bad) return send_error(-EINVAL, "request");
    i64 fd = sys_open(path, O_RDONLY | O_DIRECTORY, 0), n;
    if (fd < 0) return send_error(fd, "");
    while ((n = sys(getdents64, fd, names, sizeof names)) > 0) {
        for (i64 at = 0; at < n;) {
            struct dirent *entry = (struct dirent *)(names + at);
            at += entry->reclen;
            if (same(entry->name, ".") || same(entry->name, "..")) continue;
            if (sys(newfstatat, fd, entry->name, &s, AT_SYMLINK_NOFOLLOW) < 0) continue; /* removed just now */
            u32 size = (u32)length(entry->name);
            if (used + STAT_BYTES + 5 + size > sizeof out) {
                send_frame(OUT_DATA, out, used);
                used = 0;
            }
            put_stat(out + used, &s);
            put32(out + used + STAT_BYTES, size);
            put((char *)out + used + STAT_BYTES + 4, entry->name);
            used += STAT_BYTES + 5 + size;
        }
    }
    if (used) send_frame(OUT_DATA, out, used);
    if (n < 0) send_error(n, "");
    else send_frame(OUT_END, 0, 0);
}

/* Sends what inotify(7) says about a folder, until the host ends the connection. */
void serve_watch(struct fields *f) {
    static u8 events[1 << 14];
    u32 mask = get32(f);
    char *path = get_text(f);
    if (f->bad) return send_error(-EINVAL, "request");
    i64 fd = sys(inotify_init1, O_CLOEXEC);
    i64 watch = fd < 0 ? fd : sys(inotify_add_watch, fd, path, mask);
    reply(watch, "");
    if (watch < 0) return;
    for (;;) {
        struct pollfd fds[2] = {{conn, POLLIN, 0}, {(int)fd, POLLIN, 0}};
        flush();
        sys(poll, fds, 2, -1);
        if (fds[0].revents) return;
        i64 n = fds[1].revents ? sys(read, fd, events, sizeof events) : 0;
        if (n > 0) send_frame(OUT_DATA, events, (u32)n);
    }
}
