package dev.microvm.boot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.ElfHeader.Segment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MultibootHeaderTest {
    private static final byte[] CONTENT = new byte[0x3000];
    private static final long LOAD = MultibootBuilder.LOAD;

    @ParameterizedTest
    @ValueSource(ints = {0, 4, 0x1000, 8192 - 12})
    void isFound_whereverItIsInTheFirst8KiB(int offset) {
        byte[] file = MultibootBuilder.header(CONTENT, offset, 0x3);

        assertThat(MultibootHeader.find(file)).contains(new MultibootHeader(offset, 0x3, null));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 0x1003, 8192 - 8, 8192})
    void isNotFound_whenItIsNotAlignedOrNotInTheFirst8KiB(int offset) {
        assertThat(MultibootHeader.find(MultibootBuilder.header(CONTENT, offset, 0x3)))
                .isEmpty();
    }

    @Test
    void isFoundBehindAnotherWithABadChecksum() {
        byte[] file = MultibootBuilder.header(CONTENT, 0x200, 0x3);
        ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(0x100, 0x1BADB002);

        assertThat(MultibootHeader.find(file)).map(MultibootHeader::offset).contains(0x200);
    }

    @Test
    void saysWhichChecksumIsBad() {
        byte[] file = MultibootBuilder.flat(CONTENT).checksumError(1).build();

        assertThat(MultibootHeader.find(file)).isEmpty();
        assertThat(MultibootHeader.absence(file))
                .isEqualTo("one at offset 0x40 with checksum 0xe4514ffc instead of 0xe4514ffb");
    }

    @Test
    void saysThatAddressesAreCutOff() {
        byte[] file = MultibootBuilder.flat(CONTENT).build(MultibootBuilder.HEADER_OFFSET + 31);

        assertThat(MultibootHeader.find(file)).isEmpty();
        assertThat(MultibootHeader.absence(file)).isEqualTo("one at offset 0x40 that is cut off at 0x5f");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 11, 100})
    void saysThatThereIsNone(int size) {
        assertThat(MultibootHeader.find(new byte[size])).isEmpty();
        assertThat(MultibootHeader.absence(new byte[size])).isEqualTo("none in the first " + size + " bytes");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 0x1_0003, 0xFFFE_0003})
    void isFulfilled_whenItRequiresModulesAlignedAndMemoryInformation_andWhateverItOffers(int flags) {
        assertThatCode(() -> new MultibootHeader(0, flags, null).requireFulfilled())
                .doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(ints = {1 << 3, 1 << 8, 1 << 15})
    void refuses_whenItRequiresWhatNobodyKnows(int flags) {
        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> new MultibootHeader(0, flags, null).requireFulfilled())
                .withMessage(
                        "expected a Multiboot header that requires no more than page-aligned modules (bit 0) and memory "
                                + "information (bit 1), found flags 0x%x",
                        flags);
    }

    @Test
    void refuses_whenItRequiresAVideoMode() {
        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> new MultibootHeader(0, 0x7, null).requireFulfilled())
                .withMessageEndingWith("found flags 0x7: bit 2 requires a video mode, and there is no display");
    }

    @Test
    void loadsTheWholeFile_whenThereAreNoEnds() {
        assertThat(flat(MultibootBuilder.flat(CONTENT)))
                .isEqualTo(new Segment(ElfHeader.PT_LOAD, 0, LOAD, LOAD, CONTENT.length, CONTENT.length));
    }

    @Test
    void loadsAPart_andClearsWhatFollows_whenTheEndsSaySo() {
        assertThat(flat(MultibootBuilder.flat(CONTENT)
                        .headerAddress(LOAD + 0x10)
                        .loadEnd(LOAD + 0x1000)
                        .bssEnd(LOAD + 0x5000)))
                .isEqualTo(new Segment(ElfHeader.PT_LOAD, 0x30, LOAD, LOAD, 0x1000, 0x5000));
    }

    @Test
    void goesAnywhereBelow4GiB() {
        assertThat(flat(MultibootBuilder.flat(CONTENT).at(0xF000_0000L)).address())
                .isEqualTo(0xF000_0000L);
    }

    @Test
    void refuses_whenItWouldBeLoadedFromBeforeTheFile() {
        refusal(
                MultibootBuilder.flat(CONTENT).headerAddress(LOAD + 0x41),
                "expected a load_addr at most 0x40 below header_addr 0x100041, where the file begins, "
                        + "found load_addr 0x100000");
    }

    @Test
    void refuses_whenTheHeaderIsBelowWhatIsLoaded() {
        refusal(MultibootBuilder.flat(CONTENT).headerAddress(LOAD - 4), "found load_addr 0x100000");
    }

    @ParameterizedTest
    @ValueSource(longs = {LOAD - 1, LOAD + 0x3001, 0xFFFF_FFFFL})
    void refuses_whenTheFileEndsBeforeItsLoadEnd(long loadEnd) {
        refusal(
                MultibootBuilder.flat(CONTENT).loadEnd(loadEnd),
                "expected a load_end_addr of 0, or at most 0x3000 above load_addr 0x100000, which is what the file has, "
                        + "found load_end_addr 0x%x".formatted(loadEnd));
    }

    @Test
    void refuses_whenBssEndsBeforeItBegins() {
        refusal(
                MultibootBuilder.flat(CONTENT).bssEnd(LOAD + 0x2FFF),
                "expected a bss_end_addr of 0, or at or above 0x103000 where the file's bytes end, "
                        + "found bss_end_addr 0x102fff");
    }

    @Test
    void refuses_whenTheEndOfACompressedFileIsNeeded() {
        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> find(MultibootBuilder.flat(CONTENT)).asElf(MultibootHeader.UNKNOWN_SIZE))
                .withMessageContaining("expected a load_end_addr in a compressed file");
    }

    @Test
    void refuses_whenThereAreNoAddresses() {
        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> new MultibootHeader(0, 0, null).asElf(100))
                .withMessageContaining("expected a Multiboot header with addresses (bit 16)");
    }

    /**
     * Whatever a file contains, the search for a header ends, and a flat kernel is loaded from
     * within the file or refused.
     */
    @Test
    void staysWithinTheFile_whateverTheHeaderSays() {
        Random random = new Random(11);
        int loaded = 0;
        for (int round = 0; round < 20_000; round++) {
            int size = MultibootBuilder.HEADER_OFFSET + 32 + random.nextInt(0x100);
            MultibootBuilder builder = MultibootBuilder.flat(new byte[size])
                    .flags(MultibootBuilder.FLAT | random.nextInt(4))
                    .at(near(random, LOAD))
                    .headerAddress(near(random, LOAD + MultibootBuilder.HEADER_OFFSET))
                    .loadEnd(random.nextBoolean() ? 0 : near(random, LOAD + size))
                    .bssEnd(random.nextBoolean() ? 0 : near(random, LOAD + size))
                    .entry(random.nextInt());
            try {
                Segment all = find(builder).asElf(size).segments().getFirst();
                assertThat(all.offset()).isNotNegative();
                assertThat(all.fileSize()).isBetween(0L, size - all.offset());
                assertThat(all.memorySize()).isGreaterThanOrEqualTo(all.fileSize());
                loaded++;
            } catch (InvalidImageException e) {
                assertThat(e.expected()).isNotEmpty();
            }
        }
        assertThat(loaded).as("some are good").isGreaterThan(100);
    }

    @Test
    void findsAHeaderOrNothing_whateverIsInTheFile() {
        Random random = new Random(12);
        for (int round = 0; round < 2_000; round++) {
            byte[] file = new byte[random.nextInt(200)];
            random.nextBytes(file);
            ByteBuffer buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at + 4 <= file.length; at += 4) {
                if (random.nextInt(4) == 0) buffer.putInt(at, 0x1BADB002);
            }
            Optional<MultibootHeader> found = MultibootHeader.find(file);
            assertThat(MultibootHeader.absence(file)).isNotEmpty();
            found.ifPresent(header -> assertThat(header.offset()).isBetween(0, file.length - 12));
        }
    }

    private static long near(Random random, long address) {
        return switch (random.nextInt(4)) {
            case 0 -> Integer.toUnsignedLong(random.nextInt());
            case 1 -> address;
            default -> address + random.nextInt(0x80) - 0x40;
        };
    }

    private static Segment flat(MultibootBuilder builder) {
        return find(builder).asElf(CONTENT.length).segments().getFirst();
    }

    private static MultibootHeader find(MultibootBuilder builder) {
        return MultibootHeader.find(builder.build()).orElseThrow();
    }

    private static void refusal(MultibootBuilder builder, String message) {
        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> find(builder).asElf(CONTENT.length))
                .withMessageContaining(message);
    }
}
