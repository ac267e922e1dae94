/** Device models. Each is a class that knows its part and nothing of the machine around it; start at {@link dev.microvm.devices.legacy}. */
module dev.microvm.devices {
    requires transitive dev.microvm.core;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports dev.microvm.devices.block;
    exports dev.microvm.devices.legacy;
    exports dev.microvm.devices.net;
    exports dev.microvm.devices.net.user;
    exports dev.microvm.devices.virtio;
    exports dev.microvm.devices.virtio.balloon;
    exports dev.microvm.devices.virtio.blk;
    exports dev.microvm.devices.virtio.console;
    exports dev.microvm.devices.virtio.net;
    exports dev.microvm.devices.virtio.rng;
    exports dev.microvm.devices.virtio.vsock;
}
