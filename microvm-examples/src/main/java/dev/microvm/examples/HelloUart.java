package dev.microvm.examples;

import dev.microvm.bus.IoBuses;
import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.irq.IrqLine;

/**
 * Lesson 3: a device. The guest writes bytes to an I/O port; each write leaves the guest, finds the
 * UART on the port bus, and the UART prints it.
 */
public final class HelloUart {
    private static final int COM1 = 0x3f8;
    private static final int COM1_PORTS = 8;
    private static final byte[] PROGRAM = MachineCode.of("""
            be 0f 10  1000: mov si, 100fh   the text, after the program
            ba f8 03  1003: mov dx, 3f8h    COM1's data register
            ac        1006: lodsb           al = the next character
            84 c0     1007: test al, al
            74 03     1009: jz 100eh        a zero ends the text
            ee        100b: out dx, al      here the guest exits to the host
            eb f8     100c: jmp 1006h
            f4        100e: hlt
            48 65 6c 6c 6f 20 66 72 6f 6d  "Hello from"
            20 74 68 65 20 67 75 65 73 74  " the guest"
            0a 00
            """);

    private HelloUart() {}

    /** Lets the guest say hello. */
    public static void main(String[] args) {
        try (TinyMachine machine = new TinyMachine(TinyMachine.hypervisor(), PROGRAM)) {
            IoBuses buses = new IoBuses();
            Uart16550 uart = new Uart16550(IrqLine.UNCONNECTED, character -> {
                System.out.write(character);
                return true; // false would say: no room, try later
            });
            buses.ports().add(COM1, COM1_PORTS, "COM1", uart);

            machine.vcpu().run(buses); // the buses are the exit handler
            System.out.flush();
        }
    }
}
