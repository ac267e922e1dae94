/* Users and groups of the guest: passwd(5) and group(5). */
#include "agent.h"

static char text[1 << 18];

/* Cuts a line at its colons; returns what follows the line, or 0 if it was the last. */
static char *cut(char *line, char *field[], int fields) {
    int n = 0;
    for (int i = 0; i < fields; i++) field[i] = "";
    field[n++] = line;
    for (; *line && *line != '\n'; line++) {
        if (*line != ':') continue;
        *line = 0;
        if (n < fields) field[n++] = line + 1;
    }
    if (!*line) return 0;
    *line = 0;
    return line + 1;
}

static int is_number(const char *s, u64 *value) {
    return *s && !*parse(s, value);
}

/* Whether NAME is in a list with commas. */
static int lists(const char *list, const char *name) {
    for (u64 n = length(name); *list;) {
        if (starts(list, name) && (list[n] == ',' || !list[n])) return 1;
        while (*list && *list++ != ',') {}
    }
    return 0;
}

static int find_group(const char *name, struct user *user) {
    u64 value;
    if (is_number(name, &value)) {
        user->gid = (u32)value;
        return 1;
    }
    read_text("/etc/group", text, sizeof text);
    char *field[4];
    for (char *line = text, *next; line && *line; line = next) {
        next = cut(line, field, 4);
        if (!same(field[0], name) || !is_number(field[2], &value)) continue;
        user->gid = (u32)value;
        return 1;
    }
    return 0;
}

static void find_groups(const char *name, struct user *user) {
    u64 value;
    char *field[4];
    read_text("/etc/group", text, sizeof text);
    for (char *line = text, *next; line && *line && user->groups < 64; line = next) {
        next = cut(line, field, 4);
        if (lists(field[3], name) && is_number(field[2], &value)) user->group[user->groups++] = (u32)value;
    }
}

static int look_up(const char *given, struct user *user) {
    char name[128], *group = 0, *field[7];
    u64 value, known = 0;
    if (length(given) >= sizeof name) return 0;
    put(name, given);
    for (char *at = name; *at; at++) {
        if (*at != ':') continue;
        *at = 0;
        group = at + 1;
        break;
    }
    memset(user, 0, sizeof *user);
    put(user->home, "/");
    int number = is_number(name, &value);
    if (number) user->uid = (u32)value;
    read_text("/etc/passwd", text, sizeof text);
    for (char *line = text, *next; line && *line && !known; line = next) {
        u64 uid, gid;
        next = cut(line, field, 7);
        if (!is_number(field[2], &uid) || !is_number(field[3], &gid)) continue;
        if (number ? uid != value : !same(field[0], name)) continue;
        known = 1;
        user->uid = (u32)uid;
        user->gid = (u32)gid;
        if (length(field[5]) < sizeof user->home) put(user->home, field[5]);
        if (length(field[0]) < sizeof name && !group) put(name, field[0]);
    }
    if (!known && same(name, "root")) known = 1;
    if (!known && !number) return 0;
    if (group) return find_group(group, user);
    user->group[user->groups++] = user->gid;
    if (known) find_groups(name, user);
    return 1;
}

/* Whether one of the files is another one than at the last call. */
static int files_changed(void) {
    static const char *const paths[] = {"/etc/passwd", "/etc/group"};
    static struct stat last[2];
    int changed = 0;
    for (int i = 0; i < 2; i++) {
        struct stat now;
        if (sys(newfstatat, AT_FDCWD, paths[i], &now, 0) < 0) memset(&now, 0, sizeof now);
        changed |= now.ino != last[i].ino || now.size != last[i].size || now.mtime.sec != last[i].mtime.sec
            || now.mtime.nsec != last[i].mtime.nsec || now.ctime.sec != last[i].ctime.sec
            || now.ctime.nsec != last[i].ctime.nsec;
        last[i] = now;
    }
    return changed;
}

/* Most commands of a connection are of one user. */
const struct user *find_user(const char *name) {
    static char known_name[128];
    static struct user known;
    if (files_changed() || !*known_name || !same(name, known_name)) {
        *known_name = 0;
        if (!look_up(name, &known)) return 0;
        put(known_name, name);
    }
    return &known;
}
