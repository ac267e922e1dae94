package dev.microvm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class BlockTest {
    private static final int ROUNDS = 5;
    private static final int LOOP = BareCpu.CODE + 3;

    private final BareCpu machine = new BareCpu(Compiler.NONE) // which counts each execution
            .load(
                    0xB9, ROUNDS, 0, // mov cx, 5
                    0x49, // dec cx
                    0x75, 0xFD, // jnz to the one before
                    0xE6, 0xF4); // out 0xf4, al

    @Test
    void countsItsExecutions() {
        machine.run();

        assertThat(machine.block(BareCpu.CODE).executions()).isEqualTo(1);
        assertThat(machine.block(LOOP).executions()).isEqualTo(ROUNDS - 1);
    }

    @Test
    void countsFromZero_whenItIsTranslatedAgain() {
        machine.run();
        Block block = machine.block(LOOP);
        block.breakOff();
        machine.cpu.rip = BareCpu.CODE;
        machine.run();

        assertThat(block.executions()).isEqualTo(ROUNDS - 1);
    }

    @Test
    void losesItsTranslation_whenAStoreBreaksIt() {
        machine.run();
        Block loop = machine.block(LOOP);
        loop.page.written(LOOP & 0xFFF, 1);

        assertThat(loop.translated()).isFalse();
    }

    @Test
    void keepsItsTranslation_whenAStoreIsInAnotherLineOfThePage() {
        machine.run();
        Block loop = machine.block(LOOP);
        loop.page.written((LOOP & 0xFFF) + 64, 1);

        assertThat(loop.translated()).isTrue();
    }

    @Test
    void isForgottenWithItsPage_whenThatIsWrittenOverAndOver() {
        int stores = 20_000;
        BareCpu writing = new BareCpu()
                .load(
                        0xB9,
                        stores & 0xFF,
                        stores >> 8, // mov cx, stores
                        0x89,
                        0x0E,
                        0x80,
                        0x10, // mov [0x1080], cx: in the page that it runs from
                        0x49, // dec cx
                        0x75,
                        0xF9, // jnz to the one before
                        0xB0,
                        0x43, // mov al, 0x43: inc bx
                        0xA2,
                        0x10,
                        0x10, // mov [0x1010], al
                        0x90,
                        0x41, // inc cx, until it is changed
                        0xE6,
                        0xF4); // out 0xf4, al
        Block begin = writing.block(BareCpu.CODE);
        writing.run();

        assertThat(begin.page.isDropped()).isTrue();
        assertThat(writing.cpu.r[Cpu.RBX]).isEqualTo(1);
        assertThat(writing.cpu.r[Cpu.RCX]).isZero();
    }

    @Test
    void endsAfterTheInstructionThatStored_whenItBreaksItself() {
        BareCpu patching = new BareCpu()
                .load(
                        0xC6, 0x06, 0x06, 0x10, 0x43, // mov byte [0x1006], 0x43: inc bx
                        0x90, // nop
                        0x41, // inc cx, until it is changed
                        0xE6, 0xF4); // out 0xf4, al
        patching.run();

        assertThat(patching.cpu.r[Cpu.RBX]).isEqualTo(1);
        assertThat(patching.cpu.r[Cpu.RCX]).isZero();
    }
}
