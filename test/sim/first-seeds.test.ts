import { eachSeed } from './each-seed.ts'

// Two files, so that two workers share the seeds.
eachSeed(1, 150)
