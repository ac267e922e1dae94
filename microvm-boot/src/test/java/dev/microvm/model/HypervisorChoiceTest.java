package dev.microvm.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.hypervisor.HypervisorException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class HypervisorChoiceTest {
    private final @Nullable String before = System.getProperty(HypervisorChoice.PROPERTY);

    @AfterEach
    void restore() {
        if (before == null) System.clearProperty(HypervisorChoice.PROPERTY);
        else System.setProperty(HypervisorChoice.PROPERTY, before);
    }

    @Test
    void isAuto_whenThePropertyIsNotSet() {
        System.clearProperty(HypervisorChoice.PROPERTY);
        assertThat(HypervisorChoice.ofProperty()).isEqualTo(HypervisorChoice.AUTO);
    }

    @Test
    void isWhatThePropertySays() {
        for (HypervisorChoice choice : HypervisorChoice.values()) {
            System.setProperty(HypervisorChoice.PROPERTY, choice.name());
            assertThat(HypervisorChoice.ofProperty()).isEqualTo(choice);
        }
        System.setProperty(HypervisorChoice.PROPERTY, "engine");
        assertThat(HypervisorChoice.ofProperty()).isEqualTo(HypervisorChoice.ENGINE);
    }

    @Test
    void isRefused_whenThePropertySaysAnythingElse() {
        System.setProperty(HypervisorChoice.PROPERTY, "xen");
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(HypervisorChoice::ofProperty)
                .withMessage("the system property microvm.hypervisor is \"xen\": set it to auto, kvm or engine");
    }
}
