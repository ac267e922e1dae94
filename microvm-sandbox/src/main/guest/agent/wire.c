/* Frames between the host and this process. */
#include "agent.h"

int conn;
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

void send_frame(u32 type, const void *payload, u32 n) {
    static u8 frame[8 + MAX_DATA];
    put32(frame, n);
    put32(frame + 4, type);
    memcpy(frame + 8, payload, n);
    if (write_all(conn, frame, 8 + (u64)n)) sys(exit, 1);
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

u32 receive(u32 *n) {
    u32 header[2];
    if (read_all(conn, header, 8)) return 0;
    if (header[0] > MAX_REQUEST) return 0;
    if (read_all(conn, request, header[0])) return 0;
    *n = header[0];
    return header[1];
}
