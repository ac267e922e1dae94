package dev.microvm.testing;

import static java.util.stream.Collectors.joining;

import dev.microvm.error.MicroVmException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Calls each public method and constructor of an API with null for each parameter that is not
 * {@code Nullable}: it must fail at once, with the name of the option or parameter.
 */
public final class NullWalk {
    /** A name, alone or with a remedy; what the JVM says of its own accord is a sentence. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9]*(: .*)?");

    private final ApiSamples samples;
    private final Set<String> exempt;
    private final Set<String> exemptAndMet = new HashSet<>();
    private final Set<String> walked = new HashSet<>();
    private final Set<String> wrong = new TreeSet<>();

    /**
     * Makes a walk.
     *
     * @param exempt methods that are not called, as {@code dev.microvm.bus.Bus.add}; each must be met
     */
    public NullWalk(ApiSamples samples, Set<String> exempt) {
        this.samples = samples;
        this.exempt = exempt;
    }

    /** Walks over all members of these types, also those that they inherit. */
    public void over(Iterable<Class<?>> types) {
        for (Class<?> type : types) {
            if (Throwable.class.isAssignableFrom(type)) continue; // nothing must hide what they report
            members(type).forEach(member -> call(type, member));
        }
    }

    /** Returns what is wrong, one line for each parameter and for each exempt method not met. */
    public Set<String> wrong() {
        Set<String> all = new TreeSet<>(wrong);
        exempt.stream()
                .filter(each -> !exemptAndMet.contains(each))
                .forEach(each -> all.add(each + ": exempt, and not there"));
        return all;
    }

    /** Returns how many parameters were null, each once. */
    public int parameters() {
        return walked.size();
    }

    private static Stream<Executable> members(Class<?> type) {
        Stream<Executable> methods = Arrays.stream(type.getMethods())
                .filter(each -> isOurs(each.getDeclaringClass()) && !each.isSynthetic())
                .filter(each -> !Modifier.isAbstract(each.getModifiers())) // a user's, such as a device's factory
                .filter(each -> Modifier.isStatic(each.getModifiers()) || !isAbstractClass(type))
                .map(Executable.class::cast);
        Stream<Executable> constructors = isAbstractClass(type) ? Stream.of() : Arrays.stream(type.getConstructors());
        return Stream.concat(methods, constructors).filter(each -> !isOfTheLanguage(each));
    }

    private static boolean isOurs(Class<?> type) {
        return type.getName().startsWith("dev.microvm.");
    }

    private static boolean isAbstractClass(Class<?> type) {
        return !type.isInterface() && Modifier.isAbstract(type.getModifiers());
    }

    private static boolean isOfTheLanguage(Executable member) {
        return member.getName().equals("equals")
                || (member.getDeclaringClass().isEnum() && member.getName().equals("valueOf"));
    }

    private void call(Class<?> type, Executable member) {
        String path = member instanceof Method ? type.getName() + "." + member.getName() : type.getName();
        AnnotatedType[] parameters = member.getAnnotatedParameterTypes();
        for (int i = 0; i < parameters.length; i++) {
            if (member.getParameterTypes()[i].isPrimitive() || mayBeNull(parameters[i])) continue;
            if (exempt.contains(path)) {
                exemptAndMet.add(path);
                continue;
            }
            String parameter = path + signature(member) + " parameter " + (i + 1);
            walked.add(parameter);
            String problem = problem(type, member, i);
            if (!problem.isEmpty()) wrong.add(parameter + ": " + problem);
        }
    }

    private static boolean mayBeNull(AnnotatedType type) {
        return type.isAnnotationPresent(Nullable.class);
    }

    private String problem(Class<?> type, Executable member, int index) {
        MethodHandle call;
        try {
            call = handle(type, member, index);
        } catch (ReflectiveOperationException | IllegalStateException e) {
            return "cannot be called: " + e;
        }
        try {
            call.invoke();
            return "accepted";
        } catch (Throwable e) {
            return isRight(e) ? "" : e.toString();
        }
    }

    /** Returns the member with all its arguments, as a user of the type finds it. */
    private MethodHandle handle(Class<?> type, Executable member, int index) throws ReflectiveOperationException {
        Class<?>[] parameters = member.getParameterTypes();
        List<@Nullable Object> arguments = new ArrayList<>();
        for (int i = 0; i < parameters.length; i++) arguments.add(i == index ? null : samples.of(parameters[i]));
        MethodHandles.Lookup lookup = MethodHandles.publicLookup();
        MethodHandle found;
        if (member instanceof Method method) {
            MethodType shape = MethodType.methodType(method.getReturnType(), parameters);
            if (Modifier.isStatic(method.getModifiers())) {
                found = lookup.findStatic(type, method.getName(), shape);
            } else {
                found = lookup.findVirtual(type, method.getName(), shape);
                arguments.addFirst(samples.of(type));
            }
        } else {
            found = lookup.findConstructor(type, MethodType.methodType(void.class, parameters));
        }
        return MethodHandles.insertArguments(found.asFixedArity(), 0, arguments.toArray());
    }

    private static boolean isRight(Throwable thrown) {
        if (thrown instanceof MicroVmException) return true;
        if (!(thrown instanceof NullPointerException)) return false;
        String message = thrown.getMessage();
        return message != null && NAME.matcher(message).matches();
    }

    private static String signature(Executable member) {
        return Arrays.stream(member.getParameterTypes())
                .map(Class::getSimpleName)
                .collect(joining(", ", "(", ")"));
    }
}
