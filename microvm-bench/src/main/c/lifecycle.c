/*
 * Makes machines, runs each to its first exit, which is the write that ends guest/end.S, and closes it.
 *
 * Usage: lifecycle PROGRAM
 * Each line of input is a number of machines; the answer is a line with the nanoseconds they took.
 */
#include "machine.h"

static void live(const struct program *program) {
    struct machine m;

    open_machine(&m, program);
    set_start(&m, 0, 0);
    if (ioctl(m.vcpu, KVM_RUN, 0) < 0) die("KVM_RUN");
    if (m.run->exit_reason != KVM_EXIT_IO || m.run->io.port != EXIT_PORT) {
        fprintf(stderr, "exit reason %u\n", m.run->exit_reason);
        exit(1);
    }
    m.run->immediate_exit = 1; /* lets KVM complete the access, then return */
    if (ioctl(m.vcpu, KVM_RUN, 0) >= 0 || errno != EINTR) die("KVM_RUN to complete the exit");
    close_machine(&m);
}

int main(int argc, char **argv) {
    struct program program;
    unsigned machines;

    if (argc != 2) {
        fprintf(stderr, "usage: lifecycle PROGRAM\n");
        return 2;
    }
    load_program(&program, argv[1]);
    while (scanf("%u", &machines) == 1) {
        uint64_t start = nanoseconds(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < machines; i++) live(&program);
        printf("%" PRIu64 "\n", nanoseconds(CLOCK_MONOTONIC) - start);
        fflush(stdout);
    }
    return 0;
}
