/* Whole trees as tar streams: POSIX.1-1988 headers (ustar), with POSIX.1-2001 records (pax) for what does not fit;
 * GNU's long names are read too. Hard links are sent as files of their own. */
#include "agent.h"

enum { BLOCK = 512, PIECE = 4 * 4096, SEEK_CUR = 1, NAME = 4096, MAX_RECORDS = 1 << 16, DIR_BUFFER = 4096, MAX_DEPTH = 128 };
enum { AT_NAME = 0, AT_MODE = 100, AT_UID = 108, AT_GID = 116, AT_SIZE = 124, AT_MTIME = 136, AT_SUM = 148, AT_TYPE = 156,
       AT_LINK = 157, AT_MAGIC = 257, AT_MAJOR = 329, AT_MINOR = 337, AT_PREFIX = 345 };

static char path[NAME];                            /* in the guest */
static u64 base;                                   /* where the names of the archive begin in it */
static u8 block[BLOCK];
static u8 data[MAX_DATA];
static u32 used;

/* ---- out */

static void emit(const void *bytes, u64 n) {
    const u8 *from = bytes;
    while (n) {
        u64 piece = MAX_DATA - used < n ? MAX_DATA - used : n;
        memcpy(data + used, from, piece);
        used += (u32)piece;
        from += piece;
        n -= piece;
        if (used < MAX_DATA) continue;
        send_frame(OUT_DATA, data, used);
        used = 0;
    }
}

static void pad(u64 size) {
    static const u8 zeros[BLOCK];
    if (size % BLOCK) emit(zeros, BLOCK - size % BLOCK);
}

static void octal(int at, int digits, u64 value) {
    block[at + digits] = 0;
    while (digits--) {
        block[at + digits] = (u8)('0' + (value & 7));
        value >>= 3;
    }
}

/* For values that have no place in octal digits, GNU's binary form: its first bit set, big-endian. */
static void number(int at, int digits, u64 value) {
    if (value < 1UL << (3 * digits)) return octal(at, digits, value);
    memset(block + at, 0, (u64)digits + 1);
    for (int i = 0; i < 8 && i < digits; i++) block[at + digits - i] = (u8)(value >> (8 * i));
    block[at] |= 0x80;
}

static void emit_header(u8 type, const char *name, u64 n, const char *link, u64 size, const struct stat *s) {
    memset(block, 0, BLOCK);
    memcpy(block + AT_NAME, name, n < 100 ? n : 100);
    memcpy(block + AT_LINK, link, length(link) < 100 ? length(link) : 100);
    number(AT_MODE, 7, s->mode & 07777);
    number(AT_UID, 7, s->uid);
    number(AT_GID, 7, s->gid);
    number(AT_SIZE, 11, size);
    number(AT_MTIME, 11, s->mtime.sec < 0 ? 0 : (u64)s->mtime.sec);
    if (type == '3' || type == '4') {              /* dev_t: 12 bits of the major number above 8 of the minor */
        octal(AT_MAJOR, 7, s->rdev >> 8 & 0xfff);
        octal(AT_MINOR, 7, (s->rdev & 0xff) | (s->rdev >> 12 & 0xfff00));
    }
    block[AT_TYPE] = type;
    memcpy(block + AT_MAGIC, "ustar\00000", 8);
    memset(block + AT_SUM, ' ', 8);
    u32 sum = 0;
    for (int i = 0; i < BLOCK; i++) sum += block[i];
    octal(AT_SUM, 6, sum);
    emit(block, BLOCK);
}

static char *put_record(char *to, const char *key, const char *value) {
    u64 n = length(key) + length(value) + 3, total = n + 1, digits;
    char text[24];
    do {                                           /* a record's length counts its own digits */
        digits = (u64)(put_number(text, total) - text);
    } while (total != n + digits && (total = n + digits));
    return put(put(put(put(put(put(to, text), " "), key), "="), value), "\n");
}

static void emit_long_names(const char *name, const char *link, const struct stat *s) {
    static char records[2 * NAME + 64];
    char *at = records;
    if (length(name) > 100) at = put_record(at, "path", name);
    if (length(link) > 100) at = put_record(at, "linkpath", link);
    u64 size = (u64)(at - records);
    if (!size) return;
    emit_header('x', "pax", 3, "", size, s);
    emit(records, size);
    pad(size);
}

static void emit_content(u64 size) {
    static u8 piece[MAX_DATA];
    i64 fd = sys_open(path, O_RDONLY | O_NOFOLLOW, 0), n = 0;
    memset(piece, 0, sizeof piece);
    for (u64 left = size; left;) {                 /* exactly what the header says, whatever becomes of the file */
        u64 wanted = left < sizeof piece ? left : sizeof piece;
        if (fd >= 0) n = sys(read, fd, piece, wanted);
        if (fd < 0 || n <= 0) {
            memset(piece, 0, wanted);
            n = (i64)wanted;
        }
        emit(piece, (u64)n);
        left -= (u64)n;
    }
    if (fd >= 0) sys(close, fd);
    pad(size);
}

static u8 type_of(u32 mode) {
    switch (mode & S_IFMT) {
    case S_IFREG: return '0';
    case S_IFLNK: return '2';
    case S_IFCHR: return '3';
    case S_IFBLK: return '4';
    case S_IFDIR: return '5';
    case S_IFIFO: return '6';
    default: return 0;                             /* a socket */
    }
}

static void emit_tree(int depth);

static void emit_folder(int depth) {
    static u8 buffers[MAX_DEPTH][DIR_BUFFER];
    u64 at = length(path);
    i64 fd = sys_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0), n;
    if (fd < 0 || depth == MAX_DEPTH) return;
    while ((n = sys(getdents64, fd, buffers[depth], DIR_BUFFER)) > 0) {
        for (i64 i = 0; i < n;) {
            struct dirent *entry = (struct dirent *)(buffers[depth] + i);
            i += entry->reclen;
            if (same(entry->name, ".") || same(entry->name, "..")) continue;
            if (at + length(entry->name) + 2 > NAME) continue;
            put(path[at - 1] == '/' ? path + at : put(path + at, "/"), entry->name);
            emit_tree(depth + 1);
            path[at] = 0;
        }
    }
    sys(close, fd);
}

static void emit_tree(int depth) {
    static char link[NAME];
    struct stat s;
    if (sys(newfstatat, AT_FDCWD, path, &s, AT_SYMLINK_NOFOLLOW) < 0) return;
    u8 type = type_of(s.mode);
    if (!type) return;
    i64 n = type == '2' ? sys(readlink, path, link, NAME - 1) : 0;
    link[n < 0 ? 0 : n] = 0;
    const char *name = path + base;
    u64 size = type == '0' ? (u64)s.size : 0;
    if (*name) {
        emit_long_names(name, link, &s);
        emit_header(type, name, length(name), link, size, &s);
        if (size) emit_content(size);
    }
    if (type == '5') emit_folder(depth);
}

void serve_tar_out(struct fields *f) {
    static const u8 end[2 * BLOCK];
    struct stat s;
    char *given = get_text(f);
    if (f->bad || length(given) + 2 > NAME) return send_error(-EINVAL, "request");
    put(path, given);
    i64 error = sys(newfstatat, AT_FDCWD, path, &s, AT_SYMLINK_NOFOLLOW);
    if (error < 0) return send_error(error, "");
    base = length(path);
    if ((s.mode & S_IFMT) == S_IFDIR) {
        if (path[base - 1] != '/') put(path + base, "/");
        base = length(path);
    } else {
        while (base && path[base - 1] != '/') base--;
    }
    emit_tree(0);
    emit(end, sizeof end);
    if (used) send_frame(OUT_DATA, data, used);
    send_frame(OUT_END, 0, 0);
}

/* ---- in */

static u8 *input;                                  /* of the frame that was received last */
static u32 input_left;
static int input_ended;

/* Returns how many bytes there are, at most n; 0 at the end. */
static u32 next(u8 **bytes, u64 n) {
    while (!input_left && !input_ended) {
        u32 type = receive(&input_left);
        input = request;
        if (!type) sys(exit, 1);                   /* the host has gone */
        if (type != IN_DATA || !input_left) input_ended = 1, input_left = 0;
    }
    u32 taken = input_left < n ? input_left : (u32)n;
    *bytes = input;
    input += taken;
    input_left -= taken;
    return taken;
}

static int take(u8 *to, u64 n) {
    u8 *from;
    while (n) {
        u32 piece = next(&from, n);
        if (!piece) return 0;
        memcpy(to, from, piece);
        to += piece;
        n -= piece;
    }
    return 1;
}

static int skip(u64 n) {
    u8 *from;
    while (n) {
        u32 piece = next(&from, n);
        if (!piece) return 0;
        n -= piece;
    }
    return 1;
}

static u64 padding(u64 size) {
    return (BLOCK - size % BLOCK) % BLOCK;
}

static u64 value_at(int at, int bytes) {
    u64 value = 0;
    if (block[at] & 0x80) {
        for (int i = 1; i < bytes; i++) value = value << 8 | block[at + i];
    } else {
        parse_octal((char *)block + at, (char *)block + at + bytes, &value);
    }
    return value;
}

static struct {
    char name[NAME], link[NAME];
    int has_size;
    u64 size;
    struct timespec mtime;
    int has_mtime;
} next_entry;                                      /* what records said about the entry that follows */
static char records[MAX_RECORDS + 1];

static void copy_text(char *to, const char *from, u64 n) {
    if (n >= NAME) n = NAME - 1;
    memcpy(to, from, n);
    to[n] = 0;
}

static void read_records(u64 size) {
    for (char *at = records; at < records + size;) {
        u64 n, whole;
        char *key = (char *)parse(at, &n), *end = at + n;
        if (!n || end > records + size || *key++ != ' ' || end[-1] != '\n') return;
        char *value = key;
        while (value < end && *value != '=') value++;
        u64 bytes = (u64)(end - 1 - ++value);
        end[-1] = 0;
        if (value > end) return;
        if (starts(key, "path=")) copy_text(next_entry.name, value, bytes);
        if (starts(key, "linkpath=")) copy_text(next_entry.link, value, bytes);
        if (starts(key, "size=")) next_entry.has_size = 1, parse(value, &next_entry.size);
        if (starts(key, "mtime=")) {
            const char *rest = parse(value, &whole);
            next_entry.has_mtime = 1;
            next_entry.mtime = (struct timespec){(i64)whole, 0};
            if (*rest == '.') {
                i64 unit = 100000000;
                for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10) next_entry.mtime.nsec += unit * (*rest - '0');
            }
        }
        at = end;
    }
}

/* Puts the name below the target's folder into path; returns 0 if it leads out of it. */
static int place(const char *name) {
    while (*name == '/' || starts(name, "./")) name += *name == '/' ? 1 : 2;
    for (const char *at = name; *at;) {
        if (starts(at, "..") && (at[2] == '/' || !at[2])) return 0;
        while (*at && *at++ != '/') {}
    }
    u64 n = length(name);
    while (n && name[n - 1] == '/') n--;
    if (base + n + 1 > NAME) return 0;
    memcpy(path + base, name, n);
    path[base + n] = 0;
    if (same(name, ".")) path[base] = 0;
    return 1;
}

static void make_parents(void) {
    for (u64 i = 1; path[i]; i++) {
        if (path[i] != '/') continue;
        path[i] = 0;
        sys(mkdir, path, 0755);
        path[i] = '/';
    }
}

static int is_zero(const u8 *bytes, u32 n) {
    u64 word;
    for (; n >= sizeof word; bytes += sizeof word, n -= sizeof word) {
        __builtin_memcpy(&word, bytes, sizeof word);
        if (word) return 0;
    }
    while (n && !*bytes) bytes++, n--;
    return !n;
}

/* Writes what is not zero, and steps over PIECEs that are. */
static i64 write_sparse(int fd, const u8 *bytes, u32 size) {
    i64 error = 0;
    for (u32 n; size && error >= 0; bytes += n, size -= n) {
        n = size < PIECE ? size : PIECE;
        error = is_zero(bytes, n) ? sys(lseek, fd, n, SEEK_CUR) : write_all(fd, bytes, n);
    }
    return error;
}

/* Writes beside the file and then replaces it, so that nobody sees half of it. */
static i64 write_file(u64 size, u32 mode, i64 *file) {
    static char temporary[NAME + 32];
    u8 *bytes;
    u64 folder = length(path);
    while (folder && path[folder - 1] != '/') folder--;
    memcpy(temporary, path, folder);
    put_number(put(temporary + folder, ".agent-"), (u64)sys(getpid));
    i64 fd = sys_open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, (int)mode);
    if (fd == -ENOENT) {
        make_parents();
        fd = sys_open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, (int)mode);
    }
    i64 error = fd;
    for (u64 left = size; left;) {
        u32 n = next(&bytes, left);
        if (!n) return -EPROTO;
        left -= n;
        if (error >= 0) error = write_sparse((int)fd, bytes, n);
    }
    if (error >= 0) error = sys(ftruncate, fd, size); /* it may end with a hole */
    if (fd >= 0) sys(close, fd);
    if (error >= 0) error = sys(rename, temporary, path);
    if (error < 0) sys(unlink, temporary);
    *file = fd;
    return error;
}

static i64 make_node(u8 type, u32 mode, const char *link) {
    static char target[NAME];
    u64 major = value_at(AT_MAJOR, 8), minor = value_at(AT_MINOR, 8);
    if (type == '5') {
        i64 done = sys(mkdir, path, mode);
        return done == -EEXIST ? 0 : done;
    }
    sys(unlink, path);
    switch (type) {
    case '1':
        copy_text(target, path, base);
        while (*link == '/' || starts(link, "./")) link += *link == '/' ? 1 : 2;
        if (base + length(link) + 1 > NAME) return -ENAMETOOLONG;
        put(target + base, link);
        return sys(link, target, path);
    case '2': return sys(symlink, link, path);
    case '3': return sys(mknod, path, S_IFCHR | mode, (minor & 0xff) | major << 8 | (minor & ~0xffUL) << 12);
    case '4': return sys(mknod, path, S_IFBLK | mode, (minor & 0xff) | major << 8 | (minor & ~0xffUL) << 12);
    case '6': return sys(mknod, path, S_IFIFO | mode, 0);
    default: return 0;
    }
}

static i64 make_entry(u8 type, u64 size, int owners) {
    u32 mode = (u32)value_at(AT_MODE, 8) & 07777;
    i64 error, fd;
    if (type == '0' || type == 0 || type == '7') {
        type = '0';
        error = write_file(size, mode, &fd);
    } else {
        error = make_node(type, mode, next_entry.link);
        if (error == -ENOENT) {
            make_parents();
            error = make_node(type, mode, next_entry.link);
        }
    }
    if (error < 0 || type == '1') return error;
    struct timespec times[2] = {{0, 0x3ffffffe}, {(i64)value_at(AT_MTIME, 12), 0}}; /* UTIME_OMIT */
    if (next_entry.has_mtime) times[1] = next_entry.mtime;
    if (owners) sys(lchown, path, value_at(AT_UID, 8), value_at(AT_GID, 8));
    if (type != '2') sys(chmod, path, mode);       /* as lchown removes the set-user-ID bit */
    sys(utimensat, AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

/* Reads one header and what belongs to it; returns 0 at the end of the archive. */
static i64 read_entry(int owners) {
    static char name[NAME];
    if (!take(block, BLOCK)) return -EPROTO;
    if (!block[0]) return 0;
    u8 type = block[AT_TYPE];
    u64 size = value_at(AT_SIZE, 12);
    if (type == 'x' || type == 'L' || type == 'K' || type == 'g') {
        if (size > MAX_RECORDS) return -ENAMETOOLONG;
        if (!take((u8 *)records, size) || !skip(padding(size))) return -EPROTO;
        records[size] = 0;
        if (type == 'x') read_records(size);
        if (type == 'L') copy_text(next_entry.name, records, size);
        if (type == 'K') copy_text(next_entry.link, records, size);
        return 1;
    }
    if (next_entry.has_size) size = next_entry.size;
    if (!*next_entry.link) copy_text(next_entry.link, (char *)block + AT_LINK, 100);
    if (*next_entry.name) {
        put(name, next_entry.name);
    } else {
        char *at = name;
        if (block[AT_PREFIX] && same((char *)block + AT_MAGIC, "ustar")) {
            memcpy(name, block + AT_PREFIX, 155);
            name[155] = 0;
            at = put(name + length(name), "/");
        }
        copy_text(at, (char *)block + AT_NAME, 100);
    }
    i64 error = place(name) ? make_entry(type, size, owners) : -EINVAL;
    memset(&next_entry, 0, sizeof next_entry);
    if (error >= 0 && !skip(padding(type == '0' || !type || type == '7' ? size : 0))) return -EPROTO;
    return error < 0 ? error : 1;
}

void serve_tar_in(struct fields *f) {
    u8 *rest;
    u32 owners = get32(f);
    char *given = get_text(f);
    i64 more = 1;
    if (f->bad || length(given) + 2 > NAME) return send_error(-EINVAL, "request");
    put(path, given);
    base = length(path);
    if (!base || path[base - 1] != '/') put(path + base++, "/");
    sys(umask, 0);
    make_parents();                                /* with the folder itself, as its path ends with a slash */
    reply(0, "");
    while (more > 0) more = read_entry((int)owners);
    if (more < 0) return send_error(more, path);
    while (next(&rest, MAX_DATA)) {}
    reply(0, "");
}
