package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tiny guests that are started once and continued from then on. */
@Lanes.TinyGuests
@Timeout(120)
final class TemplateGuestTest {
    private static final Duration SOON = Duration.ofSeconds(60);

    @TempDir
    private Path folder;

    private final AtomicInteger built = new AtomicInteger();

    private Template template(String label) {
        MicroVmBuilder builder = TinyKernel.on(folder, "chat").irqchip(Irqchip.SPLIT);
        return Template.of(
                label,
                builder,
                vm -> {
                    built.incrementAndGet();
                    vm.console().type("a");
                    vm.console().awaitText("A", SOON);
                },
                folder.resolve("templates"));
    }

    @Test
    void isBuiltOnce_howeverManyAskAtTheSameTime() throws InterruptedException {
        Template template = template("one");
        ConcurrentLinkedQueue<Path> found = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            threads.add(Thread.ofPlatform()
                    .start(() -> found.add(template.snapshot().folder())));
        }
        for (Thread each : threads) each.join();

        assertThat(found).hasSize(6).containsOnly(found.element());
        assertThat(built).hasValue(1);
        try (MicroVm vm = template.snapshot().restore().start()) {
            vm.console().type("b.");
            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(7);
            assertThat(vm.console().text()).contains("B");
        }
    }

    @Test
    void isAnother_whenLabelKernelOrDescriptionDiffer() throws IOException {
        Path first = template("one").snapshot().folder();
        assertThat(template("two").snapshot().folder()).isNotEqualTo(first);
        MicroVmBuilder larger =
                TinyKernel.on(folder, "chat").irqchip(Irqchip.SPLIT).memoryMiB(17);
        Template other = Template.of("one", larger, vm -> {}, folder.resolve("templates"));
        assertThat(other.snapshot().folder()).isNotEqualTo(first);
        byte[] kernel = Files.readAllBytes(folder.resolve("ends.elf"));
        byte[] longer = Arrays.copyOf(kernel, kernel.length + 1);
        Files.write(folder.resolve("other.elf"), longer);
        MicroVmBuilder changed =
                TinyKernel.on(folder, "chat").irqchip(Irqchip.SPLIT).kernel(folder.resolve("other.elf"));
        assertThat(Template.of("one", changed, vm -> {}, folder.resolve("templates"))
                        .snapshot()
                        .folder())
                .isNotEqualTo(first);
    }

    @Test
    void isBuiltAgain_whenItIsDamaged_orTheFirstAttemptFailed() throws IOException {
        MicroVmBuilder builder = TinyKernel.on(folder, "chat").irqchip(Irqchip.SPLIT);
        Template failing = Template.of(
                "fails",
                builder,
                vm -> {
                    if (built.incrementAndGet() == 1) throw new IllegalStateException("not yet");
                },
                folder.resolve("templates"));
        assertThatIllegalStateException().isThrownBy(failing::snapshot).withMessage("not yet");
        Path made = failing.snapshot().folder();
        Files.delete(made.resolve("manifest"));
        failing.snapshot().verify();
        assertThat(built).hasValue(3);
    }

    @Test
    void removesWhatWasNotUsedForLongest_whenTheFolderIsFull() throws IOException {
        Path first = template("one").snapshot().folder();
        Path second = template("two").limit(0).snapshot().folder();

        assertThat(first).doesNotExist();
        assertThat(second).exists();
        try (Stream<Path> all = Files.list(folder.resolve("templates"))) {
            assertThat(all.filter(Files::isDirectory)).containsExactly(second);
        }
    }
}
