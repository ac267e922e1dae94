package dev.microvm;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.memory.GuestMemory;
import dev.microvm.testing.Lanes;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.module.ModuleDescriptor;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/**
 * The rules of docs/architecture.md that can be tested: dependencies, and the form of public
 * classes.
 */
final class ArchitectureTest {
    private static final String FACADE = "dev.microvm";
    private static final String SNAPSHOT = "dev.microvm.snapshot..";
    private static final String MODEL = "dev.microvm.model..";
    private static final String MACHINE = "dev.microvm.machine..";
    private static final String CONSOLE = "dev.microvm.console..";
    private static final String BOOT = "dev.microvm.boot..";
    private static final String DEVICES = "dev.microvm.devices..";
    private static final String BACKENDS = "dev.microvm.backend..";
    private static final String HYPERVISOR = "dev.microvm.hypervisor..";
    private static final String VCPU = "dev.microvm.vcpu..";
    private static final String KVM = "dev.microvm.kvm..";
    private static final String BINDINGS = "dev.microvm.kvm.generated..";
    private static final String ENGINE = "dev.microvm.engine..";
    private static final String LINUX = "dev.microvm.linux..";

    /** One class of each module, which leads to all the others. */
    private static final List<Class<?>> MODULES = List.of(GuestMemory.class, Uart16550.class, engine(), MicroVm.class);

    private static final JavaClasses ALL = new ClassFileImporter()
            .importUrls(MODULES.stream().map(ArchitectureTest::location).toList());

    @Test
    void findsTheClassesOfAllModules() {
        assertThat(ALL.contain(GuestMemory.class)).isTrue();
        assertThat(ALL.contain(Uart16550.class)).isTrue();
        assertThat(ALL.contain(engine())).isTrue();
        assertThat(ALL.contain(MicroVm.class)).isTrue();
        assertThat(ALL.size()).isGreaterThan(100);
    }

    @Test
    void packagesFormNoCycles() {
        slices().assignedFrom(new PackageSlices())
                .should()
                .beFreeOfCycles()
                .ignoreDependency(resideInAPackage(BINDINGS), DescribedPredicate.alwaysTrue())
                .check(ALL);
    }

    @Test
    void coreKnowsNothingAboveIt() {
        noClasses()
                .that()
                .resideOutsideOfPackages(FACADE, MODEL, MACHINE, SNAPSHOT, CONSOLE, BOOT, DEVICES, BACKENDS)
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage(FACADE, MODEL, MACHINE, SNAPSHOT, CONSOLE, BOOT, DEVICES, BACKENDS))
                .check(ALL);
    }

    @Test
    void devicesKnowNoHypervisorAndNoBootProtocol() {
        noClasses()
                .that()
                .resideInAnyPackage(DEVICES, BACKENDS)
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage(FACADE, MODEL, MACHINE, SNAPSHOT, CONSOLE, BOOT, HYPERVISOR, VCPU, KVM))
                .check(ALL);
    }

    @Test
    void backEndsKnowNoDevice() {
        noClasses()
                .that()
                .resideInAPackage(BACKENDS)
                .should()
                .dependOnClassesThat(resideInAPackage(DEVICES))
                .check(ALL);
    }

    /** A machine as data can be read, compared and stored without anything that runs. */
    @Test
    void theModelKnowsNothingThatRuns() {
        noClasses()
                .that()
                .resideInAPackage(MODEL)
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage(FACADE, MACHINE, CONSOLE, VCPU, KVM, LINUX, "dev.microvm.event.."))
                .check(ALL);
    }

    @Test
    void onlyTheFacadeKnowsTheMachineBehindIt() {
        noClasses()
                .that()
                .resideOutsideOfPackages(FACADE, MACHINE, CONSOLE)
                .should()
                .dependOnClassesThat(resideInAnyPackage(FACADE, MACHINE, CONSOLE))
                .check(ALL);
        noClasses()
                .that()
                .resideInAnyPackage(MACHINE, CONSOLE)
                .should()
                .dependOnClassesThat(resideInAPackage(FACADE))
                .check(ALL);
    }

    @Test
    void whatIsBehindTheFacadeAndTheEngineIsNotExported() {
        assertThat(exportedPackages())
                .noneMatch(name -> name.startsWith("dev.microvm.machine")
                        || name.startsWith("dev.microvm.console")
                        || name.startsWith("dev.microvm.engine."));
    }

    @Test
    void bootProtocolsKnowNoDeviceAndNoFacade() {
        noClasses()
                .that()
                .resideInAPackage(BOOT)
                .should()
                .dependOnClassesThat(resideInAnyPackage(FACADE, MODEL, MACHINE, CONSOLE, DEVICES, BACKENDS))
                .check(ALL);
    }

    @Test
    void nobodyKnowsKvm_butKvm() {
        noClasses()
                .that()
                .resideOutsideOfPackage(KVM)
                .should()
                .dependOnClassesThat(resideInAPackage(KVM))
                .check(ALL);
    }

    @Test
    void nobodyKnowsTheEngine_butTheEngine() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ENGINE)
                .should()
                .dependOnClassesThat(resideInAPackage(ENGINE))
                .check(ALL);
    }

    /** The engine must run on every host with a JVM. Linux only gives it memory in a better way. */
    @Test
    void theEngineKnowsNoHost_butWhereItGetsMemory() {
        noClasses()
                .that()
                .resideInAPackage(ENGINE)
                .should()
                .dependOnClassesThat(resideInAPackage(KVM))
                .check(ALL);
        noClasses()
                .that()
                .resideInAPackage(ENGINE)
                .and()
                .resideOutsideOfPackage("dev.microvm.engine.memory")
                .should()
                .dependOnClassesThat(resideInAPackage(LINUX))
                .check(ALL);
    }

    @Test
    void theEnginesInstructionsKnowNoTranslator_andItsCpuKnowsNoInstructions() {
        String instructions = "dev.microvm.engine.exec..";
        String translator = "dev.microvm.engine.translate..";
        noClasses()
                .that()
                .resideInAPackage(instructions)
                .should()
                .dependOnClassesThat(resideInAPackage(translator))
                .check(ALL);
        noClasses()
                .that()
                .resideInAnyPackage(
                        "dev.microvm.engine.cpu..", "dev.microvm.engine.decode..", "dev.microvm.engine.memory..")
                .should()
                .dependOnClassesThat(resideInAnyPackage(instructions, translator))
                .check(ALL);
    }

    @Test
    void theHypervisorsInterfaceKnowsNoHost() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        HYPERVISOR, VCPU, "dev.microvm.bus..", "dev.microvm.memory..", "dev.microvm.event..")
                .should()
                .dependOnClassesThat(resideInAnyPackage(KVM, LINUX))
                .check(ALL);
    }

    @Test
    void onlyTheLinuxPackageAndTheBindingsCallNativeCode() {
        noClasses()
                .that()
                .resideOutsideOfPackages(LINUX, BINDINGS)
                .should()
                .dependOnClassesThat(assignableTo(Linker.class).or(assignableTo(SymbolLookup.class)))
                .check(ALL);
    }

    @Test
    void everyPackageIsNullMarked() {
        Set<String> unmarked = ALL.stream()
                .filter(resideInAPackage(BINDINGS).negate())
                .map(JavaClass::getPackage)
                .filter(each -> !isNullMarked(each))
                .map(JavaPackage::getName)
                .collect(Collectors.toSet());

        assertThat(unmarked).isEmpty();
    }

    /** Users can extend only what is meant for that: interfaces and exceptions. */
    @Test
    void publicClassesAreFinal_unlessTheyAreInterfacesAbstractOrExceptions() {
        Set<String> exported = exportedPackages();
        classes()
                .that(new DescribedPredicate<>("are public in an exported package") {
                    @Override
                    public boolean test(JavaClass each) {
                        return exported.contains(each.getPackageName())
                                && each.getModifiers().contains(JavaModifier.PUBLIC);
                    }
                })
                .and()
                .areNotInterfaces()
                .and()
                .doNotHaveModifier(JavaModifier.ABSTRACT) // made to be extended, by back ends of a user too
                .and()
                .areNotEnums()
                .and()
                .areNotAssignableTo(Throwable.class)
                .should()
                .haveModifier(JavaModifier.FINAL)
                .check(ALL);
    }

    /** The class of a service, whose module exports nothing. */
    private static Class<?> engine() {
        return Hypervisor.installed().stream()
                .filter(each -> each.name().equals(Lanes.ENGINE))
                .findFirst()
                .orElseThrow()
                .getClass();
    }

    /** A directory of classes, or the jar that Maven made from it. */
    private static URL location(Class<?> of) {
        URL location = of.getProtectionDomain().getCodeSource().getLocation();
        try {
            return location.getPath().endsWith(".jar")
                    ? URI.create("jar:" + location + "!/").toURL()
                    : location;
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static boolean isNullMarked(JavaPackage each) {
        return each.tryGetPackageInfo().isPresent() && each.isAnnotatedWith(NullMarked.class);
    }

    /** Whether it is exported to all modules, not only to ours. */
    private static Set<String> exportedPackages() {
        return MODULES.stream()
                .map(each -> each.getModule().getDescriptor())
                .flatMap(descriptor -> descriptor == null ? Stream.of() : descriptor.exports().stream())
                .filter(export -> !export.isQualified())
                .map(ModuleDescriptor.Exports::source)
                .collect(Collectors.toSet());
    }

    /** Makes each package a slice; the bindings belong to KVM. */
    private static final class PackageSlices implements SliceAssignment {
        @Override
        public SliceIdentifier getIdentifierOf(JavaClass each) {
            return each.getPackageName().startsWith(FACADE)
                    ? SliceIdentifier.of(each.getPackageName())
                    : SliceIdentifier.ignore();
        }

        @Override
        public String getDescription() {
            return "packages of microvm";
        }
    }
}
