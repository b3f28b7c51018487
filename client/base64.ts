interface ExactBuffer {
  write(text: string, encoding: 'base64'): number
}
/** What some runtimes have beside `atob`; looked up, so that no bundler ships a stand-in. */
interface Fast {
  readonly Buffer?: { from(memory: ArrayBuffer): ExactBuffer }
  readonly Uint8Array: { readonly fromBase64?: (text: string) => Uint8Array }
}

const alphabet = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * The bytes of standard base64 (RFC 4648, 4), in memory of their own; undefined for text that is not, where the
 * decoders of the runtimes would skip or guess.
 */
export const fromBase64 = (text: string): Uint8Array | undefined => {
  if (text.length % 4 !== 0 || !alphabet.test(text)) return undefined
  const { Buffer, Uint8Array: Decoder } = globalThis as unknown as Fast
  if (Buffer) {
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
    const bytes = new Uint8Array((text.length / 4) * 3 - padding)
    Buffer.from(bytes.buffer).write(text, 'base64')
    return bytes
  }
  return Decoder.fromBase64
    ? Decoder.fromBase64(text)
    : Uint8Array.from(atob(text), char => char.charCodeAt(0))
}
