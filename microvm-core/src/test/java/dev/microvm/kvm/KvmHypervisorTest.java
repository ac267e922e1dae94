package dev.microvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Probe;
import dev.microvm.testing.ProcessUse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What {@link KvmHypervisor} says of device files that are not KVM; each message holds the remedy.
 */
final class KvmHypervisorTest {
    /**
     * No user may open it for writing, root neither: fs/proc/proc_sysctl.c goes by its mode, 0444.
     */
    private static final String UNWRITABLE = "/proc/sys/kernel/osrelease";

    @TempDir
    private Path directory;

    @Test
    void isInstalledAsAService() {
        assertThat(Hypervisor.installed()).extracting(Hypervisor::name).contains("kvm");
    }

    @Test
    void saysWhatToDo_whenTheDeviceIsMissing() {
        String device = directory.resolve("kvm").toString();

        assertUnusable(device, KvmHostFacts.ofThisHost(device).absent());
    }

    @Test
    void saysWhatToDo_whenTheDeviceMayNotBeOpened() {
        assertUnusable(UNWRITABLE, KvmHostFacts.ofThisHost(UNWRITABLE).forbidden());
    }

    @Test
    void saysThatItIsNoDevice_whenItIsADirectory() {
        assertUnusable(
                directory.toString(), directory + " is a directory, not the device of KVM: remove it and " + load());
    }

    @Test
    void saysThatItIsNotKvm_whenItIsAFile() throws IOException {
        String device = Files.createFile(directory.resolve("kvm")).toString();

        assertUnusable(
                device,
                device
                        + " is not KVM: KVM_GET_API_VERSION failed: ENOTTY (not a request this file knows); remove it"
                        + " and "
                        + load());
    }

    @Test
    void saysThatItIsNotKvm_whenItIsAnotherDevice() {
        assertUnusable(
                "/dev/null",
                "/dev/null is not KVM: KVM_GET_API_VERSION failed: ENOTTY (not a request this file knows); remove it"
                        + " and "
                        + load());
    }

    @Test
    void saysTheReason_whenOpeningFailsInAnotherWay() throws IOException {
        String device = Files.createFile(directory.resolve("file")) + "/kvm";

        assertUnusable(device, "cannot open " + device + ": ENOTDIR (not a directory)");
    }

    @Test
    void leavesNothingOpen_whenItProbes() {
        KvmHypervisor notKvm = new KvmHypervisor("/dev/null");
        assertThat(notKvm.probe().usable()).isFalse();
        long before = ProcessUse.now().descriptors();

        assertThat(notKvm.probe().usable()).isFalse();

        assertThat(ProcessUse.now().descriptors()).isEqualTo(before);
    }

    private static String load() {
        return KvmHostFacts.ofThisHost("/dev/kvm").load();
    }

    private static void assertUnusable(String device, String reason) {
        KvmHypervisor hypervisor = new KvmHypervisor(device);

        assertThat(hypervisor.probe()).isEqualTo(new Probe(Probe.Support.NONE, reason, ""));
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> hypervisor.createVm("test", InterruptMode.KERNEL))
                .withMessage(reason);
    }
}
