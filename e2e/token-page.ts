import * as Y from 'yjs'
import { DurableStreamsProvider } from '../provider/index.ts'

// A page that asks its host for a token, as the page of an application with accounts does. Its title says how it stands.

const doc = new Y.Doc()
const text = doc.getText()
const shown = document.createElement('p')
const field = document.createElement('input')
document.body.append(shown, field)

const provider = new DurableStreamsProvider(doc, {
  name: 'tokens',
  headers: async () => ({ Authorization: await (await fetch('/token')).text() }),
})

const show = () => {
  shown.textContent = text.toString()
  document.title = `${provider.status} ${provider.saved ? 'saved' : 'unsaved'}`
}
for (const event of ['status', 'sync', 'saved'] as const) provider.on(event, show)
text.observe(show)
provider.on('error', ({ code, fatal }) => {
  if (fatal) document.title = `stopped ${code}`
})
field.addEventListener('change', () => {
  text.insert(text.length, field.value)
  field.value = ''
})
// Signing in again.
document.body.addEventListener('dblclick', () => provider.connect())
