package dev.microvm.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.Probe;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Test lanes: groups of tests that need more than a JVM. If this host cannot run a lane, its tests
 * are skipped with a message on standard error. If the environment variable
 * {@code MICROVM_REQUIRE_LANES} names the lane (comma-separated list), its tests run and fail
 * instead.
 */
public final class Lanes {
    /** The hypervisor name of the engine. */
    public static final String ENGINE = "engine";

    private static final String KVM = "kvm";

    private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();

    private Lanes() {}

    /** Tiny guests on this machine's KVM. */
    @Tag("kvm")
    @ExtendWith(KvmCondition.class)
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD})
    public @interface Kvm {}

    /**
     * Ordinary kernels on KVM. If the host has no KVM that runs kernels, {@code scripts/lab} runs
     * this lane in an emulated machine.
     */
    @Tag("lab")
    @ExtendWith(LabCondition.class)
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD})
    public @interface Lab {}

    /** Guests on the engine alone. */
    @Tag("engine")
    @ExtendWith(EngineCondition.class)
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD})
    public @interface Engine {}

    /**
     * Tiny guests on {@link #hypervisor}: in lane kvm on this machine's KVM, in lane engine on the
     * engine.
     */
    @Tag("kvm")
    @Tag("engine")
    @ExtendWith(TinyGuestsCondition.class)
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD})
    public @interface TinyGuests {}

    /**
     * Ordinary kernels on {@link #hypervisor}: in lane lab on KVM, in lane engine on the engine.
     */
    @Tag("lab")
    @Tag("engine")
    @ExtendWith(KernelsCondition.class)
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD})
    public @interface Kernels {}

    /**
     * A test of lane lab that takes too long for the emulated machine of {@code scripts/lab}, so it
     * runs only on KVM of the host.
     */
    @Tag("long")
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD})
    public @interface TakesLong {}

    /**
     * Checks for something that a test needs besides its lane. If it is missing, skips the test
     * with a message on standard error, or fails if {@code MICROVM_REQUIRE_LANES} names
     * {@code what}.
     *
     * @param what short name of the need
     * @param problem what is missing and the remedy; empty if nothing is missing
     */
    public static void need(String what, String problem) {
        if (problem.isEmpty()) return;
        String message = "%s DOES NOT RUN: %s".formatted(what, problem);
        if (isRequired(what)) throw new AssertionError(message);
        if (TOLD.add(what)) System.err.println("*** " + message + " ***");
        assumeTrue(false, message);
    }

    /**
     * Returns the name of the hypervisor for tests that run on several: the system property
     * {@code microvm.hypervisor}, by default {@code kvm}.
     */
    public static String hypervisor() {
        return System.getProperty("microvm.hypervisor", KVM);
    }

    /** Returns the KVM hypervisor. */
    public static Hypervisor kvm() {
        return installed(KVM);
    }

    private static Hypervisor installed(String name) {
        return Hypervisor.installed().stream()
                .filter(h -> h.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no hypervisor " + name + " on the class path"));
    }

    static final class KvmCondition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Probe probe = kvm().probe();
            return decide("kvm", probe.usable(), probe.explanation());
        }
    }

    static final class LabCondition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Probe probe = kvm().probe();
            return decide("lab", probe.runsKernels(), probe.explanation());
        }
    }

    static final class EngineCondition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Probe probe = installed(ENGINE).probe();
            return decide("engine", probe.runsKernels(), probe.explanation());
        }
    }

    static final class TinyGuestsCondition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            ExecutionCondition lane = hypervisor().equals(ENGINE) ? new EngineCondition() : new KvmCondition();
            return lane.evaluateExecutionCondition(context);
        }
    }

    static final class KernelsCondition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            ExecutionCondition lane = hypervisor().equals(ENGINE) ? new EngineCondition() : new LabCondition();
            return lane.evaluateExecutionCondition(context);
        }
    }

    private static ConditionEvaluationResult decide(String lane, boolean possible, String reason) {
        if (possible || isRequired(lane)) return ConditionEvaluationResult.enabled("lane " + lane);
        if (TOLD.add(lane)) System.err.println("*** LANE " + lane + " DOES NOT RUN: " + reason + " ***");
        return ConditionEvaluationResult.disabled("lane " + lane + ": " + reason);
    }

    private static boolean isRequired(String name) {
        String required = System.getenv().getOrDefault("MICROVM_REQUIRE_LANES", "");
        return Arrays.asList(required.split(",")).contains(name);
    }
}
