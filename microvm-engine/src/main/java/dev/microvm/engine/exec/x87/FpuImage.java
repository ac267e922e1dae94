package dev.microvm.engine.exec.x87;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.LinearBytes;
import dev.microvm.engine.fpu.X87;
import dev.microvm.engine.fpu.X87Images;
import java.lang.foreign.MemorySegment;

/**
 * FLDENV and FNSTENV, FRSTOR and FNSAVE: the unit's environment in memory, alone or with its
 * registers.
 */
public final class FpuImage extends CheckedFpu {
    private final Address address;
    private final boolean stores;
    private final boolean environment;
    private final boolean wide;

    /**
     * Makes one.
     *
     * @param environment whether it is the environment alone
     * @param wide whether it has the form for operands of 32 bits
     */
    public FpuImage(Address address, boolean stores, boolean environment, boolean wide) {
        super(CONTROLS, !stores);
        this.address = address;
        this.stores = stores;
        this.environment = environment;
        this.wide = wide;
    }

    /** Bytes of an image. */
    public static int size(boolean environment, boolean wide) {
        int size = wide ? X87Images.ENVIRONMENT_32 : X87Images.ENVIRONMENT_16;
        return environment ? size : size + X87Images.REGISTERS_SIZE;
    }

    @Override
    protected void work(Cpu cpu, X87 f) {
        byte[] bytes = new byte[size(environment, wide)];
        MemorySegment image = MemorySegment.ofArray(bytes);
        boolean real = cpu.realSegments();
        long linear = address.linear(cpu);
        if (stores) {
            cpu.mmu.probeWrite(linear, bytes.length, this);
            if (environment) {
                X87Images.storeEnvironment(f, image, wide, real);
            } else {
                X87Images.save(f, image, wide, real);
            }
            LinearBytes.write(cpu, linear, bytes, this);
        } else {
            LinearBytes.read(cpu, linear, bytes, this);
            if (environment) {
                X87Images.loadEnvironment(f, image, wide, real);
            } else {
                X87Images.restore(f, image, wide, real);
            }
        }
    }
}
