package dev.microvm.boot.testing;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** Objects whose calls a test sees first. */
public final class Intercepted {
    private Intercepted() {}

    /** The call that was made. */
    public interface Call {
        /** Lets it go on to the object it was made for. */
        Object proceed() throws Throwable;
    }

    /** Who sees it. */
    public interface Interceptor {
        /** What the caller gets. */
        Object call(String method, Object[] arguments, Call call) throws Throwable;
    }

    /** {@code target}, but for what the interceptor makes of its calls. */
    @SuppressWarnings("NullAway") // a void method's result
    public static <T> T of(Class<T> type, T target, Interceptor interceptor) {
        Object proxy = Proxy.newProxyInstance(
                type.getClassLoader(),
                new Class<?>[] {type},
                (self, method, arguments) -> interceptor.call(method.getName(), arguments, () -> {
                    try {
                        return method.invoke(target, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
        return type.cast(proxy);
    }
}
