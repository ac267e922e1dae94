/**
 * Benchmarks, which are never published. {@code scripts/bench} runs them; docs/benchmarks.md has
 * the figures.
 *
 * <p>Programs with a main method compare with a peer in the same run, in turn: {@link
 * dev.microvm.bench.ExitsBenchmark}, {@link dev.microvm.bench.LifecycleBenchmark}, {@link
 * dev.microvm.bench.IdleMemoryBenchmark}. JMH benchmarks measure one part each: {@link
 * dev.microvm.bench.BusBenchmark}, {@link dev.microvm.bench.KvmExitBenchmark}, {@link
 * dev.microvm.bench.GuestMemoryBenchmark}.
 */
@NullMarked
package dev.microvm.bench;

import org.jspecify.annotations.NullMarked;
