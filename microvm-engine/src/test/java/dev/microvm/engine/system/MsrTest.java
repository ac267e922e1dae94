package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.CODE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** MSRs refuse what is reserved: Intel SDM vol. 2C, WRMSR. */
final class MsrTest extends SystemTest {
    private static final int TSC_AUX = 0xC000_0103;

    private static final String WRITE = """
                // .code64
                0f 30 // wrmsr
                e6 f4 // out %al, $0xf4
                """;

    private End write(int index, long value) {
        return long64().with(r -> r.withRcx(Integer.toUnsignedLong(index))
                        .withRax(value & 0xFFFF_FFFFL)
                        .withRdx(value >>> 32))
                .run(WRITE);
    }

    @ParameterizedTest
    @CsvSource({
        "0x277, 0x0007040600070406", // IA32_PAT
        "0x277, 0x0105040600070406",
        "0x2ff, 0xc06", // IA32_MTRR_DEF_TYPE
        "0x200, 0xfeb00005", // IA32_MTRR_PHYSBASE0, PHYSMASK0
        "0x201, 0xffff000800",
        "0x250, 0x0605040100060606", // IA32_MTRR_FIX64K_00000
    })
    void takesMemoryTypes(int index, long value) {
        assertThat(write(index, value)).hasToString("done");
    }

    @ParameterizedTest
    @CsvSource({
        "0x277, 0x0207040600070406", // type 2
        "0x277, 0x0007040600070408",
        "0x2ff, 0x7", // UC- is for the PAT alone
        "0x2ff, 0x1c06",
        "0x200, 0xfeb00105",
        "0x200, 0x10000000006", // beyond physical addresses
        "0x201, 0xffff000806",
        "0x250, 0x0607040100060606",
    })
    void refusesMemoryTypesThatAreReserved(int index, long value) { // vol. 3A, 12.11.2 and 12.12.2
        assertThat(write(index, value)).hasToString(fault(GP, 0, CODE));
    }

    @Test
    void refusesTheUpperHalfOfTscAux() { // vol. 4, table 2-2
        assertThat(write(TSC_AUX, 0x1_0000_0000L)).hasToString(fault(GP, 0, CODE));
        assertThat(write(TSC_AUX, 0xFFFF_FFFFL)).hasToString("done");
    }
}
