import { DurableStreamsProvider } from 'durable-streams-yjs'
import { Awareness } from 'y-protocols/awareness'
import { Doc } from 'yjs'
import { documentNameOf, freshDocumentName, pathOfDocument, titleOf } from '../document-name.ts'
import { tendCarets } from './carets.ts'
import { copy } from './clipboard.ts'
import { watchConnection } from './connection.ts'
import { createEditor } from './editor.ts'
import { type Identity, recall, remember } from './identity.ts'
import { part } from './page.ts'
import { createPeople } from './people.ts'
import { distinct, roster } from './roster.ts'
import { createShareButton } from './share.ts'
import { storage } from './storage.ts'
import { watchTabs } from './tabs.ts'
import { createThemeButton } from './theme.ts'
import { createToolbar } from './toolbar.ts'

const name = documentNameOf(location.pathname) ?? 'welcome'
const title = titleOf(name)
document.title = `${title} · Durable Streams`
part('title', HTMLElement).textContent = title
part('fresh', HTMLAnchorElement).href = pathOfDocument(freshDocumentName(Math.random))

const doc = new Doc()
const awareness = new Awareness(doc)
let me = recall(storage, Math.random)
remember(storage, me)
const announce = () => {
  // The client number lets a caret be found again when its owner takes another name.
  awareness.setLocalStateField('user', { name: me.name, color: me.color, client: doc.clientID })
}
announce()

const sheet = part('sheet', HTMLElement)
const provider = new DurableStreamsProvider(doc, { name, awareness, offline: true })
const editor = createEditor({ element: sheet, doc, awareness, title })
const people = createPeople(
  () => me,
  (to: Identity) => {
    me = to
    remember(storage, me)
    announce()
  },
)

const here = () => roster(awareness.getStates(), doc.clientID)
const tend = tendCarets(editor.view.dom, here)
const showPeople = () => {
  const next = distinct(me, here(), Math.random)
  if (next !== me) {
    me = next
    announce()
  } else people.show(here())
}
awareness.on('change', ({ added, updated }: Record<'added' | 'updated', number[]>) => {
  showPeople()
  tend([...added, ...updated])
})
showPeople()

createToolbar(part('toolbar', HTMLElement), editor)
createThemeButton()
createShareButton()
watchTabs(provider)
provider.on('readonly', isReadOnly => editor.setEditable(!isReadOnly))
watchConnection(provider, () => copy(editor.getText({ blockSeparator: '\n\n' })))

// "Opening…" until the document's content can be here; writing is possible all the while.
const opened = () => sheet.removeAttribute('data-opening')
provider.on('sync', synced => {
  if (synced) opened()
})
doc.once('update', opened)
// A click below the last line writes on.
sheet.addEventListener('click', event => {
  if (event.target === sheet) editor.commands.focus('end')
})
