package dev.microvm.backend.disk;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** QEMU's own tool for images, as their judge. */
final class QemuImg {
    private static final AtomicBoolean TOLD = new AtomicBoolean();

    private QemuImg() {}

    /** Tests that need the tool: without it they are skipped, and standard error says so. */
    @ExtendWith(Condition.class)
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD})
    @interface Required {}

    static final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            boolean here = Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                    .anyMatch(directory -> Files.isExecutable(Path.of(directory, "qemu-img")));
            if (here) return ConditionEvaluationResult.enabled("qemu-img is here");
            String reason = "qemu-img is not here; install it, on Debian: apt-get install qemu-utils";
            if (TOLD.compareAndSet(false, true))
                System.err.println("*** QCOW2 IS NOT COMPARED WITH QEMU: " + reason + " ***");
            return ConditionEvaluationResult.disabled(reason);
        }
    }

    /** What a run printed, and its exit status. */
    record Result(int status, String output) {}

    /** Runs it with these arguments. */
    static Result run(Object... arguments) {
        List<String> command = new ArrayList<>(List.of("qemu-img"));
        Stream.of(arguments).map(Object::toString).forEach(command::add);
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Result(process.waitFor(), command + "\n" + output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Runs it with these arguments, which must succeed. */
    static void must(Object... arguments) {
        Result result = run(arguments);
        if (result.status() != 0) throw new AssertionError(result.toString());
    }

    /** Makes an empty qcow2 image. */
    static void create(Path image, long size, String options) {
        must("create", "-q", "-f", "qcow2", "-o", options, image, size);
    }
}
