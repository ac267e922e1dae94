/**
 * Benchmarks, never published. {@code scripts/bench} runs them; docs/benchmarks.md has the figures.
 *
 * <p>Mains compare with a peer in the same run, turn by turn: {@link dev.microvm.bench.ExitsBenchmark},
 * {@link dev.microvm.bench.LifecycleBenchmark}, {@link dev.microvm.bench.IdleMemoryBenchmark}. Those of JMH look at one
 * part each: {@link dev.microvm.bench.BusBenchmark}, {@link dev.microvm.bench.KvmExitBenchmark},
 * {@link dev.microvm.bench.GuestMemoryBenchmark}.
 */
@NullMarked
package dev.microvm.bench;

import org.jspecify.annotations.NullMarked;
