package dev.microvm.junit.named;

import dev.microvm.junit.Guest;
import dev.microvm.junit.GuestProvider;
import dev.microvm.junit.GuestVm;
import dev.microvm.junit.MicroVms;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Classes of a package that names a guest. */
public final class Subjects {
    private Subjects() {}

    /** Says that it was asked. */
    public static final class GuestOfClass implements GuestProvider {
        @Override
        public GuestVm guest() {
            throw new IllegalStateException("asked the class");
        }
    }

    /** Names no guest. */
    @MicroVms
    public static final class NamesNone {
        @Test
        void test(@Guest GuestVm guest) {}
    }

    /** Names a guest, also for the class inside. */
    @MicroVms(guest = GuestOfClass.class)
    public static final class NamesOne {
        @Nested
        final class Inside {
            @Test
            void test(@Guest GuestVm guest) {}
        }
    }
}
