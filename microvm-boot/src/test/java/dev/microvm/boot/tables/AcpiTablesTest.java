package dev.microvm.boot.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.microvm.boot.tables.AcpiConfig.GenericEvents;
import dev.microvm.boot.tables.AcpiConfig.LegacyPart;
import dev.microvm.boot.tables.AcpiConfig.Register;
import dev.microvm.boot.tables.AcpiConfig.ResetRegister;
import dev.microvm.boot.tables.AcpiConfig.SleepRegisters;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AcpiTablesTest {
    private static final int ADDRESS = 0xE_0000;
    private static final Path IASL = Path.of("/usr/bin/iasl");
    private static final AcpiConfig FULL = AcpiConfig.of(2)
            .with(LegacyPart.values())
            .with(
                    AcpiDevice.serialPort(1, 0x3F8, 4),
                    AcpiDevice.realTimeClock(),
                    AcpiDevice.keyboardController(),
                    AcpiDevice.virtioMmio(0, 0xFEB0_0000L, 512, 16),
                    ResetRegister.KEYBOARD_CONTROLLER,
                    new SleepRegisters(Register.memory(0xFEA0_0000L), Register.memory(0xFEA0_0001L)),
                    new GenericEvents(0xFEA0_0000L, 9, 2));

    @TempDir
    Path folder;

    @Test
    void beginWithARootPointerOfRevision2() {
        byte[] tables = AcpiTables.build(FULL, ADDRESS);

        assertThat(new String(tables, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("RSD PTR ");
        assertThat(tables[15]).isEqualTo((byte) 2);
        assertThat(TablesMemory.sum(Arrays.copyOf(tables, 20))).isZero();
        assertThat(TablesMemory.sum(Arrays.copyOf(tables, 36))).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"DSDT", "FACP", "APIC", "XSDT"})
    void addUpToZero(String signature) {
        assertThat(TablesMemory.sum(table(FULL, signature))).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"DSDT", "FACP", "APIC", "XSDT"})
    void compileAgain_whenIaslHasDisassembledThem(String signature) throws Exception {
        assertThat(recompiled(signature, table(FULL, signature))).isEqualTo(normal(table(FULL, signature)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"DSDT", "APIC"})
    void compileAgain_whenThereAreManyCpus(String signature) throws Exception {
        byte[] table = table(AcpiConfig.of(300), signature);

        assertThat(recompiled(signature, table)).isEqualTo(normal(table));
    }

    @Test
    void fitTheirPlace_whenThereAreAsManyCpusAsCanBe() {
        assertThat(AcpiTables.build(AcpiConfig.of(1024), ADDRESS).length).isLessThan(0x1_0000);
    }

    @Test
    void sayWhatIsAbsent_soThatNobodyWaitsForIt() {
        byte[] fadt = table(AcpiConfig.of(1), "FACP");

        assertThat(word(fadt, 109)).as("IAPC_BOOT_ARCH").isEqualTo(0b11_0100);
    }

    @Test
    void sayWhatIsPresent() {
        byte[] fadt = table(FULL, "FACP");

        assertThat(word(fadt, 109)).as("IAPC_BOOT_ARCH").isEqualTo(0b01_0111);
        assertThat(buffer(fadt).getInt(112)).as("flags").isEqualTo(0x10_0435);
        assertThat(Arrays.copyOfRange(fadt, 116, 129))
                .as("reset")
                .containsExactly(1, 8, 0, 1, 0x64, 0, 0, 0, 0, 0, 0, 0, 0xFE);
        assertThat(buffer(fadt).getLong(248)).as("sleep control").isEqualTo(0xFEA0_0000L);
    }

    @Test
    void listCpusIoApicAndTimer() {
        byte[] madt = table(FULL, "APIC");

        assertThat(Arrays.copyOfRange(madt, 44, madt.length))
                .containsExactly(
                        0, 8, 0, 0, 1, 0, 0, 0, //
                        0, 8, 1, 1, 1, 0, 0, 0, //
                        1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0, //
                        2, 10, 0, 0, 2, 0, 0, 0, 0, 0, //
                        4, 6, 0xFF, 0, 0, 1);
    }

    @Test
    void listX2Apics_whenIdsAreAbove254() {
        byte[] madt = table(AcpiConfig.of(257), "APIC");
        int first = 44 + 255 * 8;

        assertThat(Arrays.copyOfRange(madt, first, first + 16))
                .containsExactly(9, 16, 0, 0, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0, 0, 0);
    }

    @Test
    void refuse_whenANameIsNotAcpis() {
        AcpiDevice device = new AcpiDevice("com1", "PNP0501", 1, List.of());

        assertThatIllegalArgumentException()
                .isThrownBy(() -> AcpiTables.build(AcpiConfig.of(1).with(device), ADDRESS))
                .withMessageContaining("unlike 'com1'");
    }

    /** Finds one of the tables, except for the DSDT, as an operating system does. */
    private static byte[] table(AcpiConfig config, String signature) {
        byte[] tables = AcpiTables.build(config, ADDRESS);
        int at = new String(tables, StandardCharsets.ISO_8859_1).indexOf(signature);
        return Arrays.copyOfRange(tables, at, at + buffer(tables).getInt(at + 4));
    }

    /**
     * Disassembles a table by iasl, compiles the result and returns the new table; neither step may
     * warn.
     */
    private byte[] recompiled(String signature, byte[] table) throws Exception {
        assumeThat(IASL).as("package acpica-tools, to check the tables with").exists();
        Path file = Files.write(folder.resolve(signature + ".aml"), table);
        String complaints = iasl("-d", file.toString());
        assertThat(complaints).doesNotContainIgnoringCase("warning").doesNotContainIgnoringCase("error");
        Path again = folder.resolve("again");
        String result = iasl(
                "-oa",
                "-p",
                again.toString(),
                folder.resolve(signature + ".dsl").toString());
        assertThat(result).contains("0 Errors, 0 Warnings");
        return normal(Files.readAllBytes(folder.resolve("again.aml")));
    }

    private static String iasl(String... arguments) throws Exception {
        String[] command = new String[arguments.length + 1];
        command[0] = IASL.toString();
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    /** Returns the table without the compiler's name and the checksum, which covers it. */
    private static byte[] normal(byte[] table) {
        byte[] copy = table.clone();
        copy[9] = 0;
        Arrays.fill(copy, 28, 36, (byte) 0);
        return copy;
    }

    private static int word(byte[] table, int offset) {
        return buffer(table).getShort(offset);
    }

    private static ByteBuffer buffer(byte[] table) {
        return ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN);
    }
}
