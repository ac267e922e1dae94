package dev.microvm.engine.cpu;

/** A branch whose target is computed: what it remembers lets compiled code guess it. */
public interface IndirectBranch {
    /** The address that it went to when it last ran as an instruction; 0 if that is not known. */
    long recentTarget();

    /** Offset in its page of where what it calls returns to, or {@link Branch#NOWHERE}. */
    default int returnOffset() {
        return Branch.NOWHERE;
    }
}
