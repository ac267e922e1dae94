/**
 * The local APICs of a machine: {@link dev.microvm.engine.apic.LocalApic} is one processor's,
 * {@link dev.microvm.engine.apic.LocalApics} carries messages between them and from devices.
 *
 * <p>Time is in nanoseconds on a {@link dev.microvm.clock.Timers} clock. Any thread may send to any
 * APIC. Nothing here knows how a processor executes: it asks its APIC for {@linkplain
 * dev.microvm.engine.apic.LocalApic#events() events}, which costs one volatile read, and is woken
 * when there are more.
 *
 * <p>Source: Intel SDM vol. 3A, chapter 11.
 */
@NullMarked
package dev.microvm.engine.apic;

import org.jspecify.annotations.NullMarked;
