/** Insides of 20 by 20 icons, drawn with one pen: round, 1.6 wide, in the text's colour. */
const drawings = {
  undo: '<path d="M7.5 4.2 3.8 7.9l3.7 3.7M4.2 7.9h7.4a4 4 0 0 1 0 8H8"/>',
  redo: '<path d="m12.5 4.2 3.7 3.7-3.7 3.7M15.8 7.9H8.4a4 4 0 0 0 0 8H12"/>',
  bold: '<path d="M6.2 4.2h4.7a2.85 2.85 0 0 1 0 5.7H6.2zM6.2 9.9h5.5a2.95 2.95 0 0 1 0 5.9H6.2z" stroke-width="2"/>',
  italic: '<path d="M8.8 4.2h5.6M5.6 15.8h5.6M11.9 4.2 8.1 15.8"/>',
  underline: '<path d="M6 3.8v5.4a4 4 0 0 0 8 0V3.8M5.2 16.6h9.6"/>',
  strike:
    '<path d="M3.8 10.2h12.4M13.5 6.4c-.5-1.4-1.8-2.2-3.6-2.2-2.1 0-3.5 1-3.5 2.6 0 .5.1.9.4 1.3M6.3 13.4c.5 1.5 1.8 2.4 3.8 2.4 2.2 0 3.7-1.1 3.7-2.8 0-.2 0-.3-.1-.5"/>',
  code: '<path d="m6.8 6.2-3.6 3.8 3.6 3.8M13.2 6.2l3.6 3.8-3.6 3.8"/>',
  heading1: '<path d="M3.2 5v10M9.8 5v10M3.2 10h6.6M13.6 8.4l2.4-1.6V15"/>',
  heading2:
    '<path d="M3.2 5v10M9.8 5v10M3.2 10h6.6M13.3 8.7c0-1.2.9-1.9 2-1.9s2 .7 2 1.8c0 1.9-4 3.7-4 6.4h4.2"/>',
  heading3:
    '<path d="M3.2 5v10M9.8 5v10M3.2 10h6.6M13.4 6.9h3.8l-2.4 3.2c1.5 0 2.6 1 2.6 2.4s-1.1 2.5-2.4 2.5c-1 0-1.7-.4-2.1-1.2"/>',
  bullets:
    '<path d="M8 5.2h8.6M8 10h8.6M8 14.8h8.6"/><g fill="currentColor" stroke="none"><circle cx="4" cy="5.2" r="1.15"/><circle cx="4" cy="10" r="1.15"/><circle cx="4" cy="14.8" r="1.15"/></g>',
  numbers:
    '<path d="M9 5.2h7.6M9 10h7.6M9 14.8h7.6"/><path d="m3.2 4.3 1.3-.8v4M3 12.9c.1-.7.6-1.1 1.3-1.1s1.3.4 1.3 1.1c0 1-2.5 1.9-2.5 3.4h2.6" stroke-width="1.3"/>',
  quote: '<path d="M4 4.4v11.2M8 5.6h8.4M8 10h8.4M8 14.4h5.2"/>',
  codeBlock:
    '<rect x="2.8" y="3.8" width="14.4" height="12.4" rx="2.6"/><path d="m8 7.8-2.1 2.2L8 12.2M12 7.8l2.1 2.2-2.1 2.2"/>',
} as const

export type IconName = keyof typeof drawings

/** An icon; the control it is in has the words. */
export const icon = (name: IconName): SVGSVGElement => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 20 20')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  svg.innerHTML = drawings[name]
  return svg
}
