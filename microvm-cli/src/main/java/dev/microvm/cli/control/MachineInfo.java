package dev.microvm.cli.control;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.time.Instant;

/**
 * What {@code microvm ps} says of a machine.
 *
 * @param pid the process that runs it
 * @param state {@code starting}, {@code running} or {@code paused}
 * @param hypervisor {@code kvm} or {@code engine}; empty while it is not known
 * @param root what the guest is made from
 * @param command what runs in it; empty for a guest with its console
 */
public record MachineInfo(
        String name,
        long pid,
        String state,
        String hypervisor,
        int memoryMiB,
        int vcpus,
        Instant started,
        String root,
        String command) {
    void write(DataOutput to) throws IOException {
        to.writeUTF(name);
        to.writeLong(pid);
        to.writeUTF(state);
        to.writeUTF(hypervisor);
        to.writeInt(memoryMiB);
        to.writeInt(vcpus);
        to.writeLong(started.toEpochMilli());
        to.writeUTF(root);
        to.writeUTF(command);
    }

    static MachineInfo read(DataInput from) throws IOException {
        return new MachineInfo(
                from.readUTF(),
                from.readLong(),
                from.readUTF(),
                from.readUTF(),
                from.readInt(),
                from.readInt(),
                Instant.ofEpochMilli(from.readLong()),
                from.readUTF(),
                from.readUTF());
    }
}
