package dev.microvm.devices.irqchip;

import static dev.microvm.devices.irqchip.IoApicRegisters.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.state.DeviceState;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class IoApicTest {
    private static final int VECTOR_51 = 0x51;

    /** A message or a route, as the sink heard it. */
    private record Heard(int pin, boolean masked, long address, int data) {}

    private static final class RecordingSink implements MsiSink {
        private final List<Heard> signals = new ArrayList<>();
        private final List<Heard> routes = new ArrayList<>();

        @Override
        public void signal(long address, int data) {
            signals.add(new Heard(-1, false, address, data));
        }

        @Override
        public void route(int pin, boolean masked, long address, int data) {
            routes.add(new Heard(pin, masked, address, data));
        }
    }

    private final RecordingSink sink = new RecordingSink();
    private final IoApic ioApic = new IoApic(sink, 0, IoApic.PC_PINS);

    // ---- registers

    @Test
    void showsVersionAndPins() {
        assertThat(read(IOAPICVER)).isEqualTo(0x0017_0020);
    }

    @Test
    void keepsIdentification_whenWritten() {
        write(IOAPICID, 0xffff_ffffL);

        assertThat(read(IOAPICID)).isEqualTo(0x0f00_0000);
        assertThat(read(IOAPICARB)).isEqualTo(0x0f00_0000);
    }

    @Test
    void masksAllPins_initially() {
        assertThat(read(IOREDTBL)).isEqualTo(MASKED);
        assertThat(read(IOREDTBL + 2 * 23)).isEqualTo(MASKED);
    }

    @Test
    void keepsWritableBits_whenEntryIsWritten() {
        write(IOREDTBL + 6, 0xffff_ffffL);
        write(IOREDTBL + 7, 0xffff_ffffL);

        assertThat(read(IOREDTBL + 6)).as("not 12, 14 and 17 to 31").isEqualTo(0x1_afff);
        assertThat(read(IOREDTBL + 7)).isEqualTo(0xff00_0000L);
    }

    @Test
    void readsZero_whereThereIsNoRegister() {
        write(IOREDTBL + 2 * IoApic.PC_PINS, 0xffff_ffffL);

        assertThat(read(IOREDTBL + 2 * IoApic.PC_PINS)).isZero();
        assertThat(read(0x05)).isZero();
        assertThat(ioApic.read(0x20, 4)).isZero();
        assertThat(ioApic.read(IOREGSEL, 4)).as("the index reads back").isEqualTo(0x05);
    }

    // ---- messages

    @Test
    void sendsMessage_whenEdgePinRises() {
        entry(4, 3, VECTOR_51);
        ioApic.pin(4).set(true);
        ioApic.pin(4).set(true);

        assertThat(sink.signals).containsExactly(new Heard(-1, false, 0xfee0_3000L, 0x51));
    }

    @Test
    void sendsAgain_whenEdgePinFellAndRises() {
        entry(4, 0, VECTOR_51);
        ioApic.pin(4).pulse();
        ioApic.pin(4).pulse();

        assertThat(sink.signals).hasSize(2);
    }

    @Test
    void encodesDestinationAndMode_inMessage() {
        entry(4, 0xa5, VECTOR_51 | LOGICAL_DESTINATION | (1 << DELIVERY_MODE_SHIFT));
        ioApic.pin(4).set(true);

        assertThat(sink.signals).containsExactly(new Heard(-1, false, 0xfeea_5004L, 0x151));
    }

    @Test
    void losesEdge_whenPinIsMasked() {
        entry(4, 0, MASKED | VECTOR_51);
        ioApic.pin(4).set(true);
        entry(4, 0, VECTOR_51);

        assertThat(sink.signals).isEmpty();
    }

    @Test
    void sendsOnceUntilEnd_whenLevelPinIsHigh() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);
        ioApic.pin(9).set(false);
        ioApic.pin(9).set(true);

        assertThat(sink.signals).containsExactly(new Heard(-1, false, 0xfee0_0000L, 0xc051));
        assertThat(read(IOREDTBL + 18) & REMOTE_IRR).isEqualTo(REMOTE_IRR);
    }

    @Test
    void sendsAgain_whenLevelIsHighAtItsEnd() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);

        ioApic.endOfInterrupt(VECTOR_51);

        assertThat(sink.signals).hasSize(2);
    }

    @Test
    void rests_whenLevelIsLowAtItsEnd() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);
        ioApic.pin(9).set(false);

        ioApic.endOfInterrupt(VECTOR_51);

        assertThat(sink.signals).hasSize(1);
        assertThat(read(IOREDTBL + 18) & REMOTE_IRR).isZero();
    }

    @Test
    void ignoresEnd_whenVectorIsAnothers() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);

        ioApic.endOfInterrupt(0x52);

        assertThat(sink.signals).hasSize(1);
        assertThat(read(IOREDTBL + 18) & REMOTE_IRR).isEqualTo(REMOTE_IRR);
    }

    @Test
    void endsAllPinsOfOneVector_andSendsTheOneThatIsHigh() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        entry(10, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);
        ioApic.pin(10).set(true);
        ioApic.pin(9).set(false);

        ioApic.endOfInterrupt(VECTOR_51);

        assertThat(sink.signals).hasSize(3);
        assertThat(read(IOREDTBL + 18) & REMOTE_IRR).isZero();
        assertThat(read(IOREDTBL + 20) & REMOTE_IRR).isEqualTo(REMOTE_IRR);
    }

    @Test
    void keepsRemoteIrr_whenGuestWritesItsBit() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        entry(10, 0, LEVEL_TRIGGERED | REMOTE_IRR | VECTOR_51);

        assertThat(sink.signals).as("not again before its end").hasSize(1);
        assertThat(read(IOREDTBL + 18) & REMOTE_IRR).isEqualTo(REMOTE_IRR);
        assertThat(read(IOREDTBL + 20) & REMOTE_IRR).isZero();
    }

    @Test
    void endsByRegister_whenGuestWritesVector() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);

        ioApic.write(EOIR, 4, VECTOR_51);

        assertThat(sink.signals).hasSize(2);
    }

    @Test
    void sendsLevel_whenUnmaskedWhileHigh() {
        entry(9, 0, MASKED | LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);
        int whileMasked = sink.signals.size();

        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);

        assertThat(whileMasked).isZero();
        assertThat(sink.signals).hasSize(1);
    }

    @Test
    void holdsLevelBack_whenMaskedAtItsEnd() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);
        write(IOREDTBL + 18, MASKED | LEVEL_TRIGGERED | VECTOR_51);
        ioApic.endOfInterrupt(VECTOR_51);

        assertThat(sink.signals).hasSize(1);
    }

    /** How Linux ends an interrupt on an IOAPIC without EOI register. */
    @Test
    void clearsRemoteIrr_whenMadeEdgeTriggered() {
        entry(9, 0, LEVEL_TRIGGERED | VECTOR_51);
        ioApic.pin(9).set(true);
        ioApic.pin(9).set(false);
        write(IOREDTBL + 18, MASKED | VECTOR_51);
        write(IOREDTBL + 18, LEVEL_TRIGGERED | VECTOR_51);

        assertThat(read(IOREDTBL + 18) & REMOTE_IRR).isZero();
    }

    @Test
    void tellsRoute_whenEntryChanges() {
        write(IOREDTBL + 8, LEVEL_TRIGGERED | VECTOR_51);

        assertThat(sink.routes).containsExactly(new Heard(4, false, 0xfee0_0000L, 0xc051));
    }

    @Test
    void refusesPin_whenThereIsNone() {
        assertThatIllegalArgumentException().isThrownBy(() -> ioApic.pin(24)).withMessageContaining("pin 24");
        assertThatIllegalArgumentException().isThrownBy(() -> new IoApic(sink, 0, 121));
    }

    // ---- state

    @Test
    void continuesIdentically_whenRestoredInMidWork() {
        entry(9, 2, LEVEL_TRIGGERED | VECTOR_51);
        entry(4, 1, 0x61);
        ioApic.pin(9).set(true);
        ioApic.write(IOREGSEL, 4, IOREDTBL + 18);
        DeviceState state = DeviceState.decode(ioApic.save().encode());
        RecordingSink otherSink = new RecordingSink();
        IoApic other = new IoApic(otherSink, 0, IoApic.PC_PINS);

        other.restore(state);

        assertThat(other.save()).isEqualTo(state);
        assertThat(otherSink.signals).isEmpty();
        assertThat(otherSink.routes).hasSize(IoApic.PC_PINS).contains(new Heard(9, false, 0xfee0_2000L, 0xc051));
        other.endOfInterrupt(VECTOR_51);
        assertThat(otherSink.signals).containsExactly(new Heard(-1, false, 0xfee0_2000L, 0xc051));
    }

    @Test
    void refusesState_whenItHasOtherPins() {
        DeviceState state = new IoApic(sink, 0, 8).save();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> ioApic.restore(state))
                .withMessageContaining("8 pins");
    }

    @Test
    void masksAllPins_whenReset() {
        entry(4, 1, 0x61);
        write(IOAPICID, 0x0500_0000);
        DeviceState fresh = new IoApic(sink, 0, IoApic.PC_PINS).save();

        ioApic.reset();

        assertThat(ioApic.save()).isEqualTo(fresh);
    }

    @Test
    void neverThrows_whenAccessedAtRandom() {
        Random random = new Random(0x82093);
        for (int i = 0; i < 300_000; i++) {
            randomStep(random);
            if (sink.signals.size() > 1000) sink.signals.clear();
            if (sink.routes.size() > 1000) sink.routes.clear();
        }
        assertThat(ioApic.read(IOREGSEL, 4)).isBetween(0L, 0xffL);
    }

    private void randomStep(Random random) {
        int offset = 4 * random.nextInt(0x14);
        int size = 1 << random.nextInt(4);
        switch (random.nextInt(8)) {
            case 0 -> ioApic.pin(random.nextInt(IoApic.PC_PINS)).set(random.nextBoolean());
            case 1 -> ioApic.endOfInterrupt(random.nextInt(0x100));
            case 2 -> ioApic.write(IOREGSEL, 4, IOREDTBL + random.nextInt(0x34));
            case 3 -> ioApic.write(IOWIN, 4, random.nextInt() & 0xffff_ffffL);
            case 4, 5 -> ioApic.read(offset, size);
            default -> ioApic.write(offset, size, random.nextLong());
        }
    }

    // ---- helpers

    private void entry(int pin, int destination, long low) {
        write(IOREDTBL + 2 * pin + 1, (long) destination << 24);
        write(IOREDTBL + 2 * pin, low);
    }

    private void write(int index, long value) {
        ioApic.write(IOREGSEL, 4, index);
        ioApic.write(IOWIN, 4, value);
    }

    private long read(int index) {
        ioApic.write(IOREGSEL, 4, index);
        return ioApic.read(IOWIN, 4);
    }
}
