export { type JwtOptions, jwtAuthorize } from './access/jwt.ts'
export type { AccessQuestion, Action, Authorize, Decision, Verdict } from './access/question.ts'
export type { Limits } from './limits.ts'
export { defaultLimits } from './limits.ts'
export {
  type Certificate,
  CertificateError,
  type CertificateFiles,
  readCertificate,
} from './listen/certificate.ts'
export { type Server, type ServerOptions, startServer } from './server.ts'
export { StoreFailure, type StoreFailureCode } from './store/failure.ts'
export type { SubscriptionOptions } from './subscriptions/settings.ts'
