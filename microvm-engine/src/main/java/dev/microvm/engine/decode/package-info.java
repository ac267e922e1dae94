/**
 * From bytes to one instruction's parts: {@link dev.microvm.engine.decode.Decoder}, driven by
 * {@link dev.microvm.engine.decode.OpcodeTable}, fills a {@link dev.microvm.engine.decode.Decoded}.
 * What an instruction does is not known here.
 */
@NullMarked
package dev.microvm.engine.decode;

import org.jspecify.annotations.NullMarked;
