package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.Mc146818Registers.*;

import dev.microvm.clock.Timers;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoField;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An MC146818 real-time clock with 128 bytes of CMOS RAM. It has an index and a data port, on a PC
 * 0x70 and 0x71, and an interrupt, IRQ 8 of a PC. Any thread may call.
 *
 * <p>It shows the time of its {@link InstantSource} in UTC, plus an offset that changes when the
 * guest sets the clock. An update takes no time. {@code UIP} is set for 244 us before each update,
 * so a guest that waits until it is clear waits no longer than that, and a guest that waits for the
 * next update sees it begin. Timers run only for interrupts that are enabled and not pending, so a
 * guest that ignores its interrupts costs nothing.
 *
 * <p>Not emulated: daylight saving, the square-wave output, a day of the week that does not match
 * the date.
 */
public final class Mc146818Rtc implements ByteDevice, Stateful {
    private static final Duration LARGEST_OFFSET = Duration.ofDays(366L * 100_000);
    private static final String STATE_TYPE = "mc146818";
    private static final int STATE_VERSION = 1;
    private static final int NANOS_PER_SECOND = 1_000_000_000;
    private static final long LEAST_WAIT_NANOS = NANOS_PER_SECOND / TICKS_PER_SECOND;
    private static final long KIB = 1L << 10;
    private static final long MIB = 1L << 20;
    private static final int KIB_BELOW_640K = 640;

    private final IrqLine irq;
    private final Timers timers;
    private final InstantSource wallClock;
    private final Timers.Timer timer;

    private final byte[] cmos = new byte[CMOS_SIZE]; // the time bytes hold the time only while it does not run
    private int index;
    private int registerA = A_POWER_ON;
    private int registerB = B_POWER_ON;
    private int flags; // of register C, without IRQF
    private Duration offset = Duration.ZERO; // guest's time less wall clock
    private Instant seen; // guest's time up to which events are in flags
    private boolean irqLevel;

    /**
     * Makes a running clock that shows the time of {@code wallClock}.
     *
     * @param irq interrupt line
     * @param timers timers for the interrupts
     * @param wallClock source of the time to show; {@link InstantSource#system()} for the time of
     *     the host
     */
    @SuppressWarnings("this-escape") // the timer is not armed yet
    public Mc146818Rtc(IrqLine irq, Timers timers, InstantSource wallClock) {
        this.irq = Objects.requireNonNull(irq, "irq");
        this.timers = Objects.requireNonNull(timers, "timers");
        this.wallClock = Objects.requireNonNull(wallClock, "wallClock");
        this.timer = timers.timer(this::timerExpired);
        this.seen = wallClock.instant();
        putLittleEndian(BASE_MEMORY_KIB, 2, KIB_BELOW_640K);
    }

    // ---- the guest's side

    @Override
    public synchronized int readByte(int port) {
        if (port != DATA) return OPEN_BUS;
        return switch (index) {
            case REGISTER_A -> registerA | (updateIsNear() ? A_UIP : 0);
            case REGISTER_B -> registerB;
            case REGISTER_C -> readFlags();
            case REGISTER_D -> D_VRT;
            default -> {
                if (isTime(index) && running()) format().store(calendar(guestTime()), cmos);
                yield Byte.toUnsignedInt(cmos[index]);
            }
        };
    }

    @Override
    public synchronized void writeByte(int port, int value) {
        if (port == INDEX) {
            index = value & INDEX_MASK;
        } else if (port == DATA) {
            writeRegister(value);
        }
    }

    private void writeRegister(int value) {
        switch (index) {
            case REGISTER_A -> control(value & ~A_UIP, registerB);
            case REGISTER_B -> control(registerA, (value & B_SET) != 0 ? value & ~B_UIE : value);
            case REGISTER_C, REGISTER_D -> {} // read-only
            default -> {
                if (isTime(index)) {
                    writeTime(value);
                } else {
                    collectEvents(); // by the old alarm
                    cmos[index] = (byte) value;
                    updateInterrupts();
                }
            }
        }
    }

    private int readFlags() {
        collectEvents();
        int value = flags | (interruptPending() ? C_IRQF : 0);
        flags = 0;
        updateInterrupts();
        return value;
    }

    /**
     * Changes registers A and B. That may stop the clock, or start it from the time in its
     * registers.
     */
    private void control(int newA, int newB) {
        collectEvents();
        boolean ran = running();
        boolean held = dividerHeld();
        if (ran) format().store(calendar(guestTime()), cmos);
        registerA = newA;
        registerB = newB;
        boolean released = held && !dividerHeld();
        if (!ran && running()) {
            int phase = released ? FIRST_UPDATE_NANOS : nanoOfSecond(guestTime());
            setGuestTime(format().load(cmos), phase);
        } else if (released) {
            setGuestTime(calendar(guestTime()), FIRST_UPDATE_NANOS);
        }
        updateInterrupts();
    }

    private void writeTime(int value) {
        if (!running()) {
            cmos[index] = (byte) value;
            return;
        }
        collectEvents();
        Instant now = guestTime();
        format().store(calendar(now), cmos);
        cmos[index] = (byte) value;
        setGuestTime(format().load(cmos), nanoOfSecond(now));
        updateInterrupts();
    }

    // ---- the host's side

    /**
     * Writes the memory sizes to the CMOS RAM, where firmware reads them.
     *
     * @param below4GiB bytes of RAM below 4 GiB, including the first megabyte
     * @param above4GiB bytes of RAM above 4 GiB
     */
    public synchronized void memorySize(long below4GiB, long above4GiB) {
        long extendedKib = Math.clamp(below4GiB / KIB - KIB, 0, 0xffff);
        putLittleEndian(EXTENDED_MEMORY_KIB, 2, extendedKib);
        putLittleEndian(EXTENDED_MEMORY_KIB_COPY, 2, extendedKib);
        putLittleEndian(MEMORY_OVER_16_MIB, 2, Math.clamp((below4GiB - 16 * MIB) / (64 * KIB), 0, 0xffff));
        putLittleEndian(MEMORY_OVER_4_GIB, 3, Math.clamp(above4GiB / (64 * KIB), 0, 0xff_ffff));
    }

    /**
     * Reads a byte of the CMOS RAM.
     *
     * @param at index of the byte, 0x0e to 0x7f except 0x32, the century
     * @return the value, 0 to 0xff
     * @throws IllegalArgumentException for another index
     */
    public synchronized int cmos(int at) {
        return Byte.toUnsignedInt(cmos[checkRam(at)]);
    }

    /**
     * Writes a byte of the CMOS RAM.
     *
     * @param at index of the byte, 0x0e to 0x7f except 0x32, the century
     * @param value value to write, 0 to 0xff
     * @throws IllegalArgumentException for another index
     */
    public synchronized void cmos(int at, int value) {
        cmos[checkRam(at)] = (byte) value;
    }

    /** Resets as the reset pin does: disables interrupts, and keeps time, alarm and RAM. */
    public synchronized void reset() {
        registerB &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
        flags = 0;
        collectEvents();
        flags = 0;
        index = 0;
        updateInterrupts();
    }

    private static int checkRam(int at) {
        if (at < FIRST_RAM || at >= CMOS_SIZE || at == CENTURY) {
            throw new IllegalArgumentException(
                    "0x%x is not a byte of the CMOS RAM: must be 0x0e to 0x7f and not 0x32".formatted(at));
        }
        return at;
    }

    private void putLittleEndian(int at, int bytes, long value) {
        for (int i = 0; i < bytes; i++) cmos[at + i] = (byte) (value >>> (8 * i));
    }

    // ---- time

    private RtcFormat format() {
        return RtcFormat.of(registerB);
    }

    private static boolean isTime(int register) {
        return switch (register) {
            case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DATE_OF_MONTH, MONTH, YEAR, CENTURY -> true;
            default -> false;
        };
    }

    private boolean dividerHeld() {
        return divider(registerA) >= A_DIVIDER_RESET;
    }

    private boolean running() {
        return (registerB & B_SET) == 0 && !dividerHeld();
    }

    private Instant guestTime() {
        return wallClock.instant().plus(offset);
    }

    private void setGuestTime(LocalDateTime time, int nanos) {
        Instant now = time.withNano(nanos).toInstant(ZoneOffset.UTC);
        offset = Duration.between(wallClock.instant(), now);
        seen = now;
    }

    private static LocalDateTime calendar(Instant time) {
        return LocalDateTime.ofInstant(time, ZoneOffset.UTC);
    }

    private static int nanoOfSecond(Instant time) {
        return time.get(ChronoField.NANO_OF_SECOND);
    }

    private boolean updateIsNear() {
        return running() && nanoOfSecond(guestTime()) >= NANOS_PER_SECOND - UIP_WINDOW_NANOS;
    }

    // ---- events and interrupts

    /** Sets the flags of all events since the last call. */
    private void collectEvents() {
        Instant now = guestTime();
        if (now.isAfter(seen) && !dividerHeld()) {
            long period = periodTicks(registerA);
            if (period != 0 && Math.floorDiv(ticks(now), period) != Math.floorDiv(ticks(seen), period)) flags |= C_PF;
            if (running() && now.getEpochSecond() != seen.getEpochSecond()) {
                flags |= C_UF;
                Instant alarm = nextAlarm();
                if (alarm != null && !alarm.isAfter(now)) flags |= C_AF;
            }
        }
        seen = now;
    }

    private boolean interruptPending() {
        return (flags & registerB & C_FLAGS) != 0;
    }

    private void updateInterrupts() {
        updateLine();
        armTimer(0);
    }

    private void updateLine() {
        boolean level = interruptPending();
        if (level == irqLevel) return;
        irqLevel = level;
        irq.set(level);
    }

    private void armTimer(long leastNanos) {
        Instant next = nextInterrupt();
        if (next == null) timer.cancel();
        else timer.armAt(timers.nanoTime() + Math.max(leastNanos, nanosUntil(next)));
    }

    /**
     * Returns the delay until {@code next}, or 0 if events may have been missed: after a restore,
     * the last check can be long ago or in the future.
     */
    private long nanosUntil(Instant next) {
        Instant now = guestTime();
        boolean known = !seen.isAfter(now) && next.isAfter(now);
        return known ? Duration.between(now, next).toNanos() : 0; // at most a day
    }

    private synchronized void timerExpired() {
        int before = flags;
        collectEvents();
        updateLine();
        // If nothing happened, the wall clock stands still or is slower than the timers' clock: check it once a tick,
        // not continuously.
        armTimer(flags == before ? LEAST_WAIT_NANOS : 0);
    }

    /**
     * Returns when the next enabled interrupt whose flag is clear occurs, in guest time; null if
     * there is none.
     */
    private @Nullable Instant nextInterrupt() {
        if (dividerHeld()) return null;
        int awaited = registerB & ~flags;
        Instant next = null;
        if ((awaited & B_PIE) != 0) next = nextPeriod();
        if (running() && (awaited & B_UIE) != 0) next = earlier(next, nextSecond());
        if (running() && (awaited & B_AIE) != 0) next = earlier(next, nextAlarm());
        return next;
    }

    private static @Nullable Instant earlier(@Nullable Instant a, @Nullable Instant b) {
        if (a == null) return b;
        return b == null || a.isBefore(b) ? a : b;
    }

    private Instant nextSecond() {
        return Instant.ofEpochSecond(seen.getEpochSecond() + 1);
    }

    private static long ticks(Instant time) {
        return time.getEpochSecond() * TICKS_PER_SECOND + time.getNano() * TICKS_PER_SECOND / NANOS_PER_SECOND;
    }

    private @Nullable Instant nextPeriod() {
        long period = periodTicks(registerA);
        if (period == 0) return null;
        long tick = Math.floorDiv(ticks(seen), period) * period + period;
        long inSecond = Math.floorMod(tick, TICKS_PER_SECOND);
        long nanos = Math.ceilDiv(inSecond * NANOS_PER_SECOND, TICKS_PER_SECOND);
        return Instant.ofEpochSecond(Math.floorDiv(tick, TICKS_PER_SECOND), nanos);
    }

    /**
     * Returns the first second after {@link #seen} that matches the alarm bytes, or null. Takes at
     * most 24 + 60 + 60 steps.
     */
    private @Nullable Instant nextAlarm() {
        RtcFormat format = format();
        LocalDateTime at = calendar(nextSecond());
        LocalDateTime end = at.plusDays(1);
        while (at.isBefore(end)) {
            if (!alarmMatches(HOURS_ALARM, format.encodeHour(at.getHour()))) {
                at = at.withMinute(0).withSecond(0).plusHours(1);
            } else if (!alarmMatches(MINUTES_ALARM, format.encode(at.getMinute()))) {
                at = at.withSecond(0).plusMinutes(1);
            } else if (!alarmMatches(SECONDS_ALARM, format.encode(at.getSecond()))) {
                at = at.plusSeconds(1);
            } else {
                return at.toInstant(ZoneOffset.UTC);
            }
        }
        return null;
    }

    private boolean alarmMatches(int register, byte time) {
        return cmos[register] == time || (cmos[register] & ALARM_DONT_CARE) == ALARM_DONT_CARE;
    }

    // ---- state

    /**
     * Saves the state that the interrupt line shows, without later events that have not changed it
     * yet.
     */
    @Override
    public synchronized DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("cmos", cmos)
                .put("index", index)
                .put("registerA", registerA)
                .put("registerB", registerB)
                .put("flags", flags)
                .put("offsetSeconds", offset.getSeconds())
                .put("offsetNanos", offset.getNano())
                .put("seenSeconds", seen.getEpochSecond())
                .put("seenNanos", seen.getNano());
    }

    /**
     * Restores a state. The clock continues with its {@link InstantSource}, so it includes the time
     * in between.
     */
    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        byte[] saved = state.bytes("cmos");
        if (saved.length != CMOS_SIZE) throw new IllegalArgumentException("CMOS RAM of " + saved.length + " bytes");
        System.arraycopy(saved, 0, cmos, 0, CMOS_SIZE);
        index = state.integer("index") & INDEX_MASK;
        registerA = state.integer("registerA") & ~A_UIP & 0xff;
        registerB = state.integer("registerB") & 0xff;
        flags = state.integer("flags") & C_FLAGS;
        offset = inRange(Duration.ofSeconds(state.number("offsetSeconds"), state.number("offsetNanos")));
        seen = Instant.EPOCH.plus(inRange(Duration.ofSeconds(state.number("seenSeconds"), state.number("seenNanos"))));
        updateInterrupts(); // what has happened in between comes by the timer, at once
    }

    /** Refuses a time that no guest can have set: a year is a century of a byte and two digits. */
    private static Duration inRange(Duration time) {
        if (time.abs().compareTo(LARGEST_OFFSET) <= 0) return time;
        throw new IllegalArgumentException("a time of " + time);
    }
}
