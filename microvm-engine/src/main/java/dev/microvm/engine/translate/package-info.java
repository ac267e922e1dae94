/**
 * From code to chained instructions. {@link dev.microvm.engine.translate.BlockTranslator} decodes,
 * a {@link dev.microvm.engine.translate.Selector} for each family chooses the class of the
 * instruction, a {@link dev.microvm.engine.translate.BlockBuilder} links the instructions and makes
 * their operands, and the {@link dev.microvm.engine.translate.BlockOptimizer} improves the whole
 * block.
 */
@NullMarked
package dev.microvm.engine.translate;

import org.jspecify.annotations.NullMarked;
