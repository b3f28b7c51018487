const gap = 8

/** Opens a popover below the button it belongs to, its right edge on the button's, inside the window. */
export const placePanel = (panel: HTMLElement, below: HTMLElement): void => {
  const place = () => {
    const { bottom, right } = below.getBoundingClientRect()
    const width = document.documentElement.clientWidth
    const mostRight = width - panel.offsetWidth - gap
    panel.style.top = `${bottom + gap}px`
    panel.style.right = `${Math.max(gap, Math.min(width - right, mostRight))}px`
  }
  panel.addEventListener('toggle', () => {
    const open = panel.matches(':popover-open')
    below.setAttribute('aria-expanded', String(open))
    if (open) place()
  })
  window.addEventListener('resize', () => {
    if (panel.matches(':popover-open')) place()
  })
}
