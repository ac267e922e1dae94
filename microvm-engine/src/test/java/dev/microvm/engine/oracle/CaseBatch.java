package dev.microvm.engine.oracle;

/** Cases that run one after the other on the same memory. */
public final class CaseBatch {
    /** What all cases see: two pages of data, then the page of the stack. */
    public final byte[] memory = new byte[UserCaseMachine.MEMORY_SIZE];

    final byte[] bytes;
    private final Case[] cases;

    /** Makes room for a number of cases. */
    public CaseBatch(int size) {
        bytes = new byte[size * Case.SIZE];
        cases = new Case[size];
        for (int i = 0; i < size; i++) cases[i] = new Case(bytes, i * Case.SIZE);
    }

    /** How many there are. */
    public int size() {
        return cases.length;
    }

    /** One of them. */
    public Case get(int index) {
        return cases[index];
    }

    /** What came of a batch. */
    public static final class Outcomes {
        /** What it left in memory. */
        public final byte[] memory = new byte[UserCaseMachine.MEMORY_SIZE];

        final byte[] bytes;
        private final Outcome[] outcomes;

        /** Makes room for as many as there are cases. */
        public Outcomes(int size) {
            bytes = new byte[size * Outcome.SIZE];
            outcomes = new Outcome[size];
            for (int i = 0; i < size; i++) outcomes[i] = new Outcome(bytes, i * Outcome.SIZE);
        }

        /** That of one of them. */
        public Outcome get(int index) {
            return outcomes[index];
        }
    }
}
