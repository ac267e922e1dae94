package dev.microvm.linux;

import dev.microvm.error.MicroVmException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Optional;

/**
 * Links functions of the C library. If that is not possible, each function throws the reason when it
 * is called; so a class that links some can still be initialized.
 */
final class Linking {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBRARY = LINKER.defaultLookup();
    private static final Linker.Option CAPTURE_ERRNO = Linker.Option.captureCallState("errno");
    private static final Optional<String> PROBLEM = LinuxHost.problem();

    private Linking() {}

    /** Returns the address of a function. */
    static MemorySegment function(String name) {
        return LIBRARY.find(name).orElseThrow(() -> new IllegalStateException("the C library has no function " + name));
    }

    /**
     * Links a function, with its errno captured in a first argument.
     *
     * @param fixed number of arguments before the variadic ones; 0 if the function is not variadic
     */
    @SuppressWarnings("restricted") // the one place that makes downcalls
    static MethodHandle link(String name, int fixed, MemoryLayout result, MemoryLayout... arguments) {
        FunctionDescriptor descriptor = FunctionDescriptor.of(result, arguments);
        if (PROBLEM.isPresent()) return failing(descriptor.toMethodType().insertParameterTypes(0, MemorySegment.class));
        return fixed == 0
                ? LINKER.downcallHandle(function(name), descriptor, CAPTURE_ERRNO)
                : LINKER.downcallHandle(
                        function(name), descriptor, CAPTURE_ERRNO, Linker.Option.firstVariadicArg(fixed));
    }

    private static MethodHandle failing(MethodType type) {
        try {
            MethodHandle reason = MethodHandles.lookup()
                    .findStatic(Linking.class, "problem", MethodType.methodType(MicroVmException.class));
            MethodHandle thrower = MethodHandles.throwException(type.returnType(), MicroVmException.class);
            return MethodHandles.dropArguments(MethodHandles.foldArguments(thrower, reason), 0, type.parameterList());
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("a method of this class", e);
        }
    }

    @SuppressWarnings("UnusedMethod") // the handles of failing() call it
    private static MicroVmException problem() {
        return new MicroVmException(PROBLEM.orElseThrow());
    }
}
