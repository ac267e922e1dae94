package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Irqchip;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * Debian's kernel with a dialogue, for tests that stop, save or fork it while it works. Its disk
 * {@code vda} has {@link #data}, {@code vdb} is as large, and a server of the host serves the same.
 */
final class LinuxAtWork {
    static final int DATA = 256 << 10;

    /** What the kernel says when something did not run for long, or its clock did not. */
    private static final Pattern COMPLAINTS = Pattern.compile(
            "detected stall|soft lockup|blocked for more than|Marking clocksource|timed out|WARNING|BUG");

    private final Path kernel;
    private final Initramfs initramfs;
    private final byte[] data = TestServers.data(DATA, 1);

    /** Unpacks the kernel into a folder; the guest loads modules. */
    LinuxAtWork(Path folder, String... modules) {
        this(LinuxGuest.kernel(folder), LinuxGuest.files(modules));
    }

    private LinuxAtWork(Path kernel, Initramfs.Builder files) {
        this.kernel = kernel;
        this.initramfs = LinuxGuest.build(files, LinuxGuest.DIALOGUE);
    }

    /** The same with the bundled kernel, which has its drivers built in. */
    static LinuxAtWork bundled() {
        return new LinuxAtWork(GuestFiles.bundledKernel(), LinuxGuest.files());
    }

    byte[] data() {
        return data.clone();
    }

    String hash() {
        return TestServers.sha256(data);
    }

    MicroVmBuilder guest(int vcpus, int memoryMiB) {
        return TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .vcpus(vcpus)
                .memoryMiB(memoryMiB)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k"
                        // complaints about a CPU that does nothing for 10 seconds
                        + " watchdog_thresh=5 rcupdate.rcu_cpu_stall_timeout=10");
    }

    static UserNetwork network() {
        return UserNetwork.builder()
                .network("10.0.2.0/24")
                .policy(NetPolicy.ALL)
                .build();
    }

    static MicroVm ready(MicroVmBuilder builder) {
        MicroVm vm = builder.start();
        LinuxGuest.awaitReady(vm);
        return vm;
    }

    /**
     * Lets a guest copy one disk to the other and fetch from the server, again and again: it counts
     * in {@code /copy.done}, {@code /get.done} and {@code /failed}, until there is {@code /stop}.
     */
    void startWork(MicroVm vm, TestServers.Tcp server) {
        ask(vm, "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up");
        ask(vm, "copy() { dd if=/dev/vda of=/dev/vdb bs=16k conv=fsync 2> /dev/null; sha256sum < /dev/vdb; }");
        ask(vm, "get() { wget -q -O - http://10.0.2.2:%d/ | sha256sum; }".formatted(server.port()));
        ask(
                vm,
                "again() { until [ -e /stop ]; do $1 > /$1.last; grep -q %s /$1.last && echo >> /$1.done || echo >> /$1.failed; done; }"
                        .formatted(hash()));
        ask(vm, "again copy & again get &");
    }

    /** Waits until each kind of work was done once more. */
    static void awaitWork(MicroVm vm) {
        ask(vm, "rm -f /copy.done /get.done; until [ -s /copy.done -a -s /get.done ]; do sleep 0.02; done");
    }

    static void endWork(MicroVm vm) {
        ask(vm, "touch /stop; wait");
    }

    /** Nothing is wrong since init runs; a boot may warn of an emulated processor. */
    static void assertQuiet(MicroVm vm) {
        String log = ask(vm, "dmesg");
        assertThat(log.substring(Math.max(0, log.indexOf("Run /init")))).doesNotContainPattern(COMPLAINTS);
    }
}
