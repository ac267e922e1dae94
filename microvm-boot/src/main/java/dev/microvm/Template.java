package dev.microvm;

import dev.microvm.model.MachineSpec;
import dev.microvm.snapshot.TemplateFolder;
import dev.microvm.snapshot.TemplateKey;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * A machine that is booted once and continued from then on: a snapshot in a cache, made when it is
 * first wanted. Its name there is a hash of the description, the files of kernel and initial file
 * system, the version of snapshots, and a label of yours; so a change of any of them makes a new one.
 * Any number of threads and processes may ask at once: one builds, the others wait.
 *
 * <pre>{@code
 * Template warm = Template.of("ready-1", MicroVm.builder().kernel(kernel).initrd(initrd),
 *         vm -> vm.console().awaitText("ready", Duration.ofMinutes(1)), Path.of("templates"));
 * try (MicroVm vm = warm.snapshot().restore().start()) {
 *     vm.console().type("...");
 * }
 * }</pre>
 *
 * <p>Immutable; any thread may call.
 */
public final class Template {
    private static final long DEFAULT_LIMIT = 4L << 30;

    private final String label;
    private final MicroVmBuilder builder;
    private final Consumer<MicroVm> readyWhen;
    private final Path folder;
    private final long limit;

    private Template(String label, MicroVmBuilder builder, Consumer<MicroVm> readyWhen, Path folder, long limit) {
        this.label = label;
        this.builder = builder;
        this.readyWhen = readyWhen;
        this.folder = folder;
        this.limit = limit;
    }

    /**
     * Describes one.
     *
     * @param label says what {@code readyWhen} does, which is code: change it together with that
     * @param builder of the machine, not changed any more from now on
     * @param readyWhen prepares the started machine and returns when the snapshot is to be taken
     * @param folder for the snapshots, made when it is needed
     */
    public static Template of(String label, MicroVmBuilder builder, Consumer<MicroVm> readyWhen, Path folder) {
        Objects.requireNonNull(label, "label");
        Objects.requireNonNull(builder, "builder");
        Objects.requireNonNull(readyWhen, "readyWhen");
        Objects.requireNonNull(folder, "folder");
        return new Template(label, builder, readyWhen, folder, DEFAULT_LIMIT);
    }

    /**
     * Limits the folder: when a snapshot is added, others that were not used for longest are removed
     * until they have so many bytes together. Default 4 GiB. Machines that run from a snapshot keep
     * what they have.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Template limit(long bytes) {
        if (bytes < 0) throw new IllegalArgumentException("limit: 0 or more, was " + bytes);
        return new Template(label, builder, readyWhen, folder, bytes);
    }

    /**
     * Returns the snapshot; starts the machine and takes it if it is not there.
     *
     * @throws MicroVmConfigException if the machine cannot be built
     * @throws dev.microvm.model.SnapshotException if the folder cannot be used
     * @throws RuntimeException what {@code readyWhen} has thrown
     */
    public Snapshot snapshot() {
        MachineSpec spec = builder.spec();
        String key = TemplateKey.of(spec, label);
        return new Snapshot(new TemplateFolder(folder, limit).get(key, this::build));
    }

    private void build(Path to) {
        try (MicroVm vm = builder.build()) {
            vm.start();
            readyWhen.accept(vm);
            vm.pause();
            vm.snapshot(to);
        }
    }
}
