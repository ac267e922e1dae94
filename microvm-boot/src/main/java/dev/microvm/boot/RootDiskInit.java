package dev.microvm.boot;

import java.util.List;

/**
 * The {@code /init} that continues with the program on a disk, by a static busybox: see {@link
 * Initramfs#rootDisk}.
 */
final class RootDiskInit {
    /** Where busybox is, without its leading slash. */
    static final String BUSYBOX = "bin/busybox";

    /** Folders that it mounts file systems on. */
    static final List<String> FOLDERS = List.of("proc", "sys", "dev", "newroot");

    private static final String PREPARE = """
            #!/bin/busybox sh
            b=/bin/busybox
            $b mount -t proc proc /proc
            $b mount -t sysfs sys /sys
            $b mount -t devtmpfs dev /dev
            """;

    /**
     * If the console needs a module, the kernel has given init none. A port's name is in sysfs; on
     * other systems udev makes the links.
     */
    private static final String CONTINUE = """
            [ -e /proc/self/fd/1 ] || exec </dev/console >/dev/console 2>&1
            for port in /sys/class/virtio-ports/*; do
                name=$($b cat "$port/name" 2>/dev/null)
                [ -n "$name" ] || continue
                $b mkdir -p /dev/virtio-ports
                $b ln -sf "../${port##*/}" "/dev/virtio-ports/$name"
            done
            i=0
            until [ -b DEVICE ]; do
                i=$((i + 1))
                [ $i -le 300 ] || { echo "init: there is no DEVICE after 30 s; disks: $($b ls /sys/block)"; exit 1; }
                $b usleep 100000
            done
            $b mount DEVICE /newroot || { echo "init: DEVICE cannot be mounted"; exit 1; }
            $b mount -o move /dev /newroot/dev 2>/dev/null
            $b umount /sys
            $b umount /proc
            exec $b switch_root /newroot /sbin/init
            echo "init: DEVICE has no /sbin/init that can be started"
            """;

    private RootDiskInit() {}

    /**
     * Returns the script.
     *
     * @param device such as {@code /dev/vda}
     * @param modules paths of the modules to load first, in their order
     */
    static String script(String device, List<String> modules) {
        StringBuilder script = new StringBuilder(PREPARE);
        for (String module : modules) {
            script.append("$b insmod ").append(module).append('\n');
        }
        return script.append(CONTINUE.replace("DEVICE", device)).toString();
    }
}
