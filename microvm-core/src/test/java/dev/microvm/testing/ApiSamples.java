package dev.microvm.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.lang.reflect.RecordComponent;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A valid value of each type of an API, to call its methods with. Knows those of the JDK; makes
 * enums, constants, records, interfaces and classes with public constructors by itself; the others
 * are added. An interface that is made answers each call with a sample of what it returns.
 */
public final class ApiSamples implements AutoCloseable {
    private final Map<Class<?>, Object> values = new HashMap<>();
    private final Set<Class<?>> making = new HashSet<>();

    /** Makes samples of the JDK's types. */
    public ApiSamples() {
        add(String.class, "sample");
        add(byte[].class, new byte[] {1});
        add(String[].class, new String[] {"sample"});
        add(int[].class, new int[] {1});
        add(long[].class, new long[] {1});
        add(Object.class, "sample");
        add(CharSequence.class, "sample");
        add(Thread.class, Thread.currentThread());
        add(Throwable.class, new IOException("sample"));
        add(Duration.class, Duration.ZERO);
        add(Instant.class, Instant.EPOCH);
        add(InstantSource.class, InstantSource.fixed(Instant.EPOCH));
        add(List.class, List.of());
        add(Map.class, Map.of());
        add(Set.class, Set.of());
        add(Optional.class, Optional.empty());
        add(OptionalInt.class, OptionalInt.empty());
        add(OptionalLong.class, OptionalLong.empty());
        add(InputStream.class, InputStream.nullInputStream());
        add(OutputStream.class, OutputStream.nullOutputStream());
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);
        add(InetSocketAddress.class, address);
        add(SocketAddress.class, address);
    }

    /** Adds or replaces the value of a type. */
    public void add(Class<?> type, Object value) {
        values.put(type, value);
    }

    /** Returns a value of a type. */
    public Object of(Class<?> type) {
        Object known = values.get(type);
        if (known != null) return known;
        if (!making.add(type)) throw new IllegalStateException("no sample of " + type + " without another: add one");
        try {
            Object made = make(type);
            values.put(type, made);
            return made;
        } finally {
            making.remove(type);
        }
    }

    /** Closes the values that can be closed. */
    @Override
    public void close() {
        for (Object value : values.values()) {
            if (value instanceof AutoCloseable open && !Proxy.isProxyClass(value.getClass())) close(open);
        }
    }

    private static void close(AutoCloseable open) {
        try {
            open.close();
        } catch (Exception e) {
            throw new IllegalStateException("a sample does not close: " + open, e);
        }
    }

    private Object make(Class<?> type) {
        if (type == boolean.class) return false;
        if (type == int.class || type == Integer.class) return 2;
        if (type == long.class) return 2L;
        if (type.isEnum()) return type.getEnumConstants()[0];
        Object constant = constant(type);
        if (constant != null) return constant;
        if (type.isSealed()) return of(type.getPermittedSubclasses()[0]);
        if (type.isRecord()) return record(type);
        if (type.isInterface()) return proxy(type);
        return made(type);
    }

    private static @Nullable Object constant(Class<?> type) {
        for (Field field : type.getDeclaredFields()) {
            boolean sample = field.getType() == type && Modifier.isStatic(field.getModifiers());
            if (!sample || !Modifier.isPublic(field.getModifiers())) continue;
            try {
                return field.get(null);
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }
        return null;
    }

    private Object record(Class<?> type) {
        Class<?>[] components = Arrays.stream(type.getRecordComponents())
                .map(RecordComponent::getType)
                .toArray(Class<?>[]::new);
        try {
            return call(type.getDeclaredConstructor(components));
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Makes an object by the public constructor or factory method that needs the fewest values. */
    private Object made(Class<?> type) {
        Stream<Executable> factories = Arrays.stream(type.getDeclaredMethods())
                .filter(each -> Modifier.isStatic(each.getModifiers()) && each.getReturnType() == type)
                .map(Executable.class::cast);
        return Stream.concat(Arrays.stream(type.getDeclaredConstructors()), factories)
                .filter(each -> Modifier.isPublic(each.getModifiers()) && !Modifier.isAbstract(type.getModifiers()))
                .min(Comparator.comparingInt(Executable::getParameterCount))
                .map(this::call)
                .orElseThrow(() -> new IllegalStateException("no sample of " + type + ": add one"));
    }

    private Object call(Executable maker) {
        Object[] arguments =
                Arrays.stream(maker.getParameterTypes()).map(this::of).toArray();
        try {
            return maker instanceof Constructor<?> constructor
                    ? constructor.newInstance(arguments)
                    : ((Method) maker).invoke(null, arguments);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("no sample by " + maker + ": add one", e);
        }
    }

    private Object proxy(Class<?> type) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, this::answer);
    }

    @SuppressWarnings("ReferenceEquality") // a sample is equal to itself only
    private @Nullable Object answer(Object self, Method method, Object @Nullable [] arguments) throws Throwable {
        if (method.isDefault()) return InvocationHandler.invokeDefault(self, method, arguments);
        return switch (method.getName()) {
            case "hashCode" -> System.identityHashCode(self);
            case "toString" -> "a sample";
            case "equals" -> arguments != null && arguments[0] == self;
            default -> method.getReturnType() == void.class ? null : of(method.getReturnType());
        };
    }
}
