/** Colours of people. All are as light as each other, so white text and both themes' pages contrast with each. */
export const palette = [
  { name: 'Rose', value: '#d3316b' },
  { name: 'Vermilion', value: '#c9472e' },
  { name: 'Amber', value: '#a3660c' },
  { name: 'Olive', value: '#777711' },
  { name: 'Green', value: '#22843c' },
  { name: 'Teal', value: '#058277' },
  { name: 'Sky', value: '#087bab' },
  { name: 'Blue', value: '#366edd' },
  { name: 'Violet', value: '#8557e0' },
  { name: 'Magenta', value: '#bd3ea9' },
] as const

/** Whether something a stranger sent is a colour that may go into a style. */
export const isColor = (value: unknown): value is string =>
  typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value)

/** A colour nobody in `taken` has; when all are taken, any. @param random a number in [0, 1) */
export const freeColor = (taken: ReadonlySet<string>, random: () => number): string => {
  const free = palette.filter(({ value }) => !taken.has(value))
  const choices = free.length > 0 ? free : palette
  return choices[Math.floor(random() * choices.length)]?.value ?? palette[0].value
}

/** Dark or light text, whichever reads better on a colour (WCAG relative luminance). */
export const inkOn = (color: string): '#ffffff' | '#101214' => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? '#101214' : '#ffffff'
}
