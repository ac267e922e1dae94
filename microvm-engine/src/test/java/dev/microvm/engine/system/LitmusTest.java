package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.memory.GuestMemory;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;

/**
 * What a CPU may see of the stores of others: Intel SDM vol. 3A, 9.2.3, whose examples these are.
 * {@code -Dmicrovm.litmus.rounds=N} runs more of each, {@code -Dmicrovm.engine.compile=always}
 * compiled code.
 *
 * <p>Two CPUs wait a little for each other before each round, which has places of its own.
 */
final class LitmusTest extends SeveralCpusTest {
    private static final int ROUNDS = Integer.getInteger("microvm.litmus.rounds", 20_000);

    /** Rounds for which there are places. */
    private static final int MOST_AT_ONCE = 50_000;

    private static final long MARKS = 0x10_0000;
    private static final long FIRST_RESULTS = 0x20_0000; // of CPU 0, or of the CPU that reads X first
    private static final long SECOND_RESULTS = 0x28_0000;
    private static final long OTHER_READER = 0x30_0000; // which reads Y first
    private static final int READ = 16; // bytes: the two values that a reader read

    /** Some rounds, and all that they left in memory. */
    private interface Judge {
        void judge(GuestMemory memory, int rounds);
    }

    private void run(int cpus, String listing, Judge judge) throws Exception {
        for (int left = ROUNDS; left > 0; left -= MOST_AT_ONCE) {
            int rounds = Math.min(left, MOST_AT_ONCE);
            SystemGuest guest = long64();
            together(guest, cpus, rounds, listing);
            judge.judge(guest.memory(), rounds);
        }
    }

    /** No round in which both CPUs read the same forbidden value. */
    private static Judge neverBoth(IntPredicate forbidden) {
        return (memory, rounds) -> {
            for (int i = 0; i < rounds; i++) {
                int first = memory.getInt(FIRST_RESULTS + i * 8L);
                int second = memory.getInt(SECOND_RESULTS + i * 8L);
                assertThat(forbidden.test(first) && forbidden.test(second))
                        .as("round %d: %d, %d", i, first, second)
                        .isFalse();
            }
        };
    }

    /** Each count was taken by exactly one CPU. */
    private static Judge eachOnce(int cpus) {
        return (memory, rounds) -> {
            assertThat(memory.getLong(DATA)).isEqualTo((long) cpus * rounds);
            byte[] marks = memory.read(MARKS, cpus * rounds);
            for (byte each : marks) assertThat(each).isEqualTo((byte) 1);
        };
    }

    /** Store buffering, with a fence in between: 9.2.3.4 allows it without. */
    @Test
    void readsTheOthersStore_afterItsOwnAndAFence() throws Exception {
        run(2, """
            // .code64
            41 89 f0                // mov %esi, %r8d
            41 83 f0 01             // xor $1, %r8d
            41 89 f1                // mov %esi, %r9d
            41 c1 e1 13             // shl $19, %r9d
            41 81 c1 00 00 10 00    // add $0x100000, %r9d
            45 89 c2                // mov %r8d, %r10d
            41 c1 e2 13             // shl $19, %r10d
            41 81 c2 00 00 10 00    // add $0x100000, %r10d
            4d 8d 99 00 00 10 00    // lea 0x100000(%r9), %r11
            31 ff                   // xor %edi, %edi
            48 89 3c f5 00 01 03 00 // 1: mov %rdi, 0x30100(,%rsi,8)
            bb c8 00 00 00          // mov $200, %ebx
            4a 39 3c c5 00 01 03 00 // 2: cmp %rdi, 0x30100(,%r8,8)
            73 04                   // jae 3f
            ff cb                   // dec %ebx
            75 f2                   // jnz 2b
            49 c7 04 f9 01 00 00 00 // 3: movq $1, (%r9,%rdi,8)
            0f ae f0                // mfence
            49 8b 04 fa             // mov (%r10,%rdi,8), %rax
            49 89 04 fb             // mov %rax, (%r11,%rdi,8)
            ff c7                   // inc %edi
            39 cf                   // cmp %ecx, %edi
            72 cc                   // jb 1b
            e6 f4                   // out %al, $0xf4
            """, neverBoth(read -> read == 0));
    }

    /** Store buffering, with locked instructions: 9.2.3.9. */
    @Test
    void readsTheOthersStore_afterALockedOne() throws Exception {
        run(2, """
            // .code64
            41 89 f0                // mov %esi, %r8d
            41 83 f0 01             // xor $1, %r8d
            41 89 f1                // mov %esi, %r9d
            41 c1 e1 13             // shl $19, %r9d
            41 81 c1 00 00 10 00    // add $0x100000, %r9d
            45 89 c2                // mov %r8d, %r10d
            41 c1 e2 13             // shl $19, %r10d
            41 81 c2 00 00 10 00    // add $0x100000, %r10d
            4d 8d 99 00 00 10 00    // lea 0x100000(%r9), %r11
            31 ff                   // xor %edi, %edi
            48 89 3c f5 00 01 03 00 // 1: mov %rdi, 0x30100(,%rsi,8)
            bb c8 00 00 00          // mov $200, %ebx
            4a 39 3c c5 00 01 03 00 // 2: cmp %rdi, 0x30100(,%r8,8)
            73 04                   // jae 3f
            ff cb                   // dec %ebx
            75 f2                   // jnz 2b
            b8 01 00 00 00          // 3: mov $1, %eax
            49 87 04 f9             // xchg %rax, (%r9,%rdi,8)
            49 8b 04 fa             // mov (%r10,%rdi,8), %rax
            49 89 04 fb             // mov %rax, (%r11,%rdi,8)
            ff c7                   // inc %edi
            39 cf                   // cmp %ecx, %edi
            72 ce                   // jb 1b
            e6 f4                   // out %al, $0xf4
            """, neverBoth(read -> read == 0));
    }

    /** Load buffering: stores do not pass earlier loads, 9.2.3.3. */
    @Test
    void storesNothing_beforeItsEarlierLoads() throws Exception {
        run(2, """
            // .code64
            41 89 f0                // mov %esi, %r8d
            41 83 f0 01             // xor $1, %r8d
            41 89 f1                // mov %esi, %r9d
            41 c1 e1 13             // shl $19, %r9d
            41 81 c1 00 00 10 00    // add $0x100000, %r9d
            45 89 c2                // mov %r8d, %r10d
            41 c1 e2 13             // shl $19, %r10d
            41 81 c2 00 00 10 00    // add $0x100000, %r10d
            4d 8d 99 00 00 10 00    // lea 0x100000(%r9), %r11
            31 ff                   // xor %edi, %edi
            48 89 3c f5 00 01 03 00 // 1: mov %rdi, 0x30100(,%rsi,8)
            bb c8 00 00 00          // mov $200, %ebx
            4a 39 3c c5 00 01 03 00 // 2: cmp %rdi, 0x30100(,%r8,8)
            73 04                   // jae 3f
            ff cb                   // dec %ebx
            75 f2                   // jnz 2b
            49 8b 04 fa             // 3: mov (%r10,%rdi,8), %rax
            49 c7 04 f9 01 00 00 00 // movq $1, (%r9,%rdi,8)
            49 89 04 fb             // mov %rax, (%r11,%rdi,8)
            ff c7                   // inc %edi
            39 cf                   // cmp %ecx, %edi
            72 cf                   // jb 1b
            e6 f4                   // out %al, $0xf4
            """, neverBoth(read -> read == 1));
    }

    /** Message passing: neither stores nor loads pass each other, 9.2.3.2. */
    @Test
    void seesTheMessage_onceItSeesTheFlag() throws Exception {
        run(2, """
            // .code64
            31 ff                   // xor %edi, %edi
            31 c0                   // xor %eax, %eax
            85 f6                   // test %esi, %esi
            75 19                   // jnz 2f
            48 ff c0                // 1: inc %rax
            48 89 04 25 00 00 03 00 // mov %rax, 0x30000
            48 89 04 25 40 00 03 00 // mov %rax, 0x30040
            ff c9                   // dec %ecx
            75 e9                   // jnz 1b
            e6 f4                   // out %al, $0xf4
            48 8b 04 25 40 00 03 00 // 2: mov 0x30040, %rax
            48 8b 1c 25 00 00 03 00 // mov 0x30000, %rbx
            48 39 c3                // cmp %rax, %rbx
            83 d7 00                // adc $0, %edi
            ff c9                   // dec %ecx
            75 e6                   // jnz 2b
            89 3c 25 80 00 03 00    // mov %edi, 0x30080
            e6 f4                   // out %al, $0xf4
            """, (memory, rounds) -> assertThat(memory.getInt(DATA + 0x80)).isZero());
    }

    /** Independent reads of independent writes: stores are seen in one order by all others, 9.2.3.7. */
    @Test
    void seesStoresOfTwoCpus_inTheOrderInWhichOthersDo() throws Exception {
        run(4, """
            // .code64
            31 ff                // xor %edi, %edi
            83 fe 02             // cmp $2, %esi
            73 13                // jae 2f
            c1 e6 06             // shl $6, %esi
            48 ff c7             // 1: inc %rdi
            48 89 be 00 00 03 00 // mov %rdi, 0x30000(%rsi)
            ff c9                // dec %ecx
            75 f2                // jnz 1b
            e6 f4                // out %al, $0xf4
            41 b8 00 00 03 00    // 2: mov $0x30000, %r8d
            41 b9 40 00 03 00    // mov $0x30040, %r9d
            41 ba 00 00 20 00    // mov $0x200000, %r10d
            74 09                // je 3f
            4d 87 c1             // xchg %r8, %r9
            41 ba 00 00 30 00    // mov $0x300000, %r10d
            49 8b 00             // 3: mov (%r8), %rax
            49 8b 19             // mov (%r9), %rbx
            49 89 02             // mov %rax, (%r10)
            49 89 5a 08          // mov %rbx, 8(%r10)
            49 83 c2 10          // add $16, %r10
            ff c9                // dec %ecx
            75 eb                // jnz 3b
            e6 f4                // out %al, $0xf4
            """, LitmusTest::agreeOnTheOrder);
    }

    /**
     * One reader saw X = a, then Y = b; the other may not see Y above b, and then X below a. What the
     * other reads only grows, so that its first one with Y above b has the least X.
     */
    private static void agreeOnTheOrder(GuestMemory memory, int rounds) {
        int other = 0;
        for (int i = 0; i < rounds; i++) {
            long x = memory.getLong(FIRST_RESULTS + (long) i * READ);
            long y = memory.getLong(FIRST_RESULTS + (long) i * READ + 8);
            while (other < rounds && memory.getLong(OTHER_READER + (long) other * READ) <= y) other++;
            if (other == rounds) return;
            assertThat(memory.getLong(OTHER_READER + (long) other * READ + 8))
                    .as("X beside Y > %d, where another saw %d", y, x)
                    .isGreaterThanOrEqualTo(x);
        }
    }

    @Test
    void takesEachNumberOnce_byXadd() throws Exception {
        run(3, """
            // .code64
            b8 01 00 00 00                // 1: mov $1, %eax
            f0 48 0f c1 04 25 00 00 03 00 // lock xadd %rax, 0x30000
            fe 80 00 00 10 00             // incb 0x100000(%rax)
            ff c9                         // dec %ecx
            75 e7                         // jnz 1b
            e6 f4                         // out %al, $0xf4
            """, eachOnce(3));
    }

    @Test
    void takesEachNumberOnce_byCmpxchg() throws Exception {
        run(3, """
            // .code64
            48 8b 04 25 00 00 03 00       // 1: mov 0x30000, %rax
            48 8d 58 01                   // 2: lea 1(%rax), %rbx
            f0 48 0f b1 1c 25 00 00 03 00 // lock cmpxchg %rbx, 0x30000
            75 f0                         // jnz 2b
            fe 80 00 00 10 00             // incb 0x100000(%rax)
            ff c9                         // dec %ecx
            75 de                         // jnz 1b
            e6 f4                         // out %al, $0xf4
            """, eachOnce(3));
    }
}
