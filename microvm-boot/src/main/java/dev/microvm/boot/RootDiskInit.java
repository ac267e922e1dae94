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
     * If the console needs a module, the kernel has given init none. The ports of a virtio console
     * with VIRTIO_CONSOLE_F_MULTIPORT (bit 1; virtio 1.2, 5.3.3) get their names by messages, some
     * time after its driver was loaded: waits until there are no more, 5 s at most. A port's name is
     * in sysfs; on other systems udev makes the links.
     */
    private static final String CONTINUE = """
            [ -e /proc/self/fd/1 ] || exec </dev/console >/dev/console 2>&1
            has_ports() {
                for device in /sys/bus/virtio/devices/*; do
                    [ "$($b cat "$device/device" 2>/dev/null)" = 0x0003 ] || continue
                    case $($b cat "$device/features") in ?1*) return 0 ;; esac
                done
                return 1
            }
            link_ports() {
                linked=0
                for port in /sys/class/virtio-ports/*; do
                    name=$($b cat "$port/name" 2>/dev/null)
                    [ -n "$name" ] || continue
                    $b mkdir -p /dev/virtio-ports
                    $b ln -sf "../${port##*/}" "/dev/virtio-ports/$name"
                    linked=$((linked + 1))
                done
            }
            if has_ports; then
                i=0 before=0 linked=0
                until [ $i -gt 50 ] || [ $linked -gt 0 -a $linked -eq $before ]; do
                    [ $i -eq 0 ] || $b usleep 100000
                    i=$((i + 1)) before=$linked
                    link_ports
                done
            fi
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
