package dev.microvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The numbers of include/uapi/linux/kvm.h on x86-64, as a C compiler gives them: they hold the
 * structs' sizes.
 */
final class KvmRequestTest {
    @ParameterizedTest
    @CsvSource({
        "GET_API_VERSION, 0xAE00",
        "CREATE_VM, 0xAE01",
        "CHECK_EXTENSION, 0xAE03",
        "GET_VCPU_MMAP_SIZE, 0xAE04",
        "GET_SUPPORTED_CPUID, 0xC008AE05",
        "GET_MSR_INDEX_LIST, 0xC004AE02",
        "CREATE_VCPU, 0xAE41",
        "SET_USER_MEMORY_REGION, 0x4020AE46",
        "SET_TSS_ADDR, 0xAE47",
        "SET_IDENTITY_MAP_ADDR, 0x4008AE48",
        "CREATE_IRQCHIP, 0xAE60",
        "CREATE_PIT2, 0x4040AE77",
        "GET_PIT2, 0x8070AE9F",
        "SET_PIT2, 0x4070AEA0",
        "IRQ_LINE, 0x4008AE61",
        "SET_GSI_ROUTING, 0x4008AE6A",
        "IRQFD, 0x4020AE76",
        "IOEVENTFD, 0x4040AE79",
        "SIGNAL_MSI, 0x4020AEA5",
        "ENABLE_CAP, 0x4068AEA3",
        "GET_CLOCK, 0x8030AE7C",
        "SET_CLOCK, 0x4030AE7B",
        "RUN, 0xAE80",
        "GET_REGS, 0x8090AE81",
        "SET_REGS, 0x4090AE82",
        "GET_SREGS, 0x8138AE83",
        "SET_SREGS, 0x4138AE84",
        "GET_MSRS, 0xC008AE88",
        "SET_MSRS, 0x4008AE89",
        "GET_XSAVE, 0x9000AEA4",
        "SET_XSAVE, 0x5000AEA5",
        "GET_XCRS, 0x8188AEA6",
        "SET_XCRS, 0x4188AEA7",
        "GET_DEBUGREGS, 0x8080AEA1",
        "SET_DEBUGREGS, 0x4080AEA2",
        "GET_VCPU_EVENTS, 0x8040AE9F",
        "SET_VCPU_EVENTS, 0x4040AEA0",
        "GET_MP_STATE, 0x8004AE98",
        "SET_MP_STATE, 0x4004AE99",
        "GET_LAPIC, 0x8400AE8E",
        "SET_LAPIC, 0x4400AE8F",
        "SET_CPUID2, 0x4008AE90",
        "GET_TSC_KHZ, 0xAEA3",
        "SET_TSC_KHZ, 0xAEA2",
        "HAS_DEVICE_ATTR, 0x4018AEE3",
        "GET_DEVICE_ATTR, 0x4018AEE2",
        "SET_DEVICE_ATTR, 0x4018AEE1",
        "KVMCLOCK_CTRL, 0xAEAD",
        "INTERRUPT, 0x4004AE86",
        "SET_GUEST_DEBUG, 0x4048AE9B",
        "TRANSLATE, 0xC018AE85"
    })
    void hasTheNumberOfTheKernel(KvmRequest request, long number) {
        assertThat(request.number()).isEqualTo(number);
    }

    @Test
    void countsAsManyAsTheTableAbove() {
        assertThat(KvmRequest.values()).hasSize(51);
    }

    @ParameterizedTest
    @CsvSource({
        "IRQCHIP, 0",
        "USER_MEMORY, 3",
        "SET_TSS_ADDR, 4",
        "EXT_CPUID, 7",
        "NR_VCPUS, 9",
        "MP_STATE, 14",
        "SET_GUEST_DEBUG, 23",
        "IRQ_ROUTING, 25",
        "IRQFD, 32",
        "PIT2, 33",
        "IOEVENTFD, 36",
        "SET_IDENTITY_MAP_ADDR, 37",
        "ADJUST_CLOCK, 39",
        "VCPU_EVENTS, 41",
        "DEBUGREGS, 50",
        "XSAVE, 55",
        "XCRS, 56",
        "TSC_CONTROL, 60",
        "GET_TSC_KHZ, 61",
        "MAX_VCPUS, 66",
        "TSC_DEADLINE_TIMER, 72",
        "SIGNAL_MSI, 77",
        "READONLY_MEM, 81",
        "SPLIT_IRQCHIP, 121",
        "X2APIC_API, 129",
        "IMMEDIATE_EXIT, 136"
    })
    void hasTheCapabilityNumberOfTheKernel(KvmCapability capability, int number) {
        assertThat(capability.number()).isEqualTo(number);
        assertThat(capability).hasToString("KVM_CAP_" + capability.name());
    }

    @Test
    void countsAsManyCapabilitiesAsTheTableAbove() {
        assertThat(KvmCapability.values()).hasSize(26);
    }

    @ParameterizedTest
    @EnumSource(names = {"GET_API_VERSION", "RUN", "IRQFD"})
    void namesTheRequest_whenItFails(KvmRequest request) {
        FileDescriptor nothing = new FileDescriptor(-1);

        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> request.call(nothing, 0))
                .withMessage("KVM_%s failed: EBADF (bad file descriptor)", request.name());
    }

    @Test
    void addsTheRemedy_whenThereIsOne() {
        assertThat(KvmRequest.CREATE_VM.failure(Errno.EMFILE, "raise the limit"))
                .hasMessage("KVM_CREATE_VM failed: EMFILE (too many open files in the process); raise the limit");
    }
}
