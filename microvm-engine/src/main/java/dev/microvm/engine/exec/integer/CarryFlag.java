package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.RegisterOnly;

/** CLC, STC and CMC: they change CF alone. */
public final class CarryFlag extends Sequential implements RegisterOnly {
    /** What CF becomes. */
    public enum Change {
        CLEAR,
        SET,
        COMPLEMENT
    }

    private final Change change;

    /** Makes one. */
    public CarryFlag(Change change) {
        this.change = change;
    }

    @Override
    public FlagUse flagUse() {
        return FlagUse.NEEDS;
    }

    @Override
    public void perform(Cpu cpu) {
        Flags.carry(cpu, change == Change.COMPLEMENT ? !Flags.carry(cpu) : change == Change.SET);
    }

    /** CF is the sign of what {@link Code#keepCarry} takes it from. */
    @Override
    public void emit(Code code) {
        int carry = switch (change) {
            case CLEAR -> code.constant(0).keep();
            case SET -> code.constant(-1).keep();
            case COMPLEMENT -> code.flagCarry().constant(-1).xor().keep();
        };
        code.keepCarry(carry);
    }

    @Override
    public Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }
}
