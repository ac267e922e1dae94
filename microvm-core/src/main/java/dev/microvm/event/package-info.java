/**
 * One thread that serves a machine's I/O: {@link dev.microvm.event.EventLoop} runs tasks, timers
 * and {@link dev.microvm.event.Signal signals}, one at a time.
 */
@NullMarked
package dev.microvm.event;

import org.jspecify.annotations.NullMarked;
