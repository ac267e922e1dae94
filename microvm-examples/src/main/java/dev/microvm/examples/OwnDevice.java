package dev.microvm.examples;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.bus.BusDevice;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Lesson 6: a device of your own, in the machine that boots Linux: a dice at I/O port 0x600, which
 * the guest throws by reading a byte.
 *
 * <p>Run it as {@link BootLinux} is run.
 */
public final class OwnDevice {
    private static final int PORT = 0x600;
    private static final int EXECUTABLE = 0755;

    private OwnDevice() {}

    /**
     * A device with registers at offsets from its base. It ignores the guest's mistakes and never
     * throws.
     */
    private static final class Dice implements BusDevice {
        private int throwsSoFar;

        @Override
        public synchronized long read(long offset, int size) {
            throwsSoFar++;
            return 1 + throwsSoFar * 5L % 6; // loaded dice: always 6, 5, 4, 3, 2, 1
        }

        @Override
        public void write(long offset, int size, long value) {}
    }

    /** Runs a guest that throws the dice six times. */
    public static void main(String[] args) {
        Path guest = Path.of(System.getenv().getOrDefault("MICROVM_GUEST", "guest"));
        Initramfs initramfs = Initramfs.builder()
                .file("/bin/busybox", guest.resolve("busybox"), EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .init("""
                        #!/bin/busybox sh
                        /bin/busybox mount -t devtmpfs dev /dev
                        for throw in 1 2 3 4 5 6; do
                            /bin/busybox dd if=/dev/port bs=1 skip=%d count=1 2> /dev/null | /bin/busybox hexdump -e '"dice: %%d\\n"'
                        done
                        /bin/busybox reboot -f
                        """.formatted(PORT))
                .build();
        try (MicroVm vm = MicroVm.builder()
                .kernel(guest.resolve("standard/vmlinuz")) // the cloud kernel has no /dev/port
                .initrd(initramfs)
                .cmdline("console=ttyS0 loglevel=3 pci=off cryptomgr.notests reboot=k panic=-1")
                .memoryMiB(256)
                .portDevice("dice", PORT, 1, context -> new Dice())
                .serial(System.out)
                .start()) {
            System.out.println(vm.awaitExit(Duration.ofMinutes(5)));
        }
    }
}
