package dev.microvm.backend.net;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(OS.LINUX)
final class NetInterfaceTest {
    @Test
    void knowsTheInterfacesOfThisNamespace() {
        assertThat(NetInterface.exists("lo")).isTrue();
        assertThat(NetInterface.mtu("lo")).isNotEmpty();
    }

    @Test
    void knowsWhenThereIsNone() {
        assertThat(NetInterface.exists("microvm-none")).isFalse();
    }
}
