/**
 * The compiling tier: makes JVM bytecode of blocks that run often.
 *
 * <p>{@link dev.microvm.engine.compile.Tier} says when, {@code RegionGrower} which blocks together,
 * and {@code RegionCode} how: instructions write themselves with it.
 */
@NullMarked
package dev.microvm.engine.compile;

import org.jspecify.annotations.NullMarked;
