package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioMmioRegisters.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.devices.virtio.testing.RecordingDevice;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Shared memory regions: VIRTIO 1.2, sections 2.10 and 4.2.2. */
final class SharedMemoryTest {
    private static final long FIRST_PLACE = 0x12_3456_7000L;
    private static final int PAGE = 4096;

    private final List<GuestMemoryRegion> placed = new ArrayList<>();
    private final List<Optional<GuestMemoryRegion>> given = new ArrayList<>();

    /** Puts region after region, with a page between them. */
    private Optional<GuestMemoryRegion> place(long size) {
        long base = placed.isEmpty() ? FIRST_PLACE : placed.getLast().end() + PAGE;
        placed.add(new GuestMemoryRegion(base, Arena.ofAuto().allocate(size, PAGE), false));
        return Optional.of(placed.getLast());
    }

    /** A device with a region of a page, number 0, and one of three, number 7. */
    private RecordingDevice device(VirtioTransport transport) {
        given.add(transport.addSharedMemory(0, PAGE));
        given.add(transport.addSharedMemory(7, 3 * PAGE));
        return new RecordingDevice(transport, 8);
    }

    private VirtioDriver driver(VirtioMmio.Version version, SharedMemoryPlacement placement) {
        GuestMemory memory = new GuestMemory(
                List.of(new GuestMemoryRegion(0, Arena.ofAuto().allocate(VirtioDriver.MEMORY, PAGE), false)));
        return new VirtioDriver(version, this::device, memory, placement);
    }

    private VirtioDriver driver() {
        return driver(VirtioMmio.Version.MODERN, this::place);
    }

    @Test
    void tellsTheDriver_whereTheRegionsAre() {
        VirtioDriver driver = driver();

        assertThat(driver.sharedMemoryBase(0)).isEqualTo(FIRST_PLACE);
        assertThat(driver.sharedMemoryLength(0)).isEqualTo(PAGE);
        assertThat(driver.sharedMemoryBase(7)).isEqualTo(FIRST_PLACE + 2 * PAGE);
        assertThat(driver.sharedMemoryLength(7)).isEqualTo(3 * PAGE);
    }

    @Test
    void givesTheDeviceTheMemoryBehindThem() {
        driver();

        assertThat(given).containsExactly(Optional.of(placed.get(0)), Optional.of(placed.get(1)));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 6, 8, 255, 256, -1, Integer.MIN_VALUE, Integer.MAX_VALUE})
    void hasNoOtherRegion_whateverTheDriverSelects(int id) { // 4.2.2: all ones
        VirtioDriver driver = driver();

        assertThat(driver.sharedMemoryLength(id)).isEqualTo(-1);
        assertThat(driver.sharedMemoryBase(id)).isEqualTo(-1);
    }

    @Test
    void hasNoRegion_whereTheMachineHasNoPlace() {
        VirtioDriver driver = driver(VirtioMmio.Version.MODERN, SharedMemoryPlacement.NONE);

        assertThat(given).containsExactly(Optional.empty(), Optional.empty());
        assertThat(driver.sharedMemoryLength(0)).isEqualTo(-1);
        assertThat(driver.sharedMemoryBase(0)).isEqualTo(-1);
    }

    @Test
    void hasNoSuchRegisters_inLegacyDevices() { // 4.2.4
        VirtioDriver driver = driver(VirtioMmio.Version.LEGACY, this::place);

        assertThat(driver.sharedMemoryLength(0)).isZero();
        assertThat(driver.sharedMemoryBase(0)).isZero();
    }

    @Test
    void ignoresWrites_toWhatCanOnlyBeRead() {
        VirtioDriver driver = driver();
        driver.writeAddress(SHM_LEN_LOW, 1);
        driver.writeAddress(SHM_BASE_LOW, 1);

        assertThat(driver.sharedMemoryBase(0)).isEqualTo(FIRST_PLACE);
        assertThat(driver.sharedMemoryLength(0)).isEqualTo(PAGE);
        assertThat(driver.read(SHM_SEL)).as("write-only").isZero();
    }

    @Test
    void forgetsTheSelectionAtAReset_andKeepsTheRegions() {
        VirtioDriver driver = driver().start();
        driver.write(SHM_SEL, 7);

        driver.mmio().reset();

        assertThat(driver.read(SHM_LEN_LOW)).isEqualTo(PAGE);
        assertThat(placed).hasSize(2);
    }

    @Test
    void restoresTheSelection() {
        VirtioDriver driver = driver();
        driver.write(SHM_SEL, 7);
        VirtioDriver other = driver();

        other.mmio().restore(driver.mmio().save());

        assertThat(other.read(SHM_LEN_LOW)).isEqualTo(3 * PAGE);
    }

    @ParameterizedTest
    @CsvSource({"-1, 4096", "256, 4096", "0, 0", "0, -4096", "0, 4097"})
    void refusesRegionsThatCannotBe(int id, long size) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new VirtioDriver(transport -> {
                    transport.addSharedMemory(id, size);
                    return new RecordingDevice(transport, 8);
                }));
    }

    @Test
    void refusesTheSameIdTwice() {
        SharedMemoryRegions regions = new SharedMemoryRegions(this::place);
        regions.add(3, PAGE);

        assertThatIllegalArgumentException().isThrownBy(() -> regions.add(3, PAGE));
    }

    @Test
    void refusesAPlaceOfAnotherSize() {
        SharedMemoryRegions regions = new SharedMemoryRegions(size -> place(2 * size));

        assertThatIllegalStateException().isThrownBy(() -> regions.add(0, PAGE));
    }

    @Test
    void refusesRegionsOfADeviceThatIsMade() {
        List<RecordingDevice> devices = new ArrayList<>();
        VirtioDriver driver = new VirtioDriver(transport -> {
            devices.add(new RecordingDevice(transport, 8));
            return devices.getFirst();
        });

        assertThatIllegalStateException()
                .isThrownBy(() -> devices.getFirst().transport.addSharedMemory(1, PAGE));
        assertThat(driver.sharedMemoryLength(1)).isEqualTo(-1);
    }
}
