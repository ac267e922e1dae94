package dev.microvm;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleBuffer;
import dev.microvm.console.ConsoleInput;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.vsock.VirtioVsockOptions;
import dev.microvm.error.MicroVmException;
import dev.microvm.machine.RamImage;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.MachineSpec;
import dev.microvm.snapshot.MachineState;
import java.io.IOException;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Calls each public method and constructor with null for each parameter that is not {@code Nullable}:
 * it must fail at once, with the name of the option or parameter.
 */
final class NullArgumentsTest {
    private static final List<String> PACKAGES =
            List.of("dev.microvm", "dev.microvm.model", "dev.microvm.boot", "dev.microvm.boot.tables");

    private static final List<Class<?>> OTHERS = List.of(
            GuestClock.class,
            RamBacking.class,
            VirtioBalloonOptions.class,
            VirtioBlkOptions.class,
            VirtioVsockOptions.class);

    /** A name, alone or with a remedy; what the JVM says of its own accord is a sentence. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9]*(: .*)?");

    @TempDir
    private Path folder;

    @Test
    void failAtTheCall_withTheNameOfTheParameter() throws IOException {
        ApiSamples samples = new ApiSamples(folder);
        MicroVm machine = TinyKernel.on(folder, "exit")
                .hypervisor(HypervisorChoice.ENGINE)
                .build();
        samples.add(MicroVm.class, machine);
        samples.add(MicroVmBuilder.class, MicroVm.builder());
        samples.add(RestoreBuilder.class, restore());
        samples.add(Console.class, new Console(machine, new ConsoleBuffer(), new ConsoleInput(null)));
        Set<String> wrong = new TreeSet<>();
        int calls = 0;
        for (Class<?> type : api()) {
            for (Executable member : members(type)) {
                AnnotatedType[] parameters = member.getAnnotatedParameterTypes();
                for (int i = 0; i < parameters.length; i++) {
                    if (member.getParameterTypes()[i].isPrimitive() || mayBeNull(parameters[i])) continue;
                    calls++;
                    String problem = problem(member, i, samples);
                    if (!problem.isEmpty()) wrong.add(name(member) + " parameter " + (i + 1) + ": " + problem);
                }
            }
        }

        assertThat(wrong).isEmpty();
        assertThat(calls).isGreaterThan(200);
        machine.close();
    }

    private static RestoreBuilder restore() {
        MachineState state = new MachineState(
                MachineSpec.DEFAULT, "engine", Instant.EPOCH, OptionalLong.empty(), List.of(), new LinkedHashMap<>());
        return new RestoreBuilder(state, RamImage.of(RamBacking.anonymous()), slot -> List.of());
    }

    private static List<Class<?>> api() {
        List<Class<?>> found = new ArrayList<>(OTHERS);
        for (JavaClass each : new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackagesOf(MicroVm.class)) {
            if (!PACKAGES.contains(each.getPackageName())) continue;
            Class<?> type = each.reflect();
            if (isPublic(type) && !isOfTests(type)) found.add(type);
        }
        return found;
    }

    /** Where the tests' classes lie beside those of the library, no folder tells them apart. */
    private static boolean isOfTests(Class<?> type) {
        return type.getName().endsWith("Test") || type.equals(PlannedMachine.class);
    }

    private static boolean isPublic(Class<?> type) {
        Class<?> outer = type.getDeclaringClass();
        return Modifier.isPublic(type.getModifiers()) && (outer == null || isPublic(outer));
    }

    private static List<Executable> members(Class<?> type) {
        Stream<Executable> all =
                Stream.concat(Arrays.stream(type.getDeclaredMethods()), Arrays.stream(type.getDeclaredConstructors()));
        return all.filter(each -> Modifier.isPublic(each.getModifiers()) && !each.isSynthetic())
                .filter(each -> !Modifier.isAbstract(each.getModifiers())) // a user's, such as a device's factory
                .filter(each -> !Throwable.class.isAssignableFrom(type)) // nothing must hide what they report
                .filter(each -> !isOfTheLanguage(each))
                .toList();
    }

    private static boolean isOfTheLanguage(Executable member) {
        return member.getName().equals("equals")
                || (member.getDeclaringClass().isEnum() && member.getName().equals("valueOf"));
    }

    private static boolean mayBeNull(AnnotatedType type) {
        return type.isAnnotationPresent(Nullable.class);
    }

    private static String problem(Executable member, int index, ApiSamples samples) {
        try {
            Object[] arguments = new Object[member.getParameterCount()];
            for (int i = 0; i < arguments.length; i++) {
                if (i != index) arguments[i] = samples.of(member.getParameterTypes()[i]);
            }
            call(member, arguments, samples);
            return "accepted";
        } catch (InvocationTargetException e) {
            return isRight(e.getCause()) ? "" : String.valueOf(e.getCause());
        } catch (ReflectiveOperationException | IllegalStateException e) {
            return "cannot be called: " + e;
        }
    }

    private static boolean isRight(@Nullable Throwable thrown) {
        if (thrown instanceof MicroVmException) return true;
        if (!(thrown instanceof NullPointerException)) return false;
        String message = thrown.getMessage();
        return message != null && NAME.matcher(message).matches();
    }

    private static void call(Executable member, Object[] arguments, ApiSamples samples)
            throws ReflectiveOperationException {
        if (member instanceof Constructor<?> constructor) {
            constructor.newInstance(arguments);
        } else {
            boolean isStatic = Modifier.isStatic(member.getModifiers());
            ((Method) member).invoke(isStatic ? null : samples.of(member.getDeclaringClass()), arguments);
        }
    }

    private static String name(Executable member) {
        return member.getDeclaringClass().getName() + "." + member.getName()
                + Arrays.stream(member.getParameterTypes())
                        .map(Class::getSimpleName)
                        .collect(joining(", ", "(", ")"));
    }
}
