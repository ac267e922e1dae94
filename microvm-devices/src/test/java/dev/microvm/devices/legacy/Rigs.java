package dev.microvm.devices.legacy;

import dev.microvm.devices.firmware.DebugConsole;
import dev.microvm.devices.firmware.FwCfgRig;
import dev.microvm.devices.irqchip.I8259Pic;
import dev.microvm.devices.irqchip.IoApic;
import dev.microvm.devices.irqchip.MsiSink;
import dev.microvm.devices.power.ExitPort;
import dev.microvm.devices.power.GenericEventDevice;
import dev.microvm.devices.power.PowerOffPort;
import dev.microvm.devices.power.ResetPort;
import dev.microvm.devices.power.SystemControlPortA;
import dev.microvm.state.Stateful;
import dev.microvm.testing.FakeIrqLine;
import java.util.ArrayList;
import java.util.List;

/** The rigs of the devices in this package but for {@link FwCfgRig}. */
final class Rigs {
    private Rigs() {}

    static final class Uart implements Rig {
        private final FakeIrqLine irq = new FakeIrqLine();
        private final Uart16550 uart;
        private boolean room = true;

        Uart(FuzzClock clock) {
            uart = new Uart16550(irq, this::offer, clock);
        }

        private boolean offer(int character) {
            checkByte(character);
            return room;
        }

        @Override
        public List<Window> windows() {
            return List.of(new Window(uart, 8));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(uart);
        }

        @Override
        public void event(int what, int argument) {
            switch (what % 6) {
                case 0 -> uart.receive(argument);
                case 1 -> uart.receive(new byte[argument], 0, what == 0xfd ? argument : argument & 0x3f);
                case 2 -> uart.receiveBreak();
                case 3 -> {
                    room = (argument & 1) != 0;
                    if (room) uart.outputReady();
                }
                case 4 -> uart.modemLines(bit(argument, 0), bit(argument, 1), bit(argument, 2), bit(argument, 3));
                default -> uart.reset();
            }
        }

        @Override
        public String outside() {
            return "irq " + irq.isHigh() + ", input space " + uart.inputSpace();
        }

        @Override
        public void surroundAs(Rig other) {
            room = ((Uart) other).room;
        }
    }

    static final class Rtc implements Rig {
        private final FakeIrqLine irq = new FakeIrqLine();
        private final Mc146818Rtc rtc;

        Rtc(FuzzClock clock) {
            rtc = new Mc146818Rtc(irq, clock, clock);
        }

        @Override
        public List<Window> windows() {
            return List.of(new Window(rtc, 2));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(rtc);
        }

        @Override
        public void event(int what, int argument) {
            if (what % 2 == 0) rtc.memorySize((long) argument << 20, (long) argument << 24);
            else rtc.reset();
        }

        @Override
        public String outside() {
            return "irq " + irq.isHigh();
        }
    }

    static final class Pit implements Rig {
        private final FakeIrqLine irq = new FakeIrqLine();
        private final I8254Pit pit;
        private final SystemControlPortB portB;

        Pit(FuzzClock clock) {
            pit = new I8254Pit(irq, clock);
            portB = new SystemControlPortB(pit);
        }

        @Override
        public List<Window> windows() {
            return List.of(new Window(pit, 4), new Window(portB, 1));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(pit, portB);
        }

        @Override
        public void event(int what, int argument) {
            if (what % 8 == 0) pit.reset();
            if (what % 8 == 1) portB.reset();
        }

        @Override
        public String outside() {
            return "irq " + irq.isHigh();
        }
    }

    static final class Pic implements Rig {
        private final FakeIrqLine intr = new FakeIrqLine();
        private final I8259Pic pic = new I8259Pic(intr);
        private int lastVector;

        @Override
        public List<Window> windows() {
            return List.of(new Window(pic.master(), 2), new Window(pic.slave(), 2), new Window(pic.elcr(), 2));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(pic);
        }

        @Override
        public void event(int what, int argument) {
            int irq = argument & 0xf;
            switch (what % 4) {
                case 0 -> lastVector = pic.acknowledge();
                case 1 -> {
                    if (irq != 2) pic.input(irq).set((argument & 0x100) != 0);
                }
                case 2 -> {
                    if (irq != 2) pic.input(irq).pulse();
                }
                default -> {
                    if (argument % 16 == 0) pic.reset();
                }
            }
            checkByte(lastVector);
        }

        @Override
        public String outside() {
            return "intr " + intr.isHigh() + ", last vector " + lastVector;
        }

        @Override
        public void surroundAs(Rig other) {
            lastVector = ((Pic) other).lastVector;
        }
    }

    static final class IoApics implements Rig, MsiSink {
        private final IoApic ioApic = new IoApic(this, 0, IoApic.PC_PINS);
        private String lastMessage = "";

        @Override
        public void signal(long address, int data) {
            lastMessage = message(address, data);
        }

        @Override
        public void route(int pin, boolean masked, long address, int data) {
            if (pin < 0 || pin >= IoApic.PC_PINS) throw new AssertionError("pin " + pin);
            message(address, data);
        }

        private static String message(long address, int data) {
            if (address >>> 20 != 0xfee || (data & ~0xffff) != 0) {
                throw new AssertionError("message 0x%x to 0x%x".formatted(data, address));
            }
            return "0x%x to 0x%x".formatted(data, address);
        }

        @Override
        public List<Window> windows() {
            return List.of(new Window(ioApic, IoApic.RANGE), new Window(ioApic, 0x14));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(ioApic);
        }

        @Override
        public void event(int what, int argument) {
            int pin = argument % IoApic.PC_PINS;
            switch (what % 4) {
                case 0 -> ioApic.endOfInterrupt(argument & 0xff);
                case 1 -> ioApic.pin(pin).set((argument & 0x8000) != 0);
                case 2 -> ioApic.pin(pin).pulse();
                default -> {
                    if (argument % 16 == 0) ioApic.reset();
                }
            }
        }

        @Override
        public String outside() {
            return lastMessage;
        }

        @Override
        public void surroundAs(Rig other) {
            lastMessage = ((IoApics) other).lastMessage;
        }
    }

    static final class KeyboardController implements Rig {
        private final FakeIrqLine irq = new FakeIrqLine();
        private final I8042 controller = new I8042(irq, this::resetRequested);
        private int resets;

        private void resetRequested() {
            resets++;
            controller.reset();
        }

        @Override
        public List<Window> windows() {
            return List.of(new Window(controller, 1), new Window(controller.from(4), 1), new Window(controller, 5));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(controller);
        }

        @Override
        public String outside() {
            return "irq " + irq.isHigh() + ", resets " + resets;
        }

        @Override
        public void surroundAs(Rig other) {
            resets = ((KeyboardController) other).resets;
        }
    }

    /**
     * {@link ExitPort}, {@link DebugConsole}, {@link SystemControlPortA}, {@link ResetPort}, {@link
     * PowerOffPort}.
     */
    static final class SmallPorts implements Rig {
        private int exits;
        private int resets;
        private int powerOffs;
        private final List<Integer> printed = new ArrayList<>();
        private final ExitPort exit = new ExitPort(code -> exits++);
        private final DebugConsole console = new DebugConsole(printed::add);
        private final SystemControlPortA portA = new SystemControlPortA(() -> resets++);
        private final ResetPort reset = new ResetPort(() -> resets++);
        private final PowerOffPort powerOff = new PowerOffPort(() -> powerOffs++);

        @Override
        public List<Window> windows() {
            return List.of(
                    new Window(exit, ExitPort.RANGE),
                    new Window(console, 1),
                    new Window(portA, 1),
                    new Window(reset, 1),
                    new Window(powerOff, PowerOffPort.RANGE));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(exit, console, portA, reset, powerOff);
        }

        @Override
        public void check() {
            printed.forEach(Rigs::checkByte);
            printed.clear();
        }

        @Override
        public String outside() {
            return "exits " + exits + ", resets " + resets + ", power-offs " + powerOffs;
        }

        @Override
        public void surroundAs(Rig other) {
            exits = ((SmallPorts) other).exits;
            resets = ((SmallPorts) other).resets;
            powerOffs = ((SmallPorts) other).powerOffs;
        }
    }

    static final class Events implements Rig {
        private final FakeIrqLine irq = new FakeIrqLine();
        private int powerOffs;
        private int resets;
        private final GenericEventDevice device = new GenericEventDevice(irq, () -> powerOffs++, () -> resets++);

        @Override
        public List<Window> windows() {
            return List.of(new Window(device, GenericEventDevice.RANGE), new Window(device, 4));
        }

        @Override
        public List<Stateful> parts() {
            return List.of(device);
        }

        @Override
        public void event(int what, int argument) {
            if (what % 4 == 0) device.reset();
            else device.pressPowerButton();
        }

        @Override
        public String outside() {
            return "irq " + irq.isHigh() + ", power-offs " + powerOffs + ", resets " + resets;
        }

        @Override
        public void surroundAs(Rig other) {
            powerOffs = ((Events) other).powerOffs;
            resets = ((Events) other).resets;
        }
    }

    static void checkByte(int value) {
        if (value < 0 || value > 0xff) throw new AssertionError("no byte: " + value);
    }

    private static boolean bit(int value, int number) {
        return (value & (1 << number)) != 0;
    }
}
