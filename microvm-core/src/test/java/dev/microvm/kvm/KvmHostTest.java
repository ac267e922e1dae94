package dev.microvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.kvm.KvmHost.Group;
import dev.microvm.kvm.KvmHost.Processor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@link KvmHost} says in each situation, and where {@link KvmHostFacts} finds it. */
final class KvmHostTest {
    private static final Processor AMD = new Processor(KvmHost.AMD, true, false);
    private static final Group KVM_GROUP = new Group("kvm", 104, true, false, false);

    @TempDir
    private Path root;

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        kvm_intel | true  | false |         | false | /dev/kvm does not exist: load the module kvm_intel (modprobe kvm_intel); if that fails, enable virtualization in the host's firmware
        kvm_amd   | true  | true  |         | false | /dev/kvm does not exist: load the module kvm_amd (modprobe kvm_amd); if that fails, enable virtualization in the host's firmware
                  | true  | false |         | false | /dev/kvm does not exist: load the module kvm_intel or kvm_amd; if that fails, enable virtualization in the host's firmware
        kvm_amd   | false | true  |         | false | /dev/kvm does not exist, and the processor shows neither VMX nor SVM: this host is a virtual machine: enable nested virtualization for it where it runs
        kvm_intel | false | false |         | false | /dev/kvm does not exist, and the processor shows neither VMX nor SVM: enable virtualization in the host's firmware (VT-x or SVM in the BIOS)
        kvm_amd   | true  | false | kvm_amd | false | /dev/kvm does not exist, although the module kvm_amd is loaded: let udev make it (udevadm trigger --name-match=kvm)
        kvm_amd   | true  | false | kvm_amd | true  | /dev/kvm does not exist in this container: start the container with --device /dev/kvm
        kvm_amd   | true  | false |         | true  | /dev/kvm does not exist in this container: start the container with --device /dev/kvm; if the host has none either, load the module kvm_amd (modprobe kvm_amd) there
        """)
    void saysWhyTheDeviceIsMissing(
            String module, boolean virtualization, boolean virtual, String loaded, boolean container, String text) {
        KvmHost host = new KvmHost(
                "/dev/kvm",
                new Processor(module, virtualization, virtual),
                loaded == null ? Set.of() : Set.of(loaded),
                container,
                "alice",
                null);

        assertThat(host.absent()).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        true  | false | false | false | add the user to its group (usermod -aG kvm alice) and log in again
        true  | false | true  | false | the user alice is in its group kvm, but this process is not: log in again, or start it by sg kvm
        true  | true  | true  | false | this process is in its group kvm, so something else denies it: a device cgroup, SELinux or AppArmor
        false | true  | true  | false | only its owner may: give it to a group of the user alice (chgrp kvm /dev/kvm; chmod 660 /dev/kvm)
        true  | false | false | true  | start the container with --device /dev/kvm --group-add 104
        true  | true  | false | true  | start the container with --device /dev/kvm and as a user who may open it
        """)
    void saysWhyTheDeviceMayNotBeOpened(
            boolean mayWrite, boolean ofProcess, boolean ofUser, boolean container, String text) {
        Group group = new Group("kvm", 104, mayWrite, ofProcess, ofUser);
        KvmHost host = new KvmHost("/dev/kvm", AMD, Set.of(KvmHost.AMD), container, "alice", group);

        assertThat(host.forbidden()).isEqualTo("no permission to open /dev/kvm for reading and writing: " + text);
    }

    @Test
    void saysThatThereIsNoDriver() {
        KvmHost host = new KvmHost("/dev/kvm", AMD, Set.of(), false, "alice", KVM_GROUP);

        assertThat(host.withoutDriver())
                .isEqualTo("/dev/kvm has no driver behind it: load the module kvm_amd (modprobe kvm_amd)");
    }

    @Test
    void readsTheFilesOfTheHost() throws IOException {
        Path device = Files.createFile(root.resolve("kvm"));
        int group = (int) Files.getAttribute(device, "unix:gid");
        write("proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm hypervisor\n");
        write("proc/self/status", "Gid:\t7\t7\t7\t7\nGroups:\t4 24\n");
        write("etc/group", "other:x:%d999:\nthose:x:%d:bob,alice\n".formatted(group, group));
        write("sys/module/kvm_amd/refcnt", "0");

        KvmHost host = new KvmHostFacts(root, Map.of()).read(device.toString(), "alice");

        assertThat(host)
                .isEqualTo(new KvmHost(
                        device.toString(),
                        new Processor(KvmHost.AMD, true, true),
                        Set.of(KvmHost.AMD),
                        false,
                        "alice",
                        new Group("those", group, false, false, true)));
    }

    @ParameterizedTest
    @CsvSource({
        ".dockerenv, ''",
        "run/.containerenv, ''",
        "proc/1/cgroup, 12:devices:/docker/0123abcd",
        "proc/1/cgroup, 0::/kubepods.slice/pod1"
    })
    void findsTheContainer_byItsFiles(String file, String content) throws IOException {
        assertThat(new KvmHostFacts(root, Map.of()).read("/dev/kvm", "alice").container())
                .isFalse();
        write(file, content);

        assertThat(new KvmHostFacts(root, Map.of()).read("/dev/kvm", "alice").container())
                .isTrue();
    }

    @Test
    void findsTheContainer_byItsEnvironment() {
        assertThat(new KvmHostFacts(root, Map.of("container", "podman"))
                        .read("/dev/kvm", "alice")
                        .container())
                .isTrue();
    }

    private void write(String file, String content) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, content);
    }
}
