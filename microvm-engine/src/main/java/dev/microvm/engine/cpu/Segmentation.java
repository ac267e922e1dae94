package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.hypervisor.SegmentRegister;

/** Segmented addresses, and changes of the segment registers: Intel SDM vol. 3A, 3.2 to 3.4. */
public final class Segmentation {
    private static final long LEGACY_ADDRESS = 0xFFFF_FFFFL;

    private final Cpu cpu;

    Segmentation(Cpu cpu) {
        this.cpu = cpu;
    }

    /**
     * The linear address of an offset in a segment, outside of 64-bit mode.
     *
     * @throws GuestFault #GP(0) or #SS(0) if the segment does not allow the access
     */
    public long linear(int segment, long offset, int size, boolean write, Instruction at) {
        Segment in = cpu.segments[segment];
        boolean allowed = in.contains(offset, size) && in.usable && (write ? in.writable() : in.readable());
        if (!allowed && !(cpu.realSegments() && in.contains(offset, size))) {
            throw cpu.fault(segment == Cpu.SS ? Vectors.SS : Vectors.GP, 0, at);
        }
        return in.base + offset & LEGACY_ADDRESS;
    }

    /**
     * The linear address of an offset in a segment, in any mode: in 64-bit mode only FS and GS have
     * a base.
     */
    public long linearOrFlat(int segment, long offset, int size, boolean write, Instruction at) {
        if (cpu.mode() != CodeMode.BITS_64) return linear(segment, offset, size, write, at);
        return segment >= Decoded.FS ? offset + cpu.r[Cpu.SEGMENT_BASE + segment] : offset;
    }

    /** Sets a segment register with its hidden part. */
    public void set(int segment, SegmentRegister from) {
        cpu.segments[segment].set(from);
        changed(segment);
    }

    /** Sets the base of FS or GS. */
    public void base(int segment, long base) {
        cpu.segments[segment].base = base;
        changed(segment);
    }

    /** Takes note that a segment's base changed. */
    void changed(int segment) {
        cpu.r[Cpu.SEGMENT_BASE + segment] = cpu.segments[segment].base;
    }
}
