/**
 * Device models. Each is a class that knows its part and nothing of the machine around it; start at
 * {@link dev.microvm.devices.legacy}.
 */
module dev.microvm.devices {
    requires transitive dev.microvm.core;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports dev.microvm.backend.disk;
    exports dev.microvm.backend.fs;
    exports dev.microvm.backend.net;
    exports dev.microvm.backend.net.user;
    exports dev.microvm.devices.firmware;
    exports dev.microvm.devices.irqchip;
    exports dev.microvm.devices.legacy;
    exports dev.microvm.devices.power;
    exports dev.microvm.devices.virtio;
    exports dev.microvm.devices.virtio.balloon;
    exports dev.microvm.devices.virtio.blk;
    exports dev.microvm.devices.virtio.console;
    exports dev.microvm.devices.virtio.fs;
    exports dev.microvm.devices.virtio.net;
    exports dev.microvm.devices.virtio.rng;
    exports dev.microvm.devices.virtio.vsock;
}
