import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** Thrown for bytes that are not whole lib0 frames (YJS 7.2). */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** Each payload behind its length as a lib0 variable-length integer, one after another (YJS 7.2). */
export const encodeFrames = (payloads: Iterable<Uint8Array>): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (const payload of payloads) encoding.writeVarUint8Array(encoder, payload)
  return encoding.toUint8Array(encoder)
}

/**
 * The payloads of bytes that must be whole frames. Views into `bytes`, not copies.
 * @throws FrameError when the bytes end inside a frame or a length is not a safe integer
 */
export const decodeFrames = (bytes: Uint8Array): Uint8Array[] => {
  const decoder = decoding.createDecoder(bytes)
  const payloads: Uint8Array[] = []
  while (decoding.hasContent(decoder)) {
    const at = decoder.pos
    try {
      const length = decoding.readVarUint(decoder)
      if (length > bytes.length - decoder.pos) {
        throw new FrameError(
          `the frame at byte ${at} claims ${length} bytes, ${bytes.length - decoder.pos} follow`,
        )
      }
      payloads.push(decoding.readUint8Array(decoder, length))
    } catch (cause) {
      if (cause instanceof FrameError) throw cause
      throw new FrameError(`the frame at byte ${at} has no readable length`, { cause })
    }
  }
  return payloads
}
