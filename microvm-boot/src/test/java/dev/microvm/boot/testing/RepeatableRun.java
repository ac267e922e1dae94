package dev.microvm.boot.testing;

import dev.microvm.MicroVm;
import dev.microvm.PlannedMachine;
import dev.microvm.boot.KernelImage;
import dev.microvm.clock.GuestClock;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.model.ExitReport;
import dev.microvm.model.HypervisorChoice;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.function.UnaryOperator;

/**
 * The comparable results of a run of Linux with an instruction clock.
 *
 * @param exit how it ended
 * @param trace see {@link TracedHypervisor}
 * @param console the whole console output
 */
public record RepeatableRun(String exit, String trace, String console) {
    private static final String INIT = """
            echo "clocksource=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)."
            date
            cat /proc/interrupts /proc/uptime
            head -c 16 /dev/urandom | od -x
            sleep 2
            read line
            echo "heard $line"
            date
            vm-exit 42
            """;

    /** Runs Linux; the kernel is the vmlinux in a folder, and is made there if it is missing. */
    public static RepeatableRun of(Path folder) {
        TracedHypervisor[] traced = new TracedHypervisor[1];
        RepeatableRun run = of(folder, Duration.ofMinutes(5), engine -> traced[0] = new TracedHypervisor(engine));
        return new RepeatableRun(run.exit, traced[0].trace(), run.console);
    }

    /** Runs it on a hypervisor that is made of the engine; without a trace. */
    static RepeatableRun of(Path folder, Duration limit, UnaryOperator<Hypervisor> traced) {
        Path kernel = folder.resolve("vmlinux");
        if (!Files.exists(kernel))
            KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(kernel);
        PlannedMachine planned = PlannedMachine.of(MicroVm.builder()
                .name("repeatable")
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(kernel)
                .initrd(LinuxGuest.files().init(LinuxGuest.init(INIT)).build())
                .memoryMiB(128)
                .cmdline("console=ttyS0 reboot=k panic=-1 mitigations=off cryptomgr.notests")
                .clock(GuestClock.instructions(1))
                .typeAt(Duration.ofSeconds(5), "hello\n"));
        try (MicroVm vm = planned.start(traced.apply(planned.hypervisor()))) {
            ExitReport report = vm.awaitExit(limit);
            return new RepeatableRun(
                    report.reason() + " " + report.exitCode(), "", vm.console().text());
        }
    }

    /** Runs it in this JVM: argument 0 is the folder, argument 1 the file for the result. */
    public static void main(String[] arguments) throws Exception {
        Files.writeString(Path.of(arguments[1]), of(Path.of(arguments[0])).toLine());
    }

    /** Formats the results as one line. */
    public String toLine() {
        return exit + "|" + trace + "|" + HexFormat.of().formatHex(console.getBytes(StandardCharsets.UTF_8));
    }
}
