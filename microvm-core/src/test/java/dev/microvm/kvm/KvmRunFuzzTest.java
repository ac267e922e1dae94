package dev.microvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.VcpuFailedException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Pages that no kernel would write: each exit is served, or is refused as one that makes no sense.
 * The kernel is trusted; this is about a kernel that has an error, or one that is newer than this.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class KvmRunFuzzTest {
    private static final int PAGE_SIZE = 3 * 4096; // as KVM_GET_VCPU_MMAP_SIZE says on x86-64
    private static final int SAMPLES = 200;
    private static final int SAMPLE_SIZE = 128;

    static Stream<byte[]> samples() {
        return Stream.iterate(0, seed -> seed + 1).limit(SAMPLES).map(seed -> {
            byte[] sample = new byte[SAMPLE_SIZE];
            new Random(seed).nextBytes(sample);
            return sample;
        });
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void servesOrRefusesEachExit(byte[] content) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(PAGE_SIZE, 4096);
            MemorySegment.copy(MemorySegment.ofArray(content), 0, page, 0, Math.min(content.length, PAGE_SIZE));
            KvmRun run = new KvmRun(page);
            run.exitReason();
            run.eoiVector();
            run.debugEvent();
            run.hardwareExitReason();
            run.internalSuberror();
            assertThat(run.internalData()).hasSizeLessThanOrEqualTo(16);
            serve(() -> run.serveIo(NoDevices.HANDLER));
            serve(() -> run.serveMmio(NoDevices.HANDLER));
        }
    }

    private static void serve(Runnable exit) {
        try {
            exit.run();
        } catch (VcpuFailedException refused) {
            assertThat(refused).hasMessageContaining("KVM");
        }
    }
}
