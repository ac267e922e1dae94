package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** The devices of {@code -device}: a part of the table. */
final class DeviceTypes {
    /** A kind of device. */
    record Type<T extends Device>(String name, Supplier<T> maker, Grammar<T> grammar, String here) {
        private void add(String text, Invocation command) {
            T made = maker.get();
            List<KeyValue> pairs = KeyValue.parse(text, "driver").stream()
                    .filter(each -> !each.key().equals("driver"))
                    .toList();
            grammar.apply(pairs, rest(text), made, command);
            command.devices.add(new Invocation.GivenDevice(made, text));
        }

        private static String rest(String text) {
            int comma = text.indexOf(',');
            return comma < 0 ? "" : text.substring(comma + 1);
        }
    }

    /** The end of the names of virtio devices without PCI; QEMU has names without it, for the bus of the machine. */
    private static final String ON_THIS_BUS = "-device";

    static final List<Type<?>> ALL = List.of(
            type("virtio-blk-device", BlkDevice::new, BlkDevice.PROPERTIES, "`virtioBlk(...)`; the first is /dev/vda"),
            type("virtio-net-device", NetDevice::new, NetDevice.PROPERTIES, "`virtioNet(...)`"),
            type(
                    "virtio-serial-device",
                    ConsoleDevices.Bus::new,
                    List.of(ignored("max_ports, emergency-write", "31 ports, as in QEMU")),
                    "`virtioConsole(ports)`"),
            type(
                    "virtconsole",
                    ConsoleDevices.Console::new,
                    ConsoleDevices.CONSOLE,
                    "`hvc0`, at most one; without serial port it is `vm.console()`, else `vm.port(\"hvc0\")`"),
            type(
                    "virtserialport",
                    ConsoleDevices.Port::new,
                    ConsoleDevices.PORT,
                    "`vm.port(name)`, /dev/virtio-ports/NAME"),
            type("virtio-rng-device", SmallDevices.Rng::new, SmallDevices.RNG, "`virtioRng()`"),
            type(
                    "vhost-vsock-device",
                    SmallDevices.Vsock::new,
                    SmallDevices.VSOCK,
                    "`virtioVsock(cid)`; no kernel module, two machines may have the same number: [vsock.md](vsock.md)"),
            type(
                    "virtio-balloon-device",
                    SmallDevices.BalloonDevice::new,
                    SmallDevices.BALLOON,
                    "`virtioBalloon(...)`: [balloon.md](balloon.md). QEMU's defaults are off"),
            type(
                    "i8042",
                    SmallDevices.AlwaysThere::new,
                    List.of(ignored("kbd-throttle, extended-state", "the keyboard has no keys")),
                    "always there, for `reboot=k`; the keyboard has no keys"),
            type(
                    "isa-debug-exit",
                    SmallDevices.AlwaysThere::new,
                    SmallDevices.DEBUG_EXIT,
                    "always there: a guest that writes N to port 0xf4 ends, and so does the program, with N * 2 + 1"),
            type(
                    "isa-debugcon",
                    SmallDevices.DebugConsoleDevice::new,
                    SmallDevices.DEBUG_CONSOLE,
                    "`firmwareLog(...)`, with firmware"));

    /** Why shared folders are refused, as devices and by flags of their own. */
    static final String NO_FOLDERS =
            "this command shares no folders of the host; microvm run --share DIR:TAG does; here, use a disk image:"
                    + " -drive if=none,id=ID,format=raw,file=FILE -device virtio-blk-device,drive=ID";

    /** Devices of QEMU that are not here. */
    static final List<Property<Invocation>> REFUSED = List.of(
            refused("vhost-user-fs-*, virtio-9p-*", NO_FOLDERS),
            refused(
                    "virtio-scsi-*, scsi-*, ide-*, nvme, floppy, virtio-pmem*, vhost-scsi*, vhost-user-blk*, vhost-user-scsi*",
                    "use -device virtio-blk-device"),
            refused(
                    "e1000*, rtl8139, ne2k_*, pcnet, vmxnet3, i8255*, vhost-user-net*",
                    "use -device virtio-net-device"),
            refused(
                    "virtio-gpu-*, vhost-user-gpu*, virtio-vga*, VGA, cirrus-vga, qxl*, bochs-display, ramfb, virtio-keyboard-*,"
                            + " virtio-mouse-*, virtio-tablet-*, virtio-input-*, vhost-user-input*, usb-*, *hci*",
                    "there is no display, keyboard or USB; use -serial stdio, or virtconsole"),
            refused("isa-serial", "there is one serial port; use -serial"),
            refused(
                    "pvpanic*, i6300esb, ib700, tpm-*, virtio-crypto-*, virtio-iommu-*, virtio-mem*, vhost-user-*, vfio-*,"
                            + " pcie-*, pci-*, ioh*, pxb*, intel-iommu, amd-iommu, loader, generic-sdhci, vmgenid, *",
                    "there is no such device; -device help shows those that there are"));

    private DeviceTypes() {}

    private static <T extends Device> Type<T> type(String name, Supplier<T> maker, List<Property<T>> own, String here) {
        List<Property<T>> all = new ArrayList<>(own);
        all.add(ignored("id, bus, addr, nr=0, bootindex, acpi-index", "a device has the next slot"));
        if (name.startsWith("virt") || name.startsWith("vhost")) {
            all.add(ignored("romfile, rombar", "there is no option ROM without PCI"));
            all.add(ignored(
                    "any_layout, event_idx, indirect_desc, notify_on_empty, queue_reset, use-disabled-flag, use-started,"
                            + " x-disable-legacy-check, disable-legacy, disable-modern, queue-size",
                    "as the device model does it"));
            all.add(maps("iommu_platform=off, packed=off, ats=off, in_order=off", "off here", (device, value) -> {
                if (Values.isOn(value)) throw new OptionException("not here; leave it out");
            }));
        }
        return new Type<>(name, maker, new Grammar<>("-device " + name, "", all), here);
    }

    /** Adds one of a command line. */
    static void add(String text, Invocation command) {
        String name = KeyValue.parse(text, "driver").stream()
                .filter(each -> each.key().equals("driver"))
                .findFirst()
                .map(KeyValue::value)
                .orElseThrow(() -> new OptionException("needs a driver"));
        if (name.equals("help") || name.equals("?")) {
            ALL.forEach(each -> command.help("name \"" + each.name() + "\"\n"));
            return;
        }
        for (Type<?> each : ALL) {
            if (each.name().equals(name) || each.name().equals(name + ON_THIS_BUS)) {
                each.add(text, command);
                return;
            }
        }
        throw new OptionException(refusal(name));
    }

    private static String refusal(String name) {
        String twin = name.replaceFirst("(-pci)?(-(non-)?transitional)?$", "") + ON_THIS_BUS;
        if (ALL.stream().anyMatch(each -> each.name().equals(twin))) {
            return "there is no PCI, unlike in QEMU's standard machine; use -device " + twin
                    + " with the same properties";
        }
        return REFUSED.stream()
                .filter(each -> each.isNamed(name))
                .findFirst()
                .map(Property::here)
                .orElseThrow();
    }
}
