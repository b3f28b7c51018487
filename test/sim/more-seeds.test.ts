import { eachSeed } from './each-seed.ts'

eachSeed(151, 300)
