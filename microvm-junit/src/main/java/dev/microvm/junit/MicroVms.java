package dev.microvm.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.ResourceLock;

/**
 * Marks a test class whose {@link Guest guests} are started and stopped around its tests.
 *
 * <pre>{@code
 * @MicroVms
 * class WebTest {
 *     @Guest
 *     static final GuestVm web = GuestVm.of(Root.directory(Path.of("rootfs")))
 *             .withCommand(Command.shell("exec httpd -f -p 80 -h /www"))
 *             .withExposedPorts(80)
 *             .waitingFor(WaitFor.port(80));
 *
 *     @Test
 *     void answers() {
 *         URI uri = URI.create("http://localhost:" + web.mappedPort(80) + "/");
 *         ...
 *     }
 * }
 * }</pre>
 *
 * <p>On a package ({@code package-info.java}) it gives a guest to the annotated classes of this
 * package that name none.
 */
@Documented
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.PACKAGE})
@SuppressWarnings("exports") // JUnit makes the two classes, nobody else
@ExtendWith(MicroVmsExtension.class)
@ResourceLock(providers = SharedGuestLocks.class)
public @interface MicroVms {
    /** Says what happens to the tests on a host that can run no guest. */
    Unavailable unavailable() default Unavailable.CONFIGURED;

    /** Describes the guest of parameters, and of fields without a value; by default there is none. */
    Class<? extends GuestProvider> guest() default GuestProvider.class;

    /**
     * Names a directory or an archive of the host, in place of {@link #guest}: the root of the guest
     * of parameters, and of fields without a value.
     */
    String root() default "";

    /** Sets the memory of the guest of {@link #root}, in MiB; 0 leaves it as it is, 256. */
    int memoryMiB() default 0;

    /**
     * Names a folder for a snapshot of the booted guest of {@link #root}, from which later runs
     * continue: {@link GuestVm#withTemplate}. By default each run boots.
     */
    String template() default "";
}
