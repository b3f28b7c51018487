export type QueryRecord = Readonly<Record<string, string | undefined>>

/** A URL with parameters set, all of them sorted by key so that caches see one spelling (PROTOCOL 10.1). */
export const address = (base: URL, query: QueryRecord = {}): string => {
  const url = new URL(base)
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value)
  url.searchParams.sort()
  return url.href
}
