import { conformance } from './suite.ts'

conformance('lmdb')
