package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.limits.RateLimit;
import java.time.Duration;
import java.util.List;

/** Devices with few properties. */
final class SmallDevices {
    static final List<Property<Rng>> RNG = List.of(
            maps(
                    "rng=ID",
                    "an [-object](#-object) rng-random or rng-builtin; the host's randomness without it",
                    (rng, value) -> rng.source = value),
            maps(
                    "max-bytes=N",
                    "`virtioRng(RateLimit)`: so many bytes in each period",
                    (rng, value) -> rng.bytes = Values.number(value, 1, Long.MAX_VALUE)),
            maps(
                    "period=MILLISECONDS",
                    "65536 if it is left out",
                    (rng, value) -> rng.millis = Values.number(value, 1, Integer.MAX_VALUE)));

    static final List<Property<Vsock>> VSOCK = List.of(
            maps(
                    "guest-cid=N",
                    "the number of the guest, from 3",
                    (vsock, value) -> vsock.cid = Values.number(value, 3, 0xffff_fffeL)),
            refused("vhostfd, seqpacket", "there is no vhost; leave it out"));

    static final List<Property<BalloonDevice>> BALLOON = List.of(
            maps(
                    "deflate-on-oom=on|off",
                    "`.deflateOnOom(...)`",
                    (balloon, value) -> balloon.options = balloon.options.deflateOnOom(Values.isOn(value))),
            maps(
                    "free-page-reporting=on|off",
                    "`.freePageReporting(...)`",
                    (balloon, value) -> balloon.options = balloon.options.freePageReporting(Values.isOn(value))),
            maps(
                    "guest-stats-polling-interval=SECONDS",
                    "`.statisticsInterval(...)`",
                    (balloon, value) -> balloon.options = balloon.options.statisticsInterval(
                            Duration.ofSeconds(Values.number(value, 0, Integer.MAX_VALUE)))),
            ignored("free-page-hint, page-poison, iothread, qemu-4-0-config-size", "of migration"));

    static final List<Property<AlwaysThere>> DEBUG_EXIT = List.of(
            maps("iobase=0xf4", "the only one", (exit, value) -> {
                if (Values.number(value, 0, 0xffff) != 0xf4) throw new OptionException("only 0xf4, was " + value);
            }),
            ignored("iosize", "1, 2 or 4 bytes, as the guest writes"));

    static final List<Property<DebugConsoleDevice>> DEBUG_CONSOLE = List.of(
            maps("chardev=ID", "where it leads to", (console, value) -> console.chardev = value),
            maps("iobase=0x402", "the only one", (console, value) -> {
                if (Values.number(value, 0, 0xffff) != 0x402) throw new OptionException("only 0x402, was " + value);
            }),
            ignored("readback", "as the device model does it"));

    private SmallDevices() {}

    /** The entropy device. */
    static final class Rng implements Device {
        private static final double MILLIS_PER_SECOND = 1000;

        private String source = "";
        private long bytes = Long.MAX_VALUE;
        private long millis = 1 << 16; // as in QEMU

        /** Returns the average; none if there is no number of bytes, or a greater one than makes a difference. */
        private RateLimit limit() {
            double perSecond = bytes * MILLIS_PER_SECOND / millis;
            return perSecond >= Integer.MAX_VALUE
                    ? RateLimit.NONE
                    : RateLimit.bytesPerSecond(Math.max(1, (long) perSecond));
        }

        @Override
        public void addTo(Invocation command) {
            if (!source.isEmpty() && !command.rngs.contains(source)) {
                throw new OptionException(
                        "there is no object " + source + "; give it by -object rng-random,id=" + source);
            }
            command.vm.virtioRng(limit());
        }
    }

    /** The socket device. */
    static final class Vsock implements Device {
        private long cid;

        @Override
        public void addTo(Invocation command) {
            if (cid == 0) throw new OptionException("needs the guest's number; add guest-cid=3");
            command.vm.virtioVsock(cid);
        }
    }

    /** The memory balloon. */
    static final class BalloonDevice implements Device {
        private VirtioBalloonOptions options =
                VirtioBalloonOptions.DEFAULT.deflateOnOom(false).freePageReporting(false);

        @Override
        public void addTo(Invocation command) {
            command.vm.virtioBalloon(options);
            command.hasBalloon = true;
        }
    }

    /** A device that every machine has. */
    static final class AlwaysThere implements Device {
        @Override
        public void addTo(Invocation command) {}
    }

    /** The debug console of firmware. */
    static final class DebugConsoleDevice implements Device {
        private String chardev = "";

        @Override
        public void addTo(Invocation command) {
            command.debugConsole = command.requireChardev(chardev);
        }
    }
}
