package dev.microvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.microvm.clock.GuestClock;
import dev.microvm.engine.compile.Tier;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.limits.Budget;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What several machines may hold of translated code, in one budget. */
@Timeout(120)
final class TranslationBudgetTest {
    private static final long LIMIT = 8 << 20;
    private static final long ALLOWANCE = 128 << 10; // of a vCPU that holds nothing else
    private static final int CODE = 0x1000;
    private static final int FIRST = 0x10_0000;
    private static final int PAGE = 4096;

    private final Budget budget = new Budget("bytes of translations", LIMIT);
    private final EngineHypervisor hypervisor = new EngineHypervisor(budget);

    /** A machine in flat 32-bit mode that calls each byte of so many pages, and then halts. */
    private static final class Guest implements AutoCloseable {
        private final VirtualMachine vm;
        private final Vcpu vcpu;
        private final int pages;

        Guest(EngineHypervisor hypervisor, String name, InterruptMode mode, GuestClock clock, int pages) {
            this.pages = pages;
            vm = hypervisor.createVm(name, mode, clock);
            GuestMemoryRegion ram = new GuestMemoryRegion(0, vm.allocate(FIRST + (pages + 1L) * PAGE), false);
            vm.map(0, ram);
            GuestMemory memory = new GuestMemory(List.of(ram));
            byte[] code = new byte[pages * PAGE];
            for (int i = 0; i < code.length; i++) code[i] = (byte) (i % 25 == 24 ? 0xC3 : 0x40); // ret, inc eax
            memory.write(FIRST, code);
            memory.putByte(FIRST + code.length, (byte) 0xC3);
            int end = FIRST + code.length;
            memory.write(CODE, new byte[] {
                (byte) 0xBE,
                0,
                0,
                0x10,
                0, // mov esi, FIRST
                (byte) 0xFF,
                (byte) 0xD6, // call esi
                0x46, // inc esi
                (byte) 0x81,
                (byte) 0xFE,
                (byte) end,
                (byte) (end >> 8),
                (byte) (end >> 16),
                0, // cmp esi, end
                0x72,
                (byte) 0xF5, // jb to the call
                (byte) 0xE6,
                (byte) 0xF4, // out 0xf4, al
                (byte) 0xF4, // hlt
                (byte) 0xEB,
                (byte) 0xFD // jmp to the one before
            });
            vcpu = vm.createVcpu(0);
            vcpu.cpuid(vm.supportedCpuid());
            vcpu.specialRegisters(vcpu.specialRegisters()
                    .withSegments(
                            SegmentRegister.flat32(8, SegmentRegister.TYPE_CODE),
                            SegmentRegister.flat32(16, SegmentRegister.TYPE_DATA))
                    .withControl(SpecialRegisters.CR0_PE | SpecialRegisters.CR0_ET, 0, 0, 0));
        }

        /** Calls all of it once, from the beginning. */
        void pass() {
            vcpu.activity(ActivityState.RUNNING);
            vcpu.registers(Registers.ZERO.withRip(CODE).withRsp(CODE));
            assertThat(vcpu.run(kickAtOut())).isEqualTo(VcpuExit.KICKED);
            assertThat(vcpu.registers().rax()).isEqualTo(increments());
        }

        private ExitHandler kickAtOut() {
            return new NoDevices() {
                @Override
                public void portOut(int port, int size, long value) {
                    vcpu.kick();
                }
            };
        }

        private long increments() {
            long sum = 0;
            for (int i = 0; i < pages * PAGE; i++) sum += Math.min(24 - i % 25, pages * PAGE - i);
            return sum;
        }

        long held() {
            return ((EngineVcpu) vcpu).translated();
        }

        @Override
        public void close() {
            vm.close();
        }
    }

    private Guest guest(String name, int pages) {
        return new Guest(hypervisor, name, InterruptMode.SPLIT, GuestClock.HOST, pages);
    }

    @Test
    void takesFromTheGreedyMachineOnly() {
        assumeThat(Tier.chosen()).isNotEqualTo(Tier.ALWAYS); // where each block needs much more room
        try (Guest friend = guest("friend", 1);
                Guest greedy = guest("greedy", 24)) {
            friend.pass();
            long before = friend.held();
            greedy.pass();

            assertThat(friend.held()).isEqualTo(before).isGreaterThan(ALLOWANCE);
            assertThat(budget.used()).isLessThanOrEqualTo(LIMIT);
        }
        assertThat(budget.used()).isZero();
    }

    @Test
    void givesRoomToAMachineWithLess_whenAnotherHasItAll() {
        assumeThat(Tier.chosen()).isNotEqualTo(Tier.ALWAYS); // where each block needs much more room
        try (Guest greedy = guest("greedy", 5);
                Guest late = guest("late", 2)) {
            greedy.pass();
            assertThat(greedy.held()).isGreaterThan(budget.fairPart());
            late.pass();

            assertThat(late.held()).isGreaterThan(2 << 20);
            assertThat(greedy.held()).isLessThanOrEqualTo(budget.fairPart() + ALLOWANCE);
        }
    }

    @Test
    void givesRoom_whenTheMachineThatHasItAllWaitsInHlt() throws Exception {
        try (Guest greedy = guest("greedy", 5);
                Guest late = guest("late", 2)) {
            greedy.pass();
            Thread halted = Thread.ofPlatform().start(() -> greedy.vcpu.run(NoDevices.HANDLER));
            while (halted.getState() != Thread.State.WAITING) TimeUnit.MILLISECONDS.sleep(1);
            late.pass();
            while (greedy.held() > budget.fairPart() + ALLOWANCE) TimeUnit.MILLISECONDS.sleep(1);

            greedy.vcpu.kick();
            halted.join();
            greedy.pass();
        }
    }

    @Test
    void keepsNothingOfAMachineThatIsClosed() {
        Guest guest = guest("closed", 2);
        guest.pass();
        assertThat(budget.used()).isPositive();
        guest.close();

        assertThat(budget.used()).isZero();
        assertThat(guest.held()).isZero();
    }

    @Test
    void countsTheSameInstructions_howeverOftenTranslationsAreDropped() {
        EngineHypervisor ample = new EngineHypervisor(new Budget("bytes", Long.MAX_VALUE));

        assertThat(instructions(hypervisor)).isEqualTo(instructions(ample));
    }

    private static long instructions(EngineHypervisor hypervisor) {
        GuestClock clock = GuestClock.instructions(1);
        try (Guest guest = new Guest(hypervisor, "counted", InterruptMode.SPLIT, clock, 12)) {
            guest.pass();
            return guest.vm.clockNanos();
        }
    }
}
