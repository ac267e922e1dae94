package dev.microvm;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.boot.BootLayout;
import dev.microvm.boot.BootModule;
import dev.microvm.boot.BootPlan;
import dev.microvm.boot.CommandLine;
import dev.microvm.boot.FirmwareImage;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.Initrd;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.OptionRom;
import dev.microvm.boot.tables.PvhStartInfo;
import dev.microvm.boot.tables.ZeroPage;
import dev.microvm.boot.testing.TinyFirmware;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.MachineSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A valid value of each type of the API, to call its methods with. */
final class ApiSamples {
    private final Map<Class<?>, Object> values = new HashMap<>();

    ApiSamples(Path folder) throws IOException {
        Path file = Files.write(folder.resolve("sample"), TinyKernel.elf());
        Path rom = Files.write(folder.resolve("rom"), TinyFirmware.rom());
        byte[] optionRom = new byte[512]; // a signature and a length of one block: PCI Firmware Specification, 5.2.1
        optionRom[0] = 0x55;
        optionRom[1] = (byte) 0xaa;
        optionRom[2] = 1;
        add(Path.class, file);
        add(String.class, "sample");
        add(byte[].class, new byte[] {1});
        add(String[].class, new String[] {"sample"});
        add(int[].class, new int[] {1});
        add(Object.class, "sample");
        add(CharSequence.class, "sample");
        add(Duration.class, Duration.ZERO);
        add(Instant.class, Instant.EPOCH);
        add(List.class, List.of());
        add(Map.class, Map.of());
        add(Set.class, Set.of());
        add(Optional.class, Optional.empty());
        add(OptionalInt.class, OptionalInt.empty());
        add(OptionalLong.class, OptionalLong.empty());
        add(InputStream.class, InputStream.nullInputStream());
        add(OutputStream.class, OutputStream.nullOutputStream());
        add(SocketAddress.class, new InetSocketAddress(InetAddress.getLoopbackAddress(), 1));
        add(NetBackend.class, StreamBackend.to(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1)));
        add(MacAddress.class, MacAddress.of("sample", 0));
        add(DiskImage.class, DiskImage.raw(file));
        add(MachineSpec.class, MachineSpec.DEFAULT);
        add(GuestClock.class, GuestClock.HOST);
        add(RamBacking.class, RamBacking.anonymous());
        add(CommandLine.class, CommandLine.of("sample"));
        add(CpuidEntry.class, new CpuidEntry(0, 0, false, 0, 0, 0, 0));
        add(Initramfs.class, Initramfs.builder().build());
        add(Initramfs.Builder.class, Initramfs.builder());
        add(Initrd.class, Initrd.of(new byte[] {1}));
        add(BootModule.class, BootModule.of(new byte[] {1}, ""));
        add(KernelImage.class, KernelImage.open(file));
        add(FirmwareImage.class, FirmwareImage.open(rom));
        add(OptionRom.class, OptionRom.open(Files.write(folder.resolve("option.rom"), optionRom)));
        add(BootPlan.Builder.class, BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(16 << 20)));
        add(FirmwarePlan.Builder.class, FirmwarePlan.builder(FirmwareImage.open(rom), BootLayout.memoryMap(16 << 20)));
        GuestMemory memory =
                new GuestMemory(List.of(new GuestMemoryRegion(0, Arena.ofAuto().allocate(0x1_0000, 4096), false)));
        add(GuestMemory.class, memory);
        add(ZeroPage.class, new ZeroPage(memory, 0x7000));
        add(PvhStartInfo.class, new PvhStartInfo(memory, 0x6000));
        add(
                BootPlan.class,
                BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(16 << 20))
                        .build());
        add(
                FirmwarePlan.class,
                FirmwarePlan.builder(FirmwareImage.open(rom), BootLayout.memoryMap(16 << 20))
                        .build());
    }

    /** Adds or replaces the value of a type. */
    void add(Class<?> type, Object value) {
        values.put(type, value);
    }

    /** Returns a value of a type. */
    Object of(Class<?> type) {
        Object known = values.get(type);
        if (known != null) return known;
        Object made = make(type);
        values.put(type, made);
        return made;
    }

    private Object make(Class<?> type) {
        if (type == boolean.class) return false;
        if (type == int.class) return 2;
        if (type == long.class) return 2L;
        if (type.isEnum()) return type.getEnumConstants()[0];
        Object constant = constant(type);
        if (constant != null) return constant;
        if (type.isSealed()) return of(type.getPermittedSubclasses()[0]);
        if (type.isRecord()) return record(type);
        if (type.isInterface()) return proxy(type);
        throw new IllegalStateException("no sample of " + type + ": add one");
    }

    private static @Nullable Object constant(Class<?> type) {
        for (Field field : type.getDeclaredFields()) {
            boolean sample = field.getType() == type && Modifier.isStatic(field.getModifiers());
            if (!sample || !Modifier.isPublic(field.getModifiers())) continue;
            try {
                return field.get(null);
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }
        return null;
    }

    private Object record(Class<?> type) {
        try {
            Constructor<?> constructor = type.getDeclaredConstructors()[0];
            List<Object> arguments = new ArrayList<>();
            for (Class<?> each : constructor.getParameterTypes()) arguments.add(of(each));
            return constructor.newInstance(arguments.toArray());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("no sample of " + type + ": add one", e);
        }
    }

    private static Object proxy(Class<?> type) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
            throw new UnsupportedOperationException(method.toString());
        });
    }
}
