package dev.microvm.engine.oracle;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.util.List;

/**
 * A machine that runs a few instructions at privilege level 3 in 64-bit mode, for comparing
 * hypervisors: KVM runs such code on the real processor. The code ends with an OUT that stops it; a
 * fault, for which there is no handler, shuts it down with RIP at the instruction.
 */
public final class UserMachine implements AutoCloseable {
    /** Where code is. */
    public static final long CODE = 0x10_0000;

    /** Where data is that both machines fill and compare: a page, with another behind it. */
    public static final long DATA = 0x11_0000;

    public static final int DATA_SIZE = 0x2000;

    private static final long MEMORY_SIZE = 0x20_0000;
    private static final long PAGE_TABLES = 0x8000;
    private static final long FIRST_MAPPED = 0x1_0000; // small numbers are no addresses
    private static final long TASK = 0x18_0000; // zeros: an I/O permission map that allows all ports
    private static final long ALL_RIGHTS = 0b111; // present, writable, user: Intel SDM vol. 3A, table 4-20
    private static final int IOPL_3 = 3 << 12;
    private static final int USER_CODE = 0x33;
    private static final int USER_DATA = 0x2B;
    private static final byte[] STOP = {(byte) 0xE6, (byte) 0xF4}; // OUT 0xf4, AL

    private final VirtualMachine vm;
    private final GuestMemory memory;
    private final Vcpu vcpu;
    private final Stopper stopper;

    /** Makes a machine. */
    public UserMachine(Hypervisor hypervisor) {
        vm = hypervisor.createVm("oracle", InterruptMode.USERSPACE);
        GuestMemoryRegion region = new GuestMemoryRegion(0, vm.allocate(MEMORY_SIZE), false);
        memory = new GuestMemory(List.of(region));
        vm.map(0, region);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(vm.supportedCpuid());
        stopper = new Stopper(vcpu);
        memory.putLong(PAGE_TABLES, (PAGE_TABLES + 0x1000) | ALL_RIGHTS);
        memory.putLong(PAGE_TABLES + 0x1000, (PAGE_TABLES + 0x2000) | ALL_RIGHTS);
        memory.putLong(PAGE_TABLES + 0x2000, (PAGE_TABLES + 0x3000) | ALL_RIGHTS);
        for (long page = FIRST_MAPPED; page < MEMORY_SIZE; page += 0x1000)
            memory.putLong(PAGE_TABLES + 0x3000 + page / 4096 * 8, page | ALL_RIGHTS);
        SegmentRegister code = SegmentRegister.code64(USER_CODE);
        SegmentRegister data = SegmentRegister.flat32(USER_DATA, SegmentRegister.TYPE_DATA);
        vcpu.specialRegisters(vcpu.specialRegisters()
                .withSegments(user(code), user(data))
                .withTask(
                        SegmentRegister.systemSegment(0, SegmentRegister.TYPE_TSS_BUSY, TASK, 0xFFFF),
                        SegmentRegister.systemSegment(0, SegmentRegister.TYPE_LDT, 0, 0))
                .withControl(
                        SpecialRegisters.CR0_PE
                                | SpecialRegisters.CR0_PG
                                | SpecialRegisters.CR0_ET
                                | SpecialRegisters.CR0_NE
                                | SpecialRegisters.CR0_MP,
                        PAGE_TABLES,
                        SpecialRegisters.CR4_PAE | SpecialRegisters.CR4_OSFXSR,
                        SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA));
    }

    private static SegmentRegister user(SegmentRegister s) {
        return new SegmentRegister(
                s.base(),
                s.limit(),
                s.selector(),
                s.type(),
                true,
                3,
                s.db(),
                true,
                s.longMode(),
                s.granularity(),
                false,
                false);
    }

    public GuestMemory memory() {
        return memory;
    }

    /**
     * Runs code.
     *
     * @param start registers; RIP and IOPL are set here
     * @return the registers after it: RIP is behind the OUT, or at what faulted
     */
    public Registers run(byte[] code, Registers start) {
        memory.write(CODE, code);
        memory.write(CODE + code.length, STOP);
        vcpu.registers(start.withRip(CODE).withRflags(start.rflags() | IOPL_3));
        stopper.stopped = false;
        VcpuExit exit;
        do {
            exit = vcpu.run(stopper);
        } while (!stopper.stopped && exit != VcpuExit.SHUTDOWN);
        return vcpu.registers();
    }

    /** Whether the last run got to its end. */
    public boolean ended() {
        return stopper.stopped;
    }

    @Override
    public void close() {
        vm.close();
    }

    private static final class Stopper implements NoDevices {
        private final Vcpu vcpu;
        private boolean stopped;

        Stopper(Vcpu vcpu) {
            this.vcpu = vcpu;
        }

        @Override
        public void portOut(int port, int size, long value) {
            stopped = true;
            vcpu.kick();
        }
    }
}
