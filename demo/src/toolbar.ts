import type { Editor } from '@tiptap/core'
import { icon } from './icons.ts'
import { button, made } from './page.ts'
import { type Tool, toolGroups } from './tools.ts'

/**
 * Fills a toolbar for the editor. One stop for Tab; arrow keys, Home and End move inside, as people who work by keyboard
 * expect of a toolbar.
 */
export const createToolbar = (bar: HTMLElement, editor: Editor): void => {
  const entries = toolGroups.flatMap(tools => {
    const group = made('div', 'tool-group')
    group.setAttribute('role', 'group')
    const buttons = tools.map(tool => ({ tool, control: toolButton(tool, editor) }))
    group.append(...buttons.map(({ control }) => control))
    bar.append(group)
    return buttons
  })
  const controls = entries.map(({ control }) => control)
  rove(bar, controls)

  let due = false
  const show = () => {
    due = false
    for (const { tool, control } of entries) {
      if (tool.active) control.setAttribute('aria-pressed', String(tool.active(editor)))
      control.setAttribute('aria-disabled', String(!tool.run(editor.can().chain()).run()))
    }
  }
  // At most once a frame: a remote backlog is many transactions.
  editor.on('transaction', () => {
    if (!due) requestAnimationFrame(show)
    due = true
  })
  show()
}

const toolButton = (tool: Tool, editor: Editor): HTMLButtonElement => {
  const control = button('tool', '', () => {
    if (control.getAttribute('aria-disabled') !== 'true') tool.run(editor.chain().focus()).run()
  })
  control.append(icon(tool.icon))
  control.setAttribute('aria-label', tool.label)
  control.setAttribute('aria-keyshortcuts', tool.keys.replace('Mod', isApple ? 'Meta' : 'Control'))
  control.title = `${tool.label} (${tool.keys.replace('Mod', isApple ? '⌘' : 'Ctrl')})`
  // The selection stays in the editor when a pointer presses.
  control.addEventListener('mousedown', event => event.preventDefault())
  return control
}

const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent)

const rove = (bar: HTMLElement, controls: readonly HTMLButtonElement[]): void => {
  for (const [at, control] of controls.entries()) {
    control.tabIndex = at === 0 ? 0 : -1
    control.addEventListener('focus', () => {
      for (const other of controls) other.tabIndex = other === control ? 0 : -1
    })
  }
  bar.addEventListener('keydown', event => {
    const at = controls.findIndex(control => control.matches(':focus'))
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: controls.length - 1 }[event.key]
    if (at < 0 || to === undefined) return
    event.preventDefault()
    controls.at(to % controls.length)?.focus()
  })
}
