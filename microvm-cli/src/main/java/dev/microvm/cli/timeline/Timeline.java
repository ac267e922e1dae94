package dev.microvm.cli.timeline;

import dev.microvm.MicroVm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Notes where the time of a start goes, and draws it. One thread marks; another reads the console. */
public final class Timeline {
    private static final Logger log = LoggerFactory.getLogger(Timeline.class);

    private final long zero = ProcessClock.processBegan();
    private final KernelLog kernel = new KernelLog();
    private final List<Phase> phases = new ArrayList<>();
    private double last;

    /** Begins one: what came before was the JVM's start, and reading the options. */
    public Timeline() {
        double main = ProcessClock.millis(zero, ProcessClock.mainBegan());
        phases.add(new Phase("JVM", Phase.Who.JVM, 0, main));
        last = main;
    }

    /** Ends a phase of the host's, which began where the last one ended. */
    public void host(String phase) {
        end(phase, Phase.Who.HOST);
    }

    /** Ends a phase of the guest's. */
    public void guest(String phase) {
        end(phase, Phase.Who.GUEST);
    }

    private void end(String phase, Phase.Who who) {
        double now = now();
        phases.add(new Phase(phase, who, last, now));
        last = now;
    }

    /** Reads the console of a guest that has just started, beside whoever else does. */
    public void listen(MicroVm vm) {
        Thread.ofPlatform().name("microvm-timeline").daemon().start(() -> {
            try (BufferedReader lines =
                    new BufferedReader(new InputStreamReader(vm.console().output(), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) kernel.line(line, now());
            } catch (IOException e) {
                log.debug("timeline: {}", e.toString());
            }
        });
    }

    /** The guest's kernel and init have done their part. */
    public void kernelEnded() {
        double now = now();
        phases.addAll(kernel.phases(last, now));
        last = now;
    }

    private double now() {
        return ProcessClock.millis(zero, System.nanoTime());
    }

    /** Draws it into a file, as SVG. */
    public void write(Path file) throws IOException {
        Files.writeString(file, TimelineSvg.of(phases));
    }
}
