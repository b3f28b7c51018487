import { yjsConformance } from './yjs/own-server.ts'

yjsConformance('memory')
