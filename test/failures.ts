/** What of the test runner's JSON report is needed to say which tests failed, and why. */
export interface FileResult {
  readonly name: string
  readonly status: string
  /** Why the file itself could not be run. */
  readonly message: string
  readonly assertionResults: readonly {
    readonly fullName: string
    readonly status: string
    readonly failureMessages?: readonly string[]
  }[]
}

const mostLines = 12 // of each error: its message, and where it was thrown

/**
 * Each failed test, and each file that could not be run: its file, its name, and the beginning of its errors. A test that was
 * skipped is one of them: everything here must hold.
 */
export const failuresIn = (files: readonly FileResult[], root: string): readonly string[] =>
  files.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.startsWith(`${root}/`) ? name.slice(root.length + 1) : name
    const failed = assertionResults.flatMap(({ fullName, status, failureMessages = [] }) => {
      if (status === 'passed') return []
      const why = status === 'failed' ? failureMessages.map(beginning).join('\n') : `  ${status}`
      return [`${file}: ${fullName}\n${why}`]
    })
    // Also where a hook of the file failed, and no test did.
    return failed.length === 0 && status === 'failed' ? [`${file}\n${beginning(message)}`] : failed
  })

const beginning = (text: string): string =>
  text
    .split('\n')
    .slice(0, mostLines)
    .map(line => `  ${line}`)
    .join('\n')
