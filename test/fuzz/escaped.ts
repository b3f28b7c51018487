/**
 * Bytes as one readable line: printable ASCII as it is, a line break as `\r\n`, everything else as `\xNN`. Exact both ways,
 * so a request in a report can be sent again.
 */
export const escaped = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) {
    if (byte === 0x0d) text += '\\r'
    else if (byte === 0x0a) text += '\\n'
    else if (byte === 0x5c) text += '\\\\'
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte)
    else text += `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return text
}

export const unescaped = (text: string): Buffer =>
  Buffer.from(
    text.replace(/\\(?:x([0-9a-f]{2})|([rn\\]))/g, (_, hex?: string, plain?: string) =>
      hex === undefined
        ? ({ r: '\r', n: '\n' }[plain ?? ''] ?? '\\')
        : String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  )
