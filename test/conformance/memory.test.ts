import { conformance } from './suite.ts'

conformance('memory')
