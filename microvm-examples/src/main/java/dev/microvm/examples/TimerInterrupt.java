package dev.microvm.examples;

import dev.microvm.bus.BusDevice;
import dev.microvm.bus.IoBuses;
import dev.microvm.devices.irqchip.I8259Pic;
import dev.microvm.devices.legacy.I8254Pit;
import dev.microvm.event.EventLoop;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;

/**
 * Lesson 4: interrupts. The timer (i8254 PIT) drives input 0 of the interrupt controller (i8259
 * PIC), which interrupts the CPU out of its HLT, a hundred times a second.
 */
public final class TimerInterrupt {
    private static final int RFLAGS_IF = 1 << 9;
    private static final byte[] PROGRAM = MachineCode.of("""
            b0 11 e6 20        1000: al = 11h to port 20h   PIC: ICW1, initialize
            b0 20 e6 21        1004: al = 20h to port 21h   ICW2: input 0 is vector 32
            b0 04 e6 21        1008: al = 4 to port 21h     ICW3: the second PIC is at input 2
            b0 01 e6 21        100c: al = 1 to port 21h     ICW4: 8086 mode
            b0 fe e6 21        1010: al = feh to port 21h   mask: only input 0
            b0 34 e6 43        1014: al = 34h to port 43h   PIT: channel 0, mode 2
            b0 9c e6 40        1018: al = 9ch to port 40h   1193182 Hz / 11932 = 100 Hz
            b0 2e e6 40        101c: al = 2eh to port 40h
            c7 06 80 00 38 10  1020: mov word [80h], 1038h  vector 32: offset of the handler
            c7 06 82 00 00 00  1026: mov word [82h], 0      and its segment
            bc 00 80           102c: mov sp, 8000h
            fb                 102f: sti
            f4                 1030: hlt                    wait for an interrupt
            83 f9 05           1031: cmp cx, 5
            72 fa              1034: jb 1030h
            fa                 1036: cli
            f4                 1037: hlt                    for good
            41                 1038: inc cx                 the handler
            e6 80              1039: out 80h, al            tells the host
            b0 20 e6 20        103b: al = 20h to port 20h   PIC: end of interrupt
            cf                 103f: iret
            """);

    /** The wire from the PIC to the CPU. */
    private static final class Intr {
        private boolean high;

        synchronized void set(boolean level) {
            high = level;
            notifyAll();
        }

        synchronized boolean high() {
            return high;
        }

        synchronized void awaitHigh() throws InterruptedException {
            while (!high) wait();
        }
    }

    /** A device that tells when the guest wrote to it. */
    private record Ticks(long start) implements BusDevice {
        @Override
        public long read(long offset, int size) {
            return 0;
        }

        @Override
        public void write(long offset, int size, long value) {
            System.out.printf("tick after %d ms%n", (System.nanoTime() - start) / 1_000_000);
        }
    }

    private TimerInterrupt() {}

    /** Waits for five ticks. */
    public static void main(String[] args) throws InterruptedException {
        try (TinyMachine machine = new TinyMachine(TinyMachine.hypervisor(), PROGRAM);
                EventLoop events = machine.vm().eventLoop()) { // on it the devices' timers run
            Vcpu vcpu = machine.vcpu();
            Intr intr = new Intr();
            I8259Pic pic = new I8259Pic(level -> {
                intr.set(level);
                vcpu.kick(); // it may be running: run() returns, and we look at the wire
            });
            IoBuses buses = new IoBuses();
            buses.ports().add(0x20, 2, "PIC", pic.master());
            buses.ports().add(0x40, 4, "PIT", new I8254Pit(pic.input(0), events));
            buses.ports().add(0x80, 1, "ticks", new Ticks(System.nanoTime()));

            while (true) {
                if (intr.high() && vcpu.readyForInterrupt()) vcpu.interrupt(pic.acknowledge());
                vcpu.requestInterruptWindow(intr.high()); // run() returns when it is ready
                if (vcpu.run(buses) != VcpuExit.HALTED) continue;
                if ((vcpu.registers().rflags() & RFLAGS_IF) == 0) break; // nothing can wake it
                intr.awaitHigh();
            }
            System.out.println("cx = " + vcpu.registers().rcx());
        }
    }
}
