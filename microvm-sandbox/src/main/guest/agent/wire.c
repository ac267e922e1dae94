/* Frames between the host and this process. */
#include "agent.h"

int conn, conn_broke;
u8 request[MAX_REQUEST];

u32 get32(struct fields *f) {
    if (f->end - f->at < 4) return f->bad = 1, 0;
    u32 value;
    memcpy(&value, f->at, 4);
    f->at += 4;
    return value;
}

u64 get64(struct fields *f) {
    u64 low = get32(f);
    return low | (u64)get32(f) << 32;
}

/* A text is its length, its bytes and a 0. */
char *get_text(struct fields *f) {
    u64 n = get32(f);
    if (f->bad || n >= (u64)(f->end - f->at) || f->at[n]) return f->bad = 1, "";
    char *text = (char *)f->at;
    f->at += n + 1;
    return text;
}

void put32(u8 *to, u32 value) {
    memcpy(to, &value, 4);
}

void put64(u8 *to, u64 value) {
    memcpy(to, &value, 8);
}

/* Frames wait here until something waits for the host, or there is no room: each write is a packet, which is dear. */
static u8 out[8 + MAX_DATA];
static u64 out_size;

void flush(void) {
    u64 n = out_size;
    out_size = 0;
    if (n && write_all(conn, out, n)) sys(exit, 1);
}

u8 *frame_room(u32 n) {
    if (out_size + 8 + n > sizeof out) flush();
    return out + out_size + 8;
}

void frame_done(u32 type, u32 n) {
    put32(out + out_size, n);
    put32(out + out_size + 4, type);
    out_size += 8 + (u64)n;
}

void send_frame(u32 type, const void *payload, u32 n) {
    memcpy(frame_room(n), payload, n);
    frame_done(type, n);
}

void send_error(i64 error, const char *what) {
    u8 payload[4 + 512];
    u64 n = length(what);
    if (n > 512) n = 512;
    put32(payload, (u32)-error);
    memcpy(payload + 4, what, n);
    send_frame(OUT_ERROR, payload, 4 + (u32)n);
}

void reply(i64 result, const char *what) {
    u8 payload[8];
    if (result < 0) {
        send_error(result, what);
        return;
    }
    put64(payload, (u64)result);
    send_frame(OUT_OK, payload, 8);
}

/* What has come from the host and was not looked at. */
static u8 inbox[8 + MAX_DATA];
static u64 in_at, in_end;

int fill_inbox(void) {
    memcpy(inbox, inbox + in_at, in_end - in_at);  /* downwards, so that an overlap does no harm */
    in_end -= in_at;
    in_at = 0;
    i64 done = sys(read, conn, inbox + in_end, sizeof inbox - in_end);
    if (done == -EINTR) return 1;
    conn_broke = done < 0;
    if (done <= 0) return 0;
    in_end += (u64)done;
    return 1;
}

u64 inbox_rest(u8 **bytes) {
    *bytes = inbox + in_at;
    return in_end - in_at;
}

u8 *next_frame(u32 *type, u32 *n) {
    u64 have = in_end - in_at;
    if (have < 8) return 0;
    memcpy(n, inbox + in_at, 4);
    memcpy(type, inbox + in_at + 4, 4);
    if (*n > MAX_DATA) sys(exit, 1);
    if (have - 8 < *n) return 0;
    in_at += 8 + (u64)*n;
    return inbox + in_at - *n;
}

u32 receive(u32 *n) {
    u32 type;
    flush();
    while (in_end - in_at < 8) {
        if (!fill_inbox()) return 0;
    }
    memcpy(n, inbox + in_at, 4);
    memcpy(&type, inbox + in_at + 4, 4);
    in_at += 8;
    if (*n > MAX_REQUEST) return 0;
    u64 have = in_end - in_at < *n ? in_end - in_at : *n;
    memcpy(request, inbox + in_at, have);
    in_at += have;
    return read_all(conn, request + have, *n - have) ? 0 : type;
}
