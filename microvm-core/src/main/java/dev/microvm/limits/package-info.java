/**
 * What one machine may take of what all machines share: budgets of the JVM, and limits of rate.
 *
 * <p>Start reading at {@link dev.microvm.limits.Budget}; {@link dev.microvm.limits.JvmBudgets} lists
 * the budgets that exist and how to set them. {@link dev.microvm.limits.RateLimiter} is for what
 * is measured by the second.
 */
@NullMarked
package dev.microvm.limits;

import org.jspecify.annotations.NullMarked;
