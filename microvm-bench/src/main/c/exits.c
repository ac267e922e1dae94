/*
 * Runs guest/exits.S in a plain KVM_RUN loop and says how long it took.
 *
 * Usage: exits PROGRAM
 * Each line of input is "KIND TURNS" (see exits.S); the answer is a line "ACCESSES NANOSECONDS CPU-NANOSECONDS".
 */
#include "machine.h"

struct device {
    uint64_t reads;
    uint64_t writes;
    uint64_t (*read)(struct device *, uint64_t offset, int size);
    void (*write)(struct device *, uint64_t offset, int size, uint64_t value);
};

static uint64_t counter_read(struct device *d, uint64_t offset, int size) {
    (void) offset, (void) size;
    return ++d->reads;
}

static void counter_write(struct device *d, uint64_t offset, int size, uint64_t value) {
    (void) offset, (void) size, (void) value;
    d->writes++;
}

static struct machine machine;
static struct device counter = {.read = counter_read, .write = counter_write};
static struct device *ports[0x10000];
static struct {
    uint64_t base, size;
    struct device *device;
} mmio[] = {{DEVICE_MMIO, 0x1000, &counter}};

static void end_write(struct device *d, uint64_t offset, int size, uint64_t value) {
    (void) d, (void) offset, (void) size, (void) value;
    machine.run->immediate_exit = 1; /* lets KVM complete the access, then return */
}

static struct device end = {.write = end_write};

static void serve_io(struct kvm_run *run) {
    struct device *d = ports[run->io.port];
    uint8_t *data = (uint8_t *) run + run->io.data_offset;
    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            uint64_t value = 0;
            memcpy(&value, data, run->io.size);
            if (d) d->write(d, 0, run->io.size, value);
        } else {
            uint64_t value = d ? d->read(d, 0, run->io.size) : ~0ull;
            memcpy(data, &value, run->io.size);
        }
    }
}

static void serve_mmio(struct kvm_run *run) {
    for (size_t i = 0; i < sizeof mmio / sizeof *mmio; i++) {
        uint64_t offset = run->mmio.phys_addr - mmio[i].base;
        if (offset >= mmio[i].size) continue;
        struct device *d = mmio[i].device;
        uint64_t value = 0;
        if (run->mmio.is_write) {
            memcpy(&value, run->mmio.data, run->mmio.len);
            d->write(d, offset, run->mmio.len, value);
        } else {
            value = d->read(d, offset, run->mmio.len);
            memcpy(run->mmio.data, &value, run->mmio.len);
        }
        return;
    }
}

static void run_to_end(struct machine *m) {
    struct kvm_run *run = m->run;
    for (;;) {
        if (ioctl(m->vcpu, KVM_RUN, 0) < 0) {
            if (errno != EINTR) die("KVM_RUN");
            run->immediate_exit = 0;
            return;
        }
        switch (run->exit_reason) {
            case KVM_EXIT_IO:
                serve_io(run);
                break;
            case KVM_EXIT_MMIO:
                serve_mmio(run);
                break;
            default:
                fprintf(stderr, "exit reason %u\n", run->exit_reason);
                exit(1);
        }
    }
}

int main(int argc, char **argv) {
    struct program program;
    unsigned kind, turns;

    if (argc != 2) {
        fprintf(stderr, "usage: exits PROGRAM\n");
        return 2;
    }
    load_program(&program, argv[1]);
    ports[EXIT_PORT] = &end;
    ports[DEVICE_PORT] = &counter;
    open_machine(&machine, &program);
    while (scanf("%u %u", &kind, &turns) == 2) {
        uint64_t before = counter.reads + counter.writes;
        set_start(&machine, kind, turns);
        uint64_t cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
        uint64_t start = nanoseconds(CLOCK_MONOTONIC);
        run_to_end(&machine);
        uint64_t time = nanoseconds(CLOCK_MONOTONIC) - start;
        cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counter.reads + counter.writes - before, time, cpu);
        fflush(stdout);
    }
    close_machine(&machine);
    return 0;
}
