import { Window } from 'happy-dom'
import { vi } from 'vitest'

/** A page for React to render into. Imported before React, which looks whether there is one when it is loaded. */
const window = new Window({ url: 'http://localhost/' })
vi.stubGlobal('window', window)
vi.stubGlobal('document', window.document)
vi.stubGlobal('navigator', window.navigator)
