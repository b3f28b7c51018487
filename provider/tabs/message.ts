import type { Offset } from '../../protocol/index.ts'
import type { ProviderError } from '../error.ts'
import type { Place } from '../place.ts'
import type { Standing } from '../unsaved.ts'

/** How many tabs share the connection, this one among them, and whether it is this one that holds it. */
export interface TabsState {
  readonly count: number
  readonly leading: boolean
}

/** How the leader's link is doing. */
export type TabLink = 'connecting' | 'live' | 'lost'

/** A tab, and who it is in the awareness. */
export interface Tab {
  readonly id: string
  readonly client: number | undefined
}

/** What a ProviderError that stops nothing is made of. */
export type Problem = Pick<ProviderError, 'code' | 'message' | 'condition' | 'ranges' | 'bytes'>

export interface Edit {
  readonly kind: 'edit'
  readonly update: Uint8Array
  readonly leader: string
}

/** What tabs say. Those with `to` are for one tab; all others for all. */
export type Said =
  /** A tab came, or heard of a new leader: its state vector, and its presence. */
  | {
      readonly kind: 'hello'
      readonly state: Uint8Array
      readonly client: number | undefined
      readonly presence: Uint8Array | undefined
    }
  /** The leader's answer: what it has beyond the state vector, and all that goes with it, as of now. */
  | {
      readonly kind: 'welcome'
      readonly to: string
      readonly update: Uint8Array
      /** The leader's own. */
      readonly state: Uint8Array
      readonly place: Place | undefined
      readonly link: TabLink
      readonly tabs: readonly Tab[]
      /** All that ever led tabs with this life of the document, as far as is known. */
      readonly leaders: readonly string[]
      /** Of this browser, and of the rest of the world. */
      readonly nearby: Uint8Array | undefined
      readonly others: Uint8Array | undefined
      /** How many milliseconds ago clients were heard. */
      readonly ages: ReadonlyMap<number, number>
    }
  /** To a leader that has not read the document, from one that did. */
  | { readonly kind: 'teach'; readonly to: string; readonly update: Uint8Array; readonly place: Place }
  /** This tab leads now. */
  | { readonly kind: 'lead' }
  /** Is there a leader? */
  | { readonly kind: 'ask' }
  /** There is. */
  | { readonly kind: 'here' }
  /** Something was edited in a tab that follows `leader`, or is it. */
  | Edit
  /** The leader read this from the log. */
  | { readonly kind: 'read'; readonly updates: readonly Uint8Array[]; readonly next: Offset }
  /** The server keeps this now. */
  | { readonly kind: 'held'; readonly updates: readonly Uint8Array[] }
  /** The server keeps no more than this. */
  | { readonly kind: 'lacking'; readonly ledger: Uint8Array }
  | { readonly kind: 'link'; readonly link: TabLink }
  /** How the leader's sending goes. */
  | { readonly kind: 'standing'; readonly standing: Standing }
  | { readonly kind: 'problem'; readonly problem: Problem }
  /** Of a tab of this browser (`nearby`), or heard by the leader. */
  | { readonly kind: 'presence'; readonly update: Uint8Array; readonly nearby: boolean }
  /** A tab left, or died. */
  | { readonly kind: 'gone'; readonly tab: string }

export type Message = Said & { readonly from: string }

/** Tabs of one version alone share a channel, so the shape follows from the kind; anything else there is not for us. */
export const isMessage = (data: unknown): data is Message =>
  typeof data === 'object' &&
  data !== null &&
  'from' in data &&
  typeof data.from === 'string' &&
  'kind' in data &&
  typeof data.kind === 'string'
