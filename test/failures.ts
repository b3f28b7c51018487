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

/** Each failed test, and each file that could not be run: its file, its name, and the beginning of its errors. */
export const failuresIn = (files: readonly FileResult[], root: string): readonly string[] =>
  files.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.startsWith(`${root}/`) ? name.slice(root.length + 1) : name
    const failed = assertionResults.filter(test => test.status === 'failed')
    if (failed.length === 0) return status === 'failed' ? [`${file}\n${beginning(message)}`] : []
    return failed.map(
      ({ fullName, failureMessages = [] }) =>
        `${file}: ${fullName}\n${failureMessages.map(beginning).join('\n')}`,
    )
  })

const beginning = (text: string): string =>
  text
    .split('\n')
    .slice(0, mostLines)
    .map(line => `  ${line}`)
    .join('\n')
