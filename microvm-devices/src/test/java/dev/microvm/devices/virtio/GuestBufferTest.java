package dev.microvm.devices.virtio;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class GuestBufferTest {
    private final MemorySegment memory = MemorySegment.ofArray(new byte[32]);
    private final GuestBuffer buffer = new GuestBuffer();

    /**
     * Twelve bytes, 1 to 12, in pieces of 3, 1, 6 and 2 bytes that lie in memory from the last to
     * the first.
     */
    private GuestBuffer pieces() {
        long[] offsets = {20, 16, 8, 4};
        long[] lengths = {3, 1, 6, 2};
        int value = 1;
        for (int piece = 0; piece < offsets.length; piece++) {
            buffer.add(memory, offsets[piece], lengths[piece]);
            for (long i = 0; i < lengths[piece]; i++) memory.set(JAVA_BYTE, offsets[piece] + i, (byte) value++);
        }
        return buffer;
    }

    @Test
    void readsNumbers_whereverTheyAreCut() {
        GuestBuffer bytes = pieces();

        assertThat(bytes.length()).isEqualTo(12);
        assertThat(bytes.getByte(11)).isEqualTo(12);
        assertThat(bytes.getShort(2)).isEqualTo(0x0403);
        assertThat(bytes.getInt(0)).isEqualTo(0x04030201);
        assertThat(bytes.getInt(5)).isEqualTo(0x09080706);
        assertThat(bytes.getLong(1)).isEqualTo(0x0908070605040302L);
        assertThat(bytes.getLong(4)).isEqualTo(0x0c0b0a0908070605L);
    }

    @Test
    void writesNumbers_whereverTheyAreCut() {
        GuestBuffer bytes = pieces();

        bytes.putLong(2, 0x1122334455667788L);
        bytes.putShort(9, 0xabcd);
        bytes.putInt(0, 0xcafebabe);
        bytes.putByte(11, 0x1ff);

        assertThat(bytes.getInt(0)).isEqualTo(0xcafebabe);
        assertThat(bytes.getInt(4)).isEqualTo(0x33445566);
        assertThat(bytes.getShort(9)).isEqualTo(0xabcd);
        assertThat(bytes.getByte(11)).isEqualTo(0xff);
    }

    @Test
    void copiesArrays_acrossPieces() {
        GuestBuffer bytes = pieces();
        byte[] read = new byte[10];

        bytes.copyTo(1, read, 1, 9);
        bytes.copyFrom(2, new byte[] {0, 50, 51, 52}, 1, 3);

        assertThat(read).containsExactly(0, 2, 3, 4, 5, 6, 7, 8, 9, 10);
        assertThat(bytes.getInt(2)).isEqualTo(0x06343332);
    }

    @Test
    void copiesSegments_acrossPieces() {
        GuestBuffer bytes = pieces();
        MemorySegment other = MemorySegment.ofArray(new byte[16]);

        bytes.copyTo(0, other, 4, 12);
        bytes.copyFrom(0, other, 14, 2);

        assertThat(other.toArray(JAVA_BYTE)).containsExactly(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        assertThat(bytes.getShort(0)).isEqualTo(0x0c0b);
    }

    @Test
    void givesPieces_ofARange() {
        List<String> seen = new ArrayList<>();

        pieces().forEach(2, 9, (segment, offset, length) -> seen.add(offset + "+" + length));

        assertThat(seen).containsExactly("22+1", "16+1", "8+6", "4+1");
    }

    @Test
    void givesNoPieces_ofAnEmptyRange() {
        List<String> seen = new ArrayList<>();

        pieces().forEach(12, 0, (segment, offset, length) -> seen.add("one"));
        new GuestBuffer().forEach(0, 0, (segment, offset, length) -> seen.add("one"));

        assertThat(seen).isEmpty();
    }

    @Test
    void stopsAtWhatAnActionThrows() {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> pieces().forEach(0, 12, (segment, offset, length) -> {
                    throw new IOException("disk");
                }));
    }

    @Test
    void refusesWhatIsOutside() {
        GuestBuffer bytes = pieces();

        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> bytes.getByte(12));
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> bytes.getByte(-1));
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> bytes.getLong(5));
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> bytes.putShort(11, 0));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> bytes.copyTo(4, new byte[16], 0, 9));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> bytes.forEach(Long.MAX_VALUE, 1, (segment, offset, length) -> {}));
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> bytes.segment(4));
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> new GuestBuffer().getByte(0));
    }
}
