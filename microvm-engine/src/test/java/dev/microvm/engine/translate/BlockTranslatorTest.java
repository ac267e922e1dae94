package dev.microvm.engine.translate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.cpu.BareCpu;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.cpu.Translation;
import org.junit.jupiter.api.Test;

final class BlockTranslatorTest {
    private static final int[] CODE = {
        0xB8, 0x34, 0x12, // mov ax, 0x1234
        0x66, 0x05, 0x78, 0x56, 0x34, 0x12, // add eax, 0x12345678
        0x50, // push ax
        0x5A, // pop dx
        0xD1, 0xE2, // shl dx, 1
        0xFF, 0x06, 0x00, 0x20, // inc word [0x2000]
        0x8B, 0x1E, 0x00, 0x20, // mov bx, [0x2000]
        0xF7, 0xE3, // mul bx
        0x85, 0xC0, // test ax, ax
        0x74, 0x02, // jz
        0xE6, 0xF4, // out 0xf4, al
    };
    private static final int INSTRUCTIONS = 10; // to the branch
    private static final int LENGTH = 27;
    private static final int LIMIT = 24;

    @Test
    void saysHowManyInstructionsABlockHas_andWhereItEnds() {
        Translation block = new BareCpu().load(CODE).translate(LIMIT);

        assertThat(block.instructions()).isEqualTo(INSTRUCTIONS);
        assertThat(block.end()).isEqualTo(LENGTH);
    }

    @Test
    void endsABlockAtItsLimit() {
        Translation block = new BareCpu().load(CODE).translate(2);

        assertThat(block.instructions()).isEqualTo(2);
        assertThat(block.end()).isEqualTo(9);
    }

    @Test
    void makesInstructionsThatDoOneByOne_whatTheirChainDoes() {
        BareCpu chained = new BareCpu().load(CODE);
        chained.translate(LIMIT).first().execute(chained.cpu);
        BareCpu single = new BareCpu().load(CODE);
        Instruction each = single.translate(LIMIT).first();
        int performed = 0;
        for (; each.isFollowed(); each = each.next) {
            ((Sequential) each).perform(single.cpu);
            performed++;
        }
        each.execute(single.cpu);

        assertThat(performed).isGreaterThanOrEqualTo(INSTRUCTIONS - 2); // the branch is one with the comparison
        assertThat(single.cpu.r).isEqualTo(chained.cpu.r);
        assertThat(single.cpu.r[Cpu.RBX]).isEqualTo(1);
        assertThat(Flags.all(single.cpu)).isEqualTo(Flags.all(chained.cpu));
    }
}
