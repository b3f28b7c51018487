/**
 * Records of one slice at most, however short they are: a slice is collected in one go, which nothing else can
 * interrupt (2 to 4 ms at this many).
 */
export const maxSliceRecords = 2_000
