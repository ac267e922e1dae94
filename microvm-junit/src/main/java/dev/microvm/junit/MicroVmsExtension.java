package dev.microvm.junit;

import dev.microvm.junit.MemoryLimit.Life;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.LifecycleMethodExecutionExceptionHandler;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/**
 * Starts guests before a class and before a test. The store of each context stops them at its end,
 * whatever has failed by then.
 */
class MicroVmsExtension
        implements ExecutionCondition,
                BeforeAllCallback,
                BeforeEachCallback,
                ParameterResolver,
                TestExecutionExceptionHandler,
                LifecycleMethodExecutionExceptionHandler {
    private final Supplier<String> problem;

    MicroVmsExtension() {
        this(Availability::problem);
    }

    /** @param problem returns why no guest can run here; "" if one can */
    MicroVmsExtension(Supplier<String> problem) {
        this.problem = problem;
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        if (context.getTestMethod().isPresent()) return ConditionEvaluationResult.enabled("decided for the class");
        String why = problem.get();
        if (why.isEmpty()) return ConditionEvaluationResult.enabled("this host can run guests");
        String message = "this host can run no guest: " + why;
        if (unavailable(context) == Unavailable.FAIL) throw new ExtensionConfigurationException(message);
        return ConditionEvaluationResult.disabled(message);
    }

    private static Unavailable unavailable(ExtensionContext context) {
        Unavailable said = GuestDefaults.annotation(context.getRequiredTestClass())
                .map(MicroVms::unavailable)
                .orElse(Unavailable.CONFIGURED);
        if (said != Unavailable.CONFIGURED) return said;
        String value = context.getConfigurationParameter(Unavailable.PARAMETER).orElse("skip");
        return switch (value.toLowerCase(Locale.ROOT)) {
            case "skip" -> Unavailable.SKIP;
            case "fail" -> Unavailable.FAIL;
            default ->
                throw new ExtensionConfigurationException(
                        "%s is \"%s\": skip or fail".formatted(Unavailable.PARAMETER, value));
        };
    }

    @Override
    public void beforeAll(ExtensionContext context) throws InterruptedException {
        Object instance = context.getTestInstance().orElse(null);
        Guests.of(context)
                .start(guests(context, context.getRequiredTestClass(), instance, Reset.PER_CLASS), Life.CLASS);
    }

    @Override
    public void beforeEach(ExtensionContext context) throws InterruptedException {
        List<GuestVm> guests = new ArrayList<>();
        for (Object each : context.getRequiredTestInstances().getAllInstances()) {
            guests.addAll(guests(context, each.getClass(), each, Reset.PER_TEST));
        }
        Guests.of(context).start(guests, Life.TEST);
    }

    private static List<GuestVm> guests(
            ExtensionContext context, Class<?> testClass, @Nullable Object instance, Reset life) {
        return GuestFields.guests(testClass, instance, life, () -> GuestDefaults.guest(context));
    }

    @Override
    public ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext rootContext) {
        return ExtensionContextScope.TEST_METHOD; // for parameters of constructors
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        if (!parameter.isAnnotated(Guest.class)) return false;
        if (parameter.getParameter().getType() != GuestVm.class) {
            throw new ParameterResolutionException("a @Guest parameter is a " + GuestVm.class.getName());
        }
        return true;
    }

    @Override
    public GuestVm resolveParameter(ParameterContext parameter, ExtensionContext context) {
        GuestVm guest = GuestDefaults.guest(context)
                .nameUnlessNamed(parameter.getParameter().getName());
        try {
            Life life = context.getTestMethod().isPresent() ? Life.TEST : Life.CLASS;
            Guests.of(context).start(List.of(guest), life);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ParameterResolutionException("interrupted while waiting for memory", e);
        }
        return guest;
    }

    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        report(context, failure);
    }

    @Override
    public void handleBeforeAllMethodExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        report(context, failure);
    }

    @Override
    public void handleBeforeEachMethodExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        report(context, failure);
    }

    @Override
    public void handleAfterEachMethodExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        report(context, failure);
    }

    @Override
    public void handleAfterAllMethodExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        report(context, failure);
    }

    /** Adds what the guests were like, and throws the failure again. */
    private static void report(ExtensionContext context, Throwable failure) throws Throwable {
        if (failure instanceof TestAbortedException) throw failure;
        for (GuestVm each : Guests.of(context).visible()) {
            failure.addSuppressed(GuestReport.of(each));
            each.current().ifPresent(sandbox -> {
                publish(context, each, "console", each.consoleText());
                publish(context, each, "describe", sandbox.machine().describe());
            });
        }
        throw failure;
    }

    /** Not what is empty, such as the console of a fork that has printed nothing: JUnit refuses that. */
    private static void publish(ExtensionContext context, GuestVm guest, String what, String text) {
        if (!text.isBlank()) context.publishReportEntry("microvm.guest.%s.%s".formatted(guest.name(), what), text);
    }
}
