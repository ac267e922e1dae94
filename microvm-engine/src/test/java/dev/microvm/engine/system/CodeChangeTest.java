package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Vcpu;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Code that is written while it runs: by itself, by another CPU, by a device. Intel SDM vol. 3A,
 * 9.1.3 and 12.6.
 */
final class CodeChangeTest extends SystemTest {

    /** 12.6: a store is seen by the very next instruction: INC EBX becomes INC ECX. */
    @Test
    void runsWhatItWroteJustBefore() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                c6 05 01 00 00 00 c1 // movb $0xc1, 1f + 1(%rip)
                ff c3                // 1: inc %ebx
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isZero();
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(1);
    }

    @Test
    void runsWhatItWrote_eachTimeAround() {
        SystemGuest guest = long64();
        guest.run("""
                // .code64
                b9 05 00 00 00    // mov $5, %ecx
                b8 00 00 00 00    // 1: mov $0, %eax
                01 c3             // add %eax, %ebx
                fe c2             // inc %dl
                88 15 f2 ff ff ff // mov %dl, 1b + 1(%rip)
                ff c9             // dec %ecx
                75 ed             // jnz 1b
                e6 f4             // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(1 + 2 + 3 + 4);
    }

    /** The bytes that change are in the second page of an instruction. */
    @Test
    void runsWhatItWrote_whereAnInstructionCrossesPages() {
        SystemGuest guest = long64().with(r -> r.withRip(CODE + 0xFF6));
        guest.code(CODE + 0xFF6, """
                // .code64
                90                      // nop
                b9 02 00 00 00          // mov $2, %ecx
                90                      // 1: nop
                90                      // nop
                b8 11 11 11 11          // mov $0x11111111, %eax
                93                      // xchg %eax, %ebx
                c6 04 25 02 10 01 00 22 // movb $0x22, 0x11002
                ff c9                   // dec %ecx
                75 ec                   // jnz 1b
                e6 f4                   // out %al, $0xf4
                """);
        guest.run();
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(0x2211_1111);
    }

    @Test
    void runsWhatAStringInstructionWrote() {
        SystemGuest guest = long64();
        guest.code(DATA, """
                // .code64
                bb 07 00 00 00 // mov $7, %ebx
                c3             // ret
                """);
        guest.run("""
                // .code64
                e8 1a 00 00 00          // call 2f
                be 00 00 03 00          // mov $0x30000, %esi
                48 8d 3d 0e 00 00 00    // lea 2f(%rip), %rdi
                b9 06 00 00 00          // mov $6, %ecx
                f3 a4                   // rep movsb
                e8 02 00 00 00          // call 2f
                e6 f4                   // out %al, $0xf4
                c3                      // 2: ret
                90 90 90 90 90 90 90 90 // .fill 8, 1, 0x90
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(7);
    }

    /** The same physical page under another linear address: INC EBX becomes INC ECX. */
    @Test
    void runsWhatItWrote_throughAnotherMapping() {
        SystemGuest guest = long64().map(DATA, CODE | ALL);
        guest.run("""
                // .code64
                e8 0e 00 00 00       // call 2f
                c6 05 08 00 02 00 c1 // movb $0xc1, 2f + 0x20001(%rip)
                e8 02 00 00 00       // call 2f
                e6 f4                // out %al, $0xf4
                ff c3                // 2: inc %ebx
                c3                   // ret
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(1);
        assertThat(guest.vcpu().registers().rcx()).isEqualTo(1);
    }

    /** A device that writes while the guest waits for its port. */
    @Test
    void runsWhatADeviceWrote_whereNothingRanBefore() {
        SystemGuest guest = long64();
        guest.code(DATA, """
                // .code64
                c3 // ret
                """);
        guest.answers(nth -> {
            guest.code(DATA + 0x100, """
                    // .code64
                    bb 07 00 00 00 // mov $7, %ebx
                    c3             // ret
                    """);
            return 0;
        });
        guest.run("""
                // .code64
                be 00 00 03 00    // mov $0x30000, %esi
                ff d6             // call *%rsi
                e4 80             // in $0x80, %al
                81 c6 00 01 00 00 // add $0x100, %esi
                ff d6             // call *%rsi
                e6 f4             // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(7);
    }

    /** The code ran before; a serializing instruction, or an interrupt, makes the new one seen. */
    @Test
    void runsWhatADeviceWrote_afterAnInterrupt() {
        SystemGuest guest = long64().flags(IF).code(DATA, """
                // .code64
                bb 01 00 00 00 // mov $1, %ebx
                c3             // ret
                """);
        guest.handler(0x51, """
                // .code64
                48 cf // iretq
                """);
        guest.answers(nth -> {
            guest.memory().putByte(DATA + 1, 2);
            guest.vcpu().interrupt(0x51);
            return 0;
        });
        guest.run("""
                // .code64
                be 00 00 03 00 // mov $0x30000, %esi
                ff d6          // call *%rsi
                e4 80          // in $0x80, %al
                90             // nop
                ff d6          // call *%rsi
                e6 f4          // out %al, $0xf4
                """);
        assertThat(guest.vcpu().registers().rbx()).isEqualTo(2);
    }

    /**
     * 9.1.3: the writer sets a flag; the other CPU sees it, serializes by CPUID, and runs what was
     * written.
     */
    @Test
    void runsWhatAnotherCpuWrote_afterCpuid() throws Exception {
        SystemGuest guest = long64();
        both(guest, """
                // .code64
                bf c8 00 00 00       // mov $200, %edi
                85 f6                // test %esi, %esi
                75 1e                // jnz 5f
                89 3d 28 00 00 00    // 1: mov %edi, 6f + 1(%rip)
                89 3c 25 00 00 03 00 // mov %edi, 0x30000
                f3 90                // 2: pause
                39 3c 25 04 00 03 00 // cmp %edi, 0x30004
                75 f5                // jne 2b
                ff cf                // dec %edi
                75 e4                // jnz 1b
                e6 f4                // out %al, $0xf4
                f3 90                // 5: pause
                39 3c 25 00 00 03 00 // cmp %edi, 0x30000
                75 f5                // jne 5b
                31 c0                // xor %eax, %eax
                0f a2                // cpuid
                b8 00 00 00 00       // 6: mov $0, %eax
                39 c7                // cmp %eax, %edi
                74 07                // je 7f
                ff 04 25 08 00 03 00 // incl 0x30008
                89 3c 25 04 00 03 00 // 7: mov %edi, 0x30004
                ff cf                // dec %edi
                75 d6                // jnz 5b
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 8)).isZero();
    }

    /**
     * What a compiler in the guest does: another thread writes a new function beside old ones, and
     * calls go there.
     */
    @Test
    void runsNewCodeOfAnotherCpu_beside_oldCode() throws Exception {
        SystemGuest guest = long64();
        both(guest, """
                // .code64
                bf 3c 00 00 00       // mov $60, %edi
                85 f6                // test %esi, %esi
                75 2a                // jnz 5f
                bb 00 10 03 00       // mov $0x31000, %ebx
                c6 03 b8             // 1: movb $0xb8, (%rbx)
                89 7b 01             // mov %edi, 1(%rbx)
                c6 43 05 c3          // movb $0xc3, 5(%rbx)
                89 3c 25 00 00 03 00 // mov %edi, 0x30000
                f3 90                // 2: pause
                39 3c 25 04 00 03 00 // cmp %edi, 0x30004
                75 f5                // jne 2b
                83 c3 10             // add $16, %ebx
                ff cf                // dec %edi
                75 dd                // jnz 1b
                e6 f4                // out %al, $0xf4
                bb 00 10 03 00       // 5: mov $0x31000, %ebx
                f3 90                // 6: pause
                39 3c 25 00 00 03 00 // cmp %edi, 0x30000
                75 f5                // jne 6b
                ff d3                // call *%rbx
                39 c7                // cmp %eax, %edi
                74 07                // je 7f
                ff 04 25 08 00 03 00 // incl 0x30008
                89 3c 25 04 00 03 00 // 7: mov %edi, 0x30004
                83 c3 10             // add $16, %ebx
                ff cf                // dec %edi
                75 da                // jnz 6b
                e6 f4                // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 8)).isZero();
    }

    private static void both(SystemGuest guest, String listing) throws Exception {
        guest.code(CODE, listing);
        Vcpu second = guest.another(1);
        CompletableFuture<Void> other =
                CompletableFuture.runAsync(() -> second.run(new Ending(second, guest.handler())));
        guest.run();
        other.get(30, TimeUnit.SECONDS);
    }

    /** A second CPU's handler. */
    private record Ending(Vcpu vcpu, ExitHandler devices) implements NoDevices {
        @Override
        public long portIn(int port, int size) {
            return devices.portIn(port, size);
        }

        @Override
        public void portOut(int port, int size, long value) {
            vcpu.kick();
        }

        @Override
        public long mmioRead(long gpa, int size) {
            return devices.mmioRead(gpa, size);
        }

        @Override
        public void mmioWrite(long gpa, int size, long value) {
            devices.mmioWrite(gpa, size, value);
        }
    }
}
