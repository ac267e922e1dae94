package dev.microvm.engine.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.Breakpoint;
import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.VcpuExit;
import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Instructions on registers do the same in one block, where moves join what follows them and unseen
 * flags are left out, as one by one: registers, flags, and the flags that an exception among them
 * saves. {@code -Dmicrovm.seed=N} repeats a run.
 */
final class RegisterBlockTest extends SystemTest {
    private static final int BLOCKS = 3_000;
    private static final int RSP = 4;
    private static final int FRAME = 64; // bytes below the stack's top that an exception may write

    // Opcodes: Intel SDM vol. 2D, tables
    private static final int[] TWO_REGISTERS = {0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85, 0x89, 0x89, 0x89};
    private static final int[] SHIFTS = {0, 1, 4, 5, 7};

    private final Random random = new Random();
    private final ByteArrayOutputStream code = new ByteArrayOutputStream();

    @Test
    void oneBlock_doesWhatItsInstructionsDoOneByOne() {
        long seed = Long.getLong("microvm.seed", System.nanoTime());
        SystemGuest whole = long64();
        SystemGuest stepped = long64();
        for (int i = 0; i < BLOCKS; i++) {
            random.setSeed(seed + i);
            byte[] bytes = block(2 + random.nextInt(9));
            Registers start = start();
            run(whole, bytes, start, false);
            run(stepped, bytes, start, true);
            assertThat(state(whole))
                    .as("-Dmicrovm.seed=%d: %s", seed + i, HexFormat.of().formatHex(bytes))
                    .isEqualTo(state(stepped));
        }
    }

    private static String state(SystemGuest guest) {
        byte[] frame = guest.memory().read(SystemGuest.STACK - FRAME, FRAME);
        return guest.vcpu().registers() + " " + HexFormat.of().formatHex(frame);
    }

    private static void run(SystemGuest guest, byte[] bytes, Registers start, boolean steps) {
        guest.memory().write(SystemGuest.CODE, bytes);
        guest.memory().write(SystemGuest.STACK - FRAME, new byte[FRAME]);
        guest.vcpu().registers(start);
        guest.vcpu().debug(new GuestDebug(steps, false, List.<Breakpoint>of()));
        VcpuExit exit;
        do {
            exit = guest.vcpu().run(guest.handler());
        } while (exit == VcpuExit.DEBUG);
        assertThat(exit).isEqualTo(VcpuExit.KICKED);
    }

    private Registers start() {
        return new Registers(
                value(),
                value(),
                value(),
                value(),
                value(),
                value(),
                SystemGuest.STACK,
                value(),
                value(),
                value(),
                value(),
                value(),
                value(),
                value(),
                value(),
                value(),
                SystemGuest.CODE,
                2 | (random.nextInt() & 0x8D5)); // any arithmetic flags
    }

    private long value() {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextInt(4) - 2;
            case 1 -> 1L << random.nextInt(64);
            case 2 -> random.nextInt();
            default -> random.nextLong();
        };
    }

    // Code

    private byte[] block(int length) {
        code.reset();
        for (int i = 0; i < length; i++) instruction();
        code.writeBytes(new byte[] {(byte) 0xE6, (byte) 0xF4}); // out %al, $0xf4
        return code.toByteArray();
    }

    private void instruction() {
        switch (random.nextInt(16)) {
            case 0, 1, 2, 3, 4, 5 -> registers(TWO_REGISTERS[random.nextInt(TWO_REGISTERS.length)]);
            case 6 -> registers(0x0F, 0xAF); // imul
            case 7 -> registers(0x0F, 0x40 + random.nextInt(16)); // cmovcc
            case 8 -> registers(0x0F, 0xB6); // movzbl
            case 9 -> registers(0x63); // movslq
            case 10 -> group(0xC1, SHIFTS[random.nextInt(SHIFTS.length)], random.nextInt(70));
            case 11 -> group(0x83, random.nextInt(8), random.nextInt(256));
            case 12 -> group(0xFF, random.nextInt(2), -1); // inc, dec
            case 13 -> condition();
            case 14 -> registers(0x8D, -1); // lea of a base and an index
            default -> rare();
        }
    }

    private void condition() {
        if (random.nextBoolean()) {
            registers(0x0F, 0x90 + random.nextInt(16)); // setcc
        } else {
            code.write(0x70 + random.nextInt(16)); // jcc to what follows
            code.write(0);
        }
    }

    private void rare() {
        if (random.nextInt(3) != 0) return;
        code.writeBytes(HexFormat.of().parseHex("8b042500000070")); // mov 0x70000000, %eax: a page fault
    }

    /** An instruction with a register in each field of ModR/M, with any REX. */
    private void registers(int... opcode) {
        boolean lea = opcode[opcode.length - 1] < 0;
        int rex = 0x40 | random.nextInt(16);
        int reg = register(rex >> 2 & 1);
        int rm = register(rex & 1);
        code.write(rex);
        for (int each : opcode) if (each >= 0) code.write(each);
        if (lea) {
            code.write(0x40 | reg << 3 | 4); // SIB and a displacement of 8 bits
            code.write(random.nextInt(256));
            code.write(random.nextInt(256));
        } else {
            code.write(0xC0 | reg << 3 | rm);
        }
    }

    private void group(int opcode, int operation, int immediate) {
        int rex = 0x40 | random.nextInt(16);
        code.write(rex);
        code.write(opcode);
        code.write(0xC0 | operation << 3 | register(rex & 1));
        if (immediate >= 0) code.write(immediate);
    }

    /** Any but RSP. */
    private int register(int high) {
        int number = random.nextInt(8);
        return number == RSP && high == 0 ? RSP + 1 : number;
    }
}
