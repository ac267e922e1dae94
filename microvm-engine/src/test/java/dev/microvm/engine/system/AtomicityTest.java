package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Locked operations of several CPUs on the same bytes: Intel SDM vol. 3A, 9.1. */
final class AtomicityTest extends SeveralCpusTest {
    private static final int ROUNDS = 20_000;

    /** Aligned: 9.1.1. */
    @Test
    void addsUp_whenAligned() throws Exception {
        SystemGuest guest = long64();
        together(guest, 3, ROUNDS, """
                // .code64
                f0 ff 04 25 04 00 03 00 // 1: lock incl 0x30004
                ff c9                   // dec %ecx
                75 f4                   // jnz 1b
                e6 f4                   // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 4)).isEqualTo(3 * ROUNDS);
    }

    /** Misaligned inside of 8 bytes, beside plain stores around it. */
    @Test
    void addsUp_whenMisaligned() throws Exception {
        SystemGuest guest = long64();
        together(guest, 3, ROUNDS, """
                // .code64
                f0 ff 04 25 03 00 03 00    // 1: lock incl 0x30003
                88 0c 25 02 00 03 00       // mov %cl, 0x30002
                88 0c 25 07 00 03 00       // mov %cl, 0x30007
                66 f0 ff 04 25 09 00 03 00 // lock incw 0x30009
                ff c9                      // dec %ecx
                75 dd                      // jnz 1b
                e6 f4                      // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 3)).isEqualTo(3 * ROUNDS);
        assertThat(guest.memory().getShort(DATA + 9)).isEqualTo(3 * ROUNDS);
    }

    /**
     * Across a cache line, and across a page: 9.1.2.2, beside aligned operations on a part of the
     * bytes.
     */
    @Test
    void addsUp_whenItCrossesALineOrAPage() throws Exception {
        SystemGuest guest = long64();
        together(guest, 3, ROUNDS, """
                // .code64
                f0 81 04 25 3e 00 03 00 00 00 01 00 // 1: lock addl $0x10000, 0x3003e
                66 f0 ff 04 25 40 00 03 00          // lock incw 0x30040
                f0 81 04 25 fd 0f 03 00 00 00 00 01 // lock addl $0x1000000, 0x30ffd
                f0 fe 04 25 00 10 03 00             // lock incb 0x31000
                ff c9                               // dec %ecx
                75 d3                               // jnz 1b
                e6 f4                               // out %al, $0xf4
                """);
        assertThat(guest.memory().getShort(DATA + 0x40)).isEqualTo(6 * ROUNDS & 0xFFFF);
        assertThat(guest.memory().getByte(DATA + 0x1000)).isEqualTo(6 * ROUNDS & 0xFF);
    }

    /** XCHG needs no LOCK: whoever takes the token may count without one. */
    @Test
    void excludesOthers_byAMisalignedExchange() throws Exception {
        SystemGuest guest = long64();
        guest.memory().putInt(DATA + 0x3E, 1);
        together(guest, 3, ROUNDS, """
                // .code64
                31 c0                // 1: xor %eax, %eax
                87 04 25 3e 00 03 00 // 2: xchg %eax, 0x3003e
                85 c0                // test %eax, %eax
                74 14                // jz 3f
                ff 04 25 00 01 03 00 // incl 0x30100
                89 04 25 3e 00 03 00 // mov %eax, 0x3003e
                ff c9                // dec %ecx
                75 e1                // jnz 1b
                e6 f4                // out %al, $0xf4
                f3 90                // 3: pause
                eb dd                // jmp 2b
                """);
        assertThat(guest.memory().getInt(DATA + 0x100)).isEqualTo(3 * ROUNDS);
    }

    /** CMPXCHG16B: vol. 2A. Both halves count alike, and nobody ever sees them differ. */
    @Test
    void exchangesSixteenBytesAtOnce() throws Exception {
        SystemGuest guest = long64();
        together(guest, 3, ROUNDS, """
                // .code64
                89 cf                         // mov %ecx, %edi
                48 8b 04 25 00 00 03 00       // mov 0x30000, %rax
                48 8b 14 25 08 00 03 00       // mov 0x30008, %rdx
                48 8d 58 01                   // 1: lea 1(%rax), %rbx
                48 8d 4a 01                   // lea 1(%rdx), %rcx
                f0 48 0f c7 0c 25 00 00 03 00 // lock cmpxchg16b 0x30000
                75 ec                         // jnz 1b
                ff cf                         // dec %edi
                75 e8                         // jnz 1b
                e6 f4                         // out %al, $0xf4
                """);
        assertThat(guest.memory().getLong(DATA)).isEqualTo(3 * ROUNDS);
        assertThat(guest.memory().getLong(DATA + 8)).isEqualTo(3 * ROUNDS);
    }

    /** A CPU that only loads, low half first, never sees the high one older. */
    @Test
    void showsNoHalfOfAnExchange_toPlainLoads() throws Exception {
        SystemGuest guest = long64();
        together(guest, 2, ROUNDS, """
                // .code64
                85 f6                         // test %esi, %esi
                75 31                         // jnz 3f
                89 cf                         // mov %ecx, %edi
                48 8b 04 25 00 00 03 00       // 1: mov 0x30000, %rax
                48 8b 14 25 08 00 03 00       // mov 0x30008, %rdx
                48 8d 58 01                   // lea 1(%rax), %rbx
                48 8d 4a 01                   // lea 1(%rdx), %rcx
                f0 48 0f c7 0c 25 00 00 03 00 // lock cmpxchg16b 0x30000
                ff cf                         // dec %edi
                75 da                         // jnz 1b
                ff 04 25 00 01 03 00          // incl 0x30100
                e6 f4                         // out %al, $0xf4
                48 8b 04 25 00 00 03 00       // 3: mov 0x30000, %rax
                48 8b 14 25 08 00 03 00       // mov 0x30008, %rdx
                48 39 c2                      // cmp %rax, %rdx
                73 07                         // jae 4f
                ff 04 25 04 01 03 00          // incl 0x30104
                83 3c 25 00 01 03 00 00       // 4: cmpl $0, 0x30100
                74 da                         // jz 3b
                e6 f4                         // out %al, $0xf4
                """);
        assertThat(guest.memory().getLong(DATA)).isEqualTo(ROUNDS);
        assertThat(guest.memory().getInt(DATA + 0x104)).isZero();
    }

    /** I/O, while others want to be alone. */
    @Test
    void servesDevices_whileOthersAreAlone() throws Exception {
        SystemGuest guest = long64();
        together(guest, 3, ROUNDS, """
                // .code64
                f0 ff 04 25 3e 00 03 00 // 1: lock incl 0x3003e
                ba 00 05 00 00          // mov $0x500, %edx
                ee                      // out %al, %dx
                ff c9                   // dec %ecx
                75 ee                   // jnz 1b
                e6 f4                   // out %al, $0xf4
                """);
        assertThat(guest.memory().getInt(DATA + 0x3E)).isEqualTo(3 * ROUNDS);
    }
}
