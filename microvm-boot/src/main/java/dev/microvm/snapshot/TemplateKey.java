package dev.microvm.snapshot;

import dev.microvm.model.BootSpec;
import dev.microvm.model.Content;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.SnapshotException;
import dev.microvm.model.VirtioDeviceSpec;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * The name of a snapshot in a cache: a hash of all that decides what it is. Kernel, initial file
 * system, modules and firmware count by their content; disks, which may be large, by path, size and
 * time of modification.
 */
public final class TemplateKey {
    private static final String TYPE = "microvm-template";
    private static final int BUFFER = 1 << 16;

    private TemplateKey() {}

    /**
     * Returns the key of a machine.
     *
     * @param label tells apart what a description does not: what is done before the snapshot
     * @throws SnapshotException if a file cannot be read
     */
    public static String of(MachineSpec spec, String label) {
        DeviceState described = new DeviceState(TYPE, Manifest.VERSION);
        RecordFields.write(described, "spec", MachineSpec.class, spec);
        MessageDigest digest = Sha256.digest();
        digest.update(described.encode());
        digest.update(label.getBytes(StandardCharsets.UTF_8));
        for (Path file : files(spec.boot())) add(file, digest);
        for (VirtioDeviceSpec device : spec.devices().virtio()) {
            if (device instanceof VirtioDeviceSpec.Blk blk) {
                Path file = blk.disk().image().path();
                try {
                    digest.update(DiskStamp.of(0, file).toString().getBytes(StandardCharsets.UTF_8));
                } catch (IOException e) {
                    throw unreadable(file, e);
                }
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static List<Path> files(BootSpec boot) {
        List<Path> files = new ArrayList<>();
        if (boot.kernel() != null) files.add(boot.kernel());
        if (boot.initrd() instanceof Content.InFile in) files.add(in.file());
        for (BootSpec.ModuleSpec module : boot.modules()) {
            if (module.content() instanceof Content.InFile in) files.add(in.file());
        }
        if (boot.firmware().file() != null) files.add(boot.firmware().file());
        files.addAll(boot.firmware().optionRomFiles());
        return files;
    }

    private static void add(Path file, MessageDigest digest) {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[BUFFER];
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) digest.update(buffer, 0, count);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static SnapshotException unreadable(Path file, IOException cause) {
        return new SnapshotException("template: %s cannot be read: %s".formatted(file, cause), cause);
    }
}
