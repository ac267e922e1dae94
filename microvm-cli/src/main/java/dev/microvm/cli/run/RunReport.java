package dev.microvm.cli.run;

import dev.microvm.MicroVm;
import dev.microvm.cli.Progress;
import dev.microvm.sandbox.Agent;
import dev.microvm.sandbox.StartListener;
import dev.microvm.sandbox.root.PreparedRoot;
import dev.microvm.sandbox.root.PullProgress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Says on standard error how far a run is, and what runs it. */
final class RunReport implements StartListener, PullProgress {
    private static final double MIB = 1 << 20;

    private final Progress progress;
    private final boolean quiet;
    private final Map<String, long[]> layers = new ConcurrentHashMap<>(); // bytes there, and bytes in all

    RunReport(Progress progress, boolean quiet) {
        this.progress = progress;
        this.quiet = quiet;
    }

    /** The root is about to be made or found. */
    void preparing(String root) {
        progress.step("preparing " + root);
    }

    @Override
    public void progress(String digest, long bytes, long size) {
        layers.put(digest, new long[] {bytes, size});
        long there = layers.values().stream().mapToLong(each -> each[0]).sum();
        long all = layers.values().stream().mapToLong(each -> each[1]).sum();
        progress.figures("pulling %d layers: %.1f of %.1f MiB".formatted(layers.size(), there / MIB, all / MIB));
    }

    @Override
    public void rootPrepared(PreparedRoot root) {
        progress.step("starting");
    }

    @Override
    public void machineBuilt(MicroVm vm) {
        if (quiet) return;
        progress.say("%s runs on %s: %s".formatted(vm.name(), vm.hypervisor(), vm.hypervisorReason()));
        progress.step("booting");
    }

    @Override
    public void agentAnswered(Agent agent) {
        progress.close();
    }

    /** The console takes over. */
    void consoleBegins() {
        progress.close();
    }
}
