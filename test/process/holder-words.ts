/** What a test says to a `holder.ts` process, and what that answers. */
export type HolderOrder =
  | { readonly do: 'open'; readonly directory: string }
  | { readonly do: 'commit' | 'close' | 'exit' }

export type HolderAnswer =
  | { readonly ok: true; readonly committed?: { readonly name: string; readonly turn: number } }
  | { readonly ok: false; readonly code: string | undefined; readonly message: string }
