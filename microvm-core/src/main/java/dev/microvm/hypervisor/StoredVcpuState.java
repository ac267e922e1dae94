package dev.microvm.hypervisor;

import dev.microvm.state.DeviceState;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** Converts {@link VcpuState} to named fields and back, with a pair of methods for each part. */
final class StoredVcpuState {
    private static final String TYPE = "vcpu";
    private static final int VERSION = 1;

    /** The stored form of a state is its index here. */
    private static final List<ActivityState> ACTIVITIES = List.of(
            ActivityState.RUNNING,
            ActivityState.UNINITIALIZED,
            ActivityState.INIT_RECEIVED,
            ActivityState.HALTED,
            ActivityState.SIPI_RECEIVED);

    private final DeviceState fields;

    private StoredVcpuState(DeviceState fields) {
        this.fields = fields;
    }

    static DeviceState write(VcpuState state) {
        StoredVcpuState to = new StoredVcpuState(new DeviceState(TYPE, VERSION));
        to.registers(state.registers());
        to.specialRegisters(state.specialRegisters());
        to.fields.put("xsave", state.fpu().xsave()).put("xcr0", state.fpu().xcr0());
        to.debugRegisters(state.debugRegisters());
        LapicState lapic = state.lapic();
        to.fields.put("hasLapic", lapic != null);
        if (lapic != null) to.fields.put("lapic", lapic.registers());
        to.msrs(state.msrs());
        to.events(state.events());
        to.fields.put("activity", ACTIVITIES.indexOf(state.activity()));
        return to.fields;
    }

    static VcpuState read(DeviceState fields) {
        StoredVcpuState from = new StoredVcpuState(fields.require(TYPE, VERSION));
        VcpuState state = new VcpuState(
                from.registers(),
                from.specialRegisters(),
                new FpuState(fields.bytes("xsave"), fields.number("xcr0")),
                from.debugRegisters(),
                fields.flag("hasLapic") ? new LapicState(fields.bytes("lapic")) : null,
                from.msrs(),
                from.events(),
                from.activity());
        TreeSet<String> unknown = new TreeSet<>(fields.fields());
        unknown.removeAll(write(state).fields());
        if (unknown.isEmpty()) return state;
        throw new IllegalArgumentException(
                "state of vcpu version %d has unknown fields: %s".formatted(fields.version(), unknown));
    }

    private void registers(Registers from) {
        fields.put("rax", from.rax())
                .put("rbx", from.rbx())
                .put("rcx", from.rcx())
                .put("rdx", from.rdx())
                .put("rsi", from.rsi())
                .put("rdi", from.rdi())
                .put("rsp", from.rsp())
                .put("rbp", from.rbp())
                .put("r8", from.r8())
                .put("r9", from.r9())
                .put("r10", from.r10())
                .put("r11", from.r11())
                .put("r12", from.r12())
                .put("r13", from.r13())
                .put("r14", from.r14())
                .put("r15", from.r15())
                .put("rip", from.rip())
                .put("rflags", from.rflags());
    }

    private Registers registers() {
        return new Registers(
                fields.number("rax"),
                fields.number("rbx"),
                fields.number("rcx"),
                fields.number("rdx"),
                fields.number("rsi"),
                fields.number("rdi"),
                fields.number("rsp"),
                fields.number("rbp"),
                fields.number("r8"),
                fields.number("r9"),
                fields.number("r10"),
                fields.number("r11"),
                fields.number("r12"),
                fields.number("r13"),
                fields.number("r14"),
                fields.number("r15"),
                fields.number("rip"),
                fields.number("rflags"));
    }

    private void specialRegisters(SpecialRegisters from) {
        segment("cs", from.cs());
        segment("ds", from.ds());
        segment("es", from.es());
        segment("fs", from.fs());
        segment("gs", from.gs());
        segment("ss", from.ss());
        segment("tr", from.tr());
        segment("ldt", from.ldt());
        table("gdt", from.gdt());
        table("idt", from.idt());
        fields.put("cr0", from.cr0())
                .put("cr2", from.cr2())
                .put("cr3", from.cr3())
                .put("cr4", from.cr4())
                .put("cr8", from.cr8())
                .put("efer", from.efer())
                .put("apicBase", from.apicBase());
    }

    private SpecialRegisters specialRegisters() {
        return new SpecialRegisters(
                segment("cs"),
                segment("ds"),
                segment("es"),
                segment("fs"),
                segment("gs"),
                segment("ss"),
                segment("tr"),
                segment("ldt"),
                table("gdt"),
                table("idt"),
                fields.number("cr0"),
                fields.number("cr2"),
                fields.number("cr3"),
                fields.number("cr4"),
                fields.number("cr8"),
                fields.number("efer"),
                fields.number("apicBase"));
    }

    private void segment(String name, SegmentRegister from) {
        fields.put(name + ".base", from.base())
                .put(name + ".limit", Integer.toUnsignedLong(from.limit()))
                .put(name + ".selector", from.selector())
                .put(name + ".type", from.type())
                .put(name + ".present", from.present())
                .put(name + ".dpl", from.dpl())
                .put(name + ".db", from.db())
                .put(name + ".codeOrData", from.codeOrData())
                .put(name + ".longMode", from.longMode())
                .put(name + ".granularity", from.granularity())
                .put(name + ".available", from.available())
                .put(name + ".unusable", from.unusable());
    }

    private SegmentRegister segment(String name) {
        return new SegmentRegister(
                fields.number(name + ".base"),
                fields.unsigned(name + ".limit", Integer.SIZE),
                fields.unsigned(name + ".selector", Short.SIZE),
                fields.unsigned(name + ".type", 4),
                fields.flag(name + ".present"),
                fields.unsigned(name + ".dpl", 2),
                fields.flag(name + ".db"),
                fields.flag(name + ".codeOrData"),
                fields.flag(name + ".longMode"),
                fields.flag(name + ".granularity"),
                fields.flag(name + ".available"),
                fields.flag(name + ".unusable"));
    }

    private void table(String name, DescriptorTable from) {
        fields.put(name + ".base", from.base()).put(name + ".limit", from.limit());
    }

    private DescriptorTable table(String name) {
        return new DescriptorTable(fields.number(name + ".base"), fields.unsigned(name + ".limit", Short.SIZE));
    }

    private void debugRegisters(DebugRegisters from) {
        fields.put("dr0", from.dr0())
                .put("dr1", from.dr1())
                .put("dr2", from.dr2())
                .put("dr3", from.dr3())
                .put("dr6", from.dr6())
                .put("dr7", from.dr7());
    }

    private DebugRegisters debugRegisters() {
        return new DebugRegisters(
                fields.number("dr0"),
                fields.number("dr1"),
                fields.number("dr2"),
                fields.number("dr3"),
                fields.number("dr6"),
                fields.number("dr7"));
    }

    /** Keeps the order, in which the MSRs are restored. */
    private void msrs(List<MsrEntry> from) {
        fields.put(
                        "msrs.index",
                        from.stream()
                                .mapToLong(msr -> Integer.toUnsignedLong(msr.index()))
                                .toArray())
                .put("msrs.value", from.stream().mapToLong(MsrEntry::value).toArray());
    }

    private List<MsrEntry> msrs() {
        long[] indices = fields.numbers("msrs.index");
        long[] values = fields.numbers("msrs.value");
        if (indices.length != values.length) {
            throw new IllegalArgumentException("state of vcpu version %d has %d MSR numbers but %d MSR values"
                    .formatted(fields.version(), indices.length, values.length));
        }
        List<MsrEntry> msrs = new ArrayList<>(indices.length);
        for (int i = 0; i < indices.length; i++) msrs.add(new MsrEntry((int) indices[i], values[i]));
        return msrs;
    }

    private void events(VcpuEvents from) {
        fields.put("exception.injected", from.exceptionInjected())
                .put("exception.pending", from.exceptionPending())
                .put("exception.vector", from.exceptionVector())
                .put("exception.hasErrorCode", from.exceptionHasErrorCode())
                .put("exception.errorCode", Integer.toUnsignedLong(from.exceptionErrorCode()))
                .put("interrupt.injected", from.interruptInjected())
                .put("interrupt.vector", from.interruptVector())
                .put("interrupt.soft", from.softInterrupt())
                .put("interrupt.shadow", from.interruptShadow())
                .put("nmi.injected", from.nmiInjected())
                .put("nmi.pending", from.nmiPending())
                .put("nmi.masked", from.nmiMasked())
                .put("sipi.vector", Integer.toUnsignedLong(from.sipiVector()));
    }

    private VcpuEvents events() {
        return new VcpuEvents(
                fields.flag("exception.injected"),
                fields.flag("exception.pending"),
                fields.unsigned("exception.vector", Byte.SIZE),
                fields.flag("exception.hasErrorCode"),
                fields.unsigned("exception.errorCode", Integer.SIZE),
                fields.flag("interrupt.injected"),
                fields.unsigned("interrupt.vector", Byte.SIZE),
                fields.flag("interrupt.soft"),
                fields.unsigned("interrupt.shadow", Byte.SIZE),
                fields.flag("nmi.injected"),
                fields.flag("nmi.pending"),
                fields.flag("nmi.masked"),
                fields.unsigned("sipi.vector", Integer.SIZE));
    }

    private ActivityState activity() {
        int activity = fields.integer("activity");
        if (activity >= 0 && activity < ACTIVITIES.size()) return ACTIVITIES.get(activity);
        throw new IllegalArgumentException("state of vcpu version %d: field activity = %d: must be 0 to %d"
                .formatted(fields.version(), activity, ACTIVITIES.size() - 1));
    }
}
