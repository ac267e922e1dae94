package dev.microvm.engine.apic;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class VectorSetTest {
    private final VectorSet set = new VectorSet();

    @Test
    void hasNoHighest_whenEmpty() {
        assertThat(set.highest()).isEqualTo(VectorSet.NONE);
    }

    @Test
    void findsEveryVector_asTheHighest() {
        for (int vector = 0; vector < 256; vector++) {
            set.add(vector);
            assertThat(set.highest()).isEqualTo(vector);
            assertThat(set.contains(vector)).isTrue();
        }
        for (int vector = 255; vector > 0; vector--) {
            set.remove(vector);
            assertThat(set.highest()).isEqualTo(vector - 1);
        }
    }

    @Test
    void showsItself_asEightRegisters() {
        set.register(7, 0x8000_0000);
        set.register(2, 1);

        assertThat(set.highest()).isEqualTo(255);
        assertThat(set.contains(64)).isTrue();
        assertThat(set.register(7)).isEqualTo(0x8000_0000);
        assertThat(set.register(6)).isZero();
    }
}
