package dev.microvm.boot.testing;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** Objects whose calls go to a test first. */
public final class Intercepted {
    private Intercepted() {}

    /** The call that was made. */
    public interface Call {
        /** Passes the call on to the object. */
        Object proceed() throws Throwable;
    }

    /** Receives the calls. */
    public interface Interceptor {
        /** Handles a call and returns its result. */
        Object call(String method, Object[] arguments, Call call) throws Throwable;
    }

    /** Returns an object like {@code target}, whose calls go to the interceptor. */
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
