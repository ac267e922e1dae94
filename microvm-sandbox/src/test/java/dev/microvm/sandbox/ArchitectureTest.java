package dev.microvm.sandbox;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** The rules of docs/architecture.md for this module: dependencies, and the form of public classes. */
final class ArchitectureTest {
    private static final String API = "dev.microvm.sandbox";
    private static final String AGENT = "dev.microvm.sandbox.agent..";
    private static final String FILES = "dev.microvm.sandbox.files..";
    private static final String ROOT = "dev.microvm.sandbox.root..";
    private static final String TREE = "dev.microvm.sandbox.root.tree..";
    private static final String TAR = "dev.microvm.sandbox.tar..";

    private static final JavaClasses ALL = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(API);

    @Test
    void findsTheClasses() {
        assertThat(ALL.contain(Sandbox.class)).isTrue();
        assertThat(ALL.size()).isGreaterThan(50);
    }

    @Test
    void packagesFormNoCycles() {
        slices().matching("(dev.microvm.sandbox..)").should().beFreeOfCycles().check(ALL);
    }

    @Test
    void rootsKnowNoAgent_andTheAgentNoRoots() {
        noClasses()
                .that()
                .resideInAPackage(ROOT)
                .should()
                .dependOnClassesThat(resideInAnyPackage(API, AGENT, FILES))
                .check(ALL);
        noClasses()
                .that()
                .resideInAnyPackage(AGENT, FILES)
                .should()
                .dependOnClassesThat(resideInAnyPackage(API, "dev.microvm")
                        .or(resideInAPackage(ROOT)
                                .and(resideInAnyPackage(TREE, TAR).negate())))
                .check(ALL);
    }

    @Test
    void archivesKnowOnlyTrees() {
        noClasses()
                .that()
                .resideInAPackage(TAR)
                .should()
                .dependOnClassesThat(resideInAPackage("dev.microvm.sandbox..")
                        .and(resideInAnyPackage(TREE, TAR).negate()))
                .check(ALL);
    }

    @Test
    void everyPackageIsNullMarked() {
        Set<String> unmarked = ALL.stream()
                .map(each -> each.getPackage())
                .filter(each -> each.tryGetPackageInfo().isEmpty() || !each.isAnnotatedWith(NullMarked.class))
                .map(JavaPackage::getName)
                .collect(Collectors.toSet());

        assertThat(unmarked).isEmpty();
    }

    @Test
    void publicClassesAreFinal_unlessTheyAreInterfacesAbstractOrExceptions() {
        classes()
                .that()
                .arePublic()
                .and()
                .areNotInterfaces()
                .and()
                .doNotHaveModifier(JavaModifier.ABSTRACT)
                .and()
                .areNotEnums()
                .and()
                .areNotAssignableTo(Throwable.class)
                .should()
                .haveModifier(JavaModifier.FINAL)
                .check(ALL);
    }
}
