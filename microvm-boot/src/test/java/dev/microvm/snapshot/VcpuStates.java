package dev.microvm.snapshot;

import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.MsrNumbers;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuState;
import java.util.List;

/** States of vCPUs that no vCPU had. */
final class VcpuStates {
    private VcpuStates() {}

    static VcpuState some() {
        SegmentRegister segment = new SegmentRegister(0, -1, 8, 11, true, 0, true, true, false, true, false, false);
        DescriptorTable table = new DescriptorTable(0x6000, 0xfff);
        return new VcpuState(
                new Registers(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0x202),
                new SpecialRegisters(
                        segment, segment, segment, segment, segment, segment, segment, segment, table, table, 1, 2, 3,
                        4, 5, 6, 7),
                new FpuState(new byte[4096], 7),
                new DebugRegisters(0, 0, 0, 0, 0xffff_0ff0L, 0x400),
                new LapicState(new byte[LapicState.SIZE]),
                List.of(new MsrEntry(MsrNumbers.IA32_TIME_STAMP_COUNTER, 40)),
                new VcpuEvents(false, false, 0, false, 0, false, 0, false, 0, false, false, false, 0),
                ActivityState.RUNNING);
    }
}
