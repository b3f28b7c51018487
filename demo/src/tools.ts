import type { ChainedCommands, Editor } from '@tiptap/core'
import type { IconName } from './icons.ts'

/** A button of the toolbar. */
export interface Tool {
  readonly icon: IconName
  readonly label: string
  /** Keys in the editor, `Mod` being the platform's command key. */
  readonly keys: string
  run(chain: ChainedCommands): ChainedCommands
  /** Whether it applies at the selection; absent where there is nothing to switch off. */
  active?(editor: Editor): boolean
}

const heading = (level: 1 | 2 | 3): Tool => ({
  icon: `heading${level}`,
  label: `Heading ${level}`,
  keys: `Mod+Alt+${level}`,
  run: chain => chain.toggleHeading({ level }),
  active: editor => editor.isActive('heading', { level }),
})

/** The toolbar, in groups. */
export const toolGroups: readonly (readonly Tool[])[] = [
  [
    { icon: 'undo', label: 'Undo', keys: 'Mod+Z', run: chain => chain.undo() },
    { icon: 'redo', label: 'Redo', keys: 'Mod+Shift+Z', run: chain => chain.redo() },
  ],
  [heading(1), heading(2), heading(3)],
  [
    {
      icon: 'bold',
      label: 'Bold',
      keys: 'Mod+B',
      run: chain => chain.toggleBold(),
      active: editor => editor.isActive('bold'),
    },
    {
      icon: 'italic',
      label: 'Italic',
      keys: 'Mod+I',
      run: chain => chain.toggleItalic(),
      active: editor => editor.isActive('italic'),
    },
    {
      icon: 'underline',
      label: 'Underline',
      keys: 'Mod+U',
      run: chain => chain.toggleUnderline(),
      active: editor => editor.isActive('underline'),
    },
    {
      icon: 'strike',
      label: 'Strikethrough',
      keys: 'Mod+Shift+S',
      run: chain => chain.toggleStrike(),
      active: editor => editor.isActive('strike'),
    },
    {
      icon: 'code',
      label: 'Code',
      keys: 'Mod+E',
      run: chain => chain.toggleCode(),
      active: editor => editor.isActive('code'),
    },
  ],
  [
    {
      icon: 'bullets',
      label: 'Bullet list',
      keys: 'Mod+Shift+8',
      run: chain => chain.toggleBulletList(),
      active: editor => editor.isActive('bulletList'),
    },
    {
      icon: 'numbers',
      label: 'Numbered list',
      keys: 'Mod+Shift+7',
      run: chain => chain.toggleOrderedList(),
      active: editor => editor.isActive('orderedList'),
    },
    {
      icon: 'quote',
      label: 'Quote',
      keys: 'Mod+Shift+B',
      run: chain => chain.toggleBlockquote(),
      active: editor => editor.isActive('blockquote'),
    },
    {
      icon: 'codeBlock',
      label: 'Code block',
      keys: 'Mod+Alt+C',
      run: chain => chain.toggleCodeBlock(),
      active: editor => editor.isActive('codeBlock'),
    },
  ],
]
