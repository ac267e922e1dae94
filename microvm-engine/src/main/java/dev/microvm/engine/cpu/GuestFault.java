package dev.microvm.engine.cpu;

/**
 * An exception of the guest on its way to {@link CpuLoop#run}: thrown where it is found, once RIP
 * is right. Each CPU has one, without a stack trace, and throws it again and again.
 */
public final class GuestFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What {@link #errorCode} holds where none is pushed. */
    static final int NO_ERROR_CODE = -1;

    /** The vector of an exit to a debugger on the host, which is no exception of the guest. */
    static final int TO_HOST = -1;

    int vector;
    int errorCode;

    GuestFault() {
        super(null, null, /* enableSuppression= */ false, /* writableStackTrace= */ false);
    }

    @Override
    public String getMessage() {
        return "vector " + vector + ", error code " + errorCode;
    }
}
