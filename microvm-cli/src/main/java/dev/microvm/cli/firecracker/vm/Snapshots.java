package dev.microvm.cli.firecracker.vm;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.MicroVm;
import dev.microvm.RestoreBuilder;
import dev.microvm.Snapshot;
import dev.microvm.VmState;
import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.api.Bodies;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cli.firecracker.json.JsonFault;
import dev.microvm.cli.firecracker.json.JsonReader;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.error.MicroVmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Snapshots as the API has them, over those of the library: the state is a folder, the memory a
 * link to the file in it, and beside both is the configuration.
 */
final class Snapshots {
    private static final String MEMORY = "memory"; // in the folder of a snapshot: docs/snapshots.md
    private static final String CONFIGURATION = "firecracker.json";
    private static final String CREATE = "Create snapshot error: ";
    private static final String LOAD = "Load snapshot error: Failed to restore from snapshot: ";

    private final Snapshot snapshot;
    private final Resources resources;
    private final Fields load;

    private Snapshots(Snapshot snapshot, Resources resources, Fields load) {
        this.snapshot = snapshot;
        this.resources = resources;
        this.load = load;
    }

    /**
     * Writes a snapshot of a paused machine, and returns it.
     *
     * @param newest what it was continued from or saved to before, on which one of type Diff stands
     * @throws ApiFault if that fails
     */
    static Snapshot create(MicroVm vm, Resources resources, Fields body, @Nullable Snapshot newest) {
        Snapshot base = body.text("snapshot_type").equals("Diff") ? newest : null;
        if (vm.state() != VmState.PAUSED) throw new ApiFault(CREATE + "the microVM runs: pause it before");
        Path folder = Path.of(body.text("snapshot_path"));
        Path memory = Path.of(body.text("mem_file_path"));
        try {
            Snapshot made = base == null ? vm.snapshot(folder) : vm.snapshotDiff(base, folder);
            Files.write(
                    folder.resolve(CONFIGURATION), resources.all().toString().getBytes(UTF_8));
            Files.deleteIfExists(memory);
            Files.createSymbolicLink(memory, folder.resolve(MEMORY).toAbsolutePath());
            return made;
        } catch (MicroVmException e) {
            throw new ApiFault(CREATE + e.getMessage());
        } catch (IOException e) {
            throw new ApiFault(CREATE + "Cannot write memory file: " + e);
        }
    }

    /** Opens a snapshot. @throws ApiFault if there is none, or what is asked for is not there */
    static Snapshots open(Fields body) {
        if (!List.of("Snapshot", "None").contains(body.text("huge_pages"))) {
            throw ApiFault.notSupported("huge_pages: memory has the pages that the host chooses");
        }
        Fields backend = body.fields("mem_backend").orElse(null);
        if (backend != null && backend.text("backend_type").equals("Uffd")) {
            throw ApiFault.notSupported("backend_type Uffd: give the file");
        }
        Path folder = Path.of(body.text("snapshot_path"));
        Path memory = Path.of(backend == null ? body.text("mem_file_path") : backend.text("backend_path"));
        try {
            Snapshot snapshot = Snapshot.open(folder);
            if (!Files.isSameFile(memory, folder.resolve(MEMORY))) {
                throw ApiFault.notSupported(
                        "a memory file other than %s: the snapshot has its own".formatted(folder.resolve(MEMORY)));
            }
            byte[] configuration = Files.readAllBytes(folder.resolve(CONFIGURATION));
            Resources resources = Resources.of(JsonReader.read(configuration, Bodies.VM_CONFIG));
            Snapshots opened = new Snapshots(snapshot, resources, body);
            opened.override();
            return opened;
        } catch (MicroVmException | JsonFault e) {
            throw new ApiFault(LOAD + e.getMessage());
        } catch (IOException e) {
            throw new ApiFault(LOAD + e);
        }
    }

    private void override() {
        for (Fields each : load.list("network_overrides")) {
            int index = resources.network(each.text("iface_id"));
            if (index < 0) throw new ApiFault(LOAD + "Unknown Network Device " + each.text("iface_id"));
            Fields network = resources.networks().get(index);
            resources.networkChanged(index, network.with("host_dev_name", each.text("host_dev_name")));
        }
        load.fields("vsock_override").ifPresent(change -> {
            Fields vsock = resources.vsock().orElseThrow(() -> new ApiFault(LOAD + "there is no vsock to override"));
            resources.vsockChanged(vsock.with("uds_path", change.text("uds_path")));
        });
    }

    /** Returns what the machine of the snapshot was configured with. */
    Resources resources() {
        return resources;
    }

    /** Returns the one that was opened. */
    Snapshot opened() {
        return snapshot;
    }

    /** Describes the machine that continues. */
    MicroVm machine(Assembly assembly, Settings settings) {
        RestoreBuilder builder = snapshot.restore()
                .name(Assembly.name(settings.id()))
                .serial(settings.console())
                .clock(load.flag("clock_realtime") ? ClockOnResume.CATCH_UP : ClockOnResume.CONTINUE);
        for (int i = 0; i < resources.drives().size(); i++) {
            builder.disk(i, Assembly.image(resources.drives().get(i)));
        }
        for (int i = 0; i < resources.networks().size(); i++) {
            builder.network(i, assembly.backend(resources.networks().get(i)));
        }
        resources.vsock().ifPresent(vsock -> builder.vsockPath(Path.of(vsock.text("uds_path"))));
        MicroVm vm = builder.build();
        resources.balloon().ifPresent(balloon -> vm.balloon().statisticsInterval(Assembly.interval(balloon)));
        return vm;
    }
}
