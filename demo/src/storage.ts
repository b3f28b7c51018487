/** What this browser remembers for this site; where it may not remember, what this page does. */
export const storage: Pick<Storage, 'getItem' | 'setItem'> = (() => {
  try {
    const { localStorage } = window
    localStorage.setItem('probe', '')
    localStorage.removeItem('probe')
    return localStorage
  } catch {
    const values = new Map<string, string>()
    return {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => void values.set(key, value),
    }
  }
})()
