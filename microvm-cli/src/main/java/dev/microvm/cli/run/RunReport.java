package dev.microvm.cli.run;

import dev.microvm.MicroVm;
import dev.microvm.cli.Progress;
import dev.microvm.cli.timeline.Timeline;
import dev.microvm.sandbox.Agent;
import dev.microvm.sandbox.StartListener;
import dev.microvm.sandbox.root.PreparedRoot;
import dev.microvm.sandbox.root.PullProgress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Says on standard error how far a run is, and what runs it. */
final class RunReport implements StartListener, PullProgress {
    private static final double MIB = 1 << 20;

    private final Progress progress;
    private final boolean quiet;
    private final @Nullable Path timelineFile;
    private final Timeline timeline = new Timeline();
    private Consumer<MicroVm> whenBuilt = vm -> {};
    private final Map<String, long[]> layers = new ConcurrentHashMap<>(); // bytes there, and bytes in all

    RunReport(Progress progress, boolean quiet, @Nullable Path timelineFile) {
        this.progress = progress;
        this.quiet = quiet;
        this.timelineFile = timelineFile;
    }

    /** Returns whether the kernel is to print its messages, with times. */
    boolean needsKernelLog() {
        return timelineFile != null;
    }

    /** Passes the machine on as soon as there is one. */
    void whenBuilt(Consumer<MicroVm> action) {
        whenBuilt = action;
    }

    /** The root is about to be made or found. */
    void preparing(String root) {
        timeline.host("options");
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
        timeline.host("root");
        progress.step("starting");
    }

    @Override
    public void machineBuilt(MicroVm vm) {
        timeline.host("machine: checked and planned");
        whenBuilt.accept(vm);
        if (quiet) return;
        progress.say("%s runs on %s; microvm doctor says why".formatted(vm.name(), vm.hypervisor()));
        progress.step("booting");
    }

    @Override
    public void machineStarted(MicroVm vm) {
        timeline.host("machine: made, kernel loaded");
        if (timelineFile != null) timeline.listen(vm);
    }

    @Override
    public void agentAnswered(Agent agent) {
        timeline.kernelEnded();
        progress.clear();
    }

    /** The console takes over. */
    void consoleBegins() {
        progress.clear();
    }

    /** The command runs: the start is over. */
    void commandStarted() throws IOException {
        timeline.guest("first command started");
        if (timelineFile != null) timeline.write(timelineFile);
    }

    /** A guest without a command has ended. */
    void guestEnded() throws IOException {
        timeline.kernelEnded();
        if (timelineFile != null) timeline.write(timelineFile);
    }
}
