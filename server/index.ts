export type { Limits } from './limits.ts'
export { defaultLimits } from './limits.ts'
export { type Server, type ServerOptions, startServer } from './server.ts'
export { StoreFailure, type StoreFailureCode } from './store/failure.ts'
