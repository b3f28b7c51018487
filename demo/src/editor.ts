import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { Placeholder } from '@tiptap/extensions/placeholder'
import { StarterKit } from '@tiptap/starter-kit'
import type { Awareness } from 'y-protocols/awareness'
import type { Doc } from 'yjs'
import { drawCaret, selectionLook } from './carets.ts'

export interface EditorParts {
  readonly element: HTMLElement
  readonly doc: Doc
  readonly awareness: Awareness
  /** The document's title, for those who hear the page. */
  readonly title: string
}

/** Pixels of the window's edges behind which the caret would be out of sight: the bar above, the banner below. */
const hidden = { top: 150, bottom: 110, left: 5, right: 5 }

/** Tiptap on the document's fragment `default`. */
export const createEditor = ({ element, doc, awareness, title }: EditorParts): Editor =>
  new Editor({
    element,
    // The style sheet has its rules: an injected style element would be refused by the site's policy.
    injectCSS: false,
    editorProps: {
      scrollThreshold: hidden,
      scrollMargin: hidden,
      attributes: {
        id: 'editor',
        class: 'prose',
        'data-testid': 'editor',
        role: 'textbox',
        'aria-multiline': 'true',
        'aria-label': title,
      },
    },
    extensions: [
      StarterKit.configure({
        heading: { levels: [1, 2, 3] },
        // Undo is the document's: it takes back what this person did and nobody else.
        undoRedo: false,
        // Two windows would each add the missing last paragraph, and merge to two.
        trailingNode: false,
        link: { openOnClick: false, defaultProtocol: 'https' },
        dropcursor: { color: false, class: 'dropcursor' },
      }),
      Placeholder.configure({
        placeholder: 'Write something. Whoever opens this link can write with you.',
        showOnlyWhenEditable: false,
      }),
      Collaboration.configure({ document: doc }),
      CollaborationCaret.configure({
        provider: { awareness },
        user: awareness.getLocalState()?.['user'] ?? {},
        render: drawCaret,
        selectionRender: selectionLook,
      }),
    ],
  })
