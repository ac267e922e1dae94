package dev.microvm.engine.oracle;

/**
 * What a selector of a {@link Case} stands for outside of 64-bit mode: as {@link UserCaseMachine}
 * and case-oracle.c have it.
 */
record CaseSegment(long base, long limit, boolean readable, boolean writable, boolean expandsDown) {
    private static final long FLAT = 0xFFFF_FFFFL;
    private static final CaseSegment NULL = new CaseSegment(0, 0, false, false, false);

    static CaseSegment of(int selector) {
        return switch (selector) {
            case UserCaseMachine.CODE_32, UserCaseMachine.CODE_64 -> new CaseSegment(0, FLAT, true, false, false);
            case UserCaseMachine.DATA_32 -> new CaseSegment(0, FLAT, true, true, false);
            case UserCaseMachine.LDT_CODE_16 ->
                new CaseSegment(UserCaseMachine.CODE, UserCaseMachine.CODE_SIZE - 1, true, false, false);
            case UserCaseMachine.LDT_CODE_32 ->
                new CaseSegment(UserCaseMachine.CODE, UserCaseMachine.CODE_SIZE - 1, false, false, false);
            case UserCaseMachine.LDT_DATA_16 -> new CaseSegment(UserCaseMachine.DATA, 0x5FFF, true, true, false);
            case UserCaseMachine.LDT_READ_ONLY -> new CaseSegment(UserCaseMachine.DATA, 0x9FF, true, false, false);
            case UserCaseMachine.LDT_EXPAND_DOWN -> new CaseSegment(UserCaseMachine.DATA, 0x7FF, true, true, true);
            default -> NULL;
        };
    }

    /**
     * Whether an access can be refused. One that wraps around 4 GiB may be or not (Intel SDM vol.
     * 3A, 5.3).
     */
    boolean canRefuse(long offset, int bytes, boolean write) {
        if (!readable && !writable) return true;
        if (write ? !writable : !readable) return true;
        long last = offset + bytes - 1;
        if (last > FLAT) return true;
        return expandsDown ? offset <= limit : last > limit;
    }
}
