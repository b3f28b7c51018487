/** Messages as one array, each of them one element (PROTOCOL 9.1.2). */
export const arrayOf = (messages: readonly string[]): string => `[${messages.join(',')}]`

/** Several arrays as one. What is not an array becomes an element. */
export const joinArrays = (arrays: readonly string[]): string => {
  const elements: string[] = []
  for (const text of arrays) {
    const trimmed = text.trim()
    const isArray = trimmed.startsWith('[') && trimmed.endsWith(']')
    const inner = isArray ? trimmed.slice(1, -1).trim() : trimmed
    if (inner !== '') elements.push(inner)
  }
  return arrayOf(elements)
}
